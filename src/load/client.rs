//! One connection's worth of work: sends a signed webhook, retries it as the sender does, keeps the connection.

use super::engine::{RequestOutcome, Worker};
use super::exchange::{Connection, Limit};
use super::request_template::RequestTemplate;
use super::response::{RequestError, Response};
use super::target::Connect;
use correlate::{Stage, after};
use record::{ErrorKind, IdentityPolicy, RetryContract};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use wire::Clock;

/// A `Retry-After` is waited for so many seconds at most: what a target says is not to hold a load up without end.
pub(crate) const LONGEST_RETRY_AFTER_S: u32 = 3600;

/// How requests are sent.
#[derive(Debug, Clone)]
pub(crate) struct RetryPolicy {
    /// Time limit of one request, including connecting.
    pub timeout: Duration,
    /// What its sender promises: what counts as delivered, what is tried again and when.
    pub contract: Arc<RetryContract>,
}

impl RetryPolicy {
    /// How long a start sleeps between its attempts at the most, but for what a `Retry-After` adds.
    pub(crate) fn asleep(&self) -> Duration {
        self.contract.backoff_ms.iter().copied().map(Duration::from_millis).sum()
    }

    /// How the delivery stands after attempt `attempt` (from 1), and the pause before the next one where there is to be one.
    fn after(&self, attempt: usize, result: &Result<Response, RequestError>) -> (Stage, Option<Duration>) {
        let contract = &self.contract;
        let (stage, told) = match result {
            Ok(answer) => (after(contract, attempt, Some(answer.status), None).stage, answer.retry_after_s),
            Err(error) => (after(contract, attempt, None, Some(error.fault())).stage, None),
        };
        let told = told.map(|s| u32::try_from(s).unwrap_or(u32::MAX).min(LONGEST_RETRY_AFTER_S));
        let pause = if stage == Stage::Open { contract.gap_ms(attempt, told) } else { None };
        (stage, pause.map(Duration::from_millis))
    }
}

/// A connection and its work.
#[derive(Debug)]
pub(crate) struct WebhookClient<C: Connect> {
    connect: C,
    connection: Option<Connection<C::Stream>>,
    template: RequestTemplate,
    limit: Limit,
    policy: RetryPolicy,
    clock: Clock,
}

impl<C: Connect> WebhookClient<C> {
    /// A client without a connection; the first request opens it.
    pub(crate) fn new(connect: C, template: RequestTemplate, policy: RetryPolicy, clock: Clock) -> Self {
        let limit = Limit::new(policy.timeout);
        Self { connect, connection: None, template, limit, policy, clock }
    }

    /// Builds webhook number `start`, signed now.
    fn build(&mut self, start: u64) {
        self.template.build(start, u64::try_from(self.clock.unix_ms()).unwrap_or(0));
    }

    async fn attempt(&mut self, connects: &mut u32) -> Result<Response, RequestError> {
        let deadline = Instant::now() + self.policy.timeout;
        // A connection that the peer has closed meanwhile goes, before a request is lost on it.
        let fresh = self.connection.take().and_then(|mut kept| (!kept.is_stale()).then_some(kept));
        let mut connection = match fresh {
            Some(connection) => connection,
            None => {
                *connects += 1;
                let opened = timeout_at(deadline, self.connect.connect()).await;
                Connection::new(opened.map_err(|_| {
                    let ms = self.policy.timeout.as_millis();
                    RequestError::new(ErrorKind::ConnectTimeout, format!("no connection within {ms} ms"))
                })??)
            }
        };
        let answer = self.limit.run(deadline, connection.exchange(self.template.request())).await;
        let answer = answer.unwrap_or_else(|| {
            let ms = self.policy.timeout.as_millis();
            Err(RequestError::new(ErrorKind::Timeout, format!("no complete response within {ms} ms")))
        })?;
        if answer.keep_alive {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

impl<C: Connect> Worker for WebhookClient<C> {
    async fn perform(&mut self, start: u64) -> RequestOutcome {
        self.build(start);
        let (mut connects, mut paused) = (0, Duration::ZERO);
        let mut earlier = Vec::new();
        let mut last = self.attempt(&mut connects).await;
        loop {
            let (stage, pause) = self.policy.after(earlier.len() + 1, &last);
            let Some(pause) = pause else {
                let ok = stage == Stage::Accepted;
                return RequestOutcome { ok, last: last.map(Some), earlier, paused, connects };
            };
            let asleep = Instant::now();
            sleep(pause).await;
            paused += asleep.elapsed();
            // The same id and body on every retry; the same timestamp and signature where the sender keeps them.
            if self.policy.contract.identity == IdentityPolicy::TimestampPerAttempt {
                self.build(start);
            }
            let next = self.attempt(&mut connects).await;
            earlier.push(std::mem::replace(&mut last, next));
        }
    }
}
