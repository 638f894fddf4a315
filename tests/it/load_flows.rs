//! `smoke load SCENARIO` through the binary: flows, and what becomes of their webhooks.

use crate::harness::Smoke;
use crate::load::SECRET;
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

#[test]
fn flows_are_started_by_schedule_and_their_webhooks_accounted_for() {
    let smoke = Smoke::new("load").args(&["payments", "--rate", "20/s", "--duration", "1s"]);
    let ran = smoke.on_a_busy_machine().run().exits(0);
    let artifact = ran.artifact("load");
    assert_eq!(
        (artifact["counters"]["ok"].as_u64(), artifact["load"]["model"].as_str()),
        (Some(20), Some("open"))
    );
    let flows = &artifact["end_to_end"];
    assert_eq!(
        (flows["expected"].as_u64(), flows["delivered"].as_u64(), flows["lost"].as_u64()),
        (Some(20), Some(20), Some(0))
    );
    assert!(flows["delivery_p95_ms"].as_f64().unwrap() > 0.0);
    let slow = flows["inbox_p99_ms"].as_f64().unwrap() >= 50.0;
    assert_eq!(flows["inbox_is_bottleneck"], slow, "{flows}");
    assert_eq!(ran.gate("load", "webhooks_lost"), "pass");
    assert_eq!(artifact["test_run"]["environment"], "embedded");
    // A number of flows that is asked of a load is held against it, and one that is asked of nothing is a slip.
    let gate = |least: &str| {
        let gates = ran.dir().join("patient.yaml");
        let gate = Smoke::new("gate").arg(ran.dir().join("artifacts")).arg("--gates").arg(gates);
        gate.args(&["--environment", "embedded", "--all", "--min-flows", least]).run()
    };
    for least in ["20", "payments=20"] {
        assert!(gate(least).exits(0).shown().contains("Flows 20 of a load of payments"), "{least}");
    }
    for least in ["21", "payments=50"] {
        assert!(gate(least).exits(3).shown().contains("required (--min-flows) (--allow flows=20"), "{least}");
    }
    gate("matches=1").exits(2).says("--min-flows matches=…: no artifact here is asked for that");
    let window = Smoke::new("gate").arg(ran.dir().join("artifacts")).args(&["--min-window", "1m"]);
    window.run().exits(2).says("--min-window: no artifact here is an observation");
}

