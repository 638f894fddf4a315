//! The approval gate: whether an artifact may be believed, and what it then says.
//!
//! [`judge`] takes one artifact, recomputes it from the journal of its run, and does all the arithmetic that can be done
//! on the artifact alone. Nothing here is believed because a file says it: an item passes only when it was worked out
//! again, and an artifact without a journal is at best unproven.

mod admissibility;
mod again;
mod arithmetic;
mod attempt_log;
mod checklist;
mod checkpoints;
mod clocks;
mod consistency;
mod counts;
mod cut_off;
mod demand;
mod document;
mod easier;
mod exercised;
mod figures;
mod judge;
mod judgement;
mod leaks;
mod left_open;
mod markdown;
mod memo;
mod merged;
mod own_shape;
mod page;
mod pages;
mod percentiles;
mod posted;
mod probed;
mod proof;
mod rates;
mod recomputed;
mod rolled_back;
mod run_files;
mod sealed;
mod seeded;
mod seen;
mod sender_settings;
mod sent_as;
mod setting;
mod shape;
mod signatures;
mod signed_after;
mod tampering;
mod text;
mod times;
mod trust;
mod unended;
mod unreadable;
mod witness;

pub use admissibility::{Checkout, KnownScenario, KnownSender};
pub use demand::{Allowed, Demand, FlowsOf, MinFlows};
pub use judge::{Request, judge, judge_with_evidence};
pub use judgement::{Approval, Finding, Group, Item, Judged, Judgement, Kind, Required};
pub use markdown::{approval_annotations, markdown};
pub use page::approval_page;
pub use run_files::{Journals, name_of, run_of, signature_of};
pub use seeded::StandInRows;
pub use text::human;
pub use trust::Trust;
