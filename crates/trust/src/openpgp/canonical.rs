//! One form for each public key: what a keyring says of it, without what others say.
//!
//! Packets keep their bodies byte for byte; only their headers are written anew. What the key says of itself, and every
//! revocation, stays; what does not count here (certifications by others, photographs, markers) is left out. So two
//! exports of one key in one state are the same bytes, and joining two copies loses no revocation of either.

use super::armor;
use super::errors::KeyringError;
use super::fingerprint::OpenPgpFingerprint;
use super::gather::{MAX_PACKETS, gather};
use super::keyring::Keyring;
use super::packets::{RawPacket, split};
use super::statement::names;
use pgp::packet::{PublicKey, Signature, SignatureType};
use pgp::types::Tag;

/// One public key by itself, in the form in which it is carried and installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleKey {
    fingerprint: OpenPgpFingerprint,
    armored: String,
}

impl SingleKey {
    /// Every key of a file, in its order; copies of one key are joined.
    ///
    /// # Errors
    /// As [`Keyring::read`], secret keys among them. Keys that are too weak to verify anything are left out.
    pub fn all_of(file: &[u8]) -> Result<Vec<Self>, KeyringError> {
        Keyring::read(file)?;
        let mut keys: Vec<Parts> = Vec::new();
        for parts in parts(&armor::packets_of(file)?)? {
            match keys.iter_mut().find(|known| known.fingerprint == parts.fingerprint) {
                Some(known) => known.absorb(parts),
                None => keys.push(parts),
            }
        }
        let usable = keys.into_iter().map(Self::of).filter(|key| {
            // Beside a strong key a weak one is passed over; by itself it would be refused.
            !matches!(key, Err(KeyringError::NoneUsable { .. }))
        });
        usable.collect()
    }

    /// The key in `text`, which must be as [`Self::armored`] has it.
    ///
    /// # Errors
    /// As [`Self::all_of`]; [`KeyringError::NotCanonical`] for several keys and any other form.
    pub fn read(text: &[u8]) -> Result<Self, KeyringError> {
        let mut keys = Self::all_of(text)?;
        match (keys.pop(), keys.is_empty()) {
            (Some(key), true) if key.armored.as_bytes() == text => Ok(key),
            _ => Err(KeyringError::NotCanonical),
        }
    }

    /// All that these keyrings say of one key; none where they cannot be brought together, or say nothing of it.
    pub fn joined<'a>(
        keyrings: impl IntoIterator<Item = &'a Keyring>,
        primary: &OpenPgpFingerprint,
    ) -> Option<Self> {
        let packets: Vec<&[u8]> = keyrings.into_iter().map(Keyring::packets).collect();
        Self::all_of(&packets.concat()).ok()?.into_iter().find(|key| key.fingerprint == *primary)
    }

    /// The fingerprint of the primary key.
    pub fn fingerprint(&self) -> OpenPgpFingerprint {
        self.fingerprint
    }

    /// The canonical text.
    pub fn armored(&self) -> &str {
        &self.armored
    }

    fn of(parts: Parts) -> Result<Self, KeyringError> {
        let fingerprint = parts.fingerprint;
        let packets = parts.into_bytes();
        Keyring::read(&packets)?;
        Ok(Self { fingerprint, armored: armor::encode(&packets) })
    }
}

/// The packets of one key that stay.
struct Parts {
    fingerprint: OpenPgpFingerprint,
    key: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    /// User ids and subkeys, each with its signatures.
    users: Vec<Signed>,
    subkeys: Vec<Signed>,
}

