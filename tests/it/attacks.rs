//! What could be done to a run so that it looks better than it was, by whoever knows the format: each attack is made here, and
//! refused or unproven by name. The chain is rebuilt, the artifact written again, and the right secret given.

use crate::evidence_run::{Run, recent};
use crate::harness::Smoke;
use crate::sample::Sample;
use crate::tampering::{attacked, each, forge, forge_lines, gate, records, step};
use serde_json::{Value, json};

#[test]
fn nothing_is_said_against_the_run_that_is_attacked() {
    let run = Run::new(&recent());
    let all = records(&run);
    forge(&run, &all);
    let (code, text) = gate(&run, &["--trust", "runner"]);
    assert_eq!(code, 0, "{text}");
    for fact in
        ["https://staging.deltacrown.example/", "10 at the same time", "display_name 1", "allows nothing"]
    {
        assert!(text.contains(fact), "{fact}: {text}");
    }
    assert!(text.find("what was run") < text.find("checklist"), "told first: {text}");
}

#[test]
fn flows_that_are_not_the_scenarios_are_refused() {
    let plain = recent();
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| attacked(name, &plain, change, 1, says);
    of("expectations dropped", |all| all.retain(|r| r.get("expect").is_none()), "expectation_differs");
    let count = |all: &mut Vec<Value>| each(all, "expect").for_each(|e| e["count"] = 0.into());
    of("nothing expected", count, "expectation_differs");
    let of_nobody = |all: &mut Vec<Value>| {
        each(all, "expect").for_each(|e| e["matchers"]["/data/tournament_id"] = Value::Null);
    };
    of("expected of nobody", of_nobody, "expectation_differs");
    let within = |all: &mut Vec<Value>| each(all, "expect").for_each(|e| e["within_ms"] = 60_000.into());
    of("longer limits", within, "expectation_differs");
    let foreign = |all: &mut Vec<Value>| {
        each(all, "flow_start").for_each(|f| f["ours"]["/data/tournament_id"] = 9999.into());
    };
    of("made foreign", foreign, "expectation_differs");
    let flow = |all: &mut Vec<Value>| {
        all.retain(|r| r.as_object().unwrap().values().all(|v| v.get("flow") != Some(&json!(3))));
    };
    of("a flow dropped", flow, "flow_missing");
    let steps = |all: &mut Vec<Value>| {
        all.retain(|r| {
            ["step", "expect"]
                .iter()
                .all(|k| r.get(k).is_none_or(|s| s["step"] == "verify" || s["flow"].is_null()))
        });
    };
    of("only verify steps", steps, "step_out_of_place");
    let logins = |all: &mut Vec<Value>| all.retain(|r| r.get("step").is_none_or(|s| !s["flow"].is_null()));
    of("no login", logins, "no_login");
    let twice = |all: &mut Vec<Value>| {
        let start = all.iter().position(|r| r.get("flow_start").is_some()).unwrap();
        all.insert(start, all[start].clone());
    };
    of("woven", twice, "flow_twice");
    let path =
        |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["request"] = "POST /api/ping/".into());
    of("another request", path, "request_differs");
}

#[test]
fn outcomes_that_their_answers_do_not_bear_out_are_refused() {
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| attacked(name, &recent(), change, 1, says);
    let refused = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["outcome"] = "refused".into());
    of("refused", refused, "outcome_contradicts_answer");
    let error = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["status"] = 500.into());
    of("status 500 and ok", error, "outcome_contradicts_answer");
    let body = |all: &mut Vec<Value>| {
        step(all, "verify")
            .for_each(|s| s["body"] = r#"{"status":"pending","idempotent_replay":true}"#.into());
    };
    of("the wrong body and ok", body, "outcome_contradicts_answer");
    let skipped = |all: &mut Vec<Value>| {
        step(all, "replay-proof").for_each(|s| {
            (s["outcome"], s["status"], s["tries"]) = ("skipped".into(), Value::Null, 0.into());
        });
    };
    of("skipped", skipped, "outcome_contradicts_flow");
    let unsent = |all: &mut Vec<Value>| {
        step(all, "verify").for_each(|s| s["tries"] = 0.into());
        all.retain(|r| r.get("expect").is_none_or(|e| e["step"] != "verify"));
    };
    of(
        "expectations dropped from steps that were never sent",
        unsent,
        "came to its outcome without being sent",
    );
    let bodiless = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["body"] = Value::Null);
    of("no body and ok", bodiless, "nothing is kept of its answer's body");
    let elsewhere = |all: &mut Vec<Value>| each(all, "expect").for_each(|e| e["step"] = "verifу".into());
    of("expected of another step", elsewhere, "announced a webhook of step");
    let logins = |all: &mut Vec<Value>| {
        each(all, "step").filter(|s| s["flow"].is_null()).for_each(|s| s["status"] = 500.into());
    };
    of("a login that failed", logins, "succeeded, yet was answered with 500");
    let login = |all: &mut Vec<Value>| {
        each(all, "step").filter(|s| s["flow"].is_null()).for_each(|s| s["request"] = "GET /".into());
    };
    of("a login that was none", login, "request_differs");
    let answer = |all: &mut Vec<Value>| {
        let first = each(all, "attempt").next().unwrap();
        (first["verdict"]["valid"], first["verdict"]["reason"]) = (false.into(), "mismatch".into());
    };
    of("accepted and invalid", answer, "answer_contradicts_verdict");
}

