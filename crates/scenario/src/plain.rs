//! Other YAML files of smoke (gates, policies), read as scenarios are: with everything that is wrong in one at once.

use super::error::{At, Problem, ScenarioError};
use super::mended;
use super::tree::{self, Kind, Node, Seg};
use pii::{Policy, PolicyProblem};
use serde::de::DeserializeOwned;

/// A `T` from the text of a YAML (or JSON) file; an empty one is a mapping without keys. `file` stands in errors.
///
/// # Errors
/// [`ScenarioError::Invalid`]: all that is wrong with its shape, with line and column.
pub fn read_yaml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ScenarioError> {
    read(text, file, |_, _| Vec::new())
}

/// The policy of a file: as [`read_yaml`], with what of it can never match.
///
/// # Errors
/// As [`read_yaml`].
pub fn read_policy(text: &str, file: &str) -> Result<Policy, ScenarioError> {
    read(text, file, problems_of_policy)
}

/// As [`read_yaml`], with what `meant` says of the values that were read: keys with dots between them, and what is wrong there.
///
/// # Errors
/// As [`read_yaml`].
pub fn read_checked<T: DeserializeOwned>(
    text: &str,
    file: &str,
    meant: impl Fn(&T) -> Vec<(String, String)>,
) -> Result<T, ScenarioError> {
    read(text, file, |value, tree| {
        let said = meant(value).into_iter();
        said.map(|(path, message)| Problem { at: place(tree, &path), message }).collect()
    })
}

fn place(tree: &Node, path: &str) -> At {
    tree.value_at(&path.split('.').map(Seg::from_text).collect::<Vec<_>>())
}

/// What is wrong with a policy that was read of a tree.
pub(super) fn problems_of_policy(policy: &Policy, tree: &Node) -> Vec<Problem> {
    let problems = policy.problems().into_iter();
    problems.map(|PolicyProblem { path, message }| Problem { at: place(tree, &path), message }).collect()
}

fn read<T: DeserializeOwned>(
    text: &str,
    file: &str,
    meant: impl Fn(&T, &Node) -> Vec<Problem>,
) -> Result<T, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { file: file.to_owned(), problems };
    let mut tree = tree::parse(text).map_err(|problem| invalid(vec![problem]))?;
    if matches!(tree.kind, Kind::Null(_)) {
        tree.kind = Kind::Map(Vec::new());
    }
    tree.null_means_none();
    let mended = mended::read_on::<T>(&tree);
    let Some(value) = mended.value.filter(|_| mended.problems.is_empty()) else {
        return Err(invalid(mended.problems));
    };
    let problems = meant(&value, &tree);
    if problems.is_empty() { Ok(value) } else { Err(invalid(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Limits {
        most: Option<f64>,
        names: Vec<String>,
    }

    impl Default for Limits {
        fn default() -> Self {
            Self { most: Some(2.5), names: Vec::new() }
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_and_nothing_is_everything_usual() {
        for empty in ["", "# nothing\n", "{}", "---\n"] {
            assert_eq!(read_yaml::<Limits>(empty, "l.yaml").unwrap(), Limits::default(), "{empty:?}");
        }
        let read: Limits = read_yaml("most: null\nnames: [a]", "l.yaml").unwrap();
        assert_eq!((read.most, read.names.len()), (None, 1));
        let nothing = read_yaml::<Limits>("most:\nnames: [a]", "l.yaml").unwrap_err().to_string();
        assert!(nothing.starts_with("l.yaml:1:"), "{nothing}");
        let policy =
            read_policy("disabled: [geo]\nextra_patterns:\n  - { regex: '', category: email }\n", "p.yaml");
        let told = policy.unwrap_err().to_string();
        assert_eq!(told, "p.yaml:3:14: an empty pattern finds nothing");
        assert_eq!(read_yaml::<Limits>("{\"most\": 1.25}", "l.json").unwrap().most, Some(1.25));
        let wrong = read_yaml::<Limits>("mst: 1\nnames: 3\n", "l.yaml").unwrap_err().to_string();
        assert_eq!(
            wrong,
            "l.yaml:1:1: unknown key `mst`; did you mean `most`? (the keys here are most, names)\n\
             l.yaml:2:8: expected a list, found the number 3"
        );
    }
}
