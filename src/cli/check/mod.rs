//! `smoke check`: what is set, what is missing, what is unsafe, what is unreachable, before anything is driven.

mod network;

use super::run_args::RunArgs;
use super::run_plan::Parts;
use super::used_rows::UsedRows;
use super::{Exit, Failure, environment, out, run_plan, target_guard};
use crate::executor::Target;
use crate::outbound::shown_url;
use evidence::report::counted;
use record::SenderProfile;
use scenario::{DataError, Env, Loaded, Row, Run, RunSettings, built_in_names, data_file, load_typed, rows};
use signature::Secret;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `smoke check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario files or names [default: all in scenarios/, else the built-in ones]
    #[arg(hide_possible_values = true, value_parser = crate::cli::listed::scenarios())]
    scenarios: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
}

/// What was found, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    /// Not looked at, since it was not asked for by name.
    Skipped,
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
            Level::Skipped => "skipped",
            Level::Missing => "missing",
            Level::Wrong => "wrong",
            Level::Unreachable => "unreachable",
        };
        out::line(format!("{word:<12}{text}"));
        self.worst = self.worst.max(level);
    }
}

/// A scenario that is ready to be driven.
struct Scenario {
    loaded: Loaded,
    run: Arc<Run>,
    rows: Vec<Row>,
    /// Rows in front of them.
    skipped: u32,
    data: Option<PathBuf>,
}

/// Checks scenarios, gates and configuration; with a staging system the network and the logins too. Everything that is
/// wrong is told at once.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut findings = Findings { worst: Level::Ok };
    let names = if args.scenarios.is_empty() { all_scenarios() } else { args.scenarios.clone() };
    let env = environment::read(args.run.flow.env_file.as_deref())?;
    let sender = sender_of(&names, args);
    let parts = run_plan::parts(&args.run.flow, &env, sender.as_ref());
    let target = parts.target.as_ref().ok();
    let best = best_fit(&names, args, &env);
    let ready =
        names.iter().filter_map(|name| check_scenario(name, args, &env, (target, best), &mut findings));
    let ready: Vec<Scenario> = ready.collect();
    configuration(&parts, args, &mut findings);
    say_switch(sender.as_ref(), &env, &mut findings);
    super::runtime::block_on(async move {
        let target = parts.target.as_ref().ok();
        if let Ok(receiver) = &parts.receiver {
            network::check_receiver(receiver, target, &mut findings).await;
        }
        if let Some(target @ Target::Url(url)) = target {
            let owned = target_guard::check(target, args.run.flow.i_own_this_target, Some(0.0)).await;
            if let Err(error) = &owned {
                findings.add(Level::Wrong, error);
            }
            // A login is a step of a run: none on what may be production.
            if let Some(client) = network::check_target(url, &mut findings).await.filter(|_| owned.is_ok()) {
                network::check_logins(&client, &ready, &mut findings).await;
            }
        }
        finish(findings.worst)
    })
}

fn finish(worst: Level) -> Result<Exit, Failure> {
    match worst {
        Level::Ok | Level::Skipped => Ok(Exit::Pass),
        Level::Missing | Level::Wrong => {
            Err(Failure::usage("not ready: see above for what is missing or wrong"))
        }
        Level::Unreachable => Err(Failure::environment("not ready: see above for what is unreachable")),
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

/// The sender of the first scenario that can be read, where that or a flag names one.
fn sender_of(names: &[String], args: &Args) -> Option<SenderProfile> {
    let mut loaded = names.iter().find_map(|name| load_typed(name).ok())?;
    run_plan::sender(&mut loaded, &args.run.flow).ok().flatten()
}

/// What a scenario makes of the rows of a data file, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// They are for another one.
    Others,
    /// Variables are missing beside them.
    Variables,
    /// They are for this one, be they enough or not.
    Whole,
}

/// How rows fit a scenario, and what it lacks.
fn fit_of(loaded: &Loaded, run: &Arc<Run>, rows: &Result<Vec<Row>, DataError>) -> (Fit, String) {
    let for_others = |error: &&DataError| {
        matches!(error, DataError::MissingColumn { .. } | DataError::TooFew { fewer: false, .. })
    };
    if let Some(error) = rows.as_ref().err().filter(for_others) {
        return (Fit::Others, error.to_string());
    }
    match run.unset(&loaded.scenario, false).first() {
        Some(why) => (Fit::Variables, why.to_string()),
        None => (Fit::Whole, String::new()),
    }
}

/// Of the scenarios that nobody has named, how well the one fits that fits a data file best: the others are left out.
fn best_fit(names: &[String], args: &Args, env: &Env) -> Option<Fit> {
    let data = args.run.flow.data.as_deref().filter(|_| args.scenarios.is_empty())?;
    let fit = |name: &String| {
        let loaded = load_typed(name).ok()?;
        let run = run_of(&loaded, args, env).ok()?;
        let rows = rows(&loaded.scenario, run_plan::flows_of(&loaded, &args.run, env), 0, Some(data), &run);
        Some(fit_of(&loaded, &run, &rows).0)
    };
    names.iter().filter_map(fit).max()
}

/// One scenario: its file, and with a staging system the variables and rows that it needs; one that fits them less than `best` is left
/// out.
fn check_scenario(
    scenario: &str,
    args: &Args,
    env: &Env,
    (target, best): (Option<&Target>, Option<Fit>),
    findings: &mut Findings,
) -> Option<Scenario> {
    let on_staging = !matches!(target, Some(Target::StandIn(_)));
    let mut loaded = match load_typed(scenario) {
        Ok(loaded) => loaded,
        Err(error) => {
            findings.add(Level::Wrong, format_args!("scenario {error}"));
            return None;
        }
    };
    let (name, sha) = (loaded.source_name.clone(), loaded.sha256.get(..12).unwrap_or_default());
    findings.add(
        Level::Ok,
        format_args!(
            "scenario {name}: {}, SHA-256 {sha}…",
            counted(loaded.scenario.steps.len() as u64, "steps")
        ),
    );
    if let Err(error) = run_plan::sender(&mut loaded, &args.run.flow) {
        findings.add(Level::Wrong, format_args!("--sender: {error}"));
    }
    if let Err(error) = run_plan::check_policy(&loaded) {
        findings.add(Level::Wrong, error);
    }
    if !on_staging {
        return None;
    }
    let run = match run_of(&loaded, args, env) {
        Ok(run) => run,
        Err(error) => {
            findings.add(Level::Wrong, format_args!("scenario {name}: {error}"));
            return None;
        }
    };
    let data = args.run.flow.data.as_deref();
    let flows = run_plan::flows_of(&loaded, &args.run, env);
    let used = target.and_then(|target| UsedRows::of(target, &loaded, data));
    let skipped = run_plan::skipped_rows(&args.run.flow, used.as_ref());
    let rows = rows(&loaded.scenario, flows, skipped, data, &run);
    let (fit, lacks) = fit_of(&loaded, &run, &rows);
    if best.is_some_and(|best| fit < best) {
        findings.add(Level::Skipped, format_args!("scenario {name}: {lacks}"));
        return None;
    }
    check_variables(&loaded, &run, args, env, findings);
    let mut ready = Scenario { loaded, run, rows: Vec::new(), skipped, data: args.run.flow.data.clone() };
    let told = used.as_ref().filter(|_| args.run.flow.from_row.is_none()).and_then(UsedRows::told);
    let told = told.map_or_else(String::new, |told| format!("; {told}"));
    if let Some(used) = &used {
        used.warn();
        let by_user = args.run.flow.from_row.is_some();
        if let Err(error) = used.check_repeats(&ready.loaded.scenario, flows, skipped, by_user) {
            findings.add(Level::Wrong, format_args!("scenario {name}: {error}"));
        }
    }
    ready.rows = match rows {
        Ok(rows) => {
            let from = if skipped > 0 { format!(" from row {} on", skipped + 1) } else { String::new() };
            findings.add(
                Level::Ok,
                format_args!("scenario {name}: {} data rows{from} for {flows} flows{told}", rows.len()),
            );
            rows
        }
        Err(error) => {
            findings.add(Level::Missing, format_args!("scenario {name}: {error}{told}"));
            // The logins of the rows that there are say something all the same.
            let DataError::TooFew { found, .. } = error else { return None };
            scenario::rows(&ready.loaded.scenario, u32::try_from(found).ok()?, skipped, data, &ready.run)
                .ok()?
        }
    };
    Some(ready)
}

/// The variables that a scenario needs beside its rows.
fn check_variables(loaded: &Loaded, run: &Arc<Run>, args: &Args, env: &Env, findings: &mut Findings) {
    let (name, data) = (&loaded.source_name, args.run.flow.data.as_deref());
    for why in run.unset(&loaded.scenario, data_file(&loaded.scenario, data, &loaded.dir).is_none()) {
        findings.add(Level::Missing, format_args!("scenario {name}: {why}"));
    }
    for variable in scenario::environment(&loaded.scenario) {
        let secret = env(&variable).filter(|_| loaded.scenario.is_secret(&variable)).map(Secret::new);
        if let Some(doubt) = secret.and_then(|secret| secret.doubt()) {
            findings.add(Level::Ok, format_args!("scenario {name}: warning: {variable} {doubt}"));
        }
    }
}

fn run_of(loaded: &Loaded, args: &Args, env: &Env) -> Result<Arc<Run>, Failure> {
    let settings = RunSettings {
        seed: 0,
        run_id: String::new(),
        now: Arc::new(chrono::Utc::now),
        env: Arc::clone(env),
        vars: run_plan::vars(&args.run.flow.vars, &loaded.scenario)?,
        dir: loaded.dir.clone(),
        challenge: args.run.flow.challenge.clone(),
    };
    Run::new(&loaded.scenario, settings).map_err(|error| Failure::usage(format!("--var: {error}")))
}

/// The parts of a run that are the same for every scenario.
fn configuration(parts: &Parts, args: &Args, findings: &mut Findings) {
    match &parts.gates {
        Ok(sha256) => {
            findings.add(Level::Ok, format_args!("gates, SHA-256 {}…", sha256.get(..12).unwrap_or_default()));
        }
        Err(error) => findings.add(Level::Wrong, error),
    }
    match (&parts.target, &parts.environment) {
        (Err(error), _) | (_, Err(error)) => findings.add(Level::Wrong, error),
        (Ok(Target::StandIn(_)), _) => {
            findings.add(Level::Ok, "target: the embedded stand-in (no --staging, no STAGING_URL)");
        }
        (Ok(Target::Url(url)), Ok(environment)) => {
            findings.add(Level::Ok, format_args!("target: {}, environment {environment}", shown_url(url)));
        }
    }
    match (&parts.secret, &parts.target) {
        (Err(error), _) => findings.add(Level::Wrong, error),
        (Ok(_), Ok(Target::StandIn(_))) => {
            findings.add(Level::Ok, "webhook secret: the stand-in makes a fresh one for each run");
        }
        (Ok(secret), _) => findings.add(
            Level::Ok,
            format_args!(
                "webhook secret: {} characters, fingerprint {} (`smoke secret --fingerprint` on the other side){}",
                secret.chars(),
                secret.fingerprint(),
                secret.each().find_map(|one| one.doubt()).map(|doubt| format!("; it {doubt}")).unwrap_or_default()
            ),
        ),
    }
    for error in parts.receiver.as_ref().err().into_iter().chain(&parts.others) {
        findings.add(Level::Wrong, error);
    }
    if let Err(e) = std::fs::create_dir_all(&args.run.flow.output.artifacts) {
        findings.add(Level::Unreachable, format_args!("artifacts directory cannot be written: {e}"));
    }
}

/// The switch of the sender, where its profile names one and this machine has it.
fn say_switch(sender: Option<&SenderProfile>, env: &Env, findings: &mut Findings) {
    let settings = &sender.unwrap_or(SenderProfile::usual()).settings;
    let Some(name) = &settings.enabled else { return };
    let Some(value) = env(name).filter(|value| !value.is_empty()) else { return };
    if ["true", "1", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()) {
        findings.add(Level::Ok, format_args!("{name} is set here; staging needs it too"));
    } else {
        findings.add(Level::Wrong, format_args!("{name} is off: with this setting staging sends nothing"));
    }
}
