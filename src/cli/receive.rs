//! `smoke receive`: the staging receiver as a server of its own.

use super::gates_file::GatesFile;
use super::secret_source::SecretSource;
use super::sender_option::SenderOption;
use super::typed::listen_address;
use super::{
    Exit, Failure, environment, interrupt, out, receive_files, receiver_plan, run_plan, signing, telemetry,
};
use crate::fault::{FaultInjector, Numbers};
use crate::inbox::Inbox;
use crate::journal::{Journal, Rotation, Sync};
use crate::receive::{Identity, Keep, Metrics, Plan, Receiver, ReceiverError, descriptors};
use crate::signals::hangups;
use crate::telemetry::Exporter;
use record::faults::{FaultPlan, FaultSpec, Scope};
use record::{RunKind, Tick, WallClock};
use scenario::Period;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use wire::http1::Limits;

/// File descriptors that are not for connections: journal, listener, runtime, a metrics scrape.
const OWN_DESCRIPTORS: usize = 64;
/// Deliveries among which a share of faults is spread: a receiver does not know how many will come.
const INJECTED_AMONG: u64 = 100_000;
/// How often the state of the journal is looked at for tee about it.
const LOOK: Duration = Duration::from_millis(200);

/// Options of `smoke receive`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = listen_address)]
    listen: SocketAddr,
    /// Separate address for /metrics and /_smoke/, which are then not served next to the webhooks
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// Path that webhooks are posted to
    ///
    /// May be given several times.
    #[arg(long, value_name = "PATH", default_value = "/webhooks/inbound")]
    path: Vec<String>,
    #[command(flatten)]
    sender: SenderOption,
    #[command(flatten)]
    secret: SecretSource,
    /// Receive without the webhook secret; the approver verifies the signatures
    #[arg(long)]
    blind: bool,
    /// File of NAME=value lines, used for variables missing from the environment
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Certificate chain for TLS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key for TLS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Act as a tap in front of the real receiver at this URL
    ///
    /// Body and headers are passed on unchanged, framing is rewritten, and its own status is returned.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Time the real receiver gets to answer
    #[arg(long, value_name = "DURATION", default_value = "30s", requires = "forward")]
    forward_timeout: Period,

    /// Break webhook attempts on purpose: 503x2, reset@3 or 400@20%
    ///
    /// FAULT[xN|x*][@SHARE%|@K]; may be given several times. Shares are of the first 100,000 deliveries.
    #[arg(hide_possible_values = true, value_parser = super::listed::faults(), long, value_name = "FAULT")]
    inject: Vec<FaultSpec>,

    /// Journal file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "artifacts/receive_journal.jsonl",
        help_heading = "Journal"
    )]
    journal: PathBuf,
    /// Flush every webhook to disk before answering it
    #[arg(long, help_heading = "Journal")]
    fsync: bool,
    /// Start a new journal file at this size, such as 512MB or 1GiB
    #[arg(long, value_name = "BYTES", value_parser = receive_files::size, help_heading = "Journal")]
    rotate_size: Option<u64>,
    /// Start a new journal file after this time, such as 24h
    #[arg(long, value_name = "DURATION", value_parser = receive_files::some_time, help_heading = "Journal")]
    rotate_every: Option<Period>,
    /// Remove the oldest full journal files beyond this size or age
    ///
    /// 10GiB, 720h or 30d; may be given for both. Anything removed before it was read back is reported on stderr.
    #[arg(long, value_name = "SIZE|TIME", value_parser = receive_files::keep, help_heading = "Journal")]
    keep: Vec<Keep>,
    /// File with the token for reading back; off without it
    #[arg(long, value_name = "FILE", help_heading = "Journal")]
    token_file: Option<PathBuf>,
    /// Sign checkpoints of what arrives with this private key
    ///
    /// One of `smoke key`, for runs that register before they begin (`smoke payments --inbox`, …); `smoke gate --witness` checks
    /// them.
    #[arg(long, value_name = "KEYFILE", requires = "token_file", help_heading = "Journal")]
    witness_key: Option<PathBuf>,
    /// Name of the environment in the journal
    #[arg(long, value_name = "NAME", default_value = "staging", help_heading = "Journal")]
    environment: String,
    /// Gates file [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE", help_heading = "Journal")]
    gates: Option<PathBuf>,

    /// Connections open at once; beyond that, the longest idle one is closed
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = crate::cli::typed::whole::<u32>(1..=1_000_000), help_heading = "Limits")]
    connections: u32,
    /// Of those, from one address (except loopback); behind a proxy give the same as --connections [default: a quarter]
    #[arg(long, value_name = "N", value_parser = crate::cli::typed::whole::<u32>(1..=1_000_000), help_heading = "Limits")]
    connections_per_address: Option<u32>,
    /// Largest body in bytes
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = receive_files::body_size, help_heading = "Limits")]
    max_body: usize,
    /// Time for the head of a request
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = receive_files::some_time, help_heading = "Limits")]
    head_timeout: Period,
    /// Time for the body of a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = receive_files::some_time, help_heading = "Limits")]
    body_timeout: Period,
    /// Time without a request after which a connection is closed
    #[arg(long, value_name = "DURATION", default_value = "75s", value_parser = receive_files::some_time, help_heading = "Limits")]
    idle_timeout: Period,
    /// Time open exchanges get to finish at SIGTERM or Ctrl-C
    #[arg(long, value_name = "DURATION", default_value = "10s", help_heading = "Limits")]
    drain: Period,
}

