//! The seal's bytes: a Sigstore bundle v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto, in JSON) with the hint of
//! a public key and a message signature, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use bundle_trust::fields::{Fields, ShapeError, document};
use bundle_trust::sigstore_bundle::MATERIAL;
use bundle_trust::text::bounded;
use bundle_trust::{Fingerprint, Hashing, PublicKey, SignatureError, SigningError, SigningKey};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha384, Sha512};

/// Largest seal read, in bytes. One by RSA-8192 has 2 KiB.
pub const MAX_SEAL: usize = 64 << 10;
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const OLDER_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";
const SHA256: &str = "SHA2_256";

/// The reason why a seal does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More bytes than a seal has.
    #[error("the seal has {0} bytes, more than {MAX_SEAL}")]
    TooLarge(usize),
    /// Not the prescribed shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Another version of Sigstore bundles, or something else.
    #[error("the seal is of type {0:?}, which is not supported")]
    Version(String),
    /// Signed with a certificate: only keys seal.
    #[error("the seal is signed with a certificate; only keys seal")]
    Certificate,
    /// An attestation, which says something about `bundle.json` and does not sign it.
    #[error("the seal is an attestation, not a signature over bundle.json")]
    Attestation,
    /// Evidence that is not looked at here must not be taken for looked at.
    #[error("the seal has {0}, which cannot be checked offline; expected a seal without it")]
    Evidence(&'static str),
    /// Made for other bytes, as it says itself.
    #[error(
        "the seal is of another bundle.json: it was changed, or the seal comes from another bundle"
    )]
    OtherBundle,
    /// No key to verify it with was given.
    #[error("no seal key is trusted")]
    NoKey,
    /// By none of the trusted keys.
    #[error(
        "the seal was made with another key than those that are trusted (its hint is {hint:?})"
    )]
    OtherKey {
        /// The seal's own hint at its key. Anybody can write it.
        hint: String,
    },
    /// It names a trusted key, or is no signature, and does not verify.
    #[error("the signature of the seal is not valid")]
    Invalid,
    /// It verifies, but says of itself that it is over other bytes.
    #[error("the seal contradicts itself: its digest is not that of the signed bytes")]
    Contradiction,
}

/// The written form of a seal. Field order is that of cosign.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    media_type: &'static str,
    verification_material: Material<'a>,
    message_signature: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Material<'a> {
    public_key: Hint<'a>,
}

#[derive(Serialize)]
struct Hint<'a> {
    hint: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    message_digest: MessageDigest<'a>,
    signature: &'a str,
}

#[derive(Serialize)]
struct MessageDigest<'a> {
    algorithm: &'static str,
    digest: &'a str,
}

/// Seals `inventory`, the exact bytes of `bundle.json`.
///
/// # Errors
/// [`SigningError`].
pub fn sign(inventory: &[u8], key: &SigningKey) -> Result<Vec<u8>, SigningError> {
    let signature = STANDARD.encode(key.sign(inventory)?);
    let digest = STANDARD.encode(Digest::of(inventory).as_bytes());
    let seal = Written {
        media_type: MEDIA_TYPE,
        verification_material: Material { public_key: Hint { hint: &hint_of(key.public_key()) } },
        message_signature: Message {
            message_digest: MessageDigest { algorithm: SHA256, digest: &digest },
            signature: &signature,
        },
    };
    serde_json::to_vec(&seal).map_err(|_| SigningError::Library("seal"))
}

/// Verifies that one of `keys` sealed `inventory`, the exact bytes of `bundle.json`; gives that key's fingerprint. What
/// the seal says of its key and of what it signs decides nothing, but must not be wrong.
///
/// # Errors
/// Any [`SealError`].
pub fn verify(inventory: &[u8], seal: &[u8], keys: &[PublicKey]) -> Result<Fingerprint, SealError> {
    let seal = Seal::parse(seal)?;
    if keys.is_empty() {
        return Err(SealError::NoKey);
    }
    let is_stated = seal.states(inventory);
    let mut malformed = false;
    for key in keys {
        match key.verify(Hashing::Sha256OrMatched, inventory, &seal.signature) {
            Ok(()) if is_stated => return Ok(key.fingerprint()),
            Ok(()) => return Err(SealError::Contradiction),
            Err(error) => malformed |= error == SignatureError::Malformed,
        }
    }
    if !is_stated {
        return Err(SealError::OtherBundle);
    }
    if malformed || keys.iter().any(|key| hint_of(key) == seal.hint) {
        return Err(SealError::Invalid);
    }
    Err(SealError::OtherKey { hint: bounded(&seal.hint) })
}

