//! A running stand-in: the caller owns the socket and the stop signal.

use super::api::{self, Api};
use super::fixtures::{Fixtures, Seeds};
use super::options::Options;
use super::sender::{AttemptEntry, LogLine, Sender, SenderLog};
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::SERVER as SERVER_HEADER;
use axum::response::Response;
use axum::serve::ListenerExt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The stand-in's `Server` header, by which a run against it is told from one against staging.
pub const SERVER: &str = "smoke-stand-in";

/// How long [`Staging::shutdown`] lets requests finish.
const GRACE: Duration = Duration::from_secs(2);

/// The end of a stand-in, as its tasks see it.
#[derive(Debug, Clone)]
pub(super) struct End(watch::Receiver<bool>);

impl End {
    /// Runs `work`, or leaves it where it is when the end comes first.
    pub(super) async fn or<T>(mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            // A dropped server is an end as well.
            _ = self.0.wait_for(|end| *end) => None,
        }
    }

    /// One that never comes.
    #[cfg(test)]
    pub(super) fn never() -> Self {
        let (cut, end) = watch::channel(false);
        std::mem::forget(cut);
        Self(end)
    }
}

/// A running stand-in. Dropping it stops it without waiting.
pub struct Staging {
    address: SocketAddr,
    fixtures: Fixtures,
    log: Arc<SenderLog>,
    /// No more requests.
    stop: watch::Sender<bool>,
    /// No more work either: deliveries in their back-off end.
    cut: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
}

impl Staging {
    /// Seeds the data and serves on `listener` until [`Staging::shutdown`] or drop.
    ///
    /// # Errors
    /// When the socket has no address, the endpoint is no `http://` URL, or the system gives no random bytes.
    pub fn start(listener: TcpListener, options: Options) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let mut seeds = Seeds::sow(options.fixtures, options.seed)?;
        if !options.rows.is_empty() {
            seeds.adopt(&options.rows);
        }
        let fixtures = seeds.fixtures();
        let log = Arc::new(SenderLog::new(options.clock, options.debug, options.log.clone()));
        let (cut, end) = watch::channel(false);
        let sender = Arc::new(Sender::new(&options, Arc::clone(&log), End(end.clone()))?);
        let api = Arc::new(Api::new(options, seeds, sender, Arc::clone(&log), End(end))?);
        let router = Router::new().fallback(api::handle).with_state(api);
        let router = router.layer(axum::middleware::map_response(signed_by_server));
        let (stop, mut stopped) = watch::channel(false);
        // Small answers must not wait for Nagle's algorithm: latencies are measured through this socket.
        let listener = listener.tap_io(|io| {
            let _ = io.set_nodelay(true);
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, service).with_graceful_shutdown(async move {
            // A dropped sender is a stop as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let server = tokio::spawn(async move { server.await });
        Ok(Self { address, fixtures, log, stop, cut, server })
    }

    /// `http://address:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Users and data rows for scenarios.
    #[must_use]
    pub const fn fixtures(&self) -> &Fixtures {
        &self.fixtures
    }

    /// The sender's attempts in the order in which they ended (the latest 100,000).
    #[must_use]
    pub fn log(&self) -> Vec<AttemptEntry> {
        self.log.attempts()
    }

    /// The sender's log lines (the latest 100,000).
    #[must_use]
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// Takes no more requests, lets those in work finish for up to 2 s, and stops.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        let _ = self.cut.send(true);
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let _ = self.cut.send(true);
    }
}

async fn signed_by_server(mut answer: Response) -> Response {
    answer.headers_mut().insert(SERVER_HEADER, HeaderValue::from_static(SERVER));
    answer
}
