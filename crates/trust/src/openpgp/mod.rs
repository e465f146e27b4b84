//! GPG atomic signatures: which OpenPGP keys are trusted, and whether one of them signed a message
//! (docs/spec/verification.md §8).
//!
//! [`Keyring::read`] takes public keys as `gpg --export` writes them; [`Keyring::verify`] takes one signed message and
//! gives its payload; [`judge_atomic`] compares that payload with an image.
//!
//! - [`fingerprint`] and [`errors`]: what a key is called, and one variant for each cause of refusal
//! - `armor`, `packets`: text to bytes, bytes to packets (RFC 9580 §4, §6)
//! - `gather`, `certificate`: packets to keys, their statements about themselves proven once, when they are read
//! - `statement`, `standing`: what a self-signature says, and what all of them come to at a given time
//! - [`canonical`]: a key by itself, in the one form in which it is carried and installed
//! - `strength`: which algorithms are strong enough
//! - `message`: one inline-signed message, and nothing else
//! - [`keyring`]: all of it together; [`atomic`]: the payload
//!
//! The library underneath parses packets and computes; it has no policy. The policy is here. Without the cargo feature
//! `openpgp` no keyring can be read, and so nothing verifies: [`KeyringError::NotBuilt`].

#[cfg(not(feature = "openpgp"))]
mod absent;
#[cfg(feature = "openpgp")]
mod armor;
pub mod atomic;
#[cfg(feature = "openpgp")]
pub mod canonical;
#[cfg(feature = "openpgp")]
mod certificate;
pub mod errors;
pub mod fingerprint;
#[cfg(feature = "openpgp")]
mod gather;
#[cfg(feature = "openpgp")]
pub mod keyring;
#[cfg(feature = "openpgp")]
mod message;
#[cfg(feature = "openpgp")]
mod packets;
mod report;
#[cfg(feature = "openpgp")]
mod standing;
#[cfg(feature = "openpgp")]
mod statement;
#[cfg(feature = "openpgp")]
mod strength;

#[cfg(not(feature = "openpgp"))]
pub use absent::{Keyring, SingleKey};
pub use atomic::{AtomicClaim, AtomicError, AtomicFinding, judge_atomic};
#[cfg(feature = "openpgp")]
pub use canonical::SingleKey;
pub use errors::{FormFault, KeyFault, KeyringError, OpenPgpError};
pub use fingerprint::{OpenPgpFingerprint, OpenPgpFingerprintError};
#[cfg(feature = "openpgp")]
pub use keyring::Keyring;
pub use report::{KeyDescription, SignedMessage, Signer};

/// Largest file of public keys read, in bytes. The whole keyring of a distribution has less.
pub const MAX_KEYRING: usize = 16 << 20;
/// Largest message read, in bytes, before and after decompression, as in the container stack. Real ones have under a
/// KiB.
pub const MAX_MESSAGE: usize = 4 << 20;

#[cfg(all(test, feature = "openpgp"))]
mod tests;
