//! Whether flows would take the same row again.

use super::data::DataError;
use super::model::Scenario;
use super::names::names_in;
use super::scope::Row;
use super::table::Table;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Most places of one row that are told.
const PLACES: usize = 10;

/// Looks whether flows of a scenario that uses rows up would take a row again: those behind the first `skip`, `flows` of them, and of those
/// in front the first `used`, which were used up already. Rows are the same when they are about the same subject, whatever else
/// stands in them; where rows do not say the subject, when all that the scenario asks for is.
///
/// # Errors
/// [`DataError::Repeats`], and what [`rows`](fn@super::rows) says of a file that cannot be read.
pub fn check_repeats(
    scenario: &Scenario,
    file: &Path,
    flows: u32,
    skip: u32,
    used: u32,
) -> Result<(), DataError> {
    // A range makes each row another one.
    if !scenario.data.ranges.is_empty() {
        return Ok(());
    }
    let (table, alike, taking) =
        (Table::open(file, usize::MAX)?, Alike::of(scenario), Taking::new(flows, skip, used));
    let seldom = repeating(&table, &alike, &taking)?;
    let mut seen: HashMap<Vec<String>, (bool, Vec<u64>)> = HashMap::new();
    if !seldom.is_empty() {
        for (number, placed) in (0u64..).zip(table.rows()) {
            let (place, row) = placed?;
            let same = alike.key(&row);
            if seldom.contains(&alike.hash(&same)) {
                let (again, places) = seen.entry(same).or_default();
                *again |= taking.takes(number) && !places.is_empty();
                if taking.counts(number) || *again {
                    places.push(place);
                }
            }
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
        places: format!("{} {places}", table.unit()),
        advice: "keep it once, and give each flow its own row".to_owned(),
        others: repeated.len() - 1,
    })
}

/// What rows are told apart by.
struct Alike<'s> {
    /// What the subject is made of.
    names: Vec<String>,
    columns: &'s [String],
    hasher: RandomState,
}

impl<'s> Alike<'s> {
    fn of(scenario: &'s Scenario) -> Self {
        let names = names_in(&[scenario.subject.id.as_str()]);
        let names = names.into_iter().collect();
        Self { names, columns: &scenario.data.columns, hasher: RandomState::new() }
    }

    fn key(&self, row: &Row) -> Vec<String> {
        let subject: Vec<String> = self.names.iter().filter_map(|name| row.get(name)).map(plain).collect();
        let asked = |name: &String| self.columns.is_empty() || self.columns.contains(name);
        let all = || row.iter().filter(|(name, _)| asked(name)).map(|(_, cell)| plain(cell)).collect();
        if subject.is_empty() { all() } else { subject }
    }

    fn hash(&self, key: &[String]) -> u64 {
        self.hasher.hash_one(key)
    }
}

/// Which rows are taken, and which were used up before.
struct Taking {
    from: u64,
    to: u64,
    used: u64,
}

impl Taking {
    fn new(flows: u32, skip: u32, used: u32) -> Self {
        let from = u64::from(skip);
        Self { from, to: from + u64::from(flows), used: u64::from(used) }
    }

    fn takes(&self, row: u64) -> bool {
        (self.from..self.to).contains(&row)
    }

    /// Whether it is one that no other may be the same as.
    fn counts(&self, row: u64) -> bool {
        self.takes(row) || row < self.used
    }
}

/// The hashes of rows that seem to be taken again; nearly always there are none. Of many rows the hashes alone can be held.
fn repeating(table: &Table, alike: &Alike<'_>, taking: &Taking) -> Result<HashSet<u64>, DataError> {
    let (mut seen, mut again) = (HashSet::new(), HashSet::new());
    for (number, placed) in (0u64..).zip(table.rows()) {
        let key = alike.key(&placed?.1);
        // A row that has nothing of what is asked for is no other one again: what it lacks is told where it is taken.
        if key.is_empty() {
            continue;
        }
        let hash = alike.hash(&key);
        if taking.takes(number) && seen.contains(&hash) {
            again.insert(hash);
        }
        if taking.counts(number) {
            seen.insert(hash);
        }
    }
    Ok(again)
}

/// A cell as an API takes it: `01`, `1` and the text `1` are one number.
fn plain(cell: &Value) -> String {
    let text = cell.as_str().map_or_else(|| cell.to_string(), |text| text.trim().to_owned());
    text.parse::<i128>().map_or(text, |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::load_bytes;
    use super::*;

    #[test]
    fn rows_that_repeat_are_named_where_a_flow_would_take_them_again() {
        let dir = tempfile::tempdir().unwrap();
        let text = "name: d\nsubject: { kind: flow, id: x }\ndata: { columns: [id] }\n\
                    steps: [{ name: a, request: { method: GET, path: / } }]\n";
        let scenario = load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap().scenario;
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
        assert_eq!(told("d.csv", "7,a\n8,b\n9,c\n", (2, 0, 0)), Ok(()), "its first line names nothing");
        // The same subject, whatever stands beside it, and however its number is written.
        let mut scenario = Scenario { subject: scenario.subject.clone(), ..scenario };
        scenario.subject.id = "{{ id }}".to_owned();
        let file = dir.path().join("s.json");
        std::fs::write(&file, r#"[{"id":"01","other":1},{"id":1,"other":2},{"id":2,"other":2}]"#).unwrap();
        let error = check_repeats(&scenario, &file, 3, 0, 0).unwrap_err().to_string();
        assert!(error.contains("items 1 and 2"), "{error}");
    }
}
