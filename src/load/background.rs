//! Runs a load in a thread of its own, so that nothing else this process does delays a start.

use super::engine::{Finish, Plan, Worker, run};
use super::schedule::Schedule;
use super::scheduler::Pace;
use super::shard::Shard;
use super::thread_time::ThreadTime;
use crate::signals::Signals;
use chrono::{DateTime, Utc};
use record::Interval;
use record::Tick;
use std::io;
use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use wire::Clock;

/// The shortest time that the chime sleeps; timers are exact to about half of it.
const CHIME_STEP: Duration = Duration::from_micros(100);
/// The longest time that it sleeps without a look at whether it is still needed.
const CHIME_PATIENCE: Duration = Duration::from_millis(200);

/// What a load in the background tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// The schedule begins: this is its tick 0.
    Began(Clock),
    /// A second is over.
    Second(Box<Interval>),
    /// The load has ended.
    Ended(Finish),
}

/// What is run in the background.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Open or closed model.
    pub pace: Pace,
    /// Which part of the schedule.
    pub shard: Shard,
    /// Most starts in flight.
    pub most: usize,
    /// When to begin; at once when it has passed.
    pub start_at: Option<DateTime<Utc>>,
}

/// Where a load will run. A signal that comes after this was made ends the load in order, also one that comes before the
/// load starts.
#[derive(Debug)]
pub(crate) struct Background {
    runtime: Runtime,
    signals: Signals,
}

impl Background {
    /// Begins to hear signals.
    ///
    /// # Errors
    /// When the system gives no event queue or no signals.
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let signals = Signals::listen()?;
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Starts a thread that runs `job` with workers made by `make`, until it ends or the process is told to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start<W, M>(
        self,
        job: Job,
        make: impl FnOnce(Clock) -> M + Send + 'static,
    ) -> io::Result<mpsc::Receiver<Event>>
    where
        W: Worker,
        M: FnMut() -> W,
    {
        let (events, heard) = mpsc::channel();
        let Self { runtime, signals } = self;
        std::thread::Builder::new().name("load".to_owned()).spawn(move || {
            runtime.block_on(perform(job, make, signals, &events));
        })?;
        Ok(heard)
    }
}

async fn perform<W: Worker, M: FnMut() -> W>(
    job: Job,
    make: impl FnOnce(Clock) -> M,
    mut signals: Signals,
    events: &mpsc::Sender<Event>,
) {
    // A listener that has gone away has nothing to be told; the load then ends with the process.
    let tell = |event| drop(events.send(event));
    let (stopper, mut stop) = watch::channel(false);
    let listening = tokio::spawn(async move {
        signals.any().await;
        stopper.send_replace(true);
        std::future::pending::<()>().await;
    });
    let wait = job.start_at.and_then(|at| (at - Utc::now()).to_std().ok()).unwrap_or(Duration::ZERO);
    tokio::select! {
        () = sleep(wait) => {}
        _ = stop.wait_for(|&stop| stop) => return tell(Event::Ended(Finish::Interrupted)),
    }
    let clock = Clock::start();
    tell(Event::Began(clock));
    let bell = Arc::new(Notify::new());
    if let Pace::Open(schedule) = &job.pace {
        chime(schedule.clone(), job.shard, clock, Arc::downgrade(&bell));
    }
    let plan = Plan { pace: job.pace, shard: job.shard, most: job.most };
    let each = |interval| tell(Event::Second(Box::new(interval)));
    let finish = run(plan, clock, make(clock), stop, bell, ThreadTime::of_this_thread, each).await;
    listening.abort();
    tell(Event::Ended(finish));
}

/// A thread that rings when a start is due. It sleeps by the system's high-resolution timers, which tokio's wheel rounds
/// up to milliseconds; without the thread everything works, only less exactly. It ends when the bell is gone.
fn chime(schedule: Schedule, shard: Shard, clock: Clock, bell: Weak<Notify>) {
    let share = shard.share(schedule.total());
    let origin = clock.instant(Tick(0)).into_std();
    let ring = move || {
        let mut next = 0;
        while next < share {
            let due = origin + schedule.intended(shard.nth(next));
            let now = Instant::now();
            // Starts closer together than a timer is exact are rung for together.
            let until = due.max(now + CHIME_STEP);
            if let Some(wait) = until.checked_duration_since(now) {
                std::thread::sleep(wait.min(CHIME_PATIENCE));
            }
            let now = Instant::now();
            if now >= due {
                while next < share && origin + schedule.intended(shard.nth(next)) <= now {
                    next += 1;
                }
            }
            match bell.upgrade() {
                Some(bell) if now >= due => bell.notify_one(),
                Some(_) => {}
                None => return,
            }
        }
    };
    // Without a thread to spare the load still runs.
    drop(std::thread::Builder::new().name("chime".to_owned()).spawn(ring));
}
