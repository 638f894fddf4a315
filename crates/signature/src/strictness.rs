//! As strict as the strictest of a sender's own libraries, and no stricter: each verdict here is one of a library's
//! (standardwebhooks and paddle-python-sdk for Python, @paddle/paddle-node-sdk, @linear/sdk, hubspot-api-client, twilio).

use super::{Algorithm, Outgoing, Received, RequestSpec, Scheme, SignatureSpec, Signer, Verdict, Verifier};
use crate::Secret;

const NOW: i64 = 1_795_438_932_000;
const BODY: &[u8] = br#"{"type":"paid"}"#;
const URL: &str = "https://hooks.example.com/in";

fn secret(scheme: Scheme) -> Secret {
    let standard = [Scheme::StandardWebhooks, Scheme::Svix].contains(&scheme);
    Secret::new(if standard {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    } else {
        "a-shared-secret-of-thirty-two-ch"
    })
}

fn outgoing(body: &[u8]) -> Outgoing<'_> {
    Outgoing { event: "paid", id: "msg_1", timestamp_ms: NOW, body }
}

/// The headers as the sender signs them, with another value of the signature's header.
fn with(scheme: Scheme, change: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let signed = Signer::new(scheme, &secret(scheme)).unwrap().to("POST", URL).sign(&outgoing(BODY));
    let name = scheme.signature_header().unwrap();
    let value = |(n, v): (&str, String)| (n.to_owned(), if n == name { change(&v) } else { v });
    signed.into_iter().map(value).collect()
}

fn verdict_at(scheme: Scheme, url: &str, headers: &[(String, String)], body: &[u8], now: i64) -> Verdict {
    let verifier = Verifier::new(scheme, &secret(scheme)).unwrap();
    verifier.verify_request(&Received { method: "POST", url, headers, body }, now, &[])
}

fn verdict(scheme: Scheme, headers: &[(String, String)]) -> Verdict {
    verdict_at(scheme, URL, headers, BODY, NOW)
}

#[test]
fn one_entry_that_is_no_pair_before_the_right_one_spoils_a_list() {
    for scheme in [Scheme::StandardWebhooks, Scheme::Svix] {
        for fine in ["SIG", "SIG junk", "SIG v1,a,b", "v2,abc SIG", "v1,QUJD SIG", "v1,@@ SIG", "v1a,é SIG"]
        {
            let verdict = verdict(scheme, &with(scheme, |sig| fine.replace("SIG", sig)));
            assert!(verdict.valid, "{fine}: {verdict:?}");
        }
        const NO_PAIR: &str = "an entry that is not `version,signature`";
        for (spoilt, why) in [
            ("junk SIG", NO_PAIR),
            ("v1,a,b SIG", NO_PAIR),
            ("v1,é SIG", "an entry that is not base64"),
            ("v1,abc SIG", "an entry that is base64 without its padding (`=`)"),
            ("v2,QUJD  SIG", NO_PAIR),
            (",, SIG", NO_PAIR),
        ] {
            let verdict = verdict(scheme, &with(scheme, |sig| spoilt.replace("SIG", sig)));
            let says = verdict.diagnosis.unwrap_or_default();
            assert!(!verdict.valid && says.contains(why), "{spoilt}: {says}");
            assert!(says.ends_with("the MAC itself is right"), "{spoilt}: {says}");
        }
    }
}

#[test]
fn paddles_header_has_its_own_keys_and_its_last_signature_counts() {
    let of = |form: &str| verdict(Scheme::Paddle, &with(Scheme::Paddle, |sig| form.replace("SIG", sig)));
    for fine in ["SIG", "h1=00;SIG"] {
        assert!(of(fine).valid, "{fine}: {:?}", of(fine));
    }
    for (bad, says) in [
        ("SIG;h2=x", "a key the profile does not name"),
        ("SIG;h1=x=y", "a second `=`"),
        (
            "SIG;h1=00",
            "of several `h1=` one of the sender's libraries only takes the last; the MAC itself is right",
        ),
    ] {
        let told = of(bad).diagnosis.unwrap_or_default();
        assert!(!of(bad).valid && told.contains(says), "{bad}: {told}");
    }
}

