//! `--out`: a load second by second for other tools, under the names of k6: JSON lines, CSV, or a text file that Prometheus' node
//! exporter collects.

use crate::cli::{Failure, out, output_file};
use chrono::{DateTime, SecondsFormat, Utc};
use evidence::report::write_whole;
use record::latency::Latency;
use record::{Interval, LoadPlan, LoadShard};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Percentiles of each series, and what k6 calls them.
const PERCENTILES: [(f64, &str); 4] = [(50.0, "med"), (90.0, "p90"), (95.0, "p95"), (99.0, "p99")];
/// The values of a line besides those of its series.
const COUNTS: [&str; 8] =
    ["time", "second", "vus", "iterations", "http_reqs", "http_req_failed", "dropped_iterations", "rate"];
/// The series of a line: what the target took, and what a user waits.
const SERIES: [&str; 2] = ["http_req_duration", "iteration_duration"];

/// Where a load's seconds go, as typed: `FORMAT` or `FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum OutSpec {
    /// A JSON object a line; to stdout without a file.
    Json(Option<PathBuf>),
    /// A header and a row a line; to stdout without a file.
    Csv(Option<PathBuf>),
    /// Totals so far in Prometheus' text form, the whole file anew each second.
    Prometheus(PathBuf),
}

impl FromStr for OutSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err("no file after `=`".to_owned()),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let spec = match (format, file) {
            ("json", file) => Self::Json(file),
            ("csv", file) => Self::Csv(file),
            ("prometheus", Some(file)) => Self::Prometheus(file),
            ("prometheus", None) => {
                return Err("give the file the node exporter collects: prometheus=DIR/smoke.prom".to_owned());
            }
            _ => return Err("json, csv, json=FILE, csv=FILE or prometheus=FILE".to_owned()),
        };
        let kind = match spec {
            Self::Json(_) => output_file::JSON_SECONDS,
            Self::Csv(_) => output_file::CSV_SECONDS,
            Self::Prometheus(_) => output_file::METRICS,
        };
        spec.file().map_or(Ok(()), |file| output_file::check(file, kind))?;
        Ok(spec)
    }
}

impl OutSpec {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Json(file) | Self::Csv(file) => file.as_deref(),
            Self::Prometheus(file) => Some(file),
        }
    }
}

/// Where lines go.
enum Lines {
    Stdout,
    File(File),
}

/// One place that a load's seconds go to.
enum Output {
    Json(Lines),
    Csv(Lines),
    Prometheus(PathBuf),
}

/// Everything that a load's seconds go to.
pub(super) struct Outs {
    outputs: Vec<Output>,
    shard: LoadShard,
    plan: Option<LoadPlan>,
    seconds: u64,
    total: Total,
    failed: bool,
}

/// What was counted so far.
#[derive(Default)]
struct Total {
    iterations: u64,
    failed: u64,
    requests: u64,
    dropped: u64,
    vus: u64,
    service: Latency,
    response: Latency,
}

impl Outs {
    /// Opens the files.
    ///
    /// # Errors
    /// Usage: two of them share stdout, or `taken` says that something else is printed there. Environment: a file that cannot be
    /// written.
    pub(super) fn open(specs: &[OutSpec], taken: bool, shard: LoadShard) -> Result<Self, Failure> {
        let on_stdout = specs.iter().filter(|spec| spec.file().is_none()).count();
        if on_stdout > 1 || on_stdout == 1 && taken {
            return Err(Failure::usage(
                "--out: stdout can only take one of them: give a file (--out json=FILE), or leave out --format json",
            ));
        }
        let files: Vec<_> = specs.iter().map(|spec| ("--out", spec.file())).collect();
        output_file::apart(&files)?;
        let wrong =
            |file: &Path, e| Failure::environment(format!("--out: cannot write {}: {e}", file.display()));
        let lines = |file: &Option<PathBuf>| match file {
            None => Ok(Lines::Stdout),
            Some(path) => File::create(path).map(Lines::File).map_err(|e| wrong(path, e)),
        };
        let mut outputs = Vec::new();
        for spec in specs {
            outputs.push(match spec {
                OutSpec::Json(file) => Output::Json(lines(file)?),
                OutSpec::Csv(file) => Output::Csv(lines(file)?),
                OutSpec::Prometheus(file) => {
                    write_whole(file, b"").map_err(|e| wrong(file, e))?;
                    Output::Prometheus(file.clone())
                }
            });
        }
        Ok(Self { outputs, shard, plan: None, seconds: 0, total: Total::default(), failed: false })
    }

