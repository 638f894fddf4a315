//! The standard variables of OpenTelemetry, as far as they say where traces and metrics go. Without an endpoint there is no telemetry.
//! A mistake in them is a warning: telemetry decides nothing.

use crate::model::Attributes;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::time::Duration;

/// Where OTLP/HTTP goes when it is asked for by name only (OTLP exporter specification).
const USUAL_ENDPOINT: &str = "http://localhost:4318";
/// `OTEL_EXPORTER_OTLP_TIMEOUT` unless it is set.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// `OTEL_METRIC_EXPORT_INTERVAL` unless it is set.
const USUAL_INTERVAL: Duration = Duration::from_secs(60);
/// Attributes and headers that are read of one variable: more is a mistake.
const MOST: usize = 128;

/// What a variable holds.
type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where telemetry goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where traces go; `None`: nowhere.
    pub traces: Option<Endpoint>,
    /// Where metrics go; `None`: nowhere.
    pub metrics: Option<Endpoint>,
    /// Who sends it: `service.name` and what `OTEL_RESOURCE_ATTRIBUTES` adds.
    pub resource: Attributes,
    /// How often a process that goes on sends its metrics.
    pub interval: Duration,
    /// What is wrong with the variables, a sentence each; without any value of a header.
    pub warnings: Vec<String>,
}

/// Where one signal goes.
#[derive(Clone)]
pub struct Endpoint {
    /// The URL that is posted to.
    pub url: String,
    /// Headers that are sent along, often with a token.
    pub headers: Vec<(String, String)>,
    /// How long an export may take, tries and pauses together.
    pub timeout: Duration,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({} headers)", self.headers.len())
    }
}

