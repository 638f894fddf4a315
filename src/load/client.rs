//! One connection's worth of work: sends a signed webhook, retries it as the sender does, keeps the connection.

use super::engine::{RequestOutcome, Worker};
use super::exchange::{Connection, Limit};
use super::request_template::RequestTemplate;
use super::response::{RequestError, Response};
use super::target::Connect;
use record::{ErrorKind, is_delivered};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use wire::Clock;

/// How requests are sent.
#[derive(Debug, Clone)]
pub(crate) struct RetryPolicy {
    /// Time limit of one request, including connecting.
    pub timeout: Duration,
    /// Pause before each attempt; its length is the number of attempts.
    pub backoff: Arc<[Duration]>,
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
        let now = u64::try_from(self.clock.unix_ms()).unwrap_or(0);
        self.template.build(start, now);
        let (mut connects, mut paused) = (0, Duration::ZERO);
        let mut earlier = Vec::new();
        let mut last = self.attempt(&mut connects).await;
        let backoff = Arc::clone(&self.policy.backoff);
        for &pause in backoff.iter().skip(1) {
            if !is_retried(&last) {
                break;
            }
            let asleep = Instant::now();
            sleep(pause).await;
            paused += asleep.elapsed();
            // Same id, timestamp, signature and body on every retry, as the real sender does it.
            let next = self.attempt(&mut connects).await;
            earlier.push(std::mem::replace(&mut last, next));
        }
        RequestOutcome { last: last.map(Some), earlier, paused, connects }
    }
}

/// The real sender gives up on a success and on 4xx, and tries again after anything else (docs/deltacrown.md section 4).
fn is_retried(result: &Result<Response, RequestError>) -> bool {
    match result {
        Ok(answer) => !is_delivered(answer.status) && !(400..500).contains(&answer.status),
        Err(_) => true,
    }
}
