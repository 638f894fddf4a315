//! Data rows, one for each flow: from CSV, JSON or JSON lines, from ranges, or written out in the scenario.

use super::model::{Data, Scenario};
use super::scope::{Row, Run};
use super::suggest;
use super::table::read_rows;
use super::template::TemplateError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// No source of rows at all.
    #[error(
        "the scenario needs data rows with the columns {columns}: give them with --data FILE (CSV or JSON)"
    )]
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

/// The rows of a run, one for each flow: from `extra_file` (`--data`), else from the scenario's file, else from its
/// written rows, without the first `skip`; ranges are added to each, and columns given by `--var` replace its own.
///
/// # Errors
/// Too few rows, a required column that is missing, a file that cannot be read or is malformed.
pub fn rows(
    scenario: &Scenario,
    flows: u32,
    skip: u32,
    extra_file: Option<&Path>,
    run: &Arc<Run>,
) -> Result<Vec<Row>, DataError> {
    let data = &scenario.data;
    let file = data_file(scenario, extra_file, &run.dir);
    let (needed, skipped) = (flows as usize, skip as usize);
    let last = needed.saturating_add(skipped);
    let without = |mut rows: Vec<Row>| rows.split_off(skipped.min(rows.len()));
    let (origin, mut rows) = match &file {
        Some(file) => (file.display().to_string(), without(read_rows(file, last)?)),
        None if !data.rows.is_empty() => ("the scenario".to_owned(), without(written_rows(data, last, run)?)),
        None if data.columns.iter().all(|c| data.ranges.contains_key(c) || run.columns.contains_key(c)) => {
            ("the scenario".to_owned(), vec![Row::new(); needed])
        }
        None => return Err(DataError::NoSource { columns: data.columns.join(", ") }),
    };
    if rows.len() < needed {
        let (found, fewer) = (rows.len(), scenario.contract.is_empty());
        return Err(DataError::TooFew { origin, skipped: skip, found, needed: flows, fewer });
    }
    for (number, row) in (i64::from(skip)..).zip(rows.iter_mut()) {
        let ranges =
            data.ranges.iter().map(|(name, first)| (name.clone(), first.saturating_add(number).into()));
        row.extend(ranges);
        row.extend(run.columns.clone());
    }
    check_columns(data, &rows, &origin)?;
    Ok(rows)
}

/// The file that the rows come from: `extra_file` (`--data`), else the scenario's, which lies in `dir`.
#[must_use]
pub fn data_file(scenario: &Scenario, extra_file: Option<&Path>, dir: &Path) -> Option<PathBuf> {
    extra_file.map(Path::to_path_buf).or_else(|| scenario.data.file.as_ref().map(|file| dir.join(file)))
}

fn written_rows(data: &Data, needed: usize, run: &Arc<Run>) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::new();
    for (flow, written) in (0..).zip(data.rows.iter().take(needed)) {
        let mut scope = run.scope(flow, Row::new());
        // A cell that `--var` replaces may lack its environment variable.
        let cells = written
            .iter()
            .filter(|(name, _)| !run.columns.contains_key(*name))
            .map(|(name, value)| Ok((name.to_owned(), scope.render_json(value)?)));
        let row = cells.collect::<Result<Row, _>>();
        rows.push(row.map_err(|source| {
            let missing = super::names::missing_in_row(written, |name| run.has_variable(name));
            match missing.as_slice() {
                [] => DataError::Template { row: rows.len() + 1, source },
                _ => DataError::Unset { columns: data.columns.join(", "), variables: missing.join(", ") },
            }
        })?);
    }
    Ok(rows)
}

