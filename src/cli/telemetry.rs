//! What a command shows in a collector, where the `OTEL_*` variables name one. It never touches a verdict: what cannot be exported is
//! a warning.

use super::out;
use crate::receive::Metrics;
use crate::telemetry::{Exporter, Sent};
use chrono::Utc;
use evidence::report::load_from_journal;
use evidence::telemetry::{MAX_FLOWS, load_metrics, telemetry};
use scenario::Env;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use telemetry::{Settings, metrics_of_text};
use tokio::sync::watch;

/// The exporter that the variables ask for; none without an endpoint.
pub(super) fn exporter(env: &Env) -> Option<Exporter> {
    let settings = Settings::new(&|name| env(name), crate::build_info::VERSION);
    settings.warnings.iter().for_each(|warning| warn(warning));
    if settings.traces.is_none() && settings.metrics.is_none() {
        return None;
    }
    Exporter::new(settings).inspect_err(|error| warn(error)).ok()
}

/// Exports the traces and figures of a run whose journal is closed.
pub(super) async fn tell_run(exporter: &Exporter, journal: &Path) {
    let made = match telemetry(journal) {
        Ok(made) => made,
        Err(error) => return warn(&error),
    };
    match exporter.traces(&made.spans).await {
        Ok(Some(sent)) => {
            tell(&sent, "spans");
            let (flows, spans) = (made.flows, made.spans.len());
            out::chat(format!(
                "traces   {flows} flows, {spans} spans to {}; the run's is {}",
                sent.url, made.run
            ));
            if made.left_out > 0 {
                warn(&format!("{} flows are not traced, only the first {MAX_FLOWS}", made.left_out));
            }
        }
        Ok(None) => {}
        Err(error) => warn(&format!("the traces were not exported: {error}")),
    }
    told(exporter.metrics(&made.metrics).await);
}

/// Exports the figures of a load whose journal is closed.
pub(super) async fn tell_load(exporter: &Exporter, journal: &Path) {
    match load_from_journal(journal) {
        Ok((artifact, series, _)) => told(exporter.metrics(&load_metrics(&artifact, &series)).await),
        Err(error) => warn(&error),
    }
}

/// Exports a receiver's metrics from time to time, and once more when it stops. A collector that cannot be reached is told once.
pub(super) async fn tell_receiver(
    exporter: Exporter,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let began = nanos();
    let mut failing = false;
    loop {
        let stopped = tokio::select! {
            () = tokio::time::sleep(exporter.settings().interval) => false,
            // Whoever could say so is gone: then it is over too.
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let sent = exporter.metrics(&metrics_of_text(&metrics.text(), began, nanos())).await;
        match &sent {
            Ok(_) if failing => out::say("the metrics are exported again"),
            Err(error) if !failing => warn(&format!("the metrics are not exported: {error}")),
            _ => {}
        }
        failing = sent.is_err();
        if stopped {
            return;
        }
    }
}

fn nanos() -> u64 {
    Utc::now().timestamp_nanos_opt().and_then(|ns| u64::try_from(ns).ok()).unwrap_or_default()
}

fn told(sent: Result<Option<Sent>, impl Display>) {
    match sent {
        Ok(Some(sent)) => {
            tell(&sent, "points");
            out::chat(format!("metrics  to {}", sent.url));
        }
        Ok(None) => {}
        Err(error) => warn(&format!("the metrics were not exported: {error}")),
    }
}

fn tell(sent: &Sent, what: &str) {
    if sent.rejected > 0 {
        warn(&format!("{} refused {} {what}", sent.url, sent.rejected));
    }
}

fn warn(text: &dyn Display) {
    out::say(format!("warning: telemetry: {text}"));
}
