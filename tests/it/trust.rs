//! Who vouches: what is asked for about staging, blind runs, signed statements, the challenge.

use crate::evidence_run::{Run, recent};
use crate::harness::{Smoke, unwrapped};
use crate::sample::Sample;
use crate::tampering::{each, forge, records, records_of};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SECRET: &str = "7d1f0a94c2e65b38f1a7c0d94e2b6853a1f0c7d94e2b68537d1f0a94c2e65b38";

fn gate(dir: &Path, args: &[&str]) -> (i32, String) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.arg("gate").arg(dir).args(args).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = smoke.output().unwrap();
    (out.status.code().unwrap(), unwrapped(&String::from_utf8([out.stdout, out.stderr].concat()).unwrap()))
}

#[test]
fn about_staging_the_runners_word_is_not_enough() {
    let run = Run::new(&recent());
    let secret = run.file("secret").display().to_string();
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret]);
    assert_eq!((code, text.contains("required: sender or better")), (3, true), "{text}");
    assert!(text.contains("--trust runner accepts it"), "{text}");
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret, "--trust", "runner"]);
    assert_eq!((code, text.contains("accepted by --trust runner")), (0, true), "{text}");
    let (code, _) = gate(run.dir.path(), &["--secret-file", &secret, "--trust", "identity"]);
    assert_eq!(code, 3);
    assert_eq!(gate(run.dir.path(), &["--trust", "me"]).0, 2);
}

#[test]
fn a_blind_run_is_vouched_for_by_whoever_has_the_secret() {
    let run = Run::new(&Sample { blind: true, ..recent() });
    let secret = run.file("secret").display().to_string();
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret]);
    assert_eq!((code, text.contains("sender: the holder of the webhook secret")), (0, true), "{text}");
    assert!(text.contains("14 of 14 valid; the run had no secret"), "{text}");
    let (code, text) = gate(run.dir.path(), &[]);
    assert_eq!((code, text.contains("signatures were not checked")), (3, true), "{text}");
    std::fs::write(run.file("secret"), "ab".repeat(32)).unwrap();
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret]);
    assert_eq!((code, text.contains("is this the right secret?")), (3, true), "{text}");
}

/// Whoever runs it blind can still leave out what came too often: which criteria that leaves open is said of each.
#[test]
fn what_a_level_leaves_open_is_said_by_criterion() {
    let open = |sample: &Sample, id: &str, args: &[&str]| {
        let run = Run::new(sample);
        let secret = run.file("secret").display().to_string();
        let (code, text) =
            gate(run.dir.path(), &[&["--secret-file", &secret, "--format", "json"][..], args].concat());
        let answer: Value = serde_json::from_str(&text).unwrap();
        let items = answer["artifacts"][0]["items"].as_array().unwrap().clone();
        let of = |id: &str| items.iter().find(|item| item["id"] == id).unwrap().clone();
        (code, of(id)["open"].as_str().map(str::to_owned), of("trust")["figure"].as_str().unwrap().to_owned())
    };
    let blind = Sample { blind: true, ..recent() };
    let (code, why, trust) = open(&blind, "duplicates", &[]);
    assert_eq!((code, why.as_deref()), (0, Some("webhooks and attempts may have been left out")));
    assert!(trust.contains("by criterion: ") && trust.contains("Duplicate webhooks"), "{trust}");
    // A webhook that is left out is lost, unless its whole flow is left out.
    let (_, why, _) = open(&blind, "success_rate", &[]);
    assert_eq!(
        why.as_deref(),
        Some("whole flows may have been left out, with the webhooks that they were due")
    );
    let (_, why, trust) = open(&recent(), "success_rate", &["--trust", "runner"]);
    assert_eq!(why.as_deref(), Some("it is the runner's word"));
    assert!(trust.contains("all criteria"), "{trust}");
}

/// A run is as old as its last webhook, whenever it says that it ended.
#[test]
fn an_end_that_is_put_off_makes_no_run_younger() {
    let now = recent();
    let run = Run::new(&Sample { started_us: now.started_us - 30 * 3_600_000_000, blind: true, ..now });
    let secret = run.file("secret").display().to_string();
    let judged = || gate(run.dir.path(), &["--secret-file", &secret]);
    assert!(judged().1.contains("h ago, more than 24 h: too old"));
    let mut records = records(&run);
    each(&mut records, "end")
        .for_each(|end| end["at"] = (end["at"].as_u64().unwrap() + 29 * 3_600_000_000).into());
    forge(&run, &records);
    let (code, text) = judged();
    assert_eq!((code, text.contains("its last webhook arrived")), (3, true), "{text}");
}

