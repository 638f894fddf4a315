//! What the object under a key describes: a person, a thing, an account, or what its parent describes.

use super::classify::{Whose, is_part};
use super::words::{among, singular};

/// What a container under a key describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A person.
    Person,
    /// A thing.
    Thing,
    /// A thing whose parts may be about anybody: a match, an event, a job.
    Carrier,
    /// Several of them: `brackets`, `badges`.
    Carriers,
    /// Whatever its parent describes.
    Wrapper,
    /// An account on a platform.
    Platform,
    /// People or results, of which nobody knows whether they are persons.
    People,
    /// Something else.
    Other,
}

/// What a container under this key describes.
pub(super) fn role(words: &[String]) -> Role {
    let front = front(words);
    let dropped = words.get(front.len()..).unwrap_or(&[]);
    let only_marks = dropped.iter().all(|w| is_mark(w));
    // The profile that somebody has in a game.
    let of_a_player = front.last().is_some_and(|w| w == "game") && dropped.iter().any(|w| w == "profile");
    match of_words(front) {
        Role::Thing if of_a_player => of_words(words),
        role @ (Role::Person | Role::Thing | Role::Platform) => role,
        role @ (Role::Carrier | Role::Carriers)
            if only_marks || front.last().is_some_and(|w| is_contest(w)) =>
        {
            role
        }
        _ => of_words(words),
    }
}

/// The words without those at the end that tell alike things apart or say in which form one is: `team_a`, `userDto`.
fn front(words: &[String]) -> &[String] {
    let mut rest = match words {
        [front @ .., by, key]
            if by == "by" && matches!(key.as_str(), "id" | "uuid" | "key" | "slug" | "name") =>
        {
            front
        }
        _ => words,
    };
    while let Some((last, front)) = rest.split_last() {
        let of_a_person = front.last().is_some_and(|w| is_person(singular(w)));
        let dropped = is_mark(last) || is_form(last) || last == "account" && of_a_person;
        if front.is_empty() || !dropped {
            break;
        }
        rest = front;
    }
    rest
}

/// A letter, a number, a colour or a side.
fn is_mark(word: &str) -> bool {
    word.chars().count() == 1
        || among(
            "one two three four five six seven eight first second third red blue green yellow black white orange \
purple home away left right alpha beta",
            word,
        )
}

/// In which form or state something is given.
fn is_form(word: &str) -> bool {
    among(
        "info details detail data obj object dto snapshot meta metadata record before after old new current previous \
prev model summary profile entity json raw list array dict rows collection",
        word,
    )
}

/// What the words say as they stand.
fn of_words(words: &[String]) -> Role {
    let Some(last) = words.last() else { return Role::Wrapper };
    let word = singular(last);
    if words.len() == 1 && is_wrapper(last) {
        Role::Wrapper
    } else if is_person(word) || is_address_of_somebody(words) {
        Role::Person
    } else if is_subject(word) {
        Role::Thing
    } else if is_thing(word) {
        if word == last { Role::Carrier } else { Role::Carriers }
    } else if words.len() <= 2 && words.first().is_some_and(|w| holds_accounts(w)) {
        Role::Platform
    } else if matches!(word, "by" | "for")
        || words.iter().any(|w| is_person(w)) && matches!(word, "info" | "detail" | "profile" | "data")
    {
        Role::Person
    } else if is_people(last, word) {
        Role::People
    } else if is_part(word) {
        Role::Wrapper
    } else {
        Role::Other
    }
}

/// Whether the words end in the name of an address that orders have: whose parcel goes there, or who pays.
fn is_address_of_somebody(words: &[String]) -> bool {
    let [.., whose, address] = words else { return false };
    among("shipping billing delivery mailing invoice default", whose)
        && matches!(singular(address), "address" | "addr")
        || among("ship bill deliver", whose) && address == "to"
}

/// Things whose parts are about them, too: `tournament.i18n.bn` is no person.
fn is_subject(word: &str) -> bool {
    among(
        "tournament team game venue stage map organization organisation org sponsor organizer organiser league season \
club clan guild company brand series publisher",
        word,
    )
}

/// Parts of a tournament whose further words do not change what they are: `match_data`.
fn is_contest(word: &str) -> bool {
    matches!(word, "match" | "round" | "group" | "bracket" | "division" | "lobby")
}

