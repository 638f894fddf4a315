//! Accounts in the lines of access logs, and of what `sshd` and databases write about who came in.

use crate::keys::among;
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
];

/// Longest name of an account, in characters.
const ACCOUNT: usize = 64;

/// The account in an access log (third field before the time) and in what `sshd` and databases write. Its length is checked
/// afterwards: a limit in the pattern would make an automaton of megabytes.
static LOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)(?m)^\S+\ \S+\ (?P<access>[^\s"\[]{2,})\ \[[0-9]{2}/[A-Za-z]{3}/[0-9]{4}
        |(?-u:\b)(?:password|publickey|keyboard-interactive(?:/pam)?|none)\ for\ (?:invalid\ user\ )?(?P<auth>[^\s\x22'`,;:()\[\]]{2,})\ from(?-u:\b)
        |(?-u:\b)(?:session\ (?:opened|closed)\ for\ user|[Ii]nvalid\ user|[Ff]ailed\ login\ for|authentication\ failed\ for\ user|Access\ denied\ for\ user|logged\ in\ as|for\ role)\ ["'`]?(?P<other>[^\s\x22'`,;:()\[\]]{2,})"#,
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
            let whole =
                group("access").or_else(|| group("auth")).filter(|n| n.chars().nth(ACCOUNT).is_none());
            whole.or_else(|| group("other").map(shortened))
        })
        .filter(|name| !among(SYSTEM, name))
}

/// The first [`ACCOUNT`] characters of a name.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(ACCOUNT).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}
