//! Names of persons: under keys of them, and `name` in an object that is a person; not the names of things.

use super::{Keyed, Kind};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Subject;
use crate::keys::{self, Says, Words, among, is_person, is_thing, singular};
use crate::text;

/// A person's name, whatever the object.
const ALWAYS: u8 = 0;
/// A person's name unless the object is a thing (`display_name`).
const UNLESS_THING: u8 = 1;
/// A person's name if the object is a person (`name`).
const IF_PERSON: u8 = 2;
/// A person's name if it is written like a full one (`captain`): others are accounts, numbers or teams.
const IF_FULL: u8 = 3;
/// The same under a card or account (`holder`): a title has a holder, too.
const HOLDER: u8 = 4;
/// A person's name if it has a form of address (`signed_by`): programs sign, too.
const IF_ADDRESSED: u8 = 5;

pub(crate) const PERSON: Says = Says::Of(Category::Name, ALWAYS);
pub(crate) const DISPLAY: Says = Says::Of(Category::Name, UNLESS_THING);
/// What holds for whatever has a holder, until what it is is known.
pub(crate) const HELD: Says = Says::Of(Category::Name, HOLDER);
pub(crate) const BARE: Says = Says::Of(Category::Name, IF_PERSON);

pub(crate) static KIND: Kind = Kind {
    order: 70,
    key: name_key,
    judge,
    mask: |value| value.split_whitespace().take(4).map(crate::mask::initial).collect::<Vec<_>>().join(" "),
    ..Kind::NONE
};

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let thing = matches!(keyed.context.around, Subject::Thing | Subject::Carrier | Subject::Carriers);
    match keyed.grade {
        ALWAYS => hits.keyed(Category::Name, person_name(keyed.value)),
        UNLESS_THING if !thing => hits.keyed(Category::Name, person_name(keyed.value)),
        IF_PERSON if keyed.context.around == Subject::Person => {
            hits.keyed_likely(Category::Name, person_name(keyed.value).filter(|name| !is_of_company(name)));
        }
        IF_FULL | HOLDER => {
            hits.keyed_likely(Category::Name, person_name(keyed.value).filter(|name| is_full_name(name)));
        }
        IF_ADDRESSED => {
            hits.keyed_likely(Category::Name, person_name(keyed.value).filter(|name| is_addressed(name)));
        }
        _ => hits.against(Category::Name, "the object is not a person"),
    }
}

/// Words that make `…_name` the name of a person, whatever the object.
fn is_personal(word: &str) -> bool {
    among(
        "full real legal first last given family middle maiden birth fore sur christian preferred \
passport billing shipping personal native nominee emergency govt government nid winner",
        word,
    )
}

/// Words for the parts of a person's name in languages where the word for name is another: `vorname`, `apellidos`.
const PARTS: &str = "surname forename vorname nachname familienname prenom prénom apellido cognome sobrenome apelido voornaam achternaam \
fornavn etternavn efternavn förnamn efternamn imię nazwisko příjmení prijmeni soyad soyadı etunimi sukunimi фамилия отчество επώνυμο \
姓名 氏名 성명";

/// Roles that persons alone have; teams and companies pay, receive and take part, too.
const ROLES: &str = "captain coach referee umpire caster mentor teammate substitute mvp player passenger patient student pupil employee \
guardian father mother spouse husband wife nominee attendee assignee reviewer applicant signatory signer witness";

/// Reads a key as a name key.
fn name_key(words: &Words<'_>) -> Option<u8> {
    let (all, last) = (words.all, words.last);
    let any_thing = || all.iter().any(|w| is_thing(w));
    let prev = all.len().checked_sub(2).and_then(|i| all.get(i)).map_or("", String::as_str);
    match last {
        "cardholder" => Some(ALWAYS),
        "person" if prev == "contact" => Some(ALWAYS),
        _ if among(PARTS, last) => Some(ALWAYS),
        "completo" | "complet" if matches!(prev, "nombre" | "nome" | "nom") => Some(ALWAYS),
        "holder" if words.len() == 1 => Some(HOLDER),
        "holder" if matches!(prev, "account" | "card" | "wallet" | "policy" | "passport") => Some(ALWAYS),
        "name" => match prev {
            "" => Some(IF_PERSON),
            "display" if all.len() == 2 => Some(UNLESS_THING),
            "display" | "full" | "legal" | "real" if any_thing() => None,
            "display" => all.iter().any(|w| is_person(w)).then_some(ALWAYS).or(Some(UNLESS_THING)),
            "host" | "profile" | "agent" | "roster" | "operator" | "tenant" => None,
            _ if is_personal(prev) || is_person(prev) || is_person(singular(prev)) => {
                (prev != "winner" || !any_thing()).then_some(ALWAYS)
            }
            "holder" | "cardholder" => Some(ALWAYS),
            _ => None,
        },
        "by" if among(
            "signed approved prepared witnessed certified authorized authorised prescribed examined",
            prev,
        ) =>
        {
            Some(IF_ADDRESSED)
        }
        _ if words.len() <= 2 && among(ROLES, last) => Some(IF_FULL),
        "card" | "account" | "id" | "passport"
            if all.first().is_some_and(|w| w == "name") && prev == "on" =>
        {
            Some(ALWAYS)
        }
        _ => None,
    }
}

