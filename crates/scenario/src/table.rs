//! Data files: CSV with a header, a JSON array of objects, or JSON lines, with limits and line numbers.

use super::csv::{self, LineError};
use super::data::DataError;
use super::data_text::DataText;
use super::packed::Packed;
use super::scope::Row;
use serde_json::{Number, Value};
use signature::UniqueKeysError;
use std::collections::BTreeSet;
use std::path::Path;

/// A row, and where it stands in its file.
pub(super) type Placed = (u64, Row);

/// The first `keep` rows of a CSV file with a header, a JSON array of objects, or JSON lines; told apart by the file's
/// ending, else by its first character. The rest is read too: a mistake anywhere in the file is told.
///
/// # Errors
/// A file that cannot be read, is over [`MAX_DATA`](super::MAX_DATA), not UTF-8, empty or malformed (with the line).
pub fn read_rows(file: &Path, keep: usize) -> Result<Vec<Row>, DataError> {
    let mut kept = Vec::new();
    for placed in Table::open(file, keep)?.rows() {
        let (_, row) = placed?;
        if kept.len() < keep {
            kept.push(row);
        }
    }
    if kept.is_empty() { Err(DataError::Empty { file: file.to_owned() }) } else { Ok(kept) }
}

/// A data file whose rows can be gone through again and again.
pub(super) struct Table {
    text: DataText,
    form: Form,
}

enum Form {
    /// Its rows are read whenever they are gone through.
    Csv,
    /// JSON: an array or lines, whose rows are held, each with its place.
    Json { array: bool, rows: Vec<(u64, Packed)> },
}

impl Table {
    /// Opens a file. Where its rows have to be held, the first `keep` of them are.
    ///
    /// # Errors
    /// As [`read_rows`]; but what is wrong in a CSV file is told where its rows are gone through, as is that there are none.
    pub(super) fn open(file: &Path, keep: usize) -> Result<Self, DataError> {
        let text = DataText::open(file)?;
        let form = Form::of(&text, keep)?;
        Ok(Self { text, form })
    }

    /// What the place of a row is a number of.
    pub(super) const fn unit(&self) -> &'static str {
        if matches!(self.form, Form::Json { array: true, .. }) { "items" } else { "lines" }
    }

    pub(super) const fn is_csv(&self) -> bool {
        matches!(self.form, Form::Csv)
    }

    pub(super) fn path(&self) -> &Path {
        self.text.path()
    }

    /// All rows, each with the line on which it begins, or its number from 1 in an array. Nothing follows an error.
    pub(super) fn rows(&self) -> Box<dyn Iterator<Item = Result<Placed, DataError>> + '_> {
        match &self.form {
            Form::Csv => Box::new(csv_rows(&self.text)),
            Form::Json { rows, .. } => {
                Box::new(rows.iter().filter_map(|(place, row)| Some(Ok((*place, row.row()?)))))
            }
        }
    }
}

impl Form {
    fn of(text: &DataText, keep: usize) -> Result<Self, DataError> {
        let ending = text.path().extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if matches!(ending.as_deref(), Some("yaml" | "yml")) {
            let wrong = "a data file is CSV, JSON or JSON lines, not YAML".to_owned();
            return Err(line_error(text, (1, wrong)));
        }
        let begins = if ending.as_deref() == Some("csv") { None } else { first_character(text)? };
        let rows = match begins {
            Some('[') => json_array(&text.whole()?, keep),
            Some('{') => json_lines(&text.whole()?, keep),
            Some(_) if matches!(ending.as_deref(), Some("json" | "jsonl" | "ndjson")) => {
                Err((1, "expected `[` or `{`: an array of objects, or one object a line".to_owned()))
            }
            _ => return Ok(Self::Csv),
        };
        let rows = rows.map_err(|wrong| line_error(text, wrong))?;
        let packed = rows.into_iter().filter_map(|(place, row)| Some((place, Packed::new(&row)?)));
        Ok(Self::Json { array: begins == Some('['), rows: packed.collect() })
    }
}

fn line_error(text: &DataText, (line, message): LineError) -> DataError {
    DataError::Line { file: text.path().to_owned(), line, message }
}

/// The first character of a text that is no blank.
fn first_character(text: &DataText) -> Result<Option<char>, DataError> {
    let (mut pieces, mut piece) = (text.pieces(), String::new());
    while pieces.add_to(&mut piece)? {
        if let Some(first) = piece.trim_start().chars().next() {
            return Ok(Some(first));
        }
        piece.clear();
    }
    Ok(None)
}

fn csv_rows(text: &DataText) -> impl Iterator<Item = Result<Placed, DataError>> {
    let mut pieces = text.pieces();
    let mut records = csv::Records::new(move |to: &mut String| pieces.add_to(to));
    let (mut names, mut ended) = (None, false);
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let row = match csv_row(&mut records, &mut names) {
            Ok(row) => row.map(|row| row.map_err(|wrong| line_error(text, wrong))),
            Err(error) => Some(Err(error)),
        };
        ended = !matches!(row, Some(Ok(_)));
        row
    })
}

/// The next row of a CSV text, whose columns are read first.
fn csv_row<E, M: FnMut(&mut String) -> Result<bool, E>>(
    records: &mut csv::Records<M>,
    names: &mut Option<Vec<String>>,
) -> Result<Option<Result<Placed, LineError>>, E> {
    let names = match names {
        Some(names) => names,
        None => match records.next()? {
            None => return Ok(None),
            Some(header) => match header.and_then(|header| columns(header.cells, records.first_line())) {
                Ok(read) => names.insert(read),
                Err(wrong) => return Ok(Some(Err(wrong))),
            },
        },
    };
    let row = |csv::Record { line, cells }: csv::Record| {
        if cells.len() != names.len() {
            let told = format!("{} cells, but the first line names {} columns", cells.len(), names.len());
            return Err((line, told));
        }
        Ok((line, names.iter().zip(&cells).map(|(name, text)| (name.clone(), cell(text))).collect()))
    };
    Ok(records.next()?.map(|record| record.and_then(row)))
}

