//! One registry: where it is reached, with which scheme, and where its answers may lead.

use super::addresses::Reach;
use super::auth::{Challenge, CredentialStore, Grants, Held};
use super::reach::{self, Tls, is_loopback, same_origin};
use super::server::{self, Server};
use super::transport::Transports;
use super::{Asked, RegistryError, RetryPolicy, Said, retry};
use bundle_oci::Digest;
use bundle_oci::text::bounded_to;
use bundle_progress::Waits;
use reqwest::{Client, Method, Request, Response, Url};
use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Header by which a registry says, in its answer to `GET /v2/`, that it has the extension; its value is `1`.
pub const SUPPORTS_SIGNATURES: &str = "x-registry-supports-signatures";

/// Longest explanation of why a registry is not asked again.
const MAX_WHY: usize = 1000;
/// How often it is looked whether an upload moves.
const LOOK: Duration = Duration::from_secs(1);

/// A registry, shared by all repositories on it.
pub(super) struct Host {
    name: String,
    tls: Tls,
    retry_policy: RetryPolicy,
    transports: Arc<Transports>,
    credentials: Arc<CredentialStore>,
    base: OnceCell<Url>,
    /// Why it is not asked again in this run.
    given_up: OnceLock<(String, Option<&'static str>)>,
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
        retry_policy: RetryPolicy,
        transports: Arc<Transports>,
        credentials: Arc<CredentialStore>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            tls,
            retry_policy,
            transports,
            credentials,
            base: OnceCell::new(),
            given_up: OnceLock::new(),
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

    pub(super) fn retry_policy(&self) -> &RetryPolicy {
        &self.retry_policy
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
        self.base.get_or_try_init(|| self.contact()).await
    }

    /// The first contact. When it fails, that is the verdict for the whole run.
    async fn contact(&self) -> Result<Url, RegistryError> {
        if let Some((why, hint)) = self.given_up.get() {
            let (host, why) = (self.name.clone(), why.clone());
            return Err(RegistryError::GivenUp { host, why, hint: *hint });
        }
        let found = self.retry(self.retry_policy.first_contact, || self.first_contact()).await;
        // Files with certificates are this side's, and are named each time.
        if let Err(error) = &found
            && !matches!(error, RegistryError::Setup { .. })
        {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let why = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
            // Callers wait for each other, so nobody else has set it.
            let _ = self.given_up.set((bounded_to(&why, MAX_WHY), error.hint()));
        }
        found
    }

    /// Tries what can be helped by trying again.
    pub(super) async fn retry<T, F>(
        &self,
        attempts: u32,
        attempt: impl FnMut() -> F,
    ) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        self.retry_policy.retry(attempts, (self.waits(), &self.name), attempt).await
    }

    pub(super) fn waits(&self) -> &Waits {
        self.transports.servers().waits()
    }

    /// The server of a URL.
    pub(super) fn server(&self, url: &Url) -> Arc<Server> {
        self.transports.servers().of(url)
    }

    /// Whether the registry announced the signature extension when it was first contacted.
    pub(super) async fn keeps_signatures(&self) -> Result<bool, RegistryError> {
        self.base().await?;
        Ok(self.keeps_signatures.load(Ordering::Relaxed))
    }

    /// Finds out which scheme the registry speaks, in the order of [`Self::order`].
    async fn first_contact(&self) -> Result<Url, RegistryError> {
        let (secure, plain) = (self.root("https")?, self.root("http")?);
        match self.order(&secure).await? {
            Order::TlsAlone => self.ping(&secure).await.map(|()| secure),
            Order::TlsFirst => {
                let Err(refused) = self.ping(&secure).await else { return Ok(secure) };
                if !refused.may_be_plain_http() {
                    return Err(refused);
                }
                match self.ping(&plain).await {
                    Ok(()) => Ok(plain),
                    Err(error) => Err(to_tell(refused, error)),
                }
            }
            Order::PlainFirst => {
                let Err(error) = self.ping(&plain).await else { return Ok(plain) };
                match self.ping(&secure).await {
                    Ok(()) => Ok(secure),
                    Err(refused) => Err(to_tell(refused, error)),
                }
            }
        }
    }

    /// TLS alone, unless certificates are not verified. A loopback registry may speak plain HTTP as well, as long as
    /// nothing is at stake that a user of this machine who listens there instead must not see: where a certificate is
    /// given for it, or credentials, it is TLS alone. A ping carries no secret, so plain HTTP comes first where neither
    /// is had: a server that wants TLS says so (status 400, or no HTTP at all).
    async fn order(&self, secure: &Url) -> Result<Order, RegistryError> {
        if !is_loopback(secure) {
            return Ok(match self.tls {
                Tls::Verified => Order::TlsAlone,
                Tls::Unverified => Order::TlsFirst,
            });
        }
        let has_certificates = self.transports.has_certificates(&self.name)?;
        let credentials = self.credentials.held_for(&self.name).await;
        Ok(match (self.tls, has_certificates, credentials) {
            (_, false, Held::None) => Order::PlainFirst,
            (Tls::Unverified, _, _) | (_, false, Held::Unclear) => Order::TlsFirst,
            _ => Order::TlsAlone,
        })
    }

