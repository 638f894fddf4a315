//! The webhooks of a journal, verified again under the secret.

use super::judgement::{Findings, Item, evidence};
use super::proof::Proof;
use crate::analysis::Recheck;
use crate::gate::Verdict;
use record::RunKind;
use std::borrow::Cow;

/// What is verified again, and with what.
const BOTH: &str = "journal and secret";
/// What no secret can change.
const SIGNS_NOTHING: &str = "this sender signs nothing";

/// Verdict, figure and source.
type Said = (Verdict, Cow<'static, str>, &'static str);

/// The second verification, or why there is none.
fn recheck(proof: &Proof, is_sealed: bool) -> Result<&Recheck, Said> {
    let analysis = &proof.evidence.analysis;
    let (verdict, figure, source) = match (analysis.header.kind, &proof.recheck) {
        (RunKind::Load, _) if analysis.own().next().is_none() => {
            (Verdict::NotExercised, "a load's journal holds counts and histograms, not webhooks", "journal")
        }
        (RunKind::Probe, _) => {
            (Verdict::NotExercised, "smoke was the sender: the receiver's responses are judged", "journal")
        }
        (_, None) if !analysis.header.scheme.is_signed() => {
            (Verdict::NotExercised, SIGNS_NOTHING, "journal header")
        }
        (_, None) if is_sealed => (
            Verdict::Pass,
            "not re-verified; the signer of the journal vouches for what it recorded",
            "signed statement",
        ),
        (_, None) if proof.witnessed.is_whole() && !analysis.header.blind => {
            (Verdict::Pass, "not re-verified; the receiver vouches for its verdicts", "signed checkpoints")
        }
        (_, None) => (
            Verdict::Unproven,
            "without --secret-file or --secret-env these webhooks cannot be told from made-up ones",
            "no secret given",
        ),
        (_, Some(Err(why))) => {
            return Err((Verdict::Unproven, format!("not a key for this scheme: {why}").into(), "secret"));
        }
        (_, Some(Ok(recheck))) => return Ok(recheck),
    };
    Err((verdict, figure.into(), source))
}

/// Whether every webhook signature verifies again.
pub(super) fn verified_again(proof: &Proof, is_sealed: bool, found: &mut Findings) -> Item {
    let (verdict, figure, source) = match recheck(proof, is_sealed) {
        Ok(recheck) => judged(recheck, proof, found),
        Err(said) => said,
    };
    evidence("signatures_again", "Signatures re-verified", verdict, figure, source)
}

fn judged(recheck: &Recheck, proof: &Proof, found: &mut Findings) -> Said {
    let analysis = &proof.evidence.analysis;
    let is_blind = analysis.header.blind;
    let said = |verdict, figure: String| (verdict, figure.into(), BOTH);
    if let Some(why) = recheck.other_secrets() {
        return said(Verdict::Unproven, why);
    }
    if recheck.invalid > 0 || recheck.disagreements > 0 {
        return said(Verdict::Fail, differing(recheck, found));
    }
    if recheck.checked == 0 {
        let attempts = analysis.own().count();
        return said(Verdict::Unproven, format!("no webhook to verify in {attempts} deliveries"));
    }
    if !analysis.header.scheme.is_signed() {
        return signs_nothing(proof);
    }
    // A receiver that vouches has signed its verdicts, and a blind one has none.
    if recheck.by_other_clock > 0 && (is_blind || !proof.witnessed.is_whole()) {
        let figure = format!(
            "{} of {} verdicts are right by the clock of the receiver as it was said to be, and not by the run's own: sync both \
             and run again{}",
            recheck.by_other_clock,
            recheck.checked,
            if is_blind { "; or these are stale, and that clock was made up" } else { "" }
        );
        return said(Verdict::Unproven, figure);
    }
    let how = if is_blind { "; the run had no secret" } else { ", each as recorded" };
    said(Verdict::Pass, format!("{} of {} valid{how}", recheck.valid, recheck.checked))
}

/// Who has a secret has a sender that signs with it. A scenario of the checkout says who sends; a header alone is the runner's word, by
/// which anything that came would have been accepted.
fn signs_nothing(proof: &Proof) -> Said {
    let header = &proof.evidence.analysis.header;
    if !matches!(header.kind, RunKind::Observe | RunKind::Receive) {
        return (Verdict::NotExercised, SIGNS_NOTHING.into(), "journal header");
    }
    let figure = format!(
        "a secret was given, but the header says that the sender is {}, which signs nothing, so that webhooks of anybody count: if that \
         is the sender, judge it without a secret (--secret-file, WEBHOOK_SECRET); else the window was labelled wrongly",
        header.scheme.sender()
    );
    (Verdict::Unproven, figure.into(), BOTH)
}

/// What is not valid, or not what was recorded, which contradicts the journal.
fn differing(recheck: &Recheck, found: &mut Findings) -> String {
    let of = |n| format!("{n} of {}", recheck.checked);
    if recheck.invalid > 0 {
        let first = recheck.first.map_or_else(String::new, |first| {
            format!(", the first of them attempt {}: {}", first.attempt, first.found)
        });
        return format!("{} are not valid{first}", of(recheck.invalid));
    }
    if let Some(first) = recheck.first {
        found.add(
            "signature_verdict_differs",
            format!(
                "{} recorded verdicts do not hold under the secret, first attempt {}: recorded {}, found {}",
                of(recheck.disagreements),
                first.attempt,
                first.recorded,
                first.found
            ),
        );
    }
    format!("{} verdicts differ", recheck.disagreements)
}
