//! Each known mistake, made and named; and what must not be named.

use crate::Secret;
use crate::key::{finish, keyed};
use crate::{Reason, Scheme, Verdict, Verifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

const SECRET: &str = "5b1d9e60c2f84a7393d0e1f2a3b4c5d65b1d9e60c2f84a7393d0e1f2a3b4c5d6";
const EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";
const ID: &str = "4960b1c5-318e-4f87-b6c4-62792d82faa3";
const TS: &str = "1795438932150";
const NOW: i64 = 1_795_438_932_200;
const BODY: &str = r#"{"event":"paid","b":{"z":1,"a":[1,2]},"name":"\u00dcn\u00ef <x/y>"}"#;

fn mac(key: &[u8], message: &str) -> String {
    hex::encode(finish(&keyed(key), &[message.as_bytes()]))
}

fn v2(signature: &str, timestamp: &str, body: &str) -> Verdict {
    let headers = [
        ("X-Webhook-Signature", signature),
        ("X-Webhook-Event", "paid"),
        ("X-Webhook-Timestamp", timestamp),
        ("X-Webhook-Id", ID),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()));
    let others: [&[u8]; 2] = [b"{}", b"other"];
    let verifier = Verifier::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    verifier.verify_among(&headers, body.as_bytes(), NOW, &others)
}

fn names(verdict: &Verdict, reason: Reason, words: &str) {
    assert_eq!(verdict.reason, reason, "{verdict:?}, for {words:?}");
    let diagnosis = verdict.diagnosis.as_deref().unwrap_or_default();
    assert!(diagnosis.contains(words), "{diagnosis:?} lacks {words:?}");
    assert!(!diagnosis.contains(SECRET), "the secret is in {diagnosis:?}");
}

fn message(body: &str) -> String {
    format!("{TS}.{body}")
}

#[test]
fn the_right_signature_is_valid_and_a_stranger_is_not_explained() {
    assert_eq!(v2(&mac(SECRET.as_bytes(), &message(BODY)), TS, BODY), Verdict::valid());
    let stranger = v2(&mac(b"some other secret", &message(BODY)), TS, BODY);
    assert_eq!(stranger, Verdict::invalid(Reason::Mismatch, None));
}

#[test]
fn mistaken_keys() {
    let cases: [(Vec<u8>, &str); 12] = [
        (hex::decode(SECRET).unwrap(), "hex-decoded the secret"),
        (STANDARD.decode(SECRET).unwrap(), "base64-decoded the secret"),
        (format!("{SECRET}\n").into(), "secret ends in a newline"),
        (format!("{SECRET}\r\n").into(), "carriage return"),
        (format!(" {SECRET}").into(), "begins with a space"),
        (format!("{SECRET} ").into(), "ends in a space"),
        (SECRET.to_uppercase().into(), "secret is in upper case"),
        (format!("\"{SECRET}\"").into(), "double quotes"),
        (STANDARD.encode(SECRET).into(), "base64-encoded the secret"),
        (hex::encode(SECRET).into(), "hex-encoded the secret"),
        (Vec::new(), "empty secret"),
        (EXAMPLE.into(), "public example secret"),
    ];
    for (key, words) in cases {
        names(&v2(&mac(&key, &message(BODY)), TS, BODY), Reason::Mismatch, words);
        let both = v2(&mac(&key, BODY), TS, BODY);
        names(&both, Reason::Mismatch, words);
        names(&both, Reason::Mismatch, "and the sender signs body only (Phase 5.5 scheme)");
    }
}

#[test]
fn a_secret_with_blanks_here_is_named() {
    let body = b"{}";
    let headers = vec![("X-Webhook-Signature".to_owned(), mac(b"Secret", "{}"))];
    for (here, words) in [("Secret\n", "spaces or a newline around it"), ("SECRET", ""), ("sEcret", "")] {
        let verifier = Verifier::new(Scheme::DeltacrownV1, &Secret::new(here)).unwrap();
        names(&verifier.verify(&headers, body, NOW), Reason::Mismatch, words);
    }
    let lower = vec![("X-Webhook-Signature".to_owned(), mac(b"secret", "{}"))];
    let verifier = Verifier::new(Scheme::DeltacrownV1, &Secret::new("Secret")).unwrap();
    names(&verifier.verify(&lower, body, NOW), Reason::Mismatch, "secret is in lower case");
}

