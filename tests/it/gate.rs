//! The approval gate as an approver runs it: honest evidence passes, and nothing that was done to it does.

use crate::evidence_run::{Run, judged, printed, recent, smoke};
use crate::sample::{self, Sample};
use evidence::approval::Judgement;
use evidence::gate::Verdict;
use proptest::prelude::*;
use record::sha256_hex;
use serde_json::Value;
use std::path::Path;

fn kinds(judgement: &Judgement) -> Vec<&str> {
    judgement.contradictions.iter().map(|f| f.kind.as_str()).collect()
}

fn secret_of(run: &Run) -> String {
    run.file("secret").display().to_string()
}

/// What a later run has moved out of its way says what it said: its pages and its signature are no less its own.
#[test]
fn evidence_that_was_moved_is_still_borne_out() {
    let run = Run::new(&recent());
    let at = |name: &str| run.file(name).display().to_string();
    let (code, told) = smoke("key", Path::new("--out"), &[&at("private")]);
    assert_eq!(code, 0, "{told}");
    let public = told.split_whitespace().find(|word| word.len() == 64).expect("a key").to_owned();
    let pages = ["report.html", "junit.xml", "memo.md"].map(|end| at(&format!("staging_payments_{end}")));
    let written = ["-o", &at("staging_payments_output.json"), "--sign", &at("private"), "--html", &pages[0]];
    let (code, told) = smoke(
        "report",
        &run.journal(),
        &[&written[..], &["--junit", &pages[1], "--markdown", &pages[2]]].concat(),
    );
    assert_eq!(code, 0, "{told}");
    let (code, told) = smoke("payments", Path::new("--quiet"), &["--flows", "2", "--artifacts", &at("")]);
    assert!(code == 0 && told.contains("moved earlier staging evidence"), "{told}");
    let mut all = std::fs::read_dir(run.dir.path()).expect("a folder").flatten().map(|entry| entry.path());
    let moved = all.find(|path| path.to_string_lossy().ends_with("Z_output.json")).expect("moved");
    let flags = ["--trust", "runner", "--secret-file", &secret_of(&run), "--public-key", &public];
    let (code, told) = smoke("gate", &moved, &flags);
    assert_eq!(code, 0, "{told}");
    for item in ["Accompanying pages", "Signed statement"] {
        assert!(told.contains(item), "{told}");
    }
}

#[test]
fn honest_evidence_about_staging_passes() {
    let run = Run::new(&recent());
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--require", "payments"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("PASS Everything was recomputed"), "{text}");
    assert!(text.contains("14 of 14 valid, each as recorded"), "{text}");
}

#[test]
fn without_the_secret_nobody_can_tell() {
    let run = Run::new(&recent());
    let (code, text) = run.gate(&[]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("made-up ones"), "{text}");
}

#[test]
fn a_required_artifact_that_is_missing_leaves_it_unproven() {
    let run = Run::new(&recent());
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--require", "payments,matches"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("matches is required"), "{text}");
}

#[test]
fn an_embedded_run_is_never_evidence_about_staging() {
    let run = Run::new(&Sample { environment: "embedded".into(), ..recent() });
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run)]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("a run against smoke's stand-in is not evidence about staging"), "{text}");
    // Nor is one of the stand-in whose header says that it is none.
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--environment", "embedded"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("says nothing about staging") && text.contains("said to be none"), "{text}");
}

#[test]
fn old_and_future_runs_do_not_count() {
    let old = Run::new(&Sample { started_us: recent().started_us - 26 * 3_600_000_000, ..recent() });
    let (code, text) = old.gate(&["--secret-file", &secret_of(&old)]);
    assert_eq!((code, text.contains("too old")), (3, true), "{text}");
    let (code, _) = old.gate(&["--secret-file", &secret_of(&old), "--max-age", "30h"]);
    assert_eq!(code, 0);
    let future = recent().started_us + 3_600_000_000;
    let future = Run::new(&Sample { started_us: future, ..recent() });
    // A clock may be off, which accuses nobody; it proves nothing.
    let (code, text) = future.gate(&["--secret-file", &secret_of(&future)]);
    assert_eq!((code, text.contains("contradiction")), (3, false), "{text}");
    assert!(
        text.contains("min from now: the clock of the machine that ran it is at least that far ahead"),
        "{text}"
    );
    let run = Run::new(&recent());
    let later = (chrono::Utc::now() - chrono::TimeDelta::minutes(1)).to_rfc3339();
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--not-before", &later]);
    assert_eq!((code, text.contains("before_the_commit")), (1, true), "{text}");
}

