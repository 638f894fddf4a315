//! `smoke observe --drive`: traffic at a gentle rate while the window is watched.

use super::run_args::RunArgs;
use super::run_plan;
use super::{Failure, environment, out};
use crate::clock::Clock;
use crate::journal::Record;
use crate::load::rate;
use crate::rig::{Dripped, Plan, Prepared, Receiver, RigError, Told};
use crate::scenario::{DataError, Env};
use crate::secret::Secret;
use crate::signature::Scheme;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Highest rate of one scenario, in flows per second: beyond it, it is a load.
const MOST: f64 = 10.0;

/// Options about the traffic that is driven.
#[derive(Debug, clap::Args)]
pub(super) struct DriveArgs {
    /// Drive these scenarios meanwhile, each at its rate, such as payments=6/m,matches=2/m
    #[arg(long, value_name = "SCENARIO=RATE", value_delimiter = ',', value_parser = drip, help_heading = "Drive")]
    pub drive: Vec<Drip>,
    /// Staging to drive [env: STAGING_URL]; without it the embedded stand-in, which is no evidence about staging
    #[arg(long, value_name = "URL", requires = "drive", help_heading = "Drive")]
    staging: Option<String>,
    /// Data rows for one of the scenarios, such as payments=rows.csv; may be given several times
    #[arg(long, value_name = "SCENARIO=FILE", requires = "drive", help_heading = "Drive")]
    data: Vec<String>,
    /// File of NAME=value lines, read where the environment has no such variable
    #[arg(long, value_name = "FILE", requires = "drive", help_heading = "Drive")]
    env_file: Option<PathBuf>,
}

/// A scenario and the time from one of its flows to the next.
#[derive(Debug, Clone)]
pub(super) struct Drip {
    scenario: String,
    every: Duration,
    typed: String,
}

fn drip(text: &str) -> Result<Drip, String> {
    let (scenario, typed) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write SCENARIO=RATE, as in payments=6/m")?;
    if !typed.contains('/') {
        return Err(format!("{typed}: per what? Write {typed}/m or {typed}/s"));
    }
    let rate = rate::rate(typed).map_err(|e| e.to_string())?;
    if rate > MOST {
        return Err(format!("{typed} is above {MOST}/s; `smoke load` is for loads"));
    }
    Ok(Drip {
        scenario: scenario.to_owned(),
        every: Duration::from_secs_f64(1.0 / rate),
        typed: text.to_owned(),
    })
}

/// The command line of a run, so that a drive resolves as a run does.
#[derive(Parser)]
struct Words {
    #[command(flatten)]
    run: RunArgs,
}

impl DriveArgs {
    /// As typed.
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
    ) -> Result<Vec<(Drip, Prepared)>, Failure> {
        // Where the secret is not known, nothing that is driven from here signs or verifies.
        let unknown =
            || Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")));
        let secret = watched.secret.map_or_else(unknown, |secret| Ok(secret.clone()))?;
        for text in &self.data {
            let known = |(name, _): (&str, &str)| self.drive.iter().any(|d| d.scenario == name);
            if !text.split_once('=').is_some_and(known) {
                return Err(Failure::usage(format!(
                    "--data {text}: write SCENARIO=FILE, with a scenario that is driven"
                )));
            }
        }
        let mut all: Vec<(Drip, Prepared)> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for drip in &self.drive {
            let mut plan = self.plan(drip, &secret, artifacts, duration)?;
            let name = plan.loaded.scenario.name.clone();
            if names.contains(&name) {
                return Err(Failure::usage(format!(
                    "--drive {}: {name} is driven already; give it once, with the rate of both together",
                    drip.typed
                )));
            }
            plan.receiver = Receiver::Watched(watched.endpoint.to_owned());
            plan.scheme = watched.scheme;
            plan.journal = artifacts.join(format!("drive_{name}_journal.jsonl"));
            names.push(name);
            let prepared = Prepared::new(plan).await.map_err(|e| failure(drip, duration, e))?;
            all.push((drip.clone(), prepared));
        }
        Ok(all)
    }

    fn plan(
        &self,
        drip: &Drip,
        secret: &Secret,
        artifacts: &Path,
        duration: Duration,
    ) -> Result<Plan, Failure> {
        let mut words: Vec<std::ffi::OsString> = vec!["drive".into()];
        let mut add = |flag: &str, value: &std::ffi::OsStr| words.extend([flag.into(), value.to_owned()]);
        if let Some(url) = &self.staging {
            add("--staging", url.as_ref());
        }
        if let Some(file) = &self.env_file {
            add("--env-file", file.as_os_str());
        }
        let own = |text: &&String| text.split_once('=').is_some_and(|(name, _)| name == drip.scenario);
        if let Some((_, file)) = self.data.iter().rfind(own).and_then(|text| text.split_once('=')) {
            add("--data", file.as_ref());
        }
        add("--artifacts", artifacts.as_os_str());
        let flows = (duration.as_secs_f64() / drip.every.as_secs_f64()).ceil().clamp(1.0, 1_000_000.0);
        add("--flows", format!("{flows}").as_ref());
        let words = Words::try_parse_from(words).map_err(Failure::usage)?;
        let plan = run_plan::resolve_drive(&drip.scenario, &words.run, secret)?;
        if !plan.faults.specs().is_empty() || plan.sweep.is_some() {
            return Err(Failure::usage(format!(
                "--drive {}: its scenario breaks webhooks on purpose, and an observation leaves them alone",
                drip.typed
            )));
        }
        Ok(plan)
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

fn failure(drip: &Drip, duration: Duration, error: RigError) -> Failure {
    if let RigError::Data(DataError::TooFew { origin, found, needed }) = &error {
        let last = drip.every.as_secs_f64() * f64::from(u32::try_from(*found).unwrap_or(u32::MAX));
        return Failure::usage(format!(
            "--drive {typed}: {origin} has {found} data rows, and {needed} flows begin in {} s, each with a row of its own: \
             give {needed} rows (--data {}=FILE), a lower rate, or a --duration of at most {last:.0}s",
            duration.as_secs(),
            drip.scenario,
            typed = drip.typed
        ));
    }
    let environment = error.is_environment();
    let error = anyhow::Error::from(error).context(format!("--drive {}", drip.typed));
    if environment { Failure::Environment(error) } else { Failure::Usage(error) }
}

/// Scenarios that are being driven.
pub(super) struct Driving {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(Drip, Result<Dripped, RigError>)>,
    handles: Vec<AbortHandle>,
}

impl Driving {
    /// Begins all of them; their facts are told to `to` in the time of `clock`.
    pub(super) fn start(all: Vec<(Drip, Prepared)>, clock: Clock, to: &Sender<Record>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut handles = Vec::new();
        for (number, (drip, prepared)) in (0..).zip(all) {
            let stopped = stopped.clone();
            let told = Told { clock, number, to: to.clone() };
            handles.push(tasks.spawn(async move {
                let dripped = prepared.drip(drip.every, told, stopped).await;
                (drip, dripped)
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
            let Ok((drip, dripped)) = ended else {
                whole = false;
                continue;
            };
            whole &= dripped.is_ok();
            let text = match dripped {
                Ok(d) => format!(
                    "driven meanwhile: {}, {} flows begun, {} ended, {} steps not as expected",
                    drip.typed, d.started, d.ended, d.failed_steps
                ),
                Err(error) => format!("driven meanwhile: {}, which broke off: {error}", drip.typed),
            };
            out::say(&text);
            told.push(text);
        }
        told.sort();
        (told, whole)
    }
}
