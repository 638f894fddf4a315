//! The built-in profiles, and what is refused of one in a file.

use super::*;

#[test]
fn names_are_the_same_everywhere() {
    for scheme in Scheme::ALL {
        assert_eq!(scheme.to_string().parse(), Ok(scheme));
        assert_eq!(scheme.sender().parse(), Ok(scheme));
        assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.name());
        let header = scheme.signature_header();
        assert!(header.is_none_or(|header| scheme.own_headers().contains(&header)), "{scheme}");
    }
    assert_eq!("deltacrown".parse(), Ok(Scheme::DeltacrownV2));
    assert_eq!("deltacrown-5.5".parse(), Ok(Scheme::DeltacrownV1));
    assert_eq!(serde_json::from_str::<Scheme>("\"deltacrown\"").unwrap(), Scheme::DeltacrownV2);
    let unknown = "hmac".parse::<Scheme>().unwrap_err().to_string();
    assert!(unknown.starts_with("unknown signature scheme `hmac`; known: deltacrown-v1, deltacrown-v2, "));
}

#[test]
fn every_built_in_profile_can_be_read() {
    for scheme in Scheme::ALL {
        let file = serde_saphyr::from_str::<FileView>(scheme.profile());
        let spec = file.unwrap_or_else(|e| panic!("{}: {e}", scheme.sender())).spec();
        assert_eq!(spec.problems(), [], "{}", scheme.sender());
        assert_eq!(*scheme.spec(), spec);
    }
}

#[test]
fn a_sender_of_a_file_keeps_its_data_in_json() {
    let mut spec = Scheme::Github.spec().clone();
    spec.signature.header = Some("X-Other".to_owned());
    let own = Scheme::of("own", spec.clone()).unwrap();
    assert_eq!(Scheme::of("own", spec.clone()).unwrap(), own);
    assert_eq!(Scheme::of("github", Scheme::Github.spec().clone()), Ok(Scheme::Github));
    let json = serde_json::to_string(&own).unwrap();
    assert_eq!(serde_json::from_str::<Scheme>(&json).unwrap(), own);
    spec.signature.message = "{nonsense}".to_owned();
    let problems = Scheme::of("own", spec).unwrap_err();
    assert!(
        problems[0]
            .to_string()
            .starts_with("signature.message: `{nonsense}` is not a placeholder; known: {body}")
    );
}

#[test]
fn id_event_and_time_are_read_whatever_the_case_of_the_name() {
    let headers = [
        ("x-webhook-id".to_owned(), " abc ".to_owned()),
        ("X-WEBHOOK-EVENT".to_owned(), "paid".to_owned()),
        ("X-Webhook-Timestamp".to_owned(), "1763044215123".to_owned()),
        ("Stripe-Signature".to_owned(), "v1=ab,t=12".to_owned()),
    ];
    assert_eq!(Scheme::DeltacrownV2.id(&headers), Some("abc"));
    assert_eq!(Scheme::DeltacrownV2.event(&headers), Some("paid"));
    assert_eq!(Scheme::DeltacrownV2.timestamp_ms(&headers), Some(1_763_044_215_123));
    assert_eq!(Scheme::DeltacrownV1.id(&headers), None);
    assert_eq!(Scheme::Timestamped.timestamp_ms(&headers), None);
    assert_eq!(Scheme::Stripe.timestamp_ms(&headers), Some(12_000));
}
