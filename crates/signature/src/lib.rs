#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod chosen;
mod compare;
mod compiled;
mod diagnosis;
mod kept;
mod key;
mod labelled;
mod likely;
mod message_signatures;
mod misfits;
mod other_urls;
mod pem;
mod public_key;
mod scheme;
mod secret;
mod seen;
mod signer;
mod spec;
mod template;
mod unique_keys;
mod verdict;
mod verifier;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod provider_vectors;
#[cfg(test)]
mod rsa_vectors;
#[cfg(test)]
mod strictness;
#[cfg(test)]
mod vectors;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use kept::is_credential;
pub use key::{KeyError, write_hex};
pub use scheme::{Scheme, UnknownScheme};
pub use secret::{MIN_CHARS, PUBLIC_EXAMPLE, Secret, Weakness};
pub use signer::{Outgoing, Signed, Signer};
pub use spec::{
    Algorithm, BodyFormat, BodySpec, Encoding, Example, Form, KeyEncoding, Place, RequestSpec, SecretSpec,
    SettingNames, SignatureSpec, SpecError, TimestampSpec, Unit, VersionSpec,
};
pub use unique_keys::{UniqueKeysError, check_unique_keys, repeated_key};
pub use verdict::{Reason, Verdict};
pub use verifier::{Received, Verifier, posted_url};
