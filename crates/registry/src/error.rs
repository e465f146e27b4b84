//! What failed about which request. Nothing here ever holds a secret.

use super::addresses::LeadsHere;
use super::certificates::ENCRYPTED_KEY;
use super::messages::shown;
use super::tls::{self, Distrust};
use super::{Asked, Said};
use bundle_oci::{
    Digest,
    manifest::ManifestError,
    source::{SourceError, Trouble},
};
use reqwest::StatusCode;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

const UNTRUSTED: &str = "the registry's certificate is not trusted here";
const OTHER_AUTHORITY: &str =
    "the registry's certificate is not trusted here: another CA made it than those that were given";
const IS_AUTHORITY: &str =
    "the registry shows the certificate of a CA (CA:TRUE), and not one that was given for it";
const EXPIRED: &str = "the registry's certificate has expired, by this machine's clock";
const NOT_YET: &str = "the registry's certificate is not valid yet, by this machine's clock";
const OTHER_NAME: &str = "the registry's certificate is for another name";
const UNUSABLE: &str = "the registry's certificate cannot be used";
const UNSHOWN: &str = "the registry does not accept the client certificate, or wants one";
const PLAIN: &str = "the registry does not speak TLS";
const STALLED: &str = "nothing came for too long";
const NO_CONNECTION: &str = "no connection";

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
    #[error("{asked}: the registry limits the rate of requests{said}{}", asks_to_wait(retry_after))]
    RateLimited {
        /// The request.
        asked: Asked,
        /// The registry's own words.
        said: Said,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// A server error, also after several attempts.
    #[error("{asked}: the registry failed with status {status}{said}{}", asks_to_wait(retry_after))]
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
        /// Whether the server is gone that had answered in this run.
        outage: bool,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The server was asked in vain before in this run.
    #[error("{host} is not asked again in this run: {why}")]
    GivenUp {
        /// The server.
        host: String,
        /// What happened when it was asked.
        why: String,
        /// What a person could do about that.
        hint: Option<&'static str>,
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
    /// There are credentials, and the registry does not speak TLS.
    #[error("{host} was reached over plain HTTP, where no credentials are sent")]
    PlainCredentials {
        /// The registry they are for.
        host: String,
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
        if chain(&error).any(|e| e.is::<LeadsHere>()) {
            return Self::bad_answer(asked, format!("it is not followed: {LeadsHere}"));
        }
        let of_tls = tls::trouble(&error).and_then(of_tls);
        let what = if let Some(what) = of_tls {
            what
        } else if error.is_connect() {
            NO_CONNECTION
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "the connection broke"
        };
        Self::Network {
            asked,
            what,
            transient: of_tls.is_none() && !error.is_builder(),
            outage: false,
            // The URL can hold a signature of an object store in its query.
            source: Some(error.without_url().into()),
        }
    }

    /// Whether what answered may speak plain HTTP, as far as an attempt at TLS says.
    pub(super) fn may_be_plain_http(&self) -> bool {
        self.speaks_plain_http() || matches!(self, Self::Network { transient: true, .. })
    }

    /// Whether an attempt at TLS got plain HTTP for an answer.
    pub(super) fn speaks_plain_http(&self) -> bool {
        matches!(self, Self::Network { what, .. } if *what == PLAIN)
    }

    pub(super) fn stalled(asked: Asked) -> Self {
        let (what, transient, outage) = (STALLED, true, false);
        Self::Network { asked, what, transient, outage, source: None }
    }

    /// The answer ended before all of it was there.
    pub(super) fn cut_off(asked: Asked) -> Self {
        let what = "the answer ended too early";
        Self::Network { asked, what, transient: true, outage: false, source: None }
    }

    /// The same error where the server had answered in this run: without a connection, it is gone.
    pub(super) fn after_answers(mut self) -> Self {
        if let Self::Network { what, transient: true, outage, .. } = &mut self {
            *outage = *what == NO_CONNECTION;
        }
        self
    }

    #[cfg(test)]
    pub(super) fn gone(asked: Asked) -> Self {
        let (what, transient, outage) = (NO_CONNECTION, true, true);
        Self::Network { asked, what, transient, outage, source: None }
    }

    /// Bytes come, and too few of them.
    pub(super) fn too_slow(asked: Asked, transient: bool) -> Self {
        let what = "the answer comes too slowly";
        Self::Network { asked, what, transient, outage: false, source: None }
    }

    pub(super) fn bad_answer(asked: Asked, why: impl Into<String>) -> Self {
        Self::BadAnswer { asked, why: why.into() }
    }

    /// Whether the same request could succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } => true,
            // What a registry does not implement it does not implement a moment later.
            Self::Server { status, .. } => *status != 501,
            Self::Network { transient, .. } => *transient,
            // What is sent under a digest has it. Either it was damaged on its way, or the registry read one of the
            // manifests that this one names while another push wrote it: distribution replaces files in place.
            // 408: the server did not get the request in time; 425: it will not take one that could be a repetition.
            Self::Refused { status, said, .. } => {
                said.code() == "DIGEST_INVALID" || matches!(status, 408 | 425)
            }
            _ => false,
        }
    }

    /// True when the server was waited for in vain.
    pub(super) fn is_stall(&self) -> bool {
        matches!(self, Self::Network { what, .. } if *what == STALLED)
    }

    /// True when a server is gone that had answered in this run.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Network { outage: true, .. })
    }

    /// True for a registry that does not take what was sent, whoever sends it and however often.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Forbidden { .. })
    }

    /// True when a manifest was sent and the registry does not know of something that it refers to.
    pub(super) fn misses_content(&self) -> bool {
        let said = match self {
            Self::Refused { said, .. } | Self::NotFound { said, .. } => said,
            _ => return false,
        };
        matches!(said.code(), "MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN")
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
            Self::Server { retry_after: Some(_), .. } => Some(
                "run it again later; --timeout says how long a pause may be that a registry asks for",
            ),
            Self::Network { .. } if self.is_stall() => Some(SLOW),
            Self::GivenUp { hint, .. } => *hint,
            Self::PlainCredentials { .. } => {
                Some("allow it with --tls-verify=false, or make the registry speak TLS")
            }
            Self::Setup { what, .. } if what == ENCRYPTED_KEY => {
                Some("write the key without a password: openssl pkey -in KEY -out HOST.key")
            }
            Self::Network { what, .. } => hint_of_tls(what),
            _ => None,
        }
    }
}

