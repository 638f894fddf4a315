//! The detectors: one file per kind of value, each a function of a text and the hits it adds to.

pub(super) mod account;
pub(super) mod card;
pub(super) mod digits;
pub(super) mod email;
pub(super) mod gov;
pub(super) mod hints;
pub(super) mod iban;
pub(super) mod ip;
pub(super) mod pairs;
pub(super) mod phone;
mod phone_plans;
pub(super) mod token;
mod vendor;
mod version;
