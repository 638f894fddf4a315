//! The files of a probe: the journal while it runs; artifact, page and JUnit from the journal.

use super::args::Args;
use crate::cli::evidence_files::{EvidenceFiles, FolderLock, Keep};
use crate::cli::run_args::ReportFormat;
use crate::cli::{Failure, out};
use crate::journal::Journal;
use ::evidence::report::{ProbeArtifact, probe_from_journal, probe_html, probe_junit};
use record::Header;
use std::path::PathBuf;

/// Where a probe's evidence goes.
pub(super) struct ProbeFiles {
    files: EvidenceFiles,
    _lock: FolderLock,
}

impl ProbeFiles {
    /// Makes the folder, and shows that it can be written.
    ///
    /// # Errors
    /// Usage: a report that there is not. Environment: the folder.
    pub(super) fn prepare(args: &Args) -> Result<Self, Failure> {
        if args.report.contains(&ReportFormat::Markdown) {
            return Err(Failure::usage("--report markdown: a probe has no memo; use html or junit"));
        }
        let files = EvidenceFiles::new(&args.artifacts, "probe");
        let lock = files.make_ready()?;
        Ok(Self { files, _lock: lock })
    }

    /// Makes way for a new probe and begins its journal.
    ///
    /// # Errors
    /// Environment: a file cannot be written.
    pub(super) fn open(&self, header: &Header) -> Result<Journal, Failure> {
        self.files.make_way(Keep::before(&header.environment)).map_err(Failure::environment)?;
        let path = self.files.journal();
        Journal::create(&path, header)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    }

    /// Writes everything from the journal.
    ///
    /// # Errors
    /// Environment: the journal cannot be read again, or a file cannot be written.
    pub(super) fn write(&self, args: &Args) -> Result<(ProbeArtifact, Vec<u8>), Failure> {
        let (artifact, bytes) = probe_from_journal(&self.journal()).map_err(Failure::environment)?;
        if args.report.contains(&ReportFormat::Html) {
            self.files.write("report.html", probe_html(&artifact).as_bytes())?;
        }
        if args.report.contains(&ReportFormat::Junit) {
            self.files.write("junit.xml", probe_junit(&artifact).as_bytes())?;
        }
        self.files.write("output.json", &bytes)?;
        Ok((artifact, bytes))
    }

    /// Says which files were written.
    pub(super) fn tell(&self, args: &Args) {
        out::chat(format!("artifact {}\njournal  {}", self.output().display(), self.journal().display()));
        for (format, name, file) in
            [(ReportFormat::Html, "page    ", "report.html"), (ReportFormat::Junit, "JUnit   ", "junit.xml")]
        {
            if args.report.contains(&format) {
                out::chat(format!("{name} {}", self.files.file(file).display()));
            }
        }
    }

    /// The artifact.
    pub(super) fn output(&self) -> PathBuf {
        self.files.output()
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.files.journal()
    }
}
