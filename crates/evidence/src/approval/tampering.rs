//! What was done to a journal whose hash chain breaks: edited, re-ordered, or spliced.

use record::{GENESIS, LineRead, MAX_LINE, read_line, sha256_hex};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Lines that are looked at; a longer journal is only said to be broken.
const MAX_LINES: usize = 2_000_000;

/// What of a line is looked at.
#[derive(Deserialize)]
struct Link {
    prev: String,
    record: Place,
}

/// The records that have their place.
#[derive(Deserialize)]
struct Place {
    header: Option<IgnoredAny>,
    end: Option<Count>,
}

#[derive(Deserialize)]
struct Count {
    records: u64,
}

/// The links of a journal.
#[derive(Debug, Default)]
struct Chain {
    /// What each line says the one before hashes to, and what it hashes to.
    lines: Vec<(String, String)>,
    /// Lines that are headers, from 1.
    headers: Vec<u64>,
    /// What the end record counts.
    counted: Option<u64>,
}

/// Says what was done to the journal at `path`; `None` when it cannot be told.
pub(super) fn diagnose(path: &Path, name: &str) -> Option<(&'static str, String)> {
    let chain = read(path)?;
    let (kind, sentence) = chain.spliced().or_else(|| chain.reordered()).or_else(|| chain.edited())?;
    Some((kind, format!("{name}: {sentence}")))
}

fn read(path: &Path) -> Option<Chain> {
    let mut input = BufReader::with_capacity(256 * 1024, File::open(path).ok()?);
    let mut chain = Chain::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if read_line(&mut input, MAX_LINE, &mut line).ok()? == LineRead::TooLong {
            return None;
        }
        if line.pop() != Some(b'\n') {
            return Some(chain);
        }
        let link: Link = serde_json::from_slice(&line).ok()?;
        let number = chain.lines.len() as u64 + 1;
        chain.headers.extend(link.record.header.map(|_| number));
        chain.counted = link.record.end.map(|end| end.records).or(chain.counted);
        chain.lines.push((link.prev, sha256_hex(&line)));
        if chain.lines.len() > MAX_LINES {
            return None;
        }
    }
}

impl Chain {
    /// Lines that do not follow from the one before, from 1.
    fn breaks(&self) -> Vec<u64> {
        let mut before = GENESIS;
        let mut breaks = Vec::new();
        for (number, (prev, hash)) in (1..).zip(&self.lines) {
            if prev != before {
                breaks.push(number);
            }
            before = hash;
        }
        breaks
    }

    /// A second header.
    fn spliced(&self) -> Option<(&'static str, String)> {
        let second = self.headers.get(1)?;
        Some(("journal_spliced", format!("line {second} begins another journal: two were concatenated")))
    }

    /// A line that follows from another line of this journal than the one it stands after.
    fn reordered(&self) -> Option<(&'static str, String)> {
        let places: HashMap<&str, u64> =
            (1..).zip(&self.lines).map(|(n, (_, hash))| (hash.as_str(), n)).collect();
        let moved = |n: &u64| {
            let (prev, _) = self.lines.get(usize::try_from(n - 1).ok()?)?;
            Some((*n, *places.get(prev.as_str())?))
        };
        let (line, after) = self.breaks().iter().find_map(moved)?;
        Some((
            "journal_reordered",
            format!(
                "line {line} was written after what is now line {after}, but follows line {}: lines were moved or \
                 repeated",
                line - 1
            ),
        ))
    }

    /// One line that the next does not follow from, and nothing else wrong.
    fn edited(&self) -> Option<(&'static str, String)> {
        let breaks = self.breaks();
        let first = breaks.first().copied().filter(|first| *first > 1)?;
        let lines = self.lines.len() as u64;
        if let Some(counted) = self.counted.filter(|counted| counted + 1 != lines) {
            return Some((
                "journal_spliced",
                format!(
                    "line {first} does not follow from line {}, and the end record counts {counted} records, not \
                     {}: lines were removed or inserted",
                    first - 1,
                    lines - 1
                ),
            ));
        }
        // An edit of a line's own link breaks before and after it.
        let only = match *breaks.as_slice() {
            [line] => line - 1,
            [line, next] if next == line + 1 => line,
            _ => return None,
        };
        (only > 0).then(|| {
            let what = "was changed after it was written, or what follows it is from another run";
            ("journal_edited", format!("line {only} {what}; every other line follows from the one before"))
        })
    }
}