    /// Whether credentials may go to the registry: over TLS, and over plain HTTP only by the operator's word.
    pub(super) async fn may_have_credentials(&self) -> Result<bool, RegistryError> {
        Ok(self.base().await?.scheme() == "https" || self.tls == Tls::Unverified)
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
        let response = self.execute(Request::new(Method::GET, url), None).await?;
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
        let Some(base) = self.base.get() else {
            return self.transports.client(&self.name, url, Reach::Anywhere);
        };
        if !same_origin(base, url) {
            let reach = match self.transports.is_here(base) {
                true => Reach::Anywhere,
                false => Reach::Elsewhere,
            };
            return self.transports.client(&self.name, url, reach);
        }
        if let Some(own) = self.own.get() {
            return Ok(own.clone());
        }
        let own = self.transports.client(&self.name, url, Reach::Anywhere)?;
        Ok(self.own.get_or_init(|| own).clone())
    }

    /// Sends one request and waits for the head of the answer; `content` is the length of what the registry has to store
    /// before it answers.
    pub(super) async fn execute(
        &self,
        request: Request,
        content: Option<u64>,
    ) -> Result<Response, RegistryError> {
        let asked = Asked::new(request.method(), request.url());
        let server = self.server(request.url());
        let limit = content.map(|length| self.retry_policy.to_store(length));
        let sent = self.client(request.url())?.execute(request);
        server.answer(asked, limit, sent).await
    }

    /// Sends a request whose body takes its time: `moved` counts the bytes that went out, `length` in the end, and is
    /// `None` while the body's own source keeps everybody waiting, for which no time is too long.
    pub(super) async fn execute_long(
        &self,
        request: Request,
        length: u64,
        moved: impl Fn() -> Option<u64>,
    ) -> Result<Response, RegistryError> {
        let asked = Asked::new(request.method(), request.url());
        let server = self.server(request.url());
        let attempt = server.attempt()?;
        let stall = self.retry_policy.stall;
        let told = server.told(&asked, stall);
        let mut sent = std::pin::pin!(self.client(request.url())?.execute(request));
        let began = Instant::now();
        let (mut before, mut quiet) = (0, began);
        loop {
            match tokio::time::timeout(LOOK.min(stall / 4), &mut sent).await {
                Ok(Ok(response)) => {
                    server.heard();
                    server::log(&asked, &response, began);
                    return Ok(response);
                }
                Ok(Err(error)) => {
                    return Err(attempt.failed(RegistryError::of_transport(asked, error)));
                }
                Err(_) => {}
            }
            let now = moved();
            if now.is_none_or(|now| now > before) {
                before = now.unwrap_or(before);
                quiet = Instant::now();
                told.moved();
                server.heard();
                continue;
            }
            let limit = if before >= length { self.retry_policy.to_store(length) } else { stall };
            if quiet.elapsed() >= limit {
                return Err(attempt.failed(RegistryError::stalled(asked)));
            }
        }
    }

    /// [`reach::may_go`] from this registry.
    pub(super) fn may_go(&self, base: &Url, to: Url) -> Result<Url, &'static str> {
        reach::may_go(self.tls, base, self.transports.is_here(base), to)
    }
}

/// Which schemes are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    TlsAlone,
    TlsFirst,
    PlainFirst,
}

/// Which of two failed attempts is the one to report.
fn to_tell(tls: RegistryError, plain: RegistryError) -> RegistryError {
    match plain {
        // Not asked again, after the other attempt took all the time.
        RegistryError::GivenUp { .. } => tls,
        plain if matches!(tls, RegistryError::GivenUp { .. }) => plain,
        // What answers so speaks TLS, or nothing answers at all.
        RegistryError::Refused { status: 400, .. } | RegistryError::Network { .. }
            if !tls.speaks_plain_http() =>
        {
            tls
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::quick;

    /// A host that has answered as `base`.
    fn host(base: &str) -> Host {
        let retry_policy = RetryPolicy { stall: Duration::from_secs(1), ..quick() };
        let transports =
            Transports::new(None, Tls::Unverified, &retry_policy, "test", Waits::default());
        let credentials = CredentialStore::new(Some("/dev/null".as_ref()), |_| None, 0);
        let name = base.split('/').nth(2).expect("a host");
        let (transports, credentials) = (Arc::new(transports), Arc::new(credentials));
        let host = Host::new(name, Tls::Unverified, retry_policy, transports, credentials);
        host.base.set(Url::parse(base).expect("a URL")).expect("not set before");
        host
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_connected_to_for_others() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("does not wait");
        let port = listener.local_addr().expect("an address").port();
        for scheme in ["http", "https"] {
            for name in ["localhost", "LOCALHOST"] {
                let url = Url::parse(&format!("{scheme}://{name}:{port}/x")).expect("a URL");
                let far = host("http://192.0.2.7:5000/");
                for method in [Method::GET, Method::POST, Method::PUT] {
                    let request = Request::new(method, url.clone());
                    let error = far.execute(request, None).await;
                    let error = error.expect_err("it leads here");
                    assert!(matches!(error, RegistryError::BadAnswer { .. }), "{error:?}");
                    assert!(error.to_string().contains("this machine or its link"), "{error}");
                }
            }
        }
        let waiting = listener.accept().map(|_| ());
        assert!(waiting.is_err(), "nobody came");
        // From a registry on this machine it is followed.
        let near = host("http://127.0.0.1:9/");
        let url = Url::parse(&format!("http://localhost:{port}/x")).expect("a URL");
        let asked = near.execute(Request::new(Method::GET, url), None).await;
        assert!(matches!(asked, Err(RegistryError::Network { .. })), "{asked:?}");
        assert!(listener.accept().is_ok(), "it came");
    }
}
