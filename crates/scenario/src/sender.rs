//! Sender profiles: from a name or a file to a checked profile, with everything that is wrong in a file at once.

use super::error::{Problem, ScenarioError};
use super::suggest;
use super::tree::{self, Seg};
use super::typed;
use record::{Handshake, InputError, LimitSpec, RetrySpec, SenderProfile, read_input};
use signature::{BodySpec, Place, Scheme, SignatureSpec, SpecError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest profile, in bytes.
pub const MAX_SENDER: u64 = 256 * 1024;

/// Loads what a user typed or a scenario says: a path when it looks like one, else `scenarios/senders/NAME.yaml` beside the
/// scenario when it is there, else the built-in profile of that name. `dir`: where the scenario is.
///
/// # Errors
/// A file that cannot be read, all that is wrong in it with line and column, or a name that is none.
pub fn load_sender(typed: &str, dir: &Path) -> Result<SenderProfile, ScenarioError> {
    let path = Path::new(typed);
    let looks_like_path = typed.contains('/') || path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if looks_like_path {
        let beside: PathBuf = dir.join(path.strip_prefix(".").unwrap_or(path));
        return sender_file(if beside.is_file() { &beside } else { path });
    }
    let plain = typed.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let own = dir.join("senders").join(format!("{typed}.yaml"));
    if plain && own.is_file() && typed.parse::<Scheme>().is_err() {
        return sender_file(&own);
    }
    built_in_sender(typed)
}

/// A profile of the binary.
///
/// # Errors
/// [`ScenarioError::UnknownSender`] when there is none of that name.
pub fn built_in_sender(name: &str) -> Result<SenderProfile, ScenarioError> {
    let Ok(scheme) = name.parse::<Scheme>() else {
        return Err(ScenarioError::UnknownSender {
            name: name.to_owned(),
            known: Scheme::ALL.map(Scheme::sender).join(", "),
            hint: suggest::hint(name, Scheme::ALL.map(Scheme::sender)),
        });
    };
    sender_text(scheme.profile().as_bytes(), &format!("built-in:senders/{}", scheme.sender()))
}

/// The profile of a file.
///
/// # Errors
/// It cannot be read, is over [`MAX_SENDER`], or is wrong: all that is, with line and column.
pub fn sender_file(path: &Path) -> Result<SenderProfile, ScenarioError> {
    let name = path.display().to_string();
    let bytes = read_input(path, MAX_SENDER).map_err(|e| match e {
        InputError::TooLarge(limit) => ScenarioError::TooLarge { file: name.clone(), limit },
        source => ScenarioError::Read { file: name.clone(), source },
    })?;
    sender_text(&bytes, &name)
}

/// Checks a profile given as bytes; `name` stands in errors.
///
/// # Errors
/// All that is wrong in it, with line and column.
pub fn sender_text(bytes: &[u8], name: &str) -> Result<SenderProfile, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { file: name.to_owned(), problems };
    let text = super::load::text_of(bytes).map_err(|p| invalid(vec![p]))?;
    let mut tree = tree::parse(text).map_err(|p| invalid(vec![p]))?;
    let profile: SenderProfile = match typed::from_tree(&tree) {
        Ok(profile) => profile,
        // What the types refuse is said one by one, with the part that has it left out.
        Err(first) => return Err(invalid(typed_problems(&mut tree, first))),
    };
    let at = |SpecError { path, problem }: SpecError| {
        let segments: Vec<Seg> = path.split('.').map(segment).collect();
        Problem { at: tree.value_at(&segments), message: problem }
    };
    let mut problems: Vec<Problem> = profile.problems().into_iter().map(at).collect();
    problems.sort_by_key(|p| p.at);
    problems.dedup();
    if problems.is_empty() { Ok(profile) } else { Err(invalid(problems)) }
}

/// All that the types refuse: each part of the profile is read by itself, and again without the key that was refused.
fn typed_problems(tree: &mut tree::Node, first: Problem) -> Vec<Problem> {
    let mut problems = vec![first];
    if let tree::Kind::Map(parts) = &mut tree.kind {
        for (key, _, part) in parts {
            let found = match key.as_str() {
                "signature" => refused::<SignatureSpec>(part),
                "event" | "id" => refused::<Place>(part),
                "body" => refused::<BodySpec>(part),
                "retry" => refused::<RetrySpec>(part),
                "limits" => refused::<LimitSpec>(part),
                "handshakes" => refused::<Vec<Handshake>>(part),
                "headers" | "caveats" | "setup" => refused::<Vec<String>>(part),
                "payload" => refused::<BTreeMap<String, String>>(part),
                _ => Vec::new(),
            };
            problems.extend(found);
        }
    }
    problems.sort_by_key(|p| p.at);
    problems.dedup();
    problems
}

