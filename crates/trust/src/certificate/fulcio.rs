//! Certificates that Fulcio issued to somebody who signed in (policy `fulcio`; image/signature/fulcio_cert.go).

use super::authorities::Authorities;
use super::error::CertificateError;
use super::identity::Subject;
use super::leaf::{Leaf, Presented};
use crate::CertificateIdentity;
use crate::reading::text::bounded;

/// Whose signatures count: certificates under these roots, for this subject, authenticated by this issuer.
///
/// The timestamp that an embedded SCT is gives no evidence here: as in containers/image it is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulcio {
    roots: Authorities,
    issuer: String,
    subject: Subject,
}

impl Fulcio {
    /// Expects `issuer`, the URL of an OpenID provider, and `subject`, both to the letter. `None` when one of them is
    /// empty: that would expect nothing.
    pub fn new(roots: Authorities, issuer: impl Into<String>, subject: Subject) -> Option<Self> {
        let issuer = issuer.into();
        (!issuer.is_empty() && !subject.is_empty()).then_some(Self { roots, issuer, subject })
    }

    /// Whom every certificate names that passes.
    pub fn holder(&self) -> CertificateIdentity {
        let subject = bounded(self.subject.as_str());
        CertificateIdentity { subject, issuer: Some(bounded(&self.issuer)) }
    }

    /// True when the subject is an e-mail address: a policy `fulcio` can expect nothing else.
    pub(crate) fn expects_email(&self) -> bool {
        matches!(self.subject, Subject::Email(_))
    }

    /// Checks a certificate at the time at which it signed, in seconds since 1970. That time must be proven: these
    /// certificates are valid for minutes.
    ///
    /// # Errors
    /// [`CertificateError`]: no path at that time, not for code signing, another issuer, another subject.
    pub fn verify(&self, presented: &Presented, at: u64) -> Result<Leaf, CertificateError> {
        let leaf = presented.verify(&self.roots, None, at)?;
        // Fulcio's certificates say that they are for code signing. One that does not say so is not one of them.
        if !leaf.has_purpose() {
            return Err(CertificateError::Usage);
        }
        leaf.check(&self.issuer, &self.subject)?;
        Ok(leaf)
    }
}
