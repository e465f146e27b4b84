//! Public keys that may verify signatures, and their fingerprints.

use super::checked::Checked;
use super::crypto::{self, Algorithm, VerifyingKey};
use super::message::{Hashing, Message};
use crate::reading::pem::{self, PemError};
use crate::reading::text::bounded;
use bundle_oci::{Digest, digest::DigestError};
use serde::{Deserialize, Serialize};
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode as _, Reader as _, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Smallest RSA modulus, in bits (docs/spec/verification.md §3.2; NIST SP 800-131A).
pub const MIN_RSA_BITS: u32 = 2048;
/// Largest RSA modulus, in bits; longer ones only cost time.
pub const MAX_RSA_BITS: u32 = 8192;
/// Smallest RSA public exponent (FIPS 186-5 §A.1.1 wants more than 2^16).
pub const MIN_RSA_EXPONENT: u64 = 65_537;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// SHA-256 of a key's SubjectPublicKeyInfo in DER. Written as a digest, `sha256:` and 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// That of a SubjectPublicKeyInfo in DER, whether or not it is a key that this product accepts.
    pub(crate) fn of_spki(der: &[u8]) -> Self {
        Self(Digest::of(der))
    }

    /// The 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// The 32 bytes. They are also how ECDSA keys of transparency logs are named.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// Whoever states a SHA-256 as that of a key, states its fingerprint.
impl From<Digest> for Fingerprint {
    fn from(digest: Digest) -> Self {
        Self(digest)
    }
}

impl From<Fingerprint> for Digest {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Fingerprint {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// A public key that is able to verify: every part of it was checked when it was read.
#[derive(Clone)]
pub struct PublicKey {
    spki: Vec<u8>,
    fingerprint: Fingerprint,
    verifying: VerifyingKey,
    checked: Arc<Checked>,
}

/// Why a file is not a public key that this product accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not exactly one PEM block with a public key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The block's content is not a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    #[error("the block is not a SubjectPublicKeyInfo in DER: {0}")]
    Structure(String),
    /// A kind of key or a curve that is not supported.
    #[error(
        "keys of algorithm {0} are not supported; ECDSA P-256, P-384, P-521, RSA and Ed25519 are"
    )]
    Algorithm(String),
    /// An RSA modulus out of bounds.
    #[error("the RSA key has {0} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted")]
    RsaSize(u32),
    /// An RSA exponent that is small, even or absurdly large.
    #[error(
        "the RSA key has an unsafe public exponent; odd ones from {MIN_RSA_EXPONENT} are accepted"
    )]
    RsaExponent,
    /// A compressed or hybrid elliptic curve point: a second spelling of a key would have a second fingerprint.
    #[error("the elliptic curve point is not in uncompressed form")]
    Point,
    /// Numbers that make no key: a point off its curve, a useless modulus.
    #[error("the {0} key is not valid")]
    Numbers(Algorithm),
}

