//! The distribution of delivery latencies, with percentiles marked and injected deliveries apart.

use super::plot::{Plot, Scale, latency, percent};
use crate::figure::{carries, milliseconds};
use maud::{Markup, html};
use record::latency::Latency;

/// Bars across the chart.
const BINS: usize = 40;
/// Percentiles that are marked where there are samples enough.
const MARKS: [f64; 3] = [50.0, 95.0, 99.0];

/// The chart; a sentence without samples.
pub(super) fn histogram(organic: &Latency, injected: &Latency) -> Markup {
    let mins = [organic.min_us(), injected.min_us()].into_iter().flatten().min();
    let maxs = [organic.max_us(), injected.max_us()].into_iter().flatten().max();
    let (Some(min), Some(max)) = (mins, maxs) else {
        return html! { p.dim { "No webhook was accepted, so there is no latency to show." } };
    };
    let scale = Scale::log(ms(min), ms(max));
    let (a, b) = (binned(scale, organic), binned(scale, injected));
    let tallest = a.iter().zip(&b).map(|(x, y)| x + y).max().unwrap_or(1).max(1);
    let up = Scale::linear(0.0, tallest as f64 * 1.25);
    let whole = |x: f64| if x.fract() == 0.0 { format!("{x}") } else { String::new() };
    let plot = Plot {
        label: format!(
            "Delivery latencies: {} organic, {} broken on purpose",
            organic.count(),
            injected.count()
        ),
        x: scale.ticks(latency),
        y: up.ticks(whole).into_iter().filter(|(_, text)| !text.is_empty()).collect(),
    };
    // Where nothing is organic, the percentiles are of what was broken, and say so.
    let of = if organic.count() > 0 { organic } else { injected };
    let marks = MARKS.into_iter().filter(|p| carries(of.count(), *p) || *p == 50.0);
    let marks = marks.filter_map(|p| Some((p, ms(of.percentile_us(p)?))));
    html! {
        (plot.draw(&html! {
            @for (bin, (x, y)) in a.iter().zip(&b).enumerate() { (bar(bin, (*x, *y), up)) }
            @for (row, (p, at)) in marks.enumerate() { (mark(scale, (p, at), row)) }
        }))
        p.legend {
            span.organic { "organic (" (organic.count()) ")" }
            @if injected.count() > 0 { span.injected { "broken on purpose (" (injected.count()) ")" } }
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
fn binned(scale: Scale, latency: &Latency) -> Vec<u64> {
    let mut bins = vec![0; BINS];
    for bucket in latency.buckets().iter_recorded() {
        let bin = ((scale.share(ms(bucket.value_iterated_to())) * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = bins.get_mut(bin) {
            *bin += bucket.count_at_value();
        }
    }
    bins
}

#[expect(clippy::cast_precision_loss, reason = "counts and bins below 2^52")]
fn bar(bin: usize, (organic, injected): (u64, u64), up: Scale) -> Markup {
    let place = format!("left:{};width:{}", percent(bin as f64 / BINS as f64), percent(0.9 / BINS as f64));
    let (a, b) = (up.share(organic as f64), up.share(injected as f64));
    html! {
        @if organic > 0 {
            i.bar.organic title=(organic) style={ (place) ";bottom:0;height:" (percent(a)) } {}
        }
        @if injected > 0 {
            i.bar.injected title=(injected) style={ (place) ";bottom:" (percent(a)) ";height:" (percent(b)) } {}
        }
    }
}

/// A line with its figure, on the side of it where there is room.
fn mark(scale: Scale, (p, ms): (f64, f64), row: usize) -> Markup {
    let at = scale.share(ms);
    let side = if at > 0.7 { "mark left" } else { "mark" };
    html! {
        i class=(side) style={ "left:" (percent(at)) } {
            b style={ "top:" (row) ".1em" } { "p" (p) " " (milliseconds(ms)) }
        }
    }
}
