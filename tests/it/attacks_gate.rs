//! What could be done to the header of a run, to the files beside it, and to what the gate is given, so that evidence is held
//! against something else than it was made by. The chain is rebuilt and the artifact written again, without the secret.

use crate::evidence_run::{Run, recent};
use crate::harness::{Ran, Smoke, unwrapped};
use crate::sample::Sample;
use crate::tampering::{attacked, forged, gate as judge, records_of, smoke};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const SECRET: &str = "5f0c2a9be14d7386c05d1f9ab2e8473dd6a1907c3e5b48f2a7c9d01e6b3f8542";

/// A sender of one's own: DeltaCrown's, with shorter pauses and another name.
fn acme() -> String {
    let text = std::fs::read_to_string("scenarios/senders/deltacrown-5.6.yaml").unwrap();
    let named =
        text.replacen("name: deltacrown-5.6", "name: acme", 1).replacen("[0s, 2s, 4s]", "[0s, 1s, 2s]", 1);
    assert!(named.contains("name: acme") && named.contains("[0s, 1s, 2s]"), "{named}");
    named
}

/// The scenario of payments under another name.
fn renamed(name: &str) -> String {
    let text = std::fs::read_to_string("scenarios/payments.yaml").unwrap();
    text.replacen("name: payments\n", &format!("name: {name}\n"), 1)
}

/// A run of a scenario file against the stand-in, with a secret that is known.
fn played(scenario: &str, text: &str) -> Ran {
    let smoke = Smoke::new("run").file("secret", SECRET).file("acme.yaml", &acme()).file(scenario, text);
    smoke.args(&[&format!("./{scenario}"), "--quiet", "--secret-file", "secret"]).run().exits(0)
}

fn journal_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("staging_{name}_journal.jsonl"))
}

/// Writes records as a journal, and the artifact that follows from them.
fn write(dir: &Path, name: &str, records: &[Value]) {
    let journal = journal_of(dir, name);
    std::fs::write(&journal, forged(records.iter().map(ToString::to_string).collect())).unwrap();
    let bytes = evidence::report::from_journal(&journal).unwrap().1;
    std::fs::write(dir.join(format!("staging_{name}_output.json")), bytes).unwrap();
}

/// The gate's answer to a folder, with the secret, about the stand-in.
fn gate(ran: &Ran, args: &[&str]) -> (i32, String) {
    let secret = ran.dir().join("secret").display().to_string();
    let given = ["--environment", "embedded", "--secret-file", &secret];
    smoke(&["gate"], &ran.dir().join("artifacts"), &[&given[..], args].concat())
}

/// The sender that the retry contract is taken from is the scenario's, whatever the header says.
#[test]
fn the_profile_of_another_sender_is_refused() {
    let ran =
        played("pay_f.yaml", &renamed("pay_f").replacen("scheme: deltacrown-v2", "sender: acme.yaml", 1));
    let (dir, file) = (ran.dir().join("artifacts"), ran.dir().join("pay_f.yaml").display().to_string());
    let honest = records_of(&journal_of(&dir, "pay_f"));
    let of = |change: &dyn Fn(&mut Value)| {
        let mut all = honest.clone();
        change(&mut all[0]["header"]);
        write(&dir, "pay_f", &all);
        gate(&ran, &["--scenario", &file])
    };
    let (code, text) = of(&|_| {});
    assert_eq!(code, 0, "{text}");
    let usual = serde_json::to_value(record::RetryContract::default()).unwrap();
    let removed = |header: &mut Value| {
        header.as_object_mut().unwrap().remove("sender").unwrap();
        header["retry"] = usual.clone();
    };
    let (code, text) = of(&removed);
    assert_eq!((code, text.contains("the header does not have its profile")), (1, true), "{text}");
    let stripe = scenario::built_in_sender("stripe").unwrap();
    let stripes = |header: &mut Value| {
        header["sender"] = serde_json::to_value(&stripe).unwrap();
        header["retry"] = serde_json::to_value(stripe.contract()).unwrap();
        header["webhook"]["max_attempts"] = stripe.contract().attempts().into();
    };
    let (code, text) = of(&stripes);
    assert_eq!((code, text.contains("the header has the profile of stripe")), (1, true), "{text}");
    // Nor does it help to say that the option was given.
    let given = |header: &mut Value| {
        stripes(header);
        header["overrides"] = json!([{"option": "sender", "value": "stripe"}]);
    };
    let (code, text) = of(&given);
    assert_eq!((code, text.contains("but the sender is acme")), (1, true), "{text}");
    let patient = |header: &mut Value| {
        header["sender"]["retry"]["schedule"] = json!(["0s", "2s", "4s"]);
        header["retry"] = usual.clone();
    };
    let (code, text) = of(&patient);
    assert_eq!((code, text.contains("the profile acme came with the run")), (3, true), "{text}");
}

