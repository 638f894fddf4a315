//! The inbox's front door on a TCP socket.

use super::connection_limit::{ConnectionLimit, Taken};
use super::handled::Handled;
use super::handler::Inbox;
use super::hooks::Upstream;
use super::lanes::Lanes;
use crate::resources::ran_out;
use record::{Ending, Tick};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wire::http1::{Budget, Connection, Limits, Play, RawRequest, Response, Socket, Stop};

/// How long open exchanges get to end once the inbox is told to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// Pause after a failed accept: out of file descriptors, or a connection that was gone before it was accepted.
const PAUSE: Duration = Duration::from_millis(5);
/// After so many in a row, which take half a second, a webhook is late for it.
const TOLD_AFTER: u32 = 100;

/// How long a reset by a sender that has gone may be on its way.
const RESET: Duration = Duration::from_millis(100);

/// What ends sooner than that ended at once, as far as the sender is concerned: half of what a retry may be late.
const AT_ONCE: Duration = Duration::from_millis(250);

/// TLS for the front door, if wanted.
pub type Tls = Option<TlsAcceptor>;

/// The limits of a front door.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// Of each connection.
    pub limits: Limits,
    /// Connections open at once; beyond that, the longest idle one is closed.
    pub connections: usize,
    /// Of those, from one address that is not this machine's own.
    pub per_address: usize,
    /// How long open exchanges get to end at the stop.
    pub drain: Duration,
    /// Bytes of bodies that all connections together hold; who needs more waits within its time for a body.
    pub bodies: usize,
}

impl Doors {
    /// Bytes of bodies that all connections together hold, unless said otherwise: 64 MiB.
    pub const BODIES: usize = 64 * 1024 * 1024;
}

/// Serves `inbox` on `listener` until `stop` turns true, with at most `connections` open at once; `tell`: that for a while none could be
/// accepted, since this machine ran out of something.
pub async fn serve(
    (listener, tls): (TcpListener, Tls),
    inbox: Arc<Inbox>,
    limits: Limits,
    connections: usize,
    tell: &(dyn Fn(&io::Error) + Sync),
    stop: watch::Receiver<bool>,
) {
    serve_with(
        (listener, tls),
        inbox,
        Doors { limits, connections, per_address: connections, drain: DRAIN, bodies: Doors::BODIES },
        &Lanes::default(),
        tell,
        stop,
    )
    .await;
}

/// Serves `inbox` on `listener` until `stop` turns true, each connection on one of `lanes`.
pub async fn serve_with(
    (listener, tls): (TcpListener, Tls),
    inbox: Arc<Inbox>,
    doors: Doors,
    lanes: &Lanes,
    tell: &(dyn Fn(&io::Error) + Sync),
    mut stop: watch::Receiver<bool>,
) {
    let connections = ConnectionLimit::new(doors.connections, doors.per_address);
    let budget = Budget::new(doors.bodies);
    let (mut open, mut failed) = (JoinSet::new(), 0u32);
    loop {
        let next = async {
            let (tcp, from) = listener.accept().await?;
            let peer = from.ip().to_canonical();
            io::Result::Ok((connections.take(peer).await, tcp, peer))
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            accepted = next => accepted,
        };
        while open.try_join_next().is_some() {}
        let (seat, tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                failed = if ran_out(&error) { failed.saturating_add(1) } else { 0 };
                if failed == TOLD_AFTER {
                    tell(&error);
                }
                connections.make_room();
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        failed = 0;
        // Closed at once: its address has enough.
        let Some(seat) = seat else { continue };
        let (inbox, tls, stop, budget) = (Arc::clone(&inbox), tls.clone(), stop.clone(), budget.clone());
        lanes.serve(tcp, &mut open, move |tcp| async move {
            attend((tcp, peer), tls, &inbox, (doors.limits, budget), &seat, stop).await;
        });
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(doors.drain, all).await;
    inbox.finish_diagnoses().await;
}

async fn attend(
    (tcp, peer): (TcpStream, IpAddr),
    tls: Tls,
    inbox: &Inbox,
    (limits, budget): (Limits, Budget),
    seat: &Taken,
    mut stop: watch::Receiver<bool>,
) {
    let _ = tcp.set_nodelay(true);
    let mut stopped = pin!(stop.wait_for(|stopped| *stopped));
    let mut told_to_leave = pin!(seat.told_to_leave());
    let shaken = tokio::select! {
        biased;
        _ = &mut stopped => return,
        () = &mut told_to_leave => return,
        shaken = tokio::time::timeout(limits.head_time, handshake(tcp, tls)) => shaken,
    };
    let Ok(Some(socket)) = shaken else { return };
    let mut connection = Connection::new(socket, inbox.clock(), limits).within(budget).from(peer);
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
                if write(&mut connection, seat, &answer, false).await {
                    connection.close().await;
                }
                return;
            }
            Ok(request) => match exchange(connection, inbox, seat, request).await {
                Some(again) => connection = again,
                None => return,
            },
        }
        seat.idle();
        // Whoever sends many requests at once takes turns with all others, one request each. For those who wait for the answer
        // a turn is a look at all sockets for nothing.
        if connection.is_ahead() {
            tokio::task::yield_now().await;
        }
    }
}

async fn handshake(tcp: TcpStream, tls: Tls) -> Option<Socket> {
    match tls {
        None => Some(Socket::Plain(tcp)),
        Some(acceptor) => acceptor.accept(tcp).await.ok().map(|stream| Socket::Tls(Box::new(stream))),
    }
}

