//! The first steps that went wrong, as they may be shown: what was sent and what came, without secrets and personal data.

use pii::Engine;
use record::{Outcome, Step};
use serde_json::Value;
use std::time::Duration;

/// Steps that are kept.
const KEPT: usize = 12;
/// Longest answer that is shown, in characters.
const LONGEST: usize = 1500;

/// A step that was not as expected.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The flow; `None` for a login that several flows share.
    pub flow: Option<u32>,
    /// The step's name.
    pub step: String,
    /// Method and path, masked.
    pub request: String,
    /// Status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// Until the answer was read.
    pub took: Duration,
    /// How often it was sent.
    pub tries: u32,
    /// What was not as expected, one sentence each.
    pub problems: Vec<String>,
    /// The answer's body, masked; `None` where there was none, or where it cannot be shown.
    pub answer: Option<String>,
}

/// The first of them.
#[derive(Debug, Clone, Default)]
pub struct Exchanges {
    /// In the order of the journal.
    pub first: Vec<Exchange>,
}

impl Exchanges {
    pub(super) fn step_ended(&mut self, step: &Step, engine: &Engine) {
        if step.outcome != Outcome::Failed || self.first.len() >= KEPT {
            return;
        }
        self.first.push(Exchange {
            flow: step.flow,
            step: step.step.clone(),
            request: engine.masked(&step.request),
            status: step.status,
            took: step.ended.since(step.started),
            tries: step.tries,
            problems: step.problems.iter().map(|problem| engine.masked(problem)).collect(),
            answer: step.body.as_deref().and_then(|body| shown(body, engine)),
        });
    }
}

/// A body with each finding masked where it stands, cut; `None` where something cannot be masked.
fn shown(body: &str, engine: &Engine) -> Option<String> {
    let text = match serde_json::from_str::<Value>(body) {
        Ok(mut value) => {
            for finding in engine.scan_response(body.as_bytes(), None).findings {
                if let Some(found) = value.pointer_mut(&finding.place) {
                    *found = Value::String(finding.excerpt);
                }
            }
            serde_json::to_string_pretty(&value).ok()?
        }
        Err(_) => {
            let text = engine.masked(body);
            text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
        }
    };
    let clean = engine.scan_response(text.as_bytes(), None).findings.is_empty();
    let cut = text.chars().count() > LONGEST;
    clean.then(|| text.chars().take(LONGEST).chain(cut.then_some('…')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pii::Policy;
    use record::Tick;

    fn answered(body: &str) -> Exchanges {
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut kept = Exchanges::default();
        let step = Step {
            flow: Some(1),
            step: "verify".to_owned(),
            started: Tick(0),
            ended: Tick(1_000),
            request: "POST /api/payments/7/verify/?mail=ann@example.org".to_owned(),
            status: Some(409),
            outcome: Outcome::Failed,
            problems: vec!["status 409, expected 200".to_owned()],
            body: Some(body.to_owned()),
            tries: 1,
        };
        (0..KEPT + 5).for_each(|_| kept.step_ended(&step, &engine));
        kept
    }

    #[test]
    fn an_answer_is_shown_without_personal_data() {
        let kept = answered(
            r#"{"detail":"Invalid state","payer_account_number":"01712345678","mail":"ann@example.org"}"#,
        );
        let first = kept.first.first().unwrap();
        let answer = first.answer.as_deref().unwrap();
        assert!(answer.contains("Invalid state"), "{answer}");
        assert!(!answer.contains("01712345678") && !answer.contains("ann@example"), "{answer}");
        assert!(!first.request.contains("ann@"), "{}", first.request);
        assert_eq!(kept.first.len(), KEPT);
        let page = answered("<p>write to ann@example.org</p>");
        assert!(page.first.first().unwrap().answer.as_deref().is_none_or(|text| !text.contains("ann@")));
    }
}