/// Holds rows from anywhere (the stand-in's fixtures too) against the columns that the scenario requires.
///
/// # Errors
/// [`DataError::MissingColumn`].
pub fn check_columns(data: &Data, rows: &[Row], origin: &str) -> Result<(), DataError> {
    for (index, row) in rows.iter().enumerate() {
        if let Some(column) = data.columns.iter().find(|c| !row.contains_key(*c)) {
            let names: Vec<&str> = row.keys().map(String::as_str).collect();
            return Err(DataError::MissingColumn {
                origin: origin.to_owned(),
                row: index + 1,
                column: column.clone(),
                hint: suggest::hint(column, names.iter().copied()),
                columns: names.join(", "),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::scope::RunSettings;
    use super::super::{Env, load_bytes};
    use super::*;
    use serde_json::{Value, json};

    fn scenario(data: &str) -> Scenario {
        let text = format!(
            "name: d\nsubject: {{ kind: flow, id: x }}\n{data}steps: [{{ name: a, request: {{ method: GET, path: / }} }}]\n"
        );
        load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap_or_else(|e| panic!("{e}")).scenario
    }

    fn get(data: &str, flows: u32, file: Option<&Path>) -> Result<Vec<Row>, String> {
        let scenario = scenario(data);
        let env: Env = Arc::new(|name| (name == "ID").then(|| "9".to_owned()));
        let (vars, run_id, dir) = (Row::new(), String::new(), PathBuf::from("."));
        let settings = RunSettings {
            seed: 0,
            run_id,
            now: std::sync::Arc::new(chrono::Utc::now),
            env,
            vars,
            dir,
            challenge: None,
        };
        let run = Run::new(&scenario, settings).map_err(|e| e.to_string())?;
        rows(&scenario, flows, 0, file, &run).map_err(|e| e.to_string())
    }

    /// What a file of that name and content gives, with the directory taken out of an error.
    fn read(name: &str, content: &[u8], flows: u32, data: &str) -> Result<Value, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, content).unwrap();
        let rows = get(data, flows, Some(&file))
            .map_err(|e| e.replace(&format!("{}/", dir.path().display()), ""))?;
        Ok(serde_json::to_value(rows).unwrap())
    }

    #[test]
    fn csv_cells_are_typed_only_when_canonical() {
        let csv = "\u{feff}id,code,ok,phone,text\r\n7,0101,true,+880171,\"a,\nb\"\r\n-1,1.5,false,,x\r\n";
        assert_eq!(
            read("d.csv", csv.as_bytes(), 2, ""),
            Ok(json!([
                {"id": 7, "code": "0101", "ok": true, "phone": "+880171", "text": "a,\nb"},
                {"id": -1, "code": "1.5", "ok": false, "phone": "", "text": "x"},
            ]))
        );
    }

    #[test]
    fn json_comes_as_array_or_lines() {
        let expected = Ok(json!([{"a": 1}, {"a": {"b": [true]}}]));
        assert_eq!(read("d.json", br#"[{"a":1}, {"a":{"b":[true]}}, {"a":3}]"#, 2, ""), expected);
        assert_eq!(read("d.jsonl", b"{\"a\":1}\n\n{\"a\":{\"b\":[true]}}\n", 2, ""), expected);
        assert_eq!(read("d", b"a\n1\n", 1, ""), Ok(json!([{"a": 1}])));
    }

    #[test]
    fn ranges_and_written_rows() {
        let rows = get("data: { ranges: { id: 100 } }\n", 2, None).unwrap();
        assert_eq!(serde_json::to_value(rows).unwrap(), json!([{"id": 100}, {"id": 101}]));
        let written =
            "data: { rows: [{ id: \"{{ env.ID | int }}\", n: \"{{ flow }}\" }, { id: 1, n: x }] }\n";
        let rows = get(written, 2, None).unwrap();
        assert_eq!(serde_json::to_value(rows).unwrap(), json!([{"id": 9, "n": 0}, {"id": 1, "n": "x"}]));
        // What stands in a data file is data, never a template.
        assert_eq!(read("d.csv", b"a\n{{ env.ID }}\n", 1, ""), Ok(json!([{"a": "{{ env.ID }}"}])));
    }

    #[test]
    fn each_mistake_is_named() {
        let error = |name: &str, content: &[u8]| {
            read(name, content, 2, "data: { columns: [user_id] }\n").unwrap_err()
        };
        assert_eq!(
            error("d.csv", b"user_id\n1\n"),
            "d.csv: 1 data row(s) for 2 flows: give 2 rows, or run with --flows 1"
        );
        assert_eq!(
            error("d.csv", b"userid,x\n1,2\n3,4\n"),
            "d.csv: row 1 has no column `user_id`; did you mean `userid`? (its columns are userid, x)"
        );
        assert_eq!(
            error("d.json", br#"[{"user_id":1},{"x":1}]"#),
            "d.json: row 2 has no column `user_id` (its columns are x)"
        );
        assert_eq!(
            error("d.csv", b"user_id,b\n1,2\n3\n"),
            "d.csv:3: 1 cells, but the first line names 2 columns"
        );
        assert_eq!(error("d.csv", b"a,a\n1,2\n"), "d.csv:1: the column `a` is there twice");
        assert_eq!(
            error("d.csv", b"a,\n1,2\n"),
            "d.csv:1: a column has no name: the first line must name every column"
        );
        assert_eq!(error("d.csv", b""), "d.csv: holds no data rows");
        assert_eq!(error("d.csv", b"user_id\n"), "d.csv: holds no data rows");
        assert_eq!(error("d.json", b"[]"), "d.json: holds no data rows");
        assert_eq!(error("d.csv", b"user_id\n1\n\xff\n"), "d.csv:3: not UTF-8: save the file as UTF-8");
        assert!(error("d.json", b"[{\"a\":1},\n{]").starts_with("d.json:2: not JSON: "));
        assert!(error("d.jsonl", b"{\"a\":1}\n[1]\n").starts_with("d.jsonl:2: not a JSON object: "));
        assert_eq!(error("d.json", b"[1]"), "d.json:1: item 1 of the array is not an object");
        assert!(error("d.json", b"user_id\n1").starts_with("d.json:1: expected `[` or `{`"));
        let none = get("data: { columns: [user_id, b] }\n", 2, None).unwrap_err();
        assert_eq!(
            none,
            "the scenario needs data rows with the columns user_id, b: give them with --data FILE (CSV or JSON)"
        );
        assert!(
            get("", 1, Some(Path::new("/nonexistent.csv")))
                .unwrap_err()
                .starts_with("/nonexistent.csv: cannot be read: ")
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_DATA + 1).unwrap();
        assert!(matches!(read_rows(file.path(), 1), Err(DataError::TooLarge { .. })));
    }
}
