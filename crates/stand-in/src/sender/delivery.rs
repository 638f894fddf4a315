//! Delivers events: one after the other attempt of a webhook, inside the request that triggered it.

use super::super::misbehaviour::{Kind, Misbehaviour};
use super::super::options::{Options, Profile, Timing, Webhooks};
use super::super::server::End;
use super::super::trace_context;
use super::breaker::{Admission, Breaker, Change, Transition};
use super::delivery_policy::{DeliveryPolicy, Outcome};
use super::envelope::Event;
use super::http_client::{Exchange, HttpClient, Wire};
use super::log::{AttemptEntry, Level, SenderLog, excerpt};
use super::signed_request::{Packer, Stamp};
use signature::Scheme;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Clock;

/// How long `breaker-stuck-open` stays open: a year.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

tokio::task_local! {
    /// In which process a request is worked on, from 0.
    pub(in super::super) static PROCESS: u64;
}

/// The webhook sender.
pub(in super::super) struct Sender<C = Wire> {
    http_client: C,
    packer: Packer,
    /// Of each process; the second one works on nothing unless told otherwise.
    breakers: [Mutex<Breaker>; 2],
    apart: bool,
    log: Arc<SenderLog>,
    clock: Clock,
    profile: Profile,
    misbehave: Vec<Misbehaviour>,
    timing: Timing,
    timeout: Duration,
    max_attempts: u32,
    scheme: Scheme,
    webhooks: Webhooks,
    endpoint: String,
    triggered: AtomicU64,
    end: End,
}

impl Sender<Wire> {
    /// A sender that posts to the endpoint of `options`.
    pub(in super::super) fn new(options: &Options, log: Arc<SenderLog>, end: End) -> io::Result<Self> {
        Self::with_courier(Wire::new(options)?, options, log, end)
    }
}

