//! DSSE envelopes (Dead Simple Signing Envelope, version 1): a statement and the signatures over it.

use super::key::{PublicKey, SigningKey};
use super::statement::{Statement, TEST_RESULT};
use crate::JsonSchema;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// Largest signature file in bytes.
pub const MAX_SIGNATURE_FILE: u64 = 1024 * 1024;
/// The type of an in-toto statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A line of `NAME.intoto.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// The statement as JSON, in base64.
    pub payload: String,
    /// `application/vnd.in-toto+json`.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Signatures over both.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvelopeSignature {
    /// Which key: the SHA-256 of its public half as DER (SPKI), hex. A hint, not part of what is signed.
    #[serde(default)]
    pub keyid: String,
    /// Ed25519 over the pre-authentication encoding of type and payload, in base64.
    pub sig: String,
}

/// Why a signature does not stand for a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a file of envelopes.
    #[error("not a DSSE envelope over an in-toto statement: {0}")]
    Shape(String),
    /// Signed by somebody else.
    #[error("signed with another key ({0}), not the one given")]
    OtherKey(String),
    /// The signature does not fit.
    #[error("the signature does not match this statement under the given key")]
    Forged,
    /// The statement is about something else.
    #[error("the statement is of type {0}, not a test result")]
    OtherPredicate(String),
    /// The file is not among those that were signed.
    #[error("{0} is not among the subjects of the statement")]
    NotListed(String),
    /// The file has other bytes.
    #[error("{0} is not the file that was signed: its SHA-256 differs")]
    Changed(String),
}

/// The envelopes of a file, one a line.
///
/// # Errors
/// When a line is none, or there is none at all.
pub fn envelopes(bytes: &[u8]) -> Result<Vec<Envelope>, SealError> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let all: Vec<Envelope> = lines
        .map(|line| serde_json::from_slice(line).map_err(|e| SealError::Shape(e.to_string())))
        .collect::<Result<_, _>>()?;
    if all.is_empty() { Err(SealError::Shape("it is empty".to_owned())) } else { Ok(all) }
}

impl Envelope {
    #[must_use]
    pub fn sign(key: &SigningKey, statement: &Statement) -> Self {
        let payload = serde_json::to_vec(statement).unwrap_or_default();
        let signature = key.sign(&encoding(PAYLOAD_TYPE, &payload));
        let signature =
            EnvelopeSignature { keyid: key.public().id(), sig: BASE64.encode(signature.to_bytes()) };
        Self {
            payload: BASE64.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![signature],
        }
    }

    /// The statement, once `key` is found to have signed it. The payload is parsed only then.
    ///
    /// # Errors
    /// Another key, a signature that does not fit, or no statement.
    pub fn verify(&self, key: &PublicKey) -> Result<Statement, SealError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(SealError::Shape("its payload is not an in-toto statement".to_owned()));
        }
        let payload = BASE64
            .decode(&self.payload)
            .map_err(|_| SealError::Shape("its payload is not base64".to_owned()))?;
        let message = encoding(&self.payload_type, &payload);
        let fits = |signature: &EnvelopeSignature| {
            let bytes = BASE64.decode(&signature.sig).ok()?;
            Some(key.verifies(&message, bytes.as_slice().try_into().ok()?))
        };
        if !self.signatures.iter().any(|signature| fits(signature) == Some(true)) {
            let others = self.signatures.iter().find(|s| !s.keyid.is_empty() && s.keyid != key.id());
            return Err(others.map_or(SealError::Forged, |other| {
                SealError::OtherKey(other.keyid.chars().filter(char::is_ascii_hexdigit).take(16).collect())
            }));
        }
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|e| SealError::Shape(e.to_string()))?;
        if statement.is_known() {
            Ok(statement)
        } else {
            Err(SealError::Shape("a statement of another version".to_owned()))
        }
    }
}

impl Statement {
    /// Whether it is a test result about a file with this SHA-256. What it is called counts for nothing: files are renamed, and
    /// in-toto's subjects are matched by digest. `name` is for the error.
    ///
    /// # Errors
    /// It is another statement, or the file is not among its subjects, or with another digest.
    pub fn vouches_for(&self, name: &str, sha256: &str) -> Result<(), SealError> {
        if self.predicate_type != TEST_RESULT {
            return Err(SealError::OtherPredicate(self.predicate_type.chars().take(80).collect()));
        }
        if self.subject.iter().any(|s| s.digest.get("sha256").is_some_and(|digest| digest == sha256)) {
            Ok(())
        } else if self.subject.iter().any(|subject| subject.name == name) {
            Err(SealError::Changed(name.to_owned()))
        } else {
            Err(SealError::NotListed(name.to_owned()))
        }
    }
}

/// The pre-authentication encoding: what is signed, so that no other use of the key signs the same bytes.
pub(super) fn encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::super::statement::Subject;
    use super::*;

    fn statement() -> Statement {
        let subject = vec![Subject::bytes("a.json", b"1"), Subject::bytes("b", b"2")];
        Statement::new(subject, TEST_RESULT, serde_json::json!({"result": "PASSED", "configuration": []}))
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        assert_eq!(
            encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_statement_vouches_for_its_subjects_and_no_others() {
        let key = SigningKey::generate().unwrap();
        let mut file = serde_json::to_vec(&Envelope::sign(&key, &statement())).unwrap();
        file.push(b'\n');
        let all = envelopes(&file).unwrap();
        let read = all[0].verify(&key.public()).unwrap();
        assert_eq!(read, statement());
        let digest = |bytes| Subject::bytes("", bytes).digest["sha256"].clone();
        assert_eq!(read.vouches_for("a.json", &digest(b"1")), Ok(()));
        assert_eq!(read.vouches_for("renamed.json", &digest(b"1")), Ok(()));
        assert_eq!(read.vouches_for("b", &digest(b"3")), Err(SealError::Changed("b".to_owned())));
        assert_eq!(read.vouches_for("c", &digest(b"3")), Err(SealError::NotListed("c".to_owned())));
        let other = Statement { predicate_type: "https://example.com/x".to_owned(), ..read };
        assert!(matches!(other.vouches_for("a.json", &digest(b"1")), Err(SealError::OtherPredicate(_))));
    }

    #[test]
    fn every_change_is_found() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let envelope = Envelope::sign(&key, &statement());
        assert!(matches!(envelope.verify(&other.public()), Err(SealError::OtherKey(_))));
        let mut claims = envelope.clone();
        claims.signatures[0].keyid = other.public().id();
        assert_eq!(claims.verify(&other.public()), Err(SealError::Forged));
        let mut swapped = envelope.clone();
        swapped.payload =
            BASE64.encode(serde_json::to_vec(&Statement::new(vec![], TEST_RESULT, Value::Null)).unwrap());
        assert_eq!(swapped.verify(&key.public()), Err(SealError::Forged));
        let typed = Envelope { payload_type: "text/plain".to_owned(), ..envelope.clone() };
        assert!(matches!(typed.verify(&key.public()), Err(SealError::Shape(_))));
        let mut short = envelope;
        short.signatures[0].sig.truncate(20);
        assert_eq!(short.verify(&key.public()), Err(SealError::Forged));
        assert!(matches!(envelopes(b"{}"), Err(SealError::Shape(_))));
        assert!(matches!(envelopes(b"\n"), Err(SealError::Shape(_))));
    }

    use serde_json::Value;
}
