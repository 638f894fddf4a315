//! What the threads of a load tell, put together: one load, whose seconds are those of all its threads.

use super::engine::Finish;
use record::Interval;
use record::latency::{Encoded, Latency};
use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use wire::Clock;

/// Most failures kept as samples of one second, of all threads.
const SAMPLES_PER_SECOND: usize = 5;

/// What a load in the background tells, and each of its threads.
#[derive(Debug)]
pub(crate) enum Event {
    /// The schedule begins: this is its tick 0.
    Began(Clock),
    /// A second is over.
    Second(Box<Interval>),
    /// The load has ended.
    Ended(Finish),
}

/// Listens to all threads of a load. It ends after [`Event::Ended`], and without one when a thread died.
#[derive(Debug)]
pub(crate) struct Heard {
    told: Receiver<(usize, Event)>,
    threads: Vec<Thread>,
    began: bool,
    finish: Finish,
    over: bool,
}

/// What one thread has told and the others have not yet.
#[derive(Debug, Default)]
struct Thread {
    seconds: VecDeque<Interval>,
    ended: bool,
}

impl Heard {
    pub(super) fn of(told: Receiver<(usize, Event)>, threads: usize) -> Self {
        let threads = (0..threads).map(|_| Thread::default()).collect();
        Self { told, threads, began: false, finish: Finish::Complete, over: false }
    }

    /// The next second, once all threads that still run have told theirs.
    fn second(&mut self) -> Option<Interval> {
        if !self.threads.iter().all(|thread| thread.ended || !thread.seconds.is_empty()) {
            return None;
        }
        // Each thread counts its seconds from the same beginning, so these are the same second.
        let all = self.threads.iter_mut().filter_map(|thread| thread.seconds.pop_front());
        all.reduce(|one, other| together(one, &other))
    }
}

impl Iterator for Heard {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(second) = self.second() {
                return Some(Event::Second(Box::new(second)));
            }
            if self.over {
                return None;
            }
            if self.threads.iter().all(|thread| thread.ended) {
                self.over = true;
                return Some(Event::Ended(self.finish));
            }
            let (thread, told) = self.told.recv().ok()?;
            let thread = self.threads.get_mut(thread)?;
            match told {
                Event::Began(_) if std::mem::replace(&mut self.began, true) => {}
                Event::Began(clock) => return Some(Event::Began(clock)),
                Event::Second(second) => thread.seconds.push_back(*second),
                Event::Ended(finish) => {
                    thread.ended = true;
                    if finish == Finish::Interrupted {
                        self.finish = finish;
                    }
                }
            }
        }
    }
}

/// The same second of two threads as one. Counts and histograms add; what the system says of a thread's time is that of the thread that
/// had the least to spare, which is what may have made a start late.
fn together(mut one: Interval, other: &Interval) -> Interval {
    let (cpu_us, wait_us) = (one.cpu_us.max(other.cpu_us), one.wait_us.max(other.wait_us));
    let late_us = one.late_us.max(other.late_us);
    one.add(other);
    one.failures.sort_by_key(|failure| failure.at);
    one.failures.truncate(SAMPLES_PER_SECOND);
    Interval {
        cpu_us,
        wait_us,
        late_us,
        response: sum(&one.response, &other.response),
        service: sum(&one.service, &other.service),
        lag: sum(&one.lag, &other.lag),
        own_lag: sum(&one.own_lag, &other.own_lag),
        ..one
    }
}

/// Without loss: what this process has just encoded can be decoded.
fn sum(one: &Encoded, other: &Encoded) -> Encoded {
    let mut latency = Latency::decode(one).unwrap_or_default();
    latency.add(&Latency::decode(other).unwrap_or_default());
    latency.encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{LoadFailure, Tick};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn second(from: u64, to: u64, done: u64) -> Event {
        let mut latency = Latency::new();
        (0..done).for_each(|n| latency.record(Duration::from_micros(1000 * n + to % 7)));
        let failures = (0..4)
            .map(|n| LoadFailure {
                start: n,
                at: Tick(to - n),
                status: Some(500),
                kind: None,
                reason: String::new(),
            })
            .collect();
        Event::Second(Box::new(Interval {
            from: Tick(from * 1_000_000),
            to: Tick(to),
            done,
            in_flight: done,
            cpu_us: Some(done),
            wait_us: Some(1000 - done),
            service: latency.encode(),
            failures,
            ..Interval::default()
        }))
    }

    fn heard(told: Vec<(usize, Event)>) -> Vec<Event> {
        let (tell, heard) = channel();
        told.into_iter().for_each(|one| tell.send(one).unwrap());
        drop(tell);
        Heard::of(heard, 2).collect()
    }

    #[test]
    fn seconds_of_threads_are_one_second() {
        let clock = Clock::start();
        let events = heard(vec![
            (0, Event::Began(clock)),
            (0, second(0, 1_000_000, 3)),
            (0, second(1, 1_300_000, 5)),
            (0, Event::Ended(Finish::Complete)),
            (1, Event::Began(clock)),
            (1, second(0, 1_000_000, 40)),
            (1, second(1, 2_000_000, 7)),
            (1, second(2, 2_100_000, 1)),
            (1, Event::Ended(Finish::Complete)),
        ]);
        let seconds: Vec<_> = events
            .iter()
            .filter_map(|event| if let Event::Second(second) = event { Some(second) } else { None })
            .collect();
        let counted = |s: &Interval| (s.from.0, s.to.0, s.done, Latency::decode(&s.service).unwrap().count());
        assert_eq!(
            seconds.iter().map(|s| counted(s)).collect::<Vec<_>>(),
            [(0, 1_000_000, 43, 43), (1_000_000, 2_000_000, 12, 12), (2_000_000, 2_100_000, 1, 1)]
        );
        assert_eq!(
            (seconds[0].cpu_us, seconds[0].wait_us),
            (Some(40), Some(997)),
            "the worst of each, not the sum"
        );
        assert_eq!(seconds[0].failures.len(), SAMPLES_PER_SECOND);
        assert!(seconds[0].failures.is_sorted_by_key(|failure| failure.at));
        assert!(matches!(events[0], Event::Began(_)));
        assert!(matches!(events[1], Event::Second(_)), "it begins once");
        assert!(matches!(events.last(), Some(Event::Ended(Finish::Complete))));
    }

    #[test]
    fn one_thread_that_was_interrupted_is_a_load_that_was() {
        let events = heard(vec![(0, Event::Ended(Finish::Complete)), (1, Event::Ended(Finish::Interrupted))]);
        assert!(matches!(events[..], [Event::Ended(Finish::Interrupted)]));
    }

    #[test]
    fn a_thread_that_died_is_no_end() {
        assert!(
            heard(vec![(0, Event::Ended(Finish::Complete)), (1, second(0, 1_000_000, 1))])
                .iter()
                .all(|event| { !matches!(event, Event::Ended(_)) })
        );
    }
}
