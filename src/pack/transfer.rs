//! Each blob once, from where it is to its place in the archive.
//!
//! Large blobs and small ones have their own classes, so that neither waits for the other: few large ones fill the
//! wire, many small ones hide its latency. Each is read, hashed and written by one task, which the runtime may run on
//! any core; bytes never wait in a queue.
//!
//! Once everything that is at hand is on the disk, a journal is begun beside it. From then on an interruption of any
//! kind leaves a beginning: [`super::resume`] finds the plan again, and what is on the disk is read back and hashed in
//! the same tasks that would fetch it.

use super::PackError;
use super::fetch::Supplier;
use super::gather::Supply;
use super::plan::Plan;
use super::remainder::{Remainder, without};
use super::resume::record;
use super::select::FailedImages;
use crate::archive::ArchiveError;
use crate::archive::compressed::CompressedSection;
use crate::archive::write::{ArchiveWriter, Barrier};
use crate::host::records::begun::BegunPlans;
use crate::inventory::Inventory;
use crate::oci::Digest;
use crate::progress::Progress;
use crate::report::pack::LeftOut;
use crate::transfer::{Jobs, SMALL};
use futures_util::{StreamExt as _, stream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Streams of the compressed section that are open ahead of the one that comes in.
const OPENED_AHEAD: usize = 2;
/// How often what was written is made durable. A medium that is pulled costs at most that much time.
const BARRIER_EVERY: Duration = Duration::from_secs(5);

/// A finished archive.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// Its length in bytes.
    pub(super) length: u64,
    /// SHA-256 of `bundle.json`.
    pub(super) bundle_digest: Digest,
    /// What it holds.
    pub(super) inventory: Inventory,
    /// Images that are not in it.
    pub(super) left_out: Vec<LeftOut>,
}

/// Where the archive of a plan goes, and how.
#[derive(Clone, Copy)]
pub(super) struct Transfer<'a> {
    pub(super) target: &'a Path,
    pub(super) jobs: Jobs,
    /// What a blob that cannot be had does.
    pub(super) failed_images: FailedImages,
    /// Where it is remembered that the plan is this user's.
    pub(super) begun_plans: Option<&'a BegunPlans>,
    pub(super) progress: &'a Arc<dyn Progress>,
}

/// Writes the archive of a plan.
///
/// # Errors
/// A blob that cannot be fetched or is not what its descriptor says, or an archive that cannot be written. Then there
/// is no file under the final name; but from the first fetched blob on, what is there stays for the next run.
pub(super) async fn transfer(mut plan: Plan, transfer: Transfer<'_>) -> Result<Packed, PackError> {
    let Transfer { target, jobs, failed_images, begun_plans, progress } = transfer;
    progress.total(plan.inventory.totals.blobs, plan.inventory.totals.bytes);
    let (writer, fetches) = open(&plan, transfer)?;
    // What was at hand is on the disk now.
    plan.supply.clear();
    let Plan { inventory, blueprint, parts, origins, sources, begun, left_out, .. } = plan;
    let raw = writer.raw_blobs();
    let supplier = Arc::new(Supplier {
        blobs: writer.blobs().to_vec(),
        parts,
        origins,
        sources,
        begun,
        failed_images,
        progress: progress.clone(),
        failed: Default::default(),
    });
    let mut barriers = JoinSet::new();
    barriers.spawn(keep_durable(writer.barrier()));
    let mut tasks: JoinSet<Result<Option<Filled>, PackError>> = JoinSet::new();
    tasks.spawn(compress_all(writer.compressed_section(), supplier.clone(), raw));
    let writer = Arc::new(writer);
    let large = Arc::new(Semaphore::new(jobs.large()));
    let small = Arc::new(Semaphore::new(jobs.small()));
    for number in fetches {
        let class = if supplier.blobs[number].size < SMALL { &small } else { &large };
        let (class, writer, supplier) = (class.clone(), writer.clone(), supplier.clone());
        tasks.spawn(async move {
            // The semaphore is never closed.
            let _turn = class.acquire_owned().await.ok();
            if supplier.is_wanted(number) {
                supplier.raw(&writer, number).await?;
            }
            Ok(None)
        });
    }
    let filled = match finish_all(&mut tasks).await {
        Ok(filled) => filled,
        Err(error) => {
            // Nobody may write any more when this is over.
            tasks.shutdown().await;
            return Err(error);
        }
    };
    drop((tasks, barriers));
    let supplier = Arc::into_inner(supplier);
    let (Some(filled), Some(writer), Some(supplier)) = (filled, Arc::into_inner(writer), supplier)
    else {
        return Err(PackError::Usage("the transfer ended before its tasks did".into()));
    };
    let whole = Remainder { inventory, files: blueprint.files, left_out };
    let finish = move || finish(writer, filled, whole, supplier);
    let packed = tokio::task::spawn_blocking(finish).await??;
    if let Some(plans) = begun_plans {
        let _ = plans.forget(target);
    }
    Ok(packed)
}

