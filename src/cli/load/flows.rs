//! `smoke load SCENARIO`: flows at an open arrival rate, webhooks accounted for end to end.

use super::Evidence;
use super::args::FlowLoadArgs;
use super::live::{self, View};
use super::out::Outs;
use super::plan::LoadWork;
use crate::cli::evidence_files::Keep;
use crate::cli::format::Format;
use crate::cli::sender_breaker::LeftOpen;
use crate::cli::signing::StatementSigner;
use crate::cli::used_rows::{self, Taken, UsedRows, failure};
use crate::cli::{Exit, Failure, interrupt, out, run_plan, runtime, target_guard, telemetry};
use crate::executor::{
    self, Execution, LoadRecords, Pacing, Prepared, Receiver, RunError, Scheduled, Target,
};
use crate::load::{Finish, Pace, Plan, RetryPolicy};
use chrono::{DateTime, SecondsFormat, Utc};
use record::{LoadPlan, RetryContract};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The time limit of a step that says none, for the record.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// How many flows a schedule starts.
fn planned_flows(pace: &Pace) -> Result<u32, Failure> {
    let Pace::Open(schedule) = pace else {
        return Err(Failure::usage("flows start on a schedule: give --rate N/s or --stages, not max"));
    };
    let total = u32::try_from(schedule.total()).ok().filter(|n| *n <= 1_000_000);
    total.ok_or_else(|| Failure::usage("a load drives at most 1,000,000 flows"))
}

/// Resolves scenario and schedule, plays the flows and judges both.
pub(super) fn run(args: &FlowLoadArgs, scenario: &str) -> Result<Exit, Failure> {
    // What a flow sends has time limits of its own.
    let retry = RetryPolicy { timeout: STEP_TIMEOUT, contract: RetryContract::one_attempt().into() };
    let work = LoadWork::new(&args.schedule, 1, retry, args.flow.seed)?;
    let sharded = work.shard.count() > 1;
    let (mut resolved, used_rows) =
        run_plan::resolve_load(scenario, &args.flow, planned_flows(&work.pace)?, work.connections, sharded)?;
    let exporter = telemetry::metrics_exporter(&resolved.env);
    let signer = StatementSigner::asked(args.flow.sign.as_deref(), &args.flow.subject)?;
    let output = &args.flow.output;
    let mut evidence = Evidence::prepare(output, work.shard, &resolved.loaded.scenario.name)?;
    let outs = Outs::open(&args.schedule.out, output.format == Format::Json, work.shard.recorded())?;
    evidence.leave_stdout(outs.take_stdout());
    resolved.journal = evidence.journal();
    resolved.shard = Some(work.shard.recorded());
    let keep = Keep::before(&resolved.environment);
    let name = resolved.loaded.scenario.name.clone();
    let common = json!({ "scenario": resolved.loaded.sha256, "scheme": resolved.scheme });
    check_receiver(&resolved, &work)?;
    check_typed(args, &resolved.target)?;
    runtime::block_on_threads(work.threads, async {
        target_guard::check(&resolved.target, args.flow.i_own_this_target, work.peak).await?;
        let by_user = args.flow.from_row.is_some();
        let take = |rows: &UsedRows| rows.take(resolved.skipped_rows, resolved.flows, by_user);
        let mut taken = used_rows.as_ref().map(take).transpose()?;
        let prepared = Prepared::new(resolved, || evidence.make_way(keep))
            .await
            .map_err(|error| too_few(error, used_rows.as_ref()))?;
        used_rows::announce(prepared.plan(), used_rows.as_ref().filter(|_| !by_user));
        let (interrupted, mut stop) = watch::channel(false);
        interrupt::spawn(interrupted)?;
        prepared
            .announce(work.record(&name, "", &common, live::begins(args.schedule.start_at)))
            .map_err(|e| failure(e, None))?;
        evidence.write_out(output)?;
        if !may_begin(args, &prepared, &mut stop).await
            || begin_at(args, &mut stop).await == Finish::Interrupted
        {
            prepared.cancel(live::NEVER_BEGAN).await.map_err(|e| failure(e, None))?;
            return evidence.conclude(output, Finish::Interrupted, signer.as_ref());
        }
        let shown = Shown { view: Arc::default(), outs: Arc::new(Mutex::new(outs)) };
        let most = usize::try_from(work.connections).unwrap_or(usize::MAX);
        let plan = Plan { pace: work.pace.clone(), shard: work.shard, most };
        let begins = move |started| work.record(&name, "", &common, started);
        let records = shown.records(begins, live::late(args.schedule.start_at, Utc::now()));
        let pacing = Pacing::Scheduled(Scheduled { plan, load: Some(records) });
        taken.iter_mut().for_each(Taken::driving);
        let finished =
            prepared.execute(Execution::unwatched(pacing), stop).await.map_err(|e| failure(e, None))?;
        let ended = !finished.interrupted && finished.blocked.is_none();
        taken.into_iter().for_each(|rows| rows.remember(finished.flows.started, ended));
        shown.end();
        if let Some(blocked) = finished.blocked {
            evidence.write_out(output)?;
            return Err(Failure::environment(blocked));
        }
        let finish = if finished.interrupted { Finish::Interrupted } else { Finish::Complete };
        let exit = evidence.conclude(output, finish, signer.as_ref())?;
        if let Some(exporter) = &exporter {
            telemetry::tell_load(exporter, &evidence.journal()).await;
        }
        Ok(exit)
    })
}