/// What the trouble with TLS is, where another attempt would not help.
fn of_tls(error: &rustls::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Of, Error as Tls, InvalidMessage};
    Some(match error {
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => PLAIN,
        Tls::InvalidCertificate(of) => match of {
            Of::UnknownIssuer => UNTRUSTED,
            Of::Expired | Of::ExpiredContext { .. } => EXPIRED,
            Of::NotValidYet | Of::NotValidYetContext { .. } => NOT_YET,
            Of::NotValidForName | Of::NotValidForNameContext { .. } => OTHER_NAME,
            other => match tls::distrust(other) {
                Some(Distrust::OtherAuthority) => OTHER_AUTHORITY,
                Some(Distrust::IsAuthority) => IS_AUTHORITY,
                None => UNUSABLE,
            },
        },
        Tls::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::UnsupportedCertificate
            | Alert::UnknownCA,
        ) => UNSHOWN,
        _ => return None,
    })
}

fn hint_of_tls(what: &str) -> Option<&'static str> {
    Some(match what {
        PLAIN => "a registry without TLS is used only with --tls-verify=false",
        UNTRUSTED => {
            "put the registry's CA in /etc/containers/certs.d/HOST[:PORT]/ca.crt, or name a directory: --cert-dir"
        }
        OTHER_AUTHORITY => {
            "give the CA that made the registry's certificate, or that certificate itself"
        }
        IS_AUTHORITY => {
            "put that very certificate beside the CA, as another *.crt, or have the registry show one that a CA made"
        }
        EXPIRED | NOT_YET => "renew the registry's certificate, or set this machine's clock",
        OTHER_NAME => "name the registry as its certificate does, or have one made for this name",
        UNSHOWN => "put the client's *.cert and *.key beside the CA: --cert-dir, or certs.d",
        _ => return None,
    })
}

/// The way out where a server needs longer.
pub(super) const SLOW: &str =
    "where it needs longer to answer: --timeout says how long it may stay without answering";

/// The end of the sentence about a registry that asked for a pause.
fn asks_to_wait(time: &Option<Duration>) -> String {
    let asked = time.filter(|time| !time.is_zero());
    asked.map_or_else(String::new, |time| format!(", and asks to wait {}", shown(time)))
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
