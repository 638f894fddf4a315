//! What many facts amount to: counts that add up, in place of the facts themselves.

use crate::Gap;
use crate::JsonSchema;
use crate::Tick;
use crate::latency::Latency;
use crate::sum::{count_named, extend};
use crate::summed;
use serde::{Deserialize, Serialize};
use signature::Reason;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most sentences that are kept of one kind.
pub const TOLD: usize = 3;
/// Most webhooks in trouble that are named.
const TROUBLED: usize = 20;
/// Most times of blindness that are kept one by one.
const GAPS: usize = 20;
/// Most addresses of strangers that are told apart, and the hexadecimal digits that tell them.
const ADDRESSES: usize = 100;
const ADDRESS_DIGITS: usize = 16;
/// Most headers of proxies and their addresses that are told apart.
const FORWARDED: usize = 50;
/// Most diagnoses that are told apart.
const DIAGNOSES: usize = 50;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

summed! {
    /// What the flows of a run and their webhooks amount to, from its beginning on. A journal of a load holds it every few
    /// seconds in place of flows, steps and attempts; the last one counts.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct RunStats {
        /// Up to when.
        pub at: Tick => latest,
        /// Flows that began.
        pub flows: u64,
        /// Of those, the ones that ended.
        pub ended: u64,
        /// Steps that had to fire webhooks, or must not.
        pub expectations: u64,
        /// Steps by name.
        pub steps: BTreeMap<String, StepFacts>,
        /// Webhooks that were left alone.
        pub organic: Tally,
        /// Webhooks that were broken on purpose.
        pub injected: Tally,
        /// Attempts that came, whosever they are, by what the verification said.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub came: BTreeMap<Reason, u64>,
        /// Deliveries that hold none of this run's values: other traffic at the same receiver.
        pub foreign: u64,
        /// Requests that could not be webhooks, by the status that they were refused with.
        pub refused: BTreeMap<u16, u64>,
        /// Diagnoses of invalid signatures.
        pub diagnoses: BTreeMap<String, u64> => named(DIAGNOSES),
        /// Personal data in webhooks.
        pub webhook_pii: PiiStats,
        /// Personal data in the API's responses.
        pub api_pii: PiiStats,
        /// Requests that nothing shows to be the sender's.
        #[serde(default)]
        pub unauthenticated: Unauthenticated,
        /// What was seen of the payload contract.
        #[serde(default)]
        pub payloads: PayloadStats,
        /// What was seen of each clause of the retry contract, by the id of its check.
        pub clauses: BTreeMap<String, ClauseStats>,
        /// What was seen of the sender's circuit breaker.
        pub breaker: BreakerStats,
        /// From the first byte of an attempt that was left alone to the end of our answer.
        pub inbox: Latency,
        /// Times in which webhooks could not be seen.
        pub gaps: Vec<Gap> => most(GAPS),
        /// How well the clock of a receiver elsewhere is known, in µs.
        pub uncertainty_us: Option<u64> => latest,
        /// The first webhooks that came late or never, each in a sentence.
        pub troubled: Vec<String> => most(TROUBLED),
    }
}

summed! {
    /// Counts over deliveries and over the webhooks that were due.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct Tally {
        /// Webhooks that were due.
        pub expected: u64,
        /// Of those, accepted in the end and in time.
        pub fulfilled: u64,
        /// Of those, accepted later than their limit.
        pub late: u64,
        /// Of those that came after the limit, the ones that were under way while nothing could be seen.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub unseen_late: u64,
        /// Of those that were due, never seen.
        pub lost: u64,
        /// Not due any more when the run was interrupted, or still due: neither came nor lost.
        pub pending: u64,
        /// Of those, never seen while the sender's breaker was open.
        pub suppressed: u64,
        /// Of those, never seen while the breaker of one of its processes may have been open, which is not seen from outside.
        #[serde(default)]
        pub unclear_suppressed: u64,
        /// Deliveries that arrived.
        pub deliveries: u64,
        /// Deliveries by fate.
        pub fates: BTreeMap<String, u64>,
        /// Deliveries with more than one attempt.
        pub retried: u64,
        /// Attempts.
        pub attempts: u64,
        /// Attempts answered with 4xx.
        pub client_errors: u64,
        /// Attempts answered with 5xx.
        pub server_errors: u64,
        /// Attempts without a complete response.
        pub unanswered: u64,
        /// Attempts before their webhook was accepted that had another response, with which it was not: a redirect, or a 2xx that the sender takes for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub unaccepted: u64,
        /// Webhooks that came more often than they should: a second delivery, or an attempt after acceptance.
        pub duplicates: u64,
        /// Of those, the ones whose acceptance the sender may not have been told of, since nothing could be seen then.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub unseen_duplicates: u64,
        /// Webhooks more than were due that somebody else may have fired: they hold this run's values, and nothing tells whose
        /// they are.
        #[serde(default)]
        pub unclear_duplicates: u64,
        /// Webhooks that contradict their sender's profile about their event or their format.
        #[serde(default)]
        pub event_mismatches: u64,
        /// Webhooks that had to come after another one, and both came.
        #[serde(default)]
        pub ordered: u64,
        /// Of those, the ones that came before it.
        #[serde(default)]
        pub out_of_order: u64,
        /// Of those, the ones that came before it if they belong to the same flow, which nothing tells.
        #[serde(default)]
        pub unclear_order: u64,
        /// Webhooks that several flows were waiting for at once, so that nothing but their order says whose they are.
        #[serde(default)]
        pub interchangeable: u64,
        /// Webhooks of this run that no step asked for.
        pub unexpected: u64,
        /// Of those, the ones that somebody else may have fired: the scenario does not know their event, and others use the system.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub unclear_unexpected: u64,
        /// Deliveries that followed a redirect.
        pub elsewhere: u64,
        /// Ids that were used for two different webhooks.
        pub reused_ids: u64,
        /// Attempts by verification result.
        pub reasons: BTreeMap<Reason, u64>,
        /// Deliveries by event.
        pub events: BTreeMap<String, u64>,
        /// Delivery latency of the accepted ones.
        pub latency: Latency,
    }
}

