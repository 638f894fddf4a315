//! What staff's token may reach: the target, and hosts that the scenario names; never one that an answer names. What a sender's
//! token, or one in the URL that a load goes to, may get into: nothing that is kept or shown.

use super::harness::Smoke;
use super::origin::{Answer, Origin, Seen};
use super::receiver::Receiver;

/// Two steps of one session: the first answer names a URL, and the second step goes there.
fn scenario(second: &str) -> String {
    format!(
        "name: t\nsubject: {{ kind: flow, id: \"{{{{ flow }}}}\" }}\nflows: 1\nsettle: 10ms\n\
         sessions:\n  staff:\n    login: {{ method: POST, path: /login/, json: {{ user: u }} }}\n    token: /access\n\
         steps:\n  - name: a\n    session: staff\n    request: {{ method: GET, path: /a/ }}\n    capture: {{ next: /next }}\n  \
         - name: b\n    session: staff\n    request: {{ method: GET, path: '{second}' }}\n"
    )
}

fn staging(next: &str) -> Origin {
    let next = next.to_owned();
    Origin::start(move |seen: &Seen, _| match seen.path() {
        "/login/" => Answer::json("200 OK", r#"{"access":"staffs-token"}"#),
        "/a/" => Answer::json("200 OK", &format!(r#"{{"next":"{next}"}}"#)),
        _ => Answer::json("200 OK", "{}"),
    })
}

fn drive(target: &Origin, scenario: &str) -> super::harness::Ran {
    let run = Smoke::new("run").file("s.yaml", scenario).args(&["s.yaml", "--staging", &target.url]);
    let run = run.args(&["--listen", "127.0.0.1:0"]);
    run.env("WEBHOOK_SECRET", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").run()
}

#[test]
fn a_captured_url_of_another_host_gets_no_request_and_no_token() {
    let other = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}"));
    let port = other.url.rsplit(':').next().unwrap().to_owned();
    for next in [
        format!("{}/steal/", other.url),
        format!("//127.0.0.1:{port}/steal/"),
        format!("@127.0.0.1:{port}/steal/"),
        format!("\\\\127.0.0.1:{port}\\steal"),
    ] {
        let target = staging(&next.replace('\\', "\\\\"));
        let ran = drive(&target, &scenario("{{ next }}"));
        assert_eq!(other.seen().len(), 0, "{next}: {}", ran.stderr);
        if next.starts_with("http") {
            ran.exits(1).says("a captured URL must stay on the target");
        }
    }
}

#[test]
fn a_captured_url_of_the_target_and_a_host_of_the_scenario_get_the_token() {
    let other = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}"));
    let target = staging("/b/");
    drive(&target, &scenario(&format!("{}/named/", other.url))).exits(0);
    assert_eq!(other.seen()[0].bearer(), Some("staffs-token"));
    drive(&target, &scenario("{{ next }}")).exits(0);
    let b = target.seen().into_iter().find(|seen| seen.path() == "/b/").expect("the second step");
    assert_eq!(b.bearer(), Some("staffs-token"));
}

/// A sender that shows a token in place of a signature shows its secret, and evidence is given away.
#[test]
fn a_senders_token_is_in_no_evidence_and_is_still_verified_at_the_gate() {
    let secret = "a-token-of-a-sender-0123456789abcdef";
    for sender in ["gitlab", "telegram"] {
        let run = Smoke::new("payments")
            .file("secret", secret)
            .args(&["--quiet", "--flows", "2", "--report", "html"]);
        let ran = run.args(&["--sender", sender, "--secret-file", "secret"]).run().exits(0);
        for entry in std::fs::read_dir(ran.dir().join("artifacts")).unwrap().flatten() {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{}", entry.path().display());
        }
        let journal = ran.file("staging_payments_journal.jsonl");
        let gate = |secret: &str| {
            let gate = Smoke::new("gate")
                .file("secret", secret)
                .arg(ran.dir().join("artifacts"))
                .args(&["--environment", "embedded"]);
            gate.args(&["--secret-file", "secret", "--allow", "flows=2"]).run()
        };
        assert!(gate(secret).stdout.contains("2 of 2 valid, each as recorded"), "{}", gate(secret).stdout);
        assert!(
            gate("another-token-of-a-sender-0123456789").exits(3).stdout.contains("Signatures re-verified")
        );
        let learnt =
            Smoke::new("learn").file("secret", secret).arg(&journal).args(&["--secret-file", "secret"]).run();
        assert!(learnt.exits(0).stdout.contains("valid as"), "{sender}");
    }
}

/// Nothing is known of the sender, and so nothing of which of its headers is the secret.
#[test]
fn an_unknown_senders_token_is_in_no_journal_and_is_learnt_from_its_digest() {
    let secret = "a-token-of-nobody-0123456789abcdef";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("none.yaml"), "name: unknown\nsignature: { algorithm: none }\n").unwrap();
    std::fs::write(dir.path().join("secret"), secret).unwrap();
    let mut receiver = Receiver::start(dir.path(), "", &["--sender", "./none.yaml"]);
    for n in 0..4 {
        let body = format!(r#"{{"type":"paid","id":"{n}"}}"#);
        let length = body.len();
        let head = format!(
            "POST /webhooks/inbound HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        let answer = receiver
            .talk(format!("{head}X-Acme-Token: {secret}\r\nX-Api-Key: {secret}\r\n\r\n{body}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    receiver.terminate();
    receiver.wait();
    let journal = dir.path().join("j.jsonl");
    assert!(!std::fs::read_to_string(&journal).unwrap().contains(secret));
    let learn = Smoke::new("learn").arg(&journal).arg("--secret-file").arg(dir.path().join("secret")).run();
    let learnt = learn.exits(0).stdout;
    assert!(learnt.contains("algorithm: token") && learnt.contains("header: X-A"), "{learnt}");
}

/// The URL of an inbound webhook often holds a token, and nobody else is to have it.
#[test]
fn a_token_in_the_url_of_a_load_is_sent_and_neither_kept_nor_shown() {
    let receiver = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}"));
    let load = |url: &str| {
        let load =
            Smoke::new("load").args(&["webhooks", "--to", url, "--rate", "20/s", "--duration", "200ms"]);
        load.args(&["--report", "html"]).env("WEBHOOK_SECRET", &"9f86d081884c7d65".repeat(4)).run()
    };
    let ran = load(&format!("{}/in?token=hunter2hunter2", receiver.url));
    assert_eq!(ran.artifact("load")["load"]["target"], format!("{}/in?token=[hidden]", receiver.url));
    let seen = receiver.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.path() == "/in?token=hunter2hunter2"));
    for entry in std::fs::read_dir(ran.dir().join("artifacts")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{}", entry.path().display());
    }
    let nobody = load("http://127.0.0.1:1/in?token=hunter2hunter2").exits(4);
    let unfit = load("ftp://127.0.0.1/in?token=hunter2hunter2").exits(2);
    for ran in [ran, nobody, unfit] {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// An API that repeats in its answer what it was sent shows the key to whoever reads the evidence.
#[test]
fn a_value_from_the_environment_that_an_api_repeats_is_in_no_output() {
    let target = Origin::start(|seen: &Seen, _| {
        let sent = format!("{} {}", seen.body, seen.head).replace(['"', '\r', '\n'], " ");
        Answer::json("401 Unauthorized", &format!(r#"{{"sent":"{sent}"}}"#))
    });
    let scenario = "name: t\nsubject: { kind: flow, id: '1' }\nflows: 1\nsettle: 10ms\nvars: { login: '{{ env.DB_LOGIN }}' }\n\
                    steps:\n  - name: a\n    request:\n      method: POST\n      path: /a/\n      headers: { X-Shop: '{{ env.SHOP }}' }\n      \
                    json: { login: '{{ login }}', kind: '{{ env.KIND }}' }\n";
    let values = [("SHOP", "ak-Tt55Uu66Vv77"), ("DB_LOGIN", "dp-Jj11Kk22Ll33"), ("KIND", "subscription")];
    let run = Smoke::new("run").file("s.yaml", scenario).args(&["s.yaml", "--staging", &target.url]);
    let run = run.args(&["--listen", "127.0.0.1:0", "--report", "html,junit,markdown"]);
    let run = values.iter().fold(run, |run, (name, value)| run.env(name, value));
    let ran =
        run.env("WEBHOOK_SECRET", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").run();
    let ran = ran.exits(1).says("subscription");
    let files = std::fs::read_dir(ran.dir().join("artifacts")).unwrap().flatten();
    let mut texts: Vec<String> = files
        .map(|file| String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned())
        .collect();
    texts.extend([ran.stdout.clone(), ran.stderr.clone()]);
    assert!(texts.len() > 5, "{}", texts.len());
    for (name, value) in &values[..2] {
        assert!(!texts.iter().any(|text| text.contains(value)), "{name}");
    }
}
