//! `smoke logs`: what the sender's own log says, and whether the journal says the same.

use super::format::Format;
use super::reading::Reading;
use super::{Exit, Failure, out};
use evidence::gate::Verdict;
use evidence::logs::{Arrivals, Errors, Fold, Formats, Lines, MAX_LINE, Reconciliation, Summary};
use evidence::report::counted;
use pii::{Engine, Policy, Utf8Reader, shown};
use record::{Counted, LogClock};
use record::{Links, PartRead, ReadError, Reader, read_settings_text};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Largest formats file in bytes.
const MAX_FORMATS: u64 = 256 * 1024;

/// How a gzip file begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Options of `smoke logs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Log files of the sender, oldest first; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Formats of the lines [default: the real sender's and the staging guide's, built in]
    #[arg(long, value_name = "FILE")]
    formats: Option<PathBuf>,
    /// Reconcile with this journal by webhook id; give a journal in parts part by part
    #[arg(long, value_name = "FILE")]
    journal: Vec<PathBuf>,
    /// Do not search the lines for personal data
    #[arg(long)]
    no_pii: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads the logs: 1 when there is personal data in them or the journal says otherwise, 3 when most lines were unreadable,
/// or nothing in them is in the journal.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let formats = formats(args.formats.as_deref())?;
    let arrivals = arrivals(&args.journal)?;
    let engine = if args.no_pii { None } else { Some(engine()?) };
    let mut fold = Fold::new(&formats, engine, arrivals);
    for file in &args.files {
        let broken = |e: io::Error| Failure::environment(format!("{}: {e}", file.display()));
        let mut lines = Lines::new(open(file)?);
        fold.take_all(&mut lines).map_err(broken)?;
    }
    let (summary, reconciliation) = fold.finish();
    if mostly_unreadable(&summary) {
        out::say(format!(
            "warning: {} of {} lines have no known format, so this says little about the log; --formats FILE describes yours",
            summary.unreadable.count, summary.lines
        ));
    }
    match args.format {
        Format::Json => out::raw_line(json!({ "log": summary, "reconciliation": reconciliation })),
        Format::Human => {
            out::text(&human(&summary, reconciliation.as_ref()));
            let (verdict, why) = verdict(&summary, reconciliation.as_ref());
            let screen = out::screen(false);
            let mark = verdict.word().to_uppercase();
            let errors = match summary.errors.count {
                0 => String::new(),
                n => format!(
                    ". The application's {n} errors are not judged here; `smoke observe --log` fails on them"
                ),
            };
            let told = screen.wrapped(&format!("{mark} "), &format!("{why}{errors}"));
            out::text(&format!("\n{}", told.replacen(&mark, &screen.paint(&mark, verdict), 1)));
        }
    }
    Ok(exit(&summary, reconciliation.as_ref()))
}

/// A log, or stdin for `-`.
pub(super) fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
    let name = file.display();
    if file.is_dir() {
        return Err(Failure::usage(format!("{name}: a directory, not a log file")));
    }
    let stdin = file == Path::new("-");
    let mut input: Box<dyn BufRead + Send> = if stdin {
        Box::new(BufReader::with_capacity(256 * 1024, io::stdin()))
    } else {
        let file = Reading::open(file).map_err(|e| Failure::usage(format!("{name}: cannot be read: {e}")))?;
        Box::new(BufReader::with_capacity(256 * 1024, file))
    };
    let start = input.fill_buf().map_err(|e| Failure::environment(format!("{name}: {e}")))?;
    if start.starts_with(&GZIP) {
        let hint =
            if stdin { "unpack it first".to_owned() } else { format!("try: zcat {name} | smoke logs -") };
        return Err(Failure::usage(format!("{name}: compressed with gzip; {hint}")));
    }
    Ok(Box::new(BufReader::with_capacity(256 * 1024, Utf8Reader::new(input))))
}

