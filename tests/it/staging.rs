//! `smoke staging` as a process: its files, its address, its errors, its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn smoke(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.arg("staging").args(args);
    for name in ["WEBHOOK_ENDPOINT", "WEBHOOK_SECRET", "WEBHOOK_TIMEOUT", "WEBHOOK_MAX_RETRIES"] {
        command.env_remove(name);
    }
    command.env_remove("NOTIFICATIONS_WEBHOOK_ENABLED");
    command
}

/// A running stand-in; killed when dropped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("stand-in listening on http://").unwrap_or_else(|| {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("no address in `{line}`: {why}")
        });
        Self { address: address.to_owned(), child }
    }

    fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal and gives the exit code and stderr.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let deadline = Instant::now() + Duration::from_secs(10);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("did not stop"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = smoke(args).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn field(text: &str, name: &str) -> String {
    let at = text.find(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("no {name} in {text}"))
        + name.len()
        + 4;
    text[at..].split('"').next().unwrap().to_owned()
}

#[test]
fn it_serves_what_its_data_files_say_and_ends_on_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let log = dir.path().join("sender.log");
    // A port on which nothing listens: connections are refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Running::start(
        smoke(&["--listen", "127.0.0.1:0", "--payments", "2", "--matches", "1"])
            .args(["--write-data", data.to_str().unwrap(), "--log", log.to_str().unwrap()])
            .env("WEBHOOK_ENDPOINT", format!("http://{closed}/webhooks/inbound"))
            .env("WEBHOOK_MAX_RETRIES", "1")
            .env("WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef"),
    );
    assert!(running.http("GET", "/healthz/", "", "").ends_with("{\"status\":\"ok\"}"));
    for name in ["payments.csv", "payments.json", "matches.csv", "matches.json", "staff.env"] {
        let mode = data.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut csv = csv::Reader::from_path(data.join("payments.csv")).unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        csv.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(csv::Reader::from_path(data.join("matches.csv")).unwrap().records().count(), 1);

    let staff = std::fs::read_to_string(data.join("staff.env")).unwrap();
    let of = |name: &str| {
        let line = staff.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap().to_owned()
    };
    let login =
        format!("{{\"username\":\"{}\",\"password\":\"{}\"}}", of("STAFF_USERNAME"), of("STAFF_PASSWORD"));
    let access = field(&running.http("POST", "/api/token/", "", &login), "access");
    let path = format!("/api/tournaments/payments/{}/verify/", rows[0]["payment_id"]);
    let answer = running.http("POST", &path, &format!("Authorization: Bearer {access}\r\n"), "{}");
    assert_eq!(field(&answer, "status"), "verified");
    let lines = std::fs::read_to_string(&log).unwrap();
    assert!(
        lines.contains("Webhook connection error: event=payment_verified, attempt=1/1, error="),
        "{lines}"
    );

    let (code, said) = running.end("-TERM");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(&of("STAFF_PASSWORD")) && !said.contains(&rows[0]["user_password"]));
}

#[test]
fn a_token_in_the_url_of_the_webhooks_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let url = "http://joe:hunter2@127.0.0.1:9/in?token=hunter2";
    let write = ["--write-data", dir.path().to_str().unwrap()];
    let running = Running::start(smoke(&["--listen", "127.0.0.1:0", "--webhook-url", url]).args(write));
    let (code, said) = running.end("-INT");
    assert_eq!(code, Some(0));
    assert!(
        said.contains("[hidden]@127.0.0.1:9/in?token=[hidden]") && said.contains("--listen 127.0.0.1:9 ")
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn interrupting_it_is_its_normal_end() {
    let running = Running::start(&mut smoke(&["--listen", "127.0.0.1:0"]));
    let (code, said) = running.end("-INT");
    assert_eq!(code, Some(0));
    assert!(said.contains("not sent") && said.contains("the webhook secret is empty"), "{said}");
}

#[test]
fn what_it_cannot_take_is_an_error_with_its_exit_code() {
    let (code, said) = refused(&["--misbehave", "nonsense"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("unknown misbehaviour `nonsense`; known are drop-webhook"), "{said}");
    assert_eq!(refused(&["--as", "other"]).0, Some(2));
    assert_eq!(refused(&["--scheme", "other"]).0, Some(2));
    assert_eq!(refused(&["--webhook-timeout", "0"]).0, Some(2));
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--webhook-url", "https://x.test/"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("only posts to http://"), "{said}");
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--webhook-url", "//x.test/?token=hunter2"]);
    assert!(
        code == Some(2) && said.contains("the webhook URL is invalid") && !said.contains("hunter2"),
        "{said}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, said) = refused(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(code, Some(4));
    assert!(said.contains("cannot bind"), "{said}");
    let nowhere = Path::new("/proc/nowhere/x").to_str().unwrap();
    assert_eq!(refused(&["--listen", "127.0.0.1:0", "--log", nowhere]).0, Some(4));
    assert_eq!(refused(&["--listen", "127.0.0.1:0", "--write-data", nowhere]).0, Some(4));
}
