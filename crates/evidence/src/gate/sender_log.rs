//! Whether the sender's log says the same of a window as what arrived in it.

use super::check::{Check, Verdict};
use super::criteria::{LOG_ERRORS, LOG_LOST, SENDER_LOG};
use crate::analysis::Analysis;
use crate::figure::counted;
use crate::logs::{Errors, Unreadable};
use pii::shown;
use record::{LogCompared, LogErrors, Reconciliation, WatchBegin};
use serde::Deserialize;

/// A delivery that the log claims and nobody saw, or that it leaves out, fails; a log without ids proves nothing.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn check(analysis: &Analysis, begin: &WatchBegin) -> Check {
    let compared = analysis.watched.compared.as_ref();
    let (verdict, text) = match compared {
        _ if begin.logs.is_empty() => (Verdict::NotExercised, "no sender log was given (--log)".to_owned()),
        None => (Verdict::Unproven, "the window was cut off before the log was compared".to_owned()),
        Some(compared) => match (judged(compared, unreadable(analysis)), hidden(analysis)) {
            ((Verdict::Pass, counts), Some(hidden)) => (Verdict::Unproven, format!("{counts}; {hidden}")),
            (judged, _) => judged,
        },
    };
    let found = compared.map(|c| &c.found);
    let n = found.map_or(0, |f| f.agreed + contradictions(f));
    let actual = found.filter(|_| n > 0).map(|f| contradictions(f) as f64);
    Check { actual, n, ..SENDER_LOG.check("0", verdict, text) }
}

const fn contradictions(found: &Reconciliation) -> u64 {
    found.never_seen + found.not_accepted + found.not_logged
}

/// How many of the log's lines are in no known format, when that is more than half of them.
fn unreadable(analysis: &Analysis) -> Option<(u64, u64)> {
    let summary = &analysis.watched.log.as_ref()?.summary;
    let count = |pointer: &str| summary.pointer(pointer).and_then(serde_json::Value::as_u64);
    let (unreadable, lines) = (count("/unreadable/count")?, count("/lines")?);
    (unreadable > lines / 2).then_some((unreadable, lines))
}

/// That lines which seem to be about webhooks could not be read, where those are more than a few.
fn hidden(analysis: &Analysis) -> Option<String> {
    let summary = &analysis.watched.log.as_ref()?.summary;
    let unread = Unreadable::deserialize(summary.get("unreadable")?).ok()?;
    unread.hides_webhooks().then(|| {
        format!("{} lines that seem to be about webhooks have no known format: {HINT}", unread.about_webhooks)
    })
}

/// Errors of the application in its own log while the window lasted.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(super) fn errors(analysis: &Analysis, begin: &WatchBegin, max: u64) -> Check {
    let summary = analysis.watched.log.as_ref().map(|log| &log.summary);
    let lines = summary.and_then(|s| s.get("lines")?.as_u64()).unwrap_or(0);
    let found = summary.and_then(|s| Errors::deserialize(s.get("errors")?).ok()).unwrap_or_default();
    let compared = analysis.watched.compared.as_ref();
    let gone = compared.and_then(|compared| compared.gone.first());
    let dated = compared.map(|compared| compared.errors.clone()).unwrap_or_default();
    let count = found.count.saturating_sub(dated.outside.saturating_add(dated.unclear));
    let (verdict, text) = match (unreadable(analysis), gone) {
        _ if begin.logs.is_empty() => {
            (Verdict::NotExercised, "no application log was given (--log)".to_owned())
        }
        _ if count > max => (Verdict::Fail, quoted(&found, (count, &dated), &begin.logs)),
        _ if count.saturating_add(dated.unclear) > max => {
            let text = format!(
                "{} errors are dated outside the window, and may be of it by a clock in another zone than the journal's: {ZONE}",
                dated.unclear
            );
            (Verdict::Unproven, text)
        }
        _ if lines == 0 => {
            (Verdict::Unproven, "no line was written: is this the application's log?".to_owned())
        }
        (Some((unreadable, lines)), _) => {
            (Verdict::Unproven, format!("{unreadable} of {lines} lines have no known format: {HINT}"))
        }
        (_, Some(gone)) => (Verdict::Unproven, shown(gone)),
        _ if found.unnamed > max => {
            let text = format!(
                "{} errors name no logger, so whether they count cannot be told: drop `log_errors`, or have \
                 the log name its loggers",
                found.unnamed
            );
            (Verdict::Unproven, text)
        }
        _ if found.wordless > max => {
            let text = format!(
                "{} JSON lines at an error level have no known message, so whether they are errors cannot be told: {HINT}",
                found.wordless
            );
            (Verdict::Unproven, text)
        }
        _ if found.ungraded > lines / 2 => {
            let text = format!(
                "{} of {lines} lines name no known level, so whether they are errors cannot be told: {HINT}",
                found.ungraded
            );
            (Verdict::Unproven, text)
        }
        _ if compared.is_none() => {
            (Verdict::Unproven, "the window was cut off before the log was read to the end".to_owned())
        }
        _ => (Verdict::Pass, format!("{} in {lines} lines", told(&found, (count, &dated)))),
    };
    let actual = (!begin.logs.is_empty()).then_some(count as f64);
    Check { actual, n: lines, ..LOG_ERRORS.check(max.to_string(), verdict, text) }
}

