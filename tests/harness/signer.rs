//! Keys of the tests, and bytes that only look like a signature.

pub(crate) use bundle_testing::{KINDS, Signer};

use super::layers::noise;

/// Bytes that have a signature's length and are none.
pub(crate) fn no_signature(seed: &str) -> Vec<u8> {
    noise(seed, 71)
}
