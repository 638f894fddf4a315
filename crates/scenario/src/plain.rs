//! Other YAML files of smoke (gates, policies), read as scenarios are: with everything that is wrong in one at once.

use super::error::ScenarioError;
use super::mended;
use super::tree::{self, Kind};
use serde::de::DeserializeOwned;

/// A `T` from the text of a YAML (or JSON) file; an empty one is a mapping without keys. `file` stands in errors.
///
/// # Errors
/// [`ScenarioError::Invalid`]: all that is wrong with its shape, with line and column.
pub fn read_yaml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { file: file.to_owned(), problems };
    let mut tree = tree::parse(text).map_err(|problem| invalid(vec![problem]))?;
    if matches!(tree.kind, Kind::Null) {
        tree.kind = Kind::Map(Vec::new());
    }
    let mended = mended::read_on::<T>(&tree);
    match mended.value {
        Some(value) if mended.problems.is_empty() => Ok(value),
        _ => Err(invalid(mended.problems)),
    }
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
        assert_eq!(read_yaml::<Limits>("{\"most\": 1.25}", "l.json").unwrap().most, Some(1.25));
        let wrong = read_yaml::<Limits>("mst: 1\nnames: 3\n", "l.yaml").unwrap_err().to_string();
        assert_eq!(
            wrong,
            "l.yaml:1:1: unknown key `mst`; did you mean `most`? (the keys here are most, names)\n\
             l.yaml:2:8: expected a list, found the number 3"
        );
    }
}
