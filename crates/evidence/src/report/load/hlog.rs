//! `latency.hlog`: one line for each second and series in the HdrHistogram log format 1.3, for the usual tools.

use crate::analysis::load::Second;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, Utc};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use record::latency::Latency;
use std::io::{self, Write};

/// Writes a histogram log as the seconds come. Values are µs. Lines without a tag are the response time, which the
/// closed model does not have; the tags `service`, `lag` and `own_lag` are the other series.
pub struct Hlog<W> {
    to: W,
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl<W: Write> Hlog<W> {
    /// Begins a log of a load that began at `started`.
    ///
    /// # Errors
    /// When `to` cannot be written.
    pub fn new(mut to: W, started: DateTime<Utc>, about: &str) -> io::Result<Self> {
        let seconds = started.timestamp_millis() as f64 / 1000.0;
        let about = about.replace(|c: char| c.is_control(), " ");
        writeln!(to, "#[{about}; values in microseconds, Interval_Max in milliseconds]")?;
        writeln!(to, "#[Histogram log format version 1.3]")?;
        writeln!(
            to,
            "#[StartTime: {seconds:.3} (seconds since epoch), {}]",
            started.to_rfc3339_opts(SecondsFormat::Millis, true)
        )?;
        writeln!(
            to,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )?;
        Ok(Self { to, serializer: V2DeflateSerializer::new(), bytes: Vec::new() })
    }

    /// Adds a second; a series without samples has no line.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn add(&mut self, second: &Second) -> io::Result<()> {
        let series = &second.series;
        self.line(second, "", &series.response)?;
        self.line(second, "Tag=service,", &series.service)?;
        self.line(second, "Tag=lag,", &series.lag)?;
        self.line(second, "Tag=own_lag,", &series.own_lag)
    }

    fn line(&mut self, second: &Second, tag: &str, latency: &Latency) -> io::Result<()> {
        let Some(max) = latency.max_us() else { return Ok(()) };
        self.bytes.clear();
        self.serializer
            .serialize(latency.buckets(), &mut self.bytes)
            .map_err(|e| io::Error::other(e.to_string()))?;
        let from = second.counts.from.0 as f64 / 1e6;
        let length = second.counts.to.since(second.counts.from).as_secs_f64();
        let text = BASE64.encode(&self.bytes);
        writeln!(self.to, "{tag}{from:.3},{length:.3},{:.3},{text}", max as f64 / 1000.0)
    }

    /// Ends the log and gives the output back.
    ///
    /// # Errors
    /// When the output cannot be flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}
