//! Honest runs that did not go well are told so by the approval gate, and accused of nothing; and an artifact says one thing.

use crate::evidence_run::{Run, judged, recent, smoke};
use crate::harness::Smoke;
use crate::own_memos::{log, window};
use crate::sample::{SECRET, Sample, parcel};
use crate::tampering::{forge, records};
use evidence::approval::{Judgement, Kind};
use evidence::gate::Verdict;
use serde_json::{Value, json};
use signature::{Scheme, Secret, Signer};

fn item(judgement: &Judgement, id: &str) -> (Verdict, String) {
    let item = judgement.items.iter().find(|i| i.id == id).unwrap_or_else(|| panic!("no item {id}"));
    (item.verdict, item.figure.clone())
}

fn artifact(run: &Run) -> Value {
    serde_json::from_slice(&std::fs::read(run.artifact()).unwrap()).unwrap()
}

/// Some of forty webhooks come later than they may: they are late, and none has failed.
#[test]
fn a_late_webhook_is_late_and_not_failed() {
    let late = Sample { flows: 40, injected_every: 0, within_ms: 2, ..recent() };
    let run = Run::new(&late);
    let judgement = judged(&run.artifact());
    assert_eq!(judgement.contradictions, []);
    assert_eq!((judgement.kind, judgement.verdict), (Kind::Payments, Verdict::Fail));
    assert_eq!(item(&judgement, "success_rate").0, Verdict::Pass);
    assert_eq!(item(&judgement, "late").0, Verdict::Fail);
    let artifact = artifact(&run);
    let figures = &artifact["test_run"];
    assert_eq!((&figures["webhooks_failed"], &figures["success_rate"]), (&0.into(), &100.0.into()));
    let cases = &artifact["cases"]["late"];
    assert_eq!(cases["total"], figures["webhooks_late"]);
    let first = &cases["first"][0];
    assert_eq!((&first["event"], &first["step"]), (&"payment_verified".into(), &"verify".into()), "{first}");
    assert_eq!(first["subject"], 500 + first["flow"].as_u64().unwrap());
    assert_eq!((first["step_status"].as_u64(), first["due"].is_string()), (Some(200), true), "{first}");
    // What was broken on purpose may have held up the others.
    let held_up = judged(&Run::new(&Sample { injected_every: 5, ..late }).artifact());
    assert_eq!((item(&held_up, "late").0, held_up.contradictions), (Verdict::Unproven, Vec::new()));
}

/// Before the run nobody listened: a webhook of somebody else's that was tried then comes again while it lasts.
#[test]
fn a_retry_of_what_others_were_sent_before_the_run_leaves_no_attempt_out() {
    let sample = Sample { injected_every: 0, ..recent() };
    let run = Run::new(&sample);
    let mut all = records(&run);
    let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(SECRET)).unwrap();
    let before = Sample { started_us: sample.started_us - 1_400_000, ..sample.clone() };
    let (headers, body) = parcel(&signer, &before, 900, 0);
    let of = |kind: &str| all.iter().find(|r| r.get(kind).is_some()).unwrap().clone();
    let (mut attempt, mut answered) = (of("attempt"), of("answered"));
    let number = all.iter().filter(|r| r.get("attempt").is_some()).count();
    (attempt["attempt"]["headers"], attempt["attempt"]["body"]) = (json!(headers), json!({"text": body}));
    (attempt["attempt"]["attempt"], answered["answered"]["attempt"]) = (number.into(), number.into());
    (attempt["attempt"]["first_byte"], attempt["attempt"]["received"]) = (600_000.into(), 600_100.into());
    answered["answered"]["end"] = 600_300.into();
    let end = all.len() - 1;
    all.splice(end..end, [attempt, answered]);
    forge(&run, &all);
    let judgement = judged(&run.artifact());
    assert_eq!((item(&judgement, "sender_clock").0, judgement.contradictions), (Verdict::Pass, Vec::new()));
}

#[test]
fn an_interrupted_run_with_a_failed_gate_contradicts_nothing() {
    let run = Run::new(&Sample { flows: 40, injected_every: 0, within_ms: 2, interrupted: true, ..recent() });
    let judgement = judged(&run.artifact());
    assert_eq!(judgement.contradictions, []);
    assert_eq!(artifact(&run)["acceptance_gates"]["verdict"], "unproven");
    assert_eq!(item(&judgement, "late").0, Verdict::Fail);
}

/// A full disk leaves the first artifact and page of a run, which are smaller than the last.
#[test]
fn pages_that_predate_the_run_as_its_artifact_does_are_stale_and_not_forged() {
    let run = Run::new(&recent());
    let journal = std::fs::read_to_string(run.journal()).unwrap();
    let page = run.file("staging_payments_report.html").display().to_string();
    let first: String = journal.split_inclusive('\n').take(2).collect();
    let files = ["--html", &page, "--output", &run.artifact().display().to_string()];
    std::fs::write(run.journal(), first).unwrap();
    assert_eq!(smoke("report", &run.journal(), &files).0, 0);
    std::fs::write(run.journal(), &journal).unwrap();
    let judgement = judged(&run.artifact());
    assert_eq!(judgement.contradictions, []);
    for (id, said) in [("recomputed", "it predates the run"), ("pages", "stale, from before the run")] {
        let (verdict, figure) = item(&judgement, id);
        assert!(verdict == Verdict::Unproven && figure.contains(said), "{id}: {figure}");
    }
    // Beside the artifact of the whole run a page of its beginning is a forgery.
    run.recompute();
    assert_eq!(
        judged(&run.artifact()).contradictions.first().map(|found| found.kind.as_str()),
        Some("page_differs")
    );
}

