//! What all charts share: scales, ticks that people can read, and a frame of which the labels keep their size on every screen.

use maud::{Markup, html};

/// A position or length as a share of the drawing, in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}%", if share.is_finite() { share * 100.0 } else { 0.0 })
}

/// From figures to shares of a drawing, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// In powers of ten, for figures above zero; widened to the next 1, 2 or 5 of both ends, and on both sides where they
    /// are close.
    pub fn log(low: f64, high: f64) -> Self {
        let low = low.max(0.001);
        let high = high.max(low);
        let wider = if high < low * 4.0 { 1.6 } else { 1.0 };
        Self { low: below(low / wider), high: above(high * wider), log: true }
    }

    /// Even steps from `low` to `high`.
    pub fn linear(low: f64, high: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, log: false }
    }

    /// Where a figure stands, 0 to 1.
    pub fn share(&self, x: f64) -> f64 {
        let share = if self.log {
            (x.max(self.low) / self.low).log10() / (self.high / self.low).log10()
        } else {
            (x - self.low) / (self.high - self.low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Round figures on it, at most ten, with their places.
    pub fn ticks(&self, said: impl Fn(f64) -> String) -> Vec<(f64, String)> {
        let at = if self.log { self.log_ticks() } else { self.steps(step(self.high - self.low)) };
        at.into_iter().map(|x| (self.share(x), said(x))).collect()
    }

    /// The same for seconds.
    pub fn time_ticks(&self) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / 6.0;
        let known = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
        let step = if rough < 1.0 {
            step(self.high - self.low)
        } else {
            known.into_iter().find(|s| *s >= rough).unwrap_or_else(|| (rough / 7200.0).ceil() * 7200.0)
        };
        self.steps(step).into_iter().map(|x| (self.share(x), clock(x, step))).collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let each: &[f64] = if decades <= 2.1 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        #[expect(clippy::cast_possible_truncation, reason = "exponents of latencies")]
        let (from, to) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let all = (from..=to).flat_map(|e| each.iter().map(move |m| m * 10f64.powi(e)));
        all.filter(|x| (self.low * 0.999..=self.high * 1.001).contains(x)).take(12).collect()
    }

    fn steps(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step).ceil();
        (0..12).map(|i| (first + f64::from(i)) * step).take_while(|x| *x <= self.high * 1.0001).collect()
    }
}

/// The next of 1, 2, 5, 10 … at or below `x`.
fn below(x: f64) -> f64 {
    let power = 10f64.powf(x.log10().floor());
    let fits = [5.0, 2.0].into_iter().find(|m| m * power <= x * 1.000_001);
    fits.unwrap_or(1.0) * power
}

/// The next of 1, 2, 5, 10 … at or above `x`.
fn above(x: f64) -> f64 {
    let power = 10f64.powf(x.log10().floor());
    let fits = [1.0, 2.0, 5.0].into_iter().find(|m| m * power >= x * 0.999_999);
    fits.unwrap_or(10.0) * power
}

/// A step of 1, 2 or 5 times a power of ten that divides a length into 3 to 8 parts.
fn step(length: f64) -> f64 {
    if length > 0.0 && length.is_finite() { below(length / 3.0) } else { 1.0 }
}

/// Seconds on an axis with this step.
fn clock(seconds: f64, step: f64) -> String {
    if step >= 3600.0 {
        format!("{} h", trimmed(seconds / 3600.0))
    } else if step >= 60.0 {
        format!("{} min", trimmed(seconds / 60.0))
    } else if step < 0.01 {
        format!("{} ms", trimmed(seconds * 1000.0))
    } else {
        format!("{} s", trimmed(seconds))
    }
}

/// A latency on an axis.
pub(in crate::report) fn latency(ms: f64) -> String {
    if ms >= 1000.0 { format!("{} s", trimmed(ms / 1000.0)) } else { format!("{} ms", trimmed(ms)) }
}

/// Three decimals at most, and no needless zeros.
pub(in crate::report) fn trimmed(x: f64) -> String {
    format!("{}", (x * 1000.0).round() / 1000.0 + 0.0)
}

/// The frame of a chart.
#[derive(Debug)]
pub(in crate::report) struct Plot {
    /// What it shows, for whoever cannot see it.
    pub label: String,
    /// Texts across, with their places.
    pub x: Vec<(f64, String)>,
    /// Texts upwards, with their places.
    pub y: Vec<(f64, String)>,
}

impl Plot {
    /// The frame around `inside`.
    pub fn draw(&self, inside: &Markup) -> Markup {
        html! {
            div.plot role="img" aria-label=(self.label) {
                div.ys { @for (at, text) in &self.y { span style={ "bottom:" (percent(*at)) } { (text) } } }
                div.area {
                    @for (at, _) in &self.y { i.grid style={ "bottom:" (percent(*at)) } {} }
                    (inside)
                }
                div.xs { (across(&self.x)) }
            }
        }
    }
}

/// Letters below an axis that a phone has room for.
const ON_A_PHONE: usize = 40;

/// Texts below an axis.
pub(super) fn across(ticks: &[(f64, String)]) -> Markup {
    // What would stand over the edge is moved inwards.
    let side = |at: f64, text: &str| match at {
        _ if at < 0.04 && text.len() > 8 => "from",
        _ if at > 0.96 => "to",
        _ => "",
    };
    // Where they would cover each other on a phone, every second one is left out there.
    let letters: usize = ticks.iter().map(|(_, text)| text.chars().count() + 2).sum();
    let more = |i: usize| if letters > ON_A_PHONE && i % 2 == 1 { " more" } else { "" };
    html! { @for (i, (at, text)) in ticks.iter().enumerate() { span class={ (side(*at, text)) (more(i)) } style={ "left:" (percent(*at)) } { (text) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_scale_is_monotonic_fits_and_stays_inside() {
        let scale = Scale::log(0.8, 6124.0);
        let texts: Vec<String> = scale.ticks(latency).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        let places: Vec<f64> =
            [0.0, 0.5, 1.0, 50.0, 6124.0, 1e12].iter().map(|ms| scale.share(*ms)).collect();
        assert!(places.is_sorted() && places.iter().all(|p| (0.0..=1.0).contains(p)), "{places:?}");
        let narrow: Vec<String> = Scale::log(3.0, 8.0).ticks(latency).into_iter().map(|(_, t)| t).collect();
        assert_eq!(narrow, ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]);
        assert!(Scale::log(0.0, 0.0).share(5.0).is_finite());
    }

    #[test]
    fn ticks_are_round_and_differ() {
        let of = |high| Scale::linear(0.0, high).time_ticks().into_iter().map(|(_, t)| t).collect::<Vec<_>>();
        assert_eq!(of(2.5), ["0 s", "0.5 s", "1 s", "1.5 s", "2 s", "2.5 s"]);
        assert_eq!(of(59.5), ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s"]);
        assert_eq!(of(1800.0), ["0 min", "5 min", "10 min", "15 min", "20 min", "25 min", "30 min"]);
        assert_eq!(of(0.001), ["0 ms", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms", "1 ms"]);
        assert_eq!(of(0.0).first().map(String::as_str), Some("0 s"));
        assert!(Scale::linear(0.0, f64::INFINITY).time_ticks().len() <= 12);
    }
}
