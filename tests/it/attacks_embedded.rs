//! Attacks on runs and loads that smoke played against its own stand-in, as in `attacks`.

use crate::evidence_run::{Run, recent};
use crate::harness::Smoke;
use crate::tampering::{forge, gate, records};
use serde_json::{Value, json};
use std::path::Path;

/// A load under the names of the guide's files is a load.
#[test]
fn a_load_that_is_renamed_is_no_run() {
    let ran = Smoke::new("load").args(&["payments", "--rate", "20/s", "--duration", "1s", "--quiet"]).run();
    for kind in ["payments", "matches", "observation"] {
        for end in ["output.json", "journal.jsonl"] {
            std::fs::copy(
                ran.file(&format!("staging_load_{end}")),
                ran.file(&format!("staging_{kind}_{end}")),
            )
            .unwrap();
        }
    }
    let gate = Smoke::new("gate").arg(ran.dir().join("artifacts"));
    let args = ["--require", "payments,matches,observation", "--environment", "embedded"];
    let gate = gate.args(&args).run();
    assert_ne!(gate.code, Some(0));
    for kind in ["payments", "matches", "observation"] {
        assert!(gate.shown().contains(&format!("{kind} is required")), "{}", gate.stdout);
    }
}

/// Everything is broken a little, so that nothing is judged.
#[test]
fn a_run_in_which_every_webhook_was_broken_shows_nothing() {
    for fault in ["delay=1ms", "answer=202", "503x1"] {
        let ran = Smoke::new("payments").args(&["--inject", fault, "--quiet"]).run();
        let gate = Smoke::new("gate").arg(ran.dir().join("artifacts"));
        let gate =
            gate.args(&["--require", "payments", "--environment", "embedded", "--format", "json"]).run();
        let answer: Value = serde_json::from_str(&gate.stdout).unwrap();
        let judged = &answer["artifacts"][0];
        assert_eq!(judged["contradictions"], json!([]), "{fault}");
        let item = |id: &str| {
            let items = judged["items"].as_array().unwrap();
            items.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("{id}: {judged}")).clone()
        };
        // A delay and another 2xx leave a good answer, which is judged; a failure is not.
        if fault == "503x1" {
            assert_eq!((&item("exercised")["verdict"], gate.code), (&json!("unproven"), Some(3)), "{judged}");
        } else {
            assert_eq!(item("exercised")["verdict"], "pass", "{judged}");
            assert!(item("faults")["figure"].as_str().unwrap().contains(fault), "{judged}");
        }
    }
}

/// The two shards of a load of the stand-in, each with its artifacts in a directory.
fn both_shards(first: &Path, second: &Path) {
    for (shard, dir) in [("0/2", first), ("1/2", second)] {
        let args = ["payments", "--rate", "20/s", "--duration", "1s", "--shard", shard, "--quiet"];
        Smoke::new("load").args(&args).args(&["--artifacts", dir.to_str().unwrap()]).run();
    }
}

#[test]
fn shards_whose_names_do_not_tell_their_order_are_put_together_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("b"), dir.path().join("a"));
    both_shards(&first, &second);
    let merged = Smoke::new("merge").arg(&first).arg(&second).arg("--quiet").run();
    let part = |at: &str| merged.file("staging_load_parts").join(at).is_dir();
    assert!(part("00000/shard-1-of-2") && part("00001/shard-0-of-2"));
    let gate = Smoke::new("gate").arg(merged.file("staging_load_output.json"));
    let answer = gate.args(&["--environment", "embedded"]).run();
    assert!(answer.shown().contains("bytes, all equal"), "{}", answer.stdout);
}

