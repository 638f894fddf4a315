//! `smoke verify`: whether a webhook is valid, why not, and what its sender probably did wrong.

use super::format::Format;
use super::secret_source::SecretSource;
use super::{Exit, Failure, out, sender_option, stdin_body, typed};
use chrono::DateTime;
use correlate::{Reader, Webhooks, event, id};
use serde_json::json;
use signature::{Reason, Received, Scheme, Secret, Verdict, Verifier};
use wire::Clock;

/// What a signature is where no mistake with a name fits.
const OTHER: &str = "no known mistake fits: it was made with a different secret or over different bytes; `smoke secret --fingerprint` \
                     prints what both sides can compare";

/// The command line of `smoke verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The body is read from stdin, byte for byte, 1 MiB at most.")]
pub(super) struct Args {
    /// Signature scheme: deltacrown-v1, deltacrown-v2, or a profile's name
    #[arg(hide_possible_values = true, value_parser = super::listed::schemes(), long, value_name = "NAME", default_value_t)]
    scheme: Scheme,
    /// Who sent it: a built-in profile (`smoke senders` lists them), a file, or `auto`
    ///
    /// `auto` finds out which of the built-in ones signed it, and with which mistake.
    #[arg(hide_possible_values = true, value_parser = super::listed::senders(), long, value_name = "NAME|FILE|auto", conflicts_with = "scheme")]
    sender: Option<String>,
    /// The URL that the sender posted to, for senders that sign it (twilio, square, hubspot, rfc9421)
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    url: String,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "POST", value_parser = typed::method)]
    method: String,
    #[command(flatten)]
    secret: SecretSource,
    /// A header of the request; once for each
    #[arg(long = "header", value_name = "Name: value", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Time of arrival, RFC 3339 or Unix milliseconds [default: now]
    #[arg(long, value_name = "RFC3339|MS", value_parser = moment, allow_hyphen_values = true)]
    now: Option<i64>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the verdict: 0 when the request is valid, 1 when it is not, 3 when nothing is signed.
///
/// # Errors
/// Usage: a flag that is wrong or missing, such as the URL that the sender signs.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if !args.url.is_empty() {
        typed::check_url("--url", &args.url)?;
    }
    let body = stdin_body::read()?;
    let now = args.now.unwrap_or_else(|| Clock::start().unix_ms());
    let request = Received { method: &args.method, url: &args.url, headers: &args.headers, body: &body };
    let (scheme, secret, verdict) = match args.sender.as_deref() {
        Some("auto") => {
            let secret = args.secret.require()?;
            match auto(&secret, &request, now) {
                Some((scheme, verdict)) => (scheme, secret, verdict),
                None => return unknown(args, &secret),
            }
        }
        named => {
            let scheme = match named {
                Some(typed) => sender_option::scheme_of(&sender_option::named(typed)?)?,
                None => args.scheme,
            };
            let secret = if scheme.is_signed() { args.secret.require()? } else { Secret::new("") };
            let verifier = Verifier::new(scheme, &secret).map_err(Failure::usage)?;
            let verdict = verifier.verify_request(&request, now, &[]);
            let unsigned = verdict.valid && !scheme.is_signed();
            (scheme, secret, if unsigned { nothing_signed() } else { verdict })
        }
    };
    // Without the URL nobody can say whether a signature over it is right; one that is missing is missing with any URL.
    if scheme.signs_url() && args.url.is_empty() && !matches!(verdict.reason, Reason::Valid | Reason::Missing)
    {
        return Err(Failure::usage(format!(
            "--url: {scheme} signs the URL that it posts to, so that nothing can be judged without it"
        )));
    }
    match args.format {
        Format::Human => human(scheme, &verdict, body.len()),
        Format::Json => machine(scheme, &verdict, &request, &secret, now),
    }
    Ok(match verdict.reason {
        Reason::Valid => Exit::Pass,
        Reason::Unchecked => Exit::Unproven,
        _ => Exit::Fail,
    })
}

/// The verdict on a request of a sender without signatures: there is nothing that could be right or wrong.
fn nothing_signed() -> Verdict {
    let says = "this sender signs nothing, so anyone who reaches the receiver could have sent this";
    Verdict::invalid(Reason::Unchecked, Some(says.to_owned()))
}

