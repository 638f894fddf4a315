//! Each misbehaviour as a receiver sees it.

use super::super::Kind;
use super::bench::{Bench, Hit, Reply, SECRET, Setup};
use serde_json::json;
use signature::Secret;
use signature::{Reason, Scheme, Verifier};
use std::time::Duration;

/// Verifies payment 0 under one misbehaviour and gives what arrived.
async fn hits(kind: Kind, script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Bench, Vec<Hit>) {
    let bench = Setup::wrong(kind).script(move |n, _| script(n)).start().await;
    assert_eq!(bench.verify(0).await.status, 200, "{kind:?}");
    let hits = bench.receiver.hits();
    (bench, hits)
}

async fn well(kind: Kind) -> Vec<Hit> {
    hits(kind, |_| Reply::Status(200)).await.1
}

/// 503 for the first `n` requests.
fn ill(first: usize) -> impl Fn(usize) -> Reply + Send + Sync + 'static {
    move |n| Reply::Status(if n <= first { 503 } else { 200 })
}

fn reason(hit: &Hit) -> Reason {
    let verifier = Verifier::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    let now = chrono::Utc::now().timestamp_millis();
    verifier.verify(&hit.request.headers, &hit.request.body, now).reason
}

#[tokio::test]
async fn without_any_the_signature_is_valid() {
    let bench = Setup::new().start().await;
    bench.verify(0).await;
    assert_eq!(reason(&bench.receiver.hits()[0]), Reason::Valid);
}

#[tokio::test]
async fn every_third_webhook_is_dropped() {
    let bench = Setup::wrong(Kind::DropWebhook).start().await;
    for i in 0..10 {
        assert_eq!(bench.verify(i).await.status, 200);
    }
    assert_eq!(bench.receiver.hits().len(), 7);
}

#[tokio::test]
async fn twice_is_twice() {
    let same = well(Kind::SendTwice).await;
    assert_eq!(same.len(), 2);
    assert_eq!(same[0].request.headers, same[1].request.headers);
    let new = well(Kind::SendTwiceNewId).await;
    assert_eq!(new.len(), 2);
    assert_ne!(new[0].header("x-webhook-id"), new[1].header("x-webhook-id"));
    assert_eq!(new[0].request.body, new[1].request.body);
    assert_eq!(reason(&new[1]), Reason::Valid);
}

#[tokio::test]
async fn signatures_are_wrong_in_their_ways() {
    for kind in [Kind::WrongSecret, Kind::BodyOnlySignature, Kind::ReserialisedBody] {
        assert_eq!(reason(&well(kind).await[0]), Reason::Mismatch, "{kind:?}");
    }
    let body_only = &well(Kind::BodyOnlySignature).await[0];
    assert_eq!(
        body_only.header("x-webhook-signature"),
        super::sending::hmac(SECRET, &[&body_only.request.body])
    );
    let reserialised = &well(Kind::ReserialisedBody).await[0];
    assert!(reserialised.request.body.starts_with(b"{\"event\": \"payment_verified\", \"data\": {"));
    let compact = reserialised.json().to_string();
    let ts = reserialised.header("x-webhook-timestamp");
    assert_eq!(
        reserialised.header("x-webhook-signature"),
        super::sending::hmac(SECRET, &[ts.as_bytes(), b".", compact.as_bytes()])
    );
    assert_eq!(well(Kind::NoSignature).await[0].request.header("x-webhook-signature"), None);
    let (_, retried) = hits(Kind::WrongSecretOnRetry, ill(1)).await;
    assert_eq!([reason(&retried[0]), reason(&retried[1])], [Reason::Valid, Reason::Mismatch]);
}

#[tokio::test]
async fn timestamps_are_wrong_in_their_ways() {
    assert_eq!(reason(&well(Kind::StaleTimestamp).await[0]), Reason::Stale);
    assert_eq!(reason(&well(Kind::FutureTimestamp).await[0]), Reason::Future);
    assert_eq!(well(Kind::SecondsTimestamp).await[0].header("x-webhook-timestamp").len(), 10);
}

