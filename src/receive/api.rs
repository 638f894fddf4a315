//! The paths beside the webhooks: health, metrics, and reading attempts back.

use super::metrics::Metrics;
use super::scrape::Scrape;
use super::token::Token;
use super::untold::Missing;
use super::witness::{Refused, Witness};
use crate::inbox::Routes;
use crate::journal::{Journal, segment_path};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use record::seal::SignedCheckpoint;
use record::witness::Registering;
use record::{Header, Line, MAX_LINE, Record, RunKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use signature::Scheme;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use wire::Clock;
use wire::http1::{RawRequest, Response};

/// The first line of an answer is `{"smoke": …}`, which is no record.
pub const NEXT_HEADER: &str = "X-Smoke-Next";
/// The media type that a scraper names when it reads OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text";
/// Bytes of journal lines in one answer, at least one line in any case.
const PIECE: u64 = 1024 * 1024;
/// The longest that a request may wait for something new.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The longest while the journal cannot be written, which whoever asks is to know soon.
const MAX_UNWRITTEN_WAIT: Duration = Duration::from_secs(1);
/// How often it looks while it waits.
const LOOK: Duration = Duration::from_millis(50);

/// Health, metrics, and reading back.
pub(super) struct Paths {
    pub journal: Journal,
    pub metrics: Arc<Metrics>,
    /// The metrics as OpenMetrics, and in the older format.
    pub scrapes: [Scrape; 2],
    pub clock: Clock,
    pub token: Option<Token>,
    pub scheme: Scheme,
    /// Wrong tokens whose answers are held back.
    pub wrong: Semaphore,
    /// The first part that nobody has read back to its end.
    pub unread_from: Arc<AtomicU64>,
    /// Vouches for what comes, where the receiver has a key.
    pub witness: Option<Arc<Witness>>,
}

/// Health alone: the rest is on a listener of its own.
pub(super) struct Health(pub Arc<Paths>);

impl Routes for Health {
    fn answer<'a>(&'a self, request: &'a RawRequest) -> Option<BoxFuture<'a, Response>> {
        matches!(request.path(), "/healthz" | "/healthz/")
            .then(|| std::future::ready(self.0.health()).boxed())
    }
}

/// How long the answer to a wrong token is held back, and how many are at once.
const WRONG_TOKEN: Duration = Duration::from_millis(500);
pub(super) const MOST_WRONG: usize = 16;

/// The first line of an answer of `GET /_smoke/attempts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The receiver's run.
    pub run_id: uuid::Uuid,
    /// Wall time of tick 0 of the records in this answer.
    pub started: DateTime<Utc>,
    /// When the request had been read, by the receiver's clock.
    pub received: DateTime<Utc>,
    /// When the answer was made, by the receiver's clock.
    pub answered: DateTime<Utc>,
    /// How far its system's wall time, by which it judges freshness, is ahead of `started` plus a record's tick by now, in ms.
    #[serde(default)]
    pub ahead_ms: i64,
    /// Where to go on.
    pub next: String,
    /// Whether something between `since` and this answer is not there any more.
    pub missed: bool,
    /// Whether there is more at `next` already.
    pub more: bool,
    /// The URL that webhooks go to.
    pub endpoint: String,
    /// The signature scheme's name.
    pub scheme: String,
    /// How many secrets it accepts webhooks under.
    #[serde(default = "one")]
    pub secrets: usize,
    /// What its journal lacks and does not tell of, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwritten: Option<Unwritten>,
    /// What it vouches for, where it has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Vouched>,
}

/// What a receiver could not write to its journal. As soon as it can write again, a `gap` among the records tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwritten {
    /// Since when, by the receiver's clock.
    pub since: DateTime<Utc>,
    /// Webhooks that were answered 503 for it.
    pub webhooks: u64,
}

const fn one() -> usize {
    1
}

/// What a receiver with a key says of itself and of a registered run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vouched {
    /// Its public key, hex.
    pub key: String,
    /// What came to the run that was asked about, up to the end of this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<SignedCheckpoint>,
}

/// The answer of `POST /_smoke/runs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Where the records of the run begin.
    pub next: String,
    /// That it is registered, and which others were before.
    pub checkpoint: SignedCheckpoint,
}

/// A place in a journal: part and byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    part: u64,
    offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.part, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (part, offset) = text.split_once('.').ok_or(())?;
        Ok(Self { part: part.parse().map_err(drop)?, offset: offset.parse().map_err(drop)? })
    }
}

