//! The open connections: when there is no room for a new one, the one that has been idle for longest leaves. No single address
//! takes all the room.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// In the middle of an exchange: never told to leave.
const BUSY: u64 = u64::MAX;
/// Told to leave, and not gone yet.
const LEAVING: u64 = u64::MAX - 1;
/// One in this many idle connections leaves when there is no room, so that the search is rare.
const SHARE: usize = 16;
/// How often the search is made again while all are busy.
const AGAIN: Duration = Duration::from_millis(20);

/// All open connections.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    taken: Mutex<Seats>,
    limit: usize,
    /// Of one address that is not this machine's own.
    per_address: usize,
    freed: Notify,
    /// Counts takings and ends of exchanges: the order of idleness.
    turn: AtomicU64,
}

#[derive(Debug, Default)]
struct Seats {
    all: HashMap<u64, Arc<Seat>>,
    of_address: HashMap<IpAddr, usize>,
}

/// The place of one connection.
#[derive(Debug)]
struct Seat {
    peer: IpAddr,
    idle_since: AtomicU64,
    /// True once it has been told to leave, for everything that waits in its connection.
    leave: watch::Sender<bool>,
}

/// A taken seat; dropping it frees it.
#[derive(Debug)]
pub(super) struct Taken {
    connections: Arc<ConnectionLimit>,
    seat: Arc<Seat>,
    number: u64,
}

impl ConnectionLimit {
    pub(super) fn new(limit: usize, per_address: usize) -> Arc<Self> {
        let (taken, freed, turn) = (Mutex::default(), Notify::new(), AtomicU64::new(0));
        Arc::new(Self { taken, limit: limit.max(1), per_address: per_address.max(1), freed, turn })
    }

    /// Waits for room, which it makes, and takes a seat; `None` when the address has all the seats that one may have, and is
    /// busy at each of them.
    pub(super) async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Taken> {
        if !self.admits(peer) {
            return None;
        }
        while self.lock().all.len() >= self.limit {
            self.make_room();
            let _ = timeout(AGAIN, self.freed.notified()).await;
        }
        let number = self.turn.fetch_add(1, Ordering::Relaxed);
        let seat =
            Arc::new(Seat { peer, idle_since: AtomicU64::new(number), leave: watch::Sender::new(false) });
        let mut taken = self.lock();
        taken.all.insert(number, Arc::clone(&seat));
        *taken.of_address.entry(peer).or_default() += 1;
        drop(taken);
        Some(Taken { connections: Arc::clone(self), seat, number })
    }

    /// Whether an address may have one more seat, for which its own longest idle connection leaves where it has enough.
    fn admits(&self, peer: IpAddr) -> bool {
        let taken = self.lock();
        let own = taken.of_address.get(&peer).copied().unwrap_or(0);
        peer.is_loopback()
            || own < self.per_address
            || tell_idle(taken.all.values().filter(|s| s.peer == peer), |_| 1) > 0
    }

    /// Tells the connections that have been idle for longest to leave.
    pub(super) fn make_room(&self) {
        tell_idle(self.lock().all.values(), |idle| idle.div_ceil(SHARE));
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells so many of the idle ones, of which there are as many as `how_many` gets, to leave, the longest idle first; gives how
/// many those are.
fn tell_idle<'a>(seats: impl Iterator<Item = &'a Arc<Seat>>, how_many: impl Fn(usize) -> usize) -> usize {
    let mut idle: Vec<(u64, &Arc<Seat>)> = seats.map(|s| (s.idle_since.load(Ordering::Relaxed), s)).collect();
    idle.retain(|(since, _)| *since < LEAVING);
    idle.sort_unstable_by_key(|(since, _)| *since);
    idle.truncate(how_many(idle.len()));
    for (since, seat) in &idle {
        // One that has become busy meanwhile leaves after its exchange.
        let _ = seat.idle_since.compare_exchange(*since, LEAVING, Ordering::Relaxed, Ordering::Relaxed);
        seat.leave.send_replace(true);
    }
    idle.len()
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
        // The sender is in the seat itself, and lives as long.
        let _ = self.seat.leave.subscribe().wait_for(|leave| *leave).await;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.connections.lock();
        taken.all.remove(&self.number);
        if let Entry::Occupied(mut own) = taken.of_address.entry(self.seat.peer) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
        drop(taken);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_leaves_and_the_busy_stays() {
        let connections = ConnectionLimit::new(3, 3);
        let (busy, old, young) = (
            connections.take(HERE).await.unwrap(),
            connections.take(HERE).await.unwrap(),
            connections.take(HERE).await.unwrap(),
        );
        busy.busy();
        young.busy();
        young.idle();
        let waiting = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.take(HERE).await }
        });
        old.told_to_leave().await;
        drop(old);
        let fresh = waiting.await.unwrap();
        assert_eq!(connections.lock().all.len(), 3);
        let left = timeout(Duration::from_secs(1), busy.told_to_leave()).await;
        assert!(left.is_err(), "a busy connection was told to leave");
        drop((busy, young, fresh));
        let seats = connections.lock();
        assert_eq!((seats.all.len(), seats.of_address.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_takes_no_more_than_its_share() {
        let connections = ConnectionLimit::new(10, 2);
        let (first, second) =
            (connections.take(THERE).await.unwrap(), connections.take(THERE).await.unwrap());
        // For its third its first leaves; others are not asked.
        let (other, third) =
            (connections.take(ELSEWHERE).await.unwrap(), connections.take(THERE).await.unwrap());
        first.told_to_leave().await;
        drop(first);
        for own in [&second, &third] {
            own.busy();
        }
        assert!(connections.take(THERE).await.is_none(), "all of its connections are busy");
        assert!(timeout(Duration::from_secs(1), other.told_to_leave()).await.is_err());
        // What comes from this machine, a proxy mostly, stands for many.
        let mut here = Vec::new();
        for _ in 0..5 {
            here.push(connections.take(HERE).await.unwrap());
        }
        third.idle();
        assert!(connections.take(THERE).await.is_some());
    }
}
