//! Credentials: vendor forms, JSON web tokens, PEM keys, `Bearer …`, `user:password@`, webhook and reset URLs, cookies.

use super::date::is_moment;
use super::pairs::is_prose;
use super::vendor::{FORMS, GROUPS};
use super::{Keyed, Kind, View, vendor};
use crate::category::Category;
use crate::decode;
use crate::hits::Hits;
use crate::keys::{Words, among};
use crate::text::{self, Classes};
use regex::Regex;
use std::sync::LazyLock;

/// A machine-made credential.
const SECRET: u8 = 0;
/// A password: any text may be one.
const WORD: u8 = 1;
/// `Authorization`: a scheme and a credential.
const CREDENTIAL: u8 = 2;
/// `Cookie`, `Set-Cookie`, `cookies`: pairs, of which some are sessions.
const COOKIE: u8 = 3;

/// `sessionid`: a machine-made credential, or the number of a session.
const SESSION: u8 = 4;

const VENDORS: u8 = 0;
const SCHEMES: u8 = 1;
const URLS: u8 = 2;
const RESETS: u8 = 3;
const BOTS: u8 = 4;

pub(crate) static KIND: Kind = Kind {
    order: 20,
    key: token_key,
    judge,
    hints: &[
        vendor::HINTS,
        &["bearer", "basic"],
        &["://"],
        &["reset", "password", "recover", "forgot", "magic"],
        vendor::BOTS,
    ],
    find: Some(find),
    mask: |value| format!("*** ({} characters)", value.chars().count()),
    ..Kind::NONE
};

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    match keyed.grade {
        WORD => hits.keyed(Category::Token, password(keyed.value)),
        SESSION if is_number(keyed.value) => {}
        CREDENTIAL => hits.keyed(Category::Token, authorization(keyed.value)),
        COOKIE => cookies(keyed.value, hits),
        _ => hits.keyed(Category::Token, under_key(keyed.value)),
    }
}

static VENDOR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FORMS).ok());

/// `Bearer` and a credential; words such as `Bearer token` are sorted out afterwards.
static SCHEME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?-u:\b)(bearer|basic)[\s:]+([A-Za-z0-9._~+/=-]{6,})").ok());

/// `scheme://user:password@`
static USERINFO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://([^\s/?#@:"'<>]{0,80}):([^\s/?#@"'<>]{1,120})@[a-z0-9\[]"#)
        .ok()
});

/// Adds every credential that is known by its form.
fn find(view: &View<'_>, hits: &mut Hits) {
    let text = view.text;
    let hinted = |hint| view.hints.has(Category::Token, hint);
    if hinted(VENDORS) || hinted(BOTS) && vendor::may_have_bot(text) {
        hits.worked(text.len());
        vendor(text, hits);
    }
    for (hint, needs, detect) in [
        (SCHEMES, None, scheme as fn(&str, &mut Hits)),
        (URLS, Some(Classes::AT), userinfo),
        (RESETS, Some(Classes::SLASH), reset_links),
    ] {
        if hinted(hint) && needs.is_none_or(|needs| view.classes.has(needs)) {
            hits.worked(text.len());
            detect(text, hits);
        }
    }
}

fn vendor(text: &str, hits: &mut Hits) {
    let Some(pattern) = VENDOR.as_ref() else { return };
    for found in pattern.captures_iter(text) {
        let Some(value) = GROUPS.iter().find_map(|g| found.name(g)) else { continue };
        let alone = !text::before(text, value.start()).is_some_and(text::is_joining)
            || found.name("pem").is_some()
            || found.name("telegram").is_some();
        let real =
            !value.as_str().contains("***") && (found.name("jwt").is_none() || value.as_str().len() >= 20);
        if alone && real {
            hits.shape(Category::Token, value.as_str());
        }
    }
}

fn scheme(text: &str, hits: &mut Hits) {
    let Some(pattern) = SCHEME.as_ref() else { return };
    for found in pattern.captures_iter(text) {
        let basic = found.get(1).is_some_and(|s| s.as_str().eq_ignore_ascii_case("basic"));
        let value = found.get(2).map(|v| v.as_str().trim_end_matches(['.', ',']));
        // `token_type=bearer HTTP/1.1` is the end of a request line.
        let credential = |v: &&str| is_random(v) && is_unpaired(v) && !v.starts_with("HTTP/");
        if let Some(value) = value.filter(credential).filter(|v| !basic || is_login(v)) {
            hits.likely(Category::Token, value);
        }
    }
}