#[test]
fn mistaken_messages() {
    let cases = [
        (BODY.to_owned(), "signs body only (Phase 5.5 scheme): replay-unsafe"),
        (format!("{TS}{BODY}"), "leaves out the `.`"),
        (format!("{TS}:{BODY}"), "puts `:`"),
        (format!("{ID}.{TS}.{BODY}"), "id.timestamp.body"),
        (format!("{TS}.{ID}.{BODY}"), "timestamp.id.body"),
        (format!("{BODY}.{TS}"), "body.timestamp"),
        (format!("v0:{TS}:{BODY}"), "Slack"),
        (format!("1795438932.{BODY}"), "timestamp in seconds"),
        (format!("1795438932000.{BODY}"), "cut to whole seconds"),
        (format!("1795438932.150.{BODY}"), "float in seconds"),
        (format!("1795438932.15.{BODY}"), "float in seconds"),
        (format!("{TS}.0.{BODY}"), "as a float"),
        (format!("+{TS}.{BODY}"), "`+` before it"),
        (format!("-{TS}.{BODY}"), "`-` before it"),
        (format!("2026-11-23T13:02:12.150Z.{BODY}"), "ISO 8601"),
        (format!("2026-11-23T13:02:12+00:00.{BODY}"), "ISO 8601"),
        (format!("1795438932147.{BODY}"), "3 ms later than the signed one"),
        (format!("1795438930147.{BODY}"), "2003 ms later than the signed one"),
        (message("other"), "another delivery's body"),
    ];
    for (signed, words) in cases {
        names(&v2(&mac(SECRET.as_bytes(), &signed), TS, BODY), Reason::Mismatch, words);
    }
}

