//! What a signature says in its subpackets, read from the part that it signs.

use pgp::packet::{Signature, SignatureVersionSpecific, SubpacketData, SubpacketType};
use pgp::types::{KeyDetails, Timestamp};
use std::cmp::Reverse;

/// The statements of one signature that matter here. Times are seconds, absolute ones since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) created: i64,
    /// When the signature itself ceases to hold.
    pub(super) expires: Option<i64>,
    /// How long the key holds, counted from its own making.
    pub(super) key_lifetime: Option<i64>,
    /// Whether the key may sign; absent where the signature says nothing of what the key is for.
    pub(super) may_sign: Option<bool>,
    /// Another key is named that may revoke this one.
    pub(super) names_revoker: bool,
}

/// A signature says something that cannot be gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclear {
    /// A critical subpacket of this type is not understood.
    Critical(u8),
    /// It does not say what it has to, or says it twice.
    Malformed(&'static str),
}

/// Whose subpackets these are, which decides the critical ones that are understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A message.
    Message,
    /// The key itself, or its subkey.
    Key,
}

impl Statement {
    /// Reads the signed subpackets of `signature`; times of version 3, which has none, are in its fixed part.
    pub(super) fn read(signature: &Signature, about: About) -> Result<Self, Unclear> {
        let config = signature.config().ok_or(Unclear::Malformed("its version"))?;
        let everywhere = config.hashed_subpackets().chain(config.unhashed_subpackets());
        for subpacket in everywhere.filter(|subpacket| subpacket.is_critical) {
            let kind = subpacket.typ();
            if !understood(kind, about) {
                return Err(Unclear::Critical(kind.as_u8(false)));
            }
        }
        let (mut created, mut expires, mut key_lifetime, mut may_sign) = (None, None, None, None);
        let mut names_revoker = false;
        if let SignatureVersionSpecific::V3 { created: at, .. } = &config.version_specific {
            once(&mut created, seconds(*at))?;
        }
        for subpacket in config.hashed_subpackets() {
            match &subpacket.data {
                SubpacketData::SignatureCreationTime(at) => once(&mut created, seconds(*at))?,
                SubpacketData::SignatureExpirationTime(after) => {
                    once(&mut expires, i64::from(after.as_secs()))?;
                }
                SubpacketData::KeyExpirationTime(after) => {
                    once(&mut key_lifetime, i64::from(after.as_secs()))?;
                }
                SubpacketData::KeyFlags(flags) => once(&mut may_sign, flags.sign())?,
                SubpacketData::RevocationKey(_) => names_revoker = true,
                _ => {}
            }
        }
        let created = created.ok_or(Unclear::Malformed("it does not say when it was made"))?;
        Ok(Self {
            created,
            // Zero means that it never expires (RFC 9580 §5.2.3.13, §5.2.3.18).
            expires: expires.filter(|after| *after != 0).map(|after| created + after),
            key_lifetime: key_lifetime.filter(|lifetime| *lifetime != 0),
            may_sign,
            names_revoker,
        })
    }

    /// True when it was made by now and has not expired.
    pub(super) fn holds(&self, now: i64) -> bool {
        self.created <= now && self.expires.is_none_or(|at| now < at)
    }

    /// The order in which statements replace each other: the later one, of two at once the one that gives less time.
    pub(super) fn precedence(&self) -> (i64, Reverse<i64>) {
        (self.created, Reverse(self.key_lifetime.unwrap_or(i64::MAX)))
    }
}

/// True when `signature` names `key` as its maker, or nobody. A hint: whoever carries the signature can change it.
pub(super) fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && fingerprints.is_empty())
        || ids.contains(&&key.legacy_key_id())
        || fingerprints.contains(&&key.fingerprint())
}

pub(super) fn seconds(time: Timestamp) -> i64 {
    time.as_secs().into()
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Unclear> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Unclear::Malformed("it states twice a thing that may be stated once")),
    }
}

fn understood(kind: SubpacketType, about: About) -> bool {
    use SubpacketType as Kind;
    match kind {
        Kind::SignatureCreationTime
        | Kind::SignatureExpirationTime
        | Kind::IssuerKeyId
        | Kind::IssuerFingerprint
        | Kind::SignersUserID => true,
        // Preferences and the like, which bind whoever writes to the key's owner.
        Kind::KeyExpirationTime
        | Kind::KeyFlags
        | Kind::EmbeddedSignature
        | Kind::RevocationKey
        | Kind::PrimaryUserId
        | Kind::Revocable
        | Kind::ExportableCertification
        | Kind::PreferredSymmetricAlgorithms
        | Kind::PreferredHashAlgorithms
        | Kind::PreferredCompressionAlgorithms
        | Kind::PreferredEncryptionModes
        | Kind::PreferredAead
        | Kind::KeyServerPreferences
        | Kind::PreferredKeyServer
        | Kind::Features => about == About::Key,
        _ => false,
    }
}