/// A pause in which the receiver could not be read is none that anybody measured: neither a breach nor a contradiction.
#[test]
fn a_pause_that_nobody_watched_is_no_pause_off_schedule() {
    let run = Run::new(&recent());
    let mut records = records(&run);
    let offset = json!({"at": 0, "offset_us": 0, "uncertainty_us": 100, "samples": 9});
    let last = records.iter().position(|record| record.get("end").is_some()).unwrap();
    let gap = json!({"from": 0, "to": records[last]["end"]["at"], "why": "the inbox does not respond"});
    records.insert(last, json!({"watch": {"gap": gap}}));
    records.insert(1, json!({"watch": {"offset": offset}}));
    forge(&run, &records);
    let artifact: Value =
        serde_json::from_slice(&std::fs::read(run.file("staging_payments_output.json")).unwrap()).unwrap();
    let attempts = artifact["fault_injection"]["deliveries"][0]["attempts"].as_array().unwrap();
    assert!(attempts.len() > 1 && attempts.iter().all(|attempt| attempt["gap_ms"].is_null()), "{attempts:?}");
    let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
    let kept = checks.iter().find(|check| check["id"] == "retry_schedule").unwrap();
    assert_eq!((&kept["verdict"], &kept["n"]), (&json!("not_exercised"), &json!(0)), "{kept}");
    let secret = run.file("secret").display().to_string();
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret, "--trust", "runner"]);
    assert_eq!((code, text.contains("contradiction")), (3, false), "{text}");
}

/// A clock that is hours off accuses nobody, whether or not the run states by how much.
#[test]
fn a_clock_that_is_off_and_states_no_offset_is_named() {
    let at = |hours: i64, blind: bool| {
        let now = recent();
        Run::new(&Sample { started_us: now.started_us + hours * 3_600_000_000, blind, ..now })
    };
    for blind in [false, true] {
        // Its sender's clock is right by its own.
        let ahead = at(3, blind);
        let secret = ahead.file("secret").display().to_string();
        let (code, text) = gate(ahead.dir.path(), &["--secret-file", &secret, "--trust", "runner"]);
        assert_eq!((code, text.contains("contradiction")), (3, false), "{text}");
        assert!(
            text.contains("the clock of the machine that ran it is at least that far ahead of this one"),
            "{text}"
        );
    }
    // The sender's clock is right, and the run's is hours off, ahead or behind: signatures are judged by the sender's.
    for hours in [-3, 3] {
        let run = at(0, true);
        rewritten(&run, hours, |_| ());
        let secret = run.file("secret").display().to_string();
        let commit = (chrono::Utc::now() - chrono::TimeDelta::hours(2)).to_rfc3339();
        let (code, text) = gate(run.dir.path(), &["--secret-file", &secret, "--not-before", &commit]);
        assert_eq!((code, text.contains("contradiction")), (3, false), "{hours}: {text}");
        let side = if hours > 0 { "behind" } else { "ahead of" };
        assert!(
            text.contains("the sender's clock is 10") && text.contains(&format!("{side} the receiver's")),
            "{text}"
        );
        assert!(text.contains("14 of 14 valid") && text.contains("sender: the holder"), "{text}");
        assert_eq!(text.contains("by the times the sender signed"), hours < 0, "{text}");
    }
    // With the secret it has refused what was signed rightly.
    let run = Run::new(&Sample { injected_every: 0, ..recent() });
    rewritten(&run, 3, |attempt| {
        attempt.verdict = signature::Verdict::invalid(signature::Reason::Stale, None);
        attempt.answer = Some(400);
    });
    let secret = run.file("secret").display().to_string();
    let (code, text) = gate(run.dir.path(), &["--secret-file", &secret, "--trust", "runner"]);
    assert_eq!((code, text.contains("contradiction")), (3, false), "{text}");
    assert!(text.contains("was 180 min ahead of the sender's and this one's"), "{text}");
}

/// Writes the journal of a run again, by a clock that was so many hours ahead, its attempts changed.
fn rewritten(run: &Run, hours: i64, change: impl Fn(&mut record::Attempt)) {
    let (mut header, mut reader) = record::Reader::open(&run.journal()).unwrap();
    header.started += chrono::TimeDelta::hours(hours);
    let (mut records, mut end) = (Vec::new(), record::Tick(0));
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            record::Record::End(last) => end = last.at,
            record::Record::Attempt(mut attempt) => {
                change(&mut attempt);
                records.push(record::Record::Attempt(attempt));
            }
            record => records.push(record),
        }
    }
    let bytes = record::journal_bytes(&header, &records, Some((end, true))).unwrap();
    std::fs::write(run.journal(), bytes).unwrap();
    run.recompute();
}

