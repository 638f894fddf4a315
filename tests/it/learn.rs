//! `smoke learn`: what a journal or a sender's log says of its sender, and what of a profile has drifted.

use crate::harness::{Ran, Smoke};
use crate::senders::QUICK;
use record::period::Period;

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn a_journal_says_what_its_sender_does() {
    let ran = Smoke::new("run")
        .file("gates.yaml", QUICK)
        .file("secret", SECRET)
        .args(&["payments", "--quiet", "--gates", "gates.yaml", "--inject", "503x2", "--flows", "4"])
        .args(&["--secret-file", "secret"])
        .run();
    let journal = ran.file("staging_payments_journal.jsonl");
    let learn = |args: &[&str]| {
        let smoke =
            Smoke::new("learn").arg(&journal).file("secret", SECRET).args(&["--secret-file", "secret"]);
        smoke.args(args).run()
    };
    let proposed = learn(&[]).exits(0);
    for line in [
        "header: X-Webhook-Signature",
        "event: { json: /event }",
        "id: { header: X-Webhook-Id }",
        "retry: [503]",
        "identity: same",
    ] {
        assert!(proposed.stdout.contains(line), "{} lacks {line}", proposed.stdout);
    }
    // A sender keeps its pauses at the least; on a busy machine it is later.
    let pauses = proposed.stdout.split_once("schedule: [0s, ").and_then(|(_, rest)| rest.split(']').next());
    let pauses: Vec<Period> = pauses.unwrap().split(", ").map(|pause| pause.parse().unwrap()).collect();
    let [second, third] = pauses[..] else { panic!("{}", proposed.stdout) };
    assert!(second.get().as_millis() >= 190 && third.get().as_millis() >= 390, "{}", proposed.stdout);
    let own = "name: own\nsignature: { algorithm: hmac-sha256, header: X-Webhook-Signature }\nretry: { schedule: [0s, 5s, 9s] }\n";
    let drifted =
        Smoke::new("learn").arg(&journal).file("own.yaml", own).args(&["--against", "./own.yaml"]).run();
    let drifted = drifted.exits(1);
    assert!(drifted.stdout.contains("retry.schedule: own says a pause of 5000 ms"), "{}", drifted.stdout);
}

/// The sender's own log tells of its retries, as of a system that nobody can send webhooks from to here.
#[test]
fn a_profile_is_proposed_from_the_senders_own_log_too() {
    let head = "2026-11-13 14:30:15,123 apps.notifications.services.webhook_service";
    let failed = |status, attempt| {
        format!(
            "WARNING {head} Webhook delivery failed: event=paid, status={status}, attempt={attempt}/3, response=x\n"
        )
    };
    let log = [
        failed(503, 1),
        format!("INFO {head} Webhook retry 2/3 after 2s delay\n"),
        failed(503, 2),
        format!("INFO {head} Webhook retry 3/3 after 4s delay\n"),
        failed(422, 1),
        format!("ERROR {head} Client error - aborting retries: status=422\n"),
    ];
    let learn =
        |args: &[&str]| Smoke::new("learn").file("app.log", &log.concat()).arg("app.log").args(args).run();
    let proposed = learn(&[]).exits(0).stdout;
    for line in [
        "a log shows no requests (its events: paid)",
        "schedule: [0s, 2000ms, 4000ms]",
        "abort: [422]",
        "retry: [503]",
    ] {
        assert!(proposed.contains(line), "{proposed} lacks {line}");
    }
    // It is a profile.
    let own = proposed
        .replace("name: learnt", "name: own")
        .replace("{ algorithm: none }", "{ algorithm: hmac-sha256, header: X-S }");
    Smoke::new("senders").file("own.yaml", &own).arg("./own.yaml").run().exits(0);
    assert!(learn(&["--against", "deltacrown-5.6"]).exits(3).stdout.contains("signature: not checked"));
    assert!(learn(&["--against", "stripe"]).exits(1).stdout.contains("retry.schedule: stripe says"));
    let other = Smoke::new("learn").file("app.log", "nothing\nof that kind\n").arg("app.log").run().exits(2);
    other.says("neither a journal (line 1: ").says("nor a log with lines about attempts");
}

