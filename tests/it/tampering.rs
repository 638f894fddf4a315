//! The tools of whoever edits evidence: a journal as records, and records as a journal whose chain holds.

use crate::evidence_run::Run;
use crate::harness::unwrapped;
use crate::sample::Sample;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A run's journal as records, to be changed.
pub(crate) fn records(run: &Run) -> Vec<Value> {
    records_of(&run.journal())
}

/// The same of any journal.
pub(crate) fn records_of(journal: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(journal).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].clone()).collect()
}

/// Writes records as a journal whose chain holds and whose end counts them, and the artifact that follows from it.
pub(crate) fn forge(run: &Run, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    forge_lines(run, lines);
}

pub(crate) fn forge_lines(run: &Run, lines: Vec<String>) {
    std::fs::write(run.journal(), forged(lines)).unwrap();
    run.recompute();
}

/// Records as a journal whose chain holds and whose end counts them.
pub(crate) fn forged(mut lines: Vec<String>) -> String {
    let n = lines.len() - 1;
    if let Some(last) = lines.last_mut().filter(|last| last.contains("\"end\"")) {
        let mut end: Value = serde_json::from_str(last).unwrap();
        end["end"]["records"] = n.into();
        *last = end.to_string();
    }
    let (mut prev, mut out) = ("0".repeat(64), String::new());
    for record in lines {
        let line = format!(r#"{{"prev":"{prev}","record":{record}}}"#);
        prev = record::sha256_hex(line.as_bytes());
        out += &line;
        out.push('\n');
    }
    out
}

pub(crate) fn gate(run: &Run, args: &[&str]) -> (i32, String) {
    let secret = run.file("secret").display().to_string();
    smoke(&["gate"], run.dir.path(), &[&["--secret-file", secret.as_str()], args].concat())
}

/// A command about a file or folder, away from what the machine has set: its exit code, and all that it prints in one line.
pub(crate) fn smoke(command: &[&str], subject: &Path, args: &[&str]) -> (i32, String) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.args(command).arg(subject).args(args).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = smoke.output().unwrap();
    (out.status.code().unwrap(), unwrapped(&String::from_utf8([out.stdout, out.stderr].concat()).unwrap()))
}

/// Changes an honest run of staging, and holds the gate's answer against a code and a text.
pub(crate) fn attacked(
    name: &str,
    sample: &Sample,
    change: impl FnOnce(&mut Vec<Value>),
    code: i32,
    says: &str,
) {
    let run = Run::new(sample);
    let mut all = records(&run);
    change(&mut all);
    forge(&run, &all);
    let (is, text) = gate(&run, &["--trust", "runner"]);
    assert_eq!((is, text.contains(says)), (code, true), "{name} should say `{says}`:\n{text}");
}

/// The records of a kind.
pub(crate) fn each<'r>(all: &'r mut [Value], kind: &'r str) -> impl Iterator<Item = &'r mut Value> {
    all.iter_mut().filter_map(move |record| record.get_mut(kind))
}

pub(crate) fn step<'r>(all: &'r mut [Value], name: &'r str) -> impl Iterator<Item = &'r mut Value> {
    each(all, "step").filter(move |step| step["step"] == name)
}
