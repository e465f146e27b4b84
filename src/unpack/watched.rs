//! A source of one blob whose progress is told.

use crate::oci::source::{BlobSource, ByteStream, SourceError, Verifying};
use crate::oci::{Descriptor, Digest};
use crate::progress::Progress;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads one blob; bytes count when they are read for the first time, however often an upload begins again.
pub(super) struct Watched {
    source: Arc<dyn BlobSource>,
    progress: Arc<dyn Progress>,
    furthest: Arc<AtomicU64>,
}

impl Watched {
    /// Tells that the transfer of `blob` begins.
    pub(super) fn start(
        blob: &Descriptor,
        source: Arc<dyn BlobSource>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        progress.started(&blob.digest, blob.size);
        Self { source, progress, furthest: Arc::default() }
    }

    /// Reads the blob without sending it: what the target has already is no reason to take the carried bytes for good.
    ///
    /// # Errors
    /// When it cannot be read, or is not what its digest says.
    pub(super) async fn verify(&self, blob: &Descriptor) -> Result<(), SourceError> {
        let mut content = Verifying::new(self.open(blob, 0).await?, blob);
        while let Some(piece) = content.next().await {
            piece?;
        }
        Ok(())
    }

    /// The blob is at the target, by whatever way.
    pub(super) fn done(&self, blob: &Descriptor) {
        reached(&*self.progress, &blob.digest, &self.furthest, blob.size);
        self.progress.finished(&blob.digest, blob.size);
    }
}

/// Tells what lies between the furthest byte so far and `at`.
fn reached(progress: &dyn Progress, blob: &Digest, furthest: &AtomicU64, at: u64) {
    let before = furthest.fetch_max(at, Ordering::Relaxed);
    if at > before {
        progress.advanced(blob, at - before);
    }
}

impl BlobSource for Watched {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        Box::pin(async move {
            let pieces = self.source.open(blob, offset).await?;
            let (progress, furthest) = (self.progress.clone(), self.furthest.clone());
            let (digest, mut at) = (blob.digest, offset);
            let told = pieces.inspect(move |piece| {
                if let Ok(piece) = piece {
                    at += piece.len() as u64;
                    reached(&*progress, &digest, &furthest, at);
                }
            });
            Ok(told.boxed())
        })
    }
}
