//! Blobs into a registry: POST for a place, then one PUT of known length (distribution-spec §pushing blobs).
//!
//! The last piece of a blob is held back until its digest is right, so a source that is wrong never completes an
//! upload, whatever the registry would accept.

use super::body::Content;
use super::exchange::{Answer, Ask};
use super::manifest::named_digest;
use super::reach::same_origin;
use super::{Asked, RegistryError, RemoteRepository};
use bundle_oci::Descriptor;
use bundle_oci::source::{BlobSource, ByteStream, Verifying, read_blob};
use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Request, StatusCode, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Blobs up to this size are read before they are sent: head and body then leave in one write.
const SMALL: u64 = 256 << 10;
/// What is read of the answers to an upload; they have no content that matters.
const MAX_ANSWER: u64 = 64 << 10;

/// What is known about a blob at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing, or that it is not there: push without asking.
    Unknown,
    /// It may be there: ask first.
    CheckFirst,
}

/// How a blob came to be in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobPushed {
    /// Its bytes were sent.
    Uploaded,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was there already.
    AlreadyThere,
}

/// Where a POST left off.
enum Begun {
    Mounted,
    At(Url),
}

impl RemoteRepository {
    /// Puts a blob into the registry. `mount_from` is the path of a repository on the same registry that has it; when
    /// that does not work, the bytes are sent.
    ///
    /// # Errors
    /// When the source cannot be read or has other content ([`RegistryError::Source`]), when the registry does not take
    /// the blob, or says that it stored something else.
    pub async fn push_blob(
        &self,
        blob: &Descriptor,
        source: &dyn BlobSource,
        mount_from: Option<&str>,
        presence: Presence,
    ) -> Result<BlobPushed, RegistryError> {
        if presence == Presence::CheckFirst && self.blob_exists(blob).await? {
            return Ok(BlobPushed::AlreadyThere);
        }
        if let Some(path) = mount_from
            && let Some(begun) = self.mount(blob, path).await?
        {
            return match begun {
                Begun::Mounted => Ok(BlobPushed::Mounted),
                Begun::At(place) => self.upload(blob, source, Some(place)).await,
            };
        }
        self.upload(blob, source, None).await
    }

    /// Sends a blob whose content comes only once: what fails after its first byte is not tried again.
    ///
    /// # Errors
    /// As [`Self::push_blob`].
    pub async fn push_once(
        &self,
        blob: &Descriptor,
        content: ByteStream,
    ) -> Result<(), RegistryError> {
        let retry_policy = self.host().retry_policy();
        let begun = self.host().retry(retry_policy.attempts, || self.begin(blob)).await?;
        let mut content = Verifying::new(content, blob);
        match begun {
            Begun::At(place) => self.put(blob, place, Content::streamed(content, blob.size)).await,
            Begun::Mounted => {
                while let Some(piece) = content.next().await {
                    piece?;
                }
                Ok(())
            }
        }
    }

