//! Why a candidate does not vouch for a signature, as the stable codes of reports.

use super::certificate::CertificateError;
use super::judgement::Judgement;
use super::keys::SignatureError;
use super::outcome::SignatureCode as Code;
use super::rekor::{Logged, SetError};
use super::signer::LogEvidence;
use super::text::{bounded, explain};
use super::vouched::{CERTIFICATE_ANNOTATION, LOG_ANNOTATION, VouchError};
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
pub(super) fn rfc3339(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}