/// What was not looked at has not stayed as it was.
#[test]
fn nothing_has_drifted_only_where_signatures_and_retries_were_seen() {
    let run = |more: &[&str]| {
        let ran = Smoke::new("run").file("secret", SECRET).file("quick.yaml", &quick());
        ran.args(&["payments", "--quiet", "--flows", "2", "--secret-file", "secret"]).args(more).run()
    };
    let learn = |ran: &Ran, profile: &str, secret: Option<&str>| {
        let journal = ran.file("staging_payments_journal.jsonl");
        let mut smoke = Smoke::new("learn").arg(&journal).args(&["--against", profile]);
        smoke = smoke.file("own.yaml", "name: own\nsignature: { algorithm: hmac-sha256, header: X-Own }\n");
        smoke = smoke.file("quick.yaml", &quick());
        if let Some(secret) = secret {
            smoke = smoke.file("secret", secret).args(&["--secret-file", "secret"]);
        }
        smoke.run()
    };
    let other = "0".repeat(64);
    let ran = run(&["--sender", "./quick.yaml", "--inject", "503x1@1"]);
    let same = learn(&ran, "./quick.yaml", Some(SECRET)).exits(0).stdout;
    assert!(same.contains("nothing has drifted from quick in 3 attempts"), "{same}");
    assert!(same.contains("what followed a failed attempt was seen in 1 of 1 delivery"), "{same}");
    assert!(learn(&ran, "./quick.yaml", None).exits(3).stdout.contains("signature: not checked"));
    // Where no attempt failed, nobody knows whether it would have come again.
    let ran = run(&[]);
    let unseen = learn(&ran, "deltacrown-5.6", Some(SECRET)).exits(3).stdout;
    assert!(unseen.contains("retries: not seen") && !unseen.contains("has drifted"), "{unseen}");
    assert!(learn(&ran, "deltacrown-5.6", None).exits(3).stdout.contains("signature: not checked"));
    assert!(
        learn(&ran, "deltacrown-5.5", Some(SECRET)).exits(1).stdout.contains("seen: as in deltacrown-5.6")
    );
    assert!(
        learn(&ran, "deltacrown-5.6", Some(&other))
            .exits(1)
            .stdout
            .contains("signature: deltacrown-5.6 says")
    );
    assert!(learn(&ran, "./own.yaml", None).exits(1).stdout.contains("signature: own says"));
}

#[test]
fn a_sender_that_does_otherwise_than_its_profile_has_drifted() {
    let kinds = [
        ("no-retry", "503x*@1", "retry.schedule: quick says 3 attempts; seen: 1 of 3 attempts, then silence"),
        (
            "too-many-retries",
            "503x*@1",
            "retry.schedule: quick says 3 attempts; seen: 4 attempts, 3 declared",
        ),
        ("no-retry-on-reset", "resetx*@1", "retry.schedule: quick says 3 attempts; seen: 1 of 3 attempts"),
        ("retry-4xx", "400x*@1", "retry.abort: quick says 400 ends the delivery; seen: retried after 400"),
        ("new-id-per-retry", "503x*@1", "retry.identity: quick says the same id in each attempt"),
        (
            "new-timestamp-per-retry",
            "503x*@1",
            "retry.identity: quick says same; seen: timestamp_per_attempt",
        ),
        (
            "no-event-header",
            "503x1@1",
            "event: quick says { header: X-Webhook-Event } { json: /event }; seen: no X-Webhook-Event header",
        ),
        (
            "no-event-in-body",
            "503x1@1",
            "seen: no event at /event of the body; the unsigned header X-Webhook-Event alone names one",
        ),
        (
            "other-event-in-data",
            "503x1@1",
            "seen: /data/event names a different event than /event of the body",
        ),
    ];
    let learnt = |kind: &[&str], fault: &str| {
        let ran = Smoke::new("run").file("secret", SECRET).file("quick.yaml", &quick());
        let ran = ran.args(&["payments", "--quiet", "--flows", "2", "--secret-file", "secret"]);
        let ran = ran.args(&["--sender", "./quick.yaml", "--inject", fault]).args(kind).run();
        let journal = ran.file("staging_payments_journal.jsonl");
        let learn = Smoke::new("learn").arg(&journal).file("quick.yaml", &quick()).file("secret", SECRET);
        learn.args(&["--against", "./quick.yaml", "--secret-file", "secret"]).run()
    };
    std::thread::scope(|scope| {
        for (kind, fault, told) in kinds {
            let learnt = &learnt;
            scope.spawn(move || {
                let drifted = learnt(&["--misbehave", kind], fault).exits(1).stdout;
                assert!(drifted.contains(told) && !drifted.contains("has drifted"), "{kind}: {drifted}");
            });
        }
        for fault in ["503x*@1", "resetx2@1", "503x1@1"] {
            let learnt = &learnt;
            scope.spawn(move || learnt(&[], fault).exits(0));
        }
    });
}

/// The usual sender with short pauses.
fn quick() -> String {
    let profile = scenario::built_in_sender("deltacrown-5.6").expect("built in");
    let mut json = serde_json::to_value(&profile).expect("JSON");
    json["name"] = "quick".into();
    json["retry"]["schedule"] = serde_json::json!(["0s", "200ms", "400ms"]);
    json.to_string()
}
