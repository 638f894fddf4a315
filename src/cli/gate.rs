//! `smoke gate`: the approval gate: may these artifacts be believed, and what do they then say?

use super::gates_file::GatesFile;
use super::secret_source::SecretSource;
use super::{Exit, Failure, environment, github, out, output_file, promote, signing, subject, svr, typed};
use crate::outbound::without_credentials;
use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use evidence::approval::{
    Allowed, Approval, Checkout, Demand, Journals, Kind, KnownScenario, KnownSender, MinFlows, Request,
    Required, Trust, approval_annotations, approval_page, human, judge, markdown, name_of, run_of,
};
use evidence::gate::Verdict;
use evidence::report::write_whole;
use record::period::time_span;
use record::seal::{KeyError, PublicKey};
use record::{read_input, read_input_text, text_sha256_hex};
use scenario::{Loaded, MAX_SENDER, Period, built_in_names, load, load_built_in, load_bytes, sender_path};
use signature::Secret;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Largest file that a public key may be in, in bytes.
const MAX_KEY: u64 = 4096;
/// Largest scenario file of a checkout that is looked at, in bytes.
const MAX_SCENARIO: u64 = 16 * 1024 * 1024;

/// Options of `smoke gate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 pass, 1 fail (a contradiction, a broken journal, a missed target), 2 usage, 3 unproven."
)]
pub(super) struct Args {
    /// Artifacts or directories of them, and journals that are elsewhere
    #[arg(value_name = "ARTIFACT|JOURNAL|DIR", default_value = "artifacts")]
    artifacts: Vec<PathBuf>,
    /// The signer's public key: the evidence must be signed with it
    ///
    /// 64 hex digits, PEM, or a file with either.
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// The signed statement must say that this was tested: git+COMMIT
    ///
    /// Or git+URL@COMMIT, IMAGE@sha256:HEX, NAME=sha256:HEX; compared by the digest. May be given several times.
    #[arg(long, value_name = "SUBJECT", requires = "public_key")]
    subject: Vec<String>,
    /// The receiver's public key: check what it signed
    ///
    /// Of `smoke receive --witness-key`; 64 hex digits, PEM, or a file with either. What it signed must be in the
    /// journal and match its contents.
    #[arg(long, value_name = "KEY")]
    witness: Option<String>,
    #[command(flatten)]
    secret: SecretSource,
    /// SHA-256 of the accepted gates (`--print-digests` of a copy you trust), instead of trusting the checkout
    #[arg(long, value_name = "HEX", value_parser = digest)]
    gates_sha256: Option<String>,
    /// SHA-256 of an accepted scenario; may be given several times
    #[arg(long, value_name = "HEX", value_delimiter = ',', value_parser = digest)]
    scenario_sha256: Vec<String>,
    /// Only print the digests of the gates and scenarios here, for --gates-sha256 and --scenario-sha256
    #[arg(long)]
    print_digests: bool,
    /// Base URL of the system that must have been tested
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Minimum level: numbers, runner, sender, witness or identity
    ///
    /// [default: sender; runner for the stand-in]
    #[arg(long, value_name = "LEVEL", hide_possible_values = true, value_parser = super::listed::trust())]
    trust: Option<Trust>,
    /// Accept something that weakens a run, by name: flows=1, within=60s
    ///
    /// Known: flows=1, within=60s, canaries=phone, criteria=late_max, policy, settle, scheme, target, faults, runs,
    /// endpoint, timeout.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    allow: Vec<Allowed>,
    /// Minimum length of an observation [default: 30m]
    #[arg(long, value_name = "DURATION")]
    min_window: Option<Period>,
    /// Minimum number of flows: 10, or payments=10,orders=20
    ///
    /// Of payments, matches and observations (their webhooks), or by the name of any scenario.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    min_flows: Vec<String>,
    /// Artifacts that must be present, by scenario
    ///
    /// payments, matches, observation, probe, or any scenario by its name.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    require: Vec<Required>,
    /// The environment you want evidence about
    #[arg(long, value_name = "NAME", default_value = "staging")]
    environment: String,
    /// How long ago a run may have ended, such as 90m, 24h or 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = age)]
    max_age: TimeDelta,
    /// The run must have started after this, the commit's time
    ///
    /// RFC 3339, as `git show -s --format=%cI` prints it.
    #[arg(long, value_name = "TIME", value_parser = typed::moment)]
    not_before: Option<DateTime<Utc>>,
    /// Gates file of the checkout [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE")]
    gates: Option<PathBuf>,
    /// Scenario file that is not in scenarios/; may be given several times
    #[arg(long, value_name = "FILE")]
    scenario: Vec<PathBuf>,
    /// Only answer whether this canary stage is allowed: 25%, 50%, 100%
    ///
    /// By the observation among the artifacts.
    #[arg(long, value_name = "PERCENT", value_parser = promote::percent)]
    promote: Option<f64>,
    /// Only print a fresh challenge for whoever runs the smokes (--challenge)
    #[arg(long)]
    new_challenge: bool,
    /// The challenge that must be in a signed body, which proves the run came after it was issued
    #[arg(long, value_name = "CHALLENGE", value_parser = environment::not_empty)]
    challenge: Option<String>,
    /// Sign this result with a private key from `smoke key`, as a Simple Verification Result (in --svr)
    #[arg(long, value_name = "KEYFILE", requires = "svr")]
    sign: Option<PathBuf>,
    /// Where to write the signed result (approval.intoto.jsonl)
    #[arg(long, value_name = "FILE", requires = "sign", value_parser = output_file::of(output_file::STATEMENT))]
    svr: Option<PathBuf>,
    /// List every item
    #[arg(long)]
    all: bool,
    /// Also write the judgement as a page to this file
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::PAGE))]
    html: Option<PathBuf>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "human")]
    format: GateFormat,
}

