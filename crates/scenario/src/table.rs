//! Data files: CSV with a header, a JSON array of objects, or JSON lines, with limits and line numbers.

use super::csv::{self, LineError};
use super::data::{DataError, MAX_DATA};
use super::scope::Row;
use record::{InputError, read_input_text};
use serde_json::{Number, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// A row, and where it stands in its file.
pub(super) type Placed = (u64, Row);

/// The first `keep` rows of a CSV file with a header, a JSON array of objects, or JSON lines; told apart by the file's
/// ending, else by its first character. The rest is read too: a mistake anywhere in the file is told.
///
/// # Errors
/// A file that cannot be read, is over [`MAX_DATA`], not UTF-8, empty or malformed (with the line).
pub fn read_rows(file: &Path, keep: usize) -> Result<Vec<Row>, DataError> {
    Ok(placed_rows(file, keep)?.1.into_iter().map(|(_, row)| row).collect())
}

/// The same, each with the line on which it begins, or its number from 1 in an array; `lines` or `items` says which.
pub(super) fn placed_rows(file: &Path, keep: usize) -> Result<(&'static str, Vec<Placed>), DataError> {
    let text = read_text(file)?;
    let ending = file.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let body = text.trim_start();
    let array = body.starts_with('[') && ending.as_deref() != Some("csv");
    let rows = match ending.as_deref() {
        Some("csv") => csv_rows(&text, keep),
        _ if array => json_array(&text, keep),
        _ if body.starts_with('{') => json_lines(&text, keep),
        Some("json" | "jsonl" | "ndjson") if !body.is_empty() => {
            Err((1, "expected `[` or `{`: an array of objects, or one object a line".to_owned()))
        }
        _ => csv_rows(&text, keep),
    };
    match rows {
        Ok(rows) if rows.is_empty() => Err(DataError::Empty { file: file.to_owned() }),
        Ok(rows) => Ok((if array { "items" } else { "lines" }, rows)),
        Err((line, message)) => Err(DataError::Line { file: file.to_owned(), line, message }),
    }
}

fn read_text(file: &Path) -> Result<String, DataError> {
    let file = file.to_owned();
    read_input_text(&file, MAX_DATA).map_err(|e| match e {
        InputError::NotText { line } => {
            DataError::Line { file, line, message: "not UTF-8: save the file as UTF-8".to_owned() }
        }
        InputError::TooLarge(_) => DataError::TooLarge { file },
        source => DataError::Read { file, source },
    })
}

fn csv_rows(text: &str, keep: usize) -> Result<Vec<Placed>, LineError> {
    let mut records = csv::records(text);
    let Some(header) = records.next().transpose()? else { return Ok(Vec::new()) };
    let names = header.cells;
    if let ([only], Some(other)) = (
        names.as_slice(),
        [';', '\t'].into_iter().find(|c| text.lines().next().unwrap_or_default().contains(*c)),
    ) {
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
    let mut rows = Vec::new();
    for record in records {
        let csv::Record { line, cells } = record?;
        if cells.len() != names.len() {
            return Err((
                line,
                format!("{} cells, but the first line names {} columns", cells.len(), names.len()),
            ));
        }
        if rows.len() < keep {
            let row = names.iter().zip(&cells).map(|(name, text)| (name.clone(), cell(text))).collect();
            rows.push((line, row));
        }
    }
    Ok(rows)
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
        serde_json::from_str(text).map_err(|e| (e.line() as u64, format!("not JSON: {e}")))?;
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
        return Ok(vec![(1, row)]);
    }
    let lines = (1u64..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let mut rows = Vec::new();
    for (number, line) in lines {
        let row = serde_json::from_str(line).map_err(|e| (number, format!("not a JSON object: {e}")))?;
        if rows.len() < keep {
            rows.push((number, row));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cell_keeps_its_text(text in "[-+]?[0-9]{0,22}|.*") {
            prop_assert_eq!(super::super::template::as_text(&cell(&text)), text);
        }

        #[test]
        fn csv_and_json_never_panic(text in ".*") {
            let _ = (csv_rows(&text, 2), json_array(&text, 2), json_lines(&text, 2));
        }
    }
}
