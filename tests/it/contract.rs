//! `smoke run sender_contract`: the verdict of every clause, for the stand-in and for the real system's behaviour.

use crate::harness::{Ran, Smoke};

/// The contract with short pauses, which the stand-in keeps as well.
const QUICK: &str = "retry_contract:\n  backoff_ms: [0, 200, 400]\n  late_ms: 400\n  \
                     breaker: { failures: 5, window_ms: 20000, open_ms: 3000 }\n";

fn sweep(args: &[&str], code: i32) -> Ran {
    let smoke = Smoke::new("run").file("gates.yaml", QUICK).env("WEBHOOK_TIMEOUT", "1");
    smoke.args(&["sender_contract", "--gates", "gates.yaml"]).args(args).run().exits(code)
}

/// Each clause with its verdict, one a line.
fn verdicts(ran: &Ran) -> String {
    let artifact = ran.artifact("sender_contract");
    let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses");
    let line = |c: &serde_json::Value| {
        format!("{} {}", c["verdict"].as_str().expect("a verdict"), c["clause"].as_str().expect("a name"))
    };
    clauses.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_stand_in_keeps_every_clause() {
    let ran = sweep(&[], 0);
    insta::assert_snapshot!("good_practice", verdicts(&ran));
    assert!(ran.stderr.contains("smoke will pause for"), "{}", ran.stderr);
    assert!(ran.stdout.contains("42 clauses: 37 pass, 0 fail, 5 policy, 0 unproven"), "{}", ran.stdout);
    assert_eq!(ran.gate("sender_contract", "sender_contract"), "pass");
    assert_eq!(ran.artifact("sender_contract")["outcomes"]["organic"]["suppressed_by_breaker"], 1);
}

#[test]
fn the_real_system_s_flaws_are_found() {
    let ran = sweep(&["--as", "deltacrown"], 1);
    insta::assert_snapshot!("deltacrown", verdicts(&ran));
    assert_eq!(ran.gate("sender_contract", "sender_contract"), "fail");
}

#[test]
fn a_breaker_that_is_wrong_is_found() {
    for (kind, says) in [
        ("breaker-never-opens", "arrived within 3 s of failure 5: it did not open"),
        ("breaker-stuck-open", "still silent after 3 s"),
        ("breaker-per-process", "each process has its own breaker"),
    ] {
        let ran = sweep(&["--misbehave", kind], 1);
        let artifact = ran.artifact("sender_contract");
        let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses");
        let breaker = clauses.iter().find(|c| c["clause"] == "trips its circuit breaker").expect("a clause");
        assert_eq!(breaker["verdict"], "fail", "{breaker}");
        assert!(breaker["evidence"].as_str().expect("evidence").contains(says), "{breaker}");
        assert_eq!(ran.gate("sender_contract", "circuit_breaker"), "fail");
    }
}

#[test]
fn a_sweep_says_what_it_does_not_take() {
    Smoke::new("run")
        .args(&["sender_contract", "--flows", "3"])
        .run()
        .exits(2)
        .says("57 flows, one per case");
    Smoke::new("run").args(&["sender_contract", "--inject", "503"]).run().exits(2).says("has a contract");
}
