//! The architecture: modules import only from lower floors and never from the other wing (DESIGN.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FLOORS: [(u8, &[&str]); 9] = [
    (0, &["clock", "secret", "period", "signals"]),
    (1, &["signature", "latency", "matcher", "identity", "http1", "injection", "seal"]),
    (2, &["scenario", "journal", "pii"]),
    (3, &["staging"]),
    (4, &["drive", "inbox", "fault", "analysis", "logs"]),
    (5, &["load", "receive", "gate"]),
    (6, &["rig", "observe", "report"]),
    (7, &["approval"]),
    (8, &["cli"]),
];
const EVIDENCE: [&str; 5] = ["analysis", "logs", "gate", "report", "approval"];
const LIVE: [&str; 8] = ["observe", "staging", "drive", "inbox", "fault", "load", "receive", "rig"];
/// What the evidence wing never names: it is pure and offline.
const LIVE_CRATES: [&str; 5] = ["tokio", "reqwest", "axum", "hyper", "wiremock"];

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    entries
        .flat_map(|p| if p.is_dir() { rust_files(&p) } else { vec![p] })
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The code of a file without its tests and comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules that a file names as `crate::NAME`, also inside `crate::{…}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        let first = |n: &str| {
            n.trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                .collect()
        };
        found.extend(names.into_iter().map(first));
    }
    found
}

fn is_test(file: &Path) -> bool {
    file.components().any(|c| c.as_os_str() == "tests") || file.file_name().is_some_and(|n| n == "tests.rs")
}

#[test]
fn modules_import_only_from_lower_floors_and_never_from_the_other_wing() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floor: BTreeMap<&str, u8> =
        FLOORS.iter().flat_map(|(f, names)| names.iter().map(move |n| (*n, *f))).collect();
    let mut wrong = Vec::new();
    for dir in std::fs::read_dir(&src).unwrap().flatten().filter(|e| e.path().is_dir()) {
        let module = dir.file_name().into_string().unwrap();
        let Some(own) = floor.get(module.as_str()) else {
            wrong.push(format!("src/{module} stands on no floor"));
            continue;
        };
        for file in rust_files(&dir.path()).into_iter().filter(|f| !is_test(f)) {
            let code = code(&file);
            for name in imports(&code) {
                let other = floor.get(name.as_str()).copied();
                let up = other.is_some_and(|other| other >= *own && name != module);
                let across = EVIDENCE.contains(&module.as_str()) && LIVE.contains(&name.as_str())
                    || LIVE.contains(&module.as_str()) && EVIDENCE.contains(&name.as_str());
                if up || across {
                    wrong.push(format!("{} imports {name}", file.strip_prefix(&src).unwrap().display()));
                }
            }
            let live = LIVE_CRATES.iter().find(|c| code.contains(&format!("{c}::")));
            if let (true, Some(live)) = (EVIDENCE.contains(&module.as_str()), live) {
                wrong.push(format!("{} names {live}", file.strip_prefix(&src).unwrap().display()));
            }
            if module != "cli" && code.contains("clap::") {
                wrong.push(format!("{} names clap", file.strip_prefix(&src).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_itself_sees_what_it_should() {
    assert_eq!(imports("use crate::rig::Plan;\nuse crate::{gate, load};"), ["rig", "gate", "load"]);
}
