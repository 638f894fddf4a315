//! `smoke staging`: the embedded stand-in as a server of its own.

use super::listed::Listed;
use super::secret_source::SecretSource;
use super::sender_option::SenderOption;
use super::typed::listen_address;
use super::{Exit, Failure, out, staging_data};
use crate::outbound::shown_url;
use crate::signals::Signals;
use evidence::report::write_whole;
use scenario::Period;
use signature::Secret;
use stand_in::{
    Debug, FixtureSize, Kind, LogLine, LogSink, Misbehaviour, Options, Profile, Staging, Throttle, Webhooks,
};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use url::{Position, Url};

/// The command line of `smoke staging`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = kinds_help())]
pub(super) struct Args {
    /// Address to serve on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000", value_parser = listen_address)]
    listen: SocketAddr,
    /// Misbehave on purpose; `smoke help staging` lists the kinds
    ///
    /// KIND, KIND@20% (a share of the deliveries) or KIND@3 (the third one); may be given several times.
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = misbehaviours())]
    misbehave: Vec<Misbehaviour>,
    /// good-practice, or deltacrown: the real system, flaws included
    #[arg(hide_possible_values = true, value_parser = super::listed::profiles(), long = "as", value_name = "PROFILE", default_value = "good-practice")]
    profile: Profile,
    #[command(flatten)]
    sender: SenderOption,
    /// Where webhooks are posted to; without it none are sent
    ///
    /// http:// only.
    #[arg(
        long,
        value_name = "URL",
        env = "WEBHOOK_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true
    )]
    webhook_url: String,
    #[command(flatten)]
    secret: SecretSource,
    /// Seconds before an attempt is given up [default: as the sender's profile says, else 10]
    #[arg(long, value_name = "SECONDS", env = "WEBHOOK_TIMEOUT", value_parser = crate::cli::typed::whole::<u64>(1..=3600))]
    webhook_timeout: Option<u64>,
    /// Attempts for one webhook, the first included [default: as the sender's profile says, else 3]
    #[arg(long, value_name = "N", env = "WEBHOOK_MAX_RETRIES", value_parser = crate::cli::typed::whole::<u32>(1..=20))]
    webhook_max_retries: Option<u32>,
    /// Whether webhooks are sent at all
    #[arg(long, value_name = "BOOL", env = "NOTIFICATIONS_WEBHOOK_ENABLED", default_value = "true",
          value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::Set)]
    webhooks: bool,
    /// Append the sender's log to this file, in the real system's format
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write payments.csv, matches.csv and staff.env here
    ///
    /// As JSON too; mode 0600, since they hold passwords.
    #[arg(long, value_name = "DIR")]
    write_data: Option<PathBuf>,
    /// Write this file, with the URL in it, once requests are answered
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Payments to start with
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = count)]
    payments: usize,
    /// Matches to start with
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count)]
    matches: usize,
    /// Seed of the users' names
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = crate::cli::typed::whole::<u64>(0..=u64::MAX.into()))]
    seed: u64,
    /// Limit requests as the real system does: 100 an hour without credentials, 1000 for a user
    #[arg(long)]
    throttle: bool,
    /// Seconds that an access token is good [the real system: 3600]
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = crate::cli::typed::whole::<u64>(1..=604_800))]
    token_lifetime: u64,
    /// Behave as under Django's DEBUG=1: missing slashes crash, log lines name module and process
    #[arg(long)]
    debug: bool,
}

/// Serves until Ctrl-C or SIGTERM.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let options = plan(args)?;
    super::runtime::block_on(serve(args, options))
}

/// From what was typed to what is started.
fn plan(args: &Args) -> Result<Options, Failure> {
    let mut options = Options::new(secret(args)?, args.webhook_url.trim());
    options.scheme = args.sender.scheme()?;
    if let Some(sender) = args.sender.profile()? {
        options.keep(&sender.contract());
        options.timeout = sender.limits.timeout.map_or(options.timeout, Period::get);
    }
    options.webhooks = if args.webhooks { Webhooks::On } else { Webhooks::Off };
    options.timeout = args.webhook_timeout.map_or(options.timeout, Duration::from_secs);
    options.max_attempts = args.webhook_max_retries.unwrap_or(options.max_attempts);
    options.misbehave.clone_from(&args.misbehave);
    options.profile = args.profile;
    options.fixtures = FixtureSize { payments: args.payments, matches: args.matches };
    options.seed = args.seed;
    options.throttle = if args.throttle { Throttle::REAL } else { Throttle::Off };
    options.access_lifetime = Duration::from_secs(args.token_lifetime);
    options.debug = if args.debug { Debug::On } else { Debug::Off };
    options.log = args.log.as_deref().map(log_sink).transpose()?;
    Ok(options)
}

