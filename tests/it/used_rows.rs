//! Rows that a run uses up: a payment is verified once. The next run is told, and takes others; a sweep leaves its rows as they were.

use super::harness::Smoke;
use super::older_scripts::{SECRET, Server};
use super::reserved::Reserved;
use std::path::Path;
use std::process::{Command, Stdio};

fn drive(server: &Server, endpoint: &str, data: &Path, flows: &str) -> Smoke {
    drive_rows("payments", server, endpoint, &data.join("payments.csv"), flows)
}

/// A run of a scenario against the stand-in that wrote these rows, and the file for staff beside them.
pub fn drive_rows(scenario: &str, server: &Server, endpoint: &str, rows: &Path, flows: &str) -> Smoke {
    Smoke::new(scenario)
        .args(&["--staging", &server.url, "--flows", flows, "--settle", "50ms", "--data"])
        .arg(rows)
        .arg("--env-file")
        .arg(rows.with_file_name("staff.env"))
        .env("WEBHOOK_ENDPOINT", endpoint)
        .env("WEBHOOK_SECRET", SECRET)
}

#[test]
fn the_next_run_takes_the_rows_behind_those_that_were_used_up() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let drive = |flows| drive(&server, &endpoint, dir.path(), flows);
    let first = drive("4").run().exits(0);
    assert!(!first.stderr.contains("used up"), "{}", first.stderr);
    let second = drive("4")
        .run()
        .exits(0)
        .says("rows 1 to 4 of ")
        .says("were used up or skipped by earlier runs against ");
    second.says("this run starts at row 5 (--from-row N takes others)");
    let checked = Smoke::new("check")
        .args(&["payments", "--staging", &server.url, "--listen", "127.0.0.1:0", "--flows", "4", "--data"])
        .arg(dir.path().join("payments.csv"))
        .arg("--env-file")
        .arg(dir.path().join("staff.env"))
        .env("WEBHOOK_SECRET", SECRET)
        .run()
        .exits(2);
    assert!(checked.stdout.contains("rows 1 to 8 of "), "{}", checked.stdout);
    // Two are left: nothing is driven.
    let third =
        drive("4").run().exits(2).says("rows 1 to 8 of ").says("2 data row(s) from row 9 on for 4 flows");
    third.says("--from-row 1 reuses those");
    drive("2").args(&["--from-row", "9"]).run().exits(0);
    // Rows that were used are told by the system itself, where the user insists; the row is named as it stands in the file.
    let again = drive("1").args(&["--from-row", "3"]).run().exits(4);
    let again = again.says("data row 3 is used up").says("--from-row N");
    // Nor does what it has left behind say anything about the sender.
    let artifacts = again.dir().join("artifacts");
    let judged = Smoke::new("gate")
        .arg(artifacts)
        .args(&["--environment", "staging", "--trust", "runner"])
        .run()
        .exits(3);
    let text = judged.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("the run was ended early: step `submit-proof`: status 409"), "{text}");
}

#[test]
fn what_staging_has_to_be_set_to_is_said_as_it_is_set_there() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let ran = drive(&server, &endpoint, dir.path(), "1").run().exits(0);
    let ran =
        ran.says("NOTIFICATIONS_WEBHOOK_ENABLED = True").says(&format!("WEBHOOK_ENDPOINT = \"{endpoint}\""));
    let ran = ran.says("settings.py").says("WEBHOOK_TIMEOUT = 10").says("WEBHOOK_MAX_RETRIES = 3");
    let ran = ran.says("64 characters, fingerprint ").says("freezes them at its first delivery");
    assert!(!ran.stderr.contains(SECRET));
    // Another system has other settings, which only its scenario knows.
    let scenario = "name: t\nsubject: { kind: flow, id: \"{{ flow }}\" }\nflows: 1\nsettle: 10ms\n\
                    steps: [{ name: a, request: { method: GET, path: /healthz/ } }]\n";
    let other = |text: String| {
        let run = Smoke::new("run").file("s.yaml", &text).args(&["s.yaml", "--staging", &server.url]);
        run.args(&["--listen", "127.0.0.1:0", "--settle", "10ms"]).env("WEBHOOK_SECRET", SECRET).run()
    };
    let ran = other(scenario.to_owned()).says("endpoint: http://127.0.0.1:");
    assert!(!ran.stderr.contains("NOTIFICATIONS_WEBHOOK_ENABLED"), "{}", ran.stderr);
    let own =
        format!("{scenario}sender_settings: |\n  hooks: {{ url: \"{{endpoint}}\", tries: {{attempts}} }}\n");
    other(own).says("hooks: { url: \"http://127.0.0.1:").says("tries: 3 }");
}

