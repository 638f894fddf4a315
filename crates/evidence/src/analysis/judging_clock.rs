//! The clock by which the freshness of a journal's signatures was judged: the system's where they were received, as far as the journal
//! tells of it.

use chrono::{DateTime, TimeDelta, Utc};
use record::{Attempt, Watch};

/// A clock that is off by no more is not told from the run's own, µs: that of two machines, of which a receiver notes no step.
const CLOSE_US: i64 = 1_000_000;

/// That clock, while records go by.
#[derive(Debug)]
pub(super) struct JudgingClock {
    started: DateTime<Utc>,
    /// How far it was ahead of the time line, in µs, and before that: what came as it was stepped may have been judged by either.
    ahead_us: [i64; 2],
    /// The receiver's clock minus the run's, where they are two and nothing more is known of it, in µs.
    apart_us: i64,
    /// How far the sender's clock is behind, where it is the one that counts, in µs.
    behind_us: i64,
    /// Whether a receiver elsewhere judged: whoever wrote the journal judged nothing then.
    is_elsewhere: bool,
}

impl JudgingClock {
    /// That of whoever began the journal then.
    pub(super) const fn new(started: DateTime<Utc>) -> Self {
        Self { started, ahead_us: [0, 0], apart_us: 0, behind_us: 0, is_elsewhere: false }
    }

    /// That of a receiver elsewhere, which is `apart` ahead.
    pub(super) fn by_receiver(&mut self, apart: Option<TimeDelta>) {
        self.apart_us = microseconds(apart);
        self.ahead_us = [self.apart_us; 2];
    }

    /// The sender's, which is `behind` the one that judged.
    pub(super) fn by_sender(&mut self, behind: Option<TimeDelta>) {
        self.behind_us = microseconds(behind);
    }

    pub(super) fn take(&mut self, fact: &Watch) {
        match fact {
            Watch::Continues(before) => self.ahead_us = [before.ahead_ms.saturating_mul(1000); 2],
            Watch::WallClock(parted) if !self.is_elsewhere => {
                let parted_us = parted.ahead_ms.saturating_mul(1000);
                self.ahead_us = [self.apart_us.saturating_add(parted_us), self.ahead_us[0]];
            }
            Watch::JudgedBy(theirs) => {
                let is_known = std::mem::replace(&mut self.is_elsewhere, true);
                let before = if is_known { self.ahead_us[0] } else { theirs.ahead_us };
                self.ahead_us = [theirs.ahead_us, before];
            }
            _ => {}
        }
    }

    /// Its times at which an attempt may have been judged, in Unix ms.
    pub(super) fn at(&self, attempt: &Attempt) -> [i64; 2] {
        let at = attempt.received.wall(self.started).timestamp_micros().saturating_sub(self.behind_us);
        self.ahead_us.map(|ahead| at.saturating_add(ahead).div_euclid(1000))
    }

    /// When an attempt came by the run's own clock, in Unix ms.
    pub(super) fn own(&self, attempt: &Attempt) -> i64 {
        attempt.received.wall(self.started).timestamp_millis()
    }

    /// Whether it is another one than the run's own.
    pub(super) fn is_off(&self) -> bool {
        self.ahead_us.iter().any(|us| us.abs() > CLOSE_US)
    }
}

fn microseconds(apart: Option<TimeDelta>) -> i64 {
    apart.unwrap_or_default().num_microseconds().unwrap_or(i64::MAX)
}
