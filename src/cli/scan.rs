//! `smoke scan`: finds personal data in JSON lines or log lines on standard input.

use super::{Exit, Failure, out};
use anyhow::Context as _;
use clap::Args;
use pii::{Engine, Policy};
use record::read_input_text;
use serde_json::json;
use signature::Secret;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, in bytes.
const MAX_LINE: usize = 16 << 20;

/// Largest policy file that is read, in bytes.
const MAX_POLICY: u64 = 1 << 20;

/// The byte order mark of UTF-8, which some editors put before the first line.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Output is handed on in pieces of this many bytes, or as soon as the input pauses.
const PIECE: usize = 64 << 10;

/// What the user typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Each line is a payload as it is, or wrapped, to give it an id, headers and the personal data to look for:\n  \
    {\"id\": 1, \"payload\": {…}, \"headers\": {…}, \"identities\": [{\"kind\": \"email\", \"value\": \"a@b.example\"}]}\n\
    An object with a `payload` and `identities`, or with a `payload` and nothing else than these members, is a wrapper; \
                  whatever else a wrapper holds is not looked at."
)]
pub(super) struct ScanArgs {
    /// Read plain log lines instead of JSON lines; prints {line, findings} for lines with findings
    #[arg(long)]
    text: bool,
    /// Policy file, YAML or JSON: what is allowed, added or switched off
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Salt of the value hashes, so that several scans agree (default: random per scan)
    #[arg(long, value_name = "TEXT")]
    salt: Option<String>,
}

/// Scans standard input: exit 0 clean, 1 findings, 2 when a line could not be read (the others are still scanned).
pub(super) fn run(args: &ScanArgs) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map_or(Ok(Policy::default()), read_policy)?;
    let salt = match &args.salt {
        Some(salt) => salt.clone(),
        None => Secret::generate().map_err(Failure::environment)?.expose().to_owned(),
    };
    let engine = Engine::new(&policy, &[], salt.as_bytes()).map_err(Failure::usage)?;
    let mut stream = Stream { engine, text: args.text, number: 0, leaks: 0, bad: 0, pending: String::new() };
    stream.read(BufReader::with_capacity(256 << 10, std::io::stdin().lock()))?;
    stream.verdict()
}

/// Reads a policy; YAML is a superset of JSON.
fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let read =
        || -> anyhow::Result<Policy> { Ok(serde_saphyr::from_str(&read_input_text(path, MAX_POLICY)?)?) };
    read().with_context(|| format!("--policy {}", path.display())).map_err(Failure::Usage)
}

/// The state of a scan; its size does not depend on the length of the stream.
struct Stream {
    engine: Engine,
    text: bool,
    number: u64,
    leaks: u64,
    bad: u64,
    pending: String,
}

impl Stream {
    /// Scans every line.
    fn read(&mut self, mut input: BufReader<impl Read>) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            if self.pending.len() >= PIECE || input.buffer().is_empty() {
                self.flush();
            }
            line.clear();
            let read = (&mut input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
            match read.map_err(|e| Failure::environment(format!("standard input: {e}")))? {
                0 => break,
                _ => self.number += 1,
            }
            if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
                self.complain(&format!("longer than {MAX_LINE} bytes, skipped"));
                skip_line(&mut input)?;
                continue;
            }
            let mark = if self.number == 1 { MARK } else { &[] };
            self.line(line.strip_prefix(mark).unwrap_or(&line).trim_ascii());
        }
        self.flush();
        Ok(())
    }

    /// Scans one line.
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        if self.text {
            let scan = self.engine.scan_text(&String::from_utf8_lossy(line));
            if !scan.is_clean() {
                self.leaks += 1;
                let row = json!({"line": self.number, "findings": scan.findings});
                self.print(&row.to_string());
            }
            return;
        }
        match self.engine.scan_line(line) {
            Ok(scan) => {
                self.leaks += u64::from(!scan.findings.is_empty());
                match serde_json::to_string(&scan) {
                    Ok(row) => self.print(&row),
                    Err(error) => self.complain(&error.to_string()),
                }
            }
            Err(error) => self.complain(&error.to_string()),
        }
    }

    fn print(&mut self, row: &str) {
        self.pending.push_str(row);
        self.pending.push('\n');
    }

    fn complain(&mut self, what: &str) {
        self.bad += 1;
        // Whoever reads only stdout must not take a missing row for a clean line.
        self.print(&json!({"line": self.number, "error": what}).to_string());
        out::say(format!("line {}: {what}", self.number));
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            out::line(self.pending.trim_end_matches('\n'));
            self.pending.clear();
        }
    }

    /// The exit: unreadable lines weigh more than findings, because nothing is known about them.
    fn verdict(&self) -> Result<Exit, Failure> {
        match (self.bad, self.leaks) {
            (0, 0) => Ok(Exit::Pass),
            (0, _) => Ok(Exit::Fail),
            (bad, leaks) => Err(Failure::usage(format!(
                "{bad} of {} lines could not be scanned; {leaks} of the others have findings",
                self.number
            ))),
        }
    }
}

/// Reads on to the end of an overlong line without keeping it.
fn skip_line(input: &mut impl BufRead) -> Result<(), Failure> {
    loop {
        let buffer = input.fill_buf().map_err(|e| Failure::environment(format!("standard input: {e}")))?;
        let end = buffer.iter().position(|b| *b == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() || used == 0 {
            return Ok(());
        }
    }
}