fn machine(scheme: Scheme, verdict: &Verdict, request: &Received<'_>, secret: &Secret, now: i64) {
    let weakness = secret.weakness().filter(|_| scheme.is_signed()).map(|w| w.to_string());
    let caveats = scheme.caveats().iter().map(ToString::to_string);
    let timestamp = scheme.timestamp_ms(request.headers);
    let read = Reader::new(scheme).read(request.headers, request.body);
    let event = event(scheme, request.headers, read.as_ref().and_then(Webhooks::first));
    out::raw_line(json!({
        "valid": verdict.valid,
        "reason": verdict.reason,
        "diagnosis": verdict.diagnosis,
        "warnings": weakness.into_iter().chain(caveats).collect::<Vec<_>>(),
        "scheme": scheme,
        "sender": scheme.sender(),
        "event": Some(event).filter(|name| !name.is_empty()),
        "id": id(scheme, request.headers, read.as_ref()),
        "timestamp_ms": timestamp,
        "age_ms": timestamp.map(|t| now.saturating_sub(t)),
        "body_bytes": request.body.len(),
    }));
}

/// Which of the built-in senders signed a request: the one for which it is valid; else the one whose mistake has a name; else
/// one whose signature header is there. Unsigned senders are nobody's guess.
fn auto(secret: &Secret, request: &Received<'_>, now: i64) -> Option<(Scheme, Verdict)> {
    let has = |name: &str| request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut best: Option<(u8, Scheme, Verdict)> = None;
    for scheme in Scheme::ALL.into_iter().filter(|scheme| scheme.is_signed()) {
        let Ok(verifier) = Verifier::new(scheme, secret) else { continue };
        let verdict = verifier.verify_request(request, now, &[]);
        let own = scheme.signature_header().is_some_and(has);
        let rank = match (verdict.reason, &verdict.diagnosis) {
            (Reason::Valid, _) => 5,
            (Reason::Stale | Reason::Future, _) => 4,
            (Reason::Mismatch, Some(_)) => 3,
            (_, Some(says)) if own && (says.contains("right") || says.contains(';')) => 3,
            _ if own && verdict.reason != Reason::Missing => 2,
            _ if own => 1,
            _ => 0,
        };
        if rank > best.as_ref().map_or(0, |(rank, ..)| *rank) {
            best = Some((rank, scheme, verdict));
        }
    }
    best.map(|(_, scheme, verdict)| (scheme, verdict))
}

/// Says of a request that no built-in sender's key can judge whose it is: the secret may be none of that sender's.
fn unknown(args: &Args, secret: &Secret) -> Result<Exit, Failure> {
    let has = |name: &str| args.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let unfit = |scheme: Scheme| {
        let header = scheme.signature_header().filter(|name| has(name))?;
        let why = Verifier::new(scheme, secret).err()?;
        Some(format!(
            "{header} is the header of {}, whose key cannot be made of this secret: {why}",
            scheme.sender()
        ))
    };
    let unfit: Vec<String> = Scheme::ALL.into_iter().filter_map(unfit).collect();
    if !unfit.is_empty() {
        return Err(Failure::usage(unfit.join("; ")));
    }
    let names: Vec<&str> = args.headers.iter().map(|(name, _)| name.as_str()).collect();
    let says = format!(
        "none of the {} built-in senders puts its signature into these headers ({}); describe the sender in a file \
         (docs/senders.md)",
        Scheme::ALL.len(),
        names.join(", ")
    );
    match args.format {
        Format::Human => out::line(format!("not valid: {says}")),
        Format::Json => {
            out::raw_line(json!({ "valid": false, "reason": "missing", "diagnosis": says, "sender": null }));
        }
    }
    Ok(Exit::Fail)
}

fn human(scheme: Scheme, verdict: &Verdict, bytes: usize) {
    if verdict.valid {
        let bytes = if scheme.signs_body() { format!(" over {bytes} bytes") } else { String::new() };
        out::line(format!("valid: the {scheme} signature{bytes} is right"));
        for caveat in scheme.caveats() {
            out::line(format!("warning: {caveat}"));
        }
    } else {
        match verdict.reason {
            Reason::Unchecked => out::line("unproven: nothing is signed"),
            reason => out::line(format!("not valid: {reason}")),
        }
        out::line(format!("sender: {}", scheme.sender()));
        let diagnosis =
            verdict.diagnosis.as_deref().or((verdict.reason == Reason::Mismatch).then_some(OTHER));
        if let Some(diagnosis) = diagnosis {
            out::line(format!("diagnosis: {diagnosis}"));
        }
    }
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a header is `Name: value`, without spaces in the name");
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn moment(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .or_else(|_| DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_millis()))
        .map_err(|_| "give RFC 3339 (2025-11-13T14:30:15.123Z) or Unix milliseconds (1763044215123)")
}
