//! What is forged is what it says, for every sender.

use super::*;
use crate::{Case, Forge, can_imitate};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const NOW: i64 = 1_764_115_200_123;

/// As the most lenient receiver reads it: padding bits are whatever they are, and padding may be missing.
fn bytes(forge: &Forge, tag: &str) -> Vec<u8> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = match forge.layout().encoding {
        Encoding::Hex => return hex::decode(tag).unwrap(),
        Encoding::Base64 => base64::alphabet::STANDARD,
        Encoding::Base64url => base64::alphabet::URL_SAFE,
    };
    GeneralPurpose::new(&alphabet, config).decode(tag).unwrap()
}

/// The signature that a request of one signature has, and the right one.
fn tags(forge: &Forge, shot: &Shot) -> (String, String) {
    let value = String::from_utf8(shot.header(forge.layout().signature).unwrap().to_vec()).unwrap();
    let (_, tag) = value.split_once(&forge.layout().prefix).unwrap();
    (tag.to_owned(), shot.correct.clone())
}

#[test]
fn hmac_sha1_comes_under_its_own_label_where_the_header_names_the_algorithm() {
    let of = |sender: Scheme| {
        let secret = sender.generate_secret().unwrap();
        let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
        let shots = Case::of("algorithm-swapped").unwrap().shots(&forge, NOW, 0).unwrap();
        let own = shots.iter().find(|shot| shot.label == "HMAC-SHA1 as sha1=…").cloned()?;
        let crate::Content::Bytes(body) = &own.body else { unreachable!() };
        let verified = signature::Verifier::new(Scheme::Intercom, &secret).unwrap();
        let value = String::from_utf8(own.header(forge.layout().signature).unwrap().to_vec()).unwrap();
        let headers = [("X-Hub-Signature".to_owned(), value)];
        Some(verified.verify(&headers, body, NOW).valid)
    };
    // Intercom's whole scheme is HMAC-SHA1 of the body under that label.
    assert_eq!(of(Scheme::Github), Some(true));
    assert_eq!(of(Scheme::Intercom), None);
    assert_eq!(of(Scheme::Stripe), None);
}

/// The older phase's webhooks, and not those of the sender that is probed.
#[test]
fn the_body_alone_is_signed_as_by_the_older_sender() {
    let secret = Scheme::DeltacrownV2.generate_secret().unwrap();
    let forge = |scheme| Forge::new(scheme, &secret, "event", None, "canary").unwrap();
    let case = Case::of("body-only-signature").unwrap();
    assert!(case.shots(&forge(Scheme::DeltacrownV1), NOW, 0).is_err());
    assert!(case.shots(&forge(Scheme::Github), NOW, 0).is_err());
    let shots = case.shots(&forge(Scheme::DeltacrownV2), NOW, 0).unwrap();
    let names = |shot: &Shot| shot.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert!(names(&shots[0]).contains(&"X-Webhook-Timestamp".to_owned()));
    assert!(!names(&shots[1]).iter().any(|n| n == "X-Webhook-Timestamp" || n == "X-Webhook-Id"));
    for shot in shots {
        let text =
            |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
        let headers: Vec<_> = shot.headers.iter().map(text).collect();
        let crate::Content::Bytes(body) = &shot.body else { unreachable!() };
        let valid =
            |scheme| signature::Verifier::new(scheme, &secret).unwrap().verify(&headers, body, NOW).valid;
        assert!(valid(Scheme::DeltacrownV1) && !valid(Scheme::DeltacrownV2), "{}", shot.label);
    }
}

/// Whoever compares whole seconds would take it, were it signed to the second and the second over when it comes.
#[test]
fn what_is_signed_301_s_ahead_is_so_when_it_arrives() {
    let mut held = 0;
    for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
        let secret = sender.generate_secret().unwrap();
        let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
        let verifier = signature::Verifier::new(sender, &secret).unwrap();
        let Ok(shots) = Case::of("future-301s").unwrap().shots(&forge, NOW, 0) else { continue };
        let text =
            |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
        let headers: Vec<_> = shots[0].headers.iter().map(text).collect();
        let crate::Content::Bytes(body) = &shots[0].body else { unreachable!() };
        for late in [0, 900, 999] {
            let reason = verifier.verify(&headers, body, NOW + late).reason;
            assert_eq!(reason, signature::Reason::Future, "{sender} {late} ms later");
        }
        held += 1;
    }
    assert!(held > 2);
}

#[test]
fn a_signature_that_is_right_in_part_decodes_to_others_bytes_with_every_sender() {
    for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
        let secret = sender.generate_secret().unwrap();
        let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
        let verifier = signature::Verifier::new(sender, &secret).unwrap();
        let shots = |case: &str| Case::of(case).unwrap().shots(&forge, NOW, 0).unwrap();
        let partly = shots("partly-right-signature");
        for shot in partly.iter().chain(&shots("timing")) {
            let (tag, right) = tags(&forge, shot);
            assert_eq!(tag.len(), right.len(), "{sender}, {}", shot.label);
            let (given, correct) = (bytes(&forge, &tag), bytes(&forge, &right));
            assert!(given.len() == correct.len() && given != correct, "{sender}, {}", shot.label);
            let text =
                |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
            let headers: Vec<_> = shot.headers.iter().map(text).collect();
            let crate::Content::Bytes(body) = &shot.body else { unreachable!() };
            assert!(!verifier.verify(&headers, body, NOW).valid, "{sender}, {}", shot.label);
            assert_eq!(shot.right, Refused);
        }
        // Characters that are as they should be, from the beginning and from the end.
        let same = |i: usize| {
            let (tag, right) = tags(&forge, &partly[i]);
            let pairs: Vec<bool> = tag.chars().zip(right.chars()).map(|(a, b)| a == b).collect();
            let n = pairs.iter().filter(|same| !**same).count();
            let first = pairs.iter().take_while(|same| **same).count();
            (first, pairs.iter().rev().take_while(|same| **same).count(), n)
        };
        let padding = tags(&forge, &partly[0]).1.matches('=').count();
        let whole = tags(&forge, &partly[0]).1.len();
        assert_eq!(same(0), (whole - 1 - padding, padding, 1), "{sender}: the last character alone");
        assert_eq!(same(1), (0, whole - 1, 1), "{sender}: the first character alone");
        assert_eq!(same(2).2, 2, "{sender}: two in the middle");
        assert!(same(3).0 >= whole / 2 - 3 && same(3).1 == padding, "{sender}: the second half");
        assert!(same(4).0 == 0 && same(4).1 >= whole / 2 - 3, "{sender}: the first half");
        assert_eq!(same(5), (8, padding, whole - 8 - padding), "{sender}: all but the first 8");
        assert!(same(6).0 == 0 && same(6).1 >= 8, "{sender}: all but the last 8: {:?}", same(6));
    }
}
