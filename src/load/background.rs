//! Runs a load in threads of its own, so that nothing else this process does delays a start. Each thread has its share of the schedule
//! and of the connections, and shares nothing with the others while the load runs.

use super::alarm::Alarm;
use super::engine::{Finish, Plan, Worker, run};
use super::heard::{Event, Heard};
use super::scheduler::Pace;
use super::shard::Shard;
use super::thread_time::ThreadTime;
use crate::signals::Signals;
use chrono::{DateTime, Utc};
use std::io;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// What is run in the background.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Open or closed model.
    pub pace: Pace,
    /// Which part of the schedule.
    pub shard: Shard,
    /// Most starts in flight, at least one for each thread.
    pub most: usize,
    /// How many threads share it.
    pub threads: usize,
    /// When to begin; at once when it has passed.
    pub start_at: Option<DateTime<Utc>>,
}

impl Job {
    /// What one of its threads runs.
    fn share(&self, thread: usize) -> Plan {
        let shard = self.shard.split(thread as u64, self.threads as u64);
        let one_more = usize::from(thread < self.most % self.threads);
        Plan { pace: self.pace.clone(), shard, most: self.most / self.threads + one_more }
    }
}

/// Where a load will run. A signal that comes after this was made ends the load in order, also one that comes before the
/// load starts.
#[derive(Debug)]
pub(crate) struct Background {
    runtime: Runtime,
    signals: Signals,
}

/// What all threads of a load are told.
#[derive(Debug, Clone)]
struct Orders {
    /// The clock that the load began by, when it began.
    begin: watch::Receiver<Option<Clock>>,
    /// Turns true when it is to end early.
    stop: watch::Receiver<bool>,
}

impl Background {
    /// Begins to hear signals.
    ///
    /// # Errors
    /// When the system gives no event queue or no signals.
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let signals = Signals::listen()?;
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Starts the threads that run `job` with workers made by `make`, until it ends or the process is told to.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub(crate) fn start<W, M>(
        self,
        job: Job,
        make: impl Fn(Clock) -> M + Clone + Send + 'static,
    ) -> io::Result<Heard>
    where
        W: Worker,
        M: FnMut() -> W,
    {
        let job = Job { threads: job.threads.max(1), ..job };
        let (tell, told) = mpsc::channel();
        let heard = Heard::of(told, job.threads);
        let ((began, begin), (stopper, stop)) = (watch::channel(None), watch::channel(false));
        let orders = Orders { begin, stop };
        for thread in 0..job.threads {
            let (plan, orders, tell, make) = (job.share(thread), orders.clone(), tell.clone(), make.clone());
            let runtime = Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name(format!("load-{thread}")).spawn(move || {
                runtime.block_on(perform(plan, make, orders, &|event| drop(tell.send((thread, event)))));
            })?;
        }
        let Self { runtime, signals } = self;
        std::thread::Builder::new().name("load-signals".to_owned()).spawn(move || {
            runtime.block_on(command(job.start_at, signals, orders.stop, stopper, began));
        })?;
        Ok(heard)
    }
}

/// Says when the load begins, and when it is to end early; ends when no thread listens any more.
async fn command(
    start_at: Option<DateTime<Utc>>,
    mut signals: Signals,
    stop: watch::Receiver<bool>,
    stopper: watch::Sender<bool>,
    began: watch::Sender<Option<Clock>>,
) {
    let wait = start_at.and_then(|at| (at - Utc::now()).to_std().ok()).unwrap_or(Duration::ZERO);
    let begin = async {
        sleep(wait).await;
        began.send_replace(Some(Clock::start()));
        drop(stop);
        stopper.closed().await;
    };
    tokio::select! {
        () = begin => {}
        () = signals.any() => {
            stopper.send_replace(true);
        }
    }
}

/// What one thread does.
async fn perform<W: Worker, M: FnMut() -> W>(
    plan: Plan,
    make: impl FnOnce(Clock) -> M,
    Orders { mut begin, mut stop }: Orders,
    // A listener that has gone away has nothing to be told; the load then ends with the process.
    tell: &dyn Fn(Event),
) {
    let clock = tokio::select! {
        biased;
        _ = stop.wait_for(|&stop| stop) => None,
        clock = begin.wait_for(Option::is_some) => clock.ok().and_then(|clock| *clock),
    };
    let Some(clock) = clock else { return tell(Event::Ended(Finish::Interrupted)) };
    tell(Event::Began(clock));
    let each = |interval| tell(Event::Second(Box::new(interval)));
    let finish = run(plan, clock, make(clock), stop, Alarm::exact(), ThreadTime::of_this_thread, each).await;
    tell(Event::Ended(finish));
}

#[cfg(test)]
mod tests {
    use super::super::engine::RequestOutcome;
    use super::super::schedule::{Schedule, Stage};
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Notes each start.
    struct Notes(Arc<Mutex<Vec<u64>>>);

    impl Worker for Notes {
        async fn perform(&mut self, start: u64) -> RequestOutcome {
            self.0.lock().unwrap().push(start);
            RequestOutcome {
                ok: true,
                last: Ok(None),
                earlier: Vec::new(),
                paused: Duration::ZERO,
                connects: 0,
            }
        }
    }

    fn job(threads: usize) -> Job {
        let pace = Pace::Open(Schedule::new(&[Stage {
            from: 1000.0,
            to: 1000.0,
            lasts: Duration::from_millis(100),
        }]));
        Job { pace, shard: Shard::new(1, 2).unwrap(), most: 7, threads, start_at: None }
    }

    #[test]
    fn threads_make_one_load_of_one_schedule() {
        for threads in [1, 3] {
            let notes = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&notes);
            let make = move |_| {
                let noted = Arc::clone(&noted);
                move || Notes(Arc::clone(&noted))
            };
            let heard = Background::new().unwrap().start(job(threads), make).unwrap();
            let (mut began, mut started, mut done, mut dropped, mut ended) = (0, 0, 0, 0, Vec::new());
            for event in heard {
                match event {
                    Event::Began(_) => began += 1,
                    Event::Second(second) => {
                        (started, done) = (started + second.started, done + second.done);
                        dropped += second.dropped;
                    }
                    Event::Ended(finish) => ended.push(finish),
                }
            }
            // On a machine that is busy elsewhere some are due after the end.
            assert_eq!((began, started + dropped, ended), (1, 50, vec![Finish::Complete]), "{threads}");
            assert!(started > 0 && started == done, "{threads}: {started}, {done}");
            let mut notes = std::mem::take(&mut *notes.lock().unwrap());
            notes.sort_unstable();
            notes.dedup();
            assert_eq!(notes.len() as u64, started, "{threads}: no start is made twice");
            assert!(notes.iter().all(|number| number % 2 == 1 && *number < 100), "{threads}: {notes:?}");
        }
    }

    #[test]
    fn connections_are_shared_out_whole() {
        let job = job(3);
        assert_eq!([0, 1, 2].map(|thread| job.share(thread).most), [3, 2, 2]);
    }
}
