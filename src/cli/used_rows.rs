//! Which rows of a data file earlier runs have used up, kept beside it: a payment is verified once, and a run that begins with the same
//! rows again ends at its first step and says nothing about the sender.

use super::{Failure, out};
use crate::executor::{Plan, RunError, Target};
use chrono::{DateTime, SecondsFormat, Utc};
use evidence::report::write_whole;
use record::{read_input, sha256_hex};
use scenario::{DataError, Loaded, MAX_DATA, data_file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What stands behind the name of the data file.
const ENDING: &str = ".used.json";
/// Largest file of this kind, in bytes; a few systems fit in far less.
const MAX_MEMORY: u64 = 1024 * 1024;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Memory {
    /// Of the data file: other rows under its name are fresh.
    data_sha256: String,
    /// By the system that was driven.
    targets: BTreeMap<String, Used>,
}

/// What runs have used up of one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    /// The last row, from 1.
    until_row: u32,
    /// When.
    at: DateTime<Utc>,
}

/// The used rows of one data file and one system.
#[derive(Debug, Clone)]
pub(super) struct UsedRows {
    data: PathBuf,
    target: String,
    memory: Memory,
}

impl UsedRows {
    /// What is known of the file that a run of this scenario takes its rows from; `None` where a run uses none up.
    pub(super) fn of(target: &Target, loaded: &Loaded, data: Option<&Path>) -> Option<Self> {
        let Target::Url(url) = target else { return None };
        let data =
            data_file(&loaded.scenario, data, &loaded.dir).filter(|_| loaded.scenario.uses_rows_up())?;
        // What is wrong with the file is told when its rows are read.
        let data_sha256 = sha256_hex(&read_input(&data, MAX_DATA).ok()?);
        let known = read_input(&memory_of(&data), MAX_MEMORY).ok();
        let known = known.and_then(|bytes| serde_json::from_slice::<Memory>(&bytes).ok());
        let known = known.filter(|memory| memory.data_sha256 == data_sha256);
        let memory = known.unwrap_or_else(|| Memory { data_sha256, ..Memory::default() });
        Some(Self { data, target: url.trim_end_matches('/').to_owned(), memory })
    }

    /// How many rows to leave out.
    pub(super) fn skip(&self) -> u32 {
        self.used().map_or(0, |used| used.until_row)
    }

    fn used(&self) -> Option<&Used> {
        self.memory.targets.get(&self.target)
    }

    /// What is to be said beforehand; `None` where no row was used.
    pub(super) fn told(&self) -> Option<String> {
        let used = self.used()?;
        Some(format!(
            "rows 1 to {} of {} were used up by earlier runs against {} (the last at {})",
            used.until_row,
            self.data.display(),
            self.target,
            used.at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ))
    }

    /// Keeps that the run of `plan` has begun so many flows.
    pub(super) fn remember(mut self, plan_skipped: u32, started: u64, now: DateTime<Utc>) {
        let begun = u32::try_from(started).unwrap_or(u32::MAX);
        let until_row = plan_skipped.saturating_add(begun).max(self.skip());
        if begun == 0 {
            return;
        }
        self.memory.targets.insert(self.target.clone(), Used { until_row, at: now });
        let path = memory_of(&self.data);
        let written = serde_json::to_vec_pretty(&self.memory).map_err(std::io::Error::from);
        // A folder that cannot be written costs no verdict: the next run is told by its first step.
        if let Err(error) = written.and_then(|bytes| write_whole(&path, &bytes)) {
            out::say(format!(
                "warning: {} cannot be written, so the next run takes the same rows: {error}",
                path.display()
            ));
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

/// An error of a run, with what is known of the rows that earlier runs have used up.
pub(super) fn failure(error: RunError, used: Option<&UsedRows>) -> Failure {
    if let RunError::Data(error @ DataError::TooFew { skipped: 1.., .. }) = &error
        && let Some(told) = used.and_then(UsedRows::told)
    {
        return Failure::usage(format!(
            "{told}, and there are not enough behind them: {error}\nGive fresh rows; --from-row 1 takes those again that were put \
             back on the system's side"
        ));
    }
    if error.is_environment() { Failure::Environment(error.into()) } else { Failure::Usage(error.into()) }
}

/// Says which rows a run takes, where that is not from the first on.
pub(super) fn announce(plan: &Plan, used: Option<&UsedRows>) {
    if let Some(told) = used.filter(|_| plan.skipped_rows > 0).and_then(UsedRows::told) {
        let from = plan.skipped_rows + 1;
        out::say(format!("{told}: this run takes those from row {from} on (--from-row N takes others)"));
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
        of("http://a/", SCENARIO, &data).unwrap().remember(0, 0, Utc::now());
        assert_eq!(skip("http://a"), 0, "nothing has begun");
        of("http://a/", SCENARIO, &data).unwrap().remember(0, 2, Utc::now());
        assert_eq!((skip("http://a"), skip("http://b")), (2, 0));
        of("http://a", SCENARIO, &data).unwrap().remember(0, 1, Utc::now());
        assert_eq!(skip("http://a"), 2, "rows that were taken again");
        let reusable = SCENARIO.replace("steps:", "data: { columns: [id], reusable: true }\nsteps:");
        assert!(of("http://a", &reusable, &data).is_none());
        std::fs::write(&data, "id\n4\n5\n6\n").unwrap();
        assert_eq!(skip("http://a"), 0, "other rows under the same name");
    }
}
