//! Which files are of one run: an artifact, the journal that it follows from, and what else bears their name.

use super::judge::read;
use record::{Reader, open_input};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Files of a folder that are looked at: more are no folder of evidence.
const MOST_FILES: usize = 10_000;

/// What the names of a run's files end in, before the extension.
const ENDS: [&str; 4] = ["_output", "_journal", ".intoto", "_memo"];

/// Where journals are looked for: among those that were given, and beside each artifact.
#[derive(Debug, Clone, Default)]
pub struct Journals {
    given: Vec<PathBuf>,
}

impl Journals {
    /// These journals, wherever they are, and those beside each artifact.
    #[must_use]
    pub const fn new(given: Vec<PathBuf>) -> Self {
        Self { given }
    }

    /// The journal that an artifact follows from: one that was given and is of its run, else the one that bears its name
    /// (`staging_payments_journal.jsonl`), else any beside it that is of its run. Of several (parts, copies) the digest tells.
    #[must_use]
    pub fn of(&self, artifact: &Path) -> Option<PathBuf> {
        let usual = Some(beside(artifact, "journal.jsonl")).filter(|path| path.exists());
        if self.given.is_empty() && usual.is_some() {
            return usual;
        }
        let stated = Stated::by(artifact);
        let of_run = |files: Vec<PathBuf>| stated.as_ref().and_then(|stated| stated.journal_among(files));
        of_run(self.given.clone()).or(usual).or_else(|| of_run(with_extension(artifact, "jsonl")))
    }

    /// The same; of a merged load the journals of its shards, which it is judged by wherever they are.
    #[must_use]
    pub fn all_of(&self, artifact: &Path) -> Vec<PathBuf> {
        match super::merged::parts_of(artifact) {
            parts if parts.is_empty() => self.of(artifact).into_iter().collect(),
            parts => parts,
        }
    }

    /// The runs that an artifact shows: of a merged load those whose shards count in it, by its own word, which is recomputed. One that
    /// was run again is shown by nothing, as nobody judges it.
    #[must_use]
    pub fn runs_shown_by(&self, artifact: &Path) -> BTreeSet<Uuid> {
        let runs = self.all_of(artifact).into_iter().filter_map(|journal| run_of(&journal));
        if super::merged::parts_of(artifact).is_empty() {
            return runs.collect();
        }
        let value: Value =
            read(artifact).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let shards = value.get("shards").and_then(Value::as_array).into_iter().flatten();
        let counted: BTreeSet<Uuid> =
            shards.filter_map(|shard| shard.get("run_id")?.as_str()?.parse().ok()).collect();
        runs.filter(|run| counted.contains(run)).collect()
    }

    /// Whether an artifact is judged by this journal, or by a copy of it.
    #[must_use]
    pub fn is_judged_by(&self, artifact: &Path, journal: &Path) -> bool {
        let is_copy = |other: &Path| {
            let digest = sha256(other);
            digest.is_some() && digest == sha256(journal)
        };
        let judged_by = self.all_of(artifact);
        judged_by.iter().any(|own| own == journal) || judged_by.iter().any(|own| is_copy(own))
    }

    /// The artifact that belongs to another file of its run: the one with its name (`NAME_output.json`, `NAME.json`), for a journal
    /// else any beside it that is of its run.
    #[must_use]
    pub fn artifact_of(&self, file: &Path) -> Option<PathBuf> {
        let named = [format!("{}_output.json", name_of(file)), format!("{}.json", name_of(file))];
        if let Some(path) =
            named.map(|name| file.with_file_name(name)).into_iter().find(|path| path.is_file())
        {
            return Some(path);
        }
        run_of(file)?;
        let follows = |path: &PathBuf| self.of(path).is_some_and(|journal| journal == file);
        with_extension(file, "json").into_iter().find(follows)
    }
}

/// The run that an artifact says it is of.
struct Stated {
    run: Uuid,
    /// SHA-256 of the journal, lower hex.
    sha256: Option<String>,
}

impl Stated {
    /// `None` for a file that is no artifact of smoke.
    fn by(artifact: &Path) -> Option<Self> {
        let value: Value = serde_json::from_slice(&read(artifact).ok()?).ok()?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let run = text("/provenance/run_id")?.parse().ok()?;
        let sha256 = text("/provenance/journal_sha256").or_else(|| text("/shards/0/journal_sha256"));
        Some(Self { run, sha256: sha256.map(str::to_owned) })
    }

    fn journal_among(&self, files: Vec<PathBuf>) -> Option<PathBuf> {
        let mut of_run: Vec<PathBuf> =
            files.into_iter().filter(|path| run_of(path) == Some(self.run)).collect();
        let exact = if of_run.len() > 1 {
            of_run.iter().position(|path| self.sha256.is_some() && sha256(path) == self.sha256)
        } else {
            None
        };
        (!of_run.is_empty()).then(|| of_run.swap_remove(exact.unwrap_or_default()))
    }
}

/// The run that a journal is of; `None` for a file that is none, and for what is no file: a pipe would be waited for.
#[must_use]
pub fn run_of(journal: &Path) -> Option<Uuid> {
    let file = journal.is_file().then_some(journal)?;
    Reader::open(file).ok().map(|(header, _)| header.run_id)
}

