//! The async runtime of a command.

use super::{Exit, Failure};

/// Runs a command's work to its end.
pub(super) fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let result = runtime.block_on(work);
    // Whatever still runs has nothing left to say.
    runtime.shutdown_background();
    result
}
