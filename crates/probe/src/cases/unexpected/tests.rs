//! Each is signed as it stands, JSON, marked as a probe's, and what it says.

use super::*;
use crate::{Content, Forge, can_imitate};
use signature::{Scheme, Verifier};

const NOW: i64 = 1_764_115_200_123;

#[test]
fn all_are_signed_and_but_for_a_missing_header_valid() {
    for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
        let secret = sender.generate_secret().unwrap();
        let forge = Forge::new(sender, &secret, "event", None, "canary").unwrap();
        let verifier = Verifier::new(sender, &secret).unwrap();
        let hollow = Forge::hollow(sender).unwrap();
        for case in CASES {
            let shots = case.shots(&forge, NOW, 0);
            let as_many = case.shots(&hollow, 0, 0);
            assert_eq!(shots.as_ref().map(Vec::len), as_many.as_ref().map(Vec::len), "{sender} {}", case.id);
            for shot in shots.unwrap_or_default() {
                let Content::Bytes(body) = &shot.body else { unreachable!() };
                let text = |(n, v): &(String, Vec<u8>)| (n.clone(), String::from_utf8(v.clone()).unwrap());
                let headers: Vec<(String, String)> = shot.headers.iter().map(text).collect();
                let valid = verifier.verify(&headers, body, NOW).valid;
                let whole = case.id != "header-missing" || shot.right == Handled;
                // An id that has to be there says nothing to a receiver that has no use for it.
                assert!(
                    valid == whole || shot.label.ends_with("-Id"),
                    "{sender} {}: {}",
                    case.id,
                    shot.label
                );
                assert!(body.windows(MARK.len()).any(|part| part == MARK.as_bytes()));
            }
        }
    }
}

#[test]
fn fields_are_gone_null_or_of_another_type() {
    let secret = Scheme::Stripe.generate_secret().unwrap();
    let forge = Forge::new(Scheme::Stripe, &secret, "paid", None, "canary").unwrap();
    let shots = Case::of("body-fields").unwrap().shots(&forge, NOW, 0).unwrap();
    let bodies: Vec<Map<String, Value>> = shots
        .iter()
        .map(|shot| match &shot.body {
            Content::Bytes(bytes) => serde_json::from_slice(bytes).unwrap(),
            Content::Filler(_) => unreachable!(),
        })
        .collect();
    let [gone, null, other] = &bodies[..] else { unreachable!() };
    assert_eq!(gone.keys().collect::<Vec<_>>(), [MARK]);
    assert!(null["type"].is_null() && null["data"].is_null() && null[MARK].is_object());
    assert!(other["type"].is_number() && other["data"].is_string() && other[MARK].is_object());
}
