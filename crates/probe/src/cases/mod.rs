//! The cases by group. Each is data and one function that makes its requests.

pub(crate) mod behaviour;
pub(crate) mod forgery;
mod gzip;
pub(crate) mod raw_body;
pub(crate) mod respelt;
pub(crate) mod robustness;
pub(crate) mod unexpected;
pub(crate) mod waived;
