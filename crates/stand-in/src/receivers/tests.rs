//! The receivers by themselves: what the right one takes and refuses, over sockets.

use super::{Flaw, Receiver};
use signature::{Outgoing, Scheme, Secret, Signer};
use tokio::net::TcpListener;

const ID: &str = "4960b1c5-318e-4f87-b6c4-62792d82faa3";

async fn receiver(scheme: Scheme, secret: &Secret, flaw: Option<Flaw>) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Receiver::start(listener, scheme, secret, flaw).unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn post(receiver: &Receiver, signer: &Signer, body: &str) -> u16 {
    let now = wire::Clock::start().unix_ms();
    let webhook = Outgoing { event: "paid", id: ID, timestamp_ms: now, body: body.as_bytes() };
    let mut request = client().post(receiver.url()).body(body.to_owned());
    for (name, value) in signer.sign(&webhook) {
        request = request.header(name, value);
    }
    request.header("Content-Type", "application/json").send().await.unwrap().status().as_u16()
}

async fn processed(receiver: &Receiver) -> String {
    client().get(receiver.processed_url()).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_right_one_takes_each_webhook_once() {
    let secret = Secret::new("9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35");
    let signer = Signer::new(Scheme::DeltacrownV2, &secret).unwrap();
    let right = receiver(Scheme::DeltacrownV2, &secret, None).await;
    assert_eq!(post(&right, &signer, "{}").await, 200);
    assert_eq!(post(&right, &signer, "{}").await, 200, "a duplicate is acknowledged");
    assert_eq!(processed(&right).await, "1", "and not processed");
    assert_eq!(post(&right, &signer, "{\"a\":1}").await, 409, "the id was another's");
    assert_eq!(post(&right, &signer, "not json").await, 400);
    let other = Signer::new(Scheme::DeltacrownV2, &Secret::new("another")).unwrap();
    assert_eq!(post(&right, &other, "{}").await, 401);
    assert_eq!(processed(&right).await, "1");
}

#[tokio::test]
async fn a_flawed_one_does_what_its_name_says() {
    let secret = Secret::new("9f4c1e77b3a2d0586e1f90c4d7b8a3526c0e9d1f4b7a8352d6c1e0f94b7a8d35");
    let zero = Signer::new(Scheme::DeltacrownV2, &Secret::new("\0")).unwrap();
    let flawed = receiver(Scheme::DeltacrownV2, &secret, Some(Flaw::EmptyKeyAccepted)).await;
    assert_eq!(post(&flawed, &zero, "{}").await, 200, "the empty key");
    let flawed = receiver(Scheme::DeltacrownV2, &secret, Some(Flaw::DoubleInSequence)).await;
    let signer = Signer::new(Scheme::DeltacrownV2, &secret).unwrap();
    for _ in 0..2 {
        assert_eq!(post(&flawed, &signer, "{}").await, 200);
    }
    assert_eq!(processed(&flawed).await, "2");
}