/// A scenario without a sender has the usual one's contract, and nobody else's.
#[test]
fn a_profile_that_nobody_named_is_refused() {
    let ran = played("payments.yaml", &renamed("payments"));
    let (dir, file) = (ran.dir().join("artifacts"), ran.dir().join("payments.yaml").display().to_string());
    let mut all = records_of(&journal_of(&dir, "payments"));
    let stripe = scenario::built_in_sender("stripe").unwrap();
    all[0]["header"]["sender"] = serde_json::to_value(&stripe).unwrap();
    all[0]["header"]["retry"] = serde_json::to_value(stripe.contract()).unwrap();
    all[0]["header"]["webhook"]["max_attempts"] = stripe.contract().attempts().into();
    write(&dir, "payments", &all);
    let (code, text) = gate(&ran, &["--scenario", &file]);
    assert_eq!(
        (code, text.contains("neither the scenario nor --sender names a sender")),
        (1, true),
        "{text}"
    );
}

/// The gate's answer from inside a checkout.
fn gate_in(checkout: &Path, ran: &Ran) -> (i32, String) {
    let (secret, artifacts) = (ran.dir().join("secret"), ran.dir().join("artifacts"));
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.current_dir(checkout).arg("gate").arg(artifacts).args([
        "--environment",
        "embedded",
        "--secret-file",
    ]);
    let out = smoke.arg(secret).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS").output().unwrap();
    let text = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
    (out.status.code().unwrap(), unwrapped(&text))
}

/// The scenario of a run is the one of its name, and its flows are held against that or it is unproven: the name of the file says
/// nothing.
#[test]
fn a_scenario_goes_by_its_name_and_not_by_its_files() {
    let ran = played("pf.yaml", &renamed("pay_x"));
    let dir = ran.dir().join("artifacts");
    let honest = records_of(&journal_of(&dir, "pay_x"));
    let checkout = tempfile::tempdir().unwrap();
    let scenarios = checkout.path().join("scenarios");
    std::fs::create_dir(&scenarios).unwrap();
    std::fs::write(scenarios.join("pf.yaml"), renamed("pay_x")).unwrap();
    let of = |name: &str, count: u32| {
        let mut all = honest.clone();
        all[0]["header"]["scenario"]["name"] = name.into();
        let due = all.iter_mut().filter_map(|record| record.get_mut("expect"));
        due.filter(|due| due["flow"] == 1 && due["count"] == 1).for_each(|due| due["count"] = count.into());
        write(&dir, "pay_x", &all);
        gate_in(checkout.path(), &ran)
    };
    assert_eq!(of("pay_x", 1).0, 0, "{}", of("pay_x", 1).1);
    let (code, text) = of("pay_x", 0);
    assert_eq!((code, text.contains("expectation_differs")), (1, true), "{text}");
    let (code, text) = of("pf", 1);
    assert_eq!((code, text.contains("`pf` is not in the checkout")), (3, true), "{text}");
    // A copy is the same scenario; another version under the same name is one too many.
    std::fs::write(scenarios.join("pay_old.yaml"), renamed("pay_x")).unwrap();
    assert_eq!((of("pay_x", 1).0, of("pay_old", 1).0), (0, 3));
    std::fs::write(scenarios.join("pay_old.yaml"), renamed("pay_x") + "\n# older\n").unwrap();
    let (code, text) = of("pay_x", 1);
    assert_eq!((code, text.contains("are both called pay_x")), (3, true), "{text}");
}

/// What is looked for before a journal is read must be what is read of it.
#[test]
fn a_clock_that_only_one_reading_finds_is_refused() {
    let ran = played("payments.yaml", &renamed("payments"));
    let (dir, file) = (ran.dir().join("artifacts"), ran.dir().join("payments.yaml").display().to_string());
    let journal = journal_of(&dir, "payments");
    let honest: Vec<String> = records_of(&journal).iter().map(ToString::to_string).collect();
    let with = |at: usize, stated: &[&str]| {
        let mut lines = honest.clone();
        lines.splice(at..at, stated.iter().map(ToString::to_string));
        std::fs::write(&journal, forged(lines)).unwrap();
        let bytes = evidence::report::from_journal(&journal).unwrap().1;
        std::fs::write(dir.join("staging_payments_output.json"), bytes).unwrap();
        gate(&ran, &["--scenario", &file])
    };
    let offset = r#"{"watch":{"offset":{"at":10,"offset_us":0,"uncertainty_us":5,"samples":1}}}"#;
    let (code, text) = with(1, &[&offset.replace(":{\"offset", ": {\"offset")]);
    assert_eq!((code, text.contains("journal_changed")), (1, true), "{text}");
    let (code, text) = with(honest.len() - 1, &[offset]);
    let is_named = text.contains("receiver_clock_out_of_place") && !text.contains("journal_changed");
    assert_eq!((code, is_named), (1, true), "{text}");
    // It makes no webhook one that another receiver has judged.
    let judged = r#"{"watch":{"judged_by":{"receiver":"0198c5a0-0000-7000-8000-000000000000","ahead_us":0,"secrets":1}}}"#;
    let (code, text) = with(honest.len() - 1, &[offset, judged]);
    assert_eq!((code, text.contains("clock_of_no_receiver")), (1, true), "{text}");
}

