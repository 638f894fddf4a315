//! How fast the pool of connections grows. A connection costs both sides as much as some requests: whoever opens one for each start
//! that is due while a machine hiccups is late because of it, and opens more. So the pool grows in steps, and each is paid before it
//! is looked at whether another is needed. It only grows when the connections that there are do not catch up, as after a hiccup they
//! mostly do: soon, to twice as many, where they do not keep up by half, as before a target that takes its time; late, and by a
//! quarter, where they almost do. A generator without time for the connections that it has gets no more of them.

use super::thread_time::ThreadTime;
use std::time::Duration;
use tokio::time::Instant;

/// The first step, at least.
const FIRST: usize = 16;
/// How long a target takes for a request that is quick, s: so much of the first rate is in flight at once (Little's law), and may be
/// from the beginning.
const QUICK: f64 = 0.001;
/// The largest: an accept queue of 128, which was the limit of Linux until 5.4 (net.core.somaxconn), takes it.
const MOST: usize = 128;
/// What a connection costs both sides where they share a machine, in processor time, generously: 1,024 that were opened at once made
/// loads on two cores 50 to 80 ms late.
const COST: Duration = Duration::from_micros(100);
/// The shortest time between two steps: longer than a hiccup.
const PAUSE: Duration = Duration::from_millis(5);
/// So often it is looked at how late the first start is that waits.
const LOOK: Duration = Duration::from_millis(2);

/// How far the pool may grow.
#[derive(Debug)]
pub(super) struct Growth {
    allowed: usize,
    /// When the connections of the last step are open.
    settled: Instant,
    /// How late the first start was when it had to wait; starts wait without a break since then.
    behind: Option<Behind>,
    /// When it is looked at next.
    look: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Behind {
    since: Instant,
    late: Duration,
    /// The generator's until then.
    time: ThreadTime,
}

impl Growth {
    /// Of a pool that is empty at this time, before a load that begins at `rate` starts per second.
    pub(super) fn since(begin: Instant, rate: f64) -> Self {
        let allowed = ((rate * QUICK) as usize).clamp(FIRST, MOST);
        Self { allowed, settled: begin, behind: None, look: begin }
    }

    /// Whether a pool of `open` connections may have one more, for a start that was due then; `time` reads the generator's.
    pub(super) fn admits(
        &mut self,
        open: usize,
        due: Instant,
        now: Instant,
        time: impl FnOnce() -> ThreadTime,
    ) -> bool {
        if open < self.allowed {
            return true;
        }
        if now < self.next() {
            return false;
        }
        let late = now.saturating_duration_since(due);
        self.look = now + LOOK;
        let here = Behind { since: now, late, time: time() };
        let behind = *self.behind.get_or_insert(here);
        let looked = now.saturating_duration_since(behind.since);
        match late.checked_sub(behind.late) {
            Some(more) if here.time.since(behind.time).leaves_idle(looked) => self.step(more, looked, now),
            // It catches up, or would with more time of a processor.
            _ => self.behind = Some(here),
        }
        open < self.allowed
    }

    /// Makes a step where the first start that waits has become so much later (`more`) in the time that was `looked`.
    fn step(&mut self, more: Duration, looked: Duration, now: Instant) {
        let double = self.allowed.min(MOST);
        let step = if more * 2 >= looked && looked >= LOOK.max(cost(double)) {
            double
        } else if looked >= cost(self.allowed) * 2 {
            self.allowed / 4
        } else {
            return;
        };
        self.allowed = self.allowed.saturating_add(step);
        self.settled = now + cost(step).max(PAUSE);
        self.behind = None;
    }

    /// All that is due has its connection.
    pub(super) const fn caught_up(&mut self) {
        self.behind = None;
    }

