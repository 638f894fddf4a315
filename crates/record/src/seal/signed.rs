//! The signature file: the digests of a run's files and one signature over all of them.

use super::key::{PublicKey, SigningKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Largest signature file in bytes.
pub const MAX_SIGNATURE_FILE: u64 = 64 * 1024;
/// Version of the file's shape.
const VERSION: u32 = 1;
/// What the signed bytes begin with, so that no other use of the key signs the same bytes.
const DOMAIN: &str = "smoke evidence 1";

/// `staging_<scenario>_signature.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Version of this shape.
    pub version: u32,
    /// `Ed25519`.
    pub algorithm: String,
    /// The signer's public key, 64 hex digits.
    pub public_key: String,
    /// What is vouched for.
    pub files: Vec<SealedFile>,
    /// Ed25519 over the line `smoke evidence 1` and one line for each file (digest and name as JSON texts, two blanks between), each with its line end; 128
    /// hex digits.
    pub signature: String,
}

/// A file that is vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Its name without a directory.
    pub name: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// Why a signature does not stand for a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a signature file.
    #[error("not a signature file of smoke: {0}")]
    Shape(String),
    /// Of another version or algorithm.
    #[error(
        "a signature file of version {version} with {algorithm}; this smoke reads version {VERSION} with Ed25519"
    )]
    Version {
        /// The version.
        version: u32,
        /// The algorithm.
        algorithm: String,
    },
    /// Signed by somebody else.
    #[error("signed with the key {0}, not with the one given")]
    OtherKey(String),
    /// The signature does not fit.
    #[error("the signature is not one of these digests under the given key")]
    Forged,
    /// The file is not among those that were signed.
    #[error("{0} is not among the files that were signed")]
    NotListed(String),
    /// The file has other bytes.
    #[error("{0} is not the file that was signed: its SHA-256 differs")]
    Changed(String),
}

impl Seal {
    #[must_use]
    pub fn make(key: &SigningKey, files: Vec<SealedFile>) -> Self {
        let signature = key.sign(message(&files).as_bytes());
        Self {
            version: VERSION,
            algorithm: "Ed25519".to_owned(),
            public_key: key.public().to_string(),
            files,
            signature: hex::encode(signature.to_bytes()),
        }
    }

    /// Reads a signature file.
    ///
    /// # Errors
    /// When it is none, or one of another version.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let seal: Self = serde_json::from_slice(bytes).map_err(|e| SealError::Shape(e.to_string()))?;
        if seal.version == VERSION && seal.algorithm == "Ed25519" {
            Ok(seal)
        } else {
            Err(SealError::Version { version: seal.version, algorithm: seal.algorithm })
        }
    }

    /// Whether `key` signed this list of digests.
    ///
    /// # Errors
    /// Another key, or a signature that does not fit.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SealError> {
        if self.public_key != key.to_string() {
            return Err(SealError::OtherKey(self.public_key.chars().take(64).collect()));
        }
        let mut signature = [0u8; 64];
        hex::decode_to_slice(&self.signature, &mut signature).map_err(|_| SealError::Forged)?;
        let fits = key.verifies(message(&self.files).as_bytes(), &signature);
        if fits { Ok(()) } else { Err(SealError::Forged) }
    }

    /// Whether the list holds the file `name` with this SHA-256.
    ///
    /// # Errors
    /// It is not listed, or with another digest.
    pub fn vouches_for(&self, name: &str, sha256: &str) -> Result<(), SealError> {
        match self.files.iter().find(|f| f.name == name) {
            None => Err(SealError::NotListed(name.to_owned())),
            Some(file) if file.sha256 == sha256 => Ok(()),
            Some(_) => Err(SealError::Changed(name.to_owned())),
        }
    }
}

impl SealedFile {
    /// A file from its bytes.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

/// The signed bytes. A name with a line end cannot pretend to be two lines: it is written as JSON text.
fn message(files: &[SealedFile]) -> String {
    let line = |f: &SealedFile| format!("{}  {}\n", serde_json::json!(f.sha256), serde_json::json!(f.name));
    files.iter().fold(format!("{DOMAIN}\n"), |text, file| text + &line(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_vouches_for_its_files_and_no_others() {
        let key = SigningKey::generate().unwrap();
        let seal = Seal::make(&key, vec![SealedFile::of("a.json", b"1"), SealedFile::of("b", b"2")]);
        let seal = Seal::parse(&serde_json::to_vec(&seal).unwrap()).unwrap();
        assert_eq!(seal.verify(&key.public()), Ok(()));
        let digest = SealedFile::of("", b"1").sha256;
        assert_eq!(seal.vouches_for("a.json", &digest), Ok(()));
        assert_eq!(seal.vouches_for("b", &digest), Err(SealError::Changed("b".to_owned())));
        assert_eq!(seal.vouches_for("c", &digest), Err(SealError::NotListed("c".to_owned())));
    }

    #[test]
    fn every_change_is_found() {
        let key = SigningKey::generate().unwrap();
        let other = SigningKey::generate().unwrap();
        let seal = Seal::make(&key, vec![SealedFile::of("a.json", b"1")]);
        assert!(matches!(seal.verify(&other.public()), Err(SealError::OtherKey(_))));
        let claims = Seal { public_key: other.public().to_string(), ..seal.clone() };
        assert_eq!(claims.verify(&other.public()), Err(SealError::Forged));
        let mut swapped = seal.clone();
        swapped.files = vec![SealedFile::of("a.json", b"2")];
        assert_eq!(swapped.verify(&key.public()), Err(SealError::Forged));
        let short = Seal { signature: seal.signature[2..].to_owned(), ..seal.clone() };
        assert_eq!(short.verify(&key.public()), Err(SealError::Forged));
        assert!(matches!(Seal::parse(b"{}"), Err(SealError::Shape(_))));
        let newer = serde_json::to_vec(&Seal { version: 2, ..seal }).unwrap();
        assert!(matches!(Seal::parse(&newer), Err(SealError::Version { version: 2, .. })));
    }
}
