//! `smoke payments`, `smoke matches`, `smoke run`: one run from command line to exit code.

use super::evidence_files::{EvidenceFiles, Keep};
use super::format::Format;
use super::outputs::Outputs;
use super::progress::Progress;
use super::run_args::RunArgs;
use super::run_plan::{self, Resolved};
use super::sender_breaker::LeftOpen;
use super::{Exit, Failure, github, out, signing, target_guard};
use crate::drive::Blocked;
use crate::executor::{Execution, Pacing, Plan, Prepared, RunError, Target};
use crate::outbound::shown_url;
use chrono::Utc;
use evidence::analysis::Breaker;
use evidence::gate::Verdict;
use evidence::report::{Evidence, artifact, contract_table, from_journal, summary};
use tokio::sync::watch;

/// Runs scenario `scenario` (a name or a file) as command `command`.
pub(super) fn run(scenario: &str, args: &RunArgs) -> Result<Exit, Failure> {
    let resolved = run_plan::resolve(scenario, args)?;
    super::runtime::block_on(execute(resolved, args))
}

async fn execute(resolved: Resolved, args: &RunArgs) -> Result<Exit, Failure> {
    let Resolved { plan, files } = resolved;
    let (flow, output) = (&args.flow, &args.flow.output);
    let key = flow.sign.as_deref().map(signing::read_key).transpose()?;
    target_guard::check(&plan.target, flow.i_own_this_target, Some(0.0)).await?;
    let (interrupt, stop) = watch::channel(false);
    super::interrupt::spawn(interrupt)?;
    let _lock = files.make_ready()?;
    let progress = Progress::new(output.quiet, plan.flows, plan.redactor.clone());
    let outlives_run = matches!(plan.target, Target::Url(_));
    let setup = outlives_run.then(|| sender_settings(&plan));
    let keep = Keep::before(&plan.environment);
    let prepared = Prepared::new(plan, || files.make_way(keep)).await.map_err(failure)?;
    if let Some(setup) = setup.filter(|_| !output.quiet) {
        out::say(setup(&shown_url(prepared.endpoint())));
    }
    if prepared.plays_in_turn() {
        out::say(super::fault_plan::in_turn(prepared.plan()));
    }
    if let Some(announcement) = super::fault_plan::announcement(prepared.plan()) {
        out::say(announcement);
    }
    // A first artifact, unproven, stands there before anything is driven: a crash leaves it.
    files.write("output.json", &from_journal(&files.journal()).map_err(Failure::environment)?.1)?;
    let (interrupted, blocked) = drive(prepared, flow.no_pause, &files, &progress, stop).await?;
    progress.finish();
    let (evidence, bytes) = from_journal(&files.journal()).map_err(Failure::environment)?;
    files.write("output.json", &bytes)?;
    if let Some(blocked) = blocked {
        return Err(Failure::environment(blocked));
    }
    if let Some(key) = key {
        signing::sign(&key, &files.output(), &bytes, &files.journal(), &evidence.integrity.sha256)?;
    }
    let artifact = artifact(&evidence);
    let reports = Outputs::beside(&files, &output.report);
    reports.write(&evidence, &artifact, files.name())?;
    github::tell(&evidence, &artifact, files.name());
    match output.format {
        Format::Json => out::raw(&bytes),
        Format::Human => {
            let screen = out::screen(output.all);
            out::raw(summary(&evidence, &artifact, screen).as_bytes());
            out::raw(contract_table(&artifact, screen).as_bytes());
        }
    }
    if outlives_run {
        tell_of_breaker(&evidence, &files)?;
    }
    if !output.quiet {
        out::say(format!("artifact {}\njournal  {}", files.output().display(), files.journal().display()));
        reports.tell();
    }
    Ok(exit(evidence.verdict, interrupted))
}

/// Drives the run to its end, once the sender's circuit breaker lets it; gives whether it was interrupted.
async fn drive(
    prepared: Prepared,
    no_pause: bool,
    files: &EvidenceFiles,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<(bool, Option<Blocked>), Failure> {
    if let Some(left_open) = LeftOpen::recall(files.dir(), prepared.target(), Utc::now())
        && !left_open.wait(no_pause, &mut stop).await
    {
        prepared.cancel("interrupted before anything was driven").await.map_err(failure)?;
        return Ok((true, None));
    }
    let execution = Execution { listener: progress.listener(), ..Execution::unwatched(Pacing::Phases) };
    let finished = prepared.execute(execution, stop).await.map_err(failure)?;
    Ok((finished.interrupted, finished.blocked))
}

/// Says that the run has left the sender's circuit breaker open, or that one which was open before may have swallowed webhooks.
fn tell_of_breaker(evidence: &Evidence, files: &EvidenceFiles) -> Result<(), Failure> {
    let (analysis, now) = (&evidence.analysis, Utc::now());
    if let Some(left_open) = LeftOpen::of(analysis, files.name(), now) {
        return left_open.keep(files.dir(), now);
    }
    let lost = !evidence.is_cut_off() && analysis.expectations().any(|expected| expected.missing() > 0);
    if lost && Breaker::of(analysis).openings.is_empty() {
        let contract = analysis.header.retry.breaker;
        out::say(format!(
            "webhooks were lost and this run has not opened the sender's circuit breaker: if it was open already ({} failed \
             deliveries within {} s open it for {} s), it dropped them without trying; run again after that",
            contract.failures,
            contract.window().as_secs_f64(),
            contract.open().as_secs_f64()
        ));
    }
    Ok(())
}

fn exit(verdict: Verdict, interrupted: bool) -> Exit {
    match (interrupted, verdict) {
        (true, _) => Exit::Interrupted,
        (_, Verdict::Pass) => Exit::Pass,
        (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Unproven | Verdict::NotExercised) => Exit::Unproven,
    }
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
