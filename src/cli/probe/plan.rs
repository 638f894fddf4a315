//! From what was typed to what is played.

use super::args::{Args, BuiltIn, OfCase};
use super::header;
use crate::cli::secret_source::usual;
use crate::cli::{Failure, receiver_target, sender_option};
use crate::load::{Dialer, Target, guard};
use crate::probe::{Observer, Plan};
use ::probe::{Case, Forge, Group, Judged, can_imitate, has_list, usual_event};
use record::{Header, ProbeBegin, SenderProfile, Tick, read_input};
use serde_json::Value;
use signature::{Scheme, Secret};
use stand_in::{Flaw, Receiver};
use std::path::Path;
use std::time::Duration;
use wire::Clock;

/// Largest body file in bytes, as large as any receiver here takes.
const MAX_BODY: u64 = 256 * 1024;
/// Between two requests: on this machine, and elsewhere (10 a second: docs/deltacrown.md section 6).
const GAP_HERE: Duration = Duration::from_millis(5);
const GAP_ELSEWHERE: Duration = Duration::from_millis(100);

/// What is known before anything is opened.
pub(super) struct Asked {
    /// The flaw of the built-in receiver, when that is probed.
    pub built_in: Option<Option<Flaw>>,
    pub sender: Scheme,
    /// The profile, where it is not a built-in one.
    pub profile: Option<SenderProfile>,
    pub secret: Secret,
    body: Option<Value>,
    cases: Vec<&'static Case>,
    observer: Option<Observer>,
}

/// What is played, and what is written about it.
pub(super) struct Prepared {
    pub plan: Plan,
    pub header: Header,
    pub begin: ProbeBegin,
    /// What no output may hold.
    pub secrets: Vec<Secret>,
}

/// Reads the command line and the files that it names.
///
/// # Errors
/// Usage: something in it is wrong.
pub(super) fn asked(args: &Args) -> Result<Asked, Failure> {
    if args.target.is_none() && args.receiver.is_none() {
        return Err(Failure::usage(
            "nothing to probe: give the URL of a receiver, or --receiver for the built-in one",
        ));
    }
    let built_in = args.receiver.map(|BuiltIn(flaw)| flaw);
    let needs_list = built_in == Some(Some(Flaw::ListNotParsed));
    let usual = if needs_list { Scheme::StandardWebhooks } else { Scheme::default() };
    let profile = args.sender.as_deref().map(sender_option::named).transpose()?;
    let sender = profile.as_ref().map(sender_option::scheme_of).transpose()?.unwrap_or(usual);
    can_imitate(sender).map_err(|e| Failure::usage(format!("--sender: {e}")))?;
    if needs_list && !has_list(sender) {
        return Err(Failure::usage(format!(
            "--receiver {}: {} has one signature per header; give --sender standard-webhooks or stripe",
            Flaw::ListNotParsed,
            sender.sender()
        )));
    }
    if matches!(built_in, Some(Some(Flaw::StaleAccepted | Flaw::FutureAccepted))) && !sender.has_timestamp() {
        return Err(Failure::usage(format!(
            "--receiver: webhooks of {} carry no timestamp; give another --sender",
            sender.sender()
        )));
    }
    if built_in.is_some() && args.observe.is_some() {
        return Err(Failure::usage("--observe: the built-in receiver does its own counting"));
    }
    let observer = args.observe.as_deref().map(Observer::parse).transpose();
    let observer = observer.map_err(|e| Failure::usage(format!("--observe: {e}")))?;
    let (secret, body) = (secret(args, sender)?, args.body.as_deref().map(body).transpose()?);
    let profile = profile.filter(|_| !sender.is_built_in());
    Ok(Asked { built_in, sender, profile, secret, body, cases: cases(args)?, observer })
}

/// The cases that are asked for, the valid webhook first.
fn cases(args: &Args) -> Result<Vec<&'static Case>, Failure> {
    if let Some(OfCase(id)) = args.case {
        let case = Case::of(id).filter(|case| !matches!(case.judged, Judged::Overall(_)));
        let case = case.ok_or_else(|| {
            Failure::usage(format!(
                "--case {id}: it is judged on all responses of a probe and has no requests of its own"
            ))
        })?;
        return Ok(Case::all().filter(|other| other.id == "valid" || other.id == case.id).collect());
    }
    let wanted = |case: &&Case| {
        args.only.is_empty()
            || case.group == Group::Baseline
            || args.only.iter().any(|only| only.0 == case.group)
    };
    Ok(Case::all().filter(wanted).collect())
}

