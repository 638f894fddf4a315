//! None of these is what the sender signs, with every sender, and each is what it says.

use super::*;
use crate::{Content, Forge, can_imitate};
use signature::{Scheme, Verifier};

const NOW: i64 = 1_764_115_200_123;

fn all(run: impl Fn(Scheme, &Forge, &Verifier)) {
    for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
        let secret = sender.generate_secret().unwrap();
        let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
        run(sender, &forge, &Verifier::new(sender, &secret).unwrap());
    }
}

fn shots(forge: &Forge, case: &str) -> Shots {
    Case::of(case).unwrap().shots(forge, NOW, 0)
}

fn text(shot: &Shot) -> Vec<(String, String)> {
    let text = |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
    shot.headers.iter().map(text).collect()
}

fn body(shot: &Shot) -> &[u8] {
    match &shot.body {
        Content::Bytes(bytes) => bytes,
        Content::Filler(_) => unreachable!(),
    }
}

#[test]
fn none_of_them_is_valid_and_as_many_are_made_without_a_key() {
    all(|sender, forge, verifier| {
        let hollow = Forge::hollow(sender).unwrap();
        for case in CASES {
            let made = case.shots(forge, NOW, 0);
            assert_eq!(
                made.as_ref().map(Vec::len),
                case.shots(&hollow, 0, 0).as_ref().map(Vec::len),
                "{sender} {}",
                case.id
            );
            for shot in made.unwrap_or_default() {
                let verdict = verifier.verify(&text(&shot), body(&shot), NOW);
                assert!(!verdict.valid, "{sender} {}: {}", case.id, shot.label);
                assert_eq!(shot.right, Refused);
            }
        }
    });
}

#[test]
fn what_is_respelt_is_right_but_for_its_spelling() {
    all(|sender, forge, verifier| {
        let valid = |shot: &Shot, body: &[u8]| verifier.verify(&text(shot), body, NOW).valid;
        let bodies = shots(forge, "respelt-body").unwrap();
        for shot in bodies.iter().filter(|shot| shot.label == "a newline added") {
            assert!(valid(shot, body(shot).trim_ascii_end()), "{sender}");
        }
        for shot in bodies.iter().filter(|shot| shot.label == "blanks added") {
            let without: Vec<u8> = body(shot).iter().copied().filter(|b| *b != b' ').collect();
            assert!(valid(shot, &without), "{sender}");
        }
        for shot in shots(forge, "respelt-signature").unwrap_or_default() {
            let given = shot.header(forge.layout().signature).unwrap();
            let given = String::from_utf8(given.to_vec()).unwrap();
            let right = shot.correct.trim_end_matches('=').replace(['-', '+', '_', '/'], "");
            assert!(given.replace(['-', '+', '_', '/'], "").contains(&right), "{sender}: {}", shot.label);
        }
    });
}

#[test]
fn an_old_webhook_has_a_fresh_timestamp_beside_its_own() {
    all(|_, forge, verifier| {
        let Ok(both) = shots(forge, "timestamp-twice") else { return };
        let fresh = forge.stamp(NOW);
        for shot in &both {
            let whole = format!("{:?}", text(shot));
            assert!(whole.contains(&fresh), "{whole}");
            // Without the fresh one it is a webhook that is only too old.
            let layout = forge.layout();
            let mut old = shot.clone();
            match layout.time_key {
                Some(key) => {
                    let value = text(shot).into_iter().find(|(name, _)| name == layout.signature).unwrap().1;
                    let separator = layout.separator.unwrap();
                    let part = format!("{key}={fresh}");
                    let kept: Vec<&str> = value.split(separator).filter(|one| **one != part).collect();
                    old = old.with_header(layout.signature, Some(&kept.join(separator)));
                }
                None => old.headers.retain(|(_, value)| *value != fresh.as_bytes()),
            }
            assert_eq!(verifier.verify(&text(&old), body(&old), NOW).reason, signature::Reason::Stale);
        }
    });
    all(|_, forge, _| {
        assert_eq!(shots(forge, "timestamp-twice").is_err(), forge.layout().limits.0.is_none());
    });
}
