//! `smoke learn`: what a journal, or the sender's own log, says about the sender, as a profile; or what has drifted from one.

use super::secret_source::SecretSource;
use super::sender_option;
use super::{Exit, Failure, logs, out};
use evidence::learn::{Certainty, Kept, KeptRetries, Learner, Learnt, LogLearner, drift};
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
    /// could not be checked for want of the secret, or no attempt failed, so that no retry could be seen
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
    let learned = learn(args, against.as_ref())?;
    match against {
        Some(profile) => Ok(told_drift(&learned, &profile)),
        None => {
            proposal(&learned.learnt, learned.attempts, learned.events.as_deref());
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
    /// What it shows of the retries of the profile that it is held against.
    kept: Option<KeptRetries>,
}

fn learn(args: &Args, against: Option<&SenderProfile>) -> Result<Learned, Failure> {
    let secret = args.secret.read_to_verify()?;
    let declared = against.map(sender_option::scheme_of).transpose()?;
    let signs = declared.is_some_and(Scheme::is_signed);
    let (header, mut reader) = match Reader::open(&args.traffic) {
        Ok(journal) => journal,
        Err(record::ReadError::Malformed { line: 1, why }) => return from_log(args, &why, !signs, against),
        Err(error) => return Err(wrong(args, error)),
    };
    let endpoint = header.webhook.endpoint.clone();
    let mut kept = match against.zip(declared) {
        Some((profile, scheme)) => Some(Kept::new(&header, profile, scheme).map_err(|e| wrong(args, e))?),
        None => None,
    };
    let mut learner = Learner::default();
    learner.take(&record::Record::Header(Box::new(header)));
    while let Some(record) = reader.next_record().map_err(|e| wrong(args, e))? {
        learner.take(&record);
        kept.iter_mut().for_each(|kept| kept.take(&record));
    }
    if learner.attempts() == 0 {
        return Err(wrong(args, "it contains no webhooks to learn from"));
    }
    let learnt = learner.learn(secret.as_ref(), &endpoint, declared);
    let (attempts, checked) = (learner.attempts(), secret.is_some() || !signs);
    let kept = kept.map(|kept| kept.retries());
    Ok(Learned { learnt, attempts, checked, events: None, kept })
}

/// Learns from a log. `why` it is no journal.
fn from_log(
    args: &Args,
    why: &str,
    checked: bool,
    against: Option<&SenderProfile>,
) -> Result<Learned, Failure> {
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
    let kept = against.map(|profile| learner.kept(profile));
    Ok(Learned { learnt: learner.learn(), attempts: learner.attempts(), checked, events, kept })
}

fn wrong(args: &Args, why: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {why}", args.traffic.display()))
}

/// The key of a profile for its pauses.
const SCHEDULE: &str = "retry.schedule";

/// Says what has drifted.
fn told_drift(learned: &Learned, profile: &SenderProfile) -> Exit {
    let (learnt, checked) = (&learned.learnt, learned.checked);
    let mut drifted = drift(learnt, profile, checked);
    if let Some(kept) = &learned.kept {
        // Each pause by itself says more than their medians, which are all that a log without ids has. Of a journal nothing else counts:
        // where the gate cannot tell, they do not either.
        let by_medians = learned.events.is_some() && kept.seen == 0;
        drifted.retain(|(key, ..)| by_medians || *key != SCHEDULE);
        for one in &kept.drifted {
            if drifted.iter().all(|(key, ..)| *key != one.0) {
                drifted.push(one.clone());
            }
        }
    }
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
    let retries = retries_seen(learned, profile);
    if !retries && drifted.iter().all(|(key, ..)| !key.starts_with("retry.")) {
        out::line(
            "retries: not seen; answer some webhooks with 503 (--inject 503x*@1), and watch until the last retry is over",
        );
    }
    if !drifted.is_empty() {
        return Exit::Fail;
    }
    let seen = checked && retries;
    let attempts = counted(learned.attempts as u64, "attempts");
    let what = if seen { "nothing has drifted" } else { "nothing else differs" };
    out::line(format!("{what} from {} in {attempts}{}", profile.name, told_kept(learned)));
    if seen { Exit::Pass } else { Exit::Unproven }
}

/// Whether there was a failed attempt after which the profile's retries, or their absence, could be seen.
fn retries_seen(learned: &Learned, profile: &SenderProfile) -> bool {
    // A log tells of pauses, or of what ended a delivery.
    let wanted = if profile.contract().goes_on(1) { SCHEDULE } else { "retry.abort" };
    let by_log = |one: &Learnt| one.key == wanted && one.certainty != Certainty::Unseen;
    let by_lines = learned.events.is_some() && learned.learnt.iter().any(by_log);
    by_lines || learned.kept.as_ref().is_some_and(|kept| kept.seen > 0)
}

/// How much of the retries it shows, as the end of a sentence.
fn told_kept(learned: &Learned) -> String {
    let Some(kept) = learned.kept.as_ref().filter(|kept| kept.failed > 0) else { return String::new() };
    let failed = counted(kept.failed as u64, "deliveries");
    format!("; what followed a failed attempt was seen in {} of {failed}", kept.seen)
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
    let unusual = |one: &&Learnt| one.certainty != Certainty::Unseen || one.key == SCHEDULE;
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
