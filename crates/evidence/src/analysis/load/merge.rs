//! Puts the shards of one load together: histograms add without loss, and what does not belong together is refused.

use super::copies::{Copies, are_runs_of_their_own};
use super::other_traffic::sum_of;
use super::part::{Part, PartError};
use super::summary::{LoadSummary, Second, ShardFacts};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use record::latency::DecodeError;
use record::{Header, Interval, LoadShard, Override};
use uuid::Uuid;

/// Shards that begin further apart than this are told; whether the target had the whole rate is judged.
const SKEW: TimeDelta = TimeDelta::seconds(1);

/// Why parts cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// No parts.
    #[error("nothing to merge: no load journal was given")]
    Nothing,
    /// One of them is broken.
    #[error("{name}: {error}")]
    Part { name: String, error: PartError },
    /// A histogram in one of them is broken.
    #[error("{name}: {error}")]
    Histogram { name: String, error: DecodeError },
    /// Parts of different loads.
    #[error("{first} and {second} are not shards of one load: {what} differ")]
    Mixed {
        first: String,
        /// The other.
        second: String,
        /// What differs.
        what: String,
    },
    /// What a part says that it is a part of cannot be.
    #[error(
        "{name}: there is no shard {index} of {count}; shards are counted from 0, at most {}",
        LoadShard::MOST
    )]
    NoShard {
        name: String,
        index: u64,
        /// How many it says that there are.
        count: u64,
    },
    /// The same shard ran twice at the same time, so its starts were made twice.
    #[error("{first} and {second} overlap: both are shard {index}, and they ran at the same time")]
    Overlap {
        first: String,
        /// The other.
        second: String,
        /// The shard.
        index: u64,
    },
    /// The journal of one run stands for two shards.
    #[error(
        "{first} and {second} are copies of one journal, not two shards: {why}; its traffic would count twice. Give the journal of each \
         shard's own run"
    )]
    Copied {
        first: String,
        /// The other.
        second: String,
        /// What tells it.
        why: String,
    },
    /// Two journals of one run of a shard that say different things.
    #[error(
        "{first} and {second} are both the journal of run {run}, but differ: one was copied before the run ended, or edited. Give the one \
         that the shard left behind"
    )]
    TwoOfOne {
        first: String,
        /// The other.
        second: String,
        /// The run.
        run: Uuid,
    },
}

/// The parts that count, and what is to be said about the others.
struct Chosen {
    parts: Vec<Part>,
    notes: Vec<String>,
    again: Vec<Again>,
}

/// A journal that was given besides, of a run that counts already.
struct Again {
    place: String,
    run: Uuid,
    sha256: Option<String>,
}

/// What came out of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The header of the first part.
    pub header: Header,
    /// The load as a whole.
    pub summary: LoadSummary,
}

/// Merges the parts of one load; a single part that is the whole load is the simplest case. `each` gets every second.
///
/// A part that ran later than another part of the same shard replaces it. Missing shards are named in the summary.
///
/// # Errors
/// When there are no parts, one is broken, or they do not belong together.
pub fn merge(parts: Vec<Part>, mut each: impl FnMut(&Second)) -> Result<Merged, MergeError> {
    if let Some(Part { name, shard, .. }) = parts.iter().find(|part| !part.shard.is_one()) {
        let LoadShard { index, count } = *shard;
        return Err(MergeError::NoShard { name: name.clone(), index, count });
    }
    let Chosen { mut parts, mut notes, again } = chosen(parts)?;
    let Some(first) = parts.first() else { return Err(MergeError::Nothing) };
    let header = first.header.clone();
    let mut summary = LoadSummary::new(first.plan.clone(), first.shard.count);
    let mut copies = Copies::default();
    while let Some(from) = parts.iter().filter_map(|p| p.peek().map(second_of)).min() {
        let mut second = Second::default();
        copies.next_second();
        for (number, part) in parts.iter_mut().enumerate() {
            while part.peek().map(second_of) == Some(from) {
                let taken = part.take();
                let name = part.name.clone();
                match taken.map_err(|error| MergeError::Part { name: name.clone(), error })? {
                    Some(interval) => {
                        copies.take(number, &interval);
                        second.add(&interval).map_err(|error| MergeError::Histogram { name, error })?;
                    }
                    None => break,
                }
            }
        }
        each(&second);
        summary.add(&second);
    }
    copies.check(&parts)?;
    are_the_same(&again, &parts)?;
    summary.flush();
    for part in &mut parts {
        let from = if summary.of > 1 { format!("{}: ", part.name) } else { String::new() };
        notes.extend(part.notes.drain(..).map(|note| format!("{from}{note}")));
    }
    summary.take_flows(sum_of(&parts));
    summary.shards = parts.iter().map(facts).collect();
    let count = summary.of;
    summary.missing = (0..count).filter(|index| !summary.shards.iter().any(|s| s.index == *index)).collect();
    notes.extend(skew(&summary.shards));
    summary.notes = notes;
    summary.ended_early = parts.iter_mut().find_map(|part| part.ended_early.take());
    Ok(Merged { header, summary })
}

/// Which second an interval belongs to.
const fn second_of(interval: &Interval) -> u64 {
    interval.from.0 / 1_000_000
}

