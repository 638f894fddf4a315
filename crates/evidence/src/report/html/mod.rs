//! The report for people: one self-contained HTML file that needs no network and no script.

mod charts;
mod frame;
mod histogram;
mod ladder;
mod page;
mod sections;
mod style;
mod timeline;

pub(super) use frame::{page, verdict};
pub use page::html;
pub(super) use sections::{class, gates};
