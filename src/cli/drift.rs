//! `smoke drift`: what the webhooks of a journal have that their schemas do not declare, and what those declare that never came.

use super::format::Format;
use super::{Exit, Failure, out};
use evidence::drift::{Drift, EventDrift};
use evidence::report::counted;
use record::Reader;
use scenario::load_sender;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The command line of `smoke drift`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The schemas are the ones the profile names under `payload`. Exit 1 if a webhook has a field that its schema does \
                  not declare."
)]
pub(super) struct Args {
    /// The journal of a run or a receiver
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// The profile with the schemas [default: the one that the run had]
    #[arg(long, value_name = "FILE")]
    sender: Option<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints what has drifted.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let shown = args.journal.display();
    let wrong = |e: record::ReadError| Failure::usage(format!("{shown}: {e}"));
    let (mut header, mut reader) = Reader::open(&args.journal).map_err(wrong)?;
    if let Some(typed) = &args.sender {
        let profile = load_sender(typed, Path::new(".")).map_err(|e| Failure::Usage(e.into()))?;
        header.scheme = profile.scheme().unwrap_or_default();
        header.sender = Some(Box::new(profile));
    }
    let mut drift = Drift::of(&header).ok_or_else(|| {
        Failure::usage(match &args.sender {
            Some(typed) => format!("--sender {typed}: the profile names no schemas (`payload:`)"),
            None => format!(
                "{shown}: its sender profile names no schemas; give one that does with --sender FILE (`payload:`)"
            ),
        })
    })?;
    while let Some(record) = reader.next_record().map_err(wrong)? {
        drift.take(&record);
    }
    let events = drift.events();
    let seen: u64 = events.iter().map(|event| event.webhooks).sum();
    if seen == 0 {
        return Err(Failure::usage(format!("{shown}: contains no webhook whose event has a schema")));
    }
    match args.format {
        Format::Json => machine(&events),
        Format::Human => human(&events),
    }
    Ok(if events.iter().any(|event| !event.undeclared.is_empty()) { Exit::Fail } else { Exit::Pass })
}

fn machine(events: &[EventDrift]) {
    let of = |event: &EventDrift| {
        let undeclared = event.undeclared.iter().map(|(field, n)| json!({ "field": field, "webhooks": n }));
        json!({
            "event": event.event,
            "webhooks": event.webhooks,
            "undeclared": undeclared.collect::<Vec<_>>(),
            "never_seen": event.never_seen,
        })
    };
    out::line(json!({ "events": events.iter().map(of).collect::<Vec<_>>() }));
}

fn human(events: &[EventDrift]) {
    for event in events {
        out::line(format!("{} ({})", pii::shown(&event.event), counted(event.webhooks, "webhooks")));
        for (field, n) in &event.undeclared {
            out::line(format!("  seen, not declared: {} (in {n})", pii::shown(field)));
        }
        for field in &event.never_seen {
            out::line(format!("  declared, never seen: {}", pii::shown(field)));
        }
        if event.undeclared.is_empty() && event.never_seen.is_empty() {
            out::line("  no drift");
        }
    }
}
