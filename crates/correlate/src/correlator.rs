//! Which delivery an attempt belongs to.
//!
//! With an id that is what the id says. Without one, attempts are told by event and bytes, by the state of the deliveries
//! that have them, and by the retry schedule; where several answers fit, all the deliveries concerned are
//! [`Certainty::Ambiguous`], and nobody may judge one of them as if its attempts were known.

use super::fingerprint::print_of;
use super::policy::{Stage, after, latest_retry, retry_after};
use super::sharded::Sharded;
use foldhash::HashMap;
use record::faults::Fault;
use record::{RetryContract, Tick};
use std::time::Duration;

/// What makes attempts candidates for one delivery: the webhook id, else event and bytes, as a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The fingerprint.
    pub print: u64,
    /// Whether it is that of an id.
    pub has_id: bool,
}

impl Key {
    /// The key of a webhook with an id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { print: print_of([&b"id"[..], id.as_bytes()]), has_id: true }
    }

    /// The key of a webhook without an id; `turn` is the flow that is under way when flows are played in turn: what comes
    /// then is its.
    #[must_use]
    pub fn of_content(event: &str, body: u64, turn: Option<u32>) -> Self {
        let turn = turn.map_or([0; 8], |flow| (u64::from(flow) + 1).to_le_bytes());
        let print = print_of([&b"content"[..], event.as_bytes(), &body.to_le_bytes(), &turn]);
        Self { print, has_id: false }
    }
}

/// An attempt that has just arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// What makes it a candidate.
    pub key: Key,
    /// Fingerprint of its body.
    pub body: u64,
    /// Its first byte.
    pub at: Tick,
    /// Whether no other webhook with this key may come now: then without an id, too, what comes again belongs to the one
    /// that is known, on schedule or not.
    pub alone: bool,
}

/// What has to be known of a delivery to say whether an attempt belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Attempts so far.
    pub attempts: usize,
    /// Fingerprint of the first attempt's body.
    pub body: u64,
    /// Whether an attempt of it was accepted.
    pub accepted: bool,
    /// The end of its last attempt; the first byte while that is under way.
    pub last_seen: Tick,
    /// How its last attempt was answered; `None` without a complete response.
    pub status: Option<u16>,
    /// What was injected into its last attempt.
    pub fault: Option<Fault>,
}

/// Whoever keeps the deliveries.
pub trait Courses {
    /// The course of a delivery; `None` when it is forgotten.
    fn course(&self, delivery: u32) -> Option<Course>;
}

/// How certain it is which attempts a delivery has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certainty {
    /// Its attempts are its own, and no others are.
    #[default]
    Certain,
    /// They could as well be those of another webhook.
    Ambiguous,
}

/// Where an attempt belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It begins a delivery; `id_used`: another one, which ended, had its id.
    New {
        /// Whether another delivery had its id.
        id_used: bool,
    },
    /// It is the next attempt of this delivery: a retry, or a repeat after acceptance.
    Of(u32),
}

/// The answer for one attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct Filing {
    /// Where it belongs.
    pub place: Place,
    /// How certain that is.
    pub certainty: Certainty,
    /// Whether only the absence of other webhooks with this key says so, not the schedule.
    pub by_absence: bool,
    /// Other deliveries to which it could belong as well: they are ambiguous from now on.
    pub unclear: Vec<u32>,
}

impl Filing {
    const fn certain(place: Place) -> Self {
        Self { place, certainty: Certainty::Certain, by_absence: false, unclear: Vec::new() }
    }
}

/// How well an attempt without an id fits a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It comes when the schedule has the next attempt.
    OnSchedule,
    /// It comes at another time, and no other webhook can explain it.
    ByAbsence,
    /// As before, after the delivery was accepted.
    Repeat,
    /// It may belong there, but is rather another webhook.
    Possible,
}

/// The keys of the deliveries so far.
#[derive(Debug, Default)]
pub struct Correlator {
    /// Key to the latest delivery that has it.
    latest: Sharded,
    /// Of each key without an id the earlier deliveries to which something may still belong.
    earlier: HashMap<u64, Vec<u32>>,
}

impl Correlator {
    /// The latest delivery with a key.
    #[must_use]
    pub fn latest(&self, key: Key) -> Option<u32> {
        self.latest.get(key.print)
    }

    /// Files an attempt; `next` is the number that a delivery gets which begins with it.
    pub fn file(
        &mut self,
        policy: &RetryContract,
        courses: &impl Courses,
        arrival: &Arrival,
        next: u32,
    ) -> Filing {
        let Some(latest) = self.latest.get(arrival.key.print) else {
            self.latest.insert(arrival.key.print, next);
            return Filing::certain(Place::New { id_used: false });
        };
        let filing = if arrival.key.has_id {
            Filing::certain(by_id(courses, arrival, latest))
        } else {
            self.by_content(policy, courses, arrival, latest)
        };
        if let Place::New { .. } = filing.place {
            self.latest.insert(arrival.key.print, next);
        }
        filing
    }

