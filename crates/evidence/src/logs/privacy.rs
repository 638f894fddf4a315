//! Personal data in lines.

use super::address::without_receiver;
use super::clean::{Clean, without_id};
use super::formats::Kind;
use super::line::Entry;
use pii::{Category, Engine};
use std::collections::{BTreeMap, BTreeSet};

/// Line numbers that are kept.
const KEPT: usize = 10;
/// Bytes of a line that are looked at for personal data at once, and how many of them again with the next.
const PIECE: usize = 8 * 1024;
const OVERLAP: usize = 1024;

#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Lines by category.
    pub categories: BTreeMap<Category, u64>,
    /// The first lines with personal data.
    pub lines: Vec<u64>,
    /// Lines that could not be read to their end.
    pub not_looked_at: u64,
}

/// Looks at the texts of lines.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Of messages about webhooks, from which the receiver's address is taken, and of all other texts.
    clean: [Clean; 2],
    pub found: Found,
}

/// What is looked at of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    pub line: u64,
    /// What it says about a webhook.
    pub kind: Option<Kind>,
    pub text: &'t str,
    /// The webhook's id.
    pub id: Option<&'t str>,
}

impl<'t> Text<'t> {
    /// What there is to look at of a line: its message and what stands beside it, or all of one without an entry.
    pub(super) fn of(
        line: Option<&'t str>,
        entry: Option<&'t Entry<'_>>,
        number: u64,
    ) -> impl Iterator<Item = Self> {
        let id = entry.and_then(|entry| entry.webhook_id.as_deref());
        let beside = entry.and_then(|entry| entry.beside.as_deref());
        let message = entry.map_or(line, |entry| Some(&*entry.message));
        let message =
            message.map(|text| Self { line: number, kind: entry.and_then(|entry| entry.kind), text, id });
        message.into_iter().chain(beside.map(|text| Self { line: number, kind: None, text, id }))
    }
}

impl Scanner {
    pub(super) fn take(&mut self, engine: &Engine, text: Text<'_>) {
        // What a text is known by needs no more than the id taken out: the rest of it says where the receiver's address is.
        let known_by = without_id(text.text.into(), text.id);
        let [about_webhooks, others] = &mut self.clean;
        let clean = if text.kind.is_some() { about_webhooks } else { others };
        if clean.knows(&known_by) {
            return;
        }
        let shown = without_id(without_receiver(text.kind, text.text), text.id);
        let (categories, unread) = look(engine, &shown);
        self.found.not_looked_at += u64::from(unread);
        if categories.is_empty() {
            if !unread {
                clean.remember(&known_by);
            }
            return;
        }
        keep(&mut self.found.lines, text.line);
        for category in categories {
            *self.found.categories.entry(category).or_default() += 1;
        }
    }

    /// Adds what another one found in other lines.
    pub(super) fn add(&mut self, other: Self) {
        self.found.not_looked_at += other.found.not_looked_at;
        self.found.lines.extend(other.found.lines);
        self.found.lines.sort_unstable();
        self.found.lines.truncate(KEPT);
        for (category, n) in other.found.categories {
            *self.found.categories.entry(category).or_default() += n;
        }
    }
}

/// The categories of what is found in a text, and whether there is more of it than could be read.
fn look(engine: &Engine, text: &str) -> (BTreeSet<Category>, bool) {
    let mut found = BTreeSet::new();
    let mut unread = false;
    for scan in pieces(text).map(|piece| engine.scan_text(piece)) {
        unread |= !scan.unread.is_empty();
        found.extend(scan.findings.into_iter().map(|f| f.category));
    }
    (found, unread)
}

/// A text in pieces that overlap: detectors may take the square of its length.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let start = from?;
        let end = boundary(text, start + PIECE);
        from = (end < text.len()).then(|| boundary(text, end - OVERLAP));
        text.get(start..end)
    })
}

/// The last place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

pub(super) fn keep(numbers: &mut Vec<u64>, line: u64) {
    if numbers.len() < KEPT {
        numbers.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_looked_at_in_pieces_that_overlap() {
        assert_eq!(pieces("").count(), 1);
        let text = "\u{e9}x".repeat(10_000);
        let lengths: Vec<usize> = pieces(&text).map(str::len).collect();
        assert!(lengths.len() == 5 && lengths.iter().all(|n| *n <= PIECE), "{lengths:?}");
        assert!(lengths.iter().sum::<usize>() >= text.len() + 4 * OVERLAP);
    }
}