/// The formats of a file, or the built-in ones.
pub(super) fn formats(file: Option<&Path>) -> Result<Formats, Failure> {
    let Some(file) = file else { return Formats::built_in().map_err(Failure::environment) };
    let wrong = |why: String| Failure::usage(format!("--formats {}: {why}", file.display()));
    let text = read_settings_text(file, MAX_FORMATS).map_err(|e| wrong(e.to_string()))?;
    Formats::parse(&text).map_err(|e| wrong(e.to_string()))
}

/// An engine for log lines; what it finds is only counted, so that the salt need not be kept.
pub(super) fn engine() -> Result<Engine, Failure> {
    Engine::new(&Policy::default(), &[], b"").map_err(Failure::environment)
}

fn arrivals(journals: &[PathBuf]) -> Result<Option<Arrivals>, Failure> {
    let mut all = None;
    let mut links = Links::default();
    for path in journals {
        let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", path.display()));
        let file = Reading::open(path).map_err(|e| wrong(&ReadError::from(e)))?;
        let (header, mut reader) =
            Reader::new(BufReader::with_capacity(256 * 1024, file)).map_err(|e| wrong(&e))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut part = PartRead::new(name, &header);
        let arrivals = all.get_or_insert_with(|| Arrivals::new(&header));
        arrivals.next_file(&header);
        while let Some(record) = reader.next_record().map_err(|e| wrong(&e))? {
            part.take(&record);
            arrivals.take(&record);
        }
        links.follow(part, reader.integrity().sha256).map_err(|e| wrong(&e))?;
    }
    Ok(all)
}

fn exit(summary: &Summary, reconciliation: Option<&Reconciliation>) -> Exit {
    match verdict(summary, reconciliation).0 {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
    }
}

/// What the log amounts to, in a sentence.
fn verdict(summary: &Summary, reconciliation: Option<&Reconciliation>) -> (Verdict, &'static str) {
    let leaks = summary.pii.as_ref().is_some_and(|pii| !pii.is_empty());
    match reconciliation {
        _ if leaks => (Verdict::Fail, "the log contains personal data"),
        // What is missing may stand in the lines that could not be read.
        _ if mostly_unreadable(summary) => (
            Verdict::Unproven,
            "half of the lines or more have no known format; --formats FILE describes yours",
        ),
        Some(found) if found.lost.as_ref().is_some_and(|lost| lost.count > 0) => {
            (Verdict::Fail, "the log says that webhooks were lost, and the journal does not have them")
        }
        Some(found) if !found.agrees() => (Verdict::Fail, "the log and the journal contradict each other"),
        _ if summary.undated > 0 => (
            Verdict::Unproven,
            "lines have no time, so it is unknown whether their webhooks belong to this journal; --formats FILE names the key",
        ),
        // A log in which nothing was recognised proves nothing about webhooks.
        _ if summary.webhook_lines == 0 => (Verdict::Unproven, "no line is about webhooks"),
        _ if summary.unreadable.hides_webhooks() => (
            Verdict::Unproven,
            "lines that seem to be about webhooks have no known format; --formats FILE describes yours",
        ),
        _ if summary.not_looked_at > 0 => {
            (Verdict::Unproven, "some lines could not be searched for personal data")
        }
        // Nor does a comparison in which nothing met.
        Some(found) if !found.met() => (
            Verdict::Unproven,
            "no webhook in the log is in the journal: are they from the same time and sender?",
        ),
        Some(found) if found.lost.as_ref().is_some_and(|lost| lost.unclear > 0) => {
            (Verdict::Unproven, "webhooks may have been lost, as far as log and journal tell")
        }
        Some(found) if found.clock.is_some_and(|clock| !clock.fits) => (
            Verdict::Unproven,
            "the times of the log do not fit those of the journal: name its offset (`utc_offset` in --formats FILE)",
        ),
        Some(found) if !found.is_settled() => (
            Verdict::Unproven,
            "some webhooks are too near an end of the log or of the journal, or the log's times cannot be read: give the log \
             from before the journal to after it",
        ),
        Some(found) if found.counted.is_some() => (
            Verdict::Pass,
            "the log and the journal have equally many webhooks, and the log contains no personal data",
        ),
        Some(_) => (
            Verdict::Pass,
            "the log and the journal have the same webhooks, by their ids alone, and the log contains no personal data",
        ),
        None => (Verdict::Pass, "no personal data in the log; --journal FILE compares it with what arrived"),
    }
}

