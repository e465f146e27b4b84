//! Packets of a keyring, sorted by the key they belong to (RFC 9580 §10.1). Nothing is verified here.

use super::errors::KeyringError;
use super::fingerprint::OpenPgpFingerprint;
use super::packets::{RawPacket, Unframed, split};
use crate::reading::text::bounded;
use pgp::packet::{PacketHeader, PublicKey, PublicSubkey, Signature, UserId};
use pgp::types::{Fingerprint, KeyDetails, Tag};

/// Most packets of a keyring: each costs memory, a self-signature also a public-key operation.
pub(super) const MAX_PACKETS: usize = 20_000;
/// Most primary keys of a keyring.
const MAX_KEYS: usize = 512;
/// Most subkeys of a primary key.
const MAX_SUBKEYS: usize = 64;
/// Largest packet with a key in it; RSA-16384 takes 2 KiB.
const MAX_KEY_PACKET: usize = 16 << 10;

/// A primary key with all that follows it.
pub(super) struct Gathered {
    pub(super) key: PublicKey,
    pub(super) fingerprint: OpenPgpFingerprint,
    pub(super) signatures: Vec<Signature>,
    pub(super) users: Vec<(UserId, Vec<Signature>)>,
    pub(super) subkeys: Vec<GatheredSubkey>,
}

/// A subkey with the signatures that follow it.
pub(super) struct GatheredSubkey {
    pub(super) key: PublicSubkey,
    pub(super) fingerprint: OpenPgpFingerprint,
    pub(super) signatures: Vec<Signature>,
}

/// What the next signature is about.
enum Place {
    Key,
    User,
    /// A photograph or the like, which says nothing here.
    Attribute,
    Subkey,
}

/// Sorts the packets of a keyring, one entry for each time that a primary key begins.
pub(super) fn gather(bytes: &[u8]) -> Result<Vec<Gathered>, KeyringError> {
    let packets = split(bytes, MAX_PACKETS).map_err(|error| match error {
        Unframed::TooMany => KeyringError::TooMany { what: "packets", most: MAX_PACKETS },
        Unframed::Broken { packet, why } => damaged(None, packet, &why),
    })?;
    let mut keys: Vec<Gathered> = Vec::new();
    let mut place = Place::Key;
    for (number, packet) in (1..).zip(packets) {
        match packet.tag() {
            Tag::SecretKey | Tag::SecretSubkey => return Err(KeyringError::SecretKey),
            Tag::Marker | Tag::Padding | Tag::Trust => {}
            Tag::PublicKey if keys.len() == MAX_KEYS => {
                return Err(KeyringError::TooMany { what: "keys", most: MAX_KEYS });
            }
            Tag::PublicKey => {
                let before = keys.last().map(|key| key.fingerprint);
                let (key, fingerprint) = key(&packet, number, before, |header, body| {
                    PublicKey::try_from_reader(header, body)
                })?;
                let (signatures, users, subkeys) = (Vec::new(), Vec::new(), Vec::new());
                keys.push(Gathered { key, fingerprint, signatures, users, subkeys });
                place = Place::Key;
            }
            _ => match keys.last_mut() {
                Some(owner) => place = owner.add(place, &packet, number)?,
                None => return Err(damaged(None, number, "is not of a public key")),
            },
        }
    }
    if keys.is_empty() { Err(KeyringError::NoKey) } else { Ok(keys) }
}

impl Gathered {
    /// Takes a packet that is not a primary key; says what the next signature is about.
    fn add(
        &mut self,
        place: Place,
        packet: &RawPacket,
        number: usize,
    ) -> Result<Place, KeyringError> {
        let owner = Some(self.fingerprint);
        match packet.tag() {
            Tag::UserId => {
                let user = UserId::try_from_reader(packet.header, &packet.body[..])
                    .map_err(|error| damaged(owner, number, &error.to_string()))?;
                self.users.push((user, Vec::new()));
                Ok(Place::User)
            }
            Tag::UserAttribute => Ok(Place::Attribute),
            Tag::PublicSubkey if self.subkeys.len() == MAX_SUBKEYS => {
                Err(KeyringError::TooMany { what: "subkeys of one key", most: MAX_SUBKEYS })
            }
            Tag::PublicSubkey => {
                let (key, fingerprint) = key(packet, number, owner, |header, body| {
                    PublicSubkey::try_from_reader(header, body)
                })?;
                self.subkeys.push(GatheredSubkey { key, fingerprint, signatures: Vec::new() });
                Ok(Place::Subkey)
            }
            Tag::Signature => {
                if let Some(signature) = signature(packet) {
                    let about = match place {
                        Place::Key => Some(&mut self.signatures),
                        Place::User => self.users.last_mut().map(|(_, signatures)| signatures),
                        Place::Attribute => None,
                        Place::Subkey => self.subkeys.last_mut().map(|key| &mut key.signatures),
                    };
                    if let Some(signatures) = about {
                        signatures.push(signature);
                    }
                } else if may_revoke(&packet.body) {
                    return Err(damaged(owner, number, "is a revocation that cannot be read"));
                }
                Ok(place)
            }
            other => {
                let why = format!("of type {} does not belong there", u8::from(other));
                Err(damaged(owner, number, &why))
            }
        }
    }
}

/// Reads a packet with a key; `owner` is the primary key that was read last.
fn key<K: KeyDetails>(
    packet: &RawPacket,
    number: usize,
    owner: Option<OpenPgpFingerprint>,
    read: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<K>,
) -> Result<(K, OpenPgpFingerprint), KeyringError> {
    let version = packet.body.first().copied().unwrap_or_default();
    if version != 4 && version != 6 {
        return Err(KeyringError::Version { packet: number, version });
    }
    if packet.body.len() > MAX_KEY_PACKET {
        return Err(damaged(owner, number, "is too long for a key"));
    }
    let key = packet.read(read).map_err(|why| damaged(owner, number, &why))?;
    match key.fingerprint() {
        Fingerprint::V4(bytes) => Ok((key, OpenPgpFingerprint::V4(bytes))),
        Fingerprint::V6(bytes) => Ok((key, OpenPgpFingerprint::V6(bytes))),
        _ => Err(KeyringError::Version { packet: number, version }),
    }
}

/// A signature of a version that is known. Others are of other people, most likely, and say nothing here.
fn signature(packet: &RawPacket) -> Option<Signature> {
    let signature = packet.read(|header, body| Signature::try_from_reader(header, body)).ok()?;
    signature.config().is_some().then_some(signature)
}

/// True when the packet has the type of a revocation, as far as can be told: one must not get lost.
fn may_revoke(body: &[u8]) -> bool {
    let kind = match body.first() {
        Some(2 | 3) => body.get(2),
        _ => body.get(1),
    };
    matches!(kind, None | Some(0x20 | 0x28 | 0x30))
}

fn damaged(owner: Option<OpenPgpFingerprint>, packet: usize, why: &str) -> KeyringError {
    let after = owner.map_or_else(|| "the keyring".to_owned(), |key| key.to_string());
    KeyringError::Damaged { after, packet, why: bounded(why) }
}
