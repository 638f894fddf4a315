//! Personal data in lines, looked for on threads of their own while the log is read on.

use super::address::without_receiver;
use super::clean::{Clean, without_id};
use super::formats::Kind;
use super::line::Entry;
use pii::{Category, Engine};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Line numbers that are kept.
const KEPT: usize = 10;
/// Bytes of a line that are looked at for personal data at once, and how many of them again with the next.
const PIECE: usize = 8 * 1024;
const OVERLAP: usize = 1024;
/// Texts are handed over so many bytes at a time.
const BATCH: usize = 256 * 1024;
/// Threads that look for personal data, at most; with what waits for them they bound the memory.
const THREADS: usize = 4;

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
    /// The message of an entry.
    pub(super) fn of(entry: &'t Entry<'_>, line: u64) -> Self {
        Self { line, kind: entry.kind, text: &entry.message, id: entry.webhook_id.as_deref() }
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
    fn add(&mut self, other: Self) {
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

/// Texts that are handed over together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: String,
    /// Line, kind, where the text ends, and how long the id is that stands behind it.
    texts: Vec<(u64, Option<Kind>, usize, Option<usize>)>,
}

impl Batch {
    fn add(&mut self, text: Text<'_>) {
        self.bytes.push_str(text.text);
        let end = self.bytes.len();
        self.bytes.push_str(text.id.unwrap_or_default());
        self.texts.push((text.line, text.kind, end, text.id.map(str::len)));
    }

    fn iter(&self) -> impl Iterator<Item = Text<'_>> {
        let mut at = 0;
        self.texts.iter().map(move |(line, kind, end, id)| {
            let text = self.bytes.get(at..*end).unwrap_or_default();
            at = end + id.unwrap_or(0);
            Text { line: *line, kind: *kind, text, id: id.and_then(|_| self.bytes.get(*end..at)) }
        })
    }
}

/// Hands texts to the threads that look at them.
pub(super) struct Ahead {
    batch: Batch,
    to: SyncSender<Batch>,
}

impl Ahead {
    pub(super) fn take(&mut self, text: Text<'_>) {
        self.batch.add(text);
        if self.batch.bytes.len() >= BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        // Nobody takes it any more when a thread has panicked, which is told when it is joined.
        let _ = self.to.send(std::mem::take(&mut self.batch));
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Lets `read` hand on texts, and looks at them meanwhile on threads of their own: as many as there are processors beside the
/// one that reads. What is found does not depend on their number.
pub(super) fn ahead<T>(scanner: &mut Scanner, engine: &Engine, read: impl FnOnce(Ahead) -> T) -> T {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let (to, batches) = sync_channel::<Batch>(2);
    let batches = Mutex::new(batches);
    let mut others: Vec<Scanner> = (2..processors.min(THREADS + 1)).map(|_| Scanner::default()).collect();
    let result = thread::scope(|scope| {
        for scanner in others.iter_mut().chain([&mut *scanner]) {
            scope.spawn(|| take_all(scanner, engine, &batches));
        }
        read(Ahead { batch: Batch::default(), to })
    });
    others.into_iter().for_each(|other| scanner.add(other));
    result
}

fn take_all(scanner: &mut Scanner, engine: &Engine, batches: &Mutex<Receiver<Batch>>) {
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some(batch) = next() {
        batch.iter().for_each(|text| scanner.take(engine, text));
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

    #[test]
    fn a_batch_gives_back_what_was_put_in() {
        let mut batch = Batch::default();
        let texts = [("a", None), ("", Some("id")), ("b\u{e9}", Some("")), ("c", None)];
        for (line, (text, id)) in (1..).zip(texts) {
            batch.add(Text { line, kind: Some(Kind::Note), text, id });
        }
        let back: Vec<_> = batch.iter().map(|text| (text.text, text.id)).collect();
        assert_eq!(back, texts);
        assert!(batch.iter().map(|text| text.line).eq(1..=4));
    }
}
