//! From what the user typed to what a run is made of: flags over environment over scenario.

use super::evidence_files::EvidenceFiles;
use super::fault_plan::{self, Broken};
use super::gates_file::GatesFile;
use super::receiver_plan::{self, receiver};
use super::run_args::{FlowArgs, RunArgs};
use super::secret_source::SecretSource;
use super::used_rows::UsedRows;
use super::{Failure, environment, out, preconditions, secret_source, sender_option};
use crate::drive::Client;
use crate::executor::{BreakerPolicy, Plan, Receiver, StandIn, Target};
use crate::redact::Redactor;
use evidence::analysis::Ledger;
use evidence::gate::Confidence;
use evidence::report::EMBEDDED;
use pii::{Canaries, PolicyError};
use record::RunKind;
use record::faults::FaultPlan;
use record::{Aggregator, Header, Override, RetryContract, SenderProfile};
use scenario::{Env, Loaded, Period, Scenario, cell, load_typed, usual_settle};
use serde_json::Value;
use signature::{Scheme, Secret, Signer, Verifier, Weakness};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long an attempt is taken to last at the most where neither profile nor `WEBHOOK_TIMEOUT` says it.
const SENDER_TIMEOUT: Duration = Duration::from_secs(10);

/// A run, and where its evidence goes.
pub(super) struct Resolved {
    pub plan: Plan,
    pub files: EvidenceFiles,
    /// What earlier runs have used up of its data, where a run uses rows up.
    pub used_rows: Option<UsedRows>,
}

/// Resolves a run of `scenario`, which is a name or a file.
///
/// # Errors
/// Usage: whatever is missing or wrong in flags, environment, scenario or gates.
pub(super) fn resolve(scenario: &str, args: &RunArgs) -> Result<Resolved, Failure> {
    let size = Size { flows: args.flows, concurrency: args.concurrency, sharded: false };
    resolve_sized(RunKind::Run, scenario, &args.flow, size, secret)
}

/// Resolves a load of `flows` flows of `scenario`, of which up to `at_once` are under way at the same time; with it what it knows of
/// used rows. `sharded`: others take shares of the same rows.
///
/// # Errors
/// As for [`resolve`].
pub(super) fn resolve_load(
    scenario: &str,
    args: &FlowArgs,
    flows: u32,
    at_once: u32,
    sharded: bool,
) -> Result<(Plan, Option<UsedRows>), Failure> {
    let size = Size { flows: Some(flows), concurrency: None, sharded };
    let Resolved { plan, used_rows, .. } = resolve_sized(RunKind::Load, scenario, args, size, secret)?;
    Ok((Plan { concurrency: at_once, aggregator: Some(ledger), ..plan }, used_rows))
}

/// Resolves what is driven while somebody else receives: `known` is what that receiver verifies with, or what stands in for
/// it where nothing here signs or verifies.
///
/// # Errors
/// As for [`resolve`].
pub(super) fn resolve_drive(
    scenario: &str,
    args: &FlowArgs,
    flows: u32,
    known: &Secret,
) -> Result<Resolved, Failure> {
    let known = |_: &FlowArgs, _: &Env, _: bool, _: Option<&SenderProfile>| Ok(known.clone());
    let size = Size { flows: Some(flows), concurrency: None, sharded: false };
    resolve_sized(RunKind::Run, scenario, args, size, known)
}

/// How many flows, as far as the command says.
#[derive(Clone, Copy)]
struct Size {
    flows: Option<u32>,
    concurrency: Option<u32>,
    /// Whether others take the same rows in shards of their own.
    sharded: bool,
}

/// A load counts its flows and webhooks while it runs: its journal does not grow with them.
fn ledger(header: &Header, canaries: Canaries) -> Result<Box<dyn Aggregator>, PolicyError> {
    Ok(Box::new(Ledger::new(header.clone(), canaries)?))
}

