//! What callers hold: one [`Client`] a process, one [`RemoteRepository`] per repository.

use super::auth::{CredentialStore, Scope};
use super::host::Host;
use super::lookaside::Lookaside;
use super::reach::Tls;
use super::transport::Transports;
use super::{RegistryError, RetryPolicy, SetAside};
use bundle_oci::Repository;
use bundle_oci::text::bounded_to;
use bundle_progress::Waits;
use reqwest::Url;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The only file with credentials; by default the usual ones of containers and docker are read.
    pub authfile: Option<PathBuf>,
    /// A directory with `*.crt` (CAs) and `*.cert` + `*.key` (client certificate), instead of the usual ones.
    pub cert_dir: Option<PathBuf>,
    /// False accepts any certificate, and plain HTTP on any host: whoever sits on the wire then reads credentials.
    pub tls_verify: bool,
    /// Sent as `User-Agent`.
    pub user_agent: String,
    /// How often and how long to try.
    pub retry_policy: RetryPolicy,
    /// Where it stands what is waited for.
    pub waits: Waits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            authfile: None,
            cert_dir: None,
            tls_verify: true,
            user_agent: concat!("bundle/", env!("CARGO_PKG_VERSION")).into(),
            retry_policy: RetryPolicy::default(),
            waits: Waits::default(),
        }
    }
}

/// The way to all registries: shares connections, credentials and tokens. Cloning is cheap.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    tls: Tls,
    retry_policy: RetryPolicy,
    transports: Arc<Transports>,
    credentials: Arc<CredentialStore>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// One repository on one registry. Cloning is cheap.
#[derive(Clone)]
pub struct RemoteRepository(Arc<Inner>);

struct Inner {
    host: Arc<Host>,
    name: Repository,
    pull: Scope,
    push: Scope,
}

impl Client {
    /// A client. No registry is contacted yet.
    ///
    /// # Errors
    /// When the named file or directory is not there.
    pub fn new(options: ClientOptions) -> Result<Self, RegistryError> {
        for path in [&options.authfile, &options.cert_dir].into_iter().flatten() {
            std::fs::metadata(path).map_err(|e| RegistryError::Setup {
                path: path.clone(),
                what: "cannot be used".into(),
                source: Some(e.into()),
            })?;
        }
        let tls = if options.tls_verify { Tls::Verified } else { Tls::Unverified };
        let transports = Transports::new(
            options.cert_dir,
            tls,
            &options.retry_policy,
            &options.user_agent,
            options.waits,
        );
        let uid = rustix::process::getuid().as_raw();
        let variable = |name: &str| std::env::var_os(name);
        let credentials = CredentialStore::new(options.authfile.as_deref(), variable, uid);
        Ok(Self(Arc::new(Shared {
            tls,
            retry_policy: options.retry_policy,
            transports: Arc::new(transports),
            credentials: Arc::new(credentials),
            hosts: Mutex::default(),
        })))
    }

    /// Configuration that was found and does not count: root reads nothing that somebody else decides.
    pub fn set_aside(&self) -> impl Iterator<Item = &SetAside> {
        self.0.credentials.set_aside().iter().chain(self.0.transports.set_aside())
    }

    /// Where it stands what is waited for.
    pub fn waits(&self) -> &Waits {
        self.0.transports.servers().waits()
    }

    /// A repository. Nothing is contacted yet.
    pub fn repository(&self, name: &Repository) -> RemoteRepository {
        let shared = &self.0;
        let mut hosts = shared.hosts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let host = hosts.entry(name.host().to_owned()).or_insert_with(|| {
            Arc::new(Host::new(
                name.host(),
                shared.tls,
                shared.retry_policy.clone(),
                Arc::clone(&shared.transports),
                Arc::clone(&shared.credentials),
            ))
        });
        RemoteRepository(Arc::new(Inner {
            host: Arc::clone(host),
            name: name.clone(),
            pull: Scope::pull(name),
            push: Scope::push(name),
        }))
    }

    /// Where a web server has the signatures of a repository, below `base`: an `http` or `https` URL without user and
    /// password. It is reached as the repository's registry is, with the same CAs. Nothing is contacted yet.
    ///
    /// # Errors
    /// When `base` is no such URL.
    pub fn lookaside(
        &self,
        repository: &Repository,
        base: &str,
    ) -> Result<Lookaside, LookasideUrlError> {
        // What stands before an @ may be a password.
        let shown = base.rsplit('@').next().unwrap_or_default();
        let refuse = || LookasideUrlError(bounded_to(shown, 300));
        let base = Url::parse(base).map_err(|_| refuse())?;
        let is_plain = base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !is_plain {
            return Err(refuse());
        }
        let Shared { tls, retry_policy, transports, .. } = &*self.0;
        Ok(Lookaside::new(base, repository, *tls, retry_policy.clone(), Arc::clone(transports)))
    }
}

/// The text is not where a lookaside server can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the URL of a lookaside: expected http, https or file, without user and password"
)]
pub struct LookasideUrlError(String);

impl RemoteRepository {
    /// Host and path, as in references.
    pub fn name(&self) -> &Repository {
        &self.0.name
    }

    pub(super) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(super) fn to_pull(&self) -> &Scope {
        &self.0.pull
    }

    pub(super) fn to_push(&self) -> &Scope {
        &self.0.push
    }

    /// `BASE/v2/PATH/TAIL`.
    pub(super) async fn url(&self, tail: &str) -> Result<Url, RegistryError> {
        let mut url = self.host().base().await?.clone();
        url.set_path(&format!("/v2/{}/{tail}", self.name().path()));
        Ok(url)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl fmt::Debug for RemoteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.name, f)
    }
}
