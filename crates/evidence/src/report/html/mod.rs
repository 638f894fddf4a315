//! The report for people: one self-contained HTML file that needs no network and no script.

mod charts;
mod histogram;
mod ladder;
mod page;
mod sections;
mod style;
mod timeline;

pub use page::html;
