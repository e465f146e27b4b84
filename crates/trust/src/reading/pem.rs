//! The one public key in a file of people's (RFC 7468): says what they mixed up, then [`super::blocks`] reads the block.
//!
//! No PEM library: those at hand skip what they do not know, or stop at the first block; what matters here is to see
//! all that is in the file, and to say which of it does not belong there.

use super::blocks::{self, BlocksError, Prose};
use super::text::bounded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Largest key file read. An RSA-8192 key has 1.5 KiB; vendors put some prose before it.
pub const MAX_PEM: usize = 64 << 10;

const PUBLIC_KEY: &str = "PUBLIC KEY";
const BEGIN: &str = "-----BEGIN";
/// Characters of a line of base64 (RFC 7468 §2).
const LINE: usize = 64;

/// Why a file does not hold exactly one public key block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Longer than [`MAX_PEM`].
    #[error("the file has {0} bytes, more than the {MAX_PEM} of a key file")]
    TooLarge(usize),
    /// No `-----BEGIN` anywhere.
    #[error("it holds no PEM block")]
    NoBlock,
    /// A private key: it has no business where public keys are read.
    #[error("it holds a private key; give the public key instead")]
    PrivateKey,
    /// A certificate is not a key: what it vouches for is decided by other rules.
    #[error("it holds a certificate, not a bare public key")]
    Certificate,
    /// Some other block, such as `RSA PUBLIC KEY` or `PGP PUBLIC KEY BLOCK`.
    #[error("it holds a block {0:?}, expected one {PUBLIC_KEY:?}")]
    OtherBlock(String),
    /// Several public keys: which one is meant is not for us to guess.
    #[error("it holds {0} public keys, expected one")]
    SeveralKeys(usize),
    /// Text after the block.
    #[error("there is text after the public key block")]
    Trailing,
    /// The block itself is not well formed.
    #[error("the public key cannot be read: {0}")]
    Damaged(BlocksError),
}

/// The DER inside the only block of `file`, which must be a `PUBLIC KEY`. Prose before the block is allowed, as RFC
/// 7468 §2 says and the keys that Red Hat ships have.
///
/// # Errors
/// [`PemError`], one kind for each thing people put there by mistake.
pub(crate) fn public_key_block(file: &[u8]) -> Result<Vec<u8>, PemError> {
    if file.len() > MAX_PEM {
        return Err(PemError::TooLarge(file.len()));
    }
    let text = String::from_utf8_lossy(file);
    let labels: Vec<&str> = text.split(BEGIN).skip(1).map(label).collect();
    if labels.is_empty() {
        return Err(PemError::NoBlock);
    }
    if labels.iter().any(|label| label.contains("PRIVATE KEY")) {
        return Err(PemError::PrivateKey);
    }
    if let Some(other) = labels.iter().find(|label| **label != PUBLIC_KEY) {
        return Err(if other.contains("CERTIFICATE") {
            PemError::Certificate
        } else {
            PemError::OtherBlock(bounded(other))
        });
    }
    if labels.len() > 1 {
        return Err(PemError::SeveralKeys(labels.len()));
    }
    blocks::read_one(file, PUBLIC_KEY, MAX_PEM, Prose::BeforeBlocks).map_err(|error| match error {
        BlocksError::Prose => PemError::Trailing,
        error => PemError::Damaged(error),
    })
}

/// One block with lines of 64 characters and one newline at the end.
pub(crate) fn encode_public_key(der: &[u8]) -> String {
    encode(PUBLIC_KEY, der)
}

/// The same for a block with any label.
pub fn encode(label: &str, content: &[u8]) -> String {
    let body = STANDARD.encode(content);
    let mut text = format!("{BEGIN} {label}-----\n");
    for (place, character) in body.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {label}-----\n")
}

fn label(after_begin: &str) -> &str {
    let line = after_begin.lines().next().unwrap_or_default();
    line.split("-----").next().unwrap_or_default().trim()
}
