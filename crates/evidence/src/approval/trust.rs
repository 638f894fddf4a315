//! Who vouches for evidence, and what each level leaves open (docs/approval-gate.md).

use super::judgement::{Item, evidence};
use super::proof::Proof;
use crate::JsonSchema;
use crate::gate::Verdict;
use crate::report::EMBEDDED;
use record::{Header, RunKind};
use serde::Serialize;
use std::str::FromStr;

/// How far evidence can be trusted, by who vouches for it; each level requires someone further from the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Nobody: figures without a journal.
    Numbers,
    /// Whoever ran it, and knew the secret.
    Runner,
    /// The holder of the webhook secret: the run had none.
    Sender,
    /// Whoever runs the receiver, by its signed checkpoints.
    Witness,
    /// A key or a CI identity that the runner cannot use at will.
    Identity,
}

impl Trust {
    /// Every level, the lowest first.
    pub const ALL: [Self; 5] = [Self::Numbers, Self::Runner, Self::Sender, Self::Witness, Self::Identity];

    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Runner => "runner",
            Self::Sender => "sender",
            Self::Witness => "witness",
            Self::Identity => "identity",
        }
    }

    /// What is asked for about this environment unless the approver says otherwise: more than the runner's own word, but
    /// for the stand-in, which nobody approves anything on.
    #[must_use]
    pub fn usual(environment: &str) -> Self {
        if environment == EMBEDDED { Self::Runner } else { Self::Sender }
    }

    const fn vouched_for_by(self) -> &'static str {
        match self {
            Self::Numbers => "nobody",
            Self::Runner => "whoever ran it; they could use the webhook secret",
            Self::Sender => "the holder of the webhook secret, which the run did not have",
            Self::Witness => "whoever runs the receiver, by signed checkpoints",
            Self::Identity => "the holder of the given key",
        }
    }

    /// What nobody at this level stands for.
    const fn leaves_open(self) -> &'static str {
        match self {
            Self::Numbers => "everything",
            Self::Runner => {
                "anyone with the secret can make up webhooks, their times and a whole run, and leave out what went wrong"
            }
            Self::Sender => {
                "the runner can leave out webhooks, flows and runs that went wrong, and shift times within signature freshness; \
                 a runner who got hold of the secret can do all that the level below allows"
            }
            Self::Witness => {
                "webhooks that a runner with the webhook secret posted to the receiver, the steps' answers and \
                 when they were sent, runs started later, and whether the receiver's operator and the runner are the \
                 same person"
            }
            Self::Identity => "whether the runner can use the key, or change the workflow that does",
        }
    }

    /// What would reach a level above the runner's.
    const fn way_up() -> &'static str {
        "run it without the secret (--blind) and verify here with --secret-file, read webhooks back from a receiver with \
         --witness-key (--witness), or have it signed by a CI identity (--sign, --public-key)"
    }
}

impl FromStr for Trust {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::word).join(", ");
        Self::ALL.into_iter().find(|t| t.word() == text).ok_or_else(|| format!("the levels are {}", known()))
    }
}

/// How far the evidence reaches: the highest level that somebody vouches at.
pub(super) fn reached(proof: &Proof, sealed: Option<&Item>) -> Trust {
    if sealed.is_some_and(|item| item.verdict == Verdict::Pass) {
        return Trust::Identity;
    }
    if proof.witnessed.is_whole() {
        return Trust::Witness;
    }
    let header = &proof.evidence.analysis.header;
    // Whoever has received a token has it, and what is not signed anybody can have written; a load keeps no webhooks.
    let blind = header.blind && header.scheme.signs_body() && header.kind != RunKind::Load;
    match &proof.recheck {
        Some(Ok(recheck)) if blind && recheck.checked > 0 && recheck.invalid == 0 => Trust::Sender,
        _ => Trust::Runner,
    }
}

/// The item that says who vouches.
pub(super) const ID: &str = "trust";

/// What an artifact reaches against what is asked for. `by_criterion` says which criteria that leaves open, and what of them.
pub(super) fn item(
    reached: Trust,
    asked: Trust,
    is_usual: bool,
    by_criterion: &str,
    header: Option<&Header>,
) -> Item {
    let vouched_for_by = match header.filter(|header| header.blind && !header.scheme.signs_body()) {
        Some(_) if reached == Trust::Runner => {
            "whoever ran it; this sender does not sign the bodies of its webhooks"
        }
        _ => reached.vouched_for_by(),
    };
    let figure = format!("{}: {vouched_for_by}", reached.word());
    let by_criterion = match by_criterion {
        "" => String::new(),
        told => format!("; by criterion: {told}"),
    };
    let open = format!("open: {}{by_criterion}", reached.leaves_open());
    let (verdict, figure) = if reached < asked {
        let way_up = if reached == Trust::Numbers { "give the journal" } else { Trust::way_up() };
        let down = if is_usual { "; --trust runner accepts it" } else { "" };
        (Verdict::Unproven, format!("{figure}; required: {} or better; {way_up}{down}; {open}", asked.word()))
    } else if asked == Trust::Runner && !is_usual {
        (Verdict::Pass, format!("{figure}; accepted by --trust runner; {open}"))
    } else {
        (Verdict::Pass, format!("{figure}; required: {}; {open}", asked.word()))
    };
    evidence(ID, "Who vouches", verdict, figure, "journal and keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_asks_for_more_than_the_runner_unless_told() {
        assert_eq!((Trust::usual("staging"), Trust::usual("embedded")), (Trust::Sender, Trust::Runner));
        assert_eq!(item(Trust::Runner, Trust::Sender, true, "", None).verdict, Verdict::Unproven);
        let down = item(Trust::Runner, Trust::Runner, false, "all", None);
        assert!(down.verdict == Verdict::Pass && down.figure.contains("accepted by --trust runner"));
        assert!(down.figure.ends_with("; by criterion: all"));
        assert_eq!(item(Trust::Identity, Trust::Sender, true, "", None).verdict, Verdict::Pass);
        assert_eq!(item(Trust::Numbers, Trust::Runner, true, "", None).verdict, Verdict::Unproven);
        assert!("runners".parse::<Trust>().unwrap_err().contains("numbers, runner, sender"));
    }
}