#[test]
fn bodies_written_differently_both_ways() {
    const RAW: &str = "{\"event\":\"paid\",\"b\":{\"z\":1,\"a\":[1,2]},\"name\":\"Ün\u{ef} <x/y>\"}";
    let cases = [
        (BODY, r#"{"event": "paid", "b": {"z": 1, "a": [1, 2]}, "name": "\u00dcn\u00ef <x/y>"}"#),
        (BODY, RAW),
        (BODY, r#"{"b":{"a":[1,2],"z":1},"event":"paid","name":"\u00dcn\u00ef <x/y>"}"#),
        (BODY, r#"{"event":"paid","b":{"z":1,"a":[1,2]},"name":"\u00DCn\u00EF <x/y>"}"#),
        (BODY, r#"{"event":"paid","b":{"z":1,"a":[1,2]},"name":"\u00dcn\u00ef <x\/y>"}"#),
        (RAW, "{\"event\":\"paid\",\"b\":{\"z\":1,\"a\":[1,2]},\"name\":\"Ün\u{ef} \\u003cx/y\\u003e\"}"),
        ("{\"a\":[1,{}],\"b\":[]}", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"),
        ("{\"a\":[1,{}],\"b\":[]}", "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}"),
        ("{\"a\":1}", "{\"a\":1}\n"),
        ("{\"a\":1}", "{\"a\":1}\r\n"),
        ("{\n\"a\":1}", "{\r\n\"a\":1}"),
        ("{\"a\":1}", "\u{feff}{\"a\":1}"),
    ];
    for (one, other) in cases {
        // Sorting cannot be undone: whoever sent the sorted text is told of another mistake or none.
        let sorted = other.starts_with("{\"b\"");
        names(
            &v2(&mac(SECRET.as_bytes(), &message(other)), TS, one),
            Reason::Mismatch,
            "signature is valid over",
        );
        names(&v2(&mac(SECRET.as_bytes(), other), TS, one), Reason::Mismatch, "signature is valid over");
        if !sorted {
            let verdict = v2(&mac(SECRET.as_bytes(), &message(one)), TS, other);
            names(&verdict, Reason::Mismatch, "signature is valid over");
        }
    }
    names(&v2(&mac(SECRET.as_bytes(), &message("")), TS, BODY), Reason::Mismatch, "an empty body");
}

#[test]
fn kinds_of_re_serialisation_are_told_apart() {
    let of =
        |signed: &str, sent: &str| v2(&mac(SECRET.as_bytes(), &message(signed)), TS, sent).diagnosis.unwrap();
    assert!(of(r#"{"b":1,"a":2}"#, r#"{"b": 1, "a": 2}"#).contains("re-serialised compact JSON"));
    assert!(of(r#"{"b": 1, "a": 2}"#, r#"{"b":1,"a":2}"#).contains("spaced JSON"));
    assert!(of(r#"{"a":2,"b":1}"#, r#"{"b":1,"a":2}"#).contains("sorted keys"));
    assert!(of(r#"{"a":"ü"}"#, r#"{"a":"\u00fc"}"#).contains("raw UTF-8"));
    assert!(of(r#"{"a":"\u00fc"}"#, r#"{"a":"ü"}"#).contains("non-ASCII characters escaped"));
    assert!(of(r#"{"a":"\u00FC"}"#, r#"{"a":"\u00fc"}"#).contains("upper case"));
    assert!(of("{\n  \"a\": 2\n}", r#"{"a":2}"#).contains("indented by 2"));
}

#[test]
fn other_hashes() {
    let m = message(BODY);
    let sha1 = Hmac::<sha1::Sha1>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&m).finalize();
    names(&v2(&hex::encode(sha1.into_bytes()), TS, BODY), Reason::Malformed, "HMAC-SHA1");
    let sha512 = Hmac::<sha2::Sha512>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&m).finalize();
    let sha512 = hex::encode(sha512.into_bytes());
    names(&v2(&sha512, TS, BODY), Reason::Malformed, "HMAC-SHA512");
    names(&v2(&sha512[..64], TS, BODY), Reason::Mismatch, "HMAC-SHA512");
    let plain = |parts: [&str; 2]| hex::encode(sha2::Sha256::digest(parts.concat()));
    names(&v2(&plain([SECRET, &m]), TS, BODY), Reason::Mismatch, "plain SHA-256 of secret and message");
    names(&v2(&plain([SECRET, BODY]), TS, BODY), Reason::Mismatch, "plain SHA-256 of secret and message");
    names(&v2(&plain([&m, SECRET]), TS, BODY), Reason::Mismatch, "plain SHA-256 of message and secret");
    names(&v2(&plain(["", BODY]), TS, BODY), Reason::Mismatch, "without any secret");
    names(&v2(&mac(m.as_bytes(), SECRET), TS, BODY), Reason::Mismatch, "swaps key and message");
}

#[test]
fn spellings_of_the_right_digest() {
    let right = mac(SECRET.as_bytes(), &message(BODY));
    let bytes = hex::decode(&right).unwrap();
    let cases = [
        (format!("sha256={right}"), "`sha256=` prefix that the scheme does not have"),
        (STANDARD.encode(&bytes), "base64 instead of hex"),
        (STANDARD.encode(&right), "base64 of its hex text"),
        (right[..62].to_owned(), "cut off: 62 of 64"),
        (right[..63].to_owned(), "cut off: 63 of 64"),
        (format!("{right}0"), "1 hex digits follow the right 64"),
        (right.to_uppercase(), "is in upper case"),
    ];
    for (signature, words) in cases {
        names(&v2(&signature, TS, BODY), Reason::Malformed, words);
    }
    let body_only = mac(SECRET.as_bytes(), BODY);
    let verdict = v2(&format!("sha256={body_only}"), TS, BODY);
    names(&verdict, Reason::Malformed, "signs body only");
    names(&verdict, Reason::Malformed, "prefix");
}

#[test]
fn wrong_digests_in_wrong_spellings_are_not_called_right() {
    let wrong = mac(b"nobody's secret", "nothing");
    for signature in
        [wrong[..62].to_owned(), wrong[..63].to_owned(), wrong.to_uppercase(), format!("sha256={wrong}")]
    {
        let verdict = v2(&signature, TS, BODY);
        assert_eq!(verdict.reason, Reason::Malformed);
        let diagnosis = verdict.diagnosis.unwrap();
        assert!(!diagnosis.contains("right") && !diagnosis.contains("cut off"), "{diagnosis}");
    }
    names(&v2("abc", TS, BODY), Reason::Malformed, "has 3 hex digits, not 64");
    names(&v2(&"z".repeat(64), TS, BODY), Reason::Malformed, "not all of them hex digits");
    names(&v2(&"0".repeat(64), TS, BODY), Reason::Mismatch, "constant, `0`");
}

#[test]
fn timestamps_that_are_none() {
    let with = |ts: &str| v2(&mac(SECRET.as_bytes(), &format!("{ts}.{BODY}")), ts, BODY);
    names(
        &with("1795438932"),
        Reason::Malformed,
        "timestamp is in seconds, the scheme says milliseconds; the MAC itself is right",
    );
    for ts in [
        "-795438932150",
        "+795438932150",
        "1795438932.15",
        "2026-11-23T12:22:12Z",
        "17954389321500",
        "١٧٩٥٤٣٨٩٣",
    ] {
        names(&with(ts), Reason::Malformed, "timestamp");
        names(&with(ts), Reason::Malformed, "the MAC itself is right");
    }
    names(
        &v2(&mac(SECRET.as_bytes(), "x"), "", BODY),
        Reason::Missing,
        "X-Webhook-Timestamp header is empty",
    );
}

#[test]
fn a_sender_of_the_older_phase_is_known_by_its_missing_headers() {
    let headers = [("X-Webhook-Signature".to_owned(), mac(SECRET.as_bytes(), BODY))];
    let verifier = Verifier::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    let verdict = verifier.verify(&headers, BODY.as_bytes(), NOW);
    names(
        &verdict,
        Reason::Missing,
        "no X-Webhook-Timestamp header; the sender signs body only (Phase 5.5 scheme)",
    );

    let newer = [
        ("X-Webhook-Signature".to_owned(), mac(SECRET.as_bytes(), &message(BODY))),
        ("X-Webhook-Timestamp".to_owned(), TS.to_owned()),
    ];
    let verifier = Verifier::new(Scheme::DeltacrownV1, &Secret::new(SECRET)).unwrap();
    names(
        &verifier.verify(&newer, BODY.as_bytes(), NOW),
        Reason::Mismatch,
        "signs timestamp.body (deltacrown-v2)",
    );
}

#[test]
fn the_search_is_bounded() {
    let body = "[1,".repeat(1 << 18) + "1";
    let others: Vec<Vec<u8>> = (0..1000u32).map(|i| i.to_le_bytes().repeat(1 << 15)).collect();
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    let headers = [
        ("X-Webhook-Signature", mac(b"nobody's", "nothing")),
        ("X-Webhook-Timestamp", TS.to_owned()),
        ("X-Webhook-Id", ID.to_owned()),
    ]
    .map(|(n, v)| (n.to_owned(), v));
    let verifier = Verifier::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    let started = std::time::Instant::now();
    let verdict = verifier.verify_among(&headers, body.as_bytes(), NOW, &others);
    assert_eq!(verdict, Verdict::invalid(Reason::Mismatch, None));
    // Unbounded it would hash some 200 MB; the limit is generous, for a debug build on a busy machine.
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

/// 28,000 numbers 100 arrays deep are a body of 56 KB; indented by 4 they are 11 MB, which were written six times over.
#[test]
fn candidates_are_bounded_as_a_whole() {
    let deep = format!("{}{}1{}", "[".repeat(100), "1,".repeat(28_000), "]".repeat(100));
    for body in
        [deep, format!("[{}\"ü\"]", "\"/ü<\",".repeat(7_000)), "[".repeat(60_000), " ".repeat(1 << 20)]
    {
        let all = super::bodies::mistaken(body.as_bytes(), &mut super::work::Work::new());
        let made: usize = all.iter().map(|(_, candidate)| candidate.len()).sum();
        assert!(made <= super::work::Work::new().making() && !all.is_empty(), "{made} bytes");
    }
}

/// Bounding the work must not cost what it is for: the last candidate of a large ordinary webhook is still found.
#[test]
fn a_large_body_gets_all_its_candidates() {
    let item = r#"{"id":17,"name":"a team of six","note":"<i>/x</i>"},"#.repeat(1_150);
    let body = format!(r#"{{"z":[{item}1],"a":"\u00fc"}}"#);
    assert!((56_000..64_000).contains(&body.len()), "{}", body.len());
    let all = super::bodies::mistaken(body.as_bytes(), &mut super::work::Work::new());
    let words = "indented by 4 with sorted keys";
    let (_, bytes) = all.into_iter().find(|(clause, _)| clause.contains(words)).unwrap();
    let signed = format!("{TS}.{}", String::from_utf8(bytes).unwrap());
    names(&v2(&mac(SECRET.as_bytes(), &signed), TS, &body), Reason::Mismatch, words);
}

#[test]
fn mistakes_under_the_other_schemes() {
    let verdict = |scheme: Scheme, secret: &str, headers: &[(&str, String)]| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        Verifier::new(scheme, &Secret::new(secret)).unwrap().verify(&headers, BODY.as_bytes(), NOW)
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let seconds = "1795438932";
    let standard = |key: &[u8]| {
        let message = format!("m.{seconds}.{BODY}");
        let tag = STANDARD.encode(finish(&keyed(key), &[message.as_bytes()]));
        let headers = [
            ("webhook-id", "m".to_owned()),
            ("webhook-timestamp", seconds.to_owned()),
            ("webhook-signature", format!("v1,{tag}")),
        ];
        verdict(Scheme::StandardWebhooks, secret, &headers)
    };
    assert!(standard(&STANDARD.decode(&secret[6..]).unwrap()).valid);
    names(&standard(secret.as_bytes()), Reason::Mismatch, "text of the secret as the key");
    names(
        &standard(&secret.as_bytes()[6..]),
        Reason::Mismatch,
        "the text of the secret without its `whsec_`",
    );

    let github = |value: String| verdict(Scheme::Github, SECRET, &[("X-Hub-Signature-256", value)]);
    let right = mac(SECRET.as_bytes(), BODY);
    assert!(github(format!("sha256={right}")).valid);
    names(&github(right), Reason::Malformed, "no `sha256=` signature; the MAC itself is right");

    let stripe = |value: String| verdict(Scheme::Stripe, secret, &[("Stripe-Signature", value)]);
    let signed = |key: &str, ts: &str| format!("t={ts},v1={}", mac(key.as_bytes(), &format!("{ts}.{BODY}")));
    assert!(stripe(signed(secret, seconds)).valid);
    names(&stripe(signed(&secret[6..], seconds)), Reason::Mismatch, "left the whsec_ prefix off");
    names(
        &stripe(signed(secret, TS)),
        Reason::Malformed,
        "timestamp is in milliseconds, the scheme says seconds",
    );
    let body_only = format!("t={seconds},v1={}", mac(secret.as_bytes(), BODY));
    names(&stripe(body_only), Reason::Mismatch, "signs body only: replay-unsafe");
    // What one of Stripe's libraries refuses is refused.
    let right = signed(secret, seconds);
    for (value, says) in [
        (format!("{right},"), "a part that is not `key=value`"),
        (format!("{right},note"), "a part that is not `key=value`"),
        (format!("{right},t=1"), "`t=` twice"),
        (signed(secret, &format!("0{seconds}")), "timestamp begins with a zero"),
    ] {
        names(&stripe(value), Reason::Malformed, says);
    }
    assert!(stripe(format!("{right},v0=ab,v1=cd")).valid);
    assert!(stripe(format!("{right},t={seconds}")).valid);
}

#[test]
fn what_languages_and_transports_do_to_a_body() {
    let of = |signed: &[u8], sent: &[u8]| {
        let tag = hex::encode(finish(&keyed(SECRET.as_bytes()), &[signed]));
        let headers = [("X-Hub-Signature-256".to_owned(), format!("sha256={tag}"))];
        let verifier = Verifier::new(Scheme::Github, &Secret::new(SECRET)).unwrap();
        verifier.verify(&headers, sent, NOW).diagnosis.unwrap_or_default()
    };
    assert!(
        of(br#"{"a":1,"b":[2.5,1e+21]}"#, br#"{"a":1.0,"b":[2.50,1e21]}"#)
            .contains("as JavaScript writes them")
    );
    assert!(
        of("{\"a\":\"x\\/ü\"}".as_bytes(), "{\"a\":\"x/ü\"}".as_bytes())
            .contains("slashes escaped and raw Unicode")
    );
    assert!(of("{\"a\":\"\u{fffd}\"}".as_bytes(), b"{\"a\":\"\xff\"}").contains("decoded as text first"));
    assert!(of(b"{\"a\":\"\xfc\"}", "{\"a\":\"ü\"}".as_bytes()).contains("the body in Latin-1"));
    assert!(of("{\"a\":\"Ã¼\"}".as_bytes(), "{\"a\":\"ü\"}".as_bytes()).contains("read as Latin-1"));
    assert!(
        of(br#"{"a":1}"#, b"payload=%7B%22a%22%3A1%7D").contains("the value of the form's field `payload`")
    );
    let (plain, twice) = (br#"{"a":"\"x\""}"#, br#""{\"a\":\"\\\"x\\\"\"}""#);
    assert!(of(plain, twice).contains("the JSON that the body holds as text (it was encoded twice)"));
    assert!(of(twice, plain).contains("the body encoded as JSON once more, as text"));
    let mut packed = flate2::read::GzEncoder::new(&b"{\"a\":1}"[..], flate2::Compression::fast());
    let mut sent = Vec::new();
    std::io::Read::read_to_end(&mut packed, &mut sent).unwrap();
    assert!(of(br#"{"a":1}"#, &sent).contains("before it was compressed"));
}

/// The mistakes are found from the template, so under every sender; with a public key as well.
#[test]
fn mistakes_are_found_from_the_template_of_any_sender() {
    use crate::{Outgoing, Received, Signer};
    let url = "https://hooks.example.com/in";
    let sent = r#"{"type": "paid", "n": 1}"#;
    let signed = r#"{"type":"paid","n":1}"#;
    let pair =
        "whsk_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQn9GXJOXT91jfAiCyq4mgaBXQhzbJIK7Sf9hmnGUPpjHw==";
    let mut tried = 0;
    for scheme in
        Scheme::ALL.into_iter().filter(|s| s.is_signed() && s.spec().signature.components.is_empty())
    {
        let own = scheme.generate_secret().unwrap();
        for secret in [own.expose(), pair] {
            let Ok(verifier) = Verifier::new(scheme, &Secret::new(secret)) else { continue };
            let Ok(signer) = Signer::new(scheme, &Secret::new(secret)) else { continue };
            if scheme.signature_header().is_none() || !scheme.compiled().template.has_body() {
                continue;
            }
            if scheme.spec().signature.timestamp.as_ref().is_some_and(|t| t.json.is_some()) {
                continue;
            }
            let out = Outgoing { event: "paid", id: ID, timestamp_ms: NOW, body: signed.as_bytes() };
            let headers: Vec<(String, String)> =
                signer.to("POST", url).sign(&out).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            let request = |body| Received { method: "POST", url, headers: &headers, body };
            if scheme.spec().signature.algorithm == crate::Algorithm::Token {
                continue;
            }
            assert!(verifier.verify_request(&request(signed.as_bytes()), NOW, &[]).valid, "{scheme}");
            let verdict = verifier.verify_request(&request(sent.as_bytes()), NOW, &[]);
            names(&verdict, Reason::Mismatch, "re-serialised compact JSON");
            tried += 1;
        }
    }
    assert!(tried >= 18, "{tried}");
}

#[test]
fn junk_beside_a_signature_is_not_what_is_diagnosed() {
    let stripe = |signature: &str| {
        let verifier = Verifier::new(Scheme::Stripe, &Secret::new(SECRET)).unwrap();
        let headers = vec![("Stripe-Signature".to_owned(), signature.to_owned())];
        verifier.verify(&headers, BODY.as_bytes(), NOW)
    };
    let seconds = &TS[..10];
    let right = mac(SECRET.as_bytes(), &format!("{seconds}.{BODY}"));
    let body_only = mac(SECRET.as_bytes(), BODY);
    let zeros = "0".repeat(64);
    for junk in ["x", "abc", zeros.as_str(), ""] {
        assert_eq!(stripe(&format!("t={seconds},v1={junk},v1={right}")), Verdict::valid(), "{junk}");
        let upper = stripe(&format!("t={seconds},v1={junk},v1={}", right.to_uppercase()));
        let reason = if junk == zeros { Reason::Mismatch } else { Reason::Malformed };
        names(&upper, reason, "right except for being upper case");
        assert!(!upper.diagnosis.unwrap().contains("hex digits"), "{junk}");
        let mistaken = stripe(&format!("t={seconds},v1={junk},v1={body_only}"));
        names(&mistaken, Reason::Mismatch, "the sender signs body only");
    }
    names(&stripe(&format!("t={seconds},v1={zeros}")), Reason::Mismatch, "is a constant");
    let many = vec![format!("v1={zeros}"); 31].join(",");
    names(
        &stripe(&format!("t={seconds},{many},v1={body_only}")),
        Reason::Mismatch,
        "the sender signs body only",
    );
}
