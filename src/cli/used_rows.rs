//! Which rows of a data file earlier runs have used up, kept beside it: a payment is verified once, and a run that begins with the same
//! rows again ends at its first step and says nothing about the sender.

mod looked;

use super::{Failure, out};
use crate::executor::{Plan, RunError, Target};
use crate::outbound::{shown_url, system_of};
use chrono::{DateTime, SecondsFormat, Utc};
use evidence::report::write_whole;
use looked::Looked;
use record::{InputError, read_input};
use scenario::{DataError, Loaded, Scenario, check_repeats, data_file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What stands behind the name of the data file.
const ENDING: &str = ".used.json";
/// Largest file of this kind, in bytes; a few systems fit in far less.
const MAX_MEMORY: u64 = 1024 * 1024;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// Of the data file: other rows under its name are fresh.
    data_sha256: String,
    /// How many bytes that is of: rows that were added behind them leave those before them what they are. A build before this one did
    /// not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_bytes: Option<usize>,
    /// By the system that was driven, under one name for each.
    targets: BTreeMap<String, Used>,
}

/// What runs have used up of one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    /// The last row, from 1.
    until_row: u32,
    /// When.
    at: DateTime<Utc>,
    /// Whether that run had not ended by itself: it was interrupted, or is still under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
}

impl Memory {
    /// What is kept in a file, if there is one.
    fn read(path: &Path) -> Result<Option<Self>, String> {
        let bytes = match read_input(path, MAX_MEMORY) {
            Ok(bytes) => bytes,
            Err(InputError::Io(e)) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let Self { data_sha256, data_bytes, targets: spelled } =
            serde_json::from_slice(&bytes).map_err(|e| format!("is not what smoke writes there ({e})"))?;
        // A build before this one kept each spelling by itself.
        let mut targets: BTreeMap<String, Used> = BTreeMap::new();
        for (url, used) in spelled {
            let known = targets.entry(system_of(&url)).or_insert_with(|| used.clone());
            if used.until_row > known.until_row {
                *known = used;
            }
        }
        Ok(Some(Self { data_sha256, data_bytes, targets }))
    }

    /// Nothing used of these rows.
    fn of(data: &Looked) -> Self {
        Self { data_sha256: data.sha256.clone(), data_bytes: Some(data.bytes), targets: BTreeMap::new() }
    }

    /// What it says of a data file, which was looked at for it: nothing where that has other rows.
    fn about(self, data: &Looked) -> Self {
        let targets = if self.is_of(data) { self.targets } else { BTreeMap::new() };
        Self { targets, ..Self::of(data) }
    }

    /// Whether a data file has the same rows, or more behind them.
    fn is_of(&self, data: &Looked) -> bool {
        data.known.as_ref().unwrap_or(&data.sha256) == &self.data_sha256
    }
}

/// The used rows of one data file and one system.
#[derive(Debug, Clone)]
pub(super) struct UsedRows {
    data: PathBuf,
    /// As it was typed, without credentials.
    typed: String,
    system: String,
    memory: Memory,
    /// Why what earlier runs have used up is not known, where there is a file that should say it.
    damaged: Option<String>,
}

/// Rows that a run has taken before it uses them. Where nothing of it is driven they are given back.
#[derive(Debug)]
pub(super) struct Taken {
    rows: UsedRows,
    /// Rows in front of them that were left out.
    skipped: u32,
    /// The last one, from 1.
    until_row: u32,
    /// What was used up before.
    before: Option<Used>,
    /// Whether flows may have begun with them.
    driving: bool,
}

impl UsedRows {
    /// What is known of the file that a run of this scenario takes its rows from; `None` where a run uses none up.
    pub(super) fn of(target: &Target, loaded: &Loaded, data: Option<&Path>) -> Option<Self> {
        let Target::Url(url) = target else { return None };
        let data =
            data_file(&loaded.scenario, data, &loaded.dir).filter(|_| loaded.scenario.uses_rows_up())?;
        // What a pipe says can be read once, and not remembered.
        if !data.is_file() {
            return None;
        }
        let (known, damaged) = match Memory::read(&memory_of(&data)) {
            Ok(known) => (known, None),
            Err(why) => (None, Some(why)),
        };
        // What is wrong with the file is told when its rows are read.
        let rows = Looked::at(&data, known.as_ref()).ok()?;
        let memory = known.map_or_else(|| Memory::of(&rows), |known| known.about(&rows));
        Some(Self {
            data,
            typed: shown_url(url.trim_end_matches('/')),
            system: system_of(url),
            memory,
            damaged,
        })
    }