/// Webhooks that the log says were lost, and that were neither accepted nor refused here.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(super) fn lost(analysis: &Analysis, begin: &WatchBegin, max: u64) -> Check {
    let summary = analysis.watched.log.as_ref().map(|log| &log.summary);
    let lines = summary.and_then(|s| s.get("webhook_lines")?.as_u64()).unwrap_or(0);
    let compared = analysis.watched.compared.as_ref();
    let gone = compared.and_then(|compared| compared.gone.first());
    let found = compared.and_then(|compared| compared.found.lost.as_ref());
    let unproven = |text: String| (Verdict::Unproven, text);
    let (verdict, text) = match (found, unreadable(analysis)) {
        _ if begin.logs.is_empty() => (Verdict::NotExercised, "no sender log was given (--log)".to_owned()),
        (None, _) if compared.is_some() => unproven("this window did not look for them".to_owned()),
        (None, _) => unproven("the window was cut off before the log was compared".to_owned()),
        (Some(found), _) if found.count > max => (Verdict::Fail, named(found.count, "lost", &found.first)),
        (Some(found), _) if found.count + found.unclear > max => {
            unproven(named(found.unclear, "perhaps lost", &found.unclear_first))
        }
        (_, Some((unreadable, lines))) => {
            unproven(format!("{unreadable} of {lines} lines have no known format: {HINT}"))
        }
        _ if gone.is_some() => unproven(gone.map(|gone| shown(gone)).unwrap_or_default()),
        _ if lines == 0 => unproven("no line is about webhooks: is this the sender's log?".to_owned()),
        _ if hidden(analysis).is_some() => unproven(hidden(analysis).unwrap_or_default()),
        (Some(found), _) => {
            (Verdict::Pass, format!("{} lost, in {} about webhooks", found.count, counted(lines, "lines")))
        }
    };
    Check {
        actual: found.map(|found| found.count as f64),
        n: lines,
        ..LOG_LOST.check(max.to_string(), verdict, text)
    }
}

/// How many, and the first of them with their lines.
fn named(n: u64, what: &str, first: &[(u64, String)]) -> String {
    let told: Vec<String> = first
        .iter()
        .take(QUOTED)
        .map(|(line, text)| format!("line {line} of the window: {}", shown(text)))
        .collect();
    let more = n.saturating_sub(told.len() as u64);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{} {what}; {}{more}", counted(n, "webhooks"), told.join("; "))
}

/// So many of them are of the window.
fn told(found: &Errors, (count, dated): (u64, &LogErrors)) -> String {
    let others = match found.of_others {
        0 => String::new(),
        n => format!(", {n} from loggers that are not judged"),
    };
    let outside = match dated.outside {
        0 => String::new(),
        n => format!(", {n} dated outside the window"),
    };
    // Which of them have a traceback is known of all together.
    let tracebacks = match found.tracebacks {
        n if count == found.count => format!(", {n} of them with a traceback"),
        _ => String::new(),
    };
    format!("{count} errors{tracebacks}{others}{outside}")
}

