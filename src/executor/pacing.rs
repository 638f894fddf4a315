//! When the next flow starts. Everything else about a run is the same whatever the answer is.

use super::flows::{Flows, Played};
use super::injector::Turns;
use super::plan::Plan;
use super::run::Executor;
use super::silence::Silence;
use crate::journal::Journal;
use crate::load::{
    self, Alarm, Finish, Pace, RequestError, RequestOutcome, Schedule, Shard, ThreadTime, Worker,
};
use chrono::{DateTime, Utc};
use futures_util::{TryStreamExt, stream};
use record::faults::{Before, Order, Phase};
use record::{ErrorKind, Interval, LoadPlan, Note, Record, Tick};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// Seconds between two records of what the flows of a load amount to.
const STATS_EVERY: u64 = 10;

/// When the next flow starts.
pub(crate) enum Pacing {
    /// As many flows at the same time as the plan says, and the next one when one of them ends; all at once where there are
    /// no more than that. In phases where the sender's circuit breaker has to be spared, or is to be opened.
    Phases,
    /// When the schedule says, whether or not earlier flows have ended.
    Scheduled(Scheduled),
}

/// Flows that are started by a schedule.
pub(crate) struct Scheduled {
    /// The schedule, the shard, and how many flows may be under way.
    pub plan: load::Plan,
    /// What a load writes down of its schedule; other traffic has nothing to say of it.
    pub load: Option<LoadRecords>,
}

/// What a load writes down of its schedule.
pub(crate) struct LoadRecords {
    /// What the journal says of the load, once it is known when it began.
    pub plan: Box<dyn FnOnce(DateTime<Utc>) -> LoadPlan + Send>,
    /// What the reader of the evidence should know of its beginning.
    pub note: Option<String>,
    /// Gets the counts of each second.
    pub each_second: Box<dyn FnMut(&Interval) + Send>,
}

impl Pacing {
    /// At an even pace: as the rates of this schedule say, with as many flows under way as that takes.
    pub(crate) fn even(schedule: Schedule) -> Self {
        let most = usize::try_from(schedule.total()).unwrap_or(usize::MAX);
        let plan = load::Plan { pace: Pace::Open(schedule), shard: Shard::WHOLE, most };
        Self::Scheduled(Scheduled { plan, load: None })
    }

    /// Says of a flow whether this process plays it, and not another shard.
    pub(super) fn plays(&self) -> impl Fn(u32) -> bool + Send + 'static {
        let shard =
            if let Self::Scheduled(Scheduled { plan, .. }) = self { plan.shard } else { Shard::WHOLE };
        move |flow| u64::from(flow) % shard.count() == shard.index()
    }
}

impl Executor {
    /// Starts all flows and waits for their ends, or until `stop` turns true.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn play(&self, pacing: Pacing, mut stop: watch::Receiver<bool>) -> io::Result<Finish> {
        match pacing {
            Pacing::Phases => tokio::select! {
                played = self.play_phases() => played.map(|()| Finish::Complete),
                _ = stop.wait_for(|stopped| *stopped) => Ok(Finish::Interrupted),
            },
            Pacing::Scheduled(scheduled) => self.play_by_schedule(scheduled, stop).await,
        }
    }

    async fn play_phases(&self) -> io::Result<()> {
        let (mut begun, mut silence) = (self.clock.now(), None);
        for Phase { flows, order, before } in self.plan.phases() {
            self.wait_before(before, begun, &mut silence).await;
            begun = self.clock.now();
            if let Some(turns) = &self.turns {
                self.play_in_turn(turns, flows).await?;
                continue;
            }
            let at_once = if let Order::AtOnce(n) = order { n.max(1) } else { 1 };
            let flows = stream::iter(flows.map(|flow| Ok(self.flows.play(flow))));
            flows.try_buffer_unordered(at_once).try_for_each(|_| async { Ok(()) }).await?;
        }
        Ok(())
    }

    /// Plays flows one after the other: each begins when what comes can no longer be of the one before.
    async fn play_in_turn(&self, turns: &Turns, flows: Range<u32>) -> io::Result<()> {
        for flow in flows {
            turns.turn.begin(flow);
            self.flows.play(flow).await?;
            self.settling().turn_over(turns.until).await;
        }
        Ok(())
    }

    /// Waits for what comes before a phase; the one before it had `begun`.
    async fn wait_before(&self, before: Before, begun: Tick, silence: &mut Option<Silence>) {
        let plan: &Plan = &self.plan;
        if before == Before::Settled {
            self.settling().settle(plan.quiet).await;
        }
        let now = self.clock.now();
        if before == Before::BreakerOpened {
            let seen = self.inbox.settling().breaker_opened;
            *silence = Some(Silence::new(plan.retry.breaker, begun, seen, now));
        }
        let pause = match (before, silence) {
            // The flow takes as long to its webhook as the one before it.
            (Before::BreakerNearlyOver, Some(silence)) => {
                let asked = self.flows.driver().dues().last_asked();
                let lead = asked.unwrap_or_default().since(begun);
                silence.nearly_over(lead).since(now)
            }
            (Before::BreakerSilence, Some(silence)) => silence.over().since(now),
            _ => plan.pause(before),
        };
        if !pause.is_zero() {
            self.tell_of_pause(before, pause);
            sleep(pause).await;
        }
    }

    async fn play_by_schedule(
        &self,
        Scheduled { plan, load }: Scheduled,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Finish> {
        let begun = Clock::start();
        let mut each_second = None;
        if let Some(LoadRecords { plan, note, each_second: each }) = load {
            self.journal.append(&Record::Load(Box::new(plan(begun.started()))))?;
            if let Some(text) = note {
                self.journal.append(&Record::Note(Note { at: self.clock.now(), text }))?;
            }
            each_second = Some(each);
        }
        let make = || Player(Arc::clone(&self.flows));
        let mut written = Ok(());
        let each = |interval: Interval| {
            let Some(each_second) = &mut each_second else { return };
            each_second(&interval);
            if written.is_ok() {
                written = write_second(&self.journal, self.clock, interval);
            }
        };
        let finish =
            load::run(plan, begun, make, stop, Alarm::exact(), ThreadTime::waits_of_process, each).await;
        written.map(|()| finish)
    }
}

/// Writes a second, and now and then what the flows amount to so far.
fn write_second(journal: &Journal, clock: Clock, interval: Interval) -> io::Result<()> {
    let number = interval.to.0 / 1_000_000;
    journal.append(&Record::Interval(Box::new(interval)))?;
    if number.is_multiple_of(STATS_EVERY) { journal.append_stats(clock.now(), false) } else { Ok(()) }
}

/// Plays one flow after the other.
struct Player(Arc<Flows>);

impl Player {
    async fn play(&self, start: u64) -> Result<(), RequestError> {
        let none = || RequestError::new(ErrorKind::Local, format!("there is no data row for flow {start}"));
        let flow = u32::try_from(start).map_err(|_| none())?;
        let unwritten =
            |e| RequestError::new(ErrorKind::Local, format!("the journal cannot be written: {e}"));
        match self.0.play(flow).await.map_err(unwritten)? {
            Played::AsExpected => Ok(()),
            Played::Failed(why) => Err(RequestError::new(ErrorKind::Step, why)),
            Played::NoRow => Err(none()),
        }
    }
}

impl Worker for Player {
    async fn perform(&mut self, start: u64) -> RequestOutcome {
        let played = self.play(start).await;
        RequestOutcome {
            ok: played.is_ok(),
            last: played.map(|()| None),
            earlier: Vec::new(),
            paused: Duration::ZERO,
            connects: 0,
        }
    }
}
