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
use std::time::Duration;
use telemetry::{Settings, metrics_of_text};
use tokio::sync::watch;

/// How long the last export of a receiver may take: it comes after `--drain`, and whoever stops a service waits for 30 s in all.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// The exporter of traces and metrics that the variables ask for; none without an endpoint.
pub(super) fn exporter(env: &Env) -> Option<Exporter> {
    Exporter::new(named(env)?).inspect_err(|error| warn(error)).ok()
}

/// The exporter of a command that has metrics and no traces.
pub(super) fn metrics_exporter(env: &Env) -> Option<Exporter> {
    let settings = named(env)?;
    if settings.metrics.is_none() {
        warn(
            &"nothing is exported: loads and receivers have metrics only, and no collector is named for them",
        );
        return None;
    }
    Exporter::new(settings).inspect_err(|error| warn(error)).ok()
}

/// Says of a command that exports nothing that it does not, where a collector is named.
pub(super) fn tell_of_none(env: &Env) {
    if named(env).is_some() {
        warn(&"nothing is exported: only runs, loads and receivers have traces or metrics");
    }
}

/// Where the variables say that telemetry goes, if anywhere; what is wrong with them is told.
fn named(env: &Env) -> Option<Settings> {
    let settings = Settings::new(&|name| env(name), crate::build_info::VERSION);
    settings.warnings.iter().for_each(|warning| warn(warning));
    (settings.traces.is_some() || settings.metrics.is_some()).then_some(settings)
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

/// Exports a receiver's metrics from time to time, and once more when it stops, for [`LAST_EXPORT`] at most: an export that is
/// under way then is given up, as the last one has all that it has. A collector that cannot be reached is told once.
pub(super) async fn tell_receiver(
    exporter: Exporter,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let began = nanos();
    let export = || async { exporter.metrics(&metrics_of_text(&metrics.text(), began, nanos())).await };
    let mut failing = false;
    let going_on = async {
        loop {
            tokio::time::sleep(exporter.settings().interval).await;
            let sent = export().await;
            match &sent {
                Ok(_) if failing => out::say("the metrics are exported again"),
                Err(error) if !failing => not_exported(error),
                _ => {}
            }
            failing = sent.is_err();
        }
    };
    tokio::select! {
        () = going_on => {}
        // Whoever could say so is gone: then it is over too.
        _ = stop.wait_for(|stop| *stop) => {}
    }
    match tokio::time::timeout(LAST_EXPORT, export()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if !failing => not_exported(&error),
        Err(_) if !failing => {
            not_exported(&format!("no response within {} s at the end", LAST_EXPORT.as_secs()));
        }
        _ => {}
    }
}

fn not_exported(why: &dyn Display) {
    warn(&format!("the metrics are not exported: {why}"));
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
