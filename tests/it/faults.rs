//! `--inject`: what is broken on purpose, what the sender does about it, and which gate says so.

use crate::harness::{Ran, Smoke};
use serde_json::Value;

/// The contract with short pauses, which the stand-in keeps as well.
const QUICK: &str = "retry_contract:\n  backoff_ms: [0, 200, 400]\n  late_ms: 400\n  \
                     breaker: { failures: 5, window_ms: 20000, open_ms: 1500 }\n";

fn quick(args: &[&str]) -> Smoke {
    let smoke = Smoke::new("payments").file("gates.yaml", QUICK).env("WEBHOOK_TIMEOUT", "0.5");
    smoke.args(&["--quiet", "--gates", "gates.yaml"]).args(args)
}

fn injected(ran: &Ran) -> Value {
    ran.artifact("payments")["fault_injection"].clone()
}

/// The statuses and faults of the attempts of each injected delivery.
fn attempts(ran: &Ran) -> Vec<Vec<(Option<u64>, Option<String>)>> {
    let section = injected(ran);
    let deliveries = section["deliveries"].as_array().expect("deliveries");
    let of = |d: &Value| {
        let attempts = d["attempts"].as_array().expect("attempts").iter();
        attempts.map(|a| (a["status"].as_u64(), a["fault"].as_str().map(str::to_owned))).collect()
    };
    deliveries.iter().map(of).collect()
}

#[test]
fn every_attempt_of_every_fault_is_played_recorded_and_recovered_from() {
    let faults = [
        "503x2@1",
        "reset@2",
        "reset-after-head@3",
        "close@4",
        "truncate@5",
        "garbage@6",
        "hang@7",
        "drip=40/s@8",
        "302@9",
        "delay=700ms@10",
        "answer=206@11",
        "delay=50ms@12",
    ];
    let mut smoke = quick(&["--flows", "13"]);
    for fault in faults {
        smoke = smoke.args(&["--inject", fault]);
    }
    let ran = smoke.run().exits(0);
    let seen = attempts(&ran);
    assert_eq!(seen.len(), faults.len());
    let fault = |text: &str| Some(text.to_owned());
    for attempts in &seen {
        assert_eq!(attempts.last().and_then(|a| a.0).map(|s| s / 100), Some(2), "{attempts:?}");
        match attempts[0].1.as_deref().expect("a fault") {
            "503" => assert_eq!(attempts[..2], [(Some(503), fault("503")), (Some(503), fault("503"))]),
            "302" => assert_eq!(attempts[..1], [(Some(302), fault("302"))]),
            "answer=206" => assert_eq!(attempts[..], [(Some(206), fault("answer=206"))]),
            "delay=50ms" => assert_eq!(attempts[..], [(Some(200), fault("delay=50ms"))]),
            _ => assert_eq!((attempts.len(), attempts[0].0), (2, None), "{attempts:?}"),
        }
    }
    for gate in [
        "retry_schedule",
        "retry_attempts",
        "retry_identity",
        "redirects",
        "success_accepted",
        "attempt_deadline",
    ] {
        assert_eq!(ran.gate("payments", gate), "pass", "{gate}");
    }
    assert_eq!(ran.gate("payments", "success_rate"), "pass");
    let outcomes = &ran.artifact("payments")["outcomes"];
    assert_eq!(
        (&outcomes["organic"]["deliveries"], &outcomes["injected"]["deliveries"]),
        (&3.into(), &10.into()),
        "a delay within the time-out and another 2xx fail no attempt"
    );
}