/// The first of them. Lines are counted from where the window began, so that the time in front of each finds it in the file.
fn quoted(found: &Errors, (count, dated): (u64, &LogErrors), logs: &[String]) -> String {
    let first: Vec<String> = found
        .first
        .iter()
        .filter(|(line, _)| !dated.first.contains(line))
        .take(QUOTED)
        .map(|(line, text)| format!("line {line} of the window: {}", shown(text)))
        .collect();
    let more = count.saturating_sub(first.len() as u64);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let log = if let [log] = logs { format!(" in {}", shown(log)) } else { String::new() };
    format!("{}{log}; {}{more}", told(found, (count, dated)), first.join("; "))
}

/// Errors that are quoted in a check; the artifact has more.
const QUOTED: usize = 3;
/// What makes lines readable.
const HINT: &str = "--formats FILE describes them";
/// What makes times comparable.
const ZONE: &str = "name its offset (`utc_offset` in --formats FILE)";

/// What a log that says nothing of deliveries may be.
const SILENT: &str = "; no line says a webhook was delivered: is this the sender's log, at level INFO?";

fn judged(compared: &LogCompared, unreadable: Option<(u64, u64)>) -> (Verdict, String) {
    let found = &compared.found;
    let counts = counts(found);
    let gone = compared.gone.first();
    // What is not in a log that is gone, or whose lines name no ids, may have been said all the same.
    let unsaid = found.not_logged > found.without_id && gone.is_none();
    if found.never_seen + found.not_accepted > 0 || unsaid {
        if let Some((unreadable, lines)) = unreadable {
            let text = format!("{counts}; but {unreadable} of {lines} lines have no known format: {HINT}");
            return (Verdict::Unproven, text);
        }
        let silent = found.agreed + found.never_seen + found.not_accepted == 0;
        return (Verdict::Fail, format!("{counts}{}", if silent { SILENT } else { "" }));
    }
    let unproven = |why: String| (Verdict::Unproven, format!("{counts}; {why}"));
    if let Some(gone) = gone {
        return unproven(shown(gone));
    }
    if compared.not_kept > 0 {
        return unproven(format!(
            "{} further lines about deliveries were too many to keep",
            compared.not_kept
        ));
    }
    if found.edge_said > 0 {
        let first = id(&found.edge_said_first);
        return unproven(format!(
            "{} more logged as delivered and never seen{first}, at times that do not fit the journal's: {ZONE}",
            found.edge_said
        ));
    }
    if found.edge_arrived > 0 {
        let first = first(found.edge_arrived_first.first());
        return unproven(format!(
            "{} more accepted after the log's last line{first}: `smoke logs` settles it once the log is whole{}",
            found.edge_arrived,
            if found.agreed == 0 { SILENT } else { "" }
        ));
    }
    match (found.agreed, found.not_logged, found.without_id) {
        (0, _, 0) => unproven("nothing could be compared".to_owned()),
        (0, ..) | (_, 1.., _) => {
            unproven(format!("{} lines about deliveries name no webhook id", found.without_id))
        }
        _ => (Verdict::Pass, counts),
    }
}

fn first(id: Option<&String>) -> String {
    id.map(|id| format!(" (first {})", shown(id))).unwrap_or_default()
}

fn id(list: &[(u64, String)]) -> String {
    first(list.first().map(|(_, id)| id))
}

fn counts(found: &Reconciliation) -> String {
    format!(
        "{} logged as delivered and accepted; {} logged as delivered but never seen{}; {} logged as delivered but not accepted{}; \
         {} accepted but not in the log{}",
        found.agreed,
        found.never_seen,
        id(&found.never_seen_first),
        found.not_accepted,
        id(&found.not_accepted_first),
        found.not_logged,
        first(found.not_logged_first.first())
    )
}
