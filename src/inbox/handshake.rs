//! What senders ask a receiver before they send to it: that it answers with what only their receiver would.
//!
//! Each has a mark that no webhook has. What is given back is what was sent, so it is short and plain; what is signed cannot be
//! the message of a webhook, unless the sender's profile asks for just that, so that nobody has signatures made here.

use record::Handshake;
use serde_json::{Value, json};
use signature::Verifier;
use std::borrow::Cow;
use wire::http1::{RawRequest, Response};

/// The longest challenge that is given back, in characters.
const MAX_CHALLENGE: usize = 1024;

/// The longest token that is signed, in characters.
const MAX_TOKEN: usize = 256;

/// The longest body of such a request, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What answers a sender's handshakes.
pub(super) struct Answerer<'a> {
    pub verifier: Option<&'a Verifier>,
    /// The handshakes of the sender's profile; all are known where it names none.
    pub known: &'a [Handshake],
    /// The time, Unix milliseconds.
    pub now_ms: i64,
}

impl Answerer<'_> {
    /// The answer to a request that is a handshake of this sender, and which it is; `None` for any other request.
    pub(super) fn answer(&self, request: &RawRequest) -> Option<(Handshake, Response)> {
        let pings = self.known.contains(&Handshake::DiscordPing);
        if let Some(answer) = pings.then(|| ping(self, request)).flatten() {
            return Some((Handshake::DiscordPing, answer));
        }
        let found = match request.method.as_str() {
            "GET" => self.asked(request),
            "OPTIONS" => {
                let origin = request.header("WebHook-Request-Origin").filter(|origin| is_plain(origin))?;
                let rate = request.header("WebHook-Request-Rate").filter(|r| is_plain(r)).unwrap_or("*");
                let allowed = Response { status: 200, reason: None, headers: Vec::new(), body: Vec::new() }
                    .with("Allow", "POST")
                    .with("WebHook-Allowed-Origin", origin)
                    .with("WebHook-Allowed-Rate", rate);
                Some((Handshake::CloudEvents, allowed))
            }
            "POST" => self.posted(request),
            _ => None,
        };
        found.filter(|(kind, _)| self.known.is_empty() || self.known.contains(kind))
    }

    /// The HMAC of a token, in a handshake that is answered so: anybody may ask for it, and where the sender signs bare bodies or
    /// fields it would be the signature of a webhook that he makes up.
    fn signed(&self, kind: Handshake, token: &str) -> Option<[u8; 32]> {
        let verifier = self.verifier?;
        let may = self.known.contains(&kind) || !verifier.may_be_message(is_of_token);
        may.then(|| verifier.answer_challenge(token)).flatten()
    }

    /// Handshakes by GET.
    fn asked(&self, request: &RawRequest) -> Option<(Handshake, Response)> {
        if let Some(challenge) = parameter(request, "hub.challenge") {
            // WebSub and Meta ask with the mode; without it anybody's query would be given back.
            parameter(request, "hub.mode")?;
            return Some((Handshake::HubChallenge, given_back(&challenge)?));
        }
        if let Some(token) = parameter(request, "crc_token") {
            let digest = self.signed(Handshake::XCrc, token_of(&token)?)?;
            let token = format!("sha256={}", base64(&digest));
            return Some((Handshake::XCrc, Response::json(200, &json!({ "response_token": token }))));
        }
        let challenge = parameter(request, "challenge")?;
        Some((Handshake::Dropbox, given_back(&challenge)?))
    }

    fn posted(&self, request: &RawRequest) -> Option<(Handshake, Response)> {
        if let Some(token) = parameter(request, "validationToken") {
            return Some((Handshake::MsGraph, given_back(&token)?));
        }
        // Cheaper than reading every webhook: the marks stand as they are in the body of each of these.
        let body = request.body.as_slice();
        let body = if body.len() > MAX_BODY { None } else { std::str::from_utf8(body).ok() }?;
        if body.contains("url_verification") {
            let json: Value = serde_json::from_str(body).ok()?;
            (json.get("type")?.as_str()? == "url_verification").then_some(())?;
            return Some((Handshake::SlackUrlVerification, given_back(json.get("challenge")?.as_str()?)?));
        }
        if body.contains("endpoint.url_validation") {
            let json: Value = serde_json::from_str(body).ok()?;
            (json.get("event")?.as_str()? == "endpoint.url_validation").then_some(())?;
            let token = token_of(json.pointer("/payload/plainToken")?.as_str()?)?;
            let digest = self.signed(Handshake::ZoomCrc, token)?;
            let answer = json!({ "plainToken": token, "encryptedToken": hex::encode(digest) });
            return Some((Handshake::ZoomCrc, Response::json(200, &answer)));
        }
        None
    }
}

