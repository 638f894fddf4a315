//! What a window says of itself: it begins once and before all else, its own times go forward, and it tried the receiver's URL and
//! read a log where, and only where, it was asked to.

use super::Contradictions;
use super::order::s;
use super::sender_log::SenderLog;
use record::{DRIVEN_FLOWS, End, Header, Probe, Record, RunKind, Tick, Watch, WatchBegin};
use std::collections::BTreeSet;

/// Only of an observation.
pub(super) struct Window<'a> {
    header: &'a Header,
    begin: Option<WatchBegin>,
    /// The latest time that the window itself wrote down: it has one clock, and writes one fact after the other.
    latest: Tick,
    probes: u64,
    /// Flows that were driven meanwhile.
    driven: BTreeSet<u32>,
    log: Option<SenderLog>,
    /// Whether the first record was looked at.
    has_begun: bool,
}

impl<'a> Window<'a> {
    pub(super) const fn new(header: &'a Header) -> Self {
        Self {
            header,
            begin: None,
            latest: Tick(0),
            probes: 0,
            driven: BTreeSet::new(),
            log: None,
            has_begun: false,
        }
    }

    pub(super) fn take(&mut self, record: &Record, found: &mut Contradictions) {
        if self.header.kind != RunKind::Observe {
            return;
        }
        if !std::mem::replace(&mut self.has_begun, true) && !matches!(record, Record::Watch(Watch::Begin(_)))
        {
            found.add("window_begins_late", "the window has facts from before it began");
        }
        self.in_order(record, found);
        if let Some(log) = &mut self.log {
            log.take(record, found);
        }
        match record {
            Record::Watch(Watch::Begin(begin)) => self.begins(begin, found),
            Record::Watch(Watch::Probe(_)) => self.probes += 1,
            Record::Watch(Watch::Log(_) | Watch::Quote(_) | Watch::Compared(_)) if self.log.is_none() => {
                found.add("window_not_as_asked", "a log was read, but none was given");
            }
            Record::Attempt(attempt) if attempt.fault.is_some() && self.listens() => found.add(
                "fault_nobody_asked_for",
                format!("attempt {} was broken on purpose, which a window never does", attempt.attempt),
            ),
            Record::FlowStart(start) => self.drives(start.flow, found),
            Record::Expect(expect) => self.is_driven(expect.flow, found),
            Record::FlowEnd(end) => self.is_driven(end.flow, found),
            Record::Step(step) => step.flow.into_iter().for_each(|flow| self.is_driven(flow, found)),
            Record::End(end) => self.ends(end, found),
            _ => {}
        }
    }

    fn drives(&mut self, flow: u32, found: &mut Contradictions) {
        let scenario = usize::try_from(flow / DRIVEN_FLOWS).unwrap_or(usize::MAX);
        if self.begin.as_ref().is_some_and(|begin| scenario >= begin.drive.len()) {
            found.add("window_not_as_asked", format!("flow {flow} is of no scenario that was to be driven"));
        }
        if !self.driven.insert(flow) {
            found.add("flow_twice", format!("flow {flow} begins twice"));
        }
    }

    fn is_driven(&self, flow: u32, found: &mut Contradictions) {
        if !self.driven.contains(&flow) {
            found.add("flow_out_of_place", format!("something is of flow {flow}, which has not begun"));
        }
    }

    /// Whether the window itself received what came.
    fn listens(&self) -> bool {
        self.begin.as_ref().is_some_and(|begin| begin.source == WatchBegin::LISTEN)
    }

    fn begins(&mut self, begin: &WatchBegin, found: &mut Contradictions) {
        if self.begin.replace(begin.clone()).is_some() {
            found.add("window_begins_twice", "the window begins twice");
        }
        if begin.duration_ms == 0 || begin.source.is_empty() {
            found.add("window_not_as_asked", "a window of no length, or one that watches nothing");
        }
        self.log = (!begin.logs.is_empty()).then(|| SenderLog::new(self.header));
    }

    /// Facts that the window itself wrote, by its own clock; what was read from elsewhere is placed by another.
    fn in_order(&mut self, record: &Record, found: &mut Contradictions) {
        let (at, what) = match record {
            Record::Watch(Watch::Probe(probe)) => {
                self.probed(probe, found);
                (probe.at, "a try of the receiver's URL")
            }
            Record::Watch(Watch::Begin(begin)) => (begin.at, "the beginning of the window"),
            Record::Watch(Watch::Log(log)) => (log.at, "a look at the log"),
            Record::Watch(Watch::Quote(quote)) => (quote.at, "a line of the log"),
            Record::Watch(Watch::Compared(compared)) => (compared.at, "the comparison of the log"),
            Record::Watch(Watch::Hook(hook)) => (hook.at, "the command of --on-rollback"),
            Record::Watch(Watch::WallClock(parted)) => (parted.at, "a step of the clock"),
            Record::End(end) => (end.at, "the end of the window"),
            _ => return,
        };
        if at < self.latest {
            let sentence = format!(
                "{what} at {} s comes after what the window wrote down at {} s: times were changed, or windows were mixed",
                s(at),
                s(self.latest)
            );
            found.add("times_out_of_order", sentence);
        }
        self.latest = self.latest.max(at);
    }

    fn probed(&self, probe: &Probe, found: &mut Contradictions) {
        let begin = self.begin.as_ref();
        if begin.is_some_and(|begin| begin.probe.is_none()) {
            found.add("window_not_as_asked", "the receiver's URL was tried, but none was given");
        }
        if probe.at.0.checked_sub(probe.took_us).is_none_or(|sent| Tick(sent) < self.latest) {
            let at = s(probe.at);
            let sentence = format!("a try of the receiver's URL that ended at {at} s began before its turn");
            found.add("times_out_of_order", sentence);
        }
    }

    /// A window that ran to its end tried the URL at its very beginning, and began each flow up to the last one.
    fn ends(&self, end: &End, found: &mut Contradictions) {
        let follows =
            |flow: &&u32| !flow.is_multiple_of(DRIVEN_FLOWS) && !self.driven.contains(&(**flow - 1));
        if let Some(flow) = self.driven.iter().find(follows).filter(|_| end.complete) {
            let sentence = format!("flow {flow} began, but the one before it did not: it was removed");
            found.add("flow_missing", sentence);
        }
        let asked = self.begin.as_ref().is_some_and(|begin| begin.probe.is_some());
        if asked && end.complete && self.probes == 0 {
            found.add(
                "window_not_as_asked",
                "the receiver's URL was to be tried, but no try is there: they were removed",
            );
        }
    }
}
