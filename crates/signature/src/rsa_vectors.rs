//! RSA signatures that OpenSSL made (vectors/make_rsa.py): smoke says the same of them, and of what is wrong with them.

use super::{Reason, Scheme, Verifier};
use crate::Secret;
use serde::Deserialize;
use serde_json::json;

const LINES: &str = include_str!("../vectors/rsa.jsonl");

#[derive(Deserialize)]
struct Case {
    algorithm: String,
    public: String,
    other: String,
    timestamp: i64,
    body: String,
    signature: String,
}

impl Case {
    fn scheme(&self) -> Scheme {
        let spec = json!({ "signature": {
            "algorithm": self.algorithm, "message": "{timestamp}.{body}", "header": "X-Sig", "encoding": "base64",
            "timestamp": { "header": "X-Time" },
        } });
        Scheme::of(&format!("mine-{}", self.algorithm), serde_json::from_value(spec).unwrap()).unwrap()
    }

    fn reason(&self, key: &str, body: &str, signature: &str, timestamp: i64) -> Reason {
        let verifier = Verifier::new(self.scheme(), &Secret::new(key)).unwrap();
        let headers =
            [("X-Sig".to_owned(), signature.to_owned()), ("X-Time".to_owned(), timestamp.to_string())];
        verifier.verify(&headers, body.as_bytes(), self.timestamp * 1000).reason
    }
}

#[test]
fn what_openssl_signed_is_valid_and_nothing_else() {
    let cases: Vec<Case> = LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() >= 18);
    for case in &cases {
        let Case { public, other, timestamp, body, signature, .. } = case;
        assert_eq!(case.reason(public, body, signature, *timestamp), Reason::Valid, "{}", case.algorithm);
        assert_eq!(case.reason(public, &format!("{body} "), signature, *timestamp), Reason::Mismatch);
        assert_eq!(case.reason(public, body, signature, timestamp + 1), Reason::Mismatch);
        assert_eq!(case.reason(other, body, signature, *timestamp), Reason::Mismatch);
        let cut: String = signature.chars().skip(4).collect();
        assert_ne!(case.reason(public, body, &cut, *timestamp), Reason::Valid);
        // The other padding over the same message.
        let twin = cases
            .iter()
            .find(|twin| (&twin.body, &twin.public) == (body, public) && twin.algorithm != case.algorithm);
        let twin = twin.map(|twin| case.reason(public, body, &twin.signature, *timestamp));
        assert_eq!(twin, Some(Reason::Mismatch));
    }
}

#[test]
fn a_key_that_is_none_is_named() {
    let case: Case = serde_json::from_str(LINES.lines().next().unwrap()).unwrap();
    for (key, words) in [
        ("MIIB", "not a rsa key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "not a rsa key"),
    ] {
        let error =
            Verifier::new(case.scheme(), &Secret::new(key)).err().map(|e| e.to_string().to_lowercase());
        assert!(error.as_ref().is_some_and(|e| e.contains(words)), "{error:?}");
    }
}