/// Else a sender that does not try again could have been sent something after which nothing is due.
#[test]
fn answers_that_are_not_those_of_their_faults_are_refused() {
    let of = |name: &str, change: fn(&mut Value), says: &str| {
        let broken = |all: &mut Vec<Value>| {
            each(all, "attempt").filter(|a| a.get("fault").is_some()).for_each(change);
        };
        attacked(name, &recent(), broken, 1, says);
    };
    of("sent 400", |a| a["answer"] = 400.into(), "the fault 503, which sends 503, but was sent 400");
    of("sent 200", |a| a["answer"] = 200.into(), "answer_contradicts_fault");
    of("sent nothing", |a| a["answer"] = Value::Null, "answer_contradicts_fault");
    of("redirected", |a| a["redirect"] = 0.into(), "answer_contradicts_fault");
    let silent = |all: &mut Vec<Value>| {
        each(all, "attempt").filter(|a| a.get("fault").is_none()).for_each(|a| a["answer"] = Value::Null);
    };
    attacked("not answered", &recent(), silent, 1, "was answered with nothing, but smoke answers 200");
}

/// What was to be broken and was not shows nothing: the answers may have been changed.
#[test]
fn faults_that_met_no_webhook_are_unproven() {
    let of = |faults: Value, code: i32, says: &str| {
        let change = |all: &mut Vec<Value>| all[0]["header"]["faults"] = faults.clone();
        attacked(&faults.to_string(), &recent(), change, code, says);
    };
    of(json!(["503x2@20%"]), 0, "503x2@20%");
    of(json!(["503x2@1", "503x2@3"]), 0, "503x2@3");
    of(json!(["503x2@30%"]), 3, "503 was to break 3 webhooks, but broke 2");
    of(json!(["503x2@20%", "400@2"]), 3, "--allow faults=unmet accepts it");
    of(json!(["503x2@20%", "400@1"]), 3, "400 was to break 1 webhook, but broke 0");
}

#[test]
fn times_that_cannot_be_are_refused() {
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| attacked(name, &recent(), change, 1, says);
    let zero = |all: &mut Vec<Value>| {
        for record in all {
            let fact = record.as_object_mut().unwrap().values_mut().next().unwrap();
            for time in ["at", "started", "ended", "first_byte", "received", "end"] {
                if fact.get(time).is_some_and(Value::is_number) {
                    fact[time] = 0.into();
                }
            }
        }
    };
    of("everything at tick 0", zero, "no_time");
    let backwards = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["ended"] = 1.into());
    of("ends before it starts", backwards, "ends_before_it_starts");
    // The flows that were broken took 6 s: their expectations are moved so that they look quick.
    let quick = |all: &mut Vec<Value>| {
        for kind in ["expect", "step"] {
            for fact in each(all, kind).filter(|f| f["flow"] == 4 && f["step"] == "verify") {
                let time = if kind == "expect" { "at" } else { "started" };
                fact[time] = (fact[time].as_u64().unwrap() + 5_900_000).into();
            }
        }
    };
    of("latency cooked", quick, "times_out_of_order");
    let early = |all: &mut Vec<Value>| each(all, "answered").for_each(|a| a["end"] = 1.into());
    of("answered before it came", early, "ends_before_it_starts");
    let shifted = |all: &mut Vec<Value>| {
        let header = &mut all[0]["header"];
        let started: chrono::DateTime<chrono::Utc> = header["started"].as_str().unwrap().parse().unwrap();
        header["started"] = (started - chrono::TimeDelta::hours(2)).to_rfc3339().into();
    };
    of("re-dated", shifted, "signature_verdict_differs");
    // The end is the last line, which no other depends on.
    for seconds in [1_000, 864_000] {
        let later = move |all: &mut Vec<Value>| {
            each(all, "end").for_each(|e| e["at"] = (e["at"].as_u64().unwrap() + seconds * 1_000_000).into());
        };
        attacked("ended in the future", &recent(), later, 3, "from now");
    }
}

