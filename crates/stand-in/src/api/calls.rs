//! One request from socket to answer, in the order in which Django and its REST framework look at it.

use super::super::fixtures::{Seeds, User};
use super::super::misbehaviour::Kind;
use super::super::options::{Debug, Options};
use super::super::sender::{PROCESS, Sender, SenderLog};
use super::super::server::End;
use super::super::trace_context;
use super::answer::{Answer, method_not_allowed, no_credentials};
use super::api_faults::ApiFaults;
use super::auth::Accounts;
use super::matches::{MatchCall, Matches};
use super::multipart::{Takes, parse};
use super::payments::{PaymentCall, Payments};
use super::route::{PaymentAction, Route, route};
use super::throttle::{Caller, Throttles};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use wire::Clock;

/// The API of one stand-in.
pub(in super::super) struct Api {
    accounts: Accounts,
    throttles: Throttles,
    payments: Payments,
    matches: Matches,
    clock: Clock,
    debug: Debug,
    requests: AtomicU64,
    connections: Connections,
    faults: Arc<ApiFaults>,
    /// Held while the only worker answers, where there is but one.
    worker: Worker,
    end: End,
}

/// The connections that requests come on, by number: whichever process is free takes the next one.
#[derive(Debug, Default)]
struct Connections(Mutex<HashMap<SocketAddr, u64>>);

/// The turn of a synchronous worker; whoever asked first has it first.
type Worker = tokio::sync::Mutex<()>;

/// Connections whose numbers are remembered.
const REMEMBERED: usize = 10_000;

impl Connections {
    /// 0 or 1, spread as evenly as chance would, and the same in every run.
    fn process(&self, peer: SocketAddr) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let next = known.len() as u64;
        let number = *known.entry(peer).or_insert(next);
        // A Weyl sequence of the golden ratio: no regular order of requests meets one process only.
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63
    }
}

/// Answers one request. Django finishes a request whose client has gone, so the work is a task of its own.
pub(in super::super) async fn handle(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let process = api.connections.process(peer);
    let work = tokio::spawn(PROCESS.scope(process, async move {
        let _turn = if api.faults.has(Kind::OneWorker) { Some(api.worker.lock().await) } else { None };
        let (parts, body) = request.into_parts();
        let answer = api.end.clone().or(api.answer(peer.ip(), &parts, body));
        let answered = trace_context::within(trace_context::of(&parts.headers), answer).await;
        answered.unwrap_or_else(|| Err(Answer::crash())).unwrap_or_else(|refused| refused)
    }));
    work.await.unwrap_or_else(|_| Answer::crash()).into_response()
}

/// A refusal is an answer too; `?` ends the handling with it.
type Handled = Result<Answer, Answer>;

impl Api {
    pub(in super::super) fn new(
        options: Options,
        seeds: Seeds,
        sender: Arc<Sender>,
        log: Arc<SenderLog>,
        end: End,
    ) -> io::Result<Self> {
        let now = options.clock.now().wall(options.clock.started());
        let api_faults = Arc::new(ApiFaults::new(options.misbehave));
        let kind = (options.profile, Arc::clone(&api_faults));
        Ok(Self {
            accounts: Accounts::new(&seeds.users, options.access_lifetime)?,
            throttles: Throttles::new(options.throttle),
            payments: Payments::new(seeds.payments, now, Arc::clone(&sender), log, kind),
            matches: Matches::new(seeds.matches, now, sender, options.profile, Arc::clone(&api_faults)),
            clock: options.clock,
            debug: options.debug,
            requests: AtomicU64::new(0),
            connections: Connections::default(),
            faults: api_faults,
            worker: Worker::default(),
            end,
        })
    }

