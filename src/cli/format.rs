//! What goes to stdout: words for people, or JSON for machines.

/// What goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// Tables and sentences
    #[default]
    Human,
    /// JSON, for machines
    Json,
}
