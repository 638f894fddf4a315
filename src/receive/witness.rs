//! What a receiver with a key vouches for: it registers runs before they begin, and signs what came since.

use super::api::{Cursor, Paths, Piece};
use crate::journal::{Journal, segment_path};
use record::seal::{PublicKey, SignedCheckpoint, SigningKey};
use record::witness::{
    CheckpointStatement, MAX_SCENARIO_NAME, NAMED_RUNS, RegisteredRun, Registering, Roll, RollEntry,
    WitnessChain,
};
use record::{Placement, Record, Tick, TimeLine, Watch, last_record};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;
use wire::Clock;

/// Most runs that are registered within a minute: whoever has the token fills no journal, and pushes no run out of the roll
/// unseen.
const MOST_A_MINUTE: usize = 30;
const MINUTE_US: u64 = 60_000_000;

/// Why a request about a registered run is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// Nobody has registered it, or so many others since that it is not known any more.
    Unknown,
    /// It was said to have ended.
    Closed,
    /// What came since it was registered is not all there any more.
    Gone,
    /// Too many runs were registered within a minute.
    TooMany,
    /// The place to go on at is none of an earlier response.
    Place,
    /// The journal cannot be read or written.
    Journal(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

/// The receiver's key, and the runs that were registered.
pub(super) struct Witness {
    key: SigningKey,
    journal: Journal,
    clock: Clock,
    roll: Mutex<Roll>,
    /// The part of the journal in which the roll stands.
    told_in: AtomicU64,
    courses: Mutex<HashMap<Uuid, Course>>,
}

/// How far a run has read.
struct Course {
    /// Where it is known to be.
    confirmed: State,
    /// Where it is once it has read the last answer, which may have got lost.
    answered: Option<State>,
}

/// The chain of a run up to a place in the receiver's journal.
#[derive(Clone)]
struct State {
    at: Cursor,
    placement: Placement,
    chain: WitnessChain,
}

impl Witness {
    /// A witness for the journal at `path`, with the runs that were registered before this process began.
    ///
    /// # Errors
    /// When a part of the journal cannot be read.
    pub(super) fn new(key: SigningKey, journal: Journal, clock: Clock) -> io::Result<Self> {
        let (path, part) = journal.part();
        let roll = last_roll(&path, part)?.unwrap_or_default();
        let (roll, told_in) = (Mutex::new(roll), AtomicU64::new(0));
        let witness = Self { key, journal, clock, roll, told_in, courses: Mutex::default() };
        witness.keep_roll()?;
        Ok(witness)
    }

    /// The key that its signatures are checked with.
    pub(super) fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Writes the roll again once another file of the journal has begun, so that no part that goes takes it along.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn keep_roll(&self) -> io::Result<()> {
        let roll = lock(&self.roll);
        let part = self.journal.part().1;
        if roll.runs == 0 || self.told_in.load(Ordering::Relaxed) == part {
            return Ok(());
        }
        self.write(&roll, self.clock.now())
    }

    fn write(&self, roll: &Roll, at: Tick) -> io::Result<()> {
        let roll = Roll { at, ..roll.clone() };
        self.journal.append(&Record::Watch(Watch::Roll(Box::new(roll))))?;
        self.told_in.store(self.journal.part().1, Ordering::Relaxed);
        Ok(())
    }

    /// Registers a run, and gives where its records begin, and the first checkpoint. A run that is registered already
    /// stays what it is: the answer may have got lost.
    ///
    /// # Errors
    /// When it has ended, or the journal cannot be written.
    pub(super) fn register(
        &self,
        paths: &Paths,
        Registering { run, kind, scenario, flows }: Registering<'_>,
    ) -> Result<(Cursor, SignedCheckpoint), Refused> {
        let mut roll = lock(&self.roll);
        let entry = match roll.known.iter().find(|entry| entry.run.run == run) {
            Some(entry) if entry.closed => return Err(Refused::Closed),
            Some(entry) => entry.clone(),
            None if self.is_crowded(&roll) => return Err(Refused::TooMany),
            None => {
                // First the place, then the time: what came after this time is written behind this place.
                let since = paths.now();
                let at = self.clock.now();
                let entry = RollEntry {
                    run: RegisteredRun {
                        run,
                        number: roll.runs + 1,
                        kind,
                        scenario: scenario.chars().take(MAX_SCENARIO_NAME).collect(),
                        flows,
                        registered_us: self.wall_us(at),
                        receiver: paths.look(since, Some(since))?.header.run_id,
                    },
                    since: since.to_string(),
                    closed: false,
                };
                let mut longer = roll.clone();
                longer.runs += 1;
                longer.known.push(entry.clone());
                let forgotten = longer.known.len().saturating_sub(NAMED_RUNS);
                longer.known.drain(..forgotten);
                self.write(&longer, at)?;
                *roll = longer;
                entry
            }
        };
        let state = State::begin(&entry).ok_or(Refused::Place)?;
        let (since, checkpoint) =
            (state.at, self.sign(&entry, (&state.chain, entry.run.receiver), false, &roll));
        self.courses().insert(run, Course { confirmed: state, answered: None });
        Ok((since, checkpoint))
    }

    /// Signs what came to a registered run up to the end of `piece`, which was read from `since` on. With `closes` it is
    /// the last time, if there is nothing more by now.
    ///
    /// # Errors
    /// When the run is not registered or has ended, or what came is not all there.
    pub(super) fn checkpoint(
        &self,
        paths: &Paths,
        (run, since): (Uuid, Cursor),
        piece: &Piece,
        closes: bool,
    ) -> Result<SignedCheckpoint, Refused> {
        let entry = {
            let roll = lock(&self.roll);
            roll.known.iter().find(|entry| entry.run.run == run).cloned().ok_or(Refused::Unknown)?
        };
        if entry.closed {
            return Err(Refused::Closed);
        }
        if piece.missed {
            return Err(Refused::Gone);
        }
        let confirmed = self.state_at(paths, &entry, since)?;
        let mut answered = confirmed.clone();
        answered.take(&entry.run, piece)?;
        let closed = closes && !piece.more;
        let mut roll = lock(&self.roll);
        if closed {
            let mut ended = roll.clone();
            ended.known.iter_mut().filter(|known| known.run.run == run).for_each(|known| known.closed = true);
            self.write(&ended, self.clock.now())?;
            *roll = ended;
        }
        let signed = self.sign(&entry, (&answered.chain, piece.header.run_id), closed, &roll);
        let mut courses = self.courses();
        courses.retain(|run, _| roll.known.iter().any(|known| known.run.run == *run && !known.closed));
        if !closed {
            courses.insert(run, Course { confirmed, answered: Some(answered) });
        }
        Ok(signed)
    }

    /// The chain up to `since`: known from the last answers, else read again from the journal.
    fn state_at(&self, paths: &Paths, entry: &RollEntry, since: Cursor) -> Result<State, Refused> {
        if let Some(course) = self.courses().get(&entry.run.run) {
            let states = [Some(&course.confirmed), course.answered.as_ref()];
            if let Some(state) = states.into_iter().flatten().find(|state| state.at == since) {
                return Ok(state.clone());
            }
        }
        let mut state = State::begin(entry).ok_or(Refused::Place)?;
        while state.at != since {
            let piece = paths.look(state.at, Some(since))?;
            match &piece {
                piece if piece.missed => return Err(Refused::Gone),
                piece if piece.next == state.at => return Err(Refused::Place),
                piece => state.take(&entry.run, piece)?,
            }
        }
        Ok(state)
    }

    fn is_crowded(&self, roll: &Roll) -> bool {
        let since = self.wall_us(self.clock.now()).saturating_sub(MINUTE_US);
        roll.known.iter().filter(|known| known.run.registered_us > since).count() >= MOST_A_MINUTE
    }

    /// The chain with which run of the receiver its last records are of.
    fn sign(
        &self,
        entry: &RollEntry,
        (chain, receiver): (&WitnessChain, Uuid),
        closed: bool,
        roll: &Roll,
    ) -> SignedCheckpoint {
        let number = entry.run.number;
        let is_told = |other: &u64| if chain.records() == 0 { *other < number } else { *other > number };
        let others = roll.known.iter().map(|known| &known.run).filter(|other| is_told(&other.number));
        let statement = CheckpointStatement {
            run: entry.run.clone(),
            receiver: Some(receiver),
            at_us: self.wall_us(self.clock.now()),
            records: chain.records(),
            attempts: chain.attempts(),
            verdicts: chain.verdicts().clone(),
            head: chain.head(),
            closed,
            runs: roll.runs,
            others: others.cloned().collect(),
        };
        SignedCheckpoint::sign(&self.key, &statement)
    }

    fn wall_us(&self, at: Tick) -> u64 {
        u64::try_from(at.wall(self.clock.started()).timestamp_micros()).unwrap_or(0)
    }

    fn courses(&self) -> MutexGuard<'_, HashMap<Uuid, Course>> {
        lock(&self.courses)
    }
}

