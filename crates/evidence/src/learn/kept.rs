//! Whether the deliveries of a journal keep what a profile says of retries, by the judgement that a run's own gate makes.

use super::{place_names, written};
use crate::analysis::{Analysis, Breach, RetryFacts, retries};
use crate::figure::counted;
use correlate::Contradiction;
use pii::PolicyError;
use record::{Header, Record, RetryContract, SenderProfile};
use signature::Scheme;
use std::collections::BTreeSet;

/// Takes in a journal, record by record, as that of a profile's sender.
pub struct Kept(Analysis);

/// What was seen of a profile's retries.
#[derive(Debug, Default)]
pub struct KeptRetries {
    /// What drifted of them, and of event and format: key, what the profile says, what was seen.
    pub drifted: Vec<(&'static str, String, String)>,
    /// In how many deliveries a retry, or its absence, could be seen where the profile says which it is.
    pub seen: usize,
    /// How many had an attempt that failed.
    pub failed: usize,
}

impl Kept {
    /// Nothing known but the header of the journal; the sender is the profile's, whoever it was taken for.
    ///
    /// # Errors
    /// When the PII policy in the header is none.
    pub fn new(header: &Header, profile: &SenderProfile, scheme: Scheme) -> Result<Self, PolicyError> {
        let mut header = header.clone();
        header.retry = profile.contract();
        if let Some(timeout) = profile.limits.timeout {
            header.webhook.timeout_ms = u64::try_from(timeout.get().as_millis()).unwrap_or(u64::MAX);
        }
        header.webhook.max_attempts = header.retry.attempts();
        header.scheme = scheme;
        header.sender = Some(Box::new(profile.clone()));
        Analysis::new(header).map(Self)
    }

    pub fn take(&mut self, record: &Record) {
        self.0.take(record);
    }

    /// What there was to see, when the journal has ended.
    #[must_use]
    pub fn retries(&self) -> KeptRetries {
        let (found, contract) = (retries(&self.0), &self.0.header.retry);
        let one = !contract.goes_on(1);
        let shows = |facts: &&RetryFacts| {
            let ended = !found.unproven.contains(&facts.delivery) && facts.silence_watched;
            if one { ended } else { facts.gaps_us.iter().any(Option::is_some) }
        };
        let mut drifted = drifted(&found.breaches, contract);
        drifted.extend(self.contradicted());
        KeptRetries {
            drifted,
            seen: found.exercised.iter().filter(shows).count(),
            failed: found.exercised.len(),
        }
    }
}

impl Kept {
    /// What webhooks say otherwise of their event and format than the profile: the first one of either.
    fn contradicted(&self) -> Vec<(&'static str, String, String)> {
        let scheme = self.0.header.scheme;
        let of = |how: Contradiction| match how {
            Contradiction::MediaType { promised } => ("body.media_type", promised.to_owned(), how),
            _ => {
                let places = place_names(&scheme.spec().event);
                ("event", places.iter().map(|place| written(place)).collect::<Vec<_>>().join(" "), how)
            }
        };
        let mut all: Vec<(&'static str, String, String)> = Vec::new();
        for (key, said, how) in self.0.contradicting().map(of) {
            if all.iter().all(|(other, ..)| *other != key) {
                all.push((key, said, how.to_string()));
            }
        }
        all
    }
}

/// One line for each key: the first breach of it, and how many deliveries have one.
pub(super) fn drifted(breaches: &[Breach], contract: &RetryContract) -> Vec<(&'static str, String, String)> {
    let mut all: Vec<(&'static str, String, String)> = Vec::new();
    for breach in breaches {
        let (key, said) = against(breach, contract);
        if all.iter().any(|(other, ..)| *other == key) {
            continue;
        }
        let like_it = breaches.iter().filter(|other| against(other, contract).0 == key);
        let deliveries: BTreeSet<u64> = like_it.map(Breach::delivery).collect();
        let n = counted(deliveries.len() as u64, "deliveries");
        all.push((key, said, format!("{} (in {n})", breach.what())));
    }
    all
}

/// The key of a profile that a breach is of, and what the profile says there.
fn against(breach: &Breach, contract: &RetryContract) -> (&'static str, String) {
    match breach {
        Breach::Gap { attempt, wanted_us, .. } => {
            ("retry.schedule", format!("a pause of {} ms before attempt {attempt}", wanted_us / 1000))
        }
        Breach::TooFew { .. } | Breach::TooMany { .. } => {
            let attempts = if contract.endless {
                "attempts without end".to_owned()
            } else {
                counted(contract.attempts().into(), "attempts")
            };
            ("retry.schedule", attempts)
        }
        Breach::RetriedClientError { status, .. } => ("retry.abort", format!("{status} ends the delivery")),
        Breach::RetriedSuccess { status, .. } => ("retry.success", format!("{status} ends the delivery")),
        Breach::Identity { changed, .. } => ("retry.identity", format!("the same {changed} in each attempt")),
        Breach::SameTimestamp { .. } => {
            ("retry.identity", "a timestamp of its own in each attempt".to_owned())
        }
        Breach::Redirected { .. } => ("limits.follows_redirects", "false".to_owned()),
        Breach::Overstayed { timeout_ms, .. } | Breach::GaveUp { timeout_ms, .. } => {
            ("limits.timeout", format!("{timeout_ms}ms"))
        }
    }
}
