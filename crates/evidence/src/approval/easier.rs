//! Which gates let more pass than the guide's, and what of the retry contract is not as the sender's profile says.
//!
//! Every field of the gates is answered here, and a new one has to be: the patterns have no `..`.

use crate::gate::{BreakerGate, Gates, LoadGate, PromoteGate, RetryGate, RollbackGate};
use record::{Header, RunKind, SenderProfile};
use serde_json::Value;

/// A gate by its key in the file, and in how far it is easier.
pub(super) type Easier = (&'static str, String);

/// Which way a limit gets easier.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

use Way::{Down, Up};

/// Holds the limits of one struct of gates against the guide's. The pattern that it makes has no `..`: each field is a limit, or
/// stands among those that are `judged` elsewhere or that the guide leaves `off`, which cannot be easier but only stricter.
macro_rules! limits {
    ($found:ident, $of:ident $prefix:literal $ran:expr, $guide:expr; Up: $($up:ident)*; Down: $($down:ident)*;
     judged: $($judged:ident)*; off: $($off:ident)*) => {
        let $of { $($up,)* $($down,)* $($judged: _,)* $($off: _),* } = $ran;
        $($found.limit(concat!($prefix, stringify!($up)), Up, $up.figure(), $guide.$up.figure());)*
        $($found.limit(concat!($prefix, stringify!($down)), Down, $down.figure(), $guide.$down.figure());)*
    };
}

/// The gates of a run that let more pass than the guide's; of its retry contract, more than the profile of its sender, or what is another.
pub(super) fn easier(ran: &Gates, header: &Header) -> Vec<Easier> {
    let guide = Gates::default();
    let mut found = Found::default();
    limits!(found, Gates "" ran, guide;
        Up: retry_rate_below_percent client_error_rate_below_percent server_error_rate_below_percent latency_p50_below_ms
            latency_p95_below_ms pii_leaks_max lost_max late_max duplicates_max unexpected_max failed_steps_max log_errors_max
            log_lost_max;
        Down: success_rate_min_percent signatures_valid_min_percent min_samples;
        judged: load retry_contract rollback promote;
        off: api_pii_leaks_max confidence_percent);
    limits!(found, LoadGate "load." &ran.load, guide.load; Up: lag_p99_below_ms; Down: ; judged: ; off: latency_p99_below_ms);
    limits!(found, PromoteGate "promote." &ran.promote, guide.promote; Up: ; Down: hours proves_percent; judged: ; off: );
    limits!(found, RollbackGate "rollback." &ran.rollback, guide.rollback;
        Up: for_minutes pii_above signature_failures_above_percent signature_failures_min_attempts unreachable_probes;
        Down: success_rate_below_percent;
        judged: ;
        off: latency_p95_above_ms latency_for_minutes server_error_rate_above_percent server_error_for_minutes
            breaker_openings_above);
    match &ran.retry_contract {
        None => found.off("retry_contract"),
        // Where smoke is the sender nobody's contract is judged.
        Some(_) if super::admissibility::smoke_sent(header) => {}
        Some(gate) => found.retry(gate, header.sender.as_deref().unwrap_or(SenderProfile::usual())),
    }
    found.0.retain(|(key, _)| is_asked_of(key, header.kind));
    found.0
}

/// Whether runs of a kind are judged by a gate at all: windows alone roll back and read logs, loads alone have a generator.
fn is_asked_of(key: &str, kind: RunKind) -> bool {
    let begins = |all: &[&str]| all.iter().any(|front| key.starts_with(front));
    match kind {
        RunKind::Observe => !begins(&["load."]),
        RunKind::Load => !begins(&["rollback.", "promote.", "log_"]),
        RunKind::Run | RunKind::Receive | RunKind::Probe => {
            !begins(&["load.", "rollback.", "promote.", "log_"])
        }
    }
}

#[derive(Default)]
struct Found(Vec<Easier>);

impl Found {
    fn off(&mut self, key: &'static str) {
        self.0.push((key, "is switched off".to_owned()));
    }

    #[inline(never)]
    fn limit(&mut self, key: &'static str, way: Way, ran: Option<f64>, guide: Option<f64>) {
        let Some(guide) = guide else { return };
        let Some(ran) = ran else { return self.off(key) };
        let is_as_strict = match way {
            Up => ran <= guide,
            Down => ran >= guide,
        };
        if !is_as_strict {
            self.0.push((key, format!("is {ran}, the guide's {guide}")));
        }
    }

    /// A tolerance has a direction. What else the gates say of a sender is its own affair where it is another sender: then its profile
    /// says so, and gates that say otherwise judge by something that nobody promised.
    fn retry(&mut self, gate: &RetryGate, profile: &SenderProfile) {
        let promised = profile.contract();
        let judged = gate.over(promised.clone(), None);
        let RetryGate {
            early_ms: _,
            late_ms: _,
            backoff_ms: _,
            identity: _,
            throttled: _,
            retry_after: _,
            breaker,
        } = gate;
        let BreakerGate { failures: _, window_ms: _, open_ms: _ } = breaker;
        let is = |ran: String, profile_s: String| {
            format!("is {ran}, the profile {} says {profile_s}", profile.name)
        };
        let tolerances = [
            ("retry_contract.early_ms", judged.early_ms, promised.early_ms),
            ("retry_contract.late_ms", judged.late_ms, promised.late_ms),
        ];
        for (key, ran, own) in tolerances.into_iter().filter(|(_, ran, own)| ran > own) {
            self.0.push((key, is(ran.to_string(), own.to_string())));
        }
        let [judged, promised] =
            [&judged, &promised].map(|one| serde_json::to_value(one).unwrap_or_default());
        for (key, pointer) in DECLARED {
            let word = |of: &Value| of.pointer(pointer).map(|value| value.to_string().replace('"', ""));
            if let (Some(ran), Some(own)) = (word(&judged), word(&promised))
                && ran != own
            {
                self.0.push((key, is(ran, own)));
            }
        }
    }
}

/// What the gates may say of a sender in place of its profile, by its key there and its place in the contract.
const DECLARED: [(&str, &str); 7] = [
    ("retry_contract.backoff_ms", "/backoff_ms"),
    ("retry_contract.identity", "/identity"),
    ("retry_contract.throttled", "/throttled"),
    ("retry_contract.retry_after", "/retry_after"),
    ("retry_contract.breaker.failures", "/breaker/failures"),
    ("retry_contract.breaker.window_ms", "/breaker/window_ms"),
    ("retry_contract.breaker.open_ms", "/breaker/open_ms"),
];

/// The names of all criteria, which are their keys in a gates file.
pub(super) fn criteria_names() -> Vec<String> {
    fn of(value: &Value, before: &str, names: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            let name = format!("{before}{key}");
            of(value, &format!("{name}."), names);
            names.push(name);
        }
    }
    let mut names: Vec<String> = DECLARED.iter().map(|(name, _)| (*name).to_owned()).collect();
    of(&serde_json::to_value(Gates::default()).unwrap_or_default(), "", &mut names);
    names.sort();
    names.dedup();
    names
}

