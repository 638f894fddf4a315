//! Broken wires: what is done to a connection in place of an answer.

use record::Ending;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wire::http1::{Connection, Response, Socket};

/// Between the head of an answer and the reset: a reset throws away what the peer has not read yet.
const HEAD_TIME: Duration = Duration::from_millis(20);
/// How long the rest of a closed connection is read, so that closing does not reset it.
const DRAIN: Duration = Duration::from_millis(500);
/// Pause between two pieces of a fast drip.
const TICK: Duration = Duration::from_millis(50);

/// Resets at once.
pub(super) async fn reset(connection: Connection<Socket>) -> Ending {
    connection.into_stream().reset();
    Ending::Broken
}

/// Sends the head of the answer, then resets.
pub(super) async fn reset_after_head(mut connection: Connection<Socket>, own: Response) -> Ending {
    if connection.write_raw(own.head("close").as_bytes()).await.is_err() {
        return Ending::SenderClosed;
    }
    sleep(HEAD_TIME).await;
    reset(connection).await
}

/// Sends `bytes`, which may be none, and closes.
pub(super) async fn send_and_close(mut connection: Connection<Socket>, bytes: Vec<u8>) -> Ending {
    if connection.write_raw(&bytes).await.is_err() {
        return Ending::SenderClosed;
    }
    close(connection).await;
    Ending::Broken
}

/// The head and half of the body.
pub(super) fn truncated(own: &Response) -> Vec<u8> {
    let mut bytes = own.bytes("close");
    bytes.truncate(bytes.len() - own.body.len().div_ceil(2));
    bytes
}

/// No HTTP, whatever the reader's tolerance: no status line, bytes outside ASCII.
pub(super) fn garbage() -> Vec<u8> {
    b"\x00\xff\x13garbage injected by smoke\x80\r\n\r\n".to_vec()
}

/// Says nothing until the sender gives up, or for `at_most`.
pub(super) async fn hang(mut connection: Connection<Socket>, at_most: Duration) -> Ending {
    if timeout(at_most, connection.closed()).await.is_ok() {
        return Ending::SenderClosed;
    }
    close(connection).await;
    Ending::Broken
}

/// Sends the answer at `rate` bytes per second, padded to last `at_least`.
pub(super) async fn drip(
    mut connection: Connection<Socket>,
    own: Response,
    rate: u32,
    at_least: Duration,
) -> Ending {
    let bytes = padded(own, rate, at_least);
    let piece = (f64::from(rate) * TICK.as_secs_f64()).floor().max(1.0);
    let pause = Duration::from_secs_f64(piece / f64::from(rate));
    let start = Instant::now();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 3277")]
    let pieces = bytes.chunks(piece as usize);
    for (n, piece) in (1u32..).zip(pieces) {
        tokio::select! {
            () = sleep_until(start + pause * n) => {}
            () = connection.closed() => return Ending::SenderClosed,
        }
        if connection.write_raw(piece).await.is_err() {
            return Ending::SenderClosed;
        }
    }
    close(connection).await;
    Ending::Sent
}

/// The answer with blanks at the end of its body, which JSON allows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive; the rate and the time-out are limited where they are read"
)]
fn padded(mut own: Response, rate: u32, at_least: Duration) -> Vec<u8> {
    let wanted = (f64::from(rate) * at_least.as_secs_f64()).ceil() as usize;
    let missing = wanted.saturating_sub(own.bytes("close").len());
    own.body.resize(own.body.len() + missing, b' ');
    own.bytes("close")
}

/// Sends FIN at once; what the peer still sends is read in the background, as a close over unread bytes is a reset.
async fn close(connection: Connection<Socket>) {
    let mut stream = connection.into_stream();
    let _ = stream.shutdown().await;
    tokio::spawn(async move {
        let mut rest = [0; 4096];
        let drain = async { while let Ok(1..) = stream.read(&mut rest).await {} };
        let _ = timeout(DRAIN, drain).await;
    });
}