/// An error of a load that has not begun: of too few rows with what gives it enough.
fn too_few(error: RunError, used: Option<&UsedRows>) -> Failure {
    let or = |_| "(--data FILE), a lower --rate, or a shorter --duration".to_owned();
    used_rows::too_few(&error, used, or).map_or_else(|| failure(error, used), Failure::usage)
}

/// What is shown and written out while a load runs.
struct Shown {
    view: Arc<Mutex<Option<View>>>,
    outs: Arc<Mutex<Outs>>,
}

impl Shown {
    /// `plan` is what the load amounts to, once it is known when it began.
    fn records(
        &self,
        plan: impl FnOnce(DateTime<Utc>) -> LoadPlan + Send + 'static,
        note: Option<String>,
    ) -> LoadRecords {
        let (begun, shown) = (Arc::clone(&self.view), Arc::clone(&self.view));
        let (told_first, told) = (Arc::clone(&self.outs), Arc::clone(&self.outs));
        LoadRecords {
            plan: Box::new(move |started| {
                let plan = plan(started);
                let mut outs = told_first.lock().unwrap_or_else(PoisonError::into_inner);
                outs.begin(&plan);
                if !out::is_quiet() {
                    let view = View::new(&plan, outs.shard());
                    *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
                }
                plan
            }),
            note,
            each_second: Box::new(move |interval| {
                told.lock().unwrap_or_else(PoisonError::into_inner).second(interval);
                if let Some(view) = &mut *shown.lock().unwrap_or_else(PoisonError::into_inner) {
                    view.second(interval);
                }
            }),
        }
    }

    fn end(&self) {
        if let Some(view) = &*self.view.lock().unwrap_or_else(PoisonError::into_inner) {
            view.end();
        }
        self.outs.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
}

/// Waits for a breaker that an earlier run has left open; whether the load may begin then.
async fn may_begin(args: &FlowLoadArgs, prepared: &Prepared, stop: &mut watch::Receiver<bool>) -> bool {
    match LeftOpen::recall(&args.flow.output.artifacts, prepared.target(), Utc::now()) {
        Some(left_open) => left_open.wait(args.flow.no_pause, stop).await,
        None => true,
    }
}

/// Staging posts to one receiver, so shards have to share it.
fn check_receiver(plan: &executor::Plan, work: &LoadWork) -> Result<(), Failure> {
    if work.shard.count() > 1 && matches!((&plan.target, &plan.receiver), (Target::Url(_), Receiver::Here(_)))
    {
        return Err(Failure::usage(
            "shards of a load of flows share one receiver, since staging posts to one URL: start `smoke receive` where \
             staging can reach it, and give every shard --inbox URL --token-file F",
        ));
    }
    Ok(())
}

/// Waits for the time at which all shards begin.
async fn begin_at(args: &FlowLoadArgs, stop: &mut watch::Receiver<bool>) -> Finish {
    let Some(at) = args.schedule.start_at else { return Finish::Complete };
    let wait = (at - Utc::now()).to_std().unwrap_or_default();
    if !wait.is_zero() {
        out::chat(format!("beginning at {}", at.to_rfc3339_opts(SecondsFormat::Millis, true)));
    }
    if let Some(text) = live::late(args.schedule.start_at, Utc::now()) {
        out::say(format!("warning: {text}"));
    }
    tokio::select! {
        () = sleep(wait) => Finish::Complete,
        _ = stop.wait_for(|stop| *stop) => Finish::Interrupted,
    }
}

/// What is loaded has to be meant: the environment alone does not say so.
fn check_typed(args: &FlowLoadArgs, target: &Target) -> Result<(), Failure> {
    if matches!(target, Target::Url(_)) && args.flow.staging.is_none() {
        return Err(Failure::usage(
            "STAGING_URL is set: to load it, spell the URL out (--staging URL); unset it for the stand-in",
        ));
    }
    Ok(())
}
