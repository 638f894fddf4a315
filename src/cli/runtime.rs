//! The async runtime of a command.

use super::{Exit, Failure};
use tokio::runtime::Builder;

/// Runs a command's work to its end, on all cores.
pub(super) fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    run(Builder::new_multi_thread().worker_threads(cores()), cores(), work)
}

/// The same on so many threads. A single one is the caller's own, and never has to wake another, which is a good part of what a step
/// costs; of several the caller's is one more, which paces.
pub(super) fn block_on_threads(
    threads: u32,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    match usize::try_from(threads).unwrap_or(1) {
        0 | 1 => run(&mut Builder::new_current_thread(), 0, work),
        threads => run(Builder::new_multi_thread().worker_threads(threads), threads, work),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn run(
    builder: &mut Builder,
    workers: usize,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    // The runtime panics where it gets no threads or no descriptors.
    crate::resources::suffice(workers).map_err(Failure::environment)?;
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|e| Failure::environment(format!("cannot start: {e}")))?;
    let result = runtime.block_on(work);
    // Whatever still runs has nothing left to say.
    runtime.shutdown_background();
    result
}
