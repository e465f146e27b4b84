//! The body of an upload: of known length, counted as it goes out, its source's failure kept beside it.

use bundle_oci::source::{SourceError, Verifying};
use bytes::Bytes;
use futures_util::Stream as _;
use http_body::{Frame, SizeHint};
use reqwest::Body;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// The content of a PUT, and what became of it.
pub(super) struct Content {
    pub(super) body: Body,
    pub(super) sent: Arc<Sent>,
}

#[derive(Default)]
pub(super) struct Sent {
    /// Bytes handed to the connection.
    bytes: AtomicU64,
    /// The connection could take more, and the source has nothing yet.
    is_starved: AtomicBool,
    /// What the source met.
    failed: Mutex<Option<SourceError>>,
}

impl Sent {
    /// Bytes handed to the connection; `None` while the source is what is waited for.
    pub(super) fn moved(&self) -> Option<u64> {
        let is_starved = self.is_starved.load(Ordering::Relaxed);
        (!is_starved).then(|| self.bytes.load(Ordering::Relaxed))
    }

    /// What the source met; told once.
    pub(super) fn failure(&self) -> Option<SourceError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Content {
    pub(super) fn whole(bytes: Bytes) -> Self {
        let sent = Arc::new(Sent::default());
        sent.bytes.store(bytes.len() as u64, Ordering::Relaxed);
        Self { body: bytes.into(), sent }
    }

    pub(super) fn streamed(content: Verifying, size: u64) -> Self {
        let sent = Arc::new(Sent::default());
        let stream = Known { content: Mutex::new(content), left: size, sent: Arc::clone(&sent) };
        Self { body: Body::wrap(stream), sent }
    }
}

/// A body whose length is known, so that it goes out with a `Content-Length` and not in chunks.
struct Known {
    /// Never locked: a body must be `Sync`, which a stream is not.
    content: Mutex<Verifying>,
    left: u64,
    sent: Arc<Sent>,
}

/// The source failed; what it met is kept beside the body.
#[derive(Debug, thiserror::Error)]
#[error("the source of the upload failed")]
struct SourceFailed;

impl http_body::Body for Known {
    type Data = Bytes;
    type Error = SourceFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFailed>>> {
        let this = self.get_mut();
        let content = this.content.get_mut().unwrap_or_else(PoisonError::into_inner);
        let polled = Pin::new(content).poll_next(context);
        this.sent.is_starved.store(polled.is_pending(), Ordering::Relaxed);
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(piece))) => {
                let length = piece.len() as u64;
                this.left = this.left.saturating_sub(length);
                this.sent.bytes.fetch_add(length, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(Some(Err(error))) => {
                let mut failed = this.sent.failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed = Some(error);
                Poll::Ready(Some(Err(SourceFailed)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
