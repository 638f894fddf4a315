//! Requests that are no webhooks: what is noted of them, and the answers to those that could not be read.

use super::answers::problem;
use super::handler::Inbox;
use pii::shown;
use record::{Handshake, Note, Record, Refused};
use std::sync::atomic::Ordering;
use wire::http1::{RawRequest, Refusal, Response};

/// So many handshakes are noted.
const MOST_HANDSHAKES: u64 = 16;

impl Inbox {
    pub(super) fn note_refused(&self, request: &RawRequest, status: u16) {
        let (method, path) = (beginning(&request.method), beginning(request.path()));
        let why = format!("\"{method} {path}\", but webhooks go to {}", self.config.door.paths());
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

/// A method or path of a stranger up to where it is more than that, and `…` if it goes on: the rest may hold anything, personal
/// data included.
fn beginning(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    match text.find(|c| !plain(c)).and_then(|end| text.get(..end)) {
        Some(start) => shown(&format!("{start}…")),
        None => shown(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_asked_for_is_shown_up_to_where_it_may_hold_data() {
        for (text, wanted) in [
            ("/hooks/v1.2/a_b-c", "/hooks/v1.2/a_b-c"),
            ("/unsubscribe/ines%40example.org", "/unsubscribe/ines…"),
            ("/a\", but webhooks go to /a", "/a…"),
            ("/\u{1b}[2J", "/…"),
            ("/ü", "/…"),
            ("*", "…"),
            ("", ""),
        ] {
            assert_eq!(beginning(text), wanted);
        }
        let long = "/x".repeat(200);
        for text in [long.clone(), format!("{long}?")] {
            let shown = beginning(&text);
            assert!(shown.len() < long.len() && shown.matches('…').count() == 1, "{shown}");
        }
    }
}
