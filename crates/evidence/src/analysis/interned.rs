//! Texts of which there are few, held once and named by a number.

use foldhash::HashMap;
use std::sync::Arc;

/// The texts seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Interned {
    all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Interned {
    /// The number of a text, which is kept.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.all.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// The text with a number.
    pub(super) fn get(&self, number: u32) -> Option<&Arc<str>> {
        self.all.get(number as usize)
    }
}
