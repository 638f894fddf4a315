//! Files that are written where somebody says: an earlier one of its kind may be replaced, and nothing else. A journal or a private key
//! that is gone comes from nowhere again.

use super::Failure;
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::io::Read as _;
use std::path::{Path, PathBuf, absolute};

/// How a file of some kind begins, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(&'static [u8], &'static str);

pub(super) const ARTIFACT: Kind = Kind(b"{\n", "artifact");
pub(super) const PAGE: Kind = Kind(b"<!DOCTYPE html>", "HTML page");
pub(super) const JUNIT: Kind = Kind(b"<?xml ", "JUnit XML");
pub(super) const MEMO: Kind = Kind(b"# ", "memo");
pub(super) const STATEMENT: Kind = Kind(b"{\"payload\"", "signed result");
pub(super) const JSON_SECONDS: Kind = Kind(b"{\"time\"", "output of --out json");
pub(super) const CSV_SECONDS: Kind = Kind(b"time,", "output of --out csv");
pub(super) const METRICS: Kind = Kind(b"# HELP smoke_", "output of --out prometheus");

/// A parser for the place of a file of some kind, for a flag.
pub(super) fn of(kind: Kind) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| check(&path, kind).map(|()| path))
}

/// Whether what stands at `path`, if anything does, may be replaced by a file of this kind.
///
/// # Errors
/// It is of another kind. What cannot be looked at is told when it is written.
pub(super) fn check(path: &Path, Kind(beginning, called): Kind) -> Result<(), String> {
    if !path.metadata().is_ok_and(|there| there.is_file()) {
        return Ok(());
    }
    let mut begins = Vec::new();
    let looked =
        std::fs::File::open(path).and_then(|file| file.take(beginning.len() as u64).read_to_end(&mut begins));
    if looked.is_err() || begins.is_empty() || begins == beginning {
        return Ok(());
    }
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
            ("<!DOCTYPE html><html>", PAGE, true),
            ("<!DOC", PAGE, false),
            ("{\"prev\":\"00\"", PAGE, false),
            ("{\"prev\":\"00\"", ARTIFACT, false),
            ("{\"prev\":\"00\"", JSON_SECONDS, false),
            ("{\n  \"schema_version\": 1", ARTIFACT, true),
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
