//! Each is signed as it stands, JSON, marked as a probe's, and what it says.

use super::*;
use crate::{Content, Forge, can_imitate};
use signature::{Scheme, Verifier};

/// The member that marks a body as a probe's.
const MARK: &[u8] = b"smoke_probe";
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
                assert!(body.windows(MARK.len()).any(|part| part == MARK));
            }
        }
    }
}
