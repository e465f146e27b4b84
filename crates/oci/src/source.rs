//! The one door to bytes: every blob that is read anywhere comes through [`Verifying`], bounded and hashed.

use super::{Descriptor, Digest, Hasher};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Content as it arrives. Pieces are of any length; an error ends the stream.
pub type ByteStream = BoxStream<'static, Result<Bytes, SourceError>>;

/// A source of blobs: a registry's repository, a layout directory, an archive.
pub trait BlobSource: Send + Sync {
    /// Opens `blob` at byte `offset`. What streams is not verified yet: wrap it in [`Verifying`].
    ///
    /// # Errors
    /// When the blob is absent or cannot be read; an answer of a wrong length is an error too.
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>>;
}

/// One blob in memory, whichever is asked for.
pub struct Held(pub Bytes);

impl BlobSource for Held {
    fn open<'a>(
        &'a self,
        _: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let content = self.0.slice(from..);
        Box::pin(async move { Ok(Box::pin(stream::iter([Ok(content)])) as ByteStream) })
    }
}

/// The kind of trouble that a source met; decides the exit status and whether trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The network, or a registry's answer.
    Network,
    /// A file, directory or archive.
    Medium,
    /// The bytes are not what their descriptor says.
    Content,
    /// The source says for certain that it does not have it.
    Absent,
}

/// A blob or manifest could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SourceError {
    /// The kind of trouble.
    pub trouble: Trouble,
    /// The failed step and its object.
    pub what: String,
    /// The cause.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// Trouble without a further cause.
    pub fn new(trouble: Trouble, what: impl Into<String>) -> Self {
        Self { trouble, what: what.into(), cause: None }
    }

    /// Trouble with the error that caused it.
    pub fn caused(
        trouble: Trouble,
        what: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { trouble, what: what.into(), cause: Some(cause.into()) }
    }
}

/// A stream that lets through exactly the content its descriptor names. The last piece is held back until length and
/// digest are right, so whoever writes what comes out never completes a wrong blob.
pub struct Verifying {
    inner: ByteStream,
    digest: Digest,
    size: u64,
    seen: u64,
    hasher: Option<Hasher>,
    held: Option<Bytes>,
    ended: bool,
}

impl Verifying {
    /// Verifies `inner` from its first byte.
    pub fn new(inner: ByteStream, blob: &Descriptor) -> Self {
        Self::resume(inner, blob, 0, Hasher::new())
    }

    /// Verifies a stream that starts at `offset`; `hasher` has seen everything before.
    pub fn resume(inner: ByteStream, blob: &Descriptor, offset: u64, hasher: Hasher) -> Self {
        Self {
            inner,
            digest: blob.digest,
            size: blob.size,
            seen: offset,
            hasher: Some(hasher),
            held: None,
            ended: false,
        }
    }

    fn content_error(&self, what: String) -> SourceError {
        SourceError::new(Trouble::Content, format!("blob {}: {what}", self.digest))
    }

    /// Takes a piece; gives the one before it, which is now known not to be the last.
    fn take(&mut self, piece: Bytes) -> Result<Option<Bytes>, SourceError> {
        self.seen += piece.len() as u64;
        if self.seen > self.size {
            return Err(self
                .content_error(format!("more than the {} bytes its descriptor says", self.size)));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        Ok(self.held.replace(piece))
    }

    fn finish(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.seen != self.size {
            return Err(
                self.content_error(format!("ended after {} of {} bytes", self.seen, self.size))
            );
        }
        let found = self.hasher.take().map(Hasher::finish);
        if found != Some(self.digest) {
            let found = found.map(|d| d.to_string()).unwrap_or_default();
            return Err(self.content_error(format!("the content hashes to {found}")));
        }
        Ok(self.held.take())
    }
}

impl Stream for Verifying {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let step = match self.inner.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => continue,
                Poll::Ready(Some(Ok(piece))) => self.take(piece),
                Poll::Ready(Some(Err(error))) => Err(error),
                Poll::Ready(None) => {
                    self.ended = true;
                    self.finish()
                }
            };
            match step {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    self.held = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// Reads a whole blob into memory, verified, when it is no larger than `limit` bytes.
///
/// # Errors
/// As the source and [`Verifying`] say; a blob over the limit is [`Trouble::Content`].
pub async fn read_blob(
    source: &dyn BlobSource,
    blob: &Descriptor,
    limit: u64,
) -> Result<Bytes, SourceError> {
    use futures_util::StreamExt as _;
    if blob.size > limit {
        let what = format!(
            "blob {} has {} bytes, more than the {limit} read here",
            blob.digest, blob.size
        );
        return Err(SourceError::new(Trouble::Content, what));
    }
    let mut stream = Verifying::new(source.open(blob, 0).await?, blob);
    // Bounded by the limit. A copy of its own: a piece would keep the connection's whole buffer alive.
    let mut content = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default());
    while let Some(piece) = stream.next().await {
        content.extend_from_slice(&piece?);
    }
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, stream};

    fn pieces(pieces: &[&'static [u8]]) -> ByteStream {
        stream::iter(pieces.iter().map(|p| Ok(Bytes::from_static(p))).collect::<Vec<_>>()).boxed()
    }

    async fn drain(mut stream: Verifying) -> (Vec<u8>, Option<String>) {
        let mut content = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => content.extend_from_slice(&piece),
                Err(error) => return (content, Some(error.to_string())),
            }
        }
        (content, None)
    }

    #[tokio::test]
    async fn right_content_passes_whole() {
        let blob = Descriptor::of("x", b"hello world");
        let got = drain(Verifying::new(pieces(&[b"hello", b"", b" wor", b"ld"]), &blob)).await;
        assert_eq!(got, (b"hello world".to_vec(), None));
        let empty = Descriptor::of("x", b"");
        assert_eq!(drain(Verifying::new(pieces(&[]), &empty)).await, (vec![], None));
    }

    #[tokio::test]
    async fn a_resumed_stream_verifies_the_whole() {
        let blob = Descriptor::of("x", b"hello world");
        let mut hasher = Hasher::new();
        hasher.update(b"hello");
        let got = drain(Verifying::resume(pieces(&[b" world"]), &blob, 5, hasher)).await;
        assert_eq!(got, (b" world".to_vec(), None));
    }

    #[tokio::test]
    async fn wrong_content_never_comes_out_whole() {
        let blob = Descriptor::of("x", b"hello world");
        for wrong in
            [&[&b"hello"[..], b" worle"][..], &[b"hello"], &[b"hello", b" world", b"!"], &[]]
        {
            let (content, error) = drain(Verifying::new(pieces(wrong), &blob)).await;
            assert!(error.is_some());
            assert!(content.len() < 11, "{content:?}");
        }
    }
}
