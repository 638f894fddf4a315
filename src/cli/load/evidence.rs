//! The files of a load: the journal while it runs; artifact, histogram log, page and JUnit from the journals.

use crate::cli::evidence_files::{EvidenceFiles, FolderLock, Keep};
use crate::cli::format::Format;
use crate::cli::gates_file::GatesFile;
use crate::cli::run_args::{OutputArgs, ReportFormat};
use crate::cli::signing::{Signed, StatementSigner};
use crate::cli::{Exit, Failure, github, out};
use crate::journal::Journal;
use crate::load::{Finish, Shard};
use evidence::analysis::load::{Part, Series};
use evidence::gate::{Confidence, Verdict};
use evidence::report::{
    Hlog, LoadArtifact, Scope, Told, load_bytes, load_from_journal, load_from_parts, load_html, load_junit,
    load_text, open_part,
};
use record::{Header, RunKind};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Name of the journal of a load in its directory.
pub(in crate::cli) const JOURNAL: &str = "staging_load_journal.jsonl";

/// How its pages end.
const PAGE: &str = "report.html";
const JUNIT: &str = "junit.xml";

/// The files of one load or one merge.
#[derive(Debug)]
pub(in crate::cli) struct Evidence {
    files: EvidenceFiles,
    gates: GatesFile,
    /// Whether something else is on stdout, so that the summary goes to stderr.
    stdout_taken: bool,
    baseline: Option<Told>,
    _lock: FolderLock,
}

impl Evidence {
    /// Reads the gates and the artifact of an earlier load of this subject, makes the directory, and shows that it can be written.
    ///
    /// # Errors
    /// Usage: the gates. Environment: the directory.
    pub(in crate::cli) fn prepare(output: &OutputArgs, shard: Shard, subject: &str) -> Result<Self, Failure> {
        let gates = GatesFile::read(output.gates.as_deref(), output.confidence.as_ref().map(|_| Confidence))?;
        let dir = match shard.count() {
            1 => output.artifacts.clone(),
            count => output.artifacts.join(format!("shard-{}-of-{count}", shard.index())),
        };
        let files = EvidenceFiles::new(&dir, "load");
        let baseline = output.baseline(RunKind::Load, subject)?;
        let lock = files.make_ready()?;
        Ok(Self { files, gates, stdout_taken: false, baseline, _lock: lock })
    }

    /// Whether the summary has to leave stdout to something else.
    pub(super) const fn leave_stdout(&mut self, taken: bool) {
        self.stdout_taken = taken;
    }

