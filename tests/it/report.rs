//! The reports that people look at: hostile texts, golden files, and a real browser where there is one.

use crate::evidence_run::{Run, recent};
use crate::harness::Smoke;
use crate::sample::{self, Sample};
use crate::tampering::{forge, records};
use evidence::report::{Evidence, artifact, html, junit, memo, to_bytes};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const HOSTILE: &str = "<script>document.title='pwned'</script><img src=x onerror=alert(1)>|`**x**";

fn hostile() -> Sample {
    Sample {
        environment: HOSTILE.into(),
        title: HOSTILE.into(),
        event: "x</title><script>".into(),
        ..recent()
    }
}

fn page(sample: &Sample) -> String {
    let run = Run::new(sample);
    let evidence = Evidence::open(&run.journal()).expect("evidence");
    html(&evidence, &artifact(&evidence))
}

#[test]
fn the_page_stands_alone_and_obeys_nobody() {
    let page = page(&hostile());
    // The escaped text of the environment's name is no markup; links within the page are none to elsewhere.
    let lower = page.to_lowercase().replace("&lt;img src=x", "").replace("href=\"#", "");
    for forbidden in
        ["<script", "<img", "<link", "<iframe", "src=", "href=", "url(", "@import", "http-equiv=\"refresh"]
    {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;script&gt;"), "the environment's name is shown, escaped");
    assert!(
        page.contains("name=\"viewport\"")
            && page.contains("prefers-color-scheme:dark")
            && page.contains("@media print")
    );
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_page_shows_verdict_gates_charts_and_how_to_check() {
    let page = page(&recent());
    for wanted in [
        "PASS",
        "Success rate",
        "p95",
        "class=\"plot\"",
        "class=\"band\"",
        "#webhook-5\"",
        "smoke gate ARTIFACT.json",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert_eq!(page.matches("class=\"plot\"").count(), 2);
    let verdict = page.find("class=\"verdict pass\"").expect("the verdict");
    assert!(verdict < page.find("class=\"plot\"").expect("a chart"), "the verdict comes first");
}

#[test]
fn a_run_without_webhooks_has_a_page_too() {
    let page = page(&Sample { flows: 0, ended: false, ..recent() });
    assert!(page.contains("UNPROVEN") && page.contains("No webhook was accepted"));
}

#[test]
fn junit_has_a_case_for_each_gate_and_flow() {
    let run = Run::new(&hostile());
    let evidence = Evidence::open(&run.journal()).expect("evidence");
    let xml = junit(&evidence, &artifact(&evidence));
    let cases = xml.matches("<testcase ").count();
    assert_eq!(cases, evidence.checks.len() + 10);
    assert!(xml.contains("Flows completed") && xml.contains("<skipped") && xml.contains("&lt;script&gt;"));
    let cut = Run::new(&Sample { ended: false, ..recent() });
    let evidence = Evidence::open(&cut.journal()).expect("evidence");
    let xml = junit(&evidence, &artifact(&evidence));
    assert!(xml.contains("<error type=\"unproven\"") || xml.contains("type=\"unproven\""), "{xml}");
}

#[test]
fn the_memo_quotes_nobody_as_markup() {
    let run = Run::new(&hostile());
    let evidence = Evidence::open(&run.journal()).expect("evidence");
    let memo = memo(&artifact(&evidence));
    assert!(!memo.contains("<script") && !memo.contains("<img"), "{memo}");
    for heading in
        ["## Results", "## Retry behaviour", "## Acceptance gates", "## Recommendation", "**Verdict:**"]
    {
        assert!(memo.contains(heading), "{heading}");
    }
}

/// The artifact of a journal from a fixed file, byte for byte. `SMOKE_BLESS=1 cargo test` writes both again.
#[test]
fn the_artifact_of_a_fixed_journal_stays_what_it_is() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let (journal, golden) =
        (data.join("staging_payments_journal.jsonl"), data.join("staging_payments_output.json"));
    let bless = std::env::var_os("SMOKE_BLESS").is_some();
    if bless {
        std::fs::create_dir_all(&data).expect("a directory");
        sample::write(&journal, &Sample { flows: 6, injected_every: 3, ..Sample::default() });
    }
    let evidence = Evidence::open(&journal).expect("evidence");
    let artifact = artifact(&evidence);
    let (bytes, memo_file) = (to_bytes(&artifact), data.join("staging_payments_memo.md"));
    let memo = memo(&artifact);
    if bless {
        std::fs::write(&golden, &bytes).expect("written");
        std::fs::write(&memo_file, &memo).expect("written");
    }
    assert_eq!(String::from_utf8_lossy(&bytes), std::fs::read_to_string(&golden).expect("golden"));
    assert_eq!(memo, std::fs::read_to_string(&memo_file).expect("golden"));
    let value: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(value["outcomes"]["injected"]["attempts"], 6);
}

/// A real browser draws the page, runs nothing in it and asks nobody for anything.
#[test]
fn chromium_shows_the_page() {
    let Some(chromium) = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|p| Path::new(p).is_file())
    else {
        eprintln!("skipped: no Chromium on this machine (apt-get install chromium)");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("report.html");
    std::fs::write(&file, page(&hostile())).expect("written");
    let profile = dir.path().join("profile");
    let shot = dir.path().join("shot.png");
    let flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=500,900",
    ];
    let out = Command::new(chromium)
        .args(flags)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--screenshot={}", shot.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .stderr(Stdio::null())
        .output()
        .expect("Chromium runs");
    let dom = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && dom.contains("class=\"plot\""), "{dom}");
    assert!(dom.contains("<title>smoke: payments against &lt;script&gt;"), "nothing ran, nothing was markup");
    assert!(!dom.contains("<img"));
}

