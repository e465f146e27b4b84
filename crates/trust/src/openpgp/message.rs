//! The one form of message that is accepted: what `gpg --sign` writes (RFC 9580 §10.3). Nothing is verified here.

use super::MAX_MESSAGE;
use super::errors::FormFault;
use super::packets::{RawPacket, Unframed, split};
use crate::reading::text::bounded;
use pgp::packet::{Decompressor, LiteralData, OnePassSignature, Signature};
use pgp::types::{CompressionAlgorithm, Tag};
use std::io::Read as _;

/// Most packets of a message: enough to see that there are several signatures.
const MAX_PACKETS: usize = 64;

/// Content and the signature that is said to be over it.
pub(super) struct Inline {
    pub(super) payload: Vec<u8>,
    pub(super) signature: Signature,
    /// Bytes are left over after the compressed ones. Refused as everything else that is not the one form, but after
    /// the signature was looked at: of a damaged message that says more.
    pub(super) left_over: bool,
}

/// Takes a message apart.
pub(super) fn open(message: &[u8]) -> Result<Inline, FormFault> {
    if message.len() > MAX_MESSAGE {
        return Err(FormFault::TooLarge);
    }
    if message.first().is_none_or(|byte| byte & 0x80 == 0) {
        let cleartext = message.starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----");
        return Err(if cleartext { FormFault::Cleartext } else { FormFault::NotBinary });
    }
    let packets = framed(message)?;
    match &packets[..] {
        [compressed] if compressed.tag() == Tag::CompressedData => {
            let (content, left_over) = decompress(&compressed.body)?;
            signed(&framed(&content)?).map(|inline| Inline { left_over, ..inline })
        }
        [compressed, _, ..] if compressed.tag() == Tag::CompressedData => Err(FormFault::Trailing),
        _ => signed(&packets),
    }
}

fn framed(bytes: &[u8]) -> Result<Vec<RawPacket>, FormFault> {
    split(bytes, MAX_PACKETS).map_err(|error| match error {
        Unframed::TooMany => malformed("more packets than any signed message has"),
        Unframed::Broken { packet, why } => malformed(&format!("packet {packet}: {why}")),
    })
}

/// The content of a compressed packet, and whether anything is left over after it.
fn decompress(body: &[u8]) -> Result<(Vec<u8>, bool), FormFault> {
    let (algorithm, compressed) =
        body.split_first().ok_or_else(|| malformed("its compressed packet is empty"))?;
    let kind = CompressionAlgorithm::from(*algorithm);
    if !matches!(kind, CompressionAlgorithm::ZIP | CompressionAlgorithm::ZLIB) {
        return Err(FormFault::Compression(*algorithm));
    }
    let unreadable = |error: std::io::Error| malformed(&error.to_string());
    let mut reader = Decompressor::from_algorithm(kind, compressed).map_err(unreadable)?;
    let mut content = Vec::new();
    reader.by_ref().take(MAX_MESSAGE as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > MAX_MESSAGE {
        return Err(FormFault::TooLarge);
    }
    Ok((content, !reader.into_inner().is_empty()))
}

fn signed(packets: &[RawPacket]) -> Result<Inline, FormFault> {
    let tags: Vec<Tag> = packets.iter().map(RawPacket::tag).collect();
    let count = |tag| tags.iter().filter(|other| **other == tag).count();
    match (&tags[..], packets) {
        ([Tag::OnePassSignature, Tag::LiteralData, Tag::Signature], [announced, content, made]) => {
            inline(announced, content, made)
        }
        _ if tags.iter().any(|tag| is_encrypted(*tag)) => Err(FormFault::Encrypted),
        _ if count(Tag::Signature) > 1 || count(Tag::OnePassSignature) > 1 => {
            Err(FormFault::SeveralSignatures)
        }
        ([Tag::LiteralData], _) => Err(FormFault::Unsigned),
        ([Tag::Signature], _) => Err(FormFault::Detached),
        ([Tag::OnePassSignature, Tag::LiteralData, Tag::Signature, ..], _) => {
            Err(FormFault::Trailing)
        }
        _ => {
            let types: Vec<String> = tags.iter().map(|tag| u8::from(*tag).to_string()).collect();
            Err(malformed(&format!("its packets are of types {}", types.join(", "))))
        }
    }
}

fn is_encrypted(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::PublicKeyEncryptedSessionKey
            | Tag::SymKeyEncryptedSessionKey
            | Tag::SymEncryptedData
            | Tag::SymEncryptedProtectedData
            | Tag::GnupgAeadData
    )
}

fn inline(
    announced: &RawPacket,
    content: &RawPacket,
    made: &RawPacket,
) -> Result<Inline, FormFault> {
    let announced = announced
        .read(|header, body| OnePassSignature::try_from_reader(header, body))
        .map_err(|why| malformed(&why))?;
    let signature = made
        .read(|header, body| Signature::try_from_reader(header, body))
        .map_err(|why| malformed(&why))?;
    // Of several signatures in a row the last is marked so; and each is announced as what it is.
    let as_announced = signature.config().is_none_or(|config| {
        config.typ() == announced.typ()
            && config.hash_alg == announced.hash_algorithm()
            && config.pub_alg == announced.public_key_algorithm()
    });
    if announced.is_nested() || !as_announced {
        return Err(malformed("the signature is not the one that was announced"));
    }
    let literal = content
        .read(|header, body| LiteralData::try_from_reader(header, body))
        .map_err(|why| malformed(&why))?;
    if !literal.is_binary() {
        return Err(malformed("its content is not binary"));
    }
    Ok(Inline { payload: literal.data().to_vec(), signature, left_over: false })
}

fn malformed(why: &str) -> FormFault {
    FormFault::Malformed(bounded(why))
}
