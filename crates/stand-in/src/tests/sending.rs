//! What arrives at a receiver, and what the sender makes of its answers.

use super::bench::{Bench, Reply, SECRET, Setup};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use signature::Scheme;
use std::time::Duration;

/// Independent of the signer under test.
pub fn hmac(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_verified_payment_sends_one_signed_webhook_before_the_answer() {
    let bench = Setup::new().start().await;
    let got = bench.verify(0).await;
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("verified")));
    let hits = bench.receiver.hits();
    assert_eq!(hits.len(), 1, "the delivery ends before the answer");
    let hit = &hits[0];
    let names: Vec<&str> = hit.request.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = "Host User-Agent Accept-Encoding Accept Connection Content-Type X-Webhook-Signature \
                    X-Webhook-Event X-Webhook-Timestamp X-Webhook-Id Content-Length";
    assert_eq!(names.join(" "), expected);
    let row = bench.payment(0);
    let body = format!(
        "{{\"event\":\"payment_verified\",\"data\":{{\"event\":\"payment_verified\",\"title\":\"Payment Verified - Smoke \
         Pay 00001\",\"body\":\"Your payment for Smoke Pay 00001 has been verified. Your registration is now confirmed!\",\
         \"url\":\"/tournaments/smoke-pay-00001/\",\"recipient_count\":1,\"tournament_id\":{},\"match_id\":null}},\
         \"metadata\":{{\"created\":1,\"skipped\":0,\"email_sent\":0,\"smoke_stand_in\":true}}}}",
        row["tournament_id"]
    );
    assert_eq!(String::from_utf8(hit.request.body.clone()).unwrap(), body);
    let timestamp = hit.header("x-webhook-timestamp");
    assert_eq!(timestamp.len(), 13);
    assert_eq!(
        hit.header("x-webhook-signature"),
        hmac(SECRET, &[timestamp.as_bytes(), b".", body.as_bytes()])
    );
    let id: uuid::Uuid = hit.header("x-webhook-id").parse().unwrap();
    assert_eq!(id.get_version_num(), 4);
    assert_eq!(
        bench.messages()[1..],
        [format!(
            "INFO Webhook delivered successfully: event=payment_verified, status=200, attempt=1, webhook_id={id}"
        )]
    );
}

#[tokio::test]
async fn the_older_scheme_signs_the_body_alone() {
    let bench = Setup::new().scheme(Scheme::DeltacrownV1).start().await;
    bench.verify(0).await;
    let hit = &bench.receiver.hits()[0];
    assert_eq!(hit.header("x-webhook-signature"), hmac(SECRET, &[&hit.request.body]));
    assert_eq!(
        (hit.header("x-webhook-id"), hit.header("x-webhook-timestamp")),
        (String::new(), String::new())
    );
    assert!(bench.messages()[1].ends_with("status=200, attempt=1"), "{:?}", bench.messages());
}

#[tokio::test]
async fn a_server_error_is_retried_with_the_same_bytes() {
    let bench =
        Setup::new().script(|n, _| if n < 3 { Reply::Status(503) } else { Reply::Status(200) }).start().await;
    assert_eq!(bench.verify(0).await.status, 200);
    let hits = bench.receiver.hits();
    assert_eq!(hits.len(), 3);
    for hit in &hits {
        assert_eq!(
            (&hit.request.headers, &hit.request.body),
            (&hits[0].request.headers, &hits[0].request.body)
        );
    }
    let log = bench.staging.log();
    assert_eq!(log.iter().map(|e| (e.delivery, e.attempt)).collect::<Vec<_>>(), [(1, 1), (1, 2), (1, 3)]);
    for (i, backoff) in [40, 80].into_iter().enumerate() {
        let own = log[i + 1].start.since(log[i].end);
        let seen = hits[i + 1].request.first_byte.since(hits[i].answered);
        assert!(own >= Duration::from_millis(backoff), "{own:?}");
        let apart = own.abs_diff(seen);
        assert!(apart < Duration::from_millis(30), "own log {own:?}, receiver {seen:?}");
    }
    assert_eq!(
        bench.messages()[1..5],
        [
            "WARNING Webhook delivery failed: event=payment_verified, status=503, attempt=1/3, response={\"status\":\"received\"}",
            "INFO Webhook retry 2/3 after 0s delay",
            "WARNING Webhook delivery failed: event=payment_verified, status=503, attempt=2/3, response={\"status\":\"received\"}",
            "INFO Webhook retry 3/3 after 0s delay",
        ]
    );
}

#[tokio::test]
async fn after_three_failures_it_gives_up_and_the_api_still_says_200() {
    let bench = Setup::new().always(Reply::Status(500)).start().await;
    let got = bench.verify(0).await;
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("verified")));
    assert_eq!(bench.statuses(), [Some(500); 3]);
    let id = bench.receiver.hits()[0].header("x-webhook-id");
    let last = bench.messages().pop().unwrap();
    assert_eq!(
        last,
        format!(
            "ERROR Webhook delivery failed after 3 attempts: event=payment_verified, endpoint={}, webhook_id={id}",
            bench.receiver.url
        )
    );
}

#[tokio::test]
async fn a_client_error_ends_the_delivery() {
    for status in [400, 401, 404, 408, 410, 422, 429] {
        let bench = Setup::new().always(Reply::With(status, "Retry-After", "1")).start().await;
        bench.verify(0).await;
        assert_eq!(bench.statuses(), [Some(status)]);
        assert_eq!(
            bench.messages().pop().unwrap(),
            format!("ERROR Client error - aborting retries: status={status}")
        );
    }
}

