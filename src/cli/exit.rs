//! Exit codes, which are documented API (docs/design.md), and the errors that carry them.

use std::process::ExitCode;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything passed.
    Pass,
    /// 1: a gate failed, a signature is invalid, something was found.
    Fail,
    /// 3: too few samples, generator late, shard missing: nothing can be said.
    Unproven,
    /// 130: interrupted; what was seen is written, the verdict is unproven.
    Interrupted,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 2: the command line, a scenario, a configuration or a data file is wrong.
    #[error("{}", told(.0))]
    Usage(anyhow::Error),
    /// 4: cannot bind, cannot write, target unreachable before the start.
    #[error("{}", told(.0))]
    Environment(anyhow::Error),
}

impl Failure {
    /// A usage error from a sentence.
    pub fn usage(what: impl std::fmt::Display) -> Self {
        Self::Usage(anyhow::anyhow!("{what}"))
    }

    /// An environment error from a sentence.
    pub fn environment(what: impl std::fmt::Display) -> Self {
        Self::Environment(anyhow::anyhow!("{what}"))
    }
}

/// An error with its causes, without those whose text it already holds.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let colon = if text.is_empty() { "" } else { ": " };
            text.push_str(colon);
            text.push_str(&cause);
        }
    }
    text
}

/// Prints the error, if there is one, and gives the exit code.
pub(super) fn report(result: Result<Exit, Failure>) -> ExitCode {
    let result = match super::out::finish() {
        Some(error) => Err(Failure::environment(format!("cannot write to stdout: {error}"))),
        None => result,
    };
    let code = match result {
        Ok(Exit::Pass) => 0,
        Ok(Exit::Fail) => 1,
        Ok(Exit::Unproven) => 3,
        Ok(Exit::Interrupted) => 130,
        Err(failure) => {
            super::out::say(format!("error: {failure}"));
            match failure {
                Failure::Usage(_) => 2,
                Failure::Environment(_) => 4,
            }
        }
    };
    ExitCode::from(code)
}
