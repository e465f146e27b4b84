//! The client against a real registry, a real TLS server, and servers that do everything wrong.

mod absence;
mod access;
mod bounds;
mod client_certificates;
mod download;
mod field;
mod manifests;
mod peer;
mod push;
mod real;
mod referrers;
mod script;
mod secrets;
mod self_signed;
mod signatures;
mod tls;

use super::{Client, ClientOptions, Presence, RemoteRepository, RetryPolicy};
use bundle_oci::source::{BlobSource, ByteStream, SourceError, Trouble};
use bundle_oci::{Descriptor, Manifest, media_type};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// RetryPolicy for tests: as many attempts as people have, but no waiting.
pub(super) fn quick() -> RetryPolicy {
    RetryPolicy {
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        ..RetryPolicy::default()
    }
}

pub(super) fn options() -> ClientOptions {
    ClientOptions { retry_policy: quick(), ..ClientOptions::default() }
}

/// A repository at `address`, reached with `options` and no credentials but theirs.
pub(super) fn repository_with(options: ClientOptions, address: &str) -> RemoteRepository {
    let authfile = options.authfile.clone();
    let options =
        ClientOptions { authfile: authfile.or_else(|| Some("/dev/null".into())), ..options };
    let client = Client::new(options).expect("a client");
    client.repository(&format!("{address}/team/app").parse().expect("a name"))
}

pub(super) fn repository(address: &str) -> RemoteRepository {
    repository_with(options(), address)
}

/// A blob in memory that counts how often it is opened.
pub(super) struct Memory {
    content: Vec<Result<Bytes, Trouble>>,
    pub(super) opened: AtomicUsize,
}

impl Memory {
    pub(super) fn of(content: &[u8]) -> Self {
        let pieces = content.chunks(100_000).map(|p| Ok(Bytes::copy_from_slice(p)));
        Self { content: pieces.collect(), opened: AtomicUsize::new(0) }
    }

    /// Fails after its content.
    pub(super) fn then(mut self, trouble: Trouble) -> Self {
        self.content.push(Err(trouble));
        self
    }
}

impl BlobSource for Memory {
    fn open<'a>(
        &'a self,
        _: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        assert_eq!(offset, 0, "an upload always starts at the first byte");
        self.opened.fetch_add(1, Ordering::Relaxed);
        let pieces = self.content.clone().into_iter();
        let pieces = pieces.map(|p| p.map_err(|t| SourceError::new(t, "the source failed")));
        async move { Ok(stream::iter(pieces.collect::<Vec<_>>()).boxed()) }.boxed()
    }
}

/// What [`Client`] is for: many transfers at once, on a runtime that moves them between threads.
#[tokio::test]
async fn transfers_can_be_spawned() {
    let repository = repository("127.0.0.1:9");
    let task = async move {
        let blob = Descriptor::of("x", b"x");
        let source: Arc<dyn BlobSource> = Arc::new(Memory::of(b"x"));
        let push = repository.push_blob(&blob, &*source, Some("other"), Presence::CheckFirst);
        push.await.is_err() && repository.referrers(&blob.digest).await.is_err()
    };
    assert!(tokio::spawn(task).await.expect("ran"));
}

/// Bytes that no piece boundary repeats in.
pub(super) fn content(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| byte()).collect()
}

/// An image with `config` and `layers`, and whatever else `extra` says.
pub(super) fn image(config: &Descriptor, layers: &[Descriptor], extra: &str) -> Manifest {
    let descriptor = |d: &Descriptor| {
        format!(r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#, d.media_type, d.digest, d.size)
    };
    let layers: Vec<String> = layers.iter().map(descriptor).collect();
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{extra}}}"#,
        media_type::OCI_MANIFEST,
        descriptor(config),
        layers.join(","),
    );
    Manifest::parse(text.into(), media_type::OCI_MANIFEST).expect("a manifest")
}

/// An artifact that names `subject`; `name` makes it differ from others.
pub(super) fn attachment(subject: &Manifest, name: &str) -> Manifest {
    let extra = format!(
        r#","artifactType":"application/x-test","subject":{{"mediaType":"{}","digest":"{}","size":{}}},"annotations":{{"name":"{name}"}}"#,
        subject.media_type(),
        subject.digest(),
        subject.bytes().len(),
    );
    image(&empty_config(), &[], &extra)
}

pub(super) fn empty_config() -> Descriptor {
    Descriptor::of(media_type::OCI_EMPTY, b"{}")
}

/// Reads all of a blob from `offset`, as it comes.
pub(super) async fn read(
    repository: &RemoteRepository,
    blob: &Descriptor,
    offset: u64,
) -> Result<Vec<u8>, SourceError> {
    let mut stream = repository.open(blob, offset).await?;
    let mut content = Vec::new();
    while let Some(piece) = stream.next().await {
        content.extend_from_slice(&piece?);
    }
    Ok(content)
}

/// An error with all its causes, as people see it.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
