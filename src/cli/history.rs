//! `smoke history`: the artifacts of a folder over time.

use super::{Exit, Failure, diff, out, output_file};
use evidence::report::{Entry, history_page, history_text, write_whole};
use std::path::{Path, PathBuf};

/// Folders are looked into this deep.
const DEPTH: usize = 3;
/// Artifacts that are read at most.
const MOST: usize = 10_000;

/// Options of `smoke history`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of artifacts (`*_output.json`), in folders of their own or not
    dir: PathBuf,
    /// Write the trend as a page
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::PAGE))]
    html: Option<PathBuf>,
}

/// Prints a line for each artifact, under the name of what was run.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut paths = Vec::new();
    find(&args.dir, DEPTH, &mut paths)
        .map_err(|e| Failure::usage(format!("{}: cannot be read: {e}", args.dir.display())))?;
    paths.sort();
    let mut entries = Vec::new();
    for path in paths {
        match diff::told(&path) {
            Ok(told) => {
                let path = path.strip_prefix(".").unwrap_or(&path);
                entries.push(Entry { path: path.display().to_string(), told });
            }
            Err(error) => out::say(format!("warning: {error}")),
        }
    }
    if entries.is_empty() {
        let dir = args.dir.display();
        return Err(Failure::usage(format!(
            "{dir}: no `*_output.json` of smoke here or {DEPTH} folders below"
        )));
    }
    out::text(&history_text(&entries, out::screen(true)));
    if let Some(file) = &args.html {
        write_whole(file, history_page(&entries).as_bytes())
            .map_err(|e| Failure::environment(format!("--html {}: {e}", file.display())))?;
        out::chat(format!("page     {}", file.display()));
    }
    Ok(Exit::Pass)
}

fn find(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            // A folder below that cannot be read hides no other.
            let _ = find(&path, depth - 1, found);
        } else if path.to_string_lossy().ends_with("_output.json") && found.len() < MOST {
            found.push(path);
        }
    }
    Ok(())
}
