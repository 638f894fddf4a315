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

/// What stands before the account that a program names in its log, and in the entry of a directory.
pub(super) const USER_HINTS: &[&str] = &["user=", "uid="];

/// Longest name of an account, in characters.
const ACCOUNT: usize = 64;

/// The account in an access log (third field before the time) and in what `sshd` and databases write. Its length is checked
/// afterwards: a limit in the pattern would make an automaton of megabytes.
static LOG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)(?m)(?:^|:\ )\S+\ \S+\ (?P<access>[^\s"\[]{2,})\ \[[0-9]{2}/[A-Za-z]{3}/[0-9]{4}
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

/// The accounts that stand behind `user=`, and behind the `uid=` of a directory's entry, `uid=lvogt,ou=people`. Programs run as users, too.
pub(super) fn users(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let named = memchr::memchr_iter(b'=', bytes).filter_map(move |at| {
        let is = |word: &str| {
            let start = at.checked_sub(word.len())?;
            let own = bytes.get(start..at)?.eq_ignore_ascii_case(word.as_bytes());
            let alone = !text::before(text, start)
                .is_some_and(|c| text::is_wordy(c) || matches!(c, '_' | '-' | '.' | '$'));
            (own && alone).then_some(())
        };
        let value = text::right_of(text, at + 1, ACCOUNT + 2);
        let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
        let end =
            value.find(|c: char| !(text::is_wordy(c) || matches!(c, '.' | '_' | '-'))).unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        let entry = || {
            [",ou=people", ",ou=users", ",cn=users", ",ou=staff", ",ou=accounts"]
                .iter()
                .any(|unit| rest.get(..unit.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(unit)))
        };
        let ends = !rest.starts_with(['@', ':', '/', '(', '[', '$', '{', '<', '%', '\\', '=', '*']);
        let found = is("uid").is_some() && entry() || is("user").is_some() && ends;
        found.then_some((name, entry()))
    });
    let data_base = is_of_data_base(text);
    let is_marked = |name: &str| name.contains(|c: char| c.is_ascii_digit() || matches!(c, '_' | '.'));
    let fits = move |name: &str, entry: bool| is_of_person(name) && (entry || !data_base && is_marked(name));
    named.take(64).filter(move |(name, entry)| fits(name, *entry)).map(|(name, _)| name)
}

/// Whether a line is about who is connected to a data base: programs are.
fn is_of_data_base(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["database=", "db=", "dbname=", "datname=", "backend_type=", "dsn="].iter().any(|key| lower.contains(key))
}

/// Whether a name of an account may be that of a person: it has letters, is no identifier, and none of its words is what a program is
/// called.
fn is_of_person(name: &str) -> bool {
    const PROGRAMS: &str = "account acct admin agent airflow analytics anonymous anonymoususer ansible apache api app args audit auth automation backend \
backup batch bench benchmark billing bitbucket bot bridge build cache celery centos chef ci client cls cluster collector \
connector consumer context crawler cron ctx cus daemon data datadog db dbt debian debug default demo deploy dev dispatcher \
docker dummy elastic email etl event events exporter field fields fluentd form gateway git github gitlab grafana guest gunicorn \
hadoop handler health hive hook http httpd id import importer index indexer integration internal invoice ip item jenkins job \
jobs kafka kibana kube kubernetes kwargs lambda load loader local log logs logstash looker mail main mariadb master metabase \
metrics migration migrator mock model models mongo monitor monitoring mysql nagios nginx nobody node none notification \
notifications notifier null obj object operator ops oracle order orders owner param params payment payments perf pg pgbouncer \
pipeline postgres preprod process processor prod prometheus proxy public puma puppet qa queue rabbitmq read reader readonly \
redis repl replica replication replicator report reporting reports request ro robot root row runner rw sa sandbox scan scanner \
scheduler scraper script search security self sentry server service session sftp sidekiq smoke sms solr spark spider sshd \
staging stream sudo super superset superuser support svc svn sync sys system task terraform test tester tests this tmp token \
tomcat u uat ubuntu uid unknown user users usr uwsgi vault web webhook webhooks worker write writer www zabbix";
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count() >= 2 || !name.is_ascii();
    let mut words = name.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let hex = name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    letters && !hex && !words.any(|word| among(PROGRAMS, &word.to_lowercase()))
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