/// Lists of people or teams, and what comes of them: `roster`, `winners`, `registered`.
fn is_people(last: &str, word: &str) -> bool {
    let listed = last == "entries"
        || among(
            "roster lineup standing result slot seat opponent winner podium leaderboard ranking rank bench pairing pair \
signup registration vote nomination award side away list line crew people lead mod head",
            word,
        );
    let banner =
        among("banner header footer poster center server layer order parameter folder cover color", word);
    listed || !banner && !is_part(word) && ["er", "or", "ee", "ed"].iter().any(|end| word.ends_with(end))
}

/// Keys of objects (or arrays of objects) that describe a person.
pub(crate) fn is_person(word: &str) -> bool {
    among(
        "user player captain coach recipient payer sender cus cust reporter inviter invitee author customer \
participant member person people payee receiver referee admin moderator owner creator actor \
assignee requester approver reviewer contact beneficiary nominee buyer seller subscriber \
applicant student employee staff guardian parent father mother spouse substitute mvp caster \
analyst attendee guest teammate friend follower holder cardholder accountholder manager caller \
accused complainant registrant signer signatory witness profile athlete mentor streamer \
supporter donor purchaser depositor me individual viewer submitter officer marshal igl \
passenger consignee driver rider courier resident tenant patient traveller traveler watcher voter volunteer \
recruiter manager freelancer citizen pupil parent child wife husband partner_person claimant client debtor",
        word,
    )
}

/// Keys of objects that describe a thing.
pub(crate) fn is_thing(word: &str) -> bool {
    among(
        "tournament team game venue stage map organization organisation org sponsor organizer organiser \
event match league season round bracket group club clan guild channel server role badge \
achievement prize product item plan file queue host hostname service app application company \
brand country city region state place location arena bank field template category tag mode \
platform device browser os currency series division lobby room weapon hero champion agent_role \
skin project package module job task webhook endpoint domain column table schema cluster node \
pod container image branch repo repository environment env metric gate method provider gateway \
store shop school university college department squad faction cup ladder circuit pool topic rule \
ruleset trophy partner publisher developer title street asset font theme class step workflow pipeline \
plugin extension widget report dashboard chart survey form page section menu button icon emoji sticker reaction song track \
album playlist video stream broadcast show episode vehicle feature flag option setting permission vendor supplier \
warehouse office branch hall stadium depot hub headquarter lab studio",
        word,
    )
}

/// Objects that only wrap what their parent describes.
fn is_wrapper(word: &str) -> bool {
    among(
        "profile info details detail data attributes attribute account identity personal public card \
object obj fields values entry record summary snapshot meta before after old new from to item \
node",
        word,
    )
}

/// A platform whose name alone as a key holds somebody's account.
pub(crate) fn holds_accounts(word: &str) -> bool {
    among(
        "steam riot psn playstation xbox battlenet bnet epic pubg mlbb codm freefire garena discord \
valorant faceit roblox nintendo ubisoft twitch",
        word,
    )
}

/// Whose place or address a key says that it is: the word nearest to the end decides.
pub(crate) fn whose(words: &[String]) -> Whose {
    let place = |w: &str| {
        among(
            "venue stadium arena hall store shop branch office hq headquarter headquarters warehouse depot hub pickup_point center \
centre merchant organizer organiser map server region datacenter datacentre bound company business supplier vendor \
seller gym cafe restaurant hotel school university college bank facility site terminal station showroom outlet kiosk \
clinic hospital factory plant lab studio theatre theater museum mall market airport port court pitch club organization \
organisation org sponsor publisher brand institution employer pharmacy library park parking lot point locker vendor \
firm corporation registered registrar host cluster edge pop gateway tower antenna zone area world spawn waypoint poi \
landmark camera viewport event tournament game team printer exchange embassy church mosque temple \
ভেন্যু ভেন্যুর অফিস অফিসের দোকান দোকানের স্টেডিয়াম স্টেডিয়ামের গুদাম শাখা শাখার",
            w,
        )
    };
    let own = |w: &str| {
        is_person(w)
            || among(
                "home residence residential my checkin whereabouts personal permanent resident delivery dropoff",
                w,
            )
    };
    if words.iter().rev().zip(words.iter().rev().skip(1)).any(|(last, prev)| {
        matches!(
            (prev.as_str(), last.as_str()),
            ("check", "in")
                | ("last", "known" | "seen" | "location" | "position")
                | ("live" | "current", "location" | "position")
        )
    }) {
        return Whose::Person;
    }
    let said = words.iter().rev().map(|w| singular(w)).find(|w| place(w) || own(w));
    match said {
        Some(word) if place(word) => Whose::Place,
        Some(_) => Whose::Person,
        None if is_address_of_somebody(words) => Whose::Person,
        None => Whose::Unknown,
    }
}
