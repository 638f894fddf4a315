//! Names the known mistake behind a signature that is not right: candidate keys x candidate messages x hash x spelling.
//!
//! The work for one request is bounded ([`work`]); a mistake that only a larger search would find stays unnamed.

mod bodies;
mod given;
mod hashes;
mod keys;
mod messages;
mod search;
mod work;

#[cfg(test)]
mod tests;

pub(super) use search::{Suspect, diagnose, is_searched};