/// What one look at the journal gave.
pub(super) struct Piece {
    pub header: Header,
    pub lines: Vec<u8>,
    pub next: Cursor,
    pub missed: bool,
    pub more: bool,
}

impl Routes for Paths {
    fn answer<'a>(&'a self, request: &'a RawRequest) -> Option<BoxFuture<'a, Response>> {
        match request.path() {
            "/healthz" | "/healthz/" => Some(std::future::ready(self.health()).boxed()),
            "/metrics" => Some(std::future::ready(self.metrics(request)).boxed()),
            path if path == "/_smoke" || path.starts_with("/_smoke/") => Some(self.guarded(request).boxed()),
            _ => None,
        }
    }
}

impl Paths {
    fn health(&self) -> Response {
        let mut health = match self.metrics.writable() {
            true => json!({"status": "ok"}),
            false => json!({"status": "failing", "detail": "the journal cannot be written"}),
        };
        if let Some(ahead_ms) = self.metrics.clock_ahead_ms() {
            let at = self.clock.now();
            health["clock"] = json!(record::WallClock { at, ahead_ms }.to_string());
        }
        Response::json(if self.metrics.writable() { 200 } else { 503 }, &health)
    }

    fn metrics(&self, request: &RawRequest) -> Response {
        if request.method != "GET" && request.method != "HEAD" {
            return refused(405, "read metrics with GET").with("Allow", "GET, HEAD");
        }
        let [open, older] = &self.scrapes;
        let (kind, text) = if request.header("accept").is_some_and(|a| a.contains(OPENMETRICS)) {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (kind, open.text(|| self.metrics.openmetrics()))
        } else {
            ("text/plain; version=0.0.4; charset=utf-8", older.text(|| self.metrics.text()))
        };
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Response { status: 200, reason: None, headers, body: text.into_bytes() }
    }

    async fn guarded(&self, request: &RawRequest) -> Response {
        match &self.token {
            None => refused(403, "reading back is off: start smoke receive with --token-file"),
            Some(token) if !token.admits(request) => {
                self.metrics.wrong_token();
                // The one that is right is never kept waiting by those that are wrong.
                let Ok(_held) = self.wrong.try_acquire() else {
                    return refused(429, "too many wrong tokens").with("Retry-After", "1");
                };
                sleep(WRONG_TOKEN).await;
                refused(401, "a bearer token is required").with("WWW-Authenticate", "Bearer realm=\"smoke\"")
            }
            Some(_) if request.path() == "/_smoke/runs" => self.register(request),
            Some(_) if request.path() != "/_smoke/attempts" => {
                refused(404, "only /_smoke/attempts and /_smoke/runs are here")
            }
            Some(_) if request.method != "GET" => refused(405, "read attempts with GET").with("Allow", "GET"),
            Some(_) => self.attempts(request).await,
        }
    }

    async fn attempts(&self, request: &RawRequest) -> Response {
        let since = query(request, "since").unwrap_or_default();
        let wait = match query(request, "wait").map(str::parse::<f64>) {
            None => Duration::ZERO,
            Some(Ok(s)) if (0.0..=3600.0).contains(&s) => Duration::from_secs_f64(s).min(MAX_WAIT),
            Some(_) => return refused(400, "wait: not a number of seconds"),
        };
        let begun = Instant::now();
        let Some(since) = self.cursor(since) else {
            return refused(400, "since: not 0, now, or the `next` of an earlier response");
        };
        let mut at = since;
        loop {
            // First what the journal does not tell of: from then on it may tell of it.
            let missing = self.metrics.untold().missing();
            let wait = if missing.is_some() { wait.min(MAX_UNWRITTEN_WAIT) } else { wait };
            let piece = match self.look(at, None) {
                Ok(piece) => piece,
                Err(error) => return refused(503, &format!("the journal cannot be read: {}", error.kind())),
            };
            self.unread_from.fetch_max(piece.next.part, Ordering::Relaxed);
            if !piece.lines.is_empty() || piece.missed || begun.elapsed() >= wait {
                return match self.vouched(request, since, &piece, missing.is_none()) {
                    Ok(vouched) => self.piece(request, &piece, missing, vouched),
                    Err(refusal) => refusal,
                };
            }
            at = piece.next;
            if !piece.more {
                sleep(LOOK).await;
            }
        }
    }

