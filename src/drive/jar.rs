//! The cookies of a session (RFC 6265), at one origin: the target's.

use crate::redact::Redactor;
use reqwest::Url;
use signature::Secret;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Most cookies of a session, and most bytes of one: what browsers keep of a site (RFC 6265, section 6.1).
const MOST: usize = 50;
const LONGEST: usize = 4096;

/// The cookies that a session has been given. Their values are secrets.
#[derive(Debug)]
pub struct Jar {
    redactor: Redactor,
    cookies: Mutex<Vec<Cookie>>,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    value: Secret,
    path: String,
    /// Whether it goes over https, or to this machine, only.
    secure: bool,
    until: Option<Instant>,
}

impl Jar {
    /// An empty jar.
    #[must_use]
    pub const fn new(redactor: Redactor) -> Self {
        Self { redactor, cookies: Mutex::new(Vec::new()) }
    }

    /// Takes what an answer from `url` sets.
    pub fn take(&self, url: &Url, headers: &[(String, String)]) {
        for (_, text) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let Some((cookie, gone)) = parse(url, text) else { continue };
            self.redactor.learn(&cookie.value);
            let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            cookies.retain(|old| (&old.name, &old.path) != (&cookie.name, &cookie.path));
            if !gone && cookies.len() < MOST {
                cookies.push(cookie);
            }
        }
    }

    /// The value of a cookie.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Secret> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.iter().rev().find(|cookie| cookie.name == name).map(|cookie| cookie.value.clone())
    }

    /// The `Cookie` header of a request to `url`; `None` when no cookie goes there.
    #[must_use]
    pub fn header(&self, url: &Url) -> Option<Secret> {
        let now = Instant::now();
        let safe = url.scheme() == "https" || crate::outbound::is_loopback(url);
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|cookie| cookie.until.is_none_or(|until| now < until));
        let mut fit: Vec<&Cookie> =
            cookies.iter().filter(|c| (safe || !c.secure) && is_below(url.path(), &c.path)).collect();
        // The longer path first (RFC 6265, section 5.4).
        fit.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fit.iter().map(|c| format!("{}={}", c.name, c.value.expose())).collect();
        (!pairs.is_empty()).then(|| Secret::new(pairs.join("; ")))
    }

    /// Forgets all of them: whoever logs in again begins anew.
    pub fn clear(&self) {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// RFC 6265, section 5.1.4.
fn is_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

/// A `Set-Cookie` header; with it whether it takes the cookie away.
fn parse(url: &Url, text: &str) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let odd = |c: char| c.is_control();
    if name.is_empty() || text.len() > LONGEST || name.contains(odd) || value.contains(odd) {
        return None;
    }
    // RFC 6265, section 5.1.4: up to the last slash.
    let default = url.path().rsplit_once('/').map_or("/", |(before, _)| before);
    let default = if default.is_empty() { "/" } else { default };
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: Secret::new(value),
        path: default.to_owned(),
        secure: false,
        until: None,
    };
    let (mut gone, mut aged) = (false, false);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "path" if value.trim().starts_with('/') => value.trim().clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            // It goes before `Expires` (RFC 6265, section 5.3).
            "max-age" => {
                let Ok(seconds) = value.trim().parse::<i64>() else { continue };
                (gone, aged) = (seconds <= 0, true);
                let life = Duration::from_secs(seconds.unsigned_abs());
                cookie.until = Instant::now().checked_add(life);
            }
            "expires" if !aged => {
                let Ok(end) = httpdate::parse_http_date(value.trim()) else { continue };
                let left = end.duration_since(SystemTime::now());
                gone = left.is_err();
                cookie.until = left.ok().and_then(|left| Instant::now().checked_add(left));
            }
            _ => {}
        }
    }
    Some((cookie, gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(set: &[&str]) -> Jar {
        let jar = Jar::new(Redactor::new());
        let headers: Vec<_> = set.iter().map(|text| ("Set-Cookie".to_owned(), (*text).to_owned())).collect();
        jar.take(&Url::parse("http://h.example/api/login").unwrap(), &headers);
        jar
    }

    fn sent(jar: &Jar, url: &str) -> String {
        jar.header(&Url::parse(url).unwrap()).map_or_else(String::new, |value| value.expose().to_owned())
    }

    #[test]
    fn cookies_go_back_to_where_they_are_for() {
        let set =
            ["a=1", "b=2; Path=/", "c=3; path=/other", "s=4; Path=/; Secure", "d==5=; Path=/; HttpOnly"];
        let jar = jar(&set);
        assert_eq!(sent(&jar, "http://h.example/api/x"), "a=1; b=2; d==5=");
        assert_eq!(sent(&jar, "http://h.example/apis"), "b=2; d==5=");
        assert_eq!(sent(&jar, "https://h.example/other"), "c=3; b=2; s=4; d==5=");
        assert_eq!(sent(&jar, "http://127.0.0.1:1/"), "b=2; s=4; d==5=");
        assert_eq!(jar.get("d").map(|v| v.expose().to_owned()), Some("=5=".to_owned()));
    }

    #[test]
    fn one_that_is_set_again_or_has_ended_is_gone() {
        let past = "Thu, 01 Jan 1970 00:00:00 GMT";
        let jar = jar(&[
            "a=1; Path=/",
            "a=2; Path=/",
            "b=1; Path=/",
            "b=; Path=/; Max-Age=0",
            &format!("c=1; Expires={past}"),
        ]);
        assert_eq!(sent(&jar, "http://h.example/"), "a=2");
        assert_eq!(sent(&super::tests::jar(&["no cookie", "=x", "a=1\u{1}"]), "http://h.example/api/x"), "");
        jar.clear();
        assert_eq!(sent(&jar, "http://h.example/"), "");
        assert!(!format!("{jar:?}").contains("s3cret"));
    }
}
