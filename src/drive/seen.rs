//! The webhooks that have come, for flows that take something out of them.

use record::Tick;
use record::matcher::Matcher;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// So many of the latest webhooks are kept. A flow asks for its own within seconds.
const MOST: usize = 4096;
/// So many bytes of bodies are kept.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A webhook with the sender's signature.
#[derive(Debug)]
pub struct SeenWebhook {
    /// Its event.
    pub event: String,
    /// First byte of the attempt.
    pub at: Tick,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// Length of the raw body.
    pub bytes: usize,
}

/// The latest webhooks.
#[derive(Debug, Default)]
pub struct SeenWebhooks {
    latest: Mutex<Latest>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Latest {
    webhooks: VecDeque<Arc<SeenWebhook>>,
    bytes: usize,
}

impl SeenWebhooks {
    /// One came.
    pub fn add(&self, webhook: SeenWebhook) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.bytes += webhook.bytes;
        latest.webhooks.push_back(Arc::new(webhook));
        while latest.webhooks.len() > MOST || latest.bytes > MOST_BYTES {
            let Some(oldest) = latest.webhooks.pop_front() else { break };
            latest.bytes -= oldest.bytes;
        }
        drop(latest);
        self.came.notify_waiters();
    }

    /// The first webhook of this event that came from `since` on and that fits; it is taken out, so that no other flow takes
    /// it for its own.
    pub(super) async fn wait_for(
        &self,
        (event, matchers): (&str, &BTreeMap<String, Matcher>),
        since: Tick,
    ) -> Arc<SeenWebhook> {
        loop {
            let came = self.came.notified();
            let mut came = std::pin::pin!(came);
            // From here on none is missed.
            came.as_mut().enable();
            if let Some(found) = self.take(event, matchers, since) {
                return found;
            }
            came.await;
        }
    }

    fn take(
        &self,
        event: &str,
        matchers: &BTreeMap<String, Matcher>,
        since: Tick,
    ) -> Option<Arc<SeenWebhook>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |webhook: &Arc<SeenWebhook>| {
            let value = |pointer: &str| webhook.body.as_ref().and_then(|body| body.pointer(pointer));
            webhook.event == event
                && webhook.at >= since
                && matchers.iter().all(|(pointer, matcher)| matcher.check(value(pointer)).is_ok())
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

    fn came(at: u64, id: u64) -> SeenWebhook {
        let body = Some(json!({ "id": id }));
        SeenWebhook { event: "made".to_owned(), at: Tick(at), headers: Vec::new(), body, bytes: 8 }
    }

    #[tokio::test]
    async fn a_flow_gets_the_webhook_that_fits_and_no_other_flow_gets_it_again() {
        let seen = SeenWebhooks::default();
        let matchers = serde_json::from_value(json!({"/id": 7})).unwrap();
        [came(1, 7), came(5, 8), came(6, 7)].into_iter().for_each(|webhook| seen.add(webhook));
        assert_eq!(seen.wait_for(("made", &matchers), Tick(2)).await.at, Tick(6));
        assert!(seen.take("made", &matchers, Tick(2)).is_none(), "taken");
        assert!(seen.take("other", &BTreeMap::new(), Tick(0)).is_none());
        let later = seen.wait_for(("made", &matchers), Tick(7));
        let (found, ()) = tokio::join!(later, async { seen.add(came(9, 7)) });
        assert_eq!(found.at, Tick(9));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let seen = SeenWebhooks::default();
        (0..MOST as u64 + 5).for_each(|n| seen.add(came(n, n)));
        let latest = seen.latest.lock().unwrap();
        assert_eq!((latest.webhooks.len(), latest.webhooks[0].at), (MOST, Tick(5)));
    }
}
