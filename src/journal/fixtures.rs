//! Journals for tests, and what stands in them.

use super::{Journal, Options, Pace, Rotation, Sync};
use record::{Gap, Header, Reader, Record, RunKind, Watch};
use std::path::Path;
use wire::Clock;

/// A receiver's journal that nothing is in.
pub(crate) fn journal(path: &Path, clock: Clock) -> Journal {
    let options = Options { rotation: Rotation::default(), sync: Sync::Kernel, pace: Pace::Each, clock };
    let header = Header::new(RunKind::Receive, clock.started()).unwrap();
    Journal::create_in_segments(path, &header, options).unwrap()
}

/// The gaps that a journal tells of.
pub(crate) fn gaps(path: &Path) -> Vec<Gap> {
    let (_, mut reader) = Reader::open(path).unwrap();
    let mut gaps = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        gaps.extend(if let Record::Watch(Watch::Gap(gap)) = record { Some(gap) } else { None });
    }
    gaps
}
