//! The files of a run.

use super::Failure;
use evidence::report::{EMBEDDED, write_whole};
use std::path::{Path, PathBuf};

/// Where a run writes its evidence.
#[derive(Debug)]
pub(super) struct Artifacts {
    dir: PathBuf,
    name: String,
    output: PathBuf,
    journal: PathBuf,
}

impl Artifacts {
    /// The files of scenario `name` in `dir`.
    pub(super) fn new(dir: &Path, name: &str) -> Self {
        Self {
            dir: dir.to_path_buf(),
            name: format!("staging_{name}"),
            output: dir.join(format!("staging_{name}_output.json")),
            journal: dir.join(format!("staging_{name}_journal.jsonl")),
        }
    }

    /// Makes the directory and shows that it can be written, before anything is driven.
    ///
    /// # Errors
    /// Environment: it cannot.
    pub(super) fn make_ready(&self) -> Result<(), Failure> {
        let wrong =
            |e| Failure::environment(format!("--artifacts {}: cannot be written: {e}", self.dir.display()));
        std::fs::create_dir_all(&self.dir).map_err(wrong)?;
        let probe = self.dir.join(format!(".smoke-{}", std::process::id()));
        std::fs::write(&probe, b"").map_err(wrong)?;
        std::fs::remove_file(&probe).map_err(wrong)
    }

    /// Moves artifact and journal of an earlier run routes when they are about another environment than the stand-in's:
    /// trying something out must not cost the evidence. Gives the artifact's new place.
    ///
    /// # Errors
    /// Environment: they cannot be moved.
    pub(super) fn keep_evidence_about_others(&self) -> Result<Option<PathBuf>, Failure> {
        let about_stand_in = |text: String| {
            let artifact: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            artifact.pointer("/test_run/environment").is_none_or(|e| e == EMBEDDED)
        };
        if std::fs::read_to_string(&self.output).map_or(true, about_stand_in) {
            return Ok(None);
        }
        for file in [&self.output, &self.journal] {
            let wrong = |e| Failure::environment(format!("cannot move {} routes: {e}", file.display()));
            match std::fs::rename(file, routes(file)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(wrong(e)),
                _ => {}
            }
        }
        Ok(Some(routes(&self.output)))
    }

    /// Writes the artifact whole.
    ///
    /// # Errors
    /// Environment: it cannot be written.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let wrong = |e| Failure::environment(format!("cannot write {}: {e}", self.output.display()));
        write_whole(&self.output, bytes).map_err(wrong)
    }

    /// The file of this run that ends in `end`.
    pub(super) fn file(&self, end: &str) -> PathBuf {
        self.dir.join(format!("{}_{end}", self.name))
    }

    /// What the run's files have in common.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The artifact.
    pub(super) fn output(&self) -> &Path {
        &self.output
    }

    /// The journal.
    pub(super) fn journal(&self) -> &Path {
        &self.journal
    }
}

/// `kept_` before the file's name.
fn routes(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("kept_{name}"))
}