#[test]
fn headers_and_keys_that_smoke_does_not_write_are_refused() {
    let of = |name: &str, change: fn(&mut Vec<Value>), says: &str| attacked(name, &recent(), change, 1, says);
    let policy = |all: &mut Vec<Value>| all[0]["header"]["pii_policy"] = json!({"allow_paths": ["/**"]});
    of("policy", policy, "header_differs");
    of("scheme", |all| all[0]["header"]["scheme"] = "deltacrown-v1".into(), "header_differs");
    of("ours", |all| all[0]["header"]["ours"] = json!([]), "header_differs");
    let unknown = |all: &mut Vec<Value>| each(all, "flow_end").for_each(|f| f["trusted"] = true.into());
    of("an unknown key", unknown, "unknown_key");
    let alike = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["statuѕ"] = 200.into());
    of("a look-alike key", alike, "unknown_key");
    let nothing = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["bоdy"] = Value::Null);
    of("a look-alike key with nothing in it", nothing, "unknown_key");
    let faultless = |all: &mut Vec<Value>| all[0]["header"]["faults"] = json!([]);
    of("faults hidden", faultless, "fault_nobody_asked_for");
    let event = |all: &mut Vec<Value>| {
        let headers = each(all, "attempt").next().unwrap()["headers"].as_array_mut().unwrap();
        let event = headers.iter_mut().find(|h| h[0] == "X-Webhook-Event").unwrap();
        event[1] = "payment_refunded".into();
    };
    of("another event in the header", event, "Webhooks contradicting their profile");
    let identity =
        |all: &mut Vec<Value>| all[0]["header"]["retry"]["identity"] = "timestamp_per_attempt".into();
    attacked("identity", &recent(), identity, 1, "Retries that change identity");
    let throttled = |all: &mut Vec<Value>| all[0]["header"]["retry"]["throttled"] = "retry".into();
    attacked("throttled", &recent(), throttled, 3, "but the checkout's gates say");
    let run = Run::new(&recent());
    let mut lines: Vec<String> = records(&run).iter().map(ToString::to_string).collect();
    let first = lines
        .iter_mut()
        .find(|line| line.contains("/data/tournament_id") && line.contains("flow_start"))
        .unwrap();
    *first =
        first.replacen("\"/data/tournament_id\":", "\"/data/tournament_id\":1,\"/data/tournament_id\":", 1);
    forge_lines(&run, lines);
    let (code, text) = gate(&run, &["--trust", "runner"]);
    assert_eq!((code, text.contains("duplicate_key")), (1, true), "{text}");
}

/// Requests are worked on at the same time, so that the one with the lower number may be written later: a run that is killed
/// in between is cut off, and nobody has taken anything out.
#[test]
fn an_attempt_that_a_killed_run_has_not_written_yet_was_not_removed() {
    let run = Run::new(&recent());
    let mut all = records(&run);
    all.retain(|r| r["attempt"]["attempt"] != 1 && r["answered"]["attempt"] != 1);
    forge(&run, &all);
    let (code, text) = gate(&run, &["--trust", "runner"]);
    assert_eq!((code, text.contains("attempts_missing")), (1, true), "{text}");
    let last = all.iter().rposition(|r| r.get("attempt").is_some()).unwrap();
    all.truncate(last + 1);
    forge(&run, &all);
    let (code, text) = gate(&run, &["--trust", "runner"]);
    assert_eq!((code, text.contains("cut off at")), (3, true), "{text}");
    assert!(!text.contains("attempts_missing"), "{text}");
}

