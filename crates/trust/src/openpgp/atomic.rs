//! The atomic signature of an image: an OpenPGP message whose payload names a manifest and a reference
//! (containers-signature(5)).

use super::Keyring;
use super::errors::OpenPgpError;
use super::report::Signer;
use crate::ShapeError;
use crate::formats::payload::{Payload, PayloadForm};
use crate::identity::{IdentityError, IdentityRule};
use bundle_oci::{Digest, Reference};

/// What an atomic signature is checked against.
#[derive(Debug, Clone, Copy)]
pub struct AtomicClaim<'a> {
    /// Digest of the raw bytes of the manifest that will be pushed.
    pub subject: Digest,
    /// Where the image comes from.
    pub source: &'a Reference,
    /// How the signed name must relate to it.
    pub rule: &'a IdentityRule,
}

/// Why an atomic signature does not count for an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtomicError {
    /// No key of the ring vouches for the message.
    #[error(transparent)]
    Signature(#[from] OpenPgpError),
    /// A key did sign, but something that is no atomic payload.
    #[error(transparent)]
    Payload(#[from] ShapeError),
    /// A key signed it, for another manifest.
    #[error("it is for {0}")]
    OtherManifest(Digest),
    /// A key signed this manifest, under another name.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// What the check of one atomic signature comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtomicFinding {
    /// Who signed the message, as soon as that is certain, whatever is wrong with what was signed.
    pub signer: Option<Signer>,
    /// Whether it counts for the image.
    pub result: Result<(), AtomicError>,
}

/// Judges one atomic signature at `now`, seconds since 1970. Nothing is parsed before its signature verified.
pub fn judge_atomic(
    message: &[u8],
    keyring: &Keyring,
    claim: &AtomicClaim<'_>,
    now: i64,
) -> AtomicFinding {
    match keyring.verify(message, now) {
        Err(error) => AtomicFinding { signer: None, result: Err(error.into()) },
        Ok(signed) => {
            AtomicFinding { signer: Some(signed.signer), result: check(&signed.payload, claim) }
        }
    }
}

fn check(payload: &[u8], claim: &AtomicClaim<'_>) -> Result<(), AtomicError> {
    let payload = Payload::parse_as(PayloadForm::Atomic, payload)?;
    if payload.manifest_digest != claim.subject {
        return Err(AtomicError::OtherManifest(payload.manifest_digest));
    }
    claim.rule.check(&payload.docker_reference, claim.source)?;
    Ok(())
}
