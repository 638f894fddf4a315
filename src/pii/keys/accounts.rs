//! Accounts on games and platforms: `steam_id`, `riotPuuid`, `pubg_id`, `ign`, but not `steam_app_id` or guild ids.

/// A game or platform where people have accounts.
pub(super) fn is_platform(word: &str) -> bool {
    matches!(
        word,
        "steam"
            | "riot"
            | "psn"
            | "playstation"
            | "xbox"
            | "xbl"
            | "battlenet"
            | "bnet"
            | "blizzard"
            | "epic"
            | "ea"
            | "pubg"
            | "pubgm"
            | "bgmi"
            | "mlbb"
            | "mobilelegends"
            | "legends"
            | "codm"
            | "cod"
            | "freefire"
            | "fire"
            | "ff"
            | "garena"
            | "discord"
            | "valorant"
            | "valo"
            | "lol"
            | "league"
            | "dota"
            | "cs"
            | "csgo"
            | "faceit"
            | "esea"
            | "uplay"
            | "ubisoft"
            | "ubi"
            | "activision"
            | "nintendo"
            | "supercell"
            | "clash"
            | "coc"
            | "brawl"
            | "roblox"
            | "minecraft"
            | "mojang"
            | "genshin"
            | "hoyoverse"
            | "mihoyo"
            | "konami"
            | "efootball"
            | "fifa"
            | "fc"
            | "twitch"
            | "telegram"
            | "facebook"
            | "fb"
            | "google"
            | "apple"
            | "twitter"
            | "youtube"
            | "tiktok"
            | "instagram"
            | "kick"
            | "rockstar"
            | "gog"
            | "apex"
            | "fortnite"
            | "overwatch"
            | "gamertag"
            | "summoner"
            | "tekken"
            | "pes"
            | "honkai"
            | "duty"
    )
}

/// Words that may stand between the platform and the noun.
fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "account"
            | "user"
            | "player"
            | "games"
            | "net"
            | "online"
            | "network"
            | "character"
            | "char"
            | "in"
            | "profile"
            | "live"
            | "gamer"
            | "mobile"
            | "id"
            | "community"
            | "social"
            | "club"
            | "connect"
            | "friend"
            | "battle"
            | "legends"
            | "fire"
            | "of"
            | "the"
            | "duty"
            | "member"
            | "persona"
            | "linked"
            | "external"
    )
}

/// Words that name an account.
fn is_account_noun(word: &str) -> bool {
    matches!(
        word,
        "id" | "uid"
            | "puuid"
            | "uuid"
            | "tag"
            | "gamertag"
            | "account"
            | "xuid"
            | "ouid"
            | "code"
            | "number"
            | "no"
            | "name"
            | "ign"
            | "persona"
            | "vanity"
    )
}

/// Reads a key as the key of an account id. `last` is the singular of the last word.
pub(super) fn is_account_key(words: &[String], last: &str) -> bool {
    if matches!(last, "ign" | "puuid" | "xuid" | "gamertag" | "battletag" | "bnettag" | "steamid") {
        return true;
    }
    let joined = words.join(" ");
    let tail = |t: &str| {
        joined == t
            || joined.ends_with(&format!(" {t}"))
            || joined.strip_suffix('s').is_some_and(|j| j == t || j.ends_with(&format!(" {t}")))
    };
    if [
        "in game name",
        "ingame name",
        "in game id",
        "ingame id",
        "in game uid",
        "in game tag",
        "gamer tag",
        "battle tag",
        "summoner name",
        "summoner id",
        "friend code",
        "switch friend code",
        "game uid",
        "game account id",
        "riot game name",
        "riot tag line",
        "game user name",
        "gamer id",
        "social club id",
        "player tag",
    ]
    .iter()
    .any(|t| tail(t))
    {
        return true;
    }
    let Some(platform) = words.iter().rposition(|w| is_platform(w)) else { return false };
    let Some(noun) = words.len().checked_sub(1).filter(|n| *n > platform) else { return false };
    is_account_noun(last)
        && words.get(platform + 1..noun).is_some_and(|between| between.iter().all(|w| is_filler(w)))
        // `league_id` and `fire_name` name things; so does anything of a team or match.
        && !(platform == 0 && matches!(words.first().map(String::as_str), Some("league" | "legends" | "fire" | "duty" | "fc" | "google" | "apple") ) && matches!(last, "id" | "name" | "code" | "number" | "no" | "tag" | "uuid"))
        && !(matches!(last, "name" | "tag") && words.iter().any(|w| matches!(w.as_str(), "league" | "kick" | "cod" | "cs" | "fifa" | "fc")))
        && !words.iter().any(|w| matches!(w.as_str(), "team" | "match" | "server" | "guild" | "channel" | "app" | "order"))
}

/// A platform whose name alone as a key holds somebody's account.
pub(super) fn holds_accounts(word: &str) -> bool {
    matches!(
        word,
        "steam"
            | "riot"
            | "psn"
            | "playstation"
            | "xbox"
            | "battlenet"
            | "bnet"
            | "epic"
            | "pubg"
            | "mlbb"
            | "codm"
            | "freefire"
            | "garena"
            | "discord"
            | "valorant"
            | "faceit"
            | "roblox"
            | "nintendo"
            | "ubisoft"
            | "twitch"
    )
}
