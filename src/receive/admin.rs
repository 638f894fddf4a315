//! Health, metrics and reading back on a listener of their own, so that the one for webhooks can stand on the internet.

use super::api::Paths;
use crate::inbox::{Routes, Tls};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use wire::Clock;
use wire::http1::{Connection, Limits, Response, Socket, Stop};

/// Connections open at once: a scraper or two, and whoever reads back.
const CONNECTIONS: usize = 64;

/// The paths on this listener, all of them.
pub(super) struct Admin {
    pub listener: TcpListener,
    pub tls: Tls,
    pub paths: Arc<Paths>,
    pub clock: Clock,
}

impl Admin {
    /// Serves until `stop` turns true.
    pub(super) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        let mut open = JoinSet::new();
        loop {
            let next = async {
                let seat = Arc::clone(&free).acquire_owned().await.ok();
                (seat, self.listener.accept().await)
            };
            let (seat, accepted) = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                next = next => next,
            };
            while open.try_join_next().is_some() {}
            // Out of file descriptors, or a connection that was gone before it was accepted.
            let Ok((tcp, from)) = accepted else {
                tokio::task::yield_now().await;
                continue;
            };
            let (tls, paths, clock) = (self.tls.clone(), Arc::clone(&self.paths), self.clock);
            open.spawn(async move {
                attend((tcp, from.ip()), tls, &paths, clock).await;
                drop(seat);
            });
        }
        // What is under way is a look at what there is: it is asked again.
        open.abort_all();
    }
}

async fn attend((tcp, peer): (TcpStream, IpAddr), tls: Tls, paths: &Paths, clock: Clock) {
    let limits = Limits { body: 0, ..Limits::default() };
    let socket = match tls {
        None => Socket::Plain(tcp),
        Some(acceptor) => match tokio::time::timeout(limits.head_time, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => Socket::Tls(Box::new(stream)),
            _ => return,
        },
    };
    let mut connection = Connection::new(socket, clock, limits).from(peer);
    loop {
        let (answer, keep_alive) = match connection.read().await {
            Err(Stop::Closed) => return,
            Err(Stop::Refused(refusal)) => (problem(refusal.status, &refusal.why), false),
            Ok(request) => {
                let answer = match paths.answer(&request) {
                    Some(answer) => answer.await,
                    None => problem(404, "only /healthz, /metrics and /_smoke/attempts are here"),
                };
                (answer, request.keep_alive)
            }
        };
        if connection.write(&answer, keep_alive).await.is_err() || !keep_alive {
            return connection.close().await;
        }
    }
}

fn problem(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({"error": "refused", "detail": detail}))
}