#[test]
fn linears_time_is_a_number() {
    let signer = Signer::new(Scheme::Linear, &secret(Scheme::Linear)).unwrap();
    let sent = signer.sign_whole(&outgoing(BODY));
    assert!(String::from_utf8_lossy(&sent.body).contains(&format!("\"webhookTimestamp\":{NOW}")));
    for (body, valid) in [
        (format!("{{\"webhookTimestamp\":{NOW}}}"), true),
        (format!("{{\"webhookTimestamp\":\"{NOW}\"}}"), false),
    ] {
        let headers = signer.sign(&outgoing(body.as_bytes()));
        let headers: Vec<(String, String)> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let verdict = verdict_at(Scheme::Linear, URL, &headers, body.as_bytes(), NOW);
        assert_eq!(verdict.valid, valid, "{body}: {verdict:?}");
    }
}

#[test]
fn hubspots_window_ends_before_its_300_seconds_are_over() {
    let headers = with(Scheme::Hubspot, str::to_owned);
    for (age, valid) in [(0, true), (299_999, true), (300_000, false)] {
        assert_eq!(verdict_at(Scheme::Hubspot, URL, &headers, BODY, NOW + age).valid, valid, "{age}");
    }
}

/// Signed by Node's crypto, as `ieee-p1363` and as `der`.
#[test]
fn ecdsa_has_the_form_that_the_profile_says() {
    let secret = Secret::new(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzmNI83dsBQPnlr1fzDstBVv4/bN7WRHgiwBZbCNRqzwjL80D3TNrRV4F8eugBCY8nAAQnMR8KSceneiWf4Xtig==",
    );
    let raw = "zrnGPCbpm/2l6QpDaUyS7tEU0occfhhVu33Z1N9Gyo1MPig9kHlZT2xqcsHMWU4aeVhdiR4kJaNcnhnrdy3Vyg==";
    let der =
        "MEUCIHZJfIIn/JvuzBa+gxLpD5DEK2LR9mGf3rv74FDZ24+BAiEApJj3a0hqYrUR0mxKjrSfg1N3embLrAK06pZEvJciIsY=";
    let sender = |algorithm| {
        let signature = SignatureSpec {
            algorithm,
            header: Some("X-Sig".to_owned()),
            message: "1763044215.{body}".to_owned(),
            encoding: crate::Encoding::Base64,
            ..SignatureSpec::default()
        };
        Scheme::of("own", RequestSpec { signature, ..RequestSpec::default() }).unwrap()
    };
    let (in_der, in_raw) = (sender(Algorithm::EcdsaP256), sender(Algorithm::EcdsaP256Raw));
    let says = |scheme, tag: &str| {
        let headers = [("X-Sig".to_owned(), tag.to_owned())];
        let verdict = Verifier::new(scheme, &secret).unwrap().verify(&headers, br#"{"type":"paid"}"#, NOW);
        (verdict.valid, verdict.diagnosis.unwrap_or_default())
    };
    assert!(says(in_der, der).0 && says(in_raw, raw).0);
    let (valid, told) = says(in_der, raw);
    assert!(!valid && told.contains("64 bytes of r and s instead of DER"), "{told}");
    let (valid, told) = says(in_raw, der);
    assert!(!valid && told.contains("DER instead of the 64 bytes"), "{told}");
    let pair = in_raw.generate_secret().unwrap();
    let signed = Signer::new(in_raw, &pair).unwrap().sign(&outgoing(BODY));
    let headers: Vec<(String, String)> = signed.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    assert!(Verifier::new(in_raw, &pair).unwrap().verify(&headers, BODY, NOW).valid);
}

#[test]
fn twilio_signs_a_url_with_its_port_or_without() {
    let form = b"From=%2B1&Body=a+b";
    let signed = |url: &str, body: &[u8]| -> Vec<(String, String)> {
        let signer = Signer::new(Scheme::Twilio, &secret(Scheme::Twilio)).unwrap().to("POST", url);
        signer.sign(&outgoing(body)).into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
    };
    for (ours, theirs, valid) in [
        (URL, "https://hooks.example.com:443/in", true),
        ("https://hooks.example.com:443/in", URL, true),
        ("https://hooks.example.com:8443/in", URL, true),
        (URL, "https://hooks.example.com:8443/in", false),
        (URL, "https://hooks.example.com:80/in", false),
        (URL, "https://hooks.example.com/other", false),
    ] {
        let verdict = verdict_at(Scheme::Twilio, ours, &signed(theirs, form), form, NOW);
        assert_eq!(verdict.valid, valid, "{theirs} at {ours}: {verdict:?}");
    }
    // JSON by its hash in the URL.
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(BODY));
    let url = format!("{URL}?bodySHA256={hash}");
    let headers = signed(&url, BODY);
    assert!(verdict_at(Scheme::Twilio, &url, &headers, BODY, NOW).valid);
    let ported = url.replace(".com/", ".com:443/");
    assert!(verdict_at(Scheme::Twilio, &ported, &headers, BODY, NOW).valid);
    let other = verdict_at(Scheme::Twilio, &url, &headers, b"{}", NOW);
    assert!(!other.valid && other.diagnosis.unwrap().contains("the hash in the URL is not this body's"));
    // Square's does not go by itself: told, and not taken.
    let square = Signer::new(Scheme::Square, &secret(Scheme::Square))
        .unwrap()
        .to("POST", "https://hooks.example.com:443/in");
    let headers: Vec<(String, String)> =
        square.sign(&outgoing(BODY)).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    let told = verdict(Scheme::Square, &headers);
    assert!(!told.valid && told.diagnosis.unwrap().contains("having a port or not"));
}

