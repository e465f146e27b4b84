//! One registry: where it is reached, with which scheme, and where its answers may lead.

use super::auth::{Challenge, CredentialStore, Grants};
use super::extension::SUPPORTS_SIGNATURES;
use super::reach::{self, Tls, is_loopback, same_origin};
use super::transport::Transports;
use super::{Asked, Patience, RegistryError, Said, retry};
use crate::oci::Digest;
use reqwest::{Client, Method, Request, Response, Url};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::OnceCell;

/// A registry, shared by all repositories on it.
pub(super) struct Host {
    name: String,
    tls: Tls,
    patience: Patience,
    transports: Arc<Transports>,
    credentials: Arc<CredentialStore>,
    base: OnceCell<Url>,
    /// What the last answer to a ping said about the signature extension.
    keeps_signatures: AtomicBool,
    /// The client for `base`: nearly every request goes there.
    own: OnceLock<Client>,
    grants: Grants,
    referrer_locks: Mutex<HashMap<(String, Digest), ReferrerLock>>,
}

/// Held while the list of a subject's referrers is changed.
type ReferrerLock = Arc<tokio::sync::Mutex<()>>;

impl Host {
    pub(super) fn new(
        name: &str,
        tls: Tls,
        patience: Patience,
        transports: Arc<Transports>,
        credentials: Arc<CredentialStore>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            tls,
            patience,
            transports,
            credentials,
            base: OnceCell::new(),
            keeps_signatures: AtomicBool::new(false),
            own: OnceLock::new(),
            grants: Grants::default(),
            referrer_locks: Mutex::default(),
        }
    }

    /// The name in references.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    pub(super) fn credentials(&self) -> &CredentialStore {
        &self.credentials
    }

    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The lock under which the list of a subject's referrers in a repository is changed.
    pub(super) fn referrer_lock(&self, path: &str, subject: Digest) -> ReferrerLock {
        let mut locks =
            self.referrer_locks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry((path.to_owned(), subject)).or_default())
    }

    /// The registry's root URL. The first call finds the scheme and learns what the registry wants to see.
    pub(super) async fn base(&self) -> Result<&Url, RegistryError> {
        self.base
            .get_or_try_init(|| {
                self.patience.retry(self.patience.first_contact, || self.first_contact())
            })
            .await
    }

    /// Whether the registry announced the signature extension when it was first contacted.
    pub(super) async fn keeps_signatures(&self) -> Result<bool, RegistryError> {
        self.base().await?;
        Ok(self.keeps_signatures.load(Ordering::Relaxed))
    }

    /// HTTPS first, and plain HTTP only where certificates are not verified. On loopback it is the other way round:
    /// nobody else is on that wire, a ping carries no secret, and a server that wants TLS says so (status 400, or no
    /// HTTP at all).
    async fn first_contact(&self) -> Result<Url, RegistryError> {
        let (secure, plain) = (self.root("https")?, self.root("http")?);
        if is_loopback(&secure) && self.ping(&plain).await.is_ok() {
            return Ok(plain);
        }
        let refused = match self.ping(&secure).await {
            Ok(()) => return Ok(secure),
            Err(error) => error,
        };
        let plain_allowed = self.tls == Tls::Unverified || is_loopback(&secure);
        if !plain_allowed || !matches!(refused, RegistryError::Network { .. }) {
            return Err(refused);
        }
        match self.ping(&plain).await {
            Ok(()) => Ok(plain),
            // What answers so speaks TLS: the trouble with it is the one to report.
            Err(RegistryError::Refused { status: 400, .. }) => Err(refused),
            Err(error) => Err(error),
        }
    }

    fn root(&self, scheme: &str) -> Result<Url, RegistryError> {
        let authority = match self.name.as_str() {
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        Url::parse(&format!("{scheme}://{authority}/"))
            .map_err(|_| RegistryError::Host { host: self.name.clone() })
    }

    /// `GET /v2/` (distribution-spec §determining support). Some registries do not answer it as specified; what counts
    /// is that something speaks HTTP here, and the challenge.
    async fn ping(&self, base: &Url) -> Result<(), RegistryError> {
        let mut url = base.clone();
        url.set_path("/v2/");
        let asked = Asked::new(&Method::GET, &url);
        let response = self.execute(Request::new(Method::GET, url), self.patience.stall).await?;
        let status = response.status();
        if status.as_u16() == 400 || status.as_u16() == 429 || status.is_server_error() {
            let wait = retry::retry_after(response.headers(), time::OffsetDateTime::now_utc());
            return Err(RegistryError::of_status(asked, status, Said::default(), wait));
        }
        let announced = response.headers().get(SUPPORTS_SIGNATURES);
        self.keeps_signatures.store(announced.is_some_and(|value| value == "1"), Ordering::Relaxed);
        self.grants.challenged(Challenge::of(response.headers()));
        Ok(())
    }

    fn client(&self, url: &Url) -> Result<Client, RegistryError> {
        if !self.base.get().is_some_and(|base| same_origin(base, url)) {
            return self.transports.client(&self.name, url);
        }
        if let Some(own) = self.own.get() {
            return Ok(own.clone());
        }
        let own = self.transports.client(&self.name, url)?;
        Ok(self.own.get_or_init(|| own).clone())
    }

    /// Sends one request and waits for the head of the answer, at most `patience`.
    pub(super) async fn execute(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<Response, RegistryError> {
        let (method, url) = (request.method().clone(), request.url().clone());
        let asked = || Asked::new(&method, &url);
        let sent = self.client(&url)?.execute(request);
        match tokio::time::timeout(patience, sent).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(RegistryError::of_transport(asked(), error)),
            Err(_) => Err(RegistryError::stalled(asked())),
        }
    }

    /// Sends a request whose body takes its time: `moved` counts the bytes that went out, `length` in the end, and is
    /// `None` while the body's own source keeps everybody waiting, for which no time is too long.
    pub(super) async fn execute_long(
        &self,
        request: Request,
        length: u64,
        moved: impl Fn() -> Option<u64>,
    ) -> Result<Response, RegistryError> {
        let (method, url) = (request.method().clone(), request.url().clone());
        let asked = || Asked::new(&method, &url);
        let mut sent = std::pin::pin!(self.client(&url)?.execute(request));
        let (mut before, mut waited) = (0, Duration::ZERO);
        loop {
            match tokio::time::timeout(self.patience.stall, &mut sent).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(RegistryError::of_transport(asked(), error)),
                Err(_) => {
                    let Some(now) = moved() else {
                        waited = Duration::ZERO;
                        continue;
                    };
                    waited =
                        if now > before { Duration::ZERO } else { waited + self.patience.stall };
                    before = now;
                    let limit =
                        if now >= length { self.patience.commit } else { self.patience.stall };
                    if waited >= limit {
                        return Err(RegistryError::stalled(asked()));
                    }
                }
            }
        }
    }

    /// [`reach::may_go`] from this registry.
    pub(super) fn may_go(&self, base: &Url, to: Url) -> Result<Url, &'static str> {
        reach::may_go(self.tls, base, to)
    }
}
