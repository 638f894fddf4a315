//! The search: single mistakes first, then a mistaken key together with a mistaken message, within a budget.

use super::super::key::{finish, keyed};
use super::super::scheme::Scheme;
use super::super::seen::Seen;
use super::given::{Given, Likeness, Spelling};
use super::messages::{Message, Parts};
use super::work::Work;
use super::{bodies, hashes, keys, messages};
use crate::Secret;
use hmac::Hmac;
use sha2::Sha256;

/// Longer signature headers are not searched, in bytes.
const MAX_SIGNATURE: usize = 4096;

/// A request whose signature is not right.
#[derive(Debug)]
pub(crate) struct Suspect<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) secret: &'a Secret,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) seen: &'a Seen<'a>,
    pub(crate) body: &'a [u8],
    pub(crate) other_bodies: &'a [&'a [u8]],
}

/// Whether a search is made for a signature header with this value.
pub(crate) fn is_searched(value: Option<&str>) -> bool {
    value.is_some_and(|v| !v.is_empty() && v.len() <= MAX_SIGNATURE)
}

/// One sentence about the mistake, when a known one fits.
pub(crate) fn diagnose(suspect: &Suspect<'_>) -> Option<String> {
    let value = suspect.seen.value.filter(|_| is_searched(suspect.seen.value))?;
    let own = if suspect.scheme == Scheme::StandardWebhooks { Spelling::Base64 } else { Spelling::Hex };
    let given = Given::read(value, suspect.scheme.layout().prefix, own);
    if let Some(digit) = given.constant() {
        return Some(format!(
            "the signature is a constant, `{digit}` over and over: that a signature is present proves nothing"
        ));
    }
    Search::new(suspect, given)?.run()
}

/// What the candidates are tried against, and how much more may be done.
struct Search<'a> {
    suspect: &'a Suspect<'a>,
    given: Given,
    parts: Parts<'a>,
    key: zeroize::Zeroizing<Vec<u8>>,
    work: Work,
}

impl<'a> Search<'a> {
    fn new(suspect: &'a Suspect<'a>, given: Given) -> Option<Self> {
        let seen = suspect.seen;
        let fallback = |name: &str| Seen::first(suspect.headers, name);
        let parts = Parts {
            timestamp: seen.timestamp.or_else(|| fallback("X-Webhook-Timestamp")).unwrap_or_default(),
            id: seen.id.or_else(|| fallback("X-Webhook-Id")).unwrap_or_default(),
            event: suspect.scheme.event(suspect.headers).unwrap_or_default(),
            body: suspect.body,
        };
        let key = keys::exact(suspect.scheme, suspect.secret)?;
        Some(Self { suspect, given, parts, key, work: Work::new() })
    }

    fn run(mut self) -> Option<String> {
        let own = self.own(self.parts.body);
        let exact = keyed(&self.key);
        if let Some(likeness) = self.fits(&exact, &own) {
            return likeness.clause.or_else(|| Some("the MAC itself is right".to_owned()));
        }
        let bodies = bodies::mistaken(self.parts.body, &mut self.work);
        let messages = self.messages(&bodies);
        if let Some(found) = self.first(&exact, None, &messages) {
            return Some(found);
        }
        let keys: Vec<_> = keys::mistaken(self.suspect.scheme, self.suspect.secret)
            .into_iter()
            .map(|(clause, key)| (clause, keyed(&key)))
            .collect();
        for (clause, key) in &keys {
            if let Some(likeness) = self.fits(key, &own) {
                return Some(sentence([Some((*clause).to_owned()), None, likeness.clause]));
            }
        }
        let alone = self.bodies_alone(&bodies);
        self.first(&exact, None, &alone)
            .or_else(|| self.other_hash())
            .or_else(|| self.other_delivery(&exact))
            .or_else(|| self.other_moment(&exact))
            .or_else(|| keys.iter().find_map(|(clause, key)| self.first(key, Some(clause), &messages)))
    }