#[test]
fn the_guide_s_rates_are_judged_on_organic_deliveries() {
    let ran = quick(&["--inject", "503x2"]).run().exits(3);
    for gate in ["success_rate", "retry_rate", "server_error_rate", "latency_p95"] {
        assert_eq!(ran.gate("payments", gate), "unproven", "{gate}");
    }
    let artifact = ran.artifact("payments");
    let checks = artifact["acceptance_gates"]["checks"].as_array().expect("checks");
    let success = checks.iter().find(|c| c["id"] == "success_rate").expect("a check");
    assert!(success["text"].as_str().expect("text").starts_with("every delivery was broken on purpose"));
    assert_eq!(ran.gate("payments", "retry_schedule"), "pass");

    let ran = quick(&["--inject", "503x2@20%", "--seed", "7"]).run().exits(0);
    assert_eq!(injected(&ran)["total"], 2);
    for gate in ["success_rate", "retry_rate", "server_error_rate", "latency_p95"] {
        assert_eq!(ran.gate("payments", gate), "pass", "{gate}");
    }
}

/// Slow answers of our own turn no gate off, and are not held against the sender.
#[test]
fn a_delay_on_everything_leaves_rates_and_latencies_judged() {
    let ran = quick(&["--inject", "delay=300ms", "--flows", "3"]).run().exits(0);
    for gate in ["success_rate", "latency_p50", "latency_p95", "retry_rate"] {
        assert_eq!(ran.gate("payments", gate), "pass", "{gate}");
    }
    let artifact = ran.artifact("payments");
    assert_eq!(artifact["outcomes"]["organic"]["deliveries"], 3);
    assert_eq!(artifact["fault_injection"]["total"], 3, "they are listed all the same");
    assert!(artifact["performance_metrics"]["p95_latency_ms"].as_f64().expect("a figure") < 300.0);
}

#[test]
fn nothing_injected_is_not_exercised_and_does_not_touch_the_verdict() {
    let ran = quick(&[]).run().exits(0);
    for gate in [
        "retry_schedule",
        "retry_attempts",
        "client_error_abort",
        "throttle_policy",
        "retry_identity",
        "circuit_breaker",
    ] {
        assert_eq!(ran.gate("payments", gate), "not_exercised", "{gate}");
    }
}

#[test]
fn a_4xx_ends_a_delivery_and_retries_run_out() {
    let ran = quick(&["--inject", "400@3", "--inject", "429@4", "--inject", "503x*@5"]).run().exits(0);
    let fates: Vec<String> = injected(&ran)["deliveries"]
        .as_array()
        .expect("deliveries")
        .iter()
        .map(|d| {
            format!(
                "{} {}",
                d["fate"].as_str().expect("a fate"),
                d["attempts"].as_array().expect("attempts").len()
            )
        })
        .collect();
    assert_eq!(fates, ["aborted 1", "aborted 1", "exhausted 3"]);
    assert_eq!(ran.gate("payments", "client_error_abort"), "pass");
    assert_eq!(ran.gate("payments", "throttle_policy"), "pass");
    assert_eq!(ran.gate("payments", "retry_attempts"), "pass");
    let log = injected(&ran)["deliveries"][2]["log"].to_string();
    assert!(log.contains("payment_verified attempt 3/3: answered 503 (injected 503)"), "{log}");
}

/// Runs a misbehaviour with faults that show it; the gate must fail and say what it saw.
fn shows(kind: &str, faults: &[&str], gate: &str, says: &str) {
    let mut smoke = quick(&["--flows", "4", "--misbehave", kind]);
    for fault in faults {
        smoke = smoke.args(&["--inject", fault]);
    }
    let ran = smoke.run().exits(1);
    let artifact = ran.artifact("payments");
    let checks = artifact["acceptance_gates"]["checks"].as_array().expect("checks");
    let check = checks.iter().find(|c| c["id"] == gate).unwrap_or_else(|| panic!("no gate {gate}"));
    assert_eq!(check["verdict"], "fail", "{kind}: {check}\n{}", ran.stdout);
    let text = check["text"].as_str().expect("text");
    assert!(text.contains(says), "{kind}: {text}");
}