/// A limit as a number; `None` where it is switched off.
trait Figure {
    fn figure(self) -> Option<f64>;
}

impl Figure for f64 {
    fn figure(self) -> Option<f64> {
        Some(self)
    }
}

impl Figure for u32 {
    fn figure(self) -> Option<f64> {
        Some(self.into())
    }
}

impl Figure for u64 {
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
    fn figure(self) -> Option<f64> {
        Some(self as f64)
    }
}

impl<T: Figure> Figure for Option<T> {
    fn figure(self) -> Option<f64> {
        self.and_then(T::figure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: RunKind) -> Header {
        Header::new(kind, "2026-09-30T12:00:00Z".parse().unwrap()).unwrap()
    }

    fn of_kind(kind: RunKind, text: &str) -> Vec<&'static str> {
        easier(&Gates::parse(text).unwrap(), &header(kind)).iter().map(|(name, _)| *name).collect()
    }

    /// Of a load where the gate is about its generator, else of a window.
    fn of(text: &str) -> Vec<&'static str> {
        let kind = if text.starts_with("load:") { RunKind::Load } else { RunKind::Observe };
        of_kind(kind, text)
    }

    #[test]
    fn gates_by_which_nothing_was_judged_are_not_easier() {
        let all = "log_errors_max: null\nload: { lag_p99_below_ms: 100000 }\nrollback: { pii_above: null }\nlost_max: 1";
        assert_eq!(of_kind(RunKind::Run, all), ["lost_max"]);
        assert_eq!(of_kind(RunKind::Load, all), ["lost_max", "load.lag_p99_below_ms"]);
        assert_eq!(of_kind(RunKind::Observe, all), ["lost_max", "log_errors_max", "rollback.pii_above"]);
    }

    #[test]
    fn gates_are_held_against_the_guides() {
        assert!(of("{}").is_empty());
        assert_eq!(of("pii_leaks_max: null\nsuccess_rate_min_percent: 99"), ["pii_leaks_max"]);
        assert_eq!(
            of("success_rate_min_percent: 50\nretry_contract: null"),
            ["success_rate_min_percent", "retry_contract"]
        );
        assert_eq!(of("latency_p95_below_ms: 9000"), ["latency_p95_below_ms"]);
    }

    #[test]
    fn each_limit_is_held_against_the_guides() {
        for (text, key) in [
            ("log_errors_max: null", "log_errors_max"),
            ("log_lost_max: 3", "log_lost_max"),
            ("min_samples: 0", "min_samples"),
            ("load: { lag_p99_below_ms: 100000 }", "load.lag_p99_below_ms"),
            ("promote: { hours: 1 }", "promote.hours"),
            ("rollback: { success_rate_below_percent: 0 }", "rollback.success_rate_below_percent"),
            ("rollback: { for_minutes: 6 }", "rollback.for_minutes"),
            ("rollback: { pii_above: null }", "rollback.pii_above"),
            (
                "rollback: { signature_failures_above_percent: 100 }",
                "rollback.signature_failures_above_percent",
            ),
            ("rollback: { signature_failures_min_attempts: 21 }", "rollback.signature_failures_min_attempts"),
            ("rollback: { unreachable_probes: 1000000 }", "rollback.unreachable_probes"),
            ("retry_contract: { early_ms: 500 }", "retry_contract.early_ms"),
            ("retry_contract: { late_ms: 501 }", "retry_contract.late_ms"),
            ("retry_contract: { backoff_ms: [0, 0, 0] }", "retry_contract.backoff_ms"),
            ("retry_contract: { identity: timestamp_per_attempt }", "retry_contract.identity"),
            ("retry_contract: { throttled: retry }", "retry_contract.throttled"),
            ("retry_contract: { retry_after: honour }", "retry_contract.retry_after"),
            ("retry_contract: { breaker: { failures: 1000000 } }", "retry_contract.breaker.failures"),
            ("retry_contract: { breaker: { open_ms: 1 } }", "retry_contract.breaker.open_ms"),
        ] {
            assert_eq!(of(text), [key], "{text}");
        }
    }

    #[test]
    fn stricter_gates_and_those_that_the_guide_leaves_off_are_not_easier() {
        for text in [
            "lost_max: 0\nmin_samples: 50\nconfidence_percent: 95\napi_pii_leaks_max: 7",
            "load: { lag_p99_below_ms: 5, latency_p99_below_ms: 1 }\npromote: { hours: 48 }",
            "rollback: { latency_p95_above_ms: 1, latency_for_minutes: 99, success_rate_below_percent: 99 }",
            "retry_contract: { early_ms: 10, late_ms: 100, backoff_ms: [0, 2000, 4000] }",
        ] {
            assert!(of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_contract_is_held_against_the_profile_of_its_sender() {
        let gates = Gates::parse("retry_contract: { throttled: retry }").unwrap();
        let mut header = header(RunKind::Run);
        let (key, what) = easier(&gates, &header).remove(0);
        let usual = &SenderProfile::usual().name;
        assert_eq!(
            (key, what),
            ("retry_contract.throttled", format!("is retry, the profile {usual} says abort"))
        );
        // A sender that promises it, by its profile, is judged by its own word.
        let mut profile = SenderProfile::usual().clone();
        profile.retry.retry = record::StatusSet::range(429, 429);
        header.sender = Some(Box::new(profile));
        assert_eq!(easier(&gates, &header), []);
        // Where smoke was the sender nobody is judged by it.
        assert_eq!(easier(&gates, &self::header(RunKind::Probe)), []);
    }
}