/// Receives until it is told to stop.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let plan = plan(args)?;
    let faults = faults(args, &plan)?;
    let exporter = telemetry::metrics_exporter(&environment::read(args.env_file.as_deref())?);
    super::runtime::block_on(execute(plan, faults, exporter))
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let env = environment::read(args.env_file.as_deref())?;
    let gates = GatesFile::read(args.gates.as_deref(), None)?;
    let (sender, scheme) = (args.sender.profile()?, args.sender.scheme()?);
    let secret = match sender {
        _ if args.blind => run_plan::no_secret_at_all(&args.secret, &env)?,
        Some(_) => run_plan::senders_secret(scheme, &args.secret, &env)?,
        None => run_plan::staging_secret(&args.secret, &env)?,
    };
    let reference = gates.reference();
    let identity = Identity {
        kind: RunKind::Receive,
        environment: run_plan::checked_environment(&args.environment)?,
        target: args.forward.clone().unwrap_or_default(),
        endpoint: env("WEBHOOK_ENDPOINT").unwrap_or_default(),
        gates: (reference.value, reference.sha256),
        scheme,
        retry: run_plan::retry(sender.as_ref(), &gates, &env)?,
        sender_timeout: run_plan::sender_timeout(sender.as_ref(), &env)?,
        sender: sender.map(Box::new),
        secret_chars: secret.chars(),
        secrets: secret.count(),
        blind: args.blind,
    };
    let paths = args.path.iter().cloned().map(receiver_plan::checked_path);
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?.into_iter();
    receive_files::make_parent(&args.journal)?;
    Ok(Plan {
        address: args.listen,
        path: paths.next().unwrap_or_default(),
        more_paths: paths.collect(),
        secret,
        tls: receive_files::tls(args.tls_cert.as_deref(), args.tls_key.as_deref())?,
        limits: Limits {
            body: args.max_body,
            head_time: args.head_timeout.get(),
            body_time: args.body_timeout.get(),
            idle_time: args.idle_timeout.get(),
            ..Limits::default()
        },
        connections: connections(args),
        connections_per_address: args.connections_per_address.and_then(|n| usize::try_from(n).ok()),
        admin: args.admin_listen,
        keep: keep(args)?,
        drain: args.drain.get(),
        forward: args.forward.clone().map(|url| (url, args.forward_timeout.get())),
        journal: args.journal.clone(),
        sync: if args.fsync { Sync::Disk } else { Sync::Kernel },
        rotation: Rotation { bytes: args.rotate_size, every: args.rotate_every.map(Period::get) },
        token: args.token_file.as_deref().map(receive_files::token).transpose()?,
        witness: args
            .witness_key
            .as_deref()
            .map(|key| signing::read_key("--witness-key", key))
            .transpose()?,
        interceptor: None,
        faults: args.inject.clone(),
        identity,
    })
}

/// Both kinds of `--keep` together.
fn keep(args: &Args) -> Result<Keep, Failure> {
    let rotates = args.rotate_size.is_some() || args.rotate_every.is_some();
    if !args.keep.is_empty() && !rotates {
        return Err(Failure::usage(
            "--keep removes full journal files: also give --rotate-size or --rotate-every",
        ));
    }
    let both = args.keep.iter().try_fold(Keep::default(), |all, one| match (one, all) {
        (Keep { bytes: Some(_), .. }, Keep { bytes: Some(_), .. })
        | (Keep { age: Some(_), .. }, Keep { age: Some(_), .. }) => None,
        _ => Some(Keep { bytes: all.bytes.or(one.bytes), age: all.age.or(one.age) }),
    });
    let both = both.ok_or_else(|| Failure::usage("--keep: one size and one time at most"))?;
    if let (Some(most), Some(part)) = (both.bytes, args.rotate_size)
        && most < part
    {
        return Err(Failure::usage(format!(
            "--keep: less than one journal file of --rotate-size {part} bytes"
        )));
    }
    Ok(both)
}