/// A credential of a scheme has `=` at its end only (RFC 7235, `token68`); `expires_in=3600` is a pair of its own.
fn is_unpaired(value: &str) -> bool {
    !value.trim_end_matches('=').contains('=')
}

/// Base64 of a name and a password with a colon between (RFC 7617).
fn is_login(value: &str) -> bool {
    let mut login = false;
    decode::base64_texts(value, |found| login |= found.text.contains(':'));
    login
}

fn userinfo(text: &str, hits: &mut Hits) {
    let Some(pattern) = USERINFO.as_ref() else { return };
    for found in pattern.captures_iter(text) {
        if let Some(value) =
            found.get(2).map(|v| v.as_str()).filter(|v| !text::is_placeholder(v) && !v.contains('*'))
        {
            hits.shape(Category::Token, value);
        }
    }
}

/// Made by a machine rather than a word: long, or with digits or mixed case.
pub(crate) fn is_random(value: &str) -> bool {
    let digits = value.bytes().any(|b| b.is_ascii_digit());
    let upper = value.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    let lower = value.bytes().any(|b| b.is_ascii_lowercase());
    let hidden = text::is_placeholder(value);
    !hidden
        && value.len() >= 6
        && (digits || upper && lower && value.len() >= 10 || value.len() >= 24 && !value.contains('-'))
}

/// Words in a path that make a long segment after them a one-time credential.
const RESET: &str = "reset password recover recovery forgot magic reset-password password-reset reset_password password_reset resetpassword set-password magic-link passwordreset";

/// Words in a path that say that an account is meant, not a map called Magic or a match that is reset.
const ACCOUNT: [&str; 11] = [
    "password", "account", "user", "auth", "login", "signin", "sign-in", "verify", "recover", "forgot",
    "link",
];

/// Adds the tokens of password-reset and sign-in links.
fn reset_links(text: &str, hits: &mut Hits) {
    for piece in
        text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | ','))
    {
        if piece.len() >= 12 && piece.contains('/') {
            reset_link(piece, hits);
            // A link may be the parameter of another.
            if let Some(at) = piece.find("=http").into_iter().chain(piece.find("=/")).min() {
                reset_link(piece.get(at + 1..).unwrap_or(""), hits);
            }
        }
    }
}

/// Adds the tokens of one link.
fn reset_link(link: &str, hits: &mut Hits) {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let (mut reset, mut personal) = (false, false);
    let secret = |value: &str, personal: bool| is_segment_token(value) && (personal || value.len() >= 16);
    for segment in path.split(['/', '#', ';', '&']) {
        let lower = segment.to_ascii_lowercase();
        if reset && secret(segment, personal) {
            hits.likely(Category::Token, segment);
        }
        reset |=
            among(RESET, &lower) || lower.len() < 24 && (lower.contains("reset") || lower.contains("magic"));
        personal |= lower.len() < 24 && ACCOUNT.iter().any(|word| lower.contains(word));
    }
    if reset {
        for value in query.split('&').filter_map(|p| p.split_once('=')).map(|(_, v)| v) {
            if secret(value, personal) {
                hits.likely(Category::Token, value);
            }
        }
    }
}

/// A segment no person would write: 8 letters and digits mixed and more, and not words joined by hyphens.
fn is_segment_token(segment: &str) -> bool {
    let segment = segment.trim_end_matches(['.', ',', '!', ';']);
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let letters = segment.bytes().filter(u8::is_ascii_alphabetic).count();
    let shape = segment
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'=' | b':'));
    let words = segment.contains('-')
        && segment.split('-').all(|w| {
            w.bytes().all(|b| b.is_ascii_lowercase()) || w.len() <= 4 && w.bytes().all(|b| b.is_ascii_digit())
        });
    shape
        && !words
        && segment.len() >= 8
        && letters >= 1
        && (digits >= 2 || segment.len() >= 20 && !segment.contains('-'))
}

/// The credentials of a `Cookie` or `Set-Cookie` value.
fn cookies(value: &str, hits: &mut Hits) {
    hits.worked(value.len());
    for pair in value.split([';', ',']) {
        // A value without name stands under `session_cookie` or the like.
        let Some((name, secret)) =
            pair.split_once('=').or(Some(("session", pair)).filter(|_| is_random(value)))
        else {
            continue;
        };
        let secret = secret.trim().trim_matches('"');
        // The cookies of a key exchange (RFC 2408) are two numbers.
        let exchanged = secret.split_once('/').is_some_and(|(one, other)| is_hex(one) && is_hex(other));
        if is_session_cookie(name)
            && secret.len() >= 6
            && !exchanged
            && !text::is_placeholder(secret)
            && !text::is_masked(secret)
        {
            hits.keyed(Category::Token, Some(secret));
        }
    }
}

