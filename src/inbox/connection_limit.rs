//! The open connections: when there is no room for a new one, the one that has been idle for longest leaves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// In the middle of an exchange: never told to leave.
const BUSY: u64 = u64::MAX;
/// One in this many idle connections leaves when there is no room, so that the search is rare.
const SHARE: usize = 16;
/// How often the search is made again while all are busy.
const AGAIN: Duration = Duration::from_millis(20);

/// All open connections.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
    limit: usize,
    freed: Notify,
    /// Counts takings and ends of exchanges: the order of idleness.
    turn: AtomicU64,
}

/// The place of one connection.
#[derive(Debug)]
struct Seat {
    idle_since: AtomicU64,
    leave: Notify,
}

/// A taken seat; dropping it frees it.
#[derive(Debug)]
pub(super) struct Taken {
    connections: Arc<ConnectionLimit>,
    seat: Arc<Seat>,
    number: u64,
}

impl ConnectionLimit {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let taken = Mutex::new(HashMap::new());
        Arc::new(Self { taken, limit: limit.max(1), freed: Notify::new(), turn: AtomicU64::new(0) })
    }

    /// Waits for room, which it makes, and takes a seat.
    pub(super) async fn take(self: &Arc<Self>) -> Taken {
        while self.lock().len() >= self.limit {
            self.make_room();
            let _ = timeout(AGAIN, self.freed.notified()).await;
        }
        let number = self.turn.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat { idle_since: AtomicU64::new(number), leave: Notify::new() });
        self.lock().insert(number, Arc::clone(&seat));
        Taken { connections: Arc::clone(self), seat, number }
    }

    /// Tells the connections that have been idle for longest to leave.
    pub(super) fn make_room(&self) {
        let taken = self.lock();
        let mut idle: Vec<(u64, &Arc<Seat>)> =
            taken.values().map(|s| (s.idle_since.load(Ordering::Relaxed), s)).collect();
        idle.retain(|(since, _)| *since != BUSY);
        idle.sort_unstable_by_key(|(since, _)| *since);
        let leaving = idle.len().div_ceil(SHARE);
        idle.iter().take(leaving).for_each(|(_, seat)| seat.leave.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// An exchange begins: from now on the connection is not told to leave.
    pub(super) fn busy(&self) {
        self.seat.idle_since.store(BUSY, Ordering::Relaxed);
    }

    /// The exchange has ended.
    pub(super) fn idle(&self) {
        let turn = self.connections.turn.fetch_add(1, Ordering::Relaxed);
        self.seat.idle_since.store(turn, Ordering::Relaxed);
    }

    /// Waits until the connection is told to leave.
    pub(super) async fn told_to_leave(&self) {
        self.seat.leave.notified().await;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_leaves_and_the_busy_stays() {
        let connections = ConnectionLimit::new(3);
        let (busy, old, young) =
            (connections.take().await, connections.take().await, connections.take().await);
        busy.busy();
        young.busy();
        young.idle();
        let waiting = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.take().await }
        });
        old.told_to_leave().await;
        drop(old);
        let fresh = waiting.await.unwrap();
        assert_eq!(connections.lock().len(), 3);
        let left = timeout(Duration::from_secs(1), busy.told_to_leave()).await;
        assert!(left.is_err(), "a busy connection was told to leave");
        drop((busy, young, fresh));
        assert_eq!(connections.lock().len(), 0);
    }
}
