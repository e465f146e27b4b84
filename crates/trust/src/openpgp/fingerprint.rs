//! The name of an OpenPGP key: its fingerprint (RFC 9580 §5.5.4).

use bundle_oci::digest;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "openpgp:";

/// Fingerprint of an OpenPGP key. Written as `openpgp:` and 40 (version 4) or 64 (version 6) lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenPgpFingerprint {
    /// SHA-1 of a version 4 key.
    V4([u8; 20]),
    /// SHA-256 of a version 6 key.
    V6([u8; 32]),
}

/// A text is not the fingerprint of an OpenPGP key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an OpenPGP fingerprint is {PREFIX:?} and 40 or 64 lower-case hex digits")]
pub struct OpenPgpFingerprintError;

impl OpenPgpFingerprint {
    /// The hex digits, without the prefix.
    pub fn hex(&self) -> String {
        match self {
            Self::V4(bytes) => digest::hex(bytes),
            Self::V6(bytes) => digest::hex(bytes),
        }
    }
}

impl fmt::Display for OpenPgpFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl FromStr for OpenPgpFingerprint {
    type Err = OpenPgpFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(PREFIX).ok_or(OpenPgpFingerprintError)?.as_bytes();
        match digits.len() {
            40 => bytes(digits).map(Self::V4),
            64 => bytes(digits).map(Self::V6),
            _ => None,
        }
        .ok_or(OpenPgpFingerprintError)
    }
}

impl Serialize for OpenPgpFingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Bytes of exactly as many lower-case hex digits as they need.
fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_as_it_was_written() {
        for fingerprint in [OpenPgpFingerprint::V4([0xa7; 20]), OpenPgpFingerprint::V6([0x0f; 32])]
        {
            assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }
        let text = OpenPgpFingerprint::V4([0xa7; 20]).to_string();
        assert_eq!(text, format!("openpgp:{}", "a7".repeat(20)));
        assert_eq!(
            serde_json::to_string(&OpenPgpFingerprint::V4([1; 20])).ok(),
            Some(format!("\"openpgp:{}\"", "01".repeat(20)))
        );
    }

    #[test]
    fn nothing_else_is_a_fingerprint() {
        let valid = "a7".repeat(20);
        for text in [
            valid.clone(),
            format!("sha256:{valid}"),
            format!("openpgp:{}", valid.to_uppercase()),
            format!("openpgp:0x{valid}"),
            format!("openpgp:{}", &valid[1..]),
            format!("openpgp:{valid}0"),
            format!("openpgp:{} ", &valid[1..]),
            format!("openpgp:{}", "é".repeat(20)),
            "openpgp:".to_owned(),
        ] {
            assert_eq!(text.parse::<OpenPgpFingerprint>(), Err(OpenPgpFingerprintError), "{text}");
        }
    }
}
