//! OpenTelemetry without a socket: trace and span ids that follow from a run, spans and metrics, their OTLP/JSON, and the standard
//! variables. Who sends it is the command line's business.
//!
//! Written by hand: `opentelemetry-otlp` with its exporter for HTTP brings more packages than the rest of smoke's client side
//! (docs/design.md, section 9), for two messages of a stable protocol.

mod exposition;
mod ids;
mod json;
mod model;
mod settings;

pub use exposition::metrics_of_text;
pub use ids::{SpanId, TraceId, TraceParent, Tracing};
pub use json::{metrics_request, traces_request};
pub use model::{Attributes, Data, Event, Histogram, Kind, Metric, Point, Span, Status, Value};
pub use settings::{Endpoint, Settings};
