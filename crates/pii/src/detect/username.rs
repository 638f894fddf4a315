//! Names of accounts: under their keys, on social networks, in profile links; not bare mentions or package scopes.

use super::{Keyed, Kind, View, bank, date, logged};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Subject;
use crate::keys::{self, Says, Words, among};
use crate::text::{self, Classes};
use regex::Regex;
use std::sync::LazyLock;

/// It names an account.
pub(crate) const NAME: Says = Says::Of(Category::Username, 0);
/// It names an account, or is its number (`Remote-User`).
pub(crate) const USER: Says = Says::Of(Category::Username, 1);
/// It names an account on a social network.
pub(crate) const SOCIAL: Says = Says::Of(Category::Username, 2);

pub(crate) static KIND: Kind = Kind {
    order: 30,
    key: |words| {
        if bank::is_upi(words) {
            None
        } else if is_social(words) {
            Some(2)
        } else {
            is_account_name(words).then_some(u8::from(words.last == "user"))
        }
    },
    judge,
    hints: &[NETWORK_HINTS, PROFILE_HINTS, logged::HINTS, logged::USER_HINTS],
    find: Some(find),
    mask: crate::mask::initial,
    ..Kind::NONE
};

/// Networks whose name alone as a key holds an account.
const NETWORKS: &str =
    "instagram insta ig twitter tiktok telegram tg snapchat snap facebook fb bluesky bsky mastodon";

const NETWORK_HINTS: &[&str] = &[
    "insta", "twitter", "tiktok", "tik tok", "telegram", "snap", "facebook", "threads", "bluesky",
    "mastodon", " ig", "ig:", "ig @", "ig-", "-ig", "(ig", " tg", "tg:", "tg @", "tg-", "-tg", "(tg", " fb",
    "fb:", "fb @", "fb-", "-fb", "(fb", "/ig", "/tg", "/fb", "ig=", "tg=", "fb=", "[ig", "[tg", "[fb", ">ig",
    ">tg", ">fb",
];

const PROFILE_HINTS: &[&str] = &[
    "instagram.com/",
    "t.me/",
    "tiktok.com/",
    "twitter.com/",
    "x.com/",
    "snapchat.com/",
    "facebook.com/",
    "fb.com/",
    "telegram.me/",
    "threads.net/",
    "threads.com/",
    "bsky.app/",
    "instagr.am/",
    "mastodon.",
];

/// `instagram`, `social_twitter`, `tiktok_handle`, `telegramUsername`.
fn is_social(words: &Words<'_>) -> bool {
    let network = |w: &str| among(NETWORKS, w);
    let own = !words.any("official our platform support brand");
    own && match words.last {
        "handle" | "username" | "profile" | "account" | "nick" | "url" | "link" => {
            network(words.prev) || words.prev == "thread" && words.any("threads")
        }
        "name" => words.prev == "user" && words.all.iter().any(|w| network(w) || w == "threads"),
        // `x` is an axis, too.
        last => {
            (network(last) || words.all.last().is_some_and(|w| w == "threads"))
                && (words.len() == 1
                    || among(
                        "social user player my contact customer captain member profile owner sns",
                        words.prev,
                    ))
        }
    }
}

/// Keys that name an account.
fn is_account_name(words: &Words<'_>) -> bool {
    let (last, prev) = (words.last, words.prev);
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

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = match keyed.grade {
        1 => plausible(keyed.value).filter(|u| !u.bytes().all(|b| b.is_ascii_digit())),
        2 => social(keyed.value),
        _ => plausible(keyed.value).filter(|u| !is_own(u) && !is_handle_of_thing(keyed)),
    };
    hits.keyed(Category::Username, value);
}

/// The number by which a system knows a file or the like: `{"file": {"handle": "0x3f"}}`.
fn is_handle_of_thing(keyed: &Keyed<'_>) -> bool {
    let hex = keyed.value.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    hex && matches!(keyed.context.around, Subject::Thing | Subject::Carrier | Subject::Carriers)
}

/// The account in a value under the key of a network: `@x` or `x`, but no state, link or sentence.
fn social(value: &str) -> Option<&str> {
    const STATES: &str = "linked connected public private follow followers following share summary summary_large_image \
on off app web website login bot user page group channel post story reel active inactive";
    let name = plausible(value)?;
    let shape = !name.contains(char::is_whitespace)
        && !name.contains('/')
        && !name.bytes().all(|b| b.is_ascii_digit());
    (shape && !among(STATES, &name.to_ascii_lowercase()) && !is_own(name)).then_some(name)
}

/// An account of the platform itself.
fn is_own(name: &str) -> bool {
    let name = name.trim_start_matches('@').to_ascii_lowercase();
    name.starts_with("deltacrown") || name.starts_with("official_") || name == "official"
}

/// The account name in a value: not a word about logins, a URL, a time, an opaque id or a sentence.
pub(crate) fn plausible(value: &str) -> Option<&str> {
    let value = value.trim();
    let bare = value.trim_start_matches('@');
    let digits = bare.bytes().all(|b| b.is_ascii_digit());
    let refused = text::is_placeholder(value)
        || text::has_star_inside(value)
        || text::is_remark(value)
        || keys::is_state(value)
        || keys::names_field(value, Category::Username)
        || among(NO_NAMES, &bare.to_ascii_lowercase())
        || bare.starts_with('/')
        || bare.contains("://")
        || bare.contains(['{', '}', '\n'])
        || bare.len() > 128
        || bare.split_whitespace().count() > 4
        || date::is_moment(bare)
        || (digits && bare.len() < 3)
        || text::is_uuid(bare);
    (!refused && bare.chars().count() >= 2).then_some(bare)
}

