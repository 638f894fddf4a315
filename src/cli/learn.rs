//! `smoke learn`: what a journal, or the sender's own log, says about the sender, as a profile; or what has drifted from one.

use super::secret_source::SecretSource;
use super::sender_option;
use super::{Exit, Failure, logs, out};
use evidence::learn::{Certainty, Learner, Learnt, LogLearner, drift};
use evidence::logs::Lines;
use evidence::report::counted;
use pii::shown;
use record::{Reader, SenderProfile};
use signature::Scheme;
use std::io;
use std::path::PathBuf;

/// The command line of `smoke learn`.
#[derive(Debug, clap::Args)]
#[command(after_help = "With the webhook secret it can tell which sender's signatures are valid.")]
pub(super) struct Args {
    /// The journal of a run or a receiver, or the sender's own log, which tells of retries and time-outs only
    #[arg(value_name = "JOURNAL|LOG")]
    traffic: PathBuf,
    /// Say what has drifted from this profile in place of proposing one: exit 1 when something has, 3 when nothing has and the signatures
    /// could not be checked for want of the secret
    #[arg(long, value_name = "NAME|FILE")]
    against: Option<String>,
    /// How the lines of a log look [default: as `smoke logs` has them built in]
    #[arg(long, value_name = "FILE")]
    formats: Option<PathBuf>,
    #[command(flatten)]
    secret: SecretSource,
}

/// Prints the profile, or the drift.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let against = match &args.against {
        Some(typed) => Some(sender_option::named(typed)?),
        None => None,
    };
    let Learned { learnt, attempts, checked, events } = learn(args, against.as_ref())?;
    match against {
        Some(profile) => Ok(told_drift(&learnt, &profile, attempts, checked)),
        None => {
            proposal(&learnt, attempts, events.as_deref());
            Ok(Exit::Pass)
        }
    }
}

/// What traffic says of its sender.
struct Learned {
    learnt: Vec<Learnt>,
    attempts: usize,
    /// Nothing is signed, or the signatures were verified.
    checked: bool,
    /// Of a log, which shows no requests: the names of its events.
    events: Option<String>,
}

fn learn(args: &Args, against: Option<&SenderProfile>) -> Result<Learned, Failure> {
    let secret = args.secret.read()?;
    let declared = against.map(sender_option::scheme_of).transpose()?;
    let signs = declared.is_some_and(Scheme::is_signed);
    let (header, mut reader) = match Reader::open(&args.traffic) {
        Ok(journal) => journal,
        Err(record::ReadError::Malformed { line: 1, why }) => return from_log(args, &why, !signs),
        Err(error) => return Err(wrong(args, error)),
    };
    let endpoint = header.webhook.endpoint.clone();
    let mut learner = Learner::default();
    learner.take(&record::Record::Header(Box::new(header)));
    while let Some(record) = reader.next_record().map_err(|e| wrong(args, e))? {
        learner.take(&record);
    }
    if learner.attempts() == 0 {
        return Err(wrong(args, "it contains no webhooks to learn from"));
    }
    let learnt = learner.learn(secret.as_ref(), &endpoint, declared);
    let (attempts, checked) = (learner.attempts(), secret.is_some() || !signs);
    Ok(Learned { learnt, attempts, checked, events: None })
}

/// Learns from a log. `why` it is no journal.
fn from_log(args: &Args, why: &str, checked: bool) -> Result<Learned, Failure> {
    let formats = logs::formats(args.formats.as_deref())?;
    let mut lines = Lines::new(logs::open(&args.traffic)?);
    let mut learner = LogLearner::default();
    let broken = |e: io::Error| Failure::environment(format!("{}: {e}", args.traffic.display()));
    while let Some(line) = lines.next_line().map_err(broken)? {
        let line = line.as_deref().map(|line| formats.unwrapped(line));
        if let Some(entry) = line.as_deref().and_then(|line| formats.read(line)) {
            learner.take(&entry);
        }
    }
    if learner.attempts() == 0 {
        return Err(wrong(
            args,
            format!(
                "neither a journal (line 1: {why}) nor a log with lines about attempts; --formats FILE describes yours"
            ),
        ));
    }
    let events = Some(learner.events().join(", "));
    Ok(Learned { learnt: learner.learn(), attempts: learner.attempts(), checked, events })
}

fn wrong(args: &Args, why: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {why}", args.traffic.display()))
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
        out::line("signature: not checked; that takes a journal and --secret-file or --secret-env");
    }
    if !drifted.is_empty() {
        return Exit::Fail;
    }
    let what = if checked { "nothing" } else { "nothing else" };
    let attempts = counted(attempts as u64, "attempts");
    out::line(format!("{what} has drifted from {} in {attempts}", profile.name));
    if checked { Exit::Pass } else { Exit::Unproven }
}

/// A profile, each line with what it rests on.
fn proposal(learnt: &[Learnt], attempts: usize, events: Option<&str>) {
    let attempts = counted(attempts as u64, "attempts");
    out::raw_line(format!("# Proposed by smoke learn from {attempts}; review it before you use it."));
    out::raw_line("name: learnt");
    if let Some(events) = events {
        out::raw_line(format!(
            "# not seen: a log shows no requests (its events: {}); a journal does",
            shown(events)
        ));
        unsigned();
    }
    let (mut retry, mut limits): (Vec<&Learnt>, Vec<&Learnt>) = (Vec::new(), Vec::new());
    for one in learnt {
        if one.key.starts_with("retry.") {
            retry.push(one);
        } else if one.key.starts_with("limits.") {
            limits.push(one);
        } else if one.key == "signature" {
            signature(one);
        } else {
            line("", one, one.key);
        }
    }
    out::raw_line("retry:");
    let unusual = |one: &&Learnt| one.certainty != Certainty::Unseen || one.key == "retry.schedule";
    for one in retry.iter().filter(|one| unusual(one)) {
        if one.is_remark() {
            out::raw_line(format!("  # {}: {}", one.certainty.word(), one.evidence));
            continue;
        }
        line("  ", one, one.key.trim_start_matches("retry."));
    }
    if !limits.is_empty() {
        out::raw_line("limits:");
    }
    for one in limits {
        line("  ", one, one.key.trim_start_matches("limits."));
    }
}

fn line(indent: &str, one: &Learnt, key: &str) {
    out::raw_line(format!("{indent}# {}: {}", one.certainty.word(), one.evidence.replace('\n', " ")));
    let comment = if one.value == "{}" { "# " } else { "" };
    out::raw_line(format!("{indent}{comment}{key}: {}", one.value));
}

/// Where no signature was seen: what stands there until somebody who knows it writes it.
fn unsigned() {
    out::raw_line(
        "# The next line means no signature is checked. If the sender signs, replace it, for example with:",
    );
    out::raw_line(r#"# signature: { algorithm: hmac-sha256, header: X-Signature, message: "{body}" }"#);
    out::raw_line("signature: { algorithm: none }");
}

/// The signature of the built-in sender that it is, written out.
fn signature(one: &Learnt) {
    out::raw_line(format!("# {}: {}", one.certainty.word(), one.evidence));
    let scheme = one.value.strip_prefix("as in ").and_then(|name| name.parse::<Scheme>().ok());
    let Some(scheme) = scheme else {
        match one.certainty {
            Certainty::Unseen => unsigned(),
            _ => out::raw_line(format!("signature: {}", one.value)),
        }
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
