//! What the sender's own log says: lines read by declared formats, counted, and set against the journal.

mod address;
mod clean;
mod clock;
mod coded;
mod counts;
mod errors;
mod formats;
mod frame;
mod head;
mod json_line;
mod level;
mod line;
mod lines;
mod lost;
mod messages;
mod parallel;
mod pieces;
mod privacy;
mod quote;
mod reach;
mod reconcile;
mod summary;
mod time;
mod waiting;
mod window;

pub use errors::Errors;
pub(crate) use errors::QUOTED;
pub use formats::{Formats, FormatsError, Kind};
pub use level::Level;
pub use line::Entry;
pub use lines::{Lines, MAX_LINE};
pub use pieces::Pieces;
pub(crate) use reconcile::KEPT;
pub use reconcile::{Arrivals, Reconciliation};
pub use summary::{Fold, Summary, Unreadable};
pub use window::LogWindow;
