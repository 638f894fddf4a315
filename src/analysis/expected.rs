//! Expected webhooks against arrived ones.

use crate::clock::Tick;
use crate::journal::{Expect, Outcome};
use crate::matcher::Matcher;
use serde_json::Value;
use std::collections::HashMap;

/// A webhook that a step had to fire.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// As the journal has it, without matchers of plain values, which the index of all expectations holds.
    pub expect: Expect,
    /// Numbers (index) of the deliveries that fulfil it.
    pub by: Vec<usize>,
    /// Numbers (index) of deliveries beyond the count.
    pub surplus: Vec<usize>,
    /// How its step ended; `None` while it has not.
    pub step: Option<Outcome>,
}

impl Expectation {
    /// How many webhooks had to come: none when the step itself did not succeed.
    #[must_use]
    pub fn due(&self) -> u32 {
        if self.step == Some(Outcome::Ok) { self.expect.count } else { 0 }
    }

    /// How many never came.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.due().saturating_sub(u32::try_from(self.by.len()).unwrap_or(u32::MAX))
    }
}

/// What a delivery means for the expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilment {
    /// It fulfils the expectation with this index.
    Fulfils(usize),
    /// The expectation with this index was fulfilled already: one too many.
    Surplus(usize),
    /// The expectation with this index forbids it.
    Forbidden(usize),
    /// Nothing expects it.
    None,
}

/// The expectations of a run, with an index so that a delivery finds its own among many thousands.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    pub(super) all: Vec<Expectation>,
    /// Event to the sets of pointers that its expectations compare for equality, each with its values.
    shapes: HashMap<String, Vec<Shape>>,
    /// Step (flow, name) to expectations.
    by_step: HashMap<(u32, String), Vec<usize>>,
}

#[derive(Debug, Default)]
struct Shape {
    pointers: Vec<String>,
    by_values: HashMap<String, Vec<usize>>,
    /// Expectations with matchers other than plain equality.
    others: Vec<usize>,
}

impl Expectations {
    pub(super) fn add(&mut self, mut expect: Expect) {
        let index = self.all.len();
        let plain: Vec<(String, &Value)> =
            expect.matchers.iter().filter_map(|(p, m)| Some((p.clone(), m.plain_value()?))).collect();
        let shapes = self.shapes.entry(expect.event.clone()).or_default();
        let (pointers, values): (Vec<String>, Vec<String>) =
            plain.into_iter().map(|(p, v)| (p, canonical(v))).unzip();
        let at = shapes.iter().position(|s| s.pointers == pointers).unwrap_or_else(|| {
            shapes.push(Shape { pointers: pointers.clone(), ..Shape::default() });
            shapes.len() - 1
        });
        if let Some(shape) = shapes.get_mut(at) {
            if pointers.len() == expect.matchers.len() {
                shape.by_values.entry(values.join("\u{1f}")).or_default().push(index);
                // All that they say is in the index now, and they are most of an expectation's size.
                expect.matchers = std::collections::BTreeMap::new();
            } else {
                shape.others.push(index);
            }
        }
        self.by_step.entry((expect.flow, expect.step.clone())).or_default().push(index);
        self.all.push(Expectation { expect, by: Vec::new(), surplus: Vec::new(), step: None });
    }

    pub(super) fn step_ended(&mut self, flow: u32, step: &str, outcome: Outcome) {
        // Forgotten once ended: the index holds only steps that are under way.
        for index in self.by_step.remove(&(flow, step.to_owned())).into_iter().flatten() {
            if let Some(expectation) = self.all.get_mut(index) {
                expectation.step = Some(outcome);
            }
        }
    }

    /// Assigns delivery `delivery`, whose first byte came at `at`, to the open expectation that ends first.
    pub(super) fn assign(&mut self, delivery: usize, event: &str, body: &Value, at: Tick) -> Fulfilment {
        let candidates = self.candidates(event, body, at);
        let open = candidates.iter().copied().filter(|&i| self.all.get(i).is_some_and(is_open));
        if let Some(index) = open.min_by_key(|&i| self.all.get(i).map(|e| deadline(&e.expect))) {
            self.push(index, delivery, |e| &mut e.by);
            return Fulfilment::Fulfils(index);
        }
        let Some(&last) = candidates.last() else { return Fulfilment::None };
        let filled =
            candidates.iter().rev().copied().find(|&i| self.all.get(i).is_some_and(|e| e.expect.count > 0));
        self.push(filled.unwrap_or(last), delivery, |e| &mut e.surplus);
        filled.map_or(Fulfilment::Forbidden(last), Fulfilment::Surplus)
    }

    fn push(&mut self, index: usize, delivery: usize, list: fn(&mut Expectation) -> &mut Vec<usize>) {
        if let Some(expectation) = self.all.get_mut(index) {
            list(expectation).push(delivery);
        }
    }

    /// Expectations that the body fits and that had begun, in order of their beginning.
    fn candidates(&self, event: &str, body: &Value, at: Tick) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for shape in self.shapes.get(event).into_iter().flatten() {
            let values: Option<Vec<String>> =
                shape.pointers.iter().map(|p| body.pointer(p).map(canonical)).collect();
            let plain = values.and_then(|v| shape.by_values.get(&v.join("\u{1f}")));
            found.extend(plain.into_iter().flatten());
            found.extend(
                shape.others.iter().filter(|&&i| self.all.get(i).is_some_and(|e| fits(&e.expect, body))),
            );
        }
        found.retain(|&i| self.all.get(i).is_some_and(|e| e.expect.at <= at));
        found.sort_unstable();
        found
    }
}

fn is_open(expectation: &Expectation) -> bool {
    (expectation.by.len() as u64) < u64::from(expectation.expect.count)
}

fn deadline(expect: &Expect) -> Tick {
    expect.at.plus(std::time::Duration::from_millis(expect.within_ms))
}

fn fits(expect: &Expect, body: &Value) -> bool {
    expect
        .matchers
        .iter()
        .all(|(pointer, matcher): (&String, &Matcher)| matcher.check(body.pointer(pointer)).is_ok())
}

/// A value as text that is equal for equal values: whole floats are written as integers.
pub(super) fn canonical(value: &Value) -> String {
    match value.as_f64() {
        Some(f) if !value.is_i64() && !value.is_u64() && f.fract() == 0.0 && f.abs() < 9e15 => {
            format!("{f:.0}")
        }
        _ => value.to_string(),
    }
}