impl Settings {
    /// The settings of these variables.
    #[must_use]
    pub fn new(env: Env<'_>, version: &str) -> Self {
        let env =
            &|name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut settings = Self {
            traces: None,
            metrics: None,
            resource: Vec::new(),
            interval: USUAL_INTERVAL,
            warnings: Vec::new(),
        };
        if env("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return settings;
        }
        settings.traces = settings.endpoint(env, "TRACES");
        settings.metrics = settings.endpoint(env, "METRICS");
        if settings.traces.is_none() && settings.metrics.is_none() {
            return settings;
        }
        settings.interval = settings.millis(env, "OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(USUAL_INTERVAL);
        settings.resource = settings.resource(env, version);
        for unused in ["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] {
            if env(unused).is_some() {
                settings.warnings.push(format!("{unused} is not used: the system's certificates are"));
            }
        }
        settings
    }

    /// Where a signal goes: its own variable, which is taken as it is, before the one for all, which gets the usual path.
    fn endpoint(&mut self, env: Env<'_>, signal: &str) -> Option<Endpoint> {
        let exporter = format!("OTEL_{signal}_EXPORTER");
        let wanted = match env(&exporter).as_deref() {
            None => false,
            Some("otlp") => true,
            Some("none") => return None,
            Some(other) => {
                let other: String = other.chars().take(40).filter(|c| !c.is_control()).collect();
                self.warnings.push(format!(
                    "{exporter}={other}: smoke supports `otlp` and `none`; nothing is exported"
                ));
                return None;
            }
        };
        let of_signal = |what: &str| {
            let own = format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
            env(&own).map(|value| (own, value)).or_else(|| {
                let all = format!("OTEL_EXPORTER_OTLP_{what}");
                env(&all).map(|value| (all, value))
            })
        };
        let base = env("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| wanted.then(|| USUAL_ENDPOINT.to_owned()));
        let path = signal.to_ascii_lowercase();
        let below = base.map(|base| below(&base, &format!("v1/{path}")));
        let url = env(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")).or(below)?;
        if let Some((name, protocol)) = of_signal("PROTOCOL")
            && protocol != "http/json"
        {
            let grpc = protocol == "grpc";
            let what = if grpc {
                "nothing is exported; give the collector's OTLP/HTTP port (4318) and http/json"
            } else {
                "sending http/json, which every OTLP/HTTP receiver must accept"
            };
            self.warnings.push(format!("{name} asks for another protocol than http/json: {what}"));
            if grpc {
                return None;
            }
        }
        let headers = of_signal("HEADERS").map_or_else(Vec::new, |(name, text)| self.pairs(&name, &text));
        let timeout =
            of_signal("TIMEOUT").and_then(|(name, _)| self.millis(env, &name)).unwrap_or(USUAL_TIMEOUT);
        Some(Endpoint { url, headers, timeout })
    }

    fn resource(&mut self, env: Env<'_>, version: &str) -> Attributes {
        const GIVEN: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let mut given = env(GIVEN).map_or_else(Vec::new, |text| self.pairs(GIVEN, &text));
        let usual = [
            ("service.name", env("OTEL_SERVICE_NAME").unwrap_or_else(|| "smoke".to_owned())),
            ("service.version", version.to_owned()),
            ("telemetry.sdk.name", "smoke".to_owned()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.version", version.to_owned()),
        ];
        // OTEL_SERVICE_NAME goes before what is in OTEL_RESOURCE_ATTRIBUTES; the rest of the usual ones does not.
        let named = env("OTEL_SERVICE_NAME").is_some();
        given.retain(|(name, _)| !(named && name == "service.name"));
        for (name, value) in usual {
            if !given.iter().any(|(known, _)| known == name) {
                given.push((name.to_owned(), value));
            }
        }
        given.into_iter().map(|(name, value)| (name, value.into())).collect()
    }

    /// `name=value,…`, values percent-encoded (W3C Baggage), as both headers and attributes are written.
    fn pairs(&mut self, variable: &str, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (number, part) in text.split(',').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty())
        {
            let pair = part.split_once('=').and_then(|(name, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                let name = percent_decode_str(name.trim()).decode_utf8().ok()?;
                (!name.is_empty()).then(|| (name.into_owned(), value.into_owned()))
            });
            match pair {
                Some(pair) if pairs.len() < MOST => pairs.push(pair),
                _ => {
                    self.warnings
                        .push(format!("{variable}: part {} is not NAME=VALUE; left out", number + 1));
                }
            }
        }
        pairs
    }

    fn millis(&mut self, env: Env<'_>, name: &str) -> Option<Duration> {
        let text = env(name)?;
        let millis = text.parse::<u64>().ok().filter(|ms| (1..=3_600_000).contains(ms));
        if millis.is_none() {
            self.warnings
                .push(format!("{name}: not a number of milliseconds from 1 to 3600000; using the default"));
        }
        millis.map(Duration::from_millis)
    }
}

/// A base URL with its path extended; what it asks for besides (`?key=…`) stays behind the path.
fn below(base: &str, path: &str) -> String {
    let (place, rest) = base.split_at(base.find(['?', '#']).unwrap_or(base.len()));
    format!("{}/{path}{rest}", place.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Settings::new(&get, "0.1.0")
    }

    fn urls(settings: &Settings) -> [Option<&str>; 2] {
        [&settings.traces, &settings.metrics].map(|e| e.as_ref().map(|e| e.url.as_str()))
    }

    #[test]
    fn nothing_is_exported_unless_it_is_asked_for() {
        assert_eq!(urls(&settings(&[])), [None, None]);
        assert_eq!(urls(&settings(&[("OTEL_SERVICE_NAME", "x")])), [None, None]);
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        assert_eq!(urls(&settings(&[base, ("OTEL_SDK_DISABLED", "TRUE")])), [None, None]);
        assert_eq!(
            urls(&settings(&[base, ("OTEL_TRACES_EXPORTER", "none")])),
            [None, Some("http://c:4318/v1/metrics")]
        );
        let wrong = settings(&[base, ("OTEL_TRACES_EXPORTER", "zipkin")]);
        assert_eq!(urls(&wrong)[0], None);
        assert!(wrong.warnings[0].contains("OTEL_TRACES_EXPORTER=zipkin"), "{:?}", wrong.warnings);
        let grpc = settings(&[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert_eq!(urls(&grpc), [None, None]);
        assert!(grpc.warnings[0].contains("4318"), "{:?}", grpc.warnings);
    }

    #[test]
    fn endpoints_are_the_specifications() {
        let both = settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example.com/otlp")]);
        let expected = ["https://c.example.com/otlp/v1/traces", "https://c.example.com/otlp/v1/metrics"];
        assert_eq!(urls(&both), expected.map(Some));
        for (base, traces) in [
            ("http://h/base?key=K", "http://h/base/v1/traces?key=K"),
            ("http://h/?key=a/", "http://h/v1/traces?key=a/"),
            ("http://h?key=K", "http://h/v1/traces?key=K"),
        ] {
            let asked = settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", base)]);
            assert_eq!(urls(&asked)[0], Some(traces));
        }
        let own = settings(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/x")]);
        assert_eq!(urls(&own), [Some("http://t/x"), None]);
        let named = settings(&[("OTEL_METRICS_EXPORTER", "otlp")]);
        assert_eq!(urls(&named), [None, Some("http://localhost:4318/v1/metrics")]);
    }

    #[test]
    fn headers_and_attributes_are_decoded_and_headers_are_never_shown() {
        let got = settings(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%20x, authorization=Bearer%20abc,broken"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "only=m"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_SERVICE_NAME", "checkout smoke"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=staging%2C1"),
        ]);
        let traces = got.traces.as_ref().unwrap();
        assert_eq!(traces.headers[0], ("api-key".to_owned(), "s3cret x".to_owned()));
        assert_eq!(traces.headers[1].1, "Bearer abc");
        assert_eq!(traces.timeout, Duration::from_millis(2500));
        assert_eq!(got.metrics.as_ref().unwrap().headers, [("only".to_owned(), "m".to_owned())]);
        let of = |name: &str| got.resource.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        assert_eq!(of("service.name"), Some("checkout smoke".into()));
        assert_eq!(of("deployment.environment.name"), Some("staging,1".into()));
        assert_eq!(of("service.version"), Some("0.1.0".into()));
        assert!(got.warnings.iter().any(|w| w.contains("part 3")), "{:?}", got.warnings);
        assert!(!format!("{got:?}").contains("s3cret"), "a header's value is shown");
    }
}