/// What the header says of the sender is held against what its webhooks show.
#[test]
fn settings_of_the_sender_that_its_webhooks_do_not_show_are_unproven() {
    let of = |name: &str, change: fn(&mut Vec<Value>), code: i32, says: &str| {
        attacked(name, &recent(), change, code, says);
    };
    let endpoint = |all: &mut Vec<Value>| {
        all[0]["header"]["webhook"]["endpoint"] = "https://hooks.staging.example/webhooks/inbound".into();
    };
    of(
        "endpoint",
        endpoint,
        3,
        "no webhook names hooks.staging.example as its host, the first names 127.0.0.1:8787",
    );
    let path = |all: &mut Vec<Value>| {
        all[0]["header"]["webhook"]["endpoint"] = "http://127.0.0.1:8787/elsewhere".into();
    };
    of("path", path, 3, "no webhook arrived at the path /elsewhere");
    let timeout = |all: &mut Vec<Value>| all[0]["header"]["webhook"]["timeout_ms"] = 60_000.into();
    of("time-out", timeout, 3, "--allow timeout=60s accepts it");
    let no_timeout = |all: &mut Vec<Value>| all[0]["header"]["webhook"]["timeout_ms"] = 0.into();
    of("no time-out", no_timeout, 1, "a sender that waits 0 ms");
    let nothing = |all: &mut Vec<Value>| all[0]["header"]["target"] = "".into();
    of("nothing driven", nothing, 1, "a run without a target drives nothing");
    let stand_in = |all: &mut Vec<Value>| all[0]["header"]["stand_in"] = true.into();
    of("a stand-in of another name", stand_in, 3, "it is a stand-in called staging, not the embedded one");
    let nowhere = |all: &mut Vec<Value>| all[0]["header"]["webhook"]["endpoint"] = "".into();
    of("nowhere", nowhere, 1, "is no address to post webhooks to");
    let anywhere = |all: &mut Vec<Value>| {
        all[0]["header"]["webhook"]["endpoint"] = "http://0.0.0.0:1/elsewhere".into();
    };
    of("anywhere", anywhere, 3, "no webhook arrived at the path /elsewhere");
    let flows = |all: &mut Vec<Value>| {
        all[0]["header"]["overrides"] = json!([{"option": "flows", "value": "20"}]);
    };
    of("flows", flows, 1, "--flows 20 was given, but the header has something else");
    let other = |all: &mut Vec<Value>| all[0]["header"]["faults"] = json!(["400x1"]);
    of("another fault", other, 1, "fault_nobody_asked_for");
    let clauses = |all: &mut Vec<Value>| {
        all[0]["header"]["clauses"] = json!([{"name": "signs", "must": "sign_validly", "why": ""}]);
    };
    of("clauses", clauses, 1, "the clauses of the sender's contract are not the scenario's");
    let short = |all: &mut Vec<Value>| {
        let last = each(all, "flow_end").map(|end| end["at"].as_u64().unwrap()).max().unwrap();
        each(all, "end").for_each(|end| end["at"] = (last + 1000).into());
    };
    of("not watched", short, 3, "the run ended 1ms after its last flow");
    // A proxy before the receiver that keeps the name of the host that was asked for is no reason.
    let proxy = |all: &mut Vec<Value>| {
        all[0]["header"]["webhook"]["endpoint"] = "https://hooks.staging.example/webhooks/inbound".into();
        for attempt in each(all, "attempt") {
            attempt["headers"]
                .as_array_mut()
                .unwrap()
                .push(json!(["X-Forwarded-Host", "hooks.staging.example"]));
        }
    };
    of("a proxy", proxy, 0, "Posted to");
}

/// A webhook cannot be signed before the step that fired it: by the sender's clock a step that was moved is seen.
#[test]
fn steps_that_were_moved_behind_the_signing_of_their_webhooks_are_unproven() {
    let plain = Sample { injected_every: 0, ..recent() };
    let quick = |all: &mut Vec<Value>| {
        // Its webhook came half a second after it was signed; the step is moved to just before that.
        for (kind, times) in [
            ("expect", &["at"][..]),
            ("step", &["started", "ended"]),
            ("attempt", &["first_byte", "received"]),
        ] {
            for fact in each(all, kind) {
                let of_flow = fact["flow"] == 4 && fact["step"] == "verify";
                let of_webhook = kind == "attempt"
                    && fact["body"]["text"].as_str().unwrap().contains("\"tournament_id\":104");
                for time in times.iter().filter(|_| of_flow || of_webhook) {
                    fact[*time] = (fact[*time].as_u64().unwrap() + 500_000).into();
                }
            }
        }
        let moved: Vec<Value> = each(all, "attempt")
            .filter(|a| a["body"]["text"].as_str().unwrap().contains("\"tournament_id\":104"))
            .map(|a| a["attempt"].clone())
            .collect();
        for answered in each(all, "answered").filter(|a| moved.contains(&a["attempt"])) {
            answered["end"] = (answered["end"].as_u64().unwrap() + 500_000).into();
        }
        for end in each(all, "flow_end").filter(|end| end["flow"] == 4) {
            end["at"] = (end["at"].as_u64().unwrap() + 500_000).into();
        }
    };
    let says = "1 of 10 webhooks were signed before the step that fired them was sent; that of flow 4, step `verify`, by 0.5 s";
    attacked("one step", &plain, quick, 3, says);
}