#[test]
fn giving_up_early_or_late_fails_the_attempts() {
    shows("no-retry", &["503"], "retry_attempts", "1 of 3 attempts, then silence after 503");
    shows("too-many-retries", &["503x*"], "retry_attempts", "4 attempts, 3 declared");
    let unanswered = "delivery 2: 1 of 3 attempts, then silence after an attempt without a whole response";
    shows("no-retry-on-reset", &["reset@2"], "retry_attempts", unanswered);
    shows(
        "broken-as-success",
        &["truncate@2"],
        "retry_attempts",
        "delivery 2: 1 of 3 attempts, then silence",
    );
    let told = "smoke was told 3 attempts (WEBHOOK_MAX_RETRIES, or backoff_ms in the gates)";
    shows("no-retry", &["503"], "retry_attempts", told);
    let others = "other deliveries kept to it, so it may be about what this one was answered with";
    shows("no-retry-on-reset", &["reset@2", "503@3"], "retry_attempts", others);
}

#[test]
fn a_schedule_that_is_not_kept_fails() {
    shows("wrong-backoff", &["503x2"], "retry_schedule", "before attempt 2, not 0.2");
}

#[test]
fn a_retried_4xx_fails() {
    shows("retry-4xx", &["400@1"], "client_error_abort", "delivery 1: retried after 400");
    shows("retry-4xx", &["429@1"], "throttle_policy", "delivery 1: retried after 429");
    // That is about this clause alone, and was watched for long enough.
    let args = ["--flows", "4", "--misbehave", "retry-4xx", "--inject", "429@1"];
    assert_eq!(quick(&args).run().exits(1).gate("payments", "client_error_abort"), "not_exercised");
}

#[test]
fn a_retry_that_is_another_webhook_fails() {
    shows("new-id-per-retry", &["503@1"], "retry_identity", "delivery 1: id changed between attempts");
    shows("new-timestamp-per-retry", &["503"], "retry_identity", "timestamp changed between attempts");
    shows("wrong-secret-on-retry", &["503"], "retry_identity", "signature headers changed between attempts");
}

#[test]
fn a_followed_redirect_fails() {
    for status in ["301", "302", "303", "307", "308"] {
        let fault = format!("{status}@1");
        shows("follow-redirects", &[&fault], "redirects", "delivery 1: followed a redirect");
    }
}

#[test]
fn a_2xx_that_does_not_count_and_a_200_that_counts_too_late_fail() {
    shows("narrow-success", &["answer=206@1"], "success_accepted", "delivery 1: retried after 206");
    shows("accept-late", &["drip=40/s@1"], "attempt_deadline", "delivery 1: an attempt lasted 2.");
    let of_reads = "a time-out of each read, as that of Python's requests, does not limit the attempt in all";
    shows("accept-late", &["drip=40/s@1"], "attempt_deadline", of_reads);
}

/// A sender with another time-out than the one that smoke was told: neither limit passes, and each is a line of its own.
#[test]
fn a_time_out_that_is_not_the_declared_one_fails() {
    let given_up = "delivery 1: gave up after 0.2";
    shows("short-timeout", &["hang@1"], "read_timeout", given_up);
    shows("short-timeout", &["hang@1"], "read_timeout", "smoke was told 0.5 s (WEBHOOK_TIMEOUT)");
    shows("short-timeout", &["drip=40/s@1"], "attempt_deadline", given_up);
}

#[test]
fn a_hang_proves_the_limit_of_each_read_and_a_drip_that_of_the_attempt() {
    let of = |fault: &str, more: &[&str]| {
        let ran = quick(&["--flows", "4", "--inject", fault]).args(more).run();
        (ran.gate("payments", "read_timeout"), ran.gate("payments", "attempt_deadline"))
    };
    let (pass, none) = ("pass".to_owned(), "not_exercised".to_owned());
    assert_eq!(of("hang@1", &[]), (pass.clone(), none.clone()));
    assert_eq!(of("drip=40/s@1", &[]), (none.clone(), pass.clone()));
    // The real sender limits each read only.
    assert_eq!(of("hang@1", &["--misbehave", "accept-late"]), (pass, none.clone()));
    assert_eq!(of("drip=40/s@1", &["--misbehave", "accept-late"]), (none, "fail".to_owned()));
}

