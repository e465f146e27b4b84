//! The archive of a plan as a stream: strictly in order, nothing staged.
//!
//! The bytes are those that [`super::transfer`] writes into a file. Blobs are fetched ahead: small ones whole, of large
//! ones the next is opened while the one before streams. Memory: [`AHEAD`] small blobs, and the pieces of two large ones.

use super::PackError;
use super::fetch::{blob_failed, written_wrong};
use super::gather::Supply;
use super::origin::Origin;
use super::plan::Plan;
use super::transfer::Packed;
use crate::archive::ArchiveError;
use crate::archive::compressed::{CompressedEntry, CompressedSection};
use crate::archive::head;
use crate::archive::section::EntryWriter;
use crate::archive::write::ArchiveWriter;
use crate::inventory::BlobEntry;
use crate::oci::Descriptor;
use crate::oci::source::{BlobSource as _, ByteStream, SourceError};
use crate::progress::Progress;
use crate::seal::{MakingError, make};
use crate::transfer::SMALL;
use crate::trust::SigningKey;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::io::Write;
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

/// Blobs fetched ahead.
const AHEAD: usize = 16;
/// Large blobs open at the same time: the one that streams, and the next.
const OPEN: usize = 2;

impl Plan {
    /// The seal of the archive that this plan is written as, by a stream that leaves nothing out.
    ///
    /// # Errors
    /// [`MakingError`].
    pub(super) fn seal(&self, key: &SigningKey) -> Result<Vec<u8>, MakingError> {
        let mut files = self.blueprint.files.iter();
        let inventory = files.find(|file| file.name == head::INVENTORY);
        make(inventory.map_or(&[], |file| &file.bytes), key)
    }
}

/// Writes the archive of a plan to `output`, in order, with this seal if there is one ([`Plan::seal`]). What it can say about `output` when that fails is its own error;
/// whoever reads may have got half an archive, which every reader refuses.
///
/// # Errors
/// A blob that cannot be fetched or is not what its descriptor says, or an output that cannot be written.
pub(super) async fn stream(
    plan: Plan,
    seal: Option<Vec<u8>>,
    output: Box<dyn Write + Send>,
    progress: &Arc<dyn Progress>,
) -> Result<Packed, PackError> {
    let Plan { inventory, blueprint, bundle_digest, mut supply, left_out, .. } = plan;
    progress.total(inventory.totals.blobs, inventory.totals.bytes);
    let writer = ArchiveWriter::stream(Box::new(GivingWay(output)), blueprint, seal.as_deref())?;
    let mut blobs = Vec::with_capacity(writer.blobs().len());
    for blob in writer.blobs() {
        let supply = supply.remove(&blob.digest).ok_or(ArchiveError::Absent(blob.digest))?;
        blobs.push((*blob, supply));
    }
    let large = Arc::new(Semaphore::new(OPEN));
    let fetched = stream::iter(blobs)
        // One after another, so that what is open is what comes next.
        .then(|(blob, supply)| {
            let (large, progress) = (large.clone(), progress.clone());
            async move {
                let is_large = matches!(supply, Supply::Fetch(..)) && blob.size >= SMALL;
                // The semaphore is never closed.
                let turn = if is_large { large.acquire_owned().await.ok() } else { None };
                // A task goes on while the output keeps everybody else waiting.
                Task(tokio::spawn(fetch(blob, supply, turn, progress)))
            }
        })
        .map(Task::join)
        .buffered(AHEAD);
    let mut fetched = std::pin::pin!(fetched);
    let mut section = writer.compressed_section();
    let (mut number, raw) = (0, writer.raw_blobs());
    while let Some(next) = fetched.next().await {
        let next = next?;
        let blob = next.blob;
        let entry = match number < raw {
            true => Entry::Raw(writer.entry(number)?),
            false => Entry::Compressed(section.entry(blob)?),
        };
        next.write(entry, progress).await?;
        progress.finished(&blob.digest, blob.size);
        number += 1;
    }
    section.drain().await?;
    let length = finish(writer, section).await?;
    Ok(Packed { length, bundle_digest, inventory, left_out })
}

async fn finish(writer: ArchiveWriter, section: CompressedSection) -> Result<u64, PackError> {
    Ok(tokio::task::spawn_blocking(move || writer.finish(section)).await??)
}