/// What goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GateFormat {
    /// For people
    Human,
    /// For machines (`smoke schema approval`)
    Json,
    /// Tables, for a comment or a summary
    Markdown,
}

/// Judges all artifacts.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if args.new_challenge {
        out::raw_line(challenge()?);
        return Ok(Exit::Pass);
    }
    let checkout = checkout(args)?;
    if args.print_digests {
        return Ok(print_digests(&checkout));
    }
    let env = environment::read(None)?;
    let demand = demand(args)?;
    let secret = args.secret.read_to_verify()?;
    let staging_secret = env("WEBHOOK_SECRET").filter(|s| !s.is_empty()).map(Secret::new);
    let key =
        |flag: &str, given: &Option<String>| given.as_deref().map(|text| public_key(flag, text)).transpose();
    let (public_key, witness) = (key("--public-key", &args.public_key)?, key("--witness", &args.witness)?);
    let signing_key = args.sign.as_deref().map(|file| signing::read_key("--sign", file)).transpose()?;
    let (files, journals) = files(&args.artifacts, !args.require.is_empty())?;
    let of_files: Vec<PathBuf> = files.iter().flat_map(|file| journals.all_of(file)).collect();
    files.iter().chain(&of_files).try_for_each(|file| openable(file))?;
    let shown: BTreeSet<Uuid> = files.iter().flat_map(|file| journals.runs_shown_by(file)).collect();
    let request = Request {
        now: Utc::now(),
        journals: &journals,
        environment: &args.environment,
        max_age: args.max_age,
        not_before: args.not_before,
        secret: secret.as_ref(),
        staging_secret: staging_secret.as_ref(),
        public_key: public_key.as_ref(),
        checkout: &checkout,
        demand: &demand,
        witness: witness.as_ref(),
        shown: &shown,
        stand_in_rows: Some(|seed, flows, subject| stand_in::people_of(seed, flows, subject).ok().flatten()),
        by_hour: args.promote.is_some(),
    };
    if let Some(percent) = args.promote {
        return promote::run(&files, percent, &request, args.format);
    }
    let approval = Approval::new(files.iter().map(|f| judge(f, &request)).collect(), &args.require);
    asked_of_none(&demand, &approval).and_then(|()| shown_otherwise(&shown, &approval))?;
    if let Some(file) = &args.html {
        write_whole(file, approval_page(&approval).as_bytes())
            .map_err(|e| Failure::environment(format!("--html {}: {e}", file.display())))?;
    }
    github::summary(&markdown(&approval));
    if github::is_runner() {
        approval_annotations(&approval).iter().for_each(out::say);
    }
    if let (Some(key), Some(to)) = (&signing_key, &args.svr) {
        svr::write(&approval, &request, key, to)?;
    }
    match args.format {
        GateFormat::Human => out::text(&human(&approval, out::screen(args.all))),
        GateFormat::Markdown => out::raw(&markdown(&approval)),
        GateFormat::Json => {
            let text = serde_json::to_string_pretty(&approval).map_err(Failure::environment)?;
            out::raw_line(text);
        }
    }
    if let Some(file) = &args.html {
        out::chat(format!("page     {}", file.display()));
    }
    Ok(match approval.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
    })
}

