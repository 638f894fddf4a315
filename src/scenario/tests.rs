//! Loading: what is accepted, and what each mistake is told.

use super::*;
use std::path::Path;

#[test]
fn every_scenario_of_the_repository_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut loaded = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") && path.file_stem().is_some_and(|n| n != "gates") {
            load(&path).unwrap_or_else(|e| panic!("{e}"));
            loaded += 1;
        }
    }
    assert!(loaded >= 4, "{loaded} scenarios");
}
