//! Accounts in the lines of access logs, and of what `sshd` and databases write about who came in; values that a database has twice.

use crate::hits::Hits;
use crate::judge::{Context, Subject, judge};
use crate::keys::{self, Role, among};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// What stands in each text that [`LOG`] fits: the time of an access log, and the words before an account.
pub(super) const HINTS: &[&str] = &[
    "/jan/2",
    "/feb/2",
    "/mar/2",
    "/apr/2",
    "/may/2",
    "/jun/2",
    "/jul/2",
    "/aug/2",
    "/sep/2",
    "/oct/2",
    "/nov/2",
    "/dec/2",
    "password for ",
    "publickey for ",
    "interactive for ",
    "/pam for ",
    "none for ",
    "nvalid user ",
    "ailed login for ",
    " for user ",
    "for role ",
    "logged in as ",
    "user=<",
    "rhost=",
    "uplicate entry '",
];

/// Longest name of an account, in characters.
const ACCOUNT: usize = 64;

/// The account in an access log (third field before the time) and in what `sshd` and databases write. Its length is checked
/// afterwards: a limit in the pattern would make an automaton of megabytes.
static LOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)(?m)^\S+\ \S+\ (?P<access>[^\s"\[]{2,})\ \[[0-9]{2}/[A-Za-z]{3}/[0-9]{4}
        |(?-u:\b)(?:password|publickey|keyboard-interactive(?:/pam)?|none)\ for\ (?:invalid\ user\ )?(?P<auth>[^\s\x22'`,;:()\[\]]{2,})\ from(?-u:\b)
        |(?-u:\b)(?:session\ (?:opened|closed)\ for\ user|[Ii]nvalid\ user|[Ff]ailed\ login\ for|authentication\ failed\ for\ user|Access\ denied\ for\ user|logged\ in\ as|for\ role)\ ["'`]?(?P<other>[^\s\x22'`,;:()\[\]]{2,})
        |(?-u:\b)user=<(?P<mail>[^\s<>@]{2,})>|(?-u:\b)rhost=\S*\s+user=(?P<pam>[^\s@]{2,})"#,
    )
    .ok()
});

/// Accounts that every system has.
const SYSTEM: &str = "root admin postgres mysql www-data nobody daemon ubuntu deploy git user app www nginx apache oracle test guest sshd cron backup service readonly";

/// The accounts of persons that a log names.
pub(super) fn accounts(text: &str) -> impl Iterator<Item = &str> {
    let found = LOG.as_ref().into_iter().flat_map(|pattern| pattern.captures_iter(text)).take(64);
    found
        .filter_map(|found| {
            let group = |name: &str| found.name(name).map(|m| m.as_str());
            let whole = ["access", "auth", "mail", "pam"].into_iter().find_map(group);
            let whole = whole.filter(|name| name.chars().nth(ACCOUNT).is_none());
            whole.or_else(|| group("other").map(shortened))
        })
        .filter(|name| !among(SYSTEM, name))
}

/// Judges the values that MySQL has twice: `Duplicate entry 'nadia_k' for key 'users.username'`. The index has the name of its column.
pub(super) fn duplicates(text: &str, hits: &mut Hits) {
    for piece in text.split("uplicate entry '").skip(1).take(64) {
        let piece = text::right_of(piece, 0, 512);
        let Some((value, rest)) = piece.split_once("' for key '") else { continue };
        let index = rest.split('\'').next().unwrap_or("");
        let (table, index) = index.rsplit_once('.').unwrap_or(("", index));
        let person = keys::classify(table).role == Role::Person;
        let around = if person { Subject::Person } else { Subject::Unknown };
        judge(value, Context { says: keys::classify(column(index)).says, around, ..Context::NONE }, hits);
    }
}

/// The column of an index, whose name may say that it is one: `username_unique`, `uq_users_username`.
fn column(index: &str) -> &str {
    const MARKS: &str = "unique uniq uq uk un ux idx index ix key";
    let is_mark = |word: &str| MARKS.split(' ').any(|mark| word.eq_ignore_ascii_case(mark));
    let mut rest = index;
    while let Some((front, _)) = rest.rsplit_once('_').filter(|(_, last)| is_mark(last)) {
        rest = front;
    }
    while let Some((_, back)) = rest.split_once('_').filter(|(first, _)| is_mark(first)) {
        rest = back;
    }
    rest
}

/// The first [`ACCOUNT`] characters of a name.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(ACCOUNT).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}
