//! Persons and things: which keys hold the name of a person, and which objects are one.

use super::words::among;
/// Keys of objects (or arrays of objects) that describe a person.
pub(super) fn is_person(word: &str) -> bool {
    among(
        "user player captain coach recipient payer sender reporter inviter invitee author customer \
participant member person people payee receiver referee admin moderator owner creator actor \
assignee requester approver reviewer contact beneficiary nominee buyer seller subscriber \
applicant student employee staff guardian parent father mother spouse substitute mvp caster \
analyst attendee guest teammate friend follower holder cardholder accountholder manager caller \
accused complainant registrant signer signatory witness profile athlete mentor streamer \
supporter donor purchaser depositor me individual viewer submitter officer marshal igl",
        word,
    )
}

/// Keys of objects that describe a thing.
pub(super) fn is_thing(word: &str) -> bool {
    among(
        "tournament team game venue stage map organization organisation org sponsor organizer organiser \
event match league season round bracket group club clan guild channel server role badge \
achievement prize product item plan file queue host hostname service app application company \
brand country city region state place location arena bank field template category tag mode \
platform device browser os currency series division lobby room weapon hero champion agent_role \
skin project package module job task webhook endpoint domain column table schema cluster node \
pod container image branch repo repository environment env metric gate method provider gateway \
store shop school university college department squad faction cup ladder circuit pool topic rule \
ruleset trophy partner publisher developer title street asset font theme class",
        word,
    )
}

/// Objects that only wrap what their parent describes.
pub(super) fn is_wrapper(word: &str) -> bool {
    among(
        "profile info details detail data attributes attribute account identity personal public card \
object obj fields values entry record summary snapshot meta before after old new from to item \
node",
        word,
    )
}

/// Words that make `…_name` the name of a person, whatever the object.
fn is_personal(word: &str) -> bool {
    among(
        "full real legal first last given family middle maiden birth fore sur christian preferred \
passport billing shipping personal native nominee emergency govt government nid winner runner",
        word,
    )
}

/// What a name key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKey {
    /// A person's name.
    Person,
    /// A person's name unless the object is a thing (`display_name`).
    UnlessThing,
    /// A person's name if the object is a person (`name`).
    IfPerson,
}

/// Reads a key as a name key. `last` is the singular of the last word.
pub(super) fn name_key(words: &[String], last: &str) -> Option<NameKey> {
    let any_thing = || words.iter().any(|w| is_thing(w));
    let prev = words.len().checked_sub(2).and_then(|i| words.get(i)).map_or("", String::as_str);
    match last {
        "surname" | "forename" | "cardholder" => Some(NameKey::Person),
        "holder" if matches!(prev, "account" | "card" | "wallet" | "policy" | "passport") => {
            Some(NameKey::Person)
        }
        "name" => match prev {
            "" => Some(NameKey::IfPerson),
            "display" if words.len() == 2 => Some(NameKey::UnlessThing),
            "display" | "full" | "legal" | "real" if any_thing() => None,
            "display" => {
                words.iter().any(|w| is_person(w)).then_some(NameKey::Person).or(Some(NameKey::UnlessThing))
            }
            "host" | "profile" | "agent" | "roster" | "operator" => None,
            _ if is_personal(prev) || is_person(prev) => {
                (!matches!(prev, "winner" | "runner") || !any_thing()).then_some(NameKey::Person)
            }
            "holder" | "cardholder" => Some(NameKey::Person),
            _ => None,
        },
        "card" | "account" | "id" | "passport"
            if words.first().is_some_and(|w| w == "name") && prev == "on" =>
        {
            Some(NameKey::Person)
        }
        _ => None,
    }
}
