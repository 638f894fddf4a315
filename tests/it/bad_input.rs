//! What a user can get wrong, and the error and exit code that it gets; nothing is driven, nothing is lost.

use super::harness::Smoke;
use super::reserved::Reserved;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const DATA: &str = "payment_id,tournament_id,user_username,user_password\n1,1,u,not-a-real-password\n";

/// A run against a staging system at `url`, with everything that it needs.
fn staging(url: &str) -> Smoke {
    Smoke::new("payments")
        .file("rows.csv", DATA)
        .args(&[
            "--staging",
            url,
            "--flows",
            "1",
            "--data",
            "rows.csv",
            "--listen",
            "127.0.0.1:0",
            "--settle",
            "0ms",
        ])
        .env("WEBHOOK_SECRET", SECRET)
        .env("STAFF_PASSWORD", "also-not-a-password")
}

/// A server that gives every request the same answer.
fn answers(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|n| n > 2) {
                if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                line.clear();
            }
            let _ = stream.read_exact(&mut vec![0; length]);
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn an_address_or_a_time_that_is_none_is_told_with_one_that_would_do() {
    let of = |subcommand: &str, args: &[&str]| Smoke::new(subcommand).args(args).run().exits(2);
    of("receive", &["--listen", "localhost:8787"]).says("write 127.0.0.1:8787");
    of("payments", &["--listen", ":8787"]).says("0.0.0.0:8787 for all its addresses");
    of("staging", &["--listen", "8000"]).says("write 127.0.0.1:8000");
    of("gate", &[".", "--not-before", "2025-11-13"]).says("write 2025-11-13T00:00:00Z");
    let load = ["webhooks", "--rate", "1/s", "--duration", "1s", "--to"];
    of("load", &[&load[..], &["127.0.0.1:8787"]].concat()).says("write http://127.0.0.1:8787");
    let smoke =
        Smoke::new("payments").args(&["--staging", "staging.example.com:8000"]).env("WEBHOOK_SECRET", SECRET);
    smoke.run().exits(2).says("write https://staging.example.com:8000");
}

#[test]
fn secrets_that_are_none() {
    let run = |secret: Option<&str>| {
        let smoke = Smoke::new("payments").args(&["--staging", "http://127.0.0.1:9"]);
        match secret {
            Some(secret) => smoke.env("WEBHOOK_SECRET", secret),
            None => smoke,
        }
        .run()
        .exits(2)
    };
    run(None).says("no webhook secret: set WEBHOOK_SECRET");
    run(Some("")).says("the webhook secret is empty");
    run(Some("short-one")).says("9 characters, fewer than 32");
    let example = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";
    let ran = run(Some(example)).says("public example");
    assert!(!ran.stderr.contains(example));
    let ran = Smoke::new("payments").args(&["--var", "staff_password=hunter22"]).run().exits(2);
    assert!(ran.stderr.contains("--env-file") && !ran.stderr.contains("hunter22"), "{}", ran.stderr);
}

#[test]
fn staging_that_is_not_there() {
    let reserved = Reserved::new();
    staging(&format!("http://{}", reserved.address)).run().exits(4).says("unreachable").says("refused");
    staging("ftp://x").run().exits(2).says("must begin with http:// or https://");
    let ran = staging("http://me:secret-word@127.0.0.1:1")
        .run()
        .exits(2)
        .says("credentials do not belong in a URL");
    assert!(!ran.stderr.contains("secret-word"));
}

