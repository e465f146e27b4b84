//! Keys that are tried in turn.

use super::message::{Hashing, Message};
use super::{PublicKey, SignatureError};

/// Keys of which one is enough.
pub(crate) struct Keyring<'a>(Vec<&'a PublicKey>);

/// No key of the ring verifies a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The ring is empty.
    NoKey,
    /// The bytes are no signature by any algorithm.
    Malformed,
    /// By another key, or over other content.
    OtherKey,
}

impl<'a> Keyring<'a> {
    pub(crate) fn of(keys: &'a [PublicKey]) -> Self {
        Self(keys.iter().collect())
    }

    /// The key that made `signature` over `message`.
    pub(crate) fn signer(
        &self,
        hashing: Hashing,
        message: &Message<'_>,
        signature: &[u8],
    ) -> Result<&'a PublicKey, Unverified> {
        let mut failure = Unverified::NoKey;
        for key in &self.0 {
            failure = match key.verify_message(hashing, message, signature) {
                Ok(()) => return Ok(key),
                Err(SignatureError::Malformed) => Unverified::Malformed,
                Err(SignatureError::OtherKey) => Unverified::OtherKey,
            };
        }
        Err(failure)
    }
}