/// The parts that count, in the order of their shards, what is to be said about the others, and which of them are of a run that counts.
fn chosen(mut parts: Vec<Part>) -> Result<Chosen, MergeError> {
    let (mut notes, mut again) = (Vec::new(), Vec::new());
    for pair in parts.windows(2) {
        if let [a, b] = pair {
            same_load(a, b)?;
        }
    }
    // A run that never began replaces none that did, and stands for its shard only where there is no other.
    parts.sort_by_key(|p| (p.shard.index, p.has_begun(), p.plan.started));
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match kept.pop_if(|before| before.shard == part.shard) {
            Some(mut before) if before.header.run_id == part.header.run_id => {
                again.push(Again::of(&mut before));
                notes.push(format!("{} was given twice and counts once", told(&part)));
            }
            Some(before) if !before.has_begun() => {
                notes.push(format!("{} never began; {} counts instead", told(&before), told(&part)));
            }
            Some(mut before) => {
                let index = part.shard.index;
                if part.plan.started < ended(&mut before) {
                    return Err(MergeError::Overlap { first: before.place, second: part.place, index });
                }
                notes.push(format!(
                    "{} is a later run of shard {index} and replaces {}",
                    told(&part),
                    told(&before)
                ));
            }
            None => {}
        }
        kept.push(part);
    }
    are_runs_of_their_own(&kept)?;
    Ok(Chosen { parts: kept, notes, again })
}

impl Again {
    /// Reads it to its end.
    fn of(part: &mut Part) -> Self {
        ended(part);
        let sha256 = part.integrity().map(|integrity| integrity.sha256.clone());
        Self { place: part.place.clone(), run: part.header.run_id, sha256 }
    }
}

/// What was given twice is the same both times: which of two that differ is the run's, nobody knows.
fn are_the_same(again: &[Again], parts: &[Part]) -> Result<(), MergeError> {
    let differs = again.iter().find_map(|given| {
        let counted = parts.iter().find(|part| part.header.run_id == given.run)?;
        let is_same = counted.integrity().map(|integrity| &integrity.sha256) == given.sha256.as_ref();
        (!is_same).then_some((given, counted))
    });
    differs.map_or(Ok(()), |(given, counted)| {
        Err(MergeError::TwoOfOne {
            first: given.place.clone(),
            second: counted.place.clone(),
            run: given.run,
        })
    })
}

/// A part as evidence names it: the same wherever its file is, so that merging again gives the same bytes.
fn told(part: &Part) -> String {
    let begun = part.plan.started.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{} (started {begun})", part.name)
}

/// When a part that is to be replaced was over: the end of its last second. Reads it to its end; if it breaks off
/// before, as that of a killed shard may, then what was read counts.
fn ended(part: &mut Part) -> DateTime<Utc> {
    while let Ok(Some(_)) = part.take() {}
    part.last.wall(part.plan.started)
}

/// Whatever a shard is judged by, and whoever it is about, is that of the others: it is told of the first one only.
fn same_load(a: &Part, b: &Part) -> Result<(), MergeError> {
    let (one, other) = (&a.header, &b.header);
    // Each machine has as many connections as it can take.
    let options = |h: &Header| -> Vec<Override> {
        h.overrides.iter().filter(|given| given.option != "concurrency").cloned().collect()
    };
    let differs = [
        ("what they start", a.plan.subject == b.plan.subject && a.header.scenario == b.header.scenario),
        ("their targets", a.header.target == b.header.target || (a.header.stand_in && b.header.stand_in)),
        ("their schedules", a.plan.pace == b.plan.pace),
        ("their numbers of shards", a.shard.count == b.shard.count),
        ("their gates", a.header.gates_sha256 == b.header.gates_sha256),
        ("their events (--event)", a.plan.event == b.plan.event),
        ("their time limits (--timeout)", a.plan.timeout_ms == b.plan.timeout_ms),
        ("their pauses between attempts (--retry)", a.plan.backoff_ms == b.plan.backoff_ms),
        ("their signature schemes (--scheme)", a.header.scheme == b.header.scheme),
        ("their parameters", a.plan.parameters_sha256 == b.plan.parameters_sha256),
        ("their environments", (&one.environment, one.stand_in) == (&other.environment, other.stand_in)),
        ("their senders", one.sender == other.sender && one.retry == other.retry),
        ("their senders' settings (WEBHOOK_TIMEOUT, WEBHOOK_MAX_RETRIES)", settings(one) == settings(other)),
        ("their policies on personal data", one.pii_policy == other.pii_policy),
        ("their faults", (&one.faults, &one.clauses) == (&other.faults, &other.clauses)),
        ("their options", options(one) == options(other)),
    ];
    match differs.iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((what, _)) => Err(MergeError::Mixed {
            first: a.place.clone(),
            second: b.place.clone(),
            what: (*what).to_owned(),
        }),
    }
}

/// How long the sender is said to wait for an answer, and how often to try; where webhooks go to is each shard's own affair.
const fn settings(header: &Header) -> (u64, u32) {
    (header.webhook.timeout_ms, header.webhook.max_attempts)
}

fn facts(part: &Part) -> ShardFacts {
    let integrity = part.integrity();
    ShardFacts {
        index: part.shard.index,
        run_id: part.header.run_id,
        started: part.plan.started,
        ended: part.until.wall(part.plan.started),
        complete: part.complete && integrity.is_some_and(|i| i.ended),
        journal_sha256: integrity.map(|i| i.sha256.clone()).unwrap_or_default(),
        torn_bytes: integrity.map_or(0, |i| i.torn_bytes),
    }
}

/// A sentence when the shards did not run together.
fn skew(shards: &[ShardFacts]) -> Option<String> {
    let first = shards.iter().map(|s| s.started).min()?;
    let last = shards.iter().map(|s| s.started).max()?;
    let apart = last - first;
    (apart > SKEW).then(|| {
        format!(
            "the shards began up to {:.1} s apart; give all of them the same --start-at",
            apart.num_milliseconds() as f64 / 1000.0
        )
    })
}
