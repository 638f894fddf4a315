//! The inbox's front door on a TCP socket.

use super::desk::{Handled, Inbox};
use crate::http1::{Answer, Connection, Ending, Limits, Play, RawRequest, Socket, Stop};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How long open exchanges get to end once the inbox is told to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// TLS for the front door, if wanted.
pub type Tls = Option<TlsAcceptor>;

/// Serves `inbox` on `listener` until `stop` turns true, with at most `connections` open at once.
pub async fn serve(
    listener: TcpListener,
    tls: Tls,
    inbox: Arc<Inbox>,
    limits: Limits,
    connections: usize,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(connections));
    let mut open = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            let (tcp, _) = listener.accept().await.ok()?;
            Some((slot, tcp))
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            accepted = next => accepted,
        };
        while open.try_join_next().is_some() {}
        let Some((slot, tcp)) = accepted else {
            // Out of file descriptors, or a connection that was gone before it was accepted: give others time to end.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let (inbox, tls, stop) = (Arc::clone(&inbox), tls.clone(), stop.clone());
        open.spawn(async move {
            let _slot = slot;
            attend(tcp, tls, &inbox, limits, stop).await;
        });
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN, all).await;
}

async fn attend(tcp: TcpStream, tls: Tls, inbox: &Inbox, limits: Limits, mut stop: watch::Receiver<bool>) {
    let _ = tcp.set_nodelay(true);
    let socket = match tls {
        None => Socket::Plain(tcp),
        Some(acceptor) => match tokio::time::timeout(limits.head_time, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => Socket::Tls(Box::new(stream)),
            _ => return,
        },
    };
    let mut connection = Connection::new(socket, inbox.clock(), limits);
    loop {
        let request = tokio::select! {
            request = connection.read() => request,
            _ = stop.wait_for(|stopped| *stopped) => return,
        };
        let request = match request {
            Ok(request) => request,
            Err(Stop::Closed) => return,
            Err(Stop::Refused(refusal)) => {
                let answer = inbox.refuse(&refusal);
                if connection.write(&answer, false).await.is_ok() {
                    connection.close().await;
                }
                return;
            }
        };
        match exchange(connection, inbox, request).await {
            Some(again) => connection = again,
            None => return,
        }
    }
}

/// One request and its answer; gives the connection back when another request may follow.
async fn exchange(
    mut connection: Connection<Socket>,
    inbox: &Inbox,
    request: RawRequest,
) -> Option<Connection<Socket>> {
    let keep_alive = request.keep_alive;
    let (handled, intercept) = inbox.handle(request);
    let own = handled.answer.clone();
    let Some(intercept) = intercept else {
        return send(&mut connection, inbox, &handled, Some(own), keep_alive).await.then_some(connection);
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
