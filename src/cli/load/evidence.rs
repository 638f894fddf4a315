//! The files of a load: the journal while it runs; artifact, histogram log, page and JUnit from the journals.

use crate::analysis::load::{Merged, Part, Series, merge};
use crate::cli::gates_file::GatesFile;
use crate::cli::run_args::Format;
use crate::cli::{Exit, Failure, out};
use crate::gate::{Confidence, Verdict, judge_load};
use crate::journal::{Header, Journal, Reader};
use crate::load::{Finish, Shard};
use crate::report::{
    EndToEnd, Evidence as FlowEvidence, Hlog, LoadArtifact, load_artifact, load_html, load_junit, load_text,
    write_whole,
};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

/// Name of the journal of a load in its directory.
pub(in crate::cli) const JOURNAL: &str = "staging_load_journal.jsonl";

/// Further files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Extra {
    /// A page.
    Html,
    /// JUnit XML.
    Junit,
}

/// What the journals must amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Scope {
    /// All shards of the load.
    Whole,
    /// What is there.
    Part,
}

/// Where evidence goes, and by what it is judged; the same flags for `load` and `merge`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Outputs {
    /// Directory for the evidence; a shard makes a directory of its own in it
    #[arg(long, value_name = "DIR", default_value = "artifacts")]
    pub artifacts: PathBuf,
    /// Gates file [default: scenarios/gates.yaml, else the built-in gates]
    #[arg(long, value_name = "FILE")]
    pub gates: Option<PathBuf>,
    /// Ask for claims that hold at this confidence; a figure that meets its target by luck is then unproven
    #[arg(long, value_name = "PERCENT", value_parser = ["95"])]
    pub confidence: Option<String>,
    /// Further files
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "html")]
    pub report: Vec<Extra>,
    /// What is printed at the end
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Print no progress and no summary
    #[arg(long, short)]
    pub quiet: bool,
}

/// The files of one load or one merge.
#[derive(Debug)]
pub(in crate::cli) struct Evidence {
    dir: PathBuf,
    gates: GatesFile,
}

impl Evidence {
    /// Reads the gates, makes the directory, and shows that it can be written.
    ///
    /// # Errors
    /// Usage: the gates. Environment: the directory.
    pub(in crate::cli) fn prepare(outputs: &Outputs, shard: Shard) -> Result<Self, Failure> {
        let gates =
            GatesFile::read(outputs.gates.as_deref(), outputs.confidence.as_ref().map(|_| Confidence))?;
        let dir = match shard.count() {
            1 => outputs.artifacts.clone(),
            count => outputs.artifacts.join(format!("shard-{}-of-{count}", shard.index())),
        };
        let wrong =
            |e| Failure::environment(format!("--artifacts {}: cannot be written: {e}", dir.display()));
        std::fs::create_dir_all(&dir).map_err(wrong)?;
        let probe = dir.join(format!(".smoke-{}", std::process::id()));
        std::fs::write(&probe, b"").map_err(wrong)?;
        std::fs::remove_file(&probe).map_err(wrong)?;
        Ok(Self { dir, gates })
    }

