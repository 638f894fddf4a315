//! The transport-free heart of the inbox: raw request in; verdict, journal record and answer out.

use super::allowance::Allowance;
use super::answers::{answer_to, problem, problem_of, received};
use super::deliveries::{Awaited, Content, Deliveries, Place, Settling, Sighting};
use super::diagnoser::{Diagnoser, Suspect};
use super::handshake;
use super::hooks::{NoAnswer, Observer, Routes, Upstream};
use super::replay::UnderWay;
use super::wall_time::WallTime;
use crate::drive::{SeenWebhook, SeenWebhooks};
use crate::journal::{Durable, Journal, NotDurable};
use correlate::{Author, Clue, FlowMatcher, Key, KnownSender, Turn, Whose, event, id, print};
use record::Tick;
use record::faults::Fault;
use record::{Answered, Attempt, Body, Forwarded, NotKept, Note, Record, Refused, RetryContract, Watch};
use record::{Ending, Handshake};
use serde_json::json;
use signature::{Reason, Scheme, Verdict, Verifier};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::Clock;
use wire::http1::{AttemptNumber, Intercept, Interceptor, RawRequest, Refusal, Response};

/// How long diagnoses that are outstanding are waited for when nothing more comes.
const DIAGNOSES: Duration = Duration::from_secs(3);

/// So many handshakes are noted.
const MOST_HANDSHAKES: u64 = 16;

/// What an inbox needs to know.
pub struct Config {
    /// Where webhooks are posted to.
    pub door: Door,
    /// Signature scheme.
    pub scheme: Scheme,
    /// Checks signatures; without one webhooks are taken unchecked.
    pub verifier: Option<Verifier>,
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
    fn paths(&self) -> String {
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
const BEGINNING: usize = 4096;
/// About what a line of the journal takes beside body, headers and target.
const LINE: usize = 512;

/// The receiver of webhooks.
pub struct Inbox {
    config: Config,
    clock: Clock,
    journal: Journal,
    next: AtomicU64,
    under_way: AtomicU64,
    /// Held from numbering an attempt to writing it, when faults go by number.
    order: Mutex<()>,
    deliveries: Mutex<Deliveries>,
    /// What the sender's own webhooks look like.
    sender: Mutex<KnownSender>,
    allowance: Allowance,
    wall_time: WallTime,
    /// Only where signatures are checked.
    diagnoser: Option<Diagnoser>,
    upstream: Option<Arc<dyn Upstream>>,
    routes: Option<Arc<dyn Routes>>,
    observer: Option<Arc<dyn Observer>>,
    /// Handshakes that were answered.
    handshakes: AtomicU64,
}

/// An attempt that is in the journal and waits for its answer.
#[derive(Debug)]
pub struct Handled {
    /// The answer to send when nothing is intercepted.
    pub answer: Response,
    attempt: Option<Open>,
    durable: Option<Durable>,
    /// Whether it is a request that is no webhook, and goes on to the real receiver.
    passes: bool,
}

impl Handled {
    /// Whether it is an attempt that is in the journal.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.attempt.is_some()
    }

    /// Whether it is one for the real receiver behind a tap: what came to the path of injected redirects is not.
    #[must_use]
    pub fn is_for_upstream(&self) -> bool {
        self.passes || self.attempt.as_ref().is_some_and(|open| open.reason.is_some())
    }
}

#[derive(Debug)]
struct Open {
    number: u64,
    /// Its delivery among those that are remembered; a stranger's request is none.
    slot: Option<u32>,
    /// What it may be that is waited for.
    awaited: Option<Awaited>,
    fault: Option<Fault>,
    /// What the verification said; `None` where that is not counted.
    reason: Option<Reason>,
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

