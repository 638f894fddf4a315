//! What is linked in: licences that may be, and no crate in two versions but for those that deny.toml names.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const DENY: &str = include_str!("../../deny.toml");

/// The texts in quotes behind `start`, up to the line that closes the list.
fn listed(start: &str) -> Vec<&'static str> {
    let (_, list) = DENY.split_once(start).unwrap();
    let (list, _) = list.split_once("\n]").unwrap();
    list.lines().filter_map(|line| line.split('"').nth(1)).collect()
}

/// Only the packages of this platform are sure to have been downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &host()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The packages that a build of the workspace compiles, tests aside.
fn compiled(metadata: &Value) -> Vec<&Value> {
    let by_id = |list: &'static str, of: &'static str| -> BTreeMap<&str, &Value> {
        metadata.pointer(list).unwrap().as_array().unwrap().iter().map(|p| (text(p, of), p)).collect()
    };
    let (packages, nodes) = (by_id("/packages", "id"), by_id("/resolve/nodes", "id"));
    let mut open: Vec<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let deps = nodes[id]["deps"].as_array().unwrap().iter();
            let kinds = |dep: &Value| dep["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"] != "dev");
            open.extend(deps.filter(|dep| kinds(dep)).map(|dep| text(dep, "pkg")));
        }
    }
    seen.into_iter().map(|id| packages[id]).collect()
}

/// Whether an SPDX expression can be met with these licences; old crates write `/` for `OR`.
fn may(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (holds, rest) = either(&words, allowed);
    holds && rest.is_empty()
}

fn either<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = both(words, allowed);
    while let ["OR", next @ ..] = rest {
        let (other, after) = both(next, allowed);
        (holds, rest) = (holds || other, after);
    }
    (holds, rest)
}

fn both<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = one(words, allowed);
    while let ["AND", next @ ..] = rest {
        let (other, after) = one(next, allowed);
        (holds, rest) = (holds && other, after);
    }
    (holds, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &[&str]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inside @ ..] => {
            let (holds, rest) = either(inside, allowed);
            (holds, rest.get(1..).unwrap_or_default())
        }
        [id, "WITH", exception, rest @ ..] => {
            (allowed.contains(&format!("{id} WITH {exception}").as_str()), rest)
        }
        [id, rest @ ..] => (allowed.contains(id), rest),
        [] => (false, &[]),
    }
}

#[test]
fn licences_are_allowed() {
    let allowed = listed("\nallow = [");
    assert!(allowed.contains(&"MIT"), "{allowed:?}");
    let metadata = metadata();
    let wrong: Vec<_> = compiled(&metadata)
        .into_iter()
        .filter(|p| !may(text(p, "license"), &allowed))
        .map(|p| format!("{} {}: {:?}", text(p, "name"), text(p, "version"), text(p, "license")))
        .collect();
    assert!(wrong.is_empty(), "licences that deny.toml does not allow: {wrong:#?}");
}

#[test]
fn licence_expressions() {
    let allowed = ["MIT", "ISC", "Unicode-3.0"];
    for right in
        ["MIT", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Unlicense/MIT", "MIT AND ISC"]
    {
        assert!(may(right, &allowed), "{right}");
    }
    for wrong in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "MIT WITH X", "MIT MIT"] {
        assert!(!may(wrong, &allowed), "{wrong}");
    }
}

#[test]
fn no_crate_is_compiled_in_two_versions() {
    let skipped = listed("\nskip = [");
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in compiled(&metadata) {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    let is_skipped = |name: &str, version: &str| {
        skipped.iter().filter_map(|s| s.split_once('@')).any(|(n, v)| n == name && version.starts_with(v))
    };
    for (name, versions) in versions {
        let counted = versions.iter().filter(|version| !is_skipped(name, version)).count();
        assert!(
            counted <= 1,
            "{name} is compiled in the versions {versions:?}: one reason more in deny.toml, or one crate less"
        );
    }
}
