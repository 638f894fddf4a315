//! The inbox's front door on a TCP socket.

use super::desk::{Handled, Inbox};
use super::hooks::Upstream;
use super::seats::{Seats, Taken};
use crate::http1::{Answer, Connection, Ending, Limits, Play, RawRequest, Socket, Stop};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How long open exchanges get to end once the inbox is told to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// Pause after a failed accept: out of file descriptors, or a connection that was gone before it was accepted.
const PAUSE: Duration = Duration::from_millis(5);

/// TLS for the front door, if wanted.
pub type Tls = Option<TlsAcceptor>;

/// The limits of a front door.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// Of each connection.
    pub limits: Limits,
    /// Connections open at once; for one more, the one that has been idle for longest is closed.
    pub connections: usize,
    /// How long open exchanges get to end at the stop.
    pub drain: Duration,
}

/// Serves `inbox` on `listener` until `stop` turns true, with at most `connections` open at once.
pub async fn serve(
    listener: TcpListener,
    tls: Tls,
    inbox: Arc<Inbox>,
    limits: Limits,
    connections: usize,
    stop: watch::Receiver<bool>,
) {
    serve_with(listener, tls, inbox, Doors { limits, connections, drain: DRAIN }, stop).await;
}

/// Serves `inbox` on `listener` until `stop` turns true.
pub async fn serve_with(
    listener: TcpListener,
    tls: Tls,
    inbox: Arc<Inbox>,
    doors: Doors,
    mut stop: watch::Receiver<bool>,
) {
    let seats = Seats::new(doors.connections);
    let mut open = JoinSet::new();
    loop {
        let next = async {
            let accepted = listener.accept().await.ok();
            let seat = seats.take().await;
            accepted.map(|(tcp, _)| (seat, tcp))
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            accepted = next => accepted,
        };
        while open.try_join_next().is_some() {}
        let Some((seat, tcp)) = accepted else {
            seats.make_room();
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (inbox, tls, stop) = (Arc::clone(&inbox), tls.clone(), stop.clone());
        open.spawn(async move { attend(tcp, tls, &inbox, doors.limits, &seat, stop).await });
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(doors.drain, all).await;
}

async fn attend(
    tcp: TcpStream,
    tls: Tls,
    inbox: &Inbox,
    limits: Limits,
    seat: &Taken,
    mut stop: watch::Receiver<bool>,
) {
    let _ = tcp.set_nodelay(true);
    let socket = match tls {
        None => Socket::Plain(tcp),
        Some(acceptor) => match tokio::time::timeout(limits.head_time, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => Socket::Tls(Box::new(stream)),
            _ => return,
        },
    };
    let mut connection = Connection::new(socket, inbox.clock(), limits);
    let mut stopped = pin!(stop.wait_for(|stopped| *stopped));
    let mut told_to_leave = pin!(seat.told_to_leave());
    loop {
        let begun = tokio::select! {
            biased;
            _ = &mut stopped => return,
            () = &mut told_to_leave => return,
            begun = connection.begun() => begun,
        };
        if !begun {
            return;
        }
        // A request that has begun is read to its end even when the inbox is told to stop.
        let request = tokio::select! {
            biased;
            request = connection.read() => request,
            () = &mut told_to_leave => return,
        };
        seat.busy();
        match request {
            Err(Stop::Closed) => return,
            Err(Stop::Refused(refusal)) => {
                let answer = inbox.refuse(&refusal);
                if connection.write(&answer, false).await.is_ok() {
                    connection.close().await;
                }
                return;
            }
            Ok(request) => match exchange(connection, inbox, request).await {
                Some(again) => connection = again,
                None => return,
            },
        }
        seat.idle();
    }
}

/// One request and its answer; gives the connection back when another request may follow.
async fn exchange(
    mut connection: Connection<Socket>,
    inbox: &Inbox,
    request: RawRequest,
) -> Option<Connection<Socket>> {
    let keep_alive = request.keep_alive;
    if let Some(ready) = inbox.aside().and_then(|aside| aside.answer(&request)) {
        let answer = ready.await;
        let sent = connection.write(&answer, keep_alive).await.is_ok();
        return (sent && keep_alive).then_some(connection);
    }
    let onward = inbox.upstream().map(|upstream| (Arc::clone(upstream), request.clone()));
    let (mut handled, intercept) = inbox.handle(request);
    let unsure = inbox.durable(&mut handled).await;
    let own = handled.answer.clone();
    if let Some(unsure) = unsure {
        return send(&mut connection, inbox, &handled, Some(unsure), keep_alive).await.then_some(connection);
    }
    let Some(intercept) = intercept else {
        let answer = match onward.filter(|_| handled.is_recorded()) {
            Some((upstream, request)) => {
                forward(&mut connection, inbox, &handled, upstream.as_ref(), &request).await
            }
            None => Some(own),
        };
        return send(&mut connection, inbox, &handled, answer, keep_alive).await.then_some(connection);
    };
    let whole = intercept.sends.status(own.status);
    let answer = match intercept.play {
        Play::Own(ready) => {
            until_gone(&mut connection, async {
                ready.await;
                Ok(own)
            })
            .await
        }
        Play::Answer(ready) => until_gone(&mut connection, ready).await,
        Play::Wire(play) => {
            let how = play(connection, own).await;
            inbox.answered(&handled, how, whole);
            return None;
        }
    };
    send(&mut connection, inbox, &handled, answer, keep_alive).await.then_some(connection)
}

/// Sends the webhook on. It is with the real receiver then, so that its answer is waited for and written even when the
/// sender goes away, which gives `None`.
async fn forward(
    connection: &mut Connection<Socket>,
    inbox: &Inbox,
    handled: &Handled,
    upstream: &dyn Upstream,
    request: &RawRequest,
) -> Option<Answer> {
    let sent = inbox.clock().now();
    let mut answer = upstream.send(request);
    let (outcome, gone) = tokio::select! {
        outcome = &mut answer => (outcome, false),
        () = connection.closed() => (answer.await, true),
    };
    let answer = inbox.forwarded(handled, sent, outcome);
    if gone {
        // It may have closed its half only, and still read; whether it does cannot be told.
        let _ = connection.write(&answer, false).await;
    }
    (!gone).then_some(answer)
}

/// Waits for an answer as long as the sender does; `None` when the sender goes away first.
async fn until_gone(
    connection: &mut Connection<Socket>,
    ready: impl Future<Output = std::io::Result<Answer>>,
) -> Option<Answer> {
    tokio::select! {
        answer = ready => Some(answer.unwrap_or_else(|e| shim_failed(&e))),
        () = connection.closed() => None,
    }
}

/// What the sender gets when the fault shim itself fails: a status that no fault sends, so that it shows.
fn shim_failed(error: &std::io::Error) -> Answer {
    Answer::json(
        598,
        &serde_json::json!({"error": "the fault shim failed", "detail": error.kind().to_string()}),
    )
}

/// Sends the answer and notes the end; says whether the connection can be used again.
async fn send(
    connection: &mut Connection<Socket>,
    inbox: &Inbox,
    handled: &Handled,
    answer: Option<Answer>,
    keep_alive: bool,
) -> bool {
    let sent = match &answer {
        Some(answer) => connection.write(answer, keep_alive).await.is_ok(),
        None => false,
    };
    let how = if sent { Ending::Sent } else { Ending::SenderClosed };
    inbox.answered(handled, how, answer.map(|a| a.status));
    sent && keep_alive
}
