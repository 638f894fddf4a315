//! The cases: what is tried, why it matters, how the requests are made, and how their answers are judged.

use crate::JsonSchema;
use crate::cases::{behaviour, forgery, raw_body, respelt, robustness, unexpected, waived};
use crate::forge::{Draft, Forge};
use crate::shot::Shot;
use record::Right;
use serde::{Deserialize, Serialize};
use signature::Scheme;

/// What cases are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// A valid webhook is accepted; otherwise nothing else means anything.
    Baseline,
    /// What is not validly signed is not accepted.
    Forgery,
    /// Nothing makes it fail.
    Robustness,
    /// It verifies the raw bytes.
    RawBody,
    /// It does the right thing with what it accepts.
    Behaviour,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 5] =
        [Self::Baseline, Self::Forgery, Self::Robustness, Self::RawBody, Self::Behaviour];

    /// The name on the command line and in artifacts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Forgery => "forgery",
            Self::Robustness => "robustness",
            Self::RawBody => "raw-body",
            Self::Behaviour => "behaviour",
        }
    }

    /// What is asked of the receiver.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Baseline => "A valid webhook is accepted",
            Self::Forgery => "Nothing forged is accepted",
            Self::Robustness => "Nothing makes it crash",
            Self::RawBody => "The raw bytes are verified",
            Self::Behaviour => "What is accepted is handled correctly",
        }
    }
}

/// How the requests of a case follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// One after the other.
    InTurn,
    /// All at once.
    Together,
    /// The first one slowly, the others meanwhile.
    Beside,
    /// One after the other until seven seconds are over.
    Sampled,
}

/// How the answers are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Each request by itself.
    EachShot,
    /// Each, and the webhook must have been processed exactly once.
    Once,
    /// At least one is accepted, none fails, and the webhook must have been processed exactly once.
    OnceOfMany,
    /// The second one must not be processed.
    Reuse,
    /// By how long the answers took.
    AnswerTime,
    /// By whether the fast ones were answered while the slow one was open.
    Beside,
    /// Each request by itself, and never by the times, which are reported.
    Timing,
    /// By all answers of the probe.
    Overall(Overall),
}

/// What is judged by all answers of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// No 5xx, stack trace or missing answer where no case of its own asks for that.
    ServerError,
    /// No answer holds the secret, the key or the signature that would have been right.
    Echo,
    /// No valid webhook is answered with a redirect.
    Redirect,
    /// A 429 says when to come back.
    RateLimit,
}

#[derive(Debug)]
pub struct Case {
    /// Its stable name.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// What is done, in a few words.
    pub title: &'static str,
    /// Why it matters, with the public advisory or specification that it comes from.
    pub why: &'static str,
    /// How the requests follow each other.
    pub play: Play,
    /// How the answers are judged.
    pub judged: Judged,
    pub(crate) build: fn(&mut Bench<'_>) -> Result<Vec<Shot>, &'static str>,
}

/// Where the requests of one case are made.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub forge: &'a Forge,
    case: &'static str,
    pub now_ms: i64,
    next: u32,
}

impl Bench<'_> {
    /// A webhook of its own, of now.
    pub(crate) fn draft(&mut self) -> Draft {
        self.draft_at(self.now_ms)
    }

    /// The same, signed at another time.
    pub(crate) fn draft_at(&mut self, ms: i64) -> Draft {
        self.next += 1;
        self.forge.draft(self.case, self.next, ms)
    }

    pub(crate) fn draft_of(&mut self, event: &str) -> Draft {
        self.next += 1;
        self.forge.draft_of(event, self.case, self.next, self.now_ms)
    }

    /// A fresh webhook, signed as it should be.
    pub(crate) fn signed(&mut self, label: &str, right: Right) -> Shot {
        let draft = self.draft();
        self.forge.signed(label, &draft, right)
    }

    /// A fresh webhook with this in place of the signature header's value.
    pub(crate) fn with_value(&mut self, label: &str, value: Option<&[u8]>, right: Right) -> Shot {
        let draft = self.draft();
        self.forge.shot(label, &draft, value, right)
    }
}

impl Case {
    /// Every case, in the order in which they are played.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [&VALID, &behaviour::ANSWER_TIME]
            .into_iter()
            .chain(forgery::CASES)
            .chain(respelt::CASES)
            .chain(waived::CASES)
            .chain(robustness::CASES)
            .chain(unexpected::CASES)
            .chain(raw_body::CASES)
            .chain(behaviour::CASES)
    }

    /// Whether nothing that it sends is signed as it stands, so that none of it may have an effect.
    ///
    /// Filler that is read to its end is not among it: no webhook can be made of that.
    #[must_use]
    pub fn is_forged(&'static self, shots: &[Shot]) -> bool {
        let forged = |shot: &Shot| {
            matches!(shot.right, Right::Refused | Right::RefusedAndHandled) || shot.method != "POST"
        };
        self.judged == Judged::EachShot && !shots.is_empty() && shots.iter().all(forged)
    }

    /// The case of this name.
    #[must_use]
    pub fn of(id: &str) -> Option<&'static Self> {
        Self::all().find(|case| case.id == id)
    }

    /// What the requests to a receiver of this sender are called, what answer to each is right, and its method; nothing where the case says
    /// nothing about that sender.
    #[must_use]
    pub fn requests(&'static self, scheme: Scheme) -> Vec<(String, Right, &'static str)> {
        let shots = Forge::hollow(scheme).and_then(|forge| self.shots(&forge, 0, 0).ok());
        shots.into_iter().flatten().map(|shot| (shot.label, shot.right, shot.method)).collect()
    }

    /// Its requests at this time of the receiver, in Unix milliseconds. `from` is how many webhooks of this case there were before,
    /// so that a case that is played again does not send them again.
    ///
    /// # Errors
    /// Why the case says nothing about this sender.
    pub fn shots(&'static self, forge: &Forge, now_ms: i64, from: u32) -> Result<Vec<Shot>, &'static str> {
        (self.build)(&mut Bench { forge, case: self.id, now_ms, next: from })
    }
}

/// The case that all others rest on.
static VALID: Case = Case {
    id: "valid",
    group: Group::Baseline,
    title: "a correctly signed webhook",
    why: "a receiver that refuses what its sender sends cannot be told from one that refuses everything",
    play: Play::InTurn,
    judged: Judged::EachShot,
    build: |bench| Ok(vec![bench.signed("valid", Right::Accepted)]),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_REQUESTS, can_imitate};
    use std::collections::BTreeSet;

    #[test]
    fn every_case_has_a_name_a_reason_and_few_requests() {
        let names: BTreeSet<&str> = Case::all().map(|case| case.id).collect();
        assert_eq!(names.len(), Case::all().count(), "names are unique");
        assert!(Case::all().all(|case| !case.why.is_empty() && Case::of(case.id).is_some()));
        for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
            let secret = sender.generate_secret().unwrap();
            let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
            let mut sent = 0;
            for case in Case::all() {
                let shots = case.shots(&forge, 1_764_115_200_000, 0).unwrap_or_default();
                let marked = |shot: &Shot| {
                    shot.header("X-Smoke-Probe") == Some(b"canary") && shot.header("User-Agent").is_some()
                };
                assert!(shots.iter().all(marked), "{}: every request is marked as a probe's", case.id);
                sent += shots.len();
            }
            // A diagnosis, and each case again after a 429, would still fit.
            assert!((100..MAX_REQUESTS - 20).contains(&sent), "{sender}: {sent}");
        }
    }
}