    /// Registers the run of the query: its id, kind and scenario, and how many flows it has.
    fn register(&self, request: &RawRequest) -> Response {
        if request.method != "POST" {
            return refused(405, "register runs with POST").with("Allow", "POST");
        }
        let Some(witness) = &self.witness else {
            return refused(404, "this receiver vouches for nothing: start it with --witness-key");
        };
        let asked: HashMap<_, _> = asked(request);
        let run = asked.get("run").and_then(|run| uuid::Uuid::parse_str(run).ok());
        let kind = asked.get("kind").and_then(|kind| {
            [RunKind::Run, RunKind::Load, RunKind::Observe].into_iter().find(|known| known.name() == kind)
        });
        let (Some(run), Some(kind), Some(scenario)) = (run, kind, asked.get("scenario")) else {
            return refused(400, "run (a UUID), kind (run, load, observe) and scenario are required");
        };
        let flows = asked.get("flows").and_then(|flows| flows.parse().ok());
        match witness.register(self, Registering { run, kind, scenario, flows }) {
            Ok((since, checkpoint)) => {
                let registration = Registration { next: since.to_string(), checkpoint };
                Response::json(200, &json!({ "smoke": registration }))
            }
            Err(refusal) => not_vouched(&refusal),
        }
    }

    /// What is signed of an answer: with `run` what came to that run up to its end, with `close` for the last time, which is not
    /// said of a journal that does not tell everything.
    fn vouched(
        &self,
        request: &RawRequest,
        since: Cursor,
        piece: &Piece,
        tells_all: bool,
    ) -> Result<Option<Vouched>, Response> {
        let Some(witness) = &self.witness else { return Ok(None) };
        let key = witness.public().to_string();
        let Some(run) = query(request, "run") else { return Ok(Some(Vouched { key, checkpoint: None })) };
        let run = uuid::Uuid::parse_str(run).map_err(|_| refused(400, "run: not a UUID"))?;
        let closes = tells_all && query(request, "close") == Some("1");
        let checkpoint = witness.checkpoint(self, (run, since), piece, closes);
        let checkpoint = checkpoint.map_err(|refusal| not_vouched(&refusal))?;
        Ok(Some(Vouched { key, checkpoint: Some(checkpoint) }))
    }

    /// The end of what is written.
    pub(super) fn now(&self) -> Cursor {
        let _ = self.metrics.untold().flush(&self.journal, self.clock);
        let (_, part, offset) = self.journal.whole();
        Cursor { part, offset }
    }

    /// Records from `at` on, as JSON lines, and where to go on.
    pub(super) fn read(&self, at: Cursor) -> io::Result<(Vec<u8>, Cursor)> {
        self.look(at, None).map(|piece| (piece.lines, piece.next))
    }

    fn cursor(&self, since: &str) -> Option<Cursor> {
        match since {
            "" | "0" => Some(Cursor { part: 0, offset: 0 }),
            "now" => Some(self.now()),
            other => other.parse().ok(),
        }
    }

    /// Reads what is behind `at`, of one part at most, and nothing behind `until`.
    pub(super) fn look(&self, at: Cursor, until: Option<Cursor>) -> io::Result<Piece> {
        let _ = self.metrics.untold().flush(&self.journal, self.clock);
        let (current, last, whole) = self.journal.whole();
        let mut part = at.part;
        // From the beginning means from the oldest part that is there; that is not a gap.
        let (mut missed, from_start) = (false, at.part == 0);
        let file = loop {
            let path = if part >= last { current.clone() } else { segment_path(&current, part) };
            match File::open(&path) {
                Ok(file) => break file,
                Err(e) if e.kind() == io::ErrorKind::NotFound && part < last => {
                    missed |= !from_start;
                    part = next_part(&current, part, last);
                }
                Err(e) => return Err(e),
            }
        };
        let part = part.min(last);
        let offset = if part == at.part { at.offset } else { 0 };
        let limit = until.filter(|until| until.part == part).map_or(u64::MAX, |until| until.offset);
        let limit = if part == last { limit.min(whole) } else { limit };
        let (header, lines, end) = read_from(file, offset, limit)?;
        let more = end.more || part < last;
        let next = match end.more || part >= last || end.offset == limit {
            true => Cursor { part, offset: end.offset },
            false => Cursor { part: part + 1, offset: 0 },
        };
        Ok(Piece { header, lines, next, missed, more })
    }