/// What is asked beyond the gates.
fn demand(args: &Args) -> Result<Demand, Failure> {
    let mut min_flows = MinFlows::default();
    for text in &args.min_flows {
        min_flows.add(text).map_err(|why| Failure::usage(format!("--min-flows {why}")))?;
    }
    if let Some(target) = &args.target {
        typed::check_url("--target", target)?;
    }
    Ok(Demand {
        target: args.target.as_deref().map(without_credentials),
        min_window: args.min_window.map(Period::get),
        min_flows,
        allowed: args.allow.clone(),
        trust: args.trust,
        own_gates: args.gates.is_some() || args.gates_sha256.is_some(),
        gates_sha256: args.gates_sha256.clone(),
        scenario_sha256: args.scenario_sha256.clone(),
        challenge: args.challenge.clone(),
        subjects: subject::typed(&args.subject)?,
    })
}

/// What is asked of evidence that was not given would be asked of nothing: a slip of the pen, unless what is required is missing.
fn asked_of_none(demand: &Demand, approval: &Approval) -> Result<(), Failure> {
    if !approval.missing.is_empty() {
        return Ok(());
    }
    if demand.min_window.is_some() && !approval.artifacts.iter().any(|j| j.kind == Kind::Observation) {
        let why = "--min-window: no artifact here is an observation";
        return Err(Failure::usage(format!("{why} (`--require observation` demands one)")));
    }
    let judged: Vec<_> = approval.artifacts.iter().filter_map(|j| j.judged.flows_of.as_ref()).collect();
    let Some(typed) = demand.min_flows.asked_of_none(&judged) else { return Ok(()) };
    let there: BTreeSet<String> = judged.iter().map(|of| pii::shown(&of.name)).collect();
    let there = if there.is_empty() { "nothing".to_owned() } else { Vec::from_iter(there).join(", ") };
    Err(Failure::usage(format!(
        "--min-flows {typed}: no artifact here is asked for that; known: {there} (for a scenario of your own: NAME=N)"
    )))
}

/// A run counts as shown while the others are judged, so it has to be among what was judged in the end.
fn shown_otherwise(shown: &BTreeSet<Uuid>, approval: &Approval) -> Result<(), Failure> {
    let judged: BTreeSet<Uuid> = approval.artifacts.iter().flat_map(|j| &j.judged.runs).copied().collect();
    if approval.verdict != Verdict::Pass || shown.is_subset(&judged) {
        return Ok(());
    }
    Err(Failure::environment("the evidence was exchanged while it was being judged; judge it again"))
}

/// A line for each file that evidence is held against.
fn print_digests(checkout: &Checkout) -> Exit {
    out::raw_line(format!("{}  gates  {}", checkout.gates_sha256, checkout.gates_name));
    for (name, KnownScenario { source, sha256, .. }) in &checkout.scenarios {
        out::raw_line(format!("{sha256}  {}  {}", pii::shown(name), pii::shown(source)));
    }
    Exit::Pass
}

