//! Why a candidate does not vouch for a signature, as the stable codes of reports.

use crate::certificate::CertificateError;
use crate::keys::SignatureError;
use crate::openpgp::{AtomicError, AtomicFinding, KeyFault, OpenPgpError};
use crate::outcome::SignatureCode as Code;
use crate::outcome::judgement::{Judgement, Voucher};
use crate::outcome::signer::{CertificateIdentity, LogEvidence, Proof, Signer};
use crate::reading::text::{bounded, explain};
use crate::rekor::{Logged, SetError};
use crate::sigstore_bundle::{self, BundleFailure, Cause, Evidence, LogRecord};
use crate::vouched::{CERTIFICATE_ANNOTATION, LOG_ANNOTATION, VouchError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

impl From<SignatureError> for Judgement {
    fn from(error: SignatureError) -> Self {
        Self::bare(match error {
            SignatureError::Malformed => Code::SignatureInvalid,
            SignatureError::OtherKey => Code::SignatureWrongKey,
        })
    }
}

impl From<VouchError> for Judgement {
    fn from(error: VouchError) -> Self {
        match error {
            VouchError::Missing(LOG_ANNOTATION) => Self::bare(Code::LogEntryMissing),
            VouchError::Missing(CERTIFICATE_ANNOTATION) => Self::bare(Code::CertificateMissing),
            VouchError::Missing(_) | VouchError::Ambiguous(_) => {
                Self::refused(Code::CertificateMalformed, bounded(&error.to_string()))
            }
            VouchError::NoKey => Self::bare(Code::NoKey),
            VouchError::Signature(error) => error.into(),
            VouchError::Log(error) => error.into(),
            VouchError::Certificate(error) => error.into(),
        }
    }
}

impl From<SetError> for Judgement {
    fn from(error: SetError) -> Self {
        let code = match error {
            SetError::UnknownLog(_) | SetError::Signature(_) => Code::LogEntryUntrusted,
            SetError::OtherVerifier | SetError::OtherSignature | SetError::OtherPayload => {
                Code::LogEntryUnbound
            }
            SetError::TooLarge(_)
            | SetError::Malformed(_)
            | SetError::Time(_)
            | SetError::Body(_)
            | SetError::Kind(_)
            | SetError::Version(_)
            | SetError::HashAlgorithm(_)
            | SetError::VerifierForm(_) => Code::LogEntryMalformed,
        };
        Self::refused(code, explain(&error))
    }
}

impl From<CertificateError> for Judgement {
    fn from(error: CertificateError) -> Self {
        let code = match error {
            CertificateError::Pem { .. }
            | CertificateError::Structure { .. }
            | CertificateError::Key(_) => Code::CertificateMalformed,
            CertificateError::Expired { .. } | CertificateError::NotYetValid { .. } => {
                Code::CertificateExpired
            }
            CertificateError::Usage
            | CertificateError::AuthorityAsLeaf
            | CertificateError::NoPath(_) => Code::CertificateUntrusted,
            CertificateError::NoIssuer
            | CertificateError::IssuersDiffer { .. }
            | CertificateError::OtherIssuer(_)
            | CertificateError::OtherSubject(_) => Code::CertificateMismatch,
        };
        Self::refused(code, explain(&error))
    }
}

impl From<BundleFailure> for Judgement {
    fn from(failure: BundleFailure) -> Self {
        let code = match failure.cause {
            Cause::Malformed => Code::BundleMalformed,
            Cause::Unsupported => Code::BundleUnsupported,
            Cause::OtherMaterial => Code::CertificateMissing,
            Cause::PayloadType => Code::PayloadTypeUnsupported,
            Cause::WrongSignature => Code::SignatureWrongKey,
            Cause::SubjectMismatch => Code::DigestMismatch,
            Cause::UntrustedCertificate => Code::CertificateUntrusted,
            Cause::CertificateExpired => Code::CertificateExpired,
            Cause::SctInvalid => Code::CertificateUnlogged,
            Cause::IdentityMismatch | Cause::IssuerMismatch => Code::CertificateMismatch,
            Cause::LogEntryMissing => Code::LogEntryMissing,
            Cause::LogEntryInvalid => Code::LogEntryUntrusted,
            Cause::LogEntryNotBound => Code::LogEntryUnbound,
            Cause::TimestampMissing => Code::TimeMissing,
            Cause::TimestampInvalid => Code::TimestampInvalid,
        };
        Self::refused(code, failure.detail)
    }
}

impl From<Evidence> for Voucher {
    fn from(evidence: Evidence) -> Self {
        let mut certified = None;
        let (signer, note) = match evidence.signer {
            sigstore_bundle::Signer::Key(fingerprint) => {
                let unchecked = evidence.unchecked_timestamps;
                let note = (unchecked > 0).then(|| format!("{unchecked} timestamps not checked"));
                (Signer::Key(fingerprint), note)
            }
            sigstore_bundle::Signer::Certificate { identity, issuer, key, sct_verified } => {
                certified = Some(key);
                let (subject, issuer) = (bounded(&identity), Some(bounded(&issuer)));
                let note = (!sct_verified).then(|| {
                    "the trusted root has no key for proofs that a certificate was logged (SCT)"
                        .into()
                });
                (Signer::Certificate(CertificateIdentity { subject, issuer }), note)
            }
        };
        let logs = evidence.log.iter().map(LogEvidence::from).collect();
        let times = evidence.timestamps.into_iter();
        let timestamps =
            times.filter_map(|seconds| rfc3339(u64::try_from(seconds).ok()?)).collect();
        let proof = Proof { logs, timestamps, note, certified, ..Proof::default() };
        Self { signer, proof }
    }
}

impl From<AtomicFinding> for Judgement {
    fn from(AtomicFinding { signer, result }: AtomicFinding) -> Self {
        let judgement = match result {
            Ok(()) => Self::bare(Code::Verified),
            // Its text tells the causes already.
            Err(error) => {
                let judgement = Self::refused(atomic_code(&error), bounded(&error.to_string()));
                match &error {
                    AtomicError::Identity(error) => judgement.of_another_name(error),
                    _ => judgement,
                }
            }
        };
        Self { signer: signer.map(|signer| Signer::OpenPgp(signer.primary)), ..judgement }
    }
}

fn atomic_code(error: &AtomicError) -> Code {
    let error = match error {
        AtomicError::Signature(error) => error,
        AtomicError::Payload(_) => return Code::PayloadMalformed,
        AtomicError::OtherManifest(_) => return Code::DigestMismatch,
        AtomicError::Identity(_) => return Code::IdentityMismatch,
    };
    match error {
        OpenPgpError::Form(_)
        | OpenPgpError::SignatureVersion(_)
        | OpenPgpError::SignatureType(_)
        | OpenPgpError::CriticalSubpacket(_) => Code::OpenPgpMalformed,
        OpenPgpError::WeakHash(_) => Code::OpenPgpWeak,
        OpenPgpError::UnknownKey { .. } => Code::SignatureWrongKey,
        OpenPgpError::BadSignature { .. } => Code::SignatureInvalid,
        OpenPgpError::SignatureExpired { .. }
        | OpenPgpError::SignatureInFuture { .. }
        | OpenPgpError::SignatureBeforeKey { .. } => Code::SignatureExpired,
        OpenPgpError::Key { fault, .. } => match fault {
            KeyFault::Weak(_) => Code::OpenPgpWeak,
            KeyFault::Expired { .. } => Code::KeyExpired,
            KeyFault::Revoked => Code::KeyRevoked,
            _ => Code::KeyUnusable,
        },
    }
}

impl From<&LogRecord> for LogEvidence {
    fn from(record: &LogRecord) -> Self {
        let time = record.integrated_time.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            log: bounded(&record.log_id),
            index: i64::try_from(record.index).unwrap_or(i64::MAX),
            integrated: time.and_then(rfc3339),
        }
    }
}

impl From<&Logged> for LogEvidence {
    fn from(logged: &Logged) -> Self {
        Self {
            log: logged.log_id.hex(),
            index: i64::try_from(logged.log_index).unwrap_or(i64::MAX),
            integrated: rfc3339(logged.integrated_time),
        }
    }
}

/// Seconds since 1970 as RFC 3339 has them; nothing for times beyond its years.
pub(crate) fn rfc3339(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}
