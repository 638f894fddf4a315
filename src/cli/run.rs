//! `smoke payments`, `smoke matches`, `smoke run`: one run from command line to exit code.

use super::format::Format;
use super::outputs::Outputs;
use super::progress::Progress;
use super::run_args::RunArgs;
use super::run_plan::{self, Resolved};
use super::{Exit, Failure, github, out, signing};
use crate::executor::{Execution, Pacing, Plan, Prepared, RunError};
use crate::outbound::shown_url;
use evidence::gate::Verdict;
use evidence::report::{Colour, EMBEDDED, artifact, contract_table, from_journal, summary};
use std::io::IsTerminal;
use tokio::sync::watch;

/// Runs scenario `scenario` (a name or a file) as command `command`.
pub(super) fn run(scenario: &str, args: &RunArgs) -> Result<Exit, Failure> {
    let resolved = run_plan::resolve(scenario, args)?;
    super::runtime::block_on(execute(resolved, args))
}

async fn execute(resolved: Resolved, args: &RunArgs) -> Result<Exit, Failure> {
    let Resolved { plan, artifacts } = resolved;
    let key = args.flow.sign.as_deref().map(signing::read_key).transpose()?;
    let (interrupt, stop) = watch::channel(false);
    super::interrupt::spawn(interrupt)?;
    artifacts.make_ready()?;
    let progress = Progress::new(args.flow.output.quiet, plan.flows, plan.redactor.clone());
    let announcement = super::fault_plan::announcement(&plan);
    let setup = matches!(plan.target, crate::executor::Target::Url(_)).then(|| sender_settings(&plan));
    if plan.environment == EMBEDDED
        && let Some(kept) = artifacts.keep_evidence_about_others()?
    {
        out::say(format!("evidence about another environment was there; it is now {}", kept.display()));
    }
    let prepared = Prepared::new(plan).await.map_err(failure)?;
    if let Some(setup) = setup.filter(|_| !args.flow.output.quiet) {
        out::say(setup(&shown_url(prepared.endpoint())));
    }
    if let Some(announcement) = announcement {
        out::say(announcement);
    }
    // A first artifact, unproven, stands there before anything is driven: a crash leaves it.
    artifacts.write(&from_journal(artifacts.journal()).map_err(Failure::environment)?.1)?;
    let execution = Execution { listener: progress.listener(), ..Execution::unwatched(Pacing::Phases) };
    let finished = prepared.execute(execution, stop).await.map_err(failure)?;
    progress.finish();
    let (evidence, bytes) = from_journal(artifacts.journal()).map_err(Failure::environment)?;
    artifacts.write(&bytes)?;
    if let Some(blocked) = finished.blocked {
        return Err(Failure::environment(blocked));
    }
    if let Some(key) = key {
        signing::sign(&key, artifacts.output(), &bytes, artifacts.journal(), &evidence.integrity.sha256)?;
    }
    let artifact = artifact(&evidence);
    Outputs::beside(&artifacts, &args.flow.output.report).write(&evidence, &artifact, artifacts.name())?;
    github::tell(&evidence, &artifact, artifacts.name());
    match args.flow.output.format {
        Format::Json => out::raw(&bytes),
        Format::Human => {
            out::raw(contract_table(&artifact, colour()).as_bytes());
            out::raw(summary(&artifact, colour()).as_bytes());
        }
    }
    if !args.flow.output.quiet {
        out::say(format!(
            "artifact {}\njournal  {}",
            artifacts.output().display(),
            artifacts.journal().display()
        ));
    }
    Ok(exit(evidence.verdict, finished.interrupted))
}

fn exit(verdict: Verdict, interrupted: bool) -> Exit {
    match (interrupted, verdict) {
        (true, _) => Exit::Interrupted,
        (_, Verdict::Pass) => Exit::Pass,
        (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Unproven | Verdict::NotExercised) => Exit::Unproven,
    }
}

/// Colours on a terminal only, and not where `NO_COLOR` is set (no-color.org).
pub(super) fn colour() -> Colour {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted && std::io::stdout().is_terminal() { Colour::Ansi } else { Colour::None }
}

/// What has to be set on the staging side, as smoke cannot know that it is (docs/deltacrown.md section 8).
fn sender_settings(plan: &Plan) -> impl FnOnce(&str) -> String + use<> {
    let (chars, timeout, attempts) =
        (plan.secret.chars(), plan.sender_timeout.as_secs_f64(), plan.retry.backoff_ms.len());
    move |endpoint| {
        format!(
            "staging must run with these settings:\n  \
             NOTIFICATIONS_WEBHOOK_ENABLED=True\n  \
             WEBHOOK_ENDPOINT={endpoint}\n  \
             WEBHOOK_SECRET=(the secret that smoke was given, {chars} characters)\n  \
             WEBHOOK_TIMEOUT={timeout}\n  \
             WEBHOOK_MAX_RETRIES={attempts}"
        )
    }
}

fn failure(error: RunError) -> Failure {
    if error.is_environment() { Failure::Environment(error.into()) } else { Failure::Usage(error.into()) }
}
