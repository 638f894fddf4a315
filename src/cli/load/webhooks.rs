//! `smoke load webhooks`: signed webhooks at a receiver.

use super::args::WebhookLoadArgs;
use super::out::Outs;
use super::plan::{LoadWork, cores, pauses, usual_pauses};
use super::{Evidence, live};
use crate::cli::evidence_files::Keep;
use crate::cli::format::Format;
use crate::cli::receive_files::MAX_PEM;
use crate::cli::run_plan::{providers_secret, strong};
use crate::cli::{Exit, Failure, environment as variables, out, runtime as runtimes, signing, telemetry};
use crate::load::{
    Background, Connect, Dialer, Job, RequestTemplate, RetryPolicy, SignedRequest, Target, WebhookClient,
    guard,
};
use record::RunKind;
use record::SubjectKind;
use record::{
    Header, Record, RetryContract, ScenarioRef, SenderProfile, WebhookConfig, read_input, sha256_hex,
};
use serde_json::json;
use signature::{Scheme, Secret, Signer, Weakness};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use wire::Clock;

/// Longest limit for the first connection, which shows that the receiver is there.
const REACH: Duration = Duration::from_secs(5);
/// Where the secret is when no flag says so.
const SECRET_VARIABLE: &str = "WEBHOOK_SECRET";

/// Checks everything, then runs the load and judges it.
pub(super) fn run(args: &WebhookLoadArgs) -> Result<Exit, Failure> {
    let target = Target::parse(&args.to).map_err(|e| Failure::usage(format!("--to: {e}")))?;
    if args.cacert.is_some() && !target.is_tls() {
        return Err(Failure::usage("--cacert: http:// uses no certificates; give an https URL"));
    }
    let event = args.event.as_str();
    let (sender, scheme) = (args.sender.profile()?, args.sender.scheme()?);
    let pauses = || sender.as_ref().map_or_else(usual_pauses, |sender| pauses(&sender.contract()));
    let backoff = if args.retry { pauses().into() } else { [Duration::ZERO].into() };
    let retry = RetryPolicy { timeout: args.timeout, backoff };
    let work = LoadWork::new(&args.schedule, cores(), retry, args.seed)?;
    let secret = secret(args, sender.is_some().then_some(scheme))?;
    let signer = Signer::new(scheme, &secret).map_err(Failure::usage)?;
    let exporter = telemetry::exporter(&variables::read(None)?);
    let key = args.sign.as_deref().map(|key| signing::read_key("--sign", key)).transpose()?;
    let mut evidence = Evidence::prepare(&args.output, work.shard)?;
    let mut outs = Outs::open(&args.schedule.out, args.output.format == Format::Json, work.shard.recorded())?;
    let roots = roots(args, &target)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let found = runtime.block_on(target.addresses());
    if !args.i_own_this_target {
        let addresses = found.as_deref().unwrap_or_default();
        guard::check_target(target.host(), addresses, work.peak).map_err(Failure::usage)?;
    }
    let addresses = found.map_err(Failure::environment)?;
    // A receiver on this machine may be tried with a weak secret.
    let secret = match guard::is_loopback(&addresses) {
        true => secret,
        false if sender.is_some() => providers_secret(scheme, secret)?,
        false => strong(secret)?,
    };
    let work = if guard::is_loopback(&addresses) { work.beside_target(&args.schedule) } else { work };
    let environment = environment(args, &addresses);
    let dialer = Dialer::new(&target, addresses, roots).map_err(Failure::environment)?;
    runtime.block_on(reach(&dialer, &target, REACH.min(work.retry.timeout)))?;
    drop(runtime);

    let signed = Signed { scheme, sender: sender.map(Box::new), secret_chars: secret.chars() };
    let header = header(signed, &work, &evidence, &target, environment)
        .map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    let common = json!({ "target": target.as_str(), "scheme": scheme });
    let record = |started| work.record("webhooks", event, &common, started);
    evidence.make_way(Keep::before(&header.environment)).map_err(Failure::environment)?;
    let journal = evidence.open(&header)?;
    let planned = Record::Load(Box::new(record(live::begins(work.start_at))));
    journal.append(&planned).map_err(|e| Failure::environment(format!("cannot write the journal: {e}")))?;
    let wrong = |e| Failure::environment(format!("cannot start: {e}"));
    let background = Background::new().map_err(wrong)?;
    evidence.write_out(&args.output)?;

    let host = target.authority();
    let path = target.path();
    let request = SignedRequest { host: &host, path: &path, event, seed: work.seed };
    let template = RequestTemplate::new(request, signer);
    let retry = work.retry.clone();
    let most = usize::try_from(work.connections).unwrap_or(usize::MAX);
    let threads = usize::try_from(work.threads).unwrap_or(1);
    let job = Job { pace: work.pace.clone(), shard: work.shard, most, threads, start_at: work.start_at };
    let heard = background.start(job, move |clock| {
        let (dialer, template, retry) = (dialer.clone(), template.clone(), retry.clone());
        move || WebhookClient::new(dialer.clone(), template.clone(), retry.clone(), clock)
    });
    let heard = heard.map_err(wrong)?;
    let finish = live::follow(heard, &journal, &record, work.start_at, &mut outs)?;
    evidence.leave_stdout(outs.take_stdout());
    let exit = evidence.conclude(&args.output, finish, key.as_ref(), &args.subject)?;
    if let Some(exporter) = &exporter {
        return runtimes::block_on(async {
            telemetry::tell_load(exporter, &evidence.journal()).await;
            Ok(exit)
        });
    }
    Ok(exit)
}

