//! The webhooks that have come, for flows that take something out of them.

use correlate::{Arrived, Reader, Webhooks};
use record::Tick;
use scenario::ExpectedWebhook;
use signature::Scheme;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// So many of the latest webhooks are kept. A flow asks for its own within seconds.
const MOST: usize = 4096;
/// So many bytes of bodies are kept.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A webhook with the sender's signature.
#[derive(Debug)]
pub(super) struct SeenWebhook {
    event: String,
    /// First byte of the attempt.
    at: Tick,
    headers: Arc<[(String, String)]>,
    /// What was read of the request, and which of its webhooks it is; `None` where it cannot be read.
    read: Option<(Arc<Webhooks>, usize)>,
    /// Length of the request's raw body.
    bytes: usize,
}

impl SeenWebhook {
    /// As expectations and captures look at it.
    pub(super) fn arrived(&self) -> Arrived<'_> {
        let webhook = self.read.as_ref().and_then(|(request, number)| request.iter().nth(*number));
        Arrived { event: &self.event, webhook, headers: &self.headers, flow: None }
    }
}

/// The latest webhooks, read whole as their sender's profile says.
#[derive(Debug)]
pub struct SeenWebhooks {
    scheme: Scheme,
    reader: Reader,
    latest: Mutex<Latest>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Latest {
    webhooks: VecDeque<Arc<SeenWebhook>>,
    bytes: usize,
}

impl Latest {
    fn keep(&mut self, webhook: SeenWebhook) {
        self.bytes += webhook.bytes;
        self.webhooks.push_back(Arc::new(webhook));
        while self.webhooks.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.webhooks.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }
}

impl SeenWebhooks {
    /// Of this sender; none yet.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        let mut reader = Reader::new(scheme);
        reader.add("");
        Self { scheme, reader, latest: Mutex::default(), came: Notify::default() }
    }

    /// A request came, first byte at `at`.
    pub fn add(&self, headers: &[(String, String)], body: &[u8], at: Tick) {
        let read = self.reader.read(headers, body).map(Arc::new);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Arc<[_]> = headers.into();
        for (number, one) in Arrived::all(self.scheme, headers, read.as_deref()).into_iter().enumerate() {
            latest.keep(SeenWebhook {
                event: one.event.to_owned(),
                at,
                headers: Arc::clone(&kept),
                read: read.clone().map(|read| (read, number)),
                bytes: body.len(),
            });
        }
        drop(latest);
        self.came.notify_waiters();
    }

    /// The first webhook of this event that came from `since` on and that fits; it is taken out, so that no other flow takes
    /// it for its own.
    pub(super) async fn wait_for(&self, wanted: &ExpectedWebhook, since: Tick) -> Arc<SeenWebhook> {
        loop {
            let came = self.came.notified();
            let mut came = std::pin::pin!(came);
            // From here on none is missed.
            came.as_mut().enable();
            if let Some(found) = self.take(wanted, since) {
                return found;
            }
            came.await;
        }
    }

    fn take(&self, wanted: &ExpectedWebhook, since: Tick) -> Option<Arc<SeenWebhook>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |webhook: &Arc<SeenWebhook>| {
            webhook.event == wanted.event
                && webhook.at >= since
                && webhook.arrived().fits(&wanted.matchers, &wanted.headers)
        };
        let index = latest.webhooks.iter().position(fits)?;
        let found = latest.webhooks.remove(index)?;
        latest.bytes -= found.bytes;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen() -> SeenWebhooks {
        SeenWebhooks::new(Scheme::default())
    }

    fn came(seen: &SeenWebhooks, at: u64, id: u64) {
        seen.add(&[], json!({ "event": "made", "id": id }).to_string().as_bytes(), Tick(at));
    }

    fn wanted(text: serde_json::Value) -> ExpectedWebhook {
        serde_json::from_value(text).unwrap()
    }

    #[tokio::test]
    async fn a_flow_gets_the_webhook_that_fits_and_no_other_flow_gets_it_again() {
        let seen = seen();
        let made = wanted(json!({"event": "made", "match": {"/id": 7}}));
        [(1, 7), (5, 8), (6, 7)].into_iter().for_each(|(at, id)| came(&seen, at, id));
        assert_eq!(seen.wait_for(&made, Tick(2)).await.at, Tick(6));
        assert!(seen.take(&made, Tick(2)).is_none(), "taken");
        assert!(seen.take(&wanted(json!({"event": "other"})), Tick(0)).is_none());
        let later = seen.wait_for(&made, Tick(7));
        let (found, ()) = tokio::join!(later, async { came(&seen, 9, 7) });
        assert_eq!(found.at, Tick(9));
    }

    #[test]
    fn a_webhook_of_a_batch_and_one_that_a_header_tells_are_found() {
        let spec = json!({
            "signature": { "algorithm": "none" }, "body": { "batch": "/alerts/*" }, "event": { "json": "/status" },
        });
        let seen = SeenWebhooks::new(Scheme::of("mine", serde_json::from_value(spec).unwrap()).unwrap());
        let headers = [("X-Tenant".to_owned(), "a".to_owned())];
        seen.add(&headers, br#"{"status":"firing","alerts":[{"id":1},{"id":2}]}"#, Tick(1));
        let second = json!({"event": "firing", "match": {"/id": 2}, "headers": {"x-tenant": "a"}});
        let found = seen.take(&wanted(second), Tick(0)).unwrap();
        assert_eq!(found.arrived().value("/status"), Some(&json!("firing")), "what stands around it");
        let other = json!({"event": "firing", "match": {"/id": 1}, "headers": {"x-tenant": "b"}});
        assert!(seen.take(&wanted(other), Tick(0)).is_none());
    }

    #[test]
    fn only_the_latest_are_kept() {
        let seen = seen();
        (0..MOST as u64 + 5).for_each(|n| came(&seen, n, n));
        let latest = seen.latest.lock().unwrap();
        assert_eq!((latest.webhooks.len(), latest.webhooks[0].at), (MOST, Tick(5)));
    }
}