impl<C: HttpClient + 'static> Sender<C> {
    pub(super) fn with_courier(
        http_client: C,
        options: &Options,
        log: Arc<SenderLog>,
        end: End,
    ) -> io::Result<Self> {
        if options.secret.expose().is_empty() {
            log.write(Level::Warning, "WEBHOOK_SECRET not configured - signature will be empty".to_owned());
        }
        let mut timing = options.timing.clone();
        if options.misbehave.iter().any(|one| one.kind == Kind::BreakerStuckOpen) {
            timing.breaker_open = FOREVER;
        }
        if options.misbehave.iter().any(|one| one.kind == Kind::BreakerClosesEarly) {
            timing.breaker_open /= 2;
        }
        let apart = options.misbehave.iter().any(|one| one.kind == Kind::BreakerPerProcess);
        let breaker = || Mutex::new(Breaker::new(options.profile, &timing));
        Ok(Self {
            http_client,
            packer: Packer::new(options.scheme, &options.secret, &options.endpoint)?,
            breakers: [breaker(), breaker()],
            apart,
            log,
            clock: options.clock,
            profile: options.profile,
            misbehave: options.misbehave.clone(),
            timing,
            timeout: options.timeout,
            max_attempts: options.max_attempts,
            scheme: options.scheme,
            webhooks: options.webhooks,
            endpoint: options.endpoint.clone(),
            triggered: AtomicU64::new(0),
            end,
        })
    }

    /// Sends an event; returns when its delivery has ended, however it ended.
    pub(in super::super) async fn notify(self: &Arc<Self>, event: Event) {
        if self.webhooks == Webhooks::Off {
            return;
        }
        let number = self.triggered.fetch_add(1, Ordering::Relaxed) + 1;
        let delivery_policy =
            DeliveryPolicy::of(number, self.profile, &self.misbehave, &self.timing, self.max_attempts);
        if delivery_policy.has(Kind::DropWebhook) {
            return;
        }
        if delivery_policy.has(Kind::AsyncLate) || delivery_policy.delivers_later() {
            let sender = Arc::clone(self);
            let late = async move {
                let late = async {
                    if delivery_policy.has(Kind::AsyncLate) {
                        sleep(sender.timing.slow).await;
                    }
                    sender.deliver(&event, &delivery_policy, number).await;
                };
                sender.end.clone().or(late).await;
            };
            tokio::spawn(trace_context::within(trace_context::current(), late));
            return;
        }
        if delivery_policy.has(Kind::Slow) {
            sleep(self.timing.slow).await;
        }
        self.deliver(&event, &delivery_policy, number).await;
    }

    async fn deliver(&self, event: &Event, delivery_policy: &DeliveryPolicy, number: u64) {
        if self.endpoint.trim().is_empty() {
            self.warn("WEBHOOK_ENDPOINT not configured - skipping delivery".to_owned());
            return;
        }
        let breaker = self.breaker();
        let Some(admission) = self.admitted(breaker) else { return };
        let stamp = self.packer.stamp(delivery_policy, self.clock.unix_ms());
        let outcome = self.attempts(event, delivery_policy, number, stamp.clone()).await;
        self.tell_breaker(breaker, admission, outcome, delivery_policy);
        if delivery_policy.has(Kind::SendTwice) {
            self.attempts(event, delivery_policy, number, stamp).await;
        } else if delivery_policy.has(Kind::SendTwiceNewId) {
            let again = self.packer.stamp(delivery_policy, self.clock.unix_ms());
            self.attempts(event, delivery_policy, number, again).await;
        }
    }

    /// All attempts of one webhook; never [`Outcome::Failed`] while attempts are left.
    async fn attempts(
        &self,
        event: &Event,
        delivery_policy: &DeliveryPolicy,
        number: u64,
        mut stamp: Stamp,
    ) -> Outcome {
        let max = delivery_policy.promised();
        let mut retry_after = None;
        for attempt in 1..=delivery_policy.attempts() {
            if attempt > 1 {
                let wait = delivery_policy.wait_before(attempt, retry_after.take());
                self.info(format!("Webhook retry {attempt}/{max} after {}s delay", wait.as_secs()));
                sleep(wait).await;
                self.packer.restamp(&mut stamp, delivery_policy, self.clock.unix_ms());
            }
            let mut signed_request = self.packer.pack(event, &stamp, delivery_policy, attempt);
            // The real application is not instrumented.
            if let (Profile::GoodPractice, Some(parent)) = (self.profile, trace_context::current()) {
                signed_request.headers.push((trace_context::TRACEPARENT.to_owned(), parent));
            }
            let start = self.clock.now();
            let (exchange, hops) = self
                .http_client
                .post(&signed_request, delivery_policy.patience(self.timeout), delivery_policy.redirects())
                .await;
            let end = self.clock.now();
            let (status, error) = seen(&exchange);
            let (id, name) = (signed_request.id, event.name.clone());
            if let Exchange::Answered { retry_after: told, .. } = &exchange {
                retry_after = *told;
            }
            let outcome = delivery_policy.judge(&exchange);
            self.log_attempt(&exchange, outcome, &name, attempt, max, &id);
            self.log.record(AttemptEntry {
                delivery: number,
                id,
                event: name,
                attempt,
                start,
                end,
                status,
                error,
                hops,
            });
            if outcome != Outcome::Failed {
                return outcome;
            }
        }
        let id = self.id_suffix(&stamp.id);
        self.error(format!(
            "Webhook delivery failed after {max} attempts: event={}, endpoint={}{id}",
            event.name, self.endpoint
        ));
        Outcome::Failed
    }

    fn log_attempt(&self, exchange: &Exchange, outcome: Outcome, event: &str, n: u32, max: u32, id: &str) {
        match exchange {
            Exchange::Answered { status, .. } if outcome == Outcome::Delivered => {
                let id = self.id_suffix(id);
                self.info(format!(
                    "Webhook delivered successfully: event={event}, status={status}, attempt={n}{id}"
                ));
            }
            Exchange::Answered { status, body, .. } => {
                let body = excerpt(&String::from_utf8_lossy(body), 200);
                self.warn(format!(
                    "Webhook delivery failed: event={event}, status={status}, attempt={n}/{max}, response={body}"
                ));
                if outcome == Outcome::Aborted {
                    self.error(format!("Client error - aborting retries: status={status}"));
                }
            }
            Exchange::TimedOut => {
                let limit = self.timeout.as_secs();
                self.warn(format!("Webhook timeout: event={event}, attempt={n}/{max}, timeout={limit}s"));
            }
            Exchange::Broken(why) | Exchange::Cut(why) => {
                let why = excerpt(why, 100);
                self.warn(format!("Webhook connection error: event={event}, attempt={n}/{max}, error={why}"));
            }
            Exchange::Garbled(why) => {
                let why = excerpt(why, 100);
                self.error(format!("Webhook request failed: event={event}, attempt={n}/{max}, error={why}"));
            }
        }
    }

    /// Lines name the id since phase 5.6 only.
    fn id_suffix(&self, id: &str) -> String {
        if self.scheme == Scheme::DeltacrownV1 { String::new() } else { format!(", webhook_id={id}") }
    }

    fn admitted(&self, breaker: &Mutex<Breaker>) -> Option<Admission> {
        let admission = locked(breaker).admit(Instant::now());
        match admission {
            Admission::Blocked(left) => {
                let left = left.as_secs();
                self.warn(format!("Circuit breaker OPEN - blocking webhook delivery ({left}s remaining)"));
                self.warn(format!(
                    "Webhook delivery blocked by circuit breaker: Circuit breaker open ({left}s remaining)"
                ));
                return None;
            }
            Admission::Probe(Transition::Now) => {
                self.info("Circuit breaker transitioned to HALF_OPEN - allowing probe request".to_owned());
            }
            Admission::Probe(Transition::Before) | Admission::Closed => {}
        }
        Some(admission)
    }

    fn tell_breaker(
        &self,
        breaker: &Mutex<Breaker>,
        admission: Admission,
        outcome: Outcome,
        delivery_policy: &DeliveryPolicy,
    ) {
        if delivery_policy.has(Kind::BreakerNeverOpens) {
            return;
        }
        let change = match outcome {
            Outcome::Delivered => locked(breaker).succeeded(admission),
            Outcome::Aborted | Outcome::Failed => locked(breaker).failed(admission, Instant::now()),
        };
        match change {
            Change::None => {}
            Change::Opened(n) => {
                let window = self.timing.breaker_window.as_secs();
                self.error(format!("Circuit breaker OPENED - {n} failures in {window}s"));
            }
            Change::Reopened => self.warn("Circuit breaker probe failed - reopening circuit".to_owned()),
            Change::Closed => {
                self.info("Circuit breaker probe successful - transitioning to CLOSED".to_owned());
            }
        }
    }

    /// That of the process in which the request is worked on.
    fn breaker(&self) -> &Mutex<Breaker> {
        let [first, second] = &self.breakers;
        let in_second = PROCESS.try_with(|process| *process % 2 == 1).unwrap_or(false);
        if self.apart && in_second { second } else { first }
    }

    fn info(&self, message: String) {
        self.log.write(Level::Info, message);
    }

    fn warn(&self, message: String) {
        self.log.write(Level::Warning, message);
    }

    fn error(&self, message: String) {
        self.log.write(Level::Error, message);
    }
}