fn is_hex(text: &str) -> bool {
    let text = text.strip_prefix("0x").unwrap_or(text);
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The credential of an `Authorization` value: what follows the scheme.
fn authorization(value: &str) -> Option<&str> {
    let value = value.trim();
    let (scheme, secret) = value.split_once(' ').unwrap_or(("", value));
    let secret = secret.trim();
    let only_scheme = secret.len() < 6 || scheme.is_empty() && !is_random(secret);
    (!only_scheme && !text::is_placeholder(secret) && !secret.contains("***")).then_some(secret)
}

/// The secret of a value that stands under a token key.
fn under_key(value: &str) -> Option<&str> {
    let value = value.trim();
    // The id that a provider gives to a message or call.
    let message = value.len() == 34
        && value.bytes().take(2).all(|b| b.is_ascii_uppercase())
        && value.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
    if message {
        return None;
    }
    let spaced = value.contains(char::is_whitespace) && !value.starts_with("-----BEGIN");
    let url = value.contains("://") || value.starts_with('/') && value.len() < 40;
    (!spaced && !url && !is_reference(value) && is_secret(value)).then_some(value)
}

/// What a program calls an object or a number of its own: `android.os.BinderProxy@2bd79ce`, `Token{78af589`, `com.example.sync/4505`,
/// `0x14ede63a5a70002`.
fn is_reference(value: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    let (name, rest) = value.split_at(value.find(|c| !is_of_name(c)).unwrap_or(value.len()));
    let hex =
        |text: &str| !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let word = |part: &str| {
        part.len() <= 64
            && part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().filter(u8::is_ascii_digit).count() <= 2
    };
    // Names of Java and Apple begin with a domain.
    let path = name.split('.').nth(2).is_some()
        && name.split('.').all(word)
        && name
            .split('.')
            .next()
            .is_some_and(|first| first.len() <= 8 && first.bytes().all(|b| b.is_ascii_lowercase()));
    let object = match rest.as_bytes().first() {
        Some(b'@') => word(name.rsplit('.').next().unwrap_or("")) && rest.get(1..).is_some_and(hex),
        Some(b'{') => word(name) && rest.get(1..).is_some_and(hex),
        Some(b'/') => path && rest.len() <= 12,
        None => path,
        _ => false,
    };
    object || value.strip_prefix("0x").is_some_and(hex)
}

/// The number of a session, which opens none: `504002`.
fn is_number(value: &str) -> bool {
    value.trim().len() <= 10 && value.trim().bytes().all(|b| b.is_ascii_digit())
}

fn is_secret(value: &str) -> bool {
    let digits = value.bytes().any(|b| b.is_ascii_digit());
    let symbols = value.bytes().any(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'-' | b' '));
    let mixed = value.bytes().skip(1).any(|b| b.is_ascii_uppercase())
        && value.bytes().any(|b| b.is_ascii_lowercase());
    !text::is_placeholder(value)
        && !text::is_remark(value)
        && !value.contains("***")
        && value.len() >= 4
        && !is_moment(value)
        && (digits && value.len() >= 6 || symbols && value.len() >= 6 || mixed || value.len() >= 16)
        && !(value.bytes().all(|b| b.is_ascii_digit()) && value.len() < 6)
}

/// The password of a value that stands under a password key: anything but words about passwords.
fn password(value: &str) -> Option<&str> {
    const WORDS: &str = "required changed reset expired set ok weak strong medium valid invalid optional enabled disabled pending updated failed success incorrect wrong correct rejected accepted unchanged encrypted protected forgotten hash";
    let value = value.trim();
    let said = among(WORDS, &value.to_ascii_lowercase())
        || value.contains(char::is_whitespace) && !is_phrase(value)
        || is_path(value)
        || text::is_remark(value);
    (value.len() >= 3 && !said && !text::is_placeholder(value) && !value.contains("://") && !is_moment(value))
        .then_some(value)
}

