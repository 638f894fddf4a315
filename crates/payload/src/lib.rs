//! The payload contract of a sender: a JSON Schema for the webhooks of each event.
//!
//! [`bundle`] takes the schemas out of files (JSON Schema, OpenAPI 3.0 and 3.1, AsyncAPI) and makes one value of them that
//! needs no file any more: it travels in the journal, so that whoever judges has what the run had. [`Contract`] is made from
//! that value; it holds webhooks against it. Nothing is ever fetched.

mod bundle;
mod contract;
mod document;
mod fields;
mod openapi;
mod says;

pub use bundle::{BundleError, bundle};
pub use contract::{Contract, ContractError, Violation};
pub use fields::Fields;
