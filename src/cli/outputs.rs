//! The reports beside an artifact: HTML, JUnit XML, Markdown.

use super::evidence_files::EvidenceFiles;
use super::run_args::ReportFormat;
use super::{Failure, out};
use evidence::report::{Artifact, Evidence, html, junit, memo, write_whole};
use std::path::{Path, PathBuf};

/// Where each report goes; a report without a place is not written.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub html: Option<PathBuf>,
    pub junit: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
}

impl Outputs {
    /// The formats that were asked for, under their usual names beside the artifact.
    pub(super) fn beside(files: &EvidenceFiles, formats: &[ReportFormat]) -> Self {
        let of = |format, end| formats.contains(&format).then(|| files.file(end));
        Self {
            html: of(ReportFormat::Html, "report.html"),
            junit: of(ReportFormat::Junit, "junit.xml"),
            markdown: of(ReportFormat::Markdown, "memo.md"),
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// Environment: a file cannot be written.
    pub(super) fn write(&self, evidence: &Evidence, artifact: &Artifact) -> Result<(), Failure> {
        if let Some(file) = &self.html {
            write(file, html(evidence, artifact).as_bytes())?;
        }
        if let Some(file) = &self.junit {
            write(file, junit(evidence, artifact).as_bytes())?;
        }
        if let Some(file) = &self.markdown {
            write(file, memo(artifact).as_bytes())?;
        }
        Ok(())
    }

    /// Says where each of them is, unless that is too much.
    pub(super) fn tell(&self) {
        for (name, file) in
            [("page    ", &self.html), ("JUnit   ", &self.junit), ("memo    ", &self.markdown)]
        {
            if let Some(file) = file {
                out::chat(format!("{name} {}", file.display()));
            }
        }
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(file, bytes)
        .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))
}
