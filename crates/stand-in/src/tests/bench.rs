//! A stand-in, a receiver that records what comes and answers by script, and a client.

use super::super::{FixtureSize, Kind, Misbehaviour, Options, Profile, Row, Staging, Timing};
use record::Tick;
use serde_json::{Value, json};
use signature::Scheme;
use signature::Secret;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use wire::Clock;
use wire::http1::{Connection, Limits, RawRequest, Response};

/// A secret of the tests.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// This status and `Location`.
    Redirect(u16, String),
    /// A status with a header.
    With(u16, &'static str, &'static str),
    /// RST without a response.
    Reset,
    /// FIN without a response.
    Close,
    Truncate,
    Garbage,
    /// A 200 whose bytes come one by one, so far apart.
    Drip(Duration),
    Hang,
}

/// Decides by the number of the request, from 1.
pub type Script = Arc<dyn Fn(usize, &RawRequest) -> Reply + Send + Sync>;

/// One request as it came, and when its answer had been written.
#[derive(Debug, Clone)]
pub struct Hit {
    pub request: RawRequest,
    pub answered: Tick,
}

impl Hit {
    pub fn header(&self, name: &str) -> String {
        self.request.header(name).unwrap_or_default().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap()
    }
}

pub struct Receiver {
    pub url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
}

impl Receiver {
    pub async fn start(clock: Clock, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/inbound", listener.local_addr().unwrap());
        let hits: Arc<Mutex<Vec<Hit>>> = Arc::default();
        let (seen, count) = (Arc::clone(&hits), Arc::new(Mutex::new(0usize)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script, count) = (Arc::clone(&seen), Arc::clone(&script), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut connection = Connection::new(stream, clock, Limits::default());
                    let Ok(request) = connection.read().await else { return };
                    let number = {
                        let mut count = count.lock().unwrap();
                        *count += 1;
                        *count
                    };
                    let reply = script(number, &request);
                    let hit = Hit { request, answered: clock.now() };
                    seen.lock().unwrap().push(hit);
                    let answered = play(connection, reply, clock).await;
                    let mut seen = seen.lock().unwrap();
                    if let Some(hit) = seen.get_mut(number - 1) {
                        hit.answered = answered;
                    }
                });
            }
        });
        Self { url, hits }
    }

    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// Waits until there are `n` requests, 10 s at most.
    pub async fn wait_for(&self, n: usize) -> Vec<Hit> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while self.hits().len() < n && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.hits()
    }
}

async fn play(mut connection: Connection<TcpStream>, reply: Reply, clock: Clock) -> Tick {
    let answer = |status| Response::json(status, &json!({"status": "received"}));
    match reply {
        Reply::Status(status) => connection.write(&answer(status), true).await.unwrap(),
        Reply::Redirect(status, to) => {
            connection.write(&answer(status).with("Location", &to), true).await.unwrap();
        }
        Reply::With(status, name, value) => {
            connection.write(&answer(status).with(name, value), true).await.unwrap();
        }
        Reply::Reset => connection.into_stream().set_zero_linger().unwrap(),
        Reply::Close => drop(connection),
        Reply::Truncate => {
            connection.write_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf").await.unwrap();
        }
        Reply::Garbage => connection.write_raw(b"\x00\x01 what is this\r\n\r\n").await.unwrap(),
        Reply::Drip(gap) => {
            let mut stream = connection.into_stream();
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
                if stream.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(gap).await;
            }
        }
        Reply::Hang => connection.closed().await,
    }
    clock.now()
}

pub struct Bench {
    pub staging: Staging,
    pub receiver: Receiver,
    pub client: reqwest::Client,
}

/// What a bench is made of.
pub struct Setup {
    pub options: Options,
    pub script: Script,
}