summed! {
    /// All steps with one name.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct StepFacts {
        /// Went as expected.
        pub ok: u64,
        /// Refused with a status that the scenario allows.
        pub refused: u64,
        /// Not as expected.
        pub failed: u64,
        /// Not sent, because an earlier step of the flow failed.
        pub skipped: u64,
        /// Time from request to answer, of the steps that got one.
        pub latency: Latency,
        /// The first few problems in words, with the flow's number.
        pub problems: Vec<(Option<u32>, String)> => most(Self::KEPT_PROBLEMS),
        /// Responses by status.
        pub statuses: BTreeMap<u16, u64>,
    }
}

summed! {
    /// Requests without a valid signature that nothing shows to be the sender's: no evidence about its payloads, rates or
    /// latency.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct Unauthenticated {
        /// How many.
        pub requests: u64,
        /// Of those, the ones that are not in the journal one by one, because there were too many.
        pub not_kept: u64,
        /// Of those, the ones that look as the sender's webhooks do: somebody copies them, or the sender has another secret where
        /// they came from.
        #[serde(default)]
        pub imitating: u64,
        /// Of those, signed with the secret all the same, and no copies of what came before: the sender's own.
        #[serde(default)]
        pub by_key: u64,
        /// Requests by the address that they came from, each as the beginning of a digest.
        pub addresses: BTreeMap<String, u64> => named(ADDRESSES),
        /// Requests by verification result.
        pub reasons: BTreeMap<Reason, u64>,
        /// What was wrong with their signatures.
        pub diagnoses: BTreeMap<String, u64> => named(DIAGNOSES),
    }
}

impl Unauthenticated {
    pub fn count(&mut self, peer: Option<IpAddr>, reason: Reason) {
        self.requests += 1;
        *self.reasons.entry(reason).or_default() += 1;
        if let Some(peer) = peer {
            let mut digest = crate::sha256_hex(peer.to_string().as_bytes());
            digest.truncate(ADDRESS_DIGITS);
            count_named(&mut self.addresses, &digest, 1, ADDRESSES);
        }
    }

    /// Counts what is known of one of them.
    pub fn diagnosed(&mut self, diagnosis: &str) {
        count_named(&mut self.diagnoses, diagnosis, 1, DIAGNOSES);
    }
}

impl std::fmt::Display for Unauthenticated {
    /// `3 unauthenticated requests from 1 address`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "es" };
        let s = if self.requests == 1 { "" } else { "s" };
        write!(f, "{} unauthenticated request{s}", self.requests)?;
        match self.addresses.len() {
            0 => Ok(()),
            n if n > ADDRESSES => write!(f, " from more than {ADDRESSES} addresses"),
            n => write!(f, " from {n} address{}", plural(n)),
        }
    }
}

summed! {
    /// Personal data found in one kind of traffic.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct PiiStats {
        /// Requests or answers looked at.
        pub inspected: u64,
        /// Requests or answers that could not be read as text, or not to their end.
        #[serde(default)]
        pub unread: u64,
        /// Findings.
        pub total: u64,
        /// Findings by category.
        pub by_category: BTreeMap<String, u64>,
        /// In how many webhooks a header of proxies said the address that it said in all of them, `X-Forwarded-For says ADDRESS`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub forwarded: BTreeMap<String, u64> => named(FORWARDED),
        /// Where the first ones are: JSON pointers or header names, never values.
        pub places: Vec<String> => most(TOLD),
    }
}