    /// When a pool that may not grow may grow again, or is looked at.
    pub(super) fn next(&self) -> Instant {
        self.behind.map_or(self.settled, |_| self.look)
    }
}

/// What so many connections cost.
fn cost(connections: usize) -> Duration {
    COST.saturating_mul(u32::try_from(connections).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_pool_that_does_not_catch_up_doubles_in_steps_each_of_which_is_paid_first() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin, 0.0);
        let mut open = 0;
        let mut grown = |at: u64| {
            while growth.admits(open, begin, begin + ms(at), ThreadTime::default) {
                open += 1;
            }
            open
        };
        let mut steps = vec![(0, grown(0))];
        for at in 1..120 {
            let open = grown(at);
            steps.extend(steps.last().is_some_and(|(_, before)| *before != open).then_some((at, open)));
        }
        assert_eq!(
            steps,
            [(0, 16), (2, 32), (11, 64), (24, 128), (45, 256), (72, 384), (99, 512)],
            "before a target that does not respond"
        );
    }

    #[test]
    fn a_load_that_begins_at_a_high_rate_begins_with_more() {
        let first = |rate| Growth::since(Instant::now(), rate).allowed;
        assert_eq!([0.0, 16_999.0, 60_000.0, 1e6].map(first), [16, 16, 60, 128]);
    }

    #[test]
    fn a_pool_that_almost_keeps_up_grows_only_when_a_step_would_have_been_paid() {
        let begin = Instant::now();
        let mut growth = Growth { allowed: 128, ..Growth::since(begin, 0.0) };
        // The first that waits is late for 1 ms, each time that it is looked at.
        let mut admits =
            |at: u64| growth.admits(128, begin + ms(at), begin + ms(at + 1), ThreadTime::default);
        assert!(!(0..26).any(&mut admits));
        assert!(admits(26), "twice 12.8 ms are over");
        assert_eq!((growth.allowed, growth.settled), (160, begin + ms(27) + PAUSE));
    }

    #[test]
    fn need_that_comes_slowly_waits_for_milliseconds_at_each_step() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin, 0.0);
        let (mut open, mut waits, mut most) = (0, 0, 0);
        for due in 0..500 {
            let mut late = 0;
            while !growth.admits(open, begin + ms(due), begin + ms(due + late), ThreadTime::default) {
                late += 1;
            }
            growth.caught_up();
            (open, waits, most) = (open + 1, waits + u32::from(late > 0), most.max(late));
        }
        assert_eq!((open, waits, most), (500, 6, 14), "at 16, 32, 64, 128, 256 and 384");
    }

    #[test]
    fn a_generator_that_has_no_time_for_its_connections_gets_no_more() {
        let begin = Instant::now();
        // Of each millisecond it runs for so long, and waits as long for a processor.
        let opened = |us: u64| {
            let mut growth = Growth::since(begin, 0.0);
            let time = |at| ThreadTime { ran_us: Some(us * at), waited_us: Some(us * at) };
            let mut admits = |open: usize, at: u64| growth.admits(open, begin, begin + ms(at), || time(at));
            (0..100).fold(0, |open, at| (open..1024).find(|open| !admits(*open, at)).unwrap())
        };
        assert_eq!((opened(400), opened(370)), (16, 512));
    }

    #[test]
    fn a_pool_that_catches_up_stays_as_it_is() {
        let begin = Instant::now();
        let mut growth = Growth::since(begin, 0.0);
        assert!((0..16).all(|open| growth.admits(open, begin, begin, ThreadTime::default)));
        for hiccup in 1..50 {
            // Found 20 ms late, and each millisecond the first that waits is half a millisecond less late.
            let found = begin + ms(100 * hiccup);
            for half in 0..40 {
                let (now, late) = (found + ms(half), Duration::from_micros(500 * (40 - half)));
                assert!(
                    !growth.admits(16, now.checked_sub(late).unwrap(), now, ThreadTime::default),
                    "{hiccup} {half}"
                );
            }
            growth.caught_up();
        }
        let now = begin + ms(9000);
        assert!(!growth.admits(16, now, now, ThreadTime::default));
        assert_eq!(growth.next(), now + LOOK, "when the pacer looks again");
    }
}