    /// Whether one of them is stdout.
    pub(super) fn take_stdout(&self) -> bool {
        self.outputs.iter().any(|o| matches!(o, Output::Json(Lines::Stdout) | Output::Csv(Lines::Stdout)))
    }

    /// Which part of the load this is.
    pub(super) const fn shard(&self) -> LoadShard {
        self.shard
    }

    pub(super) fn begin(&mut self, plan: &LoadPlan) {
        self.plan = Some(plan.clone());
        let names = series_names();
        let header: Vec<&str> = COUNTS.into_iter().chain(names.iter().map(String::as_str)).collect();
        let header = format!("{}\n", header.join(","));
        let mut written = true;
        for output in &mut self.outputs {
            if let Output::Csv(lines) = output {
                written &= lines.write(&header);
            }
        }
        self.told(written);
    }

    /// Warns of the first that could not be written.
    fn told(&mut self, written: bool) {
        if !written && !self.failed {
            out::say("warning: --out: one line could not be written; the load continues");
            self.failed = true;
        }
    }

    /// A second is over.
    pub(super) fn second(&mut self, interval: &Interval) {
        let Some(plan) = &self.plan else { return };
        if self.outputs.is_empty() {
            return;
        }
        self.seconds += 1;
        // What this process has just encoded can be decoded.
        let service = Latency::decode(&interval.service).unwrap_or_default();
        let response = Latency::decode(&interval.response).unwrap_or_default();
        self.total.add(interval, &service, &response);
        // How many requests a flow sends, and how long each takes, is summed up at the end only.
        let requests = (!plan.is_of_flows()).then_some((interval.attempts, &service));
        let row = row(plan, self.seconds, interval, (requests, &response));
        let mut all = true;
        for output in &mut self.outputs {
            all &= match output {
                Output::Json(lines) => {
                    lines.write(&format!("{}\n", Value::Object(row.clone().into_iter().collect())))
                }
                Output::Csv(lines) => lines.write(&csv(&row)),
                Output::Prometheus(file) => {
                    write_whole(file, self.total.text(plan, self.shard, true).as_bytes()).is_ok()
                }
            };
        }
        self.told(all);
    }

    /// The load is over.
    pub(super) fn end(&mut self) {
        let Some(plan) = &self.plan else { return };
        for output in &self.outputs {
            if let Output::Prometheus(file) = output {
                let _ = write_whole(file, self.total.text(plan, self.shard, false).as_bytes());
            }
        }
    }
}

impl Lines {
    /// Whether it could be written. A reader of stdout that went away is told by nobody.
    fn write(&mut self, line: &str) -> bool {
        match self {
            Self::Stdout => {
                out::raw(line);
                true
            }
            Self::File(file) => file.write_all(line.as_bytes()).is_ok(),
        }
    }
}

fn series_names() -> Vec<String> {
    let ends = || PERCENTILES.iter().map(|(_, end)| *end).chain(["max"]);
    SERIES.iter().flat_map(|name| ends().map(move |end| format!("{name}_{end}"))).collect()
}

