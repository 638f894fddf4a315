//! What verification from a profile costs beside the same check written out by hand, in one run.
//!
//! `cargo bench -p smoke-signature --bench verify`: `profile` may be at most 5 % above `fixed`.

#![expect(clippy::expect_used, reason = "a benchmark of a key that is one")]

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smoke_signature::{Outgoing, Scheme, Secret, Signer, Verifier};
use std::hint::black_box;
use subtle::ConstantTimeEq;

const SECRET: &str = "5b1d9e60c2f84a7393d0e1f2a3b4c5d65b1d9e60c2f84a7393d0e1f2a3b4c5d6";
const NOW: i64 = 1_795_438_932_150;

/// The body-only check as code: find the header, see that none stands twice, 64 lower-case hex digits, compare.
fn fixed(state: &Hmac<Sha256>, headers: &[(String, String)], body: &[u8]) -> bool {
    let first = |name: &str| {
        headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim_matches([' ', '\t']))
    };
    let Some(value) = first("X-Webhook-Signature") else { return false };
    for name in ["X-Webhook-Signature", "X-Webhook-Event"] {
        if headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count() > 1 {
            return false;
        }
    }
    let tags: Vec<&str> = value.strip_prefix("").into_iter().collect();
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let right: Vec<&str> = tags
        .iter()
        .copied()
        .filter(|t| t.len() == 64 && t.bytes().fold(true, |all, b| all & lower(b)))
        .collect();
    let mut mac = state.clone();
    mac.update(body);
    let mut hex = [0u8; 64];
    let written = hex::encode_to_slice(mac.finalize().into_bytes(), &mut hex).is_ok();
    right.iter().fold(false, |found, tag| found | bool::from(tag.as_bytes().ct_eq(&hex))) && written
}

fn verify(c: &mut Criterion) {
    let secret = Secret::new(SECRET);
    for bytes in [351, 4096] {
        let body = vec![b'x'; bytes];
        let out = Outgoing { event: "paid", id: "1", timestamp_ms: NOW, body: &body };
        let signed = Signer::new(Scheme::DeltacrownV1, &secret).expect("a key").sign(&out);
        let others =
            [("Host", "x"), ("User-Agent", "y"), ("Accept", "*/*"), ("Content-Type", "application/json")];
        let headers: Vec<(String, String)> = others
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .chain(signed.into_iter().map(|(n, v)| (n.to_owned(), v)))
            .collect();
        let state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
        let verifier = Verifier::new(Scheme::DeltacrownV1, &secret).expect("a key");
        assert!(fixed(&state, &headers, &body) && verifier.check(&headers, &body, NOW).0.valid);
        let mut group = c.benchmark_group(format!("body-only, {bytes} bytes"));
        group.bench_function("fixed", |b| b.iter(|| fixed(&state, black_box(&headers), black_box(&body))));
        group.bench_function("profile", |b| {
            b.iter(|| verifier.check(black_box(&headers), black_box(&body), NOW).0.valid);
        });
        group.finish();
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
