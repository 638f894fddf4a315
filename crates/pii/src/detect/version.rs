//! Four parts that are a version or a place in a document: what stands around them says so.

use super::digits::{self, Before};
use crate::keys::{self, Says};
use crate::text;

/// How far back the name of a field with a browser's description of itself is looked for, in bytes.
const AGENT: usize = 200;

/// What stands around the four parts says that they are a version or a reference.
pub(super) fn is_version(text: &str, start: usize, end: usize) -> bool {
    let left = text::left_of(text, start, 64);
    let right = text::right_of(text, end, 16);
    is_word_before(left)
        || is_step(left, right)
        || is_product(left) && !is_port(text::right_of(text, end, 8))
        || is_image(left)
        || is_coordinate(left)
        || is_browser_before(left)
        || is_file(text, start, end)
        || is_word_after(right)
        || matches!(digits::before(text, start), Before::Key(Says::Version | Says::UserAgent))
        || is_in_user_agent(text::left_of(text, start, AGENT))
}

/// What stands around four parts under the key of a version says that they are an address all the same: they are the host of a URL, a
/// port stands behind them, or a key or word of addresses right before them.
pub(super) fn is_addressed(text: &str, start: usize, end: usize) -> bool {
    let left = text::left_of(text, start, 64);
    let word = left.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '(')).next();
    let host = word
        .and_then(|w| w.rsplit_once("//"))
        .is_some_and(|(_, rest)| rest.is_empty() || rest.ends_with('@') && !rest.contains('/'));
    host || is_port(text::right_of(text, end, 8)) || is_address_before(left)
}

/// A port of two digits and more: `:443`.
fn is_port(right: &str) -> bool {
    let Some(rest) = right.strip_prefix(':') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !text::after(rest, digits).is_some_and(|c| text::is_wordy(c) || matches!(c, '.' | '-' | ':'));
    (2..=5).contains(&digits) && ends
}

/// `client_ip=`, `host: `, `for=`, or just `ip ` before a number.
fn is_address_before(left: &str) -> bool {
    let rest = left.trim_end_matches([' ', '"', '\'', '[', '(']);
    let (name, key) = match rest.strip_suffix(['=', ':']) {
        Some(front) => (front.trim_end_matches([' ', '"', '\'']), true),
        None => (rest, false),
    };
    let name =
        name.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).next().unwrap_or("");
    let says = keys::classify(name).says;
    says == super::ip::IP || key && (says == Says::Host || among("for peer remote addr address", name))
}

/// Two versions joined: `1.2.3.4 to 1.2.3.5`.
pub(super) fn chained(left: &str) -> bool {
    let left = left.trim_end_matches([' ', 'v', '+']);
    ["to", "then", "and", "or", "->", "→", ",", "-", "through", "/", ">", "&", ";"]
        .iter()
        .any(|w| left.ends_with(w))
}

/// The first of two numbers between which something was moved: `bumped the client from 1.2.3.4 to 1.2.4.0`.
fn is_step(left: &str, right: &str) -> bool {
    let next = [" to ", " → ", " -> ", "→", "->", " => "].iter().find_map(|mark| right.strip_prefix(mark));
    let next = next.map(|next| next.strip_prefix("version ").unwrap_or(next).trim_start_matches('v'));
    next.is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()))
        && left.to_ascii_lowercase().split_whitespace().rev().take(6).any(|w| {
            [
                "upgrad", "updat", "downgrad", "bump", "patch", "migrat", "roll", "version", "client",
                "release", "build",
            ]
            .iter()
            .any(|verb| w.starts_with(verb))
        })
}

/// Words before which the next number is a version or a place in a document.
fn is_word_before(left: &str) -> bool {
    const WORDS: &str = "v ver vers version versions build builds patch patches patched release releases hotfix hotfixes \
        versie versione versi wersja update updates updated upgrade upgrades upgrading updating downgrade bump bumped bumps upgraded downgraded firmware fw rv rule rules rulebook section sections sec clause \
        clauses cl article articles art chapter ch paragraph paragraphs para appendix annex oid item step \
        figure table schedule sdk driver revision rev subsection subclause bylaw regulation provision \
        point heading changelog bios uefi kernel microcode ios ipados android macos windows";
    let trimmed = before_marks(left);
    if trimmed.ends_with('§') {
        return true;
    }
    if is_word_abroad(trimmed) {
        return true;
    }
    let word = trimmed.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    let front = trimmed.get(..trimmed.len() - word.len()).unwrap_or("");
    let lower = word.to_ascii_lowercase();
    // upgrade V8 to 9.5.172.21
    if lower == "to" && front.split_whitespace().rev().take(4).any(|verb| among(MOVED, verb)) {
        return true;
    }
    // `no.` and the like stand between: rule no. 2.3.1.4, version is now 1.2.3.4
    let between = match lower.as_str() {
        "no" | "number" | "num" | "nr" | "is" | "now" | "was" | "to" | "notes" | "note" | "available" => true,
        "for" => before_marks(front).ends_with("notes"),
        "from" => {
            ["upgraded", "Upgraded", "downgraded", "patched"].iter().any(|w| before_marks(front).ends_with(w))
        }
        _ => false,
    };
    if between {
        return !front.is_empty() && is_word_before(front);
    }
    !word.is_empty() && WORDS.split_ascii_whitespace().any(|w| w == lower)
}

