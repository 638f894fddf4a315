//! Attacks on loads, as in `attacks`: a load counts, and its sums are held against each other, its plan and its header.

use crate::harness::Smoke;
use crate::load::{fine, receiver};
use crate::tampering::{forged, records_of, smoke};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A load that ended well, to be changed again and again.
struct Load {
    dir: tempfile::TempDir,
    records: Vec<Value>,
    environment: &'static str,
}

impl Load {
    fn of(args: &[&str], environment: &'static str) -> Self {
        let ran = Smoke::new("load").args(args).on_a_busy_machine().arg("--quiet").run();
        let records = records_of(&ran.file("staging_load_journal.jsonl"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(ran.dir().join("patient.yaml"), dir.path().join("patient.yaml")).unwrap();
        Self { dir, records, environment }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What the gate says when this was changed and everything was written again from it.
    fn judged(&self, change: impl FnOnce(&mut Vec<Value>)) -> (i32, String) {
        let mut all = self.records.clone();
        change(&mut all);
        let journal = self.file("staging_load_journal.jsonl");
        std::fs::write(&journal, forged(all.iter().map(Value::to_string).collect())).unwrap();
        let artifact = self.file("staging_load_output.json");
        let _ = std::fs::remove_file(&artifact);
        smoke(&["report"], &journal, &["--output", artifact.to_str().unwrap(), "--quiet"]);
        let gates = self.file("patient.yaml").display().to_string();
        smoke(
            &["gate"],
            &artifact,
            &["--environment", self.environment, "--trust", "runner", "--gates", &gates],
        )
    }

    fn refused(&self, name: &str, change: impl FnOnce(&mut Vec<Value>), says: &str) {
        let (code, text) = self.judged(change);
        assert_eq!((code, text.contains(says)), (1, true), "{name} should say `{says}`:\n{text}");
    }
}

/// The first second in which something ended.
fn second(all: &mut [Value]) -> &mut Value {
    let busy = |second: &&mut Value| second["done"].as_u64() > Some(0);
    all.iter_mut().filter_map(|record| record.get_mut("interval")).find(busy).unwrap()
}

fn plans(all: &mut [Value]) -> impl Iterator<Item = &mut Value> {
    all.iter_mut().filter_map(|record| record.get_mut("load"))
}

fn sums(all: &mut [Value]) -> &mut Value {
    all.iter_mut().rev().find_map(|record| record.get_mut("run_stats")).unwrap()
}

fn header(all: &mut [Value]) -> &mut Value {
    &mut all[0]["header"]
}

#[test]
fn a_load_of_webhooks_is_the_one_that_its_plan_and_its_header_have() {
    let (url, _) = receiver(fine);
    let load = Load::of(&["webhooks", "--to", &url, "--rate", "20/s", "--duration", "1s"], "loopback");
    let (code, text) = load.judged(|_| ());
    assert_eq!(code, 0, "{text}");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| load.refused(name, change, says);
    let plan = "load_plan_differs";
    of("another target", |all| header(all)["target"] = "https://hooks.staging.example/".into(), plan);
    of("connections", |all| header(all)["concurrency"] = 2000.into(), plan);
    let faster = |all: &mut Vec<Value>| {
        plans(all).for_each(|plan| plan["pace"]["stages"][0]["to"] = 2000.0.into());
    };
    of("a rate that was not offered", faster, "starts are not those of its schedule");
    let longer = |all: &mut Vec<Value>| {
        plans(all).for_each(|plan| plan["pace"]["stages"][0]["lasts_ms"] = 600_000.into());
    };
    of("a load of ten minutes", longer, "starts are not those of its schedule");
    let nothing = |all: &mut Vec<Value>| plans(all).for_each(|plan| plan["total"] = Value::Null);
    of("nothing due", nothing, "no starts are not those of its schedule");
    let pauses = |all: &mut Vec<Value>| plans(all).for_each(|plan| plan["timeout_ms"] = 1.into());
    of("a time-out", pauses, plan);
    let of_flows = |all: &mut Vec<Value>| plans(all).for_each(|plan| plan["event"] = "".into());
    of("a load of flows", of_flows, plan);
    let other = |all: &mut Vec<Value>| plans(all).next().unwrap()["connections"] = 5.into();
    of("another one than was asked for", other, plan);
    of("blind", |all| header(all)["blind"] = true.into(), "none is blind");
    of("no time-out", |all| header(all)["webhook"]["timeout_ms"] = 0.into(), "a sender that waits 0 ms");
    let attempt = json!({"answered": {"attempt": 0, "end": 1, "how": "sent"}});
    load.refused("a webhook", |all| all.insert(3, attempt), "record_of_another_kind");
}

#[test]
fn the_seconds_of_a_load_add_up_each_and_together() {
    let (url, _) = receiver(fine);
    let load = Load::of(&["webhooks", "--to", &url, "--rate", "20/s", "--duration", "1s"], "loopback");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| load.refused(name, change, says);
    of("in flight", |all| second(all)["in_flight"] = 3.into(), "have started and not ended");
    of("retried", |all| second(all)["retried"] = 1.into(), "of them retried");
    of("throttled", |all| second(all)["throttled"] = 1.into(), "were answered with 429");
    let status = |all: &mut Vec<Value>| {
        let second = second(all);
        second["statuses"] = json!({"503": second["attempts"]});
    };
    of("failures that succeeded", status, "other statuses say so");
    let (code, text) = load.judged(|all| {
        let second = second(all);
        second["statuses"] = json!({"302": second["attempts"]});
        header(all)["retry"]["success"] = json!(["200-599"]);
    });
    assert!(code == 3 && text.contains("success is [200-599], and must be absent"), "{text}");
    of(
        "interrupted",
        |all| second(all)["interrupted"] = 10.into(),
        "one of its seconds says that it was interrupted",
    );
    let found = "are not those of its histogram";
    for name in ["response", "service", "lag", "own_lag"] {
        let time = |key: &'static str, factor: u64| {
            move |all: &mut Vec<Value>| {
                let time = &mut second(all)[name][key];
                *time = (time.as_u64().unwrap() * factor + 10).into();
            }
        };
        load.refused("longest", time("max_us", 3), found);
        load.refused("sum", time("sum_us", 50), found);
        load.refused("no shortest", |all| second(all)[name]["min_us"] = 0.into(), found);
    }
    of("connections", |all| second(all)["connects"] = 900.into(), "900 connections were opened for");
    of("a gap", |all| second(all)["to"] = 999.into(), "the one before ends at");
    let early = |all: &mut Vec<Value>| {
        all.last_mut().unwrap()["end"]["at"] = 10.into();
    };
    of("ended before its last second", early, "but its last second at");
}

/// A closed load says how long it was; and one that was completed lasted that long.
#[test]
fn a_closed_load_lasted_as_long_as_it_says() {
    let (url, _) = receiver(fine);
    let args = ["webhooks", "--to", &url, "--rate", "max", "--duration", "1s", "--connections", "2"];
    let load = Load::of(&args, "loopback");
    let (code, text) = load.judged(|_| ());
    assert_eq!(code, 0, "{text}");
    let longer = |all: &mut Vec<Value>| plans(all).for_each(|plan| plan["pace"]["lasts_ms"] = 60_000.into());
    load.refused("a minute", longer, "but was to last 60000 ms");
}

#[test]
fn what_the_flows_of_a_load_amount_to_adds_up_with_its_starts_and_its_scenario() {
    let load = Load::of(&["payments", "--rate", "10/s", "--duration", "1s"], "embedded");
    let (code, text) = load.judged(|_| ());
    assert_eq!(code, 0, "{text}");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| load.refused(name, change, says);
    let lost = |all: &mut Vec<Value>| {
        let tally = &mut sums(all)["organic"];
        (tally["expected"], tally["fulfilled"]) = (2.into(), 2.into());
    };
    of("webhooks that were never due", lost, "had to fire 10 webhooks, but only 2 are accounted for");
    of("more that came", |all| sums(all)["organic"]["fulfilled"] = 90.into(), "were due");
    let unseen = |all: &mut Vec<Value>| {
        all.insert(2, json!({"watch": {"gap": {"from": 1, "to": 2, "why": "the receiver was restarted"}}}));
    };
    of("a time that was not seen", unseen, "nothing could be seen 1 times, but the load counts 0");
    of("deliveries", |all| sums(all)["organic"]["deliveries"] = 90.into(), "have a fate");
    of("verdicts", |all| sums(all)["organic"]["attempts"] = 5.into(), "with a verdict");
    of(
        "no step",
        |all| drop(sums(all)["steps"].as_object_mut().unwrap().remove("verify")),
        "step `verify` 0 times",
    );
    let steps = |all: &mut Vec<Value>| {
        let verify = &mut sums(all)["steps"]["verify"];
        (verify["ok"], verify["failed"]) = (90.into(), 0.into());
    };
    of("more steps", steps, "step `verify`: 10 responses to 90");
    let unknown = |all: &mut Vec<Value>| {
        let steps = sums(all)["steps"].as_object_mut().unwrap();
        let verify = steps["verify"].clone();
        steps.insert("verifу".to_owned(), verify);
    };
    of("a step of another scenario", unknown, "step_out_of_place");
    let slow = |all: &mut Vec<Value>| {
        let latency = &mut sums(all)["organic"]["latency"];
        latency["max_us"] = (latency["max_us"].as_u64().unwrap() * 2 + 10).into();
    };
    of("a latency", slow, "are not those of its histogram");
    let found = |all: &mut Vec<Value>| sums(all)["webhook_pii"]["by_category"] = json!({"email": 3});
    of("personal data", found, "but 3 by category");
    of("flows", |all| sums(all)["ended"] = 4.into(), "with 10 starts, but 10 flows began and 4 ended");
    let breach = |all: &mut Vec<Value>| sums(all)["clauses"]["redirects"]["broken"] = 1.into();
    of("a clause", breach, "more often than it was put to the test");
    let searched = |all: &mut Vec<Value>| sums(all)["webhook_pii"]["inspected"] = 900.into();
    of("bodies searched", searched, "900 webhooks were searched");
    let tested = |all: &mut Vec<Value>| sums(all)["clauses"]["redirects"]["n"] = 900.into();
    of("a clause tested", tested, "redirects was put to the test 900 times");
    of("flows of the header", |all| header(all)["flows"] = 300.into(), "load_plan_differs");
    of("ours", |all| header(all)["ours"] = json!([]), "header_differs");
    of("no target", |all| header(all)["target"] = "".into(), "header_differs");
    let deliveries = "load_does_not_add_up";
    let came = |all: &mut Vec<Value>| {
        let tally = &mut sums(all)["organic"];
        (tally["expected"], tally["pending"]) = (9.into(), 1.into());
        tally["fulfilled"] = 9.into();
    };
    of("a delivery that nobody asked for", came, deliveries);
    let broken = |all: &mut Vec<Value>| {
        let sums = sums(all);
        let (organic, injected) = (sums["organic"].take(), sums["injected"].take());
        (sums["organic"], sums["injected"]) = (injected, organic);
    };
    of(
        "broken on purpose",
        broken,
        "10 webhooks count as broken on purpose, and the header asks for no fault",
    );
    of("a late one", |all| sums(all)["organic"]["fulfilled"] = 9.into(), deliveries);
}

/// What a load says of its sender is held against the sender's profile, and of its target against itself.
#[test]
fn a_load_with_another_timeout_or_target_is_unproven() {
    let load = Load::of(&["payments", "--rate", "10/s", "--duration", "1s"], "embedded");
    let unproven = |change: fn(&mut Vec<Value>), says: &str| {
        let (code, text) = load.judged(change);
        assert_eq!((code, text.contains(says)), (3, true), "should say `{says}`:\n{text}");
    };
    unproven(|all| header(all)["webhook"]["timeout_ms"] = 2000.into(), "Sender's timeout");
    unproven(
        |all| drop(header(all).as_object_mut().unwrap().remove("stand_in")),
        "yet it is said to be none",
    );
}
