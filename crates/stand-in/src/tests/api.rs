//! What the API answers, body for body.

use super::super::{Debug, Throttle};
use super::bench::{Bench, Setup};
use serde_json::{Value, json};

const NO_CREDENTIALS: &str = r#"{"detail":"Authentication credentials were not provided."}"#;
const FORBIDDEN: &str = r#"{"detail":"You do not have permission to perform this action."}"#;

#[tokio::test]
async fn health_readiness_and_metrics() {
    let bench = Setup::new().start().await;
    bench.send(bench.get("/healthz/")).await.is(200, r#"{"status":"ok"}"#);
    let ready = r#"{"status":"ready","checks":{"database":"ok","redis":"disabled"}}"#;
    bench.send(bench.get("/readiness/")).await.is(200, ready);
    let metrics = bench.send(bench.get("/metrics/metrics")).await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("http_requests_total 3") && !metrics.text.contains("webhook_"));
    for nowhere in
        ["/metrics", "/metrics/", "/", "/api/tournaments/payments/", "/api/tournaments/payments/501/"]
    {
        let got = bench.send(bench.get(nowhere)).await;
        assert_eq!((got.status, got.header("content-type")), (404, "text/html; charset=utf-8"), "{nowhere}");
        assert!(got.text.contains("<title>Not Found</title>"));
    }
}