/// A text that ends in such a word of another alphabet.
fn is_word_abroad(left: &str) -> bool {
    const WORDS: [&str; 45] = [
        "versión",
        "versão",
        "sürüm",
        "sürümü",
        "версия",
        "версии",
        "версию",
        "версія",
        "сборка",
        "обновление",
        "релиз",
        "пункт",
        "раздел",
        "έκδοση",
        "إصدار",
        "نسخة",
        "نسخه",
        "גרסה",
        "संस्करण",
        "वर्शन",
        "वर्ज़न",
        "ভার্সন",
        "সংস্করণ",
        "বিল্ড",
        "আপডেট",
        "রিলিজ",
        "প্যাচ",
        "ধারা",
        "বিধি",
        "অনুচ্ছেদ",
        "版本",
        "版",
        "补丁",
        "更新",
        "版本号",
        "更新到",
        "升级到",
        "更新至",
        "升级至",
        "第",
        "バージョン",
        "アップデート",
        "버전",
        "업데이트",
        "bản",
    ];
    let tail = text::left_of(left, left.len(), 40);
    !tail.is_ascii() && {
        let lower = tail.to_lowercase();
        WORDS.iter().any(|word| lower.ends_with(word))
    }
}

/// What is done to a program, and to no address.
const MOVED: &str = "upgrade upgrades upgraded upgrading bump bumps bumped patch patched downgraded";

/// The text without the blanks, punctuation and mark-up at its end.
fn before_marks(left: &str) -> &str {
    const MARKS: [char; 20] = [
        ' ', ':', '=', '#', '"', '\'', '(', '-', '.', '_', '\t', '\n', '\r', '+', '*', '`', '[', '“', '•',
        '/',
    ];
    // What follows two slashes is a host.
    let mut rest = left;
    while !rest.ends_with("//") {
        let shorter = without_tag(rest.trim_end_matches(|c| MARKS.contains(&c) && c != '/'));
        let shorter =
            if shorter.ends_with("//") { shorter } else { shorter.strip_suffix('/').unwrap_or(shorter) };
        if shorter.len() == rest.len() {
            break;
        }
        rest = shorter;
    }
    rest
}

/// The text without the tag of mark-up at its end, `<b>` or `</td>`.
fn without_tag(left: &str) -> &str {
    const TAGS: &str = "b i u p em strong code kbd span a td th tr li dt dd div small mark h1 h2 h3 h4 h5 h6";
    let Some(open) = left.strip_suffix('>').and_then(|l| l.rfind('<')) else { return left };
    let tag = left.get(open + 1..left.len() - 1).unwrap_or("");
    let name = tag.trim_start_matches('/').split(' ').next().unwrap_or("").to_ascii_lowercase();
    if TAGS.split_ascii_whitespace().any(|t| t == name) { left.get(..open).unwrap_or(left) } else { left }
}

/// A product token such as `Chrome/`, at the beginning of a word, and not the path of a URL.
fn is_product(left: &str) -> bool {
    let Some(front) = left.strip_suffix('/') else { return false };
    let length = front
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    let (lead, name) = front.split_at_checked(front.len() - length).unwrap_or(("", ""));
    let given = lead
        .strip_suffix('=')
        .map(|key| key.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(""));
    let opens = given.is_some_and(|key| !among(ADDRESSED, key))
        || lead.is_empty() && left.len() < 40
        || lead.ends_with([' ', '(', ';', ',', '"', '\'', '[', '\t', '`', '>']);
    opens && name.bytes().any(|b| b.is_ascii_alphabetic()) && !among(PLACES, name)
}

/// The image of a container before its tag: `relay/api:`.
fn is_image(left: &str) -> bool {
    let Some(front) = left.strip_suffix(':') else { return false };
    let is_of_image = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let image =
        front.trim_start_matches(|c| !is_of_image(c)).rsplit(|c| !is_of_image(c)).next().unwrap_or("");
    let name = image.rsplit_once('/').map(|(_, name)| name);
    image.starts_with(|c: char| c.is_ascii_alphabetic())
        && !image.contains("//")
        && name.is_some_and(|name| !name.is_empty() && !among(PLACES, name))
}

/// What stands before the version of an artifact, `group.of.names:artifact:`, or of a document, `10.1000/` (ISO 26324).
fn is_coordinate(left: &str) -> bool {
    let word = left.rsplit([' ', '"', '\'', '(', '<', '=', ',']).next().unwrap_or("");
    let named = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    let artifact = || {
        let (group, artifact) = word.strip_suffix(':')?.rsplit_once(':')?;
        let group = group.rsplit(':').next()?;
        Some(named(artifact) && group.contains('.') && group.split('.').all(named))
    };
    let document = |word: &str| {
        word.rsplit_once("10.").and_then(|(_, rest)| rest.strip_suffix('/')).is_some_and(|registrant| {
            (4..=6).contains(&registrant.len()) && registrant.bytes().all(|b| b.is_ascii_digit())
        })
    };
    artifact() == Some(true) || document(word)
}

