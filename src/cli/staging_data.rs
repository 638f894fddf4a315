//! Writes the stand-in's users and data rows to files that `smoke payments --data` and `--env-file` read.

use super::Failure;
use super::used_rows::forget;
use serde_json::Value;
use stand_in::{Fixtures, Row};
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes all files, mode 0600: they hold passwords, if only of users that end with the process.
pub(super) fn write(dir: &Path, fixtures: &Fixtures) -> Result<(), Failure> {
    let wrong = |e: io::Error| Failure::environment(format!("--write-data {}: {e}", dir.display()));
    super::evidence_files::make_folder(dir).map_err(wrong)?;
    for (name, rows) in [("payments", &fixtures.payments), ("matches", &fixtures.matches)] {
        let csv = dir.join(format!("{name}.csv"));
        put(&csv, &csv_of(rows).map_err(wrong)?).map_err(wrong)?;
        // The rows of a stand-in that begins are fresh, also where they look like those of an earlier one.
        forget(&csv);
        forget(&dir.join(format!("{name}.json")));
        let json = serde_json::to_vec_pretty(rows).map_err(|e| wrong(e.into()))?;
        put(&dir.join(format!("{name}.json")), &json).map_err(wrong)?;
    }
    let mut env = String::new();
    for (name, value) in &fixtures.vars {
        env.push_str(&format!("{}={}\n", name.to_uppercase(), plain(value)));
    }
    put(&dir.join("staff.env"), env.as_bytes()).map_err(wrong)
}

fn csv_of(rows: &[Row]) -> io::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    if let Some(first) = rows.first() {
        csv.write_record(first.keys())?;
    }
    for row in rows {
        csv.write_record(row.values().map(plain))?;
    }
    csv.into_inner().map_err(|e| io::Error::other(e.to_string()))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    // A file that was there before keeps its mode otherwise.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}