/// A payment that was rejected can be submitted and rejected again: the sweep uses no row up, however often it is run.
#[test]
fn three_sweeps_on_the_same_rows_say_the_same() {
    let sweep = include_str!("../../scenarios/sender_contract.yaml");
    // A few clauses of each kind in place of all, which take minutes.
    let (head, rest) = sweep.split_once("\ncontract:\n").unwrap();
    let (_, tail) = rest.split_once("\n# Printed before anything is driven.").unwrap();
    let clauses = "\ncontract:\n  - { name: accepts, must: accept, faults: [answer=200, answer=202], why: w }\n  \
                   - { name: aborts on, must: abort, faults: [400, 404], why: w }\n  \
                   - { name: retries, must: retry, faults: [503], why: w }\n  \
                   - { name: signs every attempt, must: sign_validly, why: w }\n\n# Printed before anything is driven.";
    let sweep = format!("{head}{clauses}{tail}");
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let said: Vec<String> = (0..3)
        .map(|_| {
            let run =
                Smoke::new("run").file("sweep.yaml", &sweep).args(&["sweep.yaml", "--staging", &server.url]);
            let run = run.args(&["--settle", "50ms", "--data"]).arg(dir.path().join("payments.csv"));
            let run = run.arg("--env-file").arg(dir.path().join("staff.env"));
            let ran = run.env("WEBHOOK_ENDPOINT", &endpoint).env("WEBHOOK_SECRET", SECRET).run().exits(0);
            assert!(!ran.stderr.contains("used up"), "{}", ran.stderr);
            let clauses = &ran.artifact("sender_contract")["sender_contract"]["clauses"];
            let rows = clauses.as_array().unwrap_or_else(|| panic!("{clauses}"));
            let row = |c: &serde_json::Value| format!("{} {} {}", c["name"], c["fault"], c["verdict"]);
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert!(said[0].contains("pass") && said[0].lines().count() >= 6, "{}", said[0]);
    assert_eq!((&said[0], &said[0]), (&said[1], &said[2]));
}

/// The block of docs/staging.md for one machine, pasted twice: nothing races, and the second run takes other rows.
#[test]
fn one_machine_as_in_the_readme_works_as_often_as_it_is_pasted() {
    let readme = include_str!("../../docs/staging.md");
    let block = readme.split("```sh\n").filter_map(|text| text.split("```").next());
    let block = block.into_iter().find(|block| block.contains("smoke staging")).expect("the block");
    let (api, hook) = (Reserved::new(), Reserved::new());
    let block = block.replace("127.0.0.1:8000", &api.address.to_string());
    let block = block.replace("127.0.0.1:8787", &hook.address.to_string());
    let dir = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_smoke")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let paste = |text: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", text]).current_dir(dir.path()).env("PATH", &path).stdin(Stdio::null());
        for name in ["STAGING_URL", "WEBHOOK_SECRET", "WEBHOOK_ENDPOINT", "HTTP_PROXY", "http_proxy"] {
            shell.env_remove(name);
        }
        let out = shell.stderr(Stdio::piped()).stdout(Stdio::null()).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    // What a shell at hand leaves running is ended here.
    let ended = format!("{block}\ncode=$?; kill $!; wait $!; exit $code");
    for round in 0..2 {
        let (code, text) = paste(&ended);
        assert_eq!(code, Some(0), "round {round}: {text}");
    }
    let drive =
        block.lines().skip_while(|line| !line.starts_with("smoke payments")).collect::<Vec<_>>().join("\n");
    let twice = format!("{block}\n{drive}\ncode=$?; kill $!; wait $!; exit $code");
    let (code, text) = paste(&twice);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("this run starts at row 11"), "{text}");
}

#[test]
fn the_ready_file_is_there_when_all_is() {
    let dir = tempfile::tempdir().unwrap();
    let ready = dir.path().join("ready");
    // One of an earlier process is not believed.
    std::fs::write(&ready, "http://127.0.0.1:1\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(["staging", "--listen", "127.0.0.1:0", "--write-data"]).arg(dir.path().join("data"));
    command.arg("--ready-file").arg(&ready).env_remove("WEBHOOK_SECRET").env_remove("WEBHOOK_ENDPOINT");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let url =
        || std::fs::read_to_string(&ready).ok().filter(|url| url.ends_with('\n') && !url.contains(":1\n"));
    super::receiver::until(|| url().is_some(), "the ready file");
    assert!(dir.path().join("data/staff.env").is_file());
    let address = url().unwrap().trim().trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(address).is_ok());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    child.wait().unwrap();
    assert!(!ready.exists(), "nobody is ready any more");
}