/// The person's name in a value.
fn person_name(value: &str) -> Option<&str> {
    const WORDS: &str = "tbd tba bye guest system player user someone";
    let value = value.trim();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let refused = text::is_placeholder(value)
        || text::has_star_inside(value)
        || text::is_remark(value)
        || keys::is_state(value)
        || keys::names_field(value, Category::Name)
        || among(WORDS, &value.to_ascii_lowercase())
        || value.contains("://")
        || value.contains('/') && !value.contains(' ')
        || value.contains(['{', '}', '\n', '@'])
        || value.len() > 160
        || value.split_whitespace().count() > 8
        || text::is_uuid(value)
        || is_id(value)
        || is_digest(value);
    // A family name of East Asia may be one character.
    let long = value.chars().count() >= 2
        || value.chars().all(|c| matches!(u32::from(c), 0x3400..=0x9fff | 0xac00..=0xd7a3));
    (!refused && letters >= 1 && long).then_some(value)
}

/// Two to five words that begin with capitals, or are of a script that has none; no word for a thing, a role or nobody.
fn is_full_name(value: &str) -> bool {
    const SMALL: &str = "de da do dos del della di der den van von zu bin binti bint ibn al el la le y e";
    const NOBODY: &str = "the and of not no none to be free agent open empty vacant slot assigned unassigned announced decided selected \
pending unknown various staff admin administrator bot support united esports esport gaming fc cf squad head assistant lead default any \
auto automatic first second third worker engineering department backend frontend infrastructure operations ops security legal finance \
marketing sales billing payments quality compliance moderation triage desk helpdesk committee council board panel full part time new";
    // They are names of families, too.
    const SURNAMES: &str = "song hall page field banks driver child guest friend marshal";
    let word = |word: &str| {
        let bare = word.trim_matches(['.', ',', '-', '\'', '’', '(', ')']);
        let lower = bare.to_lowercase();
        let letters = bare
            .chars()
            .all(|c| c.is_alphabetic() || text::is_wide_word(c) || matches!(c, '.' | '-' | '\'' | '’'));
        let written = !bare.starts_with(char::is_lowercase) || among(SMALL, bare);
        let named = is_thing(singular(&lower)) || is_person(singular(&lower));
        let thing = named && !among(SURNAMES, &lower) || among(NOBODY, &lower);
        letters && written && !bare.is_empty() && !bare.contains(char::is_numeric) && !thing
    };
    let long = value.split_whitespace().filter(|word| word.chars().count() >= 2).count() >= 2;
    long && value.split_whitespace().count() <= 5
        && value.split_whitespace().all(word)
        && !is_of_company(value)
}

/// A full name behind a form of address, `Dr. Petra Vesela`.
fn is_addressed(value: &str) -> bool {
    let (title, name) = value.split_once(' ').unwrap_or(("", ""));
    let title = title.trim_end_matches('.');
    among("Dr Prof Mr Mrs Ms Herr Frau Sr Sra Mme", title) && is_full_name(name)
}

/// Whether a name ends in the form of a company, or in what a place of one is called.
fn is_of_company(value: &str) -> bool {
    let last = value.rsplit(' ').next().unwrap_or("").trim_end_matches('.');
    const ENDS: &str = "gmbh ltd limited llc llp inc plc corp bv sarl srl oyj warehouse depot headquarters hq office store shop";
    value.contains(' ') && among(ENDS, &last.to_ascii_lowercase())
}

/// What providers write for somebody instead: `ich_1Pgag4B7WZ01zgkWdPVfBngi`.
fn is_id(value: &str) -> bool {
    let Some((kind, id)) = value.split_once('_') else { return false };
    (2..=8).contains(&kind.len())
        && kind.bytes().all(|b| b.is_ascii_lowercase())
        && id.len() >= 14
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
        && id.bytes().any(|b| b.is_ascii_digit())
        && id.bytes().any(|b| b.is_ascii_uppercase())
}

/// 32 hex digits and more.
fn is_digest(value: &str) -> bool {
    value.len() >= 32 && value.bytes().all(|b| b.is_ascii_hexdigit())
}
