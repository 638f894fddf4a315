//! Artifacts for the approval gate, one file per format; each is a pure function of a journal.

mod artifact;
mod bars;
mod build;
mod contract;
mod evidence;
mod faults;
mod figure;
mod file;
mod github;
mod html;
mod junit;
mod load;
mod memo;
mod observation;
mod probe;
mod screen;
mod sections;
mod statement;
mod table;
mod xunit;

pub use artifact::*;
pub use build::{EMBEDDED, artifact, from_journal, to_bytes};
pub use contract::contract_table;
pub use evidence::{Evidence, EvidenceError};
pub use file::write_whole;
pub use github::{annotation, annotations};
pub use html::html;
pub use junit::{junit, load_junit};
pub use load::*;
pub use memo::{escaped, memo};
pub use observation::{Observation, observation_memo};
pub use probe::*;
pub use screen::{Colour, Screen, paint};
pub use statement::{Tested, test_result};
pub use table::summary;