#[tokio::test]
async fn logins() {
    let bench = Setup::new().start().await;
    let wrong = bench.send(bench.post("/api/token/").json(&json!({"username": "x", "password": "y"}))).await;
    wrong.is(401, r#"{"detail":"No active account found with the given credentials"}"#);
    assert_eq!(wrong.header("www-authenticate"), "Bearer realm=\"api\"");
    let empty = bench.send(bench.post("/api/token/").json(&json!({}))).await;
    empty.is(400, r#"{"username":["This field is required."],"password":["This field is required."]}"#);
    bench.send(bench.get("/api/token/")).await.is(405, r#"{"detail":"Method \"GET\" not allowed."}"#);

    let row = bench.payment(0).clone();
    let by_email = json!({"username": row["user_email"], "password": row["user_password"]});
    let tokens = bench.send(bench.post("/api/token/").json(&by_email)).await.json();
    let refreshed =
        bench.send(bench.post("/api/token/refresh/").json(&json!({"refresh": tokens["refresh"]}))).await;
    assert_eq!(refreshed.status, 200);
    let fresh = refreshed.json();
    assert!(fresh["access"].is_string() && fresh["refresh"].is_string());
    bench.send(bench.post("/api/token/verify/").json(&json!({"token": fresh["access"]}))).await.is(200, "{}");
    let no_token = bench.send(bench.post("/api/token/verify/").json(&json!({"token": "x"}))).await;
    no_token.is(401, r#"{"detail":"Token is invalid","code":"token_not_valid"}"#);
    let wrong_kind =
        bench.send(bench.post("/api/token/refresh/").json(&json!({"refresh": tokens["access"]}))).await;
    wrong_kind.is(401, r#"{"detail":"Token has wrong type","code":"token_not_valid"}"#);
}

#[tokio::test]
async fn credentials_of_a_request() {
    let bench = Setup::new().start().await;
    let path = "/api/tournaments/payments/501/verify/";
    let none = bench.send(bench.post(path)).await;
    none.is(401, NO_CREDENTIALS);
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"api\"");
    let bad = bench.send(bench.post(path).bearer_auth("eyJ.x.y")).await;
    bad.is(
        401,
        r#"{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token is invalid"}]}"#,
    );
    let odd = bench.send(bench.post(path).header("Authorization", "Bearer a b")).await;
    assert_eq!((odd.status, &odd.json()["code"]), (401, &json!("bad_authorization_header")));
    bench.send(bench.post(path).header("Authorization", "Token abc")).await.is(401, NO_CREDENTIALS);
    let vars = bench.staging.fixtures().vars.clone();
    let text = |name: &str| vars[name].as_str().unwrap().to_owned();
    let basic = bench.post(path).basic_auth(text("staff_username"), Some(text("staff_password")));
    assert_eq!(bench.send(basic).await.status, 200);
    let wrong = bench.post(path).basic_auth(text("staff_username"), Some("no"));
    bench.send(wrong).await.is(401, r#"{"detail":"Invalid username/password."}"#);
}

#[tokio::test]
async fn who_may_do_what_to_a_payment() {
    let bench = Setup::new().start().await;
    let (staff, owner, other) = (
        bench.staff().await,
        bench.login(bench.payment(0), "user").await,
        bench.login(bench.payment(1), "user").await,
    );
    for stranger in [&staff, &other] {
        bench.pay(0, "submit-proof", stranger, json!({})).await.is(403, FORBIDDEN);
    }
    for action in ["verify", "reject", "refund"] {
        bench.pay(0, action, &owner, json!({})).await.is(403, FORBIDDEN);
    }
    let missing = bench.post("/api/tournaments/payments/99999/verify/").bearer_auth(&staff);
    bench.send(missing).await.is(404, r#"{"detail":"No PaymentVerification matches the given query."}"#);
    let path = "/api/tournaments/payments/501/verify/";
    let get = bench.send(bench.get(path).bearer_auth(&staff)).await;
    get.is(405, r#"{"detail":"Method \"GET\" not allowed."}"#);
    assert_eq!(get.header("allow"), "POST, OPTIONS");
    bench.send(bench.get(path)).await.is(401, NO_CREDENTIALS);
    let text = bench.post(path).bearer_auth(&staff).header("Content-Type", "text/plain").body("x");
    bench.send(text).await.is(415, r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#);
    let broken = bench.post(path).bearer_auth(&staff).header("Content-Type", "application/json").body("nope");
    let broken = bench.send(broken).await;
    assert_eq!(broken.status, 400);
    assert!(
        broken.text.starts_with(r#"{"detail":"JSON parse error - Expecting value: line 1 column "#),
        "{}",
        broken.text
    );
}

fn keys(value: &Value) -> String {
    value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_payments_life() {
    let bench = Setup::new().start().await;
    let (staff, owner) = (bench.staff().await, bench.login(bench.payment(0), "user").await);
    let proof =
        json!({"transaction_id": "TX1", "payer_account_number": "01712345678", "payment_proof": "ignored"});
    let got = bench.pay(0, "submit-proof", &owner, proof).await;
    assert_eq!(got.status, 200);
    let row = got.json();
    assert_eq!(
        keys(&row),
        "id registration_id status method transaction_id payer_account_number amount_bdt verified_at rejected_at \
         refunded_at notes created_at updated_at idempotent_replay"
    );
    assert_eq!((&row["status"], &row["payer_account_number"]), (&json!("pending"), &json!("01712345678")));
    assert_eq!((&row["verified_at"], &row["idempotent_replay"]), (&Value::Null, &json!(false)));
    let reason = json!({"notes": {"rejection_reason": "blurred"}, "reason_code": "BAD"});
    let got = bench.pay(0, "reject", &staff, reason).await.json();
    assert_eq!((&got["status"], &got["notes"]["rejection_reason"]), (&json!("rejected"), &json!("blurred")));
    bench
        .pay(0, "verify", &staff, json!({}))
        .await
        .is(409, r#"{"detail":"Invalid state transition from rejected to verified"}"#);
    assert_eq!(bench.pay(0, "reject", &staff, json!({})).await.status, 200);
    assert_eq!(bench.pay(0, "submit-proof", &owner, json!({})).await.json()["status"], "pending");
    bench
        .pay(0, "refund", &staff, json!({"amount_bdt": 1, "reason_code": "X"}))
        .await
        .is(409, r#"{"detail":"Invalid state transition from pending to refunded"}"#);
    bench.pay(0, "verify", &staff, json!({"amount_bdt": 7})).await.is(400, r#"{"detail":"Amount mismatch"}"#);
    let got = bench.pay(0, "verify", &staff, json!({"amount_bdt": 500})).await.json();
    let at = got["verified_at"].as_str().unwrap();
    assert!(at.ends_with("+06:00") && at.len() == "2026-11-23T19:02:12.150007+06:00".len(), "{at}");
    bench
        .pay(0, "submit-proof", &owner, json!({}))
        .await
        .is(409, r#"{"detail":"Cannot submit proof in status: verified"}"#);
    bench
        .pay(0, "refund", &staff, json!({}))
        .await
        .is(400, r#"{"amount_bdt":["This field is required."],"reason_code":["This field is required."]}"#);
    let over = bench.pay(0, "refund", &staff, json!({"amount_bdt": 501, "reason_code": "X"})).await;
    assert!(over.status == 400 && over.text.contains("exceeds original"), "{}", over.text);
    let got = bench.pay(0, "refund", &staff, json!({"amount_bdt": 1, "reason_code": "X"})).await;
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("refunded")));

    let events: Vec<(String, String)> = bench
        .receiver
        .hits()
        .iter()
        .map(|hit| (hit.header("x-webhook-event"), hit.json()["data"]["body"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(events, [
        ("payment_rejected".to_owned(), "Your payment for Smoke Pay 00001 has been rejected. Reason: blurred. Please resubmit with correct details.".to_owned()),
        ("payment_verified".to_owned(), "Your payment for Smoke Pay 00001 has been verified. Your registration is now confirmed!".to_owned()),
        ("payment_refunded".to_owned(), "Your payment for Smoke Pay 00001 has been refunded. Reason: Tournament cancelled or registration cancelled".to_owned()),
    ]);
}

#[tokio::test]
async fn proofs_come_as_forms_with_files_too() {
    let bench = Setup::new().start().await;
    let owner = bench.login(bench.payment(0), "user").await;
    let path = "/api/tournaments/payments/501/submit-proof/";
    let form = |file: &'static [u8]| {
        let part = reqwest::multipart::Part::bytes(file).file_name("proof.png");
        reqwest::multipart::Form::new()
            .text("transaction_id", "TX9")
            .text("notes", r#"{"a":1}"#)
            .part("proof_file", part)
    };
    let image: &[u8] = b"\x89PNG\r\n\x1a\n....";
    let got = bench.send(bench.post(path).bearer_auth(&owner).multipart(form(image))).await.json();
    assert_eq!((&got["transaction_id"], &got["notes"]), (&json!("TX9"), &json!({"a": 1})));
    bench.send(bench.post(path).bearer_auth(&owner).multipart(form(b"text"))).await.is(
        400,
        r#"{"proof_file":["Upload a valid image. The file you uploaded was either not an image or a corrupted image."]}"#,
    );
    bench.pay(0, "submit-proof", &owner, json!({"amount_bdt": 0, "transaction_id": " "})).await.is(
        400,
        r#"{"transaction_id":["This field may not be blank."],"amount_bdt":["Ensure this value is greater than or equal to 1."]}"#,
    );
}

#[tokio::test]
async fn idempotency_has_its_traps() {
    let bench = Setup::new().start().await;
    let (staff, owner) = (bench.staff().await, bench.login(bench.payment(0), "user").await);
    let flags = |got: super::bench::Got| {
        let row = got.json();
        (got.status, row["status"].as_str().unwrap_or_default().to_owned(), row["idempotent_replay"] == true)
    };
    let pending = |replay| (200, "pending".to_owned(), replay);
    assert_eq!(flags(bench.pay_keyed(0, "submit-proof", &owner, "a", json!({})).await), pending(false));
    assert_eq!(flags(bench.pay_keyed(0, "submit-proof", &owner, "a", json!({})).await), pending(true));
    // The key of another operation: 200, and nothing is verified.
    assert_eq!(flags(bench.pay_keyed(0, "verify", &staff, "a", json!({})).await), pending(true));
    // A refusal with a sentence keeps the key, a field error does not.
    assert_eq!(bench.pay_keyed(0, "verify", &staff, "b", json!({"amount_bdt": 7})).await.status, 400);
    assert_eq!(flags(bench.pay_keyed(0, "verify", &staff, "b", json!({})).await), pending(true));
    assert_eq!(bench.pay_keyed(0, "refund", &staff, "c", json!({})).await.status, 400);
    assert_eq!(
        bench.pay_keyed(0, "refund", &staff, "c", json!({"amount_bdt": 1, "reason_code": "x"})).await.status,
        409
    );
    assert_eq!(flags(bench.pay_keyed(0, "verify", &staff, "c", json!({})).await), pending(true));
    assert!(bench.receiver.hits().is_empty());
    // Keys are unique across payments, and a column long.
    assert_eq!(bench.pay_keyed(1, "verify", &staff, "c", json!({})).await.status, 500);
    assert_eq!(bench.pay_keyed(1, "verify", &staff, &"k".repeat(256), json!({})).await.status, 500);
    assert_eq!(bench.pay_keyed(1, "verify", &staff, "a", json!({})).await.status, 200, "a is free again");
    assert_eq!(bench.receiver.hits().len(), 1);
}

#[tokio::test]
async fn notes_that_are_no_object_crash_it() {
    let bench = Setup::new().start().await;
    let (staff, owner) = (bench.staff().await, bench.login(bench.payment(0), "user").await);
    assert_eq!(bench.pay(0, "verify", &staff, json!({"notes": "text"})).await.status, 500);
    assert_eq!(bench.pay(0, "submit-proof", &owner, json!({"notes": "text"})).await.json()["notes"], "text");
    let crash = bench.pay(0, "reject", &staff, json!({})).await;
    assert_eq!((crash.status, crash.header("content-type")), (500, "text/html; charset=utf-8"));
}

async fn race(setup: Setup, keyed: bool) -> (Bench, Vec<u16>) {
    let bench = setup.always(super::bench::Reply::Status(200)).start().await;
    let staff = bench.staff().await;
    let calls = (0..4).map(|i| {
        let (bench, staff) = (&bench, &staff);
        async move {
            let key = format!("key-{i}");
            let got = if keyed {
                bench.pay_keyed(0, "verify", staff, &key, json!({})).await
            } else {
                bench.pay(0, "verify", staff, json!({})).await
            };
            assert!(got.status != 200 || got.json()["idempotent_replay"] == false);
            got.status
        }
    });
    let mut statuses = futures_util::future::join_all(calls).await;
    statuses.sort_unstable();
    (bench, statuses)
}

#[tokio::test]
async fn concurrent_verifies_race_as_measured_or_not_at_all() {
    // Held back in the request, so that all four calls are in flight.
    let slow = |mut setup: Setup| {
        setup.options.misbehave = vec![super::super::Kind::Slow.into()];
        setup.options.timing.slow = std::time::Duration::from_millis(100);
        setup
    };
    let (good, statuses) = race(slow(Setup::new()), false).await;
    assert_eq!((statuses, good.receiver.hits().len()), (vec![200, 409, 409, 409], 1));
    let (real, statuses) = race(slow(Setup::real()), false).await;
    assert_eq!(statuses, [200; 4]);
    let created: Vec<Value> = real.receiver.hits().iter().map(|hit| hit.json()["metadata"].clone()).collect();
    assert_eq!(created[0], json!({"created": 1, "skipped": 0, "email_sent": 0, "smoke_stand_in": true}));
    assert_eq!(
        created[1..],
        vec![json!({"created": 0, "skipped": 1, "email_sent": 0, "smoke_stand_in": true}); 3]
    );
    let (keyed, statuses) = race(slow(Setup::real()), true).await;
    assert_eq!((statuses, keyed.receiver.hits().len()), (vec![200; 4], 1));
}

#[tokio::test]
async fn while_a_delivery_is_in_flight_others_see_the_old_state() {
    let mut setup = Setup::wrong(super::super::Kind::Slow);
    setup.options.timing.slow = std::time::Duration::from_millis(300);
    let bench = setup.start().await;
    let staff = bench.staff().await;
    let refund = json!({"amount_bdt": 1, "reason_code": "x"});
    let early = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        bench.pay(0, "refund", &staff, refund.clone()).await
    };
    let (verified, early) = tokio::join!(bench.pay(0, "verify", &staff, json!({})), early);
    assert_eq!(verified.status, 200);
    early.is(409, r#"{"detail":"Invalid state transition from pending to refunded"}"#);
}

#[tokio::test]
async fn a_matchs_life_and_its_webhooks() {
    let bench = Setup::new().start().await;
    let staff = bench.staff().await;
    let (a, b) = (
        bench.login(bench.game(0), "participant_a").await,
        bench.login(bench.game(0), "participant_b").await,
    );
    let stranger = bench.login(bench.game(1), "participant_a").await;
    let id = bench.game(0)["match_id"].clone();
    let got = bench.play(0, "start", &staff, json!({})).await;
    assert_eq!(
        keys(&got.json()),
        "id tournament_id round_number state sides scheduled_time started_at completed_at created_at updated_at meta"
    );
    assert_eq!(
        (&got.json()["state"], &got.json()["meta"]),
        (&json!("live"), &json!({"idempotent_replay": false}))
    );
    bench
        .play(0, "start", &staff, json!({}))
        .await
        .is(409, r#"{"detail":"Invalid state transition from live to live"}"#);
    for nobody in [&staff, &stranger] {
        bench
            .play(0, "submit-result", nobody, json!({"score": 1, "opponent_score": 0}))
            .await
            .is(403, FORBIDDEN);
    }
    bench.play(0, "start", &a, json!({})).await.is(403, FORBIDDEN);
    bench.play(0, "submit-result", &a, json!({"score": -1})).await.is(
        400,
        r#"{"score":["Ensure this value is greater than or equal to 0."],"opponent_score":["This field is required."]}"#,
    );
    let got = bench.play(0, "submit-result", &b, json!({"score": 3, "opponent_score": 1})).await.json();
    assert_eq!(
        (&got["state"], &got["sides"]["A"]["score"], &got["sides"]["B"]["score"]),
        (&json!("pending_result"), &json!(1), &json!(3))
    );
    assert_eq!(bench.play(0, "confirm-result", &staff, json!({})).await.json()["state"], "completed");
    bench
        .play(0, "dispute", &a, json!({"reason_code": "no_show"}))
        .await
        .is(400, r#"{"reason_code":["\"no_show\" is not a valid choice."]}"#);
    assert_eq!(
        bench.play(0, "dispute", &a, json!({"reason_code": "NO_SHOW"})).await.json()["state"],
        "disputed"
    );
    bench.play(0, "resolve-dispute", &staff, json!({"decision": "OVERRIDE"})).await.is(
        400,
        r#"{"final_score_a":["This field is required."],"final_score_b":["This field is required."]}"#,
    );
    let over = json!({"decision": "OVERRIDE", "final_score_a": 9, "final_score_b": 0});
    assert_eq!(bench.play(0, "resolve-dispute", &staff, over).await.json()["sides"]["A"]["score"], 9);
    assert_eq!(
        bench.play(0, "cancel", &staff, json!({"reason_code": "OTHER"})).await.json()["state"],
        "cancelled"
    );

    let sent: Vec<Value> = bench.receiver.hits().iter().map(super::bench::Hit::json).collect();
    let told: Vec<(&str, u64)> = sent
        .iter()
        .map(|body| (body["event"].as_str().unwrap(), body["data"]["recipient_count"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("match_started", 10), ("result_submitted", 10), ("result_confirmed", 10), ("dispute_created", 2)]
    );
    assert!(
        sent.iter()
            .all(|body| body["data"]["match_id"] == id && body["data"]["url"] == format!("/matches/{id}/"))
    );
    assert_eq!(sent[0]["data"]["tournament_id"], bench.game(0)["tournament_id"]);
}

#[tokio::test]
async fn ties_and_match_keys() {
    let bench = Setup::new().start().await;
    let (staff, a) = (bench.staff().await, bench.login(bench.game(0), "participant_a").await);
    bench.play(0, "start", &staff, json!({})).await;
    bench.play(0, "submit-result", &a, json!({"score": 1, "opponent_score": 1})).await;
    let keyed = || {
        let path = format!("/api/tournaments/matches/{}/confirm-result/", bench.game(0)["match_id"]);
        bench.send(bench.post(&path).bearer_auth(&staff).header("Idempotency-Key", "k").json(&json!({})))
    };
    keyed().await.is(400, r#"{"detail":"Cannot confirm tie - game rules require a winner"}"#);
    let again = keyed().await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (200, &json!("pending_result")),
        "the documented trap"
    );
    assert_eq!(again.json()["meta"], json!({"idempotent_replay": true}));
}

#[tokio::test]
async fn the_real_one_sends_nothing_for_matches() {
    let bench = Setup::real().start().await;
    let staff = bench.staff().await;
    assert_eq!(bench.play(0, "start", &staff, json!({})).await.status, 200);
    assert!(bench.receiver.hits().is_empty());
}

#[tokio::test]
async fn matches_are_listed_in_pages() {
    let bench = Setup::new().fixtures(0, 45).start().await;
    let staff = bench.staff().await;
    bench.send(bench.get("/api/tournaments/matches/")).await.is(401, NO_CREDENTIALS);
    let list =
        |query: &str| bench.send(bench.get(&format!("/api/tournaments/matches/{query}")).bearer_auth(&staff));
    let page = list("?page=2").await.json();
    assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(45), 20));
    let base = bench.staging.base_url();
    assert_eq!(page["next"], format!("{base}/api/tournaments/matches/?page=3"));
    assert_eq!(page["previous"], format!("{base}/api/tournaments/matches/"));
    assert_eq!(list("?page=3").await.json()["next"], Value::Null);
    list("?page=4").await.is(404, r#"{"detail":"Invalid page."}"#);
    let row = bench.game(7);
    let one = list(&format!("?tournament={}&round=1", row["tournament_id"])).await.json();
    assert_eq!((&one["count"], &one["results"][0]["id"]), (&json!(1), &row["match_id"]));
    assert!(one["results"][0].get("meta").is_none());
    let detail = bench.get(&format!("/api/tournaments/matches/{}/", row["match_id"])).bearer_auth(&staff);
    assert_eq!(bench.send(detail).await.json()["state"], "scheduled");
    let missing = bench.get("/api/tournaments/matches/1/").bearer_auth(&staff);
    bench.send(missing).await.is(404, r#"{"detail":"No Match matches the given query."}"#);
}

#[tokio::test]
async fn a_missing_slash_redirects_or_crashes() {
    let bench = Setup::new().start().await;
    let got = bench.send(bench.post("/api/tournaments/payments/501/verify?a=1")).await;
    assert_eq!((got.status, got.header("location")), (301, "/api/tournaments/payments/501/verify/?a=1"));
    let mut debug = Setup::new();
    debug.options.debug = Debug::On;
    let bench = debug.start().await;
    assert_eq!(bench.send(bench.post("/api/tournaments/payments/501/verify")).await.status, 500);
    assert_eq!(bench.send(bench.get("/healthz")).await.status, 301);
}

#[tokio::test]
async fn throttles_say_when_to_come_back() {
    let mut setup = Setup::new();
    setup.options.throttle = Throttle::PerHour { anonymous: 2, user: 1 };
    let bench = setup.start().await;
    let staff = bench.staff().await;
    let path = "/api/tournaments/matches/";
    assert_eq!(bench.send(bench.get(path).bearer_auth(&staff)).await.status, 200);
    let got = bench.send(bench.get(path).bearer_auth(&staff)).await;
    got.is(429, r#"{"detail":"Request was throttled. Expected available in 3600 seconds."}"#);
    assert_eq!(got.header("retry-after"), "3600");
    assert_eq!(bench.send(bench.get(path)).await.status, 401);
    assert_eq!(bench.send(bench.get(path)).await.status, 429);
}

#[tokio::test]
async fn shutdown_ends_it_though_a_client_keeps_its_connection() {
    let bench = Setup::new().start().await;
    bench.send(bench.get("/healthz/")).await;
    let address = bench.staging.address();
    bench.staging.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn after_shutdown_no_delivery_goes_on() {
    let mut setup = Setup::new().always(super::bench::Reply::Status(503));
    setup.options.timing.backoff = vec![std::time::Duration::from_millis(2500)];
    let bench = setup.start().await;
    let staff = bench.staff().await;
    let path = format!("{}/api/tournaments/payments/501/verify/", bench.staging.base_url());
    let call = bench.client.post(path).bearer_auth(staff).send();
    let call = tokio::spawn(call);
    assert_eq!(bench.receiver.wait_for(1).await.len(), 1);
    bench.staging.shutdown().await;
    let answer = call.await.unwrap();
    assert!(answer.is_err() || answer.unwrap().status() == 500);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(bench.receiver.hits().len(), 1);
}
