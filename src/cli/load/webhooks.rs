//! `smoke load webhooks`: signed webhooks at a receiver.

use super::args::WebhookLoadArgs;
use super::out::Outs;
use super::plan::{LoadWork, cores};
use super::{Evidence, live};
use crate::cli::evidence_files::Keep;
use crate::cli::format::Format;
use crate::cli::run_plan::{providers_secret, strong};
use crate::cli::sender_option::SenderOption;
use crate::cli::signing::StatementSigner;
use crate::cli::{
    Exit, Failure, environment as variables, out, receiver_target, runtime as runtimes, telemetry,
};
use crate::load::{
    Background, Dialer, Job, RequestTemplate, RetryPolicy, SignedRequest, Target, WebhookClient, guard,
};
use record::RunKind;
use record::SubjectKind;
use record::{Header, Record, RetryContract, ScenarioRef, SenderProfile, WebhookConfig, sha256_hex};
use serde_json::json;
use signature::{Scheme, Secret, Signer, Weakness};
use wire::Clock;

/// Where the secret is when no flag says so.
const SECRET_VARIABLE: &str = "WEBHOOK_SECRET";
/// What is loaded, in journals and artifacts.
const SUBJECT: &str = "webhooks";

/// Checks everything, then runs the load and judges it.
pub(super) fn run(args: &WebhookLoadArgs) -> Result<Exit, Failure> {
    let target = Target::parse(&args.to).map_err(|e| Failure::usage(format!("--to: {e}")))?;
    let roots = receiver_target::roots(&target, args.cacert.as_deref())?;
    let event = args.event.as_str();
    let (sender, scheme) = imitated(&args.sender)?;
    let work = LoadWork::new(&args.schedule, cores(), retry_policy(args, sender.as_ref()), args.seed)?;
    let secret = secret(args, sender.is_some().then_some(scheme))?;
    let signer = Signer::new(scheme, &secret).map_err(Failure::usage)?.to("POST", target.as_str());
    let exporter = telemetry::metrics_exporter(&variables::read(None)?);
    let signature = StatementSigner::asked(args.sign.as_deref(), &args.subject)?;
    let mut evidence = Evidence::prepare(&args.output, work.shard, SUBJECT)?;
    let mut outs = Outs::open(&args.schedule.out, args.output.format == Format::Json, work.shard.recorded())?;

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
    let usual = if guard::is_loopback(&addresses) { "loopback" } else { "staging" };
    let environment = args.environment.clone().unwrap_or_else(|| usual.to_owned());
    let dialer = Dialer::new(&target, addresses, roots).map_err(Failure::environment)?;
    runtime.block_on(receiver_target::reach(&dialer, &target, work.retry.timeout))?;
    drop(runtime);

    let signed = Signed { scheme, sender: sender.map(Box::new), secret_chars: secret.chars() };
    let header = header(signed, &work, &evidence, &target, environment)
        .map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    let common = json!({ "target": target.shown(), "scheme": scheme });
    let record = |started| work.record(SUBJECT, event, &common, started);
    evidence.make_way(Keep::before(&header.environment)).map_err(Failure::environment)?;
    let journal = evidence.open(&header)?;
    let planned = Record::Load(Box::new(record(live::begins(work.start_at))));
    journal.append(&planned).map_err(|e| Failure::environment(format!("cannot write the journal: {e}")))?;
    let wrong = |e| Failure::environment(format!("cannot start: {e}"));
    if let Some(text) = work.long_retries(header.sender.as_ref().map_or("the sender", |sender| &sender.name))
    {
        out::say(format!("note: {text}"));
    }
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
    let exit = evidence.conclude(&args.output, finish, signature.as_ref())?;
    if let Some(exporter) = &exporter {
        return runtimes::block_on(async {
            telemetry::tell_load(exporter, &evidence.journal()).await;
            Ok(exit)
        });
    }
    Ok(exit)
}

/// What the sender that is played makes of an answer.
fn retry_policy(args: &WebhookLoadArgs, sender: Option<&SenderProfile>) -> RetryPolicy {
    let contract = sender.map_or_else(RetryContract::default, SenderProfile::contract);
    RetryPolicy { timeout: args.timeout, contract: contract.as_sent(args.retry).into() }
}

/// Who is played, whose signature has to do with these bodies.
fn imitated(sender: &SenderOption) -> Result<(Option<SenderProfile>, Scheme), Failure> {
    let (profile, scheme) = (sender.profile()?, sender.scheme()?);
    match scheme.needs_own_body() {
        Some(why) => Err(Failure::usage(format!(
            "webhooks of {scheme} {why}: smoke load webhooks cannot imitate them"
        ))),
        None => Ok((profile, scheme)),
    }
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
    let retry = RetryContract::clone(&work.retry.contract);
    let shown = target.shown();
    Ok(Header {
        shard: Some(work.shard.recorded()),
        scenario: ScenarioRef {
            name: SUBJECT.to_owned(),
            subject: SubjectKind::flow(),
            plural: None,
            sha256: sha256_hex(b""),
        },
        gates: evidence.gates_json(),
        gates_sha256: evidence.gates_sha256().to_owned(),
        environment,
        target: shown.clone(),
        scheme: signed.scheme,
        sender: signed.sender,
        concurrency: work.connections,
        seed: work.seed,
        webhook: WebhookConfig::new(shown, work.retry.timeout, &retry, signed.secret_chars),
        retry,
        ..Header::new(RunKind::Load, Clock::start().started())?
    })
}
