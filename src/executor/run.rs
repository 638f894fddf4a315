//! Executes a prepared run: plays its flows, waits until their webhooks have settled, and closes the journal. How flows are
//! paced is the [`Pacing`]'s business; the rest is the same for a run, a load and the traffic of an observation.

use super::error::RunError;
use super::flows::{FlowCounts, FlowProgress, Flows};
use super::injector::Turns;
use super::pacing::Pacing;
use super::plan::{Plan, Receiver, Target};
use super::prepare::Prepared;
use super::rows_ahead::RowsAhead;
use super::settle::{Settle, wait_for_aggregator};
use super::tee::DriveTee;
use crate::drive::{self, Blocked, Driver, Event, Listener};
use crate::inbox::Inbox;
use crate::journal::{Journal, Standstill};
use crate::load::Finish;
use record::faults::Before;
use record::{EndedEarly, Gap, Note, Record, Tick, Watch};
use stand_in::{AttemptEntry, Staging};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// How a prepared run is executed.
pub(crate) struct Execution {
    /// When the next flow starts.
    pub pacing: Pacing,
    /// Gets what happens.
    pub listener: Listener,
    /// Gets the records of the flows as they are written.
    pub tee: Option<DriveTee>,
}

impl Execution {
    /// Nobody looks on.
    pub(crate) fn unwatched(pacing: Pacing) -> Self {
        Self { pacing, listener: Arc::new(|_| ()), tee: None }
    }
}

/// How often it is said which attempts are waited for.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// How often it is seen to that the journal is where it belongs, while nothing is written to it.
const JOURNAL_LOOK: Duration = Duration::from_millis(500);

/// So long after its sender's time-out the end of an attempt may be told by another receiver, which lets a hang last longer than that.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// What the stand-in was asked to do wrong, for whoever reads the evidence.
fn misbehaviour(plan: &Plan, at: Tick) -> Option<Note> {
    let Target::StandIn(how) = &plan.target else { return None };
    let kinds: Vec<String> = how.misbehave.iter().map(ToString::to_string).collect();
    (!kinds.is_empty()).then(|| Note { at, text: format!("{}{}", Note::MISBEHAVES, kinds.join(", ")) })
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether the stop signal ended it.
    pub interrupted: bool,
    /// What stood in the way and is no fault of the sender, if anything did.
    pub blocked: Option<Blocked>,
    /// How many flows were played.
    pub flows: FlowCounts,
    /// What the stand-in's sender says that it did; empty with a staging system.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests look at it"))]
    pub sender_log: Vec<AttemptEntry>,
}

/// How the flows ended.
enum Ended {
    Played(Finish),
    Blocked(Blocked),
}

/// A run under way.
pub(super) struct Executor {
    pub plan: Plan,
    pub clock: Clock,
    pub journal: Journal,
    pub inbox: Arc<Inbox>,
    pub flows: Arc<Flows>,
    pub turns: Option<Turns>,
    listener: Listener,
    /// What stands in the way of taking webhooks in.
    obstacle: watch::Receiver<Option<Blocked>>,
}

impl Prepared {
    /// Plays all flows, waits until the webhooks have settled, takes everything down and closes the journal. When `stop`
    /// turns true the run ends at once; what was seen is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written, or a receiver elsewhere that vouches for runs does not take this one.
    pub(crate) async fn execute(
        mut self,
        execution: Execution,
        stop: watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        if let Err(error) = self.webhook_source.register(self.run_id, &self.plan).await {
            self.cancel(&format!("nothing was driven: {error}")).await?;
            return Err(error);
        }
        let path = self.plan.journal.clone();
        self.execute_all(execution, stop).await.map_err(|source| RunError::Journal { path, source })
    }

