//! `smoke observe --drive`: traffic at a gentle rate while the window is watched.

use crate::cli::run_args::{FlowArgs, OutputArgs};
use crate::cli::run_plan::Resolved;
use crate::cli::used_rows::{self, Taken, UsedRows};
use crate::cli::{Failure, environment, out, run_plan, target_guard};
use crate::executor::{DriveTee, Execution, FlowCounts, Pacing, Prepared, Receiver, RunError};
use crate::load::{Schedule, rate};
use record::Record;
use scenario::{Env, load_typed};
use signature::Scheme;
use signature::Secret;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use wire::Clock;

/// Highest rate of one scenario, in flows per second: beyond it, it is a load.
const MOST: f64 = 10.0;
/// Most flows of one scenario in a window, as of a run.
const MOST_FLOWS: u32 = 1_000_000;

/// Options about the traffic that is driven.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DriveArgs {
    /// Drive flows during the window, such as payments=6/m,matches=2/m
    #[arg(long, value_name = "SCENARIO=RATE", value_delimiter = ',', value_parser = traffic, help_heading = "Drive")]
    pub drive: Vec<Traffic>,
    /// Staging to drive; without it the stand-in [env: STAGING_URL]
    #[arg(long, value_name = "URL", requires = "drive", help_heading = "Drive")]
    staging: Option<String>,
    /// Drive a target that looks like production
    #[arg(long, requires = "drive", help_heading = "Drive")]
    i_own_this_target: bool,
    /// Data rows for one of the scenarios, such as payments=rows.csv; may be given several times
    #[arg(long, value_name = "SCENARIO=FILE", requires = "drive", help_heading = "Drive")]
    data: Vec<String>,
    /// Do not wait at the start for a sender's circuit breaker that an earlier run left open
    #[arg(long, requires = "drive", help_heading = "Drive")]
    pub no_pause: bool,
    /// File of NAME=value lines, used for variables missing from the environment
    #[arg(long, value_name = "FILE", requires = "drive", help_heading = "Drive")]
    env_file: Option<PathBuf>,
}

/// A scenario and the rate at which its flows begin.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Traffic {
    scenario: String,
    per_second: f64,
    typed: String,
}

impl Traffic {
    /// When its flows begin in a window of this length.
    fn schedule(&self, duration: Duration) -> Schedule {
        Schedule::constant(self.per_second, duration)
    }
}

/// Traffic that is ready to be driven.
pub(super) struct Drive {
    traffic: Traffic,
    schedule: Schedule,
    prepared: Prepared,
    taken: Option<Taken>,
}

impl Drive {
    /// Where it is written down.
    pub(super) fn journal(&self) -> PathBuf {
        self.prepared.plan().journal.clone()
    }

    /// The base URL of its target.
    pub(super) fn target(&self) -> &str {
        self.prepared.target()
    }

    /// Takes it down before it has begun.
    pub(super) async fn cancel(self) -> Result<(), Failure> {
        let cancelled = self.prepared.cancel("interrupted before anything was driven").await;
        cancelled.map_err(|e| used_rows::failure(e, None))
    }

    /// Whether its target is smoke's own stand-in.
    pub(super) const fn is_about_stand_in(&self) -> bool {
        self.prepared.is_about_stand_in()
    }

    /// The loggers whose errors its scenario asks for.
    pub(super) fn log_errors(&self) -> &[String] {
        &self.prepared.plan().loaded.scenario.log_errors
    }
}

fn traffic(text: &str) -> Result<Traffic, String> {
    let (scenario, typed) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write SCENARIO=RATE, as in payments=6/m")?;
    if !typed.contains('/') {
        return Err(format!("{typed}: per what? write {typed}/m or {typed}/s"));
    }
    let rate = rate::rate(typed).map_err(|e| e.to_string())?;
    if rate > MOST {
        return Err(format!("{typed} is above {MOST}/s; use `smoke load` for loads"));
    }
    Ok(Traffic { scenario: scenario.to_owned(), per_second: rate, typed: text.to_owned() })
}

