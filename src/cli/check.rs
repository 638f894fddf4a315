//! `smoke check`: what is set, what is missing, what is unsafe, what is unreachable, before anything is driven.

use super::run_args::RunArgs;
use super::{Exit, Failure, environment, out, run_plan};
use crate::drive::Client;
use crate::executor::{Plan, Receiver, Target};
use crate::record_source::RecordSource;
use scenario::{Method, ResolvedBody, ResolvedRequest, Run, RunSettings, built_in_names, load_typed, rows};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use wire::Clock;

/// How long the target gets to answer.
const REACH: Duration = Duration::from_secs(5);

/// Options of `smoke check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario files or names [default: all in scenarios/, else the built-in ones]
    scenarios: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
}

/// What was found, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Missing,
    Wrong,
    Unreachable,
}

/// The findings so far; each is printed as it is made.
#[derive(Debug)]
struct Findings {
    worst: Level,
}

impl Findings {
    fn add(&mut self, level: Level, text: impl std::fmt::Display) {
        let word = match level {
            Level::Ok => "ok",
            Level::Missing => "missing",
            Level::Wrong => "wrong",
            Level::Unreachable => "unreachable",
        };
        out::line(format!("{word:<12}{text}"));
        self.worst = self.worst.max(level);
    }
}

/// Checks scenarios, gates and configuration; with `--staging` the network too.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut findings = Findings { worst: Level::Ok };
    let scenarios = if args.scenarios.is_empty() { all_scenarios() } else { args.scenarios.clone() };
    for scenario in &scenarios {
        check_scenario(scenario, args, &mut findings)?;
    }
    if let Some(resolved) = scenarios.first().and_then(|s| configuration(s, args, &mut findings)) {
        return super::runtime::block_on(async move {
            check_network(&resolved, &mut findings).await;
            finish(findings.worst)
        });
    }
    finish(findings.worst)
}

fn finish(worst: Level) -> Result<Exit, Failure> {
    match worst {
        Level::Ok => Ok(Exit::Pass),
        Level::Missing | Level::Wrong => Err(Failure::usage("not ready: see what is missing or wrong above")),
        Level::Unreachable => Err(Failure::environment("not ready: see what is unreachable above")),
    }
}

/// The YAML files in `scenarios/` that are scenarios, else the built-in names.
fn all_scenarios() -> Vec<String> {
    let is_scenario = |p: &Path| {
        p.extension().is_some_and(|e| e == "yaml" || e == "yml")
            && p.file_stem().is_some_and(|s| s != "gates")
    };
    let files = std::fs::read_dir("scenarios").into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<String> = files.filter(|p| is_scenario(p)).map(|p| p.display().to_string()).collect();
    files.sort();
    if files.is_empty() { built_in_names().map(str::to_owned).collect() } else { files }
}

/// One scenario: its file, and with a staging system the variables and rows that it needs.
fn check_scenario(scenario: &str, args: &Args, findings: &mut Findings) -> Result<(), Failure> {
    let loaded = match load_typed(scenario) {
        Ok(loaded) => loaded,
        Err(error) => {
            findings.add(Level::Wrong, format_args!("scenario {error}"));
            return Ok(());
        }
    };
    let (name, sha) = (&loaded.source_name, loaded.sha256.get(..12).unwrap_or_default());
    findings.add(
        Level::Ok,
        format_args!("scenario {name}: {} steps, SHA-256 {sha}…", loaded.scenario.steps.len()),
    );
    let env = environment::read(args.run.flow.env_file.as_deref())?;
    let on_staging = args.run.flow.staging.is_some() || env("STAGING_URL").is_some();
    if !on_staging {
        return Ok(());
    }
    let settings = RunSettings {
        seed: 0,
        run_id: String::new(),
        now: std::sync::Arc::new(chrono::Utc::now),
        env,
        vars: run_plan::vars(&args.run.flow.vars, &loaded.scenario)?,
        dir: loaded.dir.clone(),
    };
    let run = match Run::new(&loaded.scenario, settings) {
        Ok(run) => run,
        Err(error) => {
            findings.add(Level::Wrong, format_args!("scenario {name}: --var: {error}"));
            return Ok(());
        }
    };
    for (variable, error) in run.missing() {
        findings.add(Level::Missing, format_args!("scenario {name}: variable {variable}: {error}"));
    }
    let flows = args.run.flows.unwrap_or(loaded.scenario.flows);
    match rows(&loaded.scenario, flows, args.run.flow.data.as_deref(), &run) {
        Ok(rows) => findings.add(Level::Ok, format_args!("scenario {name}: {} data rows", rows.len())),
        Err(error) => findings.add(Level::Missing, format_args!("scenario {name}: {error}")),
    }
    Ok(())
}

