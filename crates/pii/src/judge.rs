//! Whether a value under a key that says something is that thing: the key proposes, the value decides.

use super::category::Category;
use super::detect::{account, card, gov, ip, phone, token};
use super::finding::{Certainty, Detector};
use super::hits::Hits;
use super::keys::Says;
use super::text;

/// What the object around a key describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A person.
    Person,
    /// A thing, and so are its parts.
    Thing,
    /// A thing whose parts may be about anybody.
    Carrier,
    /// Several of them, by name or in a list.
    Carriers,
    /// An account on a platform.
    Platform,
    /// Nobody knows.
    Unknown,
}

impl Subject {
    /// What one of several describes.
    pub fn element(self) -> Self {
        if self == Self::Carriers { Self::Carrier } else { self }
    }
}

/// What is known about the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    /// What the key says, or the key above it when this one is only a part.
    pub says: Says,
    /// What the object around it describes.
    pub around: Subject,
    /// What the value itself describes, if it is a container.
    pub inside: Subject,
    /// The category that the policy gives to this key.
    pub extra: Option<Category>,
}

impl Context {
    /// A place without key.
    pub const NONE: Self =
        Self { says: Says::Nothing, around: Subject::Unknown, inside: Subject::Unknown, extra: None };

    /// The place of an element of this container, if it is a list.
    pub fn element(self) -> Self {
        Self { inside: self.inside.element(), ..self }
    }

    /// The place of the keys of this container: versions are written as keys, too.
    pub fn of_keys(self) -> Self {
        match self.says {
            Says::Version => Self { says: Says::Version, ..Self::NONE },
            _ => Self::NONE,
        }
    }
}

/// Adds the value when it is what its key says.
pub(super) fn judge(value: &str, context: Context, hits: &mut Hits) {
    if let Some(category) = context.extra
        && !text::is_placeholder(value)
        && value.trim().chars().count() >= 2
    {
        hits.add(category, Detector::Key, Certainty::Certain, value.trim());
    }
    hits.worked(value.len().min(128));
    match context.says {
        Says::Username => found(Category::Username, username(value), hits),
        Says::User => found(
            Category::Username,
            username(value).filter(|u| !u.bytes().all(|b| b.is_ascii_digit())),
            hits,
        ),
        Says::PersonName => found(Category::Name, person_name(value), hits),
        Says::DisplayName
            if !matches!(context.around, Subject::Thing | Subject::Carrier | Subject::Carriers) =>
        {
            found(Category::Name, person_name(value), hits);
        }
        Says::BareName if context.around == Subject::Person => {
            likely(Category::Name, person_name(value), hits);
        }
        Says::Phone => found(Category::Phone, phone::under_key(value), hits),
        Says::Card => card_digits(value, hits),
        Says::Account => found(Category::AccountId, account::under_key(value), hits),
        Says::Platform => likely(Category::AccountId, account::on_platform(value), hits),
        Says::Id if context.around == Subject::Platform => {
            likely(Category::AccountId, account::under_platform(value), hits);
        }
        Says::Password => found(Category::Token, token::password(value), hits),
        Says::Token => found(Category::Token, token::under_key(value), hits),
        Says::Authorization => found(Category::Token, token::authorization(value), hits),
        Says::Cookie => token::cookies(value, hits),
        Says::GovId => found(Category::GovId, gov::under_key(value), hits),
        Says::Ip => {
            if let Some(ip) = ip::from_integer(value.trim()) {
                hits.add(Category::IpAddress, Detector::Key, Certainty::Certain, &ip.to_string());
            }
        }
        _ => {}
    }
}

fn found(category: Category, value: Option<&str>, hits: &mut Hits) {
    if let Some(value) = value {
        hits.add(category, Detector::Key, Certainty::Certain, value);
    }
}

fn likely(category: Category, value: Option<&str>, hits: &mut Hits) {
    if let Some(value) = value {
        hits.add(category, Detector::Key, Certainty::Likely, value);
    }
}

/// A card in any grouping.
fn card_digits(value: &str, hits: &mut Hits) {
    let plain = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'/'));
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if plain && value.len() <= 40 && card::is_card(&digits) {
        hits.add(Category::Card, Detector::Key, Certainty::Certain, &digits);
    }
}

/// The account name in a value: not a word about logins, a URL, a time, an opaque id or a sentence.
pub(super) fn username(value: &str) -> Option<&str> {
    const WORDS: [&str; 34] = [
        "success",
        "failed",
        "failure",
        "ok",
        "google",
        "facebook",
        "oauth",
        "oauth2",
        "sso",
        "saml",
        "password",
        "otp",
        "magic_link",
        "required",
        "optional",
        "enabled",
        "disabled",
        "changed",
        "updated",
        "invalid",
        "taken",
        "available",
        "pending",
        "verified",
        "unverified",
        "email",
        "username",
        "phone",
        "denied",
        "allowed",
        "must",
        "is",
        "not",
        "and",
    ];
    let value = value.trim();
    let bare = value.trim_start_matches('@');
    let digits = bare.bytes().all(|b| b.is_ascii_digit());
    let refused = text::is_placeholder(value)
        || text::has_star_inside(value)
        || WORDS.iter().any(|w| bare.eq_ignore_ascii_case(w))
        || bare.starts_with('/')
        || bare.contains("://")
        || bare.contains(['{', '}', '\n'])
        || bare.len() > 128
        || bare.split_whitespace().count() > 4
        || token::is_moment(bare)
        || (digits && bare.len() < 3)
        || text::is_uuid(bare);
    (!refused && bare.chars().count() >= 2).then_some(bare)
}

/// The person's name in a value.
fn person_name(value: &str) -> Option<&str> {
    const WORDS: [&str; 8] = ["tbd", "tba", "bye", "guest", "system", "player", "user", "someone"];
    let value = value.trim();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let refused = text::is_placeholder(value)
        || text::has_star_inside(value)
        || WORDS.iter().any(|w| value.eq_ignore_ascii_case(w))
        || value.contains("://")
        || value.starts_with('/')
        || value.contains(['{', '}', '\n', '@'])
        || value.len() > 160
        || value.split_whitespace().count() > 8
        || text::is_uuid(value)
        || is_digest(value);
    (!refused && letters >= 1 && value.chars().count() >= 2).then_some(value)
}

/// 32 hex digits and more.
fn is_digest(value: &str) -> bool {
    value.len() >= 32 && value.bytes().all(|b| b.is_ascii_hexdigit())
}
