//! Sends traces and metrics to an OpenTelemetry collector. Nothing here decides anything: what cannot be sent is told, and no more.

mod exporter;

pub(crate) use exporter::{Exporter, Sent};
