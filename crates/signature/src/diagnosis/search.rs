//! The search: single mistakes first, then a mistaken key together with a mistaken message, within a budget.

use super::super::compiled::{Compiled, Version};
use super::super::key::{Key, Mac, encode};
use super::super::message_signatures;
use super::super::public_key::PublicKey;
use super::super::seen::{Seen, first};
use super::super::spec::{Algorithm, Form};
use super::super::template::Context;
use super::super::verifier::Received;
use super::given::{Given, Likeness};
use super::messages::{Message, Parts};
use super::work::Work;
use super::{bodies, hashes, keys, messages};
use crate::Secret;

/// Longer signature headers are not searched, in bytes.
const MAX_SIGNATURE: usize = 4096;

/// What a try of a public key costs, in bytes hashed: some 0.1 ms.
const PUBLIC_TRY: usize = 64 * 1024;

/// ECDSA as JOSE and web browsers write it.
const FIXED: &str =
    "the signature is the 64 bytes of r and s instead of DER, which the sender's libraries reject";
/// And the other way round.
const DER: &str =
    "the signature is DER instead of the 64 bytes of r and s, which the sender's libraries reject";

/// A request whose signature is not right.
pub(crate) struct Suspect<'a> {
    pub(crate) sender: &'static Compiled,
    pub(crate) version: &'static Version,
    pub(crate) key: &'a Key,
    pub(crate) secret: &'a Secret,
    pub(crate) request: &'a Received<'a>,
    pub(crate) seen: &'a Seen<'a>,
    pub(crate) other_bodies: &'a [&'a [u8]],
}

/// Whether a search is made for a signature with this text.
pub(crate) fn is_searched(value: Option<&str>) -> bool {
    value.is_some_and(|v| !v.is_empty() && v.len() <= MAX_SIGNATURE)
}

/// A known mistake.
#[derive(Debug)]
pub(crate) struct Found {
    /// One sentence about it.
    pub(crate) text: String,
    /// The signature in the sender's own spelling, where only a holder of the secret can have made it.
    pub(crate) signature: Option<String>,
}

impl Found {
    /// A mistake that anybody may have made.
    const fn anybodys(text: String) -> Self {
        Self { text, signature: None }
    }
}

/// The mistake behind a signature, when a known one fits.
pub(crate) fn diagnose(suspect: &Suspect<'_>) -> Option<Found> {
    let value = suspect.seen.value.as_deref().filter(|value| is_searched(Some(value)))?;
    let signature = &suspect.sender.spec.signature;
    if signature.form == Form::MessageSignatures {
        let (request, id) = (suspect.request, suspect.seen.id.as_deref().unwrap_or_default());
        let context = Context::new("", id, request.headers, request.body).to(request.method, request.url);
        return message_signatures::diagnose(signature, suspect.key, &context).map(Found::anybodys);
    }
    if suspect.version.algorithm == Algorithm::Token {
        return token(value, suspect).map(Found::anybodys);
    }
    let prefix = match signature.form {
        Form::Pairs => format!("{}=", suspect.version.key),
        _ => suspect.version.prefix.to_owned(),
    };
    let mut given = Given::read(value, &prefix, suspect.version.encoding);
    if let Some(digit) = given.constant() {
        let text =
            format!("the signature is a constant, `{digit}` over and over: its presence proves nothing");
        return Some(Found::anybodys(text));
    }
    Search::new(suspect, given)?.run()
}

/// What is wrong with a token: never more than its surroundings, for it is the secret itself.
fn token(value: &str, suspect: &Suspect<'_>) -> Option<String> {
    let secret = suspect.secret.expose();
    let same = |text: &str| super::super::compare::same(text.as_bytes(), secret.as_bytes());
    let bare = value.split_once(' ').map_or(value, |(_, rest)| rest);
    let unquoted = value.trim_matches('"');
    if same(bare) {
        Some(
            "the token is right, but the header has a word before it that the profile does not have"
                .to_owned(),
        )
    } else if same(unquoted) {
        Some("the token is right, but in quotes".to_owned())
    } else if same(value.trim()) || secret.trim() == value {
        Some("the token is right except for spaces around it".to_owned())
    } else {
        None
    }
}

/// What a candidate message is tried with.
enum Trial<'a> {
    /// Whether it is made of the secret, and not of what anybody has.
    Mac(Mac, bool),
    Public(&'a PublicKey),
}

impl Trial<'_> {
    const fn is_secret(&self) -> bool {
        matches!(self, Self::Mac(_, true) | Self::Public(_))
    }
}

/// What the candidates are tried against, and how much more may be done.
struct Search<'a> {
    suspect: &'a Suspect<'a>,
    given: Given,
    parts: Parts<'a>,
    work: Work,
}

