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

pub(crate) const PERSON: Says = Says::Of(Category::Name, ALWAYS);
pub(crate) const DISPLAY: Says = Says::Of(Category::Name, UNLESS_THING);
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
            hits.keyed_likely(Category::Name, person_name(keyed.value));
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
