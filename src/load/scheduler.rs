//! Hands out the starts of a schedule: to an idle worker when one is due, to a busy one as soon as it is free.

use super::engine::RequestOutcome;
use super::growth::Growth;
use super::schedule::Schedule;
use super::shard::Shard;
use super::tally::{Sample, Tally};
use super::thread_time::ThreadTime;
use record::Tick;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use wire::Clock;

/// Open or closed model.
#[derive(Debug, Clone)]
pub(crate) enum Pace {
    Open(Schedule),
    /// As fast as the answers come, for so long.
    Closed(Duration),
}

impl Pace {
    /// Length of the load.
    #[must_use]
    pub(crate) const fn lasts(&self) -> Duration {
        match self {
            Self::Open(schedule) => schedule.lasts(),
            Self::Closed(lasts) => *lasts,
        }
    }
}

/// A start that has been handed to a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Number in the whole schedule.
    pub number: u64,
    /// When it was due; `None` in the closed model.
    intended: Option<Instant>,
    /// Since when a connection was free for it; not before it was due.
    available: Instant,
}

/// What a worker does next.
pub(crate) enum Next {
    Start(Start),
    /// Wait to be handed one, and ring for the pacer if it waits for an idle worker.
    Wait {
        ring: bool,
    },
    End,
}

/// The state of a running load. One lock around it is taken once for each request.
pub(crate) struct Scheduler {
    pace: Pace,
    shard: Shard,
    clock: Clock,
    /// How many starts of the shard have been handed out (or dropped).
    handed: u64,
    /// Starts of the shard.
    share: u64,
    /// Idle workers, the one that was busy last on top: as few connections as possible stay in use.
    idle: Vec<Sender<Start>>,
    opened: usize,
    most: usize,
    growth: Growth,
    over: bool,
    /// Whether the pacer waits for an idle worker, or until there may be more of them.
    pacer_waits: bool,
    pub tally: Tally,
}

impl Scheduler {
    /// A scheduler for this part of a load, with at most `most` workers.
    #[must_use]
    pub(crate) fn new(pace: Pace, shard: Shard, most: usize, clock: Clock) -> Self {
        let (share, rate) = match &pace {
            Pace::Open(schedule) => {
                let (share, total) = (shard.share(schedule.total()), schedule.total().max(1));
                (share, schedule.first_rate() * share as f64 / total as f64)
            }
            Pace::Closed(_) => (u64::MAX, 0.0),
        };
        let tally = Tally::default();
        Self {
            pace,
            shard,
            clock,
            handed: 0,
            share,
            idle: Vec::new(),
            opened: 0,
            most,
            growth: Growth::since(clock.instant(Tick(0)), rate),
            over: false,
            pacer_waits: false,
            tally,
        }
    }

    /// When the pacer is to look again; `None` when there is nothing to wait for but the end, or a worker will ring.
    pub(crate) fn wake(&mut self) -> Option<Instant> {
        let due = self.due()?;
        // What is overdue after pacing has found no worker: the next one that is free takes it by itself, and rings when there is
        // nothing more to take.
        self.pacer_waits = due <= Instant::now() && self.idle.is_empty();
        match self.pacer_waits {
            false => Some(due),
            true => (self.opened < self.most).then(|| self.growth.next()),
        }
    }

    /// When the next start is due; `None` when there is none.
    fn due(&self) -> Option<Instant> {
        if self.over || self.handed >= self.share {
            return None;
        }
        match &self.pace {
            Pace::Open(schedule) => Some(self.at(schedule.intended(self.shard.nth(self.handed)))),
            Pace::Closed(_) => None,
        }
    }

    fn at(&self, since: Duration) -> Instant {
        self.clock.instant(Tick(0)) + since
    }

    /// Hands due starts to idle workers and asks `hire` for new ones, as long as there are any of either; `time` reads the
    /// generator's.
    pub(crate) fn pace(&mut self, time: impl Fn() -> ThreadTime, mut hire: impl FnMut(Start)) {
        let now = Instant::now();
        if matches!(self.pace, Pace::Closed(_)) {
            while self.opened < self.most && !self.over {
                self.opened += 1;
                let start = self.take(None, now);
                hire(start);
            }
            return;
        }
        while let Some(due) = self.due().filter(|&due| due <= now) {
            if let Some(worker) = self.idle.pop() {
                let start = self.take(Some(due), due);
                // A worker waits with an empty queue of one, so this only fails when it has died.
                if worker.try_send(start).is_err() {
                    self.tally.lost(start.number, self.clock.now());
                }
            } else if self.opened < self.most && self.growth.admits(self.opened, due, now, &time) {
                self.opened += 1;
                let start = self.take(Some(due), due);
                hire(start);
            } else {
                return;
            }
        }
        self.growth.caught_up();
    }

    fn take(&mut self, intended: Option<Instant>, available: Instant) -> Start {
        let number = self.shard.nth(self.handed);
        self.handed += 1;
        self.tally.started();
        Start { number, intended, available }
    }

    /// Counts a start that has ended, and says what its worker does next.
    pub(crate) fn ended(
        &mut self,
        start: Start,
        sent: Instant,
        outcome: RequestOutcome,
        me: &Sender<Start>,
    ) -> Next {
        let done = Instant::now();
        let lag = start.intended.map(|intended| {
            (sent.saturating_duration_since(intended), sent.saturating_duration_since(start.available))
        });
        // Our own pauses between attempts are no time that the target took.
        let service = done.saturating_duration_since(sent).saturating_sub(outcome.paused);
        self.tally.ended(&Sample { start: start.number, lag, service, at: self.clock.tick(done), outcome });
        if self.over {
            return Next::End;
        }
        if let Pace::Closed(lasts) = &self.pace {
            if done >= self.at(*lasts) {
                return Next::End;
            }
            return Next::Start(self.take(None, done));
        }
        // An overdue start goes to this worker at once. If others were idle, it is the pacer that is late.
        let others = !self.idle.is_empty() || self.opened < self.most;
        match self.due().filter(|&due| due <= done) {
            Some(due) => Next::Start(self.take(Some(due), if others { due } else { done })),
            None => {
                self.growth.caught_up();
                self.idle.push(me.clone());
                Next::Wait { ring: std::mem::take(&mut self.pacer_waits) }
            }
        }
    }

    /// No more starts. At the end of an open schedule, those that found no free connection until now are dropped;
    /// when it is cut short, those that were due until now.
    pub(crate) fn close(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let Pace::Open(schedule) = &self.pace {
            let now = Instant::now();
            let due = |j: u64| self.at(schedule.intended(self.shard.nth(j))) <= now;
            let mut until = self.handed;
            while until < self.share && due(until) {
                until += 1;
            }
            self.tally.dropped(until - self.handed);
            self.handed = until;
        }
        self.idle.clear();
    }

    /// Whether nothing more will start and nothing is in flight.
    #[must_use]
    pub(crate) fn is_done(&self) -> bool {
        self.over && self.tally.in_flight() == 0
    }

    /// A worker died with the start it had.
    pub(crate) fn lost(&mut self) {
        self.opened = self.opened.saturating_sub(1);
        self.tally.lost(0, self.clock.now());
    }
}