#[test]
fn a_load_writes_the_summary_of_a_github_job() {
    let smoke = Smoke::new("load")
        .args(&["payments", "--rate", "20/s", "--duration", "1s", "--misbehave", "email-in-body@3"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary.md");
    let ran = smoke.on_a_busy_machine().run().exits(1);
    let summary = std::fs::read_to_string(ran.dir().join("summary.md")).unwrap();
    assert!(
        summary.starts_with("# Load of payments: FAIL\n\nThe target did not carry this load"),
        "{summary}"
    );
    assert!(summary.contains("| fail | Flows: Personal data in webhooks | 0 |"), "{summary}");
    ran.says("::error title=smoke: Flows%3A Personal data in webhooks::");
}

#[test]
fn a_webhook_that_is_lost_under_load_fails() {
    let args = [
        "payments",
        "--rate",
        "20/s",
        "--duration",
        "1s",
        "--within",
        "500ms",
        "--misbehave",
        "drop-webhook",
    ];
    let ran = Smoke::new("load").args(&args).run().exits(1);
    let artifact = ran.artifact("load");
    assert_eq!(artifact["counters"]["failed"], 0, "the API says 200 all the same");
    assert!(artifact["end_to_end"]["lost"].as_u64().unwrap() > 0, "{}", artifact["end_to_end"]);
    assert_eq!(ran.gate("load", "webhooks_lost"), "fail");
}

#[test]
fn the_journal_of_a_load_of_flows_holds_intervals_and_sums_only() {
    let args = ["payments", "--rate", "40/s", "--duration", "1s", "--inject", "503x1@3"];
    let ran = Smoke::new("load").args(&args).run();
    let text = std::fs::read_to_string(ran.file("staging_load_journal.jsonl")).unwrap();
    let kind = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["record"].as_object().unwrap().keys().next().unwrap().clone()
    };
    let kinds: HashSet<String> = text.lines().map(kind).collect();
    let expected = ["header", "load", "interval", "run_stats", "end"].map(str::to_owned);
    assert_eq!(kinds, HashSet::from(expected), "{kinds:?}");
    assert!(text.contains("\"identities\":[]"), "nobody's name or address is in it");
    let flows = &ran.artifact("load")["end_to_end"];
    assert_eq!((flows["flows"].as_u64(), flows["attempts"].as_u64()), (Some(40), Some(41)), "{flows}");
    assert_eq!(flows["steps"]["verify"]["ok"], 40);
    assert_eq!(ran.gate("load", "webhooks_retry_schedule"), "pass");
    let first = std::fs::read(ran.file("staging_load_output.json")).unwrap();
    let again = Smoke::new("report").arg(ran.file("staging_load_journal.jsonl")).run();
    assert_eq!(again.stdout.as_bytes(), first);
}

#[test]
fn flows_in_shards_merge_into_one_account() {
    let dir = tempfile::tempdir().unwrap();
    let start = (Utc::now() + TimeDelta::seconds(3)).to_rfc3339();
    let shard = |shard: &str| {
        let args = ["payments", "--rate", "30/s", "--duration", "1s", "--shard", shard, "--start-at", &start];
        let load = Smoke::new("load").args(&args).on_a_busy_machine();
        load.args(&["--artifacts", dir.path().to_str().unwrap()]).run().exits(0);
    };
    // One that fails ends the scope with its panic.
    std::thread::scope(|scope| {
        for k in ["0/3", "1/3", "2/3"] {
            scope.spawn(|| shard(k));
        }
    });
    let ran = Smoke::new("merge").on_a_busy_machine().arg(dir.path()).run().exits(0);
    let artifact = ran.artifact("load");
    let flows = &artifact["end_to_end"];
    assert_eq!(
        (flows["flows"].as_u64(), flows["delivered"].as_u64(), flows["lost"].as_u64()),
        (Some(30), Some(30), Some(0))
    );
    assert_eq!(artifact["counters"]["ok"], 30);
    assert_eq!(ran.gate("load", "webhooks_run_completed"), "pass");
    // Without one of them nothing is proven about the whole.
    std::fs::remove_dir_all(dir.path().join("shard-2-of-3")).unwrap();
    let ran = Smoke::new("merge").on_a_busy_machine().arg(dir.path()).run().exits(3);
    assert_eq!(ran.artifact("load")["end_to_end"]["flows"], 20);
}

#[test]
fn a_load_of_flows_that_says_nothing_of_them_proves_nothing() {
    let smoke = Smoke::new("load").args(&["payments", "--rate", "10/s", "--duration", "1s"]);
    let ran = smoke.on_a_busy_machine().run().exits(0);
    let journal = ran.file("staging_load_journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let without: Vec<&str> =
        text.lines().take_while(|line| !line.contains("\"record\":{\"run_stats\"")).collect();
    std::fs::write(&journal, format!("{}\n", without.join("\n"))).unwrap();
    let again = Smoke::new("report").arg(&journal).run();
    let artifact: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    let checks = artifact["acceptance_gates"]["checks"].as_array().unwrap();
    let lost = checks.iter().find(|c| c["id"] == "webhooks_lost").unwrap();
    assert_eq!(lost["verdict"], "unproven");
}

#[test]
fn flows_refuse_what_is_not_for_them() {
    let refused = |args: &[&str]| Smoke::new("load").args(&["payments"]).args(args).run().exits(2);
    refused(&["--rate", "max", "--duration", "1s"]).says("on a schedule");
    for flag in [
        &["--to", "http://127.0.0.1:1/"][..],
        &["--retry"],
        &["--event", "zzz"],
        &["--timeout", "1ms"],
        &["--cacert", "/nonexistent"],
        &["--flows", "3"],
        &["--concurrency", "3"],
    ] {
        let args = [&["--rate", "1/s", "--duration", "1s"][..], flag].concat();
        refused(&args).says(&format!("unexpected argument '{}'", flag[0]));
    }
    refused(&["--rate", "1/s", "--duration", "1s", "--report", "markdown"])
        .says("possible values: html, junit");
    Smoke::new("load").run().exits(2).says("<SCENARIO>");
    Smoke::new("load")
        .args(&["webhooks", "--rate", "1/s", "--duration", "1s"])
        .run()
        .exits(2)
        .says("--to <URL>");
    let url = ["--rate", "1/s", "--duration", "1s", "--staging", "http://www.example.com/"];
    Smoke::new("load")
        .args(&["payments"])
        .args(&url)
        .env("WEBHOOK_SECRET", SECRET)
        .run()
        .exits(2)
        .says("production");
    let shard = ["--rate", "2/s", "--duration", "1s", "--shard", "0/2", "--staging", "http://127.0.0.1:1/"];
    let sharded = Smoke::new("load").args(&["payments"]).args(&shard).env("WEBHOOK_SECRET", SECRET);
    sharded.run().exits(2).says("share one receiver");
    Smoke::new("load").args(&["no-such-scenario", "--rate", "1/s", "--duration", "1s"]).run().exits(2);
}

#[test]
fn what_is_wrong_with_webhooks_fails_a_load_of_flows() {
    for (misbehaviour, gate) in [
        ("username-in-body", "webhooks_pii"),
        ("wrong-secret", "webhooks_signatures"),
        ("send-twice", "webhooks_duplicates"),
        ("webhook-on-replay", "webhooks_unexpected"),
        ("step-500", "webhooks_steps"),
    ] {
        let args = ["payments", "--rate", "10/s", "--duration", "1s", "--within", "500ms"];
        let ran = Smoke::new("load").args(&args).args(&["--misbehave", misbehaviour]).run().exits(1);
        assert_eq!(ran.gate("load", gate), "fail", "{misbehaviour}");
    }
}

#[test]
fn a_data_file_that_changes_after_it_was_checked_ends_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("rows.csv");
    let rows = |last: &str| {
        let rows: Vec<String> = (1..=20).map(|n| format!("{n},{n},user{n},pw-of-{n}\n")).collect();
        let rows = rows.concat().replace(",user20,", last);
        format!("payment_id,tournament_id,user_username,user_password\n{rows}")
    };
    std::fs::write(&data, rows(",user20,")).unwrap();
    // A target that is asked whether it is there once the rows have been checked.
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", target.local_addr().unwrap());
    std::thread::spawn({
        let (data, changed) = (data.clone(), rows(",other2,"));
        move || {
            for mut stream in target.incoming().flatten() {
                let request = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                assert!(request.take_while(|line| !line.is_empty()).count() > 0);
                std::fs::write(&data, &changed).unwrap();
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    .unwrap();
            }
        }
    });
    let args =
        ["payments", "--rate", "10/s", "--duration", "2s", "--listen", "127.0.0.1:0", "--staging", &url];
    let ran = Smoke::new("load")
        .args(&args)
        .args(&["--data", data.to_str().unwrap()])
        .env("WEBHOOK_SECRET", SECRET)
        .env("STAFF_PASSWORD", "of-staff")
        .run()
        .exits(4)
        .says("rows.csv: the file has changed since its rows were checked: run again")
        .says("This says nothing about the sender");
    assert_eq!(ran.artifact("load")["acceptance_gates"]["verdict"], "unproven");
    let journal = std::fs::read_to_string(ran.file("staging_load_journal.jsonl")).unwrap();
    assert!(journal.contains("\"by\":\"data\""), "{journal}");
}

/// An API that takes so many orders and then no more for a second, each on a connection of its own.
fn throttling(after: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut taken = 0;
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            taken += usize::from(head.first().is_some_and(|line| line.contains("/orders/")));
            let status = if taken > after { "429 No\r\nRetry-After: 1" } else { "200 OK" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    url
}

/// What was counted in its last second is written, as when it is interrupted; and that the API takes no more is no failure of it.
#[test]
fn a_load_that_ends_early_keeps_its_last_second() {
    let scenario = "name: orders\nsubject: { kind: order, id: \"{{ order }}\" }\nsender: standard-webhooks\nflows: 3\n\
                    data: { columns: [order] }\nsteps:\n  - name: get\n    \
                    request: { method: GET, path: \"/orders/{{ order }}\" }\n    expect: { status: 200 }\n";
    let rows: String = (1..=40).map(|n| format!("o{n}\n")).collect();
    let url = throttling(5);
    let ran = Smoke::new("load")
        .args(&[
            "./orders.yaml",
            "--rate",
            "20/s",
            "--duration",
            "2s",
            "--listen",
            "127.0.0.1:0",
            "--staging",
            &url,
        ])
        .args(&["--data", "orders.csv", "--secret-file", "secret"])
        .file("orders.yaml", scenario)
        .file("orders.csv", &format!("order\n{rows}"))
        .file("secret", "whsec_a1B2c3D4a1B2c3D4a1B2c3D4a1B2c3D4a1B2c3D4a1B2c3D4\n")
        .run()
        .exits(4)
        .says("This says nothing about the sender");
    let artifact = ran.artifact("load");
    let counters = &artifact["counters"];
    assert_eq!(counters["ok"], 5, "{counters}");
    assert_eq!(counters["started"], artifact["end_to_end"]["flows"], "{counters}");
    assert!(counters["failed"].as_u64().unwrap() > 0, "{counters}");
    assert_eq!(ran.gate("load", "success_rate"), "unproven");
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    let journal = std::fs::read_to_string(ran.file("staging_load_journal.jsonl")).unwrap();
    assert!(journal.contains("\"by\":\"throttled\""), "{journal}");
    let gate =
        Smoke::new("gate").args(&["--environment", "staging", "--trust", "runner", "--format", "json"]);
    let gate = gate.arg(ran.dir().join("artifacts")).run().exits(3);
    let answer: Value = serde_json::from_str(&gate.stdout).unwrap();
    assert_eq!(answer["artifacts"][0]["contradictions"], serde_json::json!([]));
}
