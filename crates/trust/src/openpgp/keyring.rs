//! Public keys, and what they signed.

use super::armor;
use super::certificate::{Certificate, join};
use super::errors::{KeyringError, OpenPgpError};
use super::fingerprint::OpenPgpFingerprint;
use super::gather::gather;
use super::message::{Inline, open};
use super::report::{KeyDescription, SignedMessage, Signer};
use super::statement::{About, Statement, Unclear, names, seconds};
use super::{FormFault, MAX_KEYRING, strength};
use crate::reading::text::bounded;
use pgp::packet::{Signature, SignatureType, SignatureVersion};
use pgp::types::VerifyingKey;

/// OpenPGP public keys, each primary key once. Whoever holds one decides that these keys are trusted.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// What it was read from.
    packets: Vec<u8>,
    certificates: Vec<Certificate>,
}

impl Keyring {
    /// Reads public keys, binary or ASCII-armored, as `gpg --export` writes them and vendors ship them. Copies of one
    /// key in the same file are joined, so that a revocation in one of them counts.
    ///
    /// Keys that are expired, revoked or too weak are read and listed, and verify nothing.
    ///
    /// # Errors
    /// [`KeyringError`]: everything in the file must be readable, and at least one key strong enough.
    pub fn read(file: &[u8]) -> Result<Self, KeyringError> {
        if file.len() > MAX_KEYRING {
            return Err(KeyringError::TooLarge(file.len()));
        }
        let packets = armor::packets_of(file)?;
        let gathered = gather(&packets)?;
        let certificates = join(gathered.into_iter().map(Certificate::prove))?;
        Ok(Self { packets, certificates })
    }

    /// One keyring of several. To verify with several keyrings, join them: a key that is revoked in one of them is
    /// then revoked.
    ///
    /// # Errors
    /// [`KeyringError::NoKey`] when there is nothing to join.
    pub fn merged(keyrings: impl IntoIterator<Item = Self>) -> Result<Self, KeyringError> {
        let (packets, certificates): (Vec<_>, Vec<_>) =
            keyrings.into_iter().map(|keyring| (keyring.packets, keyring.certificates)).unzip();
        let certificates = join(certificates.into_iter().flatten())?;
        Ok(Self { packets: packets.concat(), certificates })
    }

    /// Takes from `other` what it says of keys that are in this ring, such as that they are revoked; no key is added.
    pub fn learn_of(&mut self, other: &Self) {
        for known in &mut self.certificates {
            let same = |news: &&Certificate| news.fingerprint == known.fingerprint;
            for news in other.certificates.iter().filter(same).cloned().collect::<Vec<_>>() {
                known.absorb(news);
            }
        }
    }

    /// Every primary key, in the file's order.
    pub fn keys(&self) -> Vec<KeyDescription> {
        self.certificates.iter().map(Certificate::description).collect()
    }

    /// The packets that it was read from, those of all keyrings that were merged.
    pub(super) fn packets(&self) -> &[u8] {
        &self.packets
    }

    /// True when `primary` is the fingerprint of a primary key of this ring. Subkeys are not named by policies.
    pub fn contains(&self, primary: &OpenPgpFingerprint) -> bool {
        self.certificates.iter().any(|certificate| certificate.fingerprint == *primary)
    }

    /// Verifies an inline-signed message at `now`, seconds since 1970 (docs/spec/verification.md §8).
    ///
    /// # Errors
    /// [`OpenPgpError`]. What is wrong with a key is only said where that key did make the signature.
    pub fn verify(&self, message: &[u8], now: i64) -> Result<SignedMessage, OpenPgpError> {
        let Inline { payload, signature, left_over } = open(message)?;
        let stated = acceptable(&signature)?;
        let signer = self.signer(&payload, &signature, &stated, now)?;
        if stated.created > now {
            return Err(OpenPgpError::SignatureInFuture { created: stated.created });
        }
        match stated.expires {
            Some(at) if at <= now => Err(OpenPgpError::SignatureExpired { at }),
            _ if left_over => Err(FormFault::Trailing.into()),
            _ => Ok(SignedMessage { payload, signer }),
        }
    }

