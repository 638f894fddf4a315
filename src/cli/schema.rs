//! `smoke schema`: the JSON Schemas of the files that smoke reads and writes.

use super::{Exit, out};
use clap::ValueEnum;

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
    /// What `crates/schemas` has written.
    const fn schema(self) -> &'static str {
        match self {
            Self::Scenario => include_str!("../../scenarios/schema/scenario.schema.json"),
            Self::Sender => include_str!("../../scenarios/schema/sender.schema.json"),
            Self::Journal => include_str!("../../docs/schema/journal.schema.json"),
            Self::Artifact => include_str!("../../docs/schema/artifact.schema.json"),
            Self::Load => include_str!("../../docs/schema/load.schema.json"),
            Self::Probe => include_str!("../../docs/schema/probe.schema.json"),
            Self::Gates => include_str!("../../docs/schema/gates.schema.json"),
            Self::Policy => include_str!("../../docs/schema/policy.schema.json"),
            Self::Signature => include_str!("../../docs/schema/signature.schema.json"),
            Self::Approval => include_str!("../../docs/schema/approval.schema.json"),
        }
    }
}

/// Prints the schema, indented.
pub(super) fn run(args: &Args) -> Exit {
    out::raw(args.format.schema());
    Exit::Pass
}
