//! Sigstore bundles (sigstore/protobuf-specs, sigstore_bundle.proto, in JSON; docs/spec/verification.md §7).
//!
//! [`Bundle::parse`] reads all of a bundle strictly. What it read is then judged in one of three ways:
//!
//! - by a key alone: log entries and timestamps are not looked at, and `crate::judge` sees to it
//! - `logged`: by a key, with a demanded log entry ([`Bundle::verify_logged`])
//! - `keyless`: by a certificate, under a pinned root ([`Bundle::verify_keyless`]); [`simple_signing`] comes here too
//!
//! The last two hand over what was read, as the types of the library `sigstore-verify`, to that library, and check
//! themselves what it does not: `log` which log signed and what each entry binds, [`crate::certificate`] the names in
//! the certificate.
//! [`proof`] says what was proven, [`failure`] why not.
//!
//! A bundle names content by digest only, never a repository: whether it counts for an image is decided by who knows
//! how the name is bound.

pub mod failure;
mod keyless;
mod log;
mod logged;
mod material;
pub mod proof;
pub mod simple_signing;
mod wire;

pub use failure::{BundleFailure, Cause};
pub use keyless::KeylessPolicy;
pub use proof::{Claim, Evidence, LogRecord, Signer, Subject};

use crate::formats::dsse::{Envelope, EnvelopeError};
use crate::reading::fields::{Fields, ShapeError, document};
use crate::reading::text::bounded;
pub use material::MATERIAL;
use material::VerificationMaterial;
use serde_json::Value;

/// Largest bundle read. One with a log entry and a small statement has 10 KiB; large attestations are carried unread.
pub const MAX_BUNDLE: u64 = 4 << 20;
/// Most transparency log entries, and most timestamps (docs/spec/verification.md §7.1).
pub const MAX_ENTRIES: usize = 32;

const MEDIA_TYPES: [(&str, Version); 4] = [
    ("application/vnd.dev.sigstore.bundle+json;version=0.1", Version::V0_1),
    ("application/vnd.dev.sigstore.bundle+json;version=0.2", Version::V0_2),
    ("application/vnd.dev.sigstore.bundle+json;version=0.3", Version::V0_3),
    ("application/vnd.dev.sigstore.bundle.v0.3+json", Version::V0_3),
];

/// Versions differ in what proves that an entry is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// A promise of the log.
    V0_1,
    /// A proof with a checkpoint.
    V0_2,
    /// The same, and a single certificate instead of a chain.
    V0_3,
}

/// A decoded bundle; nothing of it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What was signed.
    pub content: Content,
    version: Version,
    material: VerificationMaterial,
}

/// What a bundle says that it was signed with. It decides by which of its methods it can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// A key that the verifier must have.
    Key,
    /// A key in a certificate that the bundle holds.
    Certificate,
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

/// Why a bundle cannot be read, or cannot be verified with a key.
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
    /// Unknown versions and unknown keys, more than one kind of content or material, lists over their limits. Never
    /// [`BundleError::Certificate`], which only says that a key was asked to verify.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let value = document("the bundle", bytes)?;
        let known = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"];
        // The version is looked at first: a newer one may have keys that are rightly unknown.
        let media_type = Fields::open("the bundle", &value, &known)?.text("mediaType")?;
        let Some((_, version)) = MEDIA_TYPES.into_iter().find(|(name, _)| *name == media_type)
        else {
            return Err(BundleError::Version(bounded(media_type)));
        };
        let bundle = Fields::among("the bundle", &value, &known)?;
        let content = match (bundle.present("dsseEnvelope"), bundle.present("messageSignature")) {
            (Some(envelope), None) => Content::Envelope(Envelope::read(envelope)?),
            (None, Some(message)) => read_message(message)?,
            _ => {
                return Err(ShapeError::new("the bundle does not have exactly one content").into());
            }
        };
        let material = bundle.need("verificationMaterial")?;
        let material = VerificationMaterial::read(material, version)?;
        Ok(Self { content, version, material })
    }

    /// What it says that it was signed with.
    pub fn material(&self) -> Material {
        if self.material.certificates.is_empty() { Material::Key } else { Material::Certificate }
    }

    /// Number of transparency log entries, whether or not anybody looks at them.
    pub fn log_entries(&self) -> usize {
        self.material.entries.len()
    }

    /// The signature itself.
    fn signature(&self) -> &[u8] {
        match &self.content {
            Content::Envelope(envelope) => &envelope.signature,
            Content::Message { signature, .. } => signature,
        }
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
