//! `smoke seed`: prints a script that makes on the system under test what a run needs: users, data rows, passwords.

use super::{Exit, Failure, out};
use clap::ValueEnum;
use std::path::Path;

/// The script for DeltaCrown (docs/deltacrown.md): values are put in for what stands between two `@`.
const DELTACROWN: &str = include_str!("seed/deltacrown.py");

/// The systems that smoke knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    /// For `python manage.py shell`: a staff user, owners, payments, matches, and their CSV
    Deltacrown,
}

/// The command line of `smoke seed`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The system under test
    #[arg(value_enum, value_name = "SYSTEM")]
    system: System,
    /// Payments to make; the sweep of the sender's contract takes one for each of its flows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = crate::cli::typed::whole::<u32>(0..=100_000))]
    payments: u32,
    /// Matches to make
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = crate::cli::typed::whole::<u32>(0..=100_000))]
    matches: u32,
    /// Folder into which the script writes payments.csv, matches.csv and staff.env, on the machine on which it runs
    #[arg(long, value_name = "DIR", default_value = "smoke-data")]
    out: String,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let System::Deltacrown = args.system;
    out::raw(&script(args)?);
    out::chat(
        "run it where the staging application runs: python manage.py shell < FILE, then copy the folder it writes to this machine",
    );
    Ok(Exit::Pass)
}

fn script(args: &Args) -> Result<String, Failure> {
    if args.out.is_empty()
        || args.out.chars().any(char::is_control)
        || Path::new(&args.out).as_os_str().len() > 4096
    {
        return Err(Failure::usage("--out: give a folder name without control characters"));
    }
    // A JSON string is a Python string.
    let folder = serde_json::to_string(&args.out).map_err(Failure::usage)?;
    Ok(DELTACROWN
        .replace("@PAYMENTS@", &args.payments.to_string())
        .replace("@MATCHES@", &args.matches.to_string())
        .replace("@OUT@", &folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::load_built_in;

    fn args(out: &str) -> Args {
        Args { system: System::Deltacrown, payments: 58, matches: 3, out: out.to_owned() }
    }

    #[test]
    fn the_rows_have_the_columns_that_the_scenarios_need() {
        for name in ["payments", "matches", "sender_contract"] {
            let loaded = load_built_in(name).unwrap();
            for column in &loaded.scenario.data.columns {
                assert!(DELTACROWN.contains(&format!("\"{column}\":")), "{name}: {column}");
            }
        }
    }

    #[test]
    fn what_was_asked_for_is_in_it_and_nothing_is_left_open() {
        let text = script(&args("a \"b\"")).unwrap();
        assert!(
            text.contains("PAYMENTS = 58\nMATCHES = 3\n") && text.contains(r#"OUT = "a \"b\"""#),
            "{text}"
        );
        assert!(!text.contains('@') || !text.contains("@OUT@"));
        assert!(script(&args("a\nb")).is_err());
    }

    #[test]
    fn it_is_python() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seed.py");
        std::fs::write(&file, script(&args("smoke-data")).unwrap()).unwrap();
        let compiled = std::process::Command::new("python3").args(["-m", "py_compile"]).arg(&file).output();
        // Where there is no Python there is nothing to ask.
        if let Ok(compiled) = compiled {
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        }
    }
}
