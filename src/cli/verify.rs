//! `smoke verify`: whether a webhook is valid, why not, and what its sender probably did wrong.

use super::format::Format;
use super::secret_source::SecretSource;
use super::{Exit, Failure, out, stdin_body};
use chrono::DateTime;
use serde_json::json;
use signature::{Scheme, Verdict, Verifier};
use wire::Clock;

/// The command line of `smoke verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The body is read from stdin, byte for byte, 1 MiB at most.\nExample: smoke verify --secret-file FILE --header 'X-Webhook-Signature: …' --header … < body.json"
)]
pub(super) struct Args {
    /// deltacrown-v1, deltacrown-v2 (also: deltacrown), standard-webhooks, stripe, github, slack or timestamped
    #[arg(long, value_name = "NAME", default_value_t)]
    scheme: Scheme,
    #[command(flatten)]
    secret: SecretSource,
    /// A header of the request, as often as there are headers
    #[arg(long = "header", value_name = "Name: value", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Time of arrival, RFC 3339 or Unix milliseconds [default: now]
    #[arg(long, value_name = "RFC3339|MS", value_parser = moment, allow_hyphen_values = true)]
    now: Option<i64>,
    /// How to print the verdict
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the verdict: 0 when the request is valid, 1 when it is not.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let secret = args.secret.require()?;
    let verifier = Verifier::new(args.scheme, &secret).map_err(Failure::usage)?;
    let body = stdin_body::read()?;
    let now = args.now.unwrap_or_else(|| Clock::start().unix_ms());
    let verdict = verifier.verify(&args.headers, &body, now);
    match args.format {
        Format::Human => human(args.scheme, &verdict, body.len()),
        Format::Json => {
            let weakness = secret.weakness().map(|w| w.to_string());
            let caveats = args.scheme.caveats().iter().map(ToString::to_string);
            let timestamp = args.scheme.timestamp_ms(&args.headers);
            out::line(json!({
                "valid": verdict.valid,
                "reason": verdict.reason,
                "diagnosis": verdict.diagnosis,
                "warnings": weakness.into_iter().chain(caveats).collect::<Vec<_>>(),
                "scheme": args.scheme,
                "event": args.scheme.event(&args.headers),
                "id": args.scheme.id(&args.headers),
                "timestamp_ms": timestamp,
                "age_ms": timestamp.map(|t| now.saturating_sub(t)),
                "body_bytes": body.len(),
            }));
        }
    }
    Ok(if verdict.valid { Exit::Pass } else { Exit::Fail })
}

fn human(scheme: Scheme, verdict: &Verdict, bytes: usize) {
    if verdict.valid {
        out::line(format!("valid: the {scheme} signature over {bytes} bytes is right"));
    } else {
        out::line(format!("not valid: {}", verdict.reason));
        if let Some(diagnosis) = &verdict.diagnosis {
            out::line(format!("diagnosis: {diagnosis}"));
        }
    }
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a header is `Name: value`, and the name has no blanks");
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn moment(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .or_else(|_| DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_millis()))
        .map_err(|_| "give RFC 3339 (2025-11-13T14:30:15.123Z) or Unix milliseconds (1763044215123)")
}