/// The names of columns, each one of its own.
fn columns(names: Vec<String>, first_line: &str) -> Result<Vec<String>, LineError> {
    if first_line.contains('\r') {
        return Err((1, "its lines end in CR alone: save it with LF or CRLF line endings".to_owned()));
    }
    let other = || [';', '\t'].into_iter().find(|c| first_line.contains(*c));
    if let ([only], Some(other)) = (names.as_slice(), other()) {
        let separator = if other == ';' { "semicolons" } else { "tabs" };
        return Err((
            1,
            format!("the columns of `{}` are separated by {separator}: use commas", only.escape_debug()),
        ));
    }
    let mut seen = BTreeSet::new();
    for name in &names {
        if name.is_empty() {
            return Err((1, "a column has no name: the first line must name every column".to_owned()));
        }
        if !seen.insert(name) {
            return Err((1, format!("the column `{name}` appears twice")));
        }
    }
    Ok(names)
}

/// The value of a text from outside (a CSV cell, `--var`): canonical whole numbers, `true` and `false` get their JSON
/// type; everything else stays text, `0101` and `+880…` too.
#[must_use]
pub fn cell(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if is_whole(text) => text.parse::<Number>().map_or_else(|_| text.into(), Value::Number),
        _ => text.into(),
    }
}

/// Whether a text is a whole number as JSON writes it, of any length: its digits are kept.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() && c != '0') || text == "0";
    begins && digits.bytes().all(|b| b.is_ascii_digit())
}

fn json_array(text: &str, keep: usize) -> Result<Vec<Placed>, LineError> {
    let items: Vec<Value> =
        serde_json::from_str(text).map_err(|e| (e.line() as u64, not_json("not JSON", &e)))?;
    unique_keys(text, 1)?;
    let mut rows = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::Object(members) if rows.len() < keep => {
                rows.push((index as u64 + 1, members.into_iter().collect()));
            }
            Value::Object(_) => {}
            _ => return Err((1, format!("item {} of the array is not an object", index + 1))),
        }
    }
    Ok(rows)
}

/// One object a line, or one object in all.
fn json_lines(text: &str, keep: usize) -> Result<Vec<Placed>, LineError> {
    if let Ok(row) = serde_json::from_str(text) {
        unique_keys(text, 1)?;
        return Ok(vec![(1, row)]);
    }
    let lines = (1u64..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let mut rows = Vec::new();
    for (number, line) in lines {
        let row = serde_json::from_str(line).map_err(|e| (number, not_json("not a JSON object", &e)))?;
        unique_keys(line, number)?;
        if rows.len() < keep {
            rows.push((number, row));
        }
    }
    Ok(rows)
}

/// What the parser says, with the column alone: its line is told in front, and is 1 where a line is read by itself.
fn not_json(what: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
    format!("{what}: {why} (column {})", error.column())
}

/// A key that stands twice in a row says two things, of which one would be dropped.
fn unique_keys(text: &str, first: u64) -> Result<(), LineError> {
    match signature::check_unique_keys(text.as_bytes()) {
        Err(UniqueKeysError::Duplicate { line, pointer, .. }) => {
            Err((first - 1 + line as u64, format!("the key {pointer} appears twice in one object")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_in_a_file_has_its_own_line_and_form() {
        let dir = tempfile::tempdir().unwrap();
        let told = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            let error = read_rows(&file, 9).unwrap_err().to_string();
            error.rsplit_once('/').map(|(_, told)| told.to_owned()).unwrap()
        };
        for (name, text, wanted) in [
            ("a.jsonl", "{\"a\":1}\n{\"a\" 2}\n", "a.jsonl:2: not a JSON object: expected `:` (column 6)"),
            ("a.json", "[{\"a\":1},\n{\"a\" 2}]", "a.json:2: not JSON: expected `:` (column 6)"),
            (
                "a.csv",
                "a,b\r1,2\r3,4\r",
                "a.csv:1: its lines end in CR alone: save it with LF or CRLF line endings",
            ),
            ("a.yaml", "- a: 1\n", "a.yaml:1: a data file is CSV, JSON or JSON lines, not YAML"),
        ] {
            assert_eq!(told(name, text), wanted);
        }
        let twice = "appears twice in one object";
        for (name, text) in
            [("b.json", "[{\"a\":1},\n{\"b\":1,\"b\":2}]"), ("b.jsonl", "{\"a\":1}\n{\"b\":1,\"b\":2}\n")]
        {
            // The file's name may hold what the key's pointer does: the end tells.
            let error = told(name, text);
            assert!(error.ends_with(twice), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_cell_keeps_its_text(text in "[-+]?[0-9]{0,22}|.*") {
            prop_assert_eq!(super::super::template::as_text(&cell(&text)), text);
        }

        #[test]
        fn csv_and_json_never_panic(text in ".*") {
            let mut rest = Some(text.as_str());
            let mut records = csv::Records::new(|to: &mut String| {
                let piece = rest.take();
                to.push_str(piece.unwrap_or_default());
                Ok::<_, std::convert::Infallible>(piece.is_some())
            });
            let mut names = None;
            while let Ok(Some(Ok(_))) = csv_row(&mut records, &mut names) {}
            let _ = (json_array(&text, 2), json_lines(&text, 2));
        }
    }
}
