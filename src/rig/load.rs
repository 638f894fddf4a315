//! Plays a prepared run's flows by a schedule: starts are due whether or not earlier flows have ended.

use super::error::RigError;
use super::prepare::Prepared;
use super::run::Finished;
use super::settle::settle;
use crate::clock::Clock;
use crate::drive::{self, Driver, Event, Listener};
use crate::journal::{LoadPlan, Note, Outcome as StepOutcome, Record, Trouble};
use crate::load::{self, Answer, Broken, Counts, Finish, Outcome, Worker};
use crate::scenario::{Row, Run};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Connections that the inbox holds open at once.
const CONNECTIONS: usize = 4096;

/// How the flows are started.
pub struct FlowLoad {
    /// The schedule, the shard, and how many flows may be under way.
    pub plan: load::Plan,
    /// What the journal says of it, once it is known when it began.
    pub record: Box<dyn FnOnce(DateTime<Utc>) -> LoadPlan + Send>,
    /// Gets the counts of each second.
    pub seen: Box<dyn FnMut(&Counts) + Send>,
}

/// The first problem of each flow that is under way.
type Problems = Arc<Mutex<HashMap<u32, String>>>;

impl Prepared {
    /// Plays the flows by the schedule, waits until the webhooks have settled, takes everything down and closes the
    /// journal. When `stop` turns true the run ends; what was seen is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn load(self, how: FlowLoad, stop: watch::Receiver<bool>) -> Result<Finished, RigError> {
        let (close, closed) = watch::channel(false);
        let inbox = Arc::clone(&self.inbox);
        let door = tokio::spawn(self.door.open(inbox, CONNECTIONS, closed));
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
        let journal_error = |source| RigError::Journal { path: self.plan.journal.clone(), source };
        let begun = Clock::start();
        let plan = (how.record)(begun.started());
        self.journal.append(&Record::Load(Box::new(plan))).map_err(journal_error)?;
        let rows: Arc<[Row]> = self.rows.into();
        let make = || Player {
            driver: Arc::clone(&driver),
            run: Arc::clone(&self.run),
            rows: Arc::clone(&rows),
            problems: Arc::clone(&problems),
        };
        let mut seen = how.seen;
        let mut written = Ok(());
        let each = |counts: Counts| {
            seen(&counts);
            if written.is_ok() {
                written = self.journal.append(&Record::Interval(Box::new(counts.into_interval())));
            }
        };
        let mut stopped = stop.clone();
        let finish = load::run(how.plan, begun, make, stop, Arc::default(), || None, each).await;
        if finish == Finish::Complete {
            let dues = driver.dues();
            tokio::select! {
                () = settle(&self.inbox, &dues, self.clock, self.plan.quiet) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        }
        let interrupted = *stopped.borrow();
        // The receiver of `close` lives as long as the door, which the join below waits for.
        let _ = close.send(true);
        let caught = door.await.unwrap_or(Ok(()));
        let sender_log = self.staging.as_ref().map(crate::staging::Staging::log).unwrap_or_default();
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        written.and(caught).map_err(journal_error)?;
        if interrupted {
            let note = Note { at: self.clock.now(), text: "interrupted before the end".to_owned() };
            self.journal.append(&Record::Note(note)).map_err(journal_error)?;
        }
        let journal = self.journal.finish(self.clock.now(), !interrupted).map_err(journal_error)?;
        Ok(Finished { journal, interrupted, sender_log })
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

/// Plays one flow after the other.
struct Player {
    driver: Arc<Driver>,
    run: Arc<Run>,
    rows: Arc<[Row]>,
    problems: Problems,
}

impl Player {
    async fn play(&self, start: u64) -> Result<(), Broken> {
        let none = || Broken::new(Trouble::Local, format!("there is no data row for flow {start}"));
        let flow = u32::try_from(start).map_err(|_| none())?;
        let row = usize::try_from(start).ok().and_then(|i| self.rows.get(i)).ok_or_else(none)?;
        let played: io::Result<()> = self.driver.play(flow, self.run.scope(flow, row.clone())).await;
        played.map_err(|e| Broken::new(Trouble::Local, format!("the journal cannot be written: {e}")))?;
        match self.problems.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow) {
            Some(why) => Err(Broken::new(Trouble::Step, why)),
            None => Ok(()),
        }
    }
}

impl Worker for Player {
    async fn perform(&mut self, start: u64) -> Outcome {
        let fine = Answer { status: 200, retry_after_s: None, keep_alive: true };
        Outcome { last: self.play(start).await.map(|()| fine), earlier: Vec::new(), connects: 0 }
    }
}