/// Discord asks with a signed request whether a receiver answers, and with one that is signed wrongly whether it verifies.
fn ping(answerer: &Answerer<'_>, request: &RawRequest) -> Option<Response> {
    if request.method != "POST" || request.body.len() > MAX_BODY {
        return None;
    }
    let json: Value = serde_json::from_slice(&request.body).ok()?;
    let kind = json.get("type")?.as_u64().filter(|kind| *kind <= 1)?;
    let is_ping = json.get("data").is_none() && json.get("event").is_none();
    let verifier = answerer.verifier.filter(|_| is_ping)?;
    let (verdict, _) = verifier.check_posted(
        (&request.method, &request.target),
        &request.headers,
        &request.body,
        answerer.now_ms,
    );
    Some(match (verdict.valid, kind) {
        (false, _) => Response::json(401, &json!({ "error": "invalid request signature" })),
        // An interaction is answered in kind, an event with nothing.
        (true, 1) => Response::json(200, &json!({ "type": 1 })),
        (true, _) => Response { status: 204, reason: None, headers: Vec::new(), body: Vec::new() }
            .with("Content-Type", "application/json"),
    })
}

/// A parameter of the query, decoded.
fn parameter<'r>(request: &'r RawRequest, name: &str) -> Option<Cow<'r, str>> {
    let (_, query) = request.target.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let field = query.split('&').find_map(|field| {
        let (key, value) = field.split_once('=')?;
        let key = percent_encoding::percent_decode_str(key).decode_utf8().ok()?;
        (key == name).then_some(value)
    })?;
    if field.contains('+') {
        let spaced = field.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
        return Some(Cow::Owned(decoded));
    }
    percent_encoding::percent_decode_str(field).decode_utf8().ok()
}

/// A challenge as it came, as plain text that no browser takes for a page.
fn given_back(challenge: &str) -> Option<Response> {
    is_plain(challenge).then(|| {
        let body = challenge.as_bytes().to_vec();
        Response { status: 200, reason: None, headers: Vec::new(), body }
            .with("Content-Type", "text/plain; charset=utf-8")
            .with("X-Content-Type-Options", "nosniff")
    })
}

