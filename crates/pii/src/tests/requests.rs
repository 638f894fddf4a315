//! Whole requests: where findings stand, what is left out, what the policy allows.

use crate::{Category, Certainty, Detector, Engine, Memo, Policy, Request, Scan};
use crate::{Identity, IdentityKind};
use serde_json::json;

fn engine(policy: &serde_json::Value) -> Engine {
    Engine::new(&Policy::from_value(Some(policy)).unwrap(), &[], b"salt").unwrap()
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn places(scan: &Scan) -> Vec<(Category, &str)> {
    scan.findings.iter().map(|f| (f.category, f.place.as_str())).collect()
}

#[test]
fn body_headers_path_and_query_are_scanned() {
    let headers = [header("X-User-IP", "203.0.113.9"), header("X-Webhook-Signature", "rahim@gmail.com")];
    let request = Request {
        headers: &headers,
        target: "/hook/rahim%40gmail.com?username=rahim2&x=1",
        body: br#"{"a/b": {"~k": "karim@gmail.com"}}"#,
        own_headers: &["x-webhook-signature"],
        own_places: &[],
    };
    let scan = engine(&json!({})).scan_request(&request, &Memo::default());
    assert_eq!(
        places(&scan),
        [
            (Category::Email, "/a~1b/~0k"),
            (Category::IpAddress, "X-User-IP"),
            (Category::Email, "path"),
            (Category::Username, "query:username"),
        ]
    );
}

#[test]
fn bodies_that_are_no_json_are_text_and_forms_are_fields() {
    let none = json!({});
    let text = Request {
        headers: &[],
        target: "/",
        body: b"mail rahim@gmail.com \xff now",
        own_headers: &[],
        own_places: &[],
    };
    assert_eq!(places(&engine(&none).scan_request(&text, &Memo::default())), [(Category::Email, "")]);
    let headers = [header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    let form = Request {
        headers: &headers,
        target: "/",
        body: b"x=1&phone=%2B1+415+555+2671&c/d=a%40b.cd",
        own_headers: &[],
        own_places: &[],
    };
    assert_eq!(
        places(&engine(&none).scan_request(&form, &Memo::default())),
        [(Category::Phone, "/phone"), (Category::Email, "/c~1d")]
    );
    let nested = Request {
        target: "/?user[name]=Ines+Duarte&team[name]=Hawks",
        body: b"players[0][name]=Ines+Duarte&venue[address]=14+Cedar+Grove&team[name]=Hawks",
        ..form
    };
    assert_eq!(
        places(&engine(&none).scan_request(&nested, &Memo::default())),
        [(Category::Name, "/players[0][name]"), (Category::Name, "query:user[name]")]
    );
    // Members of one object, and of two.
    let together = Request {
        target: "/?driver[lat]=51.507351&n=1&driver[lng]=-0.127758&venue[lat]=51.507351&venue[lng]=-0.127758",
        body:
            b"a[account_no]=50100123456789&n=1&a[ifsc]=HDFC0001234&driver[lat]=51.507351&rider[lng]=-0.127758",
        ..form
    };
    assert_eq!(
        places(&engine(&none).scan_request(&together, &Memo::default())),
        [(Category::BankAccount, "/a[account_no]"), (Category::Geo, "query:driver[lat]")]
    );
}

#[test]
fn the_wallet_number_in_a_payments_response_is_found() {
    let body =
        br#"{"id": 7, "payer_account_number": "01712345678", "trx_id": "8N7A6B5C4D", "email_sent": 1}"#;
    let scan = engine(&json!({})).scan_response(body, None);
    assert_eq!(places(&scan), [(Category::Phone, "/payer_account_number")]);
}

#[test]
fn a_finding_never_holds_the_value_and_its_hash_is_salted() {
    let scan = |salt: &[u8]| {
        let engine = Engine::new(&Policy::default(), &[], salt).unwrap();
        engine.scan_payload(&json!({"a": "rahim@gmail.com", "b": "x rahim@gmail.com"}), &[])
    };
    let (one, two) = (scan(b"one"), scan(b"two"));
    let text = serde_json::to_string(&one.findings).unwrap();
    assert!(!text.contains("rahim"), "{text}");
    assert_eq!(one.findings[0].value_sha256, one.findings[1].value_sha256);
    assert_ne!(one.findings[0].value_sha256, two.findings[0].value_sha256);
    assert_eq!(serde_json::from_str::<Vec<crate::Finding>>(&text).unwrap(), one.findings);
}

#[test]
fn one_finding_per_category_and_place_and_the_surest_wins() {
    let canary = Identity { kind: IdentityKind::Email, value: "karim@gmail.com".into() };
    let engine = Engine::new(&Policy::default(), &[canary], b"").unwrap();
    let scan = engine.scan_text("a@b.cd and karim@gmail.com and c@d.ef");
    assert_eq!(scan.findings.len(), 1);
    assert_eq!(
        (scan.findings[0].detector, scan.findings[0].certainty),
        (Detector::Canary, Certainty::Certain)
    );
}

#[test]
fn a_policy_allows_adds_and_switches_off_and_says_what_it_used() {
    let engine = engine(&json!({
        "allow_domains": ["deltacrown.gg"],
        "allow_paths": ["/data/**/ip"],
        "extra_keys": {"account_id": ["clan_card"]},
        "extra_patterns": [{"regex": "DC-[0-9]{6}", "category": "account_id"}],
        "disabled": ["username"],
    }));
    let payload = json!({
        "body": "write to support@deltacrown.gg",
        "both": "support@deltacrown.gg or rahim@gmail.com",
        "data": {"x": {"ip": "203.0.113.9"}},
        "clan_card": "Z9", "note": "see DC-123456", "username": "rahim2",
    });
    let scan = engine.scan_payload(&payload, &[]);
    assert_eq!(
        places(&scan),
        [(Category::Email, "/both"), (Category::AccountId, "/clan_card"), (Category::AccountId, "/note")]
    );
    let used: Vec<_> = scan.allowed.iter().map(|a| (a.rule.as_str(), a.place.as_str())).collect();
    assert_eq!(
        used,
        [
            ("allow_domains: deltacrown.gg", "/body"),
            ("allow_domains: deltacrown.gg", "/both"),
            ("allow_paths: /data/**/ip", "/data/x/ip"),
        ]
    );
}

#[test]
fn a_pattern_of_the_policy_sees_a_line_with_its_time() {
    let at_night = json!({"extra_patterns": [{"regex": "^INFO [0-9-]+ 03:.*", "category": "account_id"}]});
    let engine = engine(&at_night);
    assert_eq!(engine.scan_text("INFO 2025-11-13 03:30:00,009 door opened").count(Category::AccountId), 1);
    assert!(engine.scan_text("INFO 2025-11-13 08:30:00,009 door opened").is_clean());
}

#[test]
fn thousands_of_canaries_are_all_found() {
    let many: Vec<Identity> =
        (0..5000).map(|i| Identity { kind: IdentityKind::Username, value: format!("User.{i}x") }).collect();
    let engine = Engine::new(&Policy::default(), &many, b"").unwrap();
    assert_eq!(engine.scan_text("seen USER.4321X here").count(Category::Username), 1);
    assert!(engine.scan_text("seen user.4321xy and auser.1x here").is_clean());
}

#[test]
fn lines_say_what_is_wrong_with_them() {
    let engine = engine(&json!({}));
    let error = |line: &str| engine.scan_line(line.as_bytes()).unwrap_err().to_string();
    assert!(error("{").contains("JSON object"));
    assert!(error("7").contains("JSON object"));
    assert!(error("{\"payload\": 1, \"payload\": 2}").contains("twice"));
    assert!(
        error(r#"{"payload": {}, "identities": [{"kind": "shoe", "value": "x"}]}"#).contains("identities[0]")
    );
    let scan = engine
        .scan_line(br#"{"headers": {"X-A": ["b", "a@b.cd"]}, "payload": "c@d.ef", "id": "q"}"#)
        .unwrap();
    assert_eq!(scan.id, json!("q"));
    let places: Vec<_> = scan.findings.iter().map(|f| f.place.as_str()).collect();
    assert_eq!(places, ["", "X-A"]);
    // A payload as it is: all of it is looked at.
    for (line, place) in
        [(r#"[{"payload": "c@d.ef"}]"#, "/0/payload"), (r#"{"id": 1, "to": "c@d.ef"}"#, "/to")]
    {
        let scan = engine.scan_line(line.as_bytes()).unwrap();
        assert_eq!(scan.findings.iter().map(|f| f.place.as_str()).collect::<Vec<_>>(), [place]);
    }
}
