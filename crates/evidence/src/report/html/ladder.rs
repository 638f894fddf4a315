//! The retry ladder: the attempts of a delivery that was broken on purpose, on a time axis, against the schedule.

use super::charts::{LEFT, RIGHT, WIDTH, at, linear_ticks, trimmed};
use crate::report::artifact::{InjectedAttempt, InjectedDelivery, Retry};
use maud::{Markup, html};

/// Height of one delivery.
const ROW: f64 = 56.0;
const BOTTOM: f64 = 28.0;
/// Deliveries that are drawn.
const DRAWN: usize = 25;

/// The chart; `total` is the number of deliveries that were broken, of which `deliveries` lists the first.
pub(super) fn ladder(deliveries: &[InjectedDelivery], total: u64, retry: &Retry) -> Markup {
    if deliveries.is_empty() {
        return html! { p.dim { "Nothing was broken on purpose in this run, so the retry contract was not put to the test." } };
    }
    let rows = deliveries.get(..DRAWN.min(deliveries.len())).unwrap_or(deliveries);
    let offsets = rows.iter().flat_map(|d| &d.attempts).map(|a| a.offset_ms);
    let span = offsets.fold(7000.0f64, f64::max) * 1.04;
    let x = move |ms: f64| LEFT + ms / span * (WIDTH - RIGHT - LEFT);
    #[expect(clippy::cast_precision_loss, reason = "at most 25 rows")]
    let height = rows.len() as f64 * ROW + BOTTOM;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="Attempts of the deliveries that were broken on purpose" {
            @for tick in linear_ticks(span / 1000.0) {
                line.axis x1=(at(x(tick * 1000.0))) y1="0" x2=(at(x(tick * 1000.0))) y2=(at(height - BOTTOM)) {}
                text x=(at(x(tick * 1000.0))) y=(at(height - 8.0)) text-anchor="middle" { (trimmed(tick)) " s" }
            }
            @for (i, delivery) in rows.iter().enumerate() { (row(delivery, i, &x, retry)) }
        }
        p.dim {
            "A band is where the schedule expects the next attempt: the end of the one before plus "
            (schedule(retry)) " s, with its tolerance. A hollow ring is an attempt that was not accepted."
            @if total > rows.len() as u64 { " The first " (rows.len()) " of " (total) " are drawn." }
        }
    }
}

fn schedule(retry: &Retry) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a pause in ms")]
    let pauses: Vec<String> = retry.backoff_ms.iter().map(|ms| trimmed(*ms as f64 / 1000.0)).collect();
    pauses.join(" / ")
}

#[expect(clippy::cast_precision_loss, reason = "at most 25 rows, and pauses in ms")]
fn row(delivery: &InjectedDelivery, index: usize, x: &impl Fn(f64) -> f64, retry: &Retry) -> Markup {
    let y = index as f64 * ROW + ROW * 0.68;
    let last = delivery.attempts.last().map_or(0.0, |a| a.offset_ms);
    let expected = delivery.attempts.iter().zip(&retry.backoff_ms).filter_map(|(a, pause)| {
        let due = a.offset_ms - a.gap_ms? + *pause as f64;
        Some((due - retry.tolerance_early_ms as f64, due + retry.tolerance_late_ms as f64))
    });
    let event: String = delivery.event.chars().take(40).collect();
    html! {
        text x=(at(LEFT)) y=(at(y - 16.0)) { "#" (delivery.delivery) " " (event) ": " (delivery.fate) }
        line.wire x1=(at(x(0.0))) y1=(at(y)) x2=(at(x(last))) y2=(at(y)) {}
        @for (from, to) in expected {
            rect.band x=(at(x(from))) y=(at(y - 9.0)) width=(at((x(to) - x(from)).max(2.0))) height="18" {}
        }
        @for attempt in &delivery.attempts { (rung(attempt, x(attempt.offset_ms), y)) }
    }
}

fn rung(attempt: &InjectedAttempt, x: f64, y: f64) -> Markup {
    let accepted = attempt.status.is_some_and(|s| (200..300).contains(&s));
    let status =
        attempt.status.map_or_else(|| attempt.fault.clone().unwrap_or_else(|| "-".into()), |s| s.to_string());
    let status: String = status.chars().take(12).collect();
    html! {
        @if accepted { circle.organic cx=(at(x)) cy=(at(y)) r="6" {} } @else { circle.refused cx=(at(x)) cy=(at(y)) r="6" {} }
        text x=(at(x + 10.0)) y=(at(y + 4.0)) { (status) }
    }
}
