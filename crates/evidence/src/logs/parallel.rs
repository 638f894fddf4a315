//! A log that is read on several threads: each takes a batch of lines, reads them and looks for personal data in them, and counts
//! them when those of the batches before have been counted. What is counted does not depend on the number of threads.

use super::Formats;
use super::line::Entry;
use super::lines::{Lines, text};
use super::privacy::{Scanner, Text};
use pii::Engine;
use std::borrow::Cow;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Threads at most; with the size of a batch they bound the memory.
const THREADS: usize = 4;
/// A batch has this many bytes with the line that it ends with, and so many lines at most.
const BYTES: usize = 64 * 1024;
const LINES: usize = 1024;

/// What is done with lines.
pub(super) struct Work<'f> {
    pub formats: &'f Formats,
    /// Looks for personal data, where that is asked for.
    pub engine: Option<Arc<Engine>>,
    /// Lines that were counted before.
    pub before: u64,
}

/// Lines that are read together.
struct Batch {
    /// Lines before these.
    before: u64,
    bytes: Vec<u8>,
    /// Where each line ends; `None` for one that is too long, and was not kept.
    ends: Vec<Option<usize>>,
    /// Closes when the batches before have been counted, or never will be; `None` for the first.
    turn: Option<Receiver<()>>,
    /// Held until this one has been counted.
    held: Sender<()>,
}

impl Batch {
    fn texts(&self) -> impl Iterator<Item = Option<Cow<'_, str>>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let begin = start;
            start = (*end)?;
            text(self.bytes.get(begin..start)?)
        })
    }
}

/// Where batches come from.
struct Source<'l, R> {
    lines: &'l mut Lines<R>,
    before: u64,
    last: Option<Receiver<()>>,
    /// How the input ended, when it has.
    end: Option<io::Result<()>>,
}

impl<R: BufRead> Source<'_, R> {
    fn batch(&mut self) -> Option<Batch> {
        let (mut bytes, mut ends) = (Vec::with_capacity(BYTES + BYTES / 8), Vec::new());
        while self.end.is_none() && bytes.len() < BYTES && ends.len() < LINES {
            match self.lines.next_bytes(&mut bytes) {
                Ok(Some(whole)) => ends.push(whole.then_some(bytes.len())),
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        if ends.is_empty() {
            return None;
        }
        let (held, next) = channel();
        let (before, turn) = (self.before, self.last.replace(next));
        self.before += ends.len() as u64;
        Some(Batch { before, bytes, ends, turn, held })
    }
}

impl Work<'_> {
    /// Reads all lines, and lets `count` have them one after another with what they say.
    pub(super) fn all<R: BufRead + Send>(
        &self,
        lines: &mut Lines<R>,
        scanner: &mut Scanner,
        count: impl FnMut(Option<&str>, Option<&Entry<'_>>) + Send,
    ) -> io::Result<()> {
        let source = Mutex::new(Source { lines, before: self.before, last: None, end: None });
        let count = Mutex::new(count);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut others: Vec<Scanner> = (1..threads).map(|_| Scanner::default()).collect();
        thread::scope(|scope| {
            for scanner in others.iter_mut().chain([&mut *scanner]) {
                scope.spawn(|| self.batches(&source, scanner, &count));
            }
        });
        others.into_iter().for_each(|other| scanner.add(other));
        source.into_inner().unwrap_or_else(PoisonError::into_inner).end.unwrap_or(Ok(()))
    }

    /// The line itself, where a collector has put it into an object whole.
    fn unwrapped<'b>(&self, line: Cow<'b, str>) -> Cow<'b, str> {
        let inner = match self.formats.unwrapped(&line) {
            Cow::Owned(inner) => Some(inner),
            Cow::Borrowed(_) => None,
        };
        inner.map_or(line, Cow::Owned)
    }

    /// Works on one batch after another until there are no more.
    fn batches<R: BufRead>(
        &self,
        source: &Mutex<Source<'_, R>>,
        scanner: &mut Scanner,
        count: &Mutex<impl FnMut(Option<&str>, Option<&Entry<'_>>)>,
    ) {
        let next = || source.lock().unwrap_or_else(PoisonError::into_inner).batch();
        while let Some(batch) = next() {
            let lines: Vec<Option<Cow<'_, str>>> =
                batch.texts().map(|line| Some(self.unwrapped(line?))).collect();
            let entries: Vec<Option<Entry<'_>>> =
                lines.iter().map(|line| self.formats.read(line.as_deref()?)).collect();
            let read = || lines.iter().map(Option::as_deref).zip(entries.iter().map(Option::as_ref));
            if let Some(engine) = &self.engine {
                let numbered = (batch.before + 1..).zip(read());
                let texts = numbered.flat_map(|(number, (line, entry))| Text::of(line, entry, number));
                texts.for_each(|text| scanner.take(engine, text));
            }
            // An error is the end of the batch before.
            let _ = batch.turn.as_ref().map(Receiver::recv);
            let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
            read().for_each(|(line, entry)| count(line, entry));
            drop(count);
            drop(batch.held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fold, MAX_LINE};
    use super::*;
    use pii::Policy;

    #[test]
    fn a_log_of_many_batches_says_what_its_lines_say_one_by_one() {
        let mut log = String::new();
        for n in 0..6 * LINES {
            let at = format!("2025-11-13 14:{:02}:{:02},000", n / 60 % 60, n % 60);
            log += &match n % 7 {
                0 => format!(
                    "ERROR {at} apps.x broke\nTraceback (most recent call last):\n  File\nValueError: {n}"
                ),
                1 => format!("INFO {at} apps.x from user{n}@example.org"),
                2 => format!("{{\"log\":\"WARNING {at} apps.x Webhook timeout: event=e{n}, attempt=1/3\"}}"),
                3 => format!("what {n} is this"),
                4 if n == 1999 => "x".repeat(MAX_LINE + 1),
                4 => String::new(),
                _ => format!(
                    "INFO {at} apps.x Webhook delivered successfully: event=e{n}, status=200, webhook_id=w{n}"
                ),
            };
            log.push('\n');
        }
        let formats = Formats::built_in().unwrap();
        let engine = || Some(Engine::new(&Policy::default(), &[], b"salt").unwrap());
        for engine in [engine, || None] {
            let mut all = Fold::new(&formats, engine(), None);
            all.take_all(&mut Lines::new(log.as_bytes())).unwrap();
            let mut one_by_one = Fold::new(&formats, engine(), None);
            let mut lines = Lines::new(log.as_bytes());
            while let Some(line) = lines.next_line().unwrap() {
                one_by_one.take(line.as_deref());
            }
            assert_eq!(all.summary(), one_by_one.summary());
            assert!(all.summary().errors.tracebacks > 800);
        }
    }

    #[test]
    fn what_stands_before_a_failure_is_counted() {
        struct Fails;
        impl io::Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let formats = Formats::built_in().unwrap();
        let mut fold = Fold::new(&formats, None, None);
        let input = io::Read::chain(&b"INFO 2025-11-13 14:30:15,123 a.b hello\nINFO 20"[..], Fails);
        let read = fold.take_all(&mut Lines::new(io::BufReader::new(input)));
        assert_eq!(read.unwrap_err().to_string(), "gone");
        assert_eq!(fold.summary().lines, 1);
    }
}
