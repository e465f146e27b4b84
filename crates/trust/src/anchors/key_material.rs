//! Public keys of every use, each in the one form in which it is carried and installed.
//!
//! A file says what kind of thing it is, never what it may be used for: the same PEM block may be a publisher's key or a
//! log's. So a use is always stated beside it, and what a bundle states about its own keys grants nothing.

use super::key_fingerprint::KeyFingerprint;
use crate::keys::{KeyError, PublicKey};
use crate::openpgp::{KeyringError, SingleKey};
use crate::rekor::{LogKey, LogKeyError};
use crate::trusted_root::{TrustedRoot, TrustedRootError};
use bundle_oci::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a key verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Cosign signatures, both forms.
    Cosign,
    /// Entries of a transparency log, which are then demanded.
    Rekor,
    /// GPG signatures.
    #[serde(rename = "openpgp")]
    OpenPgp,
    /// Certificates, entries of logs and timestamps: a `trusted_root.json`.
    TrustedRoot,
}

impl KeyUse {
    /// Every use that is known.
    pub const ALL: [Self; 4] = [Self::Cosign, Self::Rekor, Self::OpenPgp, Self::TrustedRoot];

    /// The word for it in inventories, records and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cosign => "cosign",
            Self::Rekor => "rekor",
            Self::OpenPgp => "openpgp",
            Self::TrustedRoot => "trusted-root",
        }
    }

    /// How files of this use end, with the dot.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Cosign | Self::Rekor => ".pub",
            Self::OpenPgp => ".asc",
            Self::TrustedRoot => ".json",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no use of a key that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no use of a key that is known")]
pub struct UnknownUse;

impl FromStr for KeyUse {
    type Err = UnknownUse;

    fn from_str(text: &str) -> Result<Self, UnknownUse> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == text).ok_or(UnknownUse)
    }
}

/// A public key, or what stands for several, that was read and is able to verify.
#[derive(Debug, Clone)]
pub enum KeyMaterial {
    /// The key of somebody who signs images with cosign.
    Cosign(PublicKey),
    /// The key of a log.
    Rekor(LogKey),
    /// One OpenPGP key.
    OpenPgp(SingleKey),
    /// Authorities and logs.
    TrustedRoot(Arc<TrustedRoot>),
}

