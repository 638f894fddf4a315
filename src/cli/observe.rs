//! `smoke observe`: the observation window, from command line to memo and exit code.

use super::gates_file::GatesFile;
use super::observe_drive::{Drive, DriveArgs, Driving, Watched};
use super::observe_hook::hook;
use super::observe_judge::{Live, SenderLog};
use super::observe_kept::keep_earlier;
use super::observe_table::Table;
use super::secret_source::SecretSource;
use super::{Exit, Failure, interrupt, logs, out, receive_files, receiver_plan, run_plan};
use crate::journal::{Journal, Rotation, Sync};
use crate::observe::{LogFollow, Observe, Plan, probe_url};
use crate::receive::{Identity, Receiver, header};
use crate::record_source::{GrowingJournal, RecordSource, RemoteError};
use evidence::analysis::{Analysis, minutes};
use evidence::gate::Verdict;
use evidence::report::{EMBEDDED, artifact, from_journal, memo, summary, write_whole};
use pii::shown;
use record::RunKind;
use record::Tick;
use record::{OnTrigger, WatchBegin};
use scenario::{Env, Period};
use signature::Scheme;
use signature::Secret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wire::Clock;
use wire::http1::Limits;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often the receiver's URL is tried.
const PROBE: Duration = Duration::from_secs(10);
/// How long driven flows and their webhooks are waited for after the window.
const SETTLE: Duration = Duration::from_secs(60);
/// A receiver elsewhere may take this long for an answer, also at the end of the window.
const SLOWEST: Duration = Duration::from_secs(2);

/// Options of `smoke observe`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How long to watch
    #[arg(long, value_name = "DURATION", default_value = "30m")]
    duration: Period,
    /// Follow this journal of a receiver
    #[arg(long, value_name = "FILE", group = "source")]
    journal: Option<PathBuf>,
    /// Read from the receiver at this URL
    #[arg(long, value_name = "URL", group = "source", requires = "token_file")]
    inbox: Option<String>,
    /// Receive webhooks here meanwhile
    #[arg(long, value_name = "ADDR", group = "source")]
    listen: Option<SocketAddr>,
    /// File with the token of the receiver's read-back API
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Path that webhooks are posted to, with --listen
    #[arg(long, value_name = "PATH", default_value = "/webhooks/inbound")]
    path: String,
    /// Signature scheme
    #[arg(long, value_name = "NAME", default_value_t)]
    scheme: Scheme,
    #[command(flatten)]
    secret: SecretSource,
    /// URL under which the sender reaches the receiver; it is tried every 10 s
    #[arg(long, value_name = "URL")]
    probe: Option<String>,
    /// Log file of the sender to read along; may be given several times
    #[arg(long = "log", value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// Command to run when a rollback trigger fires: SMOKE_ROLLBACK_TRIGGER and SMOKE_ROLLBACK_REASON say why
    #[arg(long, value_name = "COMMAND")]
    on_rollback: Option<String>,
    /// Watch to the end even when a trigger fires
    #[arg(long)]
    keep_going: bool,
    /// Share of the traffic at this canary stage, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = super::promote::stage_percent)]
    stage: Option<f64>,
    /// Name of the environment
    #[arg(long, value_name = "NAME", default_value = "staging")]
    environment: String,
    /// Gates file [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE")]
    gates: Option<PathBuf>,
    /// Directory for memo, artifact and journal
    #[arg(long, value_name = "DIR", default_value = "artifacts")]
    artifacts: PathBuf,
    #[command(flatten)]
    drive: DriveArgs,
    /// No lines while watching
    #[arg(long, short)]
    quiet: bool,
}

