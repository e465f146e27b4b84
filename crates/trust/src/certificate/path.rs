//! The path from a leaf to a root (RFC 5280 §6), by webpki.
//!
//! webpki takes from a root its name, key and name constraints, and ignores key usages. What it leaves out is done
//! here: a root's own validity, purpose and path length; that intermediates may sign certificates is seen to when they
//! are read.

use super::authorities::{Authorities, Authority};
use super::error::CertificateError;
use crate::reading::text::bounded;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{
    EndEntityCert, Error, KeyUsage, VerifiedPath, anchor_from_trusted_cert, aws_lc_rs as algorithms,
};

/// 1.3.6.1.5.5.7.3.3, `id-kp-codeSigning` (RFC 5280 §4.2.1.12).
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// With what authorities sign. SHA-1, RSA-PSS and RSA below 2048 bits are not among it.
static SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ED25519,
];

/// Finds a path on which every certificate is valid at `at`, in seconds since 1970.
pub(super) fn verify(
    leaf: &EndEntityCert<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &Authorities,
    at: u64,
) -> Result<(), CertificateError> {
    let roots: Vec<&Authority> = roots.all().iter().filter(|root| root.is_root_at(at)).collect();
    let anchors: Result<Vec<TrustAnchor<'_>>, Error> =
        roots.iter().map(|root| anchor_from_trusted_cert(&root.der)).collect();
    let anchors = anchors.map_err(|error| refusal(&error))?;
    let within_root_length = |path: &VerifiedPath<'_>| {
        let place = anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let length = place.and_then(|place| roots.get(place)).map(|root| root.path_length);
        match length {
            Some(None) => Ok(()),
            Some(Some(most)) if path.intermediate_certificates().count() <= usize::from(most) => {
                Ok(())
            }
            _ => Err(Error::PathLenConstraintViolated),
        }
    };
    leaf.verify_for_usage(
        SIGNATURES,
        &anchors,
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(at)),
        KeyUsage::required_if_present(CODE_SIGNING),
        None,
        Some(&within_root_length),
    )
    .map(drop)
    .map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> CertificateError {
    match error {
        Error::CertExpired { time, not_after } => {
            CertificateError::Expired { at: time.as_secs(), until: not_after.as_secs() }
        }
        Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotYetValid { at: time.as_secs(), from: not_before.as_secs() }
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => CertificateError::Usage,
        Error::CaUsedAsEndEntity => CertificateError::AuthorityAsLeaf,
        Error::UnknownIssuer => {
            CertificateError::NoPath("an authority on the way is missing or not trusted".into())
        }
        Error::InvalidSignatureForPublicKey => {
            CertificateError::NoPath("a signature on the way does not verify".into())
        }
        Error::PathLenConstraintViolated => {
            CertificateError::NoPath("the path is longer than an authority permits".into())
        }
        Error::NameConstraintViolation => {
            CertificateError::NoPath("a name is outside of what an authority may vouch for".into())
        }
        Error::UnsupportedCriticalExtension => {
            CertificateError::NoPath("a critical extension is not supported".into())
        }
        other => CertificateError::NoPath(bounded(&other.to_string())),
    }
}