    pub(in crate::cli) fn gates_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.gates.gates).unwrap_or_default()
    }

    pub(in crate::cli) fn gates_sha256(&self) -> &str {
        self.gates.sha256()
    }

    /// Where the journal is.
    pub(in crate::cli) fn journal(&self) -> PathBuf {
        self.files.journal()
    }

    /// Makes way for a load or a merge.
    ///
    /// # Errors
    /// When a file of an earlier one cannot be renamed or removed.
    pub(in crate::cli) fn make_way(&self, keep: Keep) -> io::Result<()> {
        self.files.make_way(keep)
    }

    /// Lays copies of the journals that are merged beside the artifact, so that `smoke gate` can put them together again:
    /// `staging_load_parts/N/SHARD/`, of which the names in order give their order. Those of an earlier merge go.
    ///
    /// # Errors
    /// Environment: a file cannot be copied.
    pub(in crate::cli) fn keep_parts(&self, journals: &[PathBuf]) -> Result<(), Failure> {
        let (all, new) = (self.files.file("parts"), self.files.file("parts.new"));
        let wrong = |e: io::Error| Failure::environment(format!("cannot write {}: {e}", all.display()));
        let gone = |dir: &Path| match std::fs::remove_dir_all(dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(wrong(e)),
            _ => Ok(()),
        };
        gone(&new)?;
        // The folder of a shard is its name in the artifact; `.` has none.
        let name = |journal: &Path| {
            let folder = journal.parent().and_then(Path::file_name);
            folder.or_else(|| journal.file_name()).unwrap_or_default().to_owned()
        };
        let shards: Vec<_> = journals.iter().map(|journal| name(journal)).collect();
        let runs = shards.chunk_by(|shard, next| shard < next);
        let mut journals = journals.iter();
        for (n, run) in runs.enumerate() {
            let place = new.join(format!("{n:05}"));
            std::fs::create_dir_all(&place).map_err(wrong)?;
            for (shard, journal) in run.iter().zip(journals.by_ref()) {
                let dir = place.join(shard);
                std::fs::create_dir(&dir).map_err(wrong)?;
                std::fs::copy(journal, dir.join(JOURNAL)).map_err(wrong)?;
            }
        }
        gone(&all)?;
        std::fs::rename(&new, &all).map_err(wrong)
    }

    /// Begins the journal.
    pub(in crate::cli) fn open(&self, header: &Header) -> Result<Journal, Failure> {
        let path = self.journal();
        Journal::create(&path, header)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    }

    /// Writes the files from the journal as it is, and says nothing: of a load that has not begun, which is unproven and what a
    /// killed process leaves, and of one that was ended early.
    ///
    /// # Errors
    /// Environment: a file cannot be written.
    pub(in crate::cli) fn write_out(&self, output: &OutputArgs) -> Result<(), Failure> {
        let part = open_part(&self.journal()).map_err(Failure::environment)?;
        self.files(output, vec![part], Scope::Part).map(drop)
    }

    /// Writes everything from the journal of a load that has ended, prints the summary and says the exit code.
    pub(in crate::cli) fn conclude(
        &self,
        output: &OutputArgs,
        finish: Finish,
        signer: Option<&StatementSigner>,
    ) -> Result<Exit, Failure> {
        let part = open_part(&self.journal()).map_err(Failure::usage)?;
        let exit = self.write(output, vec![part], Scope::Part)?;
        if let Some(signer) = signer {
            let (artifact, _, bytes) = load_from_journal(&self.journal()).map_err(Failure::environment)?;
            let (output, journal) = (&self.files.output(), &self.journal());
            let gates = &artifact.acceptance_gates;
            let (checks, verdict, journal_sha256) =
                (&*gates.checks, gates.verdict, artifact.journal_sha256());
            let signed = Signed { output, artifact: &bytes, journal, journal_sha256, checks, verdict };
            signer.sign(&signed)?;
        }
        Ok(if finish == Finish::Interrupted { Exit::Interrupted } else { exit })
    }

    /// Writes everything from these journals.
    pub(in crate::cli) fn write(
        &self,
        output: &OutputArgs,
        parts: Vec<Part>,
        scope: Scope,
    ) -> Result<Exit, Failure> {
        let (artifact, series, json) = self.files(output, parts, scope)?;
        match output.format {
            Format::Json => out::json(&json),
            Format::Human if self.stdout_taken => {
                out::say(load_text(&artifact, &series, out::screen(output.all)));
            }
            Format::Human => out::text(&load_text(&artifact, &series, out::screen(output.all))),
        }
        let gates = &artifact.acceptance_gates;
        let what = format!("Load of {}", artifact.load.subject);
        github::tell_checks(&what, gates.verdict, &artifact.recommendation, &gates.checks);
        self.tell(output, scope);
        let exit = match artifact.acceptance_gates.verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::Fail => Exit::Fail,
            Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
        };
        output.against(self.baseline.clone(), &self.files.output(), exit)
    }

    /// Says which files were written.
    fn tell(&self, output: &OutputArgs, scope: Scope) {
        let page = output.report.is_empty() || output.report.contains(&ReportFormat::Html);
        let junit = output.report.contains(&ReportFormat::Junit);
        let files = [
            Some(("artifact", self.files.output())),
            // A whole that was merged has the journals of its shards.
            (scope == Scope::Part).then(|| ("journal", self.journal())),
            Some(("latencies", self.files.dir().join("latency.hlog"))),
            page.then(|| ("page", self.files.file(PAGE))),
            junit.then(|| ("JUnit", self.files.file(JUNIT))),
        ];
        for (name, file) in files.into_iter().flatten() {
            out::chat(format!("{name:<9} {}", file.display()));
        }
    }

    /// Writes artifact, histogram log and pages.
    fn files(
        &self,
        output: &OutputArgs,
        parts: Vec<Part>,
        scope: Scope,
    ) -> Result<(LoadArtifact, Series, Vec<u8>), Failure> {
        let (artifact, series) = self.merged(parts, scope)?;
        let json = load_bytes(&artifact);
        if output.report.is_empty() || output.report.contains(&ReportFormat::Html) {
            self.files.write(PAGE, load_html(&artifact, &series).as_bytes())?;
        }
        if output.report.contains(&ReportFormat::Junit) {
            self.files.write(JUNIT, load_junit(&artifact).as_bytes())?;
        }
        // Last: whoever sees it finds no page of an earlier load beside it.
        self.files.write("output.json", &json)?;
        Ok((artifact, series, json))
    }

    /// Reads the journals second by second, writing the histogram log on the way.
    fn merged(&self, parts: Vec<Part>, scope: Scope) -> Result<(LoadArtifact, Series), Failure> {
        let path = self.files.dir().join("latency.hlog");
        let temporary = self.files.dir().join(format!(".latency.hlog.{}", std::process::id()));
        let wrong = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", path.display()));
        let started = parts.iter().map(|p| p.plan.started).min().unwrap_or_default();
        let about = parts.first().map_or_else(String::new, |p| format!("smoke load {}", p.plan.subject));
        let file = BufWriter::new(File::create(&temporary).map_err(wrong)?);
        let mut log = Hlog::new(file, started, &about).map_err(wrong)?;
        let mut failed = None;
        let built = load_from_parts(parts, &self.gates.gates, scope, |second| {
            if failed.is_none() {
                failed = log.add(second).err();
            }
        });
        let written = failed.map_or(Ok(()), Err).and_then(|()| log.finish()).map(drop);
        if built.is_err() || written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        let built = built.map_err(Failure::usage)?;
        written.map_err(wrong)?;
        std::fs::rename(&temporary, &path).map_err(wrong)?;
        Ok(built)
    }
}
