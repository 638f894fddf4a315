//! The evidence of a load: artifact, histogram log, page, JUnit and summary, all from the same numbers.

mod artifact;
mod build;
mod flows;
mod hlog;
mod html;
mod text;

pub use artifact::{LoadArtifact, load_artifact};
pub(crate) use build::OF_FLOWS;
pub use build::{LoadError, Scope, load_bytes, load_from_journal, load_from_parts, open_part};
pub use flows::EndToEnd;
pub use hlog::Hlog;
pub use html::load_html;
pub use text::load_text;

#[cfg(test)]
mod tests;
