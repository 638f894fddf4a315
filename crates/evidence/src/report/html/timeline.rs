//! Deliveries over the time of the run: when each arrived first, and how long it took until it was accepted.

use super::charts::{LEFT, LogScale, RIGHT, WIDTH, at, duration, linear_ticks, trimmed};
use crate::analysis::{Analysis, Delivery};
use maud::{Markup, html};
use std::borrow::Cow;

const HEIGHT: f64 = 240.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 32.0;
/// Most points that are drawn; of more deliveries every n-th is, and all that were broken or refused.
const POINTS: usize = 1500;

/// One delivery.
struct Point {
    seconds: f64,
    latency_ms: Option<f64>,
    injected: bool,
}

/// The chart; nothing without deliveries.
pub(super) fn timeline(analysis: &Analysis) -> Markup {
    let all = analysis.own().count();
    let keep = all.div_ceil(POINTS).max(1);
    let points: Vec<Point> = points(analysis, keep);
    let latencies = points.iter().filter_map(|p| p.latency_ms);
    let (low, high) = latencies.fold((f64::MAX, 0.0f64), |(a, b), x| (a.min(x), b.max(x)));
    if points.is_empty() {
        return html! { p.dim { "No webhook arrived: there is nothing to show over time." } };
    }
    let low = if low == f64::MAX { 1.0 } else { low };
    let span = points.iter().fold(0.001f64, |span, p| span.max(p.seconds));
    let x = move |seconds: f64| LEFT + seconds / span * (WIDTH - RIGHT - LEFT);
    let scale = LogScale::new((low, high), (HEIGHT - BOTTOM, TOP));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{all} deliveries over {span:.1} s")) {
            @for tick in scale.ticks() {
                line.axis x1=(at(LEFT)) y1=(at(scale.place(tick))) x2=(at(WIDTH - RIGHT)) y2=(at(scale.place(tick))) {}
                text x=(at(LEFT - 6.0)) y=(at(scale.place(tick) + 4.0)) text-anchor="end" { (duration(tick)) }
            }
            @for tick in linear_ticks(span) {
                text x=(at(x(tick))) y=(at(HEIGHT - 10.0)) text-anchor="middle" { (trimmed(tick)) " s" }
            }
            @for point in &points { (dot(point, x(point.seconds), &scale)) }
        }
        p.dim {
            "Each dot is a delivery at the time of its first attempt; a hollow one at the top was never accepted."
            @if keep > 1 { " Of " (all) " deliveries one in " (keep) " is drawn, and all that were broken or refused." }
        }
    }
}

fn points(analysis: &Analysis, keep: usize) -> Vec<Point> {
    let drawn = |(i, d): &(usize, Cow<'_, Delivery>)| i % keep == 0 || d.injected() || d.accepted().is_none();
    let point = |(_, d): (usize, Cow<'_, Delivery>)| Point {
        seconds: crate::report::sections::seconds(d.first_byte()),
        latency_ms: analysis.latency(&d).map(|l| l.as_secs_f64() * 1000.0),
        injected: d.injected(),
    };
    analysis.own().enumerate().filter(drawn).take(POINTS * 2).map(point).collect()
}

fn dot(point: &Point, x: f64, scale: &LogScale) -> Markup {
    let class = if point.injected { "injected" } else { "organic" };
    html! {
        @match point.latency_ms {
            Some(ms) => circle class=(class) cx=(at(x)) cy=(at(scale.place(ms))) r="3" {},
            None => circle.refused cx=(at(x)) cy=(at(TOP - 12.0)) r="4" {},
        }
    }
}
