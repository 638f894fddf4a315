//! Each format of lines against each thing that a sender may do.

use super::super::{Fold, Formats, Kind, LogWindow};
use crate::fixtures;
use chrono::{DateTime, TimeDelta, Utc};
use pii::{Engine, Policy};
use record::{Answered, Attempt, Ending, Header, LogCompared, Record, RunKind, Tick};
use serde_json::json;
use signature::Verdict;

const SECOND: u64 = 1_000_000;
const NAME: &str = "apps.notifications.services.webhook_service";
const TASK: &str = "4960b1c5-318e-4f87-b6c4-62792d82faa3";

/// Writes a line: level, time, message.
type Format = fn(&str, DateTime<Utc>, &str) -> String;

fn local(at: DateTime<Utc>) -> String {
    (at + TimeDelta::hours(6)).format("%Y-%m-%d %H:%M:%S,%3f").to_string()
}

fn iso(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn verbose(level: &str, at: DateTime<Utc>, text: &str) -> String {
    format!("{level} {} webhook_service 812 140213123456789 {text}", local(at))
}

fn celery(level: &str, at: DateTime<Utc>, text: &str) -> String {
    format!("[{}: {level}/ForkPoolWorker-1] apps.notifications.tasks.deliver[{TASK}]: {text}", local(at))
}

fn logger_json(level: &str, at: DateTime<Utc>, text: &str) -> String {
    json!({"asctime": local(at), "levelname": level, "name": NAME, "message": text}).to_string()
}

fn monolog(level: &str, at: DateTime<Utc>, text: &str) -> String {
    format!("[{}] app.{level}: {text} [] []", iso(at))
}

const FORMATS: [(&str, Format); 52] = [
    ("console", |l, at, m| format!("{l} {} {NAME} {m}", local(at))),
    ("debug", |l, at, m| format!("{l} {} {NAME} webhook_service 812 140213 {m}", local(at))),
    ("verbose of Django's manual", verbose),
    ("level, time", |l, at, m| format!("{l} {} {m}", local(at))),
    ("bracketed level and verbose", |l, at, m| {
        format!("[{l}] {} webhook_service 812 140213123456789 {m}", local(at))
    }),
    ("module and line", |l, at, m| format!("{} {l} webhook_service:123 {m}", local(at))),
    ("module in parentheses", |l, at, m| format!("{} {l} (webhook_service) {m}", local(at))),
    ("process and thread first", |l, at, m| format!("{} [812:140213123456789] {l} {NAME} {m}", local(at))),
    ("a thread's name", |l, at, m| {
        format!("{} [Thread-12 (process_request_thread)] {l} {NAME} {m}", local(at))
    }),
    ("a thread's name behind the logger", |l, at, m| format!("{l} {} {NAME} MainThread {m}", local(at))),
    ("a thread's name before the logger", |l, at, m| format!("{} {l} MainThread {NAME} {m}", local(at))),
    ("a request's id", |l, at, m| format!("{} {l} [{TASK}] {NAME}: {m}", local(at))),
    ("a request's id behind the logger", |l, at, m| format!("{l} {} {NAME} req-12ab user=- {m}", local(at))),
    ("no level", |_, at, m| format!("{} {NAME} {m}", local(at))),
    ("time alone", |_, at, m| format!("{} {m}", local(at))),
    ("the time of a web server", |l, at, m| {
        let at = (at + TimeDelta::hours(6)).format("%d/%b/%Y %H:%M:%S");
        format!("[{at}] {l} [{NAME}:123] {m}")
    }),
    ("celery's worker", |l, at, m| format!("[{}: {l}/ForkPoolWorker-1] {m}", local(at))),
    ("celery's task", celery),
    ("celery's task by a short name", |l, at, m| {
        format!("[{}: {l}/ForkPoolWorker-1] deliver[{TASK}]: {m}", local(at))
    }),
    ("celery's `Task`", |l, at, m| {
        format!("[{}: {l}/ForkPoolWorker-1] Task apps.notifications.tasks.deliver[{TASK}] {m}", local(at))
    }),
    ("celery in compose", |l, at, m| format!("worker-1  | {}", celery(l, at, m))),
    ("structlog's key=value", |l, at, m| {
        format!("timestamp={} level={} logger={NAME} event={m:?}", iso(at), l.to_lowercase())
    }),
    ("structlog's key=value by repr", |l, at, m| {
        format!("event='{m}' level='{}' logger='{NAME}' timestamp='{}'", l.to_lowercase(), iso(at))
    }),
    ("logfmt", |l, at, m| format!("at={l} when={} logger={NAME} msg={m:?}", iso(at))),
    ("time and key=value", |l, at, m| format!("{} level={l} logger={NAME} message={m:?}", local(at))),
    ("structlog's console", |l, at, m| format!("{} [{:9}] {m}   [{NAME}]", local(at), l.to_lowercase())),
    ("python-json-logger", logger_json),
    ("structlog's JSON", |l, at, m| {
        json!({"event": m, "level": l.to_lowercase(), "timestamp": iso(at)}).to_string()
    }),
    ("JSON behind a formatter's head", |l, at, m| {
        format!("{l} {} {NAME} {}", local(at), json!({"event": m, "level": l.to_lowercase()}))
    }),
    ("OpenTelemetry", |l, at, m| {
        json!({"Timestamp": iso(at), "SeverityText": l, "Body": m, "InstrumentationScope": {"Name": NAME}})
            .to_string()
    }),
    ("Datadog", |l, at, m| {
        json!({"timestamp": iso(at), "status": l.to_lowercase(), "message": m, "logger": {"name": NAME}})
            .to_string()
    }),
    ("Docker's json-file", |l, at, m| {
        json!({"log": format!("{}\n", verbose(l, at, m)), "stream": "stderr", "time": iso(at)}).to_string()
    }),
    ("compose", |l, at, m| format!("web-1  | {}", verbose(l, at, m))),
    ("containerd", |l, at, m| format!("{} stderr F {}", iso(at), verbose(l, at, m))),
    ("containerd and celery", |l, at, m| format!("{} stderr F {}", iso(at), celery(l, at, m))),
    ("journald", |l, at, m| format!("Nov 28 12:00:00 staging gunicorn[812]: {}", verbose(l, at, m))),
    ("syslog", |l, at, m| format!("<14>1 {} web django 812 - - {}", iso(at), verbose(l, at, m))),
    ("Monolog", monolog),
    ("Airflow", |l, at, m| format!("[{}] {{webhook_service.py:123}} {l} - {m}", iso(at))),
    ("env_logger", |l, at, m| format!("[{} {l:5} apps::notifications::webhook_service] {m}", iso(at))),
    ("Tornado", |l, at, m| {
        let at = (at + TimeDelta::hours(6)).format("%y%m%d %H:%M:%S");
        format!("[{} {at} webhook_service:123] {m}", &l[..1])
    }),
    ("tracing's JSON", |l, at, m| {
        json!({"timestamp": iso(at), "level": l, "fields": {"message": m}, "target": "apps::webhooks"})
            .to_string()
    }),
    ("Splunk", |l, at, m| {
        json!({"time": at.timestamp(), "event": {"levelname": l, "name": NAME, "message": m}}).to_string()
    }),
    ("Serilog's JSON", |l, at, m| {
        json!({"Timestamp": iso(at), "Level": l, "RenderedMessage": m, "Properties": {"SourceContext": NAME}})
            .to_string()
    }),
    ("Serilog's compact JSON", |l, at, m| json!({"@t": iso(at), "@m": m, "@l": l}).to_string()),
    (".NET's JSON", |l, at, m| {
        json!({"Timestamp": iso(at), "LogLevel": l, "Category": NAME, "Message": m, "State": {"Message": m}})
            .to_string()
    }),
    ("Cloud Logging's export", |l, at, m| {
        json!({"jsonPayload": {"message": m, "logger": NAME}, "severity": l, "timestamp": iso(at)})
            .to_string()
    }),
    ("Loki", |l, at, m| json!({"labels": {"app": "web"}, "line": verbose(l, at, m)}).to_string()),
    ("Azure", |l, at, m| json!({"time": iso(at), "resultDescription": verbose(l, at, m)}).to_string()),
    ("Cloud Logging's Python library", |l, at, m| {
        json!({"message": m, "severity": l, "logger": NAME, "timestamp": {"seconds": at.timestamp(), "nanos": 0}})
            .to_string()
    }),
    ("Jupyter", |l, at, m| format!("[{} {} ServerApp] {m}", &l[..1], local(at))),
    ("syslog and JSON", |l, at, m| format!("<14>1 {} web django 812 - - {}", iso(at), logger_json(l, at, m))),
];

/// What the sender writes, each in its second.
type Line = (u64, &'static str, &'static str);

const DELIVERED: [Line; 4] = [
    (20, "INFO", "Webhook delivered successfully: event=e, status=200, attempt=1, webhook_id=a"),
    (30, "INFO", "Webhook delivered successfully: event=e, status=200, attempt=1, webhook_id=b"),
    (40, "INFO", "Webhook delivered successfully: event=e, status=200, attempt=1, webhook_id=c"),
    (72, "INFO", "Webhook delivered successfully: event=e, status=200, attempt=2, webhook_id=r"),
];
const RETRIED: [Line; 2] = [
    (70, "WARNING", "Webhook delivery failed: event=e, status=503, attempt=1/3, response=busy"),
    (70, "INFO", "Webhook retry 2/3 after 2s delay"),
];
const REFUSED: [Line; 2] = [
    (50, "WARNING", "Webhook delivery failed: event=e, status=400, attempt=1/3, response=bad"),
    (50, "ERROR", "Client error - aborting retries: status=400"),
];

/// What came, each in its second: id and status.
const CAME: [(u64, &str, u16); 6] =
    [(20, "a", 200), (30, "b", 200), (40, "c", 200), (50, "x", 400), (70, "r", 503), (72, "r", 200)];

fn engine() -> Engine {
    Engine::new(&Policy::default(), &[], b"").unwrap()
}

/// A window of two minutes in which all that came did, without these ids, against the lines.
fn compared(format: Format, lines: &[Line], without: &[&str]) -> LogCompared {
    let formats = Formats::built_in().unwrap();
    let header = Header::new(RunKind::Observe, Utc::now()).unwrap();
    let mut log = LogWindow::new(&formats, &header, engine());
    for (attempt, (second, id, status)) in (0..).zip(CAME).filter(|(_, (_, id, _))| !without.contains(id)) {
        let at = Tick(second * SECOND);
        let names =
            [("X-Webhook-Event", "e"), ("User-Agent", "DeltaCrown-Webhook/1.0"), ("X-Webhook-Id", id)];
        let headers = names.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        log.take(&Record::Attempt(Box::new(Attempt {
            headers,
            verdict: Verdict::valid(),
            answer: Some(status),
            ..fixtures::attempt(attempt, at)
        })));
        log.take(&Record::Answered(Answered { attempt, end: at, how: Ending::Sent }));
    }
    for (second, level, message) in lines {
        let read = Tick(second * SECOND);
        log.read(&format(level, read.wall(header.started), message), read);
    }
    log.compare(Tick(120 * SECOND), Vec::new())
}

fn honest() -> Vec<Line> {
    let mut lines = [&DELIVERED[..3], &REFUSED, &RETRIED, &DELIVERED[3..]].concat();
    lines.push((100, "INFO", "Circuit breaker probe successful - transitioning to CLOSED"));
    lines
}

fn with(line: Line) -> Vec<Line> {
    let mut lines = honest();
    lines.push(line);
    lines.sort_by_key(|(second, ..)| *second);
    lines
}

#[test]
fn an_honest_log_agrees_with_the_journal_in_every_format() {
    for (name, format) in FORMATS {
        let found = compared(format, &honest(), &[]).found;
        let lost = found.lost.clone().unwrap();
        assert_eq!((found.agreed, found.without_id, lost.count, lost.unclear), (4, 0, 0, 0), "{name}");
        let contradicted = (found.never_seen, found.not_accepted, found.not_logged, found.edge_said);
        assert_eq!(contradicted, (0, 0, 0, 0), "{name}");
    }
}

#[test]
fn a_lost_webhook_is_found_in_every_format() {
    let given_up =
        "Webhook delivery failed after 3 attempts: event=e, endpoint=http://h:1/w, webhook_id=lost";
    let lines: [(Line, &str); 4] = [
        ((60, "ERROR", given_up), "given up: lost"),
        (
            (60, "ERROR", "Client error - aborting retries: status=404"),
            "aborted after a 4xx: status 404, no id",
        ),
        (
            (
                60,
                "WARNING",
                "Webhook delivery blocked by circuit breaker: Circuit breaker open (59s remaining)",
            ),
            "dropped by the circuit breaker, no id",
        ),
        (
            (60, "WARNING", "WEBHOOK_ENDPOINT not configured - skipping delivery"),
            "skipped, no endpoint configured, no id",
        ),
    ];
    for (name, format) in FORMATS {
        for (line, told) in lines {
            let lost = compared(format, &with(line), &[]).found.lost.unwrap();
            assert_eq!((lost.count, lost.unclear), (1, 0), "{name}: {line:?}");
            assert_eq!(lost.first[0].1, told, "{name}");
        }
        // Nothing says that it was not delivered.
        let found = compared(format, &honest(), &["b"]).found;
        assert_eq!((found.agreed, found.never_seen), (3, 1), "{name}");
        assert_eq!(found.never_seen_first[0].1, "b", "{name}");
    }
}

#[test]
fn what_is_written_twice_is_one_and_what_is_not_written_is_missing_in_every_format() {
    for (name, format) in FORMATS {
        let twice = compared(format, &with(DELIVERED[1]), &[]).found;
        assert_eq!((twice.agreed, twice.never_seen, twice.not_logged), (4, 0, 0), "{name}");
        let mut lines = honest();
        lines.retain(|line| *line != DELIVERED[1]);
        assert_eq!(compared(format, &lines, &[]).found.not_logged, 1, "{name}");
    }
}

#[test]
fn lines_are_counted_by_what_they_say_in_every_format_and_none_is_an_error() {
    let formats = Formats::built_in().unwrap();
    let at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    for (name, format) in FORMATS {
        let mut fold = Fold::new(&formats, Some(engine()), None);
        let more = (90, "WARNING", "Webhook timeout: event=e, attempt=1/3, timeout=10s");
        with(more).iter().for_each(|(_, level, message)| fold.take(Some(&format(level, at, message))));
        let said = fold.finish().0;
        let found = (said.delivered, said.failed, said.retries, said.aborted, said.timeouts);
        assert_eq!(found, (4, 2, 1, 1, 1), "{name}");
        assert_eq!((said.errors.count, said.unreadable.count), (0, 0), "{name}");
        assert_eq!(said.first_at, Some(at), "{name}");
        assert!(said.pii.unwrap().is_empty(), "{name}");
    }
}

/// What others say of webhooks is theirs.
#[test]
fn prose_about_webhooks_is_none_of_the_senders() {
    let formats = Formats::built_in().unwrap();
    for line in [
        "INFO 2026-11-28 12:00:00,000 apps.audit they told us: Webhook delivered successfully: event=e",
        "INFO 2026-11-28 12:00:00,000 views 812 140213 the log says Webhook delivered successfully: event=e",
        "INFO 2026-11-28 12:00:00,000 apps.audit said \"Webhook timeout: event=e\"",
        "INFO 2026-11-28 12:00:00,000 apps.audit audit Webhook timeout: event=e",
        "[2026-11-28 12:00:00,000: INFO/MainProcess] Task apps.x[1] failed with Webhook timeout: event=e",
        "GET /?q=Webhook timeout: event=e HTTP/1.1",
        "127.0.0.1 - - [28/Nov/2026:12:00:00 +0000] \"GET /Webhook timeout: event=e\"",
        "RuntimeError: Webhook timeout: event=e",
        "web-1  | app.errors.DeliveryError: Webhook timeout: event=e",
        "2026-11-28T12:00:00Z stderr F app.errors.DeliveryError: Webhook timeout: event=e",
        "    Webhook timeout: event=e",
        "level=info msg=\"they say: Webhook timeout: event=e\"",
    ] {
        let kind = formats.read(line).and_then(|entry| entry.kind);
        assert_eq!(kind, None, "{line}");
    }
}

/// As Python's `basicConfig` has it, without a time.
#[test]
fn a_message_behind_colons_is_found() {
    let formats = Formats::built_in().unwrap();
    for name in [NAME, "webhook_service", "root"] {
        let line = format!("ERROR:{name}:Client error - aborting retries: status=404");
        let entry = formats.read(&line).unwrap();
        assert_eq!((entry.kind, entry.status), (Some(Kind::Aborted), Some(404)), "{line}");
    }
}

/// Nor what a formatter sets behind an id, which is a UUID.
#[test]
fn an_id_is_read_without_the_mark_behind_it() {
    let formats = Formats::built_in().unwrap();
    for mark in ["", "|", "]", ")", "\"", " [] []"] {
        let line = format!("2026-11-28 12:00:00.0000|INFO|{NAME}|Webhook timeout: webhook_id={TASK}{mark}");
        assert_eq!(formats.read(&line).unwrap().webhook_id.as_deref(), Some(TASK), "{line}");
    }
    let other = format!("INFO 2026-11-28 12:00:00,000 {NAME} Webhook timeout: webhook_id={TASK}-x");
    assert_eq!(formats.read(&other).unwrap().webhook_id.unwrap().len(), TASK.len() + 2);
}

/// The receiver's address in a connection error is nobody's, also where an object says the message twice.
#[test]
fn a_message_that_is_said_again_is_looked_at_once() {
    let formats = Formats::built_in().unwrap();
    let message =
        "Webhook connection error: event=e, attempt=1/3, error=Pool(host='10.20.30.40', port=80): Max";
    let found = |line: serde_json::Value| {
        let mut fold = Fold::new(&formats, Some(engine()), None);
        fold.take(Some(&line.to_string()));
        let said = fold.finish().0;
        (said.connection_errors, said.pii.unwrap().values().sum::<u64>())
    };
    for line in [
        json!({"text": format!("12:00 | {message}\n"), "record": {"message": message, "level": {"name": "INFO"}}}),
        json!({"jsonPayload": {"message": message}, "severity": "WARNING"}),
        json!({"Message": message, "LogLevel": "Warning", "State": {"Message": message}}),
    ] {
        assert_eq!(found(line), (1, 0));
    }
    let other = json!({"Message": message, "State": {"Message": format!("{message} john@example.com")}});
    assert_eq!(found(other), (1, 1));
}

#[test]
fn personal_data_before_a_message_is_found() {
    let formats = Formats::built_in().unwrap();
    for line in [
        "INFO 2026-11-28 12:00:00,000 a.b user=john@example.com Webhook timeout: event=e, attempt=1/3",
        "level=info user=john@example.com msg=\"Webhook timeout: event=e, attempt=1/3\"",
        "2026-11-28 12:00:00,000 user=john@example.com Webhook timeout: event=e, attempt=1/3",
    ] {
        let mut fold = Fold::new(&formats, Some(engine()), None);
        fold.take(Some(line));
        let said = fold.finish().0;
        assert_eq!((said.timeouts, said.pii.unwrap().get("email").copied()), (1, Some(1)), "{line}");
    }
}
