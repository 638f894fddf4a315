//! `smoke gate`: the approval gate: may these artifacts be believed, and what do they then say?

use super::format::Format;
use super::gates_file::GatesFile;
use super::secret_source::SecretSource;
use super::typed::moment;
use super::{Exit, Failure, environment, github, out, promote};
use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use evidence::approval::{
    Approval, Checkout, Kind, Request, approval_annotations, human, judge, markdown, name_of,
};
use evidence::gate::Verdict;
use record::seal::PublicKey;
use record::{read_input, text_sha256_hex};
use scenario::{built_in_names, load, load_built_in};
use signature::Secret;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Artifacts, or directories of them
    #[arg(value_name = "ARTIFACT|DIR", default_value = "artifacts")]
    artifacts: Vec<PathBuf>,
    /// The signer's public key (64 hex digits, or a file with them); the evidence must then be signed with it
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    #[command(flatten)]
    secret: SecretSource,
    /// Artifacts that must be there
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    require: Vec<Required>,
    /// The environment that evidence is wanted about
    #[arg(long, value_name = "NAME", default_value = "staging")]
    environment: String,
    /// How long ago a run may have ended, such as 90m, 24h or 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = age)]
    max_age: TimeDelta,
    /// Time of the commit that is being approved, RFC 3339 (git show -s --format=%cI): the run must have begun after it
    #[arg(long, value_name = "TIME", value_parser = moment)]
    not_before: Option<DateTime<Utc>>,
    /// Gates file of the checkout [default: scenarios/gates.yaml, else the built-in one]
    #[arg(long, value_name = "FILE")]
    gates: Option<PathBuf>,
    /// Scenario file that is not in scenarios/; may be given several times
    #[arg(long, value_name = "FILE")]
    scenario: Vec<PathBuf>,
    /// Answer only whether the observation among the artifacts allows this canary stage: 25%, 50% or 100%
    #[arg(long, value_name = "PERCENT", value_parser = promote::percent)]
    promote: Option<f64>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// The artifacts of the guide.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Required {
    Payments,
    Matches,
    Observation,
    Probe,
}

/// Judges all artifacts.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let env = environment::read(None)?;
    let secret = args.secret.read()?;
    let staging_secret = env("WEBHOOK_SECRET").filter(|s| !s.is_empty()).map(Secret::new);
    let public_key = args.public_key.as_deref().map(public_key).transpose()?;
    let checkout = checkout(args)?;
    let request = Request {
        now: Utc::now(),
        environment: &args.environment,
        max_age: args.max_age,
        not_before: args.not_before,
        secret: secret.as_ref(),
        staging_secret: staging_secret.as_ref(),
        public_key: public_key.as_ref(),
        checkout: &checkout,
    };
    let files = files(&args.artifacts, !args.require.is_empty())?;
    if let Some(percent) = args.promote {
        return promote::run(&files, percent, &request, args.format);
    }
    let required: Vec<Kind> = args.require.iter().map(|r| r.kind()).collect();
    let approval = Approval::new(files.iter().map(|f| judge(f, &request)).collect(), &required);
    github::summary(&markdown(&approval));
    if github::is_runner() {
        approval_annotations(&approval).iter().for_each(out::say);
    }
    match args.format {
        Format::Human => out::text(&human(&approval, out::screen(false).colour)),
        Format::Json => {
            let text = serde_json::to_string_pretty(&approval).map_err(Failure::environment)?;
            out::line(text);
        }
    }
    Ok(match approval.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
    })
}

impl Required {
    const fn kind(self) -> Kind {
        match self {
            Self::Payments => Kind::Payments,
            Self::Matches => Kind::Matches,
            Self::Observation => Kind::Observation,
            Self::Probe => Kind::Probe,
        }
    }
}

/// A whole number of minutes, hours or days, at most ten years.
fn age(text: &str) -> Result<TimeDelta, &'static str> {
    const WRONG: &str = "give a whole number with its unit: 90m, 24h, 7d (ten years at most)";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(WRONG)?;
    let number = number.parse::<u32>().map_err(|_| WRONG)?;
    let minutes = match unit {
        "m" => i64::from(number),
        "h" => i64::from(number) * 60,
        "d" => i64::from(number) * 60 * 24,
        _ => return Err(WRONG),
    };
    if minutes > 10 * 366 * 24 * 60 { Err(WRONG) } else { Ok(TimeDelta::minutes(minutes)) }
}

/// The artifacts that are named, and those in the directories that are named.
fn files(given: &[PathBuf], may_be_empty: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        let shown = path.display();
        let meta = std::fs::metadata(path).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
        if meta.is_dir() {
            let inside = in_directory(path).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
            if inside.is_empty() && !may_be_empty {
                return Err(Failure::usage(format!("{shown}: no artifacts in it (*_output.json)")));
            }
            files.extend(inside);
        } else if path.extension().is_some_and(|e| e == "jsonl") || is_own_memo(path) {
            files.push(path.with_file_name(format!("{}_output.json", name_of(path))));
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// A memo with its journal is judged with the artifact that it is beside.
fn is_own_memo(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "md") && evidence::approval::journal_of(path).is_some()
}

/// `*_output.json`, and memos that no journal stands behind.
fn in_directory(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let memo = name.ends_with("_memo.md") && !is_own_memo(&path);
        if !name.starts_with('.') && (name.ends_with("_output.json") || memo) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A scenario file; one that is too large for a scenario is none.
fn bounded(path: &Path) -> Option<Vec<u8>> {
    path.is_file().then(|| read_input(path, MAX_SCENARIO).ok()).flatten()
}

fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let wrong = |what: String| Failure::usage(format!("--public-key: {what}"));
    let path = Path::new(text);
    let text = if path.is_file() {
        if std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.len() > MAX_KEY {
            return Err(wrong("the file is too large for a key".to_owned()));
        }
        std::fs::read_to_string(path).map_err(|e| wrong(format!("{}: {e}", path.display())))?
    } else {
        text.to_owned()
    };
    text.parse().map_err(|e: record::seal::KeyError| wrong(e.to_string()))
}

/// The gates and scenarios that count.
fn checkout(args: &Args) -> Result<Checkout, Failure> {
    let gates = GatesFile::read(args.gates.as_deref(), None)?;
    let mut scenarios = BTreeMap::new();
    for name in built_in_names() {
        if let Ok(loaded) = load_built_in(name) {
            scenarios.insert(name.to_owned(), (loaded.source_name, loaded.sha256));
        }
    }
    for entry in std::fs::read_dir("scenarios").into_iter().flatten().flatten() {
        let path = entry.path();
        let yaml = path.extension().is_some_and(|e| e == "yaml");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(bytes) = yaml.then(|| bounded(&path)).flatten() {
            scenarios.insert(name, (path.display().to_string(), text_sha256_hex(&bytes)));
        }
    }
    for path in &args.scenario {
        let loaded = load(path).map_err(|e| Failure::Usage(e.into()))?;
        scenarios.insert(loaded.scenario.name, (loaded.source_name, loaded.sha256));
    }
    Ok(Checkout {
        gates_name: gates.name().to_owned(),
        gates_sha256: gates.sha256().to_owned(),
        gates: gates.gates,
        scenarios,
    })
}
