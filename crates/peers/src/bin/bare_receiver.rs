//! The barest receiver that answers webhooks, for benchmarks: one thread, a constant answer, nothing verified.
//!
//! `cargo run --release --bin bare_receiver -- [STALL_MS EVERY_MS]` prints its URL and serves until it is killed. With a stall
//! it answers nothing during the first STALL_MS of every EVERY_MS (counted from its first request).
#![expect(clippy::print_stdout, reason = "prints the URL for the script that started it")]

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";

/// Answers nothing during the first `lasts` of every `every`.
#[derive(Clone, Copy)]
struct Stall {
    lasts: Duration,
    every: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<Vec<u64>, _>>()?;
    let stall = match numbers.as_slice() {
        [lasts, every] => {
            Some(Stall { lasts: Duration::from_millis(*lasts), every: Duration::from_millis(*every) })
        }
        _ => None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/hook", listener.local_addr()?);
    let first = Arc::new(OnceLock::new());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, stall, Arc::clone(&first)));
    }
}

async fn serve(mut stream: TcpStream, stall: Option<Stall>, first: Arc<OnceLock<Instant>>) {
    let mut held = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = whole(&held) {
            if let Some(stall) = stall {
                let since = first.get_or_init(Instant::now).elapsed().as_micros();
                let into = Duration::from_micros((since % stall.every.as_micros()) as u64);
                sleep(stall.lasts.saturating_sub(into)).await;
            }
            held.drain(..length);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        if !stream.read_buf(&mut held).await.is_ok_and(|n| n > 0) {
            return;
        }
    }
}

/// Length of the first request in `bytes`, when it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else { return None };
    let length = request.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let body: usize = length.map_or(Some(0), |h| std::str::from_utf8(h.value).ok()?.parse().ok())?;
    (bytes.len() >= head + body).then_some(head + body)
}
