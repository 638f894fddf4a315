//! Signed statements over evidence: who vouches for a journal and its artifact, in the formats that other tools read (DSSE
//! envelopes over in-toto statements).

mod checkpoint;
mod envelope;
mod key;
mod statement;

pub use checkpoint::SignedCheckpoint;
pub use envelope::{Envelope, EnvelopeSignature, MAX_SIGNATURE_FILE, SealError, envelopes};
pub use key::{KeyError, PublicKey, SigningKey};
pub use statement::{SVR, Statement, Subject, TEST_RESULT};