/// The fingerprint of a key as inventories and states have it.
pub fn fingerprint_of(key: &PublicKey) -> Digest {
    Digest::of(key.spki())
}

/// The hint that cosign gives at a key: its fingerprint, in base64.
fn hint_of(key: &PublicKey) -> String {
    STANDARD.encode(fingerprint_of(key).as_bytes())
}

/// The statements of a seal about itself. Anybody can write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The hint at its key, bounded; untrusted text.
    pub hint: String,
    /// The same, where it is a fingerprint as cosign writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
}

/// The statements of a seal about itself; `None` when no such seal could count. Nothing is verified.
pub fn claim(seal: &[u8]) -> Option<Claim> {
    let Seal { hint, .. } = Seal::parse(seal).ok()?;
    let bytes = STANDARD.decode(&hint).ok().filter(|bytes| bytes.len() == 32);
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let key = bytes.and_then(|bytes| format!("sha256:{}", hex(bytes)).parse().ok());
    Some(Claim { hint: bounded(&hint), key })
}

/// A seal that was read. Nothing of it is verified.
struct Seal {
    hint: String,
    algorithm: HashAlgorithm,
    digest: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Clone, Copy)]
enum HashAlgorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Seal {
    fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > MAX_SEAL {
            return Err(SealError::TooLarge(bytes.len()));
        }
        let value = document("the seal", bytes)?;
        let known = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"];
        // The version first: a newer one may have keys that are rightly unknown.
        let version = Fields::open("the seal", &value, &known)?.text("mediaType")?;
        if ![MEDIA_TYPE, OLDER_MEDIA_TYPE].contains(&version) {
            return Err(SealError::Version(bounded(version)));
        }
        let seal = Fields::among("the seal", &value, &known)?;
        if seal.present("dsseEnvelope").is_some() {
            return Err(SealError::Attestation);
        }
        let hint = read_material(seal.need("verificationMaterial")?)?;
        let message = seal.need("messageSignature")?;
        let message =
            Fields::exactly("messageSignature", message, &["messageDigest", "signature"])?;
        let stated = message.need("messageDigest")?;
        let stated = Fields::exactly("messageDigest", stated, &["algorithm", "digest"])?;
        let algorithm = match stated.text("algorithm")? {
            SHA256 => HashAlgorithm::Sha256,
            "SHA2_384" => HashAlgorithm::Sha384,
            "SHA2_512" => HashAlgorithm::Sha512,
            _ => return Err(stated.not("algorithm", "a known hash").into()),
        };
        let (digest, signature) = (stated.bytes("digest")?, message.bytes("signature")?);
        Ok(Self { hint, algorithm, digest, signature })
    }

    /// True when it says of itself that it signs these bytes.
    fn states(&self, inventory: &[u8]) -> bool {
        match self.algorithm {
            HashAlgorithm::Sha256 => self.digest == Digest::of(inventory).as_bytes(),
            HashAlgorithm::Sha384 => self.digest == Sha384::digest(inventory)[..],
            HashAlgorithm::Sha512 => self.digest == Sha512::digest(inventory)[..],
        }
    }
}

/// Reads what the seal says of its key; anything else that vouches for something is refused, since nobody checks it.
fn read_material(value: &Value) -> Result<String, SealError> {
    let material = Fields::among("verificationMaterial", value, &MATERIAL)?;
    if ["certificate", "x509CertificateChain"].iter().any(|key| material.present(key).is_some()) {
        return Err(SealError::Certificate);
    }
    if material.present("tlogEntries").is_some() && !material.list("tlogEntries")?.is_empty() {
        return Err(SealError::Evidence("entries of a log"));
    }
    if let Some(data) = material.present("timestampVerificationData") {
        let data = Fields::among("timestampVerificationData", data, &["rfc3161Timestamps"])?;
        if !data.list("rfc3161Timestamps")?.is_empty() {
            return Err(SealError::Evidence("timestamps"));
        }
    }
    let key = Fields::among("publicKey", material.need("publicKey")?, &["hint"])?;
    Ok(key.present("hint").map(|_| key.text("hint")).transpose()?.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests;