/// Half of them or more.
const fn mostly_unreadable(summary: &Summary) -> bool {
    summary.unreadable.count > 0 && summary.unreadable.count >= summary.lines.div_ceil(2)
}

fn human(summary: &Summary, reconciliation: Option<&Reconciliation>) -> String {
    let mut out = String::new();
    let mut row = |name: &str, n: u64| {
        let _ = writeln!(out, "{name:<28} {n:>10}");
    };
    row("lines", summary.lines);
    row("about webhooks", summary.webhook_lines);
    row("attempts", summary.attempts);
    row("delivered", summary.delivered);
    row("retries announced", summary.retries);
    row("answered otherwise", summary.failed);
    row("aborted after 4xx", summary.aborted);
    row("given up", summary.exhausted);
    row("timeouts", summary.timeouts);
    row("connection errors", summary.connection_errors + summary.request_errors);
    row("breaker openings", summary.breaker_opened);
    row("blocked by the breaker", summary.blocked);
    for (what, n) in [
        ("endpoint or secret missing", summary.not_configured),
        ("handler errors", summary.handler_errors),
        ("delivered, without a time", summary.undated),
        ("clock set back", summary.clock_steps),
    ] {
        if n > 0 {
            row(what, n);
        }
    }
    out.push_str(&errors(&summary.errors));
    let statuses: Vec<String> = summary.statuses.iter().map(|(s, n)| format!("{s}: {n}")).collect();
    let _ = writeln!(out, "statuses                     {}", statuses.join(", "));
    if summary.unreadable.count > 0 {
        let _ = writeln!(
            out,
            "{} lines have no known format, first {}",
            summary.unreadable.count,
            numbers(&summary.unreadable.first_lines)
        );
    }
    match &summary.pii {
        None => out.push_str("personal data was not searched for\n"),
        Some(pii) if pii.is_empty() && summary.not_looked_at > 0 => {
            out.push_str("no personal data in the lines that could be searched\n");
        }
        Some(pii) if pii.is_empty() => out.push_str("no personal data in the lines\n"),
        Some(pii) => {
            let found: Vec<String> = pii.iter().map(|(c, n)| format!("{n} {c}")).collect();
            let lines = numbers(&summary.pii_lines);
            let _ = writeln!(out, "personal data: {}; first in lines {lines}", found.join(", "));
        }
    }
    if summary.not_looked_at > 0 {
        let (n, longest) = (summary.not_looked_at, MAX_LINE / 1024);
        let _ = writeln!(
            out,
            "{n} lines were not (or not completely) searched for personal data: not text, or over {longest} KiB"
        );
    }
    if let Some(found) = reconciliation {
        out.push_str(&reconciled(found));
    }
    out
}

/// Errors of the application, with the first of them in words.
fn errors(errors: &Errors) -> String {
    let Errors { count, tracebacks, of_others, unnamed, wordless, ungraded, first } = errors;
    let mut out = String::new();
    if *wordless > 0 {
        let _ = writeln!(
            out,
            "error levels, no message     {wordless:>10}: they may be errors; --formats FILE names its key"
        );
    }
    if *ungraded > 0 {
        let _ = writeln!(
            out,
            "lines without a known level  {ungraded:>10}: they may be errors; --formats FILE names the key"
        );
    }
    if *unnamed > 0 {
        let _ = writeln!(out, "errors without a logger      {unnamed:>10}: they may be of those that count");
    }
    if count + of_others == 0 {
        return out;
    }
    let _ = write!(out, "errors of the application    {count:>10}, {tracebacks} with a traceback");
    let others =
        if *of_others > 0 { format!("; {of_others} of loggers that do not count") } else { String::new() };
    let _ = writeln!(out, "{others}");
    for (line, text) in first {
        let _ = writeln!(out, "  line {line}: {}", shown(text));
    }
    out
}