impl DriveArgs {
    /// The scenarios that are driven, as typed.
    pub(super) fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.drive.iter().map(|traffic| traffic.scenario.as_str())
    }

    /// Whether flows of these scenarios learn from answers what their webhooks are told by. One that cannot be loaded is told
    /// where it is driven.
    pub(super) fn learns(&self) -> bool {
        self.scenarios()
            .filter_map(|name| load_typed(name).ok())
            .any(|loaded| scenario::learns(&loaded.scenario))
    }

    /// Whether every scenario can be loaded, before anything is opened for it.
    ///
    /// # Errors
    /// Usage: one cannot.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for traffic in &self.drive {
            load_typed(&traffic.scenario)
                .map_err(|e| Failure::usage(format!("--drive {}: {e}", traffic.typed)))?;
        }
        Ok(())
    }

    pub(super) fn typed(&self) -> Vec<String> {
        self.drive.iter().map(|d| d.typed.clone()).collect()
    }

    /// The environment, with the variables of `--env-file` where the process has none.
    ///
    /// # Errors
    /// As for [`environment::read`].
    pub(super) fn environment(&self) -> Result<Env, Failure> {
        environment::read(self.env_file.as_deref())
    }

    /// The system that is driven, where one was given.
    pub(super) fn target(&self, env: &Env) -> Option<String> {
        self.staging.clone().or_else(|| env("STAGING_URL")).filter(|url| !url.is_empty())
    }

    /// Whether the stand-in is what is driven.
    pub(super) fn embedded(&self, env: &Env) -> bool {
        !self.drive.is_empty() && self.target(env).is_none()
    }

    /// Makes every scenario ready for a receiver that is watched.
    ///
    /// # Errors
    /// As for a run of the scenario.
    pub(super) async fn prepare(
        &self,
        watched: &Watched<'_>,
        artifacts: &Path,
        duration: Duration,
    ) -> Result<Vec<Drive>, Failure> {
        // Where the secret is not known, nothing that is driven from here signs or verifies.
        let unknown =
            || Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")));
        let secret = watched.secret.map_or_else(unknown, |secret| Ok(secret.clone()))?;
        for text in &self.data {
            let known = |(name, _): (&str, &str)| self.drive.iter().any(|d| d.scenario == name);
            if !text.split_once('=').is_some_and(known) {
                return Err(Failure::usage(format!(
                    "--data {text}: write SCENARIO=FILE, for a scenario given to --drive"
                )));
            }
        }
        let mut all: Vec<Drive> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for traffic in &self.drive {
            let schedule = traffic.schedule(duration);
            let Resolved { mut plan, used_rows, .. } = self.plan(traffic, &secret, artifacts, &schedule)?;
            let name = plan.loaded.scenario.name.clone();
            if names.contains(&name) {
                return Err(Failure::usage(format!(
                    "--drive {}: {name} is already driven; give it once, with the combined rate",
                    traffic.typed
                )));
            }
            plan.receiver = Receiver::Watched(watched.endpoint.to_owned());
            plan.scheme = watched.scheme;
            // At an even pace, however many are under way: no flow waits for others to end.
            plan.concurrency = plan.flows;
            plan.journal = artifacts.join(format!("drive_{name}_journal.jsonl"));
            names.push(name);
            target_guard::check(&plan.target, self.i_own_this_target, Some(traffic.per_second)).await?;
            let take = |rows: &UsedRows| rows.take(plan.skipped_rows, plan.flows, false);
            let taken = used_rows.as_ref().map(take).transpose()?;
            let prepared = Prepared::new(plan, || Ok(())).await;
            let prepared = prepared.map_err(|e| failure(traffic, used_rows.as_ref(), e))?;
            used_rows::announce(prepared.plan(), used_rows.as_ref());
            all.push(Drive { traffic: traffic.clone(), schedule, prepared, taken });
        }
        Ok(all)
    }

    fn plan(
        &self,
        traffic: &Traffic,
        secret: &Secret,
        artifacts: &Path,
        schedule: &Schedule,
    ) -> Result<Resolved, Failure> {
        let own = |text: &&String| text.split_once('=').is_some_and(|(name, _)| name == traffic.scenario);
        let data =
            self.data.iter().rfind(own).and_then(|text| text.split_once('=')).map(|(_, file)| file.into());
        let output = OutputArgs { artifacts: artifacts.to_path_buf(), ..OutputArgs::default() };
        let args = FlowArgs {
            staging: self.staging.clone(),
            env_file: self.env_file.clone(),
            data,
            output,
            ..FlowArgs::default()
        };
        let flows = u32::try_from(schedule.total()).ok().filter(|flows| (1..=MOST_FLOWS).contains(flows));
        let flows = flows.ok_or_else(|| {
            Failure::usage(format!(
                "--drive {}: {} flows would begin in this window; 1 to {MOST_FLOWS} are possible",
                traffic.typed,
                schedule.total()
            ))
        })?;
        let resolved = run_plan::resolve_drive(&traffic.scenario, &args, flows, secret)?;
        let plan = &resolved.plan;
        if !plan.faults.specs().is_empty() || plan.sweep.is_some() {
            return Err(Failure::usage(format!(
                "--drive {}: its scenario breaks webhooks on purpose, which an observation must not",
                traffic.typed
            )));
        }
        Ok(resolved)
    }
}

