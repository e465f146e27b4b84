//! The blobs of an archive that is read in order, handed from the thread that waits for them to the tasks that send
//! them.

use super::disguise::Disguises;
use super::error::UnpackError;
use crate::archive::ArchiveError;
use crate::archive::sequential::BlobStream;
use crate::oci::Descriptor;
use crate::oci::source::{ByteStream, SourceError, Trouble};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Pieces of content that wait for their task, of 256 KiB each.
const AHEAD: usize = 4;

/// Blobs in the archive's order. The thread that reads them is not a task of the runtime: nobody waits for it when the
/// run has failed, and it may sit before a silent pipe for hours.
pub(super) struct Arriving {
    steps: mpsc::Receiver<Result<Option<Arrived>, ArchiveError>>,
    disguises: Arc<Disguises>,
}

/// A blob that has begun to come. Its content has to be read before the next one comes.
pub(super) struct Arrived {
    /// Digest and size.
    pub(super) blob: Descriptor,
    /// Once, and not verified.
    pub(super) content: ByteStream,
}

impl Arriving {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        stream: BlobStream,
        disguises: &Arc<Disguises>,
    ) -> Result<Self, UnpackError> {
        let (sender, receiver) = mpsc::channel(1);
        let started = std::thread::Builder::new()
            .name("archive".into())
            .spawn(move || read_all(stream, &sender));
        started.map_err(|error| {
            let what = "no thread can be started to read the archive";
            SourceError::caused(Trouble::Medium, what, error)
        })?;
        Ok(Self { steps: receiver, disguises: disguises.clone() })
    }

    /// The next blob; `None` when all have come and the archive ended as it must.
    ///
    /// # Errors
    /// [`UnpackError::Archive`].
    pub(super) async fn next(&mut self) -> Result<Option<Arrived>, UnpackError> {
        match self.steps.recv().await {
            Some(step) => Ok(step?.map(|Arrived { blob, content }| {
                let content = self.disguises.watch(&blob.digest, 0, content);
                Arrived { blob, content }
            })),
            // Somebody did not read a blob to its end.
            None => Err(SourceError::new(Trouble::Medium, "the archive was left unread").into()),
        }
    }
}

fn read_all(mut stream: BlobStream, steps: &mpsc::Sender<Result<Option<Arrived>, ArchiveError>>) {
    loop {
        let blob = match stream.next_blob() {
            Ok(Some(blob)) => Descriptor::new(super::survey::OCTETS, blob.digest, blob.size),
            end => {
                let _ = steps.blocking_send(end.map(|_| None));
                return;
            }
        };
        let (pieces, content) = mpsc::channel(AHEAD);
        let arrived = Arrived { blob, content: stream_of(content) };
        if steps.blocking_send(Ok(Some(arrived))).is_err() || !read_one(&mut stream, &pieces) {
            return;
        }
    }
}

/// Reads the content of one blob; false when that is the end of reading.
fn read_one(stream: &mut BlobStream, pieces: &mpsc::Sender<Result<Bytes, SourceError>>) -> bool {
    loop {
        let piece = match stream.next_piece() {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return true,
            Err(error) => Err(error.into()),
        };
        let failed = piece.is_err();
        if pieces.blocking_send(piece).is_err() || failed {
            return false;
        }
    }
}

fn stream_of(pieces: mpsc::Receiver<Result<Bytes, SourceError>>) -> ByteStream {
    let next = |mut pieces: mpsc::Receiver<_>| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    };
    stream::unfold(pieces, next).boxed()
}