#[test]
fn adyens_null_is_nothing_and_pythons_none_is_told() {
    let secret = Secret::new("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056");
    let of = |reference: &str| {
        let item = format!(
            r#"{{"pspReference":"7914","originalReference":{reference},"merchantAccountCode":"T","merchantReference":"R","amount":{{"value":1130,"currency":"EUR"}},"eventCode":"AUTHORISATION","success":"true","additionalData":{{"hmacSignature":""}}}}"#
        );
        format!(r#"{{"notificationItems":[{{"NotificationRequestItem":{item}}}]}}"#)
    };
    let signer = Signer::new(Scheme::Adyen, &secret).unwrap();
    let verify = |body: &[u8]| Verifier::new(Scheme::Adyen, &secret).unwrap().verify(&[], body, NOW);
    let signed = |reference: &str| {
        let body = of(reference);
        let unsigned = Outgoing { event: "", id: "", timestamp_ms: NOW, body: body.as_bytes() };
        String::from_utf8(signer.sign_whole(&unsigned).body.into_owned()).unwrap()
    };
    assert!(verify(signed("null").as_bytes()).valid);
    let pythons = signed("\"None\"").replace("\"None\"", "null");
    let told = verify(pythons.as_bytes());
    assert!(!told.valid && told.diagnosis.clone().unwrap().contains("as Python writes them"), "{told:?}");
}

#[test]
fn sendgrids_signature_is_der() {
    let scheme = Scheme::Sendgrid;
    let secret = scheme.generate_secret().unwrap();
    let verifier = Verifier::new(scheme, &secret).unwrap();
    let signed = Signer::new(scheme, &secret).unwrap().sign(&outgoing(BODY));
    let mut headers: Vec<(String, String)> = signed.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    assert!(verifier.verify(&headers, BODY, NOW).valid);
    let name = scheme.signature_header().unwrap();
    let value = headers.iter_mut().find(|(n, _)| n == name).map(|(_, v)| v).unwrap();
    *value = fixed(value);
    let verdict = verifier.verify(&headers, BODY, NOW);
    let says = verdict.diagnosis.unwrap_or_default();
    assert!(!verdict.valid && says.contains("64 bytes of r and s instead of DER"), "{says}");
}

/// The 64 bytes of a signature in DER, both in base64.
fn fixed(der: &str) -> String {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD;
    let der = base64.decode(der).unwrap();
    let (mut at, mut whole) = (2, Vec::new());
    for _ in 0..2 {
        let length = usize::from(der[at + 1]);
        let number = &der[at + 2..at + 2 + length];
        let bare: Vec<u8> = number.iter().copied().skip_while(|b| *b == 0).collect();
        whole.extend(std::iter::repeat_n(0, 32 - bare.len()).chain(bare));
        at += 2 + length;
    }
    base64.encode(whole)
}

#[test]
fn a_number_is_not_told_to_be_another_unit_for_its_sign_or_zeros() {
    for before in ["+", "0", "00"] {
        let headers = with(Scheme::Stripe, |sig| sig.replacen("t=", &format!("t={before}"), 1));
        let says = verdict(Scheme::Stripe, &headers).diagnosis.unwrap_or_default();
        assert!(says.contains("without the sign or zeros") && !says.contains("seconds and sends"), "{says}");
    }
}
