//! Why a certificate does not vouch for a key.

use crate::{BlocksError, KeyError};
use std::fmt;

/// What was presented with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The certificate of the key that signed.
    Leaf,
    /// The certificates on the way from it to a root.
    Chain,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaf => "signing certificate",
            Self::Chain => "certificate chain",
        })
    }
}

/// A certificate, or the path from it to a root, is not as it must be. Untrusted text in it is bounded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not the PEM blocks that it must be: exactly one for the leaf.
    #[error("the {part} is not as it must be: {error}")]
    Pem {
        /// Of which annotation.
        part: Part,
        /// What is wrong about its PEM.
        error: BlocksError,
    },
    /// Not an X.509 certificate in DER, or an extension in it that cannot be understood or stands twice.
    #[error("the {part} is not well formed: {reason}")]
    Structure {
        /// Of which annotation.
        part: Part,
        /// What is wrong.
        reason: String,
    },
    /// A key that this product does not verify with.
    #[error("the key of the signing certificate is not accepted: {0}")]
    Key(#[source] KeyError),
    /// Not valid any more at the time that counts.
    #[error("a certificate had expired: valid until {until}, needed at {at} (seconds since 1970)")]
    Expired {
        /// When it was needed.
        at: u64,
        /// Its last second.
        until: u64,
    },
    /// Not valid yet at the time that counts.
    #[error("a certificate was not valid yet: from {from}, needed at {at} (seconds since 1970)")]
    NotYetValid {
        /// When it was needed.
        at: u64,
        /// Its first second.
        from: u64,
    },
    /// The extended key usage is not that of code signing, or the key usage not that of signing.
    #[error("a certificate is not for code signing")]
    Usage,
    /// The leaf is an authority.
    #[error("the signing certificate is that of an authority")]
    AuthorityAsLeaf,
    /// No path to a trusted root.
    #[error("the signing certificate does not lead to a trusted root: {0}")]
    NoPath(String),
    /// Neither of Fulcio's two issuer extensions.
    #[error("the signing certificate does not say who authenticated its owner")]
    NoIssuer,
    /// The two issuer extensions say different things.
    #[error("the signing certificate names two issuers, {old:?} and {new:?}")]
    IssuersDiffer {
        /// In 1.3.6.1.4.1.57264.1.1.
        old: String,
        /// In 1.3.6.1.4.1.57264.1.8.
        new: String,
    },
    /// Another issuer than the expected one.
    #[error("the owner of the signing certificate was authenticated by {0:?}")]
    OtherIssuer(String),
    /// Nobody whom it names is the expected subject.
    #[error("the signing certificate is for {0}")]
    OtherSubject(String),
}
