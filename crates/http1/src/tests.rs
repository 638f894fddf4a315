//! Messages good and bad, in pieces of every length.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { head: 64 * 1024, body: 16 * 1024 * 1024, overhead: 1024 * 1024 };

/// Status and whether the connection lives on.
type Kept = (u16, bool);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Malformed(Problem),
    Closed(Cut),
}

/// Reads a response in pieces of `piece`: what is kept, its content, and how many bytes were left over.
fn read(bytes: &[u8], piece: usize) -> Result<(Kept, Vec<u8>, usize), Bad> {
    let mut reader = ResponseReader::new(LIMITS);
    let (mut held, mut content): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for part in bytes.chunks(piece) {
        held.extend_from_slice(part);
        let keep = |head: &ResponseHead<'_>| (head.status, head.keep_alive);
        let used =
            reader.feed(&held, keep, |bytes| content.extend_from_slice(bytes)).map_err(Bad::Malformed)?;
        held.drain(..used);
    }
    match reader.whole() {
        Some(kept) => Ok((*kept, content, held.len())),
        None => reader.close(held.len()).map(|kept| (*kept, content, held.len())).map_err(Bad::Closed),
    }
}

fn all_pieces(text: &str) -> Result<(Kept, Vec<u8>, usize), Bad> {
    let whole = read(text.as_bytes(), text.len().max(1));
    for piece in 1..text.len() {
        assert_eq!(read(text.as_bytes(), piece), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn answers_are_read_however_they_are_cut() {
    for (text, status, keep_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", 200, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, true),
        (
            "HTTP/1.1 202 \r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
            202,
            true,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: y\r\n\r\n", 200, true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\nContent-Length:1\r\n\r\n.",
            201,
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx", 200, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, true),
    ] {
        let (kept, _, left) = all_pieces(text).unwrap();
        assert_eq!((kept, left), ((status, keep_alive), 0), "{text}");
    }
}

#[test]
fn bytes_behind_an_answer_are_left() {
    let (_, content, left) =
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500", 200).unwrap();
    assert_eq!((content.as_slice(), left), (b"ok".as_slice(), 12));
}

#[test]
fn what_is_torn_is_closed_and_what_is_wrong_is_malformed() {
    for (text, cut) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Cut::Body),
        ("HTTP/1.1 200 OK\r\nContent-Len", Cut::Head),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Cut::Body),
        ("", Cut::Nothing),
    ] {
        assert_eq!(all_pieces(text), Err(Bad::Closed(cut)), "{text}");
    }
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ] {
        assert!(matches!(all_pieces(text), Err(Bad::Malformed(_))), "{text}");
    }
}

/// The length of a head, and what it says.
type Length = (usize, (Framing, bool));

/// RFC 9112 section 3.2.
#[test]
fn a_request_says_which_host_it_is_for_once() {
    for (hosts, is_read) in
        [("", false), ("Host: a\r\n", true), ("Host:\r\n", true), ("Host: a\r\nhost: a\r\n", false)]
    {
        let text = format!("POST / HTTP/1.1\r\n{hosts}Content-Length: 0\r\n\r\n");
        assert_eq!(head_of(text.as_bytes()).is_ok(), is_read, "{hosts:?}");
    }
    assert!(head_of(b"POST / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 knows no Host");
}

/// The framing of a request head, whether it keeps the connection, and how long it is.
fn head_of(bytes: &[u8]) -> Result<Option<Length>, Problem> {
    request(bytes, &LIMITS, |head| (head.framing, head.keep_alive))
}

#[test]
fn requests_that_all_readers_understand_alike_are_read() {
    for (more, framing, keep_alive) in [
        ("", Framing::Length(0), true),
        ("Content-Length: 12\r\n", Framing::Length(12), true),
        ("content-length:\t 12 \t\r\n", Framing::Length(12), true),
        ("Transfer-Encoding: Chunked\r\n", Framing::Chunked, true),
        ("Connection: TE, close\r\nX-Text: \u{fc}\tb\r\n", Framing::Length(0), false),
        ("Content-Length: 99999999999999999999999\r\n", Framing::Length(u64::MAX), true),
    ] {
        let text = format!("POST /a?b=c HTTP/1.1\r\nHost: x\r\n{more}\r\n");
        assert_eq!(head_of(text.as_bytes()), Ok(Some((text.len(), (framing, keep_alive)))), "{more}");
        for end in 1..text.len() {
            assert_eq!(head_of(&text.as_bytes()[..end]), Ok(None), "{more} cut at {end}");
        }
    }
    let old = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(head_of(old), Ok(Some((old.len(), (Framing::Length(0), true)))));
}

#[test]
fn requests_that_two_readers_may_understand_differently_are_refused() {
    for text in [
        "POST / HTTP/1.1\r\nX: y\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\nContent-Length: 5\n\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\n",
        "\nPOST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nX: y\rContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n 5\r\n\r\n",
        "POST / HTTP/1.1\r\nX: y\r\n\tz\r\n\r\n",
        "POST / HTTP/1.1\r\n X: y\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5_0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: \u{a0}5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: \u{2003}5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: \u{ff15}\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: \u{85}chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent_Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer_Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nX\u{0}: y\r\n\r\n",
        "POST / HTTP/1.1\r\nX: \u{0}\r\n\r\n",
        "POST  / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1 \r\n\r\n",
        "POST /\u{e4} HTTP/1.1\r\n\r\n",
        "POST / HTTP/2.0\r\n\r\n",
        "POST /\r\n\r\n",
    ] {
        // What is wrong is not that it has no Host.
        let text =
            text.strip_suffix("\r\n\r\n").map_or(text.to_owned(), |t| format!("{t}\r\nHost: a\r\n\r\n"));
        assert!(
            matches!(head_of(text.as_bytes()), Err(Problem::Malformed(_) | Problem::NotHttp(_))),
            "{text:?}"
        );
    }
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    let long = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(LIMITS.head));
    for text in [many, long] {
        assert_eq!(head_of(text.as_bytes()), Err(Problem::HeadTooLong(LIMITS.head)));
    }
}

