//! Signed checkpoints: what the key of a receiver stands for.

use super::envelope::{SealError, encoding};
use super::key::{PublicKey, SigningKey};
use crate::JsonSchema;
use crate::witness::CheckpointStatement;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// Media type of what is signed; part of it, so that the key's other signatures are none of a checkpoint.
const PAYLOAD_TYPE: &str = "application/vnd.smoke.checkpoint.v1+json";

/// A checkpoint and the signature over its text (the pre-authentication encoding of DSSE, Ed25519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// A [`CheckpointStatement`] as JSON, as it was signed.
    pub statement: String,
    /// Which key signed it: SHA-256 of the public key as DER, hex.
    pub keyid: String,
    /// The signature, base64.
    pub sig: String,
}

impl SignedCheckpoint {
    #[must_use]
    pub fn sign(key: &SigningKey, statement: &CheckpointStatement) -> Self {
        let statement = serde_json::to_string(statement).unwrap_or_default();
        let signature = key.sign(&encoding(PAYLOAD_TYPE, statement.as_bytes()));
        Self { statement, keyid: key.public().id(), sig: BASE64.encode(signature.to_bytes()) }
    }

    /// The statement, once `key` is found to have signed it.
    ///
    /// # Errors
    /// Another key, a signature that does not fit, or no checkpoint.
    pub fn verify(&self, key: &PublicKey) -> Result<CheckpointStatement, SealError> {
        let message = encoding(PAYLOAD_TYPE, self.statement.as_bytes());
        let bytes = BASE64.decode(&self.sig).ok();
        let fits =
            bytes.and_then(|bytes| bytes.as_slice().try_into().ok().map(|sig| key.verifies(&message, sig)));
        match fits {
            Some(true) => self.unverified(),
            _ if self.keyid != key.id() => Err(SealError::OtherKey(
                self.keyid.chars().filter(char::is_ascii_hexdigit).take(16).collect(),
            )),
            _ => Err(SealError::Forged),
        }
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// It is no checkpoint.
    pub fn unverified(&self) -> Result<CheckpointStatement, SealError> {
        serde_json::from_str(&self.statement).map_err(|e| SealError::Shape(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunKind;
    use crate::witness::RegisteredRun;
    use signature::Reason;
    use uuid::Uuid;

    fn statement() -> CheckpointStatement {
        let run = RegisteredRun {
            run: Uuid::nil(),
            number: 2,
            kind: RunKind::Run,
            scenario: "payments".to_owned(),
            flows: Some(10),
            registered_us: 5,
            receiver: Uuid::nil(),
        };
        let (head, others) = ("00".repeat(32), vec![run.clone()]);
        let verdicts = [(Reason::Valid, 1)].into();
        CheckpointStatement {
            run,
            receiver: None,
            at_us: 7,
            records: 3,
            attempts: 1,
            verdicts,
            head,
            closed: false,
            runs: 2,
            others,
        }
    }

    #[test]
    fn a_checkpoint_is_the_keys_or_none() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signed = SignedCheckpoint::sign(&key, &statement());
        assert_eq!(signed.verify(&key.public()), Ok(statement()));
        assert!(matches!(signed.verify(&other.public()), Err(SealError::OtherKey(_))));
        let edited = SignedCheckpoint {
            statement: signed.statement.replacen("\"runs\":2", "\"runs\":1", 1),
            ..signed.clone()
        };
        assert_ne!(edited.statement, signed.statement);
        assert_eq!(edited.verify(&key.public()), Err(SealError::Forged));
        let claims = SignedCheckpoint { keyid: other.public().id(), ..signed };
        assert_eq!(claims.verify(&other.public()), Err(SealError::Forged));
    }
}
