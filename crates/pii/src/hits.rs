//! What the detectors saw at one place, before policy, masking and hashing.

use super::category::Category;
use super::explain::{Reason, Trace};
use super::finding::{Certainty, Detector};

/// Values kept per place and category: more distinct values at one leaf change no count.
const MAX_HITS: u8 = 16;

/// One recognised value. Lives only until its place is done.
#[derive(Debug)]
pub(super) struct Hit {
    pub category: Category,
    pub detector: Detector,
    pub certainty: Certainty,
    pub value: String,
}

/// The recognised values of one place, and the work done so far.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub list: Vec<Hit>,
    pub work: u64,
    /// Why something in here could not be read to its end.
    pub unread: Option<&'static str>,
    /// What spoke for and against, when somebody asks.
    pub trace: Option<Box<Trace>>,
    /// How many values each category has.
    counts: [u8; Category::ALL.len()],
}

impl Hits {
    /// Notes a value. The same value of the same category keeps the surer of the two.
    pub fn add(&mut self, category: Category, detector: Detector, certainty: Certainty, value: &str) {
        let Some(count) = self.counts.get_mut(category as usize) else { return };
        // A canary always finds room: it is the surest finding of its category.
        let room = *count < MAX_HITS || (detector == Detector::Canary && *count < 2 * MAX_HITS);
        if !room {
            return;
        }
        if self.trace.is_some() {
            let why = match detector {
                Detector::Key => "the key says so, and the value fits",
                Detector::Pattern if certainty == Certainty::Certain => "its form is known for it",
                Detector::Pattern => "its form fits, and words around it agree",
                Detector::Canary => "it is a value of a test user",
            };
            self.speaks_for(category, why);
        }
        let Some(count) = self.counts.get_mut(category as usize) else { return };
        if let Some(old) = self.list.iter_mut().find(|h| h.category == category && h.value == value) {
            if (certainty, detector) > (old.certainty, old.detector) {
                (old.certainty, old.detector) = (certainty, detector);
            }
        } else {
            *count += 1;
            self.list.push(Hit { category, detector, certainty, value: value.to_owned() });
        }
    }

    /// A value that its key vouches for.
    pub fn keyed(&mut self, category: Category, value: Option<&str>) {
        if let Some(value) = value {
            self.add(category, Detector::Key, Certainty::Certain, value);
        }
    }

    /// A value that its key makes likely.
    pub fn keyed_likely(&mut self, category: Category, value: Option<&str>) {
        if let Some(value) = value {
            self.add(category, Detector::Key, Certainty::Likely, value);
        }
    }

    /// A value known by its shape beyond doubt.
    pub fn shape(&mut self, category: Category, value: &str) {
        self.add(category, Detector::Pattern, Certainty::Certain, value);
    }

    /// A value whose shape fits.
    pub fn likely(&mut self, category: Category, value: &str) {
        self.add(category, Detector::Pattern, Certainty::Likely, value);
    }

    /// Drops values of `categories` that have the digits of `value`: they are part of something else.
    pub fn disown(&mut self, categories: &[Category], value: &str) {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
        let own = digits(value);
        self.list.retain(|hit| {
            hit.detector == Detector::Canary
                || !categories.contains(&hit.category)
                || digits(&hit.value) != own
        });
    }

    /// Counts `bytes` as looked at once more.
    pub fn worked(&mut self, bytes: usize) {
        self.work += bytes as u64;
    }

    /// Somebody asks for reasons.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// Notes a decoder that yielded something.
    pub fn step(&mut self, decoder: &str) {
        if let Some(trace) = &mut self.trace {
            trace.steps.push(decoder.to_owned());
        }
    }

    /// Notes what speaks for a value of a category.
    pub fn speaks_for(&mut self, category: Category, why: impl Into<String>) {
        if let Some(trace) = &mut self.trace {
            trace.reasons.push(Reason { category, speaks_for: true, why: why.into() });
        }
    }

    /// Notes what speaks against a value of a category.
    pub fn against(&mut self, category: Category, why: impl Into<String>) {
        if let Some(trace) = &mut self.trace {
            trace.reasons.push(Reason { category, speaks_for: false, why: why.into() });
        }
    }
}