impl State {
    /// Nothing came yet; `None` where the place is none.
    fn begin(entry: &RollEntry) -> Option<Self> {
        let chain = WitnessChain::of(entry.run.run);
        Some(Self { at: entry.since.parse().ok()?, placement: Placement::default(), chain })
    }

    fn take(&mut self, run: &RegisteredRun, piece: &Piece) -> io::Result<()> {
        let shift_us = piece.header.started.timestamp_micros();
        let begin = run.begin_us(piece.header.run_id).saturating_sub(u64::try_from(shift_us).unwrap_or(0));
        let line = TimeLine { shift_us, begin: Tick(begin), keeps_earlier: false };
        self.placement.begin_run(piece.header.run_id);
        for text in piece.lines.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            let record = Record::parse(text)?;
            if let Some(placed) = self.placement.place(record, line) {
                self.chain.take(&placed)?;
            }
        }
        self.at = piece.next;
        Ok(())
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The roll that was written last before the part that is being written, looked for from the newest part back.
fn last_roll(journal: &Path, current: u64) -> io::Result<Option<Roll>> {
    for part in (1..current).rev() {
        match File::open(segment_path(journal, part)) {
            Ok(file) => {
                if let Some(Record::Watch(Watch::Roll(roll))) = last_record(file, r#"{"watch":{"roll":"#)? {
                    return Ok(Some(*roll));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
