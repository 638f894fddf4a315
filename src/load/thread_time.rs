//! What the scheduler of the system says of the generator's threads: how long they ran, and how long they waited for a processor.
//! Linux alone does: its clock of a thread (`clock_gettime(2)`) is exact, and the second field of a thread's `schedstat` has the ns that
//! it waited (`proc(5)` and Documentation/scheduler/sched-stats). The first field lags behind by up to a tick while a thread runs.

use std::path::Path;
use std::time::Duration;

/// Time of one thread or several, since some beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ThreadTime {
    /// How long it ran, µs.
    pub ran_us: Option<u64>,
    /// How long it was ready to run and waited, µs.
    pub waited_us: Option<u64>,
}

impl ThreadTime {
    /// Of the thread that asks.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_this_thread() -> Self {
        let ran = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let ran_us = u64::try_from(ran.tv_sec * 1_000_000 + ran.tv_nsec / 1000).ok();
        Self { ran_us, waited_us: waited_us(Path::new("/proc/thread-self/schedstat")) }
    }

    /// Of the thread that asks.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_this_thread() -> Self {
        Self::default()
    }

    /// Of all threads of this process, where many do the work: how long they waited. How busy they were says little there, since most
    /// of them have nothing to do.
    pub(crate) fn waits_of_process() -> Self {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Self::default() };
        let waited = threads.flatten().filter_map(|thread| waited_us(&thread.path().join("schedstat")));
        Self { ran_us: None, waited_us: waited.fold(None, |sum, one| Some(sum.unwrap_or(0) + one)) }
    }

    /// From `before` until now.
    pub(super) fn since(self, before: Self) -> Self {
        let between = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            ran_us: between(self.ran_us, before.ran_us),
            waited_us: between(self.waited_us, before.waited_us),
        }
    }

    /// Whether it leaves a quarter of what was `looked` at, or more, in which the thread had nothing to do; what is not known does.
    pub(super) fn leaves_idle(self, looked: Duration) -> bool {
        let Some((ran, waited)) = self.ran_us.zip(self.waited_us) else { return true };
        Duration::from_micros(ran.saturating_add(waited)) <= looked * 3 / 4
    }
}

fn waited_us(schedstat: &Path) -> Option<u64> {
    second_us(&std::fs::read_to_string(schedstat).ok()?)
}

/// The second field, ns.
fn second_us(text: &str) -> Option<u64> {
    Some(text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()? / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_thread_waited_is_the_second_field() {
        assert_eq!(second_us("1500000 250000 17\n"), Some(250));
        assert_eq!((second_us(""), second_us("1500000 ?")), (None, None));
    }

    #[test]
    fn time_is_told_since_another() {
        let time = |ran, waited| ThreadTime { ran_us: Some(ran), waited_us: Some(waited) };
        assert_eq!(time(2500, 750).since(time(1500, 250)), time(1000, 500));
        let none = ThreadTime::default();
        assert_eq!(time(1, 1).since(none), none, "nothing is known of the beginning");
    }

    #[test]
    fn a_quarter_without_work_is_idle() {
        let time = |ran, waited| ThreadTime { ran_us: Some(ran), waited_us: waited };
        let idle = |time: ThreadTime| time.leaves_idle(Duration::from_millis(2));
        assert!(idle(time(1000, Some(500))) && !idle(time(1000, Some(501))));
        assert!(idle(time(2000, None)), "how long it waited is not known");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_works_runs() {
        let before = ThreadTime::of_this_thread();
        let ran = || ThreadTime::of_this_thread().since(before).ran_us.unwrap();
        while ran() < 3000 {}
        assert!(before.waited_us.is_some());
    }
}
