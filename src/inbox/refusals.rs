//! Requests that are no webhooks: what is noted of them, and the answers to those that could not be read.

use super::answers::problem;
use super::handler::Inbox;
use record::{Handshake, Note, Record, Refused};
use std::sync::atomic::Ordering;
use wire::http1::{RawRequest, Refusal, Response};

/// So many handshakes are noted.
const MOST_HANDSHAKES: u64 = 16;

impl Inbox {
    pub(super) fn note_refused(&self, request: &RawRequest, status: u16) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
        // A path that is more than a path may hold anything, personal data included.
        let path: String = request.path().chars().take_while(|c| plain(*c)).take(64).collect();
        let why = format!("{} {path}, but webhooks go to {}", request.method, self.config.door.paths());
        self.append_refused(Refused { at: request.first_byte, status, why });
    }

    /// That a handshake was answered, the first ones by name: whoever asks again and again fills no journal.
    pub(super) fn note_handshake(&self, request: &RawRequest, kind: Handshake) {
        if self.handshakes.fetch_add(1, Ordering::Relaxed) >= MOST_HANDSHAKES {
            return;
        }
        let kind = serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let text = format!("answered a handshake: {}", kind.unwrap_or_default());
        let _ = self.journal.append_soon(&Record::Note(Note { at: request.first_byte, text }));
    }

    /// A refused request is no attempt: losing its record to a full disk changes no verdict.
    pub(super) fn append_refused(&self, refused: Refused) {
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
}