#[test]
fn a_signed_run_needs_no_secret_and_a_forged_signature_fails() {
    let run = Run::new(&recent());
    let key = run.file("key");
    let (code, public) = printed("key", Path::new("--out"), &[&key.display().to_string()]);
    assert_eq!(code, 0, "{public}");
    let public = public.lines().next().expect("a key").to_owned();
    let (code, text) = smoke(
        "report",
        &run.journal(),
        &[
            "--output",
            &run.artifact().display().to_string(),
            "--sign",
            &key.display().to_string(),
            "--subject",
            "git+https://git.example/shop@0123456789012345678901234567890123456789",
        ],
    );
    assert_eq!(code, 0, "{text}");
    let signature = std::fs::read_to_string(run.file("staging_payments.intoto.jsonl")).expect("signed");
    let private = std::fs::read_to_string(&key).expect("a key");
    let digits = private.trim().rsplit(':').next().expect("digits");
    assert!(!signature.contains(digits), "the private key is nobody's business");
    let (code, text) = run.gate(&["--public-key", &public]);
    assert_eq!(code, 0, "{text}");
    let about = "journal and artifact, about git+https://git.example/shop 0123456789012345678901234567890123456789, by ";
    assert!(super::harness::unwrapped(&text).contains(about), "{text}");
    for (subject, code, said) in [
        ("git+0123456789012345678901234567890123456789", 0, "pass What was tested"),
        (
            "git+https://git.example/shop@9876543210987654321098765432109876543210",
            3,
            "nothing signed is about",
        ),
    ] {
        let (got, text) = run.gate(&["--public-key", &public, "--subject", subject, "--all"]);
        assert_eq!((got, super::harness::unwrapped(&text).contains(said)), (code, true), "{text}");
    }
    let other = "00".repeat(31) + "05";
    assert_eq!(run.gate(&["--public-key", &other]).0, 1);
    // Another journal of the same run under the same name is not what was signed.
    sample::write(&run.journal(), &Sample { flows: 9, ..recent() });
    run.recompute();
    let (code, text) = run.gate(&["--public-key", &public]);
    assert_eq!((code, text.contains("signature_not_valid")), (1, true), "{text}");
    std::fs::remove_file(run.file("staging_payments.intoto.jsonl")).expect("removed");
    let (code, text) = run.gate(&["--public-key", &public]);
    assert_eq!((code, text.contains("signature_missing")), (1, true), "{text}");
    let (code, text) = run.gate(&["--public-key", &key.display().to_string()]);
    assert_eq!((code, text.contains("private key")), (2, true), "{text}");
}

/// Every way of doing something to a journal has its own name.
#[test]
fn what_is_done_to_a_journal_is_named() {
    let run = Run::new(&recent());
    let whole = std::fs::read(run.journal()).expect("a journal");
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    let n = lines.len();
    let swapped = [&lines[..3], &[lines[4], lines[3]], &lines[5..]].concat().concat();
    let mut edited = whole.clone();
    let at = edited.windows(8).position(|w| w == b"verified").expect("text");
    edited[at] = b'V';
    let foreign = Run::new(&Sample { flows: 4, ..recent() });
    let foreign = std::fs::read(foreign.journal()).expect("a journal");
    let foreign_lines: Vec<&[u8]> = foreign.split_inclusive(|b| *b == b'\n').collect();
    let cases: [(&str, Vec<u8>); 10] = [
        ("journal_truncated", lines[..n - 1].concat()),
        ("journal_truncated", whole[..whole.len() - 5].to_vec()),
        ("journal_truncated", lines[..n / 2].concat()),
        ("journal_reordered", swapped),
        ("journal_edited", edited),
        ("journal_edited", [lines[..5].concat(), foreign_lines[5..].concat()].concat()),
        ("journal_spliced", [whole.clone(), foreign.clone()].concat()),
        ("journal_spliced", [&lines[..4], &lines[6..]].concat().concat()),
        ("journal_empty", Vec::new()),
        ("journal_malformed", b"no journal\n".to_vec()),
    ];
    for (kind, bytes) in cases {
        std::fs::write(run.journal(), bytes).expect("written");
        let judgement = judged(&run.artifact());
        assert!(kinds(&judgement).contains(&kind), "{kind}: {:?}", judgement.contradictions);
        assert_eq!(judgement.verdict, Verdict::Fail);
    }
    std::fs::write(run.journal(), foreign).expect("written");
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run)]);
    assert_eq!((code, text.contains("artifact_differs")), (1, true), "{text}");
}