#[tokio::test]
async fn identities_are_wrong_in_their_ways() {
    let bench = Setup::wrong(Kind::DuplicateId).start().await;
    bench.verify(0).await;
    bench.verify(1).await;
    let seen = bench.receiver.hits();
    assert_eq!(seen[0].header("x-webhook-id"), seen[1].header("x-webhook-id"));
    assert_ne!(seen[0].request.body, seen[1].request.body);

    let (_, new_ids) = hits(Kind::NewIdPerRetry, ill(2)).await;
    assert_eq!(new_ids.len(), 3);
    assert_ne!(new_ids[0].header("x-webhook-id"), new_ids[1].header("x-webhook-id"));
    assert_eq!(new_ids[0].header("x-webhook-timestamp"), new_ids[1].header("x-webhook-timestamp"));

    let (_, new_times) = hits(Kind::NewTimestampPerRetry, ill(2)).await;
    assert_eq!(new_times[0].header("x-webhook-id"), new_times[1].header("x-webhook-id"));
    assert_ne!(new_times[0].header("x-webhook-timestamp"), new_times[1].header("x-webhook-timestamp"));
    assert_eq!(reason(&new_times[2]), Reason::Valid);
}

#[tokio::test]
async fn retries_are_wrong_in_their_ways() {
    assert_eq!(hits(Kind::NoRetry, ill(9)).await.1.len(), 1);
    assert_eq!(hits(Kind::TooManyRetries, ill(9)).await.1.len(), 4);
    assert_eq!(hits(Kind::Retry4xx, |_| Reply::Status(400)).await.1.len(), 3);
    assert_eq!(hits(Kind::NoRetryOnReset, |_| Reply::Reset).await.1.len(), 1);
    assert_eq!(hits(Kind::NoRetryOnReset, ill(9)).await.1.len(), 3);
    assert_eq!(hits(Kind::BrokenAsSuccess, |_| Reply::Truncate).await.1.len(), 1);
    assert_eq!(hits(Kind::NarrowSuccess, |_| Reply::Status(206)).await.1.len(), 3);
    let mut setup = Setup::wrong(Kind::WrongBackoff).script(|n, _| ill(2)(n));
    setup.options.timing.backoff = vec![Duration::from_millis(20), Duration::from_millis(1000)];
    let bench = setup.start().await;
    bench.verify(0).await;
    let hasty = bench.receiver.hits();
    let gap = hasty[2].request.first_byte.since(hasty[1].answered);
    assert!((500..1000).contains(&gap.as_millis()), "half of a second: {gap:?}");
}

#[tokio::test]
async fn redirects_and_late_answers_are_taken_on_request() {
    let to = |n| if n == 1 { Reply::Redirect(302, "/moved".to_owned()) } else { Reply::Status(200) };
    let (bench, moved) = hits(Kind::FollowRedirects, to).await;
    assert_eq!((moved[1].request.method.as_str(), moved[1].request.target.as_str()), ("GET", "/moved"));
    assert_eq!(bench.statuses(), [Some(200)]);

    let late = Setup::wrong(Kind::AcceptLate).timeout(150).always(Reply::Drip(Duration::from_millis(10)));
    let bench = late.start().await;
    bench.verify(0).await;
    assert_eq!(bench.statuses(), [Some(200)]);
}

#[tokio::test]
async fn personal_data_leaks_where_it_is_asked_to() {
    let leaks = [
        (Kind::EmailInBody, "user_email"),
        (Kind::UsernameInBody, "user_username"),
        (Kind::PhoneInBody, "user_phone"),
        (Kind::NameInBody, "user_display_name"),
    ];
    for (kind, column) in leaks {
        let bench = Setup::wrong(kind).start().await;
        bench.verify(0).await;
        let text = bench.receiver.hits()[0].json()["data"]["body"].as_str().unwrap().to_owned();
        let value = bench.payment(0)[column].as_str().unwrap();
        assert!(text.contains(value), "{kind:?}: {text}");
    }
    let bench = Setup::wrong(Kind::IpInHeader).start().await;
    bench.verify(0).await;
    bench.verify(1).await;
    let hits = bench.receiver.hits();
    let [one, other] = [0, 1].map(|at: usize| hits[at].header("x-forwarded-for").to_owned());
    assert!(one.starts_with("198.18.") && other.starts_with("198.18.") && one != other, "{one} {other}");
}

