//! Line charts: time or percentiles across, logarithmic milliseconds or linear figures up.

use super::plot::{Plot, Scale, latency, trimmed};
use maud::{Markup, html};
use std::fmt::Write as _;

/// One line of a chart.
#[derive(Debug, Clone)]
pub(in crate::report) struct Line {
    /// What it shows.
    pub name: String,
    /// Its class in the style sheet: `a` to `d`.
    pub class: &'static str,
    /// Points; a gap where there is no figure.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How values go up a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Up {
    /// From zero.
    Linear,
    /// Milliseconds in powers of ten.
    Latency,
}

/// How values go across a chart.
#[derive(Debug, Clone)]
pub(in crate::report) enum Across {
    /// Seconds.
    Time,
    /// As told: position and text.
    Ticks(Vec<(f64, String)>),
}

/// What a chart is about.
#[derive(Debug, Clone)]
pub(in crate::report) struct Chart {
    pub title: String,
    /// What goes up.
    pub unit: &'static str,
    pub up: Up,
    pub across: Across,
    pub lines: Vec<Line>,
}

impl Chart {
    /// The drawing with its title and legend; a sentence when there is nothing to draw.
    pub fn draw(&self) -> Markup {
        let all = || self.lines.iter().flat_map(|l| &l.points);
        let ys = || all().filter_map(|(_, y)| *y).filter(|y| self.is_drawn(*y));
        let Some(highest) = ys().reduce(f64::max) else {
            return html! { figure { figcaption { (self.title) } p.dim { "No figures." } } };
        };
        let up = match self.up {
            Up::Linear => Scale::linear(0.0, highest.max(1.0) * 1.05),
            Up::Latency => Scale::log(ys().reduce(f64::min).unwrap_or(highest), highest),
        };
        let xs = || all().filter(|(_, y)| y.is_some()).map(|(x, _)| *x);
        let (first, last) = (xs().reduce(f64::min).unwrap_or(0.0), xs().reduce(f64::max).unwrap_or(1.0));
        let across = Scale::linear(if first < last * 0.2 { 0.0 } else { first }, last);
        let said: fn(f64) -> String = if self.up == Up::Latency { latency } else { trimmed };
        let plot = Plot {
            label: format!("{} ({})", self.title, self.unit),
            x: match &self.across {
                Across::Time => across.time_ticks(),
                Across::Ticks(ticks) => {
                    ticks.iter().map(|(x, text)| (across.share(*x), text.clone())).collect()
                }
            },
            // Parts of a start or of a gate are none.
            y: up
                .ticks(said)
                .into_iter()
                .filter(|(_, text)| self.up == Up::Latency || !text.contains('.'))
                .collect(),
        };
        let paths = self.lines.iter().map(|line| (line.class, self.path(line, across, up)));
        html! {
            figure {
                figcaption { (self.title) " " span.dim { (self.unit) } }
                (plot.draw(&html! {
                    svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true" {
                        @for (class, path) in paths { path class=(class) d=(path) vector-effect="non-scaling-stroke" {} }
                    }
                }))
                @if self.lines.len() > 1 {
                    p.legend { @for line in &self.lines { span class=(line.class) { (line.name) } } }
                }
            }
        }
    }

    fn is_drawn(&self, y: f64) -> bool {
        y.is_finite() && (y > 0.0 || self.up == Up::Linear)
    }

    fn path(&self, line: &Line, across: Scale, up: Scale) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (x, y) in &line.points {
            let Some(y) = y.filter(|y| self.is_drawn(*y)) else {
                pen = 'M';
                continue;
            };
            let (x, y) = (across.share(*x) * 1000.0, (1.0 - up.share(y)) * 1000.0);
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
            // A point alone is a dot.
            if pen == 'M' {
                path.push_str("h.01");
            }
            pen = 'L';
        }
        path
    }
}
