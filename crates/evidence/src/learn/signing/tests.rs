//! Signatures of senders that are not built in.

use super::*;
use record::Tick;
use signature::{Outgoing, Signer};

const SECRET: &str = "topsecretkey12345678901234567890";

/// Six webhooks as a sender with this signature sends them, and what is learnt of it with the secret.
fn learnt(signature: &str, secret: &str) -> Learnt {
    learnt_under(signature, SECRET, secret)
}

/// The same of a sender with the secret `own`.
fn learnt_under(signature: &str, own: &str, secret: &str) -> Learnt {
    let spec: SignatureSpec = serde_json::from_str(signature).unwrap();
    let request = RequestSpec { signature: spec, ..RequestSpec::default() };
    let scheme = Scheme::of("acme", request).unwrap();
    let signer = Signer::new(scheme, &Secret::new(own)).unwrap();
    let mut learner = Learner::default();
    for number in 0..6_u64 {
        let body = format!(r#"{{"type":"paid","n":{number}}}"#).into_bytes();
        let id = format!("id-{number}");
        let out = Outgoing { event: "paid", id: &id, timestamp_ms: 1_763_044_215_000, body: &body };
        let mut headers: Vec<(String, String)> =
            signer.sign(&out).iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        learner.started_ms = 1_763_044_215_000;
        learner.attempts.push(Seen::plain(headers, body, Tick(number * 1000)));
    }
    let found = learner.learn(Some(&Secret::new(secret)), "http://127.0.0.1/", None);
    found.into_iter().find(|one| one.key == "signature").unwrap()
}

#[test]
fn the_signature_of_any_sender_is_found_by_what_verifies() {
    for (signature, words) in [
        (r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature"}"#, "header: X-Acme-Signature"),
        (
            r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature","prefix":"sha256="}"#,
            r#"prefix: "sha256=""#,
        ),
        (r#"{"algorithm":"hmac-sha1","header":"X-Acme-Hmac","encoding":"base64"}"#, "encoding: base64"),
        (r#"{"algorithm":"hmac-sha256","header":"X-Sig","encoding":"base64url"}"#, "encoding: base64url"),
        (r#"{"algorithm":"hmac-sha512","header":"X-Acme-Signature"}"#, "algorithm: hmac-sha512"),
        (
            r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature","message":"{timestamp}.{body}","timestamp":{"header":"X-Acme-Time"}}"#,
            r#"message: "{timestamp}.{body}""#,
        ),
        (
            r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature","prefix":"v0=","message":"v0:{timestamp}:{body}","timestamp":{"header":"X-Acme-Time","unit":"ms"}}"#,
            "unit: ms",
        ),
        (
            r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature","form":"pairs","key":"v1","message":"{timestamp}.{body}","timestamp":{"key":"t"}}"#,
            "key: v1",
        ),
        (
            r#"{"algorithm":"hmac-sha256","header":"X-Acme-Signature","form":"pairs","key":"h1","separator":";","message":"{timestamp}:{body}","timestamp":{"key":"ts"}}"#,
            r#"separator: ";""#,
        ),
        (r#"{"algorithm":"token","header":"X-Acme-Token"}"#, "algorithm: token"),
    ] {
        let found = self::learnt(signature, SECRET);
        assert_eq!(found.certainty, Certainty::Certain, "{signature}: {found:?}");
        assert!(found.value.contains(words) && !found.value.contains(SECRET), "{signature}: {found:?}");
        assert!(
            found.evidence.starts_with("the signatures of 6 of 6 attempts are valid this way"),
            "{found:?}"
        );
    }
}

#[test]
fn a_retry_under_a_new_id_is_told_as_one() {
    let mut learner = Learner::default();
    for (number, (status, id, body)) in (0..).zip([
        (503_u16, "a", r#"{"type":"paid","n":1}"#),
        (200, "b", r#"{"type":"paid","n":1}"#),
        (503, "c", r#"{"type":"paid","n":2}"#),
        (200, "d", r#"{"type":"paid","n":2}"#),
    ]) {
        let headers = vec![("X-Id".to_owned(), id.to_owned())];
        let at = Tick(number * 2_000_000);
        learner
            .attempts
            .push(Seen { status: Some(status), ..Seen::plain(headers, body.as_bytes().to_vec(), at) });
    }
    let found = learner.learn(None, "", None);
    let of = |key: &str| found.iter().find(|one| one.key == key).unwrap();
    assert_eq!((of("id").value.as_str(), of("id").certainty), ("{}", Certainty::Likely));
    assert!(
        of("id").evidence.starts_with("X-Id is new in each attempt, so it does not identify"),
        "{found:?}"
    );
    assert_eq!(of("retry.schedule").value, "[0s, 2000ms]");
    assert_eq!(of("retry.retry").value, "[503]");
    // What comes again with the same body after a success is no retry.
    learner.attempts.iter_mut().for_each(|seen| seen.status = Some(200));
    let found = learner.learn(None, "", None);
    assert!(found.iter().any(|one| one.value == "{ header: X-Id }"), "{found:?}");
}

/// Most signatures look the same in both kinds of base64: the others decide.
#[test]
fn the_kind_of_base64_is_that_of_all_attempts() {
    for encoding in ["base64", "base64url"] {
        let signature = format!(r#"{{"algorithm":"hmac-sha256","header":"X-Sig","encoding":"{encoding}"}}"#);
        for n in 0..20 {
            let secret = format!("{SECRET}-{n}");
            let found = learnt_under(&signature, &secret, &secret);
            assert!(found.evidence.contains("6 of 6"), "{encoding} {n}: {found:?}");
        }
    }
}

/// The signature of an unknown sender says nothing about what its bodies are.
#[test]
fn a_signed_batch_is_one() {
    let mut learner = Learner::default();
    let secret = Secret::new(SECRET);
    let signature = SignatureSpec {
        header: Some("X-Acme".to_owned()),
        message: "{body}".to_owned(),
        ..SignatureSpec::default()
    };
    let signer = Signer::new(
        Scheme::of("acme", RequestSpec { signature, ..RequestSpec::default() }).unwrap(),
        &secret,
    )
    .unwrap();
    for number in 0..4_u64 {
        let body = format!(r#"{{"events":[{{"type":"paid","id":"e{number}"}}]}}"#).into_bytes();
        let out = Outgoing { event: "", id: "", timestamp_ms: 0, body: &body };
        let headers = signer.sign(&out).iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        learner.attempts.push(Seen::plain(headers, body, Tick(number * 1000)));
    }
    let found = learner.learn(Some(&secret), "http://127.0.0.1/", None);
    let of = |key: &str| found.iter().find(|one| one.key == key).map(|one| one.value.as_str());
    assert_eq!(of("body"), Some("{ format: json, batch: '/events/*' }"), "{found:?}");
    assert_eq!((of("event"), of("id")), (Some("{ json: /type }"), Some("{ json: /id }")));
}

#[test]
fn where_nothing_verifies_the_headers_that_look_like_it_are_named() {
    let signature = r#"{"algorithm":"hmac-sha256","header":"X-Sig","encoding":"base64url"}"#;
    let found = learnt(signature, "another-secret-another-secret-an");
    assert_eq!((found.value.as_str(), found.certainty), ("{ algorithm: none }", Certainty::Unseen));
    assert!(found.evidence.contains("look like it: X-Sig;"), "{found:?}");
}
