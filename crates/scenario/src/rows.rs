//! Data rows, one for each flow: from CSV, JSON or JSON lines, from ranges, or written out in the scenario. Those of a CSV file are read
//! when they are needed: there may be a million of them.

use super::data::{DataError, data_file};
use super::model::{Data, Scenario};
use super::names::whole_numbers;
use super::packed::Packed;
use super::scope::{Row, Run};
use super::suggest;
use super::table::Table;
use super::template::is_whole;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The rows of a run, one for each flow, checked. They can be gone through again and again.
pub struct Rows {
    from: Source,
    /// Rows in front of them that are not taken.
    skipped: usize,
    count: usize,
    /// Columns that count from a number on.
    ranges: Vec<(String, i64)>,
    /// Columns whose values take the place of each row's own.
    columns: Row,
}

/// Where they come from.
enum Source {
    /// A data file.
    Table(Table),
    /// Elsewhere: held, the first ones too that are not taken.
    Held(Vec<Packed>),
    /// They have no columns of their own.
    Nowhere,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secret.
        f.debug_struct("Rows").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Rows {
    /// Rows that are there already.
    #[must_use]
    pub fn held(rows: &[Row]) -> Self {
        let count = rows.len();
        let from = Source::Held(rows.iter().filter_map(Packed::new).collect());
        Self { from, skipped: 0, count, ranges: Vec::new(), columns: Row::new() }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// All of them in order: those of a file are read from it. Nothing follows an error.
    ///
    /// # Errors
    /// When the file cannot be read any more, or is not what it was.
    pub fn iter(&self) -> impl Iterator<Item = Result<Row, DataError>> {
        self.all().skip(self.skipped).take(self.count)
    }

    /// Those that are not taken too.
    fn all(&self) -> impl Iterator<Item = Result<Row, DataError>> {
        let raw: Box<dyn Iterator<Item = Result<Row, DataError>>> = match &self.from {
            Source::Table(table) => Box::new(table.rows().map(|placed| placed.map(|(_, row)| row))),
            Source::Held(rows) => Box::new(rows.iter().filter_map(Packed::row).map(Ok)),
            Source::Nowhere => Box::new(std::iter::repeat_with(|| Ok(Row::new()))),
        };
        (0i64..).zip(raw).map(|(number, row)| row.map(|row| self.complete(number, row)))
    }

    /// A row with the columns that are not its own.
    fn complete(&self, number: i64, mut row: Row) -> Row {
        let ranges = self.ranges.iter();
        row.extend(ranges.map(|(name, first)| (name.clone(), first.saturating_add(number).into())));
        row.extend(self.columns.clone());
        row
    }

    /// A CSV file whose first line names no column that is needed, nor nearly, has rows there and no names.
    fn check_header(&self, data: &Data, row: &Row) -> Result<(), DataError> {
        let Source::Table(table) = &self.from else { return Ok(()) };
        let is_given = |name: &str| {
            self.columns.contains_key(name) || self.ranges.iter().any(|(range, _)| range == name)
        };
        let needed: Vec<&str> =
            data.columns.iter().map(String::as_str).filter(|name| !is_given(name)).collect();
        let is_there = |name: &&str| {
            row.contains_key(*name) || !suggest::hint(name, row.keys().map(String::as_str)).is_empty()
        };
        if !table.is_csv() || needed.is_empty() || needed.iter().any(is_there) {
            return Ok(());
        }
        let needed = needed.join(", ");
        let message = format!(
            "names none of the columns that the scenario needs ({needed}): the first line of a CSV file names its columns"
        );
        Err(DataError::Line { file: table.path().to_owned(), line: 1, message })
    }

    /// Goes through all rows of a source, and gives how many of those that are wanted it has: none of those in front, and `count` at most.
    fn check(&self, scenario: &Scenario, origin: &str) -> Result<usize, DataError> {
        let (data, whole) = (&scenario.data, whole_numbers(scenario));
        let is_file = matches!(self.from, Source::Table(_));
        // Without a source they are all alike.
        let looked_at = if matches!(self.from, Source::Nowhere) { self.skipped + 1 } else { usize::MAX };
        let last = self.skipped.saturating_add(self.count);
        let (mut rows, mut missing, mut empty, mut other) = (0, None, None, None);
        for (number, row) in (1..).zip(self.all().take(looked_at)) {
            // A mistake anywhere in the file is told before anything else.
            let row = row?;
            rows = number;
            if number == 1 {
                self.check_header(data, &row)?;
            }
            if number > self.skipped && number <= last {
                missing = missing.or_else(|| check_columns(data, &row, origin, number).err());
                empty = empty.or_else(|| check_cells(data, &row, origin, number).filter(|_| is_file));
                other = other.or_else(|| check_whole(&whole, &row, origin, number));
            }
        }
        match (missing.or(empty).or(other), &self.from) {
            (Some(wrong), _) => Err(wrong),
            (None, Source::Nowhere) => Ok(self.count),
            (None, Source::Table(table)) if rows == 0 => {
                Err(DataError::Empty { file: table.path().to_owned() })
            }
            _ => Ok(rows.saturating_sub(self.skipped).min(self.count)),
        }
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
) -> Result<Rows, DataError> {
    let data = &scenario.data;
    let (count, skipped) = (flows as usize, skip as usize);
    let last = count.saturating_add(skipped);
    let (origin, from) = match data_file(scenario, extra_file, &run.dir) {
        Some(file) => (file.display().to_string(), Source::Table(Table::open(&file, last)?)),
        None if !data.rows.is_empty() => {
            let rows = written_rows(data, last, run)?;
            ("the scenario".to_owned(), Source::Held(rows.iter().filter_map(Packed::new).collect()))
        }
        None if data.columns.iter().all(|c| data.ranges.contains_key(c) || run.columns.contains_key(c)) => {
            ("the scenario".to_owned(), Source::Nowhere)
        }
        None => return Err(DataError::NoSource { columns: data.columns.join(", ") }),
    };
    let ranges = data.ranges.iter().map(|(name, first)| (name.clone(), *first)).collect();
    let rows = Rows { from, skipped, count, ranges, columns: run.columns.clone() };
    match rows.check(scenario, &origin)? {
        found if found < count => {
            let fewer = scenario.contract.is_empty();
            Err(DataError::TooFew { origin, skipped: skip, found, needed: flows, fewer })
        }
        _ => Ok(rows),
    }
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

/// Holds a row from anywhere (the stand-in's too), `number` from 1, against the columns that the scenario requires.
///
/// # Errors
/// [`DataError::MissingColumn`].
pub fn check_columns(data: &Data, row: &Row, origin: &str, number: usize) -> Result<(), DataError> {
    let Some(column) = data.columns.iter().find(|c| !row.contains_key(*c)) else { return Ok(()) };
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    Err(DataError::MissingColumn {
        origin: origin.to_owned(),
        row: number,
        column: column.clone(),
        hint: suggest::hint(column, names.iter().copied()),
        columns: names.join(", "),
    })
}

/// A required column of a file's row that is not filled in; a scenario's own rows may leave one empty on purpose.
fn check_cells(data: &Data, row: &Row, origin: &str, number: usize) -> Option<DataError> {
    let is_empty = |column: &&String| row.get(*column).is_some_and(|cell| cell == "");
    let column = data.columns.iter().find(is_empty)?.clone();
    Some(DataError::EmptyCell { origin: origin.to_owned(), row: number, column })
}

/// A cell that every flow takes as a whole number and that holds none.
fn check_whole(whole: &BTreeSet<String>, row: &Row, origin: &str, number: usize) -> Option<DataError> {
    let is_other = |column: &&String| row.get(*column).is_some_and(|cell| !is_whole(cell));
    let column = whole.iter().find(is_other)?.clone();
    Some(DataError::NotWhole { origin: origin.to_owned(), row: number, column })
}

#[cfg(test)]
mod tests {
    use super::super::scope::RunSettings;
    use super::super::{Env, load_bytes};
    use super::super::{MAX_DATA, read_rows};
    use super::*;
    use serde_json::{Value, json};
    use std::path::PathBuf;

    fn scenario(data: &str) -> Scenario {
        let text = format!(
            "name: d\nsubject: {{ kind: flow, id: x }}\n{data}steps: [{{ name: a, request: {{ method: GET, path: / }} }}]\n"
        );
        load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap_or_else(|e| panic!("{e}")).scenario
    }

    fn get(data: &str, flows: u32, file: Option<&Path>) -> Result<Vec<Row>, String> {
        let scenario = scenario(data);
        let run = run_of(&scenario)?;
        let rows = rows(&scenario, flows, 0, file, &run).and_then(|rows| rows.iter().collect());
        rows.map_err(|e| e.to_string())
    }

    fn run_of(scenario: &Scenario) -> Result<Arc<Run>, String> {
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
        Run::new(scenario, settings).map_err(|e| e.to_string())
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
    fn a_csv_file_without_its_first_line_is_told_to_be_that() {
        let columns = "data: { columns: [id, code] }\n";
        let wrong = read("d.csv", b"7,a\n8,b\n", 1, columns).unwrap_err();
        assert_eq!(
            wrong,
            "d.csv:1: names none of the columns that the scenario needs (id, code): the first line of a CSV file names its columns"
        );
        // One that names some lacks the others, and what has no first line for names lacks them itself.
        assert!(read("d.csv", b"id,name\n7,b\n", 1, columns).unwrap_err().contains("has no column `code`"));
        assert!(read("d.json", br#"[{"a": 1}]"#, 1, columns).unwrap_err().contains("has no column `id`"));
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

    /// Where every flow takes the column `id` as a whole number, and those of a variant the column `extra`, too.
    #[test]
    fn a_cell_that_is_no_whole_number_is_told_before_anything_is_driven() {
        let text = "name: d\nsubject: { kind: flow, id: x }\ndata: { columns: [id, extra] }\nsteps:\n  - name: a\n    request: { method: GET, \
                    path: \"/{{ id }}\" }\n    expect: { json: { /id: \"{{ id | int }}\" } }\nvariants:\n  - name: v\n    of_every: 2\n    \
                    last: 1\n    after: a\n    steps:\n      - name: b\n        request: { method: GET, path: \"/{{ extra | int }}\" }\n";
        let scenario =
            load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap_or_else(|e| panic!("{e}")).scenario;
        let run = run_of(&scenario).unwrap();
        let read = |csv: &str, skip| {
            let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
            std::fs::write(file.path(), csv).unwrap();
            rows(&scenario, 1, skip, Some(file.path()), &run).err().map(|error| error.to_string())
        };
        for (csv, skip, wrong) in [
            ("id,extra\n7,x\n", 0, None),
            ("id,extra\n\" 7 \",x\n", 0, None),
            ("id,extra\n7,x\nb-1,x\n", 0, None),
            ("id,extra\nb-1,x\n7,x\n", 0, Some("row 1 has no whole number in the column `id`")),
            ("id,extra\n7,x\n7.5,x\n", 1, Some("row 2 has no whole number in the column `id`")),
        ] {
            let error = read(csv, skip);
            assert_eq!(error.is_some(), wrong.is_some(), "{csv} {error:?}");
            assert!(wrong.is_none_or(|wrong| error.unwrap_or_default().contains(wrong)), "{csv}");
        }
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

    #[test]
    fn rows_in_front_are_left_out() {
        let text = "name: d\nsubject: { kind: flow, id: x }\ndata: { ranges: { id: 5 } }\n\
                    steps: [{ name: a, request: { method: GET, path: '/{{ id }}' } }]\n";
        let scenario = load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap().scenario;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("d.csv");
        std::fs::write(&file, "n\n1\n2\n3\n").unwrap();
        let run = run_of(&scenario).unwrap();
        let got = |flows, skip| rows(&scenario, flows, skip, Some(&file), &run);
        let second: Vec<Row> = got(1, 1).unwrap().iter().collect::<Result<_, _>>().unwrap();
        assert_eq!((&second[0]["n"], &second[0]["id"]), (&2.into(), &6.into()));
        let few = got(2, 2).unwrap_err().to_string();
        assert!(
            few.ends_with("1 data row(s) from row 3 on for 2 flows: give 2 rows, or run with --flows 1"),
            "{few}"
        );
        // A contract takes a flow for each of its cases.
        let sweep = crate::load_typed("sender_contract").unwrap().scenario;
        let wrong = rows(&sweep, 58, 0, Some(&file), &run).unwrap_err().to_string();
        assert!(
            wrong.contains("d.csv:1: names none of the columns that the scenario needs (payment_id,"),
            "{wrong}"
        );
        let payments = dir.path().join("p.csv");
        let of_sweep = |text: &str| {
            std::fs::write(
                &payments,
                format!("payment_id,tournament_id,user_username,user_password\n{text}"),
            )
            .unwrap();
            rows(&sweep, 58, 0, Some(&payments), &run).unwrap_err().to_string()
        };
        let few = of_sweep("1,1,u,p\n2,2,u,p\n3,3,u,p\n");
        assert!(few.ends_with("3 data row(s) for 58 flows: give 58 rows"), "{few}");
        let empty = of_sweep("1,1,u,p\n2,,u,p\n");
        assert!(
            empty.ends_with("row 2 has nothing in the column `tournament_id`: fill it in, or remove the row"),
            "{empty}"
        );
        let none = got(2, 3).unwrap_err().to_string();
        assert!(none.ends_with("0 data row(s) from row 4 on for 2 flows: give 2 rows"), "{none}");
    }
}
