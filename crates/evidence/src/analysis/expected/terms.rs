//! What an expectation says of its webhook, but for the values in its key.

use record::Expect;
use record::matcher::Matcher;

/// What many expectations have in common.
#[derive(Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) event: String,
    pub(super) step: String,
    pub(super) count: u32,
    pub(super) at_least: bool,
    pub(super) after: Option<String>,
    pub(super) within_ms: u64,
    /// Whether it has matchers.
    pub(super) is_told: bool,
    /// Where the matchers for plain values look, which are in the key.
    pub(super) plain: Vec<String>,
    /// Matchers other than for plain values, which are in the key.
    pub(super) matchers: Vec<(String, Matcher)>,
    pub(super) headers: Vec<(String, Matcher)>,
}

impl Terms {
    pub(super) fn of(expect: &Expect) -> Self {
        let matchers = Self::not_in_key(expect).map(|(p, m)| (p.clone(), m.clone())).collect();
        let plain = Self::in_key(expect).cloned().collect();
        let headers = expect.headers.iter().map(|(name, m)| (name.clone(), m.clone())).collect();
        Self {
            event: expect.event.clone(),
            step: expect.step.clone(),
            count: expect.count,
            at_least: expect.at_least,
            after: expect.after.clone(),
            within_ms: expect.within_ms,
            is_told: Self::told(expect),
            plain,
            matchers,
            headers,
        }
    }

    /// Whether they are those of an expectation: nearly every one has the terms of one before.
    pub(super) fn are_of(&self, expect: &Expect) -> bool {
        // Steps differ, events hardly ever.
        self.step == expect.step
            && self.event == expect.event
            && (self.count, self.at_least, self.within_ms)
                == (expect.count, expect.at_least, expect.within_ms)
            && self.after == expect.after
            && self.is_told == Self::told(expect)
            && self.plain.iter().eq(Self::in_key(expect))
            && self.matchers.iter().map(|(at, m)| (at, m)).eq(Self::not_in_key(expect))
            && self.headers.iter().map(|(at, m)| (at, m)).eq(&expect.headers)
    }

    /// How much they say of a webhook.
    pub(super) fn conditions(&self) -> usize {
        self.plain.len() + self.matchers.len() + self.headers.len()
    }

    pub(super) fn not_in_key(expect: &Expect) -> impl Iterator<Item = (&String, &Matcher)> {
        expect.matchers.iter().filter(|(_, m)| m.plain_value().is_none())
    }

    pub(super) fn in_key(expect: &Expect) -> impl Iterator<Item = &String> {
        expect.matchers.iter().filter(|(_, m)| m.plain_value().is_some()).map(|(pointer, _)| pointer)
    }

    pub(super) fn told(expect: &Expect) -> bool {
        !expect.matchers.is_empty() || !expect.headers.is_empty()
    }
}
