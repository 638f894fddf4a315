//! What a probe sent and when: in time, and nothing that is to be refused is what is to be accepted.

use super::Contradictions;
use super::order::s;
use record::{Came, End, ProbeFact, ProbeRequest, ProbeSent, Right, Tick};
use std::collections::{HashMap, HashSet};

/// The requests of a probe while they go by.
#[derive(Default)]
pub(super) struct Probed {
    latest: Tick,
    /// What is to be accepted, by its digest.
    accepted: HashSet<String>,
    /// What is to be refused, and of which case.
    refused: HashMap<String, String>,
}

impl Probed {
    pub(super) fn take(&mut self, fact: &ProbeFact, found: &mut Contradictions) {
        self.latest = self.latest.max(fact.at());
        let ProbeFact::Sent(sent) = fact else { return };
        if let Some(what) = out_of_time(sent) {
            found.add("ends_before_it_starts", what);
        }
        let Some(digest) = digest(&sent.request) else { return };
        match sent.right {
            Right::Accepted => {
                self.accepted.insert(digest);
            }
            Right::Refused | Right::RefusedAndHandled => {
                self.refused.entry(digest).or_insert_with(|| format!("{} ({})", sent.case, sent.label));
            }
            _ => {}
        }
    }

    pub(super) fn end(&self, end: &End, found: &mut Contradictions) {
        if end.at < self.latest {
            let what = format!("the probe ends at {} s, but has facts from {} s", s(end.at), s(self.latest));
            found.add("times_out_of_order", what);
        }
        let mut alike: Vec<&String> = self
            .refused
            .iter()
            .filter(|(digest, _)| self.accepted.contains(*digest))
            .map(|(_, of)| of)
            .collect();
        alike.sort();
        for of in alike {
            let what = format!(
                "what {of} sent is to be refused, but another case sent the very same, to be accepted: it was never sent so"
            );
            found.add("probe_request_differs", what);
        }
    }
}

/// An answer comes after its request, and not at the same moment.
fn out_of_time(sent: &ProbeSent) -> Option<String> {
    let is_answered = matches!(sent.came, Came::Answer(_));
    let is_wrong = sent.ended < sent.started || is_answered && sent.ended == sent.started;
    is_wrong.then(|| {
        let (started, ended) = (s(sent.started), s(sent.ended));
        format!(
            "the response to {} ({}) came at {ended} s, but it was sent at {started} s",
            sent.case, sent.label
        )
    })
}

/// Of one whose body was kept.
fn digest(request: &ProbeRequest) -> Option<String> {
    request.body.as_ref()?;
    serde_json::to_vec(request).ok().map(|bytes| record::sha256_hex(&bytes))
}
