//! Every line of tests/data/signatures.jsonl, checked against what it expects.

use super::{KeyError, Outgoing, Scheme, Signer, Verdict, Verifier, check_unique_keys, key};
use crate::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;

const LINES: &str = include_str!("../tests/data/signatures.jsonl");

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    scheme: String,
    #[serde(default)]
    prefix: String,
    secret: Option<String>,
    public: Option<String>,
    msg_id: Option<String>,
    ts: Option<String>,
    sig: Option<String>,
    #[serde(default)]
    body: String,
    now: Option<i64>,
    now_ms: Option<i64>,
    headers: Option<BTreeMap<String, String>>,
    expect: String,
}

impl Case {
    fn secret(&self) -> Secret {
        Secret::new(self.secret.clone().expect("the case has a secret"))
    }

    fn now_ms(&self) -> i64 {
        let ts = self.ts.as_deref().and_then(|t| t.parse::<i64>().ok());
        self.now_ms.or_else(|| Some(self.now.or(ts)? * 1000)).unwrap_or_default()
    }

    fn scheme(&self) -> Scheme {
        match self.scheme.split(' ').next() {
            Some("deltacrown") => Scheme::DeltacrownV2,
            Some("standard-webhooks") => Scheme::StandardWebhooks,
            Some("body:hex") => Scheme::Github,
            Some("v0:ts:body") => Scheme::Slack,
            Some("ts.body:hex") if self.scheme.contains("Stripe") => Scheme::Stripe,
            Some("ts.body:hex") => Scheme::Timestamped,
            other => panic!("no such scheme: {other:?}"),
        }
    }

    fn headers(&self) -> Vec<(String, String)> {
        if let Some(headers) = &self.headers {
            return headers.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        }
        let sender = self.scheme().compiled();
        let signature = self.scheme().signature_header();
        let id = sender.spec.id.header.as_deref();
        let pairs = [(signature, &self.sig), (sender.timestamp_header(), &self.ts), (id, &self.msg_id)];
        pairs.into_iter().filter_map(|(name, value)| Some((name?.to_owned(), value.clone()?))).collect()
    }

    fn verdict(&self) -> Verdict {
        let verifier = Verifier::new(self.scheme(), &self.secret()).expect(&self.id);
        verifier.verify(&self.headers(), self.body.as_bytes(), self.now_ms())
    }
}

fn says(case: &Case, words: &str) {
    let verdict = case.verdict();
    let diagnosis = verdict.diagnosis.unwrap_or_default();
    assert!(!verdict.valid && diagnosis.contains(words), "{}: {diagnosis:?} lacks {words:?}", case.id);
}

fn config(case: &Case) {
    let secret = case.secret();
    let refused = secret.weakness().is_some() || Signer::new(Scheme::StandardWebhooks, &secret).is_err();
    assert!(refused, "{} is accepted", case.id);
}

fn raw(case: &Case) {
    let key = hex::decode(case.secret().expose()).expect("hex key");
    let body = hex::decode(&case.body).expect("hex body");
    let mac = key::finish(&key::keyed(&key), &[&body]);
    assert_eq!(Some(hex::encode(mac)), case.sig, "{}", case.id);
}

fn signs(case: &Case) {
    let Some(sig) = &case.sig else { return };
    let scheme = case.scheme();
    let outgoing = Outgoing {
        event: "",
        id: case.msg_id.as_deref().unwrap_or_default(),
        timestamp_ms: case.ts.as_deref().map_or(0, |t| t.parse::<i64>().expect("seconds") * 1000),
        body: case.body.as_bytes(),
    };
    let headers = Signer::new(scheme, &case.secret()).expect(&case.id).sign(&outgoing);
    let value =
        &headers.iter().find(|(n, _)| Some(*n) == scheme.signature_header()).expect("signature header").1;
    let plain =
        value.strip_prefix("sha256=").filter(|_| case.prefix.is_empty() && scheme == Scheme::Timestamped);
    assert!(sig.contains(plain.unwrap_or(value)), "{}: {value}", case.id);
}

fn valid(case: &Case) {
    let verdict = case.verdict();
    assert!(verdict.valid, "{}: {verdict:?}", case.id);
    signs(case);
    if let Some(public) = &case.public {
        let verifier = Verifier::new(case.scheme(), &Secret::new(public.clone())).expect("public key");
        assert!(verifier.verify(&case.headers(), case.body.as_bytes(), case.now_ms()).valid);
        assert_eq!(
            Signer::new(case.scheme(), &Secret::new(public.clone())).err(),
            Some(KeyError::PublicKeyCannotSign)
        );
    }
}