/// SHA-256 of a file, lower hex.
fn sha256(path: &Path) -> Option<String> {
    let mut file = open_input(path).ok()?;
    let (mut digest, mut block) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut block).ok()? {
            0 => return Some(hex::encode(digest.finalize())),
            n => digest.update(block.get(..n)?),
        }
    }
}

/// The files beside another one that end so, by name.
fn with_extension(file: &Path, extension: &str) -> Vec<PathBuf> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_FILES);
    let mut found: Vec<PathBuf> = entries
        .map(|entry| file.with_file_name(entry.file_name()))
        .filter(|path| ends_in(path, extension) && path.is_file())
        .collect();
    found.sort();
    found
}

/// Whether a file's name ends so; the parts of a journal that was rotated have a number behind it (`hooks.jsonl.000001`).
fn ends_in(path: &Path, extension: &str) -> bool {
    let is = |name: &Path| name.extension().is_some_and(|e| e == extension);
    let numbered =
        path.extension().and_then(|e| e.to_str()).is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit()));
    is(path) || (numbered && path.file_stem().is_some_and(|stem| is(Path::new(stem))))
}

/// Where the signed statement over an artifact and its journal is.
#[must_use]
pub fn signature_of(artifact: &Path) -> PathBuf {
    artifact.with_file_name(format!("{}.intoto.jsonl", name_of(artifact)))
}

/// Another file of the same run: `staging_payments_END`.
pub(super) fn beside(file: &Path, end: &str) -> PathBuf {
    file.with_file_name(format!("{}_{end}", name_of(file)))
}

/// What the files of a run have in common: `staging_payments` of `staging_payments_output.json`.
#[must_use]
pub fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    ENDS.iter().find_map(|end| stem.strip_suffix(end)).map_or(stem.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Header, RunKind, journal_bytes};

    /// A journal with nothing but its header; gives its run and its digest.
    fn journal(path: &Path) -> (Uuid, String) {
        let header = Header::new(RunKind::Receive, chrono::Utc::now()).unwrap();
        let run = header.run_id;
        std::fs::write(path, journal_bytes(&header, &[], None).unwrap()).unwrap();
        (run, sha256(path).unwrap())
    }

    fn artifact(path: &Path, run: Uuid, sha256: &str) {
        let text = serde_json::json!({"provenance": {"run_id": run, "journal_sha256": sha256}}).to_string();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_journal_of_any_name_is_found_by_its_run_and_the_digest_tells_copies_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (run, digest) = journal(&at("hooks.jsonl"));
        journal(&at("another.jsonl"));
        std::fs::write(at("notes.jsonl"), "{}\n").unwrap();
        artifact(&at("out.json"), run, &digest);
        let journals = Journals::default();
        assert_eq!(journals.of(&at("out.json")), Some(at("hooks.jsonl")));
        assert_eq!(journals.artifact_of(&at("hooks.jsonl")), Some(at("out.json")));
        assert_eq!(journals.artifact_of(&at("another.jsonl")), None);
        // A copy that somebody went on writing.
        let mut longer = std::fs::read(at("hooks.jsonl")).unwrap();
        longer.extend_from_slice(b"{}\n");
        std::fs::write(at("a_copy.jsonl"), longer).unwrap();
        assert_eq!(journals.of(&at("out.json")), Some(at("hooks.jsonl")));
        // A part of a journal that was rotated is of the same run.
        let part = at("hooks.jsonl.000001");
        std::fs::copy(at("a_copy.jsonl"), &part).unwrap();
        artifact(&at("part.json"), run, &sha256(&part).unwrap());
        std::fs::remove_file(at("a_copy.jsonl")).unwrap();
        assert_eq!(journals.of(&at("part.json")), Some(part));
        // The one that bears the artifact's name is its own, whatever else is there.
        std::fs::write(at("out_journal.jsonl"), "").unwrap();
        assert_eq!(journals.of(&at("out.json")), Some(at("out_journal.jsonl")));
        let elsewhere = tempfile::tempdir().unwrap();
        artifact(&elsewhere.path().join("out.json"), run, &digest);
        let out = elsewhere.path().join("out.json");
        assert_eq!(journals.of(&out), None);
        assert_eq!(
            Journals::new(vec![at("another.jsonl"), at("hooks.jsonl")]).of(&out),
            Some(at("hooks.jsonl"))
        );
    }

    #[test]
    fn a_shard_that_was_run_again_is_shown_by_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let part = |place: &str| {
            let path = dir.path().join("load_parts").join(place).join("shard-0-of-1");
            std::fs::create_dir_all(&path).unwrap();
            journal(&path.join("staging_load_journal.jsonl")).0
        };
        let (_replaced, counts) = (part("0"), part("1"));
        let merged = dir.path().join("load_output.json");
        let shards = serde_json::json!({"shards": [{"run_id": counts}, {"run_id": Uuid::new_v4()}]});
        std::fs::write(&merged, shards.to_string()).unwrap();
        assert_eq!(Journals::default().all_of(&merged).len(), 2);
        assert_eq!(Journals::default().runs_shown_by(&merged), [counts].into());
        // What was not merged is shown by its journal.
        let (run, digest) = journal(&dir.path().join("x_journal.jsonl"));
        artifact(&dir.path().join("x_output.json"), run, &digest);
        assert_eq!(Journals::default().runs_shown_by(&dir.path().join("x_output.json")), [run].into());
    }
}