/// A blob that has come, or has begun to.
struct Fetched {
    blob: BlobEntry,
    content: Content,
    /// Where it comes from; nothing when it was held.
    from: Option<Provenance>,
    _turn: Option<OwnedSemaphorePermit>,
}

enum Content {
    Whole(Vec<Bytes>),
    Coming(ByteStream),
}

/// Where a blob comes from.
struct Provenance {
    origin: Origin,
    descriptor: Box<Descriptor>,
}

impl Provenance {
    fn failed(&self, error: SourceError) -> PackError {
        blob_failed(&self.descriptor, &self.origin, error)
    }
}

async fn fetch(
    blob: BlobEntry,
    supply: Supply,
    turn: Option<OwnedSemaphorePermit>,
    progress: Arc<dyn Progress>,
) -> Result<Fetched, PackError> {
    let from = match supply {
        Supply::Held(bytes) => {
            let content = Content::Whole(vec![bytes]);
            return Ok(Fetched { blob, content, from: None, _turn: turn });
        }
        Supply::Fetch(origin, descriptor) => Provenance { origin, descriptor },
    };
    progress.started(&blob.digest, blob.size);
    let opened = from.origin.open(&from.descriptor, 0).await;
    let mut coming = opened.map_err(|error| from.failed(error))?;
    let content = if blob.size < SMALL {
        let (mut pieces, mut length) = (Vec::new(), 0);
        // More than the blob's size is refused where it is written.
        while length <= blob.size
            && let Some(piece) = coming.next().await
        {
            let piece = piece.map_err(|error| from.failed(error))?;
            length += piece.len() as u64;
            pieces.push(piece);
        }
        Content::Whole(pieces)
    } else {
        Content::Coming(coming)
    };
    Ok(Fetched { blob, content, from: Some(from), _turn: turn })
}

impl Fetched {
    async fn write(
        self,
        mut entry: Entry<'_>,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), PackError> {
        let from = self.from.as_ref();
        let wrong = |error| match from {
            Some(from) => written_wrong(&from.descriptor, &from.origin, error),
            None => PackError::Archive(error),
        };
        let (whole, mut coming) = match self.content {
            Content::Whole(pieces) => (pieces, None),
            Content::Coming(coming) => (Vec::new(), Some(coming)),
        };
        let advanced = |piece: &Bytes| progress.advanced(&self.blob.digest, piece.len() as u64);
        for piece in whole {
            entry.write(&piece).await.map_err(wrong)?;
            advanced(&piece);
        }
        while let (Some(coming), Some(from)) = (&mut coming, from)
            && let Some(piece) = coming.next().await
        {
            let piece = piece.map_err(|error| from.failed(error))?;
            entry.write(&piece).await.map_err(wrong)?;
            advanced(&piece);
        }
        entry.finish().await.map_err(wrong)
    }
}

/// The place of the next blob.
enum Entry<'a> {
    Raw(EntryWriter),
    Compressed(CompressedEntry<'a>),
}

impl Entry<'_> {
    async fn write(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        match self {
            Self::Raw(entry) => entry.write(content),
            Self::Compressed(entry) => entry.write(content).await,
        }
    }

    async fn finish(self) -> Result<(), ArchiveError> {
        match self {
            Self::Raw(entry) => entry.finish(),
            Self::Compressed(entry) => entry.finish().await,
        }
    }
}

/// A task that ends with whoever waits for it.
struct Task(JoinHandle<Result<Fetched, PackError>>);

impl Task {
    async fn join(mut self) -> Result<Fetched, PackError> {
        (&mut self.0).await?
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An output that may block for as long as its reader likes: the runtime's other tasks go to another thread meanwhile.
struct GivingWay(Box<dyn Write + Send>);

impl GivingWay {
    fn aside<T>(&mut self, work: impl FnOnce(&mut dyn Write) -> T) -> T {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        match flavor {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| work(&mut self.0)),
            // Nowhere to go to, or on a thread for blocking work already.
            _ => work(&mut self.0),
        }
    }
}

impl Write for GivingWay {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.aside(|output| output.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.aside(|output| output.flush())
    }
}
