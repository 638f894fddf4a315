//! Signed webhooks, each with its own body, id, timestamp and signature, built from a template into one reused buffer.

use signature::{Outgoing, Scheme, Signer};
use std::ops::Range;

/// Digits of a start's number in a body; enough for 10^12 starts.
const NUMBER_DIGITS: usize = 12;
/// Tournament ids stay within 32 bits, as receivers expect: this many of them, from [`TOURNAMENT_BASE`].
const TOURNAMENT_IDS: u64 = 1_000_000_000;
const TOURNAMENT_BASE: u64 = 1_000_000_000;

/// Builds the requests of one connection. Each is whole and signed in [`RequestTemplate::request`] until the next is built.
#[derive(Debug, Clone)]
pub(crate) struct RequestTemplate {
    request: Vec<u8>,
    at: Places,
    signer: Signer,
    event: String,
    seed: u64,
}

/// Where in the request the parts stand that differ from webhook to webhook. The widths are fixed, so that the request
/// is patched in place and its length never changes; only the headers of other schemes than DeltaCrown's are put in anew
/// each time.
#[derive(Debug, Clone)]
struct Places {
    headers: Headers,
    numbers: Vec<Range<usize>>,
    tournament: Range<usize>,
    body: Range<usize>,
}

#[derive(Debug, Clone)]
enum Headers {
    /// DeltaCrown's, in their places.
    Patched { signature: Range<usize>, timestamp: Option<Range<usize>>, id: Option<Range<usize>> },
    /// Those of the scheme, in front of the body.
    Written { at: usize },
}

/// Where the webhooks go, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedRequest<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub event: &'a str,
    /// Seed of ids and bodies: equal seeds give equal ones.
    pub seed: u64,
}

/// Why an event name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an event name: write 1 to 64 of a-z, 0-9, '_', '.' and '-', as in payment_verified")]
pub(crate) struct EventError(String);

/// Checks an event name, which stands in a header and in JSON.
///
/// # Errors
/// When it is empty, longer than 64 bytes, or has other characters than a-z, 0-9, `_`, `.` and `-`.
pub(crate) fn check_event(event: &str) -> Result<(), EventError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    let fine = (1..=64).contains(&event.len()) && event.bytes().all(plain);
    if fine { Ok(()) } else { Err(EventError(event.to_owned())) }
}

impl RequestTemplate {
    /// A template for webhooks of this kind, signed by this signer.
    #[must_use]
    pub(crate) fn new(of: SignedRequest<'_>, signer: Signer) -> Self {
        let (request, at) = template(of, signer.scheme());
        Self { request, at, signer, event: of.event.to_owned(), seed: of.seed }
    }

    /// Builds webhook number `start`, signed at `timestamp_ms` (Unix time).
    pub(crate) fn build(&mut self, start: u64, timestamp_ms: u64) {
        let body = self.at.body.start;
        let mut number = [0u8; NUMBER_DIGITS];
        decimal(&mut number, start);
        for range in &self.at.numbers {
            place(&mut self.request, body, range).copy_from_slice(&number);
        }
        let tournament = TOURNAMENT_BASE + start % TOURNAMENT_IDS;
        decimal(place(&mut self.request, body, &self.at.tournament), tournament);
        let mut id = [0u8; 36];
        uuid(&mut id, self.seed, start);
        match self.at.headers.clone() {
            Headers::Patched { signature, timestamp, id: place_of_id } => {
                if let Some(range) = place_of_id {
                    place(&mut self.request, 0, &range).copy_from_slice(&id);
                }
                self.patch(&signature, timestamp.as_ref(), timestamp_ms);
            }
            Headers::Written { at } => self.write(at, &id, timestamp_ms),
        }
    }

    fn patch(&mut self, signature: &Range<usize>, timestamp: Option<&Range<usize>>, timestamp_ms: u64) {
        let mut hex = [b'0'; 64];
        if let Some(range) = timestamp {
            decimal(place(&mut self.request, 0, range), timestamp_ms);
        }
        let part = |range: &Range<usize>| self.request.get(range.clone()).unwrap_or_default();
        let body = part(&self.at.body);
        match timestamp {
            Some(range) => self.signer.mac_hex_into(&[part(range), b".", body], &mut hex),
            None => self.signer.mac_hex_into(&[body], &mut hex),
        };
        place(&mut self.request, 0, signature).copy_from_slice(&hex);
    }

