//! One webhook: verified over the bytes as they came, then parsed, then processed once.

use super::flaw::Flaw;
use super::memory::{Memory, Seen};
use serde_json::{Value, json};
use signature::{Form, KeyEncoding, Outgoing, Reason, Scheme, Secret, Signer, Verifier};
use std::time::Duration;
use tokio::time::sleep;
use wire::http1::{RawRequest, Response};

/// The path of webhooks.
pub(super) const PATH: &str = "/webhooks/inbound";
/// The path of the number of webhooks processed.
pub(super) const PROCESSED: &str = "/processed";

/// How long a receiver works that answers too late: longer than the 3 s that Slack waits.
const SLOW: Duration = Duration::from_millis(3200);
/// How long one takes between looking for an id and writing it down, that does both apart.
const GAP: Duration = Duration::from_millis(60);
/// A freshness window that nothing is outside of, in ms: ten thousand years.
const FOR_EVER: i64 = 315_576_000_000_000;

/// A receiver without a socket.
pub(super) struct Handler {
    scheme: Scheme,
    secret: Secret,
    verifier: Verifier,
    empty_key: Option<Verifier>,
    signer: Signer,
    flaw: Option<Flaw>,
    memory: Memory,
}

impl Handler {
    /// # Errors
    /// When the secret is no key of the scheme that signs.
    pub(super) fn new(
        scheme: Scheme,
        secret: &Secret,
        flaw: Option<Flaw>,
    ) -> Result<Self, signature::KeyError> {
        let verifier = Verifier::new(scheme, secret)?;
        let place = scheme.spec().signature.timestamp.as_ref();
        let ms = |seconds: Option<u32>| seconds.map_or(FOR_EVER, |s| i64::from(s) * 1000);
        let back = place.map_or(FOR_EVER, |t| ms(t.back_seconds));
        let ahead = place.map_or(FOR_EVER, |t| ms(t.ahead_seconds));
        let verifier = match flaw {
            Some(Flaw::StaleAccepted) => verifier.with_freshness(FOR_EVER, ahead),
            Some(Flaw::FutureAccepted) => verifier.with_freshness(back, FOR_EVER),
            _ => verifier,
        };
        // HMAC fills a key up with zero bytes (RFC 2104): one zero byte is the empty key.
        let secret_spec = &scheme.spec().signature.secret;
        let zero = match secret_spec.encoding {
            KeyEncoding::Text => "\0",
            KeyEncoding::Hex => "00",
            KeyEncoding::Base64 => "AA==",
        };
        let zero = format!("{}{zero}", secret_spec.prefix);
        let empty_key = match flaw {
            Some(Flaw::EmptyKeyAccepted) => Some(Verifier::new(scheme, &Secret::new(zero))?),
            _ => None,
        };
        let signer = Signer::new(scheme, secret)?;
        let secret = secret.clone();
        Ok(Self { scheme, secret, verifier, empty_key, signer, flaw, memory: Memory::default() })
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The answer to a request that came at `now_ms`.
    pub(super) async fn answer(&self, request: &RawRequest, now_ms: i64) -> Response {
        match (request.method.as_str(), request.path()) {
            ("GET", PROCESSED) => Response {
                status: 200,
                reason: None,
                headers: vec![("Content-Type".to_owned(), "text/plain".to_owned())],
                body: self.memory.processed().to_string().into_bytes(),
            },
            ("POST", path) if path.trim_end_matches('/') == PATH => self.webhook(request, now_ms).await,
            (_, path) if path.trim_end_matches('/') == PATH => {
                problem(405, "webhooks are posted").with("Allow", "POST")
            }
            _ => problem(404, "no such path"),
        }
    }

    async fn webhook(&self, request: &RawRequest, now_ms: i64) -> Response {
        if let Err(refusal) = self.verified(request, now_ms) {
            return refusal;
        }
        if self.is(Flaw::Redirects) && !request.path().ends_with('/') {
            return problem(307, "a slash is missing").with("Location", &format!("{PATH}/"));
        }
        let Ok(text) = std::str::from_utf8(&request.body) else {
            return if self.is(Flaw::CrashOnNonUtf8) {
                crash("UnicodeDecodeError")
            } else {
                problem(400, "not UTF-8")
            };
        };
        let body: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(body @ Value::Object(_)) => body,
            Ok(_) => return problem(400, "not a JSON object"),
            Err(_) => return problem(400, "not JSON"),
        };
        self.process(self.id(request, &body).as_deref(), &request.body).await
    }

