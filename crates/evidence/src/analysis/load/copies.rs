//! Shards that are one and the same run: a journal that was copied, and given another index, counts its traffic twice.

use super::merge::MergeError;
use super::part::Part;
use record::Interval;
use record::latency::Encoded;
use std::collections::{BTreeMap, HashMap};

/// Two machines may well measure the same of a start or two in a second; not of as many as this.
const TELLING: u64 = 4;
/// Nor of so many in all such seconds together.
const COPIED: u64 = 12;

/// What a second has measured: to the microsecond, and no two machines agree about many starts.
#[derive(PartialEq, Eq, Hash)]
struct Measured {
    service: Sums,
    lag: Sums,
    done: u64,
}

/// Minimum, maximum and sum are exact, and so are the counts behind them to three digits.
#[derive(PartialEq, Eq, Hash)]
struct Sums(u64, u64, u64, String);

impl Sums {
    fn of(times: &Encoded) -> Self {
        Self(times.min_us, times.max_us, times.sum_us, times.v2.clone())
    }
}

/// Seconds of different parts that are held against each other while they go by.
#[derive(Default)]
pub(super) struct Copies {
    /// Which part measured it first, of the second that goes by.
    seen: HashMap<Measured, usize>,
    /// How many starts two parts measured alike.
    alike: BTreeMap<(usize, usize), u64>,
}

impl Copies {
    /// The next second begins.
    pub(super) fn next_second(&mut self) {
        self.seen.clear();
    }

    /// What part number `part` measured in it.
    pub(super) fn take(&mut self, part: usize, interval: &Interval) {
        let Interval { service, lag, done, .. } = interval;
        // Nor does a clock tell runs apart by which everything takes as long.
        if *done < TELLING || service.min_us == service.max_us {
            return;
        }
        let measured = Measured { service: Sums::of(service), lag: Sums::of(lag), done: *done };
        let first = *self.seen.entry(measured).or_insert(part);
        if first != part {
            *self.alike.entry((first, part)).or_default() += done;
        }
    }

    /// Refuses parts that measured the same.
    pub(super) fn check(&self, parts: &[Part]) -> Result<(), MergeError> {
        let copied = self.alike.iter().find(|(_, starts)| **starts >= COPIED);
        let Some(((first, second), starts)) = copied else { return Ok(()) };
        let place = |n: &usize| parts.get(*n).map(|part| part.place.clone()).unwrap_or_default();
        let why = format!("{starts} starts took exactly as long in both");
        Err(MergeError::Copied { first: place(first), second: place(second), why })
    }
}

/// Refuses shards that have the id of one run, or what only one run can have drawn at random.
pub(super) fn are_runs_of_their_own(parts: &[Part]) -> Result<(), MergeError> {
    let (mut ids, mut salts) = (HashMap::new(), HashMap::new());
    for part in parts {
        let header = &part.header;
        let drawn = Some(&header.pii_salt).filter(|salt| !salt.is_empty());
        let by_salt = drawn.and_then(|salt| salts.insert(salt, part));
        let by_id = ids.insert(header.run_id, part);
        let Some((first, why)) =
            by_id.map(|first| (first, format!("both are of run {}", header.run_id))).or_else(|| {
                by_salt.map(|first| (first, "both drew the same random number (`pii_salt`)".to_owned()))
            })
        else {
            continue;
        };
        return Err(MergeError::Copied { first: first.place.clone(), second: part.place.clone(), why });
    }
    Ok(())
}
