//! The keyring of a program that was built without OpenPGP: there is none, so nothing can be skipped by mistake.

use super::errors::{KeyringError, OpenPgpError};
use super::fingerprint::OpenPgpFingerprint;
use super::report::{KeyDescription, SignedMessage};

/// Public keys; without the cargo feature `openpgp` no value of it exists.
#[derive(Debug, Clone)]
pub enum Keyring {}

impl Keyring {
    /// Refuses.
    ///
    /// # Errors
    /// [`KeyringError::NotBuilt`], always.
    pub fn read(_file: &[u8]) -> Result<Self, KeyringError> {
        Err(KeyringError::NotBuilt)
    }

    /// Joins nothing to nothing.
    ///
    /// # Errors
    /// [`KeyringError::NoKey`] when there is nothing to join.
    pub fn merged(keyrings: impl IntoIterator<Item = Self>) -> Result<Self, KeyringError> {
        keyrings.into_iter().next().ok_or(KeyringError::NoKey)
    }

    /// Never called: there is no keyring.
    pub fn learn_of(&mut self, _other: &Self) {
        match *self {}
    }

    /// Never called: there is no keyring.
    pub fn keys(&self) -> Vec<KeyDescription> {
        match *self {}
    }

    /// Never called: there is no keyring.
    pub fn contains(&self, _primary: &OpenPgpFingerprint) -> bool {
        match *self {}
    }

    /// Never called: there is no keyring.
    ///
    /// # Errors
    /// None.
    pub fn verify(&self, _message: &[u8], _now: i64) -> Result<SignedMessage, OpenPgpError> {
        match *self {}
    }
}

/// One public key by itself; without the cargo feature `openpgp` no value of it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SingleKey {}

impl SingleKey {
    /// Refuses.
    ///
    /// # Errors
    /// [`KeyringError::NotBuilt`], always.
    pub fn all_of(_file: &[u8]) -> Result<Vec<Self>, KeyringError> {
        Err(KeyringError::NotBuilt)
    }

    /// Refuses.
    ///
    /// # Errors
    /// [`KeyringError::NotBuilt`], always.
    pub fn read(_text: &[u8]) -> Result<Self, KeyringError> {
        Err(KeyringError::NotBuilt)
    }

    /// There is nothing to join.
    pub fn joined<'a>(
        _keyrings: impl IntoIterator<Item = &'a Keyring>,
        _primary: &OpenPgpFingerprint,
    ) -> Option<Self> {
        None
    }

    /// Never called: there is no key.
    pub fn fingerprint(&self) -> OpenPgpFingerprint {
        match *self {}
    }

    /// Never called: there is no key.
    pub fn armored(&self) -> &str {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_keyring_can_be_read() {
        let error = Keyring::read(b"\x99").expect_err("no OpenPGP");
        assert_eq!(error, KeyringError::NotBuilt);
        assert!(error.to_string().contains("built without OpenPGP"));
    }
}
