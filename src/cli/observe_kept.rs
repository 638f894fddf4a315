//! The evidence of an earlier window, kept when another one begins in the same place: a canary stage takes a day to watch.

use super::Failure;
use evidence::report::EMBEDDED;
use record::Reader;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What the files of a window have in common.
const NAME: &str = "staging_observation";
/// Its files.
const FILES: [&str; 3] = ["output.json", "memo.md", "journal.jsonl"];

/// Gives the files of a window about a staging system the time of its beginning in their names; `smoke gate` reads them under
/// those as well. Gives the new place of the artifact, when there was such a window.
///
/// # Errors
/// Environment: they cannot be renamed.
pub(super) fn keep_earlier(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    let of = |name: &str, file: &str| dir.join(format!("{name}_{file}"));
    let Ok((header, _)) = Reader::open(&of(NAME, "journal.jsonl")) else { return Ok(None) };
    if header.stand_in || header.environment == EMBEDDED {
        return Ok(None);
    }
    let kept = format!("{NAME}_{}", header.started.format("%Y%m%dT%H%M%SZ"));
    for file in FILES {
        let from = of(NAME, file);
        match std::fs::rename(&from, of(&kept, file)) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Failure::environment(format!("cannot move {} routes: {e}", from.display())));
            }
            _ => {}
        }
    }
    Ok(Some(of(&kept, "output.json")))
}
