//! Runs a load: paces the starts, keeps the workers busy, and hands out the counts of each second.

use super::alarm::Alarm;
use super::response::{RequestError, Response};
use super::scheduler::{Next, Pace, Scheduler, Start};
use super::shard::Shard;
use super::thread_time::ThreadTime;
use record::Interval;
use record::Tick;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::Clock;

/// Length of an interval.
const SECOND: Duration = Duration::from_secs(1);
/// The pacer looks up at least this often, so that a generator that was stopped is seen to have been.
const BEAT: Duration = Duration::from_millis(100);
/// It is woken within a few ms; what is later than this had no processor, or was stopped.
const LATE: Duration = Duration::from_millis(20);
/// How long requests in flight may go on when the run is interrupted.
const GRACE: Duration = Duration::from_millis(500);

/// How one start ended.
#[derive(Debug)]
pub(crate) struct RequestOutcome {
    /// Whether it ended well.
    pub ok: bool,
    /// The last attempt; no answer where what was started is more than a request, and ended well.
    pub last: Result<Option<Response>, RequestError>,
    /// The attempts before it.
    pub earlier: Vec<Result<Response, RequestError>>,
    /// How long it slept between attempts.
    pub paused: Duration,
    /// Connections opened for it.
    pub connects: u32,
}

/// Something that can be started again and again, one at a time. Every wait in it must have a limit.
pub(crate) trait Worker: Send + 'static {
    /// Does what start number `start` asks for.
    fn perform(&mut self, start: u64) -> impl Future<Output = RequestOutcome> + Send;
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Open or closed model.
    pub pace: Pace,
    /// Which part of the schedule.
    pub shard: Shard,
    /// Most starts in flight.
    pub most: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Complete,
    Interrupted,
}

/// Runs a whole load. `clock` says where tick 0 of the schedule is; `make` makes the workers; `each` gets the counts of
/// each second; the run ends early when `stop` becomes true. `alarm` wakes the pacer when a start is due.
///
/// Runs best on a runtime with one thread, whose time `time` tells; of many threads it tells what is known of them all.
pub(crate) async fn run<W: Worker>(
    plan: Plan,
    clock: Clock,
    mut make: impl FnMut() -> W,
    mut stop: watch::Receiver<bool>,
    mut alarm: Alarm,
    time: impl Fn() -> ThreadTime,
    mut each: impl FnMut(Interval),
) -> Finish {
    let ends = clock.instant(Tick(0)) + plan.pace.lasts();
    let scheduler = Arc::new(Shared {
        scheduler: Mutex::new(Scheduler::new(plan.pace, plan.shard, plan.most, clock)),
        bell: Notify::new(),
    });
    let mut workers = JoinSet::new();
    let mut seconds =
        Seconds { from: Tick(0), time: time(), read: time, late: Duration::ZERO, interrupted: None };
    let mut finish = Finish::Complete;
    loop {
        // Read before pacing: all that is due by the end finds its worker before the rest is dropped.
        let now = Instant::now();
        let hire = |start| drop(workers.spawn(work(make(), start, Arc::clone(&scheduler))));
        scheduler.lock().pace(&seconds.read, hire);
        if now >= ends {
            scheduler.lock().close();
        }
        if scheduler.lock().is_done() {
            break;
        }
        let tick = clock.instant(seconds.from) + SECOND;
        let wake =
            if now >= ends { tick } else { scheduler.lock().wake().unwrap_or(ends).min(ends).min(tick) };
        let wake = wake.min(now + BEAT);
        tokio::select! {
            () = alarm.at(wake) => {}
            () = scheduler.bell.notified() => {}
            () = stopped(&mut stop) => {
                finish = Finish::Interrupted;
                break;
            }
            Some(ended) = workers.join_next() => {
                if ended.is_err() {
                    scheduler.lock().lost();
                }
            }
        }
        let woken = Instant::now();
        seconds.late(woken.saturating_duration_since(wake.max(now)));
        if woken >= tick {
            let to = seconds.from.plus(SECOND);
            each(seconds.take(&scheduler, to));
        }
    }
    if finish == Finish::Interrupted {
        seconds.interrupted = Some(clock.now());
        scheduler.lock().close();
        let _ = tokio::time::timeout(GRACE, async { while workers.join_next().await.is_some() {} }).await;
        scheduler.lock().tally.abandon();
    }
    workers.shutdown().await;
    let to = clock.now().max(seconds.from);
    // The last start may have ended when a second was over that was not taken yet: other threads have taken it.
    while to >= seconds.from.plus(SECOND) {
        each(seconds.take(&scheduler, seconds.from.plus(SECOND)));
    }
    each(seconds.take(&scheduler, to));
    finish
}

/// Resolves when the run is to stop; never, when nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|&stop| stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Where the counting of seconds stands.
struct Seconds<F> {
    from: Tick,
    time: ThreadTime,
    read: F,
    /// How late the pacer was woken in this second.
    late: Duration,
    interrupted: Option<Tick>,
}

impl<F: Fn() -> ThreadTime> Seconds<F> {
    fn take(&mut self, scheduler: &Shared, to: Tick) -> Interval {
        let time = (self.read)();
        let used = time.since(std::mem::replace(&mut self.time, time));
        let from = std::mem::replace(&mut self.from, to);
        let late = std::mem::take(&mut self.late);
        let late_us = (!late.is_zero()).then(|| u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        let taken = scheduler.lock().tally.take(from, to, used);
        Interval { late_us, interrupted: self.interrupted, ..taken }
    }

    /// The pacer was woken so long after it was to be.
    fn late(&mut self, by: Duration) {
        if by >= LATE {
            self.late += by;
        }
    }
}

/// What the pacer and the workers share.
struct Shared {
    scheduler: Mutex<Scheduler>,
    /// Rung by a worker that falls idle while the pacer waits for one.
    bell: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One worker's life.
async fn work<W: Worker>(mut worker: W, mut start: Start, scheduler: Arc<Shared>) {
    let (me, mut queue) = mpsc::channel(1);
    loop {
        let sent = Instant::now();
        let outcome = worker.perform(start.number).await;
        let next = scheduler.lock().ended(start, sent, outcome, &me);
        start = match next {
            Next::Start(start) => start,
            Next::End => return,
            Next::Wait { ring } => {
                if ring {
                    scheduler.bell.notify_one();
                }
                match queue.recv().await {
                    Some(start) => start,
                    None => return,
                }
            }
        };
    }
}

#[cfg(test)]
mod tests;
