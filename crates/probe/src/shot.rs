//! One request: its bytes, how they are sent, and what answer is right.

use record::Right;

/// A request of a case.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Which request of the case it is.
    pub label: String,
    /// What the right answer is.
    pub right: Right,
    pub method: &'static str,
    /// Headers in the order of the wire, without `Host`, `Connection` and those about the body's length.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Content,
    /// How its end is told.
    pub framing: Framing,
    /// How it is sent.
    pub manner: Manner,
    /// The right signature of this content. An answer that holds it gives it away.
    pub correct: String,
}

/// A body.
#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Vec<u8>),
    /// So many bytes of filler, marked as a probe's at the beginning.
    Filler(u64),
}

impl Content {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Filler(n) => *n,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// Chunks of so many bytes.
    Chunked(usize),
    /// Neither: there is no body.
    None,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Whole,
    /// Head first; the body after `100 Continue`, or a second later.
    Expect,
    /// All but the end; the end after an answer, or after a while without one.
    HoldEnd,
    /// At once, and the connection is closed before an answer can be read.
    Abandon,
    /// A few bytes now and then.
    Trickle,
    /// All but the last byte; that one with those of the other requests of the case.
    Barrier,
}

impl Shot {
    /// The first header of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// The same with another value of a header; without a value the header goes.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        self
    }

    /// The same sent another way.
    #[must_use]
    pub fn sent(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }
}
