//! Plays a prepared run's flows by a schedule: starts are due whether or not earlier flows have ended.

use super::error::RunError;
use super::prepare::Prepared;
use super::run::Finished;
use super::settle::settle;
use crate::drive::{self, Driver, Event, Listener};
use crate::inbox::Inbox;
use crate::journal::Journal;
use crate::load::{self, Finish, RequestError, RequestOutcome, Shard, Worker};
use chrono::{DateTime, Utc};
use record::{ErrorKind, Interval, LoadPlan, Note, Outcome as StepOutcome, Record};
use scenario::{Row, Run};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// Connections that the inbox holds open at once.
const CONNECTIONS: usize = 4096;

/// Seconds between two records of what the flows amount to.
const SUMS_EVERY: u64 = 10;
/// How often it is looked whether something is still missing.
const LOOK: Duration = Duration::from_millis(100);

/// How the flows are started.
pub struct FlowLoad {
    /// The schedule, the shard, and how many flows may be under way.
    pub plan: load::Plan,
    /// What the journal says of it, once it is known when it began.
    pub record: Box<dyn FnOnce(DateTime<Utc>) -> LoadPlan + Send>,
    /// What the reader of the evidence should know of its beginning.
    pub note: Option<String>,
    /// Gets the counts of each second.
    pub seen: Box<dyn FnMut(&Interval) + Send>,
}

/// The first problem of each flow that is under way.
type Problems = Arc<Mutex<HashMap<u32, String>>>;

impl Prepared {
    /// Says in the journal what is going to be played, before there is anything to see of it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn announce(&self, plan: LoadPlan) -> Result<(), RunError> {
        self.journal
            .append(&Record::Load(Box::new(plan)))
            .map_err(|source| RunError::Journal { path: self.plan.journal.clone(), source })
    }

    /// Takes everything down and closes the journal of a load that never began, and says why.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn cancel(self, why: &str) -> Result<(), RunError> {
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        let at = self.clock.now();
        let note = Record::Note(Note { at, text: why.to_owned() });
        self.journal
            .append(&note)
            .and_then(|()| self.journal.finish(at, false))
            .map(drop)
            .map_err(|source| RunError::Journal { path: self.plan.journal, source })
    }

    /// Plays the flows by the schedule, waits until the webhooks have settled, takes everything down and closes the
    /// journal. When `stop` turns true the run ends; what was seen is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn load(self, how: FlowLoad, stop: watch::Receiver<bool>) -> Result<Finished, RunError> {
        let (close, closed) = watch::channel(false);
        let inbox = Arc::clone(&self.inbox);
        let webhook_source = tokio::spawn(self.webhook_source.open(inbox, CONNECTIONS, closed));
        let problems = Problems::default();
        let driver = Arc::new(Driver::new(drive::Plan {
            loaded: self.plan.loaded,
            client: self.client,
            clock: self.clock,
            journal: self.journal.clone(),
            redactor: self.plan.redactor,
            listener: listener(&problems),
            within: self.plan.within,
        }));
        let journal_error = |source| RunError::Journal { path: self.plan.journal.clone(), source };
        let begun = Clock::start();
        let plan = (how.record)(begun.started());
        self.journal.append(&Record::Load(Box::new(plan))).map_err(journal_error)?;
        if let Some(text) = how.note {
            self.journal.append(&Record::Note(Note { at: self.clock.now(), text })).map_err(journal_error)?;
        }
        let rows = own_rows(self.rows, how.plan.shard);
        let make = || Player {
            driver: Arc::clone(&driver),
            run: Arc::clone(&self.run),
            rows: Arc::clone(&rows),
            problems: Arc::clone(&problems),
        };
        let (mut seen, journal, clock) = (how.seen, self.journal.clone(), self.clock);
        let mut written = Ok(());
        let each = |interval: Interval| {
            seen(&interval);
            if written.is_ok() {
                written = write_second(&journal, clock, interval);
            }
        };
        let mut stopped = stop.clone();
        let finish = load::run(how.plan, begun, make, stop, Arc::default(), || None, each).await;
        if finish == Finish::Complete {
            let dues = driver.dues();
            let settled = async {
                settle(&self.inbox, &dues, self.clock, self.plan.quiet).await;
                still_due(&self.inbox, &self.journal, self.clock).await;
            };
            tokio::select! {
                () = settled => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        }
        let interrupted = *stopped.borrow();
        // The receiver of `close` lives as long as the webhook_source, which the join below waits for.
        let _ = close.send(true);
        let caught = webhook_source.await.unwrap_or(Ok(()));
        let sender_log = self.staging.as_ref().map(stand_in::Staging::log).unwrap_or_default();
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        written.and(caught).map_err(journal_error)?;
        if interrupted {
            let note = Note { at: self.clock.now(), text: "interrupted before the end".to_owned() };
            self.journal.append(&Record::Note(note)).map_err(journal_error)?;
        }
        self.journal.append_stats(self.clock.now(), !interrupted).map_err(journal_error)?;
        let journal = self.journal.finish(self.clock.now(), !interrupted).map_err(journal_error)?;
        Ok(Finished { journal, interrupted, sender_log })
    }
}