/// Opens the archive of a plan, anew or as it is; gives the raw blobs that are not there for certain.
fn open(plan: &Plan, transfer: Transfer<'_>) -> Result<(ArchiveWriter, Vec<usize>), PackError> {
    let Transfer { target, begun_plans, progress, .. } = transfer;
    let blueprint = plan.blueprint.clone();
    if let Some(begun) = &plan.begun {
        let writer = ArchiveWriter::resume(target, blueprint, begun)?;
        let fetches = (0..writer.raw_blobs()).collect();
        return Ok((writer, fetches));
    }
    let mut writer = ArchiveWriter::create(target, blueprint)?;
    let mut fetches = Vec::new();
    for number in 0..writer.raw_blobs() {
        let blob = writer.blobs()[number];
        match plan.supply.get(&blob.digest) {
            Some(Supply::Held(bytes)) => {
                let mut entry = writer.entry(number)?;
                entry.write(bytes)?;
                entry.finish()?;
                progress.advanced(&blob.digest, blob.size);
                progress.finished(&blob.digest, blob.size);
            }
            Some(Supply::Fetch(..)) => fetches.push(number),
            None => return Err(ArchiveError::Absent(blob.digest).into()),
        }
    }
    let record = record(plan)?;
    if let Some(plans) = begun_plans {
        // What is not remembered is decided anew by the next run.
        let _ = plans.remember(target, Digest::of(&record));
    }
    writer.start_journal(target, &record)?;
    Ok((writer, fetches))
}

/// Makes what was written durable from time to time. A failure shows when the archive is finished.
async fn keep_durable(barrier: Barrier) {
    loop {
        tokio::time::sleep(BARRIER_EVERY).await;
        let barrier = barrier.clone();
        let _ = tokio::task::spawn_blocking(move || barrier.wait()).await;
    }
}

/// The compressed section, with the numbers of the blobs in it.
struct Filled {
    section: CompressedSection,
    taken: Vec<usize>,
}

/// Waits for every task, or for the first that fails; gives what the compressing one made.
async fn finish_all(
    tasks: &mut JoinSet<Result<Option<Filled>, PackError>>,
) -> Result<Option<Filled>, PackError> {
    let mut filled = None;
    while let Some(done) = tasks.join_next().await {
        if let Some(finished) = done?? {
            filled = Some(finished);
        }
    }
    Ok(filled)
}

/// Fills the compressed section. The next blob's stream is opened while one comes in.
async fn compress_all(
    mut section: CompressedSection,
    supplier: Arc<Supplier>,
    first: usize,
) -> Result<Option<Filled>, PackError> {
    let mut taken = Vec::new();
    let mut next = first;
    if supplier.begun.is_some() {
        next = supplier.begun_compressed(&mut section, first, &mut taken).await?;
    }
    let mut opened = stream::iter(next..supplier.blobs.len())
        .map(|number| {
            let supplier = &supplier;
            async move { (number, supplier.open_first(number).await) }
        })
        .buffered(OPENED_AHEAD);
    while let Some((number, content)) = opened.next().await {
        supplier.compressed(&mut section, number, content, &mut taken).await?;
    }
    drop(opened);
    section.drain().await?;
    Ok(Some(Filled { section, taken }))
}

/// Takes out what belongs to images that could not be had, and completes the archive.
fn finish(
    mut writer: ArchiveWriter,
    filled: Filled,
    whole: Remainder,
    supplier: Supplier,
) -> Result<Packed, PackError> {
    let Filled { mut section, taken } = filled;
    let failed = supplier.failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut remainder = whole;
    if !failed.is_empty() {
        let kept: Vec<bool> = supplier
            .parts
            .iter()
            .map(|part| part.images.iter().any(|image| !failed.contains_key(image)))
            .collect();
        remainder = without(remainder, &failed, &kept)?;
        for left in &remainder.left_out {
            supplier.progress.note(&format!("left out {}: {}", left.source, left.why));
        }
        writer.leave_out(&remainder.files, &kept, &mut section, &taken)?;
    }
    let bundle_digest = super::head::bundle_digest(&remainder.files);
    let length = writer.finish(section)?;
    let Remainder { inventory, left_out, .. } = remainder;
    Ok(Packed { length, bundle_digest, inventory, left_out })
}