fn reconciled(found: &Reconciliation) -> String {
    let mut out = format!(
        "\nagainst the journal: {} with an id, {} logged as delivered and accepted\n",
        counted(found.in_journal, "webhooks"),
        found.agreed
    );
    let first = |list: &[(u64, String)]| match list.first() {
        Some((line, id)) => format!(", first {} in line {line}", shown(id)),
        None => String::new(),
    };
    let _ = writeln!(
        out,
        "logged as delivered, never seen   {:>10}{}",
        found.never_seen,
        first(&found.never_seen_first)
    );
    let _ = writeln!(
        out,
        "logged as delivered, not accepted {:>10}{}",
        found.not_accepted,
        first(&found.not_accepted_first)
    );
    let silent =
        found.not_logged_first.first().map(|id| format!(", first {}", shown(id))).unwrap_or_default();
    let _ = writeln!(out, "accepted, not in the log          {:>10}{silent}", found.not_logged);
    if let Some(lost) = &found.lost {
        let _ = writeln!(out, "logged as lost, never came        {:>10}{}", lost.count, first(&lost.first));
        if lost.unclear > 0 {
            let _ = writeln!(
                out,
                "perhaps lost                      {:>10}{}",
                lost.unclear,
                first(&lost.unclear_first)
            );
        }
    }
    if found.edge_said > 0 {
        let first = first(&found.edge_said_first);
        let _ = writeln!(out, "never seen, at the journal's edge {:>10}{first}", found.edge_said);
    }
    if found.edge_arrived > 0 {
        let first = found.edge_arrived_first.first().map(|id| format!(", first {}", shown(id)));
        let _ = writeln!(
            out,
            "not in the log, at its edge       {:>10}{}",
            found.edge_arrived,
            first.unwrap_or_default()
        );
    }
    if let Some(clock) = &found.clock {
        out.push_str(&log_clock(clock));
    }
    for (what, n) in [
        ("cut off, set aside", found.cut_off),
        ("outside the journal's time", found.outside),
        ("arrived outside the log's time", found.outside_log),
        ("logged as delivered, without an id", found.without_id),
        ("arrived without an id", found.arrived_without_id),
    ] {
        if n > 0 {
            let _ = writeln!(out, "{what:<34}{n:>10}");
        }
    }
    if let Some(counted) = &found.counted {
        out.push_str(&numbered(counted));
    }
    out
}

/// How far the log's times are from the journal's, and what is made of it.
fn log_clock(clock: &LogClock) -> String {
    let LogClock { offset_ms, pairs, fits } = *clock;
    let seconds = offset_ms.unsigned_abs() / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let way = if offset_ms < 0 { "behind" } else { "ahead of" };
    let so = if fits { "taken into account" } else { "too few, or they do not fit together" };
    format!(
        "the log's clock is {hours} h {minutes} min {seconds} s {way} the journal's, by {} in both: {so}\n",
        counted(pairs, "webhooks")
    )
}

/// What could be compared by event and number only.
fn numbered(counted: &Counted) -> String {
    let Counted { said, arrived, .. } = counted;
    let mut out = format!(
        "without ids only counts can be compared, over the time both cover: {said} logged as delivered, {arrived} accepted\n"
    );
    for (event, (said, arrived)) in counted.differing.iter().take(10) {
        let event = if event.is_empty() { "all events".to_owned() } else { shown(event) };
        let _ = writeln!(out, "  {event}: {said} logged as delivered, {arrived} accepted");
    }
    out
}

fn numbers(lines: &[u64]) -> String {
    lines.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
