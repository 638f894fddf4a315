//! Classifies a key once; the classes of keys that were seen before are remembered per thread.

use super::accounts::{is_account_key, is_platform};
use super::names::{NameKey, name_key};
use super::opaque::{is_measure, is_modifier, is_thing_numbered, is_version, is_versioned};
use super::roles::{Role, role};
use super::tokens::{TokenKey, token_key};
use super::words::{MAX_KEY, among, singular, words};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What a key says about a value under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Nothing in particular.
    Nothing,
    /// It names an account.
    Username,
    /// It names an account, or is its number (`Remote-User`).
    User,
    /// It names a person.
    PersonName,
    /// It names a person unless the object is a thing.
    DisplayName,
    /// It names a person if the object is one.
    BareName,
    /// A phone number.
    Phone,
    /// A card number.
    Card,
    /// An account on a game or platform.
    Account,
    /// A platform: a value shaped like an account of it is one.
    Platform,
    /// A password.
    Password,
    /// A token, secret or key.
    Token,
    /// The value of an `Authorization` header.
    Authorization,
    /// Cookies.
    Cookie,
    /// A number given by a state.
    GovId,
    /// An IBAN.
    Iban,
    /// An address of the internet protocol.
    Ip,
    /// A version, or a reference into a document.
    Version,
    /// A browser's description of itself.
    UserAgent,
    /// An opaque identifier or a measure.
    Opaque,
    /// Just `id`, `uid` or `tag`: the identifier of the object around it.
    Id,
    /// A part of what the parent key says (`value`, `number`, `primary`).
    Part,
}

/// The class of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub says: Says,
    pub role: Role,
}

/// How many classes a thread remembers; a stream of ever new keys starts over.
const REMEMBERED: usize = 4096;

thread_local! {
    static SEEN: RefCell<HashMap<Box<str>, Key, BuildHasherDefault<Fnv>>> = RefCell::new(HashMap::default());
}

/// FNV-1a: the map is small and starts over when full, so nobody gains from keys that collide.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// The class of a key, header name or query parameter.
pub(crate) fn classify(key: &str) -> Key {
    if key.len() > MAX_KEY {
        return Key { says: Says::Nothing, role: Role::Other };
    }
    SEEN.with_borrow_mut(|seen| {
        if let Some(known) = seen.get(key) {
            return *known;
        }
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        let class = classify_words(&words(key));
        seen.insert(key.into(), class);
        class
    })
}

/// The class of a key that was cut into words.
fn classify_words(all: &[String]) -> Key {
    let role = role(all);
    let mut words = all;
    while let Some((last, front)) = words.split_last() {
        if front.is_empty() || !is_modifier(last) {
            break;
        }
        words = front;
    }
    let Some(last) = words.last() else { return Key { says: Says::Part, role: Role::Wrapper } };
    let last = singular(last);
    let prev = words.len().checked_sub(2).and_then(|i| words.get(i)).map_or("", |w| singular(w));
    let says = says(words, prev, last);
    Key { says, role }
}

/// What the key says about a leaf under it.
fn says(words: &[String], prev: &str, last: &str) -> Says {
    if last == "agent" && prev == "user" || last == "ua" || last == "browser" {
        return Says::UserAgent;
    }
    if is_ip(words, prev, last) {
        return Says::Ip;
    }
    if let Some(key) = token_key(words, last) {
        return match key {
            TokenKey::Password => Says::Password,
            TokenKey::Token => Says::Token,
            TokenKey::Authorization => Says::Authorization,
            TokenKey::Cookie => Says::Cookie,
        };
    }
    if is_username(prev, last, words) {
        return if last == "user" { Says::User } else { Says::Username };
    }
    if is_gov(words, prev, last) {
        return Says::GovId;
    }
    if last == "iban" || prev == "iban" && matches!(last, "number" | "no") {
        return Says::Iban;
    }
    if is_account_key(words, last) {
        return Says::Account;
    }
    match name_key(words, last) {
        Some(NameKey::Person) => return Says::PersonName,
        Some(NameKey::UnlessThing) => return Says::DisplayName,
        Some(NameKey::IfPerson) => return Says::BareName,
        None => {}
    }
    if is_card(words, prev, last) {
        return Says::Card;
    }
    if is_phone(words, prev, last) {
        return Says::Phone;
    }
    let numbers_version =
        matches!(last, "no" | "number" | "num" | "nr" | "id" | "ref" | "code" | "note" | "tag");
    if is_version(last)
        || numbers_version && is_versioned(prev)
        || words.iter().any(|w| matches!(w.as_str(), "version" | "firmware" | "build"))
    {
        return Says::Version;
    }
    if words.len() == 1 && matches!(last, "id" | "uid" | "tag") {
        return Says::Id;
    }
    let numbered = matches!(last, "number" | "no" | "num" | "code" | "nr") && is_thing_numbered(prev);
    if is_measure(last) || numbered {
        return Says::Opaque;
    }
    if words.len() == 1 && is_platform(last) {
        return Says::Platform;
    }
    if words.len() == 1 && is_part(last) { Says::Part } else { Says::Nothing }
}

