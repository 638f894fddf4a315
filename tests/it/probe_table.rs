//! Each flaw of the built-in receivers is told from a right one by name; the table in docs/probe.md is what is seen.

use crate::harness::Smoke;
use serde_json::Value;
use stand_in::Flaw;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

/// The case that bites each flaw, by which it is known.
const BITES: [(Flaw, &str); 17] = [
    (Flaw::NoVerification, "no-signature"),
    (Flaw::BodyReSerialised, "white-space"),
    (Flaw::PrefixCompare, "signature-prefix"),
    (Flaw::EmptyKeyAccepted, "empty-key"),
    (Flaw::StaleAccepted, "stale-301s"),
    (Flaw::FutureAccepted, "future-301s"),
    (Flaw::CrashOnGarbage, "garbage-header"),
    (Flaw::CrashOnNonUtf8, "body-not-utf8"),
    (Flaw::ListNotParsed, "valid-among-broken"),
    (Flaw::DoubleInSequence, "same-delivery-twice"),
    (Flaw::DoubleInParallel, "same-delivery-at-once"),
    (Flaw::IdReused, "same-id-other-content"),
    (Flaw::ReadsAll, "big-with-length"),
    (Flaw::LeaksSecret, "no-secret-in-answer"),
    (Flaw::Redirects, "no-redirect"),
    (Flaw::SlowAck, "answer-time"),
    (Flaw::FollowsContentType, "content-type"),
];

/// Probes at a time; each is hardly busy.
const AT_ONCE: usize = 6;

fn probed(flaw: Option<Flaw>) -> (Option<i32>, Value) {
    let name = flaw.map_or("right", Flaw::name);
    let smoke = Smoke::new("probe").args(&["--receiver", name, "--quiet", "--format", "json"]);
    // It is known after two of its answers; the rest would take as long as the budget is.
    let smoke = if flaw == Some(Flaw::SlowAck) { smoke.args(&["--budget", "15s"]) } else { smoke };
    let ran = smoke.run();
    let artifact =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{name}: {e}\n{}", ran.stderr));
    (ran.code, artifact)
}

fn of<'v>(artifact: &'v Value, verdict: &str) -> Vec<&'v str> {
    let cases = artifact["cases"].as_array().unwrap().iter();
    cases.filter(|case| case["verdict"] == verdict).map(|case| case["id"].as_str().unwrap()).collect()
}

/// The cases that fail, by flaw.
fn all() -> BTreeMap<Flaw, BTreeSet<String>> {
    let (open, found) = (Mutex::new(BITES.to_vec()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = open.lock().unwrap().pop();
                    let Some((flaw, case)) = next else { return };
                    let (code, artifact) = probed(Some(flaw));
                    let failed = of(&artifact, "fail");
                    assert!(failed.contains(&case), "{flaw} is not told by {case}: {failed:?}");
                    assert_eq!(code, Some(1), "{flaw}");
                    assert_ne!(artifact["grades"]["overall"]["grade"], "A", "{flaw}");
                    let failed = failed.into_iter().map(str::to_owned).collect();
                    found.lock().unwrap().insert(flaw, failed);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Cases down, flaws across; `✗` where the case fails.
fn table(found: &BTreeMap<Flaw, BTreeSet<String>>) -> String {
    let numbers: Vec<String> = (1..=Flaw::ALL.len()).map(|n| n.to_string()).collect();
    let mut out = format!("| case | {} |\n|---|{}\n", numbers.join(" | "), "---|".repeat(numbers.len()));
    let bites = |case: &str, flaw: &Flaw| if found[flaw].contains(case) { "✗" } else { " " };
    let known = probe::Case::all().filter(|case| found.values().any(|failed| failed.contains(case.id)));
    for case in known {
        let row: Vec<&str> = Flaw::ALL.iter().map(|flaw| bites(case.id, flaw)).collect();
        out.push_str(&format!("| {} | {} |\n", case.id, row.join(" | ")));
    }
    let names: Vec<String> = Flaw::ALL.iter().enumerate().map(|(i, f)| format!("{} {f}", i + 1)).collect();
    out.push_str(&format!("\n{}\n", names.join(" · ")));
    out
}

#[test]
fn every_flaw_is_told_by_name_and_the_table_says_so() {
    const BEGIN: &str = "<!-- table: case by flaw -->\n";
    const END: &str = "<!-- end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/probe.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (stands, tail) = rest.split_once(END).unwrap();
    let seen = table(&all());
    if std::env::var_os("SMOKE_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{seen}{END}{tail}")).unwrap();
    } else {
        assert_eq!(stands, seen, "docs/probe.md: write it anew with SMOKE_BLESS=1");
    }
}

#[test]
fn the_right_receiver_gets_the_best_grade_with_every_sender() {
    let senders = [
        "deltacrown-5.5",
        "deltacrown-5.6",
        "stripe",
        "github",
        "slack",
        "standard-webhooks",
        "shopify",
        "paddle",
    ];
    std::thread::scope(|scope| {
        for sender in senders {
            scope.spawn(move || {
                let ran = Smoke::new("probe")
                    .args(&["--receiver", "--sender", sender, "--quiet", "--format", "json"])
                    .run()
                    .exits(0);
                let artifact: Value = serde_json::from_str(&ran.stdout).unwrap();
                assert_eq!(artifact["grades"]["overall"]["grade"], "A", "{sender}");
                assert_eq!(of(&artifact, "unproven"), Vec::<&str>::new(), "{sender}");
                let once = artifact["cases"].as_array().unwrap().iter();
                let once = once.filter(|c| c["text"].as_str().unwrap().contains("processed exactly once"));
                assert!(once.count() >= 3, "{sender}: effects are counted");
                assert!(artifact["test_run"]["requests_sent"].as_u64().unwrap() <= 300);
            });
        }
    });
}