fn check(case: &Case) {
    match (case.scheme.as_str(), case.id.as_str()) {
        ("config", _) => config(case),
        ("signer-input", _) => {
            let input = check_unique_keys(case.body.as_bytes());
            assert_eq!(input.is_ok(), case.expect == "sign-and-emit", "{}: {input:?}", case.id);
        }
        (scheme, _) if scheme.starts_with("raw") => raw(case),
        (_, "dc/empty-secret") => {
            assert_eq!(Verifier::new(case.scheme(), &case.secret()).err(), Some(KeyError::Empty));
            let other = Verifier::new(case.scheme(), &Secret::new("x".repeat(64))).expect("a key");
            let verdict = other.verify(&case.headers(), case.body.as_bytes(), case.now_ms());
            assert_eq!(verdict.reason, super::Reason::Missing);
            let sent = Signer::without_secret(case.scheme()).sign(&Outgoing {
                event: "payment_verified",
                id: "6f1c1d3e-2f0a-4a53-9d0e-7f3b1b1f0c11",
                timestamp_ms: 1_763_044_215_123,
                body: case.body.as_bytes(),
            });
            let sent: BTreeMap<String, String> = sent.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            assert_eq!(Some(sent), case.headers);
        }
        (_, "sw/missing-webhook-timestamp") => {
            let key = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            let headers = [("webhook-id", "msg_1"), ("webhook-signature", "v1,AAAA")];
            let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
            let verdict =
                Verifier::new(Scheme::StandardWebhooks, &key).expect("a key").verify(&headers, b"", 0);
            assert_eq!(verdict.diagnosis.as_deref(), Some("no webhook-timestamp header"));
        }
        (_, "stripe/form") => {
            valid(case);
            let now = Verifier::new(Scheme::Stripe, &case.secret()).expect("a key");
            let verdict = now.verify(&case.headers(), case.body.as_bytes(), 1_763_044_215_123);
            assert_eq!(verdict.reason, super::Reason::Stale);
        }
        (_, "dc/upper-hex") => says(case, "upper case"),
        (_, "dc/id-not-signed") => {
            valid(case);
            let said = |caveat: &&str| case.expect.contains(caveat.split(':').next().unwrap_or(caveat));
            assert!(case.scheme().caveats().iter().any(said));
        }
        (_, "dc/hex-decoded-key") => says(case, "the sender hex-decoded the secret"),
        (_, "dc/legacy-body-only") => says(case, "signs body only (Phase 5.5 scheme): replay-unsafe"),
        (_, "dc/signed-compact-sent-spaced") => says(case, "valid over re-serialised compact JSON"),
        (_, "dc/signed-spaced-sent-compact") => says(case, "valid over spaced JSON"),
        (_, "dc/seconds-timestamp") => says(case, "timestamp is in seconds, the scheme says milliseconds"),
        (_, "dc/ts-header-differs-from-signed") => {
            says(case, "header is 1000 ms later than the signed one");
        }
        (_, "dc/stale-300.001s") => says(case, "the timestamp is 300.001 s old"),
        (_, "dc/future-30.001s") => says(case, "the timestamp is 30.001 s ahead"),
        (_, "dc/constant-hex") => says(case, "constant"),
        (_, "dc/duplicate-key-forgery") => {
            says(case, "valid over re-serialised compact JSON without the key that appears twice");
        }
        (_, "github/octokit-unicode-lower-escape") => says(case, "escapes in upper case"),
        (_, "adcp/rej/signer-spaced-wire-compact") => says(case, "valid over spaced JSON"),
        _ if case.expect.starts_with("valid") => valid(case),
        _ if case.expect.starts_with("invalid") => assert!(!case.verdict().valid, "{}", case.id),
        _ => panic!("{}: nobody knows how to check {:?}", case.id, case.expect),
    }
}

#[test]
fn every_line_holds() {
    let cases: Vec<Case> = LINES.lines().map(|l| serde_json::from_str(l).expect("a case")).collect();
    assert_eq!(cases.len(), 52);
    cases.iter().for_each(check);
}
