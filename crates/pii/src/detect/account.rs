//! Accounts on games and platforms: Steam's own notations anywhere, other ids under their keys.

use crate::category::Category;
use crate::hits::Hits;
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// `STEAM_0:1:12345`, `[U:1:12345]`, and the profile URL with a 64-bit id.
static STEAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)STEAM_[0-5]:[01]:\d{1,10}|\[U:1:\d{1,10}\]|(?:steamcommunity\.com/+(?:profiles|gid)/+|steam://[a-z/]*)(?P<id>7656\d{13})").ok()
});

/// Adds Steam accounts.
pub(crate) fn detect(text: &str, hits: &mut Hits) {
    let Some(pattern) = STEAM.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.captures_iter(text) {
        let Some(value) = found.name("id").or_else(|| found.get(0)) else { continue };
        if text::stands_alone(text, value.start(), value.end()) {
            hits.shape(Category::AccountId, value.as_str());
        }
    }
}

/// The account of a value that stands under the key of one.
pub(crate) fn under_key(value: &str) -> Option<&str> {
    let value = value.trim();
    let length = value.chars().count();
    let plain = !value.contains("://") && !value.starts_with('/') && !value.contains(['\n', '{', '}']);
    let number = value.bytes().all(|b| b.is_ascii_digit());
    ((2..=128).contains(&length)
        && plain
        && !text::is_placeholder(value)
        && !text::has_star_inside(value)
        && !(number && length < 3))
        .then_some(value)
}

/// A value shaped like an account under the bare name of a platform: `name#1234`, a 64-bit Steam id.
pub(crate) fn on_platform(value: &str) -> Option<&str> {
    let value = value.trim();
    let steam = value.len() == 17 && value.starts_with("7656") && value.bytes().all(|b| b.is_ascii_digit());
    let tag = value.rsplit_once('#').is_some_and(|(name, tag)| {
        name.chars().count() >= 2
            && name.len() <= 40
            && (2..=6).contains(&tag.len())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    (steam || tag).then_some(value)
}

/// The id of an account inside the object of a platform: not a small number.
pub(crate) fn under_platform(value: &str) -> Option<&str> {
    let number = value.bytes().all(|b| b.is_ascii_digit());
    under_key(value).filter(|v| !number || v.len() >= 6)
}