#[tokio::test]
async fn every_2xx_is_a_success_except_to_the_real_one() {
    for (status, real) in [(200, 1), (201, 1), (202, 1), (204, 1), (203, 3), (206, 3), (299, 3)] {
        for (setup, attempts) in [(Setup::new(), 1), (Setup::real(), real)] {
            let bench = setup.always(Reply::Status(status)).start().await;
            bench.verify(0).await;
            assert_eq!(bench.statuses().len(), attempts, "{status}");
        }
    }
}

#[tokio::test]
async fn broken_wires_are_retried() {
    for reply in [Reply::Reset, Reply::Close, Reply::Truncate, Reply::Garbage] {
        for setup in [Setup::new(), Setup::real()] {
            let broken = reply.clone();
            let bench = setup
                .script(move |n, _| if n == 1 { broken.clone() } else { Reply::Status(200) })
                .start()
                .await;
            bench.verify(0).await;
            assert_eq!(bench.statuses(), [None, Some(200)], "{reply:?}");
            assert!(bench.staging.log()[0].error.is_some());
        }
    }
}

#[tokio::test]
async fn a_hang_ends_at_the_time_limit() {
    for setup in [Setup::new(), Setup::real()] {
        let bench = setup
            .timeout(100)
            .script(|n, _| if n == 1 { Reply::Hang } else { Reply::Status(200) })
            .start()
            .await;
        bench.verify(0).await;
        assert_eq!(bench.statuses(), [None, Some(200)]);
        let first = &bench.staging.log()[0];
        assert!(first.end.since(first.start) >= Duration::from_millis(100));
        assert!(
            bench.messages()[1].contains("Webhook timeout: event=payment_verified, attempt=1/3, timeout=0s")
        );
    }
}

#[tokio::test]
async fn a_200_dripped_past_the_time_limit_counts_only_for_the_real_one() {
    let drip = Reply::Drip(Duration::from_millis(10));
    let good = Setup::new().timeout(150).always(drip.clone()).start().await;
    good.verify(0).await;
    assert_eq!(good.statuses(), [None; 3]);
    let real = Setup::real().timeout(150).always(drip).start().await;
    real.verify(0).await;
    assert_eq!(real.statuses(), [Some(200)]);
    let only = &real.staging.log()[0];
    assert!(only.end.since(only.start) > Duration::from_millis(300), "{only:?}");
}

async fn redirected(setup: Setup, status: u16) -> Bench {
    let bench = setup
        .script(move |_, request| match request.target.as_str() {
            "/elsewhere?x=1" => Reply::Status(200),
            _ => Reply::Redirect(status, "/elsewhere?x=1".to_owned()),
        })
        .start()
        .await;
    bench.verify(0).await;
    bench
}

#[tokio::test]
async fn redirects_are_failures_and_the_real_one_follows_them() {
    for status in [301, 302, 303, 307, 308] {
        let good = redirected(Setup::new(), status).await;
        assert_eq!(good.statuses(), [Some(status); 3]);
        assert!(good.receiver.hits().iter().all(|hit| hit.request.target == "/webhooks/inbound"));

        let real = redirected(Setup::real(), status).await;
        assert_eq!(real.statuses(), [Some(200)]);
        assert_eq!(real.staging.log()[0].hops, 1);
        let hits = real.receiver.hits();
        let posts_again = status >= 307;
        assert_eq!(hits[1].request.method, if posts_again { "POST" } else { "GET" });
        assert_eq!(hits[1].request.body.is_empty(), !posts_again);
        assert_eq!(hits[1].header("content-type").is_empty(), !posts_again);
        assert_eq!(hits[1].header("x-webhook-signature"), hits[0].header("x-webhook-signature"));
    }
}

#[tokio::test]
async fn five_failed_deliveries_silence_it_and_a_probe_wakes_it() {
    let mut setup = Setup::new().fixtures(10, 0).script(|n, _| Reply::Status(if n <= 5 { 400 } else { 200 }));
    setup.options.timing.breaker_open = Duration::from_millis(300);
    let bench = setup.start().await;
    for i in 0..7 {
        assert_eq!(bench.verify(i).await.status, 200);
    }
    assert_eq!(bench.receiver.hits().len(), 5);
    let lines = bench.messages();
    assert!(lines.contains(&"ERROR Circuit breaker OPENED - 5 failures in 120s".to_owned()), "{lines:?}");
    assert!(
        lines.contains(&"WARNING Circuit breaker OPEN - blocking webhook delivery (0s remaining)".to_owned())
    );
    tokio::time::sleep(Duration::from_millis(320)).await;
    bench.verify(7).await;
    bench.verify(8).await;
    assert_eq!(bench.receiver.hits().len(), 7);
    let probe = "INFO Circuit breaker probe successful - transitioning to CLOSED".to_owned();
    assert!(bench.messages().contains(&probe));
}

#[tokio::test]
async fn nothing_is_sent_when_it_is_off_or_has_no_endpoint() {
    let mut off = Setup::new();
    off.options.webhooks = super::super::Webhooks::Off;
    let bench = off.start().await;
    assert_eq!(bench.verify(0).await.status, 200);
    assert!(bench.receiver.hits().is_empty() && bench.staging.log().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_no_http_url_is_an_error() {
    for bad in ["https://x.test/?token=hunter2", "hunter2", "ftp://hunter2/"] {
        let options = super::super::Options::new(signature::Secret::new(SECRET), bad);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = super::super::Staging::start(listener, options).err().unwrap().to_string();
        assert!(error.starts_with("the webhook URL") && !error.contains("hunter2"), "{error}");
    }
}
