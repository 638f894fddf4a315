//! The files of a run, a load or an observation in its folder: one process at a time writes them, evidence that must not be lost is
//! kept under another name, and nothing of an earlier run stands beside a later one.

use super::{Failure, out};
use chrono::{DateTime, Utc};
use evidence::report::{EMBEDDED, write_whole};
use record::Reader;
use serde_json::Value;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How the files of a run can end, the artifact first.
const ENDS: [&str; 6] =
    ["output.json", "journal.jsonl", ".intoto.jsonl", "report.html", "junit.xml", "memo.md"];
/// Those that are about an artifact and journal, and mean nothing beside others.
const ABOUT: [&str; 4] = [".intoto.jsonl", "report.html", "junit.xml", "memo.md"];
/// Environments that are tried out: evidence about another one is worth more.
const TRIED_OUT: [&str; 2] = [EMBEDDED, "loopback"];

/// Where a command writes its evidence.
#[derive(Debug, Clone)]
pub(super) struct EvidenceFiles {
    dir: PathBuf,
    name: String,
}

/// Held for as long as this process may write the files.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

/// Which evidence of an earlier run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// About an environment that is more than tried out.
    AboutOthers,
    /// None: the new run takes its place.
    Nothing,
}

impl Keep {
    /// What a run about this environment must not take the place of.
    pub(super) fn before(environment: &str) -> Self {
        if TRIED_OUT.contains(&environment) { Self::AboutOthers } else { Self::Nothing }
    }
}

/// Makes a folder, with those that it is in, where there is none.
///
/// # Errors
/// When it cannot be made: where a file has its name, since that is not a directory.
pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => io::Error::new(ErrorKind::NotADirectory, "not a directory"),
        _ => e,
    })
}

impl EvidenceFiles {
    /// The files of scenario `name` in `dir`.
    pub(super) fn new(dir: &Path, name: &str) -> Self {
        Self { dir: dir.to_path_buf(), name: format!("staging_{name}") }
    }

    /// Makes the folder, shows that it can be written, and locks the files, before anything is driven.
    ///
    /// # Errors
    /// Environment: the folder cannot be written, or another process writes these files.
    pub(super) fn make_ready(&self) -> Result<FolderLock, Failure> {
        let shown = self.dir.display();
        let wrong =
            |e: io::Error| Failure::environment(format!("--artifacts {shown}: cannot be written: {e}"));
        make_folder(&self.dir).map_err(wrong)?;
        // A pipe would be waited for, at the end of the run.
        let is_other = |path: &PathBuf| {
            path.symlink_metadata().is_ok_and(|there| !there.is_file() && !there.is_symlink())
        };
        if let Some(path) = ENDS.iter().map(|end| self.file(end)).find(is_other) {
            return Err(Failure::environment(format!(
                "{}: what is there is not a file: remove it",
                path.display()
            )));
        }
        let probe = self.dir.join(format!(".smoke-{}", std::process::id()));
        std::fs::write(&probe, b"").map_err(wrong)?;
        std::fs::remove_file(&probe).map_err(wrong)?;
        match crate::journal::lock_file(&self.journal()) {
            Ok(file) => Ok(FolderLock(file)),
            Err(e) if e.kind() == ErrorKind::ResourceBusy => Err(Failure::environment(format!(
                "--artifacts {shown}: another smoke process is writing {} there; wait for it to end, or give this one \
                 its own folder",
                self.name
            ))),
            Err(e) => Err(wrong(e)),
        }
    }

    /// Makes way for a new run, once nothing is in its way: evidence that has to be kept gets the time of its run in its name,
    /// where `smoke gate` reads it as well, and pages and signature of an earlier run go.
    ///
    /// # Errors
    /// When a file cannot be renamed or removed.
    pub(super) fn make_way(&self, keep: Keep) -> io::Result<()> {
        if keep == Keep::AboutOthers
            && let Some(environment) = self.environment_of_earlier()
            && !TRIED_OUT.contains(&environment.as_str())
        {
            out::say(format!("moved earlier {environment} evidence to {}", self.keep()?.display()));
        }
        ABOUT.iter().try_for_each(|end| removed(&self.file(end)))
    }

