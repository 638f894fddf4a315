//! Webhooks that the providers' own libraries signed or judged (vectors/make.py, vectors/make.mjs): smoke says the same.

use super::{Outgoing, Received, Scheme, Signer, Verifier};
use crate::Secret;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const LINES: &str = include_str!("../vectors/vectors.jsonl");

#[derive(Deserialize)]
struct Case {
    sender: String,
    library: String,
    secret: String,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    now_ms: i64,
    valid: bool,
    note: String,
    signed_by_library: bool,
}

impl Case {
    fn scheme(&self) -> Scheme {
        self.sender.parse().unwrap()
    }

    fn headers(&self) -> Vec<(String, String)> {
        self.headers.iter().map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    fn valid(&self, body: &str) -> bool {
        let verifier = Verifier::new(self.scheme(), &Secret::new(self.secret.as_str())).expect(&self.sender);
        let headers = self.headers();
        let request =
            Received { method: &self.method, url: &self.url, headers: &headers, body: body.as_bytes() };
        let verdict = verifier.verify_request(&request, self.now_ms, &[]);
        if verdict.valid != self.valid && body == self.body {
            println!("{} ({}): {verdict:?}", self.sender, self.note);
        }
        verdict.valid
    }
}

fn cases() -> Vec<Case> {
    LINES.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

#[test]
fn verdicts_are_those_of_the_providers_own_libraries() {
    let cases = cases();
    let senders: BTreeSet<&str> = cases.iter().map(|case| case.sender.as_str()).collect();
    assert!(senders.len() >= 20, "{senders:?}");
    let mut differ = Vec::new();
    for case in &cases {
        let valid = case.valid(&case.body);
        if valid != case.valid {
            differ.push(format!("{} by {}, {}", case.sender, case.library, case.note));
        }
        // A body with one byte more is never valid, but where the body is outside the signature by design, or its blanks are.
        let covers = !["adyen", "mailgun", "twilio"].contains(&case.sender.as_str());
        if case.valid && covers {
            assert!(!case.valid(&format!("{} ", case.body)), "{}", case.sender);
        }
    }
    assert_eq!(differ, Vec::<String>::new());
}

/// What smoke signs is what the library signed, where that is one signature of the same moment.
#[test]
fn signatures_are_those_of_the_providers_own_libraries() {
    let once = |case: &&Case| {
        case.valid && case.signed_by_library && case.note.is_empty() && case.sender != "rfc9421"
    };
    let mut compared = BTreeSet::new();
    for case in cases().iter().filter(once) {
        let scheme = case.scheme();
        let Ok(signer) = Signer::new(scheme, &Secret::new(case.secret.as_str())) else { continue };
        let headers = case.headers();
        let webhook = Outgoing {
            event: scheme.event(&headers).unwrap_or_default(),
            id: scheme.id(&headers).unwrap_or_default(),
            timestamp_ms: case.now_ms,
            body: case.body.as_bytes(),
        };
        let Some(name) = scheme.signature_header() else { continue };
        let signed = signer.to(&case.method, &case.url).sign(&webhook);
        let ours = &signed.iter().find(|(n, _)| *n == name).unwrap().1;
        assert!(case.headers[name].ends_with(ours.as_str()), "{}: {ours}", case.sender);
        compared.insert(case.sender.clone());
    }
    assert!(compared.len() >= 8, "{compared:?}");
}