/// Letters that no search for personal data or tokens takes for one: five groups of four, 94 bits.
fn challenge() -> Result<String, Failure> {
    let letter = || getrandom::u32().map(|n| char::from(b'a' + (n % 26) as u8));
    let letters = (0..20).map(|_| letter()).collect::<Result<Vec<char>, _>>();
    let letters = letters.map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    Ok(letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

/// A SHA-256 in hex.
fn digest(text: &str) -> Result<String, &'static str> {
    let digits = text.trim().to_ascii_lowercase();
    let is_hex = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex { Ok(digits) } else { Err("needs 64 hex digits, as printed by --print-digests") }
}

/// At most ten years.
fn age(text: &str) -> Result<TimeDelta, &'static str> {
    const WRONG: &str = "write for example 90m, 1h30m, 24h or 7d (ten years at most)";
    let age = time_span(text.trim()).ok().and_then(|age| TimeDelta::from_std(age).ok());
    age.filter(|age| *age <= TimeDelta::days(10 * 366)).ok_or(WRONG)
}

/// Evidence that somebody else may read is no contradiction. Nothing but a file is opened: a pipe would be waited for.
fn openable(file: &Path) -> Result<(), Failure> {
    if !file.is_file() {
        return Ok(());
    }
    match File::open(file) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Err(Failure::usage(format!(
            "{}: cannot be read: {e}; judge it as the user who made it, or let this one read it",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// The artifacts that are named, those in the directories that are named, and those of the journals that are.
fn files(given: &[PathBuf], may_be_empty: bool) -> Result<(Vec<PathBuf>, Journals), Failure> {
    let is_journal = |path: &&PathBuf| run_of(path).is_some();
    let of_runs: Vec<PathBuf> = given.iter().filter(is_journal).cloned().collect();
    let journals = Journals::new(of_runs.clone());
    let mut files = Vec::new();
    for path in given.iter().filter(|path| !of_runs.contains(path)) {
        let shown = path.display();
        let unread = |e: std::io::Error| Failure::usage(format!("{shown}: cannot be read: {e}"));
        let meta = std::fs::metadata(path).map_err(unread)?;
        if meta.is_dir() {
            let inside =
                in_directory(path, &journals).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
            if inside.is_empty() && !may_be_empty {
                return Err(Failure::usage(format!("{shown}: contains no artifacts (*_output.json)")));
            }
            files.extend(inside);
        } else if path.extension().is_some_and(|e| e == "jsonl") || is_own_memo(path, &journals) {
            files.push(artifact_of(path, &journals));
        } else {
            files.push(path.clone());
        }
    }
    // A journal is judged by its artifact, which may have been given too.
    for journal in of_runs {
        if files.iter().any(|file| journals.is_judged_by(file, &journal)) {
            continue;
        }
        let artifact = artifact_of(&journal, &journals);
        if artifact.is_file() && !journals.is_judged_by(&artifact, &journal) {
            return Err(Failure::usage(format!(
                "{}: nothing is judged by it: {} follows from another journal that was given; give its own artifact, or leave it out",
                journal.display(),
                artifact.display()
            )));
        }
        if !artifact.exists() {
            return Err(Failure::usage(format!(
                "{0}: its artifact {1} is not there; write it with `smoke report {0} -o {1}`",
                journal.display(),
                artifact.display()
            )));
        }
        files.push(artifact);
    }
    Ok((files, journals))
}

/// The artifact of a journal, a memo or a signature; where there is none, what it would be called.
fn artifact_of(path: &Path, journals: &Journals) -> PathBuf {
    let usual = || path.with_file_name(format!("{}_output.json", name_of(path)));
    journals.artifact_of(path).unwrap_or_else(usual)
}

/// A memo with its journal is judged with the artifact that it is beside.
fn is_own_memo(path: &Path, journals: &Journals) -> bool {
    path.extension().is_some_and(|e| e == "md")
        && journals.artifact_of(path).is_some_and(|artifact| journals.of(&artifact).is_some())
}

/// `*_output.json`, artifacts with another name whose journal is here, and memos that no journal stands behind.
fn in_directory(dir: &Path, journals: &Journals) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut named_otherwise = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if name.ends_with("_output.json") || name.ends_with("_memo.md") && !is_own_memo(&path, journals) {
            found.push(path);
        } else if path.extension().is_some_and(|e| e == "json") {
            named_otherwise.push(path);
        }
    }
    found.sort();
    named_otherwise.sort();
    let mut judged: Vec<PathBuf> = found.iter().filter_map(|file| journals.of(file)).collect();
    for path in named_otherwise {
        // A copy of an artifact is no second one.
        if let Some(journal) = journals.of(&path).filter(|journal| !judged.contains(journal)) {
            judged.push(journal);
            found.push(path);
        }
    }
    Ok(found)
}

/// A scenario file; one that is too large for a scenario is none.
fn bounded(path: &Path) -> Option<Vec<u8>> {
    path.is_file().then(|| read_input(path, MAX_SCENARIO).ok()).flatten()
}

fn public_key(flag: &str, typed: &str) -> Result<PublicKey, Failure> {
    let wrong = |what: String| Failure::usage(format!("{flag}: {what}"));
    let path = Path::new(typed);
    if path.exists() {
        let shown = path.display();
        let text = read_input_text(path, MAX_KEY).map_err(|e| wrong(format!("{shown}: {e}")))?;
        return text.parse().map_err(|e: KeyError| wrong(format!("{shown}: {e}")));
    }
    // It is not quoted: it may be a secret.
    let is_hex = typed.trim().bytes().all(|b| b.is_ascii_hexdigit());
    typed.parse().map_err(|e| match e {
        KeyError::Public if !is_hex => {
            wrong(format!("there is no such file, and the text itself is {e}, or a file with either"))
        }
        e => wrong(e.to_string()),
    })
}

fn known(loaded: Loaded) -> KnownScenario {
    let sender = known_sender(&loaded);
    let Loaded { scenario, sha256, source_name, .. } = loaded;
    KnownScenario {
        source: source_name,
        others: Vec::new(),
        sha256,
        scenario: Some(Box::new(scenario)),
        sender,
    }
}

/// The profile file that a scenario names.
fn known_sender(loaded: &Loaded) -> Option<Box<KnownSender>> {
    let path = sender_path(loaded.scenario.sender.as_deref()?, &loaded.dir)?;
    let bytes = read_input(&path, MAX_SENDER).ok()?;
    let (source, sha256) = (path.display().to_string(), text_sha256_hex(&bytes));
    Some(Box::new(KnownSender { source, sha256, profile: loaded.sender.clone() }))
}

/// The scenarios of a folder by the name that each has, as runs of it have; a file that cannot be read goes by its own.
fn in_folder(dir: &Path) -> BTreeMap<String, KnownScenario> {
    let mut found: BTreeMap<String, KnownScenario> = BTreeMap::new();
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    for path in paths {
        let Some(bytes) = bounded(&path) else { continue };
        let source = path.display().to_string();
        let (name, file) = match load_bytes(&bytes, &source, dir) {
            Ok(loaded) => (loaded.scenario.name.clone(), known(loaded)),
            Err(_) => {
                let (sha256, others) = (text_sha256_hex(&bytes), Vec::new());
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                (name, KnownScenario { source, others, sha256, scenario: None, sender: None })
            }
        };
        match found.entry(name) {
            Entry::Vacant(place) => drop(place.insert(file)),
            // A copy is no other.
            Entry::Occupied(place) if place.get().sha256 == file.sha256 => {}
            Entry::Occupied(mut place) => place.get_mut().others.push(file.source),
        }
    }
    found
}

/// The gates and scenarios that count.
fn checkout(args: &Args) -> Result<Checkout, Failure> {
    let gates = GatesFile::read(args.gates.as_deref(), None)?;
    let mut scenarios = BTreeMap::new();
    for name in built_in_names() {
        if let Ok(loaded) = load_built_in(name) {
            scenarios.insert(name.to_owned(), known(loaded));
        }
    }
    // The gates lie beside the scenarios, and are none.
    let files = in_folder(Path::new("scenarios"));
    scenarios.extend(files.into_iter().filter(|(_, file)| file.source != gates.name()));
    for path in &args.scenario {
        let loaded = load(path).map_err(|e| Failure::Usage(e.into()))?;
        scenarios.insert(loaded.scenario.name.clone(), known(loaded));
    }
    Ok(Checkout {
        gates_name: gates.name().to_owned(),
        gates_sha256: gates.sha256().to_owned(),
        gates: gates.gates,
        scenarios,
    })
}
