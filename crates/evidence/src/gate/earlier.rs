//! What a run that was interrupted shortly before this one may have left on its way: its webhooks say the same of the same subjects.

use super::check::{Check, Verdict};
use super::config::Gates;
use super::criteria::{DUPLICATES, UNEXPECTED};
use crate::analysis::{Analysis, Delivery};
use chrono::SecondsFormat;
use std::borrow::Cow;

/// Webhooks too many that came while some of the earlier run's may still have been on their way do not blame the sender.
#[expect(clippy::cast_precision_loss, reason = "counts of webhooks")]
pub(super) fn left_behind(analysis: &Analysis, gates: &Gates, checks: &mut [Check]) {
    let header = &analysis.header;
    let Some((at, until)) = header.interrupted_before.zip(header.earlier_webhooks_until()) else { return };
    let came = |d: &Cow<'_, Delivery>| d.first_byte().wall(header.started) <= until;
    let (unexpected, surplus) =
        analysis.own().filter(came).fold((0, 0), |(n, m), d| (n + analysis.unexpected(&d), m + d.surplus));
    let found = [(UNEXPECTED, gates.unexpected_max, unexpected), (DUPLICATES, gates.duplicates_max, surplus)];
    for (row, max, early) in found {
        let failed = |check: &&mut Check| check.id == row.id && check.verdict == Verdict::Fail;
        let Some(check) = checks.iter_mut().find(failed).filter(|_| early > 0) else { continue };
        let others = check.actual.unwrap_or_default() - f64::from(early);
        if others <= max.unwrap_or_default() as f64 {
            let [at, until] = [at, until].map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
            check.verdict = Verdict::Unproven;
            check.text = format!(
                "{}; {early} may be of the earlier run with rows of the same data file, which was interrupted at {at} (or was still \
                 under way), and whose webhooks may come until {until}: run again after that",
                check.text
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::gate::judge;
    use chrono::{TimeDelta, Utc};
    use record::{Answered, Body, Ending, FlowStart, Header, Record, RunKind, Tick};
    use serde_json::json;

    /// The verdict on unexpected webhooks where one about the run's flow comes so many seconds after the beginning, and an
    /// earlier run was interrupted 2 s before it.
    fn verdict(seconds: u64, interrupted: bool) -> (Verdict, String) {
        let mut header = Header::new(RunKind::Run, Utc::now()).unwrap();
        (header.flows, header.ours) = (1, vec!["/data/id".to_owned()]);
        record::EMBEDDED.clone_into(&mut header.environment);
        header.interrupted_before = interrupted.then(|| header.started - TimeDelta::seconds(2));
        let mut analysis = Analysis::new(header).unwrap();
        let ours = [("/data/id".to_owned(), json!(7))].into();
        let start = FlowStart { flow: 0, at: Tick(0), variant: None, subject: json!(0), ours };
        analysis.take(&Record::FlowStart(start));
        let at = Tick(seconds * 1_000_000);
        analysis.take(&Record::Attempt(Box::new(record::Attempt {
            body: Body::Text(json!({ "event": "made", "data": { "id": 7 } }).to_string()),
            ..fixtures::attempt(0, at)
        })));
        analysis.take(&Record::Answered(Answered { attempt: 0, end: at, how: Ending::Sent }));
        let checks = judge(&analysis, &Gates::default());
        let check = checks.into_iter().find(|check| check.id == UNEXPECTED.id).unwrap();
        (check.verdict, check.text)
    }

    #[test]
    fn what_an_interrupted_run_may_have_left_behind_is_unproven() {
        let (unclear, text) = verdict(3, true);
        assert_eq!(unclear, Verdict::Unproven, "{text}");
        assert!(text.contains("1 may be of the earlier run with rows of the same data file"), "{text}");
        assert_eq!(verdict(3, false).0, Verdict::Fail, "there was none");
        assert_eq!(verdict(90, true).0, Verdict::Fail, "so late nothing of it can come");
    }
}