/// Whoever knows the format can chain a changed journal again; under the secret it still falls.
#[test]
fn a_journal_that_was_chained_again_falls_under_the_secret() {
    let run = Run::new(&recent());
    let text = std::fs::read_to_string(run.journal()).expect("a journal");
    rewrite(&run, text.replace("Smoke Cup", "Smoke Mug").lines());
    run.recompute();
    let judgement = judged(&run.artifact());
    assert_eq!(kinds(&judgement), Vec::<&str>::new());
    assert_eq!(judgement.verdict, Verdict::Unproven, "none of them is staging's, as far as this secret says");
    // One that was left as it was shows that the secret is the right one.
    let mut one = true;
    let others = text.lines().map(|line| {
        let first = line.contains("Smoke Cup") && std::mem::take(&mut one);
        if first { line.to_owned() } else { line.replace("Smoke Cup", "Smoke Mug") }
    });
    let others: Vec<String> = others.collect();
    rewrite(&run, others.iter().map(String::as_str));
    run.recompute();
    let judgement = judged(&run.artifact());
    assert_eq!(kinds(&judgement), ["signature_verdict_differs"]);
    assert_eq!(judgement.verdict, Verdict::Fail);
    // And gates that were made easier are not those of the checkout.
    rewrite(
        &run,
        text.replace("\"success_rate_min_percent\":95.0", "\"success_rate_min_percent\":5.0").lines(),
    );
    run.recompute();
    let judgement = judged(&run.artifact());
    let gates = judgement.items.iter().find(|i| i.id == "gates").expect("an item");
    assert_eq!((gates.verdict, judgement.verdict), (Verdict::Fail, Verdict::Fail));
    let other = text.replace(
        "\"name\":\"payments\",\"subject\":\"payment\",\"sha256\":\"",
        "\"name\":\"payments\",\"subject\":\"payment\",\"sha256\":\"00",
    );
    rewrite(&run, other.lines());
    run.recompute();
    let judgement = judged(&run.artifact());
    assert_eq!(judgement.items.iter().find(|i| i.id == "scenario").expect("an item").verdict, Verdict::Fail);
}

/// Writes the lines as a journal with a chain that holds.
fn rewrite<'a>(run: &Run, lines: impl Iterator<Item = &'a str>) {
    let mut prev = "0".repeat(64);
    let mut out = String::new();
    for line in lines {
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        value["prev"] = prev.into();
        let line = value.to_string();
        prev = sha256_hex(line.as_bytes());
        out += &(line + "\n");
    }
    std::fs::write(run.journal(), out).expect("written");
}

/// Git and editors change line ends; what is equal otherwise is told as such.
#[test]
fn line_ends_are_named() {
    let run = Run::new(&recent());
    let crlf = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes();
    let change = |path: &Path| {
        let written = std::fs::read(path).expect("a file");
        std::fs::write(path, crlf(&written)).expect("written");
        written
    };
    let told = |judgement: &Judgement| {
        let [found] = judgement.contradictions.as_slice() else { panic!("{:?}", judgement.contradictions) };
        assert!(
            found.sentence.contains("CRLF") && found.sentence.contains("core.autocrlf"),
            "{}",
            found.sentence
        );
        found.kind.clone()
    };
    let artifact = change(&run.artifact());
    assert_eq!(told(&judged(&run.artifact())), "artifact_differs");
    std::fs::write(run.artifact(), artifact).expect("written");
    change(&run.journal());
    assert_eq!(told(&judged(&run.artifact())), "journal_line_ends");
}