/// The values of a second, in the order of the header. `requests` are those that ended, and how long each took.
fn row(
    plan: &LoadPlan,
    second: u64,
    interval: &Interval,
    (requests, response): (Option<(u64, &Latency)>, &Latency),
) -> Vec<(String, Value)> {
    let at: DateTime<Utc> = interval.to.wall(plan.started);
    let failed = interval.done.saturating_sub(interval.ok);
    #[expect(clippy::cast_precision_loss, reason = "counts of one second")]
    let share = (interval.done > 0).then(|| failed as f64 / interval.done as f64);
    let lasts = interval.to.since(interval.from).as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "counts of one second")]
    let rate = interval.started as f64 / lasts;
    let counts: [Value; COUNTS.len()] = [
        at.to_rfc3339_opts(SecondsFormat::Millis, true).into(),
        second.into(),
        interval.in_flight.into(),
        interval.done.into(),
        json!(requests.map(|(n, _)| n)),
        json!(share),
        interval.dropped.into(),
        json!((rate * 10.0).round() / 10.0),
    ];
    let series = [requests.map(|(_, service)| service), Some(response)];
    let figures = series.into_iter().flat_map(|latency| {
        let percentiles = PERCENTILES.iter().map(move |(percent, _)| latency?.percentile_us(*percent));
        percentiles.chain([latency.and_then(Latency::max_us)]).map(|us| json!(us.map(milliseconds)))
    });
    let names = COUNTS.into_iter().map(str::to_owned).chain(series_names());
    names.zip(counts.into_iter().chain(figures)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a latency needs no more than 52 bits")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// No value has a comma or a quote in it.
fn csv(row: &[(String, Value)]) -> String {
    let cells: Vec<String> = row
        .iter()
        .map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    format!("{}\n", cells.join(","))
}

impl Total {
    fn add(&mut self, interval: &Interval, service: &Latency, response: &Latency) {
        self.iterations += interval.done;
        self.failed += interval.done.saturating_sub(interval.ok);
        self.requests += interval.attempts;
        self.dropped += interval.dropped;
        self.vus = interval.in_flight;
        self.service.add(service);
        self.response.add(response);
    }

    /// Prometheus' text form (0.0.4).
    fn text(&self, plan: &LoadPlan, shard: LoadShard, running: bool) -> String {
        let load: String = plan.subject.chars().filter(|c| !matches!(c, '"' | '\\' | '\n')).collect();
        let label = format!("load=\"{load}\",shard=\"{}\"", shard.index);
        let mut text = String::new();
        let mut plain = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = write!(text, "# HELP smoke_load_{name} {help}\n# TYPE smoke_load_{name} {kind}\n");
            let _ = writeln!(text, "smoke_load_{name}{{{label}}} {value}");
        };
        plain("iterations_total", "counter", "Starts that ended", self.iterations);
        if !plan.is_of_flows() {
            plain("http_reqs_total", "counter", "Requests that ended", self.requests);
        }
        plain("http_req_failed_total", "counter", "Starts that failed", self.failed);
        plain("dropped_iterations_total", "counter", "Starts that could not begin in time", self.dropped);
        plain("vus", "gauge", "Starts in flight", if running { self.vus } else { 0 });
        plain("running", "gauge", "1 while the load runs", u64::from(running));
        let series = SERIES.into_iter().zip([&self.service, &self.response]);
        for (name, latency) in series.skip(usize::from(plan.is_of_flows())) {
            let _ = writeln!(text, "# TYPE smoke_load_{name}_seconds summary");
            for (percent, _) in PERCENTILES {
                if let Some(us) = latency.percentile_us(percent) {
                    let (quantile, seconds) = (percent / 100.0, milliseconds(us) / 1000.0);
                    let _ = writeln!(
                        text,
                        "smoke_load_{name}_seconds{{{label},quantile=\"{quantile}\"}} {seconds}"
                    );
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a sum of latencies needs no more than 52 bits")]
            let sum = latency.mean_us().unwrap_or_default() * latency.count() as f64 / 1e6;
            let _ = writeln!(text, "smoke_load_{name}_seconds_sum{{{label}}} {sum}");
            let _ = writeln!(text, "smoke_load_{name}_seconds_count{{{label}}} {}", latency.count());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        assert_eq!("json".parse(), Ok(OutSpec::Json(None)));
        assert_eq!("csv=a=b.csv".parse(), Ok(OutSpec::Csv(Some("a=b.csv".into()))));
        assert_eq!("prometheus=x.prom".parse(), Ok(OutSpec::Prometheus("x.prom".into())));
        for wrong in ["", "json=", "prometheus", "influx", "JSON"] {
            assert!(wrong.parse::<OutSpec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn stdout_takes_one_thing() {
        let open =
            |specs: &[OutSpec], taken| Outs::open(specs, taken, LoadShard { index: 0, count: 1 }).is_ok();
        assert!(open(&[OutSpec::Json(None)], false));
        assert!(!open(&[OutSpec::Json(None), OutSpec::Csv(None)], false));
        assert!(!open(&[OutSpec::Json(None)], true));
    }
}
