//! The transport-free heart of the inbox: raw request in; verdict, journal record and answer out.

use super::allowance::Allowance;
use super::answers::{answer_to, problem, received};
use super::author::Seen;
use super::deliveries::{Content, Deliveries, NextAttempts, Place, Settling, Sighting};
use super::diagnoser::Diagnoser;
use super::handled::{Handled, Open};
use super::handshake;
use super::hooks::{Observer, Routes, Upstream};
use super::wall_time::WallTime;
use crate::drive::SeenWebhooks;
use crate::journal::Journal;
use crate::redact::Redactor;
use correlate::{Author, FlowMatcher, Key, KnownSender, Said, Turn};
use record::{Attempt, Body, Handshake, Refused, RetryContract};
use serde_json::json;
use signature::{Reason, Scheme, Verdict, Verifier};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wire::Clock;
use wire::http1::{AttemptNumber, Intercept, Interceptor, RawRequest, Response};

/// What an inbox needs to know.
pub struct Config {
    /// Where webhooks are posted to.
    pub door: Door,
    /// Signature scheme.
    pub scheme: Scheme,
    /// Checks signatures; without one webhooks are taken unchecked.
    pub verifier: Option<Verifier>,
    /// What the sender asks before it sends, as far as its profile says it; every kind is answered where it says none.
    pub handshakes: Vec<Handshake>,
    /// The retry contract, which says how long a delivery is watched.
    pub contract: RetryContract,
    /// Breaks attempts on purpose.
    pub interceptor: Option<Arc<dyn Interceptor>>,
    /// Whose webhooks are waited for.
    pub matcher: Arc<FlowMatcher>,
    /// What equal webhooks without an id are.
    pub content: Content,
    /// Takes what comes, where flows take something out of their webhooks.
    pub seen: Option<Arc<SeenWebhooks>>,
    /// Which flow is under way where they are played in turn.
    pub turn: Turn,
    /// Whose webhooks without a valid signature are kept only in part: those of strangers, or all of them.
    pub kept_in_part: KeptInPart,
    /// Knows the secrets of the run, which no webhook may hold; a receiver for others knows none.
    pub secrets: Option<Redactor>,
}

/// The paths and methods of webhooks.
#[derive(Debug, Clone)]
pub struct Door {
    /// The path that the endpoint's URL has.
    pub path: String,
    /// Further paths.
    pub more_paths: Vec<String>,
    /// The methods that a webhook may have.
    pub methods: Vec<String>,
}

impl Door {
    /// One path that is posted to.
    #[must_use]
    pub fn posted(path: impl Into<String>) -> Self {
        Self { path: path.into(), more_paths: Vec::new(), methods: vec!["POST".to_owned()] }
    }

    fn has(&self, path: &str) -> bool {
        self.path == path || self.more_paths.iter().any(|more| more == path)
    }

    /// All paths, for a sentence.
    pub(super) fn paths(&self) -> String {
        let all: Vec<&str> =
            std::iter::once(&self.path).chain(&self.more_paths).map(String::as_str).collect();
        all.join(", ")
    }
}

/// Whose webhooks without a valid signature are kept only in part, and only so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptInPart {
    /// Those that nothing shows to be the sender's: a run asks for webhooks, and shows what came in answer.
    Strangers,
    /// All of them: a receiver stands on the internet for weeks.
    All,
}

/// So much is kept of a body that is kept in part.
pub(super) const BEGINNING: usize = 4096;

/// The receiver of webhooks.
pub struct Inbox {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) next: AtomicU64,
    pub(super) under_way: AtomicU64,
    /// The same at another receiver, and when the latest of those came there.
    pub(super) under_way_there: AtomicU64,
    pub(super) latest_there: AtomicU64,
    /// Held from numbering an attempt to writing it, when faults go by number.
    pub(super) order: Mutex<()>,
    pub(super) deliveries: Mutex<Deliveries>,
    /// What the sender's own webhooks look like.
    pub(super) sender: Mutex<KnownSender>,
    pub(super) allowance: Allowance,
    pub(super) wall_time: WallTime,
    /// Only where signatures are checked.
    pub(super) diagnoser: Option<Diagnoser>,
    pub(super) upstream: Option<Arc<dyn Upstream>>,
    pub(super) routes: Option<Arc<dyn Routes>>,
    pub(super) observer: Option<Arc<dyn Observer>>,
    /// Handshakes that were answered.
    pub(super) handshakes: AtomicU64,
}