    fn piece(
        &self,
        request: &RawRequest,
        piece: &Piece,
        missing: Option<Missing>,
        witness: Option<Vouched>,
    ) -> Response {
        let wall = |tick: record::Tick| tick.wall(self.clock.started());
        // A part of an earlier process has a time line of its own.
        let is_own = piece.header.started == self.clock.started();
        let ahead_ms = self.metrics.clock_ahead_ms().filter(|_| is_own).unwrap_or_default();
        let meta = Meta {
            run_id: piece.header.run_id,
            started: piece.header.started,
            received: wall(request.received),
            answered: wall(self.clock.now()),
            ahead_ms,
            next: piece.next.to_string(),
            missed: piece.missed,
            more: piece.more,
            endpoint: piece.header.webhook.endpoint.clone(),
            scheme: piece.header.scheme.to_string(),
            secrets: piece.header.webhook.secrets,
            unwritten: missing.map(|m| Unwritten { since: wall(m.since), webhooks: m.webhooks }),
            witness,
        };
        let mut body = serde_json::to_vec(&json!({ "smoke": meta })).unwrap_or_default();
        body.push(b'\n');
        body.extend_from_slice(&piece.lines);
        let headers = vec![("Content-Type".to_owned(), "application/x-ndjson".to_owned())];
        Response { status: 200, reason: None, headers, body }.with(NEXT_HEADER, &meta.next)
    }
}

/// The first part behind `part` that is there; the current one at the latest.
fn next_part(journal: &Path, part: u64, last: u64) -> u64 {
    let there = |p: &u64| segment_path(journal, *p).exists();
    if last.saturating_sub(part) > 10_000 { last } else { (part + 1..last).find(there).unwrap_or(last) }
}

/// Where reading stopped.
struct End {
    offset: u64,
    more: bool,
}

/// The header of a part, and its whole lines from `offset` on as bare records, as far as one answer goes.
fn read_from(file: File, offset: u64, limit: u64) -> io::Result<(Header, Vec<u8>, End)> {
    let mut input = BufReader::with_capacity(64 * 1024, file);
    let mut first = Vec::new();
    read_line(&mut input, &mut first)?;
    let malformed = |e: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, e);
    let Record::Header(header) = Line::parse(&first).map_err(malformed)?.record else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a part without a header"));
    };
    let mut at = offset.max(first.len() as u64);
    input.seek(SeekFrom::Start(at))?;
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    loop {
        let n = if at < limit { read_line(&mut input, &mut line)? } else { 0 };
        if n == 0 || line.last() != Some(&b'\n') {
            return Ok((*header, lines, End { offset: at, more: false }));
        }
        if !lines.is_empty() && lines.len() as u64 + n > PIECE {
            return Ok((*header, lines, End { offset: at, more: true }));
        }
        at += n;
        if let Some(record) = bare(&line) {
            lines.extend_from_slice(record.as_bytes());
            lines.push(b'\n');
        }
    }
}

fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let n = input.take(MAX_LINE as u64 + 1).read_until(b'\n', line)?;
    Ok(n as u64)
}

/// The record of a line when it is about webhooks, or about those that are not in the journal; headers, links and ends of parts
/// are the journal's own matter. A line is `{"prev":"…","record":…}`, written by this process or an earlier one.
fn bare(line: &[u8]) -> Option<&str> {
    const RECORD: &str = "\"record\":";
    let line = std::str::from_utf8(line).ok()?;
    let (_, record) = line.split_once(RECORD)?;
    let record = record.trim_end().strip_suffix('}')?;
    let wanted = [
        "{\"attempt\":",
        "{\"answered\":",
        "{\"note\":",
        "{\"refused\":",
        "{\"watch\":{\"forwarded\":",
        "{\"watch\":{\"gap\":",
        "{\"watch\":{\"diagnosed\":",
        "{\"watch\":{\"not_kept\":",
        "{\"watch\":{\"wall_clock\":",
    ];
    wanted.iter().any(|w| record.starts_with(w)).then_some(record)
}

/// The names and values of a query, decoded.
fn asked(request: &RawRequest) -> HashMap<String, String> {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The answer where nothing can be signed.
fn not_vouched(refusal: &Refused) -> Response {
    match refusal {
        Refused::Unknown => refused(404, "this run was not registered here"),
        Refused::Closed => refused(409, "this run has ended"),
        Refused::TooMany => {
            refused(429, "too many runs were registered within a minute").with("Retry-After", "60")
        }
        Refused::Gone => refused(410, "some of what arrived since the run was registered is gone"),
        Refused::Place => refused(400, "since: not the `next` of an earlier response about this run"),
        Refused::Journal(error) => refused(503, &format!("the journal fails: {}", error.kind())),
    }
}

fn query<'a>(request: &'a RawRequest, name: &str) -> Option<&'a str> {
    let (_, query) = request.target.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
}

fn refused(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({"error": "refused", "detail": detail}))
}