#[tokio::test]
async fn late_and_unexpected_webhooks() {
    let started = std::time::Instant::now();
    assert_eq!(well(Kind::Slow).await.len(), 1);
    assert!(started.elapsed() >= Duration::from_millis(300));

    let bench = Setup::wrong(Kind::AsyncLate).start().await;
    bench.verify(0).await;
    assert!(bench.receiver.hits().is_empty());
    assert_eq!(bench.receiver.wait_for(1).await.len(), 1);

    assert_eq!(well(Kind::WrongEvent).await[0].header("x-webhook-event"), "payment_verified_v2");

    let bench = Setup::wrong(Kind::WebhookOnReplay).start().await;
    let owner = bench.login(bench.payment(0), "user").await;
    for _ in 0..2 {
        bench.pay_keyed(0, "submit-proof", &owner, "k", json!({})).await;
    }
    assert_eq!(bench.receiver.hits().len(), 2);
}

#[tokio::test]
async fn a_step_answers_500_and_does_nothing() {
    let bench = Setup::wrong(Kind::Step500).start().await;
    let got = bench.verify(0).await;
    assert_eq!(got.status, 500);
    assert!(got.text.contains("<h1>Server Error (500)</h1>"));
    assert!(bench.receiver.hits().is_empty());
    let (staff, player) = (bench.staff().await, bench.login(bench.game(0), "participant_a").await);
    bench.play(0, "start", &staff, json!({})).await;
    bench.play(0, "submit-result", &player, json!({"score": 2, "opponent_score": 1})).await;
    assert_eq!(bench.play(0, "confirm-result", &staff, json!({})).await.status, 500);
    assert_eq!(bench.receiver.hits().len(), 2);
}

#[tokio::test]
async fn the_breaker_can_fail_three_ways() {
    let never = Setup::wrong(Kind::BreakerNeverOpens).always(Reply::Status(400)).start().await;
    for i in 0..8 {
        never.verify(i).await;
    }
    assert_eq!(never.receiver.hits().len(), 8);
    let mut stuck = Setup::wrong(Kind::BreakerStuckOpen).always(Reply::Status(400));
    stuck.options.timing.breaker_open = Duration::ZERO;
    let stuck = stuck.start().await;
    for i in 0..8 {
        stuck.verify(i).await;
    }
    assert_eq!(stuck.receiver.hits().len(), 5);
    let mut early = Setup::wrong(Kind::BreakerClosesEarly).always(Reply::Status(400));
    early.options.timing.breaker_open = Duration::from_nanos(1);
    let early = early.start().await;
    for i in 0..8 {
        early.verify(i).await;
    }
    assert_eq!(early.receiver.hits().len(), 8);
}

#[tokio::test]
async fn a_portion_strikes_the_named_delivery_only() {
    let mut setup = Setup::new();
    setup.options.misbehave = vec!["wrong-secret@2".parse().unwrap()];
    let bench = setup.start().await;
    for i in 0..3 {
        bench.verify(i).await;
    }
    let reasons: Vec<Reason> = bench.receiver.hits().iter().map(reason).collect();
    assert_eq!(reasons, [Reason::Valid, Reason::Mismatch, Reason::Valid]);
}

#[tokio::test]
async fn one_worker_delivers_one_webhook_after_the_other() {
    let fails_first = |n: usize, _: &_| Reply::Status(if n % 2 == 1 { 503 } else { 200 });
    let bench = Setup::wrong(Kind::OneWorker).script(fails_first).start().await;
    tokio::join!(bench.verify(0), bench.verify(1), bench.verify(2));
    let ids: Vec<String> = bench.receiver.hits().iter().map(|hit| hit.header("X-Webhook-Id")).collect();
    assert_eq!(ids.len(), 6);
    assert!(ids.chunks(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
}

#[tokio::test]
async fn plain_http_is_redirected_to_https_whatever_was_asked() {
    let bench = Setup::wrong(Kind::HttpsRedirect).start().await;
    let host = bench.staging.address();
    for (got, path) in [
        (bench.send(bench.get("/healthz/?a=b")).await, "/healthz/?a=b"),
        (bench.send(bench.post("/api/token/").json(&json!({}))).await, "/api/token/"),
    ] {
        assert_eq!((got.status, got.text.as_str()), (301, ""));
        assert_eq!(got.header("location"), format!("https://{host}{path}"));
    }
}
