//! Whether a request without a valid signature may be the sender's, or is a stranger's: a receiver on the internet gets both,
//! and what a stranger sends says nothing about the sender.

use super::event::event;
use super::reader::Webhook;
use signature::{BodyFormat, Reason, Scheme};
use std::net::IpAddr;

/// Most user agents that are learnt of one sender: its workers run a few versions at most.
const AGENTS: usize = 16;
/// Most addresses that are learnt of one sender. Of one that sends from more nothing is concluded.
const ADDRESSES: usize = 256;

/// Whose a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The holder of the secret's: the signature is the key's.
    Sender,
    /// It looks as the sender's webhooks do, and its signature is not the key's: a sender with the wrong secret, or somebody
    /// who copies what it looks like. Evidence about the sender only where nothing authentic came in its place.
    Resembling,
    /// As [`Author::Resembling`], from an address from which nothing authentic came, while the sender's came from others.
    Imitating,
    /// All that it lacks is the id that the sender's webhooks have: one of another version, or of the sender itself, which forgot it.
    /// Evidence only where nothing else came for a webhook that is due.
    WithoutId,
    /// Nothing shows that it is the sender's.
    Stranger,
}

impl Author {
    /// Whether it is the sender's, as far as a request alone tells.
    #[must_use]
    pub const fn may_be_the_sender(self) -> bool {
        matches!(self, Self::Sender | Self::Resembling)
    }
}

/// What a body says of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// It can be read, and may be a webhook.
    Readable,
    /// It cannot be read as one.
    Unreadable,
}

impl Content {
    /// Of a body of this sender, as far as it was read.
    fn of(scheme: Scheme, webhook: Option<Webhook<'_>>) -> Self {
        let looked_into = scheme.spec().body.format != BodyFormat::Opaque;
        match webhook {
            Some(webhook) if webhook.is_object() || !looked_into => Self::Readable,
            _ => Self::Unreadable,
        }
    }
}

/// A request, as far as it tells whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Clue<'a> {
    scheme: Scheme,
    headers: &'a [(String, String)],
    /// The address that it came from, as far as it is known.
    peer: Option<IpAddr>,
    reason: Reason,
    /// Its event; empty when neither body nor header names one.
    pub event: &'a str,
    content: Content,
}

impl<'a> Clue<'a> {
    /// Of a request from `peer` with this verdict on its signature; `first` is the first webhook in it, as far as it was read.
    #[must_use]
    pub fn of(
        scheme: Scheme,
        headers: &'a [(String, String)],
        (peer, reason): (Option<IpAddr>, Reason),
        first: Option<Webhook<'a>>,
    ) -> Self {
        let (event, content) = (event(scheme, headers, first), Content::of(scheme, first));
        Self { scheme, headers, peer, reason, event, content }
    }
}

/// What the sender's own webhooks look like, learnt from those with a signature of the key.
#[derive(Debug, Clone, Default)]
pub struct KnownSender {
    agents: Vec<String>,
    addresses: Vec<IpAddr>,
    seen: bool,
    with_id: bool,
    with_event: bool,
}

impl KnownSender {
    /// Says whose a request is, and learns from it when it is the sender's.
    pub fn author(&mut self, clue: &Clue<'_>) -> Author {
        if clue.reason.is_authentic() {
            self.learn(clue);
            return Author::Sender;
        }
        let elsewhere = self.comes_from_elsewhere(clue);
        match self.likeness(clue) {
            Likeness::None => Author::Stranger,
            Likeness::ButForId if elsewhere || clue.reason != Reason::Missing => Author::Stranger,
            Likeness::ButForId => Author::WithoutId,
            Likeness::Full if elsewhere => Author::Imitating,
            Likeness::Full => Author::Resembling,
        }
    }

    /// Whether something authentic has come: from then on the sender has shown that it holds the secret.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.seen
    }

    fn comes_from_elsewhere(&self, clue: &Clue<'_>) -> bool {
        let known = (1..ADDRESSES).contains(&self.addresses.len());
        known && clue.peer.is_some_and(|peer| !self.addresses.contains(&peer.to_canonical()))
    }

    fn learn(&mut self, clue: &Clue<'_>) {
        self.seen = true;
        self.with_id = self.with_id || clue.scheme.id(clue.headers).is_some();
        self.with_event |= !clue.event.is_empty();
        let address = clue.peer.map(|peer| peer.to_canonical());
        self.addresses
            .extend(address.filter(|new| self.addresses.len() < ADDRESSES && !self.addresses.contains(new)));
        let Some(agent) = agent(clue.headers) else { return };
        let known = self.agents.iter().any(|known| known.eq_ignore_ascii_case(agent));
        if !known && self.agents.len() < AGENTS {
            self.agents.push(agent.to_owned());
        }
    }

    fn likeness(&self, clue: &Clue<'_>) -> Likeness {
        let id = clue.scheme.id(clue.headers).is_some();
        if self.seen {
            let agent = match agent(clue.headers) {
                Some(agent) => self.agents.iter().any(|known| known.eq_ignore_ascii_case(agent)),
                None => self.agents.is_empty(),
            };
            let event = !self.with_event || !clue.event.is_empty();
            return match agent && event {
                true if id || !self.with_id => Likeness::Full,
                true => Likeness::ButForId,
                false => Likeness::None,
            };
        }
        // Nothing is known yet but how this kind of sender usually writes. One of another version has an event and no id.
        let agent = agent(clue.headers).is_none_or(|agent| {
            clue.scheme.spec().user_agent.as_ref().is_none_or(|usual| usual.eq_ignore_ascii_case(agent))
        });
        let id_in_header = clue.scheme.spec().id.header.is_some();
        let named = match (id_in_header, clue.scheme.has_event()) {
            (false, false) => clue.scheme.own_headers().iter().any(|name| has(clue.headers, name)),
            (_, true) => !clue.event.is_empty() && (id || clue.scheme.event(clue.headers).is_some()),
            (true, false) => id,
        };
        if agent && named && clue.content == Content::Readable { Likeness::Full } else { Likeness::None }
    }
}

