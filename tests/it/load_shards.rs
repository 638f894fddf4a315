//! `smoke load` in shards: together they are the whole schedule, and the engine that starts them says which is which.

use crate::harness::{Ran, Smoke};
use crate::load::{fine, load, receiver};
use crate::tampering::{forged, records_of};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

fn shard(url: &str, dir: &Path, shard: &str, extra: &[&str]) {
    ran(url, dir, shard, extra).exits(0);
}

/// The same, however long the machine kept the generator waiting.
fn ran(url: &str, dir: &Path, shard: &str, extra: &[&str]) -> Ran {
    let dir = dir.to_str().unwrap();
    let args = ["--stages", "0-60/s:1s,30/s:1s", "--shard", shard, "--seed", "7", "--artifacts", dir];
    load(url, &args).args(extra).run()
}

/// What `smoke gate` says of merged evidence about `url`, on one line.
fn gate(merged: &Path, url: &str, extra: &[&str]) -> (Option<i32>, String) {
    let ran = Smoke::new("gate")
        .arg(merged)
        .args(&["--environment", "loopback", "--trust", "runner", "--allow", "target", "--target", url])
        .args(&["--all"])
        .args(extra)
        .run();
    (ran.code, ran.shown())
}

#[test]
fn the_gate_judges_a_merged_load_by_all_shards_that_count() {
    let (url, _) = receiver(fine);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let now = || chrono::Utc::now().to_rfc3339();
    let merge = |parts: &[&Path], to: &str| {
        let smoke = parts.iter().fold(Smoke::new("merge"), Smoke::arg);
        smoke.args(&["--artifacts", at(to).to_str().unwrap()]).run().exits(3);
        at(to)
    };
    ran(&url, &at("first"), "1/2", &[]);
    let commit = now();
    ran(&url, &at("first"), "0/2", &[]);
    let merged = merge(&[&at("first")], "whole");
    assert_eq!(gate(&merged, &url, &[]).0, Some(3), "they did not run together, and nothing else is wrong");
    let (code, text) = gate(&merged, &url, &["--not-before", &commit]);
    assert!(code == Some(1) && text.contains("before_the_commit"), "{text}");
    // Run again, the other one too is of the commit, and the earlier run counts for nothing.
    ran(&url, &at("again"), "1/2", &[]);
    let merged = merge(&[&at("first"), &at("again")], "both");
    let (code, text) = gate(&merged, &url, &["--not-before", &commit]);
    assert!(code == Some(3) && text.contains("2 of 2; 1 journal of shards that were run again"), "{text}");
    // One that never began is missing, whether its journal is empty or ends before it says what the load is.
    let journal = std::fs::read_to_string(at("again/shard-1-of-2/staging_load_journal.jsonl")).unwrap();
    for (name, begun) in [("empty", ""), ("header", journal.split_inclusive('\n').next().unwrap())] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("staging_load_journal.jsonl"), begun).unwrap();
        let merged = merge(&[&at("first/shard-0-of-2"), &at(name)], &format!("without-{name}"));
        let (code, text) = gate(&merged, &url, &[]);
        assert!(code == Some(3) && text.contains("All shards: 1 of 2"), "{name}: {text}");
    }
}

/// Whoever lost a shard and copies another one in its place has half of the traffic, and would have it counted twice.
#[test]
fn a_shard_that_was_copied_under_another_index_does_not_merge() {
    let (url, _) = receiver(fine);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for k in ["0/2", "1/2"] {
        ran(&url, &at("shards"), k, &[]);
    }
    let journal = |of: &Path, shard: u64| of.join(format!("shard-{shard}-of-2/staging_load_journal.jsonl"));
    let merge = |parts: &[&Path], to: &str| {
        let smoke = parts.iter().fold(Smoke::new("merge"), Smoke::arg);
        smoke.args(&["--artifacts", at(to).to_str().unwrap()]).run()
    };
    merge(&[&at("shards")], "whole").exits(3);
    assert_eq!(
        gate(&at("whole"), &url, &[]).0,
        Some(3),
        "they did not run together, and nothing else is wrong"
    );
    let copy = |name: &str, change: fn(&mut Value)| {
        let mut all = records_of(&journal(&at("shards"), 0));
        all[0]["header"]["shard"]["index"] = 1.into();
        change(&mut all[0]["header"]);
        let to = journal(&at(name), 1);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(&to, forged(all.iter().map(Value::to_string).collect())).unwrap();
        to
    };
    copy("copied", |_| ());
    let other = copy("other", |header| {
        header["run_id"] = "00000000-0000-4000-8000-000000000001".into();
        header["pii_salt"] = "00112233445566778899aabbccddeeff".into();
    });
    for (name, says) in [("copied", "both are of run"), ("other", "starts took exactly as long in both")] {
        let merged = merge(&[&at("shards/shard-0-of-2"), &at(name)], "refused").exits(2);
        assert!(merged.stderr.contains(says), "{name}: {}", merged.stderr);
    }
    // Nor does the gate take it where it was laid beside the merged artifact.
    let parts = at("whole/staging_load_parts");
    let mut beside = std::fs::read_dir(parts).unwrap().map(|entry| entry.unwrap().path());
    let beside = beside.find_map(|place| Some(journal(&place, 1)).filter(|path| path.is_file())).unwrap();
    std::fs::copy(other, beside).unwrap();
    let (code, text) = gate(&at("whole"), &url, &[]);
    assert!(code == Some(1) && text.contains("copies of one journal"), "{text}");
}

