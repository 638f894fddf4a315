//! Data rows, one for each flow: from CSV, JSON or JSON lines, from ranges, or written out in the scenario.

use super::model::{Data, Scenario};
use super::names::names_in;
use super::scope::{Row, Run};
use super::suggest;
use super::table::{placed_rows, read_rows};
use super::template::TemplateError;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
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
    for (number, row) in (i64::from(skip)..).zip(rows.iter_mut()) {
        let ranges =
            data.ranges.iter().map(|(name, first)| (name.clone(), first.saturating_add(number).into()));
        row.extend(ranges);
        row.extend(run.columns.clone());
    }
    check_columns(data, &rows, &origin, skipped)?;
    if file.is_some() {
        check_cells(data, &rows, &origin, skipped)?;
    }
    if rows.len() < needed {
        let (found, fewer) = (rows.len(), scenario.contract.is_empty());
        return Err(DataError::TooFew { origin, skipped: skip, found, needed: flows, fewer });
    }
    Ok(rows)
}

/// The file that the rows come from: `extra_file` (`--data`), else the scenario's, which lies in `dir`.
#[must_use]
pub fn data_file(scenario: &Scenario, extra_file: Option<&Path>, dir: &Path) -> Option<PathBuf> {
    extra_file.map(Path::to_path_buf).or_else(|| scenario.data.file.as_ref().map(|file| dir.join(file)))
}

/// Most places of one row that are told.
const PLACES: usize = 10;

/// Looks whether flows of a scenario that uses rows up would take a row again: those behind the first `skip`, `flows` of them, and of those
/// in front the first `used`, which were used up already. Rows are the same when they are about the same subject, whatever else
/// stands in them; where rows do not say the subject, when all that the scenario asks for is.
///
/// # Errors
/// [`DataError::Repeats`], and what [`rows`] says of a file that cannot be read.
pub fn check_repeats(
    scenario: &Scenario,
    file: &Path,
    flows: u32,
    skip: u32,
    used: u32,
) -> Result<(), DataError> {
    let data = &scenario.data;
    // A range makes each row another one.
    if !data.ranges.is_empty() {
        return Ok(());
    }
    let names = names_in(&[scenario.subject.id.as_str()]);
    let last = u64::from(skip) + u64::from(flows);
    let mut seen: HashMap<Vec<String>, (bool, Vec<u64>)> = HashMap::new();
    let (unit, rows) = placed_rows(file, usize::MAX)?;
    for (number, (place, row)) in (0u64..).zip(rows) {
        let taken = (u64::from(skip)..last).contains(&number);
        let subject: Vec<String> = names.iter().filter_map(|name| row.get(name)).map(plain).collect();
        let asked = |name: &String| data.columns.is_empty() || data.columns.contains(name);
        let all = || row.iter().filter(|(name, _)| asked(name)).map(|(_, cell)| plain(cell)).collect();
        let same: Vec<String> = if subject.is_empty() { all() } else { subject };
        let (again, places) = seen.entry(same).or_default();
        *again |= taken && !places.is_empty();
        if taken || number < u64::from(used) || *again {
            places.push(place);
        }
    }
    let mut repeated: Vec<Vec<u64>> =
        seen.into_values().filter_map(|(again, places)| again.then_some(places)).collect();
    repeated.sort_unstable();
    let Some(first) = repeated.first() else { return Ok(()) };
    let named: Vec<String> = first.iter().take(PLACES).map(u64::to_string).collect();
    let more = first.len().saturating_sub(PLACES);
    let places = match (named.split_last(), more) {
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
        _ => format!("{} and {more} more", named.join(", ")),
    };
    Err(DataError::Repeats {
        file: file.to_owned(),
        places: format!("{unit} {places}"),
        advice: "keep it once, and give each flow its own row".to_owned(),
        others: repeated.len() - 1,
    })
}