struct Signed {
    packet: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Parts {
    fn absorb(&mut self, other: Self) {
        add_all(&mut self.signatures, other.signatures);
        for (own, others) in [(&mut self.users, other.users), (&mut self.subkeys, other.subkeys)] {
            for signed in others {
                add(own, signed);
            }
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        let below = self.users.into_iter().chain(self.subkeys);
        let below = below.flat_map(|signed| [vec![signed.packet], signed.signatures].concat());
        [vec![self.key], self.signatures, below.collect()].concat().concat()
    }
}

/// Adds a user id or a subkey, to the same one where there is one.
fn add(own: &mut Vec<Signed>, signed: Signed) {
    match own.iter_mut().find(|known| known.packet == signed.packet) {
        Some(known) => add_all(&mut known.signatures, signed.signatures),
        None => own.push(signed),
    }
}

fn add_all(own: &mut Vec<Vec<u8>>, others: Vec<Vec<u8>>) {
    for signature in others {
        if !own.contains(&signature) {
            own.push(signature);
        }
    }
}

/// The keys of bytes that are known to be a keyring, one entry for each time that a primary key begins.
fn parts(bytes: &[u8]) -> Result<Vec<Parts>, KeyringError> {
    let primaries = gather(bytes)?;
    let mut primaries = primaries.into_iter();
    let packets = split(bytes, MAX_PACKETS).map_err(|_| KeyringError::NotCanonical)?;
    let mut keys: Vec<(Parts, PublicKey)> = Vec::new();
    let mut place = Tag::PublicKey;
    for packet in packets {
        let tag = packet.tag();
        match (tag, keys.last_mut()) {
            (Tag::PublicKey, _) => {
                let Some(primary) = primaries.next() else {
                    return Err(KeyringError::NotCanonical);
                };
                let parts = Parts {
                    fingerprint: primary.fingerprint,
                    key: framed(&packet),
                    signatures: Vec::new(),
                    users: Vec::new(),
                    subkeys: Vec::new(),
                };
                keys.push((parts, primary.key));
                place = tag;
            }
            (Tag::UserId | Tag::PublicSubkey, Some((parts, _))) => {
                let signed = Signed { packet: framed(&packet), signatures: Vec::new() };
                let list = if tag == Tag::UserId { &mut parts.users } else { &mut parts.subkeys };
                // Kept at the end, where its signatures are put; the same one twice is joined by `absorb`.
                list.push(signed);
                place = tag;
            }
            (Tag::UserAttribute, _) => place = tag,
            (Tag::Signature, Some((parts, primary))) if counts(&packet, primary) => {
                let about = match place {
                    Tag::PublicKey => Some(&mut parts.signatures),
                    Tag::UserId => parts.users.last_mut().map(|user| &mut user.signatures),
                    Tag::PublicSubkey => parts.subkeys.last_mut().map(|key| &mut key.signatures),
                    _ => None,
                };
                if let Some(signatures) = about {
                    signatures.push(framed(&packet));
                }
            }
            _ => {}
        }
    }
    let joined = keys.into_iter().map(|(parts, _)| {
        let Parts { fingerprint, key, .. } = &parts;
        let mut joined = Parts {
            fingerprint: *fingerprint,
            key: key.clone(),
            signatures: Vec::new(),
            users: Vec::new(),
            subkeys: Vec::new(),
        };
        joined.absorb(parts);
        joined
    });
    Ok(joined.collect())
}

/// True for what the key says of itself, and for every revocation, whoever made it.
fn counts(packet: &RawPacket, primary: &PublicKey) -> bool {
    let read = packet.read(|header, body| Signature::try_from_reader(header, body));
    read.is_ok_and(|signature| {
        let revokes = matches!(
            signature.typ(),
            Some(
                SignatureType::KeyRevocation
                    | SignatureType::SubkeyRevocation
                    | SignatureType::CertRevocation
            )
        );
        revokes || names(&signature, primary)
    })
}

/// A packet with a header in the present format (RFC 9580 §4.2.1): one octet for its type, five for the length of what
/// needs more than two.
fn framed(packet: &RawPacket) -> Vec<u8> {
    let length = packet.body.len();
    let mut bytes = vec![0xc0 | u8::from(packet.tag())];
    match length {
        0..192 => bytes.push(length as u8),
        192..8384 => {
            let rest = length - 192;
            bytes.extend([(rest >> 8) as u8 + 192, rest as u8]);
        }
        _ => {
            bytes.push(0xff);
            bytes.extend((length as u32).to_be_bytes());
        }
    }
    bytes.extend(&packet.body);
    bytes
}
