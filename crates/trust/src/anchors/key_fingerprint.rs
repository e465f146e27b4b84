//! What keys of every kind are called.

use crate::keys::Fingerprint;
use crate::openpgp::OpenPgpFingerprint;
use bundle_oci::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// The name of a key by its content, whatever kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyFingerprint {
    /// SHA-256 of a SubjectPublicKeyInfo in DER, or of the bytes of a `trusted_root.json`: `sha256:…`.
    Sha256(Digest),
    /// Of the primary key, by OpenPGP's own rules: `openpgp:…`.
    OpenPgp(OpenPgpFingerprint),
}

/// A text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is \"sha256:\" and 64, or \"openpgp:\" and 40 or 64 lower-case hex digits")]
pub struct KeyFingerprintError;

impl KeyFingerprint {
    /// The hex digits, without what stands before them.
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(digest) => digest.hex(),
            Self::OpenPgp(fingerprint) => fingerprint.hex(),
        }
    }
}

impl From<Digest> for KeyFingerprint {
    fn from(digest: Digest) -> Self {
        Self::Sha256(digest)
    }
}

impl From<Fingerprint> for KeyFingerprint {
    fn from(fingerprint: Fingerprint) -> Self {
        Self::Sha256(fingerprint.into())
    }
}

impl From<OpenPgpFingerprint> for KeyFingerprint {
    fn from(fingerprint: OpenPgpFingerprint) -> Self {
        Self::OpenPgp(fingerprint)
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => digest.fmt(f),
            Self::OpenPgp(fingerprint) => fingerprint.fmt(f),
        }
    }
}

impl FromStr for KeyFingerprint {
    type Err = KeyFingerprintError;

    fn from_str(text: &str) -> Result<Self, KeyFingerprintError> {
        let sha256 = text.parse().map(Self::Sha256).map_err(|_| KeyFingerprintError);
        sha256.or_else(|error| text.parse().map(Self::OpenPgp).map_err(|_| error))
    }
}

impl Serialize for KeyFingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyFingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_of_both_kinds_read_back_and_nothing_else_is_one() {
        let (sha256, openpgp) = ("ab".repeat(32), "a7".repeat(20));
        for text in [format!("sha256:{sha256}"), format!("openpgp:{openpgp}")] {
            let fingerprint: KeyFingerprint = text.parse().expect("a fingerprint");
            assert_eq!(fingerprint.to_string(), text);
            let json = serde_json::to_string(&fingerprint).expect("JSON");
            assert_eq!(serde_json::from_str::<KeyFingerprint>(&json).ok(), Some(fingerprint));
        }
        for text in
            ["".to_owned(), sha256.clone(), format!("sha256:{openpgp}"), format!("sha512:{sha256}")]
        {
            assert_eq!(text.parse::<KeyFingerprint>(), Err(KeyFingerprintError), "{text}");
        }
    }
}
