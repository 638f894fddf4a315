//! Attempts and their answers: each number once, each answer the one that smoke gives, the head and the body of one request.

use super::Contradictions;
use super::header::secrets_out_of_range;
use super::order::s;
use crate::analysis::ReceiverClock;
use foldhash::HashMap;
use record::faults::Fault;
use record::{Answered, Attempt, Body, End, Header, MAX_SECRETS, RunKind, Tick, Watch};
use scenario::{Scenario, usual_settle};
use signature::Reason;
use std::time::Duration;

/// What came so shortly before the end may be under way when it is written; less where the whole watch is shorter.
pub(in crate::approval) const UNDER_WAY: Duration = Duration::from_secs(2);

/// A run that does not run may have stood still from so long after it looked last.
const LOOKED: Duration = Duration::from_secs(1);

pub(super) struct Answers {
    kind: RunKind,
    /// Whether all of them that this process received and answered are in this journal.
    is_whole: bool,
    is_blind: bool,
    /// What was to be done to webhooks on purpose; nothing is known of a sweep, whose clauses do not name all of it.
    faults: Option<Vec<Fault>>,
    /// What came less than this before the end of the run may be under way then.
    under_way: Duration,
    /// When each was received, and whether it is answered.
    all: HashMap<u64, (Tick, bool)>,
    /// Up to which number none can be missing. Where the journal was cut off, a number may be taken and its attempt not written yet.
    numbered: Option<u64>,
    broken: Option<u64>,
    /// What is a contradiction only where that is so of the attempts, which is known at the end.
    if_numbered: Contradictions,
    if_own: Contradictions,
    if_whole: Contradictions,
    /// The same, whoever received them.
    if_all_read: Contradictions,
    /// When a run is said not to have run. Flows that are driven beside a window have none of its webhooks, and say so.
    stood_still: Vec<(Tick, Tick)>,
}

impl Answers {
    pub(super) fn new(header: &Header, scenario: Option<&Scenario>) -> Self {
        Self {
            kind: header.kind,
            is_whole: true,
            is_blind: header.blind,
            faults: header.clauses.is_empty().then(|| header.faults.iter().map(|spec| spec.fault).collect()),
            // Nothing was under way when the watch began that the end of a run comes after.
            under_way: UNDER_WAY.min(usual_settle(scenario, header.stand_in) / 2),
            all: HashMap::default(),
            numbered: None,
            broken: None,
            if_numbered: Contradictions::default(),
            if_own: Contradictions::default(),
            if_whole: Contradictions::default(),
            if_all_read: Contradictions::default(),
            stood_still: Vec::new(),
        }
    }

    /// Some of them are not in this journal, or were judged elsewhere.
    pub(super) fn noted(&mut self, watch: &Watch, found: &mut Contradictions) {
        match watch {
            Watch::Continues(_) => self.is_whole = false,
            Watch::Gap(gap) => {
                self.is_whole = false;
                if self.kind == RunKind::Run {
                    self.stood_still.push((gap.from.plus(LOOKED), gap.to));
                }
            }
            Watch::JudgedBy(by) => {
                self.if_own.add(
                    "clock_of_no_receiver",
                    "webhooks are said to be judged by the clock of a receiver elsewhere, but there is none",
                );
                if !(1..=MAX_SECRETS).contains(&by.secrets) {
                    found.add("header_differs", secrets_out_of_range(by.secrets));
                }
            }
            _ => {}
        }
    }

    /// Whether something was received while nothing ran that could.
    fn received_asleep(&self) -> bool {
        if self.stood_still.is_empty() {
            return false;
        }
        let mut received: Vec<Tick> = self.all.values().map(|(received, _)| *received).collect();
        received.sort_unstable();
        self.stood_still.iter().any(|(from, to)| {
            let first = received.partition_point(|at| at <= from);
            received.get(first).is_some_and(|at| at.plus(LOOKED) < *to)
        })
    }

    pub(super) fn arrived(&mut self, attempt: &Attempt, found: &mut Contradictions) {
        let number = attempt.attempt;
        if self.kind == RunKind::Observe && number != self.all.len() as u64 {
            let due = self.all.len();
            let sentence =
                format!("attempt {number} stands where number {due} is due: some were removed or moved");
            self.if_numbered.add("attempts_missing", sentence);
        }
        if self.all.insert(number, (attempt.received, false)).is_some() {
            self.if_numbered.add("attempt_twice", format!("two attempts have the number {number}"));
        }
        let is_asked = |fault| self.faults.as_ref().is_none_or(|asked| asked.contains(&fault));
        if attempt.fault.is_some_and(|fault| !is_asked(fault)) {
            self.broken.get_or_insert(number);
        }
        if attempt.verdict.valid != (attempt.verdict.reason == Reason::Valid) {
            found.add(
                "verdict_contradicts_itself",
                format!("attempt {number} is valid and not valid at once"),
            );
        }
        if self.is_blind != (attempt.verdict.reason == Reason::Unchecked) {
            let said = if self.is_blind { "had no secret" } else { "had the secret" };
            let sentence =
                format!("the run {said}, but attempt {number} is recorded as {}", attempt.verdict.reason);
            self.if_own.add("verdict_contradicts_header", sentence);
        }
        if !attempt.elsewhere {
            self.answer_fits(attempt, found);
        }
        let length = attempt.header("content-length").and_then(|text| text.trim().parse::<usize>().ok());
        let chunked = attempt.header("transfer-encoding").is_some();
        let bytes = match &attempt.body {
            // Of what nobody signed only the beginning is kept.
            Body::Cut(cut) => usize::try_from(cut.bytes).unwrap_or(usize::MAX),
            whole => whole.bytes().len(),
        };
        if let Some(length) = length.filter(|length| !chunked && *length != bytes) {
            let sentence =
                format!("the head of attempt {number} announces {length} bytes, but its body has {bytes}");
            found.add("head_contradicts_body", sentence);
        }
    }

