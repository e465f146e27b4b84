//! Errors of reading the signers that count.

use crate::host::PolicyFileError;
use crate::trust::{KeyError, Scope};
use std::path::{Path, PathBuf};

/// An error of one of many kinds of files.
pub(super) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// The reason why it cannot be told which signers count.
#[derive(Debug, thiserror::Error)]
pub enum SignersError {
    /// A file cannot be read.
    #[error("file {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// Something else than a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// A file too long for keys and certificates.
    #[error("file {} has {length} bytes: it holds no key and no certificate", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
    /// A file that does not hold a public key.
    #[error("key file {} cannot be used: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        why: KeyError,
        /// The content of the file, where that can be trusted another way.
        holds: Option<Holds>,
    },
    /// A file does not hold what its option is for.
    #[error("{option} {} cannot be used: {why}", path.display())]
    Unusable {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: Problem,
    },
    /// A public key of cosign's was given as a GPG key.
    #[error("--gpg-key {} cannot be used: {why}", path.display())]
    CosignKey {
        /// The file.
        path: PathBuf,
        /// Why.
        why: Problem,
    },
    /// GPG keys that contradict each other.
    #[error("the files of --gpg-key cannot be used together: {0}")]
    GpgKeys(Problem),
    /// An issuer without an identity.
    #[error("--certificate-oidc-issuer for {0} has no --certificate-identity for the same scope")]
    NoIdentity(Scope),
    /// An identity without an issuer.
    #[error("--certificate-identity for {0} has no --certificate-oidc-issuer for the same scope")]
    NoIssuer(Scope),
    /// Several identities and several issuers.
    #[error(
        "several --certificate-identity and several --certificate-oidc-issuer for {0}: which belong together?"
    )]
    Several(Scope),
    /// An authority that would vouch for everybody.
    #[error("--ca {} without --certificate-identity: whom must a certificate name?", .0.display())]
    Anybody(PathBuf),
    /// An identity without an authority.
    #[error("--certificate-identity needs the authority: --trusted-root or --ca")]
    NoAuthority,
    /// An identity or an issuer without a name.
    #[error("--certificate-identity and --certificate-oidc-issuer name somebody")]
    Nobody,
    /// A Fulcio without a log.
    #[error(
        "--ca with --certificate-oidc-issuer needs --rekor-key: only a log proves when such a certificate signed"
    )]
    NoLog,
    /// An identity that a certificate of Fulcio cannot name.
    #[error("--certificate-identity: {0}")]
    Identity(Problem),
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
}

/// The kind of a file that was given as a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// OpenPGP public keys.
    OpenPgp,
    /// Certificates.
    Certificates,
    /// JSON, as a `trusted_root.json` is.
    Json,
}

impl SignersError {
    pub(super) fn unusable(option: &'static str, path: &Path, why: Problem) -> Self {
        Self::Unusable { option, path: path.to_owned(), why }
    }

    /// The step that a person could take, where that is one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Key { holds: Some(Holds::OpenPgp), .. } => {
                Some("a GPG key is given with --gpg-key [SCOPE=]FILE")
            }
            Self::Key { holds: Some(Holds::Certificates), .. } => {
                Some("the certificate of an authority is given with --ca [SCOPE=]FILE")
            }
            Self::Key { holds: Some(Holds::Json), .. } => {
                Some("a trusted_root.json is given with --trusted-root [SCOPE=]FILE")
            }
            Self::CosignKey { .. } => Some("a cosign key is given with --key [SCOPE=]FILE"),
            Self::NoIssuer(_) => Some("also give --certificate-oidc-issuer for the same scope"),
            Self::Several(_) => Some("give them narrower scopes, one issuer for each"),
            _ => None,
        }
    }
}
