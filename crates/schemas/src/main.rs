//! Writes the JSON Schemas of the files that smoke reads and writes, from the types that read and write them:
//! `cargo run -p smoke-schemas`. They are committed, and `smoke schema` prints them.

mod editor;

use anyhow::Context;
use editor::{for_editors, without_null};
use evidence::{approval, gate, report};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, schema_for};
use std::path::Path;

/// Every schema, with its file.
fn all() -> [(&'static str, Schema); 10] {
    [
        ("scenarios/schema/scenario.schema.json", for_editors(without_null(schema_for!(scenario::Scenario)))),
        ("scenarios/schema/sender.schema.json", for_editors(schema_for!(record::SenderProfile))),
        ("docs/schema/journal.schema.json", schema_for!(record::Line)),
        ("docs/schema/artifact.schema.json", as_written::<report::Artifact>()),
        ("docs/schema/load.schema.json", as_written::<report::LoadArtifact>()),
        ("docs/schema/probe.schema.json", as_written::<report::ProbeArtifact>()),
        ("docs/schema/gates.schema.json", for_editors(schema_for!(gate::Gates))),
        ("docs/schema/policy.schema.json", for_editors(schema_for!(pii::Policy))),
        ("docs/schema/signature.schema.json", schema_for!(record::seal::Envelope)),
        ("docs/schema/approval.schema.json", as_written::<approval::Approval>()),
    ]
}

/// The schema of what smoke alone writes: only what is always written is required.
fn as_written<T: JsonSchema>() -> Schema {
    SchemaSettings::default().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The text of a file, indented.
fn text(schema: &Schema) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, schema) in all() {
        std::fs::write(root.join(file), text(&schema)?).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (file, schema) in all() {
            let committed = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert_eq!(committed, text(&schema).unwrap(), "{file}: run cargo run -p smoke-schemas");
        }
    }
}