/// Watches, and judges what was seen.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let env = args.drive.environment()?;
    if args.inbox.is_some() && args.drive.embedded(&env) {
        return Err(Failure::usage(
            "--drive: without --staging the stand-in is driven, which posts to --listen or beside --journal, not to --inbox",
        ));
    }
    let nowhere = args.journal.is_none() && args.inbox.is_none() && args.listen.is_none();
    if nowhere && !args.drive.embedded(&env) {
        return Err(Failure::usage("nothing to observe: give --journal, --inbox or --listen"));
    }
    if args.duration.get().is_zero() {
        return Err(Failure::usage("--duration 0s: a window has to last, for example 30m"));
    }
    if let Some(url) = &args.probe {
        probe_url(url).map_err(|e| Failure::usage(format!("--probe {}: {e}", crate::outbound::shown_url(url))))?;
    }
    super::runtime::block_on(execute(args, &env))
}

async fn execute(args: &Args, env: &Env) -> Result<Exit, Failure> {
    let gates = GatesFile::read(args.gates.as_deref(), None)?;
    std::fs::create_dir_all(&args.artifacts)
        .map_err(|e| Failure::environment(format!("--artifacts {}: {e}", args.artifacts.display())))?;
    let (stop_receiver, receiver_stops) = watch::channel(false);
    let clock = Clock::start();
    let seen = source(args, (&gates, env), clock, receiver_stops).await?;
    let path = args.artifacts.join("staging_observation_journal.jsonl");
    let mut header = header(&seen.identity, clock).map_err(Failure::environment)?;
    "observation".clone_into(&mut header.scenario.name);
    let watched = Watched {
        endpoint: &seen.identity.endpoint,
        secret: seen.secret.as_ref(),
        scheme: seen.identity.scheme,
    };
    let drives = args.drive.prepare(&watched, &args.artifacts, args.duration.get()).await?;
    // A stand-in that is a server elsewhere is no evidence about staging either.
    header.stand_in = drives.iter().any(Drive::is_about_stand_in);
    let cannot = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", path.display()));
    let (interrupt, stopped) = watch::channel(false);
    interrupt::spawn(interrupt)?;
    if let Some(kept) = keep_earlier(&args.artifacts)?.filter(|_| !args.quiet) {
        out::say(format!("the window before this one is kept: {}", kept.display()));
    }
    let journal = Journal::create(&path, &header).map_err(cannot)?;
    let analysis = Analysis::new(header).map_err(Failure::usage)?;
    let formats = logs::formats(None)?;
    let follow = |p: &PathBuf| {
        LogFollow::at_end(p)
            .map_err(|e| Failure::usage(format!("--log {}: cannot be read: {e}", p.display())))
    };
    let log = if args.logs.is_empty() { None } else { Some(SenderLog::new(&formats, &analysis.header)?) };
    let (tell, driven) = std::sync::mpsc::channel();
    let mut observe = Observe::begin(Plan {
        driven,
        begin: begin(args, clock.now(), seen.name),
        journal,
        judge: Live::new(analysis, gates.gates.clone(), log),
        clock,
        source: seen.source,
        logs: args.logs.iter().map(follow).collect::<Result<_, _>>()?,
    })
    .map_err(cannot)?;
    let driving = Driving::start(drives, clock, &tell);
    let mut outcome = window(args, &mut observe, clock, stopped.clone()).await.map_err(cannot)?;
    if outcome == Outcome::Ended {
        outcome = settle(&mut observe, &driving, clock, stopped).await.map_err(cannot)?;
    }
    let (told, whole) = driving.end().await;
    for told in told {
        observe.note(told).map_err(cannot)?;
    }
    observe.finish(whole && outcome != Outcome::Interrupted).await.map_err(cannot)?;
    let _ = stop_receiver.send(true);
    conclude(args, &path, outcome)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ended,
    Triggered,
    Interrupted,
}

