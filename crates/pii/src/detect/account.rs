//! Accounts on games and platforms: Steam's own notations anywhere, other ids under their keys.

use super::{Keyed, Kind, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Subject;
use crate::keys::{Words, among};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// A platform: a value shaped like an account of it is one.
const PLATFORM: u8 = 1;

pub(crate) static KIND: Kind = Kind {
    order: 60,
    least_number: 0,
    key: |words| is_account_key(words).then_some(0),
    weak_key: |words| {
        let bare = words.len() == 1 && is_platform(words.last);
        (bare || words.last == "user" && is_platform(words.prev)).then_some(PLATFORM)
    },
    own_digits: |grade| grade == 0,
    judge,
    hints: &[&["steam_", "[u:1:", "steamcommunity", "steam://"]],
    find: Some(find),
    mask: crate::mask::initial,
    ..Kind::NONE
};

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    match keyed.grade {
        PLATFORM => hits.keyed_likely(Category::AccountId, on_platform(keyed.value)),
        _ => hits.keyed(Category::AccountId, under_key(keyed.value)),
    }
}

/// The bare id in the object of a platform.
pub(crate) fn judge_id(value: &str, around: Subject, hits: &mut Hits) {
    if around == Subject::Platform {
        hits.keyed_likely(Category::AccountId, under_platform(value));
    }
}

/// `STEAM_0:1:12345`, `[U:1:12345]`, and the profile URL with a 64-bit id.
static STEAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)STEAM_[0-5]:[01]:[0-9]{1,10}|\[U:1:[0-9]{1,10}\]|(?:steamcommunity\.com/+(?:profiles|gid)/+|steam://[a-z/]*)(?P<id>7656[0-9]{13})").ok()
});

/// Adds Steam accounts.
fn find(view: &View<'_>, hits: &mut Hits) {
    let text = view.text;
    if view.digits < 6 || !view.hints.has(Category::AccountId, 0) {
        return;
    }
    let Some(pattern) = STEAM.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.captures_iter(text) {
        let Some(value) = found.name("id").or_else(|| found.get(0)) else { continue };
        if text::is_unjoined(text, value.start(), value.end()) {
            hits.shape(Category::AccountId, value.as_str());
        }
    }
}

/// The account of a value that stands under the key of one.
fn under_key(value: &str) -> Option<&str> {
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
fn on_platform(value: &str) -> Option<&str> {
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
fn under_platform(value: &str) -> Option<&str> {
    let number = value.bytes().all(|b| b.is_ascii_digit());
    under_key(value).filter(|v| !number || v.len() >= 6)
}

/// A game or platform where people have accounts.
fn is_platform(word: &str) -> bool {
    among(
        "steam riot psn playstation xbox xbl battlenet bnet blizzard epic ea pubg pubgm bgmi mlbb \
mobilelegends codm cod freefire ff garena discord valorant valo lol dota cs csgo faceit esea \
uplay ubisoft ubi activision nintendo supercell clash coc brawl roblox minecraft mojang genshin \
hoyoverse mihoyo konami efootball fifa fc twitch telegram facebook fb google apple twitter \
youtube tiktok instagram kick rockstar gog apex fortnite overwatch gamertag summoner tekken pes \
honkai",
        word,
    )
}

/// Words that may stand between the platform and the noun.
fn is_filler(word: &str) -> bool {
    among(
        "account user player games net online network character char in profile live gamer mobile id \
community social club connect friend battle legends fire of the duty member persona linked \
external",
        word,
    )
}

/// Words that name an account.
fn is_account_noun(word: &str) -> bool {
    among("id uid puuid uuid tag gamertag account xuid ouid code number no name ign persona vanity", word)
}

/// Platforms that are written as several words.
const LONG_NAMES: [(&str, &str); 12] = [
    ("free fire", "freefire"),
    ("mobile legends", "mlbb"),
    ("league of legends", "lol"),
    ("call of duty", "cod"),
    ("rocket league", "fortnite"),
    ("apex legends", "apex"),
    ("clash of clans", "coc"),
    ("clash royale", "clash"),
    ("brawl stars", "brawl"),
    ("battle net", "bnet"),
    ("social club", "rockstar"),
    ("ea sports", "ea"),
];

/// Whole endings of keys that name an account without a platform.
const ENDINGS: [&str; 17] = [
    "ign",
    "puuid",
    "xuid",
    "gamertag",
    "battletag",
    "steamid",
    "in game name",
    "ingame name",
    "in game id",
    "ingame id",
    "in game uid",
    "in game tag",
    "gamer tag",
    "battle tag",
    "summoner name",
    "friend code",
    "game uid",
];

/// Reads a key as the key of an account id.
fn is_account_key(words: &Words<'_>) -> bool {
    let (words, last) = (words.all, words.last);
    let front = words.get(..words.len().saturating_sub(1)).unwrap_or(&[]).join(" ");
    let joined = if front.is_empty() { last.to_owned() } else { format!("{front} {last}") };
    let ends = |t: &str| joined.strip_suffix(t).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '));
    if ENDINGS.iter().any(|t| ends(t)) {
        return true;
    }
    let joined = LONG_NAMES.iter().fold(joined, |key, (long, short)| key.replace(long, short));
    let words: Vec<&str> = joined.split(' ').collect();
    let Some(platform) = words.iter().rposition(|w| is_platform(w)) else { return false };
    let between = words.get(platform + 1..words.len().saturating_sub(1)).unwrap_or(&[]);
    let of_a_thing =
        |w: &str| matches!(w, "team" | "match" | "server" | "guild" | "channel" | "app" | "order" | "lobby");
    // Words that are platforms only together with an identifier of their own.
    let weak = matches!(words.get(platform), Some(&("fc" | "kick" | "cs" | "google" | "apple" | "fifa")));
    words.len() > platform + 1
        && is_account_noun(last)
        && between.iter().all(|w| is_filler(w))
        && !words.iter().copied().any(of_a_thing)
        && !(weak && matches!(last, "name" | "code" | "number" | "no" | "tag"))
}