#[test]
fn staging_that_answers_something_else() {
    let html = answers(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Welcome</html>",
    );
    // Nothing was driven: it is no verdict about the sender.
    let ran = staging(&html).run().exits(4).says("not JSON").says("<html>Welcome</html>");
    assert_ne!(ran.artifact("payments")["acceptance_gates"]["verdict"], "pass");
    let wrong = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
                 {\"detail\":\"No active account found with the given credentials\"}";
    let ran = staging(&answers(wrong)).run().exits(4);
    let ran = ran
        .says("the column `user_password` of rows.csv")
        .says("login `owner` failed: status 401")
        .says("No active account found");
    for word in ["not-a-real-password", "also-not-a-password", SECRET] {
        assert!(!ran.stderr.contains(word) && !ran.stdout.contains(word));
        for file in ["staging_payments_output.json", "staging_payments_journal.jsonl"] {
            assert!(!std::fs::read_to_string(ran.file(file)).unwrap().contains(word), "{word} in {file}");
        }
    }
}

#[test]
fn what_to_set_on_the_staging_side_is_said_without_the_secret() {
    let html = answers("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let ran = staging(&html).args(&["--public-url", "https://hooks.example.com"]).run().exits(4);
    for setting in [
        "NOTIFICATIONS_WEBHOOK_ENABLED = True",
        "WEBHOOK_ENDPOINT = \"https://hooks.example.com/webhooks/inbound\"",
        "the secret that smoke was given: 64 characters, fingerprint ",
        "WEBHOOK_TIMEOUT = 10",
        "WEBHOOK_MAX_RETRIES = 3",
    ] {
        assert!(ran.stderr.contains(setting), "no {setting} in\n{}", ran.stderr);
    }
}

#[test]
fn scenarios_that_are_none() {
    Smoke::new("run").arg("paymens").run().exits(2).says("payments");
    Smoke::new("run").arg("missing.yaml").run().exits(2).says("missing.yaml");
    let ran = Smoke::new("run")
        .file("bad.yaml", "name: x\nsubject: {kind: payment, id: '1'}\nstepps: []\n")
        .arg("bad.yaml");
    ran.run().exits(2).says("bad.yaml:3").says("steps");
    let broken = Smoke::new("run").file("broken.yaml", "name: [\n").arg("broken.yaml");
    broken.run().exits(2).says("broken.yaml:");
}

#[test]
fn a_pii_policy_that_is_none() {
    let scenario =
        format!("{}\npii: {{ allow_domain: [x] }}\n", include_str!("../../scenarios/payments.yaml"));
    let ran = Smoke::new("run").file("own.yaml", &scenario).arg("own.yaml").run().exits(2);
    let ran = ran.says("own.yaml").says("allow_domain");
    assert!(!ran.dir().join("artifacts").exists(), "nothing was begun");
}

#[test]
fn data_that_does_not_do() {
    let rows =
        |csv: &str| Smoke::new("payments").file("rows.csv", csv).args(&["--data", "rows.csv"]).run().exits(2);
    rows(DATA).says("rows.csv").says("10");
    rows("payment_id,tournament_id\n1,2\n").says("rows.csv");
    let missing = Smoke::new("payments").args(&["--flows", "1", "--data", "rows.csv"]);
    missing
        .file("rows.csv", "payment_id,user_username,user_password\n1,u,p\n")
        .run()
        .exits(2)
        .says("tournament_id");
}

#[test]
fn gates_that_are_none() {
    let gates = |yaml: &str| Smoke::new("payments").file("g.yaml", yaml).args(&["--gates", "g.yaml"]).run();
    gates("lost_maxx: 0").exits(2).says("g.yaml").says("lost_maxx");
    gates("success_rate_min_percent: 200").exits(2).says("0 to 100");
    gates("latency_p95_below_ms: 0.001").exits(1);
    gates("lost_max: 0\n---\nlost_max: 1").exits(2).says("g.yaml:2:1: the file is to be one YAML document");
    gates("confidence_percent: 95%")
        .exits(2)
        .says("expected a whole number, 0 or more, found the text \"95%\"");
    gates("confidence_percent: 90").exits(2).says("95 is the only supported confidence");
    for (yaml, key, share, percent) in [
        ("success_rate_min_percent: 0.95", "success_rate_min_percent", "0.95", "95"),
        ("signatures_valid_min_percent: 1", "signatures_valid_min_percent", "1", "100"),
        (
            "rollback: { success_rate_below_percent: 0.57 }",
            "rollback.success_rate_below_percent",
            "0.57",
            "57",
        ),
        ("promote: { proves_percent: 0.999 }", "promote.proves_percent", "0.999", "99.9"),
    ] {
        let says = format!(
            "warning: gates g.yaml: {key}: {share} is a percentage, so it means {share} %; {percent} would be {percent} %\n"
        );
        let smoke = Smoke::new("check").arg("payments").file("g.yaml", yaml).args(&["--gates", "g.yaml"]);
        assert_eq!(smoke.run().exits(0).stderr.matches(&says).count(), 1, "{says}");
    }
    assert_eq!(
        gates("success_rate_min_percent: 95\nretry_rate_below_percent: 0.5")
            .exits(0)
            .stderr
            .matches("warning: gates")
            .count(),
        0
    );
}

#[test]
fn places_that_cannot_be_written_or_bound() {
    let ran = Smoke::new("payments").file("taken", "").args(&["--artifacts", "taken"]).run();
    ran.exits(4).says("--artifacts taken");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Smoke::new("payments")
        .args(&["--listen", &address])
        .run()
        .exits(4)
        .says(&format!("cannot listen on {address}"));
}

#[test]
fn flags_that_contradict() {
    let misbehave = ["--staging", "http://127.0.0.1:9", "--misbehave", "slow"];
    Smoke::new("payments").args(&misbehave).run().exits(2).says("--misbehave");
    Smoke::new("payments").args(&["--environment", "staging"]).run().exits(2).says("stand-in");
    Smoke::new("payments").args(&["--flows", "0"]).run().exits(2);
    Smoke::new("payments").args(&["--var", "nonsense"]).run().exits(2).says("NAME=VALUE");
    Smoke::new("payments").args(&["--var", "nope=1"]).run().exits(2).says("nope");
    Smoke::new("payments").args(&["--env-file", "none"]).run().exits(2).says("--env-file none");
    let wrong =
        Smoke::new("payments").file("e", "OK=1\nhunter22\n").args(&["--env-file", "e"]).run().exits(2);
    assert!(wrong.stderr.contains("line 2") && !wrong.stderr.contains("hunter22"), "{}", wrong.stderr);
}

#[test]
fn an_interrupt_leaves_an_unproven_artifact() {
    let args = ["--misbehave", "slow", "--concurrency", "1"];
    let (mut child, dir) = Smoke::new("payments").args(&args).spawn();
    let artifact = dir.path().join("artifacts/staging_payments_output.json");
    let begun = std::time::Instant::now();
    while !artifact.exists() {
        assert!(begun.elapsed().as_secs() < 20, "no artifact before the run");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let ran = super::harness::Ran::new(&child.wait_with_output().unwrap(), dir).exits(130);
    assert_eq!(ran.gate("payments", "run_completed"), "unproven");
    assert_ne!(ran.artifact("payments")["acceptance_gates"]["verdict"], "pass");
    Smoke::new("report").arg(ran.file("staging_payments_journal.jsonl")).run().exits(0);
}

#[test]
fn a_receiver_that_could_not_work() {
    let receive = |flags: &[&str]| {
        let smoke = Smoke::new("receive").file("mine", "not a journal\n").file("dir/x", "");
        smoke.env("WEBHOOK_SECRET", SECRET).args(flags).run()
    };
    for (flags, code, says) in [
        (["--journal", "mine"], 4, "the existing file is not a smoke journal"),
        (["--journal", "dir"], 4, "the existing file is not a smoke journal"),
        (["--path", "/metrics"], 2, "smoke receive answers there itself"),
        (["--path", "/_smoke/attempts"], 2, "smoke receive answers there itself"),
        (["--head-timeout", "0s"], 2, "longer than 0"),
        (["--rotate-every", "0s"], 2, "longer than 0"),
    ] {
        let ran = receive(&flags).exits(code).says(says);
        let mine = std::fs::read_to_string(ran.dir().join("mine")).unwrap();
        assert_eq!(mine, "not a journal\n", "{flags:?}");
    }
}

/// Every flag that names a file, given a device that never ends; and what else the command needs.
#[test]
fn a_file_that_never_ends_is_an_error_wherever_one_is_named() {
    let commands: [&[&str]; 22] = [
        &["payments", "--data", "/dev/zero"],
        &["payments", "--env-file", "/dev/zero"],
        &["payments", "--gates", "/dev/zero"],
        &["payments", "--sign", "/dev/zero"],
        &["payments", "--staging", "http://127.0.0.1:9", "--secret-file", "/dev/zero"],
        &["run", "/dev/zero"],
        &["load", "/dev/zero"],
        &["check", "/dev/zero"],
        &["receive", "--listen", "127.0.0.1:0", "--env-file", "/dev/zero"],
        &["receive", "--listen", "127.0.0.1:0", "--gates", "/dev/zero"],
        &["receive", "--listen", "127.0.0.1:0", "--token-file", "/dev/zero"],
        &["receive", "--listen", "127.0.0.1:0", "--tls-cert", "/dev/zero", "--tls-key", "/dev/zero"],
        &["receive", "--listen", "127.0.0.1:0", "--journal", "/dev/zero"],
        &["observe", "--journal", "/dev/zero", "--duration", "1s"],
        &["observe", "--listen", "127.0.0.1:0", "--log", "/dev/zero", "--duration", "1s"],
        &["report", "/dev/zero"],
        &["gate", "/dev/zero"],
        &["gate", "--public-key", "/dev/zero", "."],
        &["merge", "/dev/zero"],
        &["logs", "/dev/zero"],
        &["logs", "--journal", "/dev/zero", "/etc/hostname"],
        &["scan", "--policy", "/dev/zero"],
    ];
    std::thread::scope(|scope| {
        for args in commands {
            scope.spawn(move || {
                let (first, rest) = args.split_first().expect("a command");
                let ran = Smoke::new(first).args(rest).env("WEBHOOK_SECRET", SECRET).run();
                assert!(
                    matches!(ran.code, Some(1 | 2 | 4)),
                    "{args:?} ends with {:?}: {}",
                    ran.code,
                    ran.stderr
                );
                assert!(!ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
            });
        }
    });
}

/// An error names all that would be right, and what is typed is judged before anything is opened for it.
#[test]
fn an_error_says_what_would_be_right() {
    for (args, says) in [
        (&["probe"][..], "nothing to probe: give the URL of a receiver, or --receiver"),
        (&["observe", "--duration", "5s"], "or --drive SCENARIO=RATE for the stand-in"),
        (
            &["load", "nope", "--rate", "1/s", "--duration", "1s"],
            "there is no file scenarios/nope.yaml, and built in are",
        ),
        (&["payments", "--staging", "nope"], "--staging: `nope`: http:// or https:// is missing"),
        (&["gate", "/nope"], "/nope: cannot be read: "),
        (
            &["gate", "--public-key", "/nope"],
            "--public-key: there is no such file, and the text itself is not a public key: 64 hex digits",
        ),
        (&["key", "--out", "-"], "--out -: a private key is not printed: write --out FILE"),
        (&["gate", "--witness", "nope.pem"], "or an Ed25519 key in PEM, or a file with either"),
        (&["gate", "--public-key", "/"], "--public-key: /: cannot be read: "),
        (&["payments", "--public-url", "foo"], "--public-url foo: http:// or https:// is missing"),
        (&["gate", "--target", "notaurl"], "--target notaurl: http:// or https:// is missing"),
        (&["gate", "--witness", "abc"], "--witness: not a public key: 64 hex digits"),
        (&["diff", "/nope", "/nope"], "error: /nope: cannot be read: No such file"),
        (&["payments", "--baseline", "/nope"], "error: /nope: cannot be read: No such file"),
        (&["payments", "--seed", "18446744073709551616"], "from 0 to 18446744073709551615"),
        (&["payments", "--from-row", "99999999999999999999"], "from 1 to 4294967295"),
        (&["gate", "/nope", "--max-age", "1h30m"], "/nope: cannot be read: "),
        (&["gate", "/nope", "--max-age", "11y"], "write for example 90m, 1h30m, 24h or 7d"),
    ] {
        Smoke::new(args[0]).args(&args[1..]).run().exits(2).says(says);
    }
    for args in [
        &["payments", "--artifacts", "/dev/null"][..],
        &["load", "payments", "--rate", "1/s", "--duration", "1s", "--artifacts", "/dev/null"],
    ] {
        let ran = Smoke::new(args[0]).args(&args[1..]).run().exits(4);
        ran.says("--artifacts /dev/null: cannot be written: not a directory");
    }
    let ran = Smoke::new("observe").args(&["--drive", "nope=60/m"]).run().exits(2).says("no scenario `nope`");
    assert!(ran.stderr.starts_with("error: --drive nope=60/m: "), "{}", ran.stderr);
}

/// One swapped argument puts a file of another kind where YAML is expected.
#[test]
fn a_secret_in_place_of_another_file_is_not_repeated() {
    let secret = "8013f45f394f8ce71b00c7a70fee2fff1d37b485de6a5d99e507e098a5684b35";
    for args in [
        &["run", "./s"][..],
        &["check", "./s"],
        &["payments", "--gates", "s"],
        &["payments", "--sender", "./s"],
        &["scan", "--policy", "s"],
        &["logs", "--formats", "s", "s"],
    ] {
        for text in [secret.to_owned(), format!("STAFF_PASSWORD={secret}\nB={secret}\n")] {
            let ran = Smoke::new(args[0]).file("s", &text).args(&args[1..]).run();
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains("8013f45f") && said.contains("expected"), "{args:?}: {said}");
        }
    }
}

#[test]
fn a_path_is_written_as_it_is_requested() {
    for (path, right) in [("/ü", "/%C3%BC"), ("/a\"b", "/a%22b"), ("/a/../b", "/b"), ("/a/%2e%2e/b", "/b")] {
        let ran = Smoke::new("payments").args(&["--flows", "1", "--path", path]).run().exits(2);
        ran.says(&format!("write it as it is requested: {right}"));
    }
    Smoke::new("payments").args(&["--flows", "1", "--path", "/%C3%BC"]).run().exits(0);
}

#[test]
fn a_journal_without_its_artifact_is_no_contradiction() {
    let run = Smoke::new("payments").args(&["--flows", "1"]).run().exits(0);
    std::fs::remove_file(run.file("staging_payments_output.json")).unwrap();
    let gate = Smoke::new("gate").arg(run.file("staging_payments_journal.jsonl"));
    gate.args(&["--environment", "embedded"]).run().exits(2).says("write it with `smoke report");
}

/// A file is called a private key once it is one.
#[test]
fn a_public_key_is_not_called_a_private_one_that_others_can_read() {
    let key = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let read = Smoke::new("key").args(&["--public-of", "public"]).file("public", &key.stdout).run().exits(2);
    assert!(!read.stderr.contains("others can read"), "{}", read.stderr);
}

/// What a signed statement is to name, and with what, is judged before anything is driven, sent or written.
#[test]
fn a_subject_that_is_none_is_told_before_anything_is_done() {
    let made = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let key = made.dir().join("key").display().to_string();
    let journal = Smoke::new("payments").args(&["--quiet", "--flows", "1"]).run();
    let journal = journal.file("staging_payments_journal.jsonl").display().to_string();
    let commands: [&[&str]; 5] = [
        &["payments"],
        &["run", "matches"],
        &["load", "payments", "--rate", "1/s", "--duration", "1s"],
        &["load", "webhooks", "--rate", "1/s", "--duration", "1s", "--to", "http://127.0.0.1:9"],
        &["report", &journal, "--output", "artifacts", "--html", "artifacts"],
    ];
    for args in commands {
        let wrong = ["--sign", &key, "--subject", "foo"];
        let ran = Smoke::new(args[0]).args(&args[1..]).args(&wrong).run().exits(2);
        let ran = ran.says("--subject foo: write git+COMMIT, git+URL@COMMIT, IMAGE@sha256:HEX");
        assert!(!ran.file("").exists(), "{args:?} has written something");
    }
    let args = ["--sign", "nokey", "--svr", "svr", "--html", "artifacts", &journal];
    let ran = Smoke::new("gate").args(&args).run().exits(2).says("--sign nokey: ");
    assert!(!ran.file("").exists(), "a page of an answer that cannot be signed");
}

/// A journal that is overwritten is gone for good, and so is a key.
#[test]
fn a_report_replaces_nothing_but_an_earlier_one() {
    let run = Smoke::new("payments").args(&["--flows", "1", "--report", "html"]).run().exits(0);
    let (journal, page) =
        (run.file("staging_payments_journal.jsonl"), run.file("staging_payments_report.html"));
    let artifact = run.file("staging_payments_output.json");
    let made = Smoke::new("key").args(&["--out", "key"]).run().exits(0);
    let key = made.dir().join("key");
    let own = [&journal, &artifact].map(|file| std::fs::read(file).unwrap());
    let [journal, artifact, page, key] =
        [journal, artifact, page, key].map(|file| file.display().to_string());
    let json = format!("json={journal}");
    let load = ["load", "payments", "--rate", "1/s", "--duration", "1s", "--out"];
    for (args, flag, file) in [
        (vec!["report", &journal, "--output", &journal], "--output <FILE>", &journal),
        (vec!["report", &journal, "--html", &journal], "--html <FILE>", &journal),
        (vec!["report", &journal, "--junit", &page], "--junit <FILE>", &page),
        (vec!["report", &journal, "--markdown", &journal], "--markdown <FILE>", &journal),
        (vec!["gate", &artifact, "--html", &journal], "--html <FILE>", &journal),
        (vec!["gate", &artifact, "--sign", &key, "--svr", &key], "--svr <FILE>", &key),
        (vec!["diff", &artifact, &artifact, "--html", &artifact], "--html <FILE>", &artifact),
        (vec!["history", ".", "--html", &journal], "--html <FILE>", &journal),
        ([&load[..], &[&json]].concat(), "--out <FORMAT[=FILE]>", &json),
    ] {
        let ran = Smoke::new(args[0]).args(&args[1..]).run().exits(2);
        ran.says(&format!("invalid value '{file}' for '{flag}': a file of another kind is there"));
    }
    assert_eq!([&journal, &artifact].map(|file| std::fs::read(file).unwrap()), own);
    Smoke::new("report").args(&[&journal, "--html", &page, "--quiet"]).run().exits(0);
    let both = [&journal[..], "--html", "new", "--junit", "./new"];
    Smoke::new("report").args(&both).run().exits(2).says("--junit ./new: --html writes this file");
}

/// A file of settings that was cut off to nothing asks for nothing, and would pass for what is built in; no webhook was signed with
/// an empty secret.
#[test]
fn an_empty_file_is_no_setting_and_no_secret() {
    let of = |command: &str, args: &[&str]| Smoke::new(command).file("e", "\n").args(args).run();
    of("payments", &["--flows", "1", "--gates", "e"]).exits(2).says("gates e: the file is empty");
    of("gate", &["e", "--gates", "e"]).exits(2).says("gates e: the file is empty");
    of("logs", &["e", "--formats", "e"]).exits(2).says("--formats e: the file is empty");
    of("scan", &["--policy", "e"]).exits(2).says("the file is empty");
    of("gate", &["e", "--secret-file", "e"]).exits(2).says("the webhook secret is empty");
    let said = Smoke::new("payments").file("g", "{}\n").args(&["--flows", "1", "--gates", "g"]).run();
    said.exits(0);
}
