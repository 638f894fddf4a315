//! Where the gates of a run come from.

use super::{Failure, out};
use crate::executor::GatesRef;
use evidence::gate::{Confidence, Gates, GatesError};
use record::{read_settings_text, text_sha256_hex};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// The gates that are built into the binary: `scenarios/gates.yaml`.
const BUILT_IN: &str = include_str!("../../scenarios/gates.yaml");
/// Where a checkout has them.
const USUAL: &str = "scenarios/gates.yaml";
/// Largest gates file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The same file may be read for several parts of a command; what is odd in it is told once.
static TOLD: Once = Once::new();

/// Gates and where they came from.
#[derive(Debug)]
pub(super) struct GatesFile {
    pub gates: Gates,
    name: String,
    sha256: String,
}

impl GatesFile {
    /// Reads `file`; without it `scenarios/gates.yaml`, or the built-in copy where there is none.
    ///
    /// # Errors
    /// Usage: the file cannot be read, or is not a gates file.
    pub(super) fn read(file: Option<&Path>, confidence: Option<Confidence>) -> Result<Self, Failure> {
        let usual = Path::new(USUAL);
        let path: Option<PathBuf> =
            file.map(Path::to_path_buf).or_else(|| usual.is_file().then(|| usual.into()));
        let (name, text) = match path {
            Some(path) => {
                let name = path.display().to_string();
                let read = read_settings_text(&path, MAX_BYTES);
                (name.clone(), read.map_err(|e| Failure::usage(format!("gates {name}: {e}")))?)
            }
            None => ("built-in gates".to_owned(), BUILT_IN.to_owned()),
        };
        let mut gates = Gates::of_file(&text, &name).map_err(|e| match e {
            // Each line of it begins with the file.
            GatesError::Syntax(told) => Failure::usage(told),
            range => Failure::usage(format!("gates {name}: {range}")),
        })?;
        TOLD.call_once(|| warn_of_shares(&gates, &name));
        gates.confidence_percent = confidence.or(gates.confidence_percent);
        Ok(Self { gates, name, sha256: text_sha256_hex(text.as_bytes()) })
    }

    /// The file, or `built-in gates`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the file, hex.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// As the journal holds them.
    pub(super) fn reference(&self) -> GatesRef {
        GatesRef { value: serde_json::to_value(&self.gates).unwrap_or_default(), sha256: self.sha256.clone() }
    }
}

/// Warns of percentages that look like shares: 0.95 asks for nearly nothing.
fn warn_of_shares(gates: &Gates, name: &str) {
    for (key, share) in gates.probable_shares() {
        let percent = (share * 1e6).round() / 1e4;
        out::say(format!(
            "warning: gates {name}: {key}: {share} is a percentage, so it means {share} %; {percent} would be {percent} %"
        ));
    }
}
