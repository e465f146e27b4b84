//! What stands beside a simple signature in its layer's annotations, and whether that vouches for the key that made
//! it: a logged key, a Fulcio certificate with a log entry, a certificate of an organisation.
//!
//! [`Annotations`] is the only reader of what stands there; [`crate::sigstore_bundle::simple_signing`] takes it from there for
//! signatures under a trusted root.
//!
//! Each way ends with the signature verified over the raw payload; what the payload says is not looked at here.

mod annotations;

pub(crate) use annotations::Spellings;
pub use annotations::{
    Annotations, CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION, LOG_ANNOTATION, TIMESTAMP_ANNOTATION,
};

use crate::certificate::{CertificateError, Fulcio, Leaf, Pki};
use crate::keys::Hashing;
use crate::keys::{PublicKey, SignatureError};
use crate::rekor::{Entry, LogKey, Logged, SetError, Verifier};

/// A simple signature as it is found in a layer.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The layer's annotations.
    pub annotations: Annotations<'a>,
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
    #[error("no key was given to verify with")]
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
        let presented = self.annotations.certificate()?;
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
        let leaf = pki.verify(&self.annotations.certificate()?, now)?;
        leaf.key().verify(Hashing::Sha256, self.payload, self.signature)?;
        Ok(leaf)
    }

    fn logged(&self, logs: &[LogKey], verifier: Verifier<'_>) -> Result<Logged, VouchError> {
        let signed = self.annotations.log_entry()?.ok_or(VouchError::Missing(LOG_ANNOTATION))?;
        let entry = Entry { payload: self.payload, signature: self.signature, verifier };
        Ok(signed.authenticate(logs)?.bind(&entry)?)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
