//! Which delivery an attempt belongs to, seen from outside: schemes without an id, rows that share a tournament, redirects.

use crate::harness::{Ran, Smoke};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The contract with short pauses, which the stand-in keeps as well.
const QUICK: &str = "retry_contract:\n  backoff_ms: [0, 200, 400]\n  late_ms: 150\n  \
                     breaker: { failures: 5, window_ms: 20000, open_ms: 1500 }\n";

/// Rows of one tournament.
fn rows(count: u32) -> String {
    let row = |n| format!("{n},7,player{n},secret-of-{n}\n");
    let rows: String = (1..=count).map(row).collect();
    format!("payment_id,tournament_id,user_username,user_password\n{rows}")
}

fn quick(subcommand: &str, args: &[&str]) -> Smoke {
    let smoke = Smoke::new(subcommand).file("gates.yaml", QUICK).env("WEBHOOK_TIMEOUT", "1");
    smoke.args(args).args(&["--gates", "gates.yaml"])
}

fn clause(ran: &Ran, name: &str) -> (String, String) {
    let artifact = ran.artifact("sender_contract");
    let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses");
    let one = clauses.iter().find(|c| c["clause"] == name).unwrap_or_else(|| panic!("no clause {name}"));
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("evidence"))
}

#[test]
fn webhooks_that_are_there_are_not_waited_for_whatever_names_their_event() {
    for scheme in ["stripe", "standard-webhooks", "slack", "timestamped", "github", "deltacrown-v1"] {
        let began = Instant::now();
        Smoke::new("payments").args(&["--flows", "3", "--scheme", scheme]).run().exits(0);
        // A webhook that is missing is waited for 30 s.
        assert!(began.elapsed() < Duration::from_secs(20), "{scheme}: {:?}", began.elapsed());
    }
}

#[test]
fn a_redirect_that_is_followed_is_the_one_of_its_own_delivery() {
    let args = ["--flows", "4", "--scheme", "deltacrown-v1", "--inject", "302@2", "--inject", "307@3"];
    // One flow after the other: the sender's second webhook is the second one that arrives.
    let ran = quick("payments", &args)
        .args(&["--concurrency", "1", "--misbehave", "follow-redirects@2"])
        .run()
        .exits(1);
    let artifact = ran.artifact("payments");
    let gates = artifact["acceptance_gates"]["checks"].as_array().expect("checks");
    let redirects = gates.iter().find(|g| g["id"] == "redirects").expect("a gate");
    assert_eq!(redirects["verdict"], "fail", "{redirects}");
    assert_eq!(redirects["actual"], 1.0, "{redirects}");
}

#[test]
fn a_sweep_without_ids_blames_each_redirect_and_each_repeat_on_its_own_delivery() {
    let follows = ["sender_contract", "--scheme", "deltacrown-v1", "--misbehave", "follow-redirects"];
    let ran = quick("run", &follows).args(&["--misbehave", "narrow-success"]).run().exits(1);
    for status in [301, 302, 303, 307, 308] {
        let (verdict, evidence) = clause(&ran, &format!("does not follow {status}"));
        assert!(verdict == "fail" && evidence.starts_with("followed a redirect"), "{status}: {evidence}");
    }
    for (status, verdict) in [(200, "pass"), (203, "fail"), (204, "pass"), (206, "fail"), (299, "fail")] {
        let (found, evidence) = clause(&ran, &format!("accepts {status}"));
        assert_eq!(found, verdict, "{status}: {evidence}");
    }
    assert_eq!(clause(&ran, "retries 503").0, "pass");
}

#[test]
fn a_sweep_over_rows_of_one_tournament_is_played_in_turn_and_proves_every_clause() {
    // In turn, each dropped webhook is waited for: the silence has to be longer than that.
    let gates = QUICK.replace("open_ms: 1500", "open_ms: 5000");
    for scheme in ["deltacrown-v2", "deltacrown-v1"] {
        let args = ["sender_contract", "--scheme", scheme, "--data", "rows.csv"];
        let ran = quick("run", &args).file("gates.yaml", &gates).file("rows.csv", &rows(58)).run();
        let artifact = ran.artifact("sender_contract");
        let open = |c: &&Value| {
            // Without an id or a timestamp there is nothing to be right about.
            let cannot = scheme == "deltacrown-v1" && c["verdict"] == "not_applicable";
            !cannot && !matches!(c["verdict"].as_str(), Some("pass" | "policy"))
        };
        let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses");
        let open: Vec<&Value> = clauses.iter().filter(open).collect();
        assert!(open.is_empty(), "{scheme}: {open:#?}");
        assert!(ran.stderr.contains("your 58 rows share values of /data/tournament_id"), "{}", ran.stderr);
    }
}

#[test]
fn equal_webhooks_without_an_id_do_not_blame_a_right_sender() {
    let args = ["--flows", "4", "--data", "rows.csv", "--scheme", "deltacrown-v1", "--inject", "503x2"];
    let ran = quick("payments", &args).file("rows.csv", &rows(4)).run();
    assert!(ran.stderr.contains("carry no id: flows run one at a time"), "{}", ran.stderr);
    assert_eq!(ran.gate("payments", "retry_schedule"), "pass");
    assert_eq!(ran.gate("payments", "retry_attempts"), "pass");
    let wrong = quick("payments", &args).file("rows.csv", &rows(4)).args(&["--misbehave", "no-retry"]);
    assert_eq!(wrong.run().exits(1).gate("payments", "retry_attempts"), "fail");
    // With ids the attempts are told apart, and the next flow begins while others are tried again.
    let args = ["--flows", "4", "--data", "rows.csv", "--inject", "503x2"];
    let ran = quick("payments", &args).file("rows.csv", &rows(4)).run();
    assert_eq!(ran.gate("payments", "retry_schedule"), "pass");
    assert!(ran.stderr.contains("not to which flow: flows run one at a time"), "{}", ran.stderr);
}

#[test]
fn a_webhook_that_comes_twice_does_not_make_up_for_one_of_the_same_tournament_that_was_dropped() {
    let args = ["--flows", "4", "--data", "rows.csv", "--concurrency", "4"];
    let swapped = ["--misbehave", "drop-webhook@2", "--misbehave", "send-twice-new-id@3", "--within", "5s"];
    let ran = quick("payments", &args).file("rows.csv", &rows(4)).args(&swapped).run().exits(1);
    assert!(ran.stderr.contains("your 4 rows share values of /data/tournament_id"), "{}", ran.stderr);
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("flow 1") && told.contains("or it was lost, and that of a later flow arrived twice"),
        "{told}"
    );
    let ran = quick("payments", &args).file("rows.csv", &rows(4)).args(&swapped).args(&["--inject", "503@1"]);
    ran.run().exits(1);
    quick("payments", &args).file("rows.csv", &rows(4)).run().exits(0);
}