/// Words that stand for a part of what the parent key names.
pub(super) fn is_part(word: &str) -> bool {
    is_modifier(word)
        || among(
            "number no text home work mobile main first last middle given family full from to item entry national \
display personal other full_number",
            word,
        )
}

fn is_ip(words: &[String], prev: &str, last: &str) -> bool {
    match last {
        "ip" | "ipv" | "ipaddress" => true,
        "address" | "addr" | "host" | "port" if prev == "ip" || prev == "ipv" => last != "port",
        "addr" => {
            matches!(prev, "remote" | "client" | "peer" | "source" | "src" | "inet" | "socket")
                || words.len() == 1
        }
        "address" => matches!(prev, "remote" | "peer" | "source" | "inet" | "net" | "network"),
        "for" => prev == "forwarded",
        "forwarded" => words.len() <= 2,
        "from" | "src" | "source" | "used" | "seen" | "login" | "int" | "integer" | "num" | "number"
        | "decimal" | "dec" | "long" | "hex" | "packed" => matches!(prev, "ip" | "ipv"),
        _ => false,
    }
}

fn is_username(prev: &str, last: &str, words: &[String]) -> bool {
    match last {
        "name" => matches!(prev, "user" | "screen" | "login" | "nick" | "logon" | "signin"),
        "login" => {
            words.len() == 1
                || !among(
                    "last first social allow require force failed success successful sso oauth auto enable guest \
previous current new two next recent daily is can has web device",
                    prev,
                )
        }
        "handle" => !among(
            "file error window process thread db socket lock event door job queue resource object can to \
timer",
            prev,
        ),
        "nick" | "nickname" | "screenname" | "loginname" | "usr" => true,
        "user" => matches!(
            prev,
            "remote"
                | "forwarded"
                | "auth"
                | "authenticated"
                | "webauth"
                | "request"
                | "x"
                | "proxy"
                | "login"
                | "sso"
        ),
        _ => false,
    }
}

fn is_gov(words: &[String], prev: &str, last: &str) -> bool {
    let noun = |w: &str, p: &str| match w {
        "nid" | "ssn" | "passport" | "aadhaar" | "aadhar" | "cnic" | "nric" | "cpf" | "curp" | "dni"
        | "nino" | "pesel" | "bsn" | "nik" | "tin" | "itin" | "smartcard" => true,
        "id" | "identity" => matches!(
            p,
            "national"
                | "citizen"
                | "government"
                | "govt"
                | "gov"
                | "voter"
                | "tax"
                | "identity"
                | "state"
                | "citizenship"
        ),
        "security" | "insurance" => matches!(p, "social" | "national"),
        "certificate" | "registration" => p == "birth",
        "license" | "licence" => matches!(p, "driving" | "driver"),
        "card" => matches!(p, "id" | "identity" | "nid"),
        _ => false,
    };
    if noun(last, prev) {
        return true;
    }
    if !matches!(last, "number" | "no" | "num" | "nr" | "id") {
        return false;
    }
    let before = words.len().checked_sub(3).and_then(|i| words.get(i)).map_or("", |w| singular(w));
    noun(prev, before) || matches!(prev, "identity" | "identification" | "national" | "citizen")
}

fn is_card(words: &[String], prev: &str, last: &str) -> bool {
    match last {
        "card" => {
            words.len() == 1
                || matches!(
                    prev,
                    "credit" | "debit" | "bank" | "payment" | "billing" | "x" | "saved" | "visa" | "prepaid"
                )
        }
        "pan" | "cc" | "ccn" => words.len() == 1 || matches!(prev, "card" | "primary" | "payment"),
        "number" | "no" | "num" | "nr" => {
            matches!(prev, "card" | "cc" | "pan")
                && !words.iter().any(|w| matches!(w.as_str(), "score" | "report" | "sim"))
        }
        _ => false,
    }
}

fn is_phone(words: &[String], prev: &str, last: &str) -> bool {
    let noun = |w: &str| {
        among(
            "phone mobile cell cellphone telephone tel msisdn whatsapp fax viber imo bkash nagad rocket upay \
hotline helpline landline handset smartphone gsm",
            w,
        )
    };
    let party = |w: &str| {
        among(
            "contact sender receiver recipient payer payee caller callee wallet agent from to emergency \
customer merchant dial sms whats subscriber mfs call",
            w,
        )
    };
    match last {
        "number" | "no" | "num" | "nr" | "account" | "wallet" => {
            noun(prev)
                || (party(prev) && last != "account" && last != "wallet")
                || (prev == "account" && words.iter().any(|w| party(w) || noun(w)))
        }
        "to" | "recipient" | "from" | "phone" if matches!(prev, "sms" | "call" | "text" | "dial") => true,
        "line" => prev == "calling",
        _ => noun(last),
    }
}
