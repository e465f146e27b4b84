//! Why a log does not vouch for a signature.

use crate::reading::blocks::BlocksError;
use crate::reading::fields::ShapeError;
use crate::{Fingerprint, SignatureError};

/// Why a signed entry timestamp proves nothing about a signature. That there is none at all is for the caller to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The annotation is longer than what is read.
    #[error("the log's annotation has {0} bytes, more than {most}", most = super::MAX_ANNOTATION)]
    TooLarge(usize),
    /// The annotation is not the object that it must be.
    #[error(transparent)]
    Malformed(ShapeError),
    /// A time that no log can mean: none, negative or after the year 9999.
    #[error("the log's entry has the impossible time {0}")]
    Time(i128),
    /// The log is none of those that are trusted, or none is trusted.
    #[error("the entry is of log {0}, which is not trusted")]
    UnknownLog(Fingerprint),
    /// The log did not sign this entry.
    #[error("the log's signature does not verify: {0}")]
    Signature(SignatureError),
    /// The log did sign, but not the kind of document that is understood.
    #[error(transparent)]
    Body(ShapeError),
    /// An entry of another kind.
    #[error("the log's entry is of kind {0:?}, expected \"hashedrekord\"")]
    Kind(String),
    /// Another version of the kind.
    #[error("the log's entry is of version {0:?}, expected \"0.0.1\"")]
    Version(String),
    /// Another hash.
    #[error("the log's entry is about a hash of {0:?}, expected \"sha256\"")]
    HashAlgorithm(String),
    /// The verifier in the entry is not one PEM block of the right kind.
    #[error("the verifier in the log's entry is not one PEM block: {0}")]
    VerifierForm(BlocksError),
    /// The entry is about another key or certificate.
    #[error("the log's entry is about another key or certificate")]
    OtherVerifier,
    /// The entry is about another signature.
    #[error("the log's entry is about another signature")]
    OtherSignature,
    /// The entry is about another payload.
    #[error("the log's entry is about another payload")]
    OtherPayload,
}