/// The content of a chunked body, and how many bytes were left over.
fn chunked(bytes: &[u8], limits: Limits) -> Result<Option<(Vec<u8>, usize)>, Problem> {
    let mut body = Body::new(Framing::Chunked, limits)?;
    let mut content = Vec::new();
    let used = body.feed(bytes, |piece| content.extend_from_slice(piece))?;
    Ok(body.is_done().then(|| (content, bytes.len() - used)))
}

#[test]
fn chunks_are_taken_out_of_their_coding_and_nothing_else_is() {
    let whole = |text: &str| chunked(text.as_bytes(), LIMITS);
    let wiki = || Ok(Some((b"wiki".to_vec(), 0)));
    assert_eq!(whole("4\r\nwiki\r\n0\r\n\r\n"), wiki());
    assert_eq!(whole("0004 ;x=\"y\"\r\nwiki\r\n0\r\nA: b\r\n\r\n"), wiki());
    assert_eq!(whole("4\r\nwiki\r\n0\r\n\r\nGET"), Ok(Some((b"wiki".to_vec(), 3))));
    for text in [
        "4\nwiki\r\n0\r\n\r\n",
        "4;\nwiki\r\n0\r\n\r\n",
        "4;a\rb\r\nwiki",
        "4 \r\nwiki",
        " 4\r\nwiki",
        "+4\r\nwiki",
        "0x4\r\nwiki",
        "\r\nwiki",
        ";a\r\n",
        "4\r\nwikix\r\n",
        "4\r\nwiki\n",
        "0\r\nA: b\n\r\n",
    ] {
        assert!(matches!(whole(text), Err(Problem::Malformed(_))), "{text:?}");
    }
    let small = Limits { body: 5, ..LIMITS };
    assert_eq!(chunked(b"4\r\nwiki\r\n2\r\n", small), Err(Problem::BodyTooLong(5)));
    assert_eq!(chunked(b"ffffffffffffffffffff\r\n", small), Err(Problem::BodyTooLong(5)));
    assert_eq!(whole(&"4".repeat(5000)), Err(Problem::Overhead));
}

#[test]
fn endless_answers_end() {
    let endless = |head: &str, more: &[u8]| {
        let mut reader = ResponseReader::new(LIMITS);
        let mut held = head.as_bytes().to_vec();
        for _ in 0..40_000_000 {
            match reader.feed(&held, |_| (), |_| {}) {
                Ok(used) => drop(held.drain(..used)),
                Err(problem) => return problem,
            }
            held.extend_from_slice(more);
        }
        panic!("never ended");
    };
    let big = vec![b'x'; 100_000];
    assert_eq!(endless("HTTP/1.1 200 OK\r\n", &big), Problem::HeadTooLong(LIMITS.head));
    assert_eq!(endless("HTTP/1.1 200 OK\r\n\r\n", &big), Problem::BodyTooLong(LIMITS.body));
    assert_eq!(endless("", b"HTTP/1.1 100 Continue\r\n\r\n"), Problem::Overhead);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(endless(chunked, b"1;aaaaaaaaaaaaaaaaaaaa\r\nx\r\n"), Problem::Overhead);
    assert_eq!(endless(&format!("{chunked}0\r\n"), b"a: b\r\n"), Problem::Overhead);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_cuts_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
        let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        text.extend_from_slice(&bytes);
        prop_assert_eq!(read(&text, piece).ok(), read(&text, text.len()).ok());
        let _ = read(&bytes, piece);
        let _ = head_of(&bytes);
    }

    /// Whatever a head is made of: when it is taken, every line of it ends with CRLF and its framing is said once.
    #[test]
    fn what_is_taken_is_said_once(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "Content-Length: 5", "content-length:5", "Transfer-Encoding: chunked", "X: y", "\r\n", "\n", "\r", " ", "\t",
            "Connection: close", ":", "\u{a0}", "Content-Length: 7",
        ]), 0..12),
    ) {
        let text = format!("POST / HTTP/1.1\r\n{}\r\n\r\n", pieces.concat());
        if let Ok(Some((used, _))) = head_of(text.as_bytes()) {
            let head = &text[..used];
            prop_assert_eq!(head.matches('\n').count(), head.matches("\r\n").count());
            let said = head.to_lowercase();
            let framing = said.lines().filter(|l| l.starts_with("content-length") || l.starts_with("transfer-encoding"));
            prop_assert!(framing.count() <= 1, "{:?}", head);
        }
    }
}
