//! `smoke senders`: the profiles of senders that are built in, or one of them, or the file of one, checked.

use super::format::Format;
use super::{Exit, Failure, out};
use record::SenderProfile;
use scenario::{built_in_sender, load_sender};
use serde_json::{Value, json};
use signature::Scheme;
use std::path::Path;

/// The command line of `smoke senders`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A scenario names one with `sender: NAME`, or a file with `sender: ./mine.yaml`; docs/senders.md."
)]
pub(super) struct Args {
    /// One of them, or the file of another, which is checked
    #[arg(hide_possible_values = true, value_parser = super::listed::senders(), value_name = "NAME|FILE")]
    sender: Option<String>,
    /// What goes to stdout: a table, or JSON, an object a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints all, or the file of one.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Some(typed) = &args.sender else { return list(args.format) };
    let profile = load_sender(typed, Path::new(".")).map_err(|e| Failure::Usage(e.into()))?;
    for warning in profile.requests().warnings() {
        out::say(format!("warning: {typed}: {warning}"));
    }
    match (args.format, typed.parse::<Scheme>()) {
        (Format::Json, _) => out::raw_line(serde_json::to_value(&profile).unwrap_or_default()),
        (Format::Human, Ok(scheme)) => out::raw_line(scheme.profile().trim_end()),
        (Format::Human, Err(_)) => {
            let [algorithm, place, attempts] = in_short(&profile);
            let signed = match profile.scheme() {
                Ok(scheme) if !scheme.is_signed() => "not signed".to_owned(),
                _ => format!("{algorithm} {place}"),
            };
            out::line(format!("{typed}: ok, {signed}, {attempts}"));
        }
    }
    Ok(Exit::Pass)
}

fn list(format: Format) -> Result<Exit, Failure> {
    for scheme in Scheme::ALL {
        let profile = built_in_sender(scheme.sender()).map_err(Failure::environment)?;
        match format {
            Format::Human => {
                let [algorithm, place, attempts] = in_short(&profile);
                // Within 80 columns.
                let line = format!("{:<18}{attempts:<12}{algorithm:<12}{place}", profile.name);
                out::line(line.trim_end());
            }
            Format::Json => out::raw_line(brief(&profile)),
        }
    }
    Ok(Exit::Pass)
}

fn brief(profile: &SenderProfile) -> Value {
    json!({
        "name": profile.name,
        "description": profile.description,
        "docs": profile.docs,
        "algorithm": profile.signature.algorithm,
        "header": profile.scheme().ok().and_then(Scheme::signature_header),
        "attempts": if profile.retry.endless { Value::Null } else { profile.contract().attempts().into() },
        "handshakes": profile.handshakes,
    })
}

/// Algorithm, where the signature stands, how often it tries.
fn in_short(profile: &SenderProfile) -> [String; 3] {
    let s = &profile.signature;
    let header = profile.scheme().ok().and_then(Scheme::signature_header).map(str::to_owned);
    let place = header.or_else(|| s.json.as_deref().map(in_body)).unwrap_or_default();
    let attempts = match (profile.retry.endless, profile.contract().attempts()) {
        (true, _) => "no end".to_owned(),
        (false, 1) => "one attempt".to_owned(),
        (false, n) => format!("{n} attempts"),
    };
    [s.algorithm.name().to_owned(), place, attempts]
}

/// A place in the body; of a deep one its end.
fn in_body(pointer: &str) -> String {
    const PARTS: usize = 2;
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.len().checked_sub(PARTS).filter(|more| *more > 0) {
        Some(more) => format!("body …/{}", parts[more..].join("/")),
        None => format!("body {pointer}"),
    }
}