    /// Refuses rows that a run of so many flows would use up twice, where `skipped` are left out: those that are remembered, or as many
    /// as the user says (`by_user`), who knows what is used up.
    ///
    /// # Errors
    /// Usage: the same row stands there more than once.
    pub(super) fn check_repeats(
        &self,
        scenario: &Scenario,
        flows: u32,
        skipped: u32,
        by_user: bool,
    ) -> Result<(), Failure> {
        let used = if by_user { 0 } else { self.skip().min(skipped) };
        match check_repeats(scenario, &self.data, flows, skipped, used) {
            Err(error @ DataError::Repeats { .. }) => Err(Failure::Usage(error.into())),
            // What else is wrong is told where the rows are read.
            _ => Ok(()),
        }
    }

    /// What is to be said where the file that remembers cannot be read, and what to do.
    fn warning(&self) -> Option<String> {
        let why = self.damaged.as_ref()?;
        Some(format!(
            "warning: {} {why}: which rows earlier runs used up is unknown; --from-row N skips those before row N, and this \
             run will rewrite the file",
            memory_of(&self.data).display()
        ))
    }

    /// How many rows to leave out.
    pub(super) fn skip(&self) -> u32 {
        self.used().map_or(0, |used| used.until_row)
    }

    /// When the run before was interrupted, or began if it is still under way; `None` where it has ended.
    pub(super) fn interrupted(&self) -> Option<DateTime<Utc>> {
        self.used().filter(|used| used.unfinished).map(|used| used.at)
    }

    fn used(&self) -> Option<&Used> {
        self.memory.targets.get(&self.system)
    }

    /// Says that the file that remembers cannot be read, where that is so.
    pub(super) fn warn(&self) {
        if let Some(warning) = self.warning() {
            out::say(warning);
        }
    }

    /// What is to be said beforehand; `None` where no row was used.
    pub(super) fn told(&self) -> Option<String> {
        let used = self.used()?;
        Some(format!(
            "rows 1 to {} of {} were used up or skipped by earlier runs against {} (the last at {})",
            used.until_row,
            self.data.display(),
            self.typed,
            used.at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ))
    }

    /// Takes the rows of a run that is about to begin, so that another one beside it takes none of them. `by_user`: he has said which.
    ///
    /// # Errors
    /// Usage: another run has taken some of them since this one has looked.
    pub(super) fn take(&self, skipped: u32, flows: u32, by_user: bool) -> Result<Taken, Failure> {
        let (mut before, known) = (None, self.skip());
        let until_row = |taken: u32| skipped.saturating_add(flows).max(taken);
        let is_free = |taken: u32| taken == known || by_user;
        self.change(|memory| {
            before = memory.targets.get(&self.system).cloned();
            let taken = before.as_ref().map_or(0, |used| used.until_row);
            if is_free(taken) {
                let used = Used { until_row: until_row(taken), at: Utc::now(), unfinished: true };
                memory.targets.insert(self.system.clone(), used);
            }
        });
        let taken = before.as_ref().map_or(0, |used| used.until_row);
        if !is_free(taken) {
            return Err(Failure::usage(format!(
                "another run has meanwhile taken the rows up to {taken} of {}: run this again to take the next ones",
                self.data.display()
            )));
        }
        Ok(Taken { rows: self.clone(), skipped, until_row: until_row(taken), before, driving: false })
    }

    /// Reads what is kept by now, changes it and writes it back, while no other run does.
    fn change(&self, change: impl FnOnce(&mut Memory)) {
        let path = memory_of(&self.data);
        // Unlocked when it is dropped; where files cannot be locked, runs beside each other are the user's care.
        let lock = File::open(&self.data);
        let _ = lock.as_ref().map(File::lock);
        let known = Memory::read(&path).ok().flatten();
        let look = |memory| Looked::at(&self.data, memory);
        let mut memory = match look(Some(&self.memory)) {
            Ok(rows) if self.memory.is_of(&rows) => match known {
                Some(known) => {
                    look(Some(&known)).map_or_else(|_| self.memory.clone(), |rows| known.about(&rows))
                }
                None => Memory::of(&rows),
            },
            // Fresh rows lie there by now.
            Ok(_) => return,
            Err(_) => known.unwrap_or_else(|| self.memory.clone()),
        };
        change(&mut memory);
        let written = serde_json::to_vec_pretty(&memory).map_err(std::io::Error::from);
        // A folder that cannot be written costs no verdict: the next run is told by its first step.
        if let Err(error) = written.and_then(|bytes| write_whole(&path, &bytes)) {
            out::say(format!(
                "warning: {} cannot be written, so the next run will take the same rows: {error}",
                path.display()
            ));
        }
    }
}

impl Taken {
    /// Flows begin: what becomes of the rows now is for [`Taken::remember`] to say, and else they count as used up.
    pub(super) fn driving(&mut self) {
        self.driving = true;
    }