/// The secret of the flags, or of `WEBHOOK_SECRET`, or a fresh one that is said to be unknown to the receiver.
fn secret(args: &WebhookLoadArgs, of: Option<Scheme>) -> Result<Secret, Failure> {
    if of.is_some_and(|scheme| !scheme.is_signed()) {
        return Ok(Secret::new(""));
    }
    let given = match args.secret.read()? {
        Some(secret) => Some(secret),
        None => crate::cli::secret_source::usual(&|name| std::env::var(name).ok())?,
    };
    match given {
        Some(secret) if secret.weakness() == Some(Weakness::PublicExample) => strong(secret),
        Some(secret) => Ok(secret),
        None => {
            out::say(format!(
                "warning: no {SECRET_VARIABLE}, --secret-file or --secret-env: signing with a fresh secret, which a verifying receiver will refuse"
            ));
            let generated = of.map_or_else(Secret::generate, Scheme::generate_secret);
            generated.map_err(|e| Failure::environment(format!("no random bytes: {e}")))
        }
    }
}

/// The certificates trusted for https.
fn roots(args: &WebhookLoadArgs, target: &Target) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    if !target.is_tls() {
        return Ok(roots);
    }
    if let Some(path) = &args.cacert {
        let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("--cacert {}: {e}", path.display()));
        let pem = read_input(path, MAX_PEM).map_err(|e| wrong(&e))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
        }
        if roots.is_empty() {
            return Err(wrong(&"there is it holds no certificate"));
        }
        return Ok(roots);
    }
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Failure::environment("this system has no root certificates: give --cacert FILE"));
    }
    Ok(roots)
}

fn environment(args: &WebhookLoadArgs, addresses: &[SocketAddr]) -> String {
    let usual = if guard::is_loopback(addresses) { "loopback" } else { "staging" };
    args.environment.clone().unwrap_or_else(|| usual.to_owned())
}

/// Opens one connection, so that a receiver that is not there is an error and not a failed load.
async fn reach(dialer: &Dialer, target: &Target, limit: Duration) -> Result<(), Failure> {
    let tls = if target.is_tls() { " and TLS handshake (does it speak https?)" } else { "" };
    let why = match tokio::time::timeout(limit, dialer.connect()).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(broken)) => broken.why,
        Err(_) => format!("no connection{tls} within {} s", limit.as_secs_f64()),
    };
    Err(Failure::environment(format!("the receiver {} cannot be reached: {why}", target.as_str())))
}

/// Who is played, and what it signs with.
struct Signed {
    scheme: Scheme,
    sender: Option<Box<SenderProfile>>,
    secret_chars: usize,
}

fn header(
    signed: Signed,
    work: &LoadWork,
    evidence: &Evidence,
    target: &Target,
    environment: String,
) -> Result<Header, getrandom::Error> {
    let backoff_ms: Vec<u64> =
        work.retry.backoff.iter().map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)).collect();
    let retry = RetryContract { backoff_ms, ..RetryContract::default() };
    let endpoint = target.as_str().to_owned();
    Ok(Header {
        shard: Some(work.shard.recorded()),
        scenario: ScenarioRef {
            name: "webhooks".to_owned(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: sha256_hex(b""),
        },
        gates: evidence.gates_json(),
        gates_sha256: evidence.gates_sha256().to_owned(),
        environment,
        target: target.as_str().to_owned(),
        scheme: signed.scheme,
        sender: signed.sender,
        concurrency: work.connections,
        seed: work.seed,
        webhook: WebhookConfig::new(endpoint, work.retry.timeout, &retry, signed.secret_chars),
        retry,
        ..Header::new(RunKind::Load, Clock::start().started())?
    })
}
