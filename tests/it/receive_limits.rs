//! What a receiver that runs for weeks keeps, and where it shows its figures.

use super::receiver::{Receiver, TOKEN, Webhook, read_all, status, until};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// A webhook of about 8 KiB: a journal file of 64 KiB holds seven.
fn long() -> Webhook {
    Webhook::with_body(format!(r#"{{"event":"payment_verified","note":"{}"}}"#, "x".repeat(8000)).as_bytes())
}

fn parts(dir: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut parts: Vec<String> = names.filter(|name| name.starts_with("j.jsonl.")).collect();
    parts.sort();
    parts
}

#[test]
fn old_journal_files_go_and_what_nobody_read_goes_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--rotate-size", "64KiB", "--keep", "400KiB"]);
    (0..25).for_each(|_| assert_eq!(receiver.post(&long()), Some(200)));
    // The first three files are read back.
    let mut next = "0".to_owned();
    while next.split('.').next() != Some("4") {
        let answer = receiver.get(&format!("/_smoke/attempts?since={next}"), Some(TOKEN));
        let header = answer.lines().find_map(|l| l.strip_prefix("X-Smoke-Next: ")).unwrap().trim().to_owned();
        assert_ne!(header, next, "{answer}");
        next = header;
    }
    (0..60).for_each(|_| assert_eq!(receiver.post(&long()), Some(200)));
    until(|| parts(dir.path()).len() <= 7, "the oldest files are gone");
    let left = parts(dir.path());
    assert_ne!(left.first().map(String::as_str), Some("j.jsonl.000001"), "{left:?}");
    receiver.hears("journal part j.jsonl.000004 of ");
    let said = receiver.said();
    assert!(said.contains("was removed by --keep; nobody had read it back"), "{said}");
    assert!(!said.contains("000003"), "what was read goes without a word there: {said}");
    let written = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let kept: String =
        parts(dir.path()).iter().map(|part| written(part)).collect::<String>() + &written("j.jsonl");
    assert!(kept.contains("was removed by --keep"), "the journal says so too");
    let metrics = receiver.get("/metrics", None);
    assert!(metrics.contains("webhook_journal_parts_removed_total "), "{metrics}");
    assert!(!metrics.contains("webhook_journal_parts_removed_total 0"), "{metrics}");
}

#[test]
fn what_is_to_be_kept_has_to_make_sense() {
    let refused = |flags: &[&str], why: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut smoke = std::process::Command::new(env!("CARGO_BIN_EXE_smoke"));
        smoke.args(["receive", "--listen", "127.0.0.1:0", "--journal", "j.jsonl"]).args(flags);
        let done =
            smoke.current_dir(dir.path()).env("WEBHOOK_SECRET", super::receiver::SECRET).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    };
    refused(&["--keep", "1GiB"], "also give --rotate-size or --rotate-every");
    refused(&["--keep", "1GiB", "--keep", "2GiB", "--rotate-every", "1h"], "one size and one time at most");
    refused(&["--keep", "1MiB", "--rotate-size", "2MiB"], "less than one journal file");
    refused(&["--keep", "soon", "--rotate-every", "1h"], "or a time, such as 720h or 30d");
}

fn get(address: SocketAddr, target: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    read_all(&mut stream)
}

#[test]
fn figures_and_reading_back_have_a_listener_of_their_own() {
    const SAID: &str = "metrics and read-back on http://";
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--admin-listen", "127.0.0.1:0"]);
    receiver.hears(SAID);
    let said = receiver.said();
    let admin: SocketAddr =
        said.split_once(SAID).unwrap().1.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let outside = |target: &str| status(&get(receiver.address, target, &bearer));
    let inside = |target: &str, more: &str| status(&get(admin, target, more));
    assert_eq!(
        [outside("/metrics"), outside("/_smoke/attempts"), outside("/healthz")],
        [Some(404), Some(404), Some(200)]
    );
    assert_eq!([inside("/metrics", ""), inside("/healthz", "")], [Some(200), Some(200)]);
    assert_eq!([inside("/_smoke/attempts", &bearer), inside("/_smoke/attempts", "")], [Some(200), Some(401)]);
    assert_eq!(inside("/webhooks/inbound", ""), Some(404));
    assert!(get(admin, "/metrics", "").contains("webhook_deliveries_total{status=\"success\"} 1"));
    assert!(get(admin, "/_smoke/attempts", &bearer).contains("payment_verified"));
    // A body is nobody's business there, and what is no HTTP ends the connection.
    let talk = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(admin).unwrap();
        stream.write_all(bytes).unwrap();
        status(&read_all(&mut stream))
    };
    assert_eq!(talk(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789"), Some(413));
    assert_eq!(talk(b"nonsense\r\n\r\n"), Some(400));
}

#[test]
fn a_service_that_is_hung_up_on_begins_a_new_file_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(dir.path(), "", &[]);
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let kill = std::process::Command::new("kill").args(["-HUP", &receiver.pid()]).status().unwrap();
    assert!(kill.success());
    receiver.hears("SIGHUP: started journal part 2");
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    assert_eq!(parts(dir.path()), ["j.jsonl.000001"]);
    let attempts = |name: &str| {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        text.matches("{\"attempt\":{").count()
    };
    until(|| attempts("j.jsonl") == 1, "the next webhook is in the next file");
    assert_eq!(attempts("j.jsonl.000001"), 1);
}