    pub(in crate::cli) fn gates_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.gates.gates).unwrap_or_default()
    }

    pub(in crate::cli) fn gates_sha256(&self) -> &str {
        self.gates.sha256()
    }

    /// Where the journal is.
    pub(in crate::cli) fn journal(&self) -> PathBuf {
        self.dir.join(JOURNAL)
    }

    /// Begins the journal.
    pub(in crate::cli) fn open(&self, header: &Header) -> Result<Journal, Failure> {
        let path = self.journal();
        Journal::create(&path, header)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    }

    /// Writes everything from the journal of a load that has ended, prints the summary and says the exit code.
    pub(in crate::cli) fn conclude(&self, outputs: &Outputs, finish: Finish) -> Result<Exit, Failure> {
        let part = open_part(&self.journal())?;
        let exit = self.write(outputs, vec![part], Scope::Part)?;
        Ok(if finish == Finish::Interrupted { Exit::Interrupted } else { exit })
    }

    /// Writes everything from these journals.
    pub(in crate::cli) fn write(
        &self,
        outputs: &Outputs,
        parts: Vec<Part<BufReader<File>>>,
        scope: Scope,
    ) -> Result<Exit, Failure> {
        let (artifact, series) = self.merged(parts, scope)?;
        let json = serde_json::to_string_pretty(&artifact)
            .map_err(|e| Failure::environment(format!("cannot write the artifact: {e}")))?;
        self.file("staging_load_output.json", format!("{json}\n").as_bytes())?;
        if outputs.report.contains(&Extra::Html) {
            self.file("staging_load_report.html", load_html(&artifact, &series).as_bytes())?;
        }
        if outputs.report.contains(&Extra::Junit) {
            let xml = load_junit(&artifact)
                .map_err(|e| Failure::environment(format!("cannot write JUnit: {e}")))?;
            self.file("staging_load_junit.xml", xml.as_bytes())?;
        }
        match outputs.format {
            Format::Json => out::line(&json),
            Format::Human if outputs.quiet => {}
            Format::Human => out::line(load_text(&artifact)),
        }
        Ok(match artifact.acceptance_gates.verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::Fail => Exit::Fail,
            Verdict::Unproven | Verdict::NotExercised => Exit::Unproven,
        })
    }

    /// Reads the journals second by second, writing the histogram log on the way.
    fn merged(
        &self,
        parts: Vec<Part<BufReader<File>>>,
        scope: Scope,
    ) -> Result<(LoadArtifact, Series), Failure> {
        let path = self.dir.join("latency.hlog");
        let temporary = self.dir.join(format!(".latency.hlog.{}", std::process::id()));
        let wrong = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", path.display()));
        let started = parts.iter().map(|p| p.plan.started).min().unwrap_or_default();
        let about = parts.first().map_or_else(String::new, |p| format!("smoke load {}", p.plan.subject));
        let file = BufWriter::new(File::create(&temporary).map_err(wrong)?);
        let mut log = Hlog::new(file, started, &about).map_err(wrong)?;
        let mut failed = None;
        let merged = merge(parts, |second| {
            if failed.is_none() {
                failed = log.add(second).err();
            }
        });
        let written = failed.map_or(Ok(()), Err).and_then(|()| log.finish()).map(drop);
        let Merged { header, mut summary } = match (merged, written) {
            (Ok(merged), Ok(())) => merged,
            (merged, written) => {
                let _ = std::fs::remove_file(&temporary);
                merged.map_err(Failure::usage)?;
                return Err(written.err().map_or_else(|| Failure::environment("not written"), wrong));
            }
        };
        std::fs::rename(&temporary, &path).map_err(wrong)?;
        if scope == Scope::Part {
            summary.alone();
        }
        let checks = judge_load(&summary, &self.gates.gates);
        let end_to_end = self.end_to_end(&header, scope)?;
        Ok((load_artifact(&header, &summary, checks, end_to_end), summary.series))
    }

    /// What became of the webhooks that the flows had to fire; a load of webhooks has none.
    fn end_to_end(&self, header: &Header, scope: Scope) -> Result<Option<EndToEnd>, Failure> {
        if header.flows == 0 || scope == Scope::Whole {
            return Ok(None);
        }
        let flows = FlowEvidence::open(&self.journal()).map_err(Failure::usage)?;
        Ok(Some(EndToEnd::of(&flows)))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        write_whole(&path, bytes)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    }
}

/// Opens the journal of a load.
///
/// # Errors
/// Usage: it cannot be read, is broken, or is of something else.
pub(in crate::cli) fn open_part(path: &Path) -> Result<Part<BufReader<File>>, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", path.display()));
    let (header, reader) = Reader::open(path).map_err(|e| wrong(&e))?;
    // The directory names the shard; the journal's name is the same in all of them.
    let name = path.parent().and_then(Path::file_name).unwrap_or(path.as_os_str());
    Part::new(name.to_string_lossy().into_owned(), header, reader).map_err(|e| wrong(&e))
}
