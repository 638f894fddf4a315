//! Which requests may use a kept connection, and which are sent again when the server turns out to have ended it.

use scenario::{Method, ResolvedRequest};
use std::error::Error;
use std::io;
use std::time::Duration;

/// A connection whose other end is gone is reset as soon as it is used; one that is reset later had a server that took the request. Far
/// more than a round trip, far less than what a server's workers are given.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Which requests may go over a connection that an earlier one has left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// None.
    Nothing,
    /// Those that may be sent again when the server turns out to have closed it: of the others nobody would know whether they were
    /// taken.
    Idempotent,
    /// All: a load would mostly measure how connections are opened.
    Everything,
}

impl Reuse {
    /// Whether this request is one of them.
    pub(super) fn allows(self, request: &ResolvedRequest) -> bool {
        match self {
            Self::Nothing => false,
            Self::Idempotent => is_idempotent(request),
            Self::Everything => true,
        }
    }
}

/// Lets the tasks of connections that are ready run first.
pub(super) async fn see_what_closed() {
    // Sockets are looked at in the first turn, and what they say is worked on in the second.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

/// Whether doing it twice changes nothing (RFC 9110, section 9.2.2).
pub(super) fn is_idempotent(request: &ResolvedRequest) -> bool {
    matches!(request.method, Method::Get | Method::Head | Method::Options | Method::Put | Method::Delete)
        || request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"))
}

/// Whether a request that got no byte of an answer may be sent again on a new connection (RFC 9110, section 9.2.2): doing it twice
/// changes nothing, or it was not taken.
pub(super) fn may_send_again(error: &reqwest::Error, request: &ResolvedRequest, after: Duration) -> bool {
    if error.is_timeout() || error.is_connect() {
        return false;
    }
    match ended(error) {
        Some(End::Reset) => is_idempotent(request) || after < AT_ONCE,
        Some(End::Closed) => is_idempotent(request),
        None => false,
    }
}

/// How the other side ended a connection before it answered.
enum End {
    /// Reset, as TCP does when a closed connection gets data, or is closed with data that nobody has read (RFC 9293, section 3.6.1):
    /// a server that takes a request reads it first.
    Reset,
    /// Closed in good order, as it is too where a worker takes the request and is killed.
    Closed,
}

fn ended(error: &reqwest::Error) -> Option<End> {
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset => Some(End::Reset),
                io::ErrorKind::UnexpectedEof => Some(End::Closed),
                _ => None,
            };
        }
        // hyper names the end of the connection before an answer so, and has no public type for it here.
        if error.to_string().contains("connection closed before message completed") {
            return Some(End::Closed);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Attached, Client};
    use super::*;
    use scenario::{Origin, ResolvedBody};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A server that answers the first request of each connection, and ends the connection at the second: how many requests it read.
    async fn server(reset: bool) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (url, read) =
            (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&read);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                seen.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
                if reset {
                    // It is closed with a byte that nobody has read.
                    let _ = stream.peek(&mut bytes).await;
                } else {
                    let more = stream.read(&mut bytes).await.unwrap_or(0) > 0;
                    seen.fetch_add(usize::from(more), Ordering::SeqCst);
                }
            }
        });
        (url, read)
    }

    fn request(headers: &[(&str, &str)]) -> ResolvedRequest {
        ResolvedRequest {
            method: Method::Post,
            path: "/pay".to_owned(),
            origin: Origin::Target,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: ResolvedBody::Text("{}".to_owned()),
            timeout: Duration::from_secs(10),
        }
    }

    /// Whether the second of two requests is answered, how often it was sent, and how many requests the server read.
    async fn second(reset: bool, reuse: Reuse, headers: &[(&str, &str)]) -> (bool, bool, usize) {
        let (url, read) = server(reset).await;
        let client = Client::new(&url, 1, reuse).unwrap();
        client.send(&request(headers), &Attached::default()).await.unwrap();
        let reply = client.send(&request(headers), &Attached::default()).await;
        (reply.is_ok(), reply.is_ok_and(|reply| reply.resent), read.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn what_may_have_been_taken_is_sent_again_only_where_that_changes_nothing() {
        let key = [("Idempotency-Key", "k")];
        // The server read it and closed: it may have done it.
        assert_eq!(second(false, Reuse::Everything, &[]).await, (false, false, 2));
        assert_eq!(second(false, Reuse::Everything, &key).await, (true, true, 3));
        // It closed without having read it.
        assert_eq!(second(true, Reuse::Everything, &[]).await, (true, true, 2));
        assert_eq!(second(true, Reuse::Idempotent, &key).await, (true, true, 2));
        // Each on a connection of its own.
        assert_eq!(second(false, Reuse::Idempotent, &[]).await, (true, false, 2));
        assert_eq!(second(false, Reuse::Nothing, &key).await, (true, false, 2));
    }
}
