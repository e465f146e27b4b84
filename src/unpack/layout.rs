//! Unpacking into an OCI image layout directory.

pub(super) mod there;

use self::there::{of_target, read_there};
use super::arriving::{Arrived, Arriving};
use super::destination::{Destination, Transfer};
use super::error::UnpackError;
use super::merging::{self, OnExistingAttachment};
use super::plan::{Planned, PlannedBlob};
use super::push::pushed::Pushed;
use super::stream::{hash, told};
use super::survey::{OCTETS, Survey};
use super::watched::Watched;
use crate::archive::sequential::BlobStream;
use crate::inventory::{Found, Stored};
use crate::oci::layout::{LayoutError, LayoutWriter, REF_NAME};
use crate::oci::source::{BlobSource as _, SourceError, Verifying};
use crate::oci::{Descriptor, Manifest};
use crate::progress::Progress;
use crate::report::unpack::{AttachmentOutcome, BlobCounts, RehomedOutcome};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;
use std::sync::Arc;

impl Destination for LayoutWriter {
    fn survey<'a>(
        &'a self,
        planned: &'a Planned,
        on_existing: OnExistingAttachment,
    ) -> BoxFuture<'a, Result<Survey, UnpackError>> {
        planned.survey_layout(Some(self.layout()), on_existing).boxed()
    }

    fn fill<'a>(&'a self, transfer: Transfer<'a>) -> BoxFuture<'a, Result<Pushed, UnpackError>> {
        let written = write(self, transfer);
        async move { Ok(Pushed { blobs: written.await?, ..Pushed::default() }) }.boxed()
    }
}

/// Writes what was planned. The entries of `index.json` come last and all at once.
async fn write(writer: &LayoutWriter, transfer: Transfer<'_>) -> Result<BlobCounts, UnpackError> {
    let Transfer { planned, survey, stream, jobs, progress, turn, .. } = transfer;
    let blobs = planned.plan.blobs();
    progress.total(blobs.len() as u64, planned.plan.bytes());
    let archive = planned.verified.archive();
    let passes = stream.is_some();
    let is_readable = |blob: &&PlannedBlob| {
        let stored = archive.blob(&blob.digest).map(|blob| blob.stored);
        !passes || stored == Some(Stored::Trust)
    };
    let readable = blobs.iter().filter(is_readable);
    let readable: Vec<Descriptor> =
        readable.map(|blob| Descriptor::new(OCTETS, blob.digest, blob.size)).collect();
    let mut written: Vec<(bool, u64)> = stream::iter(readable)
        .map(|blob| async move {
            let source = Watched::start(&blob, planned.source(), progress.clone());
            let there = writer.layout().blob_size(&blob.digest)? == Some(blob.size);
            if there {
                source.verify(&blob).await?;
                verify_existing(writer, &blob).await?;
            } else {
                let content = source.open(&blob, 0).await.map_err(LayoutError::from)?;
                writer.write_blob(&blob, content).await?;
            }
            source.done(&blob);
            Ok::<_, UnpackError>((there, blob.size))
        })
        .buffered(jobs.large())
        .try_collect()
        .await?;
    if let Some(stream) = stream {
        written.extend(write_passing(stream, planned, writer, progress).await?);
    }
    turn.take().await?;
    write_manifests(planned, survey, writer).await?;
    for rehomed in planned.rehomed.iter() {
        let content = stream::iter([Ok(rehomed.config.clone())]).boxed();
        let config = rehomed.config_descriptor();
        writer.write_blob(&config, content).await?;
        verify_existing(writer, &config).await?;
        write_manifest(writer, &rehomed.manifest).await?;
    }
    progress.note("index.json");
    writer.put_entries(entries(planned, survey, writer).await?).await?;
    let mut counts = BlobCounts::default();
    for (there, size) in written {
        match there {
            true => counts.already_there += 1,
            false => {
                counts.uploaded += 1;
                counts.bytes_uploaded += size;
            }
        }
    }
    Ok(counts)
}

/// Writes blobs as they come, one after another; gives for each whether it was there, and its size.
async fn write_passing(
    stream: BlobStream,
    planned: &Planned,
    writer: &LayoutWriter,
    progress: &Arc<dyn Progress>,
) -> Result<Vec<(bool, u64)>, UnpackError> {
    let mut arriving = Arriving::start(stream, &planned.disguises)?;
    let mut written = Vec::new();
    while let Some(Arrived { blob, content }) = arriving.next().await? {
        progress.started(&blob.digest, blob.size);
        let content = told(content, blob.digest, progress.clone());
        let there = writer.layout().blob_size(&blob.digest)? == Some(blob.size);
        if there {
            hash(&blob, content).await?;
            verify_existing(writer, &blob).await?;
        } else {
            writer.write_blob(&blob, content).await?;
        }
        progress.finished(&blob.digest, blob.size);
        written.push((there, blob.size));
    }
    Ok(written)
}