/// The flags, else `WEBHOOK_SECRET`, else none: the real sender then leaves its signature header empty.
fn secret(args: &Args) -> Result<Secret, Failure> {
    let secret = match args.secret.read()? {
        Some(secret) => Some(secret),
        None => super::secret_source::usual(&|name| std::env::var(name).ok())?,
    };
    let secret = secret.unwrap_or_else(|| Secret::new(""));
    if let Some(weakness) = secret.weakness() {
        out::say(format!("warning: {weakness}"));
    }
    Ok(secret)
}

fn log_sink(path: &Path) -> Result<LogSink, Failure> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file: File = file.map_err(|e| Failure::environment(format!("--log {}: {e}", path.display())))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |line: &LogLine| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop deliveries.
        let _ = writeln!(file, "{line}");
    }))
}

async fn serve(args: &Args, options: Options) -> Result<Exit, Failure> {
    if let Some(file) = &args.ready_file {
        // That of an earlier process would be believed.
        match std::fs::remove_file(file) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(not_written(file, &e)),
            _ => {}
        }
    }
    let listen = args.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| Failure::environment(format!("--listen {listen}: cannot bind: {e}")))?;
    let misbehaving = options.misbehave.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let staging = Staging::start(listener, options).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidInput => Failure::usage(e),
        _ => Failure::environment(e),
    })?;
    if let Some(dir) = &args.write_data {
        staging_data::write(dir, staging.fixtures())?;
    }
    let mut signals = Signals::listen().map_err(Failure::environment)?;
    let url = staging.base_url();
    out::line(format!("stand-in listening on {url}"));
    explain(args, &url, &misbehaving, &staging);
    if let Some(file) = &args.ready_file {
        write_whole(file, format!("{url}\n").as_bytes()).map_err(|e| not_written(file, &e))?;
    }
    signals.any().await;
    staging.shutdown().await;
    if let Some(file) = &args.ready_file {
        let _ = std::fs::remove_file(file);
    }
    Ok(Exit::Pass)
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("--ready-file {}: {error}", file.display()))
}

/// What to do with it, on stderr.
fn explain(args: &Args, url: &str, misbehaving: &str, staging: &Staging) {
    if args.webhook_url.trim().is_empty() {
        out::chat("no --webhook-url and no WEBHOOK_ENDPOINT: webhooks are logged as skipped and not sent");
    } else {
        out::chat(format!("webhooks go to {}", shown_url(args.webhook_url.trim())));
    }
    if !misbehaving.is_empty() {
        out::chat(format!("misbehaving on purpose: {misbehaving}"));
    }
    let fixtures = staging.fixtures();
    let staff = fixtures.vars.get("staff_username").and_then(|v| v.as_str()).unwrap_or_default();
    let (payments, matches) = (fixtures.payments.len(), fixtures.matches.len());
    out::chat(format!(
        "staff user {staff}; {payments} payments and {matches} matches, each with its own users"
    ));
    match &args.write_data {
        Some(dir) => {
            let dir = dir.display();
            out::chat(format!(
                "drive it: smoke payments --staging {url} --data {dir}/payments.csv --env-file {dir}/staff.env \
                 --listen {} --secret-file SECRET",
                receiver(args.webhook_url.trim())
            ));
        }
        None => out::chat("passwords and data rows: --write-data DIR"),
    }
    out::chat("a verdict from the stand-in is not evidence about staging; Ctrl-C stops it");
}

/// Host and port that the webhooks go to, for whoever is to receive them.
fn receiver(webhook_url: &str) -> String {
    let Ok(url) = Url::parse(webhook_url) else { return "HOST:PORT".to_owned() };
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

fn count(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "give a whole number".to_owned())?;
    if count <= 1_000_000 { Ok(count) } else { Err("1,000,000 at most".to_owned()) }
}

fn kinds_help() -> String {
    format!("{}\nWEBHOOK_SECRET is used when neither --secret-file nor --secret-env is given.", kinds())
}

/// The values of `--misbehave`.
pub(super) fn misbehaviours() -> Listed<Misbehaviour> {
    Listed::new(|| Kind::ALL.iter().map(|kind| kind.name()).collect())
}

/// What `--misbehave` can be told, one kind a line.
pub(super) fn kinds() -> String {
    let mut help = "Misbehaviours (all deliveries unless said otherwise):\n".to_owned();
    for kind in Kind::ALL {
        help.push_str(&out::screen(false).wrapped(&format!("  {:<24} ", kind.name()), kind.about()));
    }
    help
}
