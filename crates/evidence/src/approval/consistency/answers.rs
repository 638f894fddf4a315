//! Attempts and their answers: each number once, each answer the one that smoke gives, the head and the body of one request.

use super::order::s;
use super::{Contradictions, plays};
use foldhash::HashMap;
use record::faults::Fault;
use record::{Answered, Attempt, Body, End, Header, Tick};
use scenario::{Scenario, usual_settle};
use signature::Reason;
use std::time::Duration;

/// What came so shortly before the end may be under way when it is written; less where the whole watch is shorter.
const UNDER_WAY: Duration = Duration::from_secs(2);

pub(super) struct Answers {
    /// Whether this process received all of them.
    is_local: bool,
    is_blind: bool,
    /// What was to be done to webhooks on purpose; nothing is known of a sweep, whose clauses do not name all of it.
    faults: Option<Vec<Fault>>,
    /// What came less than this before the end of the run may be under way then.
    under_way: Duration,
    /// When each was received; `None` once it is answered.
    open: HashMap<u64, Option<Tick>>,
    highest: u64,
    /// Whether the journal has its end: where it was cut off, a number may be taken and its attempt not written yet.
    has_ended: bool,
    broken: Option<u64>,
    /// What is a contradiction only where every attempt was received, numbered and judged by this run; that is known at the end.
    of_one_process: Contradictions,
}

impl Answers {
    pub(super) fn new(header: &Header, scenario: Option<&Scenario>) -> Self {
        Self {
            is_local: plays(header),
            is_blind: header.blind,
            faults: header.clauses.is_empty().then(|| header.faults.iter().map(|spec| spec.fault).collect()),
            // Nothing was under way when the watch began that the end of a run comes after.
            under_way: UNDER_WAY.min(usual_settle(scenario, header.stand_in) / 2),
            open: HashMap::default(),
            highest: 0,
            has_ended: false,
            broken: None,
            of_one_process: Contradictions::default(),
        }
    }

    /// Not all of them are in this journal, or they were recorded elsewhere.
    pub(super) const fn are_partial(&mut self) {
        self.is_local = false;
    }

    pub(super) fn arrived(&mut self, attempt: &Attempt, found: &mut Contradictions) {
        let number = attempt.attempt;
        if self.open.insert(number, Some(attempt.received)).is_some() {
            self.of_one_process.add("attempt_twice", format!("two attempts have the number {number}"));
        }
        self.highest = self.highest.max(number);
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
        if self.is_blind != (attempt.verdict.reason == Reason::Unchecked) && self.is_local {
            let said = if self.is_blind { "had no secret" } else { "had the secret" };
            let sentence =
                format!("the run {said}, but attempt {number} is recorded as {}", attempt.verdict.reason);
            found.add("verdict_contradicts_header", sentence);
        }
        if let (None, false, Some(answer)) = (attempt.fault, attempt.elsewhere, attempt.answer)
            && answer != usual(attempt.verdict.reason)
        {
            found.add(
                "answer_contradicts_verdict",
                format!(
                    "attempt {number} is recorded as {} and was answered {answer}, but smoke answers {}",
                    attempt.verdict.reason,
                    usual(attempt.verdict.reason)
                ),
            );
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

    pub(super) fn answered(&mut self, answered: &Answered) {
        let number = answered.attempt;
        match self.open.get_mut(&number).map(Option::take) {
            None => {
                let sentence = format!("a response to attempt {number}, which does not exist");
                self.of_one_process.add("answer_without_attempt", sentence);
            }
            Some(None) => {
                self.of_one_process.add("answered_twice", format!("attempt {number} was answered twice"));
            }
            Some(Some(received)) if answered.end < received => {
                let (at, received) = (s(answered.end), s(received));
                let sentence = format!(
                    "attempt {number} was answered at {at} s, before it was received at {received} s"
                );
                self.of_one_process.add("ends_before_it_starts", sentence);
            }
            _ => {}
        }
    }

    /// A run that was completed waited until nothing was under way: each attempt before that was answered, or broke off.
    pub(super) fn ended(&mut self, end: &End) {
        self.has_ended = true;
        let is_old = |received: &Option<Tick>| received.is_some_and(|at| at.plus(self.under_way) < end.at);
        let open = self.open.iter().filter(|(_, received)| is_old(received)).map(|(number, _)| *number).min();
        if let Some(number) = open.filter(|_| end.complete) {
            let sentence =
                format!("attempt {number} was neither answered nor aborted, yet the run waited for its end");
            self.of_one_process.add("answer_missing", sentence);
        }
    }

    pub(super) fn end(mut self, found: &mut Contradictions) {
        if !self.is_local {
            return;
        }
        if let Some(number) = self.broken {
            let sentence =
                format!("attempt {number} was broken on purpose by a fault that is not in the header");
            self.of_one_process.add("fault_nobody_asked_for", sentence);
        }
        let n = self.open.len() as u64;
        if self.has_ended && n > 0 && self.highest.checked_add(1) != Some(n) {
            let sentence = format!(
                "attempts are numbered up to {}, but only {n} are there: some were removed",
                self.highest
            );
            self.of_one_process.add("attempts_missing", sentence);
        }
        self.of_one_process.0.into_iter().for_each(|(kind, sentence)| found.add(kind, sentence));
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