#[test]
fn webhooks_that_were_taken_out_or_told_under_other_ids_are_seen() {
    let plain = Sample { injected_every: 0, ..recent() };
    let gap = |all: &mut Vec<Value>| {
        all.retain(|r| r.get("attempt").or(r.get("answered")).is_none_or(|a| a["attempt"] != 4));
    };
    attacked("an attempt taken out", &plain, gap, 1, "attempts_missing");
    let answer = |all: &mut Vec<Value>| {
        all.retain(|r| r.get("answered").is_none_or(|a| a["attempt"] != 4));
    };
    attacked("an answer taken out", &plain, answer, 1, "answer_missing");
    let fewer = |all: &mut Vec<Value>| {
        all[0]["header"]["webhook"]["max_attempts"] = 2.into();
        all[0]["header"]["retry"]["backoff_ms"] = json!([0, 2000]);
    };
    attacked("fewer attempts than promised", &plain, fewer, 3, "judged by 2 of the 3 attempts");
    let early = |all: &mut Vec<Value>| {
        let end = all.len() - 1;
        let at = all[end]["end"]["at"].clone();
        all.insert(end, json!({"ended_early": {"at": at, "by": "login", "text": "nobody can log in"}}));
    };
    attacked("ended early, and complete", &plain, early, 1, "end_contradicts_itself");
    let ids = |all: &mut Vec<Value>| {
        let first = each(all, "attempt").next().unwrap().clone();
        for (n, attempt) in each(all, "attempt").enumerate() {
            (attempt["headers"], attempt["body"]) = (first["headers"].clone(), first["body"].clone());
            let headers = attempt["headers"].as_array_mut().unwrap();
            headers.iter_mut().find(|h| h[0] == "X-Webhook-Id").unwrap()[1] =
                format!("4960b1c5-318e-4f87-b6c4-{n:012x}").into();
        }
    };
    attacked("one webhook, ten ids", &plain, ids, 1, "10 ids share one signed message");
}

/// What the sender has signed is held against the times of the run: nothing comes before it is signed, nor is signed before it
/// is asked for, but by clocks that are apart.
#[test]
fn times_that_were_moved_against_signatures_are_unproven_with_the_seconds() {
    let plain = Sample { injected_every: 0, ..recent() };
    let by = |seconds: i64| {
        move |all: &mut Vec<Value>| {
            let header = &mut all[0]["header"];
            let started: chrono::DateTime<chrono::Utc> = header["started"].as_str().unwrap().parse().unwrap();
            let moved = started + chrono::TimeDelta::seconds(seconds);
            header["started"] = moved.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into();
        }
    };
    attacked(
        "sooner",
        &plain,
        by(-3),
        3,
        "the sender's clock is 3.0 s ahead of the receiver's, or times were changed",
    );
    attacked("steps later", &plain, by(3), 3, "webhooks arrived 3.0 s after they were signed, but ");
    attacked("close", &plain, by(0), 0, "at the median");
    let alone = |all: &mut Vec<Value>| all[0]["header"]["concurrency"] = 1.into();
    attacked("one at a time", &recent(), alone, 1, "flows are in progress at once");
}