#[test]
fn a_merged_load_contradicts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for shard in ["0/2", "1/2"] {
        let args =
            ["payments", "--rate", "20/s", "--duration", "1s", "--inject", "503x1@2", "--shard", shard];
        Smoke::new("load").args(&args).args(&["--artifacts", dir.path().to_str().unwrap()]).run();
    }
    let merged = Smoke::new("merge").arg(dir.path()).run();
    let output = merged.file("staging_load_output.json");
    let judgement = judged(&output);
    assert_eq!(judgement.contradictions, [], "{}", std::fs::read_to_string(&output).unwrap());
    assert_eq!(item(&judgement, "recomputed").0, Verdict::Pass, "from the journals of its shards");
}

/// `pii_check` is the check `pii`, whichever way the gates have it.
#[test]
fn pii_check_and_the_gate_say_the_same() {
    let leaking = |gates: &str| {
        let ran =
            Smoke::new("payments").file("gates.yaml", gates).args(&["--gates", "gates.yaml", "--quiet"]);
        ran.args(&["--flows", "3", "--misbehave", "username-in-body"]).run()
    };
    for (gates, status, verdict) in [
        ("{}", "FAIL", Some("fail")),
        ("pii_leaks_max: 50", "PASS", Some("pass")),
        ("pii_leaks_max: null", "NOT_JUDGED", None),
    ] {
        let artifact = leaking(gates).artifact("payments");
        assert_eq!(artifact["pii_check"]["status"], status, "{gates}");
        assert!(artifact["pii_check"]["findings_total"].as_u64().unwrap() > 0);
        let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["id"] == "pii").map(|c| c["verdict"].as_str().unwrap());
        assert_eq!(check, verdict, "{gates}");
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("staging_observation_journal.jsonl");
    window(&journal, &[200; 10], &["payment_verified"], &[log(10, 1)], true);
    let (evidence, bytes) = evidence::report::from_journal(&journal).unwrap();
    let check = evidence.checks.iter().find(|check| check.id == "pii").unwrap();
    assert_eq!((check.verdict, check.actual), (Verdict::Fail, Some(1.0)));
    let artifact: Value = serde_json::from_slice(&bytes).unwrap();
    let pii = &artifact["pii_check"];
    assert_eq!(
        (&pii["status"], &pii["emails_found"], &pii["findings_in_log"]),
        (&"FAIL".into(), &1.into(), &1.into())
    );
}

/// The schedule that the run was judged by is the one in its gates, whatever that is.
#[test]
fn a_schedule_of_the_gates_own_passes_the_gate() {
    for (schedule, inject) in [("[0, 200, 400]", "503x2@1"), ("[0]", "400@1")] {
        let gates = format!("retry_contract: {{ backoff_ms: {schedule}, late_ms: 400 }}\n");
        let args = ["--gates", "gates.yaml", "--quiet", "--flows", "3", "--inject", inject];
        let ran = Smoke::new("payments").file("gates.yaml", &gates).args(&args).run();
        let gate = Smoke::new("gate").file("gates.yaml", &gates).args(&[
            "--gates",
            "gates.yaml",
            "--format",
            "json",
        ]);
        let answer = gate.args(&["--environment", "embedded"]).arg(ran.dir().join("artifacts")).run();
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        let items = answer["artifacts"][0]["items"].as_array().unwrap();
        let contract = items.iter().find(|i| i["id"] == "retry_contract").unwrap();
        assert_eq!(contract["verdict"], "pass", "{contract}");
        // Another checkout has another schedule.
        let other = Smoke::new("gate").args(&["--format", "json", "--environment", "embedded"]);
        let answer: Value =
            serde_json::from_str(&other.arg(ran.dir().join("artifacts")).run().stdout).unwrap();
        let items = answer["artifacts"][0]["items"].as_array().unwrap();
        let contract = items.iter().find(|i| i["id"] == "retry_contract").unwrap();
        assert_eq!(contract["verdict"], "unproven", "{contract}");
    }
}

/// After the number of lost webhooks come the webhooks: on the terminal, in JUnit, memo and page.
#[test]
fn a_lost_webhook_is_named_everywhere() {
    let args = [
        "--flows",
        "2",
        "--within",
        "300ms",
        "--misbehave",
        "drop-webhook@1",
        "--report",
        "html,junit,markdown",
    ];
    let ran = Smoke::new("payments").args(&args).run().exits(1);
    let case = &ran.artifact("payments")["cases"]["lost"]["first"][0];
    let (flow, id) = (&case["flow"], &case["subject"]);
    let sentence = format!("payment_verified of flow {flow} (id {id}): never arrived, due by ");
    let shown = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(&sentence), "{shown}");
    assert!(shown.contains("step verify returned 200 after"), "{shown}");
    assert!(!shown.contains("switched off"), "another webhook came: {shown}");
    for page in ["report.html", "junit.xml", "memo.md"] {
        let text = std::fs::read_to_string(ran.file(&format!("staging_payments_{page}"))).unwrap();
        assert!(text.contains(&sentence), "{page}: {text}");
    }
    let xml = std::fs::read_to_string(ran.file("staging_payments_junit.xml")).unwrap();
    let of_flow = xml.split("<testcase name=\"flow ").nth(1).unwrap();
    assert!(of_flow.contains("never arrived, due by"), "the flows that failed come first: {of_flow}");
    assert!(!of_flow.contains("time=\"0.000\""), "a flow took time: {of_flow}");
}
