//! GPG signatures in the form of "atomic" signatures: OpenPGP messages that lie beside a registry's images, never in a
//! manifest (containers/image signature-protocols.md).
//!
//! What is in a message is the verifier's business. Here is only what carrying one takes.

use super::Digest;
use crate::text::bounded_to;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Largest signature in bytes; real ones have less than 2 KiB. containers/image reads no larger ones.
pub const MAX_SIGNATURE: u64 = 4 << 20;
/// Most signatures of one manifest: with more of them, containers/image takes the server to be broken.
pub const MAX_SIGNATURES: usize = 128;
/// Hexadecimal digits of the part of a name that tells the signatures of one manifest apart.
const OWN_DIGITS: usize = 32;

/// Name of a signature in the signature extension: `sha256:<64 hex>@<32 hex>`, all in lower case. The digest is the one
/// of the manifest that is signed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomicName {
    subject: Digest,
    own: [u8; OWN_DIGITS],
}

/// A text is no name of a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a signature: expected sha256:<64 hex>@<32 hex>")]
pub struct AtomicNameError(String);

impl AtomicName {
    /// A name for a signature that has none: made of its content, so that the same signature gets the same name.
    pub fn of(subject: Digest, content: &[u8]) -> Self {
        let mut own = [0; OWN_DIGITS];
        for (digit, byte) in own.iter_mut().zip(Digest::of(content).hex().bytes()) {
            *digit = byte;
        }
        Self { subject, own }
    }

    /// The manifest that is signed.
    pub fn subject(&self) -> Digest {
        self.subject
    }
}

impl FromStr for AtomicName {
    type Err = AtomicNameError;

    fn from_str(text: &str) -> Result<Self, AtomicNameError> {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let read = || {
            let (subject, own) = text.split_once('@')?;
            let own: [u8; OWN_DIGITS] = own.as_bytes().try_into().ok()?;
            own.iter().all(is_hex).then_some(())?;
            Some(Self { subject: subject.parse().ok()?, own })
        };
        read().ok_or_else(|| AtomicNameError(bounded_to(text, 160)))
    }
}

impl fmt::Display for AtomicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.subject)?;
        self.own.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for AtomicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for AtomicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AtomicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// True when `content` begins as an OpenPGP message with an inline signature does: a packet of compressed data, of a
/// one-pass signature, or of a signature (RFC 9580 §4.2), as containers/image tells it. Where a lookaside server has
/// anything else, container tools take it for broken and pull nothing.
pub fn begins_as_openpgp(content: &[u8]) -> bool {
    // Tags 2, 4 and 8, each in the old format with its ways to say a length, and in the new one.
    let tags = [0x88..=0x8B, 0x90..=0x92, 0xA0..=0xA3, 0xC2..=0xC2, 0xC4..=0xC4, 0xC8..=0xC8];
    content.first().is_some_and(|first| tags.iter().any(|tag| tag.contains(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_nothing_else_is_one() {
        let subject = Digest::of(b"manifest");
        let name = AtomicName::of(subject, b"signature");
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert_eq!(name.subject(), subject);
        assert_eq!(name, AtomicName::of(subject, b"signature"));
        assert_ne!(name, AtomicName::of(subject, b"another"));
        let own = "0123456789abcdef0123456789abcdef";
        assert!(format!("{subject}@{own}").parse::<AtomicName>().is_ok());
        for wrong in [
            String::new(),
            subject.to_string(),
            own.to_owned(),
            format!("{subject}@"),
            format!("{subject}@{own}0"),
            format!("{subject}@{}", &own[1..]),
            format!("{subject}@{}", own.to_uppercase()),
            format!("{subject}@../../../../../../etc/passwd00000"),
            format!("{subject}@{own}@{own}"),
            format!("{}@{own}", subject.to_string().to_uppercase()),
            format!("sha512:{}@{own}", subject.hex()),
            format!(" {subject}@{own}"),
        ] {
            assert!(wrong.parse::<AtomicName>().is_err(), "{wrong}");
        }
        let long = "é".repeat(100_000).parse::<AtomicName>().expect_err("no name");
        assert!(long.to_string().chars().count() < 300);
    }

    #[test]
    fn signed_messages_are_told_by_their_first_byte() {
        let known =
            [0xA0, 0xA1, 0xA2, 0xA3, 0xC8, 0x90, 0x91, 0x92, 0xC4, 0x88, 0x89, 0x8A, 0x8B, 0xC2];
        let taken: Vec<u8> = (0..=255).filter(|first| begins_as_openpgp(&[*first, 0])).collect();
        let mut known = known.to_vec();
        known.sort_unstable();
        assert_eq!(taken, known);
        assert!(!begins_as_openpgp(b""));
        assert!(!begins_as_openpgp(b"-----BEGIN PGP MESSAGE-----"));
        assert!(!begins_as_openpgp(b"\0sigstore-json\n{}"));
        assert!(!begins_as_openpgp(b"<html>"));
    }
}
