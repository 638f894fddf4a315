//! Metrics in Prometheus' text form (0.0.4), as a receiver shows them on `/metrics`, as OTLP metrics: one thing counts, both show it.

use crate::model::{Attributes, Data, Histogram, Metric, Point, Value};
use std::collections::BTreeMap;

/// One line with a figure.
struct Sample {
    name: String,
    labels: Attributes,
    value: f64,
}

/// What is known of a metric before its figures.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<Sample>,
}

/// The metrics of a text, counted since `start_ns` and looked at `at_ns`. Lines that are none are left out.
#[must_use]
pub fn metrics_of_text(text: &str, start_ns: u64, at_ns: u64) -> Vec<Metric> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            let mut words = about.splitn(3, ' ');
            let (what, name, rest) =
                (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let family = families.entry(name.to_owned()).or_default();
            match what {
                Some("TYPE") => rest.clone_into(&mut family.kind),
                Some("HELP") => rest.clone_into(&mut family.help),
                _ => {}
            }
        } else if let Some(sample) = sample(line) {
            let name = family_of(&families, &sample.name);
            families.entry(name).or_default().samples.push(sample);
        }
    }
    families.into_iter().filter_map(|(name, family)| metric(name, family, start_ns, at_ns)).collect()
}

/// The metric that a line belongs to: its name without what histograms and counters add.
fn family_of(families: &BTreeMap<String, Family>, name: &str) -> String {
    let ends = ["_bucket", "_count", "_sum", "_total"].iter().filter_map(|end| name.strip_suffix(end));
    let known = ends.filter(|short| families.contains_key(*short)).map(str::to_owned).next();
    if families.contains_key(name) { name.to_owned() } else { known.unwrap_or_else(|| name.to_owned()) }
}

/// `name{label="value",…} figure`.
fn sample(line: &str) -> Option<Sample> {
    let (head, value) = line.trim().rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, labels) = match head.split_once('{') {
        Some((name, labels)) => (name, labels.trim_end().strip_suffix('}')?),
        None => (head, ""),
    };
    Some(Sample { name: name.to_owned(), labels: read_labels(labels)?, value })
}

fn read_labels(text: &str) -> Option<Attributes> {
    let (mut labels, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, plain) => value.push(plain),
            }
        };
        labels.push((name.trim_start_matches(',').trim().to_owned(), Value::Text(value)));
        rest = after.get(end + 1..)?;
    }
    Some(labels)
}

fn metric(name: String, family: Family, start_ns: u64, at_ns: u64) -> Option<Metric> {
    if family.samples.is_empty() {
        return None;
    }
    let points = |samples: Vec<Sample>| -> Vec<Point> {
        samples
            .into_iter()
            .map(|s| Point { attributes: s.labels, start_ns, at_ns, value: figure(s.value) })
            .collect()
    };
    let data = match family.kind.as_str() {
        "counter" => Data::Sum(points(family.samples)),
        "histogram" => Data::Histogram(histograms(family.samples, start_ns, at_ns)),
        _ => Data::Gauge(points(family.samples)),
    };
    // Prometheus puts the end there again when it gets the metric by OTLP.
    let name = match name.strip_suffix("_total") {
        Some(short) if family.kind == "counter" => short.to_owned(),
        _ => name,
    };
    let unit = if name.ends_with("_seconds") { "s" } else { "1" };
    Some(Metric { name, description: family.help, unit: unit.to_owned(), data })
}

/// A whole number where it is one.
fn figure(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and within what a double holds exactly")]
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        Value::Int(value as i64)
    } else {
        Value::Double(value)
    }
}

/// The lines of a histogram, taken together by their labels; its buckets count up.
fn histograms(samples: Vec<Sample>, start_ns: u64, at_ns: u64) -> Vec<Histogram> {
    let mut all: BTreeMap<String, (Histogram, u64)> = BTreeMap::new();
    for mut sample in samples {
        let bound =
            sample.labels.iter().position(|(name, _)| name == "le").map(|at| sample.labels.remove(at).1);
        let empty = |attributes| Histogram {
            attributes,
            start_ns,
            at_ns,
            sum: None,
            bounds: Vec::new(),
            counts: Vec::new(),
        };
        let key = format!("{:?}", sample.labels);
        let (histogram, below) = all.entry(key).or_insert_with(|| (empty(sample.labels), 0));
        if sample.name.ends_with("_sum") {
            histogram.sum = Some(sample.value);
        } else if let Some(Value::Text(bound)) = bound {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = sample.value as u64;
            histogram.counts.push(count.saturating_sub(*below));
            *below = count;
            if let Some(bound) = bound.parse().ok().filter(|bound: &f64| bound.is_finite()) {
                histogram.bounds.push(bound);
            }
        }
    }
    all.into_values()
        .map(|(histogram, _)| histogram)
        .filter(|h| h.counts.len() == h.bounds.len() + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP webhook_checks Attempts, by what was said.\n\
        # TYPE webhook_checks counter\n\
        webhook_checks_total{result=\"valid\"} 4\n\
        webhook_checks_total{result=\"a \\\"b\\\", {c}\"} 1\n\
        # HELP writable 1 while it can be\n\
        # TYPE writable gauge\n\
        writable 1\n\
        # TYPE refused_total counter\n\
        refused_total 2\n\
        # TYPE latency_seconds histogram\n\
        latency_seconds_sum 0.75\n\
        latency_seconds_count 3\n\
        latency_seconds_bucket{le=\"0.1\"} 1\n\
        latency_seconds_bucket{le=\"1.0\"} 3\n\
        latency_seconds_bucket{le=\"+Inf\"} 3\n\
        # EOF\n";

    #[test]
    fn a_receivers_metrics_are_read() {
        let metrics = metrics_of_text(TEXT, 1, 2);
        let named = |name: &str| metrics.iter().find(|m| m.name == name).unwrap();
        let Data::Sum(checks) = &named("webhook_checks").data else { panic!("no sum") };
        assert_eq!(checks.len(), 2);
        assert_eq!(checks[0].value, Value::Int(4));
        assert_eq!(checks[1].attributes, [("result".to_owned(), Value::from("a \"b\", {c}"))]);
        assert_eq!(named("webhook_checks").description, "Attempts, by what was said.");
        let Data::Histogram(latency) = &named("latency_seconds").data else { panic!("no histogram") };
        assert_eq!(
            (latency[0].bounds.as_slice(), latency[0].counts.as_slice()),
            (&[0.1, 1.0][..], &[1, 2, 0][..])
        );
        assert_eq!(
            (latency[0].sum, latency[0].count(), named("latency_seconds").unit.as_str()),
            (Some(0.75), 3, "s")
        );
        assert!(matches!(&named("writable").data, Data::Gauge(points) if points[0].value == Value::Int(1)));
        assert!(matches!(&named("refused").data, Data::Sum(points) if points[0].value == Value::Int(2)));
        assert_eq!(metrics.len(), 4);
    }
}