/// One request and its answer; gives the connection back when another request may follow.
async fn exchange(
    mut connection: Connection<Socket>,
    inbox: &Inbox,
    seat: &Taken,
    request: RawRequest,
) -> Option<Connection<Socket>> {
    let keep_alive = request.keep_alive;
    if let Some(ready) = inbox.routes().and_then(|routes| routes.answer(&request)) {
        let answer = ready.await;
        let sent = write(&mut connection, seat, &answer, keep_alive).await;
        return end_or_go_on(connection, sent && keep_alive).await;
    }
    let onward = inbox.upstream().map(|upstream| (Arc::clone(upstream), request.clone()));
    let (mut handled, intercept) = inbox.handle(request);
    let unsure = inbox.durable(&mut handled).await;
    let own = handled.answer.clone();
    if let Some(unsure) = unsure {
        let again =
            send(&mut connection, (inbox, seat), &handled, Some(unsure), Peer::Listens, keep_alive).await;
        return end_or_go_on(connection, again).await;
    }
    let Some(intercept) = intercept else {
        let (answer, peer) = match onward.filter(|_| handled.is_for_upstream()) {
            Some((upstream, request)) => {
                forward(&mut connection, inbox, &handled, upstream.as_ref(), &request).await
            }
            None => (own, Peer::Listens),
        };
        let again = send(&mut connection, (inbox, seat), &handled, Some(answer), peer, keep_alive).await;
        return end_or_go_on(connection, again).await;
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
        Play::Response(ready) => until_gone(&mut connection, ready).await,
        Play::Wire(play) => {
            let begun = inbox.clock().now();
            let how = play(connection, own).await;
            let now = inbox.clock().now();
            let end = if how == Ending::Broken { end_of(begun, now) } else { now };
            inbox.answered(&handled, (how, end), whole);
            return None;
        }
    };
    let again = send(&mut connection, (inbox, seat), &handled, answer, Peer::Listens, keep_alive).await;
    end_or_go_on(connection, again).await
}

/// What is known of the sender while its answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// It waits.
    Listens,
    /// It ended its side at this time: it had gone by then, or still reads.
    MayBeGone(Tick),
}

/// Gives the connection back when `again` says that another request may follow, and ends it in order when not.
async fn end_or_go_on(connection: Connection<Socket>, again: bool) -> Option<Connection<Socket>> {
    if again {
        return Some(connection);
    }
    connection.close().await;
    None
}

/// Sends the webhook on. It is with the real receiver then, so that its answer is waited for and written even when the
/// sender goes away.
async fn forward(
    connection: &mut Connection<Socket>,
    inbox: &Inbox,
    handled: &Handled,
    upstream: &dyn Upstream,
    request: &RawRequest,
) -> (Response, Peer) {
    let sent = inbox.clock().now();
    let mut answer = upstream.send(request);
    let (outcome, peer) = tokio::select! {
        outcome = &mut answer => (outcome, Peer::Listens),
        () = connection.closed() => {
            let left = inbox.clock().now();
            (answer.await, Peer::MayBeGone(left))
        }
    };
    (inbox.forwarded(handled, sent, outcome), peer)
}

/// Waits for an answer as long as the sender does; `None` when the sender goes away first.
async fn until_gone(
    connection: &mut Connection<Socket>,
    ready: impl Future<Output = std::io::Result<Response>>,
) -> Option<Response> {
    tokio::select! {
        answer = ready => Some(answer.unwrap_or_else(|e| shim_failed(&e))),
        () = connection.closed() => None,
    }
}

/// What the sender gets when the fault shim itself fails: a status that no fault sends, so that it shows.
fn shim_failed(error: &std::io::Error) -> Response {
    Response::json(
        598,
        &serde_json::json!({"error": "the fault shim failed", "detail": error.kind().to_string()}),
    )
}

/// Writes an answer, as long as there is no need of the seat: a peer that does not read is no busier than an idle one.
async fn write(
    connection: &mut Connection<Socket>,
    seat: &Taken,
    answer: &Response,
    keep_alive: bool,
) -> bool {
    seat.idle();
    tokio::select! {
        biased;
        written = connection.write(answer, keep_alive) => written.is_ok(),
        () = seat.told_to_leave() => false,
    }
}

/// When an attempt ended that was to be ended from `begun` on, and had been by `now`. Its sender may know as soon as that begins, while
/// this process waits for a processor before it looks at the clock again: the pause before a retry is never taken for shorter than it was.
fn end_of(begun: Tick, now: Tick) -> Tick {
    if now.since(begun) < AT_ONCE { begun } else { now }
}

/// Sends the answer and notes the end; says whether the connection can be used again.
async fn send(
    connection: &mut Connection<Socket>,
    (inbox, seat): (&Inbox, &Taken),
    handled: &Handled,
    answer: Option<Response>,
    peer: Peer,
    keep_alive: bool,
) -> bool {
    let begun = inbox.clock().now();
    let mut sent = match &answer {
        Some(answer) => write(connection, seat, answer, keep_alive).await,
        None => false,
    };
    if sent && matches!(peer, Peer::MayBeGone(_)) {
        // A sender that is gone answers what comes to it with a reset.
        sent = !connection.is_reset_within(RESET).await;
    }
    let now = inbox.clock().now();
    let ended = match peer {
        _ if sent => (Ending::Sent, end_of(begun, now)),
        Peer::MayBeGone(left) => (Ending::SenderClosed, left),
        Peer::Listens => (Ending::SenderClosed, now),
    };
    inbox.answered(handled, ended, answer.map(|a| a.status));
    sent && keep_alive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_does_not_shorten_the_pause_before_a_retry() {
        let ms = |ms: u64| Tick(ms * 1000);
        assert_eq!(end_of(ms(100), ms(100)), ms(100));
        assert_eq!(
            end_of(ms(100), ms(170)),
            ms(100),
            "the clock was looked at 70 ms after the answer had left"
        );
        assert_eq!(end_of(ms(100), ms(900)), ms(900), "a sender that reads slowly");
    }
}