    async fn execute_all(self, execution: Execution, stop: watch::Receiver<bool>) -> io::Result<Finished> {
        let Execution { pacing, listener, tee } = execution;
        if let Some(note) = misbehaviour(&self.plan, self.clock.now()) {
            self.journal.append(&Record::Note(note))?;
        }
        let (close, closed) = watch::channel(false);
        let (tell, obstacle) = watch::channel(None);
        let webhook_source = tokio::spawn(self.webhook_source.open(Arc::clone(&self.inbox), closed, tell));
        let journal = match tee {
            Some(tee) => {
                let (scenario, clock) = (self.plan.loaded.scenario.name.clone(), self.clock);
                self.journal.with_tee(tee.placing(scenario, clock))
            }
            None => self.journal,
        };
        let progress = Arc::new(FlowProgress::default());
        let driver = Driver::new(drive::Plan {
            loaded: self.plan.loaded.clone(),
            client: self.client,
            clock: self.clock,
            journal: journal.clone(),
            redactor: self.plan.redactor.clone(),
            listener: progress.ahead_of(Arc::clone(&listener)),
            within: self.plan.within,
            rows_from: self.rows_from,
            skipped_rows: self.plan.skipped_rows,
            matcher: self.inbox.matcher(),
            seen: self.seen,
            tracing: self.tracing,
        });
        let rows = RowsAhead::start(self.rows, pacing.plays())?;
        let flows = Arc::new(Flows::new(driver, self.run, rows, progress));
        let (plan, clock, inbox, turns) = (self.plan, self.clock, self.inbox, self.turns);
        let executor = Executor { plan, clock, journal, inbox, flows, turns, listener, obstacle };
        let played = tokio::select! {
            played = executor.play_and_settle(pacing, stop) => played,
            error = executor.loses_journal() => Err(error),
            () = executor.tell_of_retries() => Ok(Ended::Played(Finish::Interrupted)),
        };
        // The receiver of `close` lives as long as the webhook source, which the join below waits for.
        let _ = close.send(true);
        let caught = webhook_source.await.unwrap_or(Ok(()));
        let sender_log = self.staging.as_ref().map(Staging::log).unwrap_or_default();
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        let ended = played.and_then(|ended| caught.map(|()| ended))?;
        // The last webhook may be read in the same moment in which the run ends.
        let ended = executor.obstacle.borrow().clone().map_or(ended, Ended::Blocked);
        executor.close(ended, sender_log)
    }
}

