//! What is wrong with a scenario file, and where.

use std::fmt;

/// A place in a file; both numbers count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

/// One thing that is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: At,
    /// What, and what would be right.
    pub message: String,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Read {
        file: String,
        /// Why.
        source: record::InputError,
    },
    /// Neither a file nor a built-in scenario has that name.
    #[error("no scenario `{name}`{hint}: there is no file scenarios/{name}.yaml, and built in are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that would work.
        known: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// Neither a file nor a built-in profile of a sender has that name.
    #[error("no sender `{name}`{hint} (built in: {known}; a file is named by its path, as in ./{name}.yaml)")]
    UnknownSender {
        /// What was asked for.
        name: String,
        /// The names that would work.
        known: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// Over the size limit.
    #[error("{file}: over {limit} bytes, the limit for a scenario")]
    TooLarge {
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Something in the file is wrong; at least one problem.
    #[error("{}", Listed { file, problems })]
    Invalid {
        file: String,
        /// What is wrong, in the order of the file.
        problems: Vec<Problem>,
    },
}

impl ScenarioError {
    /// One text for each thing that is wrong.
    #[must_use]
    pub fn each(&self) -> Vec<String> {
        match self {
            Self::Invalid { file, problems } => Listed { file, problems }.lines().collect(),
            other => vec![other.to_string()],
        }
    }
}

struct Listed<'a> {
    file: &'a str,
    problems: &'a [Problem],
}

impl Listed<'_> {
    fn lines(&self) -> impl Iterator<Item = String> {
        self.problems
            .iter()
            .map(|Problem { at, message }| format!("{}:{}:{}: {message}", self.file, at.line, at.column))
    }
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}
