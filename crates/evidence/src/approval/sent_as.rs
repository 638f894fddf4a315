//! In whose name smoke sent: what a load counts as delivered, and tries again, is what that sender promises and no more.

use super::admissibility::{Checkout, KnownSender, is_built_in, told_differences};
use crate::gate::Verdict;
use record::{Header, RetryContract, RunKind, SenderProfile};

/// The retry contract by which smoke sent webhooks, against that of the sender in whose name it did.
pub(super) fn sent_as(header: &Header, checkout: &Checkout) -> (Verdict, String) {
    let sender = header.sender.as_deref();
    let name = sender.map_or(SenderProfile::usual().name.as_str(), |sender| &sender.name);
    if header.kind == RunKind::Probe && !header.scheme.is_built_in() {
        return probed_as(header, checkout);
    }
    if header.kind != RunKind::Load {
        return (Verdict::NotExercised, "smoke was the sender".to_owned());
    }
    let promised = sender.map_or_else(RetryContract::default, SenderProfile::contract);
    let promised = promised.as_sent(header.retry.attempts() > 1);
    if header.retry != promised {
        let figure = format!(
            "smoke sent as {name}, but not by what {name} promises{}",
            told_differences(&header.retry, &promised)
        );
        return (Verdict::Unproven, figure);
    }
    // A 2xx is a success everywhere (RFC 9110 section 15.3); that anything else is one is a word that needs a witness.
    let odd = (100..=999).find(|status| !matches!(status, 200..=299) && promised.succeeds(*status));
    match (sender, odd) {
        (Some(sender), Some(status)) if !is_built_in(header, sender, checkout) => {
            let figure = format!(
                "{status} counts as delivered by the profile {name}, which came with the run: use a built-in one, or count 2xx alone"
            );
            (Verdict::Unproven, figure)
        }
        _ => (Verdict::NotExercised, format!("smoke was the sender, and sent as {name}")),
    }
}

/// A profile of one's own decides which requests a probe has, and which answers are right: what it leaves out nobody tries. It has to be
/// one that a scenario of the checkout names.
fn probed_as(header: &Header, checkout: &Checkout) -> (Verdict, String) {
    let name = header.scheme.sender();
    let files = checkout.scenarios.values().filter_map(|known| known.sender.as_deref());
    let own = |file: &&KnownSender| header.sender.as_deref() == Some(&file.profile);
    let signs_so = header.sender.as_ref().is_some_and(|sender| sender.scheme() == Ok(header.scheme));
    match files.into_iter().find(own).filter(|_| signs_so) {
        Some(file) => {
            let source = &file.source;
            (Verdict::Pass, format!("smoke was the sender, and sent as {name} of {source} here"))
        }
        None => {
            let figure = format!(
                "the profile {name}, by which the receiver was probed, came with the probe; use a built-in one, or give a scenario that \
                 names the file (--scenario)"
            );
            (Verdict::Unproven, figure)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::admissibility::KnownScenario;
    use super::*;
    use crate::gate::Gates;
    use std::collections::BTreeMap;

    fn judged(change: impl FnOnce(&mut SenderProfile), after: impl FnOnce(&mut Header)) -> (Verdict, String) {
        let mut profile = SenderProfile::usual().clone();
        change(&mut profile);
        let retry = profile.contract().as_sent(true);
        let mut header = Header {
            retry,
            sender: Some(Box::new(profile)),
            ..Header::new(RunKind::Load, chrono::Utc::now()).unwrap()
        };
        after(&mut header);
        sent_as(&header, &checkout())
    }

    fn checkout() -> Checkout {
        Checkout {
            gates_name: String::new(),
            gates_sha256: String::new(),
            gates: Gates::default(),
            scenarios: BTreeMap::new(),
        }
    }

    #[test]
    fn a_load_is_sent_by_what_its_sender_promises() {
        let mine = |profile: &mut SenderProfile| profile.name = "mine".into();
        assert_eq!(judged(|_| {}, |_| {}).0, Verdict::NotExercised);
        assert_eq!(judged(mine, |_| {}).0, Verdict::NotExercised);
        assert_eq!(judged(|_| {}, |header| header.sender = None).0, Verdict::NotExercised);
        let narrow = |profile: &mut SenderProfile| profile.retry.success = record::StatusSet::range(200, 200);
        assert_eq!(judged(narrow, |_| {}).0, Verdict::NotExercised);
        let (verdict, text) =
            judged(narrow, |header| header.retry.success = record::StatusSet::range(200, 503));
        assert_eq!(verdict, Verdict::Unproven);
        assert!(text.contains("; success is [200-503], and must be [200]"), "{text}");
    }

    #[test]
    fn a_receiver_is_probed_by_a_profile_that_is_known() {
        let mut profile = SenderProfile::usual().clone();
        profile.name = "mine".into();
        profile.headers.push("X-Mine".to_owned());
        let header = |scheme| Header {
            scheme,
            sender: Some(Box::new(profile.clone())),
            ..Header::new(RunKind::Probe, chrono::Utc::now()).unwrap()
        };
        let own = profile.scheme().unwrap();
        let mut checkout = checkout();
        assert_eq!(sent_as(&header(signature::Scheme::Stripe), &checkout).0, Verdict::NotExercised);
        let (verdict, text) = sent_as(&header(own), &checkout);
        assert_eq!(verdict, Verdict::Unproven);
        assert!(
            text.contains("the profile mine, by which the receiver was probed, came with the probe"),
            "{text}"
        );
        let sender =
            KnownSender { source: "mine.yaml".into(), sha256: String::new(), profile: profile.clone() };
        let known = KnownScenario {
            source: "orders.yaml".into(),
            others: Vec::new(),
            sha256: String::new(),
            scenario: None,
            sender: Some(Box::new(sender)),
        };
        checkout.scenarios.insert("orders".into(), known);
        let known = sent_as(&header(own), &checkout);
        assert_eq!(
            known,
            (Verdict::Pass, "smoke was the sender, and sent as mine of mine.yaml here".to_owned())
        );
        // The header says by one profile, and was sent by another.
        let mut weaker = profile.clone();
        weaker.signature.timestamp = None;
        weaker.signature.message = "{body}".to_owned();
        assert_eq!(sent_as(&header(weaker.scheme().unwrap()), &checkout).0, Verdict::Unproven);
    }

    #[test]
    fn that_an_error_is_a_success_is_no_word_of_the_runner_alone() {
        let wide = |profile: &mut SenderProfile| {
            profile.name = "mine".into();
            profile.retry.success = record::StatusSet::range(200, 503);
            profile.retry.abort = Some(record::StatusSet::default());
        };
        let (verdict, text) = judged(wide, |_| {});
        assert_eq!(verdict, Verdict::Unproven);
        assert!(text.contains("300 counts as delivered by the profile mine"), "{text}");
    }
}
