//! The async runtime of a command.

use super::{Exit, Failure};
use tokio::runtime::Builder;

/// Runs a command's work to its end, on all cores.
pub(super) fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    run(&mut Builder::new_multi_thread(), work)
}

/// The same on so many threads beside the caller's, which paces. A single one never has to wake another, which is a good part of what
/// a step costs.
pub(super) fn block_on_threads(
    threads: u32,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let threads = usize::try_from(threads).unwrap_or(1).max(1);
    run(Builder::new_multi_thread().worker_threads(threads), work)
}

fn run(builder: &mut Builder, work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let result = runtime.block_on(work);
    // Whatever still runs has nothing left to say.
    runtime.shutdown_background();
    result
}
