//! What holds for every body, secret and header; and two webhooks as they came over the wire.

use super::{KeyError, Outgoing, Reason, Scheme, Signer, Verifier};
use crate::Secret;
use proptest::prelude::*;

const ID: &str = "4960b1c5-318e-4f87-b6c4-62792d82faa3";
const EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";

/// A webhook of DeltaCrown as it came over the wire, 351 bytes.
const V2_BODY: &str = r#"{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - Smoke Pay 00040","body":"Your payment for Smoke Pay 00040 has been verified. Your registration is now confirmed!","url":"/tournaments/smoke-pay-00040/","recipient_count":1,"tournament_id":42,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}"#;

/// A webhook of DeltaCrown as it came over the wire, 263 bytes.
const V1_BODY: &str = r#"{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - \u00dcn\u00efcode \u0995\u09be\u09aa","body":"b","url":"/t/x/","recipient_count":1,"tournament_id":101,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}"#;

fn sent(scheme: Scheme, secret: &Secret, timestamp_ms: i64, body: &[u8]) -> Vec<(String, String)> {
    let outgoing = Outgoing { event: "payment_verified", id: ID, timestamp_ms, body };
    let headers = Signer::new(scheme, secret).unwrap().sign(&outgoing);
    headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
}

#[test]
fn the_real_senders_webhooks_are_signed_and_verified_exactly() {
    let secret = Secret::new(EXAMPLE);
    let cases = [
        (
            Scheme::DeltacrownV2,
            V2_BODY,
            351,
            vec![
                ("X-Webhook-Signature", "775d07bf5c9893ca22f6e4fa276e541c514219b6ad65686a07a941adc7fdfdc4"),
                ("X-Webhook-Event", "payment_verified"),
                ("X-Webhook-Timestamp", "1795438932150"),
                ("X-Webhook-Id", ID),
            ],
        ),
        (
            Scheme::DeltacrownV1,
            V1_BODY,
            263,
            vec![
                ("X-Webhook-Signature", "fb696a5ebc49d584b0e4a03000ce0e4312f58910abda442ed8ce20fc16af29cd"),
                ("X-Webhook-Event", "payment_verified"),
            ],
        ),
    ];
    for (scheme, body, length, wire) in cases {
        assert_eq!(body.len(), length);
        let wire: Vec<(String, String)> =
            wire.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(sent(scheme, &secret, 1_795_438_932_150, body.as_bytes()), wire);
        let verifier = Verifier::new(scheme, &secret).unwrap();
        assert!(verifier.verify(&wire, body.as_bytes(), 1_795_438_932_200).valid);
    }
}

#[test]
fn freshness_is_inclusive_to_the_millisecond_and_can_be_set() {
    let secret = Secret::new(EXAMPLE);
    let time = 1_795_438_932_150;
    let headers = sent(Scheme::DeltacrownV2, &secret, time, b"{}");
    let verifier = Verifier::new(Scheme::DeltacrownV2, &secret).unwrap();
    let at = |verifier: &Verifier, now: i64| verifier.verify(&headers, b"{}", now).reason;
    assert_eq!(at(&verifier, time + 300_000), Reason::Valid);
    assert_eq!(at(&verifier, time + 300_001), Reason::Stale);
    assert_eq!(at(&verifier, time - 30_000), Reason::Valid);
    assert_eq!(at(&verifier, time - 30_001), Reason::Future);
    assert_eq!(at(&verifier, i64::MAX), Reason::Stale);
    assert_eq!(at(&verifier, i64::MIN), Reason::Future);
    let narrow = verifier.with_freshness(10, 5);
    let seen = [10, 11, -5, -6].map(|offset| at(&narrow, time + offset));
    assert_eq!(seen, [Reason::Valid, Reason::Stale, Reason::Valid, Reason::Future]);
}

#[test]
fn an_untrue_timestamp_is_a_mismatch_and_never_merely_stale() {
    let secret = Secret::new(EXAMPLE);
    let mut headers = sent(Scheme::DeltacrownV2, &secret, 1_795_438_932_150, b"{}");
    headers[2].1 = "1000000000000".to_owned();
    let verdict =
        Verifier::new(Scheme::DeltacrownV2, &secret).unwrap().verify(&headers, b"{}", 1_795_438_932_150);
    assert_eq!(verdict.reason, Reason::Mismatch);
}