#[test]
fn a_blind_run_against_the_stand_in_is_unproven_until_the_secret_is_given() {
    let args = ["--blind", "--secret-file", "secret", "--quiet"];
    let ran = Smoke::new("payments").file("secret", SECRET).args(&args).run().exits(3);
    let artifact = ran.artifact("payments");
    assert_eq!(artifact["hmac_signature_validation"]["unchecked"], 10);
    assert_eq!(artifact["configuration"]["secret_configured"], false);
    let secret = ran.dir().join("secret").display().to_string();
    let artifacts = ran.dir().join("artifacts");
    let args =
        ["--environment", "embedded", "--secret-file", &secret, "--trust", "sender", "--format", "json"];
    let (code, text) = gate(&artifacts, &args);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["artifacts"][0]["trust"]), (0, &"sender".into()), "{text}");
    // Whoever has the secret is not blind.
    let staging = Smoke::new("payments").args(&["--blind", "--staging", "http://127.0.0.1:9/"]);
    staging.env("WEBHOOK_SECRET", SECRET).run().exits(2).says("whoever runs this has the secret");
}

/// The run itself could not tell which: the approver's secret does.
#[test]
fn a_webhook_that_only_the_approver_finds_wrong_is_named() {
    let args = ["--blind", "--secret-file", "secret", "--misbehave", "wrong-secret@2"];
    let ran = Smoke::new("payments").file("secret", SECRET).args(&args).run().exits(3);
    let secret = ran.dir().join("secret").display().to_string();
    let flags = ["--environment", "embedded", "--secret-file", &secret, "--format", "json"];
    let (code, text) = gate(&ran.dir().join("artifacts"), &flags);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let items = answer["artifacts"][0]["items"].as_array().unwrap();
    let signatures = items.iter().find(|item| item["id"] == "signatures").unwrap()["figure"].to_string();
    assert!(signatures.contains("its signature does not match these bytes"), "{code}: {signatures}");
    assert_eq!(code, 1);
}