    pub fn forget(&mut self, key: Key, delivery: u32) {
        if self.latest.get(key.print) == Some(delivery) {
            self.latest.remove(key.print);
        }
        if let Some(earlier) = self.earlier.get_mut(&key.print) {
            earlier.retain(|one| *one != delivery);
            if earlier.is_empty() {
                self.earlier.remove(&key.print);
            }
        }
    }

    fn by_content(
        &mut self,
        policy: &RetryContract,
        courses: &impl Courses,
        arrival: &Arrival,
        latest: u32,
    ) -> Filing {
        let fit = |delivery: u32| Some((fit(policy, &courses.course(delivery)?, arrival)?, delivery));
        let earlier = self.earlier.get(&arrival.key.print).map_or(&[][..], Vec::as_slice);
        let mut fits: Vec<(Fit, u32)> = earlier.iter().copied().chain([latest]).filter_map(fit).collect();
        fits.sort_unstable();
        let best = fits.first().copied().filter(|(fit, _)| *fit != Fit::Possible);
        let place = best.map_or(Place::New { id_used: false }, |(_, delivery)| Place::Of(delivery));
        if best.is_none() {
            self.overtake(courses, policy, arrival, latest);
        }
        let others = |(fit, delivery): &(Fit, u32)| {
            let rival = best.is_none_or(|(chosen, _)| *fit == chosen);
            (rival && best.is_none_or(|(_, chosen)| chosen != *delivery)).then_some(*delivery)
        };
        let unclear: Vec<u32> = fits.iter().filter_map(others).collect();
        let certainty = if unclear.is_empty() { Certainty::Certain } else { Certainty::Ambiguous };
        let by_absence = best.is_some_and(|(fit, _)| fit != Fit::OnSchedule);
        Filing { place, certainty, by_absence, unclear }
    }

    /// Another webhook comes with the content of `latest`, to which something may still belong.
    fn overtake(&mut self, courses: &impl Courses, policy: &RetryContract, arrival: &Arrival, latest: u32) {
        let open = |delivery: &u32| {
            courses.course(*delivery).is_some_and(|course| fit(policy, &course, arrival).is_some())
        };
        let added = Some(latest).filter(open);
        if added.is_none() && !self.earlier.contains_key(&arrival.key.print) {
            return;
        }
        let earlier = self.earlier.entry(arrival.key.print).or_default();
        earlier.retain(open);
        earlier.extend(added);
        if earlier.is_empty() {
            self.earlier.remove(&arrival.key.print);
        }
    }
}

/// The same id with other content after acceptance is an id used twice, not a retry.
fn by_id(courses: &impl Courses, arrival: &Arrival, latest: u32) -> Place {
    match courses.course(latest) {
        Some(course) if !course.accepted || course.body == arrival.body => Place::Of(latest),
        _ => Place::New { id_used: true },
    }
}

