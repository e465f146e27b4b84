//! What callers learn about keys and messages.

use super::fingerprint::OpenPgpFingerprint;

/// A key of a keyring, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Of the primary key.
    pub fingerprint: OpenPgpFingerprint,
    /// The primary key's algorithm, such as `RSA-4096` or `Ed25519`.
    pub algorithm: String,
    /// Why nothing that this key signs is accepted, if its algorithm or length does not suffice.
    pub weakness: Option<String>,
    /// User ids that the key itself certified, bounded in length and number. Statements of whoever made the key.
    pub user_ids: Vec<String>,
    /// Of the subkeys, whatever they are for.
    pub subkeys: Vec<OpenPgpFingerprint>,
}

/// Who signed a message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// The primary key: what a policy names.
    pub primary: OpenPgpFingerprint,
    /// The key that made the signature: the primary key itself, or one of its subkeys.
    pub signing_key: OpenPgpFingerprint,
    /// Seconds since 1970, as the signer states.
    pub created: i64,
}

/// A message whose signature verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMessage {
    /// The bytes that were signed.
    pub payload: Vec<u8>,
    /// Who signed them.
    pub signer: Signer,
}
