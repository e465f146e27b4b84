//! Keys out of real gpg, and messages made with them packet by packet.

use super::gpg::{Gpg, SIGNED};
use crate::openpgp::{KeyFault, Keyring, OpenPgpError};
use pgp::composed::{Deserializable as _, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, LiteralData, OnePassSignature, PacketTrait, PublicKey, PublicSubkey, SecretKey,
    SecretSubkey, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{PacketHeaderVersion, Password, SigningKey, Tag, Timestamp};

pub(super) const PAYLOAD: &[u8] = b"what was signed";

/// Secret keys of two people, each with a signing subkey.
pub(super) fn keys(test: &str) -> Option<[SignedSecretKey; 2]> {
    let gpg = Gpg::find(test)?;
    Some(["owner@example", "attacker@example"].map(|name| {
        let key = gpg.key(name, "rsa2048", "sign,cert", "never");
        gpg.subkey(&key, "rsa2048", "never");
        secret_key(&gpg.secret(&key))
    }))
}

pub(super) fn flags(sign: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_sign(sign);
    flags.set_authentication(!sign);
    SubpacketData::KeyFlags(flags)
}

pub(super) fn verify(keyring: &[u8], message: &[u8], now: i64) -> Result<(), OpenPgpError> {
    Keyring::read(keyring).expect("a keyring").verify(message, now).map(drop)
}

pub(super) fn fault(keyring: &[u8], message: &[u8], now: i64) -> KeyFault {
    match verify(keyring, message, now) {
        Err(OpenPgpError::Key { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

pub(super) fn push(data: SubpacketData) -> impl FnOnce(&mut SignatureConfig) {
    |config| config.hashed_subpackets.push(plain(data))
}

/// A packet with its header.
pub(super) fn bytes(packet: &impl PacketTrait) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.to_writer_with_header(&mut bytes).expect("written");
    bytes
}

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(seconds).expect("a time"))
}

pub(super) fn plain(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).expect("a subpacket")
}

pub(super) fn critical(data: SubpacketData) -> Subpacket {
    Subpacket::critical(data).expect("a subpacket")
}

/// A secret key that gpg made, without its passphrase.
pub(super) fn secret_key(export: &[u8]) -> SignedSecretKey {
    SignedSecretKey::from_bytes(export).expect("a secret key")
}

/// A version 4 signature configuration of `key`, made at `at`.
pub(super) fn config(key: &impl SigningKey, kind: SignatureType, at: i64) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![plain(SubpacketData::SignatureCreationTime(time(at)))];
    config.unhashed_subpackets = vec![plain(SubpacketData::IssuerKeyId(key.legacy_key_id()))];
    config
}

/// A signature over [`PAYLOAD`], with one thing about it changed.
pub(super) fn signature(
    key: &impl SigningKey,
    change: impl FnOnce(&mut SignatureConfig),
) -> Signature {
    signature_over(PAYLOAD, key, change)
}

pub(super) fn signature_over(
    payload: &[u8],
    key: &impl SigningKey,
    change: impl FnOnce(&mut SignatureConfig),
) -> Signature {
    let mut config = config(key, SignatureType::Binary, SIGNED);
    change(&mut config);
    config.sign(key, &Password::empty(), payload).expect("signed")
}

/// Announcement, content, signature.
pub(super) fn message(key: &impl SigningKey, payload: &[u8], signature: &Signature) -> Vec<u8> {
    let config = signature.config().expect("a known version");
    let announced =
        OnePassSignature::v3(config.typ(), config.hash_alg, config.pub_alg, key.legacy_key_id());
    let literal = LiteralData::from_bytes("", payload.to_vec().into()).expect("literal data");
    [bytes(&announced), bytes(&literal), bytes(signature)].concat()
}

/// A message over [`PAYLOAD`] with one thing about its signature changed.
pub(super) fn signed(key: &impl SigningKey, change: impl FnOnce(&mut SignatureConfig)) -> Vec<u8> {
    message(key, PAYLOAD, &signature(key, change))
}

/// A keyring put together by hand: a primary key with one certified name, then what else is wanted.
pub(super) struct Forge<'a> {
    pub(super) primary: &'a SecretKey,
    pub(super) packets: Vec<u8>,
}

impl<'a> Forge<'a> {
    /// The primary key alone.
    pub(super) fn of(primary: &'a SecretKey) -> Self {
        Self { primary, packets: bytes(primary.public_key()) }
    }

    pub(super) fn public(&self) -> &'a PublicKey {
        self.primary.public_key()
    }

    /// Adds a name, certified at a time with one thing changed.
    pub(super) fn named(mut self, at: i64, change: impl FnOnce(&mut SignatureConfig)) -> Self {
        let user = UserId::from_str(PacketHeaderVersion::New, "somebody").expect("a name");
        let mut config = config(self.primary, SignatureType::CertPositive, at);
        change(&mut config);
        let signed = config
            .sign_certification(self.primary, self.public(), &Password::empty(), Tag::UserId, &user)
            .expect("signed");
        self.packets.extend([bytes(&user), bytes(&signed)].concat());
        self
    }

    /// Adds a direct-key signature or a revocation of the key, made by `by`.
    pub(super) fn direct(
        mut self,
        kind: SignatureType,
        by: &SecretKey,
        at: i64,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Self {
        let mut config = config(by, kind, at);
        change(&mut config);
        let signed = config.sign_key(by, &Password::empty(), self.public()).expect("signed");
        self.packets.extend(bytes(&signed));
        self
    }

    /// Adds a subkey with bindings that were made before.
    pub(super) fn subkey(mut self, key: &PublicSubkey, bindings: &[Signature]) -> Self {
        self.packets.extend(bytes(key));
        bindings.iter().for_each(|binding| self.packets.extend(bytes(binding)));
        self
    }

    /// A binding of `subkey` to this primary key, with one thing about it changed.
    pub(super) fn binding(
        &self,
        subkey: &PublicSubkey,
        at: i64,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Signature {
        let mut config = config(self.primary, SignatureType::SubkeyBinding, at);
        change(&mut config);
        config
            .sign_subkey_binding(self.primary, self.public(), &Password::empty(), subkey)
            .expect("signed")
    }

    /// The subkey's own signature, to be put into a binding.
    pub(super) fn signed_back(
        &self,
        subkey: &SecretSubkey,
        at: i64,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Subpacket {
        let mut config = config(subkey, SignatureType::KeyBinding, at);
        change(&mut config);
        let signed = config
            .sign_primary_key_binding(
                subkey,
                subkey.public_key(),
                &Password::empty(),
                self.public(),
            )
            .expect("signed");
        plain(SubpacketData::EmbeddedSignature(Box::new(signed)))
    }
}
