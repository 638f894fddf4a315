//! A staging system of a few lines: every request gets what a function says, and is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The token of its bearer header.
    pub fn bearer(&self) -> Option<&str> {
        self.head.lines().find_map(|l| l.strip_prefix("authorization: Bearer "))
    }
}

/// What a request gets.
pub struct Answer {
    bytes: Vec<u8>,
    close: bool,
}

impl Answer {
    pub fn new(status: &str, kind: &str, extra: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{extra}\r\n",
            body.len()
        );
        Self { bytes: [head.as_bytes(), body].concat(), close: false }
    }

    pub fn json(status: &str, body: &str) -> Self {
        Self::new(status, "application/json", "", body)
    }

    /// Nothing is answered, and the connection closed.
    pub fn silent(self) -> Self {
        Self { bytes: Vec::new(), close: true }
    }

    /// The connection is closed behind it, and the answer does not say so.
    pub fn then_close(self) -> Self {
        Self { close: true, ..self }
    }
}

/// A server on a free port.
pub struct Origin {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Origin {
    /// Answers with what `answer` makes of a request and of those before it.
    pub fn start(answer: impl Fn(&Seen, &[Seen]) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || connection(stream, &kept, &*answer));
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// The paths that were asked for, but for the health check.
    pub fn paths(&self) -> Vec<String> {
        let paths = self.seen().into_iter().map(|s| s.path().to_owned());
        paths.filter(|p| p != "/healthz/").collect()
    }
}

fn connection(stream: TcpStream, kept: &Mutex<Vec<Seen>>, answer: &dyn Fn(&Seen, &[Seen]) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let reply = {
            let mut kept = kept.lock().expect("not poisoned");
            let reply = answer(&request, &kept);
            kept.push(request);
            reply
        };
        if reader.get_mut().write_all(&reply.bytes).is_err() || reply.close {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { head: head.replace("\r\n", "\n"), body: String::from_utf8_lossy(&body).into_owned() })
}