/// A file of the right name and length is not yet the blob: unlike a registry, nobody hashed what others put there.
async fn verify_existing(writer: &LayoutWriter, blob: &Descriptor) -> Result<(), UnpackError> {
    let layout = writer.layout();
    let failed = |source: SourceError| of_target(layout, &blob.digest, source.into());
    let mut content = Verifying::new(layout.open(blob, 0).await.map_err(failed)?, blob);
    while let Some(piece) = content.next().await {
        piece.map_err(failed)?;
    }
    Ok(())
}

/// Writes a manifest, and verifies one that was there.
async fn write_manifest(writer: &LayoutWriter, manifest: &Manifest) -> Result<(), UnpackError> {
    writer.write_manifest(manifest).await?;
    verify_existing(writer, &manifest.descriptor()).await
}

async fn write_manifests(
    planned: &Planned,
    survey: &Survey,
    writer: &LayoutWriter,
) -> Result<(), UnpackError> {
    let catalogue = planned.verified.catalogue();
    let mut written = HashSet::new();
    for (image, outcomes) in catalogue.images().iter().zip(&survey.attachments) {
        let attached = image.attachments().iter().zip(outcomes);
        let is_whole = |outcome| is_there(outcome) && outcome != AttachmentOutcome::Trimmed;
        let sent = attached.filter(|(_, outcome)| is_whole(**outcome));
        let below = sent.flat_map(|(attachment, _)| catalogue.attached(attachment));
        for record in catalogue.manifests_of(image).chain(below) {
            if written.insert(record.digest) {
                let manifest = catalogue.read_manifest(planned.verified.archive(), record)?;
                write_manifest(writer, &manifest).await?;
            }
        }
    }
    Ok(())
}

/// True for what is in the layout afterwards; what was there before is verified again.
fn is_there(outcome: AttachmentOutcome) -> bool {
    outcome.is_sent()
        || matches!(outcome, AttachmentOutcome::AlreadyThere | AttachmentOutcome::Rehomed)
}

/// What gets the name of a tag: what is `added`, joined with what has the name already, or what stands there `alone`.
async fn named_manifest(
    writer: &LayoutWriter,
    (tag, name): (&str, &str),
    added: &Manifest,
    alone: &Manifest,
) -> Result<Descriptor, UnpackError> {
    let there = match writer.layout().tagged(name) {
        Some(there) => read_there(writer.layout(), &there).await?,
        None => None,
    };
    let named = merging::to_be_named(tag, there.as_ref(), added, alone);
    if let (Some(there), None) = (&there, &named) {
        return Ok(there.descriptor());
    }
    let manifest = named.as_ref().unwrap_or(alone);
    write_manifest(writer, manifest).await?;
    Ok(manifest.descriptor())
}

/// Images under their full references, attachments under `repository:tag` or, as referrers, without a name.
async fn entries(
    planned: &Planned,
    survey: &Survey,
    writer: &LayoutWriter,
) -> Result<Vec<Descriptor>, UnpackError> {
    let catalogue = planned.verified.catalogue();
    let mut entries = Vec::new();
    let named = |mut descriptor: Descriptor, name: String| {
        descriptor.annotations.insert(REF_NAME.into(), name);
        descriptor
    };
    for (rehomed, outcome) in planned.rehomed.iter().zip(&survey.rehomed) {
        let name = format!("{}:{}", planned.plan.sources()[rehomed.repository], rehomed.tag);
        let (place, manifest) = ((rehomed.tag.as_str(), name.as_str()), &rehomed.manifest);
        let entry = match outcome {
            RehomedOutcome::Kept { .. }
            | RehomedOutcome::NotRehomed { .. }
            | RehomedOutcome::Refused => continue,
            RehomedOutcome::Merged { .. } => {
                named_manifest(writer, place, manifest, manifest).await?
            }
            _ => manifest.descriptor(),
        };
        entries.push(named(entry, name));
    }
    let images = planned.plan.images().iter().zip(catalogue.images()).zip(&survey.attachments);
    for (number, ((image, carried), outcomes)) in images.enumerate() {
        let standings = &planned.standings[number].attachments;
        let attached = carried.attachments().iter().zip(standings).zip(outcomes);
        for ((attachment, standing), outcome) in attached.filter(|(_, there)| is_there(**there)) {
            let Some(own) = catalogue.attached(attachment).next_back() else { continue };
            match &attachment.found {
                Found::Referrer => entries.push(own.descriptor()),
                Found::Tag(_) if *outcome == AttachmentOutcome::Rehomed => {}
                Found::Tag(tag) => {
                    let name = format!("{}:{tag}", image.source.repository());
                    let place = (tag.as_str(), name.as_str());
                    let carried = planned.verified.carried(number, own, *standing)?;
                    let published = carried.published();
                    let entry = match outcome {
                        AttachmentOutcome::Merged { .. } => {
                            named_manifest(writer, place, carried.added(), published).await?
                        }
                        AttachmentOutcome::AlreadyThere => match writer.layout().tagged(&name) {
                            Some(there) => there,
                            None => published.descriptor(),
                        },
                        _ => {
                            write_manifest(writer, published).await?;
                            published.descriptor()
                        }
                    };
                    entries.push(named(entry, name));
                }
            }
        }
        if let Some(root) = catalogue.manifest(&image.digest) {
            entries.push(named(root.descriptor(), image.target.clone()));
        }
    }
    Ok(entries)
}