/// Several words with a number among them, none of which speaks of passwords: `correct horse 9`.
fn is_phrase(value: &str) -> bool {
    const SPOKEN: &str = "days day hours hour minutes times chars letters digits symbols ago policy rule reset changed expired expires \
strength score age attempt attempts failed user account password least";
    let words: Vec<&str> = value.split_whitespace().collect();
    let spoken = |word: &str| {
        let lower = word.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
        is_prose(&lower) || among(SPOKEN, &lower)
    };
    (3..=8).contains(&words.len())
        && value.bytes().any(|b| b.is_ascii_digit())
        && !value.ends_with('.')
        && !words.iter().any(|word| spoken(word))
}

/// A directory, as `PWD` of a shell has one: `/home/ops`.
fn is_path(value: &str) -> bool {
    let of_path = |b: u8| b.is_ascii_lowercase() || matches!(b, b'/' | b'-' | b'_' | b'.');
    value.strip_prefix('/').is_some_and(|rest| rest.bytes().all(of_path))
}

/// Reads a key as the key of a credential.
fn token_key(words: &Words<'_>) -> Option<u8> {
    let (words, last) = (words.all, words.last);
    let prev = words.len().checked_sub(2).and_then(|i| words.get(i)).map_or("", String::as_str);
    let any = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    match last {
        "password" | "passwd" | "pwd" | "passphrase" | "passcode" | "passwort" => Some(WORD),
        "pass"
            if matches!(
                prev,
                "db" | "smtp" | "user" | "login" | "admin" | "root" | "auth" | "http" | "proxy" | "mail"
            ) =>
        {
            Some(WORD)
        }
        "pin" if matches!(prev, "login" | "security" | "account" | "wallet") => Some(WORD),
        "secret" | "jwt" | "credential" | "apikey" | "bearer" | "phpsessid" | "jsessionid" => Some(SECRET),
        "sessionid" => Some(SESSION),
        "key"
            if among(
                "api secret private access signing encryption auth master session webhook hmac server deploy ssh \
app service license licence admin stream recovery shared",
                prev,
            ) && !any(&["public", "publishable", "idempotency"]) =>
        {
            Some(SECRET)
        }
        "token"
            if !among(
                "page next cursor continuation sync pagination resume prev previous start mint erc crypto \
governance seat game reward prompt completion max total used input output scroll delta skip \
design concurrency idempotency",
                prev,
            ) =>
        {
            Some(SECRET)
        }
        "authorization" | "authorisation" => Some(CREDENTIAL),
        "auth"
            if words.len() == 1
                || (words.len() == 2 && prev == "x")
                || prev == "basic"
                || prev == "bearer" =>
        {
            Some(CREDENTIAL)
        }
        "cookie" => Some(COOKIE),
        "csrf" | "xsrf" => Some(SECRET),
        "sid" if words.len() == 1 || matches!(prev, "connect" | "session") => Some(SECRET),
        "session" | "id" if prev == "session" && any(&["cookie"]) => Some(SECRET),
        "code" if matches!(prev, "recovery" | "otp" | "reset" | "mfa" | "totp") => Some(SECRET),
        _ => None,
    }
}

/// Whether a cookie of this name carries a session or another credential.
fn is_session_cookie(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    const PARTS: &str =
        "sess sid auth token jwt csrf xsrf remember login identity credential apikey api_key secret";
    const NOT: &str = "consent theme inside side policy resident";
    let any = |list: &str| list.split_ascii_whitespace().any(|part| name.contains(part));
    any(PARTS) && !any(NOT)
}

#[cfg(test)]
mod tests {
    use super::super::hints;
    use super::*;
    use proptest::prelude::*;

    /// Forms of credentials and what stands around them in lines about webhooks, whole and in parts.
    fn pieces() -> impl Strategy<Value = String> {
        let fixed = proptest::sample::select(
            &[
                "webhook ",
                "webhook.office.com/",
                "discord.com/api/webhooks/12/",
                "hooks.",
                ".",
                "-",
                " ",
                "key-",
                "sk-",
                ":AA",
                "eyJ",
            ][..],
        );
        let piece = prop_oneof![
            fixed.prop_map(str::to_owned),
            "[MNO][A-Za-z0-9_-]{22,28}",
            "\\.[A-Za-z0-9_-]{5,8}\\.",
            "[A-Za-z0-9_-]{26,40}",
            "[ -~]{0,6}",
        ];
        proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_not_searched_beside_webhooks_has_no_credential(text in pieces()) {
            let text = format!("webhook {text}");
            let hinted = hints(&text).has(Category::Token, VENDORS) || vendor::may_have_bot(&text);
            let mut hits = Hits::default();
            vendor(&text, &mut hits);
            prop_assert!(hinted || hits.list.is_empty(), "{text}: {:?}", hits.list);
        }
    }
}
