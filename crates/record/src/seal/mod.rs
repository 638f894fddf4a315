//! Ed25519 signatures over the digests of evidence files: who vouches for a journal and its artifact.

mod key;
mod signed;

pub use key::{KeyError, PublicKey, SigningKey};
pub use signed::{MAX_SIGNATURE_FILE, Seal, SealError, SealedFile};
