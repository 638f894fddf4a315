//! `smoke secret`: a fresh webhook secret.

use super::{Exit, Failure, out};
use signature::Secret;

/// Prints 64 hex characters from the operating system's random source.
pub(super) fn run() -> Result<Exit, Failure> {
    let secret = Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    out::line(secret.expose());
    Ok(Exit::Pass)
}
