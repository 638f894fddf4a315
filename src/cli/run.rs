//! `smoke payments`, `smoke matches`, `smoke run`: one run from command line to exit code.

use super::evidence_files::{EvidenceFiles, Keep};
use super::format::Format;
use super::outputs::Outputs;
use super::progress::Progress;
use super::run_args::{OutputArgs, RunArgs};
use super::run_plan::{self, Resolved};
use super::sender_breaker::LeftOpen;
use super::signing::{Signed, StatementSigner};
use super::used_rows::{self, Taken, UsedRows, failure};
use super::{Exit, Failure, github, out, sender_settings, target_guard, telemetry};
use crate::drive::Blocked;
use crate::executor::{Execution, Pacing, Prepared, Target};
use crate::outbound::shown_url;
use chrono::Utc;
use evidence::analysis::Breaker;
use evidence::gate::Verdict;
use evidence::report::{Artifact, Evidence, artifact, contract_table, from_journal, summary};
use record::RunKind;
use std::time::Duration;
use tokio::sync::watch;

/// Runs scenario `scenario` (a name or a file) as command `command`.
pub(super) fn run(scenario: &str, args: &RunArgs) -> Result<Exit, Failure> {
    let resolved = run_plan::resolve(scenario, args)?;
    super::runtime::block_on(execute(resolved, args))
}

async fn execute(resolved: Resolved, args: &RunArgs) -> Result<Exit, Failure> {
    let Resolved { mut plan, files, used_rows } = resolved;
    let exporter = telemetry::exporter(&plan.env);
    plan.traced = exporter.as_ref().is_some_and(|exporter| exporter.settings().traces.is_some());
    let (flow, output) = (&args.flow, &args.flow.output);
    let signer = StatementSigner::asked(flow.sign.as_deref(), &flow.subject)?;
    let baseline = output.baseline(RunKind::Run, &plan.loaded.scenario.name)?;
    target_guard::check(&plan.target, flow.i_own_this_target, Some(0.0)).await?;
    let (interrupt, stop) = watch::channel(false);
    super::interrupt::spawn(interrupt)?;
    let _lock = files.make_ready()?;
    let progress = Progress::new(plan.flows, plan.redactor.clone());
    let outlives_run = matches!(plan.target, Target::Url(_));
    let watched = Some(plan.quiet).filter(|watched| !watched.is_zero());
    let keep = Keep::before(&plan.environment);
    let by_user = flow.from_row.is_some();
    let take = |rows: &UsedRows| rows.take(plan.skipped_rows, plan.flows, by_user);
    let mut taken = used_rows.as_ref().map(take).transpose()?;
    let known = used_rows.as_ref().filter(|_| !by_user);
    let prepared = Prepared::new(plan, || files.make_way(keep)).await.map_err(|e| failure(e, known))?;
    announce(&prepared, known, outlives_run);
    // A first artifact, unproven, stands there before anything is driven: a crash leaves it.
    files.write("output.json", &from_journal(&files.journal()).map_err(Failure::environment)?.1)?;
    let leaving = stop.clone();
    taken.iter_mut().for_each(Taken::driving);
    let Driven { interrupted, blocked, started } =
        drive(prepared, flow.no_pause, &files, &progress, stop).await?;
    taken.into_iter().for_each(|rows| rows.remember(started, !interrupted && blocked.is_none()));
    progress.finish();
    let (evidence, bytes) = from_journal(&files.journal()).map_err(Failure::environment)?;
    files.write("output.json", &bytes)?;
    if let Some(blocked) = blocked {
        return Err(Failure::environment(blocked));
    }
    if let Some(signer) = signer {
        let (output, journal) = (&files.output(), &files.journal());
        let (journal_sha256, checks, verdict) =
            (&*evidence.integrity.sha256, &*evidence.checks, evidence.verdict);
        let signed = Signed { output, artifact: &bytes, journal, journal_sha256, checks, verdict };
        signer.sign(&signed)?;
    }
    let artifact = artifact(&evidence);
    let reports = Outputs::beside(&files, &output.report);
    reports.write(&evidence, &artifact)?;
    github::tell(&evidence, &artifact);
    if let Some(exporter) = &exporter {
        telemetry::tell_run(exporter, &files.journal()).await;
    }
    show(output, &evidence, &artifact, &bytes);
    if outlives_run {
        let left_open = tell_of_breaker(&evidence, &files)?;
        if let Some(left_open) = left_open.filter(|_| args.leave_closed && !interrupted) {
            left_open.wait_out(leaving).await;
        }
    }
    if !out::is_quiet() {
        tell_of_watch(watched.filter(|_| !interrupted));
        out::say(format!("artifact {}\njournal  {}", files.output().display(), files.journal().display()));
        reports.tell();
    }
    output.against(baseline, &files.output(), exit(evidence.verdict, interrupted))
}