fn resolve_sized(
    kind: RunKind,
    scenario: &str,
    args: &FlowArgs,
    size: Size,
    secret: impl FnOnce(&FlowArgs, &Env, bool, Option<&SenderProfile>) -> Result<Secret, Failure>,
) -> Result<Resolved, Failure> {
    preconditions::check_within(args)?;
    let env = environment::read(args.env_file.as_deref())?;
    let mut loaded = load_typed(scenario).map_err(|e| Failure::Usage(e.into()))?;
    let sender = sender(&mut loaded, args)?;
    let confidence = args.output.confidence.as_ref().map(|_| Confidence);
    let gates = GatesFile::read(args.output.gates.as_deref(), confidence)?;
    let target = target(args, &env)?;
    let embedded = matches!(target, Target::StandIn(_));
    let retry = retry(sender.as_ref(), &gates, &env)?;
    let own = &loaded.scenario;
    preconditions::check_blind(args, kind, own)?;
    let sender_timeout = sender_timeout(sender.as_ref(), &env)?;
    let seed = args.seed.map_or_else(fresh_seed, Ok)?;
    let asked = size.flows.or_else(|| written_rows(args, own, embedded));
    let Broken { flows, faults, sweep } =
        fault_plan::resolve(args, asked, &loaded, &retry, sender_timeout, seed)?;
    own.left_out(flows).iter().for_each(|left_out| out::say(format!("warning: {left_out}")));
    let concurrency = size.concurrency.unwrap_or(if sweep.is_some() { flows } else { own.concurrency });
    let files = EvidenceFiles::new(&args.output.artifacts, &own.name);
    // The shards of a load take the same rows, whichever is the first to end.
    let known = UsedRows::of(&target, &loaded, args.data.as_deref());
    let used_rows = known.as_ref().filter(|_| !size.sharded).cloned();
    let skipped_rows = skipped_rows(args, used_rows.as_ref());
    if let Some(known) = known {
        if used_rows.is_some() {
            known.warn();
        }
        let by_user = args.from_row.is_some() || used_rows.is_none();
        known.check_repeats(own, flows, skipped_rows, by_user)?;
    }
    let plan = Plan {
        kind,
        shard: None,
        gates: gates.reference(),
        environment: environment_name(args, embedded)?,
        flows,
        concurrency: concurrency.min(flows),
        data: args.data.clone(),
        skipped_rows,
        interrupted_before: used_rows.as_ref().and_then(UsedRows::interrupted),
        vars: vars(&args.vars, own)?,
        receiver: receiver(args, &env, embedded, &faults, own.listen.as_ref())?,
        tls: receiver_plan::tls(&loaded)?,
        secret: secret(args, &env, embedded, sender.as_ref())?,
        blind: args.blind,
        challenge: args.challenge.clone(),
        scheme: args.scheme.unwrap_or(own.scheme),
        sender: sender.map(Box::new),
        sender_timeout,
        retry,
        seed,
        within: args.within.map(Period::get),
        overrides: overrides(args, size),
        quiet: args.settle.map_or_else(|| usual_settle(Some(own), embedded), Period::get),
        journal: files.journal(),
        aggregator: None,
        faults,
        sweep,
        breaker: if args.no_pause { BreakerPolicy::RunOn } else { BreakerPolicy::KeepClosed },
        redactor: Redactor::new(),
        traced: false,
        env,
        target,
        loaded: loaded.clone(),
    };
    Ok(Resolved { plan, files, used_rows })
}

/// How many data rows are left out in front: what the user says, else those that were used up.
pub(super) fn skipped_rows(args: &FlowArgs, used: Option<&UsedRows>) -> u32 {
    args.from_row.map_or_else(|| used.map_or(0, UsedRows::skip), |row| row - 1)
}

/// What the command line gives in place of the scenario's own: whoever approves has to know of it. Of variables the names alone.
fn overrides(args: &FlowArgs, size: Size) -> Vec<Override> {
    let mut all = Vec::new();
    let mut add = |option: &str, value: Option<String>| {
        all.extend(value.map(|value| Override { option: option.to_owned(), value }));
    };
    add("within", args.within.map(|within| within.to_string()));
    add("settle", args.settle.map(|settle| settle.to_string()));
    add("scheme", args.scheme.map(|scheme| scheme.to_string()));
    add("sender", args.sender.as_deref().map(pii::shown));
    add("flows", size.flows.map(|flows| flows.to_string()));
    add("concurrency", size.concurrency.map(|flows| flows.to_string()));
    let name = |file: &PathBuf| pii::shown(&file.file_name().unwrap_or_default().to_string_lossy());
    add("data", args.data.as_ref().map(name));
    for text in &args.vars {
        add("var", text.split('=').next().map(pii::shown));
    }
    add("no-pause", args.no_pause.then(|| "yes".to_owned()));
    all
}

