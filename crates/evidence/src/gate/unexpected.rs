//! Webhooks that nothing asked for.

use super::check::{Check, Verdict};
use super::criteria::UNEXPECTED;
use super::rate::count;
use record::Tally;

/// What no step of this run asked for. Where somebody else may have fired it, that is no finding.
pub(super) fn unexpected((organic, injected): (&Tally, &Tally), max: u64) -> Check {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let (found, unclear) = (both(|t| t.unexpected), both(|t| t.unclear_unexpected));
    let mut check = count(&UNEXPECTED, (found, both(|t| t.deliveries)), max, "");
    if check.verdict == Verdict::Fail && found.saturating_sub(unclear) <= max {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; {unclear} with an event that no step names, perhaps fired by somebody else or a timer about the same rows: use rows \
             of your own, or say in the scenario whether it may come (`count: at least 0`) or must not (`count: 0`)",
            check.text
        );
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Analysis, cases};
    use crate::fixtures;
    use crate::gate::{Gates, judge};
    use chrono::Utc;
    use record::{Answered, Body, EMBEDDED, Ending, FlowStart, Header, Record, RunKind, Tick};
    use serde_json::json;

    /// The check where webhooks with these events about the run's flow come, of which a step forbids `forbidden` alone.
    fn check(environment: &str, learns: bool, events: &[&str]) -> (Check, u64) {
        let mut header = Header::new(RunKind::Run, Utc::now()).unwrap();
        (header.flows, header.ours, header.learns) = (1, vec!["/id".to_owned()], learns);
        environment.clone_into(&mut header.environment);
        let mut analysis = Analysis::new(header).unwrap();
        let ours = [("/id".to_owned(), json!(7))].into();
        let start = FlowStart { flow: 0, at: Tick(0), variant: None, subject: json!(0), ours };
        analysis.take(&Record::FlowStart(start));
        let expect = json!({
            "flow": 0, "step": "pay", "at": 0, "event": "forbidden", "matchers": { "/id": 7 }, "count": 0, "within_ms": 5000,
        });
        analysis.take(&Record::Expect(serde_json::from_value(expect).unwrap()));
        for (number, event) in (0..).zip(events) {
            let at = Tick(number * 1000);
            let mut attempt = fixtures::attempt(number, at);
            attempt.headers = vec![("X-Webhook-Event".to_owned(), (*event).to_owned())];
            attempt.body = Body::Text(json!({ "event": event, "id": 7, "number": number }).to_string());
            analysis.take(&Record::Attempt(Box::new(attempt)));
            analysis.take(&Record::Answered(Answered { attempt: number, end: at, how: Ending::Sent }));
        }
        let listed = cases(&analysis).unexpected.total;
        let checks = judge(&analysis, &Gates::default());
        (checks.into_iter().find(|check| check.id == UNEXPECTED.id).unwrap(), listed)
    }

    #[test]
    fn an_event_that_no_step_names_may_be_somebody_elses_doing_where_others_use_the_system() {
        let verdict = |environment, learns, events: &[&str]| check(environment, learns, events).0.verdict;
        assert_eq!(verdict("staging", false, &["reminder"]), Verdict::Unproven);
        assert_eq!(verdict(EMBEDDED, false, &["reminder"]), Verdict::Fail, "nobody else is there");
        assert_eq!(verdict("staging", true, &["reminder"]), Verdict::Fail, "the run made what it is about");
        assert_eq!(verdict("staging", false, &["forbidden"]), Verdict::Fail, "a step forbids it");
        assert_eq!(verdict("staging", false, &["reminder", "forbidden"]), Verdict::Fail);
        assert_eq!(verdict("staging", false, &[""]), Verdict::Fail, "no event at all");
        let (check, listed) = check("staging", false, &["reminder", "reminder"]);
        assert!(
            check.text.starts_with("2 in 2 deliveries; 2 with an event that no step names, perhaps"),
            "{}",
            check.text
        );
        assert_eq!((check.actual, listed), (Some(2.0), 2), "each is counted and listed all the same");
    }
}
