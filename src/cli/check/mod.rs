//! `smoke check`: what is set, what is missing, what is unsafe, what is unreachable, before anything is driven.

mod findings;
mod network;
mod refused;

use super::evidence_files::make_folder;
use super::run_args::RunArgs;
use super::run_plan::Parts;
use super::used_rows::UsedRows;
use super::{Exit, Failure, environment, run_plan, target_guard};
use crate::executor::{RowSource, Target, variables};
use crate::outbound::shown_url;
use evidence::report::counted;
use findings::{Findings, Level};
use record::SenderProfile;
use scenario::{
    DataError, Env, Loaded, Rows, Run, RunSettings, built_in_names, load_typed, resolve_identities,
};
use signature::Secret;
use stand_in::{FixtureSize, Fixtures};
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

/// A scenario that is ready to be driven.
struct Scenario {
    loaded: Loaded,
    run: Arc<Run>,
    rows: Rows,
    /// Rows in front of them.
    skipped: u32,
    data: Option<PathBuf>,
}

/// Checks scenarios, gates and configuration; with a staging system the network and the logins too. Everything that is
/// wrong is told at once.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut findings = Findings::default();
    let names = if args.scenarios.is_empty() { all_scenarios() } else { args.scenarios.clone() };
    let env = environment::read(args.run.flow.env_file.as_deref())?;
    let sender = sender_of(&names, args);
    let parts = run_plan::parts(&args.run.flow, &env, sender.as_ref());
    let target = parts.target.as_ref().ok();
    let best = best_fit(&names, args, &env, target);
    let ready =
        names.iter().filter_map(|name| check_scenario(name, args, &env, (target, best), &mut findings));
    let ready: Vec<Scenario> = ready.collect();
    findings.tell_shared();
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
        findings.verdict()
    })
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
fn fit_of(loaded: &Loaded, run: &Arc<Run>, rows: &Result<Rows, DataError>) -> (Fit, String) {
    let for_others = |error: &&DataError| {
        matches!(
            error,
            DataError::MissingColumn { .. }
                | DataError::NotOfStandIn { .. }
                | DataError::TooFew { fewer: false, .. }
        )
    };
    if let Some(error) = rows.as_ref().err().filter(for_others) {
        return (Fit::Others, error.to_string());
    }
    match run.unset(&loaded.scenario, false).first() {
        Some(why) => (Fit::Variables, why.to_string()),
        None => (Fit::Whole, String::new()),
    }
}

/// Of the scenarios that nobody has named, how well the one fits that fits a data file, or the stand-in, best: the others are left
/// out.
fn best_fit(names: &[String], args: &Args, env: &Env, target: Option<&Target>) -> Option<Fit> {
    let chosen = args.run.flow.data.is_some() || matches!(target, Some(Target::StandIn(_)));
    let fit = |name: &String| {
        let loaded = load_typed(name).ok()?;
        let inputs = Inputs::of(&loaded, args, env, target).ok()?;
        Some(fit_of(&loaded, &inputs.run, &inputs.rows_from(args, 0).rows(&loaded.scenario, &inputs.run)).0)
    };
    if chosen && args.scenarios.is_empty() { names.iter().filter_map(fit).max() } else { None }
}

/// What a run of a scenario would be driven with.
struct Inputs {
    flows: u32,
    /// Of the stand-in, where that is driven.
    fixtures: Option<Fixtures>,
    run: Arc<Run>,
}

impl Inputs {
    fn of(loaded: &Loaded, args: &Args, env: &Env, target: Option<&Target>) -> Result<Self, Failure> {
        let embedded = matches!(target, Some(Target::StandIn(_)));
        let flows = run_plan::flows_of(loaded, &args.run, env, embedded);
        let size = FixtureSize::of(loaded.scenario.subject.kind.as_str(), flows);
        let fixtures = embedded.then(|| Fixtures::sown(size, 0)).transpose();
        let fixtures = fixtures.map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
        let run = run_of(loaded, args, env, fixtures.as_ref())?;
        Ok(Self { flows, fixtures, run })
    }

    /// The source of its rows, of which `skipped` are left out in front.
    fn rows_from<'a>(&'a self, args: &'a Args, skipped: u32) -> RowSource<'a> {
        let data = args.run.flow.data.as_deref();
        RowSource { fixtures: self.fixtures.as_ref(), data, flows: self.flows, skipped }
    }
}

