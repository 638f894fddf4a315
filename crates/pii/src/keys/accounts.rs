//! Accounts on games and platforms: `steam_id`, `riotPuuid`, `pubg_id`, `ign`, but not `steam_app_id` or guild ids.

use super::words::among;
/// A game or platform where people have accounts.
pub(super) fn is_platform(word: &str) -> bool {
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

/// Reads a key as the key of an account id. `last` is the singular of the last word.
pub(super) fn is_account_key(words: &[String], last: &str) -> bool {
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

/// A platform whose name alone as a key holds somebody's account.
pub(super) fn holds_accounts(word: &str) -> bool {
    among(
        "steam riot psn playstation xbox battlenet bnet epic pubg mlbb codm freefire garena discord \
valorant faceit roblox nintendo ubisoft twitch",
        word,
    )
}
