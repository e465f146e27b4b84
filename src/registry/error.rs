//! What failed about which request. Nothing here ever holds a secret.

use super::{Asked, Said};
use crate::oci::{
    Digest,
    manifest::ManifestError,
    source::{SourceError, Trouble},
};
use reqwest::StatusCode;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

const UNTRUSTED: &str = "the registry's certificate is not trusted here";
const PLAIN: &str = "the registry does not speak TLS";

/// A registry could not be asked, or did not answer as it must.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// 401 after all credentials and tokens were tried.
    #[error("{asked}: the registry wants other credentials{said}")]
    Unauthorized {
        /// The request.
        asked: Asked,
        /// The registry's own words.
        said: Said,
    },
    /// 403.
    #[error("{asked}: access is denied{said}")]
    Forbidden {
        /// The request.
        asked: Asked,
        /// The registry's own words.
        said: Said,
    },
    /// 404 where the thing had to be there.
    #[error("{asked}: not found{said}")]
    NotFound {
        /// The request.
        asked: Asked,
        /// The registry's own words.
        said: Said,
    },
    /// 429, also after waiting.
    #[error("{asked}: the registry limits the rate of requests{said}")]
    RateLimited {
        /// The request.
        asked: Asked,
        /// The registry's own words.
        said: Said,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// A server error, also after several attempts.
    #[error("{asked}: the registry failed with status {status}{said}")]
    Server {
        /// The request.
        asked: Asked,
        /// 500 to 599.
        status: u16,
        /// The registry's own words.
        said: Said,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// Any other status that is no success.
    #[error("{asked}: the registry answered with status {status}{said}")]
    Refused {
        /// The request.
        asked: Asked,
        /// The status.
        status: u16,
        /// The registry's own words.
        said: Said,
    },
    /// No connection, no answer in time, or one that broke off.
    #[error("{asked}: {what}")]
    Network {
        /// The request.
        asked: Asked,
        /// What happened.
        what: &'static str,
        /// Whether another attempt could help.
        transient: bool,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// An answer that a registry must not give.
    #[error("{asked}: {why}")]
    BadAnswer {
        /// The request.
        asked: Asked,
        /// What is wrong with it.
        why: String,
    },
    /// What came is not a manifest that can be carried.
    #[error("{asked}: not a usable manifest")]
    BadManifest {
        /// The request.
        asked: Asked,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// Content with another digest than the one it was asked or sent under.
    #[error("{asked}: the registry has {found} where {expected} was expected")]
    DigestMismatch {
        /// The request.
        asked: Asked,
        /// The digest that was asked for or sent.
        expected: Digest,
        /// The digest of what the registry has.
        found: Digest,
    },
    /// Content of another length than its descriptor says.
    #[error("{asked}: the registry has {found} bytes where {expected} were expected")]
    WrongLength {
        /// The request.
        asked: Asked,
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes by the registry.
        found: u64,
    },
    /// What was to be pushed could not be read.
    #[error("reading what is to be pushed")]
    Source(#[from] SourceError),
    /// Credentials could not be read.
    #[error("credentials for {host}: {what}")]
    Credentials {
        /// The registry they are for.
        host: String,
        /// What failed, without any content.
        what: String,
    },
    /// A name that no registry can have, though references admit it.
    #[error("{host:?} is not the name of a host")]
    Host {
        /// The name.
        host: String,
    },
    /// A file of this side could not be used.
    #[error("{}: {what}", path.display())]
    Setup {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl RegistryError {
    /// The error that a status stands for.
    pub(super) fn of_status(
        asked: Asked,
        status: StatusCode,
        said: Said,
        retry_after: Option<Duration>,
    ) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized { asked, said },
            403 => Self::Forbidden { asked, said },
            404 => Self::NotFound { asked, said },
            429 => Self::RateLimited { asked, said, retry_after },
            status @ 500..=599 => Self::Server { asked, status, said, retry_after },
            status => Self::Refused { asked, status, said },
        }
    }

    /// The error of a request that got no answer.
    pub(super) fn of_transport(asked: Asked, error: reqwest::Error) -> Self {
        // The TLS library's own types are not reachable from here; its words only choose ours.
        let says = |words: &str| chain(&error).any(|e| e.to_string().contains(words));
        let certificate = says("invalid peer certificate");
        let plain = says("InvalidContentType");
        let what = if certificate {
            UNTRUSTED
        } else if plain {
            PLAIN
        } else if error.is_connect() {
            "no connection"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "the connection broke"
        };
        Self::Network {
            asked,
            what,
            transient: !certificate && !plain && !error.is_builder(),
            // The URL can hold a signature of an object store in its query.
            source: Some(error.without_url().into()),
        }
    }

    pub(super) fn stalled(asked: Asked) -> Self {
        Self::Network { asked, what: "nothing came for too long", transient: true, source: None }
    }

    pub(super) fn bad_answer(asked: Asked, why: impl Into<String>) -> Self {
        Self::BadAnswer { asked, why: why.into() }
    }

    /// Whether the same request could succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Server { .. } => true,
            Self::Network { transient, .. } => *transient,
            // What is sent under a digest has it. Either it was damaged on its way, or the registry read one of the
            // manifests that this one names while another push wrote it: distribution replaces files in place.
            Self::Refused { said, .. } => said.code() == "DIGEST_INVALID",
            _ => false,
        }
    }

    /// How long the registry asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Server { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// What a person could do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorized { .. } => {
                Some("log in to the registry, or name the file with the credentials: --authfile")
            }
            Self::Credentials { .. } => Some("name another file with credentials: --authfile"),
            Self::RateLimited { .. } => {
                Some("wait, or log in: many registries limit anonymous requests more strictly")
            }
            Self::Network { what, .. } if *what == PLAIN => {
                Some("a registry without TLS is used only with --tls-verify=false")
            }
            Self::Network { what, .. } if *what == UNTRUSTED => Some(
                "put the registry's CA in /etc/containers/certs.d/HOST[:PORT]/ca.crt, or name a directory: --cert-dir",
            ),
            _ => None,
        }
    }
}

/// An error and its causes.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

impl From<RegistryError> for SourceError {
    fn from(error: RegistryError) -> Self {
        let trouble = match &error {
            RegistryError::NotFound { .. } => Trouble::Absent,
            RegistryError::DigestMismatch { .. }
            | RegistryError::WrongLength { .. }
            | RegistryError::BadManifest { .. } => Trouble::Content,
            RegistryError::Source(source) => source.trouble,
            _ => Trouble::Network,
        };
        Self::caused(trouble, "the registry did not deliver", error)
    }
}