/// Where the webhooks of what is driven are watched.
pub(super) struct Watched<'a> {
    /// The URL that the sender posts to.
    pub endpoint: &'a str,
    /// What it verifies with, where that is known.
    pub secret: Option<&'a Secret>,
    /// The scheme that it verifies.
    pub scheme: Scheme,
}

fn failure(traffic: &Traffic, used: Option<&UsedRows>, error: RunError) -> Failure {
    let or = |found| {
        let last = f64::from(u32::try_from(found).unwrap_or(u32::MAX)) / traffic.per_second;
        format!("(--data {}=FILE), a lower rate, or a --duration of at most {last:.0}s", traffic.scenario)
    };
    if let Some(told) = used_rows::too_few(&error, used, or) {
        return Failure::usage(format!("--drive {}: {told}", traffic.typed));
    }
    let environment = error.is_environment();
    let error = anyhow::Error::from(error).context(format!("--drive {}", traffic.typed));
    if environment { Failure::Environment(error) } else { Failure::Usage(error) }
}

/// Scenarios that are being driven.
pub(super) struct Driving {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(Traffic, Result<FlowCounts, RunError>)>,
    handles: Vec<AbortHandle>,
}

impl Driving {
    /// Begins all of them; their records are told to `to` in the time of `clock`.
    pub(super) fn start(all: Vec<Drive>, clock: Clock, to: &Sender<Record>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut handles = Vec::new();
        for (number, Drive { traffic, schedule, prepared, mut taken }) in (0..).zip(all) {
            let stopped = stopped.clone();
            let tee = Some(DriveTee { clock, number, to: to.clone() });
            let execution = Execution { tee, ..Execution::unwatched(Pacing::even(schedule)) };
            handles.push(tasks.spawn(async move {
                taken.iter_mut().for_each(Taken::driving);
                let finished = prepared.execute(execution, stopped).await;
                if let (Ok(finished), Some(taken)) = (&finished, taken) {
                    taken.remember(
                        finished.flows.started,
                        !finished.interrupted && finished.blocked.is_none(),
                    );
                }
                let flows = finished.and_then(|finished| match finished.blocked {
                    Some(blocked) => Err(RunError::Blocked(Box::new(blocked))),
                    None => Ok(finished.flows),
                });
                (traffic, flows)
            }));
        }
        Self { stop, tasks, handles }
    }

    /// Whether every flow has ended.
    pub(super) fn is_over(&self) -> bool {
        self.handles.iter().all(AbortHandle::is_finished)
    }

    /// Ends them, and says what became of each, and whether all went to their ends.
    pub(super) async fn end(mut self) -> (Vec<String>, bool) {
        let _ = self.stop.send(true);
        let (mut told, mut whole) = (Vec::new(), true);
        while let Some(ended) = self.tasks.join_next().await {
            let Ok((traffic, flows)) = ended else {
                whole = false;
                continue;
            };
            whole &= flows.is_ok();
            let text = match flows {
                Ok(d) => format!(
                    "also driven: {}, {} flows started, {} ended, {} steps not as expected",
                    traffic.typed, d.started, d.ended, d.failed_steps
                ),
                Err(error) => format!("also driven: {}, which was cut short: {error}", traffic.typed),
            };
            out::say(&text);
            told.push(text);
        }
        told.sort();
        (told, whole)
    }
}
