//! An observation that keeps traffic coming itself.

use super::harness::{Ran, Smoke};
use super::receiver::{SECRET, until};
use super::reserved::Reserved;
use serde_json::Value;

fn observe(args: &[&str]) -> Ran {
    Smoke::new("observe").args(args).run()
}

fn output(ran: &Ran) -> Value {
    let path = ran.file("staging_observation_output.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn check(output: &Value, id: &str) -> (String, f64) {
    let checks = output["acceptance_gates"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no check {id}"));
    (check["verdict"].as_str().unwrap().to_owned(), check["actual"].as_f64().unwrap())
}

#[test]
fn traffic_that_cannot_log_in_is_no_pass() {
    let address = Reserved::new();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.txt");
    std::fs::write(&secret, SECRET).unwrap();
    let listen = address.address.to_string();
    let mut stand_in = std::process::Command::new(env!("CARGO_BIN_EXE_smoke"));
    // It posts nowhere: no webhook comes, and nobody of these users is known to it.
    stand_in.args(["staging", "--listen", &listen, "--secret-file"]).arg(&secret);
    let mut stand_in = stand_in.current_dir(dir.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until(|| std::net::TcpStream::connect(address.address).is_ok(), "the stand-in listens");
    let url = format!("http://{listen}");
    let flags = ["--listen", "127.0.0.1:0", "--staging", &url, "--duration", "2s", "--secret-file"];
    let data = ["--drive", "payments=60/m", "--data", "payments=rows.csv"];
    let rows = "payment_id,tournament_id,user_username,user_password\n1,1,u,x\n2,2,u,x\n";
    let smoke = Smoke::new("observe").args(&flags).arg(&secret).args(&data);
    let ran = smoke.env("STAFF_PASSWORD", "x").file("rows.csv", rows).run();
    let _ = stand_in.kill();
    let _ = stand_in.wait();
    // A refused login says nothing about the sender: the window proves nothing, and says which settings to look at.
    let ran = ran.exits(3).says("(session `");
    assert_eq!(check(&output(&ran), "steps").0, "fail");
    // Its own journal blames nobody for webhooks that are watched elsewhere.
    let own = std::fs::read_to_string(ran.file("drive_payments_journal.jsonl")).unwrap();
    assert!(own.contains("they are watched in the observation's journal"), "{own}");
}

#[test]
fn two_scenarios_are_driven_at_their_rates_and_their_webhooks_judged() {
    let ran = observe(&["--drive", "payments=120/m,matches=60/m", "--duration", "3s"]).exits(0);
    let output = output(&ran);
    let notes = output["provenance"]["notes"].to_string();
    assert!(notes.contains("also driven: payments=120/m, 6 flows started, 6 ended, 0 steps"), "{notes}");
    assert!(notes.contains("also driven: matches=60/m, 3 flows started, 3 ended, 0 steps"), "{notes}");
    assert_eq!(output["event_distribution"]["payment_verified"], 6);
    // 6 payments and 3 matches of 3 events each are due, and known to be.
    assert_eq!(check(&output, "steps"), ("pass".to_owned(), 0.0));
    assert_eq!(check(&output, "lost"), ("pass".to_owned(), 0.0));
    assert_eq!(
        output["observation"]["begin"]["drive"],
        serde_json::json!(["payments=120/m", "matches=60/m"])
    );
    let run = &output["test_run"];
    assert_eq!((&run["environment"], &run["success_rate"]), (&"embedded".into(), &100.0.into()));
    assert_eq!(run["webhooks_success"], run["webhooks_sent"]);
    assert_eq!(run["events_triggered"], Value::Null, "nobody knows how many were due");
    assert_eq!(output["provenance"]["evidence_about_staging"], false, "it was the stand-in");
    let memo = std::fs::read_to_string(ran.file("staging_observation_memo.md")).unwrap();
    assert!(memo.contains("| not accepted | 0 |"), "{memo}");
    // The gate judges the window with its memo again; the stand-in is no evidence about staging.
    let dir = ran.dir().join("artifacts");
    let gate = Smoke::new("gate").arg(dir.join("staging_observation_output.json")).run().exits(3);
    assert!(gate.stdout.contains("UNPROVEN"), "{}", gate.stdout);
}

#[test]
fn what_cannot_be_driven_is_said_before_the_window() {
    observe(&["--drive", "payments", "--duration", "3s"]).exits(2).says("write SCENARIO=RATE");
    observe(&["--drive", "payments=0/m", "--duration", "3s"]).exits(2).says("starts nothing");
    observe(&["--drive", "payments=50/s", "--duration", "3s"]).exits(2).says("use `smoke load` for loads");
    observe(&["--drive", "nothing=1/m", "--duration", "3s"]).exits(2).says("nothing");
    let args = ["--drive", "payments=1/m", "--data", "matches=x.csv", "--duration", "3s"];
    observe(&args).exits(2).says("for a scenario given to --drive");
    let twice = ["--drive", "payments=60/m,payments=60/m", "--duration", "3s"];
    observe(&twice).exits(2).says("payments is already driven");
    observe(&["--staging", "http://127.0.0.1:9", "--duration", "3s"]).exits(2).says("--drive");
    let inbox = ["--drive", "payments=1/m", "--inbox", "http://127.0.0.1:9", "--token-file", "t"];
    observe(&inbox).exits(2).says("not to --inbox");
}

#[test]
fn staging_is_driven_with_the_secret_file_and_a_stand_in_is_never_taken_for_it() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let standing = dir.path().join("secret.txt");
    std::fs::write(&standing, SECRET).unwrap();
    let mut stand_in = std::process::Command::new(env!("CARGO_BIN_EXE_smoke"));
    stand_in.args(["staging", "--listen", &address.to_string(), "--secret-file"]).arg(&standing);
    let mut stand_in = stand_in.current_dir(dir.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until(|| std::net::TcpStream::connect(address).is_ok(), "the stand-in listens");
    let url = format!("http://{address}");
    let flags = ["--listen", "127.0.0.1:0", "--staging", &url, "--duration", "2s", "--secret-file"];
    let rows = "payment_id,tournament_id,user_username,user_password\n1,1,u,x\n2,2,u,x\n";
    let all = |drive: &str| {
        let data = ["--drive", drive, "--data", "payments=rows.csv", "--env-file", "staff.env"];
        let env = "STAFF_USERNAME=admin\nSTAFF_PASSWORD=x\nUSER_USERNAME=u\nUSER_PASSWORD=x\n";
        let smoke = Smoke::new("observe").args(&flags).arg(&standing).args(&data);
        smoke.file("rows.csv", rows).file("staff.env", env).run()
    };
    let few = all("payments=120/m").exits(2);
    few.says("rows.csv has 2 data rows, but the schedule starts 4 flows").says("a --duration of at most 1s");
    let ran = all("payments=60/m");
    let _ = stand_in.kill();
    let _ = stand_in.wait();
    assert!(ran.code != Some(2), "{}", ran.stderr);
    assert_eq!(output(&ran)["provenance"]["evidence_about_staging"], false);
    let memo = std::fs::read_to_string(ran.file("staging_observation_memo.md")).unwrap();
    assert!(memo.contains("not evidence about staging"), "{memo}");
}

#[test]
fn a_terminal_shows_each_gate_now_and_over_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let smoke = env!("CARGO_BIN_EXE_smoke");
    // `script` (of Debian's essential bsdutils) gives the command a terminal.
    let command = format!("{smoke} observe --drive payments=120/m --duration 4s");
    let ran = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .env("TERM", "xterm")
        .output();
    let Ok(ran) = ran else {
        eprintln!("skipped: there is no `script` here");
        return;
    };
    let shown = String::from_utf8_lossy(&ran.stdout);
    for part in ["this minute", "over the window", "Success rate", "payment_verified: 200", " left"] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

/// Whoever has no secret knows of no signature that it is wrong.
#[test]
fn a_window_without_a_secret_is_not_rolled_back_for_its_signatures() {
    let ran = observe(&["--blind", "--drive", "payments=120/m", "--duration", "3s"]).exits(3);
    assert!(!ran.shown().contains("ROLLBACK"), "{}", ran.shown());
    assert!(ran.stdout.contains("unproven Valid signatures"), "{}", ran.stdout);
}
