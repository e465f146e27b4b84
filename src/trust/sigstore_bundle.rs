//! Sigstore bundles (sigstore/protobuf-specs, sigstore_bundle.proto, in JSON) signed with a key (VERIFY §4).
//!
//! A bundle names content by digest only, never a repository: whether it counts for an image is decided by who knows
//! how the name is bound.

use super::attestation::{self, Wrapping, judge_statement};
use super::crypto::Hashing;
use super::dsse::{Envelope, EnvelopeError};
use super::fields::{Fields, ShapeError, document};
use super::judgement::Judgement;
use super::keyring::Keyring;
use super::outcome::SignatureCode;
use super::text::bounded;
use crate::oci::{Digest, Manifest};
use serde_json::Value;

/// Largest bundle read. One with a log entry and a small statement has 10 KiB; large attestations are carried unread.
pub const MAX_BUNDLE: u64 = 4 << 20;
/// Most transparency log entries, and most timestamps (VERIFY §4.2).
pub const MAX_ENTRIES: usize = 32;

const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/// A decoded bundle that claims to be signed with a key; nothing of it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What was signed.
    pub content: Content,
    /// Number of transparency log entries. They are no evidence here: no log is demanded, so none is checked.
    pub log_entries: usize,
}

/// The signed content of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A statement in an envelope.
    Envelope(Envelope),
    /// A detached signature over the content itself.
    Message {
        /// SHA-256 of the content as the bundle states it: a hint that must not be wrong.
        digest: Option<Vec<u8>>,
        /// The signature.
        signature: Vec<u8>,
    },
}

/// Why a bundle cannot be verified with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not the prescribed shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An envelope with none or several signatures.
    #[error("the envelope has {0} signatures, expected one")]
    SignatureCount(usize),
    /// A version that is not known.
    #[error("bundles of type {0:?} are not supported")]
    Version(String),
    /// It was signed with a certificate.
    #[error("it is signed with a certificate, which no key can verify")]
    Certificate,
}

impl From<EnvelopeError> for BundleError {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Shape(shape) => Self::Shape(shape),
            EnvelopeError::SignatureCount(count) => Self::SignatureCount(count),
        }
    }
}

impl Bundle {
    /// Decodes a bundle.
    ///
    /// # Errors
    /// Unknown versions and unknown keys, more than one kind of content or material, certificates, lists over their
    /// limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let value = document("the bundle", bytes)?;
        let known = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"];
        // The version is looked at first: a newer one may have keys that are rightly unknown.
        let version = Fields::open("the bundle", &value, &known)?.text("mediaType")?;
        if !MEDIA_TYPES.contains(&version) {
            return Err(BundleError::Version(bounded(version)));
        }
        let bundle = Fields::among("the bundle", &value, &known)?;
        let content = match (bundle.present("dsseEnvelope"), bundle.present("messageSignature")) {
            (Some(envelope), None) => Content::Envelope(Envelope::read(envelope)?),
            (None, Some(message)) => read_message(message)?,
            _ => {
                return Err(ShapeError::new("the bundle does not have exactly one content").into());
            }
        };
        let log_entries = read_material(bundle.need("verificationMaterial")?)?;
        Ok(Self { content, log_entries })
    }

    /// Judges the bundle as a signature or attestation of `subject`. `Verified` says that the digest was signed as an
    /// image, not yet under which name.
    pub(super) fn judge(&self, keyring: &Keyring<'_>, subject: &Manifest) -> Judgement {
        let judgement = match &self.content {
            Content::Envelope(envelope) => judge_envelope(envelope, keyring, subject.digest()),
            Content::Message { digest, signature } => {
                judge_message(digest.as_deref(), signature, keyring, subject)
            }
        };
        self.with_log_note(judgement)
    }

    fn with_log_note(&self, mut judgement: Judgement) -> Judgement {
        if self.log_entries > 0 && judgement.code == SignatureCode::Verified {
            let note = format!("{} log entries were not needed and not checked", self.log_entries);
            judgement.detail.get_or_insert(note);
        }
        judgement
    }
}

fn read_message(value: &Value) -> Result<Content, BundleError> {
    let message = Fields::among("messageSignature", value, &["messageDigest", "signature"])?;
    let digest = message.present("messageDigest").map(read_hint).transpose()?.flatten();
    Ok(Content::Message { digest, signature: message.bytes("signature")? })
}

/// A message digest that can be compared: cosign leaves it empty for Ed25519, and other hashes go with other curves.
fn read_hint(value: &Value) -> Result<Option<Vec<u8>>, ShapeError> {
    let hint = Fields::among("messageDigest", value, &["algorithm", "digest"])?;
    match hint.present("algorithm").map(|_| hint.text("algorithm")).transpose()? {
        Some("SHA2_256") => hint.bytes("digest").map(Some),
        None | Some("SHA2_384" | "SHA2_512") => Ok(None),
        Some(_) => Err(hint.not("algorithm", "a known hash")),
    }
}

/// Checks the material of a key-signed bundle; gives the number of its log entries.
fn read_material(value: &Value) -> Result<usize, BundleError> {
    let known = [
        "publicKey",
        "certificate",
        "x509CertificateChain",
        "tlogEntries",
        "timestampVerificationData",
    ];
    let material = Fields::among("verificationMaterial", value, &known)?;
    if material.present("certificate").is_some()
        || material.present("x509CertificateChain").is_some()
    {
        return Err(BundleError::Certificate);
    }
    let Some(key) = material.present("publicKey") else {
        return Err(material.not("publicKey", "there").into());
    };
    // The hint helps others to find the key. Here every trusted key is tried, so it decides nothing.
    let key = Fields::among("publicKey", key, &["hint"])?;
    key.present("hint").map(|_| key.text("hint")).transpose()?;
    let timestamps = material.present("timestampVerificationData").map(|data| {
        Fields::among("timestampVerificationData", data, &["rfc3161Timestamps"])?
            .list("rfc3161Timestamps")
    });
    let entries = material.list("tlogEntries")?.len();
    if entries > MAX_ENTRIES || timestamps.transpose()?.is_some_and(|list| list.len() > MAX_ENTRIES)
    {
        return Err(ShapeError::new("the bundle has more than 32 log entries or timestamps").into());
    }
    Ok(entries)
}

fn judge_envelope(envelope: &Envelope, keyring: &Keyring<'_>, subject: Digest) -> Judgement {
    if let Err(judgement) = attestation::check_type(envelope) {
        return judgement;
    }
    let message = envelope.signed_bytes();
    match keyring.signer(Hashing::Sha256OrMatched, &message, &envelope.signature) {
        Ok(key) => {
            let voucher = key.fingerprint().into();
            judge_statement(&envelope.payload, voucher, Wrapping::Bundle, &subject)
        }
        Err(failure) => {
            attestation::unverified(&envelope.payload, Wrapping::Bundle, failure.into())
        }
    }
}

fn judge_message(
    hint: Option<&[u8]>,
    signature: &[u8],
    keyring: &Keyring<'_>,
    subject: &Manifest,
) -> Judgement {
    let key = match keyring.signer(Hashing::Sha256OrMatched, subject.bytes(), signature) {
        Ok(key) => key.fingerprint(),
        Err(failure) => return failure.into(),
    };
    if hint.is_some_and(|hint| hint != subject.digest().as_bytes()) {
        return Judgement::by(key, SignatureCode::DigestMismatch, None);
    }
    Judgement::by(key, SignatureCode::Verified, None)
}
