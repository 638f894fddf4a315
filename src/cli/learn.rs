//! `smoke learn`: what a journal says about its sender, as a profile; or what has drifted from one.

use super::secret_source::SecretSource;
use super::sender_option;
use super::{Exit, Failure, out};
use evidence::learn::{Certainty, Learner, Learnt, drift};
use record::{Reader, SenderProfile};
use signature::Scheme;
use std::path::PathBuf;

/// The command line of `smoke learn`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With the webhook secret it says by whose signatures the webhooks are valid.\nExample: smoke learn receive.jsonl --secret-file secret > mine.yaml"
)]
pub(super) struct Args {
    /// The journal of a run or a receiver
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Say what has drifted from this profile in place of proposing one: exit 1 when something has, 3 when nothing has and the signatures
    /// could not be checked for want of the secret
    #[arg(long, value_name = "NAME|FILE")]
    against: Option<String>,
    #[command(flatten)]
    secret: SecretSource,
}

/// Prints the profile, or the drift.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let against = match &args.against {
        Some(typed) => Some(sender_option::named(typed)?),
        None => None,
    };
    let shown = args.journal.display();
    let wrong = |e: record::ReadError| Failure::usage(format!("{shown}: {e}"));
    let (header, mut reader) = Reader::open(&args.journal).map_err(wrong)?;
    let endpoint = header.webhook.endpoint.clone();
    let mut learner = Learner::default();
    learner.take(&record::Record::Header(Box::new(header)));
    while let Some(record) = reader.next_record().map_err(wrong)? {
        learner.take(&record);
    }
    if learner.attempts() == 0 {
        return Err(Failure::usage(format!("{shown}: it has no webhooks to learn from")));
    }
    let secret = args.secret.read()?;
    let declared = against.as_ref().map(sender_option::scheme_of).transpose()?;
    let learnt = learner.learn(secret.as_ref(), &endpoint, declared);
    let Some(profile) = against else {
        proposal(&learnt, learner.attempts());
        return Ok(Exit::Pass);
    };
    let checked = secret.is_some() || !declared.is_some_and(Scheme::is_signed);
    Ok(told_drift(&learnt, &profile, learner.attempts(), checked))
}

/// Says what has drifted. `checked`: nothing is signed, or the secret was there.
fn told_drift(learnt: &[Learnt], profile: &SenderProfile, attempts: usize, checked: bool) -> Exit {
    let drifted = drift(learnt, profile, checked);
    for (key, said, seen) in &drifted {
        out::line(format!("{key}: {} says {said}; seen: {seen}", profile.name));
    }
    let told = |key: &str| drifted.iter().any(|(drifted, ..)| *drifted == key);
    for unseen in learnt.iter().filter(|one| one.certainty == Certainty::Unseen && !told(one.key)) {
        out::line(format!("{}: {}", unseen.key, unseen.evidence));
    }
    if !checked {
        out::line(
            "signature: not checked; --secret-file or --secret-env shows whether it is still as the profile says",
        );
    }
    if !drifted.is_empty() {
        return Exit::Fail;
    }
    let what = if checked { "nothing" } else { "nothing else" };
    out::line(format!("{what} has drifted from {} in {attempts} attempts", profile.name));
    if checked { Exit::Pass } else { Exit::Unproven }
}

/// A profile, each line with what it rests on.
fn proposal(learnt: &[Learnt], attempts: usize) {
    out::raw_line(format!("# Proposed by smoke learn from {attempts} attempts; read it before you use it."));
    out::raw_line("name: learnt");
    let mut retry: Vec<&Learnt> = Vec::new();
    for one in learnt {
        if one.key.starts_with("retry.") {
            retry.push(one);
        } else if one.key == "signature" {
            signature(one);
        } else {
            line("", one, one.key);
        }
    }
    out::raw_line("retry:");
    let unusual = |one: &&Learnt| one.certainty != Certainty::Unseen || one.key == "retry.schedule";
    for one in retry.iter().filter(|one| unusual(one)) {
        line("  ", one, one.key.trim_start_matches("retry."));
    }
}

fn line(indent: &str, one: &Learnt, key: &str) {
    out::raw_line(format!("{indent}# {}: {}", one.certainty.word(), one.evidence.replace('\n', " ")));
    let comment = if one.value == "{}" { "# " } else { "" };
    out::raw_line(format!("{indent}{comment}{key}: {}", one.value));
}

/// The signature of the built-in sender that it is, written out.
fn signature(one: &Learnt) {
    out::raw_line(format!("# {}: {}", one.certainty.word(), one.evidence));
    let scheme = one.value.strip_prefix("as in ").and_then(|name| name.parse::<Scheme>().ok());
    let Some(scheme) = scheme else {
        out::raw_line(format!("signature: {}", one.value));
        return;
    };
    let mut inside = false;
    for text in scheme.profile().lines() {
        let top = !text.starts_with(' ');
        inside = if top { text.starts_with("signature:") } else { inside };
        if inside {
            out::raw_line(text);
        }
    }
}