/// What is refused of one part, at most 16 things.
fn refused<T: serde::de::DeserializeOwned>(part: &mut tree::Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for _ in 0..16 {
        let Err(problem) = typed::from_tree::<T>(part) else { break };
        // A key that was taken away is missing then.
        let follows = !problems.is_empty() && problem.message.ends_with("is missing");
        if follows || problems.contains(&problem) {
            break;
        }
        let at = problem.at;
        problems.push(problem);
        if !part.remove_at(at) {
            break;
        }
    }
    problems
}

fn segment(text: &str) -> Seg {
    text.parse::<usize>().map_or_else(|_| Seg::Key(text.to_owned()), Seg::Index)
}

/// The JSON Schema of sender profiles.
#[must_use]
pub fn sender_schema() -> schemars::Schema {
    super::for_editors(schemars::schema_for!(SenderProfile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_right_and_named_as_its_file() {
        for scheme in Scheme::ALL {
            let profile = built_in_sender(scheme.sender()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(profile.name, scheme.sender());
            assert_eq!(profile.scheme().unwrap(), scheme, "{}", profile.name);
            assert!(!profile.description.is_empty());
            assert!(scheme.profile().lines().count() <= 45, "{}", profile.name);
        }
        assert!(Scheme::ALL.len() >= 28);
    }

    #[test]
    fn what_is_wrong_in_a_profile_is_said_all_at_once_with_its_place() {
        let text = "name: x y\nsignature:\n  algorithm: hmac-sha256\n  header: X-Sig\n  message: '{timestamp}.{boddy}'\n\
                    id: { json: abc }\nretry: { schedule: [1s], jitter: 2 }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        for line in [
            "s.yaml:1:7: use 1 to 64 letters",
            "s.yaml:5:12: `{boddy}` is no placeholder; there are {body}, {timestamp}",
            "s.yaml:6:13: `abc` is no JSON pointer",
            "s.yaml:7:20: the first pause is that before the first attempt: write 0s",
            "s.yaml:7:34: a share is from 0 to 1",
        ] {
            assert!(error.contains(line), "{error} lacks {line}");
        }
        let text = "name: x\nsignature: { algorithm: md5, header: X, mesage: y }\nretry: { schedule: [2] }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        for words in ["2:25: unknown value `md5`", "3:21: `2` has no unit: write 2s"] {
            assert!(error.contains(words), "{error} lacks {words}");
        }
        let text = "name: x\nsignature: { algorithm: hmac-sha256, header: X, message: '{timestamp}' }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        assert!(error.contains("2:58: it holds nothing of the body"), "{error}");
    }

    #[test]
    fn formulas_become_schedules() {
        let schedule = |name: &str| built_in_sender(name).unwrap().contract().backoff_ms;
        assert_eq!(schedule("deltacrown-5.6"), [0, 2000, 4000]);
        assert_eq!(schedule("github"), [0]);
        assert_eq!(schedule("django-webhook"), [0, 60_000, 60_000, 60_000, 60_000, 60_000]);
        assert_eq!(schedule("alertmanager")[..4], [0, 500, 750, 1125]);
        let contract = built_in_sender("alertmanager").unwrap().contract();
        assert!(contract.endless && contract.goes_on(1000) && contract.breaker.is_none());
        assert_eq!(contract.window_ms(1000), (450, 2000));
        let mlflow = built_in_sender("mlflow").unwrap().contract();
        assert!(mlflow.aborts(408) && !mlflow.aborts(429) && !mlflow.aborts(503));
        assert!(!built_in_sender("stripe").unwrap().contract().aborts(400));
    }

    /// Writes the published schema: `SMOKE_BLESS=1 cargo test -p smoke-scenario --lib sender`.
    #[test]
    fn the_committed_schema_is_fresh() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/schema/sender.schema.json");
        let wanted = serde_json::to_string_pretty(&sender_schema()).unwrap() + "\n";
        if std::env::var_os("SMOKE_BLESS").is_some() {
            std::fs::write(&file, &wanted).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            wanted,
            "run: smoke schema sender > {}",
            file.display()
        );
    }

    #[test]
    fn a_name_that_is_none_gets_the_nearest() {
        let error = load_sender("strpe", Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("no sender `strpe`") && error.contains("did you mean `stripe`"), "{error}");
    }
}
