//! `smoke scan`: finds personal data in JSON lines or log lines on standard input.

use super::{Exit, Failure, out};
use anyhow::Context as _;
use clap::Args;
use pii::{Engine, Finding, Policy, Unread, Utf8Reader, log_line};
use record::read_input_text;
use serde_json::json;
use signature::Secret;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, in bytes.
const MAX_LINE: usize = 16 << 20;

/// Largest policy file that is read, in bytes.
const MAX_POLICY: u64 = 1 << 20;

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
/// when parts of lines could not be read as text.
pub(super) fn run(args: &ScanArgs) -> Result<Exit, Failure> {
    let policy = args.policy.as_deref().map_or(Ok(Policy::default()), read_policy)?;
    let salt = match &args.salt {
        Some(salt) => salt.clone(),
        None => Secret::generate().map_err(Failure::environment)?.expose().to_owned(),
    };
    let engine = Engine::new(&policy, &[], salt.as_bytes()).map_err(Failure::usage)?;
    let (text, explain) = (args.text, args.explain);
    let mut stream =
        Stream { engine, text, explain, number: 0, leaks: 0, unread: 0, bad: 0, pending: String::new() };
    stream.read(BufReader::with_capacity(256 << 10, Utf8Reader::new(std::io::stdin().lock())))?;
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
    explain: bool,
    number: u64,
    leaks: u64,
    unread: u64,
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
            self.line(line.trim_ascii());
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
            self.text_line(line);
        } else if let Err(error) = self.json_line(line) {
            self.complain(&error.to_string());
        }
    }

    fn text_line(&mut self, line: &[u8]) {
        let read = log_line(line);
        let mut scan = self.engine.scan_text(&read.text);
        let unread = read.unread.map(|why| Unread { place: String::new(), why: why.to_owned() });
        scan.unread.extend(unread);
        self.count(&scan.findings, &scan.unread);
        let explained = self.explain.then(|| self.engine.explain_text(&read.text)).flatten();
        if scan.is_clean() && explained.is_none() {
            return;
        }
        let mut row = json!({"line": self.number, "findings": scan.findings});
        if !scan.unread.is_empty() {
            row["unread"] = json!(scan.unread);
        }
        if let Some(explained) = explained {
            row["explained"] = json!([explained]);
        }
        self.print(&row.to_string());
    }

    fn json_line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let scan = self.engine.scan_line(line)?;
        let row = if self.explain {
            let mut row = serde_json::to_value(&scan)?;
            row["explained"] = serde_json::to_value(self.engine.explain_line(line)?)?;
            row.to_string()
        } else {
            serde_json::to_string(&scan)?
        };
        self.count(&scan.findings, &scan.unread);
        self.print(&row);
        Ok(())
    }

    fn count(&mut self, findings: &[Finding], unread: &[Unread]) {
        self.leaks += u64::from(!findings.is_empty());
        self.unread += u64::from(!unread.is_empty());
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
            out::raw_line(self.pending.trim_end_matches('\n'));
            self.pending.clear();
        }
    }

    /// The exit: unreadable lines weigh more than findings, because nothing is known about them.
    fn verdict(&self) -> Result<Exit, Failure> {
        match (self.bad, self.leaks) {
            (0, 0) if self.unread > 0 => {
                out::say(format!(
                    "{} of {} lines could not be read as text to their end: `unread` says where and why",
                    self.unread, self.number
                ));
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