/// The parts of a run that do not hang on its scenario, each resolved by itself: [`resolve`] ends at the first mistake,
/// `smoke check` tells all of them.
pub(super) struct Parts {
    /// SHA-256 of the gates file.
    pub gates: Result<String, Failure>,
    pub target: Result<Target, Failure>,
    pub environment: Result<String, Failure>,
    pub receiver: Result<Receiver, Failure>,
    pub secret: Result<Secret, Failure>,
    /// What is wrong elsewhere.
    pub others: Vec<Failure>,
}

/// Resolves the parts of a run.
pub(super) fn parts(args: &FlowArgs, env: &Env, sender: Option<&SenderProfile>) -> Parts {
    let target = target(args, env);
    let embedded = matches!(target, Ok(Target::StandIn(_)));
    let gates = GatesFile::read(args.output.gates.as_deref(), None);
    let retry = gates.as_ref().ok().and_then(|gates| retry(sender, gates, env).err());
    Parts {
        environment: environment_name(args, embedded),
        receiver: receiver(args, env, embedded, &FaultPlan::default(), None),
        secret: secret(args, env, embedded, sender),
        others: retry.into_iter().chain(sender_timeout(sender, env).err()).collect(),
        gates: gates.map(|gates| gates.sha256().to_owned()),
        target,
    }
}

/// How many flows a run of the scenario has: those that were asked for, else those of its contract, else its own.
pub(super) fn flows_of(loaded: &Loaded, args: &RunArgs, env: &Env, embedded: bool) -> u32 {
    let asked = args.flows.or_else(|| written_rows(&args.flow, &loaded.scenario, embedded));
    let plan = broken(loaded, args, env, embedded).and_then(Result::ok);
    plan.map(|broken| broken.flows).or(asked).unwrap_or(loaded.scenario.flows)
}

/// What a run of the scenario breaks; none where what it hangs on is wrong.
pub(super) fn broken(
    loaded: &Loaded,
    args: &RunArgs,
    env: &Env,
    embedded: bool,
) -> Option<Result<Broken, Failure>> {
    let asked = args.flows.or_else(|| written_rows(&args.flow, &loaded.scenario, embedded));
    let gates = GatesFile::read(args.flow.output.gates.as_deref(), None).ok()?;
    let sender = loaded.scenario.sender.as_ref().map(|_| &loaded.sender);
    let (retry, timeout) = (retry(sender, &gates, env).ok()?, sender_timeout(sender, env).ok()?);
    Some(fault_plan::resolve(&args.flow, asked, loaded, &retry, timeout, 0))
}

/// Without --flows and --data a staging system gets one flow for each row that the scenario itself has, which are those
/// of the environment's variables.
fn written_rows(args: &FlowArgs, scenario: &Scenario, embedded: bool) -> Option<u32> {
    let own =
        !embedded && args.data.is_none() && scenario.data.file.is_none() && scenario.contract.is_empty();
    let rows = u32::try_from(scenario.data.rows.len()).unwrap_or(u32::MAX);
    (own && rows > 0).then(|| rows.min(scenario.flows))
}

fn target(args: &FlowArgs, env: &Env) -> Result<Target, Failure> {
    let (from, staging) = match &args.staging {
        Some(url) => ("--staging", Some(url.clone())),
        None => ("STAGING_URL", environment::setting(env.as_ref(), "STAGING_URL")?),
    };
    let stand_in = StandIn { misbehave: args.misbehave.clone(), profile: args.profile.unwrap_or_default() };
    match staging {
        None => Ok(Target::StandIn(stand_in)),
        Some(_) if !args.misbehave.is_empty() || args.profile.is_some() => Err(Failure::usage(
            "--misbehave and --as control the embedded stand-in, not a staging system (--staging, \
             STAGING_URL)",
        )),
        Some(url) => match Client::check(&url) {
            Ok(()) => Ok(Target::Url(url)),
            Err(error) => Err(Failure::usage(format!("{from}: {error}"))),
        },
    }
}