/// What was asked for, as far as the file descriptors go; a tap needs two for each exchange.
fn connections(args: &Args) -> usize {
    let each = if args.forward.is_some() { 2 } else { 1 };
    let fit = descriptors().saturating_sub(OWN_DESCRIPTORS).max(1) / each;
    usize::try_from(args.connections).unwrap_or(usize::MAX).min(fit.max(1))
}

/// The faults of the command line.
fn faults(args: &Args, plan: &Plan) -> Result<Option<FaultPlan>, Failure> {
    if args.inject.is_empty() {
        return Ok(None);
    }
    let seed = run_plan::fresh_seed()?;
    let (timeout, attempts) = (plan.identity.sender_timeout, plan.identity.retry.attempts());
    let scope = Scope { deliveries: INJECTED_AMONG, timeout, attempts, seed };
    FaultPlan::new(&args.inject, scope).map(Some).map_err(|e| Failure::usage(format!("--inject: {e}")))
}

async fn execute(
    mut plan: Plan,
    faults: Option<FaultPlan>,
    exporter: Option<Exporter>,
) -> Result<Exit, Failure> {
    if let Some(faults) = faults {
        let numbers = Numbers::default();
        let endpoint = format!("http://{}{}", plan.address, plan.path);
        let elsewhere = Inbox::elsewhere(&endpoint);
        let injector = FaultInjector::start(faults, numbers, plan.identity.sender_timeout, &elsewhere).await;
        plan.interceptor = Some(Arc::new(injector.map_err(Failure::environment)?));
    }
    let (journal, path, tls) = (plan.journal.clone(), plan.path.clone(), plan.tls.is_some());
    let (interrupt, stop) = watch::channel(false);
    // A terminal that is closed ends what runs in it; a service is asked to begin its files anew.
    let hangups = match std::io::stderr().is_terminal() {
        true => interrupt::spawn_drain(interrupt).map(|()| None)?,
        false => interrupt::spawn_service(interrupt)
            .and_then(|()| Ok(Some(hangups().map_err(Failure::environment)?)))?,
    };
    let mut receiver = Receiver::new(plan).map_err(failure)?;
    let scheme = if tls { "https" } else { "http" };
    out::say(format!("receiving on {scheme}://{}{path}, journal {}", receiver.address(), journal.display()));
    if let Some(admin) = receiver.admin_address() {
        out::chat(format!("metrics and read-back on {scheme}://{admin}"));
    }
    if let Some(key) = receiver.witness() {
        out::chat(format!("vouching for runs with key {key}: check with `smoke gate --witness {key}`"));
    }
    let tee = tokio::spawn(tell(receiver.metrics()));
    let anew = hangups.map(|hangups| tokio::spawn(begin_anew(hangups, receiver.journal())));
    // It tells once more when the receiver has stopped: `ended` goes after all that is counted.
    let (ended, over) = watch::channel(false);
    let (metrics, inspection) = (receiver.metrics(), receiver.inspection());
    let exported = exporter.map(|exporter| tokio::spawn(telemetry::tell_receiver(exporter, metrics, over)));
    let served = receiver.serve(stop).await;
    tee.abort();
    anew.iter().for_each(tokio::task::JoinHandle::abort);
    if let Some(exported) = exported {
        inspection.end().await;
        let _ = ended.send(true);
        let _ = exported.await;
    }
    let sealed = served.map_err(failure)?;
    out::chat(format!(
        "stopped; {} records in the last journal file, SHA-256 {}",
        sealed.records, sealed.sha256
    ));
    Ok(Exit::Pass)
}

/// Begins a new journal file at each SIGHUP.
async fn begin_anew(mut hangups: Signal, journal: Journal) {
    while hangups.recv().await.is_some() {
        match journal.begin_next() {
            Ok(()) => out::chat(format!("SIGHUP: started journal part {}", journal.part().1)),
            Err(error) => out::say(format!("SIGHUP: no new journal file: {error}")),
        }
    }
}

/// Says when the journal cannot be written, and when it can again, and when the system's clock is stepped.
async fn tell(metrics: Arc<Metrics>) {
    let (mut said, mut ahead) = (true, None);
    loop {
        tokio::time::sleep(LOOK).await;
        metrics.take_notices().into_iter().for_each(out::say);
        let now = metrics.clock_ahead_ms();
        if now != ahead {
            ahead = now;
            out::say(WallClock { at: Tick(0), ahead_ms: now.unwrap_or(0) });
        }
        match (said, metrics.writable()) {
            (true, false) => {
                out::say(
                    "the journal cannot be written: webhooks are answered with 503 until it can be (disk full, or was the file removed?)",
                );
            }
            (false, true) => out::say("the journal can be written again"),
            _ => {}
        }
        said = metrics.writable();
    }
}

fn failure(error: ReceiverError) -> Failure {
    if error.is_environment() { Failure::Environment(error.into()) } else { Failure::Usage(error.into()) }
}
