//! One request on a connection of its own, and what came back.

use super::write_plan::{Before, Piece, pieces};
use crate::load::{Connect, Target};
use probe::{Manner, Shot};
use record::ErrorKind;
use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, WriteHalf};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use wire::http1::{BodyError, Buffered, LongBody, Response, read_response};

/// Most bytes read of an answer's body: a debug page has a few hundred KiB.
const MAX_BODY: usize = 1024 * 1024;
/// How long an answer is waited for that nobody waits for.
const ABANDONED: Duration = Duration::from_millis(100);
/// How long an answer may still come on a connection that takes no more bytes.
const AFTER: Duration = Duration::from_secs(1);

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer; `early` when it came before the whole request had been sent.
    Answer { answer: Box<Response>, early: bool },
    /// None.
    Nothing { kind: ErrorKind, why: String, early: bool },
    /// It was not waited for.
    NotAwaited,
}

/// Sends a request and reads its answer within `limit`. `others` turns true when those are done that the last bytes wait for.
pub(super) async fn exchange<C: Connect>(
    dialer: &C,
    target: &Target,
    shot: &Shot,
    limit: Duration,
    others: watch::Receiver<bool>,
) -> Outcome {
    let nothing = |kind, why: String| Outcome::Nothing { kind, why, early: false };
    let stream = match timeout(limit, dialer.connect()).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return nothing(error.kind, error.why),
        Err(_) => {
            return nothing(
                ErrorKind::ConnectTimeout,
                format!("no connection within {} s", limit.as_secs_f64()),
            );
        }
    };
    let late =
        || nothing(ErrorKind::Timeout, format!("no complete response within {} s", limit.as_secs_f64()));
    timeout(limit, converse(stream, pieces(target, shot), shot.manner, others))
        .await
        .unwrap_or_else(|_| late())
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    pieces: Vec<Piece>,
    manner: Manner,
    others: watch::Receiver<bool>,
) -> Outcome {
    let (read, mut write) = tokio::io::split(stream);
    let (heard, sent) = (Notify::new(), Cell::new(false));
    let writing = async {
        let written = send(&mut write, pieces, &heard, others).await;
        sent.set(written.is_ok());
        written
    };
    if manner == Manner::Abandon {
        let _ = writing.await;
        sleep(ABANDONED).await;
        return Outcome::NotAwaited;
    }
    let mut from = Buffered::new(Hearing { read, heard: &heard });
    let mut reading = pin!(read_response(&mut from, MAX_BODY, LongBody::LeaveOut));
    tokio::select! {
        biased;
        answer = &mut reading => outcome(answer, !sent.get()),
        written = writing => {
            let late = |_| Err(BodyError::Io(io::ErrorKind::ConnectionReset.into()));
            match written {
                Ok(()) => outcome(reading.await, false),
                // A receiver may answer and close before it has read everything: what it said counts.
                Err(_) => outcome(timeout(AFTER, reading).await.unwrap_or_else(late), true),
            }
        }
    }
}

async fn send<W: AsyncWrite>(
    to: &mut WriteHalf<W>,
    pieces: Vec<Piece>,
    heard: &Notify,
    mut others: watch::Receiver<bool>,
) -> io::Result<()> {
    for piece in pieces {
        match piece.before {
            Before::Nothing => {}
            Before::Time(time) => sleep(time).await,
            // An answer ends the whole exchange, so that only the time is seen here.
            Before::Answer(time) => sleep(time).await,
            Before::Continue(time) => {
                let _ = timeout(time, heard.notified()).await;
            }
            Before::Others => {
                // A sender that is gone has nobody left to wait for.
                let _ = others.wait_for(|done| *done).await;
            }
        }
        to.write_all(&piece.bytes).await?;
        to.flush().await?;
    }
    Ok(())
}

fn outcome(read: Result<Response, BodyError>, early: bool) -> Outcome {
    let (kind, why) = match read {
        Ok(answer) => return Outcome::Answer { answer: Box::new(answer), early },
        Err(BodyError::Io(error)) => (ErrorKind::Reset, format!("the connection was reset: {error}")),
        Err(error @ BodyError::Truncated) => (ErrorKind::Closed, error.to_string()),
        Err(error @ BodyError::Problem(_)) => (ErrorKind::Malformed, error.to_string()),
    };
    let why = if kind == ErrorKind::Closed {
        "the connection was closed without a complete response".to_owned()
    } else {
        why
    };
    Outcome::Nothing { kind, why, early }
}

/// A stream that says when something comes.
struct Hearing<'h, R> {
    read: R,
    heard: &'h Notify,
}

impl<R: AsyncRead + Unpin> AsyncRead for Hearing<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.read).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.notify_one();
        }
        polled
    }
}
