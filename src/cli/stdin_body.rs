//! The raw body of one webhook from stdin, for `smoke sign` and `smoke verify`.

use super::Failure;
use std::io::{self, Read};

/// The largest body that is read, in bytes; the inbox refuses larger ones too.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads stdin to its end, byte for byte.
///
/// # Errors
/// Usage when it is larger than 1 MiB; environment when it cannot be read.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_BYTES + 1)
        .read_to_end(&mut body)
        .map_err(|e| Failure::environment(format!("cannot read the body from stdin: {e}")))?;
    if body.len() as u64 > MAX_BYTES {
        return Err(Failure::usage("the body on stdin exceeds 1 MiB, the most smoke's receivers take"));
    }
    Ok(body)
}
