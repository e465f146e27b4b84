//! Who signed, as an entry of a log names him.

use super::MAX_ANNOTATION;
use super::error::SetError;
use crate::PublicKey;
use crate::reading::blocks::{self, Prose};

/// The key or certificate of an entry.
#[derive(Debug, Clone, Copy)]
pub enum Verifier<'a> {
    /// A bare key.
    Key(&'a PublicKey),
    /// The leaf certificate, in DER.
    Certificate(&'a [u8]),
}

impl Verifier<'_> {
    /// Compares it as a whole with the text in an entry, which is one PEM block and nothing else.
    pub(crate) fn check(&self, logged: &[u8]) -> Result<(), SetError> {
        let (label, der) = match self {
            Self::Key(key) => ("PUBLIC KEY", key.spki()),
            Self::Certificate(der) => ("CERTIFICATE", *der),
        };
        let found = blocks::read_one(logged, label, MAX_ANNOTATION, Prose::Nowhere)
            .map_err(SetError::VerifierForm)?;
        if found == der { Ok(()) } else { Err(SetError::OtherVerifier) }
    }
}
