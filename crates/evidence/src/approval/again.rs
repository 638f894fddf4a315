//! The webhooks of a journal, verified again under the secret.

use super::judgement::{Findings, Item, evidence};
use super::proof::Proof;
use crate::gate::Verdict;
use record::RunKind;

/// What no secret can change.
const SIGNS_NOTHING: &str = "this sender signs nothing";

/// Why the webhooks of a journal are not verified again: verdict, figure and source.
fn not_again(proof: &Proof, is_sealed: bool) -> Option<(Verdict, &'static str, &'static str)> {
    let analysis = &proof.evidence.analysis;
    match (analysis.header.kind, &proof.recheck) {
        (RunKind::Load, _) if analysis.own().next().is_none() => Some((
            Verdict::NotExercised,
            "a load's journal holds counts and histograms, not webhooks",
            "journal",
        )),
        (RunKind::Probe, _) => Some((
            Verdict::NotExercised,
            "smoke was the sender: the receiver's responses are judged",
            "journal",
        )),
        (_, None) if !analysis.header.scheme.is_signed() => {
            Some((Verdict::NotExercised, SIGNS_NOTHING, "journal header"))
        }
        (_, None) if is_sealed => Some((
            Verdict::Pass,
            "not re-verified; the signer of the journal vouches for what it recorded",
            "signed statement",
        )),
        (_, None) if proof.witnessed.is_whole() && !analysis.header.blind => Some((
            Verdict::Pass,
            "not re-verified; the receiver vouches for its verdicts",
            "signed checkpoints",
        )),
        (_, None) => Some((
            Verdict::Unproven,
            "without --secret-file or --secret-env these webhooks cannot be told from made-up ones",
            "no secret given",
        )),
        (_, Some(_)) => None,
    }
}

/// Whether every webhook signature verifies again.
pub(super) fn verified_again(proof: &Proof, is_sealed: bool, found: &mut Findings) -> Item {
    let title = "Signatures re-verified";
    let attempts = proof.evidence.analysis.own().count();
    let item =
        |verdict, figure: String, source: &str| evidence("signatures_again", title, verdict, figure, source);
    if let Some((verdict, figure, source)) = not_again(proof, is_sealed) {
        return item(verdict, figure.to_owned(), source);
    }
    match &proof.recheck {
        None => item(Verdict::Unproven, String::new(), "no secret given"),
        Some(Err(why)) => item(Verdict::Unproven, format!("not a key for this scheme: {why}"), "secret"),
        Some(Ok(recheck)) if recheck.is_of_another_secret() => item(
            Verdict::Unproven,
            format!(
                "is this the right secret? every verdict changed from {} to mismatch",
                if proof.evidence.analysis.header.blind { "unchecked" } else { "valid" }
            ),
            "journal and secret",
        ),
        Some(Ok(recheck)) if recheck.invalid > 0 => {
            let first = recheck.first.map_or_else(String::new, |first| {
                format!(", the first of them attempt {}: {}", first.attempt, first.found)
            });
            let figure = format!("{} of {} are not valid{first}", recheck.invalid, recheck.checked);
            item(Verdict::Fail, figure, "journal and secret")
        }
        Some(Ok(recheck)) if recheck.is_of_a_run_with_another_secret() => item(
            Verdict::Unproven,
            format!(
                "the receiver had a different secret: {} webhooks recorded as signed with another one are valid under yours; \
                 run again with this one",
                recheck.vindicated
            ),
            "journal and secret",
        ),
        Some(Ok(recheck)) if recheck.disagreements > 0 => {
            if let Some(first) = recheck.first {
                found.add(
                    "signature_verdict_differs",
                    format!(
                        "{} of {} recorded verdicts do not hold under the secret, first attempt {}: recorded {}, found {}",
                        recheck.disagreements, recheck.checked, first.attempt, first.recorded, first.found
                    ),
                );
            }
            item(Verdict::Fail, format!("{} verdicts differ", recheck.disagreements), "journal and secret")
        }
        Some(Ok(recheck)) if recheck.checked == 0 => item(
            Verdict::Unproven,
            format!("no webhook to verify in {attempts} deliveries"),
            "journal and secret",
        ),
        Some(Ok(_)) if !proof.evidence.analysis.header.scheme.is_signed() => {
            item(Verdict::NotExercised, SIGNS_NOTHING.to_owned(), "journal header")
        }
        Some(Ok(recheck)) if recheck.by_other_clock > 0 && !proof.witnessed.is_whole() => item(
            Verdict::Unproven,
            format!(
                "{} of {} verdicts are right by the clock of the receiver as it was said to be, and not by the run's own: sync \
                 both and run again",
                recheck.by_other_clock, recheck.checked
            ),
            "journal and secret",
        ),
        Some(Ok(recheck)) => item(
            Verdict::Pass,
            format!(
                "{} of {} valid{}",
                recheck.valid,
                recheck.checked,
                if proof.evidence.analysis.header.blind {
                    "; the run had no secret"
                } else {
                    ", each as recorded"
                }
            ),
            "journal and secret",
        ),
    }
}