/// The payload of the first envelope in a file.
fn statement(file: &Path) -> Value {
    use base64::Engine;
    let text = std::fs::read_to_string(file).unwrap();
    let envelope: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let payload = envelope["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_signed_run_says_what_was_tested_and_how_it_went() {
    let key = Smoke::new("key").args(&["--out", "k", "--pem"]).run().exits(0);
    assert!(key.stdout.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{}", key.stdout);
    let (private, pem) = (key.dir().join("k"), key.dir().join("k.pub"));
    std::fs::write(&pem, &key.stdout).unwrap();
    let commit = "d20ace7968ba43c0219f62d71334c1095bab1602";
    let subject = format!("git+https://git.example/o/r@{commit}");
    let ran = Smoke::new("payments")
        .args(&["--quiet", "--subject", &subject, "--sign"])
        .arg(&private)
        .run()
        .exits(0);
    let signed = statement(&ran.file("staging_payments.intoto.jsonl"));
    assert_eq!(signed["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(signed["subject"][0]["digest"]["gitCommit"], commit);
    let names: Vec<&str> =
        signed["subject"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"staging_payments_output.json") && names.contains(&"staging_payments_journal.jsonl")
    );
    assert_eq!(signed["predicate"]["result"], "PASSED");
    let artifacts = ran.dir().join("artifacts");
    let pem = pem.display().to_string();
    let svr = ran.dir().join("svr.jsonl").display().to_string();
    let private = private.display().to_string();
    let args = ["--environment", "embedded", "--public-key", &pem, "--sign", &private, "--svr", &svr];
    let (code, text) = gate(&artifacts, &[args.as_slice(), &["--allow", "within=60s,policy"]].concat());
    assert_eq!((code, text.contains("identity: the holder of the given key")), (0, true), "{text}");
    let answer = statement(Path::new(&svr));
    assert_eq!(answer["predicateType"], "https://in-toto.io/attestation/svr/v0.1");
    let properties: Vec<&str> =
        answer["predicate"]["properties"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    let expected = [
        "SMOKE_GATE_PASS",
        "SMOKE_TRUST_IDENTITY",
        "SMOKE_ENVIRONMENT_EMBEDDED",
        "SMOKE_EVIDENCE_PAYMENTS",
        "SMOKE_ALLOWED_POLICY",
        "SMOKE_ALLOWED_WITHIN_60S",
    ];
    assert_eq!(properties, expected);
    // It is about the files that were judged, byte for byte.
    for (n, name) in ["staging_payments_output.json", "staging_payments_journal.jsonl"].iter().enumerate() {
        let sha256 = record::sha256_hex(&std::fs::read(ran.file(name)).unwrap());
        assert_eq!(answer["subject"][n]["name"], *name);
        assert_eq!(answer["subject"][n]["digest"]["sha256"], sha256);
    }
    // What fails is failed by its name, and no property is verified.
    let args = ["--quiet", "--misbehave", "wrong-secret", "--sign", &private];
    let ran = Smoke::new("payments").args(&args).run().exits(1);
    let signed = statement(&ran.file("staging_payments.intoto.jsonl"));
    assert_eq!(signed["predicate"]["result"], "FAILED");
    let failed = signed["predicate"]["failedTests"].as_array().unwrap();
    assert!(failed.contains(&"signatures".into()), "{failed:?}");
    assert_eq!(signed["predicate"]["warnedTests"], serde_json::json!([]));
}

#[test]
fn a_challenge_is_found_inside_a_signed_body() {
    let challenge = Smoke::new("gate").arg("--new-challenge").run().exits(0).stdout.trim().to_owned();
    assert_eq!(challenge.len(), 24);
    let args = ["payments_lifecycle", "--quiet", "--challenge", &challenge];
    let ran = Smoke::new("run").args(&args).run().exits(0);
    let artifacts = ran.dir().join("artifacts");
    let with = |challenge: &str| {
        let args = ["--environment", "embedded", "--challenge", challenge, "--secret-env", "NONE"];
        gate(&artifacts, &args[..4])
    };
    let (_, text) = with(&challenge);
    assert!(text.contains("run after the challenge was issued"), "{text}");
    let (code, text) = with("aaaa-bbbb-cccc-dddd-eeee");
    assert_eq!((code, text.contains("is in no signed body")), (3, true), "{text}");

    // One of its webhooks, woven into another run that knew nothing of the challenge.
    let fresh = records_of(&artifacts.join("staging_payments_lifecycle_journal.jsonl"));
    let mut woven =
        fresh.into_iter().find(|r| r["attempt"]["body"].to_string().contains(&challenge)).unwrap();
    let older = Smoke::new("payments").arg("--quiet").run().exits(0);
    let journal = older.file("staging_payments_journal.jsonl");
    let mut all = records_of(&journal);
    woven["attempt"]["attempt"] = 10.into();
    all.insert(all.len() - 1, woven);
    std::fs::write(&journal, crate::tampering::forged(all.iter().map(Value::to_string).collect())).unwrap();
    let bytes = evidence::report::from_journal(&journal).unwrap().1;
    std::fs::write(older.file("staging_payments_output.json"), bytes).unwrap();
    let (_, text) =
        gate(&older.dir().join("artifacts"), &["--environment", "embedded", "--challenge", &challenge]);
    assert!(text.contains("no flow asked for these webhooks"), "{text}");
}

#[test]
fn a_run_that_was_killed_was_cut_off_and_is_accused_of_nothing() {
    let args = ["--misbehave", "drop-webhook", "--within", "60s"];
    let (mut child, dir) = Smoke::new("payments").args(&args).spawn();
    let artifacts = dir.path().join("artifacts");
    let journal = artifacts.join("staging_payments_journal.jsonl");
    crate::receiver::until(
        || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("flow_end")),
        "a flow has ended",
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text) = gate(&artifacts, &["--environment", "embedded"]);
    assert_eq!((code, text.contains("cut off at ")), (3, true), "{text}");
    assert!(!text.contains("cannot be so") && !text.contains("differs"), "{text}");
}

#[test]
fn the_answer_is_given_as_markdown_too() {
    let run = Run::new(&recent());
    let (code, text) = gate(run.dir.path(), &["--format", "markdown", "--require", "payments,matches"]);
    assert_eq!(code, 3);
    assert!(
        text.starts_with("# Approval gate: UNPROVEN") && text.contains("**matches** is required"),
        "{text}"
    );
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.arg("gate").arg(run.dir.path()).args(["--require", "matches"]).env("GITHUB_ACTIONS", "true");
    let out = smoke.env_remove("WEBHOOK_SECRET").env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("::error title=smoke: matches is required::"), "{said}");
}
