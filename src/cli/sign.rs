//! `smoke sign`: the headers to send with a body.

use super::secret_source::SecretSource;
use super::sender_option::SenderOption;
use super::{Exit, Failure, out, stdin_body, typed};
use serde_json::Value;
use signature::{Outgoing, Signer, UniqueKeysError, check_unique_keys};
use wire::Clock;

/// The largest timestamp of 13 digits, in Unix milliseconds.
const MAX_TIMESTAMP: i64 = 9_999_999_999_999;

/// The command line of `smoke sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The body is read from stdin, byte for byte, 1 MiB at most.")]
pub(super) struct Args {
    #[command(flatten)]
    sender: SenderOption,
    /// The URL that it will be posted to, for senders that sign it
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    url: String,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "POST", value_parser = typed::method)]
    method: String,
    #[command(flatten)]
    secret: SecretSource,
    /// Time of signing in Unix milliseconds; schemes in seconds round it down [default: now]
    #[arg(long, value_name = "MS", value_parser = crate::cli::typed::whole::<i64>(0..=MAX_TIMESTAMP.into()))]
    timestamp: Option<i64>,
    /// Event for the event header [default: the body's top-level "event", else `test`]
    #[arg(long, value_name = "NAME", value_parser = header_value)]
    event: Option<String>,
    /// Delivery id; some senders want a UUID [default: a fresh UUID]
    #[arg(long, value_name = "UUID", value_parser = header_value)]
    id: Option<String>,
}

/// Prints one `Name: value` line for each header, in the order in which the real sender writes them.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let scheme = args.sender.scheme()?;
    if scheme.signature_header().is_none() {
        let why = scheme.needs_own_body().unwrap_or("are not signed");
        return Err(Failure::usage(format!("webhooks of {scheme} {why}: there is nothing to print")));
    }
    if let Some(header) = scheme.signed_foreign_header() {
        return Err(Failure::usage(format!(
            "webhooks of {scheme} sign the header {header}, which says neither id, event nor time: smoke does not know its value"
        )));
    }
    if scheme.signs_url() && args.url.is_empty() {
        return Err(Failure::usage(format!("--url: {scheme} signs the URL that it posts to")));
    }
    if !args.url.is_empty() {
        typed::check_url("--url", &args.url)?;
    }
    let secret = args.secret.require()?;
    let signer = Signer::new(scheme, &secret).map_err(Failure::usage)?.to(&args.method, &args.url);
    let id = match &args.id {
        Some(id) if scheme.spec().id.uuid && (id.len() != 36 || uuid::Uuid::try_parse(id).is_err()) => {
            return Err(Failure::usage(format!(
                "--id is not a UUID (8-4-4-4-12 hex digits), as {scheme} requires"
            )));
        }
        Some(id) => id.clone(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    let timestamp_ms = args.timestamp.unwrap_or_else(|| Clock::start().unix_ms());
    if scheme.timestamp_step_ms() == Some(1) && timestamp_ms.to_string().len() != 13 {
        out::say(format!(
            "warning: --timestamp does not have 13 digits; {scheme} requires Unix milliseconds"
        ));
    }
    let body = stdin_body::read()?;
    if let Err(error @ UniqueKeysError::Duplicate { .. }) = check_unique_keys(&body) {
        return Err(Failure::usage(format!("not signed: {error}")));
    }
    let time = scheme.spec().signature.timestamp.as_ref().and_then(|time| time.json.as_deref());
    let lacks = |pointer: &&str| {
        serde_json::from_slice::<Value>(&body).is_ok_and(|json| json.pointer(pointer).is_none())
    };
    if let Some(pointer) = time.filter(lacks) {
        out::say(format!(
            "warning: the body has nothing at {pointer}, where {scheme} puts the time: receivers will refuse it"
        ));
    }
    let event = args.event.clone().or_else(|| event_of(&body)).unwrap_or_else(|| "test".to_owned());
    for (name, value) in signer.sign(&Outgoing { event: &event, id: &id, timestamp_ms, body: &body }) {
        out::raw_line(format!("{name}: {value}"));
    }
    Ok(Exit::Pass)
}

/// The top-level `event` of a JSON body, when it can stand in a header.
fn event_of(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    header_value(json.get("event")?.as_str()?).ok()
}

/// A text that can stand in a header as it is.
fn header_value(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 256 {
        Err("it must have 1 to 256 characters")
    } else if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a header value must be visible ASCII without spaces")
    }
}
