//! Pushing blobs of an archive that is read in order, as they stream by.
//!
//! Small ones are held, so that several are sent at the same time, and sent again where that helps. A large one goes
//! into its upload as it comes. Whatever the target has, each is hashed: nothing is tagged before the archive has come
//! to its right end. Memory: [`IN_FLIGHT`] and the pieces of one large blob.

use super::arriving::{Arrived, Arriving};
use super::error::UnpackError;
use super::plan::PlannedBlob;
use super::push::under_way::{Push, count, push_blob};
use crate::archive::sequential::BlobStream;
use crate::inventory::Stored;
use crate::oci::source::{BlobSource, ByteStream, Held, SourceError, Verifying};
use crate::oci::{Descriptor, Digest};
use crate::progress::Progress;
use crate::registry::{BlobPushed, Presence, RegistryError};
use crate::report::unpack::BlobCounts;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Blobs up to this size are held.
const HELD: u64 = 8 << 20;
/// Bytes of blobs that are held at the same time.
const IN_FLIGHT: u64 = 32 << 20;
/// What a blob takes of [`IN_FLIGHT`] is counted in these.
const UNIT: u64 = 4 << 10;

impl Push<'_> {
    /// Configs and layers: those of the trust section from memory, then the others as they come.
    pub(super) async fn passing_blobs(
        &self,
        stream: BlobStream,
    ) -> Result<BlobCounts, UnpackError> {
        let (plan, progress) = (&self.planned.plan, self.progress);
        progress.total(plan.blobs().len() as u64, plan.bytes());
        let archive = self.verified.archive();
        let is_kept = |blob: &PlannedBlob| {
            archive.blob(&blob.digest).is_some_and(|blob| blob.stored == Stored::Trust)
        };
        let (kept, passing): (Vec<&PlannedBlob>, Vec<_>) =
            plan.blobs().iter().partition(|blob| is_kept(blob));
        let mut counts = self.blobs(&kept).await?;
        let passing: HashMap<Digest, &PlannedBlob> =
            passing.into_iter().map(|blob| (blob.digest, blob)).collect();
        let mut arriving = Arriving::start(stream, &self.planned.disguises)?;
        let room = Arc::new(Semaphore::new((IN_FLIGHT / UNIT) as usize));
        let mut tasks = JoinSet::new();
        loop {
            let arrived = tokio::select! {
                Some(done) = tasks.join_next() => {
                    count(&mut counts, done??);
                    continue;
                }
                arrived = arriving.next() => arrived?,
            };
            let Some(Arrived { blob, content }) = arrived else { break };
            let Some(planned) = passing.get(&blob.digest) else {
                hash(&blob, content).await?;
                continue;
            };
            let places = self.places(planned);
            if blob.size > HELD {
                count(&mut counts, self.pass(&blob, content, &places).await?);
                continue;
            }
            if tasks.len() >= self.jobs.small()
                && let Some(done) = tasks.join_next().await
            {
                count(&mut counts, done??);
            }
            let share = blob.size.div_ceil(UNIT) as u32;
            // The semaphore is never closed.
            let turn = room.clone().acquire_many_owned(share).await.ok();
            let source: Arc<dyn BlobSource> = Arc::new(Held(collect(content, blob.size).await?));
            let pushed =
                push_blob(source, self.repositories.clone(), places, blob, progress.clone());
            tasks.spawn(pushed.map(|pushed| {
                drop(turn);
                pushed
            }));
        }
        while let Some(done) = tasks.join_next().await {
            count(&mut counts, done??);
        }
        Ok(counts)
    }

    /// A large blob: into its upload as it comes, unless a repository of the target has it; then from there into the
    /// others.
    async fn pass(
        &self,
        blob: &Descriptor,
        content: ByteStream,
        places: &[(usize, Presence)],
    ) -> Result<(Vec<BlobPushed>, u64), UnpackError> {
        let progress = self.progress;
        progress.started(&blob.digest, blob.size);
        let content = told(content, blob.digest, progress.clone());
        let mut missing = Vec::new();
        let mut there = None;
        for (number, presence) in places {
            let repository = &self.repositories[*number];
            if *presence == Presence::CheckFirst && repository.blob_exists(blob).await? {
                there.get_or_insert(repository);
            } else {
                missing.push(repository);
            }
        }
        let mut outcomes = vec![BlobPushed::AlreadyThere; places.len() - missing.len()];
        let (first, missing) = match (there, missing.split_first()) {
            (None, Some((first, others))) => {
                first.push_once(blob, content).await.map_err(|error| broken(blob, error))?;
                outcomes.push(BlobPushed::Uploaded);
                (Some(*first), others)
            }
            _ => {
                hash(blob, content).await?;
                (there, missing.as_slice())
            }
        };
        for repository in missing {
            let Some(first) = first else { continue };
            let from = Some(first.name().path());
            outcomes.push(repository.push_blob(blob, first, from, Presence::Unknown).await?);
        }
        progress.finished(&blob.digest, blob.size);
        Ok((outcomes, blob.size))
    }
}

/// An upload that broke off is not begun again, as the content is gone; content that is wrong is another matter.
fn broken(blob: &Descriptor, error: RegistryError) -> UnpackError {
    match error {
        RegistryError::Source(_) => error.into(),
        error => UnpackError::PassedBy { digest: blob.digest, source: error.into() },
    }
}

/// Reads a blob that nobody needs: the archive is damaged or it is not, whatever the target has.
pub(super) async fn hash(blob: &Descriptor, content: ByteStream) -> Result<(), SourceError> {
    let mut content = Verifying::new(content, blob);
    while let Some(piece) = content.next().await {
        piece?;
    }
    Ok(())
}

/// Tells about pieces as they pass.
pub(super) fn told(content: ByteStream, digest: Digest, progress: Arc<dyn Progress>) -> ByteStream {
    let tell = move |piece: &Result<Bytes, SourceError>| {
        if let Ok(piece) = piece {
            progress.advanced(&digest, piece.len() as u64);
        }
    };
    content.inspect(tell).boxed()
}

/// The whole content, not verified; `size` bytes were announced.
async fn collect(mut content: ByteStream, size: u64) -> Result<Bytes, SourceError> {
    let mut whole = Vec::with_capacity(size as usize);
    while let Some(piece) = content.next().await {
        whole.extend_from_slice(&piece?);
    }
    Ok(whole.into())
}