/// Without the secret, and everything numbered anew: nothing in the journal is missing any more.
#[test]
fn deliveries_that_were_left_out_and_renumbered_are_lost_or_come_too_late() {
    let leave_out = |all: &mut Vec<Value>, is_out: &dyn Fn(u64) -> bool| {
        let number = |r: &Value| r.get("attempt").or(r.get("answered")).and_then(|a| a["attempt"].as_u64());
        all.retain(|r| !number(r).is_some_and(is_out));
        let kept: Vec<u64> = all.iter().filter_map(|r| r.get("attempt")?["attempt"].as_u64()).collect();
        for record in all.iter_mut() {
            let Some(n) = number(record) else { continue };
            let kind = if record.get("attempt").is_some() { "attempt" } else { "answered" };
            record[kind]["attempt"] = kept.iter().position(|k| *k == n).unwrap().into();
        }
    };
    let lost = |all: &mut Vec<Value>| leave_out(all, &|n| n == 2);
    attacked("a webhook that was due", &Sample { injected_every: 0, ..recent() }, lost, 1, "Lost webhooks");
    // The first attempts of the webhooks that were retried; nothing was broken, as far as the journal says.
    let retried = |all: &mut Vec<Value>| {
        let faulty: Vec<u64> = each(all, "attempt")
            .filter(|a| a.get("fault").is_some())
            .map(|a| a["attempt"].as_u64().unwrap())
            .collect();
        leave_out(all, &|n| faulty.contains(&n));
        all[0]["header"]["faults"] = json!([]);
    };
    // One of 40, so that no latency is over its limit.
    let few = Sample { flows: 40, injected_every: 40, ..recent() };
    attacked("first attempts", &few, retried, 3, "an earlier attempt may have been left out");
}

/// Nothing edited: what the runner chose makes it weaker.
#[test]
fn weakened_runs_are_unproven_unless_they_are_allowed_by_name() {
    let of = |sample: &Sample, change: fn(&mut Vec<Value>), says: &str, allow: &str| {
        let run = Run::new(sample);
        let mut all = records(&run);
        change(&mut all);
        forge(&run, &all);
        let (code, text) = gate(&run, &["--trust", "runner"]);
        assert_eq!((code, text.contains(says)), (3, true), "{says}: {text}");
        assert!(text.contains(&format!("--allow {allow} accepts it")), "{allow}: {text}");
        let (code, text) = gate(&run, &["--trust", "runner", "--allow", allow]);
        assert_eq!((code, text.contains("which --allow accepts")), (0, true), "{allow}: {text}");
    };
    let plain = Sample { injected_every: 0, ..recent() };
    let nothing = |_: &mut Vec<Value>| {};
    of(&Sample { flows: 1, ..plain.clone() }, nothing, "fewer than the 10", "flows=1");
    let local = |all: &mut Vec<Value>| all[0]["header"]["target"] = "http://127.0.0.1:8000/".into();
    of(&plain, local, "on the machine that ran smoke", "target=loopback");
    let canaries = |all: &mut Vec<Value>| {
        all[0]["header"]["identities"].as_array_mut().unwrap().retain(|i| i["kind"] != "display_name");
    };
    of(&plain, canaries, "no row has a display_name", "canaries=display_name");
    of(
        &Sample { within_ms: 60_000, ..plain.clone() },
        nothing,
        "later than the scenario's limit",
        "within=60000ms",
    );
}

#[test]
fn gates_and_scenarios_are_held_against_the_approvers_digests() {
    let run = Run::new(&recent());
    let digests = Smoke::new("gate").arg("--print-digests").run().exits(0).stdout;
    let of = |name: &str| {
        let line =
            digests.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {digests}"));
        line.split_whitespace().next().unwrap().to_owned()
    };
    let (gates, scenario) = (of("  gates  "), of("  payments  "));
    let with = |args: &[&str]| gate(&run, &[&["--trust", "runner"], args].concat());
    assert_eq!(with(&["--gates-sha256", &gates, "--scenario-sha256", &scenario]).0, 0);
    let other = "ab".repeat(32);
    let (code, text) = with(&["--gates-sha256", &other]);
    assert_eq!((code, text.contains("the run was judged by gates with SHA-256")), (1, true), "{text}");
    let (code, text) = with(&["--scenario-sha256", &other]);
    assert_eq!((code, text.contains("not among --scenario-sha256")), (1, true), "{text}");
    let (code, text) = with(&["--target", "https://elsewhere.example"]);
    assert_eq!((code, text.contains("not evidence about https://elsewhere.example")), (3, true), "{text}");
    assert_eq!(with(&["--target", "https://staging.deltacrown.example"]).0, 0);
    assert_eq!(with(&["--gates-sha256", "short"]).0, 2);
}
