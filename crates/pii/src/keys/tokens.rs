//! Keys of credentials: passwords, secrets, keys and tokens, but not their policies, types, versions or page cursors.

use super::words::among;
/// How much a token key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKey {
    /// A password: any text may be one.
    Password,
    /// A machine-made credential.
    Token,
    /// `Authorization`: a scheme and a credential.
    Authorization,
    /// `Cookie`, `Set-Cookie`, `cookies`: pairs, of which some are sessions.
    Cookie,
}

/// Reads a key as the key of a credential. `last` is the singular of the last word.
pub(super) fn token_key(words: &[String], last: &str) -> Option<TokenKey> {
    let prev = words.len().checked_sub(2).and_then(|i| words.get(i)).map_or("", String::as_str);
    let any = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    match last {
        "password" | "passwd" | "pwd" | "passphrase" | "passcode" | "passwort" => Some(TokenKey::Password),
        "pass"
            if matches!(
                prev,
                "db" | "smtp" | "user" | "login" | "admin" | "root" | "auth" | "http" | "proxy" | "mail"
            ) =>
        {
            Some(TokenKey::Password)
        }
        "pin" if matches!(prev, "login" | "security" | "account" | "wallet") => Some(TokenKey::Password),
        "secret" | "jwt" | "credential" | "apikey" | "bearer" | "sessionid" | "phpsessid" | "jsessionid" => {
            Some(TokenKey::Token)
        }
        "key"
            if among(
                "api secret private access signing encryption auth master session webhook hmac server deploy ssh \
app service license licence admin stream recovery shared",
                prev,
            ) && !any(&["public", "publishable", "idempotency"]) =>
        {
            Some(TokenKey::Token)
        }
        "token"
            if !among(
                "page next cursor continuation sync pagination resume prev previous start mint erc crypto \
governance seat game reward prompt completion max total used input output scroll delta skip \
design concurrency idempotency",
                prev,
            ) =>
        {
            Some(TokenKey::Token)
        }
        "authorization" | "authorisation" => Some(TokenKey::Authorization),
        "auth"
            if words.len() == 1
                || (words.len() == 2 && prev == "x")
                || prev == "basic"
                || prev == "bearer" =>
        {
            Some(TokenKey::Authorization)
        }
        "cookie" => Some(TokenKey::Cookie),
        "csrf" | "xsrf" => Some(TokenKey::Token),
        "sid" if words.len() == 1 || matches!(prev, "connect" | "session") => Some(TokenKey::Token),
        "session" | "id" if prev == "session" && any(&["cookie"]) => Some(TokenKey::Token),
        "code" if matches!(prev, "recovery" | "otp" | "reset" | "mfa" | "totp") => Some(TokenKey::Token),
        _ => None,
    }
}

/// Whether a cookie of this name carries a session or another credential.
pub(crate) fn is_session_cookie(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    const PARTS: [&str; 14] = [
        "sess",
        "sid",
        "auth",
        "token",
        "jwt",
        "csrf",
        "xsrf",
        "remember",
        "login",
        "identity",
        "credential",
        "apikey",
        "api_key",
        "secret",
    ];
    const NOT: [&str; 6] = ["consent", "theme", "inside", "side", "policy", "resident"];
    PARTS.iter().any(|p| name.contains(p)) && !NOT.iter().any(|n| name.contains(n))
}
