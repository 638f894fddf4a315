//! Attacks on windows, as in `attacks`: what a window says of itself is held against its arrivals, its log, its tries of the
//! receiver and its own times; and an honest one is never contradicted.

use crate::harness::log_time;
use crate::receiver::{Receiver, SECRET, Webhook, until};
use crate::tampering::{each, forged, records_of, smoke};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A window that ended well, to be changed again and again.
pub(crate) struct Window {
    dir: tempfile::TempDir,
    records: Vec<Value>,
}

const JOURNAL: &str = "artifacts/staging_observation_journal.jsonl";

/// A line of the sender's log.
fn delivered(id: &str) -> String {
    format!(
        "INFO {} apps.notifications.services.webhook_service Webhook delivered successfully: event=payment_verified, \
         status=200, attempt=1, webhook_id={id}\n",
        log_time()
    )
}

fn post(to: SocketAddr, webhook: &Webhook) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&webhook.bytes("close")).unwrap();
    crate::receiver::read_all(&mut stream);
}

impl Window {
    /// Of this length, with these flags; what `play` posts to it and writes to the sender's log comes meanwhile.
    pub(crate) fn of(flags: &[&str], play: impl FnOnce(SocketAddr, &mut std::fs::File)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("secret"), SECRET).unwrap();
        let mut log = std::fs::File::create(at("app.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
        command.args(["observe", "--listen", "127.0.0.1:0", "--duration", "1s"]);
        if !flags.contains(&"--blind") {
            command.args(["--secret-file", "secret"]);
        }
        command
            .args(flags)
            .current_dir(dir.path())
            .env_remove("WEBHOOK_SECRET")
            .env_remove("WEBHOOK_ENDPOINT");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let journal = at(JOURNAL);
        let read = || std::fs::read_to_string(&journal).unwrap_or_default();
        until(|| read().contains("\"begin\""), "the window has begun");
        let header: Value = serde_json::from_str(read().lines().next().unwrap()).unwrap();
        let endpoint = header["record"]["header"]["webhook"]["endpoint"].as_str().unwrap().to_owned();
        play(endpoint.split('/').nth(2).unwrap().parse().unwrap(), &mut log);
        let done = child.wait_with_output().unwrap();
        assert!(matches!(done.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&done.stdout));
        let records = records_of(&journal);
        Self { dir, records }
    }

    /// With twelve webhooks, all of them accepted and in the log.
    fn with_a_log() -> Self {
        Self::of(&["--log", "app.log", "--probe", "http://127.0.0.1:9/"], |to, log| {
            for _ in 0..12 {
                let webhook = Webhook::new();
                post(to, &webhook);
                log.write_all(delivered(&webhook.id).as_bytes()).unwrap();
            }
        })
    }

    /// The journal of a receiver to which six webhooks came, the last of them a few seconds before its end.
    fn of_a_receiver() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut receiver = Receiver::start(dir.path(), "", &[]);
        (0..6).for_each(|_| post(receiver.address, &Webhook::new()));
        receiver.terminate();
        receiver.wait();
        std::fs::write(dir.path().join("secret"), SECRET).unwrap();
        let mut records = records_of(&dir.path().join("j.jsonl"));
        each(&mut records, "end")
            .for_each(|end| end["at"] = (end["at"].as_u64().unwrap() + 3_000_000).into());
        Self { dir, records }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What the gate says when this was changed and everything was written again from it.
    pub(crate) fn judged(&self, change: impl FnOnce(&mut Vec<Value>)) -> (i32, String) {
        let mut all = self.records.clone();
        change(&mut all);
        let (journal, artifact) = (self.file("x_journal.jsonl"), self.file("x_output.json"));
        std::fs::write(&journal, forged(all.iter().map(Value::to_string).collect())).unwrap();
        let _ = std::fs::remove_file(&artifact);
        smoke(&["report"], &journal, &["--output", artifact.to_str().unwrap(), "--quiet"]);
        let secret = self.file("secret").display().to_string();
        let asked = ["--trust", "runner", "--secret-file", &secret, "--environment", "staging"];
        let is_window = std::fs::read_to_string(&journal).unwrap().contains("\"kind\":\"observe\"");
        let least: &[&str] = if is_window { &["--min-window", "1s"] } else { &[] };
        smoke(&["gate"], &artifact, &[&asked[..], least].concat())
    }

    fn refused(&self, name: &str, change: impl FnOnce(&mut Vec<Value>), says: &str) {
        let (code, text) = self.judged(change);
        assert_eq!((code, text.contains(says)), (1, true), "{name} should say `{says}`:\n{text}");
    }
}

/// The facts of one kind of a window.
fn watched<'r>(all: &'r mut [Value], kind: &'r str) -> impl Iterator<Item = &'r mut Value> {
    each(all, "watch").filter_map(move |watch| watch.get_mut(kind))
}

/// Takes attempts out, with their responses, and numbers the others anew: `answered` follows its attempt by number.
fn without(all: &mut Vec<Value>, gone: &[u64], renumbered: bool) {
    for kind in ["attempt", "answered"] {
        all.retain(|r| r[kind]["attempt"].as_u64().is_none_or(|n| !gone.contains(&n)));
        for fact in each(all, kind).filter(|_| renumbered) {
            let n = fact["attempt"].as_u64().unwrap();
            fact["attempt"] = (n - gone.iter().filter(|gone| **gone < n).count() as u64).into();
        }
    }
}

#[test]
fn a_window_that_was_changed_is_refused_by_name() {
    let window = Window::with_a_log();
    let (_, text) = window.judged(|_| ());
    assert!(!text.contains("Contradictions"), "{text}");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| window.refused(name, change, says);
    of("removed", |all| without(all, &[3], false), "some were removed");
    of("removed and renumbered", |all| without(all, &[3], true), "11 are here");
    let swapped = |all: &mut Vec<Value>| {
        let at = |all: &[Value], n: u64| all.iter().position(|r| r["attempt"]["attempt"] == n).unwrap();
        let (a, b) = (at(all, 2), at(all, 5));
        all.swap(a, b);
    };
    of("reordered", swapped, "attempts_missing");
    let twice = |all: &mut Vec<Value>| {
        let at = all.iter().position(|r| r.get("answered").is_some()).unwrap();
        all.insert(at, all[at].clone());
    };
    of("answered twice", twice, "answered_twice");
    of(
        "answered at once",
        |all| each(all, "answered").for_each(|a| a["end"] = 0.into()),
        "ends_before_it_starts",
    );
    let foreign = |all: &mut Vec<Value>| each(all, "answered").for_each(|a| a["attempt"] = 99.into());
    of("responses to nothing", foreign, "answer_without_attempt");
    let broken = |all: &mut Vec<Value>| each(all, "attempt").for_each(|a| a["fault"] = "503".into());
    of("failures called faults", broken, "fault_nobody_asked_for");
    let no_begin = |all: &mut Vec<Value>| all.retain(|r| r["watch"].get("begin").is_none());
    of("no beginning", no_begin, "window_begins_late");
    let twice = |all: &mut Vec<Value>| all.insert(1, all[1].clone());
    of("two beginnings", twice, "window_begins_twice");
    let no_tries = |all: &mut Vec<Value>| all.retain(|r| r["watch"].get("probe").is_none());
    of("tries removed", no_tries, "window_not_as_asked");
    let early = |all: &mut Vec<Value>| watched(all, "probe").for_each(|p| p["at"] = 0.into());
    of("tries moved", early, "times_out_of_order");
    let unasked = |all: &mut Vec<Value>| watched(all, "begin").for_each(|b| b["probe"] = Value::Null);
    of("tries that nobody asked for", unasked, "window_not_as_asked");
}

#[test]
fn a_log_that_was_changed_is_refused_by_name() {
    let window = Window::with_a_log();
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| window.refused(name, change, says);
    let sums = "log_does_not_add_up";
    let unasked = |all: &mut Vec<Value>| {
        watched(all, "begin").for_each(|b| drop(b.as_object_mut().unwrap().remove("logs")));
    };
    of("no log", unasked, "window_not_as_asked");
    of("no comparison", |all| all.retain(|r| r["watch"].get("compared").is_none()), sums);
    let arrived =
        |all: &mut Vec<Value>| watched(all, "compared").for_each(|c| c["found"]["in_journal"] = 5.into());
    of("other arrivals", arrived, sums);
    let agreed =
        |all: &mut Vec<Value>| watched(all, "compared").for_each(|c| c["found"]["agreed"] = 5.into());
    of("fewer in both", agreed, sums);
    let unseen =
        |all: &mut Vec<Value>| watched(all, "compared").for_each(|c| c["found"]["never_seen"] = 5.into());
    of("never seen", unseen, sums);
    let said = |key: &'static str, value: Value| {
        move |all: &mut Vec<Value>| watched(all, "log").for_each(|log| log["summary"][key] = value.clone())
    };
    window.refused("lines", said("lines", 900.into()), sums);
    window.refused("unreadable", said("unreadable", json!({"count": 1, "first_lines": []})), sums);
    window.refused("delivered", said("delivered", 1.into()), sums);
    window.refused("a look-alike key", said("errоrs", json!({})), "unknown_key");
    let gone = |all: &mut Vec<Value>| {
        watched(all, "log").for_each(|log| drop(log["summary"].as_object_mut().unwrap().remove("errors")));
    };
    of("errors left out", gone, "unknown_key");
}

