//! What the check of one signature comes to, in every form.

use super::keyring::Unverified;
use super::keys::Fingerprint;
use super::verdict::SignatureCode;

/// The outcome of one check: a code, the key if one verified, and what people may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) code: SignatureCode,
    pub(super) key: Option<Fingerprint>,
    pub(super) detail: Option<String>,
}

impl Judgement {
    /// An outcome without a verifying key; `detail` must be bounded.
    pub(super) fn refused(code: SignatureCode, detail: impl Into<String>) -> Self {
        Self { code, key: None, detail: Some(detail.into()) }
    }

    /// An outcome that its code alone explains.
    pub(super) fn bare(code: SignatureCode) -> Self {
        Self { code, key: None, detail: None }
    }

    /// An outcome of content that `key` did sign.
    pub(super) fn by(key: Fingerprint, code: SignatureCode, detail: Option<String>) -> Self {
        Self { code, key: Some(key), detail }
    }
}

impl From<Unverified> for Judgement {
    fn from(failure: Unverified) -> Self {
        Self::bare(match failure {
            Unverified::NoKey => SignatureCode::NoKey,
            Unverified::Malformed => SignatureCode::SignatureInvalid,
            Unverified::OtherKey => SignatureCode::SignatureWrongKey,
        })
    }
}