    /// The key that made `signature` and may have. Which keys are tried follows the signature's own hint.
    fn signer(
        &self,
        payload: &[u8],
        signature: &Signature,
        stated: &Statement,
        now: i64,
    ) -> Result<Signer, OpenPgpError> {
        let mut failure = None;
        let mut note = |error: OpenPgpError| {
            // That a key did sign, but may not, says more than that another did not.
            if matches!(failure, None | Some(OpenPgpError::BadSignature(_))) {
                failure = Some(error);
            }
        };
        for certificate in &self.certificates {
            let signer = |signing_key| Signer {
                primary: certificate.fingerprint,
                signing_key,
                created: stated.created,
            };
            if names(signature, &certificate.key) {
                let fingerprint = certificate.fingerprint;
                let made = made(signature, payload, &certificate.key, fingerprint, stated);
                let signs = |()| certificate.primary_signs(now).map_err(at(fingerprint));
                match made.and_then(signs) {
                    Ok(()) => return Ok(signer(fingerprint)),
                    Err(error) => note(error),
                }
            }
            for subkey in certificate.subkeys.iter().filter(|subkey| names(signature, &subkey.key))
            {
                let fingerprint = subkey.fingerprint;
                let made = made(signature, payload, &subkey.key, fingerprint, stated);
                let stands =
                    |()| certificate.primary_stands(now).map_err(at(certificate.fingerprint));
                let signs = |()| certificate.subkey_signs(subkey, now).map_err(at(fingerprint));
                match made.and_then(stands).and_then(signs) {
                    Ok(()) => return Ok(signer(fingerprint)),
                    Err(error) => note(error),
                }
            }
        }
        Err(failure.unwrap_or_else(|| OpenPgpError::UnknownKey(hint(signature))))
    }
}

/// Refuses what no key could make acceptable; gives what the signature says of itself.
fn acceptable(signature: &Signature) -> Result<Statement, OpenPgpError> {
    let version = signature.version();
    let (Some(config), SignatureVersion::V3 | SignatureVersion::V4 | SignatureVersion::V6) =
        (signature.config(), version)
    else {
        return Err(OpenPgpError::SignatureVersion(version.into()));
    };
    if config.typ() != SignatureType::Binary {
        return Err(OpenPgpError::SignatureType(config.typ().into()));
    }
    if !strength::resists_collisions(config.hash_alg) {
        return Err(OpenPgpError::WeakHash(bounded(&config.hash_alg.to_string())));
    }
    Statement::read(signature, About::Message).map_err(|unclear| match unclear {
        Unclear::Critical(kind) => OpenPgpError::CriticalSubpacket(kind),
        Unclear::Malformed(why) => FormFault::Malformed(format!("of its signature: {why}")).into(),
    })
}

/// Checks that `key` made this signature, and existed when it did.
fn made(
    signature: &Signature,
    payload: &[u8],
    key: &impl VerifyingKey,
    fingerprint: OpenPgpFingerprint,
    stated: &Statement,
) -> Result<(), OpenPgpError> {
    // Keys of algorithms that are not accepted are not computed with.
    if let Some(weakness) = strength::weakness(key) {
        return Err(at(fingerprint)(super::KeyFault::Weak(weakness)));
    }
    signature.verify(key, payload).map_err(|_| OpenPgpError::BadSignature(fingerprint))?;
    if stated.created < seconds(key.created_at()) {
        return Err(OpenPgpError::SignatureBeforeKey { created: stated.created });
    }
    Ok(())
}

fn at(key: OpenPgpFingerprint) -> impl Fn(super::KeyFault) -> OpenPgpError {
    move |fault| OpenPgpError::Key { key, fault }
}

/// The name that a signature gives its key.
fn hint(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|name| format!("key {name}"));
    let id = || signature.issuer_key_id().first().map(|id| format!("key {id}"));
    bounded(&fingerprint.or_else(id).unwrap_or_else(|| "a key without a name".to_owned()))
}
