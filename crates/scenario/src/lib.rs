//! Scenario files: YAML to a checked plan.
//!
//! [`load`] and [`load_named`] give a [`Loaded`] scenario, or everything that is wrong with the file. A [`Run`] holds
//! what all flows share, a [`Scope`] what one flow sees; [`resolve_request`] and its kin take the templates out.

mod capture;
mod check;
mod check_session;
mod count;
mod csv;
mod data;
mod data_text;
mod entries;
mod error;
mod form;
mod listen;
mod load;
mod meant;
mod mended;
mod model;
mod names;
mod packed;
mod plain;
mod repeats;
mod request;
mod resolve;
mod rows;
mod scope;
mod secrets;
mod sender;
mod sent;
mod session;
mod suggest;
mod syntax;
mod table;
mod template;
mod tree;
mod typed;
mod variants;
mod webhooks;

#[cfg(test)]
mod empty_keys;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use capture::{Capture, CaptureFrom};
pub use count::Count;
pub use data::{DataError, MAX_DATA, data_file};
pub use entries::Entries;
pub use error::{At, Problem, ScenarioError};
pub use listen::{Listening, TlsFiles};
pub use load::{
    Loaded, MAX_SCENARIO, built_in_names, load, load_built_in, load_bytes, load_named, load_typed,
};
pub use model::*;
pub use names::{
    RowsFrom, answers_tell, changes_on_the_way, environment, learns, settings_behind, subject_behind,
    waits_for_answer,
};
pub use plain::{read_checked, read_policy, read_yaml};
pub use record::period::{Period, PeriodError};
pub use repeats::check_repeats;
pub use request::{FilePart, Method, Part, Request};
pub use resolve::{
    DEFAULT_TIMEOUT, MAX_FILE, Origin, ResolvedBody, ResolvedPart, ResolvedRequest, resolve_expect,
    resolve_identities, resolve_matcher, resolve_matchers, resolve_request, resolve_webhook,
};
pub use rows::{Rows, check_columns, rows};
pub use scope::{
    Answer, BUILT_IN as TEMPLATE_NAMES, Env, Row, Run, RunSettings, Scope, UnknownVar, secrets_of_row,
};
pub use sender::{MAX_SENDER, built_in_sender, load_sender, sender_file, sender_path, sender_text};
pub use sent::{as_sent, as_sent_around};
pub use session::{
    ApiKey, Basic, Credential, Csrf, OAuth2, Refresh, ResolvedSession, Session, gives_session,
    resolve_session,
};
pub use suggest::nearest;
pub use table::{cell, read_rows};
pub use template::TemplateError;
