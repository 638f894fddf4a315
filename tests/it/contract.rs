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

/// The clause about the circuit breaker.
fn breaker(ran: &Ran) -> serde_json::Value {
    let artifact = ran.artifact("sender_contract");
    let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses");
    clauses.iter().find(|c| c["clause"] == "trips its circuit breaker").expect("a clause").clone()
}

#[test]
fn the_stand_in_keeps_every_clause() {
    let ran = sweep(&[], 0);
    insta::assert_snapshot!("good_practice", verdicts(&ran));
    assert!(ran.stderr.contains("smoke will pause for"), "{}", ran.stderr);
    assert!(ran.stdout.contains("42 clauses: 37 pass, 0 fail, 5 policy, 0 unproven"), "{}", ran.stdout);
    let breaker = breaker(&ran);
    assert!(
        breaker["evidence"].as_str().expect("evidence").contains(", dropped 2, the last 2."),
        "{breaker}"
    );
    assert_eq!(ran.gate("sender_contract", "sender_contract"), "pass");
    assert_eq!(ran.artifact("sender_contract")["outcomes"]["organic"]["suppressed_by_breaker"], 2);
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
        (
            "breaker-never-opens",
            "2 deliveries arrived within 3 s of failure 5, first delivery 55: it did not open",
        ),
        ("breaker-stuck-open", "still silent after 3 s"),
        ("breaker-per-process", "each process has its own breaker"),
        ("breaker-closes-early", "opened after 5 failures, but not for 3 s: delivery "),
    ] {
        let ran = sweep(&["--misbehave", kind], 1);
        let breaker = breaker(&ran);
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
        .says("58 flows, one per case");
    Smoke::new("run").args(&["sender_contract", "--inject", "503"]).run().exits(2).says("has a contract");
}

/// Rows of one tournament are played in turn, each until what a breaker may have dropped is not waited for any more: a silence that
/// is shorter than that is over when its end is to be asked into.
#[test]
fn a_silence_whose_end_nobody_asked_into_is_unproven() {
    let sweep = include_str!("../../scenarios/sender_contract.yaml");
    let (head, rest) = sweep.split_once("\ncontract:\n").expect("a contract");
    let (_, tail) = rest.split_once("\n# Printed before anything is driven.").expect("what follows");
    let clause = "\ncontract: [{ name: trips its circuit breaker, must: trip_breaker, faults: [400], why: w }]\n\n# Printed";
    let rows: String = (1..=9).map(|n| format!("{n},7,player{n},secret-of-{n}\n")).collect();
    let ran = Smoke::new("run")
        .file("sweep.yaml", &format!("{head}{clause}{tail}"))
        .file("rows.csv", &format!("payment_id,tournament_id,user_username,user_password\n{rows}"))
        .file("gates.yaml", &QUICK.replace("open_ms: 3000", "open_ms: 3100"))
        .args(&["sweep.yaml", "--gates", "gates.yaml", "--scheme", "deltacrown-v1", "--data", "rows.csv"])
        .run()
        .exits(3);
    let breaker = breaker(&ran);
    assert_eq!(breaker["verdict"], "unproven", "{breaker}");
    let evidence = breaker["evidence"].as_str().expect("evidence");
    assert!(
        evidence.contains("and dropped 1, but the last of them ")
            && evidence.contains("nothing was due shortly before the end of the 3.1 s"),
        "{evidence}"
    );
}
