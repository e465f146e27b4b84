//! Each blob once, from where it is to its place in the archive.
//!
//! Large blobs and small ones have their own classes, so that neither waits for the other: few large ones fill the
//! wire, many small ones hide its latency. Each is read, hashed and written by one task, which the runtime may run on
//! any core; bytes never wait in a queue.

use super::PackError;
use super::plan::{Plan, Supply};
use crate::archive::ArchiveError;
use crate::archive::compressed::CompressedSection;
use crate::archive::write::ArchiveWriter;
use crate::inventory::BlobEntry;
use crate::oci::source::{BlobSource as _, ByteStream, SourceError, Trouble};
use crate::oci::{Descriptor, Digest};
use crate::pack::origin::Origin;
use crate::progress::Progress;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Blobs below this are small: their cost is the request, not the bytes.
const SMALL: u64 = 1 << 20;
/// Blobs to be compressed whose streams are open at the same time.
const OPENED_AHEAD: usize = 2;
/// Small blobs in flight for each large one.
const SMALL_PER_JOB: usize = 4;

/// A finished archive.
#[derive(Debug, Clone, Copy)]
pub struct Packed {
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of `bundle.json`.
    pub bundle_digest: Digest,
}

/// Writes the archive of a plan to `target`.
///
/// # Errors
/// A blob that cannot be fetched or is not what its descriptor says, or an archive that cannot be written. Then there
/// is no file under the final name.
pub async fn transfer(
    plan: Plan,
    target: &Path,
    jobs: usize,
    progress: &Arc<dyn Progress>,
) -> Result<Packed, PackError> {
    let Plan { inventory, blueprint, bundle_digest, mut supply, .. } = plan;
    progress.total(inventory.totals.blobs, inventory.totals.bytes);
    let writer = ArchiveWriter::create(target, blueprint)?;
    let raw = writer.raw_blobs();
    let mut fetches = Vec::new();
    for number in 0..raw {
        let blob = writer.blobs()[number];
        match supply.remove(&blob.digest) {
            Some(Supply::Held(bytes)) => {
                let mut entry = writer.entry(number)?;
                entry.write(&bytes)?;
                entry.finish()?;
                progress.advanced(&blob.digest, blob.size);
                progress.finished(&blob.digest, blob.size);
            }
            Some(Supply::Fetch(origin, descriptor)) => fetches.push((number, origin, descriptor)),
            None => return Err(ArchiveError::Absent(blob.digest).into()),
        }
    }
    let compressed: Vec<(BlobEntry, Supply)> = writer.blobs()[raw..]
        .iter()
        .map(|blob| {
            supply.remove(&blob.digest).map(|s| (*blob, s)).ok_or(ArchiveError::Absent(blob.digest))
        })
        .collect::<Result<_, _>>()?;
    let mut tasks: JoinSet<Result<Option<CompressedSection>, PackError>> = JoinSet::new();
    let section = writer.compressed_section();
    tasks.spawn(compress_all(section, compressed, progress.clone()));
    let writer = Arc::new(writer);
    let large = Arc::new(Semaphore::new(jobs.max(1)));
    let small = Arc::new(Semaphore::new(jobs.max(1) * SMALL_PER_JOB));
    for (number, origin, descriptor) in fetches {
        let class = if descriptor.size < SMALL { &small } else { &large };
        let (class, writer, progress) = (class.clone(), writer.clone(), progress.clone());
        tasks.spawn(async move {
            // The semaphore is never closed.
            let _turn = class.acquire_owned().await.ok();
            fetch(&writer, number, &origin, &descriptor, &progress).await?;
            Ok(None)
        });
    }
    let section = match finish_all(&mut tasks).await {
        Ok(section) => section,
        Err(error) => {
            // Nobody may write any more when the unfinished archive is removed.
            tasks.shutdown().await;
            return Err(error);
        }
    };
    let (Some(section), Some(writer)) = (section, Arc::into_inner(writer)) else {
        return Err(PackError::Usage("the transfer ended before its tasks did".into()));
    };
    let length = tokio::task::spawn_blocking(move || writer.finish(section)).await??;
    Ok(Packed { length, bundle_digest })
}

