//! What verification from a profile costs beside the same check written out by hand: rounds of both in turn, so that whatever else
//! the machine does falls on both.
//!
//! `cargo bench -p smoke-signature --bench verify`, by the fastest rounds. Two busy cores, 2026-11: 0 to 3 % (at most 16 ns) more at
//! 351 bytes, 0 to 1 % at 4 KiB (docs/performance.md). At most 5 % is the aim.

#![expect(clippy::expect_used, reason = "a benchmark of a key that is one")]
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smoke_signature::{Outgoing, Scheme, Secret, Signer, Verifier};
use std::hint::black_box;
use std::time::Instant;
use subtle::ConstantTimeEq;

const SECRET: &str = "5b1d9e60c2f84a7393d0e1f2a3b4c5d65b1d9e60c2f84a7393d0e1f2a3b4c5d6";
const NOW: i64 = 1_795_438_932_150;
/// How far from the time of signing a webhook is taken, in ms: the profile's own.
const FRESH: (i64, i64) = (300_000, 30_000);
/// Rounds of both, and checks in each.
const ROUNDS: usize = 400;
const CHECKS: u32 = 1000;

/// The first value of a header that stands once.
fn once<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let mut found = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let value = found.next()?.1.trim_matches([' ', '\t']);
    found.next().is_none().then_some(value)
}

/// 64 lower-case hex digits that are the MAC's.
fn is_mac(mac: Hmac<Sha256>, tag: &str) -> bool {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = tag.len() == 64 && tag.bytes().fold(true, |all, b| all & lower(b));
    let mut hex = [0u8; 64];
    let written = hex::encode_to_slice(mac.finalize().into_bytes(), &mut hex).is_ok();
    is_hex & written & bool::from(tag.as_bytes().ct_eq(&hex))
}

/// The check of the body alone.
fn body_only(state: &Hmac<Sha256>, headers: &[(String, String)], body: &[u8]) -> bool {
    let (tag, event) = (once(headers, "X-Webhook-Signature"), once(headers, "X-Webhook-Event"));
    let (Some(tag), Some(_)) = (tag, event) else { return false };
    let mut mac = state.clone();
    mac.update(body);
    is_mac(mac, tag)
}

/// The check of `{timestamp}.{body}`, with an id that must be a UUID and a time that must be fresh.
fn timestamped(state: &Hmac<Sha256>, headers: &[(String, String)], body: &[u8]) -> bool {
    let [tag, event, time, id] =
        ["X-Webhook-Signature", "X-Webhook-Event", "X-Webhook-Timestamp", "X-Webhook-Id"]
            .map(|n| once(headers, n));
    let (Some(tag), Some(_), Some(time), Some(id)) = (tag, event, time, id) else { return false };
    let is_uuid = id.len() == 36 && uuid::Uuid::try_parse(id).is_ok();
    let is_time = time.len() == 13 && time.bytes().all(|b| b.is_ascii_digit());
    let Some(ms) = time.parse::<i64>().ok().filter(|_| is_time && is_uuid) else { return false };
    let mut mac = state.clone();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    is_mac(mac, tag) && (-FRESH.1..=FRESH.0).contains(&(NOW - ms))
}

/// Nanoseconds of one check, in the fastest round of each.
fn fastest(fixed: impl Fn() -> bool, profile: impl Fn() -> bool) -> (f64, f64) {
    let timed = |check: &dyn Fn() -> bool| {
        let begun = Instant::now();
        (0..CHECKS).for_each(|_| assert!(black_box(check())));
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(CHECKS)
    };
    (0..ROUNDS).fold((f64::MAX, f64::MAX), |(least, other), _| {
        (least.min(timed(&fixed)), other.min(timed(&profile)))
    })
}

/// A check by hand: keyed state, headers, body.
type Fixed = fn(&Hmac<Sha256>, &[(String, String)], &[u8]) -> bool;

fn compare(name: &str, scheme: Scheme, fixed: Fixed) {
    let secret = Secret::new(SECRET);
    let state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    let verifier = Verifier::new(scheme, &secret).expect("a key");
    for bytes in [351, 4096] {
        let body = vec![b'x'; bytes];
        let id = "4960b1c5-318e-4f87-b6c4-62792d82faa3";
        let out = Outgoing { event: "paid", id, timestamp_ms: NOW, body: &body };
        let signed = Signer::new(scheme, &secret).expect("a key").sign(&out);
        let others =
            [("Host", "x"), ("User-Agent", "y"), ("Accept", "*/*"), ("Content-Type", "application/json")];
        let others = others.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
        let headers: Vec<(String, String)> =
            others.chain(signed.into_iter().map(|(n, v)| (n.to_owned(), v))).collect();
        let (by_hand, by_profile) = fastest(
            || fixed(&state, black_box(&headers), black_box(&body)),
            || verifier.check(black_box(&headers), black_box(&body), NOW).0.valid,
        );
        let more = (by_profile / by_hand - 1.0) * 100.0;
        println!("{name}, {bytes} bytes: fixed {by_hand:.0} ns, profile {by_profile:.0} ns, {more:+.1} %");
    }
}

fn main() {
    compare("body only", Scheme::DeltacrownV1, body_only);
    compare("timestamp and body", Scheme::DeltacrownV2, timestamped);
}
