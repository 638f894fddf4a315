//! Algebra of the engine: canaries survive every encoding, masks never leak, and nothing panics.

use super::coats::{COATS, Coat, cover};
use crate::{Category, Engine, Memo, Policy, Request};
use crate::{Identity, IdentityKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn coats() -> impl Strategy<Value = Vec<Coat>> {
    proptest::collection::vec(proptest::sample::select(&COATS[..]), 0..=3)
}

/// Values as people have them; at least six bytes, so that base64 of them is worth a look.
fn canary() -> impl Strategy<Value = (IdentityKind, String)> {
    prop_oneof![
        "[a-zA-Z][a-z]{3,8}[._-][a-z]{1,4}[0-9]{1,4}".prop_map(|v| (IdentityKind::Username, v)),
        "[a-z]{2,8}\\.[a-z]{2,8}[0-9]{0,3}@[a-z]{3,8}\\.(com|gg|com\\.bd)"
            .prop_map(|v| (IdentityKind::Email, v)),
        "[A-Z][a-zéëüø]{3,8} [A-Z][a-zñç]{3,8}".prop_map(|v| (IdentityKind::FullName, v)),
        "01[3-9][0-9]{8}".prop_map(|v| (IdentityKind::Phone, v)),
        any::<u32>().prop_map(|n| (IdentityKind::Ip, std::net::Ipv4Addr::from(n).to_string())),
        "[A-Z][a-z]{4,9}#[A-Z0-9]{3,5}".prop_map(|v| (IdentityKind::AccountId, v)),
    ]
}

/// A header and a body out of few names and values, of which some are personal under some names.
fn request() -> impl Strategy<Value = ((String, String), String)> {
    let names = proptest::sample::select(&["note", "phone", "version", "ip", "id", "username"][..]);
    let values = proptest::sample::select(
        &["rahim_23", "10.2.3.4", "01712345678", "verified", "karim@gmail.com", "a1b2", ""][..],
    );
    let body = (names.clone(), names.clone(), values.clone())
        .prop_map(|(outer, inner, value)| json!({outer: {inner: value}}).to_string());
    ((names, values).prop_map(|(name, value)| (name.to_owned(), value.to_owned())), body)
}

/// Whether a place is a pointer into `payload`, or a name that was given.
fn is_valid(place: &str, payload: &Value) -> bool {
    payload.pointer(place).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_canary_is_found_under_any_three_encodings((kind, value) in canary(), coats in coats(), upper in any::<bool>()) {
        let engine = Engine::new(&Policy::default(), &[Identity { kind, value: value.clone() }], b"").unwrap();
        let shown = if upper { value.to_uppercase() } else { value.clone() };
        let mut text = format!("by: {shown} /");
        for coat in &coats {
            text = cover(*coat, &text);
        }
        let payload = json!({"data": {"note": text}});
        let scan = engine.scan_payload(&payload, &[]);
        let category = Category::of_identity(kind);
        prop_assert!(scan.findings.iter().any(|f| f.category == category && f.place == "/data/note"), "{payload} {coats:?} {:?}", scan.findings);
        let header = engine.scan_payload(&json!({}), &[("X-Note".into(), text)]);
        prop_assert_eq!(header.count(category), 1);
    }

    #[test]
    fn many_canaries_are_found_as_few_are(
        canaries in proptest::collection::vec(prop_oneof![
            canary(),
            "[a-z]{60,70}".prop_map(|v| (IdentityKind::AccountId, v)),
            "[a-z]{2,4}".prop_map(|v| (IdentityKind::Username, v)),
            "(\\+?880|\\+49|\\+1|0)?1[0-9]{6,10}".prop_map(|v| (IdentityKind::Phone, v)),
        ], 1..12),
        between in proptest::collection::vec("[ ,;+0-]|x| 880| \\+49| 00", 12),
    ) {
        let few: Vec<Identity> = canaries.iter().map(|(kind, value)| Identity { kind: *kind, value: value.clone() }).collect();
        let others = (0..40).map(|n| Identity { kind: IdentityKind::Email, value: format!("other-{n}@user.example") });
        let many: Vec<Identity> = few.iter().cloned().chain(others).chain(few.iter().cloned()).collect();
        let text: String = few.iter().zip(&between).map(|(one, between)| format!("{}{between}", one.value)).collect();
        let scan = |identities: &[Identity]| Engine::new(&Policy::default(), identities, b"").unwrap().scan_text(&text);
        let told = |scan: &crate::Scan| {
            let mut told: Vec<String> = scan.findings.iter().map(|finding| format!("{finding:?}")).collect();
            told.sort_unstable();
            told
        };
        prop_assert_eq!(told(&scan(&few)), told(&scan(&many)), "{}", text);
    }

    #[test]
    fn a_canary_touched_by_letters_or_digits_is_not_one(
        value in "[a-z]{3,8}[0-9]{1,3}", (front, back) in prop_oneof![("[a-z0-9]", "[a-z0-9]?"), ("", "[a-z0-9]")],
    ) {
        let identity = Identity { kind: IdentityKind::Username, value: value.clone() };
        let engine = Engine::new(&Policy::default(), &[identity], b"").unwrap();
        let text = format!("saw {front}{value}{back} here");
        prop_assert!(engine.scan_text(&text).is_clean(), "{}", text);
    }

    #[test]
    fn an_excerpt_is_never_found_again((kind, value) in canary()) {
        let engine = Engine::new(&Policy::default(), &[Identity { kind, value: value.clone() }], b"").unwrap();
        let scan = engine.scan_payload(&json!({"note": format!("by {value}.")}), &[]);
        prop_assert!(!scan.is_clean());
        for finding in &scan.findings {
            let key = finding.category.name();
            let again = engine.scan_payload(&json!({key: finding.excerpt, "note": finding.excerpt, "username": finding.excerpt}), &[]);
            prop_assert!(again.is_clean(), "{} {:?}", finding.excerpt, again.findings);
            prop_assert!(!finding.excerpt.contains(&value));
        }
    }

    #[test]
    fn a_masked_value_is_clean(head in "[a-z]", tail in "[a-z0-9]", digits in "[0-9]{2,4}", stars in "\\*{3,8}") {
        let payload = json!({
            "email": format!("{head}{stars}{tail}@g{stars}.com"), "username": format!("{head}{stars}{tail}"),
            "phone": format!("+880{stars}{digits}"), "card_number": format!("**** **** **** {digits}"),
            "full_name": format!("{head}{stars} {tail}{stars}"), "ip": "203.0.113.xxx", "authorization": format!("Bearer {stars}"),
            "steam_id": format!("7656{stars}{digits}"), "password": stars, "iban": format!("DE{stars}{digits}"), "nid": format!("{stars}{digits}"),
        });
        let engine = Engine::new(&Policy::default(), &[], b"").unwrap();
        let scan = engine.scan_payload(&payload, &[]);
        prop_assert!(scan.is_clean(), "{payload} {:?}", scan.findings);
    }

    #[test]
    fn a_memo_changes_nothing(stream in proptest::collection::vec(request(), 1..30)) {
        let canary = Identity { kind: IdentityKind::Username, value: "rahim_23".into() };
        let engine = Engine::new(&Policy::default(), &[canary], b"").unwrap();
        let memo = Memo::default();
        for (header, body) in &stream {
            let request = Request { headers: std::slice::from_ref(header), target: "/", body: body.as_bytes(), own_headers: &[], own_places: &[] };
            prop_assert_eq!(engine.scan_request(&request, &memo), engine.scan_request(&request, &Memo::default()));
            prop_assert_eq!(engine.scan_response(body.as_bytes(), Some(&memo)), engine.scan_response(body.as_bytes(), None));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), target in "\\PC{0,40}") {
        let engine = Engine::new(&Policy::default(), &[Identity { kind: IdentityKind::Username, value: "ab".into() }], b"").unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let headers = [("X-A".to_owned(), text.clone())];
        let request = Request { headers: &headers, target: &target, body: &body, own_headers: &[], own_places: &[] };
        let _ = engine.scan_request(&request, &Memo::default());
        let _ = engine.scan_text(&text);
        let _ = engine.scan_line(&body);
    }

    #[test]
    fn texts_made_of_telling_pieces_give_valid_places(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
        key in proptest::sample::select(&PIECES[..]),
    ) {
        let engine = Engine::new(&Policy::default(), &[Identity { kind: IdentityKind::Phone, value: "+8801712345678".into() }], b"").unwrap();
        let text = pieces.concat();
        let payload = json!({"a": [{key: text}, {"~/": {text.clone(): text.clone()}}]});
        let scan = engine.scan_payload(&payload, &[]);
        for finding in &scan.findings {
            prop_assert!(is_valid(&finding.place, &payload), "{}", finding.place);
        }
    }
}

/// Pieces that detectors begin, end or break on.
const PIECES: [&str; 40] = [
    "@",
    ".",
    ":",
    "::",
    "%",
    "%40",
    "&",
    "&#64;",
    "\\u0040",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "=",
    "+",
    "+880",
    "01712345678",
    "4111",
    " ",
    "-",
    "é",
    "日",
    "\u{308}",
    "\u{200b}",
    "a",
    "F",
    "1",
    "203.0.113.9",
    "fe80::1",
    "a@b.cd",
    "DE89",
    "eyJ",
    "Bearer ",
    "reset/",
    "://",
    "username",
    "*",
    "/",
];
