//! Messages over an in-memory socket, good and bad.

use super::*;
use crate::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

fn connection() -> (DuplexStream, Connection<DuplexStream>) {
    let (client, server) = duplex(1 << 22);
    (client, Connection::new(server, Clock::start(), Limits::default()))
}

async fn read(bytes: &[u8]) -> Result<RawRequest, Stop> {
    let (mut client, mut server) = connection();
    client.write_all(bytes).await.unwrap();
    server.read().await
}

async fn status_of(bytes: &[u8]) -> u16 {
    match read(bytes).await {
        Err(Stop::Refused(refusal)) => refusal.status,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn keeps_order_and_spelling_of_headers() {
    let request = read(
        b"POST /x?y=1 HTTP/1.1\r\nHost: a\r\nX-ODD-case: 1\r\nContent-Length: 2\r\nx-odd-CASE: 2\r\n\r\nhi",
    )
    .await
    .unwrap();
    let names: Vec<_> = request.headers.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["Host", "X-ODD-case", "Content-Length", "x-odd-CASE"]);
    assert_eq!((request.path(), request.body.as_slice(), request.keep_alive), ("/x", b"hi".as_slice(), true));
    assert_eq!(request.header("x-odd-case"), Some("1"));
}

#[tokio::test]
async fn chunked_with_extension_and_trailers() {
    let (mut client, mut server) = connection();
    let first = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n5\r\npedia\r\n0\r\nTrailer: t\r\n\r\n";
    client.write_all(first).await.unwrap();
    client.write_all(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(server.read().await.unwrap().body, b"wikipedia");
    assert_eq!(server.read().await.unwrap().target, "/next", "a pipelined request follows");
}

#[tokio::test]
async fn refuses_what_is_ambiguous_or_too_large() {
    assert_eq!(
        status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx").await,
        400
    );
    assert_eq!(
        status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx")
            .await,
        400
    );
    assert_eq!(status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n").await, 400);
    assert_eq!(
        status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n").await,
        413
    );
    assert_eq!(status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n").await, 413);
    assert_eq!(status_of(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n").await, 400);
    assert_eq!(
        status_of(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n").await,
        413
    );
    assert_eq!(
        status_of(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await,
        400
    );
    assert_eq!(status_of(b"\x16\x03\x01\x02\x00").await, 400);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(::http1::MAX_HEADERS + 1));
    assert_eq!(status_of(many.as_bytes()).await, 431);
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\na: {}", "b".repeat(MAX_HEAD + 10));
    assert_eq!(status_of(long.as_bytes()).await, 431);
}

#[tokio::test(start_paused = true)]
async fn slow_heads_and_bodies_get_408_and_idle_ones_nothing() {
    assert_eq!(status_of(b"POST / HTTP/1.1\r\nHost:").await, 408);
    assert_eq!(status_of(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await, 408);
    let (_client, mut server) = connection();
    assert!(matches!(server.read().await, Err(Stop::Closed)));
}

#[tokio::test]
async fn a_request_cut_short_is_refused_and_no_request_is_nothing() {
    for cut in ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", "POST / HTTP/1.1\r\nCont"] {
        let (mut client, mut server) = connection();
        client.write_all(cut.as_bytes()).await.unwrap();
        drop(client);
        let read = server.read().await;
        assert!(
            matches!(&read, Err(Stop::Refused(refusal)) if refusal.status == 400 && refusal.why.contains("in the middle")),
            "{read:?}"
        );
    }
    let (client, mut server) = connection();
    drop(client);
    assert!(matches!(server.read().await, Err(Stop::Closed)));
}

#[tokio::test]
async fn answers_written_are_read_back() {
    let (mut client, mut server) = connection();
    let answer = Response::json(503, &serde_json::json!({"a": 1})).with("Retry-After", "7");
    server.write(&answer, false).await.unwrap();
    let got = read_response(&mut Buffered::new(&mut client), 1024, LongBody::Refuse).await.unwrap();
    assert_eq!((got.status, got.body.as_slice()), (503, br#"{"a":1}"#.as_slice()));
    assert_eq!((got.header("retry-after"), got.header("connection")), (Some("7"), Some("close")));
}

#[tokio::test]
async fn reads_interim_chunked_and_unframed_answers() {
    async fn of(bytes: &[u8]) -> Result<Response, BodyError> {
        let (mut client, mut server) = duplex(1 << 16);
        server.write_all(bytes).await.unwrap();
        drop(server);
        read_response(&mut Buffered::new(&mut client), 100, LongBody::Refuse).await
    }
    let chunked = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(of(chunked).await.unwrap().body, b"ok");
    assert_eq!(of(b"HTTP/1.0 200 OK\r\n\r\nuntil the end").await.unwrap().body, b"until the end");
    assert!(matches!(
        of(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").await,
        Err(BodyError::Truncated)
    ));
    assert!(matches!(
        of(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n").await,
        Err(BodyError::Problem(::http1::Problem::BodyTooLong(100)))
    ));
    assert!(matches!(of(b"garbage\r\n\r\n").await, Err(BodyError::Problem(_))));
    assert!(matches!(of(b"").await, Err(BodyError::Truncated)));
}

#[tokio::test]
async fn expect_continue_is_honoured() {
    let (mut client, mut server) = connection();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    let serve = tokio::spawn(async move { server.read().await });
    let mut interim = [0u8; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"ok").await.unwrap();
    assert_eq!(serve.await.unwrap().unwrap().body, b"ok");
}

#[tokio::test(start_paused = true)]
async fn bodies_of_all_connections_share_a_budget() {
    // The first 16 KiB are free, the rest of each of these takes the one step that there is.
    let budget = Budget::new(64 * 1024);
    let request =
        [&b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"[..], &[b'x'; 60_000]].concat();
    let (mut one, server) = connection();
    let mut first = server.within(budget.clone());
    one.write_all(&request).await.unwrap();
    assert_eq!(first.read().await.unwrap().body.len(), 60_000);
    let (mut two, server) = connection();
    let mut second = server.within(budget.clone());
    two.write_all(&request).await.unwrap();
    assert!(
        matches!(second.read().await, Err(Stop::Refused(refusal)) if refusal.status == 408),
        "it had to wait"
    );
    // Small ones need nothing of it.
    let (mut small, server) = connection();
    small.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
    assert_eq!(server.within(budget.clone()).read().await.unwrap().body, b"hi");
    // The first has been answered, and its connection reads on.
    one.write_all(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    first.read().await.unwrap();
    let (mut three, server) = connection();
    three.write_all(&request).await.unwrap();
    assert_eq!(server.within(budget).read().await.unwrap().body.len(), 60_000);
}