    /// Renames the files of an earlier run; gives the new place of its artifact.
    ///
    /// # Errors
    /// When a file cannot be renamed.
    fn keep(&self) -> io::Result<PathBuf> {
        let time = self.time_of_earlier().format("%Y%m%dT%H%M%SZ");
        let name = |n: u32| match n {
            1 => format!("{}_{time}", self.name),
            n => format!("{}_{time}-{n}", self.name),
        };
        let of = |name: &str, end: &str| self.dir.join(named(name, end));
        let free = |name: &String| ENDS.iter().all(|end| !of(name, end).exists());
        let name = (1..).map(name).find(free).unwrap_or_else(|| self.name.clone());
        for end in ENDS {
            match std::fs::rename(self.file(end), of(&name, end)) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(of(&name, "output.json"))
    }

    /// The environment that an earlier run is about, by its journal; without one by its artifact.
    fn environment_of_earlier(&self) -> Option<String> {
        if let Ok((header, _)) = Reader::open(&self.journal()) {
            // A stand-in that is a server elsewhere is no more than tried out either.
            return Some(header.tested().to_owned());
        }
        let artifact: Value = serde_json::from_slice(&std::fs::read(self.output()).ok()?).ok()?;
        artifact.pointer("/test_run/environment")?.as_str().map(str::to_owned)
    }

    /// When the earlier run began, by its journal; without one when its artifact was written.
    fn time_of_earlier(&self) -> DateTime<Utc> {
        let written = || std::fs::metadata(self.output()).and_then(|meta| meta.modified()).ok();
        match Reader::open(&self.journal()) {
            Ok((header, _)) => header.started,
            Err(_) => written().map_or_else(Utc::now, Into::into),
        }
    }

    /// Writes one of the files whole.
    ///
    /// # Errors
    /// Environment: it cannot be written.
    pub(super) fn write(&self, end: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.file(end);
        write_whole(&path, bytes)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", path.display())))
    }

    /// The file of this run that ends in `end`.
    pub(super) fn file(&self, end: &str) -> PathBuf {
        self.dir.join(named(&self.name, end))
    }

    /// The folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the run's files have in common.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The artifact.
    pub(super) fn output(&self) -> PathBuf {
        self.file("output.json")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.file("journal.jsonl")
    }
}

fn removed(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(io::Error::new(e.kind(), format!("{}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

/// The name of a file of a run: `staging_payments_output.json`, `staging_payments.intoto.jsonl`.
fn named(run: &str, end: &str) -> String {
    let joint = if end.starts_with('.') { "" } else { "_" };
    format!("{run}{joint}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(files: &EvidenceFiles, environment: &str) {
        let artifact = format!(r#"{{"test_run":{{"environment":"{environment}"}}}}"#);
        for end in ENDS {
            std::fs::write(files.file(end), &artifact).unwrap();
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with("_output.json"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn evidence_about_staging_is_kept_as_often_as_it_is_tried_out() {
        let dir = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::new(dir.path(), "payments");
        for _ in 0..2 {
            put(&files, "staging");
            files.make_way(Keep::before(EMBEDDED)).unwrap();
            assert!(ENDS.iter().all(|end| !files.file(end).exists()), "all of it has moved");
        }
        put(&files, EMBEDDED);
        files.make_way(Keep::before(EMBEDDED)).unwrap();
        let found = names(dir.path());
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|name| name.starts_with("staging_payments_")), "{found:?}");
    }

    #[test]
    fn pages_and_signature_of_an_earlier_run_go_and_what_is_replaced_stays_until_then() {
        let dir = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::new(dir.path(), "payments");
        put(&files, "staging");
        files.make_way(Keep::before("staging")).unwrap();
        let left: Vec<&str> = ENDS.into_iter().filter(|end| files.file(end).exists()).collect();
        assert_eq!(left, ["output.json", "journal.jsonl"]);
    }

    #[test]
    fn one_process_at_a_time_writes_the_files_of_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::new(dir.path(), "payments");
        let held = files.make_ready().unwrap();
        let refused = files.make_ready().unwrap_err().to_string();
        assert!(refused.contains("another smoke process is writing staging_payments"), "{refused}");
        EvidenceFiles::new(dir.path(), "matches").make_ready().unwrap();
        drop(held);
        files.make_ready().unwrap();
    }

    #[test]
    fn what_stands_in_the_place_of_a_file_is_told_before_anything_is_driven() {
        let dir = tempfile::tempdir().unwrap();
        let files = EvidenceFiles::new(dir.path(), "payments");
        for end in ENDS {
            std::fs::create_dir(files.file(end)).unwrap();
            let refused = files.make_ready().unwrap_err().to_string();
            assert!(refused.contains(end) && refused.contains("not a file"), "{refused}");
            std::fs::remove_dir(files.file(end)).unwrap();
            std::os::unix::fs::symlink("/dev/null", files.file(end)).unwrap();
        }
        files.make_ready().unwrap();
    }
}
