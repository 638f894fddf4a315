//! Message bodies: how long they are (RFC 9112 section 6.3), and reading them within a limit.

use super::Buffered;
use std::io;
use tokio::io::AsyncRead;

/// Longest chunk-size line and longest trailer section in bytes.
const MAX_CHUNK_HEAD: usize = 4096;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes.
    Sized(usize),
    /// Chunked transfer coding.
    Chunked,
    /// Until the connection ends (answers only).
    UntilClose,
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection ended first.
    #[error("the connection ended in the middle of a message")]
    Truncated,
    /// More than the limit.
    #[error("a body of more than {0} bytes")]
    TooLarge(usize),
    /// Not HTTP/1.1.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Finds the framing that the headers ask for; `None` when they give none.
pub(super) fn framing(headers: &[(String, String)]) -> Result<Option<Framing>, BodyError> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    match (lengths.next(), codings.next()) {
        (Some(_), Some(_)) => Err(BodyError::Malformed("both Content-Length and Transfer-Encoding")),
        (Some(_), _) if lengths.next().is_some() => Err(BodyError::Malformed("two Content-Length headers")),
        (Some(text), None) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Some(Framing::Sized(text.parse().unwrap_or(usize::MAX))))
        }
        (Some(_), None) => Err(BodyError::Malformed("a Content-Length that is no number")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") && codings.next().is_none() => {
            Ok(Some(Framing::Chunked))
        }
        (None, Some(_)) => Err(BodyError::Malformed("a Transfer-Encoding other than chunked")),
        (None, None) => Ok(None),
    }
}

fn values<'a>(headers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

/// Reads one body of at most `limit` bytes.
pub(super) async fn read<S: AsyncRead + Unpin>(
    from: &mut Buffered<S>,
    framing: Framing,
    limit: usize,
) -> Result<Vec<u8>, BodyError> {
    match framing {
        Framing::Sized(n) if n > limit => Err(BodyError::TooLarge(limit)),
        Framing::Sized(n) => {
            fill_to(from, n).await?;
            Ok(from.take(n))
        }
        Framing::Chunked => read_chunked(from, limit).await,
        Framing::UntilClose => {
            while from.pending().len() <= limit {
                if from.fill().await? == 0 {
                    return Ok(from.take(limit));
                }
            }
            Err(BodyError::TooLarge(limit))
        }
    }
}

async fn fill_to<S: AsyncRead + Unpin>(from: &mut Buffered<S>, n: usize) -> Result<(), BodyError> {
    while from.pending().len() < n {
        if from.fill().await? == 0 {
            return Err(BodyError::Truncated);
        }
    }
    Ok(())
}

async fn read_chunked<S: AsyncRead + Unpin>(
    from: &mut Buffered<S>,
    limit: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    loop {
        let size = chunk_size(from).await?;
        if size == 0 {
            skip_trailers(from).await?;
            return Ok(body);
        }
        if size > limit - body.len() {
            return Err(BodyError::TooLarge(limit));
        }
        fill_to(from, size + 2).await?;
        body.extend(from.take(size));
        if from.take(2) != b"\r\n" {
            return Err(BodyError::Malformed("a chunk that does not end with CRLF"));
        }
    }
}

/// Reads a chunk-size line.
async fn chunk_size<S: AsyncRead + Unpin>(from: &mut Buffered<S>) -> Result<usize, BodyError> {
    loop {
        match httparse::parse_chunk_size(from.pending()) {
            Ok(httparse::Status::Complete((used, size))) => {
                from.skip(used);
                return Ok(usize::try_from(size).unwrap_or(usize::MAX));
            }
            Ok(httparse::Status::Partial) if from.pending().len() < MAX_CHUNK_HEAD => {
                if from.fill().await? == 0 {
                    return Err(BodyError::Truncated);
                }
            }
            _ => return Err(BodyError::Malformed("a chunk size that is none")),
        }
    }
}

/// Reads and drops the trailer section up to its empty line.
async fn skip_trailers<S: AsyncRead + Unpin>(from: &mut Buffered<S>) -> Result<(), BodyError> {
    loop {
        let pending = from.pending();
        let end = if pending.starts_with(b"\r\n") {
            Some(2)
        } else {
            pending.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
        };
        if let Some(end) = end {
            from.skip(end);
            return Ok(());
        }
        if pending.len() > MAX_CHUNK_HEAD {
            return Err(BodyError::Malformed("a trailer section that is too long"));
        }
        if from.fill().await? == 0 {
            return Err(BodyError::Truncated);
        }
    }
}