impl PublicKey {
    /// Reads a PEM file with exactly one `PUBLIC KEY` block; prose before it is allowed.
    ///
    /// # Errors
    /// [`KeyError`]: a private key, a certificate, several blocks, text after the block, weak or unsupported keys.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki(pem::public_key_block(file)?)
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KeyError`], all but [`KeyError::Pem`].
    pub fn from_spki(der: Vec<u8>) -> Result<Self, KeyError> {
        let structure = |error: spki::der::Error| KeyError::Structure(error.to_string());
        let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(structure)?;
        let subject_key = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| KeyError::Structure("the key has unused bits".into()))?;
        let algorithm = algorithm_of(&info, subject_key)?;
        let verifying =
            VerifyingKey::load(algorithm, subject_key).map_err(|_| KeyError::Numbers(algorithm))?;
        Ok(Self {
            fingerprint: Fingerprint::of_spki(&der),
            spki: der,
            verifying,
            checked: Arc::default(),
        })
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key as one PEM block without prose, one newline at the end: the form that is carried and installed.
    pub fn to_pem(&self) -> String {
        pem::encode_public_key(&self.spki)
    }

    /// Checks `signature` over the raw `message`. The algorithm is the key's, the hash that of the form in which the
    /// signature came; Ed25519 signs the message itself.
    ///
    /// # Errors
    /// [`SignatureError`] says whether the bytes are no signature at all, or not this key's.
    pub fn verify(
        &self,
        hashing: Hashing,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify_message(hashing, &Message::new(message), signature)
    }

    /// The same of a message that other keys are tried on too. What was asked before is not worked out again.
    ///
    /// # Errors
    /// As [`PublicKey::verify`].
    pub(crate) fn verify_message(
        &self,
        hashing: Hashing,
        message: &Message<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let verifies = self.checked.answer(message.check(hashing, signature), || {
            self.verifying.verifies(hashing, message, signature)
        });
        outcome(verifies, signature)
    }

    /// Checks `signature` over `message` as transparency logs sign: with SHA-256, ECDSA in DER alone.
    ///
    /// # Errors
    /// As [`PublicKey::verify`].
    pub(crate) fn verify_log(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let message = Message::new(message);
        outcome(self.verifying.verifies_der(Hashing::Sha256, &message, signature), signature)
    }
}

fn outcome(verifies: bool, signature: &[u8]) -> Result<(), SignatureError> {
    match verifies {
        true => Ok(()),
        false if crypto::has_signature_form(signature) => Err(SignatureError::OtherKey),
        false => Err(SignatureError::Malformed),
    }
}

/// A signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The bytes do not have the form of any supported signature.
    #[error("the signature is malformed")]
    Malformed,
    /// Made by another key, or over something else.
    #[error("the signature was made by another key or over other content")]
    OtherKey,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm(), self.fingerprint)
    }
}

fn algorithm_of(
    info: &SubjectPublicKeyInfoRef<'_>,
    subject_key: &[u8],
) -> Result<Algorithm, KeyError> {
    let unsupported = |oid: ObjectIdentifier| KeyError::Algorithm(bounded(&oid.to_string()));
    match info.algorithm.oid {
        EC_PUBLIC_KEY => {
            let curve = info
                .algorithm
                .parameters_oid()
                .map_err(|error| KeyError::Structure(error.to_string()))?;
            let (algorithm, coordinate) = match curve {
                P256 => (Algorithm::EcdsaP256, 32),
                P384 => (Algorithm::EcdsaP384, 48),
                P521 => (Algorithm::EcdsaP521, 66),
                other => return Err(unsupported(other)),
            };
            let uncompressed = subject_key.first() == Some(&4);
            if !uncompressed || subject_key.len() != 1 + 2 * coordinate {
                return Err(KeyError::Point);
            }
            Ok(algorithm)
        }
        RSA_ENCRYPTION if info.algorithm.parameters == Some(AnyRef::NULL) => rsa_of(subject_key),
        RSA_ENCRYPTION => Err(KeyError::Structure("the RSA parameters are not NULL".into())),
        ED25519 if info.algorithm.parameters.is_none() => Ok(Algorithm::Ed25519),
        ED25519 => Err(KeyError::Structure("an Ed25519 key has no parameters".into())),
        other => Err(unsupported(other)),
    }
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 §A.1.1).
fn rsa_of(subject_key: &[u8]) -> Result<Algorithm, KeyError> {
    let structure = |error: spki::der::Error| KeyError::Structure(error.to_string());
    let mut reader = SliceReader::new(subject_key).map_err(structure)?;
    let (modulus, exponent) = reader
        .sequence(|inner| Ok((UintRef::decode(inner)?, UintRef::decode(inner)?)))
        .map_err(structure)?;
    reader.finish().map_err(structure)?;
    let bits = bit_length(modulus.as_bytes());
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    let exponent = exponent.as_bytes();
    if exponent.len() > 8 {
        return Err(KeyError::RsaExponent);
    }
    let exponent = exponent.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    if exponent < MIN_RSA_EXPONENT || exponent.is_multiple_of(2) {
        return Err(KeyError::RsaExponent);
    }
    Ok(Algorithm::Rsa { bits })
}

/// Bits of a big-endian number without leading zero bytes. Bounded by the size of a key file.
fn bit_length(number: &[u8]) -> u32 {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(number.len() * 8).unwrap_or(u32::MAX) - leading
}