/// Leaves out the last flows of a run whole, as if they had never been played: the sample numbers its webhooks by their flows.
fn without_flows(all: &mut Vec<Value>, kept: u64) {
    let flow_of = |record: &Value| {
        let fact = record.as_object().unwrap().values().next().unwrap().clone();
        fact["flow"].as_u64().filter(|_| record.get("attempt").is_none())
    };
    all.retain(|record| flow_of(record).is_none_or(|flow| flow < kept));
    let is_kept = |record: &Value| {
        ["attempt", "answered"].iter().all(|kind| {
            record.get(kind).is_none_or(|fact| fact["attempt"].as_u64().is_some_and(|number| number < kept))
        })
    };
    all.retain(is_kept);
    all[0]["header"]["flows"] = kept.into();
    all[0]["header"]["concurrency"] = kept.into();
}

/// Nothing signed tells how many flows there were.
#[test]
fn flows_that_may_have_been_left_out_are_told() {
    let plain = Sample { injected_every: 0, ..recent() };
    let fewer = |all: &mut Vec<Value>| without_flows(all, 7);
    attacked(
        "fewer flows",
        &plain,
        fewer,
        1,
        "7 flows, but the scenario has 10 and no other number was given",
    );
    let blind = Run::new(&Sample { blind: true, flows: 13, ..plain });
    let args = ["--all", "--trust", "sender"];
    let (code, text) = judge(&blind, &args);
    assert_eq!((code, text.contains("whole flows may have been left out")), (0, true), "{text}");
    let mut all = records_of(&blind.journal());
    without_flows(&mut all, 10);
    all[0]["header"]["overrides"] = json!([{"option": "flows", "value": "10"}]);
    crate::tampering::forge(&blind, &all);
    let (code, text) = judge(&blind, &args);
    let is_told = text.contains("Success rate, ") && text.contains("(whole flows may have been left out");
    assert_eq!((code, is_told), (0, true), "it looks like any other run, which is told: {text}");
}

/// What a header says of secrets, and what is said to have been out of sight, excuses nothing that cannot be.
#[test]
fn secrets_and_gaps_that_there_cannot_be_are_refused() {
    let plain = Sample { injected_every: 0, ..recent() };
    for (secrets, blind) in [(0, false), (17, false), (2, true)] {
        let run = Run::new(&Sample { blind, ..recent() });
        let mut all = records_of(&run.journal());
        all[0]["header"]["webhook"]["secrets"] = secrets.into();
        crate::tampering::forge(&run, &all);
        let (code, text) = judge(&run, &["--trust", "runner"]);
        assert_eq!((code, text.contains("header_differs")), (1, true), "{secrets}: {text}");
    }
    let gap = |all: &mut Vec<Value>| {
        let to = all.last().unwrap()["end"]["at"].as_u64().unwrap() + 60_000_000;
        all.insert(1, json!({"watch": {"gap": {"from": 0, "to": to, "why": "it was dark"}}}));
    };
    let long = Sample { flows: 100, ..plain };
    attacked("a gap", &long, gap, 1, "received_in_gap");
}

/// A journal that was named is judged: not another one in its place, of which the artifact is that bears its name.
#[test]
fn a_journal_that_nothing_is_judged_by_is_named() {
    let (good, bad) = (Run::new(&recent()), Run::new(&recent()));
    let mut lost = records_of(&bad.journal());
    lost.retain(|r| r["attempt"]["attempt"] != 9 && r["answered"]["attempt"] != 9);
    lost[0]["header"]["run_id"] = "11111111-2222-4333-8444-555555555555".into();
    crate::tampering::forge(&bad, &lost);
    let other = good.file("zz.jsonl");
    std::fs::rename(good.journal(), &other).unwrap();
    let secret = good.file("secret").display().to_string();
    let given = |journals: &[&Path]| {
        let journals: Vec<&str> = journals.iter().map(|path| path.to_str().unwrap()).collect();
        let args = [&["--secret-file", &secret, "--trust", "runner"], &journals[1..]].concat();
        smoke(&["gate"], Path::new(journals[0]), &args)
    };
    assert_eq!(given(&[&other]).0, 0, "{}", given(&[&other]).1);
    std::fs::copy(bad.journal(), good.journal()).unwrap();
    for journals in [
        &[&*good.journal(), &*other][..],
        &[&*other, &*good.journal()],
        &[good.dir.path(), &good.journal(), &other],
    ] {
        let (code, text) = given(journals);
        let named = format!("{}: nothing is judged by it", good.journal().display());
        assert_eq!((code, text.contains(&named)), (2, true), "{text}");
    }
    // A copy is judged by its original.
    std::fs::copy(&other, good.journal()).unwrap();
    assert_eq!(given(&[&good.journal(), &other]).0, 0, "{}", given(&[&good.journal(), &other]).1);
    // Nobody waits for a pipe.
    let pipe = good.file("staging_payments_journal.jsonl");
    std::fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let begun = std::time::Instant::now();
    let (code, text) = given(&[good.dir.path()]);
    assert_eq!((code, text.contains("not a file")), (1, true), "{text}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}
