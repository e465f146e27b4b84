//! What stands beside a simple signature in its layer's annotations, and whether that vouches for the key that made
//! it: a logged key, a Fulcio certificate with a log entry, a certificate of an organisation.
//!
//! Each way ends with the signature verified over the raw payload; what the payload says is not looked at here.

use crate::certificate::{CertificateError, Fulcio, Leaf, Pki, Presented};
use crate::keys::Hashing;
use crate::keys::{PublicKey, SignatureError};
use crate::rekor::{self, Entry, LogKey, Logged, SetError, Verifier};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The annotation that holds a signed entry timestamp.
pub const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
/// The annotation that holds the leaf certificate.
pub const CERTIFICATE_ANNOTATION: &str = "dev.sigstore.cosign/certificate";
/// The annotation that holds the certificates on the way from the leaf to a root.
pub const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";

const NAMESPACE: &str = "dev.sigstore.cosign/";
/// As cosign's older documents and its signature annotation have it.
const OLD_NAMESPACE: &str = "dev.cosignproject.cosign/";

/// A simple signature as it is found in a layer.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The layer's annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// The layer's bytes.
    pub payload: &'a [u8],
    /// The signature's bytes, after base64.
    pub signature: &'a [u8],
}

/// What stands beside a signature does not vouch for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VouchError {
    /// An annotation that must be there is not.
    #[error("the annotation {0} is missing")]
    Missing(&'static str),
    /// An annotation stands there in both of its spellings, with different values.
    #[error("the annotation {0} stands there in two spellings with different values")]
    Ambiguous(&'static str),
    /// No key to verify with.
    #[error("there is no key to verify with")]
    NoKey,
    /// The signature is not by the key, or by none of the keys.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The log does not vouch.
    #[error(transparent)]
    Log(#[from] SetError),
    /// The certificate does not vouch.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A certificate that signed, and the log entry that proves when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLeaf {
    /// The certificate.
    pub leaf: Leaf,
    /// The entry.
    pub logged: Logged,
}

/// The annotations without those whose old name containers/image does not know.
pub(super) fn by_present_names(
    annotations: &BTreeMap<String, String>,
) -> Cow<'_, BTreeMap<String, String>> {
    if !annotations.keys().any(|name| name.starts_with(OLD_NAMESPACE)) {
        return Cow::Borrowed(annotations);
    }
    let present = annotations.iter().filter(|(name, _)| !name.starts_with(OLD_NAMESPACE));
    Cow::Owned(present.map(|(name, value)| (name.clone(), value.clone())).collect())
}

impl Signed<'_> {
    /// The one of `keys` that signed, which a trusted log has an entry of: keyed signatures under a policy with a Rekor
    /// key.
    ///
    /// # Errors
    /// [`VouchError::NoKey`], [`VouchError::Signature`], [`VouchError::Missing`], [`VouchError::Log`].
    pub fn by_logged_key<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
        logs: &[LogKey],
    ) -> Result<(&'k PublicKey, Logged), VouchError> {
        let mut failure = VouchError::NoKey;
        for key in keys {
            match key.verify(Hashing::Sha256, self.payload, self.signature) {
                Ok(()) => return Ok((key, self.logged(logs, Verifier::Key(key))?)),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    /// The Fulcio certificate whose key signed, valid when a trusted log took the signature in.
    ///
    /// # Errors
    /// [`VouchError`], all but [`VouchError::NoKey`].
    pub fn by_fulcio(&self, fulcio: &Fulcio, logs: &[LogKey]) -> Result<LoggedLeaf, VouchError> {
        let presented = self.presented()?;
        let logged = self.logged(logs, Verifier::Certificate(presented.leaf()))?;
        let leaf = fulcio.verify(&presented, logged.integrated_time)?;
        leaf.key().verify(Hashing::Sha256, self.payload, self.signature)?;
        Ok(LoggedLeaf { leaf, logged })
    }

    /// The certificate of an organisation whose key signed, valid at `now`, in seconds since 1970. A log entry is not
    /// looked at.
    ///
    /// # Errors
    /// [`VouchError::Missing`], [`VouchError::Ambiguous`], [`VouchError::Certificate`], [`VouchError::Signature`].
    pub fn by_pki(&self, pki: &Pki, now: u64) -> Result<Leaf, VouchError> {
        let leaf = pki.verify(&self.presented()?, now)?;
        leaf.key().verify(Hashing::Sha256, self.payload, self.signature)?;
        Ok(leaf)
    }

    /// True when container runtimes find what stands beside the signature: they know one spelling only.
    pub(crate) fn is_spelt_for_runtimes(&self) -> bool {
        [LOG_ANNOTATION, CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION].iter().all(|name| {
            self.annotations.contains_key(*name)
                || old_spelling(name).is_none_or(|old| !self.annotations.contains_key(&old))
        })
    }

    fn logged(&self, logs: &[LogKey], verifier: Verifier<'_>) -> Result<Logged, VouchError> {
        let annotation = self.need(LOG_ANNOTATION)?;
        let entry = Entry { payload: self.payload, signature: self.signature, verifier };
        Ok(rekor::verify(annotation, logs, &entry)?)
    }

    fn presented(&self) -> Result<Presented, VouchError> {
        let leaf = self.need(CERTIFICATE_ANNOTATION)?;
        Ok(Presented::from_pem(leaf, self.annotation(CHAIN_ANNOTATION)?)?)
    }

    fn need(&self, name: &'static str) -> Result<&str, VouchError> {
        self.annotation(name)?.ok_or(VouchError::Missing(name))
    }

    /// An annotation in either spelling.
    fn annotation(&self, name: &'static str) -> Result<Option<&str>, VouchError> {
        let old = old_spelling(name);
        let text = |name: &str| self.annotations.get(name).map(String::as_str);
        match (text(name), old.as_deref().and_then(text)) {
            (Some(new), Some(old)) if new != old => Err(VouchError::Ambiguous(name)),
            (new, old) => Ok(new.or(old)),
        }
    }
}

fn old_spelling(name: &str) -> Option<String> {
    name.strip_prefix(NAMESPACE).map(|rest| format!("{OLD_NAMESPACE}{rest}"))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
