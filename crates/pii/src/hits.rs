//! What the detectors saw at one place, before policy, masking and hashing.

use super::category::Category;
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
        if let Some(old) = self.list.iter_mut().find(|h| h.category == category && h.value == value) {
            if (certainty, detector) > (old.certainty, old.detector) {
                (old.certainty, old.detector) = (certainty, detector);
            }
        } else {
            *count += 1;
            self.list.push(Hit { category, detector, certainty, value: value.to_owned() });
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

    /// Counts `bytes` as looked at once more.
    pub fn worked(&mut self, bytes: usize) {
        self.work += bytes as u64;
    }
}