/// Why a file is not a key of the use that is stated.
#[derive(Debug, thiserror::Error)]
pub enum KeyMaterialError {
    /// Not one public key in PEM.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Not the key of a log.
    #[error(transparent)]
    LogKey(#[from] LogKeyError),
    /// Not one OpenPGP public key.
    #[error(transparent)]
    OpenPgp(#[from] KeyringError),
    /// Not a trusted root.
    #[error(transparent)]
    TrustedRoot(#[from] TrustedRootError),
}

impl KeyMaterial {
    /// Reads a file of the stated use. OpenPGP keys must be in canonical form, one in a file.
    ///
    /// # Errors
    /// [`KeyMaterialError`]: private keys, several keys, weak ones, anything else.
    pub fn read(usage: KeyUse, file: &[u8]) -> Result<Self, KeyMaterialError> {
        Ok(match usage {
            KeyUse::Cosign => Self::Cosign(PublicKey::from_pem(file)?),
            KeyUse::Rekor => Self::Rekor(LogKey::from_pem(file)?),
            KeyUse::OpenPgp => Self::OpenPgp(SingleKey::read(file)?),
            KeyUse::TrustedRoot => Self::TrustedRoot(Arc::new(TrustedRoot::parse(file)?)),
        })
    }

    /// Reads any file of public keys: a `trusted_root.json`, OpenPGP keys (each by itself), or one PEM block, which is
    /// taken for a key that signs images.
    ///
    /// # Errors
    /// [`KeyMaterialError`], private keys of all kinds among them.
    pub fn detect(file: &[u8]) -> Result<Vec<Self>, KeyMaterialError> {
        let is_openpgp = file.first().is_some_and(|byte| byte & 0x80 != 0)
            || file.windows(OPENPGP.len()).any(|window| window == OPENPGP);
        if is_openpgp {
            return Ok(SingleKey::all_of(file)?.into_iter().map(Self::OpenPgp).collect());
        }
        let usage = match file.trim_ascii_start().first() {
            Some(b'{') => KeyUse::TrustedRoot,
            _ => KeyUse::Cosign,
        };
        Ok(vec![Self::read(usage, file)?])
    }

    /// What it verifies.
    pub const fn usage(&self) -> KeyUse {
        match self {
            Self::Cosign(_) => KeyUse::Cosign,
            Self::Rekor(_) => KeyUse::Rekor,
            Self::OpenPgp(_) => KeyUse::OpenPgp,
            Self::TrustedRoot(_) => KeyUse::TrustedRoot,
        }
    }

    /// Its name by its content.
    pub fn fingerprint(&self) -> KeyFingerprint {
        match self {
            Self::Cosign(key) => key.fingerprint().into(),
            Self::Rekor(key) => key.id().into(),
            Self::OpenPgp(key) => key.fingerprint().into(),
            Self::TrustedRoot(root) => Digest::of(root.bytes()).into(),
        }
    }

    /// What kind of key it is, for people.
    pub fn algorithm(&self) -> String {
        match self {
            Self::Cosign(key) => key.algorithm().to_string(),
            Self::Rekor(key) => key.key().algorithm().to_string(),
            Self::OpenPgp(_) => "OpenPGP".to_owned(),
            Self::TrustedRoot(_) => "trusted root".to_owned(),
        }
    }

    /// The bytes of its file: one canonical PEM block, one canonical armored key, or the trusted root as it came.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Cosign(key) => key.to_pem().into_bytes(),
            Self::Rekor(key) => key.key().to_pem().into_bytes(),
            Self::OpenPgp(key) => key.armored().as_bytes().to_vec(),
            Self::TrustedRoot(root) => root.bytes().to_vec(),
        }
    }
}

/// How armor begins, of public keys and of all else.
const OPENPGP: &[u8] = b"-----BEGIN PGP ";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn a_pem_block_is_a_signers_unless_it_is_said_to_be_a_logs() {
        let found = KeyMaterial::detect(KEY.as_bytes()).expect("a key");
        let [KeyMaterial::Cosign(key)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(found[0].fingerprint(), key.fingerprint().into());
        assert_eq!(found[0].to_bytes(), KEY.as_bytes());
        // Ed25519 is no log's.
        let log = KeyMaterial::read(KeyUse::Rekor, KEY.as_bytes());
        assert!(matches!(log, Err(KeyMaterialError::LogKey(_))), "{log:?}");
    }

    #[test]
    fn private_keys_of_every_kind_are_refused_as_such() {
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"] {
            let text = KEY.replace("PUBLIC KEY", label);
            let error = KeyMaterial::detect(text.as_bytes()).expect_err("private").to_string();
            assert!(error.contains("private key"), "{label}: {error}");
        }
        if cfg!(feature = "openpgp") {
            let armored = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END";
            // A packet of a secret key in the old format, and in the new one.
            for file in [armored.as_bytes(), &[0x94, 1, 4], &[0xc5, 1, 4]] {
                let error = KeyMaterial::detect(file).expect_err("secret").to_string();
                assert!(error.contains("secret key"), "{error}");
            }
        }
    }

    #[test]
    fn a_trusted_root_is_named_by_its_bytes() {
        let key = PublicKey::from_pem(include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/host/p256.pub"
        )))
        .expect("key");
        let root = TrustedRoot::of_log_keys(std::slice::from_ref(&key)).expect("root");
        assert!(root.bytes().is_empty(), "made here, so it has no file");
        let text = crate::trusted_root::text_of_log(&key);
        let found = KeyMaterial::detect(format!("  \n{text}").as_bytes()).expect("a root");
        let [KeyMaterial::TrustedRoot(_)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(found[0].to_bytes(), format!("  \n{text}").as_bytes());
        assert_eq!(found[0].fingerprint(), Digest::of(format!("  \n{text}").as_bytes()).into());
    }

    #[test]
    fn uses_read_back_as_they_are_written() {
        for usage in KeyUse::ALL {
            assert_eq!(usage.as_str().parse(), Ok(usage));
            assert_eq!(serde_json::to_value(usage).ok(), Some(usage.as_str().into()));
        }
        assert_eq!("seal".parse::<KeyUse>(), Err(UnknownUse));
    }
}
