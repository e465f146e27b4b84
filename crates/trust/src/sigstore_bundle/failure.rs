//! Why a bundle does not verify, by stable causes.

use crate::certificate::CertificateError as LeafError;
use crate::outcome::codes;
use crate::reading::fields::ShapeError;
use crate::reading::text::bounded;
use crate::rekor::SetError;
use crate::vouched::{CERTIFICATE_ANNOTATION, VouchError};
use sigstore_verify::bundle::Error as StructureError;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

codes! {
    /// Why a bundle, or a signature with a certificate, does not verify.
    Cause {
        Malformed = "malformed": "it does not have the shape that its format prescribes",
        Unsupported = "unsupported": "it is of a kind that is not supported",
        OtherMaterial = "other-material": "it is signed with a key where a certificate is demanded, or with a certificate where a key is",
        PayloadType = "payload-type": "the signed content has an unknown type",
        WrongSignature = "wrong-signature": "the signature was made by another key or over other content",
        SubjectMismatch = "subject-mismatch": "it signs other content",
        UntrustedCertificate = "untrusted-certificate": "the certificate does not come from a trusted authority, or not for signing",
        CertificateExpired = "certificate-expired": "the certificate was not valid when it was used",
        SctInvalid = "sct-invalid": "it is not proven that the certificate was published",
        IdentityMismatch = "identity-mismatch": "the certificate names another identity",
        IssuerMismatch = "issuer-mismatch": "the certificate names another issuer of the identity",
        LogEntryMissing = "log-entry-missing": "the entry of a transparency log is missing, or unproven",
        LogEntryInvalid = "log-entry-invalid": "an entry is not proven to be in a trusted transparency log",
        LogEntryNotBound = "log-entry-not-bound": "an entry of the transparency log is of something else",
        TimestampMissing = "timestamp-missing": "nothing that is trusted says when it was signed",
        TimestampInvalid = "timestamp-invalid": "a timestamp is not of a trusted authority, or of something else",
    }
}

/// A bundle was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", cause.meaning())]
pub struct BundleFailure {
    /// The stable cause.
    pub cause: Cause,
    /// What exactly, bounded in length.
    pub detail: String,
}

impl BundleFailure {
    /// A failure; `detail` may be of any length.
    pub(super) fn new(cause: Cause, detail: impl AsRef<str>) -> Self {
        Self { cause, detail: bounded(detail.as_ref()) }
    }
}

impl From<ShapeError> for BundleFailure {
    fn from(error: ShapeError) -> Self {
        Self::new(Cause::Malformed, error.to_string())
    }
}

/// What stands in annotations in place of a bundle.
impl From<VouchError> for BundleFailure {
    fn from(error: VouchError) -> Self {
        let cause = match error {
            VouchError::Missing(CERTIFICATE_ANNOTATION) => Cause::OtherMaterial,
            VouchError::Log(error) => return error.into(),
            _ => Cause::Malformed,
        };
        Self::new(cause, error.to_string())
    }
}

impl From<SetError> for BundleFailure {
    fn from(error: SetError) -> Self {
        let cause = match error {
            SetError::TooLarge(_) | SetError::Malformed(_) | SetError::Time(_) => Cause::Malformed,
            SetError::Kind(_) | SetError::Version(_) | SetError::HashAlgorithm(_) => {
                Cause::Unsupported
            }
            SetError::UnknownLog(_) | SetError::Signature(_) | SetError::Body(_) => {
                Cause::LogEntryInvalid
            }
            SetError::VerifierForm(_)
            | SetError::OtherVerifier
            | SetError::OtherSignature
            | SetError::OtherPayload => Cause::LogEntryNotBound,
        };
        Self::new(cause, error.to_string())
    }
}

/// Of a certificate whose path is verified.
impl From<LeafError> for BundleFailure {
    fn from(error: LeafError) -> Self {
        let cause = match error {
            LeafError::Pem { .. } | LeafError::Structure { .. } | LeafError::Key(_) => {
                Cause::Malformed
            }
            LeafError::Expired { .. } | LeafError::NotYetValid { .. } => Cause::CertificateExpired,
            LeafError::Usage | LeafError::AuthorityAsLeaf | LeafError::NoPath(_) => {
                Cause::UntrustedCertificate
            }
            LeafError::NoIssuer | LeafError::IssuersDiffer { .. } | LeafError::OtherIssuer(_) => {
                Cause::IssuerMismatch
            }
            LeafError::OtherSubject(_) => Cause::IdentityMismatch,
        };
        Self::new(cause, error.to_string())
    }
}

impl From<Error> for BundleFailure {
    fn from(error: Error) -> Self {
        Self::new(cause_of(&error), error.to_string())
    }
}

impl From<sigstore_types::Error> for BundleFailure {
    fn from(error: sigstore_types::Error) -> Self {
        Self::new(Cause::Malformed, error.to_string())
    }
}

/// Errors that this version of the library does not have yet count as unsupported: they refuse all the same.
fn cause_of(error: &Error) -> Cause {
    match error {
        Error::SignatureInvalid(_) => Cause::WrongSignature,
        Error::ArtifactMismatch(detail) => mismatch(detail),
        Error::Certificate(certificate) => of_certificate(certificate),
        Error::TransparencyLog(log) => of_log(log),
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => Cause::TimestampMissing,
        Error::Timestamp(_) => Cause::TimestampInvalid,
        Error::InvalidBundle(_) | Error::Types(_) => Cause::Malformed,
        Error::Bundle(structure) => of_structure(structure),
        _ => Cause::Unsupported,
    }
}

/// The library has one error for the hash in a log entry and for what the bundle itself says. Only their words differ.
fn mismatch(detail: &str) -> Cause {
    if detail.contains("entry") { Cause::LogEntryNotBound } else { Cause::SubjectMismatch }
}

/// A logged signature that cannot even be decoded is not the bundle's.
fn of_log(error: &TransparencyLogError) -> Cause {
    match error {
        TransparencyLogError::EntryMismatch(_) => Cause::LogEntryNotBound,
        TransparencyLogError::MalformedEntry(detail)
            if detail.contains("decode Rekor signature") =>
        {
            Cause::LogEntryNotBound
        }
        _ => Cause::LogEntryInvalid,
    }
}

/// A certificate that is outside its validity is found while its chain is built, and then said in words only.
fn of_certificate(error: &CertificateError) -> Cause {
    match error {
        CertificateError::ChainInvalid(detail)
            if detail.contains("CertExpired") || detail.contains("CertNotValidYet") =>
        {
            Cause::CertificateExpired
        }
        CertificateError::Expired { .. } | CertificateError::NotYetValid { .. } => {
            Cause::CertificateExpired
        }
        CertificateError::Sct(_) => Cause::SctInvalid,
        _ => Cause::UntrustedCertificate,
    }
}

fn of_structure(error: &StructureError) -> Cause {
    match error {
        StructureError::MissingInclusionPromise(_)
        | StructureError::MissingInclusionProof(_)
        | StructureError::MissingSigningTimeEvidence => Cause::LogEntryMissing,
        StructureError::MissingCheckpoint
        | StructureError::LogIndexOutOfRange { .. }
        | StructureError::CheckpointRootMismatch => Cause::LogEntryInvalid,
        StructureError::MissingTimestamp => Cause::TimestampMissing,
        StructureError::CertificateChainNotAllowed(_) => Cause::Malformed,
        _ => Cause::Unsupported,
    }
}
