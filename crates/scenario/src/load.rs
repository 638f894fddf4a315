//! Loading: from a file, or one of the scenarios built into the binary, to a checked scenario.

use super::check;
use super::error::{Problem, ScenarioError};
use super::mended;
use super::model::Scenario;
use super::sender::{built_in_sender, load_sender};
use super::suggest;
use super::tree;
use super::webhooks;
use record::{InputError, SenderProfile, read_input, text_sha256_hex};
use signature::Scheme;
use std::path::{Path, PathBuf};

/// Largest scenario file, in bytes.
pub const MAX_SCENARIO: u64 = 1024 * 1024;

/// The scenarios that every binary carries, so that it works away from its checkout.
const BUILT_IN: [(&str, &str); 6] = [
    ("payments", include_str!("../../../scenarios/payments.yaml")),
    ("matches", include_str!("../../../scenarios/matches.yaml")),
    ("payments_lifecycle", include_str!("../../../scenarios/payments_lifecycle.yaml")),
    ("payments_proof", include_str!("../../../scenarios/payments_proof.yaml")),
    ("sender_contract", include_str!("../../../scenarios/sender_contract.yaml")),
    ("matches_dispute", include_str!("../../../scenarios/matches_dispute.yaml")),
];

/// A scenario that was checked: nothing in it can fail any more but the values of its templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub scenario: Scenario,
    /// SHA-256 of the file's bytes, hex.
    pub sha256: String,
    /// The profile of its sender.
    pub sender: SenderProfile,
    /// Directory against which the files that it names are resolved.
    pub dir: PathBuf,
    /// The file, or `built-in:NAME`.
    pub source_name: String,
}

/// Loads a scenario file.
///
/// # Errors
/// A file that cannot be read or is over [`MAX_SCENARIO`]; or all that is wrong in it, with line and column.
pub fn load(path: &Path) -> Result<Loaded, ScenarioError> {
    let name = path.display().to_string();
    let bytes = read_input(path, MAX_SCENARIO).map_err(|e| match e {
        InputError::TooLarge(limit) => ScenarioError::TooLarge { file: name.clone(), limit },
        source => ScenarioError::Read { file: name.clone(), source },
    })?;
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    load_bytes(&bytes, &name, dir)
}

/// Loads what a user typed: a path when it looks like one or there is such a file, else a name for [`load_named`].
///
/// # Errors
/// As [`load`] and [`load_named`].
pub fn load_typed(typed: &str) -> Result<Loaded, ScenarioError> {
    let path = Path::new(typed);
    let looks_like_path = typed.contains('/') || path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if looks_like_path || path.is_file() { load(path) } else { load_named(typed) }
}

/// Loads `scenarios/NAME.yaml` of the current directory when it is there, else the built-in scenario of that name.
///
/// # Errors
/// As [`load`]; [`ScenarioError::Unknown`] when there is neither.
pub fn load_named(name: &str) -> Result<Loaded, ScenarioError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let path = Path::new("scenarios").join(format!("{name}.yaml"));
    if plain && path.is_file() {
        return load(&path);
    }
    load_built_in(name)
}

/// Loads a scenario from the binary.
///
/// # Errors
/// [`ScenarioError::Unknown`] when there is none of that name.
pub fn load_built_in(name: &str) -> Result<Loaded, ScenarioError> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => load_bytes(text.as_bytes(), &format!("built-in:{name}"), Path::new("scenarios")),
        None => Err(ScenarioError::Unknown {
            name: name.to_owned(),
            known: built_in_names().collect::<Vec<_>>().join(", "),
            hint: suggest::hint(name, built_in_names()),
        }),
    }
}

/// The names of the scenarios in the binary.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Checks a scenario given as bytes; `name` stands in errors, `dir` is where the files that it names are.
///
/// # Errors
/// All that is wrong in it, with line and column.
pub fn load_bytes(bytes: &[u8], name: &str, dir: &Path) -> Result<Loaded, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { file: name.to_owned(), problems };
    let text = text_of(bytes).map_err(|p| invalid(vec![p]))?;
    let tree = tree::parse(text).map_err(|p| invalid(vec![p]))?;
    let mut mended = mended::read_on::<Scenario>(&tree);
    let mut problems = std::mem::take(&mut mended.problems);
    // Names that were taken out with what was wrong would be missed: then its shape comes first.
    let Some(mut scenario) = mended.value.take().filter(|_| !mended.is_less) else {
        return Err(invalid(problems));
    };
    let mut meant = check::check(&scenario, &mended.tree, text, dir);
    let sender = sender_of(&mut scenario, dir)
        .map_err(|error| Problem { at: tree.value_at(&["sender".into()]), message: error.to_string() });
    meant.extend(sender.as_ref().err().cloned());
    if !problems.is_empty() {
        problems.extend(meant.into_iter().filter(|problem| !mended.is_touched_at(problem.at)));
        problems.sort_by_key(|problem| problem.at);
        return Err(invalid(problems));
    }
    meant.extend(sender.iter().flat_map(|sender| webhooks::check(&scenario, sender, &tree)));
    meant.sort_by_key(|p| p.at);
    let sender = match sender {
        Ok(sender) if meant.is_empty() => sender,
        _ => return Err(invalid(meant)),
    };
    let sha256 = text_sha256_hex(bytes);
    Ok(Loaded { scenario, sender, sha256, dir: dir.to_owned(), source_name: name.to_owned() })
}

/// The profile that a scenario names, whose scheme becomes the scenario's; without one that of the usual sender.
fn sender_of(scenario: &mut Scenario, dir: &Path) -> Result<SenderProfile, ScenarioError> {
    let Some(name) = &scenario.sender else { return built_in_sender(Scheme::default().sender()) };
    let sender = load_sender(name, dir)?;
    scenario.scheme = sender.scheme().unwrap_or_default();
    Ok(sender)
}

pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|e| {
        let good = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let line = 1 + good.iter().filter(|b| **b == b'\n').count() as u64;
        let tail = good.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let column = 1 + String::from_utf8_lossy(tail).chars().count() as u64;
        Problem { at: super::At { line, column }, message: "not UTF-8: save the file as UTF-8".to_owned() }
    })
}