async fn window(
    args: &Args,
    observe: &mut Observe<Live<'_>>,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<Outcome> {
    let until = Instant::now() + args.duration.get();
    let (mut probe_at, mut told, mut outcome) = (Instant::now(), 0, Outcome::Ended);
    let mut table = Table::new(args.duration.get(), args.quiet);
    loop {
        let looked = async {
            if Instant::now() >= probe_at {
                observe.probe().await?;
                probe_at = Instant::now() + PROBE;
            }
            observe.step(until.saturating_duration_since(Instant::now()).max(SLOWEST)).await
        };
        let step = tokio::select! {
            step = looked => step?,
            _ = stop.wait_for(|stopped| *stopped) => {
                table.end();
                return Ok(Outcome::Interrupted);
            }
        };
        if let Some(why) = step.lost_sight {
            table.line(&format!("nothing can be seen: {}", shown(&why)));
        }
        for trigger in &step.fired {
            table.line(&format!("ROLLBACK {}: {}", trigger.id, trigger.evidence));
            if let Some(command) = &args.on_rollback {
                let exit = hook(command, trigger, &mut stop).await;
                observe.hooked(&trigger.id, exit)?;
            }
            outcome = Outcome::Triggered;
        }
        if outcome == Outcome::Triggered && !args.keep_going {
            table.end();
            return Ok(outcome);
        }
        if table.is_shown() {
            table.show(&observe.judge().analysis, &observe.judge().gates);
        } else {
            told = tell(args, &observe.judge().analysis, clock, told);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            table.end();
            return Ok(outcome);
        }
        tokio::select! {
            () = sleep(LOOK.min(left)) => {}
            _ = stop.wait_for(|stopped| *stopped) => {
                table.end();
                return Ok(Outcome::Interrupted);
            }
        }
    }
}

