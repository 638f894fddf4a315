//! What the scheduler of the system says of the generator's threads: how long they ran, and how long they waited for a processor.
//! Both are nanoseconds in `schedstat` of a thread (Linux, `proc(5)` and Documentation/scheduler/sched-stats); elsewhere nothing is known.

use std::path::Path;

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
    pub(crate) fn of_this_thread() -> Self {
        read(Path::new("/proc/thread-self/schedstat")).unwrap_or_default()
    }

    /// Of all threads of this process, where many do the work: how long they waited. How busy they were says little there, since most
    /// of them have nothing to do.
    pub(crate) fn waits_of_process() -> Self {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Self::default() };
        let times = threads.flatten().filter_map(|thread| read(&thread.path().join("schedstat")));
        let waited =
            times.filter_map(|time| time.waited_us).fold(None, |sum, one| Some(sum.unwrap_or(0) + one));
        Self { ran_us: None, waited_us: waited }
    }

    /// From `before` until now.
    pub(super) fn since(self, before: Self) -> Self {
        let between = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            ran_us: between(self.ran_us, before.ran_us),
            waited_us: between(self.waited_us, before.waited_us),
        }
    }
}

fn read(path: &Path) -> Option<ThreadTime> {
    Some(parsed(&std::fs::read_to_string(path).ok()?))
}

fn parsed(text: &str) -> ThreadTime {
    let mut us = text.split_ascii_whitespace().map(|ns| Some(ns.parse::<u64>().ok()? / 1000));
    ThreadTime { ran_us: us.next().flatten(), waited_us: us.next().flatten() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_and_waiting_are_the_first_two_fields() {
        let first = parsed("1500000 250000 17\n");
        assert_eq!(first, ThreadTime { ran_us: Some(1500), waited_us: Some(250) });
        let used = parsed("2500000 750000 20\n").since(first);
        assert_eq!(used, ThreadTime { ran_us: Some(1000), waited_us: Some(500) });
        assert_eq!(parsed(""), ThreadTime::default());
        assert_eq!(
            first.since(ThreadTime::default()),
            ThreadTime::default(),
            "nothing is known of the beginning"
        );
    }
}
