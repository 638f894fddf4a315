//! `smoke scan`: finds personal data in JSON lines or log lines on standard input.

use super::in_order::in_order;
use super::{Exit, Failure, out};
use anyhow::Context as _;
use clap::Args;
use pii::{Engine, Finding, Policy, Unread, Utf8Reader, log_line};
use record::{LineRead, read_line, read_settings_text};
use serde_json::json;
use signature::Secret;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, in bytes.
const MAX_LINE: usize = 16 << 20;

/// Largest policy file that is read, in bytes.
const MAX_POLICY: u64 = 1 << 20;

/// Input is handed on in pieces of this many bytes, or as soon as it pauses.
const PIECE: usize = 64 << 10;

/// What the user typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Each line is a bare payload, or a wrapped one with an id, headers and the personal data to look for:\n  \
    {\"id\": 1, \"payload\": {…}, \"headers\": {…}, \"identities\": [{\"kind\": \"email\", \"value\": \"a@b.example\"}]}\n\
    An object with `payload` and `identities`, or with `payload` and only these members, is a wrapper; \
                  anything else in a wrapper is ignored."
)]
pub(super) struct ScanArgs {
    /// Read plain log lines instead of JSON lines; prints {line, findings} for lines with findings or parts that could not be read
    #[arg(long)]
    text: bool,
    /// Policy file, YAML or JSON: what is allowed, added or switched off
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Say which rule decided at each place, and what spoke for and against (`explained` in each row)
    #[arg(long)]
    explain: bool,
    /// Salt of the value hashes, so that several scans agree (default: random per scan)
    #[arg(long, value_name = "TEXT")]
    salt: Option<String>,
}

/// Scans standard input: exit 0 clean, 1 findings, 2 when a line could not be scanned (the others still are), 3
/// when parts of lines could not be read as text, or nothing to look at.
pub(super) fn run(args: &ScanArgs) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map_or(Ok(Policy::default()), read_policy)?;
    let salt = match &args.salt {
        Some(salt) => salt.clone(),
        None => Secret::generate().map_err(Failure::environment)?.expose().to_owned(),
    };
    let engine = Engine::new(&policy, &[], salt.as_bytes()).map_err(Failure::usage)?;
    let scanner = Scanner { engine, text: args.text, explain: args.explain };
    let mut all = Totals::default();
    in_order(
        |give| {
            let input = Utf8Reader::new(std::io::stdin().lock());
            read(BufReader::with_capacity(256 << 10, input), give)
        },
        |batch: Batch| scanner.scan(&batch),
        |scanned| all.take(&scanned),
    )?;
    all.verdict()
}

/// Reads a policy; YAML is a superset of JSON.
fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let shown = path.display().to_string();
    let text = read_settings_text(path, MAX_POLICY).with_context(|| format!("--policy {shown}"));
    scenario::read_policy(&text.map_err(Failure::Usage)?, &shown).map_err(|e| Failure::Usage(e.into()))
}

/// Lines that are scanned together.
#[derive(Default)]
struct Batch {
    /// Lines before these.
    before: u64,
    bytes: Vec<u8>,
    /// Where each line ends; `None` for one that is too long, and was not kept.
    ends: Vec<Option<usize>>,
}

/// Hands on every line, as soon as there are enough of them or the input pauses.
fn read(mut input: BufReader<impl Read>, give: &mut dyn FnMut(Batch)) -> Result<(), Failure> {
    let mut batch = Batch::default();
    loop {
        if batch.bytes.len() >= PIECE || input.buffer().is_empty() && !batch.ends.is_empty() {
            let before = batch.before + batch.ends.len() as u64;
            let bytes = Vec::with_capacity(PIECE + PIECE / 8);
            let ends = Vec::with_capacity(batch.ends.len());
            give(std::mem::replace(&mut batch, Batch { before, bytes, ends }));
        }
        match read_line(&mut input, MAX_LINE, &mut batch.bytes) {
            Ok(LineRead::End) => break,
            Ok(LineRead::TooLong) => batch.ends.push(None),
            Ok(LineRead::Whole) => batch.ends.push(Some(batch.bytes.len())),
            Err(e) => {
                give(batch);
                return Err(Failure::environment(format!("standard input: {e}")));
            }
        }
    }
    give(batch);
    Ok(())
}

/// What is looked for, and how.
struct Scanner {
    engine: Engine,
    text: bool,
    explain: bool,
}