    /// How far the deliveries are from being settled.
    #[must_use]
    pub fn settling(&self) -> Settling {
        let now = self.clock.now();
        let settling = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).settling(now);
        Settling { under_way: self.under_way.load(Ordering::SeqCst), ..settling }
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
            return (unrecorded(problem(404, "no such path", &detail)), None);
        }
        if let Some(refusal) = self.upstream.as_ref().and_then(|upstream| upstream.refuses(&request)) {
            self.append_refused(Refused {
                at: request.first_byte,
                status: refusal.status,
                why: refusal.why.to_owned(),
            });
            return (unrecorded(problem(refusal.status, "refused", refusal.why)), None);
        }
        if self.upstream.is_none()
            && let Some((kind, answer)) =
                handshake::answer(self.config.scheme, self.config.verifier.as_ref(), &request)
        {
            self.note_handshake(&request, kind);
            return (unrecorded(answer), None);
        }
        if self.upstream.is_some() && matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            return (Handled { passes: true, ..unrecorded(received()) }, None);
        }
        if !self.config.door.methods.contains(&request.method) {
            self.note_refused(&request, 405);
            let allowed = self.config.door.methods.join(", ");
            let detail = format!("webhooks come by {allowed}");
            let refusal = problem(405, "method not allowed", &detail).with("Allow", &allowed);
            return (unrecorded(refusal), None);
        }
        self.handle_webhook(request)
    }

    fn note_refused(&self, request: &RawRequest, status: u16) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
        // A path that is more than a path may hold anything, personal data included.
        let path: String = request.path().chars().take_while(|c| plain(*c)).take(64).collect();
        let why = format!("{} {path}, webhooks are posted to {}", request.method, self.config.door.paths());
        self.append_refused(Refused { at: request.first_byte, status, why });
    }

    /// That a handshake was answered, the first ones by name: whoever asks again and again fills no journal.
    fn note_handshake(&self, request: &RawRequest, kind: Handshake) {
        if self.handshakes.fetch_add(1, Ordering::Relaxed) >= MOST_HANDSHAKES {
            return;
        }
        let kind = serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let text = format!("answered a handshake: {}", kind.unwrap_or_default());
        let _ = self.journal.append_soon(&Record::Note(Note { at: request.first_byte, text }));
    }

    /// A refused request is no attempt: losing its record to a full disk changes no verdict.
    fn append_refused(&self, refused: Refused) {
        if let Some(observer) = &self.observer {
            observer.refused(refused.status);
        }
        let _ = self.journal.append_soon(&Record::Refused(refused));
    }

    /// Notes a request that could not be read, and gives the answer to it.
    pub fn refuse(&self, refusal: &Refusal) -> Response {
        let (at, status, why) = (refusal.first_byte, refusal.status, refusal.why.clone());
        self.append_refused(Refused { at, status, why });
        problem(refusal.status, "refused", &refusal.why)
    }

    /// Notes how an attempt ended. `status` is what the sender saw.
    pub fn answered(&self, handled: &Handled, how: Ending, status: Option<u16>) {
        let Some(open) = &handled.attempt else { return };
        let end = self.clock.now();
        let seen = if how == Ending::Sent { status } else { None };
        self.settle(open, seen, how, end);
        // The attempt itself is in the journal; without this record the analysis says that its end is not known.
        let _ = self.journal.append_soon(&Record::Answered(Answered { attempt: open.number, end, how }));
    }

    /// Files and counts how an attempt ended; `seen` is the status that its sender saw.
    fn settle(&self, open: &Open, seen: Option<u16>, how: Ending, end: Tick) {
        let Some(slot) = open.slot else {
            self.observer.iter().for_each(|observer| observer.answered(seen, how));
            return;
        };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = deliveries.answered(slot, open.awaited.as_ref(), seen, open.fault, end);
        let given_up = deliveries.take_given_up();
        drop(deliveries);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if let Some(observer) = &self.observer {
            observer.answered(seen, how);
            ended.iter().chain(&given_up).for_each(|ended| observer.ended(ended));
        }
    }

    /// Counts deliveries whose next attempt is overdue by `grace` as given up.
    pub fn give_up(&self, grace: Duration) {
        let Some(before) = self.clock.now().0.checked_sub(Tick(0).plus(grace).0) else { return };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.expire(Tick(before));
        let given_up = deliveries.take_given_up();
        drop(deliveries);
        if let Some(observer) = &self.observer {
            given_up.iter().for_each(|ended| observer.ended(ended));
        }
    }

    /// Writes how the real receiver answered, and gives the answer that goes back to the sender.
    pub(super) fn forwarded(
        &self,
        handled: &Handled,
        sent: Tick,
        outcome: Result<Response, NoAnswer>,
    ) -> Response {
        let problem = outcome.as_ref().err().map(ToString::to_string);
        let answer = outcome.unwrap_or_else(|e| problem_of(&e));
        let Some(open) = &handled.attempt else { return answer };
        let (attempt, answered, status) = (open.number, self.clock.now(), answer.status);
        let record = Watch::Forwarded(Forwarded { attempt, sent, answered, status, problem });
        match self.journal.append(&Record::Watch(record)) {
            Ok(()) => answer,
            Err(error) => self.not_recorded(&error),
        }
    }

    /// Waits until the attempt survives what the journal was asked to survive; gives the answer in place of the own one
    /// when it does not.
    pub(super) async fn durable(&self, handled: &mut Handled) -> Option<Response> {
        let error = match handled.durable.take()?.wait().await {
            Ok(()) => {
                self.count(handled.attempt.as_ref()?);
                return None;
            }
            Err(NotDurable::NotWritten(error)) => {
                return Some(self.unwritten(&handled.attempt.take()?, &error));
            }
            Err(NotDurable::NotOnDisk(error)) => error,
        };
        let attempt = handled.attempt.as_ref()?.number;
        let now = self.clock.now();
        let problem = Some(error.to_string());
        let record = Forwarded { attempt, sent: now, answered: now, status: 503, problem };
        // The disk has failed: that the reader of the journal sees this as well cannot be made sure.
        let _ = self.journal.append(&Record::Watch(Watch::Forwarded(record)));
        Some(self.not_recorded(&error))
    }

    /// An attempt is in the journal.
    fn count(&self, open: &Open) {
        if let (Some(observer), Some(reason)) = (&self.observer, open.reason) {
            observer.attempt(reason);
        }
    }

    /// The attempt is in no journal: it is answered 503, so that the sender tries again, and this is all that is known of it.
    fn unwritten(&self, open: &Open, error: &io::Error) -> Response {
        let answer = self.not_recorded(error);
        let open = Open { awaited: open.awaited.clone(), fault: None, ..*open };
        self.settle(&open, Some(answer.status), Ending::Sent, self.clock.now());
        answer
    }

    fn not_recorded(&self, error: &io::Error) -> Response {
        if let Some(observer) = &self.observer {
            observer.unwritten(self.clock.now());
        }
        problem(503, "not recorded", &format!("the journal cannot be written: {}", error.kind()))
    }

    fn handle_webhook(&self, request: RawRequest) -> (Handled, Option<Intercept>) {
        let (verdict, suspect) = self.verify(&request);
        let author = self.author(&request.headers, &request.body, verdict.reason);
        if author == Author::Stranger {
            return (self.record_stranger(request, verdict, suspect), None);
        }
        let in_part = author == Author::Resembling && self.config.kept_in_part == KeptInPart::All;
        if in_part && !self.has_room_for(&request) {
            return (self.not_kept(&verdict), None);
        }
        let sighting = self.sighting(&request.headers, &request.body);
        let intercept = self.config.interceptor.as_ref();
        // A fault for the third delivery has to meet the one that is third in the journal as well.
        let _in_order = intercept.map(|_| self.order.lock().unwrap_or_else(PoisonError::into_inner));
        let place = self.place(&sighting, &request);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.show(&request.headers, &request.body, verdict.reason, request.first_byte);
        let which = AttemptNumber { delivery: place.delivery, attempt: place.attempt, record: number };
        let intercept = intercept.and_then(|i| i.intercept(which, &request));
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
            ..attempt(number, request, most, verdict, status)
        };
        let open =
            Open { number, slot: Some(place.slot), awaited: sighting.awaited, fault, reason: Some(reason) };
        let handled = self.written(open, attempt, answer);
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        let intercept = intercept.filter(|_| handled.is_recorded());
        (handled, intercept)
    }

    /// Shows a webhook of the sender's to the flows that wait for it.
    pub(super) fn show(&self, headers: &[(String, String)], body: &[u8], reason: Reason, at: Tick) {
        let Some(seen) = self.config.seen.as_ref().filter(|_| reason.is_authentic()) else { return };
        let (headers, bytes) = (headers.to_vec(), body.len());
        let body = correlate::read_json(body).ok();
        let event = event(self.config.scheme, &headers, body.as_ref()).name.to_owned();
        seen.add(SeenWebhook { event, at, headers, body, bytes });
    }

    /// Whose a request is.
    pub(super) fn author(&self, headers: &[(String, String)], body: &[u8], reason: Reason) -> Author {
        let Config { scheme, matcher, .. } = &self.config;
        let read = if reason.is_authentic() { None } else { matcher.read(body) };
        let content = match &read {
            Some(serde_json::Value::Object(_)) => correlate::Content::Readable,
            _ => correlate::Content::Unreadable,
        };
        let event = event(*scheme, headers, read.as_ref()).name;
        let clue = Clue { scheme: *scheme, headers, reason, event, content };
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).author(&clue)
    }

    /// A request that nothing shows to be the sender's: it is written down as far as there is room for such, answered, and is no
    /// part of any delivery. No fault meets it, and nothing waits for it.
    fn record_stranger(&self, request: RawRequest, verdict: Verdict, suspect: Option<Suspect>) -> Handled {
        self.observer.iter().for_each(|observer| observer.stranger());
        if !self.has_room_for(&request) {
            return self.not_kept(&verdict);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = answer_to(&verdict, false);
        let status = if self.upstream.is_some() { None } else { Some(answer.status) };
        let reason = Some(verdict.reason);
        let attempt = attempt(number, request, BEGINNING, verdict, status);
        let handled =
            self.written(Open { number, slot: None, awaited: None, fault: None, reason }, attempt, answer);
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        handled
    }

    /// Whether a request without a valid signature still fits into the journal.
    fn has_room_for(&self, request: &RawRequest) -> bool {
        let headers = request.headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes = request.body.len().min(BEGINNING) + request.target.len() + headers.sum::<usize>() + LINE;
        self.allowance.take(bytes, self.clock.now())
    }

    /// The answer to a request that is only counted: it goes nowhere but back.
    fn not_kept(&self, verdict: &Verdict) -> Handled {
        self.observer.iter().for_each(|observer| observer.not_kept(verdict.reason));
        unrecorded(answer_to(verdict, false))
    }

    /// Writes how many requests without a valid signature were only counted since the last time.
    pub fn tell_not_kept(&self) {
        let requests = self.allowance.take_refused();
        if requests > 0 {
            let more = NotKept { at: self.clock.now(), requests };
            // A journal that cannot be written says so with the next webhook.
            let _ = self.journal.append_soon(&Record::Watch(Watch::NotKept(more)));
        }
    }

    /// What says which delivery an attempt belongs to.
    pub(super) fn sighting(&self, headers: &[(String, String)], body: &[u8]) -> Sighting {
        let Config { scheme, matcher, turn, .. } = &self.config;
        let read = matcher.read(body);
        let name = event(*scheme, headers, read.as_ref()).name;
        let print = print(body);
        let key = match id(*scheme, headers, read.as_ref()) {
            Some(id) => Key::of_id(&id),
            None => Key::of_content(name, print, turn.flow()),
        };
        let flow = match matcher.whose(read.as_ref()) {
            Whose::Others => return Sighting { key, body: print, awaited: None },
            Whose::Flow(flow) => Some(flow),
            Whose::Some => None,
        };
        Sighting { key, body: print, awaited: Some(Awaited { event: name.to_owned(), flow }) }
    }

    /// Writes a record of another receiver.
    pub(super) fn note(&self, record: &Record) -> io::Result<()> {
        self.journal.append(record)
    }

    /// An attempt came to another receiver; gives its delivery among those that are remembered.
    pub(super) fn saw_beginning(&self, sighting: &Sighting, first_byte: Tick) -> u32 {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).arrived(sighting, first_byte).slot
    }

    /// Another receiver ended an attempt; `status` is what the sender saw.
    pub(super) fn saw_end(&self, open: &UnderWay, status: Option<u16>, end: Tick) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.answered(open.slot, open.awaited.as_ref(), status, open.fault, end);
        drop(deliveries);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    fn record_elsewhere(&self, request: RawRequest) -> Handled {
        let (verdict, suspect) = self.verify(&request);
        if self.author(&request.headers, &request.body, verdict.reason) == Author::Stranger {
            return self.record_stranger(request, verdict, suspect);
        }
        // Without its body it is no webhook any more, and nothing is wrong with a signature.
        let suspect = suspect.filter(|_| !request.body.is_empty());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = Key::of_id(&format!("elsewhere/{number}"));
        let slot = Some(self.place(&Sighting { key, body: 0, awaited: None }, &request).slot);
        let attempt = Attempt { elsewhere: true, ..attempt(number, request, usize::MAX, verdict, Some(200)) };
        let open = Open { number, slot, awaited: None, fault: None, reason: None };
        let answer = Response::json(200, &json!({"status": "received elsewhere"}));
        let handled = self.written(open, attempt, answer);
        self.look_into(suspect.filter(|_| handled.is_recorded()), number);
        handled
    }

    /// The journal comes first: what cannot be written is not accepted, so that the sender tries again.
    fn written(&self, open: Open, attempt: Attempt, answer: Response) -> Handled {
        if open.slot.is_some() {
            self.under_way.fetch_add(1, Ordering::SeqCst);
        }
        match self.journal.append_durably(&Record::Attempt(Box::new(attempt))) {
            Ok(durable) => Handled { passes: false, answer, attempt: Some(open), durable: Some(durable) },
            Err(error) => unrecorded(self.unwritten(&open, &error)),
        }
    }

    /// Judges a signature, which is one HMAC; what to look into comes with it where the sender may have made a known mistake.
    fn verify(&self, request: &RawRequest) -> (Verdict, Option<Suspect>) {
        self.look_at_clock();
        let now_ms = self.wall_time.of(request.received);
        let (Some(verifier), Some(diagnoser)) = (&self.config.verifier, &self.diagnoser) else {
            return (Verdict::unchecked(), None);
        };
        let (verdict, searched) = verifier.check_posted(
            (&request.method, &request.target),
            &request.headers,
            &request.body,
            now_ms,
        );
        diagnoser.saw(&request.body);
        let suspect =
            || Suspect { attempt: 0, headers: request.headers.clone(), body: request.body.clone(), now_ms };
        (verdict, searched.then(suspect))
    }

    /// Has a request that is in the journal diagnosed, after its answer.
    fn look_into(&self, suspect: Option<Suspect>, attempt: u64) {
        let (Some(suspect), Some(diagnoser)) = (suspect, &self.diagnoser) else { return };
        let skipped = diagnoser.put(Suspect { attempt, ..suspect });
        if let Some(observer) = self.observer.as_ref().filter(|_| skipped > 0) {
            observer.undiagnosed(skipped);
        }
    }

    /// Waits for the diagnoses that are outstanding, once nothing more comes: they are part of the evidence.
    pub(super) async fn finish_diagnoses(&self) {
        self.tell_not_kept();
        let Some(diagnoser) = &self.diagnoser else { return };
        let left = diagnoser.finish(DIAGNOSES).await;
        if left > 0 {
            let text = format!("{left} invalid signatures were not looked into: there were too many");
            let _ = self.journal.append_soon(&Record::Note(Note { at: self.clock.now(), text }));
        }
    }

    /// Notes in the journal when the system's clock was stepped, or the machine slept.
    pub fn look_at_clock(&self) {
        let Some(parted) = self.wall_time.parted() else { return };
        if let Some(observer) = &self.observer {
            observer.clock_parted(parted.ahead_ms);
        }
        // A journal that cannot be written says so with the webhook that comes now.
        let _ = self.journal.append_soon(&Record::Watch(Watch::WallClock(parted)));
    }

    fn place(&self, sighting: &Sighting, request: &RawRequest) -> Place {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).arrived(sighting, request.first_byte)
    }
}

/// An attempt with at most so many bytes of its body.
fn attempt(number: u64, request: RawRequest, most: usize, verdict: Verdict, answer: Option<u16>) -> Attempt {
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
    }
}

fn unrecorded(answer: Response) -> Handled {
    Handled { answer, attempt: None, durable: None, passes: false }
}
