//! Keeps what was sent and what came: in the journal, and for whoever judges at once.

use super::exchange::Outcome;
use crate::journal::Journal;
use crate::redact::Redactor;
use probe::{Content, Shot, stack_trace};
use record::{Body, Came, NoAnswer, ProbeAnswer, ProbeFact, ProbeRequest, ProbeSent, Record, Tick};
use signature::Secret;
use std::io;
use std::sync::{Mutex, PoisonError};
use wire::http1::Response;

/// Longest body of a request that is kept, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Characters that are kept of an answer's body.
const EXCERPT: usize = 512;
/// Headers of an answer that are kept.
const KEPT: [&str; 4] = ["content-type", "location", "retry-after", "date"];

/// Writes facts down.
pub(crate) struct Recorder {
    journal: Option<Journal>,
    facts: Mutex<Vec<ProbeFact>>,
    knowing: Redactor,
    /// Knows shapes and no secret: what it leaves and the other one does not is a secret.
    plain: Redactor,
}

impl Recorder {
    /// A recorder that scrubs these secrets; without a journal facts are kept in memory only.
    pub(crate) fn new(journal: Option<Journal>, secrets: &[Secret]) -> Self {
        let (knowing, plain) = (Redactor::new(), Redactor::new());
        knowing.learn_all(secrets);
        Self { journal, facts: Mutex::new(Vec::new()), knowing, plain }
    }

    /// Writes one fact.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn write(&self, fact: ProbeFact) -> io::Result<()> {
        if let Some(journal) = &self.journal {
            journal.append(&Record::Probe(fact.clone()))?;
        }
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).push(fact);
        Ok(())
    }

    /// Ends the journal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&self, at: Tick, complete: bool) -> io::Result<()> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.finish(at, complete).map(drop))
    }

    /// What was written.
    pub(crate) fn into_facts(self) -> Vec<ProbeFact> {
        self.facts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request and what came of it, as it is kept.
    pub(super) fn sent(
        &self,
        case: &str,
        shot: &Shot,
        (started, ended): (Tick, Tick),
        outcome: Outcome,
    ) -> ProbeSent {
        let (came, leaks) = match outcome {
            Outcome::Answer { answer, early } => self.answer(shot, &answer, early),
            Outcome::Nothing { kind, why, early } => {
                let kind = kind.name().to_owned();
                let why = self.knowing.scrub(&why).into_owned();
                (Came::Nothing(NoAnswer { kind, why, early }), Vec::new())
            }
            Outcome::NotAwaited => (Came::NotAwaited, Vec::new()),
        };
        ProbeSent {
            case: case.to_owned(),
            label: shot.label.clone(),
            right: shot.right,
            started,
            ended,
            request: request(shot),
            came,
            leaks,
        }
    }

    fn answer(&self, shot: &Shot, answer: &Response, early: bool) -> (Came, Vec<String>) {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let headers: String =
            answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let all = format!("{headers}{body}");
        let mut leaks = Vec::new();
        if self.knowing.scrub(&all) != self.plain.scrub(&all) {
            leaks.push("secret".to_owned());
        }
        // A receiver that repeats what it was given gives nothing away, in whatever case it came.
        let correct = shot.correct.to_ascii_lowercase();
        let holds = |text: &[u8]| contains(&text.to_ascii_lowercase(), correct.as_bytes());
        if holds(all.as_bytes()) && !shot.headers.iter().any(|(_, value)| holds(value)) {
            leaks.push("right signature".to_owned());
        }
        let kept = |(name, _): &&(String, String)| KEPT.contains(&name.to_ascii_lowercase().as_str());
        let scrubbed = |text: &str| {
            let text = self.knowing.scrub(text).into_owned();
            if leaks.len() == 2 || leaks.iter().any(|leak| leak != "secret") {
                text.replace(&shot.correct, record::MASK)
            } else {
                text
            }
        };
        let answer = ProbeAnswer {
            status: answer.status,
            headers: answer.headers.iter().filter(kept).map(|(n, v)| (n.clone(), scrubbed(v))).collect(),
            excerpt: scrubbed(&body).chars().take(EXCERPT).collect(),
            trace: stack_trace(&body).map(str::to_owned),
            early,
        };
        (Came::Answer(Box::new(answer)), leaks)
    }
}

fn request(shot: &Shot) -> ProbeRequest {
    let text =
        |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
    let body = match &shot.body {
        Content::Bytes(bytes) if bytes.len() <= MAX_BODY => Some(Body::from_bytes(bytes.clone())),
        _ => None,
    };
    ProbeRequest {
        method: shot.method.to_owned(),
        headers: shot.headers.iter().map(text).collect(),
        body,
        body_bytes: shot.body.len(),
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && all.windows(part.len()).any(|window| window == part)
}
