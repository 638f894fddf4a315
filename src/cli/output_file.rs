//! Files that are written where somebody says: an earlier one of its kind may be replaced, and nothing else. A journal or a private key
//! that is gone comes from nowhere again.

use super::Failure;
use clap::builder::{PathBufValueParser, TypedValueParser};
use evidence::report::{MEMO_TITLE, XML_HEAD};
use std::io::Read as _;
use std::path::{Path, PathBuf, absolute};

/// What only `smoke` writes, by which a file of some kind is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    called: &'static str,
    begins: &'static str,
    /// Stands in its first [`HEAD`] bytes.
    says: &'static str,
}

impl Kind {
    const fn new(called: &'static str, begins: &'static str, says: &'static str) -> Self {
        Self { called, begins, says }
    }

    /// Whether a file that begins with these bytes is of this kind.
    fn is_of(&self, head: &[u8]) -> bool {
        let head = String::from_utf8_lossy(head);
        head.starts_with(self.begins) && head.contains(self.says)
    }
}

/// Bytes of a file that are looked at.
const HEAD: u64 = 1024;

pub(super) const ARTIFACT: Kind =
    Kind::new("artifact", "{\n  \"schema_version\": \"", "\",\n  \"test_run\": {");
pub(super) const PAGE: Kind = Kind::new("HTML page", "<!DOCTYPE html>", "<title>smoke: ");
pub(super) const JUNIT: Kind = Kind::new("JUnit XML", XML_HEAD, "");
pub(super) const MEMO: Kind = Kind::new("memo", MEMO_TITLE, "");
pub(super) const STATEMENT: Kind = Kind::new("signed result", "{\"payload\":\"", "");
pub(super) const JSON_SECONDS: Kind =
    Kind::new("output of --out json", "{\"time\":\"", "\"dropped_iterations\":");
pub(super) const CSV_SECONDS: Kind =
    Kind::new("output of --out csv", "time,second,vus,", "dropped_iterations");
pub(super) const METRICS: Kind = Kind::new("output of --out prometheus", "# HELP smoke_load_", "");

/// A parser for the place of a file of some kind, for a flag.
pub(super) fn of(kind: Kind) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| check(&path, kind).map(|()| path))
}

/// Whether what stands at `path`, if anything does, may be replaced by a file of this kind.
///
/// # Errors
/// It is of another kind. What cannot be looked at is told when it is written.
pub(super) fn check(path: &Path, kind: Kind) -> Result<(), String> {
    if !path.metadata().is_ok_and(|there| there.is_file()) {
        return Ok(());
    }
    let mut head = Vec::new();
    let looked = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    if looked.is_err() || head.is_empty() || kind.is_of(&head) {
        return Ok(());
    }
    let called = kind.called;
    Err(format!("a file of another kind is there, and would be replaced by this {called}: give another name"))
}

/// Refuses that two flags write one file.
///
/// # Errors
/// Usage: they do.
pub(super) fn apart(flags: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
    let mut written: Vec<(&str, PathBuf)> = Vec::new();
    for (flag, path) in flags.iter().filter_map(|(flag, path)| Some((*flag, (*path)?))) {
        // A place such as /dev/null takes all of them.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            continue;
        }
        let place = absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Some((other, _)) = written.iter().find(|(_, known)| *known == place) {
            let shown = path.display();
            return Err(Failure::usage(format!(
                "{flag} {shown}: {other} writes this file: give another name"
            )));
        }
        written.push((flag, place));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_one_of_its_kind_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        assert_eq!(check(&file, PAGE), Ok(()));
        for (content, kind, taken) in [
            ("", PAGE, true),
            ("<!DOCTYPE html><html><title>smoke: x", PAGE, true),
            ("<!DOCTYPE html><title>my site</title>", PAGE, false),
            ("<!DOC", PAGE, false),
            ("{\"prev\":\"00\"", PAGE, false),
            ("{\"prev\":\"00\"", ARTIFACT, false),
            ("{\"prev\":\"00\"", JSON_SECONDS, false),
            ("{\n  \"name\": \"my-app\"\n}\n", ARTIFACT, false),
            ("{\n  \"schema_version\": \"2\",\n  \"packages\": []", ARTIFACT, false),
            ("<?xml version=\"1.0\"?>\n<project/>\n", JUNIT, false),
            ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pytest tests\">", JUNIT, false),
            ("# yaml-language-server: $schema=x\nname: orders\n", MEMO, false),
            ("# secrets\nAPI_TOKEN=abc\n", MEMO, false),
            ("{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"INFO\"}", JSON_SECONDS, false),
            ("time,price\n1,2\n", CSV_SECONDS, false),
            ("-----BEGIN PRIVATE KEY-----", STATEMENT, false),
            ("-----BEGIN PRIVATE KEY-----", MEMO, false),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(check(&file, kind).is_ok(), taken, "{content} {kind:?}");
        }
        assert_eq!(check(Path::new("/dev/null"), PAGE), Ok(()));
    }

    #[test]
    fn two_flags_write_two_files() {
        let (one, other) = (Path::new("a/b"), Path::new("a/./b"));
        assert!(
            apart(&[("--html", Some(one)), ("--junit", Some(Path::new("a/c"))), ("--markdown", None)])
                .is_ok()
        );
        assert!(apart(&[("--html", Some(one)), ("--junit", Some(other))]).is_err());
        let null = Some(Path::new("/dev/null"));
        assert!(apart(&[("--html", null), ("--junit", null)]).is_ok());
    }
}