/// Writes a second, and now and then what the flows amount to so far.
fn write_second(journal: &Journal, clock: Clock, interval: Interval) -> io::Result<()> {
    let number = interval.to.0 / 1_000_000;
    journal.append(&Record::Interval(Box::new(interval)))?;
    if number.is_multiple_of(SUMS_EVERY) { journal.append_stats(clock.now(), false) } else { Ok(()) }
}

/// Waits for webhooks that are missing. The inbox counts what comes, whosever it is, and other shards may be served by the
/// same receiver; the aggregator knows the flows.
async fn still_due(inbox: &Inbox, journal: &Journal, clock: Clock) {
    while inbox.settling().breaker_opened.is_none() && journal.open_until().is_some_and(|t| t > clock.now()) {
        sleep(LOOK).await;
    }
}

fn listener(problems: &Problems) -> Listener {
    let problems = Arc::clone(problems);
    Arc::new(move |event| {
        if let Event::Step { flow: Some(flow), step, outcome: StepOutcome::Failed, problem, .. } = event {
            let why = format!("step {step}: {}", problem.unwrap_or_else(|| "not as expected".to_owned()));
            problems.lock().unwrap_or_else(PoisonError::into_inner).entry(flow).or_insert(why);
        }
    })
}

/// The rows of the flows that have not begun.
type Rows = Arc<Mutex<HashMap<u32, Row>>>;

fn own_rows(rows: Vec<Row>, shard: Shard) -> Rows {
    let own = (0u32..).zip(rows).filter(|(flow, _)| u64::from(*flow) % shard.count() == shard.index());
    Arc::new(Mutex::new(own.collect()))
}

/// Plays one flow after the other.
struct Player {
    driver: Arc<Driver>,
    run: Arc<Run>,
    rows: Rows,
    problems: Problems,
}

impl Player {
    async fn play(&self, start: u64) -> Result<(), RequestError> {
        let none = || RequestError::new(ErrorKind::Local, format!("there is no data row for flow {start}"));
        let flow = u32::try_from(start).map_err(|_| none())?;
        let row = self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow).ok_or_else(none)?;
        let played: io::Result<()> = self.driver.play(flow, self.run.scope(flow, row)).await;
        played.map_err(|e| {
            RequestError::new(ErrorKind::Local, format!("the journal cannot be written: {e}"))
        })?;
        match self.problems.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow) {
            Some(why) => Err(RequestError::new(ErrorKind::Step, why)),
            None => Ok(()),
        }
    }
}

impl Worker for Player {
    async fn perform(&mut self, start: u64) -> RequestOutcome {
        RequestOutcome {
            last: self.play(start).await.map(|()| None),
            earlier: Vec::new(),
            paused: Duration::ZERO,
            connects: 0,
        }
    }
}
