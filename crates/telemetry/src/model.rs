//! Spans and metrics, as far as smoke makes them.

use crate::ids::{SpanId, TraceId, TraceParent};

/// Named values.
pub type Attributes = Vec<(String, Value)>;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// True or false.
    Bool(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Within smoke.
    Internal,
    /// Takes a request.
    Server,
    /// Sends a request.
    Client,
    /// Takes a message.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing is said.
    Unset,
    /// As it should.
    Ok,
    /// Not as it should, and why.
    Error(String),
}

/// One span; times in nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    pub name: String,
    /// Which side of a call.
    pub kind: Kind,
    /// When it began.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// What is known of it.
    pub attributes: Attributes,
    /// What happened in it.
    pub events: Vec<Event>,
    /// Spans of other traces that it has to do with.
    pub links: Vec<TraceParent>,
    /// How it ended.
    pub status: Status,
}

/// Something that happened in a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What is known of it.
    pub attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    /// What it counts or measures.
    pub description: String,
    /// Its unit, as UCUM writes it.
    pub unit: String,
    /// The figures.
    pub data: Data,
}

/// The figures of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// The value at a time.
    Gauge(Vec<Point>),
    /// A count since the start, which only grows.
    Sum(Vec<Point>),
    /// A distribution since the start.
    Histogram(Vec<Histogram>),
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub attributes: Attributes,
    /// Since when it was counted, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When it was looked at.
    pub at_ns: u64,
    /// The figure: [`Value::Int`] or [`Value::Double`].
    pub value: Value,
}

/// One distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub attributes: Attributes,
    /// Since when it was counted, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When it was looked at.
    pub at_ns: u64,
    /// The sum of all values; absent where it is not known.
    pub sum: Option<f64>,
    /// Upper bounds, each included, growing.
    pub bounds: Vec<f64>,
    /// How many values are in each bucket: one more than there are bounds.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}