    async fn answer(&self, peer: IpAddr, parts: &Parts, body: Body) -> Handled {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let get = matches!(parts.method, Method::GET | Method::HEAD);
        if self.faults.strike(Kind::HttpsRedirect) {
            return Err(to_https(parts));
        }
        match route(parts.uri.path()) {
            Route::None => Err(Answer::not_found_page()),
            Route::Slashless(bare) => Err(self.slashless(parts, bare)),
            Route::Health if get => Ok(Answer::ok(&json!({"status": "ok"}))),
            Route::Readiness if get => {
                let checks = json!({"database": "ok", "redis": "disabled"});
                Ok(Answer::ok(&json!({"status": "ready", "checks": checks})))
            }
            Route::Metrics if get => Ok(Answer::text(self.metrics())),
            Route::Health | Route::Readiness | Route::Metrics => {
                Err(method_not_allowed(parts.method.as_str(), "GET"))
            }
            to @ (Route::Token | Route::TokenRefresh | Route::TokenVerify) => {
                self.token(to, peer, parts, body).await
            }
            Route::Matches => self.list(peer, parts),
            Route::Match { id } => {
                self.user(peer, parts)?;
                allow(parts, &Method::GET)?;
                Ok(self.matches.detail(id))
            }
            Route::Payment { id, action } => {
                let user = self.user(peer, parts)?;
                allow(parts, &Method::POST)?;
                let takes = match action {
                    PaymentAction::SubmitProof => Takes::JsonOrMultipart,
                    _ => Takes::Json,
                };
                let body = parse(parts, body, takes).await?;
                let (key, now) = (key(parts), self.now());
                Ok(self.payments.call(PaymentCall { id, action, user: &user, key, body, now }).await)
            }
            Route::MatchAction { id, action } => {
                let user = self.user(peer, parts)?;
                allow(parts, &Method::POST)?;
                let body = parse(parts, body, Takes::Json).await?.fields;
                let (key, now) = (key(parts), self.now());
                Ok(self.matches.call(MatchCall { id, action, user: &user, key, body, now }).await)
            }
        }
    }

    async fn token(&self, to: Route<'_>, peer: IpAddr, parts: &Parts, body: Body) -> Handled {
        self.throttle(Caller::Anonymous(peer))?;
        allow(parts, &Method::POST)?;
        let body = parse(parts, body, Takes::Json).await?.fields;
        let now = self.now().timestamp();
        Ok(match to {
            Route::TokenRefresh => self.accounts.refresh(body, now),
            Route::TokenVerify => self.accounts.verify(body, now),
            _ => self.accounts.login(body, now),
        })
    }

    fn list(&self, peer: IpAddr, parts: &Parts) -> Handled {
        self.user(peer, parts)?;
        allow(parts, &Method::GET)?;
        let here = format!("http://{}{}", host(parts), parts.uri.path());
        Ok(self.matches.list(&here, parts.uri.query().unwrap_or_default()))
    }

    /// The caller, who must be known and within the limits.
    fn user(&self, peer: IpAddr, parts: &Parts) -> Result<Arc<User>, Answer> {
        match self.accounts.caller(&parts.headers, self.now().timestamp())? {
            Some(user) => {
                self.throttle(Caller::User(user.id))?;
                Ok(user)
            }
            None => {
                self.throttle(Caller::Anonymous(peer))?;
                Err(no_credentials())
            }
        }
    }

    fn throttle(&self, caller: Caller) -> Result<(), Answer> {
        self.throttles.admit(caller, Instant::now()).map_err(|seconds| {
            let detail = format!("Request was throttled. Expected available in {seconds} seconds.");
            Answer::detail(429, &detail).with(header::RETRY_AFTER, seconds.to_string())
        })
    }

    /// Django appends the slash by a redirect, which a POST cannot survive: DEBUG=1 says so loudly.
    fn slashless(&self, parts: &Parts, bare: &str) -> Answer {
        if self.debug == Debug::On && parts.method == Method::POST {
            return Answer::page(
                500,
                "RuntimeError",
                "RuntimeError",
                "You called this URL via POST, but the URL doesn't end in a slash and you have APPEND_SLASH set.",
            );
        }
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Answer::page(301, "", "", "").with(header::LOCATION, format!("{bare}/{query}"))
    }

    /// The real system exports no `webhook_` series at all (docs/deltacrown.md section 6), so neither does this.
    fn metrics(&self) -> String {
        let (requests, started) = (self.requests.load(Ordering::Relaxed), self.clock.started().timestamp());
        format!(
            "# HELP http_requests_total Requests to the API.\n# TYPE http_requests_total counter\n\
             http_requests_total {requests}\n\
             # HELP process_start_time_seconds Start time of the process since the Unix epoch in seconds.\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n"
        )
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now().wall(self.clock.started())
    }
}

fn host(parts: &Parts) -> &str {
    parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("testserver")
}

/// What Django's SecurityMiddleware answers to plain http, whatever was asked: no body.
fn to_https(parts: &Parts) -> Answer {
    let there = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Answer::empty(301).with(header::LOCATION, format!("https://{}{there}", host(parts)))
}

fn allow(parts: &Parts, method: &Method) -> Result<(), Answer> {
    let same = parts.method == *method || (*method == Method::GET && parts.method == Method::HEAD);
    let allow = if *method == Method::GET { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
    if same { Ok(()) } else { Err(method_not_allowed(parts.method.as_str(), allow)) }
}

fn key(parts: &Parts) -> Option<String> {
    let value = parts.headers.get("idempotency-key")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned()).filter(|key| !key.is_empty())
}