/// One scenario: its file, and the variables and rows that it needs; one that fits them less than `best` is left out.
fn check_scenario(
    scenario: &str,
    args: &Args,
    env: &Env,
    (target, best): (Option<&Target>, Option<Fit>),
    findings: &mut Findings,
) -> Option<Scenario> {
    findings.begin_scenario();
    let loaded = check_file(scenario, args, findings)?;
    let name = loaded.source_name.clone();
    let inputs = match Inputs::of(&loaded, args, env, target) {
        Ok(inputs) => inputs,
        Err(error) => {
            findings.of_scenario(&name, Level::Wrong, error);
            return None;
        }
    };
    let data = args.run.flow.data.as_deref();
    let used = target.and_then(|target| UsedRows::of(target, &loaded, data));
    let skipped = run_plan::skipped_rows(&args.run.flow, used.as_ref());
    let source = inputs.rows_from(args, skipped);
    let rows = source.rows(&loaded.scenario, &inputs.run);
    let (fit, lacks) = fit_of(&loaded, &inputs.run, &rows);
    if best.is_some_and(|best| fit < best) {
        findings.of_scenario(&name, Level::Skipped, lacks);
        return None;
    }
    let embedded = matches!(target, Some(Target::StandIn(_)));
    for refused in refused::refused(&loaded, args, env, embedded) {
        findings.of_scenario(&name, Level::Wrong, refused);
    }
    check_variables(&loaded, &inputs.run, source.is_written(&loaded), env, findings);
    let by_user = args.run.flow.from_row.is_some();
    if let Some(used) = &used {
        used.warn();
        if let Err(error) = used.check_repeats(&loaded.scenario, inputs.flows, skipped, by_user) {
            findings.of_scenario(&name, Level::Wrong, error);
        }
    }
    let told = used.as_ref().filter(|_| !by_user).and_then(UsedRows::told);
    let told = told.map_or_else(String::new, |told| format!("; {told}"));
    let rows = match rows {
        Ok(rows) => {
            let from = if skipped > 0 { format!(" from row {} on", skipped + 1) } else { String::new() };
            let (found, flows) =
                (counted(rows.count() as u64, "data rows"), counted(inputs.flows.into(), "flows"));
            findings.of_scenario(&name, Level::Ok, format_args!("{found}{from} for {flows}{told}"));
            let left_out = loaded.scenario.left_out(inputs.flows);
            left_out.iter().for_each(|variants| findings.of_scenario(&name, Level::Warning, variants));
            rows
        }
        Err(error) => {
            findings.of_scenario(&name, Level::Missing, format_args!("{error}{told}"));
            // The logins of the rows that there are say something all the same.
            let DataError::TooFew { found, .. } = error else { return None };
            let there = RowSource { flows: u32::try_from(found).ok()?, ..source };
            there.rows(&loaded.scenario, &inputs.run).ok()?
        }
    };
    check_identities(&loaded, &inputs.run, &rows, findings);
    let (run, data) = (Arc::clone(&inputs.run), args.run.flow.data.clone());
    Some(Scenario { loaded, run, rows, skipped, data })
}

/// The file of a scenario, and what the command line says about it.
fn check_file(scenario: &str, args: &Args, findings: &mut Findings) -> Option<Loaded> {
    let mut loaded = match load_typed(scenario) {
        Ok(loaded) => loaded,
        Err(error) => {
            for mistake in error.each() {
                findings.add(Level::Wrong, format_args!("scenario {mistake}"));
            }
            return None;
        }
    };
    let sha = loaded.sha256.get(..12).unwrap_or_default();
    let steps = counted(loaded.scenario.steps.len() as u64, "steps");
    findings.of_scenario(&loaded.source_name, Level::Ok, format_args!("{steps}, SHA-256 {sha}…"));
    if let Err(error) = run_plan::sender(&mut loaded, &args.run.flow) {
        findings.of_scenario(&loaded.source_name, Level::Wrong, format_args!("--sender: {error}"));
    }
    Some(loaded)
}

/// The test users' values, which a run looks for and so has to know.
fn check_identities(loaded: &Loaded, run: &Arc<Run>, rows: &Rows, findings: &mut Findings) {
    let rows = (0..).zip(rows.iter().map_while(Result::ok));
    let mut wrong =
        rows.filter_map(|(flow, row)| resolve_identities(&loaded.scenario, run, flow, &row).err());
    if let Some(error) = wrong.next() {
        findings.of_scenario(&loaded.source_name, Level::Missing, error);
    }
}

/// The variables that a scenario needs beside its rows.
fn check_variables(loaded: &Loaded, run: &Arc<Run>, written: bool, env: &Env, findings: &mut Findings) {
    let name = &loaded.source_name;
    for why in run.unset(&loaded.scenario, written) {
        findings.of_scenario(name, Level::Missing, why);
    }
    for variable in scenario::environment(&loaded.scenario) {
        let secret = env(&variable).filter(|_| loaded.scenario.is_secret(&variable)).map(Secret::new);
        if let Some(doubt) = secret.and_then(|secret| secret.doubt()) {
            findings.of_scenario(name, Level::Warning, format_args!("{variable} {doubt}"));
        }
    }
}

fn run_of(loaded: &Loaded, args: &Args, env: &Env, fixtures: Option<&Fixtures>) -> Result<Arc<Run>, Failure> {
    let given = run_plan::vars(&args.run.flow.vars, &loaded.scenario)?;
    let settings = RunSettings {
        seed: 0,
        run_id: String::new(),
        now: Arc::new(chrono::Utc::now),
        env: Arc::clone(env),
        vars: variables(&loaded.scenario, &given, fixtures),
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
    if let Err(e) = make_folder(&args.run.flow.output.artifacts) {
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