#[test]
fn the_seed_is_a_script_for_a_django_shell() {
    let ran = Smoke::new("seed").args(&["deltacrown", "--payments", "58", "--out", "rows"]).run().exits(0);
    assert!(ran.stdout.contains("PAYMENTS = 58") && ran.stdout.contains("OUT = \"rows\""), "{}", ran.stdout);
    // What the models of the real application ask for, and have no default of.
    for part in ["models.FileField", "max_participants=16"] {
        assert!(ran.stdout.contains(part), "{part}");
    }
    ran.says("manage.py shell");
    Smoke::new("seed").arg("another").run().exits(2).says("deltacrown");
}

/// The same row four times: told before anything is driven, by its lines, however the system is spelled.
#[test]
fn rows_that_repeat_are_told_before_anything_is_driven() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let mut server = Server::start(dir.path(), &endpoint);
    let file = dir.path().join("payments.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    let (header, row) = text.split_once('\n').map(|(h, rows)| (h, rows.lines().next().unwrap())).unwrap();
    std::fs::write(&file, format!("{header}\n{row}\n{row}\n{row}\n{row}\n")).unwrap();
    let wrong = drive(&server, &endpoint, dir.path(), "4").run().exits(2);
    wrong.says("the same row appears in lines 2, 3, 4 and 5").says("its own row");
    drive(&server, &endpoint, dir.path(), "1").run().exits(0);
    server.url = server.url.replace("127.0.0.1", "LocalHost") + "/";
    drive(&server, &endpoint, dir.path(), "1")
        .run()
        .exits(2)
        .says("the same row appears in lines 2, 3, 4 and 5");
    // What stands beside the file and cannot be read is not passed over.
    std::fs::write(dir.path().join("payments.csv.used.json"), "{").unwrap();
    std::fs::write(&file, text).unwrap();
    let ran = drive(&server, &endpoint, dir.path(), "1").args(&["--from-row", "2"]).run().exits(0);
    ran.says("payments.csv.used.json is not what smoke writes there").says("--from-row N");
}

#[test]
fn a_file_about_the_breaker_that_cannot_be_read_is_told() {
    let ran = Smoke::new("payments").args(&["--flows", "1"]).file("artifacts/sender_breaker.json", "{").run();
    ran.exits(0).says("sender_breaker.json is not what smoke writes there").says("remove the file");
}

/// The run that an earlier one was interrupted before says so in its journal, for whoever judges it; the one after that does not.
#[test]
fn a_run_after_an_interrupted_one_says_when_that_was() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let header = || {
        let ran = drive(&server, &endpoint, dir.path(), "1").run().exits(0);
        let journal = std::fs::read_to_string(ran.file("staging_payments_journal.jsonl")).unwrap();
        journal.lines().next().unwrap().to_owned()
    };
    assert!(!header().contains("interrupted_before"));
    let memory = dir.path().join("payments.csv.used.json");
    let kept = std::fs::read_to_string(&memory).unwrap();
    let interrupted = kept.replacen("\"until_row\": 1,", "\"until_row\": 1, \"unfinished\": true,", 1);
    assert_ne!(kept, interrupted);
    std::fs::write(&memory, interrupted).unwrap();
    assert!(header().contains("\"interrupted_before\":\"20"));
    assert!(!header().contains("interrupted_before"));
}

/// As a script writes them that reads CSV: ids are numbers all the same.
#[test]
fn ids_that_are_texts_in_json_are_compared_as_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let csv = std::fs::read_to_string(dir.path().join("payments.csv")).unwrap();
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| -> serde_json::Map<String, serde_json::Value> {
        names.iter().zip(line.split(',')).map(|(name, text)| ((*name).to_owned(), text.into())).collect()
    };
    let rows: Vec<_> = lines.take(2).map(row).collect();
    assert!(rows[0]["payment_id"].is_string());
    let file = dir.path().join("rows.json");
    std::fs::write(&file, serde_json::to_string(&rows).unwrap()).unwrap();
    drive_rows("payments", &server, &endpoint, &file, "2").run().exits(0);
    // What is no number is told by row and column, and says nothing about the sender.
    let first = serde_json::to_string(&rows).unwrap();
    let id = rows[0]["payment_id"].as_str().unwrap();
    std::fs::write(&file, first.replacen(&format!("\"{id}\""), &format!("\"P-{id}\""), 1)).unwrap();
    let wrong = drive_rows("payments", &server, &endpoint, &file, "1").run().exits(2);
    wrong.says("row 1").says("the column `payment_id`");
}