#[test]
fn one_shard_of_two_is_no_load_and_both_merged_are() {
    let dir = tempfile::tempdir().unwrap();
    both_shards(dir.path(), dir.path());
    let one = dir.path().join("shard-0-of-2/staging_load_output.json");
    let gate = Smoke::new("gate").arg(one).args(&["--environment", "embedded"]).run();
    assert_ne!(gate.code, Some(0));
    assert!(gate.shown().contains("shard 0 of 2 alone"), "{}", gate.stdout);
    let merged = Smoke::new("merge").arg(dir.path()).arg("--quiet").run();
    let output = merged.file("staging_load_output.json");
    let gate = || Smoke::new("gate").arg(&output).args(&["--environment", "embedded"]).run();
    let answer = gate();
    assert!(answer.shown().contains("bytes, all equal"), "{}", answer.stdout);
    assert!(answer.shown().contains("staging_load_report.html: as recomputed"), "{}", answer.stdout);
    // A second of one part, made better.
    let part = merged.file("staging_load_parts/00000/shard-0-of-2/staging_load_journal.jsonl");
    let text = std::fs::read_to_string(&part).unwrap();
    let mut prev = "0".repeat(64);
    let mut forged = String::new();
    for line in text.lines() {
        let mut record = serde_json::from_str::<Value>(line).unwrap()["record"].clone();
        if let Some(second) = record.get_mut("interval").filter(|i| i["done"].as_u64() > Some(0)) {
            second["ok"] = (second["done"].as_u64().unwrap() + 5).into();
        }
        let line = format!(r#"{{"prev":"{prev}","record":{record}}}"#);
        prev = record::sha256_hex(line.as_bytes());
        forged += &(line + "\n");
    }
    std::fs::write(&part, forged).unwrap();
    let answer = gate().exits(1);
    assert!(answer.shown().contains("load_does_not_add_up"), "{}", answer.stdout);
}

/// A run of the stand-in, signed with a secret that the gate has too.
fn of_the_stand_in() -> Run {
    let run = Run::new(&recent());
    let secret = run.file("secret").display().to_string();
    let ran = Smoke::new("payments").args(&["--quiet", "--secret-file", &secret]).run().exits(0);
    std::fs::copy(ran.file("staging_payments_journal.jsonl"), run.journal()).unwrap();
    run
}

/// The stand-in says in what it signs that it is none; a proxy that hides its name changes nothing about that.
#[test]
fn the_stand_in_is_never_taken_for_staging() {
    let ran = Smoke::new("payments").args(&["--quiet"]).run().exits(0);
    let run = Run::new(&recent());
    std::fs::copy(ran.file("staging_payments_journal.jsonl"), run.journal()).unwrap();
    let mut all = records(&run);
    let header = &mut all[0]["header"];
    (header["environment"], header["stand_in"]) = ("staging".into(), false.into());
    header["target"] = "https://staging.deltacrown.example/".into();
    forge(&run, &all);
    let (code, text) = gate(&run, &["--trust", "runner"]);
    assert!(code != 0 && text.contains("say in their signed bodies that smoke's own stand-in"), "{text}");
}

/// Its watch is short, and it is watched to the end.
#[test]
fn runs_of_the_stand_in_that_were_cut_short_are_seen() {
    let honest = of_the_stand_in();
    let all = records(&honest);
    let with = |change: fn(&mut Vec<Value>)| {
        let mut all = all.clone();
        change(&mut all);
        forge(&honest, &all);
        gate(&honest, &["--trust", "runner", "--environment", "embedded"])
    };
    let (code, text) = with(|_| {});
    assert_eq!(code, 0, "{text}");
    let (code, text) = with(|all| {
        let last = all.iter().rposition(|record| record.get("answered").is_some()).unwrap();
        all.remove(last);
    });
    assert_eq!((code, text.contains("neither answered nor aborted")), (1, true), "{text}");
    let (code, text) = with(|all| {
        let ended = all.iter().rev().find_map(|record| record["flow_end"]["at"].as_u64()).unwrap();
        all.last_mut().unwrap()["end"]["at"] = (ended + 100_000).into();
    });
    assert_eq!((code, text.contains("--allow settle=100ms accepts it")), (3, true), "{text}");
}

/// The digest of the scenario is right, but nothing here says what its flows are.
/// Its rows are not made up to say so: two billion of them would fill the machine.
#[test]
fn a_run_that_is_said_to_have_more_flows_than_there_can_be_is_seen() {
    let run = of_the_stand_in();
    let mut all = records(&run);
    for flows in [9, 1_000_000, 2_000_000_000] {
        all[0]["header"]["flows"] = flows.into();
        forge(&run, &all);
        let (code, text) = gate(&run, &["--trust", "runner", "--environment", "embedded"]);
        assert!(code == 1 && text.contains("canary values are not those the stand-in"), "{flows}: {text}");
    }
}

#[test]
fn a_scenario_whose_profile_is_gone_is_compared_with_nothing() {
    let scenario = include_str!("../../scenarios/payments.yaml");
    let scenario = scenario.replace("scheme: deltacrown-v2", "sender: ./own.yaml");
    let profile = include_str!("../../scenarios/senders/deltacrown-5.6.yaml");
    let run = Smoke::new("run").arg("scenarios/payments.yaml").arg("--quiet");
    let ran =
        run.file("scenarios/payments.yaml", &scenario).file("scenarios/own.yaml", profile).run().exits(0);
    let judged = || {
        let mut gate = std::process::Command::new(env!("CARGO_BIN_EXE_smoke"));
        gate.args(["gate", "artifacts", "--environment", "embedded"]).current_dir(ran.dir());
        let out = gate.env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS").output().unwrap();
        crate::harness::unwrapped(&String::from_utf8_lossy(&[out.stdout, out.stderr].concat()))
    };
    let lost = "cannot be read here as a scenario";
    let text = judged();
    assert!(!text.contains(lost) && !text.contains("Contradictions"), "{text}");
    std::fs::remove_file(ran.dir().join("scenarios/own.yaml")).unwrap();
    let text = judged();
    assert!(text.contains(lost) && text.contains("UNPROVEN"), "{text}");
}