    fn write(&mut self, at: usize, id: &[u8; 36], timestamp_ms: u64) {
        let Some(body) = self.request.get(self.at.body.clone()).map(<[u8]>::to_vec) else { return };
        let webhook = Outgoing {
            event: &self.event,
            id: std::str::from_utf8(id).unwrap_or_default(),
            timestamp_ms: i64::try_from(timestamp_ms).unwrap_or(i64::MAX),
            body: &body,
        };
        let headers = self.signer.sign(&webhook);
        self.request.truncate(at);
        for (name, value) in headers {
            for piece in [name, ": ", &value, "\r\n"] {
                self.request.extend_from_slice(piece.as_bytes());
            }
        }
        self.request.extend_from_slice(b"\r\n");
        let begins = self.request.len();
        self.request.extend_from_slice(&body);
        self.at.body = begins..self.request.len();
    }

    /// The webhook built last: head and body.
    #[must_use]
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }
}

fn place<'a>(request: &'a mut [u8], offset: usize, range: &Range<usize>) -> &'a mut [u8] {
    request.get_mut(offset + range.start..offset + range.end).unwrap_or_default()
}

/// Lays out a request with empty places. Header order as the real sender has it (docs/deltacrown.md section 4), but for
/// Content-Length, which other schemes than DeltaCrown's have in front of their own headers.
fn template(request: SignedRequest<'_>, scheme: Scheme) -> (Vec<u8>, Places) {
    let (body, numbers, tournament) = body_template(request);
    let mut head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: smoke-load/{}\r\nAccept-Encoding: identity\r\nAccept: */*\r\n\
         Connection: keep-alive\r\nContent-Type: application/json\r\n",
        request.path,
        request.host,
        env!("CARGO_PKG_VERSION")
    );
    let mut gap = |name: &str, text: &str| {
        head.push_str(&format!("{name}: "));
        let from = head.len();
        head.push_str(text);
        head.push_str("\r\n");
        from..from + text.len()
    };
    let length = body.len().to_string();
    let headers = if [Scheme::DeltacrownV1, Scheme::DeltacrownV2].contains(&scheme) {
        let signature = gap("X-Webhook-Signature", &"0".repeat(64));
        gap("X-Webhook-Event", request.event);
        let second = scheme == Scheme::DeltacrownV2;
        let timestamp = second.then(|| gap("X-Webhook-Timestamp", &"0".repeat(13)));
        let id = second.then(|| gap("X-Webhook-Id", &"0".repeat(36)));
        gap("Content-Length", &length);
        Headers::Patched { signature, timestamp, id }
    } else {
        gap("Content-Length", &length);
        Headers::Written { at: head.len() }
    };
    head.push_str("\r\n");
    let begins = head.len();
    let mut request = head.into_bytes();
    request.extend_from_slice(body.as_bytes());
    let at = Places { headers, numbers, tournament, body: begins..request.len() };
    (request, at)
}

/// The body in the sender's key order, with places for the number (in title, text and url) and the tournament.
fn body_template(request: SignedRequest<'_>) -> (String, Vec<Range<usize>>, Range<usize>) {
    // A run's tag keeps two runs with different seeds apart; the number keeps two webhooks of a run apart.
    let run = format!("{:08x}", mix(request.seed) >> 32);
    let event = request.event;
    let mark = "#".repeat(NUMBER_DIGITS);
    let hole = "@".repeat(10);
    let body = format!(
        "{{\"event\":\"{event}\",\"data\":{{\"event\":\"{event}\",\"title\":\"Load {run} {mark}\",\
         \"body\":\"Webhook {mark} of the load {run}. Nobody was notified.\",\"url\":\"/tournaments/load-{run}-{mark}/\",\
         \"recipient_count\":1,\"tournament_id\":{hole},\"match_id\":null}},\
         \"metadata\":{{\"created\":1,\"skipped\":0,\"email_sent\":0,\"smoke_stand_in\":true}}}}"
    );
    let numbers = body.match_indices(&mark).map(|(from, text)| from..from + text.len()).collect();
    let tournament = body.find(&hole).map_or(0..0, |from| from..from + hole.len());
    (body, numbers, tournament)
}

/// Writes `n` in decimal, with zeros in front; the lowest digits when it is too long.
fn decimal(place: &mut [u8], mut n: u64) {
    // Two digits at once: half the divisions, which are a good part of what a webhook costs.
    let mut pairs = place.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let two = (n % 100) as u8;
        pair.copy_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
        n /= 100;
    }
    if let [first] = pairs.into_remainder() {
        *first = b'0' + (n % 10) as u8;
    }
}

/// Writes a UUIDv4 (RFC 9562) that depends on seed and number only.
fn uuid(place: &mut [u8; 36], seed: u64, start: u64) {
    let high = mix(seed ^ mix(start));
    let low = mix(high ^ start);
    let id = uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
        .into_uuid();
    let mut text = [0u8; 36];
    place.copy_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
}

/// SplitMix64's output function (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signature::Secret;
    use signature::Verifier;
    use std::collections::HashSet;

    const SECRET: &str = "3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5";

    const URL: &str = "http://127.0.0.1:9/hook?a=b";

    fn template(scheme: Scheme) -> RequestTemplate {
        let request =
            SignedRequest { host: "127.0.0.1:9", path: "/hook?a=b", event: "payment_verified", seed: 7 };
        RequestTemplate::new(request, Signer::new(scheme, &Secret::new(SECRET)).unwrap().to("POST", URL))
    }

    /// Head lines, and body.
    fn parts(template: &RequestTemplate) -> (Vec<String>, String) {
        let text = String::from_utf8(template.request().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split("\r\n").map(str::to_owned).collect(), body.to_owned())
    }

    fn header<'a>(head: &'a [String], name: &str) -> &'a str {
        head.iter().find_map(|l| l.strip_prefix(&format!("{name}: "))).unwrap()
    }

    #[test]
    fn a_webhook_is_whole_and_signed() {
        let mut template = template(Scheme::DeltacrownV2);
        template.build(42, 1_795_438_932_150);
        let (head, body) = parts(&template);
        assert_eq!(head[0], "POST /hook?a=b HTTP/1.1");
        assert_eq!(header(&head, "Content-Length"), body.len().to_string());
        assert_eq!(header(&head, "X-Webhook-Timestamp"), "1795438932150");
        let id = uuid::Uuid::parse_str(header(&head, "X-Webhook-Id")).unwrap();
        assert_eq!(id.get_version_num(), 4);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["data"]["tournament_id"], 1_000_000_042);
        assert_eq!(serde_json::to_string(&json).unwrap(), body, "compact, in the sender's key order");
    }

    #[test]
    fn every_scheme_is_signed_as_its_verifier_wants_it() {
        let now = 1_795_438_932_150;
        let mut signs_url = Vec::new();
        for scheme in Scheme::ALL.into_iter().filter(|scheme| scheme.needs_own_body().is_none()) {
            // Key pairs are none of these digits.
            let Ok(verifier) = Verifier::new(scheme, &Secret::new(SECRET)) else { continue };
            let verifier = verifier.with_url(URL);
            if Signer::new(scheme, &Secret::new(SECRET)).is_err() || scheme == Scheme::Discord {
                continue;
            }
            signs_url.extend(scheme.signs_url().then(|| scheme.name()));
            let mut template = template(scheme);
            for start in [0, 1, 999_999_999_999] {
                template.build(start, u64::try_from(now).unwrap());
                let (head, body) = parts(&template);
                assert_eq!(header(&head, "Content-Length"), body.len().to_string());
                let headers: Vec<(String, String)> = head[1..]
                    .iter()
                    .map(|line| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap())
                    .collect();
                let verdict = verifier.verify(&headers, body.as_bytes(), now);
                assert!(verdict.valid, "{scheme} {start}: {verdict:?}");
            }
        }
        assert_eq!(signs_url, ["square", "hubspot", "rfc9421"]);
    }

    #[test]
    fn v1_signs_the_body_alone_and_has_no_id() {
        let mut template = template(Scheme::DeltacrownV1);
        template.build(3, 1_795_438_932_150);
        let (head, _) = parts(&template);
        assert!(!head.iter().any(|l| l.starts_with("X-Webhook-Id") || l.starts_with("X-Webhook-Timestamp")));
    }

    #[test]
    fn webhooks_differ_in_body_id_and_signature_and_repeat_for_a_seed() {
        let mut template = template(Scheme::DeltacrownV2);
        let mut seen = HashSet::new();
        for start in 0..2000 {
            template.build(start, 1_795_438_932_150);
            let (head, body) = parts(&template);
            assert!(seen.insert(header(&head, "X-Webhook-Id").to_owned()));
            assert!(seen.insert(header(&head, "X-Webhook-Signature").to_owned()));
            assert!(seen.insert(body));
        }
        let last = template.request().to_vec();
        template.build(5, 1);
        template.build(1999, 1_795_438_932_150);
        assert_eq!(template.request(), last);
    }

    #[test]
    fn event_names_cannot_carry_a_header_or_json() {
        assert!(check_event("payment_verified").is_ok());
        for event in ["", "a b", "a\r\nX: y", "a\"", "Ä", &"a".repeat(65)] {
            assert!(check_event(event).is_err(), "{event}");
        }
    }
}