    /// Keeps that so many flows have begun, and whether the run `ended` by itself, and gives back the other rows.
    pub(super) fn remember(mut self, started: u64, ended: bool) {
        self.driving = true;
        self.keep(u32::try_from(started).unwrap_or(u32::MAX), ended);
    }

    fn keep(&self, begun: u32, ended: bool) {
        let Self { rows, skipped, until_row, before, .. } = self;
        rows.change(|memory| {
            let taken = memory.targets.get(&rows.system).map_or(0, |used| used.until_row);
            // Whoever came after this run has taken those behind it.
            let is_last = taken == *until_row;
            let least = if is_last { before.as_ref().map_or(0, |used| used.until_row) } else { taken };
            let used_up = if begun == 0 { 0 } else { skipped.saturating_add(begun) };
            let kept = if used_up > least {
                Some(Used { until_row: used_up, at: Utc::now(), unfinished: !ended })
            } else if is_last && begun > 0 && !ended {
                before.clone().map(|used| Used { at: Utc::now(), unfinished: true, ..used })
            } else if is_last {
                before.clone()
            } else {
                return;
            };
            match kept {
                Some(used) => _ = memory.targets.insert(rows.system.clone(), used),
                None => _ = memory.targets.remove(&rows.system),
            }
        });
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.driving {
            self.keep(0, true);
        }
    }
}

/// Forgets what was used of a data file whose rows are fresh.
pub(super) fn forget(data: &Path) {
    // Usually there is none.
    let _ = std::fs::remove_file(memory_of(data));
}

fn memory_of(data: &Path) -> PathBuf {
    let mut name = OsString::from(data);
    name.push(ENDING);
    PathBuf::from(name)
}

/// Of an error that says that there are too few rows, for whoever drives by a schedule: how many there are, how many flows there will
/// be, and what to do, to which `or` adds by the number of rows. None for another error.
pub(super) fn too_few(
    error: &RunError,
    used: Option<&UsedRows>,
    or: impl Fn(usize) -> String,
) -> Option<String> {
    let RunError::Data(DataError::TooFew { origin, skipped, found, needed, .. }) = error else { return None };
    let used = used.filter(|_| *skipped > 0).and_then(UsedRows::told);
    let used = used.map_or_else(String::new, |told| format!("{told}; of the others "));
    Some(format!(
        "{used}{origin} has {found} data rows, but the schedule starts {needed} flows, each with its own row: give {needed} rows \
         {}",
        or(*found)
    ))
}

/// An error of a run, with what is known of the rows that earlier runs have used up.
pub(super) fn failure(error: RunError, used: Option<&UsedRows>) -> Failure {
    if let RunError::Data(error @ DataError::TooFew { skipped: 1.., .. }) = &error
        && let Some(told) = used.and_then(UsedRows::told)
    {
        return Failure::usage(format!(
            "{told}, and not enough are left: {error}\nGive fresh rows; --from-row 1 reuses those that were reset \
             on the system's side"
        ));
    }
    if error.is_environment() { Failure::Environment(error.into()) } else { Failure::Usage(error.into()) }
}

/// Says which rows a run takes, where that is not from the first on.
pub(super) fn announce(plan: &Plan, used: Option<&UsedRows>) {
    if let Some(told) = used.filter(|_| plan.skipped_rows > 0).and_then(UsedRows::told) {
        let from = plan.skipped_rows + 1;
        out::chat(format!("{told}: this run starts at row {from} (--from-row N takes others)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::load_bytes;

    const SCENARIO: &str = "name: d\nsubject: { kind: flow, id: x }\nsteps: [{ name: a, used_up: [409], request: { method: GET, path: / } }]\n";

    fn of(url: &str, scenario: &str, data: &Path) -> Option<UsedRows> {
        let loaded = load_bytes(scenario.as_bytes(), "s.yaml", Path::new(".")).unwrap();
        UsedRows::of(&Target::Url(url.to_owned()), &loaded, Some(data))
    }

    #[test]
    fn rows_are_remembered_for_their_file_and_system() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("d.csv");
        std::fs::write(&data, "id\n1\n2\n3\n").unwrap();
        let skip = |url| of(url, SCENARIO, &data).unwrap().skip();
        let run = |rows: UsedRows, by_user, started| {
            rows.take(0, 3, by_user).unwrap().remember(started, true);
        };
        run(of("http://a/", SCENARIO, &data).unwrap(), false, 0);
        assert_eq!(skip("http://a"), 0, "nothing has begun");
        run(of("http://a/", SCENARIO, &data).unwrap(), false, 2);
        assert_eq!((skip("http://a"), skip("http://b")), (2, 0));
        assert_eq!((skip("HTTP://A:80/"), skip("http://A./"), skip("http://a:8000")), (2, 2, 0));
        run(of("http://a", SCENARIO, &data).unwrap(), true, 1);
        assert_eq!(skip("http://a"), 2, "rows that were taken again");
        let memory = dir.path().join("d.csv.used.json");
        let of_before = std::fs::read_to_string(&memory).unwrap();
        std::fs::write(&memory, of_before.replace("\"http://a\"", "\"http://127.0.0.1:8000/\"")).unwrap();
        assert_eq!(
            (skip("http://localhost:8000"), skip("http://a")),
            (2, 0),
            "as an earlier build spelled it"
        );
        std::fs::write(&memory, "{").unwrap();
        let damaged = of("http://a", SCENARIO, &data).unwrap();
        let told = damaged.warning().unwrap();
        assert!(
            told.contains("d.csv.used.json is not what smoke writes there") && told.contains("--from-row N"),
            "{told}"
        );
        assert_eq!(damaged.skip(), 0);
        run(damaged, false, 2);
        assert_eq!((skip("http://a"), of("http://a", SCENARIO, &data).unwrap().warning()), (2, None));
        let reusable = SCENARIO.replace("steps:", "data: { columns: [id], reusable: true }\nsteps:");
        assert!(of("http://a", &reusable, &data).is_none());
        std::fs::write(&data, "id\n1\n2\n3\n4").unwrap();
        assert_eq!(skip("http://a"), 2, "rows that were added");
        run(of("http://a", SCENARIO, &data).unwrap(), true, 3);
        std::fs::write(&data, "id\n1\n2\n3\n4\r\n5\n").unwrap();
        assert_eq!(skip("http://a"), 3, "behind a last line without an end");
        std::fs::write(&data, "id\n1\n2\n3\n45\n").unwrap();
        assert_eq!(skip("http://a"), 0, "the last row is another one");
        std::fs::write(&data, "id\n4\n5\n6\n").unwrap();
        assert_eq!(skip("http://a"), 0, "other rows under the same name");
    }

    #[test]
    fn runs_beside_each_other_take_rows_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("d.csv");
        std::fs::write(&data, "id\n1\n2\n3\n4\n5\n6\n").unwrap();
        let look = || of("http://a", SCENARIO, &data).unwrap();
        let (first, late) = (look(), look());
        let mut first = first.take(0, 3, false).unwrap();
        first.driving();
        let refused = late.take(0, 3, false).unwrap_err().to_string();
        assert!(
            refused.contains("another run has meanwhile taken the rows up to 3")
                && refused.contains("run this again"),
            "{refused}"
        );
        assert_eq!(look().skip(), 3);
        let second = look().take(3, 2, false).unwrap();
        assert!(look().interrupted().is_some(), "it is under way");
        first.remember(1, true);
        assert_eq!(look().skip(), 5, "the rows of the second stay its own");
        drop(second);
        assert_eq!(look().skip(), 3, "what was not begun is given back");
        let mut third = look().take(3, 2, false).unwrap();
        third.driving();
        drop(third);
        assert_eq!(look().skip(), 5, "what may have begun is not");
        look().take(5, 1, false).unwrap().remember(1, false);
        assert!(look().interrupted().is_some());
        look().take(0, 1, true).unwrap().remember(1, true);
        assert!(look().interrupted().is_some(), "the rows before are those of the interrupted run still");
    }
}