    /// The scheme's own message over another body.
    fn own<'b>(&self, body: &'b [u8]) -> [&'b [u8]; 5]
    where
        'a: 'b,
    {
        self.suspect.scheme.message(self.parts.timestamp, self.parts.id, body)
    }

    /// Every mistaken message: another frame, another text of the timestamp, another body in the scheme's frame.
    fn messages<'b>(&self, bodies: &'b [bodies::Candidate]) -> Vec<Message<'b>>
    where
        'a: 'b,
    {
        let scheme = self.suspect.scheme;
        let mut found: Vec<Message<'b>> = messages::frames(scheme, self.parts)
            .into_iter()
            .map(|(clause, pieces)| Message::new(clause.to_owned(), pieces))
            .collect();
        if let Some(unit) = scheme.layout().unit {
            found.extend(messages::restamped(scheme, unit, self.parts));
        }
        found.extend(bodies.iter().map(|(clause, other)| Message::new(clause.clone(), self.own(other))));
        found
    }

    /// Mistaken bodies alone, under a scheme that signs more than the body. Not tried together with a mistaken key:
    /// three mistakes at once are rare, and a flood of bad signatures must stay cheap.
    fn bodies_alone<'b>(&self, bodies: &'b [bodies::Candidate]) -> Vec<Message<'b>> {
        let scheme = self.suspect.scheme;
        if scheme.layout().unit.is_none() {
            return Vec::new();
        }
        let bodies = bodies.iter().filter(|(_, other)| !other.is_empty());
        let message = |(clause, bytes): &'b bodies::Candidate| {
            let clause = format!("{}, and {clause}", messages::body_only(scheme));
            Message::new(clause, [bytes, b"", b"", b"", b""])
        };
        bodies.map(message).collect()
    }

    fn first(
        &mut self,
        key: &Hmac<Sha256>,
        clause: Option<&str>,
        messages: &[Message<'_>],
    ) -> Option<String> {
        messages.iter().find_map(|message| {
            let likeness = self.fits(key, &message.pieces())?;
            Some(sentence([clause.map(str::to_owned), Some(message.clause.clone()), likeness.clause]))
        })
    }

    /// Another hash, or none with a key, over the scheme's message or the body alone.
    fn other_hash(&mut self) -> Option<String> {
        let body = self.parts.body;
        let own = self.own(body);
        self.work.try_out(length(&own))?;
        let own = own.concat();
        let messages = [(None, &*own), (Some(messages::body_only(self.suspect.scheme)), body)];
        for (clause, hash) in hashes::HASHES {
            for (frame, message) in &messages {
                self.work.try_out(message.len())?;
                if let Some(likeness) = hash(&self.key, message).and_then(|digest| self.given.is(&digest)) {
                    return Some(sentence([
                        Some(clause.to_owned()),
                        frame.map(str::to_owned),
                        likeness.clause,
                    ]));
                }
            }
        }
        None
    }

    fn other_delivery(&mut self, key: &Hmac<Sha256>) -> Option<String> {
        for other in self.suspect.other_bodies.iter().filter(|other| **other != self.suspect.body) {
            if let Some(likeness) = self.fits(key, &self.own(other)) {
                let clause = "the signature is the one of another delivery's body".to_owned();
                return Some(sentence([Some(clause), None, likeness.clause]));
            }
        }
        None
    }

    fn other_moment(&mut self, key: &Hmac<Sha256>) -> Option<String> {
        let unit = self.suspect.scheme.layout().unit?;
        let Parts { timestamp, id, body, .. } = self.parts;
        messages::nearby(unit, timestamp).find_map(|moment| {
            let text = moment.to_string();
            let likeness = self.fits(key, &self.suspect.scheme.message(&text, id, body))?;
            let header: i64 = timestamp.parse().unwrap_or_default();
            let apart = header.saturating_sub(moment).saturating_mul(unit.ms());
            let way = if apart > 0 { "later" } else { "earlier" };
            let apart = apart.unsigned_abs();
            let clause =
                format!("the timestamp in the header is {apart} ms {way} than the one that was signed");
            Some(sentence([Some(clause), None, likeness.clause]))
        })
    }

    fn fits(&mut self, key: &Hmac<Sha256>, message: &[&[u8]]) -> Option<Likeness> {
        self.work.try_out(length(message))?;
        self.given.is(&finish(key, message))
    }
}

fn length(message: &[&[u8]]) -> usize {
    message.iter().map(|piece| piece.len()).sum()
}

fn sentence(clauses: [Option<String>; 3]) -> String {
    clauses.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}