impl Inbox {
    /// An inbox that writes to `journal`.
    #[must_use]
    pub fn new(config: Config, clock: Clock, journal: Journal) -> Self {
        let deliveries = Deliveries::new(config.contract.clone(), config.content);
        let diagnoser = config.verifier.clone().map(|verifier| Diagnoser::start(verifier, journal.clone()));
        Self {
            config,
            clock,
            journal,
            next: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            under_way_there: AtomicU64::new(0),
            latest_there: AtomicU64::new(0),
            order: Mutex::new(()),
            deliveries: Mutex::new(deliveries),
            sender: Mutex::new(KnownSender::default()),
            allowance: Allowance::default(),
            wall_time: WallTime::new(clock),
            diagnoser,
            upstream: None,
            routes: None,
            observer: None,
            handshakes: AtomicU64::new(0),
        }
    }

    /// The same as a tap in front of a real receiver.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Arc<dyn Upstream>) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// The same with further paths.
    #[must_use]
    pub fn with_routes(mut self, routes: Arc<dyn Routes>) -> Self {
        self.routes = Some(routes);
        self
    }

    /// The same with counters.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(super) fn routes(&self) -> Option<&Arc<dyn Routes>> {
        self.routes.as_ref()
    }

    pub(super) fn upstream(&self) -> Option<&Arc<dyn Upstream>> {
        self.upstream.as_ref()
    }

    /// The clock that attempts are timed with.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// What says whose webhooks are.
    #[must_use]
    pub fn matcher(&self) -> Arc<FlowMatcher> {
        Arc::clone(&self.config.matcher)
    }

    /// How far the deliveries are from being settled.
    #[must_use]
    pub fn settling(&self) -> Settling {
        let now = self.clock.now();
        let learner = |said: &Said| self.config.matcher.learner(said);
        let settling = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).settling(now, learner);
        Settling {
            under_way: self.under_way.load(Ordering::SeqCst),
            under_way_there: self.under_way_there.load(Ordering::SeqCst),
            latest_there: record::Tick(self.latest_there.load(Ordering::SeqCst)),
            ..settling
        }
    }

    /// From now on nothing is waited for that begins after `closing`; `None`: whatever begins is.
    pub fn close_at(&self, closing: Option<record::Tick>) {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).close_at(closing);
    }

    /// The attempt that most deliveries wait for, if any waits.
    #[must_use]
    pub fn next_attempts(&self) -> Option<NextAttempts> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).next_attempts()
    }

    /// The path below which every injected redirect has one of its own: what arrives there was delivered elsewhere.
    #[must_use]
    pub fn elsewhere(path: &str) -> String {
        format!("{}/elsewhere", path.trim_end_matches('/'))
    }

    fn is_elsewhere(&self, path: &str) -> bool {
        let below = path.strip_prefix(&Self::elsewhere(&self.config.door.path));
        below.is_some_and(|number| number.is_empty() || number.starts_with('/'))
    }

    /// Judges a request and writes it to the journal; with it comes the fault to play in place of the answer.
    pub fn handle(&self, request: RawRequest) -> (Handled, Option<Intercept>) {
        if !self.config.door.has(request.path()) {
            let redirects = self.config.interceptor.is_some();
            if redirects && self.is_elsewhere(request.path()) {
                return (self.record_elsewhere(request), None);
            }
            self.note_refused(&request, 404);
            let detail = format!("webhooks go to {}", self.config.door.paths());
            return (Handled::unrecorded(problem(404, "no such path", &detail)), None);
        }
        if let Some(refusal) = self.upstream.as_ref().and_then(|upstream| upstream.refuses(&request)) {
            self.append_refused(Refused {
                at: request.first_byte,
                status: refusal.status,
                why: refusal.why.to_owned(),
            });
            return (Handled::unrecorded(problem(refusal.status, "refused", refusal.why)), None);
        }
        let answerer = handshake::Answerer {
            verifier: self.config.verifier.as_ref(),
            known: &self.config.handshakes,
            now_ms: self.wall_time.of(request.received),
        };
        if self.upstream.is_none()
            && let Some((kind, answer)) = answerer.answer(&request)
        {
            self.note_handshake(&request, kind);
            return (Handled::unrecorded(answer), None);
        }
        if self.upstream.is_some() && matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            return (Handled::passing(received()), None);
        }
        if !self.config.door.methods.contains(&request.method) {
            self.note_refused(&request, 405);
            let allowed = self.config.door.methods.join(", ");
            let detail = format!("webhooks use {allowed}");
            let refusal = problem(405, "method not allowed", &detail).with("Allow", &allowed);
            return (Handled::unrecorded(refusal), None);
        }
        self.handle_webhook(request)
    }

    fn handle_webhook(&self, request: RawRequest) -> (Handled, Option<Intercept>) {
        let (verdict, suspect) = self.verify(&request);
        let Some((author, sighting)) = self.whose(&seen(&request, verdict.reason)) else {
            return (self.record_stranger(request, verdict, suspect), None);
        };
        let in_part = author == Author::Resembling && self.config.kept_in_part == KeptInPart::All;
        if in_part && !self.has_room_for(&request) {
            return (self.not_kept(&verdict), None);
        }
        let intercept = self.config.interceptor.as_ref();
        // A fault for the third delivery has to meet the one that is third in the journal as well.
        let _in_order = intercept.map(|_| self.order.lock().unwrap_or_else(PoisonError::into_inner));
        let place = self.place(&sighting, &request);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.show(&request.headers, &request.body, verdict.reason, request.first_byte);
        let which = AttemptNumber { delivery: place.delivery, attempt: place.attempt, record: number };
        // Nor is a fault spent on what is not waited for any more: each would hold the run up while others' webhooks go on.
        let intercept = intercept.filter(|_| !place.late).and_then(|i| i.intercept(which, &request));
        let answer = answer_to(&verdict, place.duplicate);
        // Behind a tap the status is the real receiver's, and is written when it is known.
        let own = if self.upstream.is_some() { None } else { Some(answer.status) };
        let status = intercept.as_ref().map_or(own, |i| i.sends.status(answer.status));
        let reason = verdict.reason;
        let fault = intercept.as_ref().map(|i| i.fault);
        let redirect = fault.filter(|fault| fault.redirects()).map(|_| number);
        let most = if in_part { BEGINNING } else { usize::MAX };
        let attempt = Attempt {
            fault,
            redirect,
            duplicate: place.duplicate,
            ..self.attempt(number, request, most, verdict, status)
        };
        let awaited = place.awaited(sighting);
        let open = Open { number, slot: Some(place.slot), awaited, fault, reason: Some(reason) };
        let handled = self.written(open, attempt, answer);
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        let intercept = intercept.filter(|_| handled.is_recorded());
        (handled, intercept)
    }

    fn record_elsewhere(&self, request: RawRequest) -> Handled {
        let (verdict, suspect) = self.verify(&request);
        let (author, _) = self.author(&seen(&request, verdict.reason));
        if !author.may_be_the_sender() {
            return self.record_stranger(request, verdict, suspect);
        }
        // Without its body it is no webhook any more, and nothing is wrong with a signature.
        let suspect = suspect.filter(|_| !request.body.is_empty());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = Key::of_id(&format!("elsewhere/{number}"));
        let sighting = Sighting { key, body: 0, awaited: Vec::new(), refused: false };
        let slot = Some(self.place(&sighting, &request).slot);
        let attempt =
            Attempt { elsewhere: true, ..self.attempt(number, request, usize::MAX, verdict, Some(200)) };
        let open = Open { number, slot, awaited: Vec::new(), fault: None, reason: None };
        let answer = Response::json(200, &json!({"status": "received elsewhere"}));
        let handled = self.written(open, attempt, answer);
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        handled
    }

    /// An attempt with at most so many bytes of its body. What lets in whoever shows it is not written down.
    pub(super) fn attempt(
        &self,
        number: u64,
        mut request: RawRequest,
        most: usize,
        verdict: Verdict,
        answer: Option<u16>,
    ) -> Attempt {
        self.config.scheme.hide_credentials(&mut request.headers);
        let holds_secret = self.config.secrets.as_ref().is_some_and(|secrets| self.leaks(&request, secrets));
        Attempt {
            attempt: number,
            first_byte: request.first_byte,
            received: request.received,
            peer: request.peer,
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: Body::beginning(request.body, most),
            verdict,
            answer,
            duplicate: false,
            elsewhere: false,
            fault: None,
            redirect: None,
            holds_secret,
        }
    }

    /// Whether a secret of the run stands in a request, elsewhere than in a header that the sender signs with or is known by.
    fn leaks(&self, request: &RawRequest, secrets: &Redactor) -> bool {
        let own = self.config.scheme.own_headers();
        let is_own = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
        let others =
            request.headers.iter().filter(|(name, _)| !is_own(name)).map(|(_, value)| value.as_str());
        secrets.finds(&String::from_utf8_lossy(&request.body))
            || others.chain([request.target.as_str()]).any(|text| secrets.finds(text))
    }

    fn place(&self, sighting: &Sighting, request: &RawRequest) -> Place {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).arrived(sighting, request.first_byte)
    }
}

const fn seen(request: &RawRequest, reason: Reason) -> Seen<'_> {
    Seen { headers: request.headers.as_slice(), body: request.body.as_slice(), peer: request.peer, reason }
}