impl Scanner {
    fn scan(&self, batch: &Batch) -> Scanned {
        let mut scanned = Scanned { number: batch.before, ..Scanned::default() };
        let mut start = 0;
        for end in &batch.ends {
            scanned.number += 1;
            let Some(end) = *end else {
                scanned.complain(&format!("longer than {MAX_LINE} bytes, skipped"));
                continue;
            };
            let line = batch.bytes.get(start..end).unwrap_or_default().trim_ascii();
            start = end;
            if line.is_empty() {
                continue;
            }
            scanned.looked_at += 1;
            if self.text {
                self.text_line(line, &mut scanned);
            } else if let Err(error) = self.json_line(line, &mut scanned) {
                scanned.complain(&error.to_string());
            }
        }
        scanned
    }

    fn text_line(&self, line: &[u8], scanned: &mut Scanned) {
        let read = log_line(line);
        let mut scan = self.engine.scan_text(&read.text);
        let unread = read.unread.map(|why| Unread { place: String::new(), why: why.to_owned() });
        scan.unread.extend(unread);
        scanned.count(&scan.findings, &scan.unread);
        let explained = self.explain.then(|| self.engine.explain_text(&read.text)).flatten();
        if scan.is_clean() && explained.is_none() {
            return;
        }
        let mut row = json!({"line": scanned.number, "findings": scan.findings});
        if !scan.unread.is_empty() {
            row["unread"] = json!(scan.unread);
        }
        if let Some(explained) = explained {
            row["explained"] = json!([explained]);
        }
        scanned.print(&row.to_string());
    }

    fn json_line(&self, line: &[u8], scanned: &mut Scanned) -> anyhow::Result<()> {
        let scan = self.engine.scan_line(line)?;
        let row = if self.explain {
            let mut row = serde_json::to_value(&scan)?;
            row["explained"] = serde_json::to_value(self.engine.explain_line(line)?)?;
            row.to_string()
        } else {
            serde_json::to_string(&scan)?
        };
        scanned.count(&scan.findings, &scan.unread);
        scanned.print(&row);
        Ok(())
    }
}

/// What was found in the lines of a batch.
#[derive(Default)]
struct Scanned {
    /// The line that was read last.
    number: u64,
    /// Lines with something in them.
    looked_at: u64,
    leaks: u64,
    unread: u64,
    bad: u64,
    rows: String,
    complaints: Vec<String>,
}

impl Scanned {
    fn count(&mut self, findings: &[Finding], unread: &[Unread]) {
        self.leaks += u64::from(!findings.is_empty());
        self.unread += u64::from(!unread.is_empty());
    }

    fn print(&mut self, row: &str) {
        self.rows.push_str(row);
        self.rows.push('\n');
    }

    fn complain(&mut self, what: &str) {
        self.bad += 1;
        // Whoever reads only stdout must not take a missing row for a clean line.
        self.print(&json!({"line": self.number, "error": what}).to_string());
        self.complaints.push(format!("line {}: {what}", self.number));
    }
}

/// What was found so far; its size does not depend on the length of the stream.
#[derive(Default)]
struct Totals {
    number: u64,
    looked_at: u64,
    leaks: u64,
    unread: u64,
    bad: u64,
}

impl Totals {
    fn take(&mut self, scanned: &Scanned) {
        self.number = scanned.number;
        self.looked_at += scanned.looked_at;
        self.leaks += scanned.leaks;
        self.unread += scanned.unread;
        self.bad += scanned.bad;
        scanned.complaints.iter().for_each(out::say);
        if !scanned.rows.is_empty() {
            out::raw_line(scanned.rows.trim_end_matches('\n'));
        }
    }

    /// The exit: unreadable lines weigh more than findings, because nothing is known about them.
    fn verdict(&self) -> Result<Exit, Failure> {
        match (self.bad, self.leaks) {
            (0, 0) if self.unread > 0 => {
                out::say(format!(
                    "{} of {} lines could not be read completely as text: `unread` says where and why",
                    self.unread, self.number
                ));
                Ok(Exit::Unproven)
            }
            // Nothing that was looked at is nothing that is clean.
            (0, 0) if self.looked_at == 0 => {
                let read = if self.number == 0 { "standard input is empty" } else { "all lines are empty" };
                out::say(format!("nothing was read: {read}, so there is no verdict on personal data"));
                Ok(Exit::Unproven)
            }
            (0, 0) => Ok(Exit::Pass),
            (0, _) => Ok(Exit::Fail),
            (bad, leaks) => Err(Failure::usage(format!(
                "{bad} of {} lines could not be scanned; {leaks} of the others have findings",
                self.number
            ))),
        }
    }
}
