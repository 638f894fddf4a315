//! Artifacts for the approval gate, one file per format; each is a pure function of a journal.

mod artifact;
mod build;
mod contract;
mod evidence;
mod faults;
mod file;
mod load;
mod sections;
mod table;

pub use artifact::*;
pub use build::{EMBEDDED, artifact, from_journal, to_bytes};
pub use contract::contract_table;
pub use evidence::{Evidence, EvidenceError};
pub use file::write_whole;
pub use load::*;
pub use table::{Colour, summary};