    /// The answer is that of its verdict, or of the fault that it met.
    fn answer_fits(&mut self, attempt: &Attempt, found: &mut Contradictions) {
        let (number, reason, own) = (attempt.attempt, attempt.verdict.reason, usual(attempt.verdict.reason));
        let Some(fault) = attempt.fault else {
            let sentence = |answer| {
                format!(
                    "attempt {number} is recorded as {reason} and was answered {answer}, but smoke answers {own}"
                )
            };
            match attempt.answer {
                Some(answer) if answer != own => {
                    found.add("answer_contradicts_verdict", sentence(answer.to_string()));
                }
                // Behind a tap the real receiver answers, and what it says is written later; a run has none.
                None if self.kind == RunKind::Run => {
                    self.if_own.add("answer_contradicts_verdict", sentence("with nothing".to_owned()));
                }
                _ => {}
            }
            return;
        };
        let told =
            |answer: Option<u16>| answer.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
        // A window over a receiver that breaks attempts is unproven, whatever was sent.
        if self.kind == RunKind::Observe {
            return;
        }
        let due = fault.answer(own);
        if attempt.answer != due {
            let (due, is) = (told(due), told(attempt.answer));
            let sentence =
                format!("attempt {number} met the fault {fault}, which sends {due}, but was sent {is}");
            found.add("answer_contradicts_fault", sentence);
        }
        if attempt.redirect.is_some() != fault.redirects() {
            let sentence =
                format!("attempt {number} met the fault {fault}, which does not fit where it was sent on to");
            found.add("answer_contradicts_fault", sentence);
        }
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        let number = answered.attempt;
        let Some((received, is_answered)) = self.all.get_mut(&number) else {
            let sentence = format!("a response to attempt {number}, which does not exist");
            self.if_numbered.add("answer_without_attempt", sentence);
            return;
        };
        if std::mem::replace(is_answered, true) {
            self.if_numbered.add("answered_twice", format!("attempt {number} was answered twice"));
        } else if answered.end < *received {
            let (at, received) = (s(answered.end), s(*received));
            let sentence =
                format!("attempt {number} was answered at {at} s, before it was received at {received} s");
            self.if_whole.add("ends_before_it_starts", sentence);
        }
    }

    /// A run that was completed waited until nothing was under way: each attempt before that was answered, or broke off.
    pub(super) fn ended(&mut self, end: &End) {
        // A receiver that is stopped may have counted one that its journal does not take any more.
        let slack = if self.kind == RunKind::Receive { UNDER_WAY } else { Duration::ZERO };
        let counted = self.all.iter().filter(|(_, (received, _))| received.plus(slack) <= end.at);
        self.numbered = counted.map(|(number, _)| *number).max();
        let is_due =
            |(received, is_answered): (Tick, bool)| !is_answered && received.plus(self.under_way) < end.at;
        let open = self.all.iter().filter(|(_, attempt)| is_due(**attempt)).map(|(number, _)| *number).min();
        if let Some(number) = open.filter(|_| end.complete && self.kind == RunKind::Run) {
            let sentence =
                format!("attempt {number} was neither answered nor aborted, yet the run waited for its end");
            self.if_all_read.add("answer_missing", sentence);
        }
    }

    /// `clock`: that of the receiver, as the whole journal states it.
    pub(super) fn end(mut self, clock: &ReceiverClock, found: &mut Contradictions) {
        if clock.is_out_of_place {
            found.add(
                "receiver_clock_out_of_place",
                "the clock of a receiver elsewhere is stated behind the first webhook, not before it",
            );
        }
        if let Some(number) = self.broken {
            let sentence =
                format!("attempt {number} was broken on purpose by a fault that is not in the header");
            self.if_own.add("fault_nobody_asked_for", sentence);
        }
        let missing = self.numbered.and_then(|last| (0..last).find(|number| !self.all.contains_key(number)));
        if let Some((last, number)) = self.numbered.zip(missing).filter(|_| self.kind != RunKind::Observe) {
            let sentence =
                format!("attempts are numbered up to {last}, but {number} is not there: some were removed");
            self.if_numbered.add("attempts_missing", sentence);
        }
        // Whether this process received and judged them.
        let is_own = matches!(self.kind, RunKind::Run | RunKind::Receive) && clock.apart.is_none();
        let is_whole = self.is_whole && clock.apart.is_none();
        if is_own && self.received_asleep() {
            let sentence =
                "webhooks are said to have been out of sight, but the run received some by itself meanwhile";
            found.add("received_in_gap", sentence);
        }
        // Each has a number of this journal's own, from 0 on: a receiver counts on in its next file, and does not write down what a
        // full disk keeps it from.
        let are_numbered = matches!(self.kind, RunKind::Run | RunKind::Observe) || is_whole;
        for (holds, contradictions) in [
            (are_numbered, self.if_numbered),
            (is_own, self.if_own),
            (is_whole, self.if_whole),
            (self.is_whole, self.if_all_read),
        ] {
            contradictions
                .kept
                .into_iter()
                .filter(|_| holds)
                .for_each(|(kind, sentence)| found.add(kind, sentence));
        }
    }
}

/// What smoke answers to a webhook that it was not told to break.
const fn usual(reason: Reason) -> u16 {
    match reason {
        Reason::Valid | Reason::Unchecked => 200,
        Reason::Mismatch => 401,
        Reason::Missing | Reason::Malformed | Reason::Stale | Reason::Future => 400,
    }
}
