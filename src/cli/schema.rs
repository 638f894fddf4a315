//! `smoke schema`: the JSON Schemas of the files that smoke reads and writes.

use super::{Exit, Failure, out};
use clap::ValueEnum;
use evidence::{approval, gate, report};
use record::seal;
use schemars::{Schema, schema_for};

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
    fn schema(self) -> Schema {
        match self {
            Self::Scenario => scenario::schema(),
            Self::Sender => scenario::sender_schema(),
            Self::Journal => schema_for!(record::Line),
            Self::Artifact => schema_for!(report::Artifact),
            Self::Load => schema_for!(report::LoadArtifact),
            Self::Probe => schema_for!(report::ProbeArtifact),
            Self::Gates => scenario::for_editors(schema_for!(gate::Gates)),
            Self::Policy => scenario::for_editors(schema_for!(pii::Policy)),
            Self::Signature => schema_for!(seal::Envelope),
            Self::Approval => schema_for!(approval::Approval),
        }
    }
}

/// Prints the schema, indented.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(&args.format.schema())
        .map_err(|e| Failure::environment(format!("cannot write the schema: {e}")))?;
    out::raw(&format!("{text}\n"));
    Ok(Exit::Pass)
}