fn locked(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seen(exchange: &Exchange) -> (Option<u16>, Option<String>) {
    match exchange {
        Exchange::Answered { status, .. } => (Some(*status), None),
        Exchange::TimedOut => (None, Some("timed out".to_owned())),
        Exchange::Broken(why) | Exchange::Cut(why) | Exchange::Garbled(why) => (None, Some(why.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::options::Debug;
    use super::super::envelope::tests::captured_v2;
    use super::super::http_client::{Patience, Redirects, SignedRequest};
    use super::*;
    use signature::Secret;

    /// Answers by script, taking a second for each.
    struct Scripted(Mutex<Vec<Exchange>>);

    impl HttpClient for Scripted {
        async fn post(&self, _: &SignedRequest, _: Patience, _: Redirects) -> (Exchange, u32) {
            sleep(Duration::from_secs(1)).await;
            let next = self.0.lock().unwrap().pop();
            (next.unwrap_or(Exchange::TimedOut), 0)
        }
    }

    fn status(status: u16) -> Exchange {
        Exchange::Answered { status, retry_after: None, body: b"busy".to_vec() }
    }

    async fn offsets(kind: Option<Kind>, mut answers: Vec<Exchange>) -> Vec<u64> {
        let mut options = Options::new(Secret::new("0123456789abcdef0123456789abcdef"), "http://127.0.0.1/x");
        options.misbehave = kind.map(Misbehaviour::from).into_iter().collect();
        let log = Arc::new(SenderLog::new(options.clock, Debug::Off, None));
        answers.reverse();
        let sender =
            Sender::with_courier(Scripted(Mutex::new(answers)), &options, Arc::clone(&log), End::never())
                .unwrap();
        Arc::new(sender).notify(captured_v2()).await;
        log.attempts().iter().map(|entry| entry.start.0 / 1000).collect()
    }

    /// Offsets in ms: back-offs run from the end of an attempt, which takes a second here.
    #[tokio::test(start_paused = true)]
    async fn attempts_come_2_and_4_seconds_after_the_end_of_the_one_before() {
        let two_503 = || vec![status(503), status(503), status(200)];
        assert_eq!(offsets(None, two_503()).await, [0, 3000, 8000]);
        assert_eq!(offsets(None, vec![]).await, [0, 3000, 8000]);
        assert_eq!(offsets(None, vec![status(200)]).await, [0]);
        assert_eq!(offsets(None, vec![status(404)]).await, [0]);
        assert_eq!(offsets(Some(Kind::WrongBackoff), two_503()).await, [0, 2000, 5000]);
        assert_eq!(offsets(Some(Kind::TooManyRetries), vec![]).await, [0, 3000, 8000, 11000]);
        assert_eq!(offsets(Some(Kind::Slow), vec![status(200)]).await, [3000]);
    }
}