/// A cell as an API takes it: `01`, `1` and the text `1` are one number.
fn plain(cell: &Value) -> String {
    let text = cell.as_str().map_or_else(|| cell.to_string(), |text| text.trim().to_owned());
    text.parse::<i128>().map_or(text, |number| number.to_string())
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

/// Holds rows from anywhere (the stand-in's too), of which `before` were left out in front, against the columns that the
/// scenario requires.
///
/// # Errors
/// [`DataError::MissingColumn`].
pub fn check_columns(data: &Data, rows: &[Row], origin: &str, before: usize) -> Result<(), DataError> {
    for (number, row) in (before + 1..).zip(rows) {
        if let Some(column) = data.columns.iter().find(|c| !row.contains_key(*c)) {
            let names: Vec<&str> = row.keys().map(String::as_str).collect();
            return Err(DataError::MissingColumn {
                origin: origin.to_owned(),
                row: number,
                column: column.clone(),
                hint: suggest::hint(column, names.iter().copied()),
                columns: names.join(", "),
            });
        }
    }
    Ok(())
}

/// Whether the required columns of a file's rows are filled in; a scenario's own rows may leave one empty on purpose.
fn check_cells(data: &Data, rows: &[Row], origin: &str, before: usize) -> Result<(), DataError> {
    for (number, row) in (before + 1..).zip(rows) {
        let is_empty = |column: &&String| row.get(*column).is_some_and(|cell| cell == "");
        if let Some(column) = data.columns.iter().find(is_empty) {
            let (origin, column) = (origin.to_owned(), column.clone());
            return Err(DataError::EmptyCell { origin, row: number, column });
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
    fn rows_that_repeat_are_named_where_a_flow_would_take_them_again() {
        let dir = tempfile::tempdir().unwrap();
        let scenario = scenario("data: { columns: [id] }\n");
        let told = |name: &str, text: &str, (flows, skip, used): (u32, u32, u32)| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            check_repeats(&scenario, &file, flows, skip, used)
                .map_err(|e| e.to_string().replace(&format!("{}/", dir.path().display()), ""))
        };
        let same = "id,note\n7,a\n7,b\n8,c\n7,d\n8,e\n";
        let wrong = told("d.csv", same, (5, 0, 0)).unwrap_err();
        assert!(wrong.starts_with("d.csv: the same row appears in lines 2, 3 and 5, but "), "{wrong}");
        assert!(wrong.contains("1 more row(s) repeat"), "{wrong}");
        // One flow takes one row; the next run takes it again, when the first is known to be used up.
        assert_eq!(told("d.csv", same, (1, 0, 0)), Ok(()));
        assert!(told("d.csv", same, (1, 1, 1)).unwrap_err().contains("lines 2, 3 and 5"));
        assert_eq!(told("d.csv", same, (1, 1, 0)), Ok(()), "the user says that the first is not");
        assert!(told("d.json", "[{\"id\":1},{\"id\":1}]", (2, 0, 0)).unwrap_err().contains("items 1 and 2"));
        assert!(
            told("d.jsonl", "{\"id\":1}\n\n{\"id\":1}\n", (2, 0, 0)).unwrap_err().contains("lines 1 and 3")
        );
        assert_eq!(told("d.csv", "id\n1\n2\n", (2, 0, 0)), Ok(()));
        // The same subject, whatever stands beside it, and however its number is written.
        let mut scenario = Scenario { subject: scenario.subject.clone(), ..scenario };
        scenario.subject.id = "{{ id }}".to_owned();
        let file = dir.path().join("s.json");
        std::fs::write(&file, r#"[{"id":"01","other":1},{"id":1,"other":2},{"id":2,"other":2}]"#).unwrap();
        let error = check_repeats(&scenario, &file, 3, 0, 0).unwrap_err().to_string();
        assert!(error.contains("items 1 and 2"), "{error}");
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
        assert_eq!(error("d.csv", b"a,a\n1,2\n"), "d.csv:1: the column `a` appears twice");
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
            "the scenario needs data rows with the columns user_id, b: give --data FILE (CSV or JSON)"
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