/// Looks on until the flows under way have ended and what they fired has come or is too late.
async fn settle(
    observe: &mut Observe<Live<'_>>,
    driving: &Driving,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<Outcome> {
    let until = Instant::now() + SETTLE;
    loop {
        let over = driving.is_over();
        observe.step(SLOWEST).await?;
        let now = clock.now();
        let due = observe.judge().analysis.expectations().any(|e| e.missing() > 0 && e.deadline() > now);
        if over && !due || Instant::now() >= until {
            return Ok(Outcome::Ended);
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = stop.wait_for(|stopped| *stopped) => return Ok(Outcome::Interrupted),
        }
    }
}

/// A line for each minute that has gone by; gives how many have been told.
fn tell(args: &Args, analysis: &Analysis, clock: Clock, told: usize) -> usize {
    let due = usize::try_from(clock.now().since(Tick(0)).as_secs() / 60).unwrap_or(usize::MAX);
    if args.quiet || due <= told {
        return told;
    }
    for m in minutes(analysis).iter().take(due).skip(told) {
        let success = m.success_percent().map_or_else(|| "-".to_owned(), |p| format!("{p:.1} %"));
        out::say(format!(
            "minute {:>3}: {} ended, {success} accepted, {} attempts, {} 4xx, {} 5xx, {} without an answer{}",
            m.minute,
            m.ended,
            m.attempts,
            m.client_errors,
            m.server_errors,
            m.unanswered,
            m.gap.as_ref().map(|g| format!("; not seen: {}", shown(g))).unwrap_or_default()
        ));
    }
    due
}

fn conclude(args: &Args, journal: &Path, outcome: Outcome) -> Result<Exit, Failure> {
    let (evidence, bytes) = from_journal(journal).map_err(Failure::environment)?;
    let made = artifact(&evidence);
    let write = |name: &str, bytes: &[u8]| {
        let path = args.artifacts.join(name);
        write_whole(&path, bytes)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    };
    write("staging_observation_output.json", &bytes)?;
    write("staging_observation_memo.md", memo(&made, "staging_observation").as_bytes())?;
    out::raw(summary(&made, super::run::colour()).as_bytes());
    if !args.quiet {
        out::say(format!("memo {}", args.artifacts.join("staging_observation_memo.md").display()));
    }
    Ok(match (outcome, evidence.verdict) {
        (Outcome::Interrupted, _) => Exit::Interrupted,
        (Outcome::Triggered, _) | (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Pass) => Exit::Pass,
        _ => Exit::Unproven,
    })
}

fn begin(args: &Args, at: Tick, source: String) -> WatchBegin {
    WatchBegin {
        at,
        duration_ms: args.duration.as_millis(),
        source,
        stage_percent: args.stage,
        drive: args.drive.typed(),
        on_trigger: if args.keep_going { OnTrigger::KeepGoing } else { OnTrigger::End },
        probe: args.probe.clone(),
        logs: args.logs.iter().map(|p| p.display().to_string()).collect(),
    }
}

/// Where webhooks are seen.
struct Seen {
    source: RecordSource,
    name: String,
    /// What the header of the window's journal says.
    identity: Identity,
    /// What a stand-in that is driven has to sign with, where it is known.
    secret: Option<Secret>,
}

async fn source(
    args: &Args,
    (gates, env): (&GatesFile, &Env),
    clock: Clock,
    stop: watch::Receiver<bool>,
) -> Result<Seen, Failure> {
    let embedded = args.drive.embedded(env);
    let reference = gates.reference();
    let mut identity = Identity {
        kind: RunKind::Observe,
        environment: if embedded {
            EMBEDDED.to_owned()
        } else {
            run_plan::checked_environment(&args.environment)?
        },
        target: args.drive.target(env).unwrap_or_default(),
        endpoint: env("WEBHOOK_ENDPOINT").unwrap_or_default(),
        gates: (reference.value, reference.sha256),
        scheme: args.scheme,
        retry: run_plan::retry(gates, env)?,
        sender_timeout: run_plan::sender_timeout(env)?,
        secret_chars: 0,
    };
    if let (Some(url), Some(token)) = (&args.inbox, &args.token_file) {
        let failure = |error: RemoteError| {
            let text = format!("--inbox {url}: {error}");
            if error.is_environment() { Failure::environment(text) } else { Failure::usage(text) }
        };
        let token = receive_files::token(token)?;
        let (source, _) = RecordSource::remote(url, token, clock).await.map_err(failure)?;
        return Ok(Seen { source, name: url.clone(), identity, secret: None });
    }
    if let Some(journal) = &args.journal {
        let growing =
            GrowingJournal::at_end(journal).map_err(|e| Failure::usage(format!("--journal {e}")))?;
        let theirs = growing.header();
        identity.scheme = theirs.scheme;
        identity.retry = theirs.retry.clone();
        identity.endpoint.clone_from(&theirs.webhook.endpoint);
        identity.secret_chars = theirs.webhook.secret_length_chars;
        let secret = if embedded { Some(run_plan::staging_secret(&args.secret, env)?) } else { None };
        let (source, name) = (RecordSource::journal(growing, clock), journal.display().to_string());
        return Ok(Seen { source, name, identity, secret });
    }
    let address = args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let secret = if embedded && args.listen.is_none() {
        run_plan::embedded_secret(&args.secret)?
    } else {
        run_plan::staging_secret(&args.secret, env)?
    };
    identity.secret_chars = secret.chars();
    let journal = args.artifacts.join("receive_journal.jsonl");
    let receiver = Receiver::new(crate::receive::Plan {
        address,
        identity: Identity { kind: RunKind::Receive, ..identity.clone() },
        path: receiver_plan::checked_path(args.path.clone())?,
        secret: secret.clone(),
        tls: None,
        limits: Limits::default(),
        connections: crate::receive::descriptors() / 2,
        drain: LOOK,
        forward: None,
        journal: journal.clone(),
        sync: Sync::Kernel,
        rotation: Rotation::default(),
        token: None,
        interceptor: None,
        faults: Vec::new(),
    })
    .map_err(Failure::environment)?;
    let at = format!("http://{}{}", receiver.address(), args.path);
    out::say(format!("receiving on {at}"));
    if embedded || identity.endpoint.is_empty() {
        identity.endpoint = at;
    }
    tokio::spawn(receiver.serve(stop));
    let growing = GrowingJournal::at_end(&journal).map_err(Failure::environment)?;
    let (source, name) = (RecordSource::journal(growing, clock), "listen".to_owned());
    Ok(Seen { source, name, identity, secret: Some(secret) })
}
