//! Batches that are worked on by several threads, and whose results come in the order of the batches.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Threads that work at most; with what waits for each of them they bound the memory.
const THREADS: usize = 4;
/// Batches that wait for each of them, and results that wait to be taken.
const WAITING: usize = 2;

/// Gives each batch that `read` hands over to one of as many threads as there are processors, and `take` the results, in order.
/// Reading, working and taking go on at the same time.
///
/// # Errors
/// That of `read`; the results of what it handed over before were taken.
pub(super) fn in_order<B: Send, R: Send, E: Send>(
    read: impl FnOnce(&mut dyn FnMut(B)) -> Result<(), E> + Send,
    work: impl Fn(B) -> R + Sync,
    mut take: impl FnMut(R),
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let (to, from): (Vec<SyncSender<B>>, Vec<Receiver<B>>) =
        (0..threads).map(|_| sync_channel(WAITING)).unzip();
    thread::scope(|scope| {
        let work = &work;
        let mut results = Vec::with_capacity(threads);
        for batches in from {
            let (done, result) = sync_channel(WAITING);
            results.push(result);
            // Nobody takes a result any more when the other side has panicked, which it says itself.
            scope.spawn(move || batches.into_iter().try_for_each(|batch| done.send(work(batch))));
        }
        let reading = scope.spawn(move || {
            let mut next = to.iter().cycle();
            read(&mut |batch| {
                if let Some(to) = next.next() {
                    let _ = to.send(batch);
                }
            })
        });
        // The first that has no more is the first behind the last batch.
        for result in results.iter().cycle() {
            match result.recv() {
                Ok(result) => take(result),
                Err(_) => break,
            }
        }
        // Where one has panicked the others must not wait for their results to be taken.
        drop(results);
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_batches() {
        for batches in [0u32, 1, 7, 500] {
            let mut taken = Vec::new();
            let read = |give: &mut dyn FnMut(u32)| {
                (0..batches).for_each(give);
                Err("the input broke off")
            };
            let result = in_order(read, |batch| batch * 2, |result| taken.push(result));
            assert_eq!(result, Err("the input broke off"));
            assert!(taken.into_iter().eq((0..batches).map(|n| n * 2)));
        }
    }
}