/// What stands under such keys and names nobody.
const NO_NAMES: &str = "success failed failure ok google facebook oauth oauth2 sso saml \
password otp magic_link required optional enabled disabled changed updated invalid taken \
available pending verified unverified email username phone denied allowed must is not and asc desc";

/// Links to a profile. What is no account on these hosts is sorted out afterwards.
static PROFILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?:^|[^a-z0-9.-])(?:www\.|m\.|mobile\.)?
        (?:(?:instagram\.com|instagr\.am|facebook\.com|fb\.com|twitter\.com|x\.com|threads\.(?:net|com)|t\.me|telegram\.me)/+@?
          |snapchat\.com/+(?:add/+|@)|tiktok\.com/+@|bsky\.app/+profile/+|mastodon\.[a-z]+/+@)
        (?P<name>[a-z0-9_][a-z0-9_.-]{1,63})(?P<rest>/[a-z0-9_+-]*)?",
    )
    .ok()
});

/// First parts of paths on these hosts that are no account.
const PATHS: &str = "share intent search explore p reel reels stories tv hashtag home i login signup about legal privacy \
tos terms help settings groups group events watch sharer sharer.php dialog plugins tr pages marketplace gaming joinchat \
addstickers proxy socks iv s c addemoji setlanguage invoice boost embed download accounts developer oauth api media \
messages notifications compose hashtags business policies jobs add discover tag music v t profile.php permalink.php \
story.php photo.php php l.php";

/// `@x` beside the name of a network: `IG: @x`, `@x on Twitter`, `@x (TG)`; and `@x@host.tld`.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let network = r"(?:instagram|insta|ig|twitter|tiktok|tik\ tok|tt|telegram|tg|snapchat|snap|sc|facebook|fb|threads|bluesky|bsky|mastodon|x)";
    Regex::new(&format!(
        r"(?xi)(?-u:\b){network}(?:\ (?:handle|id|username|name|account|profile|is|user))*\s*[:=\-–—(>|/]*\s*@(?P<after>[a-z0-9_][a-z0-9_.]{{1,63}})
        |(?:^|[^a-z0-9_@/.])@(?P<before>[a-z0-9_][a-z0-9_.]{{1,63}})\s*(?:\(\s*|\[\s*|-\s*|–\s*|/\s*|,?\s*(?:on|at|via|in|auf|en|sur|from)\s+(?:my\s+)?)?(?-u:\b){network}(?-u:\b)"
    ))
    .ok()
});

/// A name on a server: `@x@host.tld`.
static FEDERATED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:^|[^a-z0-9_@/.])@([a-z0-9_][a-z0-9_.-]{1,63})@[a-z0-9][a-z0-9.-]*\.[a-z]{2,24}(?-u:\b)",
    )
    .ok()
});

fn find(view: &View<'_>, hits: &mut Hits) {
    if view.hints.has(Category::Username, 2) {
        hits.worked(view.text.len());
        let names = logged::accounts(view.text).filter_map(plausible).filter(|name| !is_own(name));
        names.for_each(|name| hits.keyed(Category::Username, Some(name)));
        logged::duplicates(view.text, hits);
    }
    if view.hints.has(Category::Username, 3) && view.classes.has(Classes::EQUALS) {
        hits.worked(view.text.len());
        let names = logged::users(view.text).filter_map(plausible).filter(|name| !is_own(name));
        names.for_each(|name| hits.keyed_likely(Category::Username, Some(name)));
    }
    if view.hints.has(Category::Username, 1) {
        each(&PROFILE, view, hits, |found| {
            let name = found.name("name")?.as_str().trim_end_matches(['.', '-']);
            // A post of a channel is public, and names the channel only.
            let post = found
                .name("rest")
                .is_some_and(|r| among("/status /p /posts /video /videos /reel", r.as_str()));
            (!among(PATHS, &name.to_ascii_lowercase()) && !post && !name.ends_with(".php")).then_some(name)
        });
    }
    if view.classes.has(Classes::AT) {
        if view.hints.has(Category::Username, 0) {
            each(&BESIDE, view, hits, |found| {
                let name = found.name("after").or_else(|| found.name("before"))?;
                let scoped = text::right_of(view.text, name.end(), 1).starts_with(['/', '@']);
                let email =
                    text::before(view.text, name.start().saturating_sub(1)).is_some_and(text::is_wordy);
                (!scoped && !email).then(|| name.as_str().trim_end_matches('.'))
            });
        }
        if view.text.matches('@').nth(1).is_some() {
            each(&FEDERATED, view, hits, |found| found.get(1).map(|name| name.as_str()));
        }
    }
}

/// Adds what `name` makes of each match, unless it is the platform's own account.
fn each<'t>(
    pattern: &LazyLock<Option<Regex>>,
    view: &View<'t>,
    hits: &mut Hits,
    name: impl Fn(&regex::Captures<'t>) -> Option<&'t str>,
) {
    let Some(pattern) = pattern.as_ref() else { return };
    hits.worked(view.text.len());
    for found in pattern.captures_iter(view.text) {
        match name(&found) {
            Some(name) if is_own(name) => {
                hits.against(Category::Username, "an account of the platform itself");
            }
            Some(name) if name.len() >= 2 => hits.likely(Category::Username, name),
            _ => {}
        }
    }
}
