//! Who made a signature, and what proves when and where it was made.

use crate::keys::Fingerprint;
use crate::openpgp::OpenPgpFingerprint;
use serde::Serialize;

/// Whoever made a signature that verified. Two signatures of one signer count once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signer {
    /// The holder of a key.
    Key(Fingerprint),
    /// Whoever a certificate names.
    Certificate(CertificateIdentity),
    /// The holder of an OpenPGP key, by its primary key.
    OpenPgp(OpenPgpFingerprint),
}

/// What a certificate says of its holder, as far as a policy compared it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CertificateIdentity {
    /// The subject alternative name: an e-mail address, a URI, a host name.
    pub subject: String,
    /// The OIDC issuer; none where the authority is no Fulcio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// A transparency log entry that was verified and is bound to the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvidence {
    /// The log, by the SHA-256 of its public key in hex, or by its name.
    pub log: String,
    /// Place of the entry in the log.
    pub index: i64,
    /// When the log took it in, as the log says (RFC 3339, UTC); none where the log does not sign a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrated: Option<String>,
}

/// What proves when a signature was made and that it was logged; empty where nothing of it was demanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Log entries.
    pub(crate) logs: Vec<LogEvidence>,
    /// Times that a timestamp authority signed (RFC 3339, UTC).
    pub(crate) timestamps: Vec<String>,
    /// What was not checked although it could have been, for people.
    pub(crate) note: Option<String>,
    /// The key that a certificate is for.
    pub(crate) certified: Option<Fingerprint>,
    /// Container runtimes have no rule under which they would accept such a proof.
    pub(crate) beyond_runtimes: bool,
    /// Host and path of the other image that was signed, where it was another one.
    pub(crate) signed_name: Option<Box<str>>,
}

impl Signer {
    /// The fingerprint, where it is a key's.
    pub fn key(&self) -> Option<Fingerprint> {
        match self {
            Self::Key(fingerprint) => Some(*fingerprint),
            Self::Certificate(_) | Self::OpenPgp(_) => None,
        }
    }
}

impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(fingerprint) => fingerprint.fmt(f),
            Self::OpenPgp(fingerprint) => fingerprint.fmt(f),
            Self::Certificate(CertificateIdentity { subject, issuer: Some(issuer) }) => {
                write!(f, "{subject} ({issuer})")
            }
            Self::Certificate(CertificateIdentity { subject, issuer: None }) => subject.fmt(f),
        }
    }
}
