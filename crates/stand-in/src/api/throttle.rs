//! Request limits as the REST framework counts them: a sliding hour for each address or user.

use super::super::options::Throttle;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    Anonymous(IpAddr),
    User(i64),
}

/// The counters of one process.
pub(super) struct Throttles {
    limits: Throttle,
    history: Mutex<HashMap<Caller, VecDeque<Instant>>>,
}

impl Throttles {
    pub(super) fn new(limits: Throttle) -> Self {
        Self { limits, history: Mutex::default() }
    }

    /// Counts a request, or says in how many seconds the next one is allowed.
    pub(super) fn admit(&self, caller: Caller, now: Instant) -> Result<(), u64> {
        let limit = match (self.limits, caller) {
            (Throttle::Off, _) => return Ok(()),
            (Throttle::PerHour { anonymous, .. }, Caller::Anonymous(_)) => anonymous,
            (Throttle::PerHour { user, .. }, Caller::User(_)) => user,
        };
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = history.entry(caller).or_default();
        while seen.front().is_some_and(|first| now.duration_since(*first) >= HOUR) {
            seen.pop_front();
        }
        if seen.len() < limit {
            seen.push_back(now);
            return Ok(());
        }
        let wait = seen.front().map_or(HOUR, |first| HOUR.saturating_sub(now.duration_since(*first)));
        Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_slides_over_an_hour() {
        let throttles = Throttles::new(Throttle::PerHour { anonymous: 2, user: 3 });
        let (start, caller) = (Instant::now(), Caller::Anonymous([127, 0, 0, 1].into()));
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(throttles.admit(caller, at(0)), Ok(()));
        assert_eq!(throttles.admit(caller, at(4)), Ok(()));
        assert_eq!(throttles.admit(caller, at(5)), Err(3595));
        assert_eq!(throttles.admit(Caller::User(1), at(5)), Ok(()));
        assert_eq!(throttles.admit(caller, at(3600)), Ok(()));
        assert_eq!(throttles.admit(caller, at(3601)), Err(3));
        assert_eq!(Throttles::new(Throttle::Off).admit(caller, at(0)), Ok(()));
    }
}