    /// Asks for a mount. `None` when the registry will not have it; the upload then shows whether more is wrong.
    async fn mount(&self, blob: &Descriptor, path: &str) -> Result<Option<Begun>, RegistryError> {
        let mut url = self.url("blobs/uploads/").await?;
        url.query_pairs_mut()
            .append_pair("mount", &blob.digest.to_string())
            .append_pair("from", path);
        let scope = self.to_push().and_pull(path);
        let ask = Ask::new(Method::POST, url, &scope);
        match self.host().whole(&ask, MAX_ANSWER).await {
            Ok(answer) => self.begun(&ask, blob, &answer).await.map(Some),
            // Pulp answers 404 for a blob that the other repository does not have; others forbid what they cannot allow.
            Err(
                RegistryError::NotFound { .. }
                | RegistryError::Unauthorized { .. }
                | RegistryError::Forbidden { .. }
                | RegistryError::Refused { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for a place for a blob, once.
    async fn begin(&self, blob: &Descriptor) -> Result<Begun, RegistryError> {
        let url = self.url("blobs/uploads/").await?;
        let ask = Ask::new(Method::POST, url, self.to_push());
        let answer = self.host().whole_once(&ask, MAX_ANSWER).await?;
        let begun = self.begun(&ask, blob, &answer).await?;
        // Nothing was sent, and no other repository named.
        if matches!(begun, Begun::Mounted) && !self.blob_exists(blob).await? {
            let why =
                "it answered that the blob is stored before it was sent, and does not have it";
            return Err(RegistryError::bad_answer(ask.asked(), why));
        }
        Ok(begun)
    }

    async fn begun(
        &self,
        ask: &Ask<'_>,
        blob: &Descriptor,
        answer: &Answer,
    ) -> Result<Begun, RegistryError> {
        if answer.status == StatusCode::CREATED {
            check_stored(blob, answer, || ask.asked())?;
            return Ok(Begun::Mounted);
        }
        let base = self.host().base().await?;
        let location = answer.headers.get(LOCATION);
        let place = self.host().target(base, &answer.url, location, || ask.asked())?;
        Ok(Begun::At(place))
    }

    /// Sends the bytes, from the start again when that can help: an upload that broke off is not continued, since
    /// registries differ in what they keep of it.
    async fn upload(
        &self,
        blob: &Descriptor,
        source: &dyn BlobSource,
        place: Option<Url>,
    ) -> Result<BlobPushed, RegistryError> {
        let retry_policy = self.host().retry_policy();
        let small = match blob.size {
            0..=SMALL => Some(read_blob(source, blob, SMALL).await?),
            _ => None,
        };
        let mut place = place;
        let (mut lost, sent) = (false, AtomicBool::new(false));
        loop {
            let done = self
                .host()
                .retry(retry_policy.attempts, || {
                    let place = place.take();
                    self.attempt(blob, source, small.clone(), place, &sent)
                })
                .await;
            match done {
                // The registry forgot the upload, or the token ran out on the way: once more, from the start.
                Err(RegistryError::NotFound { .. } | RegistryError::Unauthorized { .. })
                    if !lost && sent.load(Ordering::Relaxed) =>
                {
                    lost = true;
                }
                other => return other,
            }
        }
    }

    /// One attempt; `sent` tells afterwards whether it came as far as sending the content.
    async fn attempt(
        &self,
        blob: &Descriptor,
        source: &dyn BlobSource,
        small: Option<Bytes>,
        place: Option<Url>,
        sent: &AtomicBool,
    ) -> Result<BlobPushed, RegistryError> {
        let place = match place {
            Some(place) => place,
            None => match self.begin(blob).await? {
                Begun::At(place) => place,
                Begun::Mounted => return Ok(BlobPushed::AlreadyThere),
            },
        };
        let content = match small {
            Some(bytes) => Content::whole(bytes),
            None => Content::streamed(Verifying::new(source.open(blob, 0).await?, blob), blob.size),
        };
        sent.store(true, Ordering::Relaxed);
        self.put(blob, place, content).await.map(|()| BlobPushed::Uploaded)
    }

    async fn put(
        &self,
        blob: &Descriptor,
        mut place: Url,
        content: Content,
    ) -> Result<(), RegistryError> {
        let host = self.host();
        let base = host.base().await?;
        place.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let asked = || Asked::new(&Method::PUT, &place);
        let mut request = Request::new(Method::PUT, place.clone());
        let grant = host.grants().grant(host, self.to_push()).await?;
        let own = same_origin(base, request.url());
        let headers = request.headers_mut();
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, octets);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(blob.size));
        if let Some(grant) = grant.as_ref().filter(|_| own) {
            headers.insert(AUTHORIZATION, grant.header().clone());
        }
        let sent = Arc::clone(&content.sent);
        *request.body_mut() = Some(content.body);
        let moved = || sent.moved();
        let answer = host.execute_long(request, blob.size, moved).await;
        // A source that failed breaks the connection: its error is the cause, not the network.
        if let Some(error) = sent.failure() {
            return Err(error.into());
        }
        let mut response = answer?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && own {
            let challenge = super::auth::Challenge::of(response.headers());
            let grants = host.grants();
            grants.refused(self.to_push(), grant.as_ref(), challenge).await;
        }
        if !status.is_success() {
            return Err(host.error_of(response, asked()).await);
        }
        let answer = Answer {
            status,
            headers: std::mem::take(response.headers_mut()),
            url: response.url().clone(),
            body: Bytes::new(),
            _room: None,
        };
        // Read, so that the connection can be used again; what it says does not matter.
        drop(host.read(response, MAX_ANSWER, asked).await);
        check_stored(blob, &answer, asked)
    }
}

/// Compares what the registry says it stored, when it says so.
fn check_stored(
    blob: &Descriptor,
    answer: &Answer,
    asked: impl Fn() -> Asked,
) -> Result<(), RegistryError> {
    match named_digest(answer).filter(|found| *found != blob.digest) {
        Some(found) => {
            Err(RegistryError::DigestMismatch { asked: asked(), expected: blob.digest, found })
        }
        None => Ok(()),
    }
}
