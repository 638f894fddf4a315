//! The table that a terminal shows while a window is watched: time, each gate now and over the window, the last webhooks.

use super::judge::Rest;
use crate::cli::out;
use crate::cli::progress::{TICK, time_left};
use evidence::analysis::{Analysis, Delivery, Minute, minutes};
use evidence::gate::{Check, Gates, judge};
use evidence::report::actual;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// How often the gates are judged for it; the bar moves in between.
const EVERY: Duration = Duration::from_secs(2);
/// Webhooks that are shown.
const LAST: usize = 4;

/// A table on the terminal; nothing elsewhere.
pub(super) struct Table {
    bar: Option<ProgressBar>,
    begun: Instant,
    judged: Option<Instant>,
    rest: Rest,
}

impl Table {
    /// A table for a window of this length.
    pub(super) fn new(duration: Duration) -> Self {
        let shown = !out::is_quiet() && out::draws_bars();
        let bar = shown.then(|| {
            let seconds = duration.as_secs().max(1);
            let bar = ProgressBar::with_draw_target(Some(seconds), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {left} left\n{msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.with_key("left", time_left(duration)).progress_chars("=> "));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, begun: Instant::now(), judged: None, rest: Rest::default() }
    }

    /// Whether it is on a terminal, where a line for each minute would only be in the way.
    pub(super) const fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows how things stand.
    pub(super) fn show(&mut self, analysis: &Analysis, gates: &Gates) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(self.begun.elapsed().as_secs());
        if self.judged.is_none_or(|at| at.elapsed() >= EVERY)
            && let Some(text) = self.rest.unless_tired(|| text(analysis, gates))
        {
            bar.set_message(crate::cli::out::safe(&text).into_owned());
            self.judged = Some(Instant::now());
        }
    }

    /// Prints a line above it.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| out::say(text)),
            None => out::say(text),
        }
    }

    /// Takes it away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn text(analysis: &Analysis, gates: &Gates) -> String {
    let minutes = minutes(analysis);
    let now = minutes.last();
    let mut out = format!("{:<13} {:<28} {:>12} {:>16}", "", "gate", "this minute", "over the window");
    let checks = judge(analysis, gates);
    // What nothing has put to the test yet says nothing yet.
    for check in checks.iter().filter(|c| c.actual.is_some()) {
        let _ = write!(
            out,
            "\n{:<13} {:<28} {:>12} {:>16}",
            check.verdict.word(),
            check.title,
            now.and_then(|minute| this_minute(check, minute)).unwrap_or_else(|| "-".to_owned()),
            actual(check)
        );
    }
    let last: Vec<_> = analysis.deliveries.iter().rev().take(LAST).collect();
    for delivery in last.iter().rev() {
        let _ = write!(out, "\n{}", one(analysis, delivery));
    }
    out
}

/// The same figure of the minute that is under way, where a minute has it.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn this_minute(check: &Check, minute: &Minute) -> Option<String> {
    let of = |hits: u64, n: u64| (n > 0).then(|| format!("{:.1} %", hits as f64 / n as f64 * 100.0));
    match check.id.as_str() {
        "success_rate" => of(minute.delivered, minute.ended),
        "signatures" => of(minute.attempts.saturating_sub(minute.invalid_signatures), minute.attempts),
        "client_error_rate" => of(minute.client_errors, minute.certain()),
        "server_error_rate" => of(minute.server_errors, minute.certain()),
        _ => None,
    }
}

fn one(analysis: &Analysis, delivery: &Delivery) -> String {
    let at = delivery.first_byte().wall(analysis.header.started).format("%H:%M:%S");
    let attempts = delivery.tries.len() + delivery.after_acceptance.len();
    let became = match delivery.tries.last().and_then(|t| t.status) {
        Some(status) => status.to_string(),
        None => "no response yet".to_owned(),
    };
    let more = if attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
    format!("{at}  {}: {became}{more}", delivery.event)
}
