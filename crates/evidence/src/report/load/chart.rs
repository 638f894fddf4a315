//! Small line charts as SVG: linear time or nines across, logarithmic milliseconds or linear rates up.

use maud::{Markup, PreEscaped, html};
use std::fmt::Write as _;

/// Size of the drawing, and the room for labels, in its own units.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 12.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its class in the style sheet.
    pub class: &'static str,
    /// Points; a gap where there is no figure.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How values go up a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// In powers of ten.
    Log,
}

/// What a chart is about.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// Label of what goes up.
    pub unit: &'static str,
    /// How it goes up.
    pub scale: Scale,
    /// Ticks across: position and text.
    pub ticks: Vec<(f64, String)>,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Chart {
    /// The drawing with its title and legend; a sentence when there is nothing to draw.
    #[must_use]
    pub fn draw(&self) -> Markup {
        let all = || self.lines.iter().flat_map(|l| &l.points);
        let ys = || {
            all()
                .filter_map(|(_, y)| *y)
                .filter(|y| y.is_finite() && (*y > 0.0 || self.scale == Scale::Linear))
        };
        let Some(highest) = ys().reduce(f64::max) else {
            return html! { figure { figcaption { (self.title) } p { "No figures." } } };
        };
        let lowest = ys().reduce(f64::min).unwrap_or(0.0);
        let last = all().map(|(x, _)| *x).reduce(f64::max).unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let across = |x: f64| LEFT + x / last * (WIDTH - LEFT - RIGHT);
        let marks = self.marks(lowest, highest);
        let (from, to) = match (self.scale, marks.first(), marks.last()) {
            (Scale::Log, Some(a), Some(b)) => (a.log10(), b.log10()),
            (_, Some(a), Some(b)) => (*a, *b),
            _ => (0.0, 1.0),
        };
        let up = |y: f64| {
            let y = if self.scale == Scale::Log { y.log10() } else { y };
            let part = if to > from { ((y - from) / (to - from)).clamp(0.0, 1.0) } else { 0.5 };
            HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
        };
        let svg = self.svg(&marks, across, up);
        html! {
            figure {
                figcaption { (self.title) " (" (self.unit) ")" }
                (PreEscaped(svg))
                p class="legend" { @for line in &self.lines { span class=(line.class) { "■ " } (line.name) " " } }
            }
        }
    }

    fn svg(&self, marks: &[f64], across: impl Fn(f64) -> f64, up: impl Fn(f64) -> f64) -> String {
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
        for mark in marks {
            let y = up(*mark);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                number(*mark)
            );
        }
        for (x, text) in &self.ticks {
            let _ = write!(
                svg,
                r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
                across(*x),
                HEIGHT - BOTTOM + 20.0,
                escaped(text)
            );
        }
        for line in &self.lines {
            let mut path = String::new();
            let mut pen = 'M';
            for (x, y) in &line.points {
                match y.filter(|y| *y > 0.0 || self.scale == Scale::Linear) {
                    Some(y) => {
                        let _ = write!(path, "{pen}{:.1} {:.1}", across(*x), up(y));
                        pen = 'L';
                    }
                    None => pen = 'M',
                }
            }
            let _ = write!(svg, r#"<path class="{}" d="{path}"/>"#, line.class);
        }
        svg.push_str("</svg>");
        svg
    }

    /// Where the grid lines are: powers of ten around the values, or five even steps from zero.
    fn marks(&self, lowest: f64, highest: f64) -> Vec<f64> {
        if self.scale == Scale::Log {
            let (from, to) = (lowest.log10().floor() as i32, highest.log10().ceil() as i32);
            (from..=to.max(from + 1)).map(|e| 10f64.powi(e)).collect()
        } else {
            let top = nice(highest.max(1.0));
            (0..=5).map(|i| top * f64::from(i) / 5.0).collect()
        }
    }
}

/// The next of 1, 2, 5, 10, 20 … at or above `x`.
pub(super) fn nice(x: f64) -> f64 {
    let power = 10f64.powf(x.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|s| s * power >= x).unwrap_or(10.0);
    step * power
}

fn number(x: f64) -> String {
    if x >= 1000.0 && x % 1000.0 == 0.0 {
        format!("{}k", x / 1000.0)
    } else {
        format!("{}", (x * 1000.0).round() / 1000.0)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