/// The secret of the flags, or of `WEBHOOK_SECRET`; the built-in receiver gets a fresh one.
fn secret(args: &Args, sender: Scheme) -> Result<Secret, Failure> {
    if args.receiver.is_none() {
        return args.secret.require();
    }
    let given = match args.secret.read()? {
        Some(secret) => Some(secret),
        None => usual(&|name| std::env::var(name).ok())?,
    };
    match given {
        Some(secret) => Ok(secret),
        None => sender.generate_secret().map_err(|e| Failure::environment(format!("no random bytes: {e}"))),
    }
}

fn body(path: &Path) -> Result<Value, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("--body {}: {e}", path.display()));
    let bytes = read_input(path, MAX_BODY).map_err(|e| wrong(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| wrong(&format!("not JSON: {e}")))
}

/// Finds the target, makes sure that it may be probed, and that it is there.
///
/// # Errors
/// Usage: the target is refused, or the secret is no key. Environment: it cannot be reached.
pub(super) async fn prepare(
    args: &Args,
    mut asked: Asked,
    receiver: Option<&Receiver>,
) -> Result<Prepared, Failure> {
    let url = receiver.map(Receiver::url).or_else(|| args.target.clone()).unwrap_or_default();
    let target = Target::parse(&url).map_err(Failure::usage)?;
    let roots = receiver_target::roots(&target, args.cacert.as_deref())?;
    if let Some(receiver) = receiver {
        asked.observer = Some(Observer::parse(&receiver.processed_url()).map_err(Failure::environment)?);
    }
    let clock = Clock::start();
    let event = args.event.clone().unwrap_or_else(|| usual_event(asked.sender).to_owned());
    let canary = format!("smoke-probe-{}", uuid::Uuid::new_v4().simple());
    let forge = Forge::new(asked.sender, &asked.secret, &event, asked.body.take(), &canary)
        .map_err(Failure::usage)?;
    let found = target.addresses().await;
    let addresses = found.as_deref().unwrap_or_default();
    let here = guard::is_loopback(addresses);
    if !args.i_own_this_target {
        guard::check_target(target.host(), addresses, Some(1.0 / GAP_ELSEWHERE.as_secs_f64()))
            .map_err(Failure::usage)?;
    }
    let environment = environment(args, here);
    let addresses = found.map_err(Failure::environment)?;
    let dialer = Dialer::new(&target, addresses, roots).map_err(Failure::environment)?;
    receiver_target::reach(&dialer, &target, Duration::MAX).await?;

    let header = header(&asked, &target.shown(), &environment, clock)?;
    let begin = begin(args, &asked, &event, canary);
    let mut secrets = forge.key_spellings();
    secrets.push(asked.secret.clone());
    let gap = if here { GAP_HERE } else { GAP_ELSEWHERE };
    let Asked { secret, cases, observer, .. } = asked;
    let plan = Plan { target, dialer, forge, secret, cases, budget: args.budget, gap, observer, clock };
    Ok(Prepared { plan, header, begin, secrets })
}

fn begin(args: &Args, asked: &Asked, event: &str, canary: String) -> ProbeBegin {
    ProbeBegin {
        at: Tick(0),
        sender: asked.sender.sender().to_owned(),
        event: event.to_owned(),
        canary,
        cases: asked.cases.iter().map(|case| case.id.to_owned()).collect(),
        whole: asked.cases.len() == Case::all().count(),
        budget_ms: u64::try_from(args.budget.as_millis()).unwrap_or(u64::MAX),
        observer: asked.observer.as_ref().map(|observer| observer.name().to_owned()),
    }
}

fn environment(args: &Args, here: bool) -> String {
    let usual = match (&args.receiver, here) {
        (Some(_), _) => record::EMBEDDED,
        (None, true) => "loopback",
        (None, false) => "staging",
    };
    args.environment.clone().unwrap_or_else(|| usual.to_owned())
}