impl<'a> Search<'a> {
    fn new(suspect: &'a Suspect<'a>, given: Given) -> Option<Self> {
        let (seen, request) = (suspect.seen, suspect.request);
        let fallback = |name: &str| first(request.headers, name);
        let event = suspect.sender.spec.event.header.as_deref().and_then(|name| first(request.headers, name));
        let parts = Parts {
            timestamp: seen
                .timestamp
                .as_deref()
                .or_else(|| fallback("X-Webhook-Timestamp"))
                .unwrap_or_default(),
            id: seen.id.as_deref().or_else(|| fallback("X-Webhook-Id")).unwrap_or_default(),
            event: event.unwrap_or_default(),
            url: request.url,
            body: request.body,
        };
        Some(Self { suspect, given, parts, work: Work::new() })
    }

    fn exact(&self) -> Option<Trial<'a>> {
        Some(match self.suspect.key {
            Key::Mac(mac) => Trial::Mac(mac.clone(), true),
            Key::Private(key) => Trial::Public(key.public()),
            Key::Public(key) => Trial::Public(key),
            Key::Token(_) | Key::Nothing => return None,
        })
    }

    fn run(mut self) -> Option<Found> {
        let context = self.context();
        let own = self.suspect.sender.template.pieces(&context);
        let exact = self.exact()?;
        if let Some(likeness) = self.fits(&exact, &own) {
            let text = likeness.clause.clone().unwrap_or_else(|| "the MAC itself is right".to_owned());
            return Some(self.found(text, &likeness, true));
        }
        let bodies = bodies::mistaken(self.parts.body, &mut self.work);
        let messages = self.messages(&context, &own, &bodies);
        if let Some(found) = self.first(&exact, None, &messages) {
            return Some(found);
        }
        let keys = self.keys();
        for (clause, key) in &keys {
            if let Some(likeness) = self.fits(key, &own) {
                let text = sentence([Some(clause.clone()), None, likeness.clause.clone()]);
                return Some(self.found(text, &likeness, key.is_secret()));
            }
        }
        let alone = self.bodies_alone(&bodies);
        self.first(&exact, None, &alone)
            .or_else(|| self.other_hash(&context))
            .or_else(|| self.other_delivery(&exact, &context))
            .or_else(|| self.other_moment(&exact, &context))
            .or_else(|| keys.iter().find_map(|(clause, key)| self.first(key, Some(clause), &messages)))
    }

    fn context(&self) -> Context<'a> {
        let Parts { timestamp, id, url, body, .. } = self.parts;
        Context::new(timestamp, id, self.suspect.request.headers, body).to(self.suspect.request.method, url)
    }

    /// Mistaken keys; none for a public key, of which there is nothing to try.
    fn keys(&self) -> Vec<(String, Trial<'a>)> {
        let algorithm = self.suspect.version.algorithm;
        if algorithm.digest_bytes().is_none() {
            return Vec::new();
        }
        let mistaken = keys::mistaken(self.suspect.version, self.suspect.secret);
        let trial = |(clause, key): keys::Candidate| {
            Some((clause, Trial::Mac(Mac::new(algorithm, &key)?, !keys::is_anybodys(&key))))
        };
        mistaken.into_iter().filter_map(trial).collect()
    }

    /// Every mistaken message: another frame, another text of the timestamp, another body in the sender's frame.
    fn messages<'b>(
        &self,
        context: &Context<'_>,
        own: &[std::borrow::Cow<'_, [u8]>],
        bodies: &'b [bodies::Candidate],
    ) -> Vec<Message<'b>>
    where
        'a: 'b,
    {
        let sender = self.suspect.sender;
        let mut found: Vec<Message<'b>> = messages::frames(sender, own, self.parts)
            .into_iter()
            .map(|(clause, pieces)| Message::new(clause, &pieces))
            .collect();
        if let Some(place) = &sender.spec.signature.timestamp {
            found.extend(messages::restamped(sender, place.unit, context));
        }
        found.extend(messages::separated(sender, own));
        found.extend(messages::readdressed(sender, context));
        if let Some(whole) = sender.template.in_python(context) {
            let clause =
                "the sender signs null, true and false as Python writes them (None, True, False)".to_owned();
            found.push(Message { clause, pieces: vec![whole.into()] });
        }
        if sender.template.has_body() {
            found.extend(bodies.iter().map(|(clause, other)| self.reframed(clause, other, context)));
        }
        found
    }

    /// The sender's own message over another body; pieces that are not the body are short.
    fn reframed<'b>(&self, clause: &str, other: &'b [u8], context: &Context<'_>) -> Message<'b> {
        let mark = context.over(b"");
        let template = &self.suspect.sender.template;
        let pieces = template.split_at_body(&mark);
        let pieces = pieces.into_iter().map(|piece| match piece {
            Some(text) => std::borrow::Cow::Owned(text),
            None => std::borrow::Cow::Borrowed(other),
        });
        Message { clause: clause.to_owned(), pieces: pieces.collect() }
    }

    /// Mistaken bodies alone, under a sender that signs more than the body. Not tried together with a mistaken key:
    /// three mistakes at once are rare, and a flood of bad signatures must stay cheap.
    fn bodies_alone<'b>(&self, bodies: &'b [bodies::Candidate]) -> Vec<Message<'b>> {
        let sender = self.suspect.sender;
        if sender.template.is_body_only() {
            return Vec::new();
        }
        let bodies = bodies.iter().filter(|(_, other)| !other.is_empty());
        let message = |(clause, bytes): &'b bodies::Candidate| {
            let clause = format!("{}, and {clause}", messages::body_only(sender));
            Message::new(clause, &[bytes])
        };
        bodies.map(message).collect()
    }

    fn first(&mut self, key: &Trial<'_>, clause: Option<&str>, messages: &[Message<'_>]) -> Option<Found> {
        messages.iter().find_map(|message| {
            let likeness = self.fits(key, &message.pieces)?;
            let text =
                sentence([clause.map(str::to_owned), Some(message.clause.clone()), likeness.clause.clone()]);
            Some(self.found(text, &likeness, key.is_secret()))
        })
    }

    /// What was found, with the signature where it is `by_key`.
    fn found(&self, text: String, likeness: &Likeness, by_key: bool) -> Found {
        let signature = by_key.then(|| {
            let mut signature = String::new();
            encode(self.suspect.version.encoding, &likeness.digest, &mut signature);
            signature
        });
        Found { text, signature }
    }

    /// Another hash, or none with a key, over the sender's message or the body alone.
    fn other_hash(&mut self, context: &Context<'_>) -> Option<Found> {
        let algorithm = self.suspect.version.algorithm;
        algorithm.digest_bytes()?;
        let key = keys::exact(self.suspect.version, self.suspect.secret)?;
        let body = self.parts.body;
        let own = self.suspect.sender.template.whole(context);
        self.work.try_out(own.len())?;
        let alone = messages::body_only(self.suspect.sender);
        let messages = [(None, &*own), (Some(alone.as_str()), body)];
        for (clause, own_algorithm, hash) in hashes::HASHES {
            if own_algorithm == Some(algorithm) {
                continue;
            }
            for (frame, message) in &messages {
                self.work.try_out(message.len())?;
                if let Some(likeness) = hash(&key, message).and_then(|digest| self.given.is(&digest)) {
                    let by_key = hash(b"", message).is_none_or(|without| without != likeness.digest);
                    let clauses =
                        [Some(clause.to_owned()), frame.map(str::to_owned), likeness.clause.clone()];
                    return Some(self.found(sentence(clauses), &likeness, by_key));
                }
            }
        }
        None
    }

    fn other_delivery(&mut self, key: &Trial<'_>, context: &Context<'_>) -> Option<Found> {
        let (suspect, body) = (self.suspect, self.parts.body);
        for other in suspect.other_bodies.iter().filter(|other| **other != body) {
            let over = context.over(other);
            if let Some(likeness) = self.fits(key, &suspect.sender.template.pieces(&over)) {
                let clause = "the signature belongs to another delivery's body".to_owned();
                let text = sentence([Some(clause), None, likeness.clause.clone()]);
                return Some(self.found(text, &likeness, key.is_secret()));
            }
        }
        None
    }

    fn other_moment(&mut self, key: &Trial<'_>, context: &Context<'_>) -> Option<Found> {
        let sender = self.suspect.sender;
        let unit = sender.spec.signature.timestamp.as_ref()?.unit;
        let timestamp = self.parts.timestamp;
        messages::nearby(unit, timestamp).find_map(|moment| {
            let text = moment.to_string();
            let at = context.at(&text);
            let likeness = self.fits(key, &sender.template.pieces(&at))?;
            let header: i64 = timestamp.parse().unwrap_or_default();
            let apart = header.saturating_sub(moment).saturating_mul(unit.ms());
            let way = if apart > 0 { "later" } else { "earlier" };
            let apart = apart.unsigned_abs();
            let clause = format!("the timestamp in the header is {apart} ms {way} than the signed one");
            let text = sentence([Some(clause), None, likeness.clause.clone()]);
            Some(self.found(text, &likeness, key.is_secret()))
        })
    }

    fn fits<P: AsRef<[u8]>>(&mut self, key: &Trial<'_>, message: &[P]) -> Option<Likeness> {
        let length = message.iter().map(|piece| piece.as_ref().len()).sum::<usize>();
        match key {
            Trial::Mac(mac, _) => {
                self.work.try_out(length)?;
                self.given.is(mac.over(message).bytes())
            }
            Trial::Public(key) => {
                self.work.try_out(length.saturating_add(PUBLIC_TRY))?;
                let message: Vec<u8> = message.iter().flat_map(AsRef::as_ref).copied().collect();
                let right = |bytes: &[u8]| key.verifies(&message, bytes);
                if let Some((digest, clause)) = self.given.bytes().find(|(bytes, _)| right(bytes)) {
                    return Some(Likeness { clause: clause.map(str::to_owned), digest });
                }
                let (is_der, digest) = self
                    .given
                    .bytes()
                    .find_map(|(bytes, _)| Some((key.verifies_otherwise(&message, &bytes)?, bytes)))?;
                Some(Likeness { clause: Some(if is_der { DER } else { FIXED }.to_owned()), digest })
            }
        }
    }
}

fn sentence(clauses: [Option<String>; 3]) -> String {
    clauses.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}