/// Words before which a slash is followed by an address.
const PLACES: &str = "ip ips ban bans host hosts block client addr from peer user node server";

/// Keys whose value has an address, perhaps after a name and a slash.
const ADDRESSED: &str =
    "ip ips host hosts addr address from to peer remote source src dst target endpoint url uri path";

fn among(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|other| word.eq_ignore_ascii_case(other))
}

/// The name of a browser or its engine: `Chrome 120.0.0.0`.
fn is_browser_before(left: &str) -> bool {
    const NAMES: &str = "chrome chromium firefox safari edge edg opera opr webkit applewebkit gecko trident msie \
        electron brave vivaldi samsungbrowser mozilla crios fxios";
    let Some(front) = left.strip_suffix([' ', '/']) else { return false };
    let word = front.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("").to_ascii_lowercase();
    NAMES.split_ascii_whitespace().any(|name| name == word)
}

/// The number is part of the value of `User-Agent:`, `user_agent=`, `ua=`, and no word such as `from` stands before it.
fn is_in_user_agent(left: &str) -> bool {
    let line = left.rsplit(['\n', '\r', '&']).next().unwrap_or("");
    if !line.contains([':', '=']) {
        return false;
    }
    let lower = line.to_ascii_lowercase();
    let names = ["user-agent", "user_agent", "useragent", "user agent"];
    let long = names.iter().filter_map(|name| lower.rfind(name).map(|at| at + name.len())).max();
    let short = lower.rfind("ua=").filter(|at| !text::before(&lower, *at).is_some_and(text::is_wordy));
    let Some(rest) = long.max(short.map(|at| at + 2)).and_then(|at| lower.get(at..)) else { return false };
    let Some(value) = rest.trim_start_matches(['"', '\'', ' ', '\\']).strip_prefix([':', '=']) else {
        return false;
    };
    let value = value.trim_start();
    let ends = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => value.get(1..).is_some_and(|inner| inner.contains(quote)),
        None => value.contains(['=', '"', '|']) || value.contains(": "),
    };
    let word = value.trim_end().rsplit(' ').next().unwrap_or("");
    !ends && !matches!(word, "from" | "by" | "at" | "ip" | "for" | "via" | "addr" | "client" | "host")
}

/// Part of a file or package name: `app-1.2.3.4.jar`, `lib_1.2.3.4-beta`, `numpy-1.26.4.0`, `libssl3 (3.0.13.1-2)`.
fn is_file(text: &str, start: usize, end: usize) -> bool {
    let (left, right) = (text::left_of(text, start, 64), text::right_of(text, end, 16));
    let name = left.strip_suffix(['-', '_']).filter(|l| l.ends_with(|c: char| c.is_ascii_alphabetic()));
    let suffix = |n: usize| right.get(n..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_alphabetic()));
    let typed = right.starts_with('.') && suffix(1);
    let tagged =
        ["-rc", "-beta", "-alpha", "-dev", "-snapshot", "-SNAPSHOT", "-pre", "-hotfix", "-build", "+build"]
            .iter()
            .any(|t| right.starts_with(t));
    let early = is_early(text.get(start..end).unwrap_or(""));
    let packaged = early && name.is_some_and(is_package);
    name.is_some() && typed || tagged || packaged || left.ends_with('~') || early && is_revised(left, right)
}

/// The name of a package, and of no machine: `numpy`, but not `web-server`.
fn is_package(front: &str) -> bool {
    let name = front.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    name.len() > 1
        && !among(PLACES, name)
        && !among("net web gw gateway router worker proxy dns lb vpn lan wan", name)
}

/// Whether the first of four parts is as low as those of versions are, and the address would be a public one.
fn is_early(parts: &str) -> bool {
    let first = parts.split('.').next().and_then(|first| first.parse::<u8>().ok());
    first.is_some_and(|first| first < 64 && first != 10)
}

/// A package's version in brackets with the revision of a distribution: `(3.0.13.1-2)`, `3.0.13.1-2ubuntu1`.
fn is_revised(left: &str, right: &str) -> bool {
    let Some(rest) = right.strip_prefix('-') else { return false };
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let bracketed = behind.starts_with(')') && left.ends_with('(');
    behind.len() < rest.len() && (bracketed || behind.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// `1.2.3.4 build`, `1.2.3.4 patch`, `2.3.1.4 of the rulebook`.
fn is_word_after(right: &str) -> bool {
    let Some(rest) = right.strip_prefix(' ') else { return false };
    let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    matches!(
        word.to_ascii_lowercase().as_str(),
        "patch" | "build" | "hotfix" | "release" | "firmware" | "version"
    ) || rest.starts_with("of the rule")
}
