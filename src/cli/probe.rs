//! `smoke probe`: is this webhook receiver safe and right?

mod args;
mod evidence;
mod plan;

pub(super) use args::{Args, after_all_options};

use self::evidence::ProbeFiles;
use self::plan::Prepared;
use super::format::Format;
use super::progress::TICK;
use super::signing::{Signed, StatementSigner};
use super::{Exit, Failure, environment, github, interrupt, out, runtime, telemetry};
use crate::probe::{Ended, Plan, Played, Recorder, run as play};
use ::evidence::gate::Verdict;
use ::evidence::report::{ProbeArtifact, probe_artifact, probe_bytes, probe_text};
use ::probe::{Case, curl};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use record::{Header, ProbeBegin, ProbeFact};
use stand_in::Receiver;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Checks everything, then probes and judges.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let asked = plan::asked(args)?;
    telemetry::tell_of_none(&environment::read(None)?);
    runtime::block_on(async {
        let receiver = match asked.built_in {
            Some(flaw) => Some(receiver(&asked, flaw).await?),
            None => None,
        };
        let prepared = plan::prepare(args, asked, receiver.as_ref()).await?;
        if args.case.is_some() { again(args, prepared).await } else { whole(args, prepared).await }
    })
}

/// The built-in receiver, on a port of its own.
async fn receiver(asked: &plan::Asked, flaw: Option<stand_in::Flaw>) -> Result<Receiver, Failure> {
    let wrong = |e: std::io::Error| Failure::environment(format!("cannot serve the built-in receiver: {e}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(wrong)?;
    Receiver::start(listener, asked.sender, &asked.secret, flaw).map_err(wrong)
}

/// The probe with its evidence.
async fn whole(args: &Args, prepared: Prepared) -> Result<Exit, Failure> {
    let Prepared { plan, header, begin, secrets } = prepared;
    let files = ProbeFiles::prepare(args)?;
    let signer = StatementSigner::asked(args.sign.as_deref(), &[])?;
    let journal = files.open(&header)?;
    let recorder = Recorder::new(Some(journal), &secrets);
    let (ended, _) = drive(&plan, begin, &recorder).await?;
    let complete = ended == Ended::Itself;
    recorder.finish(plan.clock.now(), complete).map_err(unwritten)?;
    let (artifact, bytes) = files.write(args)?;
    if let Some(signer) = &signer {
        let sha256 = artifact.provenance.journal_sha256.clone().unwrap_or_default();
        let (output, journal) = (files.output(), files.journal());
        let signed = Signed {
            output: &output,
            artifact: &bytes,
            journal: &journal,
            journal_sha256: &sha256,
            checks: &artifact.acceptance_gates.checks,
            verdict: artifact.acceptance_gates.verdict,
        };
        signer.sign(&signed)?;
    }
    let gates = &artifact.acceptance_gates;
    github::tell_checks("Probe of a receiver", gates.verdict, &artifact.recommendation, &gates.checks);
    tell(args, &artifact, &bytes);
    files.tell(args);
    Ok(exit(ended, &artifact))
}

/// One case again: nothing is kept, the requests are printed.
async fn again(args: &Args, prepared: Prepared) -> Result<Exit, Failure> {
    let Prepared { plan, header, begin, secrets } = prepared;
    let recorder = Recorder::new(None, &secrets);
    let (ended, played) = drive(&plan, begin, &recorder).await?;
    let facts = recorder.into_facts();
    let artifact = probe_artifact(&header, facts, ended == Ended::Itself, None)
        .ok_or_else(|| Failure::environment("nothing was sent"))?;
    tell(args, &artifact, &probe_bytes(&artifact));
    commands(args, &plan, &played);
    Ok(exit(ended, &artifact))
}

/// Prints the requests of the case as curl commands.
fn commands(args: &Args, plan: &Plan, played: &[Played]) {
    let wanted = args.case.as_ref().map_or("", |case| case.0);
    for (_, shot) in played.iter().filter(|(case, _)| *case == wanted) {
        let text = format!("\n# {}\n{}", shot.label, curl(plan.target.as_str(), shot));
        // They are pasted: a line that is broken would be another command.
        if args.format == Format::Json { out::raw_say(text) } else { out::raw_line(text) }
    }
}

async fn drive(plan: &Plan, begin: ProbeBegin, recorder: &Recorder) -> Result<(Ended, Vec<Played>), Failure> {
    let (stop, stopped) = watch::channel(false);
    interrupt::spawn(stop)?;
    recorder.write(ProbeFact::Begin(Box::new(begin))).map_err(unwritten)?;
    let n = plan.cases.len();
    let bar = (!out::is_quiet() && out::draws_bars()).then(|| cases_bar(n));
    let progress = |i: usize, case: &'static Case| {
        let told = format!("{}: {}", case.group.name(), case.title);
        match &bar {
            Some(bar) => {
                bar.set_position(i as u64);
                bar.set_message(out::safe(&told).into_owned());
            }
            // A line now and then.
            None if i.is_multiple_of(20) => out::chat(format!("{}/{n} {told}", i + 1)),
            None => {}
        }
    };
    let played = play(plan, recorder, stopped, progress).await.map_err(unwritten);
    bar.iter().for_each(ProgressBar::finish_and_clear);
    played
}

/// What is shown on a terminal while cases are played.
fn cases_bar(cases: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(cases as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {bar:12} {pos}/{len} cases {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
fn unwritten(error: std::io::Error) -> Failure {
    Failure::environment(format!("cannot write the journal: {error}"))
}

fn tell(args: &Args, artifact: &ProbeArtifact, bytes: &[u8]) {
    match args.format {
        Format::Json => out::json(bytes),
        Format::Human => {
            let text = probe_text(artifact, out::screen(false));
            out::line(text);
        }
    }
}

/// The exit code of a probe.
const fn exit(ended: Ended, artifact: &ProbeArtifact) -> Exit {
    match (ended, artifact.acceptance_gates.verdict) {
        (Ended::Interrupted, _) => Exit::Interrupted,
        (_, Verdict::Pass) => Exit::Pass,
        (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Unproven | Verdict::NotExercised) => Exit::Unproven,
    }
}

/// The header of the journal, which says against what the probe was.
fn header(
    prepared: &plan::Asked,
    target: &str,
    environment: &str,
    clock: wire::Clock,
) -> Result<Header, Failure> {
    let header = Header::new(record::RunKind::Probe, clock.started());
    let header = header.map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    Ok(Header {
        gates: serde_json::json!({}),
        gates_sha256: record::sha256_hex(b""),
        environment: environment.to_owned(),
        stand_in: prepared.built_in.is_some(),
        target: target.to_owned(),
        scheme: prepared.sender,
        sender: prepared.profile.clone().map(Box::new),
        ..header
    })
}