fn environment_name(args: &FlowArgs, embedded: bool) -> Result<String, Failure> {
    match (&args.environment, embedded) {
        (None, true) => Ok(EMBEDDED.to_owned()),
        (None, false) => Ok("staging".to_owned()),
        (Some(name), true) if name != EMBEDDED => Err(Failure::usage(format!(
            "--environment {name}: without --staging the target is the stand-in, whose environment is `{EMBEDDED}`"
        ))),
        (Some(name), false) if name == EMBEDDED => {
            Err(Failure::usage(format!("--environment {name}: that name is reserved for the stand-in")))
        }
        (Some(name), _) => printable_name(name),
    }
}

fn printable_name(name: &str) -> Result<String, Failure> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(Failure::usage("--environment: a name has 1 to 64 printable characters"));
    }
    Ok(name.to_owned())
}

/// The name of an environment that is not the stand-in's.
pub(super) fn checked_environment(name: &str) -> Result<String, Failure> {
    if name == EMBEDDED {
        return Err(Failure::usage(format!("--environment {name}: that name is reserved for the stand-in")));
    }
    printable_name(name)
}

/// The secret that a staging system signs with.
pub(super) fn staging_secret(source: &SecretSource, env: &Env) -> Result<Secret, Failure> {
    match source.read()? {
        Some(secret) => strong(secret),
        None => strong(secret_source::usual(env.as_ref())?.ok_or_else(no_secret)?),
    }
}

/// The secret, unless something makes it unfit for a real system.
pub(super) fn strong(secret: Secret) -> Result<Secret, Failure> {
    match secret.weakness() {
        Some(weakness) => Err(Failure::usage(format!("{weakness}; `smoke secret` makes a good one"))),
        None => Ok(secret),
    }
}

fn no_secret() -> Failure {
    Failure::usage(
        "no webhook secret: set WEBHOOK_SECRET, or give --secret-file or --secret-env; it must be the one staging \
         signs with (`smoke secret` makes one for both)",
    )
}

pub(super) fn vars(
    given: &[String],
    scenario: &scenario::Scenario,
) -> Result<BTreeMap<String, Value>, Failure> {
    let mut vars = BTreeMap::new();
    for text in given {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Failure::usage(format!("--var {}: not NAME=VALUE", text.split('=').next().unwrap_or_default()))
        })?;
        if value.trim().is_empty() {
            return Err(Failure::usage(format!("--var {name}: the value is empty")));
        }
        if scenario.is_secret(name) {
            return Err(Failure::usage(format!(
                "--var {name}: every user of this machine can read a secret on the command line; use the \
                 environment or --env-file"
            )));
        }
        vars.insert(name.to_owned(), cell(value));
    }
    Ok(vars)
}

/// What stands in the place of the secret where a run is to have none. One that is there all the same would make it none that
/// the runner could not have used.
///
/// # Errors
/// Usage: a secret is given.
pub(super) fn no_secret_at_all(source: &SecretSource, env: &Env) -> Result<Secret, Failure> {
    if source.is_given() {
        return Err(Failure::usage(
            "--blind: a blind run has no secret; leave out --secret-file and --secret-env",
        ));
    }
    if env("WEBHOOK_SECRET").is_some_and(|secret| !secret.trim().is_empty()) {
        return Err(Failure::usage(
            "--blind: WEBHOOK_SECRET is set, so whoever runs this has the secret; unset it, and leave it to staging and \
             the approver",
        ));
    }
    Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")))
}

fn secret(
    args: &FlowArgs,
    env: &Env,
    embedded: bool,
    sender: Option<&SenderProfile>,
) -> Result<Secret, Failure> {
    // The stand-in has to sign with something that the approver can be given.
    if args.blind && !embedded {
        return no_secret_at_all(&args.secret, env);
    }
    let scheme = sender.and_then(|sender| sender.scheme().ok());
    if scheme.is_some_and(|scheme| !scheme.is_signed()) {
        return Ok(Secret::new(""));
    }
    // A receiver elsewhere has its secret already, and what it cannot verify it refuses.
    if !embedded || args.inbox.is_some() {
        let Some(scheme) = scheme else { return staging_secret(&args.secret, env) };
        return senders_secret(scheme, &args.secret, env);
    }
    match (scheme, args.secret.is_given()) {
        (Some(scheme), false) => scheme.generate_secret().map_err(|e| {
            Failure::usage(format!("no secret can be made for {scheme} ({e}): give one with --secret-file"))
        }),
        (Some(scheme), true) => {
            let given = args.secret.read()?.ok_or_else(no_secret)?;
            let secret = providers_secret(scheme, given)?;
            // The stand-in signs with it.
            Signer::new(scheme, &secret).map_err(Failure::usage)?;
            Ok(secret)
        }
        (None, _) => embedded_secret(&args.secret),
    }
}