/// Where arithmetic refutes nothing the evidence stays unproven, by name.
#[test]
fn what_was_left_out_of_a_window_leaves_it_unproven() {
    let window = Window::of(&[], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let unproven = |name: &str, change: &dyn Fn(&mut Vec<Value>), says: &str| {
        let (code, text) = window.judged(change);
        assert_eq!((code, text.contains(says)), (3, true), "{name} should say `{says}`:\n{text}");
    };
    // As long after signing as a retry: the attempts before it, which failed, were taken out.
    let late = |all: &mut Vec<Value>| {
        for (kind, times) in
            [("attempt", &["first_byte", "received"][..]), ("answered", &["end"]), ("end", &["at"])]
        {
            for fact in each(all, kind).filter(|fact| fact["attempt"].as_u64().is_none_or(|n| n >= 8)) {
                times
                    .iter()
                    .for_each(|time| fact[*time] = (fact[*time].as_u64().unwrap() + 2_000_000).into());
            }
        }
    };
    unproven("first attempts", &late, "an earlier attempt may have been left out");
    let endless = |all: &mut Vec<Value>| {
        all.retain(|r| r["answered"]["attempt"] != 0);
        each(all, "end").for_each(|end| end["at"] = (end["at"].as_u64().unwrap() + 3_000_000).into());
    };
    unproven("a response", &endless, "Ends of attempts");
    let elsewhere = |all: &mut Vec<Value>| {
        watched(all, "begin").for_each(|begin| begin["source"] = "j.jsonl".into());
        each(all, "attempt").take(3).for_each(|attempt| attempt["fault"] = "503".into());
    };
    unproven("failures called faults of a receiver", &elsewhere, "--allow faults=3 accepts it");
    let hook = |all: &mut Vec<Value>| {
        let end = all.len() - 1;
        let at = all[end]["end"]["at"].clone();
        all.insert(end, json!({"watch": {"hook": {"at": at, "trigger": "pii", "exit": 0}}}));
    };
    unproven("what fired a trigger", &hook, "what fired it was left out");
}

/// A clock that is said to have been off for a moment makes a webhook fresh that was not: it is taken for no more than what it is.
#[test]
fn a_clock_that_somebody_wrote_into_a_window_proves_no_signature() {
    let window = Window::of(&[], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let stale = |all: &mut Vec<Value>| {
        let attempt = each(all, "attempt").nth(5).unwrap();
        let body = attempt["body"]["text"].as_str().or_else(|| attempt["body"].as_str()).unwrap().to_owned();
        let old = Webhook::signed(body.as_bytes(), SECRET, Duration::from_secs(700));
        let headers = attempt["headers"].as_array_mut().unwrap();
        for (name, value) in &old.headers {
            let known = headers.iter_mut().find(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name));
            known.unwrap()[1] = value.as_str().into();
        }
    };
    window.refused("a stale one called valid", stale, "signature_verdict_differs");
    let none = |all: &mut Vec<Value>| watched(all, "judged_by").for_each(|by| by["secrets"] = 0.into());
    window.refused("no secret", none, "accepted under 1 to 16 secrets");
    for clock in ["wall_clock", "judged_by"] {
        let (code, text) = window.judged(|all| {
            stale(all);
            let place = all.iter().position(|r| r["attempt"]["attempt"] == 5).unwrap();
            let tick = all[place]["attempt"]["received"].clone();
            let receiver = watched(all, "judged_by").next().unwrap()["receiver"].clone();
            for (place, ahead_ms) in [(place + 1, 0), (place, -700_000)] {
                let fact = match clock {
                    "wall_clock" => json!({"at": tick, "ahead_ms": ahead_ms}),
                    _ => json!({"receiver": receiver, "ahead_us": ahead_ms * 1000, "secrets": 1}),
                };
                all.insert(place, json!({"watch": {clock: fact}}));
            }
        });
        // The window's own clock has judged nothing.
        let (exit, says) = match clock {
            "wall_clock" => (1, "signature_verdict_differs"),
            _ => (3, "1 of 12 verdicts are right by the clock of the receiver as it was said to be"),
        };
        assert_eq!((code, text.contains(says)), (exit, true), "{clock}:\n{text}");
    }
}

#[test]
fn a_restart_of_the_receiver_that_the_window_does_not_tell_leaves_it_unproven() {
    let window = Window::of(&[], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let restarted = |is_told: bool| {
        window.judged(|all| {
            let place = all.iter().position(|r| r["attempt"]["attempt"] == 5).unwrap();
            let (receiver, at) =
                ("00000000-0000-4000-8000-000000000001", all[place]["attempt"]["received"].clone());
            let by = json!({"receiver": receiver, "ahead_us": 0, "secrets": 1});
            all.insert(place, json!({"watch": {"judged_by": by}}));
            if is_told {
                let gap = json!({"from": 1, "to": at, "why": "the receiver was restarted"});
                all.insert(place, json!({"watch": {"gap": gap}}));
            }
        })
    };
    let untold = "the journal does not say that nothing could be seen meanwhile";
    let (code, text) = restarted(false);
    assert_eq!((code, text.contains(untold)), (3, true), "{text}");
    let (_, text) = restarted(true);
    assert!(!text.contains(untold) && text.contains("the receiver was restarted"), "{text}");
    assert!(!window.judged(|_| ()).1.contains(untold), "of an honest one");
}

/// What is not signed cannot be told from what anybody sends: only an approver without a secret takes it.
#[test]
fn a_window_of_a_sender_that_signs_nothing_is_not_proven_with_a_secret() {
    let window = Window::of(&["--sender", "alertmanager"], |to, _| {
        (0..12).for_each(|_| post(to, &Webhook::new()));
    });
    let (code, text) = window.judged(|_| ());
    let says = "a secret was given, but the header says that the sender is alertmanager, which signs nothing";
    assert_eq!((code, text.contains(says)), (3, true), "{text}");
    let asked = ["--trust", "runner", "--environment", "staging", "--min-window", "1s", "--all"];
    let (_, text) = smoke(&["gate"], &window.file("x_output.json"), &asked);
    assert!(!text.contains("a secret was given") && text.contains("this sender signs nothing"), "{text}");
}

#[test]
fn a_window_is_no_longer_than_it_was_to_be() {
    let window = Window::of(&[], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let (_, text) = window.judged(|_| ());
    assert!(text.contains("1 s watched, at least 1 s required"), "{text}");
    let shorter = |all: &mut Vec<Value>| watched(all, "begin").for_each(|b| b["duration_ms"] = 900.into());
    let (code, text) = window.judged(shorter);
    assert_eq!((code, text.contains("0 s watched, at least 1 s required")), (3, true), "{text}");
}

/// What is driven beside a window is what the scenario here has.
#[test]
fn driven_flows_that_are_not_the_scenarios_are_refused_or_unproven() {
    let window = Window::of(&["--drive", "payments=600/m"], |_, _| ());
    let (_, text) = window.judged(|_| ());
    let honest = "10 of payments, as the scenario here has them";
    assert!(text.contains(honest) && !text.contains("Contradictions"), "{text}");
    let flow = |all: &mut Vec<Value>| {
        all.retain(|r| r.as_object().unwrap().values().all(|fact| fact.get("flow") != Some(&json!(3))));
    };
    window.refused("a flow", flow, "flow_missing");
    let start = |all: &mut Vec<Value>| all.retain(|r| r["flow_start"]["flow"] != 3);
    window.refused("the start of one", start, "flow_out_of_place");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| {
        let (_, text) = window.judged(change);
        let is_named = text.contains("are not those of the scenario here") && text.contains(says);
        assert!(is_named, "{name} should say `{says}`:\n{text}");
    };
    let first = |all: &mut Vec<Value>| {
        let at = all.iter().position(|r| r["expect"]["step"] == "payments/verify").unwrap();
        all.remove(at);
    };
    of("expectations", first, "it announced 0 webhooks");
    let longer = |all: &mut Vec<Value>| each(all, "expect").for_each(|e| e["within_ms"] = 90_000.into());
    of("limits", longer, "90000 ms for payment_verified");
    let status = |all: &mut Vec<Value>| {
        each(all, "step").filter(|s| s["step"] == "payments/verify").for_each(|s| s["status"] = 500.into());
    };
    of("a status", status, "status 500 is not what the scenario expects");
    let step = |all: &mut Vec<Value>| {
        all.retain(|r| {
            r["step"]["step"] != "payments/replay-proof" && r["expect"]["step"] != "payments/replay-proof"
        });
    };
    of("a step", step, "step `verify` appears where");
}

#[test]
fn a_windows_header_has_nothing_that_only_runs_have() {
    let window = Window::of(&[], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let of = |key: &'static str, value: Value| {
        let change = move |all: &mut Vec<Value>| all[0]["header"][key] = value;
        window.refused(key, change, "header_differs");
    };
    of("ours", json!(["/data/tournament_id"]));
    of("flows", 10.into());
    of("seed", 7.into());
    of("challenge", "abc".into());
    of("pii_policy", json!({"allow_paths": ["/**"]}));
    of("faults", json!(["503"]));
    of("scenario", json!({"name": "payments", "subject": "payment", "sha256": "0"}));
    let timeout = |ms: u64| move |all: &mut Vec<Value>| all[0]["header"]["webhook"]["timeout_ms"] = ms.into();
    window.refused("no time-out", timeout(0), "a sender that waits 0 ms");
    let (code, text) = window.judged(timeout(60_000));
    assert!(code == 3 && text.contains("--allow timeout=60s accepts it"), "{text}");
    let (_, text) = window.judged(|_| ());
    for word in ["that nothing that arrived was left out", "the endpoint", "when the window began and ended"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_receivers_journal_that_was_changed_is_refused_by_name() {
    let receiver = Window::of_a_receiver();
    let (code, text) = receiver.judged(|_| ());
    assert!(code == 3 && !text.contains("Contradictions"), "{text}");
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| receiver.refused(name, change, says);
    of("removed", |all| without(all, &[2], false), "some were removed");
    let clock = |all: &mut Vec<Value>| {
        all.insert(
            1,
            json!({"watch": {"judged_by": {"receiver": uuid::Uuid::nil(), "ahead_us": 5, "secrets": 1}}}),
        );
    };
    of("a receiver elsewhere", clock, "clock_of_no_receiver");
    of("twice", |all| each(all, "attempt").for_each(|a| a["attempt"] = 0.into()), "attempt_twice");
    of("all foreign", |all| all[0]["header"]["ours"] = json!(["/data/x"]), "header_differs");
    of(
        "faults",
        |all| each(all, "attempt").for_each(|a| a["fault"] = "503".into()),
        "fault_nobody_asked_for",
    );
    let unchecked = |all: &mut Vec<Value>| {
        let verdict = json!({"valid": false, "reason": "unchecked"});
        each(all, "attempt").for_each(|a| a["verdict"] = verdict.clone());
    };
    of("unchecked", unchecked, "verdict_contradicts_header");
    of(
        "answered at once",
        |all| each(all, "answered").for_each(|a| a["end"] = 0.into()),
        "ends_before_it_starts",
    );
    let late = |all: &mut Vec<Value>| {
        each(all, "answered").for_each(|a| a["end"] = (a["end"].as_u64().unwrap() + 60_000_000).into());
    };
    of("after the end", late, "the journal ends at");
    let endless = |all: &mut Vec<Value>| all.retain(|r| r["answered"]["attempt"] != 0);
    let (code, text) = receiver.judged(endless);
    assert!(code == 3 && text.contains("Ends of attempts"), "{text}");
}

/// The approver verifies what came to a blind window; that something is missing nobody can see, and each criterion says so.
#[test]
fn nothing_is_settled_by_a_blind_window() {
    let window = Window::of(&["--blind"], |to, _| (0..12).for_each(|_| post(to, &Webhook::new())));
    let (_, text) = window.judged(|_| ());
    assert!(!text.contains("Contradictions") && text.contains("sender: the holder of the"), "{text}");
    assert!(text.contains("Success rate, Valid signatures"), "{text}");
    assert!(text.contains("(webhooks and attempts may have been left out)"), "{text}");
}
