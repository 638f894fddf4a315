//! Whose a request is, and which delivery it belongs to.

use super::deliveries::{Awaited, Sighting, Whom};
use super::handler::{Config, Inbox, KeptInPart};
use correlate::{Author, Clue, Key, Webhooks, Whose, event, id, print};
use record::Tick;
use signature::Reason;
use std::net::IpAddr;
use std::sync::PoisonError;

/// A request that was judged.
pub(super) struct Seen<'a> {
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    pub peer: Option<IpAddr>,
    pub reason: Reason,
}

impl Inbox {
    /// Shows a webhook of the sender's to the flows that wait for it.
    pub(super) fn show(&self, headers: &[(String, String)], body: &[u8], reason: Reason, at: Tick) {
        if let Some(seen) = self.config.seen.as_ref().filter(|_| reason.is_authentic()) {
            seen.add(headers, body, at);
        }
    }

    /// Whose a request is, and what says which delivery it belongs to; `None` where it belongs to none of the sender's.
    pub(super) fn whose(&self, seen: &Seen<'_>) -> Option<(Author, Sighting)> {
        let (author, is_known) = self.author(seen);
        if !author.may_be_the_sender() {
            return None;
        }
        let sighting = self.sighting(seen);
        // In a run a sender that signs validly is not waited for by what anybody may have sent, and no fault is spent on that.
        let anybodys = author == Author::Resembling
            && is_known
            && self.config.kept_in_part == KeptInPart::Strangers
            && !self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).knows(sighting.key);
        (!anybodys).then_some((author, sighting))
    }

    /// Whose a request is, and whether anything of the sender's has come.
    pub(super) fn author(&self, seen: &Seen<'_>) -> (Author, bool) {
        let Config { scheme, matcher, .. } = &self.config;
        let &Seen { headers, body, peer, reason } = seen;
        let read = if reason.is_authentic() { None } else { matcher.read(headers, body) };
        let first = read.as_ref().and_then(Webhooks::first);
        let clue = Clue::of(*scheme, headers, (peer, reason), first);
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        (sender.author(&clue), sender.is_known())
    }

    /// What says which delivery an attempt belongs to.
    fn sighting(&self, seen: &Seen<'_>) -> Sighting {
        let &Seen { headers, body, reason, .. } = seen;
        let Config { scheme, matcher, turn, .. } = &self.config;
        let read = matcher.read(headers, body);
        let first = read.as_ref().and_then(Webhooks::first);
        let print = print(body);
        let key = match id(*scheme, headers, read.as_ref()) {
            Some(id) => Key::of_id(&id),
            None => Key::of_content(event(*scheme, headers, first), print, turn.flow()),
        };
        let awaited = |webhook| {
            let whom = match matcher.whose(webhook) {
                Whose::Others => return None,
                Whose::Flow(flow) => Whom::Flow(flow),
                Whose::Some => matcher.to_be_learned(webhook).map_or(Whom::Any, Whom::Learner),
            };
            Some(Awaited { event: event(*scheme, headers, webhook).to_owned(), whom })
        };
        let awaited = match &read {
            Some(read) => read.iter().filter_map(|webhook| awaited(Some(webhook))).collect(),
            None => awaited(None).into_iter().collect(),
        };
        Sighting { key, body: print, awaited, refused: reason.is_refused() }
    }
}