    async fn process(&self, id: Option<&str>, body: &[u8]) -> Response {
        if self.is(Flaw::SlowAck) {
            sleep(SLOW).await;
        }
        let seen = match self.flaw {
            Some(Flaw::DoubleInSequence) => Seen::New,
            Some(Flaw::DoubleInParallel) => {
                let seen = self.memory.look(id, body);
                sleep(GAP).await;
                self.memory.look_and_remember(id, body);
                seen
            }
            _ => self.memory.look_and_remember(id, body),
        };
        match seen {
            Seen::Again => Response::json(200, &json!({"status": "duplicate"})),
            Seen::OtherContent if !self.is(Flaw::IdReused) => problem(409, "this id was another webhook's"),
            Seen::New | Seen::OtherContent => {
                self.memory.process();
                Response::json(200, &json!({"status": "processed"}))
            }
        }
    }

    /// The id of the delivery: a header's, or the body's where the sender has it there.
    fn id(&self, request: &RawRequest, body: &Value) -> Option<String> {
        match &self.scheme.spec().id.json {
            Some(pointer) => body.pointer(pointer).and_then(Value::as_str).map(str::to_owned),
            None => self.scheme.id(&request.headers).map(str::to_owned),
        }
    }

    /// Whether the sender has signed it.
    fn verified(&self, request: &RawRequest, now_ms: i64) -> Result<(), Response> {
        let (headers, body) = (&request.headers, &request.body);
        let json = request.header("content-type").is_some_and(|t| t.starts_with("application/json"));
        let again = || serde_json::from_slice::<Value>(body).map(|value| value.to_string().into_bytes());
        let reason = match self.flaw {
            Some(Flaw::NoVerification) => Reason::Valid,
            Some(Flaw::FollowsContentType) if !json => Reason::Valid,
            Some(Flaw::BodyReSerialised) => match again() {
                Ok(body) => self.verifier.reason(headers, &body, now_ms),
                Err(_) => return Err(problem(400, "not JSON")),
            },
            _ => self.verifier.reason(headers, body, now_ms),
        };
        let value = request.header(self.signature_header());
        let taken = match self.flaw {
            Some(Flaw::PrefixCompare) => value.is_some_and(|value| self.begins(headers, body, value, now_ms)),
            Some(Flaw::EmptyKeyAccepted) => {
                self.empty_key.as_ref().is_some_and(|v| v.reason(headers, body, now_ms) == Reason::Valid)
            }
            _ => false,
        };
        if self.is(Flaw::CrashOnGarbage) && reason == Reason::Malformed {
            return Err(crash("ValueError: not enough values to unpack (expected 2, got 1)"));
        }
        if self.is(Flaw::ListNotParsed) && value.is_some_and(|value| self.is_list(value)) {
            return Err(problem(401, "signature"));
        }
        if reason == Reason::Valid || taken { Ok(()) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> Response {
        if self.is(Flaw::LeaksSecret) {
            return problem(401, &format!("the signature is not that of {}", self.secret.expose()));
        }
        problem(401, "signature")
    }

    fn signature_header(&self) -> &'static str {
        self.scheme.signature_header().unwrap_or_default()
    }

    /// Whether the right value of the signature header begins with this one, and all else is right.
    fn begins(&self, headers: &[(String, String)], body: &[u8], value: &str, now_ms: i64) -> bool {
        let id = self.scheme.id(headers).unwrap_or_default();
        let timestamp_ms = self.scheme.timestamp_ms(headers).unwrap_or_default();
        let signed = self.signer.sign(&Outgoing { event: "", id, timestamp_ms, body });
        let name = self.signature_header();
        let right = signed.into_iter().find(|(n, right)| *n == name && right.starts_with(value));
        let Some((_, right)) = right.filter(|_| !value.is_empty()) else { return false };
        let whole = |(n, v): &(String, String)| {
            (n.clone(), if n.eq_ignore_ascii_case(name) { right.clone() } else { v.clone() })
        };
        let headers: Vec<(String, String)> = headers.iter().map(whole).collect();
        self.verifier.reason(&headers, body, now_ms) == Reason::Valid
    }

    fn is_list(&self, value: &str) -> bool {
        let s = &self.scheme.spec().signature;
        match (s.form, s.key.as_deref()) {
            (Form::List, _) => value.trim().contains(s.separator.as_deref().unwrap_or(" ")),
            (Form::Pairs, Some(key)) => value.matches(&format!("{key}=")).count() > 1,
            _ => false,
        }
    }
}

/// A refusal in JSON.
pub(super) fn problem(status: u16, why: &str) -> Response {
    Response::json(status, &json!({ "error": why }))
}

/// What a framework makes of an exception.
fn crash(exception: &str) -> Response {
    problem(500, &format!("Traceback (most recent call last):\n  File \"receiver.py\", line 10\n{exception}"))
}