#[test]
fn shards_merge_into_the_whole_schedule() {
    let (url, seen) = receiver(fine);
    let dir = tempfile::tempdir().unwrap();
    for k in 0..3 {
        shard(&url, dir.path(), &format!("{k}/3"), &[]);
    }
    let merge = |what: &Path| Smoke::new("merge").arg(what).run();
    let ran = merge(dir.path()).exits(3);
    let artifact = ran.artifact("load");
    assert_eq!(
        (artifact["counters"]["ok"].as_u64(), artifact["load"]["total"].as_u64()),
        (Some(60), Some(60))
    );
    assert_eq!(artifact["shards"].as_array().unwrap().len(), 3);
    // One after the other is not together: the target had a third of the rate, and that is what is said.
    assert!(artifact["notes"][0].as_str().unwrap().contains("give all of them the same --start-at"));
    let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
    let offered = checks.iter().find(|c| c["id"] == "load_offered").unwrap();
    assert_eq!(offered["verdict"], "unproven");
    assert!(offered["text"].as_str().unwrap().contains("at most 1 of them at a time"), "{offered}");
    let bodies: HashSet<Vec<u8>> = seen.lock().unwrap().iter().map(|r| r.body.clone()).collect();
    assert_eq!(bodies.len(), 60, "the shards sent every webhook of the schedule once");

    // A shard that is run again replaces its old part.
    shard(&url, dir.path(), "1/3", &[]);
    assert_eq!(merge(dir.path()).exits(3).artifact("load")["counters"]["ok"], 60);
    // One that is missing makes it unproven; one of another load is refused.
    std::fs::remove_dir_all(dir.path().join("shard-1-of-3")).unwrap();
    let ran = merge(dir.path()).exits(3);
    assert_eq!(ran.artifact("load")["missing_shards"], serde_json::json!([1]));
    // So does one that was cut off before its journal said anything.
    std::fs::create_dir(dir.path().join("shard-1-of-3")).unwrap();
    std::fs::write(dir.path().join("shard-1-of-3/staging_load_journal.jsonl"), "").unwrap();
    let ran = merge(dir.path()).exits(3).says("counts as missing");
    assert_eq!(ran.artifact("load")["missing_shards"], serde_json::json!([1]));
    shard(&url, dir.path(), "1/3", &["--event", "payment_rejected"]);
    merge(dir.path()).exits(2).says("are not shards of one load");
    // The folder that one is in has no name there.
    let journal =
        std::fs::read_to_string(dir.path().join("shard-0-of-3/staging_load_journal.jsonl")).unwrap();
    let ran = Smoke::new("merge").file("staging_load_journal.jsonl", &journal).arg(".").run().exits(3);
    assert_eq!(ran.artifact("load")["missing_shards"], serde_json::json!([1, 2]));
    Smoke::new("merge").arg(tempfile::tempdir().unwrap().path()).run().exits(2).says("found no");
}

#[test]
fn the_shard_comes_from_the_engine() {
    let (url, _) = receiver(fine);
    let rate = ["--rate", "20/s", "--duration", "1s"];
    let kubernetes = load(&url, &rate).env("JOB_COMPLETION_INDEX", "1").env("SMOKE_SHARDS", "4");
    let ran = kubernetes.run().exits(0);
    let output = ran.file("shard-1-of-4/staging_load_output.json");
    let artifact: Value = serde_json::from_slice(&std::fs::read(output).unwrap()).unwrap();
    assert_eq!(artifact["counters"]["ok"], 5);
    let slurm = |id: &str, count: &str, min: &str, max: &str| {
        load(&url, &rate)
            .env("SLURM_ARRAY_TASK_ID", id)
            .env("SLURM_ARRAY_TASK_COUNT", count)
            .env("SLURM_ARRAY_TASK_MIN", min)
            .env("SLURM_ARRAY_TASK_MAX", max)
            .env("SLURM_ARRAY_TASK_STEP", "1")
    };
    slurm("2", "4", "0", "3").run().exits(0);
    slurm("2", "1", "2", "2").run().exits(2).says("not the number of shards");
    slurm("2", "1", "2", "2").args(&["--shards", "4"]).run().exits(0);
    // What is typed beats the environment, and an empty variable says nothing.
    load(&url, &rate).env("SMOKE_SHARDS", "4").args(&["--shard", "1/2"]).run().exits(0);
    load(&url, &rate).env("SMOKE_SHARDS", "").run().exits(0);
    load(&url, &rate).env("SMOKE_SHARDS", "x").run().exits(2).says("SMOKE_SHARDS is 'x'");
}