/// Says what the sender must be set to, which rows are taken, and how faults and flows go together.
fn announce(prepared: &Prepared, known: Option<&UsedRows>, outlives_run: bool) {
    if out::is_quiet() {
        return;
    }
    if outlives_run {
        out::say(sender_settings::told(prepared.plan(), &shown_url(prepared.endpoint())));
    }
    used_rows::announce(prepared.plan(), known);
    if prepared.plays_in_turn() {
        out::say(super::fault_plan::in_turn(prepared.plan()));
    }
    if let Some(announcement) = super::fault_plan::announcement(prepared.plan()) {
        out::say(announcement);
    }
}

fn show(output: &OutputArgs, evidence: &Evidence, artifact: &Artifact, bytes: &[u8]) {
    match output.format {
        Format::Json => out::json(bytes),
        Format::Human => {
            let screen = out::screen(output.all);
            out::text(&summary(evidence, artifact, screen));
            out::text(&contract_table(artifact, screen));
        }
    }
}

/// Says which part of a short run is no waste of time.
fn tell_of_watch(watched: Option<Duration>) {
    if let Some(watched) = watched {
        let seconds = watched.as_secs_f64();
        out::say(format!(
            "watched  {seconds} s for duplicates after the last webhook (--settle), included above"
        ));
    }
}

/// How the driving ended.
struct Driven {
    interrupted: bool,
    blocked: Option<Blocked>,
    /// Flows that have begun.
    started: u64,
}

/// Drives the run to its end, once the sender's circuit breaker lets it.
async fn drive(
    prepared: Prepared,
    no_pause: bool,
    files: &EvidenceFiles,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<Driven, Failure> {
    if let Some(left_open) = LeftOpen::recall(files.dir(), prepared.target(), Utc::now())
        && !left_open.wait(no_pause, &mut stop).await
    {
        prepared.cancel("interrupted before anything was driven").await.map_err(|e| failure(e, None))?;
        return Ok(Driven { interrupted: true, blocked: None, started: 0 });
    }
    let execution = Execution { listener: progress.listener(), ..Execution::unwatched(Pacing::Phases) };
    let finished = prepared.execute(execution, stop).await.map_err(|e| failure(e, None))?;
    let started = finished.flows.started;
    Ok(Driven { interrupted: finished.interrupted, blocked: finished.blocked, started })
}

/// Says that the run has left the sender's circuit breaker open, or that one which was open before may have dropped webhooks.
/// Gives the one that was left open.
fn tell_of_breaker(evidence: &Evidence, files: &EvidenceFiles) -> Result<Option<LeftOpen>, Failure> {
    let (analysis, now) = (&evidence.analysis, Utc::now());
    if let Some(left_open) = LeftOpen::of(analysis, files.name(), now) {
        left_open.keep(files.dir(), now)?;
        return Ok(Some(left_open));
    }
    let lost = !evidence.is_cut_off() && analysis.expectations().any(|expected| expected.missing() > 0);
    // One that is open lets nothing through.
    let came = analysis.deliveries.iter().any(|delivery| delivery.is_authentic());
    let contract = analysis.header.retry.breaker;
    if lost
        && !came
        && analysis.too_large() == 0
        && !contract.is_none()
        && Breaker::of(analysis).openings.is_empty()
    {
        out::say(format!(
            "webhooks were lost, and this run did not open the sender's circuit breaker: if it was already open ({} failed \
             deliveries within {} s open it for {} s), it dropped them without trying; run again after that",
            contract.failures,
            contract.window().as_secs_f64(),
            contract.open().as_secs_f64()
        ));
    }
    Ok(None)
}

fn exit(verdict: Verdict, interrupted: bool) -> Exit {
    match (interrupted, verdict) {
        (true, _) => Exit::Interrupted,
        (_, Verdict::Pass) => Exit::Pass,
        (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Unproven | Verdict::NotExercised) => Exit::Unproven,
    }
}
