//! The reports for people: each one self-contained HTML file that needs no network and no script.
//!
//! One kit for all of them: [`Top`] says the verdict and what decided it, [`Plot`] and [`Chart`] draw, `gates` lists criteria.

mod cards;
mod frame;
mod histogram;
mod lines;
mod lists;
mod page;
mod plot;
mod ruler;
mod sections;
mod style;
mod timeline;

pub(crate) use frame::{Reason, Top, class, page};
pub(super) use lines::{Across, Chart, Line, Up};
pub use page::html;
pub(super) use sections::gates;
