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
            "{}; {unclear} perhaps fired by somebody else or a timer about the same rows (no step names their event, or more of it \
             came than was due): use rows of your own, or name the event in a step (`count: at least 0` lets it come, `count: 0` \
             forbids it)",
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

    const STEP: &str = "pay";

    struct Bench(Analysis);

    impl Bench {
        fn new(environment: &str, learns: bool) -> Self {
            let mut header = Header::new(RunKind::Run, Utc::now()).unwrap();
            (header.flows, header.ours, header.learns) = (1, vec!["/id".to_owned()], learns);
            environment.clone_into(&mut header.environment);
            let mut analysis = Analysis::new(header).unwrap();
            let ours = [("/id".to_owned(), json!(7))].into();
            let start = FlowStart { flow: 0, at: Tick(0), variant: None, subject: json!(0), ours };
            analysis.take(&Record::FlowStart(start));
            Self(analysis)
        }

        fn expect(&mut self, at: u64, event: &str, count: u32) {
            let expect = json!({
                "flow": 0, "step": STEP, "at": at, "event": event, "matchers": { "/id": 7 }, "count": count, "within_ms": 5000,
            });
            self.0.take(&Record::Expect(serde_json::from_value(expect).unwrap()));
        }

        fn arrives(&mut self, at: u64, event: &str) {
            let (number, at) = (at, Tick(at));
            let mut attempt = fixtures::attempt(number, at);
            attempt.headers = vec![("X-Webhook-Event".to_owned(), event.to_owned())];
            attempt.body = Body::Text(json!({ "event": event, "id": 7, "number": number }).to_string());
            self.0.take(&Record::Attempt(Box::new(attempt)));
            self.0.take(&Record::Answered(Answered { attempt: number, end: at, how: Ending::Sent }));
        }

        fn check(&self) -> Check {
            let checks = judge(&self.0, &Gates::default());
            checks.into_iter().find(|check| check.id == UNEXPECTED.id).unwrap()
        }
    }

    /// The check where webhooks with these events about the run's flow come, of which a step forbids `forbidden` alone.
    fn check(environment: &str, learns: bool, events: &[&str]) -> (Check, u64) {
        let mut bench = Bench::new(environment, learns);
        bench.expect(0, "forbidden", 0);
        (1..).zip(events).for_each(|(at, event)| bench.arrives(at, event));
        (bench.check(), cases(&bench.0).unexpected.total)
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
            check.text.starts_with("2 in 2 deliveries; 2 perhaps fired by somebody else"),
            "{}",
            check.text
        );
        assert_eq!((check.actual, listed), (Some(2.0), 2), "each is counted and listed all the same");
    }

    #[test]
    fn what_a_step_forbids_may_be_somebody_elses_where_more_of_it_comes_than_is_due() {
        let verdict = |environment: &str, more: bool| {
            let mut bench = Bench::new(environment, false);
            bench.expect(0, "paid", 0);
            bench.arrives(5, "paid");
            bench.expect(10, "paid", 1);
            bench.arrives(15, "paid");
            more.then(|| bench.arrives(20, "paid"));
            bench.check().verdict
        };
        assert_eq!((verdict("staging", true), verdict("staging", false)), (Verdict::Unproven, Verdict::Fail));
        assert_eq!((verdict(EMBEDDED, true), verdict(EMBEDDED, false)), (Verdict::Fail, Verdict::Fail));
    }
}