#[test]
fn an_identity_policy_of_standard_webhooks_can_be_declared() {
    let gates = format!("{QUICK}  identity: timestamp_per_attempt\n");
    let run = |kind: &[&str], code| {
        let smoke = Smoke::new("payments").file("gates.yaml", &gates).args(kind);
        let ran = smoke
            .args(&["--quiet", "--flows", "2", "--gates", "gates.yaml", "--inject", "503"])
            .run()
            .exits(code);
        ran.gate("payments", "retry_identity")
    };
    assert_eq!(run(&["--misbehave", "new-timestamp-per-retry"], 3), "pass");
    assert_eq!(run(&[], 1), "fail");
}

#[test]
fn mistakes_are_named_before_anything_is_driven() {
    let refused = |faults: &[&str], says: &str| {
        let mut smoke = Smoke::new("payments");
        for fault in faults {
            smoke = smoke.args(&["--inject", fault]);
        }
        let ran = smoke.run().exits(2).says(says);
        assert!(!ran.dir().join("artifacts").exists(), "{faults:?} left artifacts");
    };
    refused(&["explode"], "unknown fault `explode`");
    refused(&["503@101%"], "at most 100%");
    refused(&["503@0"], "are numbered from 1");
    refused(&["503@11"], "delivery 11 is out of range: this run triggers 10 webhooks");
    refused(&["503@2", "reset@2"], "both break delivery 2");
    refused(&["503x2", "400@3"], "contradict each other");
    refused(&["hang=3s"], "the sender's timeout of 10 s");
    refused(&["503@60%", "reset@50%"], "more than 100%");
}

#[test]
fn a_scenario_s_faults_are_checked_at_load_with_their_place() {
    let text = include_str!("../../scenarios/payments.yaml");
    let faulty = text.replace("flows: 10\n", "flows: 10\nfaults: [503, 503@200%]\n");
    let ran = Smoke::new("run").file("mine.yaml", &faulty).arg("mine.yaml").run().exits(2);
    assert!(ran.stderr.contains("mine.yaml:") && ran.stderr.contains("at most 100%"), "{}", ran.stderr);

    let contradicting = text.replace("flows: 10\n", "flows: 10\nfaults: [503, reset@2]\n");
    Smoke::new("run")
        .file("mine.yaml", &contradicting)
        .arg("mine.yaml")
        .run()
        .exits(2)
        .says("mine.yaml: faults: `503`");

    let good = text.replace("flows: 10\n", "flows: 4\nfaults: [503@2, reset@3]\n");
    let args = ["mine.yaml", "--gates", "gates.yaml", "-q"];
    let ran = Smoke::new("run").file("mine.yaml", &good).file("gates.yaml", QUICK).args(&args).run().exits(0);
    assert_eq!(injected(&ran)["total"], 2);
}

/// The promise itself, in real time: 0 / 2 / 4 s for ten deliveries at once.
#[test]
fn ten_deliveries_are_proved_at_the_same_time() {
    let started = std::time::Instant::now();
    let ran = Smoke::new("payments").args(&["--quiet", "--inject", "503x2"]).run().exits(3);
    assert!(started.elapsed().as_secs_f64() < 20.0, "{:?}", started.elapsed());
    for delivery in injected(&ran)["deliveries"].as_array().expect("deliveries") {
        let gap = |n: usize| delivery["attempts"][n]["gap_ms"].as_f64().expect("a gap");
        assert!((1990.0..2500.0).contains(&gap(1)) && (3990.0..4500.0).contains(&gap(2)), "{delivery}");
    }
}

/// A run that stands still says why, and for how long.
#[test]
fn a_pause_for_the_breaker_is_told() {
    let gates = "retry_contract:\n  backoff_ms: [0, 200]\n  breaker: { failures: 2, window_ms: 1000, open_ms: 1000 }\n";
    let smoke = Smoke::new("payments").file("gates.yaml", gates).args(&["--gates", "gates.yaml"]);
    let ran = smoke.args(&["--flows", "2", "--concurrency", "1", "--inject", "400"]).run();
    ran.says("waiting 2 s until the failed deliveries no longer count for the sender's circuit breaker");
}
