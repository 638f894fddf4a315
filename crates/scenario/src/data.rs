//! Where data rows may come from, and why there are none.

use super::model::{Data, Scenario};
use super::template::TemplateError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Largest data file, in bytes.
pub const MAX_DATA: u64 = 64 * 1024 * 1024;

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        file: PathBuf,
        /// Why.
        source: record::InputError,
    },
    /// Over [`MAX_DATA`].
    #[error("{}: over {MAX_DATA} bytes, the limit for a data file", file.display())]
    TooLarge { file: PathBuf },
    /// It is not the file any more that was checked.
    #[error(
        "{}: the file has changed since its rows were checked: run again, and let nothing write to it meanwhile, or give a copy of it",
        file.display()
    )]
    Changed { file: PathBuf },
    /// One line is wrong.
    #[error("{}:{line}: {message}", file.display())]
    Line {
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The file holds nothing.
    #[error("{}: holds no data rows", file.display())]
    Empty { file: PathBuf },
    /// Fewer rows than flows.
    #[error(
        "{origin}: {found} data row(s){} for {needed} flows: give {needed} rows{}",
        if *skipped > 0 { format!(" from row {} on", skipped + 1) } else { String::new() },
        if *found > 0 && *fewer { format!(", or run with --flows {found}") } else { String::new() }
    )]
    TooFew {
        /// The file, or `the scenario`.
        origin: String,
        /// Rows in front of them that are not taken.
        skipped: u32,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: u32,
        /// Whether the scenario can be played with fewer flows; a contract takes one for each case.
        fewer: bool,
    },
    /// A row stands there more than once, and can be used up once.
    #[error(
        "{}: the same row appears in {places}, but each flow uses up its row: {advice}{}",
        file.display(),
        if *others > 0 { format!(" ({others} more row(s) repeat)") } else { String::new() }
    )]
    Repeats {
        file: PathBuf,
        /// Such as `lines 2, 3 and 7`.
        places: String,
        /// What would be right.
        advice: String,
        /// Other rows that stand there more than once.
        others: usize,
    },
    /// A required column is missing.
    #[error("{origin}: row {row} has no column `{column}`{hint} (its columns are {columns})")]
    MissingColumn {
        /// The file, or `the scenario`.
        origin: String,
        /// The row, from 1.
        row: usize,
        column: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
        /// The columns that there are.
        columns: String,
    },
    /// A required column is missing in the rows that the stand-in makes up.
    #[error(
        "the stand-in's data rows have no column `{column}`{hint}: give --data FILE, or --staging URL of the system that the \
         scenario is about"
    )]
    NotOfStandIn {
        column: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// A required column has nothing in it.
    #[error("{origin}: row {row} has nothing in the column `{column}`: fill it in, or remove the row")]
    EmptyCell {
        /// The file, or `the scenario`.
        origin: String,
        /// The row, from 1.
        row: usize,
        column: String,
    },
    /// A column that the steps take as a whole number holds something else.
    #[error(
        "{origin}: row {row} has no whole number in the column `{column}`, which the scenario takes as one \
         (`{{{{ {column} | int }}}}`): give another row, or change the scenario"
    )]
    NotWhole {
        /// The file, or `the scenario`.
        origin: String,
        /// The row, from 1.
        row: usize,
        column: String,
    },
    /// No source of rows at all.
    #[error("the scenario needs data rows with the columns {columns}: give --data FILE (CSV or JSON)")]
    NoSource {
        /// The required columns.
        columns: String,
    },
    /// The scenario's own row is made of environment variables that are not set.
    #[error("no data: give --data FILE (CSV or JSON with the columns {columns}), or set {variables}")]
    Unset {
        /// The required columns.
        columns: String,
        variables: String,
    },
    /// A template in a row of the scenario has no value.
    #[error("data row {row} of the scenario: {source}")]
    Template {
        /// The row, from 1.
        row: usize,
        /// Why.
        source: TemplateError,
    },
}

impl Data {
    /// The columns that templates may use: `columns`, those of `ranges`, and those that all of `rows` have.
    #[must_use]
    pub fn column_names(&self) -> BTreeSet<String> {
        let written = self.rows.first().into_iter().flat_map(super::entries::Entries::keys);
        let shared = written.filter(|name| self.rows.iter().all(|row| row.get(name).is_some()));
        let ranges = self.ranges.keys().map(String::as_str);
        self.columns.iter().map(String::as_str).chain(ranges).chain(shared).map(str::to_owned).collect()
    }
}

/// The file that the rows come from: `extra_file` (`--data`), else the scenario's, which lies in `dir`.
#[must_use]
pub fn data_file(scenario: &Scenario, extra_file: Option<&Path>, dir: &Path) -> Option<PathBuf> {
    extra_file.map(Path::to_path_buf).or_else(|| scenario.data.file.as_ref().map(|file| dir.join(file)))
}