#[test]
fn each_header_is_needed_once_and_in_form() {
    let secret = Secret::new(EXAMPLE);
    let good = sent(Scheme::DeltacrownV2, &secret, 1_795_438_932_150, b"{}");
    let verifier = Verifier::new(Scheme::DeltacrownV2, &secret).unwrap();
    let reason = |headers: &[(String, String)]| {
        let verdict = verifier.verify(headers, b"{}", 1_795_438_932_150);
        (verdict.reason, verdict.diagnosis.unwrap_or_default())
    };
    assert_eq!(reason(&good).0, Reason::Valid);
    for (i, name) in [(0, "X-Webhook-Signature"), (2, "X-Webhook-Timestamp"), (3, "X-Webhook-Id")] {
        let mut less = good.clone();
        less.remove(i);
        assert_eq!(reason(&less).0, Reason::Missing);
        assert!(reason(&less).1.contains(name));
        let mut empty = good.clone();
        empty[i].1.clear();
        assert_eq!(reason(&empty).0, Reason::Missing);
    }
    for header in &good {
        let mut twice = good.clone();
        twice.push((header.0.to_lowercase(), header.1.clone()));
        assert_eq!(reason(&twice).0, Reason::Malformed);
        assert!(reason(&twice).1.contains(&format!("{} appears more than once", header.0)));
    }
    for id in ["x", "4960b1c5318e4f87b6c462792d82faa3", "{4960b1c5-318e-4f87-b6c4-62792d82faa3}"] {
        let mut bad = good.clone();
        bad[3].1 = id.to_owned();
        assert_eq!(reason(&bad).0, Reason::Malformed);
        assert!(reason(&bad).1.contains("is not a UUID"));
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    for scheme in Scheme::ALL.into_iter().filter(|scheme| scheme.is_signed()) {
        for empty in ["", " ", "\n"] {
            assert_eq!(Signer::new(scheme, &Secret::new(empty)).err(), Some(KeyError::Empty));
            assert_eq!(Verifier::new(scheme, &Secret::new(empty)).err(), Some(KeyError::Empty));
        }
    }
    let of = |text: &str| Verifier::new(Scheme::StandardWebhooks, &Secret::new(text)).err();
    assert_eq!(of("whsec_"), Some(KeyError::Empty));
    assert_eq!(of("whsec_!"), Some(KeyError::NotBase64));
    assert_eq!(of("whsk_AAAA"), Some(KeyError::Ed25519Length(3)));
    assert!(matches!(of("whpk_AAAA"), Some(KeyError::Length { wanted: 32, found: 3, .. })));
}

#[test]
fn debug_shows_no_key() {
    let secret = Secret::new(EXAMPLE);
    let shown = format!(
        "{:?} {:?}",
        Signer::new(Scheme::Slack, &secret).unwrap(),
        Verifier::new(Scheme::Slack, &secret).unwrap()
    );
    assert_eq!(shown, "Signer(slack, keyed) Verifier(slack, 300000 ms back, 300000 ms ahead)");
}

#[test]
fn of_thirty_two_signatures_one_has_to_be_right_and_more_are_refused() {
    let secret = Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let time = 1_795_438_932_150;
    for (scheme, separator, wrong) in [
        (Scheme::StandardWebhooks, " ", format!("v1,{}=", "A".repeat(43))),
        (Scheme::Stripe, ",", format!("v1={}", "0".repeat(64))),
    ] {
        let verifier = Verifier::new(scheme, &secret).unwrap();
        for (others, reason) in [(31, Reason::Valid), (32, Reason::Malformed)] {
            let mut headers = sent(scheme, &secret, time, b"{}");
            let signature =
                headers.iter_mut().find(|h| Some(h.0.as_str()) == scheme.signature_header()).unwrap();
            signature.1 = format!("{}{}", signature.1, format!("{separator}{wrong}").repeat(others));
            let verdict = verifier.verify(&headers, b"{}", time);
            assert_eq!(verdict.reason, reason, "{scheme} {others}");
            signature_count_is_told(&verdict);
        }
        let mut headers = sent(scheme, &secret, time, b"{}");
        let signature = headers.iter_mut().find(|h| Some(h.0.as_str()) == scheme.signature_header()).unwrap();
        let time_alone = if scheme == Scheme::Stripe { "t=1795438932," } else { "" };
        signature.1 = format!("{time_alone}{}", vec![wrong.as_str(); 32].join(separator));
        assert_eq!(verifier.verify(&headers, b"{}", time).reason, Reason::Mismatch, "{scheme}");
    }
}

fn signature_count_is_told(verdict: &super::Verdict) {
    let says = verdict.diagnosis.as_deref().unwrap_or_default();
    assert_eq!(says.contains("holds more than 32 signatures"), !verdict.valid, "{says}");
}

/// A sender that is made from another.
fn changed(name: &str, from: Scheme, change: impl FnOnce(&mut super::RequestSpec)) -> Scheme {
    let mut spec = from.spec().clone();
    change(&mut spec);
    Scheme::of(name, spec).unwrap()
}

#[test]
fn a_signature_in_the_body_may_be_pairs_with_their_own_time() {
    let scheme = changed("pairs-in-the-body", Scheme::Stripe, |spec| {
        spec.signature.header = None;
        spec.signature.json = Some("/signature".to_owned());
        spec.signature.message = "{timestamp}.{json:/amount}".to_owned();
        spec.event = super::Place::default();
        spec.id = super::Place::default();
    });
    let (secret, time) = (Secret::new(EXAMPLE), 1_795_438_932_150);
    let out = Outgoing { event: "", id: "", timestamp_ms: time, body: br#"{"amount":100}"# };
    let signed = Signer::new(scheme, &secret).unwrap().sign_whole(&out);
    let verifier = Verifier::new(scheme, &secret).unwrap();
    assert!(verifier.verify(&[], &signed.body, time).valid, "{}", String::from_utf8_lossy(&signed.body));
    assert_eq!(verifier.verify(&[], &signed.body, time + 301_000).reason, Reason::Stale);
    let other = String::from_utf8(signed.body.into_owned()).unwrap().replace("100", "101");
    assert_eq!(verifier.verify(&[], other.as_bytes(), time).reason, Reason::Mismatch);
}

#[test]
fn headers_that_a_profile_names_are_its_own_even_where_its_list_leaves_them_out() {
    let scheme = changed("with-a-short-list", Scheme::DeltacrownV2, |spec| {
        spec.headers = vec!["X-Extra".to_owned(), "x-webhook-event".to_owned()];
    });
    let secret = Secret::new(EXAMPLE);
    let mut headers = sent(scheme, &secret, 1_795_438_932_150, b"{}");
    let names: Vec<&str> = headers.iter().map(|h| h.0.as_str()).collect();
    assert_eq!(names, ["x-webhook-event", "X-Webhook-Id", "X-Webhook-Timestamp", "X-Webhook-Signature"]);
    let verifier = Verifier::new(scheme, &secret).unwrap();
    assert!(verifier.verify(&headers, b"{}", 1_795_438_932_150).valid);
    headers.push(headers[3].clone());
    assert_eq!(verifier.verify(&headers, b"{}", 1_795_438_932_150).reason, Reason::Malformed);
}

/// The senders whose signature stands in a header of its own and that take any secret of these tests.
const PLAIN: [Scheme; 7] = [
    Scheme::DeltacrownV1,
    Scheme::DeltacrownV2,
    Scheme::StandardWebhooks,
    Scheme::Stripe,
    Scheme::Github,
    Scheme::Slack,
    Scheme::Timestamped,
];

fn scheme() -> impl Strategy<Value = Scheme> {
    proptest::sample::select(PLAIN.to_vec())
}

/// Secrets that are keys of every scheme: base64 text.
fn secret() -> impl Strategy<Value = Secret> {
    "(whsec_)?([A-Za-z0-9+/]{4}){1,30}".prop_map(Secret::new)
}

fn header() -> impl Strategy<Value = (String, String)> {
    let known: Vec<&str> = Scheme::ALL.iter().flat_map(|s| s.own_headers().iter().copied()).collect();
    let name = prop_oneof![proptest::sample::select(known).prop_map(str::to_owned), ".{0,8}"];
    let value = prop_oneof![
        ".{0,80}",
        "[0-9a-fA-F]{60,68}",
        "(v1|v1a|v0|sha256|t|sha1)[,=][0-9a-zA-Z+/=]{0,90}( v1,[a-zA-Z0-9+/=]{0,44})?",
        "t=[0-9]{0,20},v1=[0-9a-f]{64}",
        "[0-9]{0,25}",
        Just(ID.to_owned()),
    ];
    (name, value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_signed_is_valid(scheme in scheme(), secret in secret(), body: Vec<u8>, now in 1_000_000_000_000i64..=9_999_999_999_999) {
        let headers = sent(scheme, &secret, now, &body);
        let verdict = Verifier::new(scheme, &secret).unwrap().verify(&headers, &body, now);
        prop_assert!(verdict.valid, "{verdict:?}");
        prop_assert_eq!(headers.iter().map(|h| h.0.as_str()).collect::<Vec<_>>(), scheme.own_headers());
    }

    #[test]
    fn a_flipped_bit_anywhere_is_not(
        scheme in scheme(), secret in secret(), mut body in proptest::collection::vec(any::<u8>(), 1..200),
        at: proptest::sample::Index, bit in 0u32..8,
    ) {
        let headers = sent(scheme, &secret, 1_795_438_932_150, &body);
        let byte = at.get_mut(&mut body);
        *byte ^= 1 << bit;
        let verifier = Verifier::new(scheme, &secret).unwrap();
        prop_assert_eq!(verifier.verify(&headers, &body, 1_795_438_932_150).reason, Reason::Mismatch);
    }

    #[test]
    fn a_changed_signature_is_not(scheme in scheme(), secret in secret(), at in 0usize..43, to in "[0-9a-f]") {
        let mut headers = sent(scheme, &secret, 1_795_438_932_150, b"{}");
        let signature = headers.iter_mut().find(|h| Some(h.0.as_str()) == scheme.signature_header()).unwrap();
        let start = signature.1.len() - 44 + at;
        prop_assume!(signature.1[start..=start] != to);
        signature.1.replace_range(start..=start, &to);
        let verifier = Verifier::new(scheme, &secret).unwrap();
        let verdict = verifier.verify(&headers, b"{}", 1_795_438_932_150);
        prop_assert!(!verdict.valid);
    }

    #[test]
    fn nothing_panics_and_nothing_forged_is_valid(
        scheme in scheme(), headers in proptest::collection::vec(header(), 0..6), body: Vec<u8>, now: i64,
    ) {
        let verifier = Verifier::new(scheme, &Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let verdict = verifier.verify_among(&headers, &body, now, &[b"{}"]);
        prop_assert!(!verdict.valid);
        let _ = (scheme.id(&headers), scheme.event(&headers), scheme.timestamp_ms(&headers));
    }
}
