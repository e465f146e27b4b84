//! Keys of logs.

use crate::{Algorithm, Fingerprint, KeyError, PublicKey};

/// The key of a trusted log. Its fingerprint is the log's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey(PublicKey);

/// Why a file is not the key of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogKeyError {
    /// Not a public key at all.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key that no log signs entry timestamps with; the container stack refuses it too.
    #[error("it is a key of {0}, and the key of a Rekor log is one of ECDSA")]
    Algorithm(Algorithm),
}

impl LogKey {
    /// Takes an ECDSA key for that of a log.
    ///
    /// # Errors
    /// Keys of other algorithms.
    pub fn new(key: PublicKey) -> Result<Self, LogKeyError> {
        match key.algorithm() {
            Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => Ok(Self(key)),
            other @ (Algorithm::Rsa { .. } | Algorithm::Ed25519) => {
                Err(LogKeyError::Algorithm(other))
            }
        }
    }

    /// Reads a PEM file with one ECDSA key.
    ///
    /// # Errors
    /// As [`PublicKey::from_pem`], and keys of other algorithms.
    pub fn from_pem(file: &[u8]) -> Result<Self, LogKeyError> {
        Self::new(PublicKey::from_pem(file)?)
    }

    /// The log's id: SHA-256 of the key's SubjectPublicKeyInfo.
    pub fn id(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// The key itself.
    pub fn key(&self) -> &PublicKey {
        &self.0
    }
}