/// How much a request looks as the sender's webhooks do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Full,
    ButForId,
    None,
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
}

/// The product that a request says it comes from, without its version.
fn agent(headers: &[(String, String)]) -> Option<&str> {
    let (_, agent) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("User-Agent"))?;
    agent.split(['/', ' ']).next().filter(|product| !product.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: (&str, &str) = ("X-Webhook-Id", "7b6c2f9e-0000-4000-8000-000000000000");
    const EVENT: (&str, &str) = ("X-Webhook-Event", "payment_verified");
    const AGENT: (&str, &str) = ("User-Agent", "DeltaCrown-Webhook/1.0");
    const CURL: (&str, &str) = ("User-Agent", "curl/8.5.0");

    fn author(sender: &mut KnownSender, reason: Reason, headers: &[(&str, &str)], event: &str) -> Author {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (scheme, content) = (Scheme::DeltacrownV2, Content::Readable);
        sender.author(&Clue { scheme, headers: &headers, peer: None, reason, event, content })
    }

    #[test]
    fn a_copy_from_an_address_that_sends_nothing_valid_is_an_imitation() {
        let headers = [AGENT, ID, EVENT].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let (scheme, content, event) = (Scheme::DeltacrownV2, Content::Readable, "payment_verified");
        let mut sender = KnownSender::default();
        let mut of = |reason, peer: &str| {
            let peer = peer.parse().ok();
            sender.author(&Clue { scheme, headers: &headers, peer, reason, event, content })
        };
        assert_eq!(of(Reason::Mismatch, "192.0.2.7"), Author::Resembling, "nothing is known yet");
        assert_eq!(of(Reason::Valid, "192.0.2.1"), Author::Sender);
        assert_eq!(of(Reason::Mismatch, "192.0.2.7"), Author::Imitating);
        assert_eq!(of(Reason::Mismatch, "::ffff:192.0.2.1"), Author::Resembling, "the same address");
        assert_eq!(of(Reason::Mismatch, ""), Author::Resembling, "no address");
        assert!(sender.is_known());
    }

    #[test]
    fn a_sender_with_the_wrong_secret_is_told_from_a_stranger() {
        let (mut unknown, mut known) = (KnownSender::default(), KnownSender::default());
        let valid = [AGENT, ID, EVENT];
        assert_eq!(author(&mut known, Reason::Valid, &valid, "payment_verified"), Author::Sender);
        for sender in [&mut unknown, &mut known] {
            let mut of =
                |headers: &[(&str, &str)], event: &str| author(sender, Reason::Mismatch, headers, event);
            assert_eq!(of(&[AGENT, ID, EVENT], "payment_verified"), Author::Resembling);
            assert_eq!(of(&[CURL, ID, EVENT], "payment_verified"), Author::Stranger);
            assert_eq!(of(&[CURL], ""), Author::Stranger);
            assert_eq!(of(&[], "payment_verified"), Author::Stranger);
            assert_eq!(of(&[AGENT, ID], ""), Author::Stranger);
        }
        // A sender of phase 5.5 at a receiver of 5.6 has no id; beside one that has, it is another, or has forgotten it.
        let without_id = [AGENT, EVENT];
        let of = |sender: &mut KnownSender, reason| author(sender, reason, &without_id, "payment_verified");
        assert_eq!(of(&mut unknown, Reason::Missing), Author::Resembling);
        assert_eq!(of(&mut known, Reason::Missing), Author::WithoutId);
        assert_eq!(of(&mut known, Reason::Mismatch), Author::Stranger);
    }

    #[test]
    fn what_is_signed_and_old_is_the_senders() {
        let mut sender = KnownSender::default();
        assert_eq!(author(&mut sender, Reason::Stale, &[], ""), Author::Sender);
        assert_eq!(author(&mut sender, Reason::Future, &[], ""), Author::Sender);
    }

    #[test]
    fn schemes_without_id_and_event_are_told_by_their_own_headers() {
        let mut sender = KnownSender::default();
        let mut of = |name: &str| {
            let headers = [(name.to_owned(), "t=1,v1=00".to_owned())];
            let (scheme, reason) = (Scheme::Stripe, Reason::Mismatch);
            let content = Content::Readable;
            sender.author(&Clue { scheme, headers: &headers, peer: None, reason, event: "", content })
        };
        assert_eq!((of("Stripe-Signature"), of("X-Else")), (Author::Resembling, Author::Stranger));
    }
}
