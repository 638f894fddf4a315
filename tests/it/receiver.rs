//! A `smoke receive` process for tests, and a plain client of it.

use signature::Secret;
use signature::{Outgoing, Scheme, Signer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

pub const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
pub const TOKEN: &str = "a-token-for-tests-0123456789";

/// A running receiver; killed when it is dropped.
pub struct Receiver {
    child: Child,
    pub address: SocketAddr,
    said: Arc<Mutex<String>>,
}

impl Receiver {
    /// Starts it in `dir` with the journal `j.jsonl` and the token of the tests, under the shell limits of `ulimit`.
    pub fn start(dir: &Path, ulimit: &str, flags: &[&str]) -> Self {
        std::fs::write(dir.join("token"), TOKEN).unwrap();
        let script = format!("{ulimit} exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_smoke"), "receive"]);
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--journal") {
            command.args(["--journal", "j.jsonl"]);
        }
        command.args(["--token-file", "token"]).args(flags);
        command.current_dir(dir).env("WEBHOOK_SECRET", SECRET).env_remove("WEBHOOK_ENDPOINT");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("smoke starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let address = first.split("://").nth(1).and_then(|t| t.split('/').next());
        let address =
            address.and_then(|a| a.parse().ok()).unwrap_or_else(|| panic!("no address in {first:?}"));
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                heard.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self { child, address, said }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends bytes on a connection of their own and gives all that comes back until the receiver closes.
    pub fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        read_all(&mut stream)
    }

    /// Posts a webhook and gives the status.
    pub fn post(&self, webhook: &Webhook) -> Option<u16> {
        status(&self.talk(&webhook.bytes("close")))
    }

    pub fn get(&self, target: &str, bearer: Option<&str>) -> String {
        let auth = bearer.map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
        self.talk(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{auth}Connection: close\r\n\r\n").as_bytes())
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub fn hears(&self, text: &str) {
        until(|| self.said().contains(text), &format!("`{text}` is said"));
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; it said: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Memory that it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A signed webhook.
pub struct Webhook {
    pub id: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Webhook {
    pub fn new() -> Self {
        Self::with_body(br#"{"event":"payment_verified","data":{"tournament_id":42}}"#)
    }

    pub fn with_body(body: &[u8]) -> Self {
        Self::signed(body, SECRET, Duration::ZERO)
    }

    /// Signed with this secret, so long ago.
    pub fn signed(body: &[u8], secret: &str, ago: Duration) -> Self {
        let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new(secret)).unwrap();
        let id = uuid::Uuid::new_v4().to_string();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let timestamp_ms = i64::try_from((now - ago).as_millis()).unwrap();
        let headers = signer.sign(&Outgoing { event: "payment_verified", id: &id, timestamp_ms, body });
        Self { id, headers, body: body.to_vec() }
    }

    /// The head up to the framing headers, which differ between tests.
    pub fn head(&self) -> String {
        let own: String = self.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        format!("POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\n{own}")
    }

    pub fn bytes(&self, connection: &str) -> Vec<u8> {
        let framing = format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", self.body.len());
        [self.head().as_bytes(), framing.as_bytes(), &self.body].concat()
    }
}

pub fn status(answer: &str) -> Option<u16> {
    answer.split_whitespace().nth(1)?.parse().ok()
}

pub fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a Content-Length and leaves the connection open.
pub fn read_one(stream: &mut impl Read) -> Option<u16> {
    let (mut head, mut byte) = (Vec::new(), [0u8]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: "))?.parse().ok()?;
    stream.read_exact(&mut vec![0; length]).ok()?;
    status(&head)
}

pub fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 15 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
