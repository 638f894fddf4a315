//! Where a fault steps in between a request and its answer.

use super::{Connection, RawRequest, Response, Socket};
use futures_util::future::BoxFuture;
use record::Ending;
use record::faults::Fault;
use std::fmt;

/// Decides which attempts are broken, and how.
pub trait Interceptor: Send + Sync {
    /// What to do with an attempt; `None` leaves it alone.
    fn intercept(&self, attempt: AttemptNumber, request: &RawRequest) -> Option<Intercept>;
}

/// Which attempt it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptNumber {
    /// Its delivery, from 1, in order of first arrival.
    pub delivery: u64,
    /// Its number in the delivery, from 1.
    pub attempt: u32,
    /// Its number in the journal.
    pub record: u64,
}

/// A fault for one attempt.
pub struct Intercept {
    /// The fault, for the journal.
    pub fault: Fault,
    /// What the sender gets to see when nothing else happens.
    pub sends: Sends,
    /// What to do.
    pub play: Play,
}

/// The whole answer that a fault ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// None.
    Nothing,
    /// The inbox's own.
    Own,
    Status(u16),
}

impl Sends {
    /// The status of it; `own` is that of the inbox's own answer.
    #[must_use]
    pub const fn status(self, own: u16) -> Option<u16> {
        match self {
            Self::Nothing => None,
            Self::Own => Some(own),
            Self::Status(status) => Some(status),
        }
    }
}

/// How a fault is played.
pub enum Play {
    /// An answer that becomes ready after a while; dropped when the sender goes away first.
    Response(BoxFuture<'static, std::io::Result<Response>>),
    /// The inbox's own answer, after the future is ready.
    Own(BoxFuture<'static, ()>),
    /// Anything else that can be done to a connection.
    Wire(Box<dyn FnOnce(Connection<Socket>, Response) -> BoxFuture<'static, Ending> + Send>),
}

impl fmt::Debug for Intercept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Intercept({})", self.fault)
    }
}
