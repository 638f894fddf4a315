//! E-mail addresses with a dotted domain, in any script; not file names, packages, mentions or masked addresses.

use super::obfuscated;
use super::{Kind, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::among;
use crate::text::{self, Classes};

pub(crate) static KIND: Kind = Kind {
    scripts: true,
    hints: &[obfuscated::MARKED, obfuscated::PLAIN, obfuscated::DOTS],
    find: Some(find),
    mask,
    ..Kind::NONE
};

fn find(view: &View<'_>, hits: &mut Hits) {
    if view.classes.has(Classes::AT) && !view.joined {
        detect(view.text, hits);
    }
    let has = |group| view.hints.has(Category::Email, group);
    if has(0) || (has(1) || view.classes.has(Classes::AT)) && has(2) {
        obfuscated::detect(view.text, hits);
    }
}

/// `r***@g***.com`
fn mask(value: &str) -> String {
    let Some((local, domain)) = value.rsplit_once('@') else { return "***".into() };
    let host = domain.chars().next().filter(|c| c.is_alphanumeric()).map_or(String::new(), String::from);
    let local = crate::mask::initial(local);
    match domain.rsplit_once('.') {
        Some((_, top)) if top.chars().all(char::is_alphanumeric) => format!("{local}@{host}***.{top}"),
        _ => format!("{local}@{host}***"),
    }
}

/// Longest local part and domain looked at, in bytes (RFC 5321 section 4.5.3.1, with room for UTF-8).
const LOCAL: usize = 200;
const DOMAIN: usize = 255;

/// Adds every address in `text`.
fn detect(text: &str, hits: &mut Hits) {
    for (at, _) in text.match_indices('@') {
        let right = text::right_of(text, at + 1, DOMAIN);
        let domain = domain(right);
        hits.worked(2 + domain.map_or(0, str::len));
        let Some(domain) = domain else { continue };
        let local = local(text::left_of(text, at, LOCAL));
        hits.worked(local.len());
        if is_address(local, domain) {
            hits.shape(Category::Email, &format!("{local}@{domain}"));
        }
    }
}

/// The domain that `right` begins with: dotted labels, or an address in brackets.
fn domain(right: &str) -> Option<&str> {
    if let Some(inner) = right.strip_prefix('[') {
        let end = inner.find(']')?;
        let host = inner.get(..end)?;
        let host = host
            .get(..5)
            .filter(|p| p.eq_ignore_ascii_case("ipv6:"))
            .map_or(host, |_| host.get(5..).unwrap_or(host));
        host.parse::<std::net::IpAddr>().ok()?;
        return right.get(..end + 2);
    }
    let end = right.find(|c: char| !(text::is_wordy(c) || matches!(c, '.' | '-'))).unwrap_or(right.len());
    let run = right.get(..end)?.trim_end_matches(['.', '-']);
    // Two dots end the domain.
    let run = run.find("..").and_then(|at| run.get(..at)).unwrap_or(run);
    is_domain(run).then_some(run)
}

/// Dotted labels with a top-level label of letters.
fn is_domain(run: &str) -> bool {
    let Some((front, top)) = run.rsplit_once('.') else { return false };
    let labels =
        run.split('.').all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-') && l.len() <= 189);
    let punycode = top.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("xn--"));
    let lettered = top.chars().count() >= 2 && top.chars().all(|c| text::is_wordy(c) && !c.is_ascii_digit());
    labels && (lettered || punycode) && !is_file_type(top) && !is_version(front)
}

/// File types that are no top-level domain: `logo@2x.png`.
fn is_file_type(top: &str) -> bool {
    const TYPES: &str = "png jpg jpeg gif svg webp avif ico bmp tif tiff heic css js mjs cjs json mp3 mp4 webm wav ogg woff woff2 ttf otf eot pdf txt xml html htm yml yaml toml lock tgz gz csv jsx tsx ts whl exe dll log psd zip apng jxl icns";
    among(TYPES, &top.to_ascii_lowercase())
}

/// The part before the last dot looks like a version: `1.4`, `18.0.0-rc`, `v2.1`.
fn is_version(front: &str) -> bool {
    let front = front.strip_prefix(['v', 'V', '^', '~']).unwrap_or(front);
    let mut labels = front.split('.');
    let number = |l: Option<&str>| {
        l.is_some_and(|l| l.as_bytes().first().is_some_and(u8::is_ascii_digit) && l.len() <= 8)
    };
    let all_digits = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_digit());
    let first = labels.next();
    first.is_some_and(|f| all_digits(f) && f.len() <= 3) && number(labels.next())
}

/// The local part that `left` ends in: quoted, or characters of a dot-atom without the separators of URLs.
fn local(left: &str) -> &str {
    if let Some(open) = left.strip_suffix('"') {
        let start = open.rfind('"').unwrap_or(open.len());
        let quoted = left.get(start..).unwrap_or("");
        // The quote behind `=` opens the value of an attribute.
        let attribute = open.ends_with('=');
        return if quoted.len() > 2 && !attribute && !quoted.contains([':', '{', '\n']) {
            quoted
        } else {
            ""
        };
    }
    let start = left
        .char_indices()
        .rev()
        .take_while(|(_, c)| {
            text::is_wordy(*c)
                || matches!(
                    c,
                    '.' | '_'
                        | '-'
                        | '+'
                        | '%'
                        | '!'
                        | '~'
                        | '\''
                        | '*'
                        | '#'
                        | '$'
                        | '^'
                        | '`'
                        | '|'
                        | '&'
                        | '='
                        | '?'
                        | '/'
                )
        })
        .last()
        .map_or(left.len(), |(at, _)| at);
    let run = left.get(start..).unwrap_or("");
    // In URLs and forms the address begins after the last separator.
    let cut = run.rfind(['=', '?', '/', '&', '|', '^', '`', '$']).map_or(0, |at| at + 1);
    run.get(cut..).unwrap_or("").trim_start_matches(['.', '\'', '-', '#', '!', '~'])
}

/// A local part of something, and neither masked nor `git@host:`.
fn is_address(local: &str, domain: &str) -> bool {
    let Some(last) = local.chars().next_back() else { return false };
    let bare = local.trim_matches('"').to_ascii_lowercase();
    let masked = local.contains('*')
        || domain.contains('*')
        || matches!(bare.as_str(), "redacted" | "masked" | "filtered" | "removed" | "xxx" | "xxxx" | "xxxxx");
    let hidden = local.eq_ignore_ascii_case("git")
        || matches!(domain.to_ascii_lowercase().as_str(), "redacted.com" | "redacted.invalid");
    (text::is_wordy(last) || matches!(last, '"' | '_' | '-' | '+' | '!' | '\'' | '~' | '%' | '#'))
        && !masked
        && !hidden
        && local.chars().any(|c| text::is_wordy(c) || c == '_')
}