/// A page lists the first webhooks only, those with problems before the others, and leads to none that it does not list.
#[test]
fn every_link_of_a_large_page_leads_somewhere() {
    let run = Run::new(&recent());
    let mut records = records(&run);
    let last = records.pop().unwrap();
    let of = |kind: &str| records.iter().find(|record| record.get(kind).is_some()).unwrap().clone();
    let (attempt, answered) = (of("attempt"), of("answered"));
    for n in 0..300 {
        let (mut again, mut answered) = (attempt.clone(), answered.clone());
        again["attempt"]["attempt"] = (1000 + n).into();
        answered["answered"]["attempt"] = (1000 + n).into();
        for header in again["attempt"]["headers"].as_array_mut().unwrap() {
            if header[0] == "X-Webhook-Id" {
                header[1] = format!("4960b1c5-318e-4f87-b6c4-0000000{n:05}").into();
            }
        }
        records.extend([again, answered]);
    }
    records.push(last);
    forge(&run, &records);
    let evidence = Evidence::open(&run.journal()).expect("evidence");
    let page = html(&evidence, &artifact(&evidence));
    let quoted = |before: &str| -> Vec<String> {
        page.split(before).skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect()
    };
    let ids = quoted(" id=\"");
    assert_eq!(ids.iter().filter(|id| id.starts_with("webhook-")).count(), 200);
    let lost: Vec<String> = quoted("href=\"#").into_iter().filter(|link| !ids.contains(link)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// Whatever `smoke` writes it knows again as its own: what is written twice replaces the first, and nobody else's file.
#[test]
fn each_kind_of_output_replaces_an_earlier_one() {
    let made = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let at = |name: &str| made.dir().join(name).display().to_string();
    let [key, json, html, junit, memo] = ["key", "o.json", "o.html", "o.xml", "o.md"].map(at);
    let again = |args: &[&str]| {
        for time in ["the first", "the second"] {
            let ran = Smoke::new(args[0]).args(&args[1..]).run();
            assert!(ran.code != Some(2), "{args:?}, {time}: {}", ran.stderr);
        }
    };
    let out = [("json", at("s.json")), ("csv", at("s.csv")), ("prometheus", at("s.prom"))]
        .map(|(format, file)| format!("{format}={file}"));
    let load = ["load", "payments", "--rate", "2/s", "--duration", "1s", "--out", &out[0], "--out", &out[1]];
    let load = [&load[..], &["--out", &out[2]]].concat();
    again(&load);
    let observe = ["--drive", "payments=60/m", "--duration", "1s"];
    let runs = [
        (Smoke::new("payments").args(&["--flows", "1"]).run(), "payments", true),
        (Smoke::new("observe").args(&observe).run(), "observation", true),
        (Smoke::new("load").args(&load[1..6]).run(), "load", false),
        (Smoke::new("probe").args(&["--receiver", "--only", "forgery"]).run(), "probe", false),
    ];
    for (ran, name, has_memo) in &runs {
        let journal = ran.file(&format!("staging_{name}_journal.jsonl")).display().to_string();
        let report = ["report", &journal, "--output", &json, "--html", &html, "--junit", &junit];
        let memos: &[&str] = if *has_memo { &["--markdown", &memo] } else { &[] };
        again(&[&report[..], memos].concat());
    }
    let artifact = runs[0].0.file("staging_payments_output.json").display().to_string();
    again(&["gate", &artifact, "--html", &html, "--sign", &key, "--svr", &at("svr")]);
    again(&["diff", &artifact, &artifact, "--html", &html]);
    again(&["history", &runs[0].0.file("").display().to_string(), "--html", &html]);
    for file in ["o.json", "o.html", "o.xml", "o.md", "svr", "s.json", "s.csv", "s.prom"] {
        assert!(std::fs::metadata(at(file)).is_ok_and(|there| there.len() > 0), "{file}");
    }
}
