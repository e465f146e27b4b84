//! From a list of sources to one archive: select → resolve → discover → judge → plan → transfer.
//!
//! - [`pack`] (here): the door, the whole of it
//! - `request`: what the door takes ([`Request`]); `output`: the archive's files and their checksums
//! - `expand`: globs of tags become images
//! - [`select`]: what was asked for, parsed ([`Source`])
//! - `origin`: one place images are read from, a repository or a layout directory
//! - `resolve`: tags become digests, once; indexes become their manifests (`Resolved`)
//! - `held`: how much of that is in memory
//! - `walk`: from a root through indexes to every manifest that is wanted
//! - `discover`: everything attached to them, in both schemes, recursively
//! - `judge`: the verifier of the enclave, run before the trip
//! - `carried`: keys that travel along
//! - `plan`, `gather`, `part`, `head`: inventory, order and places, decided before the first byte (`Plan`)
//! - `prepare`: all of this up to the plan
//! - `fingerprint`, `resume`: what an interrupted run was doing, so that the next one goes on
//! - `remainder`: a plan without images that could not be had
//! - `transfer`, `fetch`: each blob once, to its place (`Packed`)
//! - `stream`: the same bytes into a pipe
//! - [`series`]: sequence, expiry, the next seal key; [`seal`](mod@seal): the seal at the end

mod carried;
mod discover;
mod entry_kind;
pub mod error;
mod expand;
mod fetch;
mod fingerprint;
mod gather;
mod head;
mod held;
mod judge;
mod layout;
mod origin;
mod output;
mod part;
mod plan;
mod prepare;
mod remainder;
mod request;
mod resolve;
mod resume;
pub mod seal;
pub mod select;
pub mod series;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;
mod walk;

pub use crate::signers::CarriedKey;
pub use crate::transfer::DEFAULT_JOBS;
pub use error::{Left, NeedsFile, Occupied, PackError};
pub use request::{Interrupted, OtherFile, Output, Request};
pub use select::{
    AttachmentErrors, FailedImages, Location, SignatureRule, Source, SourceTextError, Wanted,
};
pub use series::{Expires, Handover, SeriesPlace};

use crate::progress::Progress;
use crate::registry::Client;
use crate::report::pack::PackReport;
use crate::seal::fingerprint_of;
use crate::trust::SigningKey;
use plan::Plan;
use prepare::prepare;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use transfer::{Packed, Transfer};

/// Packs images, with everything that proves where they come from. Needs a runtime with several threads.
///
/// # Errors
/// [`PackError`]. Outputs are checked before anything is fetched. From the first fetched blob on, what was written to a file
/// stays for the next run with the same request, and the error is [`PackError::Unfinished`].
pub async fn pack(
    mut request: Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<PackReport, PackError> {
    let is_whole = AtomicBool::new(false);
    let file = match &request.output {
        Output::File(path) if !request.dry_run => Some(path.clone()),
        _ => None,
    };
    let Some(stop) = request.stop.take() else {
        return work(request, client, progress, &is_whole).await;
    };
    tokio::select! {
        done = work(request, client, progress, &is_whole) => done,
        () = stop => Err(PackError::Stopped(match file {
            Some(_) if is_whole.load(Ordering::Relaxed) => Left::Archive,
            Some(path) if resume::is_left(&path) => Left::Beginning,
            _ => Left::Nothing,
        })),
    }
}

/// The whole of it; `is_whole` is set when only the list of checksums is missing.
async fn work(
    request: Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
    is_whole: &AtomicBool,
) -> Result<PackReport, PackError> {
    let lists_checksums = request.lists_checksums();
    let Request { mut selection, output, seal_key, begun_plans, interrupted, .. } = request;
    let begun_plans = begun_plans.as_ref();
    let is_stream = matches!(output, Output::Stream(..));
    if is_stream && selection.failed_images == FailedImages::LeaveOut {
        return Err(PackError::NeedsFile(NeedsFile::LeavingOut));
    }
    if is_stream && lists_checksums {
        return Err(PackError::NeedsFile(NeedsFile::Beside));
    }
    if request.dry_run {
        expand::expand(&mut selection, client).await?;
        let plan = prepare(&selection, client, progress).await?;
        let sizes = plan.sizes();
        let Plan { inventory, bundle_digest, verdicts, left_out, warnings, .. } = plan;
        return Ok(PackReport::new(
            &inventory,
            &sizes,
            bundle_digest,
            verdicts,
            left_out,
            warnings,
        ));
    }
    let mut begun = None;
    if is_stream {
        expand::expand(&mut selection, client).await?;
    }
    if let Output::File(path) = &output {
        output::check(path, &selection.geometry, lists_checksums, request.other_file)?;
        expand::expand(&mut selection, client).await?;
        match interrupted {
            Interrupted::Discarded => resume::discard(path)?,
            Interrupted::Resumed => {
                let selection = &mut selection;
                begun = resume::resume(path, selection, begun_plans, client, progress).await?;
            }
        }
    }
    let plan = match begun {
        Some(plan) => plan,
        None => prepare(&selection, client, progress).await?,
    };
    let (verdicts, warnings, sizes) = (plan.verdicts.clone(), plan.warnings.clone(), plan.sizes());
    let sealed_by = seal_key.as_ref().map(|key| fingerprint_of(key.public_key()));
    let report = |packed: Packed, path: &Path| {
        let Packed { length, bundle_digest, inventory, left_out } = packed;
        let mut report =
            PackReport::new(&inventory, &sizes, bundle_digest, verdicts, left_out, warnings);
        report.file = Some(path.display().to_string());
        report.file_size = Some(length);
        report.seal_key = sealed_by;
        report
    };
    match output {
        Output::Stream(writer, name) => {
            let seal = seal_key.map(|key| plan.seal(&key)).transpose()?;
            Ok(report(stream::stream(plan, seal, writer, progress).await?, &name))
        }
        Output::File(path) => {
            let (jobs, failed_images) = (selection.jobs, selection.failed_images);
            let target = path.as_path();
            let how = Transfer { target, jobs, failed_images, begun_plans, progress };
            let packed = transfer::transfer(plan, how).await;
            let packed = packed.map_err(|error| match resume::is_left(&path) {
                true => PackError::Unfinished(Box::new(error)),
                false => error,
            })?;
            let mut report = report(packed, &path);
            if let Some(key) = seal_key {
                let _told = client.waits().work("sealing the bundle");
                seal_file(&path, &key)?;
            }
            is_whole.store(lists_checksums, Ordering::Relaxed);
            let files = output::list(&path, &selection.geometry, &mut report)?;
            if lists_checksums {
                let _told = client.waits().work("reading the archive for its SHA-256");
                output::write_checksums(path, files, &mut report).await?;
            }
            Ok(report)
        }
    }
}

/// Seals the archive that was packed to `path`. A request to stop waits until the head is whole again.
fn seal_file(path: &Path, key: &SigningKey) -> Result<(), PackError> {
    let sealed = tokio::task::block_in_place(|| seal::seal(&[path.to_owned()], key));
    match sealed {
        Ok(_) => Ok(()),
        Err(source) => Err(PackError::NotSealed { path: path.to_owned(), source }),
    }
}
