//! A receiver on a socket.

use super::flaw::Flaw;
use super::handle::{Handler, PATH, PROCESSED, problem};
use signature::{Scheme, Secret};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use wire::Clock;
use wire::http1::{Connection, Limits, Stop};

/// The largest body that one takes which reads everything, in bytes.
const EVERYTHING: usize = 64 * 1024 * 1024;

/// A running receiver; it stops when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Serves on `listener`: right without a flaw.
    ///
    /// # Errors
    /// When the secret is no key of the scheme, or the socket has no address.
    pub fn start(
        listener: TcpListener,
        scheme: Scheme,
        secret: &Secret,
        flaw: Option<Flaw>,
    ) -> io::Result<Self> {
        let no_key = |e| io::Error::new(io::ErrorKind::InvalidInput, e);
        let handler = Arc::new(Handler::new(scheme, secret, flaw).map_err(no_key)?);
        let limits = match flaw {
            Some(Flaw::ReadsAll) => Limits { body: EVERYTHING, ..Limits::default() },
            _ => Limits::default(),
        };
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, handler, limits));
        Ok(Self { address, server })
    }

    /// Where webhooks are posted to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Where the number of webhooks that were processed is.
    #[must_use]
    pub fn processed_url(&self) -> String {
        format!("http://{}{PROCESSED}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, handler: Arc<Handler>, limits: Limits) {
    let clock = Clock::start();
    // Connections end with the server.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                connections.spawn(converse(stream, Arc::clone(&handler), clock, limits));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, handler: Arc<Handler>, clock: Clock, limits: Limits) {
    let mut connection = Connection::new(stream, clock, limits);
    loop {
        match connection.read().await {
            Ok(request) => {
                let answer = handler.answer(&request, clock.unix_ms()).await;
                if connection.write(&answer, request.keep_alive).await.is_err() || !request.keep_alive {
                    break;
                }
            }
            Err(Stop::Closed) => return,
            Err(Stop::Refused(refusal)) => {
                let _ = connection.write(&problem(refusal.status, &refusal.why), false).await;
                break;
            }
        }
    }
    connection.close().await;
}
