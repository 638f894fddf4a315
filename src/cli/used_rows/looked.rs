//! What tells a data file from others: it is read piece by piece, as it may be large.

use super::Memory;
use scenario::MAX_DATA;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// A data file that was looked at, for somebody who may know it.
pub(super) struct Looked {
    /// Of the whole file.
    pub sha256: String,
    pub bytes: usize,
    /// Of as many bytes as were known of it, where more rows follow behind them.
    pub known: Option<String>,
}

impl Looked {
    pub(super) fn at(path: &Path, memory: Option<&Memory>) -> io::Result<Self> {
        let split = memory.and_then(|memory| memory.data_bytes);
        // What a larger one says is told when its rows are read.
        let mut file = File::open(path)?.take(MAX_DATA + 1);
        let (mut whole, mut known, mut bytes, mut last) = (Sha256::new(), None, 0, 0);
        let mut block = vec![0; BLOCK];
        loop {
            // A block ends where the known part does.
            let most = split.and_then(|split| split.checked_sub(bytes)).filter(|left| *left > 0);
            let room = block.get_mut(..most.map_or(BLOCK, |left| left.min(BLOCK))).unwrap_or_default();
            let read = match file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some((first, _)) = room.get(..read).and_then(<[u8]>::split_first) else { break };
            if Some(bytes) == split && (last == b'\n' || matches!(first, b'\r' | b'\n')) {
                known = Some(hex::encode(whole.clone().finalize()));
            }
            whole.update(room.get(..read).unwrap_or_default());
            last = room.get(read - 1).copied().unwrap_or(last);
            bytes += read;
        }
        if bytes as u64 > MAX_DATA {
            return Err(io::Error::other("larger than a data file can be"));
        }
        Ok(Self { sha256: hex::encode(whole.finalize()), bytes, known })
    }
}
