//! Ids of traces and spans. They follow from the run's id, so that what was sent with a request while the run was under way and what
//! is made of its journal afterwards are the same.

use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// Id of a trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// Id of a span: 8 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The ids of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracing {
    run: Uuid,
}

impl Tracing {
    /// Those of the run with this id.
    #[must_use]
    pub const fn of(run: Uuid) -> Self {
        Self { run }
    }

    /// The trace of what belongs to no flow: the run itself, logins, webhooks that nobody asked for.
    #[must_use]
    pub fn run(&self) -> TraceId {
        TraceId(self.bytes("run", &[]))
    }

    /// The trace of a flow.
    #[must_use]
    pub fn flow(&self, flow: u32) -> TraceId {
        TraceId(self.bytes("flow", &[&flow.to_be_bytes()]))
    }

    /// The first span of a trace.
    #[must_use]
    pub fn root(&self, trace: TraceId) -> SpanId {
        SpanId(self.bytes("root", &[&trace.0]))
    }

    /// The span of a step, whose name a flow has once.
    #[must_use]
    pub fn step(&self, flow: u32, step: &str) -> SpanId {
        SpanId(self.bytes("step", &[&flow.to_be_bytes(), step.as_bytes()]))
    }

    /// The span of a login, by its place among those in the journal: many users log in under one name.
    #[must_use]
    pub fn login(&self, number: u64) -> SpanId {
        SpanId(self.bytes("login", &[&number.to_be_bytes()]))
    }

    /// The span of a delivery, by its number in the journal.
    #[must_use]
    pub fn delivery(&self, number: u64) -> SpanId {
        SpanId(self.bytes("delivery", &[&number.to_be_bytes()]))
    }

    /// The span of an attempt of a delivery, counted from 1.
    #[must_use]
    pub fn attempt(&self, delivery: u64, attempt: u64) -> SpanId {
        SpanId(self.bytes("attempt", &[&delivery.to_be_bytes(), &attempt.to_be_bytes()]))
    }

    /// What a request of a step is sent with.
    #[must_use]
    pub fn traceparent(&self, flow: u32, step: &str) -> TraceParent {
        TraceParent { trace: self.flow(flow), span: self.step(flow, step) }
    }

    fn bytes<const N: usize>(&self, what: &str, parts: &[&[u8]]) -> [u8; N] {
        let mut digest = Sha256::new_with_prefix(b"smoke trace 1\0");
        digest.update(self.run.as_bytes());
        digest.update(what.as_bytes());
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut id = [0; N];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        if id.iter().all(|byte| *byte == 0) {
            // No id is all zeros (W3C Trace Context, section 3.2.2).
            id[N - 1] = 1;
        }
        id
    }
}

/// The header `traceparent` of W3C Trace Context, sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace: TraceId,
    /// The span that is the parent of what follows.
    pub span: SpanId,
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace, self.span)
    }
}

impl TraceParent {
    /// Reads a header's value; `None` when it is not valid (W3C Trace Context, section 3.2).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let (fixed, more) = text.split_at_checked(55)?;
        let mut parts = fixed.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let known = version == "00" && more.is_empty();
        let later = version != "00" && version != "ff" && (more.is_empty() || more.starts_with('-'));
        if parts.next().is_some() || !(known || later) {
            return None;
        }
        bytes::<1>(version)?;
        bytes::<1>(flags)?;
        let (trace, span) = (bytes(trace)?, bytes(span)?);
        let given = trace != [0; 16] && span != [0; 8];
        given.then_some(Self { trace: TraceId(trace), span: SpanId(span) })
    }
}

/// Bytes from lower-case hex.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_run_and_differ() {
        let (one, other) = (Tracing::of(Uuid::from_u128(1)), Tracing::of(Uuid::from_u128(2)));
        assert_eq!(one.flow(3), Tracing::of(Uuid::from_u128(1)).flow(3));
        assert_ne!(one.flow(3), other.flow(3));
        assert_ne!(one.flow(3), one.flow(4));
        assert_ne!(one.flow(0), one.run());
        assert_ne!(one.step(1, "a"), one.step(1, "b"));
        assert_ne!(one.login(0), one.login(1));
        assert_ne!(one.attempt(1, 2), one.attempt(2, 1));
    }

    #[test]
    fn a_traceparent_is_read_back() {
        let parent = Tracing::of(Uuid::from_u128(7)).traceparent(0, "verify");
        assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        assert_eq!(TraceParent::parse(&format!(" {parent}\t")), Some(parent));
        let text = parent.to_string();
        assert_eq!(TraceParent::parse(&text.replacen("00", "cc", 1)), Some(parent), "a later version");
        assert_eq!(TraceParent::parse(&format!("{}-more", text.replacen("00", "cc", 1))), Some(parent));
    }

    #[test]
    fn what_is_no_traceparent() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(TraceParent::parse(text).is_some());
        let wrong = [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331--01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033é1-0",
        ];
        for text in wrong {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