summed! {
    /// Webhooks against the schemas of their events, and what every reader of JSON reads as it likes.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct PayloadStats {
        /// Whether the sender's profile has schemas.
        pub with_contract: bool => first,
        /// Why they cannot be used; empty when they can.
        pub problem: String => first,
        /// Webhooks that have a schema.
        pub checked: u64,
        /// Of those, the ones that do not fit it.
        pub violating: u64,
        /// Webhooks whose event has no schema.
        pub without: u64,
        /// What is wrong: event, JSON pointer and reason.
        pub violations: BTreeMap<String, u64> => named(DIAGNOSES),
        /// How webhooks contradict the sender's profile about their event or their format.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub contradictions: BTreeMap<String, u64> => named(DIAGNOSES),
        /// Webhooks in whose body a key appears twice in one object, schema or not.
        #[serde(default)]
        pub repeating: u64,
        /// The first such key of each, as a JSON pointer.
        #[serde(default)]
        pub repeated_keys: BTreeMap<String, u64> => named(DIAGNOSES),
    }
}

impl PayloadStats {
    /// Counts a violation; beyond 50 different ones they count as one.
    pub fn violated(&mut self, what: &str) {
        count_named(&mut self.violations, what, 1, DIAGNOSES);
    }

    /// Counts a webhook that contradicts the profile in this way.
    pub fn contradicted(&mut self, how: &str) {
        count_named(&mut self.contradictions, how, 1, DIAGNOSES);
    }

    /// Counts a webhook in which this key appears twice.
    pub fn repeated(&mut self, pointer: &str) {
        self.repeating += 1;
        count_named(&mut self.repeated_keys, pointer, 1, DIAGNOSES);
    }
}

summed! {
    /// What was seen of one clause of the retry contract.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct ClauseStats {
        /// How often it was put to the test.
        pub n: u64,
        /// How often it was broken.
        pub broken: u64,
        /// Deliveries of which nothing can be said: they were not watched to their end.
        pub unwatched: u64,
        /// The first breaches in words; where there are none, why nothing can be said of some deliveries.
        pub told: Vec<String> => most(TOLD),
    }
}

summed! {
    /// What was seen of the sender's circuit breaker.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
    pub struct BreakerStats {
        /// How often it had to open.
        pub openings: u64,
        /// Deliveries that came while it had to be open.
        pub leaked: u64,
        /// Number of the first of them; 0 without any.
        pub first_leaked: u64 => first,
        /// Webhooks that it dropped after that one had come; a build before this one did not count them.
        #[serde(default)]
        pub dropped_since: u64,
        /// Webhooks that never came although the silence was over.
        pub stuck: u64,
        /// Probes that were seen.
        pub probes: u64,
    }
}

impl RunStats {
    /// Counts a diagnosis; beyond 50 different ones they count as one.
    pub fn diagnosed(&mut self, diagnosis: &str, times: u64) {
        count_named(&mut self.diagnoses, diagnosis, times, DIAGNOSES);
    }

    /// Names a webhook that came late or never.
    pub fn trouble(&mut self, sentence: impl FnOnce() -> String) {
        if self.troubled.len() < TROUBLED {
            self.troubled.push(sentence());
        }
    }

    /// Most gaps that are kept.
    pub const MOST_GAPS: usize = GAPS;

    /// Webhooks could not be seen.
    pub fn blind(&mut self, gap: &Gap) {
        extend(&mut self.gaps, std::slice::from_ref(gap), GAPS);
    }

    /// Number of steps sent, and how many of those were not as expected; skipped ones are not sent.
    #[must_use]
    pub fn sent_and_failed(&self) -> (u64, u64) {
        self.steps.values().fold((0, 0), |(n, k), s| (n + s.ok + s.refused + s.failed, k + s.failed))
    }
}

impl Tally {
    /// Deliveries of that fate.
    #[must_use]
    pub fn fate(&self, fate: &str) -> u64 {
        self.fates.get(fate).copied().unwrap_or(0)
    }

    /// Attempts with a signature of the key.
    #[must_use]
    pub fn authentic(&self) -> u64 {
        self.reasons.iter().filter(|(reason, _)| reason.is_authentic()).map(|(_, n)| n).sum()
    }

    /// Attempts whose signature and headers were in order, and all attempts.
    #[must_use]
    pub fn signatures(&self) -> (u64, u64) {
        (self.reasons.get(&Reason::Valid).copied().unwrap_or(0), self.attempts)
    }

    /// Attempts that were taken without verifying them.
    #[must_use]
    pub fn unchecked(&self) -> u64 {
        self.reasons.get(&Reason::Unchecked).copied().unwrap_or(0)
    }
}

impl StepFacts {
    /// Most problems that are kept in words for one step name.
    pub const KEPT_PROBLEMS: usize = 5;
}
