#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod diagnosis;
mod key;
mod scheme;
mod secret;
mod seen;
mod signer;
mod unique_keys;
mod verdict;
mod verifier;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

pub use key::KeyError;
pub use scheme::{Scheme, UnknownScheme};
pub use secret::{MIN_CHARS, Secret, Weakness};
pub use signer::{Outgoing, Signer};
pub use unique_keys::{UniqueKeysError, check_unique_keys};
pub use verdict::{Reason, Verdict};
pub use verifier::Verifier;
