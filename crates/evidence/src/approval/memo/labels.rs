//! What a label of a memo means, as a key of the artifacts.

/// What a figure is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// ms.
    Latency,
    /// Percent.
    Share,
    /// A whole number.
    Count,
}

/// The artifact's key for a label, and its unit; `None` for a label that means nothing here.
pub(super) fn key(label: &str) -> Option<(&'static str, Unit)> {
    let lower = label.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let any = |names: &[&str]| words.iter().any(|w| names.contains(w));
    let rate = any(&["rate", "share", "percentage"]);
    // A target, or a figure of something else than deliveries.
    if any(&[
        "target",
        "threshold",
        "rollback",
        "lost",
        "late",
        "probes",
        "step",
        "steps",
        "driven",
        "duplicate",
    ]) || words.len() > 6
    {
        return None;
    }
    let latency = [
        (["p50", "median"], "p50_latency_ms"),
        (["p95", "95th"], "p95_latency_ms"),
        (["p99", "99th"], "p99_latency_ms"),
    ];
    if let Some((_, key)) = latency.iter().find(|(names, _)| any(names)) {
        return Some((key, Unit::Latency));
    }
    if any(&["latency", "duration", "time"]) {
        let extremes = [
            (["max", "maximum", "slowest"], "max_latency_ms"),
            (["min", "minimum", "fastest"], "min_latency_ms"),
            (["avg", "average", "mean"], "avg_latency_ms"),
        ];
        let found = extremes.iter().find(|(names, _)| any(names));
        return found.map(|(_, key)| (*key, Unit::Latency));
    }
    let shares: [(bool, &str); 4] = [
        (any(&["success"]), "success_rate"),
        (any(&["retry", "retried", "retries"]), "retry_rate"),
        (any(&["4xx", "client"]), "client_error_rate"),
        (any(&["5xx", "server"]), "server_error_rate"),
    ];
    if let Some((_, key)) = shares.iter().find(|(is, _)| *is && rate) {
        return Some((key, Unit::Share));
    }
    if any(&["hmac", "signature", "signatures"]) && !any(&["invalid", "failed", "failures"]) {
        return Some(("signatures_valid_percent", Unit::Share));
    }
    if any(&["pii"]) || (any(&["personal"]) && any(&["data"])) {
        return Some(("findings_total", Unit::Count));
    }
    count(&words, rate).map(|key| (key, Unit::Count))
}

fn count(words: &[&str], rate: bool) -> Option<&'static str> {
    let any = |names: &[&str]| words.iter().any(|w| names.contains(w));
    let alone = words.len() == 1;
    if rate || any(&["injected", "attempts", "per", "4xx", "5xx", "http"]) {
        return None;
    }
    if words == ["not", "accepted"] {
        return Some("webhooks_failed");
    }
    if any(&["samples"]) {
        return Some("samples");
    }
    if !alone && !any(&["webhooks", "deliveries", "webhook", "events"]) {
        return None;
    }
    let names: [(&[&str], &str); 5] = [
        (&["failed", "failures", "unsuccessful"], "webhooks_failed"),
        (&["successful", "succeeded", "accepted", "delivered", "success"], "webhooks_success"),
        (&["due", "triggered", "expected"], "events_triggered"),
        (&["retried"], "webhooks_retried"),
        (&["sent", "total", "arrived", "received"], "webhooks_sent"),
    ];
    let found = names.iter().find(|(names, _)| any(names))?;
    // `Total` alone may be a total of anything.
    (!alone || found.1 != "webhooks_sent").then_some(found.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_labels_are_known() {
        let of = |label| key(label).map(|(key, _)| key);
        assert_eq!(of("Success Rate"), Some("success_rate"));
        assert_eq!(of("P95 Latency (ms)"), Some("p95_latency_ms"));
        assert_eq!(of("Maximum latency"), Some("max_latency_ms"));
        assert_eq!(of("Webhooks sent"), Some("webhooks_sent"));
        assert_eq!(of("webhooks arrived"), Some("webhooks_sent"));
        assert_eq!(of("Successful"), Some("webhooks_success"));
        assert_eq!(of("not accepted"), Some("webhooks_failed"));
        assert_eq!(of("Retry Rate"), Some("retry_rate"));
        assert_eq!(of("HMAC Verification"), Some("signatures_valid_percent"));
        assert_eq!(of("PII Leaks"), Some("findings_total"));
        for other in
            ["Retry Behavior", "Verdict", "Delivery time", "probes of the receiver", "4xx Handling", "Total"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
