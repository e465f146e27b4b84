//! Lookaside servers: GPG signatures on an ordinary web server, beside a registry that keeps none (containers/image
//! signature-protocols.md §separate storage).
//!
//! Servers are named by the host's configuration, never by a registry or a bundle. No credentials go there.

use super::addresses::Reach;
use super::exchange::read_body;
use super::reach::{self, Tls, same_origin};
use super::transport::Transports;
use super::{Asked, RegistryError, RetryPolicy, Said, encoding, retry};
use bundle_oci::atomic::MAX_SIGNATURE;
use bundle_oci::{Digest, Repository};
use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue, LOCATION};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use std::sync::Arc;

/// Redirects followed for one signature.
const MAX_REDIRECTS: usize = 5;

/// Where the signatures of one repository lie on a web server.
pub struct Lookaside {
    base: Url,
    registry: String,
    tls: Tls,
    retry_policy: RetryPolicy,
    transports: Arc<Transports>,
}

impl Lookaside {
    /// `BASE/PATH`, as the path of every signature of `repository` begins.
    pub(super) fn new(
        mut base: Url,
        repository: &Repository,
        tls: Tls,
        retry_policy: RetryPolicy,
        transports: Arc<Transports>,
    ) -> Self {
        // The path of a URL without one is a slash here, and nothing in containers/image; a slash that somebody wrote
        // at the end of a longer one stays.
        let above = if base.path() == "/" { "" } else { base.path() };
        let path = format!("{above}/{}", repository.path());
        base.set_path(&path);
        base.set_fragment(None);
        Self { base, registry: repository.host().to_owned(), tls, retry_policy, transports }
    }

    /// Signature `number`, from 1, of the manifest with digest `subject`. `None` when the server says that it has none.
    ///
    /// # Errors
    /// Every other answer than 200 and 404, and content beyond [`MAX_SIGNATURE`].
    pub async fn signature(
        &self,
        subject: &Digest,
        number: usize,
    ) -> Result<Option<Bytes>, RegistryError> {
        let mut url = self.base.clone();
        let path = format!("{}@sha256={}/signature-{number}", url.path(), subject.hex());
        url.set_path(&path);
        let server = self.transports.servers().of(&url);
        let told = (server.waits(), server.name());
        self.retry_policy.retry(self.retry_policy.attempts, told, || self.get(&url)).await
    }

    async fn get(&self, first: &Url) -> Result<Option<Bytes>, RegistryError> {
        let asked = || Asked::new(&Method::GET, first);
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.execute(first, &url).await?;
            let status = response.status();
            if status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            if status == StatusCode::OK {
                let is_gzip = encoding::is_gzip(response.headers());
                let stall = self.retry_policy.stall / 2;
                let body = read_body(response, MAX_SIGNATURE, asked, stall).await?;
                return match is_gzip {
                    true => encoding::decoded(body, MAX_SIGNATURE, asked).map(Some),
                    false => Ok(Some(body)),
                };
            }
            if !matches!(status.as_u16(), 301..=303 | 307 | 308) {
                return Err(refused(asked(), &response));
            }
            url = self.target(&url, &response).map_err(|why| {
                let why = format!("its Location is not followed: {why}");
                RegistryError::bad_answer(asked(), why)
            })?;
        }
        Err(RegistryError::bad_answer(asked(), format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Where an answer leads, when it may lead there.
    fn target(&self, from: &Url, response: &Response) -> Result<Url, &'static str> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let to = location.and_then(|text| from.join(text).ok()).ok_or("it is not a URL")?;
        // A server that is configured without TLS may send its clients round on itself.
        if same_origin(from, &to) {
            return Ok(to);
        }
        reach::may_go(self.tls, from, self.transports.is_here(from), to)
    }

    async fn execute(&self, first: &Url, url: &Url) -> Result<Response, RegistryError> {
        let asked = || Asked::new(&Method::GET, url);
        let reach = match same_origin(first, url) || self.transports.is_here(first) {
            true => Reach::Anywhere,
            false => Reach::Elsewhere,
        };
        let client: Client = self.transports.client(&self.registry, url, reach)?;
        let mut request = Request::new(Method::GET, url.clone());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.transports.servers().of(url).answer(asked(), None, client.execute(request)).await
    }
}

/// The error that an answer stands for. What a web server says in its page is of no use, and 401 is not about the
/// registry's credentials.
fn refused(asked: Asked, response: &Response) -> RegistryError {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        return RegistryError::Refused { asked, status: 401, said: Said::default() };
    }
    let wait = retry::retry_after(response.headers(), time::OffsetDateTime::now_utc());
    RegistryError::of_status(asked, status, Said::default(), wait)
}
