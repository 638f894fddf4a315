//! What a journal shows in a collector: a trace for each flow, and the figures of the run. A pure function of the journal, as every
//! other report.

mod flows;
mod load;
mod metrics;
mod seen;
mod spans;
#[cfg(test)]
mod tests;

pub use load::load_metrics;

use crate::report::{Evidence, EvidenceError};
use flows::FlowVerdicts;
use record::{Header, Reader, Tick};
use seen::Seen;
use std::path::Path;
use telemetry::{Metric, Span, TraceId, Tracing};

/// Most flows that are traced: a collector is for looking at some of them, and the journal has all.
pub const MAX_FLOWS: usize = 2000;

/// Upper bounds of durations in seconds: the semantic conventions' for HTTP, and more, since a retry schedule takes longer.
const BOUNDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0];

/// A run as traces and metrics.
#[derive(Debug)]
pub struct Telemetry {
    /// The trace of the run itself.
    pub run: TraceId,
    /// The spans: those of the run, then flow by flow.
    pub spans: Vec<Span>,
    /// The figures.
    pub metrics: Vec<Metric>,
    /// Flows that are traced.
    pub flows: usize,
    /// Flows that are not, since there are too many.
    pub left_out: usize,
}

/// What a journal shows in a collector.
///
/// # Errors
/// As for [`Evidence::open`].
pub fn telemetry(journal: &Path) -> Result<Telemetry, EvidenceError> {
    let (header, reader) = Reader::open(journal)?;
    let mut seen = Seen::new(&header);
    let evidence = Evidence::read(header, reader, |record| seen.take(record))?;
    Ok(of(&evidence, &seen))
}

fn of(evidence: &Evidence, seen: &Seen) -> Telemetry {
    let verdicts = FlowVerdicts::of(evidence);
    Telemetry {
        run: Tracing::of(evidence.analysis.header.run_id).run(),
        spans: spans::spans(evidence, seen, &verdicts),
        metrics: metrics::metrics(evidence, seen, &verdicts),
        flows: seen.flows.len(),
        left_out: seen.left_out,
    }
}

/// A moment of the run in nanoseconds since 1970.
fn ns(header: &Header, tick: Tick) -> u64 {
    let wall = tick.wall(header.started).timestamp_nanos_opt();
    wall.and_then(|ns| u64::try_from(ns).ok()).unwrap_or_default()
}
