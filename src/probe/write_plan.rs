//! A request as the bytes of the wire, and the pauses between them.

use crate::load::Target;
use probe::{Content, Framing, Manner, Shot};
use std::time::Duration;

/// Bytes that are written at once of a body that need not be held whole.
const PIECE: usize = 64 * 1024;
/// How long a receiver has to answer before the end of a body comes that it need not wait for.
const HOLD: Duration = Duration::from_secs(3);
/// How long `100 Continue` is waited for (RFC 9110 section 10.1.1 leaves it to the client).
const CONTINUE: Duration = Duration::from_secs(1);
/// Between two pieces of a slow request.
const SLOW: Duration = Duration::from_millis(100);
/// What filler begins with.
const MARK: &[u8] = b"smoke_probe filler ";

/// What is waited for before bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// So much time.
    Time(Duration),
    /// An interim answer, or so much time.
    Continue(Duration),
    /// An answer, which makes the rest needless, or so much time.
    Answer(Duration),
    /// The other requests of the case.
    Others,
}

/// Bytes, and what is waited for before them.
#[derive(Debug)]
pub(super) struct Piece {
    pub before: Before,
    pub bytes: Vec<u8>,
}

/// The request line and headers of a request.
pub(super) fn head(target: &Target, shot: &Shot) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", shot.method, target.path(), target.authority())
        .into_bytes();
    for (name, value) in &shot.headers {
        head.extend(name.as_bytes());
        head.extend(b": ");
        head.extend(value);
        head.extend(b"\r\n");
    }
    match shot.framing {
        Framing::Length => head.extend(format!("Content-Length: {}\r\n", shot.body.len()).into_bytes()),
        Framing::Chunked(_) => head.extend(b"Transfer-Encoding: chunked\r\n"),
        Framing::None => {}
    }
    head.extend(b"Connection: close\r\n\r\n");
    head
}

/// The whole request, in the pieces in which it is sent.
pub(super) fn pieces(target: &Target, shot: &Shot) -> Vec<Piece> {
    let head = head(target, shot);
    let plain = |bytes| Piece { before: Before::Nothing, bytes };
    let body = body(shot);
    let mut all = vec![plain(head)];
    match shot.manner {
        Manner::Whole | Manner::Abandon => {
            // One write: a request in two packets is another thing to test.
            let mut bytes = all.pop().map(|piece| piece.bytes).unwrap_or_default();
            body.into_iter().for_each(|piece| bytes.extend(piece));
            all.push(plain(bytes));
        }
        Manner::Expect => {
            let bytes = body.concat();
            all.push(Piece { before: Before::Continue(CONTINUE), bytes });
        }
        Manner::HoldEnd => {
            let last = body.len().saturating_sub(1);
            let before = |i| if i == last { Before::Answer(HOLD) } else { Before::Nothing };
            all.extend(body.into_iter().enumerate().map(|(i, bytes)| Piece { before: before(i), bytes }));
        }
        Manner::Trickle => {
            all = trickle(all.pop().map(|piece| piece.bytes).unwrap_or_default(), &body.concat());
        }
        Manner::Barrier => {
            let mut bytes = all.pop().map(|piece| piece.bytes).unwrap_or_default();
            bytes.extend(body.concat());
            let last = bytes.split_off(bytes.len().saturating_sub(1));
            all.push(plain(bytes));
            all.push(Piece { before: Before::Others, bytes: last });
        }
    }
    all
}

/// The head in two pieces, the body in three, the last byte when the others are done.
fn trickle(mut head: Vec<u8>, body: &[u8]) -> Vec<Piece> {
    let rest = head.split_off(head.len() / 2);
    let (body, last) = body.split_at_checked(body.len().saturating_sub(1)).unwrap_or_default();
    let (one, two) = body.split_at_checked(body.len() / 2).unwrap_or_default();
    let slow = |bytes: &[u8]| Piece { before: Before::Time(SLOW), bytes: bytes.to_vec() };
    let end = Piece { before: Before::Others, bytes: last.to_vec() };
    vec![Piece { before: Before::Nothing, bytes: head }, slow(&rest), slow(one), slow(two), end]
}

/// The body in its framing; the last piece is what its end is known by.
fn body(shot: &Shot) -> Vec<Vec<u8>> {
    let pieces = match &shot.body {
        Content::Bytes(bytes) => vec![bytes.clone()],
        Content::Filler(n) => filler(*n),
    };
    match shot.framing {
        Framing::None => Vec::new(),
        Framing::Length => pieces,
        Framing::Chunked(size) => {
            let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
            let coded = |piece: &Vec<u8>| -> Vec<u8> { piece.chunks(size.max(1)).flat_map(chunk).collect() };
            pieces.iter().map(coded).chain([b"0\r\n\r\n".to_vec()]).collect()
        }
    }
}

fn filler(n: u64) -> Vec<Vec<u8>> {
    let mut left = usize::try_from(n).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    while left > 0 {
        let mut piece = vec![b'.'; left.min(PIECE)];
        if pieces.is_empty() {
            piece.iter_mut().zip(MARK).for_each(|(to, from)| *to = *from);
        }
        left -= piece.len();
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Case, Forge};
    use signature::{Scheme, Secret};

    #[test]
    fn every_request_is_whole_in_its_pieces() {
        let target = Target::parse("http://127.0.0.1:9/hooks?a=1").unwrap();
        let forge = Forge::new(Scheme::default(), &Secret::new("secret"), "paid", None, "canary").unwrap();
        for case in Case::all() {
            for shot in case.shots(&forge, 1_764_115_200_000, 0).unwrap_or_default() {
                let bytes =
                    pieces(&target, &shot).into_iter().flat_map(|piece| piece.bytes).collect::<Vec<_>>();
                let head = head(&target, &shot);
                assert!(bytes.starts_with(&head), "{}", case.id);
                assert!(head.starts_with(format!("{} /hooks?a=1 HTTP/1.1\r\n", shot.method).as_bytes()));
                if shot.framing == Framing::Length {
                    assert_eq!((bytes.len() - head.len()) as u64, shot.body.len(), "{}", case.id);
                }
                if matches!(shot.framing, Framing::Chunked(_)) {
                    assert!(bytes.ends_with(b"0\r\n\r\n"), "{}", case.id);
                }
            }
        }
    }
}
