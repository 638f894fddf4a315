//! The distribution of delivery latencies, with p50 and p95 marked and injected deliveries apart.

use super::charts::{LEFT, LogScale, RIGHT, WIDTH, at, duration};
use maud::{Markup, html};
use record::latency::Latency;

const HEIGHT: f64 = 240.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 32.0;
/// Bars across the chart.
const BINS: usize = 48;

/// The chart; nothing without samples.
pub(super) fn histogram(organic: &Latency, injected: &Latency) -> Markup {
    let mins = [organic.min_us(), injected.min_us()].into_iter().flatten().min();
    let maxs = [organic.max_us(), injected.max_us()].into_iter().flatten().max();
    let (Some(min), Some(max)) = (mins, maxs) else {
        return html! { p.dim { "No webhook was accepted: there is no latency to show." } };
    };
    let scale = LogScale::new((ms(min), ms(max)), (LEFT, WIDTH - RIGHT));
    let (a, b) = (binned(&scale, organic), binned(&scale, injected));
    let tallest = a.iter().zip(&b).map(|(x, y)| x + y).max().unwrap_or(1).max(1);
    let marks = [("p50", organic.percentile_us(50.0)), ("p95", organic.percentile_us(95.0))];
    let label = format!(
        "Delivery latencies of {} organic and {} injected webhooks",
        organic.count(),
        injected.count()
    );
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            line.axis x1=(at(LEFT)) y1=(at(HEIGHT - BOTTOM)) x2=(at(WIDTH - RIGHT)) y2=(at(HEIGHT - BOTTOM)) {}
            text x=(at(LEFT - 6.0)) y=(at(TOP + 4.0)) text-anchor="end" { (tallest) }
            text x=(at(LEFT - 6.0)) y=(at(HEIGHT - BOTTOM)) text-anchor="end" { "0" }
            @for tick in scale.ticks() {
                text x=(at(scale.place(tick))) y=(at(HEIGHT - 10.0)) text-anchor="middle" { (duration(tick)) }
            }
            @for (bin, (x, y)) in a.iter().zip(&b).enumerate() { (bar(bin, *x, *y, tallest)) }
            @for (i, (name, us)) in marks.into_iter().enumerate() {
                @if let Some(us) = us { (mark(&scale, name, ms(us), i)) }
            }
        }
        p.dim {
            span.key.organic {} "organic (" (organic.count()) ")"
            span.key.injected {} "broken on purpose (" (injected.count()) ")"
            " – from the start of the step that triggers a webhook to the end of our accepting answer; the scale is logarithmic."
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a small number of bins"
)]
fn binned(scale: &LogScale, latency: &Latency) -> Vec<u64> {
    let mut bins = vec![0; BINS];
    for bucket in latency.buckets().iter_recorded() {
        let share = (scale.place(ms(bucket.value_iterated_to())) - LEFT) / (WIDTH - RIGHT - LEFT);
        let bin = ((share * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = bins.get_mut(bin) {
            *bin += bucket.count_at_value();
        }
    }
    bins
}

#[expect(clippy::cast_precision_loss, reason = "counts and bins below 2^52")]
fn bar(bin: usize, organic: u64, injected: u64, tallest: u64) -> Markup {
    let width = (WIDTH - RIGHT - LEFT) / BINS as f64;
    let x = LEFT + bin as f64 * width;
    let tall = |n: u64| n as f64 / tallest as f64 * (HEIGHT - BOTTOM - TOP);
    let floor = HEIGHT - BOTTOM;
    let (a, b) = (tall(organic), tall(injected));
    html! {
        @if organic > 0 {
            rect.organic x=(at(x + 1.0)) y=(at(floor - a)) width=(at(width - 2.0)) height=(at(a.max(1.0))) {}
        }
        @if injected > 0 {
            rect.injected x=(at(x + 1.0)) y=(at(floor - a - b)) width=(at(width - 2.0)) height=(at(b.max(1.0))) {}
        }
    }
}

fn mark(scale: &LogScale, name: &str, ms: f64, row: usize) -> Markup {
    let x = scale.place(ms);
    let y = if row == 0 { 16.0 } else { 32.0 };
    let end = x > WIDTH - 160.0;
    html! {
        line.mark x1=(at(x)) y1=(at(y - 8.0)) x2=(at(x)) y2=(at(HEIGHT - BOTTOM)) {}
        text.mark x=(at(if end { x - 5.0 } else { x + 5.0 })) y=(at(y)) text-anchor=(if end { "end" } else { "start" }) {
            (name) " " (duration(ms))
        }
    }
}
