//! Whether the sender's log says the same of a window as what arrived in it.

use super::check::{Check, Verdict};
use super::criteria::SENDER_LOG;
use crate::analysis::Analysis;
use pii::shown;
use record::{LogCompared, Reconciliation, WatchBegin};

/// A delivery that the log claims and nobody saw, or that it leaves out, fails; a log without ids proves nothing.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn check(analysis: &Analysis, begin: &WatchBegin) -> Check {
    let compared = analysis.watched.compared.as_ref();
    let (verdict, text) = match compared {
        _ if begin.logs.is_empty() => {
            (Verdict::NotExercised, "no log of the sender was given (--log)".to_owned())
        }
        None => (Verdict::Unproven, "the window was cut off before the log was compared".to_owned()),
        Some(compared) => judged(compared),
    };
    let found = compared.map(|c| &c.found);
    let n = found.map_or(0, |f| f.agreed + contradictions(f));
    let actual = found.filter(|_| n > 0).map(|f| contradictions(f) as f64);
    Check { actual, n, ..SENDER_LOG.check("0", verdict, text) }
}

const fn contradictions(found: &Reconciliation) -> u64 {
    found.never_seen + found.not_accepted + found.not_logged
}

fn judged(compared: &LogCompared) -> (Verdict, String) {
    let found = &compared.found;
    let counts = counts(found);
    let gone = compared.gone.first();
    // What is not in a log that is gone, or whose lines name no ids, may have been said all the same.
    let unsaid = found.not_logged > found.without_id && gone.is_none();
    if found.never_seen + found.not_accepted > 0 || unsaid {
        let silent = found.agreed + found.never_seen + found.not_accepted == 0;
        let hint = "; no line says that a webhook was delivered: is it the sender's log, at level INFO?";
        return (Verdict::Fail, format!("{counts}{}", if silent { hint } else { "" }));
    }
    let unproven = |why: String| (Verdict::Unproven, format!("{counts}; {why}"));
    if let Some(gone) = gone {
        return unproven(shown(gone));
    }
    if compared.not_kept > 0 {
        return unproven(format!(
            "{} more lines about deliveries were too many to be kept",
            compared.not_kept
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

fn counts(found: &Reconciliation) -> String {
    let first = |id: Option<&String>| id.map(|id| format!(" (first {})", shown(id))).unwrap_or_default();
    let id = |list: &[(u64, String)]| first(list.first().map(|(_, id)| id));
    format!(
        "{} said delivered and accepted; {} said delivered and never seen{}; {} said delivered and not accepted{}; \
         {} accepted and not in the log{}",
        found.agreed,
        found.never_seen,
        id(&found.never_seen_first),
        found.not_accepted,
        id(&found.not_accepted_first),
        found.not_logged,
        first(found.not_logged_first.first())
    )
}