/// The secret of a sender with a profile: none for one that signs nothing.
pub(super) fn senders_secret(scheme: Scheme, source: &SecretSource, env: &Env) -> Result<Secret, Failure> {
    if !scheme.is_signed() {
        return Ok(Secret::new(""));
    }
    let given = match source.read()? {
        Some(secret) => secret,
        None => secret_source::usual(env.as_ref())?.ok_or_else(no_secret)?,
    };
    providers_secret(scheme, given)
}

/// A secret that a provider chose: nobody can make it longer, so that its weakness is said and stops nothing. What is empty or
/// public is no secret, and what is no key of the sender is of no use.
pub(super) fn providers_secret(scheme: Scheme, secret: Secret) -> Result<Secret, Failure> {
    Verifier::new(scheme, &secret).map_err(Failure::usage)?;
    match secret.weakness() {
        Some(Weakness::Empty | Weakness::PublicExample) => strong(secret),
        Some(weakness) => {
            out::say(format!("warning: {weakness}; if {scheme} chose it, you cannot change it"));
            Ok(secret)
        }
        None => Ok(secret),
    }
}

/// The secret that was given for the stand-in, or a fresh one.
pub(super) fn embedded_secret(source: &SecretSource) -> Result<Secret, Failure> {
    match source.read()? {
        Some(secret) => strong(secret),
        None => Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}"))),
    }
}

/// The sender's time-out: `WEBHOOK_TIMEOUT`, else what its profile declares, or that of the usual sender.
pub(super) fn sender_timeout(sender: Option<&SenderProfile>, env: &Env) -> Result<Duration, Failure> {
    let Some(text) = environment::setting(env.as_ref(), "WEBHOOK_TIMEOUT")? else {
        let declared = sender.unwrap_or(SenderProfile::usual()).limits.timeout;
        return Ok(declared.map_or(SENDER_TIMEOUT, Period::get));
    };
    let seconds = text.parse::<f64>().ok().filter(|s| (0.001..=3600.0).contains(s));
    let seconds = seconds
        .ok_or_else(|| Failure::usage("WEBHOOK_TIMEOUT: not a number of seconds from 0.001 to 3600"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// The sender's profile that flag or scenario names, which the scenario has from then on.
pub(super) fn sender(loaded: &mut Loaded, args: &FlowArgs) -> Result<Option<SenderProfile>, Failure> {
    if let Some(typed) = &args.sender {
        loaded.sender = sender_option::named(typed)?;
        loaded.scenario.scheme = sender_option::scheme_of(&loaded.sender)?;
        loaded.scenario.sender = Some(typed.clone());
    }
    Ok(loaded.scenario.sender.as_ref().map(|_| loaded.sender.clone()))
}

/// `WEBHOOK_MAX_RETRIES`, where it is set.
pub(super) fn max_attempts(env: &Env) -> Result<Option<u32>, Failure> {
    let Some(text) = environment::setting(env.as_ref(), "WEBHOOK_MAX_RETRIES")? else { return Ok(None) };
    let attempts = text.parse::<u32>().ok().filter(|n| (1..=10).contains(n));
    let wrong = || Failure::usage("WEBHOOK_MAX_RETRIES: not a number of attempts from 1 to 10");
    attempts.map(Some).ok_or_else(wrong)
}

/// The contract of a profile, or of the usual sender, under what the gates file and `WEBHOOK_MAX_RETRIES` say otherwise.
pub(super) fn retry(
    sender: Option<&SenderProfile>,
    gates: &GatesFile,
    env: &Env,
) -> Result<RetryContract, Failure> {
    let gate = gates.gates.retry_contract.clone().unwrap_or_default();
    Ok(gate.over(sender.unwrap_or(SenderProfile::usual()).contract(), max_attempts(env)?))
}

/// A seed that JSON readers keep exactly: below 2^53.
pub(super) fn fresh_seed() -> Result<u64, Failure> {
    let random = getrandom::u64().map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    Ok(random >> 11)
}
