//! `smoke schema`: the JSON Schemas of the files that smoke reads and writes.

use super::{Exit, Failure, out};
use clap::ValueEnum;
use flate2::read::ZlibDecoder;
use std::io::{self, Read as _};

macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".schema.json"))
    };
}

/// What `smoke schema` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which format
    #[arg(value_enum, default_value_t = Format::Scenario)]
    format: Format,
}

/// The formats with a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Scenario files (YAML)
    Scenario,
    /// Profiles of senders (YAML)
    Sender,
    /// One line of a journal
    Journal,
    /// Artifacts (`staging_NAME_output.json`)
    Artifact,
    /// Artifacts of loads (`staging_load_output.json`)
    Load,
    /// Artifacts of probes (`staging_probe_output.json`)
    Probe,
    /// Gates files
    Gates,
    /// Policies for personal data: `pii:` of a scenario, and files for `smoke scan --policy`
    Policy,
    /// A line of a signature file (`staging_NAME.intoto.jsonl`): a DSSE envelope
    Signature,
    /// What `smoke gate --format json` prints
    Approval,
}

impl Format {
    /// What `crates/schemas` has written, as build.rs has packed it.
    const fn packed(self) -> &'static [u8] {
        match self {
            Self::Scenario => packed!("scenario"),
            Self::Sender => packed!("sender"),
            Self::Journal => packed!("journal"),
            Self::Artifact => packed!("artifact"),
            Self::Load => packed!("load"),
            Self::Probe => packed!("probe"),
            Self::Gates => packed!("gates"),
            Self::Policy => packed!("policy"),
            Self::Signature => packed!("signature"),
            Self::Approval => packed!("approval"),
        }
    }

    fn schema(self) -> io::Result<String> {
        let mut schema = String::new();
        ZlibDecoder::new(self.packed()).read_to_string(&mut schema)?;
        Ok(schema)
    }
}

/// Prints the schema, indented.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    out::raw(&args.format.schema().map_err(Failure::environment)?);
    Ok(Exit::Pass)
}
