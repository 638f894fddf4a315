//! The sender's settings as the header has them, against what the webhooks show of them; and what in a journal can be compared with
//! nothing.

use super::admissibility::smoke_sent;
use super::demand::Demand;
use super::judgement::{Item, evidence};
use super::proof::Proof;
use super::setting::{Weakness, item};
use crate::gate::{ATTEMPT_DEADLINE, Check, READ_TIMEOUT, Verdict};
use crate::report::OF_FLOWS;
use record::period::Period;
use record::{Header, RunKind, SenderProfile};

/// The time-out of the guide's sender (docs/deltacrown.md, section 8), where no profile says another, ms.
const USUAL_TIMEOUT_MS: u64 = 10_000;

/// A load of webhooks and a probe are the sender themselves: only the others are about a sender whose settings matter. Where the
/// webhooks of a load were posted to nothing says, as it keeps none.
pub(super) fn items(demand: &Demand, proof: &Proof) -> Vec<Item> {
    let header = &proof.evidence.analysis.header;
    let keeps_webhooks = matches!(header.kind, RunKind::Run | RunKind::Observe | RunKind::Receive);
    let endpoint = keeps_webhooks.then(|| endpoint(header, proof, demand));
    let timeout = (!smoke_sent(header)).then(|| timeout(header, proof, demand));
    endpoint.into_iter().chain(timeout).chain([word(header, proof)]).collect()
}

fn endpoint(header: &Header, proof: &Proof, demand: &Demand) -> Item {
    let endpoint = &header.webhook.endpoint;
    let weak = proof.seen.posted.differs().map(|why| Weakness::new("endpoint", endpoint, why));
    let fact = if endpoint.is_empty() { "not stated" } else { endpoint };
    item("endpoint", "Posted to", fact.to_owned(), weak.as_slice(), demand)
}

/// The time-out decides whether a sender that hangs on gave up when it should have.
fn timeout(header: &Header, proof: &Proof, demand: &Demand) -> Item {
    let ms = header.webhook.timeout_ms;
    let told = Period::from_millis(ms).to_string();
    let is_tested = |id: &str| {
        let of_check = |check: &Check| check.id.strip_prefix(OF_FLOWS).unwrap_or(&check.id) == id;
        proof.checks.iter().any(|check| of_check(check) && check.n > 0)
    };
    let by_profile = header.sender.as_deref().unwrap_or(SenderProfile::usual()).limits.timeout;
    let usual = by_profile.map_or(USUAL_TIMEOUT_MS, Period::as_millis);
    let is_stalled = is_tested(READ_TIMEOUT.id) || is_tested(ATTEMPT_DEADLINE.id);
    if ms == usual {
        let by = if is_stalled { "as stalled attempts showed" } else { "as the sender's profile says" };
        return item("timeout", "Sender's timeout", format!("{told}, {by}"), &[], demand);
    }
    // What a sender that gives up early is judged by cannot be what it was seen to do: one edit would make it right.
    let usual = Period::from_millis(usual);
    let why = match is_stalled {
        true => format!(
            "the sender's profile says {usual}; stalled attempts fit {told}, which is the sender's own setting only if you know it to be"
        ),
        false => {
            format!("the sender's profile says {usual}, but no attempt was stalled that long (--inject hang)")
        }
    };
    let weak = [Weakness::new("timeout", told.clone(), why)];
    item("timeout", "Sender's timeout", told, &weak, demand)
}

/// What nothing in the journal, the checkout or the approver's hands can be held against.
fn word(header: &Header, proof: &Proof) -> Item {
    let mut all = vec![format!("smoke {}", header.tool_version)];
    all.extend(of_kind(header, proof).into_iter().map(str::to_owned));
    if header.seed != 0 {
        all.push(format!("seed {}", header.seed));
    }
    if header.webhook.secret_configured && proof.recheck.is_none() && header.kind != RunKind::Load {
        all.push("that a secret was configured".to_owned());
    }
    evidence("runners_word", "Taken at the runner's word", Verdict::Pass, all.join(", "), "journal")
}

/// The same by what kind of run it is.
fn of_kind(header: &Header, proof: &Proof) -> Vec<&'static str> {
    let peers = "addresses that webhooks came from";
    let unsigned = "unsigned headers, methods and paths of webhooks";
    let mut all = match header.kind {
        RunKind::Run => {
            vec!["rows and canary values", "what the API responded, and when steps were sent", peers]
        }
        RunKind::Observe | RunKind::Receive => {
            vec!["which system sent the webhooks", "that nothing that arrived was left out", unsigned, peers]
        }
        RunKind::Load => vec![
            "what was responded, and when",
            "numbers of connections, retries and waits",
            "what webhooks held, whose they were and where they were posted to",
            "how often each clause was put to the test",
        ],
        RunKind::Probe => vec!["what the receiver responded"],
    };
    if header.scheme.timestamp_step_ms().is_none() && !proof.witnessed.is_whole() {
        all.push("when it ran (this sender signs no time)");
    }
    let is_run = header.kind == RunKind::Run;
    if matches!(header.kind, RunKind::Observe | RunKind::Receive)
        || is_run && !proof.seen.posted.is_compared()
    {
        all.push("the endpoint");
    }
    let Some(begin) = &proof.evidence.analysis.watched.begin else { return all };
    all.push("when the window began and ended, and that nothing was unseen in it");
    if begin.probe.is_some() {
        all.push("tries of the receiver's URL");
    }
    if !begin.logs.is_empty() {
        all.push("what the sender's log says");
    }
    if !begin.drive.is_empty() {
        all.push("what was driven, what the API responded, and when steps were sent");
    }
    all
}