impl Executor {
    async fn play_and_settle(&self, pacing: Pacing, mut stop: watch::Receiver<bool>) -> io::Result<Ended> {
        // All sessions are tried to the end, so that the one that is told is the first by the scenario, not by the clock.
        let blocked = tokio::select! {
            blocked = self.cannot_receive() => Some(blocked),
            opened = self.flows.open_sessions() => opened?,
        };
        if let Some(blocked) = blocked {
            return Ok(Ended::Blocked(blocked));
        }
        let ended = self.play_unless_blocked(pacing, stop.clone()).await?;
        // The last flow may end in the same moment in which it is found to be blocked.
        if let (Ended::Played(_), Some(blocked)) = (&ended, self.flows.driver().blocked_by()) {
            return Ok(Ended::Blocked(blocked));
        }
        match ended {
            Ended::Played(Finish::Complete) if !self.is_watched_elsewhere() => {}
            ended => return Ok(ended),
        }
        tokio::select! {
            () = self.settle() => {}
            blocked = self.cannot_receive() => return Ok(Ended::Blocked(blocked)),
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
        Ok(Ended::Played(if *stop.borrow() { Finish::Interrupted } else { Finish::Complete }))
    }

    /// Starts the flows, until all have ended, `stop` turns true, or something stands in the way: then no more begin, as at an
    /// interrupt, and what was counted until then is written.
    async fn play_unless_blocked(
        &self,
        pacing: Pacing,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<Ended> {
        let (end, ending) = watch::channel(false);
        let mut play = pin!(self.play(pacing, ending));
        let blocked = tokio::select! {
            blocked = self.flows.driver().blocked() => Some(blocked),
            blocked = self.cannot_receive() => Some(blocked),
            Ok(_) = stop.wait_for(|stopped| *stopped) => None,
            played = &mut play => return played.map(Ended::Played),
        };
        end.send_replace(true);
        let finish = play.await?;
        Ok(blocked.map_or(Ended::Played(finish), Ended::Blocked))
    }

    /// Returns once something stands in the way of taking webhooks in.
    async fn cannot_receive(&self) -> Blocked {
        let mut obstacle = self.obstacle.clone();
        let blocked = obstacle.wait_for(Option::is_some).await.ok().and_then(|blocked| blocked.clone());
        match blocked {
            Some(blocked) => blocked,
            None => std::future::pending().await,
        }
    }

    /// Says for what nothing is driven.
    pub(super) fn tell_of_pause(&self, before: Before, lasts: Duration) {
        let until = match before {
            Before::BreakerWindow => "the failed deliveries no longer count for the sender's circuit breaker",
            Before::BreakerSilence => "the sender's circuit breaker lets webhooks through again",
            Before::BreakerOpened => "the sender's circuit breaker has opened",
            Before::BreakerNearlyOver => "the silence of the sender's circuit breaker is nearly over",
            Before::Nothing | Before::Settled => return,
        };
        (self.listener)(Event::Pausing { until, lasts });
    }

    /// Says again and again which attempts are waited for; never returns.
    async fn tell_of_retries(&self) {
        loop {
            sleep(TOLD_EVERY).await;
            if let Some(next) = self.inbox.next_attempts() {
                let due_in = next.due.since(self.clock.now());
                let (attempt, deliveries) = (next.attempt, next.deliveries);
                (self.listener)(Event::Retrying { attempt, deliveries, due_in });
            }
        }
    }

    /// Returns once the journal cannot be written any more, as when somebody took it away: what is driven after that is evidence of
    /// nothing. Tells the journal when this process did not run.
    async fn loses_journal(&self) -> io::Error {
        let mut standstill = Standstill::begin(self.clock);
        loop {
            sleep(JOURNAL_LOOK).await;
            if let Err(error) = standstill.look(&self.journal).and_then(|()| self.journal.flush()) {
                return error;
            }
        }
    }

    /// What waits for the webhooks that are due by now.
    pub(super) fn settling(&self) -> Settle<'_> {
        let longest = self.plan.sender_timeout + ENDS_WITHIN;
        Settle { inbox: &self.inbox, dues: self.flows.driver().dues(), clock: self.clock, longest }
    }

    async fn settle(&self) {
        let (settling, quiet) = (self.settling(), self.plan.quiet);
        (self.listener)(Event::Settling { at_most: settling.at_most(quiet) });
        settling.settle(quiet).await;
        wait_for_aggregator(&self.inbox, &self.journal, self.clock).await;
    }

    /// Whether somebody else receives the webhooks and judges them.
    const fn is_watched_elsewhere(&self) -> bool {
        matches!(self.plan.receiver, Receiver::Watched(_))
    }

    fn close(&self, ended: Ended, sender_log: Vec<AttemptEntry>) -> io::Result<Finished> {
        let (interrupted, blocked) = match ended {
            Ended::Played(finish) => (finish == Finish::Interrupted, None),
            Ended::Blocked(blocked) => (false, Some(blocked)),
        };
        let now = self.clock.now();
        if self.is_watched_elsewhere() {
            // Whoever watches looks for what never came here.
            let why = "they are watched in the observation's journal".to_owned();
            self.journal.append(&Record::Watch(Watch::Gap(Gap { from: Tick(0), to: now, why })))?;
        }
        if interrupted {
            let text = "interrupted before the end".to_owned();
            self.journal.append(&Record::Note(Note { at: now, text }))?;
        }
        if let Some(blocked) = &blocked {
            let early = EndedEarly { at: now, by: blocked.obstacle(), text: blocked.to_string() };
            self.journal.append(&Record::EndedEarly(early))?;
        }
        let complete = !interrupted && blocked.is_none();
        self.journal.append_stats(self.clock.now(), complete)?;
        self.journal.finish(self.clock.now(), complete)?;
        Ok(Finished { interrupted, blocked, flows: self.flows.counts(), sender_log })
    }
}
