//! Certificates of an organisation's own authority (policy `pki`; image/signature/pki_cert.go).

use super::authorities::Authorities;
use super::error::CertificateError;
use super::host_name;
use super::identity::{self, Subject};
use super::leaf::{Leaf, Presented};
use crate::CertificateIdentity;
use crate::reading::text::bounded;

/// Whose signatures count: certificates under these roots that name an e-mail address, a host, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pki {
    roots: Authorities,
    intermediates: Option<Authorities>,
    email: Option<Subject>,
    host_name: Option<String>,
}

impl Pki {
    /// Expects an e-mail address to the letter, a host name by the rules of TLS, or both. `None` when neither is given,
    /// or one is empty: that would expect nothing.
    pub fn new(
        roots: Authorities,
        intermediates: Option<Authorities>,
        email: Option<String>,
        host_name: Option<String>,
    ) -> Option<Self> {
        let email = email.map(Subject::Email);
        let empty = email.as_ref().is_some_and(Subject::is_empty)
            || host_name.as_ref().is_some_and(String::is_empty);
        let expects = email.is_some() || host_name.is_some();
        (expects && !empty).then_some(Self { roots, intermediates, email, host_name })
    }

    /// Whom every certificate names that passes.
    pub fn holder(&self) -> CertificateIdentity {
        let email = self.email.as_ref().map(Subject::as_str);
        let names: Vec<&str> = email.into_iter().chain(self.host_name.as_deref()).collect();
        CertificateIdentity { subject: bounded(&names.join(" ")), issuer: None }
    }

    /// Checks a certificate at `now`, in seconds since 1970: this policy has no other time.
    ///
    /// # Errors
    /// [`CertificateError`]: no path now, for other purposes than code signing, another e-mail address or host.
    pub fn verify(&self, presented: &Presented, now: u64) -> Result<Leaf, CertificateError> {
        let leaf = presented.verify(&self.roots, self.intermediates.as_ref(), now)?;
        let names = leaf.identities();
        let by_email = self.email.as_ref().is_none_or(|email| email.is_among(names));
        let by_host = self.host_name.as_ref().is_none_or(|host| host_name::is_among(host, names));
        if by_email && by_host {
            Ok(leaf)
        } else {
            Err(CertificateError::OtherSubject(identity::list(names)))
        }
    }
}
