//! Deliveries over the time of the run: when each arrived first, and how long it took until it was accepted.

use super::plot::{Plot, Scale, latency, percent};
use crate::analysis::Analysis;
use crate::figure::span;
use crate::report::sections::seconds;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Cells across and up; all deliveries in one are one dot, so that none covers another.
const COLUMNS: f64 = 60.0;
const ROWS: f64 = 22.0;
/// The share of the height that latencies take; above it stand those that were never accepted.
const BELOW: f64 = 0.9;

/// What a dot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Organic,
    Injected,
    Refused,
}

/// One delivery.
struct Point {
    seconds: f64,
    latency_ms: Option<f64>,
    injected: bool,
}

/// The chart; a sentence without deliveries.
pub(super) fn timeline(analysis: &Analysis) -> Markup {
    let points = points(analysis);
    if points.is_empty() {
        return html! { p.dim { "No webhook arrived, so there is nothing to show over time." } };
    }
    let latencies = || points.iter().filter_map(|p| p.latency_ms);
    let up =
        Scale::log(latencies().reduce(f64::min).unwrap_or(1.0), latencies().reduce(f64::max).unwrap_or(10.0));
    let first = points.iter().map(|p| p.seconds).fold(f64::MAX, f64::min);
    let last = points.iter().map(|p| p.seconds).fold(0.0, f64::max);
    // From the beginning, unless the first webhook came late in the run.
    let across = Scale::linear(if first < last * 0.3 { 0.0 } else { first }, last);
    let refused = points.iter().filter(|p| p.latency_ms.is_none()).count();
    let mut y: Vec<(f64, String)> =
        up.ticks(latency).into_iter().map(|(at, text)| (at * BELOW, text)).collect();
    if refused > 0 {
        // A figure right below would be covered on a phone.
        y.retain(|(at, _)| *at < 0.86);
        y.push((0.97, "refused".to_owned()));
    }
    let label = format!("{} deliveries between {} and {}", points.len(), span(first), span(last));
    let plot = Plot { label, x: across.time_ticks(), y };
    html! {
        (plot.draw(&html! { @for (cell, n) in cells(&points, across, up) { (dot(cell, n)) } }))
        p.dim {
            "Each dot is a webhook at the time of its first attempt; its height is the time until it was accepted. A larger dot stands for several at once."
            @if refused > 0 { " A ring at the top marks one that was never accepted." }
        }
    }
}

fn points(analysis: &Analysis) -> Vec<Point> {
    let all = analysis.own().map(|d| Point {
        seconds: seconds(d.first_byte()),
        latency_ms: analysis.latency(&d).or_else(|| d.accepted_after()).map(|l| l.as_secs_f64() * 1000.0),
        injected: d.injected(),
    });
    all.collect()
}

type Cell = (u16, u16, Kind);

/// How many deliveries are in each cell. Of one cell only the gravest kind is drawn.
fn cells(points: &[Point], across: Scale, up: Scale) -> BTreeMap<Cell, usize> {
    let mut all: BTreeMap<(u16, u16), (Kind, usize)> = BTreeMap::new();
    for point in points {
        let (kind, height) = match point.latency_ms {
            None => (Kind::Refused, 0.97),
            Some(ms) if point.injected => (Kind::Injected, up.share(ms) * BELOW),
            Some(ms) => (Kind::Organic, up.share(ms) * BELOW),
        };
        let cell = all.entry((in_cells(across.share(point.seconds), COLUMNS), in_cells(height, ROWS)));
        let (worst, n) = cell.or_insert((kind, 0));
        *worst = kind.max(*worst);
        *n += 1;
    }
    all.into_iter().map(|((x, y), (kind, n))| ((x, y, kind), n)).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few cells")]
fn in_cells(share: f64, cells: f64) -> u16 {
    (share.clamp(0.0, 0.999) * cells) as u16
}

fn dot((x, y, kind): Cell, n: usize) -> Markup {
    let class = match kind {
        Kind::Organic => "organic",
        Kind::Injected => "injected",
        Kind::Refused => "refused",
    };
    let size = match n {
        1 => "dot",
        2..10 => "dot some",
        _ => "dot many",
    };
    let (left, bottom) = ((f64::from(x) + 0.5) / COLUMNS, (f64::from(y) + 0.5) / ROWS);
    let title = (n > 1).then(|| format!("{n} webhooks"));
    html! {
        i class={ (size) " " (class) } title=[title] style={ "left:" (percent(left)) ";bottom:" (percent(bottom)) } {}
    }
}