/// Waits for every task, or for the first that fails; gives what the compressing one made.
async fn finish_all(
    tasks: &mut JoinSet<Result<Option<CompressedSection>, PackError>>,
) -> Result<Option<CompressedSection>, PackError> {
    let mut section = None;
    while let Some(done) = tasks.join_next().await {
        if let Some(finished) = done?? {
            section = Some(finished);
        }
    }
    Ok(section)
}

async fn fetch(
    writer: &ArchiveWriter,
    number: usize,
    origin: &Origin,
    descriptor: &Descriptor,
    progress: &Arc<dyn Progress>,
) -> Result<(), PackError> {
    let failed = |source| blob_failed(descriptor, origin, source);
    progress.started(&descriptor.digest, descriptor.size);
    let mut entry = writer.entry(number)?;
    let mut stream = origin.open(descriptor, 0).await.map_err(failed)?;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(failed)?;
        entry.write(&piece).map_err(|error| written_wrong(descriptor, origin, error))?;
        progress.advanced(&descriptor.digest, piece.len() as u64);
    }
    entry.finish().map_err(|error| written_wrong(descriptor, origin, error))?;
    progress.finished(&descriptor.digest, descriptor.size);
    Ok(())
}

/// Fills the compressed section. The next blob's stream is opened while one comes in.
async fn compress_all(
    mut section: CompressedSection,
    blobs: Vec<(BlobEntry, Supply)>,
    progress: Arc<dyn Progress>,
) -> Result<Option<CompressedSection>, PackError> {
    let mut opened = stream::iter(blobs).map(open).buffered(OPENED_AHEAD);
    while let Some(next) = opened.next().await {
        let (blob, mut content) = next?;
        progress.started(&blob.digest, blob.size);
        let mut entry = section.entry(blob)?;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(|source| content.failed(source))?;
            let written = entry.write(&piece).await;
            written.map_err(|error| content.written_wrong(error))?;
            progress.advanced(&blob.digest, piece.len() as u64);
        }
        entry.finish().await.map_err(|error| content.written_wrong(error))?;
        progress.finished(&blob.digest, blob.size);
    }
    drop(opened);
    section.drain().await?;
    Ok(Some(section))
}

/// Content of a blob, and who to blame for it.
struct Content {
    stream: ByteStream,
    /// `None` for what was fetched while resolving.
    from: Option<(Origin, Descriptor)>,
}

async fn open((blob, supply): (BlobEntry, Supply)) -> Result<(BlobEntry, Content), PackError> {
    Ok(match supply {
        Supply::Held(bytes) => {
            let stream = stream::iter([Ok(bytes)]).boxed();
            (blob, Content { stream, from: None })
        }
        Supply::Fetch(origin, descriptor) => {
            let failed = |source| blob_failed(&descriptor, &origin, source);
            let stream = origin.open(&descriptor, 0).await.map_err(failed)?;
            (blob, Content { stream, from: Some((origin, descriptor)) })
        }
    })
}

impl Content {
    async fn next(&mut self) -> Option<Result<Bytes, SourceError>> {
        self.stream.next().await
    }

    fn failed(&self, source: SourceError) -> PackError {
        match &self.from {
            Some((origin, descriptor)) => blob_failed(descriptor, origin, source),
            None => PackError::Usage(source.to_string()),
        }
    }

    fn written_wrong(&self, error: ArchiveError) -> PackError {
        match &self.from {
            Some((origin, descriptor)) => written_wrong(descriptor, origin, error),
            None => error.into(),
        }
    }
}

fn blob_failed(descriptor: &Descriptor, origin: &Origin, source: SourceError) -> PackError {
    PackError::Blob { digest: descriptor.digest, origin: origin.to_string(), source }
}

/// The archive's writer is what hashes: content that is wrong came from the origin.
fn written_wrong(descriptor: &Descriptor, origin: &Origin, error: ArchiveError) -> PackError {
    match error {
        ArchiveError::Blob { what, .. } => {
            blob_failed(descriptor, origin, SourceError::new(Trouble::Content, what))
        }
        other => other.into(),
    }
}