#[test]
fn what_is_done_to_an_artifact_is_named() {
    let run = Run::new(&recent());
    let text = std::fs::read_to_string(run.artifact()).expect("an artifact");
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let cases = [
        ("schema_version", replaced("\"schema_version\": \"1.0\"", "\"schema_version\": \"9.9\"")),
        ("missing_key", replaced("\"webhooks_failed\"", "\"webhooks_vanished\"")),
        ("counts_do_not_add_up", replaced("\"webhooks_sent\": 10", "\"webhooks_sent\": 12")),
        ("rate_does_not_follow", replaced("\"success_rate\": 100.0", "\"success_rate\": 97.0")),
        ("not_a_number", replaced("\"success_rate\": 100.0", "\"success_rate\": \"NaN\"")),
        ("negative", replaced("\"webhooks_lost\": 0", "\"webhooks_lost\": -1")),
        ("not_json", replaced("100.0", "NaN")),
        ("artifact_differs", replaced("100.0", "1e999")),
        ("not_json", text[..text.len() / 2].to_owned()),
        ("not_an_artifact", "[]".to_owned()),
        (
            "duplicate_key",
            replaced("\"webhooks_failed\": 0", "\"webhooks_failed\": 0, \"webhooks_failed\": 0"),
        ),
        ("verdict_does_not_follow", replaced("\"verdict\": \"pass\"", "\"verdict\": \"unproven\"")),
        ("time_malformed", replaced("\"timestamp\": \"20", "\"timestamp\": \"soon 20")),
        ("journal_of_another_run", replaced("86926de0", "86926de1")),
        ("artifact_differs", text.clone() + " "),
        ("signature_malformed", replaced("\"X-Webhook-Signature\": \"", "\"X-Webhook-Signature\": \"zz")),
    ];
    for (kind, bytes) in cases {
        std::fs::write(run.artifact(), bytes).expect("written");
        let judgement = judged(&run.artifact());
        assert!(kinds(&judgement).contains(&kind), "{kind}: {:?}", judgement.contradictions);
        assert_eq!(judgement.verdict, Verdict::Fail, "{kind}");
    }
    std::fs::write(run.artifact(), vec![b' '; 17 * 1024 * 1024]).expect("written");
    assert_eq!(kinds(&judged(&run.artifact())), ["artifact_too_large"]);
}

/// An honest artifact whose journal was lost has no contradictions, and proves nothing.
#[test]
fn an_artifact_without_its_journal_is_unproven() {
    let run = Run::new(&recent());
    std::fs::remove_file(run.journal()).expect("removed");
    let judgement = judged(&run.artifact());
    assert_eq!((judgement.verdict, kinds(&judgement)), (Verdict::Unproven, Vec::new()));
}

#[test]
fn the_files_that_circulate_never_pass_and_the_reasons_are_told() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/approval");
    let of = |name: &str| judged(&data.join(name));
    let payments = of("guide_payments_output.json");
    assert_eq!((payments.verdict, kinds(&payments)), (Verdict::Fail, vec!["signature_malformed"]));
    let matches = of("guide_matches_output.json");
    assert_eq!((matches.verdict, kinds(&matches)), (Verdict::Unproven, Vec::new()));
    let memo = of("staging_observation_memo.md");
    assert_eq!(memo.verdict, Verdict::Fail);
    assert_eq!(kinds(&memo), ["retries_faster_than_backoff", "retry_log_contradicts_schedule"]);
    let guide = of("guide_observation_memo.md");
    assert_eq!(kinds(&guide), ["retries_faster_than_backoff", "retry_log_contradicts_schedule"]);
    let sentences: Vec<&str> = guide.contradictions.iter().map(|f| f.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "24 of 197 deliveries (12.183 %) were retried and took 2 s or more each, so p95 cannot be 1200 ms",
            "/block_at_line_16 logs 0 s between attempts 1 and 2, but the schedule says 2 s",
        ]
    );
    let consistent = of("consistent_output.json");
    assert_eq!((consistent.verdict, kinds(&consistent)), (Verdict::Unproven, Vec::new()));
    let fuller = of("fuller_payments_output.json");
    for kind in [
        "failure_beside_success",
        "percentile_impossible",
        "mean_impossible",
        "signature_malformed",
        "signature_repeated",
        "verified_over_total",
        "pass_without_meeting_target",
    ] {
        assert!(kinds(&fuller).contains(&kind), "{kind}: {:?}", fuller.contradictions);
    }
    let fuller = of("fuller_matches_output.json");
    for kind in [
        "counts_do_not_add_up",
        "rate_does_not_follow",
        "retries_faster_than_backoff",
        "retry_log_contradicts_schedule",
    ] {
        assert!(kinds(&fuller).contains(&kind), "{kind}: {:?}", fuller.contradictions);
    }
    let sentences: Vec<&str> = fuller.contradictions.iter().map(|f| f.sentence.as_str()).collect();
    assert!(
        sentences.contains(&"/event_distribution adds up to 18 outcomes for 13 webhooks"),
        "{sentences:?}"
    );
    let (code, text) = smoke("gate", &data, &[]);
    assert_eq!(code, 1, "{text}");
}