/// Whether a text can be given back: visible ASCII and blanks, not too long.
fn is_plain(text: &str) -> bool {
    (1..=MAX_CHALLENGE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// A token that may be signed.
fn token_of(text: &str) -> Option<&str> {
    ((1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(is_of_token)).then_some(text)
}

/// Letters, digits, `-`, `_` and `=`.
const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Tick;
    use signature::{Scheme, Secret};

    const SECRET: &str = "3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5";

    fn ask(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<(Handshake, Response)> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = request(method, target, &headers, body);
        let verifier = Verifier::new(Scheme::Zoom, &Secret::new(SECRET)).unwrap();
        answerer(&verifier, &[]).answer(&request)
    }

    fn answerer<'a>(verifier: &'a Verifier, known: &'a [Handshake]) -> Answerer<'a> {
        Answerer { verifier: Some(verifier), known, now_ms: 1_795_438_932_000 }
    }

    fn post(headers: &[(String, String)], body: &str) -> RawRequest {
        request("POST", "/", headers, body)
    }

    fn request(method: &str, target: &str, headers: &[(String, String)], body: &str) -> RawRequest {
        RawRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.to_vec(),
            head: Vec::new(),
            body: body.as_bytes().to_vec(),
            first_byte: Tick(0),
            received: Tick(0),
            keep_alive: false,
            peer: None,
        }
    }

    #[test]
    fn a_ping_of_discord_is_verified_and_answered_in_kind() {
        let secret = Scheme::Discord.generate_secret().unwrap();
        let verifier = Verifier::new(Scheme::Discord, &secret).unwrap();
        let signer = signature::Signer::new(Scheme::Discord, &secret).unwrap();
        let asked = answerer(&verifier, &[Handshake::DiscordPing]);
        for (body, status, answer) in [(r#"{"type":1}"#, 200, r#"{"type":1}"#), (r#"{"type":0}"#, 204, "")] {
            let timestamp_ms = 1_795_438_932_000;
            let out = signature::Outgoing { id: "", event: "", timestamp_ms, body: body.as_bytes() };
            let signed: Vec<_> = signer.sign(&out).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            let (kind, good) = asked.answer(&post(&signed, body)).unwrap();
            assert_eq!(
                (kind, good.status, good.body),
                (Handshake::DiscordPing, status, answer.as_bytes().to_vec())
            );
            assert_eq!(asked.answer(&post(&[], body)).unwrap().1.status, 401);
        }
        assert!(asked.answer(&post(&[], r#"{"type":1,"event":{}}"#)).is_none());
    }

    #[test]
    fn a_profile_that_names_its_handshakes_has_no_others() {
        let verifier = Verifier::new(Scheme::Zoom, &Secret::new(SECRET)).unwrap();
        let asked = answerer(&verifier, &[Handshake::ZoomCrc]);
        let zoom = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event":"endpoint.url_validation"}"#;
        assert!(asked.answer(&post(&[], zoom)).is_some());
        let slack = r#"{"token":"x","challenge":"3eZbrw1aB","type":"url_verification"}"#;
        assert!(asked.answer(&post(&[], slack)).is_none());
    }

    fn text(answer: Option<(Handshake, Response)>) -> (Handshake, String) {
        let (kind, answer) = answer.expect("a handshake");
        assert_eq!(answer.status, 200);
        (kind, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn each_handshake_gets_the_answer_that_its_sender_wants() {
        let slack = r#"{"token":"x","challenge":"3eZbrw1aB","type":"url_verification"}"#;
        assert_eq!(text(ask("POST", "/", &[], slack)), (Handshake::SlackUrlVerification, "3eZbrw1aB".into()));
        let hub = "/in?hub.mode=subscribe&hub.challenge=115%3A82&hub.verify_token=v";
        assert_eq!(text(ask("GET", hub, &[], "")), (Handshake::HubChallenge, "115:82".into()));
        assert_eq!(text(ask("GET", "/in?challenge=abc", &[], "")), (Handshake::Dropbox, "abc".into()));
        let graph = "/in?validationToken=Validation%3a+Testing+123";
        assert_eq!(text(ask("POST", graph, &[], "")), (Handshake::MsGraph, "Validation: Testing 123".into()));
        let (kind, answer) = ask("OPTIONS", "/in", &[("webhook-request-origin", "example.com")], "").unwrap();
        assert_eq!(
            (kind, answer.header("WebHook-Allowed-Origin")),
            (Handshake::CloudEvents, Some("example.com"))
        );
        // printf %s qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac SECRET
        let zoom = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1,"event":"endpoint.url_validation"}"#;
        let (kind, body) = text(ask("POST", "/", &[], zoom));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((kind, body["plainToken"].as_str()), (Handshake::ZoomCrc, Some("qgg8vlvZRS6UYooatFL8Aw")));
        assert_eq!(body["encryptedToken"].as_str().map(str::len), Some(64));
        let (kind, body) = text(ask("GET", "/in?crc_token=NmI3", &[], ""));
        assert!(kind == Handshake::XCrc && body.starts_with(r#"{"response_token":"sha256="#), "{body}");
    }

    #[test]
    fn webhooks_are_no_handshakes_and_nothing_is_signed_that_a_webhook_could_be() {
        assert!(ask("POST", "/", &[], r#"{"type":"paid","challenge":"x"}"#).is_none());
        assert!(ask("POST", "/", &[], r#"{"type":"event_callback","text":"url_verification"}"#).is_none());
        assert!(ask("GET", "/in?hub.challenge=1", &[], "").is_none(), "no mode");
        assert!(ask("GET", "/in", &[], "").is_none());
        assert!(ask("OPTIONS", "/in", &[], "").is_none());
        for forged in ["v0:1795438932:{}", "{\\\"a\\\":1}", "1795438932.x"] {
            let zoom =
                format!(r#"{{"payload":{{"plainToken":"{forged}"}},"event":"endpoint.url_validation"}}"#);
            assert!(ask("POST", "/", &[], &zoom).is_none(), "{forged}");
        }
        // Of senders whose message may be a bare token nothing is signed that their profile does not name.
        let zoom = r#"{"payload":{"plainToken":"1795438932deadbeef"},"event":"endpoint.url_validation"}"#;
        let answers = |scheme, known: &[Handshake]| {
            let verifier = Verifier::new(scheme, &Secret::new(SECRET)).unwrap();
            [post(&[], zoom), request("GET", "/in?crc_token=17", &[], "")]
                .map(|request| answerer(&verifier, known).answer(&request).is_some())
        };
        assert_eq!(answers(Scheme::Mailgun, &[]), [false, false]);
        assert_eq!(answers(Scheme::Github, &[]), [false, false]);
        assert_eq!(answers(Scheme::Github, &[Handshake::XCrc]), [false, true]);
        assert_eq!(answers(Scheme::DeltacrownV2, &[]), [true, true]);
        assert!(ask("GET", "/in?challenge=%0d%0aSet-Cookie:x", &[], "").is_none());
        assert!(ask("GET", &format!("/in?challenge={}", "a".repeat(2000)), &[], "").is_none());
    }
}
