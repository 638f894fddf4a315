//! Which delivery an attempt belongs to, what its event is, whether it is a retry, a repeat or another webhook, what may
//! still follow it, and how certain that is.
//!
//! The live wing asks while webhooks arrive (which attempt a fault is for, what is still due), the analysis asks over the
//! journal; both get the answer from here. Nothing here keeps a delivery: whoever does shows its [`Course`].

mod arrived;
mod contradiction;
mod correlator;
mod event;
mod fingerprint;
mod flow_matcher;
mod json_projection;
mod learned_values;
mod policy;
mod reader;
mod reading;
mod sender;
mod sharded;
mod turn;

pub use arrived::Arrived;
pub use contradiction::{Contradiction, contradiction};
pub use correlator::{Arrival, Certainty, Correlator, Course, Courses, Filing, Key, Place};
pub use event::{event, id, own_id};
pub use fingerprint::{Short, head_print, print, print_of, short, signature_print};
pub use flow_matcher::{FlowMatcher, FlowValues, Whose};
pub use learned_values::Said;
pub use policy::{After, Stage, after, latest_retry};
pub use reader::{Reader, Unreadable, Webhook, Webhooks, unpacked};
pub use reading::{NotJson, mended, read_json};
pub use sender::{Author, Clue, KnownSender};
pub use sharded::Sharded;
pub use turn::Turn;