impl Setup {
    /// Good practice, all is well, back-off 40 and 80 ms.
    pub fn new() -> Self {
        let mut options = Options::new(Secret::new(SECRET), "");
        options.timing = Timing {
            backoff: vec![Duration::from_millis(40), Duration::from_millis(80)],
            slow: Duration::from_millis(300),
            ..Timing::default()
        };
        Self { options, script: Arc::new(|_, _| Reply::Status(200)) }
    }

    pub fn real() -> Self {
        let mut setup = Self::new();
        setup.options.profile = Profile::Deltacrown;
        setup
    }

    pub fn wrong(kind: Kind) -> Self {
        let mut setup = Self::new();
        setup.options.misbehave = vec![Misbehaviour::from(kind)];
        setup
    }

    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.options.scheme = scheme;
        self
    }

    pub fn timeout(mut self, ms: u64) -> Self {
        self.options.timeout = Duration::from_millis(ms);
        self
    }

    pub fn fixtures(mut self, payments: usize, matches: usize) -> Self {
        self.options.fixtures = FixtureSize { payments, matches };
        self
    }

    pub fn script(mut self, script: impl Fn(usize, &RawRequest) -> Reply + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// Every request gets this.
    pub fn always(self, reply: Reply) -> Self {
        self.script(move |_, _| reply.clone())
    }

    pub async fn start(mut self) -> Bench {
        let receiver = Receiver::start(self.options.clock, self.script).await;
        self.options.endpoint.clone_from(&receiver.url);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let staging = Staging::start(listener, self.options).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Bench { staging, receiver, client }
    }
}

/// Status, body and headers of an answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub text: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn is(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, text));
    }
}

impl Bench {
    pub fn payment(&self, i: usize) -> &Row {
        &self.staging.fixtures().payments[i]
    }

    pub fn game(&self, i: usize) -> &Row {
        &self.staging.fixtures().matches[i]
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Got { status, headers, text: answer.text().await.unwrap() }
    }

    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.staging.base_url()))
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.staging.base_url()))
    }

    /// An access token for the account with this prefix in a row.
    pub async fn login(&self, row: &Row, prefix: &str) -> String {
        let body = json!({
            "username": row[&format!("{prefix}_username")],
            "password": row[&format!("{prefix}_password")],
        });
        let got = self.send(self.post("/api/token/").json(&body)).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json()["access"].as_str().unwrap().to_owned()
    }

    pub async fn staff(&self) -> String {
        self.login(&self.staging.fixtures().vars, "staff").await
    }

    /// Calls an action of payment `i`.
    pub async fn pay(&self, i: usize, action: &str, token: &str, body: Value) -> Got {
        let path = format!("/api/tournaments/payments/{}/{action}/", self.payment(i)["payment_id"]);
        self.send(self.post(&path).bearer_auth(token).json(&body)).await
    }

    /// The same with an Idempotency-Key.
    pub async fn pay_keyed(&self, i: usize, action: &str, token: &str, key: &str, body: Value) -> Got {
        let path = format!("/api/tournaments/payments/{}/{action}/", self.payment(i)["payment_id"]);
        self.send(self.post(&path).bearer_auth(token).header("Idempotency-Key", key).json(&body)).await
    }

    /// Calls an action of match `i`.
    pub async fn play(&self, i: usize, action: &str, token: &str, body: Value) -> Got {
        let path = format!("/api/tournaments/matches/{}/{action}/", self.game(i)["match_id"]);
        self.send(self.post(&path).bearer_auth(token).json(&body)).await
    }

    /// Verifies payment `i`, the shortest way to a webhook.
    pub async fn verify(&self, i: usize) -> Got {
        let staff = self.staff().await;
        self.pay(i, "verify", &staff, json!({})).await
    }

    /// The statuses of the sender's own log.
    pub fn statuses(&self) -> Vec<Option<u16>> {
        self.staging.log().iter().map(|entry| entry.status).collect()
    }

    /// The messages of the log.
    pub fn messages(&self) -> Vec<String> {
        self.staging.log_lines().iter().map(|line| format!("{} {}", line.level, line.message)).collect()
    }
}