#[test]
fn usage_errors_are_usage_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(smoke("gate", &dir.path().join("absent"), &[]).0, 2);
    assert_eq!(smoke("gate", dir.path(), &[]).0, 2);
    assert_eq!(smoke("gate", dir.path(), &["--require", "payments"]).0, 3);
    assert_eq!(smoke("gate", dir.path(), &["--public-key", "abc"]).0, 2);
    let run = Run::new(&recent());
    for least in ["matches=5", "observation=5", "orders=5"] {
        let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--min-flows", least]);
        assert!(code == 2 && text.contains("known: payments"), "{text}");
    }
}

#[test]
fn what_was_judged_is_told_as_it_was_read() {
    let run = Run::new(&recent());
    let digest = |path: &Path| sha256_hex(&std::fs::read(path).expect("a file"));
    let before = [digest(&run.artifact()), digest(&run.journal())];
    let judgement = judged(&run.artifact());
    std::fs::write(run.artifact(), "{}").expect("written");
    let told: Vec<&String> = judgement.judged.files.iter().map(|(_, sha256)| sha256).collect();
    assert_eq!(told, before.iter().collect::<Vec<_>>());
    assert_eq!(judgement.judged.runs.len(), 1);
}

#[test]
fn json_holds_the_same_answer() {
    let run = Run::new(&recent());
    let (code, text) = run.gate(&["--secret-file", &secret_of(&run), "--format", "json"]);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &value["verdict"]), (0, &Value::from("pass")));
    assert_eq!(value["artifacts"][0]["kind"], "payments");
    let ids: Vec<&str> = value["artifacts"][0]["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|i| i["id"].as_str())
        .collect();
    for id in
        ["journal", "recomputed", "signatures_again", "success_rate", "pii", "latency_p95", "retry_rate"]
    {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever byte is flipped in whichever file: never a pass.
    #[test]
    fn no_flipped_byte_passes(in_journal: bool, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let run = Run::new(&Sample { flows: 3, injected_every: 3, ..recent() });
        prop_assert_eq!(judged(&run.artifact()).verdict, Verdict::Pass);
        let path = if in_journal { run.journal() } else { run.artifact() };
        let mut bytes = std::fs::read(&path).expect("a file");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, &bytes).expect("written");
        let judgement = judged(&run.artifact());
        prop_assert_eq!(judgement.verdict, Verdict::Fail, "byte {} bit {}", at, bit);
        prop_assert!(!judgement.contradictions.is_empty());
    }

    /// Nothing that calls itself an artifact makes the gate panic, or pass.
    #[test]
    fn strange_artifacts_do_not_pass(numbers in prop::collection::vec(any::<u64>(), 8), rate in any::<f64>(), text in ".{0,40}") {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("staging_payments_output.json");
        let n = |i: usize| numbers[i];
        let artifact = serde_json::json!({
            "schema_version": "1.0",
            "test_run": {"timestamp": text, "environment": "staging", "webhooks_sent": n(0), "webhooks_success": n(1),
                "webhooks_failed": n(2), "success_rate": rate},
            "pii_check": {"emails_found": n(3), "usernames_found": n(4), "ip_addresses_found": 0, "status": "PASS"},
            "performance_metrics": {"samples": n(5), "p50_latency_ms": rate, "p95_latency_ms": n(6), "max_latency_ms": n(7),
                "avg_latency_ms": rate},
            "outcomes": {"organic": {"retried": n(3), "deliveries": n(4), "aborted": n(5), "exhausted": n(6), "given_up": n(7),
                "open": n(0), "attempts": n(1)}, "injected": {"deliveries": n(2)}},
            "event_distribution": {"a": n(0), text: n(1)},
            "retry": {"breaches": 0, "backoff_ms": numbers},
            "log": [{"attempt": n(0), "offset_ms": n(1)}, {"attempt": n(0).wrapping_add(1), "offset_ms": n(2)}],
            "provenance": {}
        });
        std::fs::write(&path, artifact.to_string()).expect("written");
        prop_assert_ne!(judged(&path).verdict, Verdict::Pass);
    }
}

#[test]
fn a_file_name_writes_no_lines_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let name = "x\n::error::not from smoke\u{1b}[31m_output.json";
    std::fs::write(dir.path().join(name), "{}").expect("written");
    let (_, text) = printed("gate", dir.path(), &[]);
    assert!(text.contains("not from smoke"), "{text}");
    assert!(!text.contains("\n::error::not from smoke") && !text.contains('\u{1b}'), "{text}");
}