/// Everything that a run resolves before it starts; `None` when it cannot be.
fn configuration(scenario: &str, args: &Args, findings: &mut Findings) -> Option<Plan> {
    let resolved = run_plan::resolve(scenario, &args.run);
    let plan = match resolved {
        Ok(resolved) => resolved.plan,
        // The scenario itself has been told about.
        Err(_) if load_typed(scenario).is_err() => return None,
        Err(failure) => {
            findings.add(Level::Wrong, failure);
            out::line("            what comes after that (gates, receiver, staging) was not looked at");
            return None;
        }
    };
    let gates = plan.gates.sha256.get(..12).unwrap_or_default();
    findings.add(Level::Ok, format_args!("gates, SHA-256 {gates}…"));
    match &plan.target {
        Target::StandIn(_) => {
            findings.add(Level::Ok, "target: the embedded stand-in (no --staging, no STAGING_URL)");
        }
        Target::Url(url) => {
            findings.add(Level::Ok, format_args!("target: {url}, environment {}", plan.environment));
        }
    }
    match &plan.target {
        Target::StandIn(_) => {
            findings.add(Level::Ok, "webhook secret: the stand-in makes a fresh one for each run");
        }
        Target::Url(_) => {
            findings.add(Level::Ok, format_args!("webhook secret: {} characters", plan.secret.chars()));
        }
    }
    say_flag(&plan, findings);
    Some(plan)
}

fn say_flag(plan: &Plan, findings: &mut Findings) {
    let Some(flag) = (plan.env)("NOTIFICATIONS_WEBHOOK_ENABLED").filter(|v| !v.is_empty()) else { return };
    if ["true", "1", "yes", "on"].contains(&flag.to_ascii_lowercase().as_str()) {
        findings.add(Level::Ok, "NOTIFICATIONS_WEBHOOK_ENABLED is set here; staging has to have it too");
    } else {
        findings.add(
            Level::Wrong,
            "NOTIFICATIONS_WEBHOOK_ENABLED is off: staging with this setting sends nothing",
        );
    }
}

async fn check_receiver(receiver: &Receiver, findings: &mut Findings) {
    let inbox = match receiver {
        Receiver::Here(listen) => {
            let address = listen.address;
            let (level, what) = match TcpListener::bind(address).await {
                Ok(_) => (Level::Ok, format!("receiver can listen on {address}")),
                Err(e) => (Level::Unreachable, format!("receiver cannot listen on {address}: {e}")),
            };
            return findings.add(level, what);
        }
        Receiver::Remote(inbox) => inbox,
        Receiver::Watched(_) => return,
    };
    let url = &inbox.url;
    match RecordSource::remote(url, inbox.token.clone(), Clock::start()).await {
        Ok((_, meta)) => findings.add(
            Level::Ok,
            format_args!("receiver {url} can be read; it takes {} at {}", meta.scheme, meta.endpoint),
        ),
        Err(error) => {
            let level = if error.is_environment() { Level::Unreachable } else { Level::Wrong };
            findings.add(level, format_args!("--inbox {url}: {error}"));
        }
    }
}

async fn check_network(plan: &Plan, findings: &mut Findings) {
    check_receiver(&plan.receiver, findings).await;
    if let Err(e) = std::fs::create_dir_all(plan.journal.parent().unwrap_or(Path::new("."))) {
        findings.add(Level::Unreachable, format_args!("artifacts directory cannot be written: {e}"));
    }
    let Target::Url(url) = &plan.target else { return };
    let client = match Client::new(url, 1) {
        Ok(client) => Arc::new(client),
        Err(error) => return findings.add(Level::Wrong, format_args!("--staging {error}")),
    };
    let request = ResolvedRequest {
        method: Method::Get,
        path: "/healthz/".to_owned(),
        origin: scenario::Origin::Target,
        headers: Vec::new(),
        body: ResolvedBody::None,
        timeout: REACH,
    };
    match client.send(&request, None).await {
        Ok(reply) => findings.add(Level::Ok, format_args!("staging answers: GET /healthz/ {}", reply.status)),
        Err(error) => findings.add(Level::Unreachable, format_args!("staging at {url}: {error}")),
    }
}