/// How an attempt without an id fits a delivery with its content; `None` when it cannot belong there.
fn fit(policy: &RetryContract, course: &Course, arrival: &Arrival) -> Option<Fit> {
    let pause = arrival.at.since(course.last_seen);
    if pause > latest_retry(policy, course.attempts, course.fault) {
        return None;
    }
    if course.accepted {
        // Nothing is due after our own 2xx; whether an injected one counts with the sender is what is to be seen.
        let injected = course.fault.is_some() && course.status.is_some_and(|status| policy.succeeds(status));
        return if arrival.alone { Some(Fit::Repeat) } else { injected.then_some(Fit::Possible) };
    }
    let open = after(policy, course.attempts, course.status, course.fault).stage == Stage::Open;
    let due = policy.gap_ms(course.attempts, retry_after(course.fault)).filter(|_| open);
    let early = |ms: u64| Duration::from_millis(policy.window_ms(ms).0);
    Some(match due {
        Some(ms) if pause >= early(ms) => Fit::OnSchedule,
        _ if arrival.alone => Fit::ByAbsence,
        _ => Fit::Possible,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deliveries whose attempts take no time.
    #[derive(Default)]
    struct Kept(Vec<Course>);

    impl Courses for Kept {
        fn course(&self, delivery: u32) -> Option<Course> {
            self.0.get(delivery as usize).copied()
        }
    }

    struct Bench {
        correlator: Correlator,
        kept: Kept,
        alone: bool,
        fault: Option<Fault>,
    }

    impl Bench {
        fn new(alone: bool) -> Self {
            Self { correlator: Correlator::default(), kept: Kept::default(), alone, fault: None }
        }

        /// An attempt at `ms`, answered at once; which delivery it belongs to, and which others are unclear.
        fn arrives(&mut self, key: Key, body: u64, ms: u64, status: u16) -> (u32, Vec<u32>) {
            let (policy, at) = (RetryContract::default(), Tick(ms * 1000));
            let next = u32::try_from(self.kept.0.len()).unwrap();
            let arrival = Arrival { key, body, at, alone: self.alone };
            let filing = self.correlator.file(&policy, &self.kept, &arrival, next);
            assert_eq!(filing.certainty == Certainty::Certain, filing.unclear.is_empty());
            let (status, fault) = (Some(status), self.fault);
            let accepted = status.is_some_and(|status| policy.succeeds(status));
            let place = match filing.place {
                Place::New { .. } => {
                    self.kept.0.push(Course { attempts: 1, body, accepted, last_seen: at, status, fault });
                    next
                }
                Place::Of(delivery) => {
                    let course = &mut self.kept.0[delivery as usize];
                    let accepted = course.accepted || accepted;
                    let (attempts, body) = (course.attempts + 1, course.body);
                    *course = Course { attempts, body, accepted, last_seen: at, status, fault };
                    delivery
                }
            };
            (place, filing.unclear)
        }

        fn content(&mut self, ms: u64, status: u16) -> (u32, Vec<u32>) {
            self.arrives(Key::of_content("e", 7, None), 7, ms, status)
        }
    }

    #[test]
    fn an_id_says_it_all_until_it_is_used_for_something_else() {
        let (mut bench, id) = (Bench::new(false), Key::of_id("a"));
        assert_eq!(bench.arrives(id, 1, 0, 503), (0, vec![]));
        assert_eq!(bench.arrives(Key::of_id("b"), 1, 1, 200), (1, vec![]));
        assert_eq!(bench.arrives(id, 1, 60_000, 200), (0, vec![]));
        assert_eq!(bench.arrives(id, 1, 60_001, 200), (0, vec![]));
        assert_eq!(bench.arrives(id, 2, 60_002, 200), (2, vec![]));
    }

    #[test]
    fn without_an_id_a_retry_comes_on_schedule() {
        let mut bench = Bench::new(false);
        assert_eq!(bench.content(0, 503), (0, vec![]));
        assert_eq!(bench.content(2000, 503), (0, vec![]));
        assert_eq!(bench.content(6000, 200), (0, vec![]));
        assert_eq!(bench.content(6100, 200), (1, vec![]));
        assert_eq!(bench.content(60_000, 400), (2, vec![]));
        assert_eq!(bench.content(90_000, 200), (3, vec![]));
    }

    #[test]
    fn several_open_deliveries_of_one_content_are_ambiguous() {
        let mut bench = Bench::new(false);
        assert_eq!(bench.content(0, 503), (0, vec![]));
        assert_eq!(bench.content(6, 503), (1, vec![0]));
        assert_eq!(bench.content(2001, 503), (0, vec![1]));
        assert_eq!(bench.content(2007, 503), (1, vec![]));
        assert_eq!(bench.content(6100, 200), (0, vec![1]));
    }

    #[test]
    fn where_nothing_else_may_come_everything_belongs_to_the_one_that_is_known() {
        let mut bench = Bench::new(true);
        assert_eq!(bench.content(0, 503), (0, vec![]));
        assert_eq!(bench.content(600, 400), (0, vec![]));
        assert_eq!(bench.content(900, 200), (0, vec![]));
        assert_eq!(bench.content(1000, 200), (0, vec![]));
        assert_eq!(bench.content(9000, 200), (1, vec![]));
    }

    #[test]
    fn what_comes_after_an_injected_2xx_may_be_a_retry_of_it() {
        let mut bench = Bench::new(false);
        bench.fault = Some(Fault::Status { status: 203, retry_after: None });
        assert_eq!(bench.content(0, 203), (0, vec![]));
        assert_eq!(bench.content(2000, 203), (1, vec![0]));
    }

    #[test]
    fn what_is_forgotten_begins_anew() {
        let (mut bench, id) = (Bench::new(false), Key::of_id("a"));
        bench.arrives(id, 1, 0, 503);
        bench.correlator.forget(id, 0);
        assert_eq!(bench.arrives(id, 1, 1, 503), (1, vec![]));
    }

    #[test]
    fn turns_keep_equal_contents_apart() {
        assert_ne!(Key::of_content("e", 7, Some(0)), Key::of_content("e", 7, Some(1)));
        assert_ne!(Key::of_content("e", 7, None), Key::of_content("e", 7, Some(0)));
    }
}
