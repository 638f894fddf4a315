//! E-mail addresses written so that machines do not see them: `a.b (at) example (dot) org`.

use crate::category::Category;
use crate::hits::Hits;
use crate::keys::among;
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// Marked *at* words, plain ones, and *dot* words: a plain one means nothing without a dot.
pub(super) const MARKED: &[&str] = &[
    "(at)",
    "[at]",
    "{at}",
    "<at>",
    "_at_",
    "-at-",
    "[@]",
    "(@)",
    "{@}",
    "( at )",
    "[ at ]",
    "(a)",
    "[a]",
    " arroba ",
    " arobase ",
];
pub(super) const PLAIN: &[&str] = &[" at "];
pub(super) const DOTS: &[&str] = &["dot", "punto", "ponto", "punkt", " . ", " .", "[.]", "(.)", "{.}"];

/// Local part, an *at* word, a host, *dot* words, and a top-level domain.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let at = r"(?:\s*[(\[{<]\s*(?:at|@|ät|arroba|a)\s*[)\]}>]\s*|\s*_at_\s*|\s*-at-\s*|\s+(?:at|arroba|arobase|অ্যাট|অ্যাট)\s+|\s*@\s*)";
    let dot = r"(?:\s*[(\[{<]\s*(?:dot|\.|punto|ponto|point|punkt|d)\s*[)\]}>]\s*|\s*_dot_\s*|\s*-dot-\s*|\s+(?:dot|punto|ponto|point|punkt|ডট)\s+|\s+\.\s+|\.)";
    let word = r"[a-z0-9_][a-z0-9_-]*";
    let part = r"[a-z0-9_%+'-]+";
    Regex::new(&format!(
        r"(?i)(?P<local>{part}(?:(?:{dot}){part}){{0,4}}?)(?P<at>{at})(?P<host>{word}(?:{dot}{word}){{0,4}}?)(?P<dot>{dot})(?P<top>[a-z]{{2,}})(?P<more>(?:{dot}[a-z]{{2,}})*)"
    ))
    .ok()
});

/// Top-level domains that people write out; country codes are taken with a marked *at* only.
const TOPS: &str = "com org net edu gov mil int info biz name pro mobi app dev io gg me tv ai co xyz online site store shop \
club team email mail cloud tech live games game esports academy agency group news blog art link page space today world \
bd in uk us de fr es it nl pl tr id jp kr cn ru br mx ar ca au nz pk lk np ng ke za eg sa ae ir se no fi dk ch at be cz \
pt gr ie hu ro ua vn th my sg ph hk tw il eu asia africa example test invalid localhost";

/// Those that are words of sentences.
const WORDS: &str = "no me in it at be us is my so do am as to co info net name pro live news art page space today world group club team \
store shop online games game social media link";

/// The text goes on with a word.
fn goes_on(right: &str) -> bool {
    right.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_lowercase))
}

/// Adds every address that is written so.
pub(super) fn detect(text: &str, hits: &mut Hits) {
    let Some(pattern) = ADDRESS.as_ref() else { return };
    hits.worked(text.len());
    for found in pattern.captures_iter(text) {
        let part = |name: &str| found.name(name).map_or("", |m| m.as_str());
        let (local, host) = (part("local"), part("host"));
        let more = part("more").trim().rsplit([' ', '.', ')', ']', '}', '>', '_']).next().unwrap_or("");
        let top = if more.is_empty() { part("top") } else { more };
        let (at, dot) = (part("at").trim(), part("dot").trim());
        // In these languages the word means nothing but the sign.
        let marked = |w: &str| {
            w.starts_with(['(', '[', '{', '<', '_', '-'])
                || among("arroba arobase অ্যাট অ্যাট", &w.to_lowercase())
        };
        let known = among(TOPS, &top.to_lowercase()) || among(TOPS, &part("top").to_lowercase());
        let start = found.get(0).map_or(0, |m| m.start());
        // With a plain sign in its middle, other rules read the address.
        let plain = at == "@" && dot == "." && part("at") == "@";
        // `see you at example.org`: an ordinary dot says nothing, unless the other sign is marked.
        let said = marked(at) || at == "@" && (part("dot") != "." || part("at").len() > 2) || dot != ".";
        // One hand writes both words alike: `look at it [dot] com` is none.
        let alike = !(at.chars().all(char::is_alphabetic) && marked(dot));
        // `check in @ desk . no food`: a word behind blanks that is a domain, too, and the sentence goes on.
        let right = text::right_of(text, found.get(0).map_or(text.len(), |m| m.end()), 3);
        let prose =
            dot == "." && part("dot").len() > 1 && among(WORDS, &top.to_lowercase()) && goes_on(right);
        // `query[A] api.example.com`: a sign of one letter stands close to both words, or to none.
        let close = part("at").starts_with(char::is_whitespace) == part("at").ends_with(char::is_whitespace);
        let letter = matches!(at, "(a)" | "[a]" | "{a}" | "(A)" | "[A]" | "{A}") && !close;
        let numbers = host.bytes().all(|b| b.is_ascii_digit());
        let local = local.rsplit(char::is_whitespace).next().unwrap_or("");
        if known
            && said
            && alike
            && !plain
            && !prose
            && !numbers
            && !letter
            && !local.is_empty()
            && !text::before(text, start).is_some_and(text::is_wordy)
        {
            hits.likely(Category::Email, &format!("{local}@{}.{top}", host.replace(char::is_whitespace, "")));
        }
    }
}
