//! Pushing into a registry, straight from the archive: blobs, then manifests and attachments, then, when everything of
//! all images is there, the tags; and then what registries keep beside tagged images, GPG signatures.
//!
//! Every byte is hashed again as it is sent. Whatever fails before the tags leaves all tags as they were.

use super::attaching::{self, AttachedThere};
use super::destination::{Destination, Transfer};
use super::error::UnpackError;
use super::plan::{Planned, PlannedBlob};
use super::refused_attachment::{AttachmentsRefused, RefusedAttachment};
use super::rehoming::Rehomed;
use super::survey::{OCTETS, OnExistingAttachment, Survey};
use super::verify::Verified;
use super::watched::Watched;
use crate::archive::catalogue::ManifestRecord;
use crate::inventory::ImageEntry;
use crate::oci::source::{BlobSource, Held};
use crate::oci::{Descriptor, Digest, Manifest};
use crate::progress::Progress;
use crate::registry::{BlobPushed, Client, Presence, RegistryError, RemoteRepository};
use crate::report::unpack::{BlobCounts, RehomedOutcome};
use crate::transfer::{Jobs, SMALL};
use crate::trust::{ChildStatus, ImageVerdict};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Images whose manifests are pushed at the same time, for each job.
const IMAGES_PER_JOB: usize = 2;

/// What was pushed.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    pub(super) blobs: BlobCounts,
    /// For each image: the manifest that got the tag because the registry does not take its index.
    pub(super) tagged_children: Vec<Option<Digest>>,
    /// For each image: attachments that the registry does not take. None of them is at the target, so whatever looks for
    /// them there fails.
    pub(super) refused: Vec<Vec<RefusedAttachment>>,
    /// Signatures that the registry does not take where runtimes look, by their place among all that are rehomed.
    pub(super) rehomed_refused: Vec<RefusedAttachment>,
    /// Attachments that are published and in no list: numbers of images and of their attachments.
    pub(super) unlisted: Vec<(usize, usize)>,
}

/// One image without its tag.
struct PushedImage {
    tagged_child: Option<Digest>,
    attached: AttachedThere,
}

/// A push under way.
pub(super) struct Push<'a> {
    pub(super) verified: &'a Verified,
    pub(super) planned: &'a Planned,
    pub(super) survey: &'a Survey,
    pub(super) repositories: Arc<[RemoteRepository]>,
    pub(super) attachments_refused: AttachmentsRefused,
    pub(super) jobs: Jobs,
    pub(super) progress: &'a Arc<dyn Progress>,
    /// Manifests that are in a repository for certain.
    there: Mutex<HashSet<(usize, Digest)>>,
}

impl Destination for Client {
    fn survey<'a>(
        &'a self,
        planned: &'a Planned,
        on_existing: OnExistingAttachment,
    ) -> LocalBoxFuture<'a, Result<Survey, UnpackError>> {
        planned.survey(self, on_existing).boxed_local()
    }

    fn fill<'a>(
        &'a self,
        transfer: Transfer<'a>,
    ) -> LocalBoxFuture<'a, Result<Pushed, UnpackError>> {
        push(self, transfer).boxed_local()
    }
}

/// Pushes what was planned.
async fn push(client: &Client, transfer: Transfer<'_>) -> Result<Pushed, UnpackError> {
    let Transfer { planned, survey, stream, attachments_refused, jobs, progress, turn } = transfer;
    let images_at_once = jobs.large() * IMAGES_PER_JOB;
    let names = planned.plan.repositories().iter();
    let push = Push {
        verified: &planned.verified,
        planned,
        survey,
        repositories: names.map(|name| client.repository(name)).collect(),
        attachments_refused,
        jobs,
        progress,
        there: Mutex::default(),
    };
    let blobs = match stream {
        Some(stream) => push.passing_blobs(stream).await?,
        None => push.placed_blobs().await?,
    };
    turn.take().await?;
    progress.note("manifests and signatures");
    let images = 0..planned.plan.images().len();
    let images_pushed: Vec<PushedImage> = stream::iter(images.clone())
        .map(|number| push.image(number))
        .buffered(images_at_once)
        .try_collect()
        .await?;
    let (mut tagged_children, mut refused, mut unlisted) = (Vec::new(), Vec::new(), Vec::new());
    for (number, image) in images_pushed.into_iter().enumerate() {
        tagged_children.push(image.tagged_child);
        refused.push(image.attached.refused);
        unlisted.extend(image.attached.unlisted.into_iter().map(|place| (number, place)));
    }
    let rehomed: Vec<Option<RefusedAttachment>> =
        stream::iter(planned.rehomed.iter().zip(&survey.rehomed).enumerate())
            .map(|(place, (rehomed, outcome))| push.rehome(place, rehomed, *outcome))
            .buffered(images_at_once)
            .try_collect()
            .await?;
    let rehomed_refused = rehomed.into_iter().flatten().collect();
    progress.note("tags");
    let (push, children) = (&push, &tagged_children);
    push.tags(children, images_at_once).await?;
    // Registries take them for what is tagged only.
    stream::iter(images)
        .map(|number| push.signatures(number, children[number]))
        .buffered(images_at_once)
        .try_collect::<()>()
        .await?;
    Ok(Pushed { blobs, tagged_children, refused, rehomed_refused, unlisted })
}

impl Push<'_> {
    /// Configs and layers of an archive that is read by place.
    async fn placed_blobs(&self) -> Result<BlobCounts, UnpackError> {
        let blobs: Vec<&PlannedBlob> = self.planned.plan.blobs().iter().collect();
        self.progress.total(blobs.len() as u64, self.planned.plan.bytes());
        self.blobs(&blobs).await
    }

    /// Blobs that the archive can read, the largest first, large and small ones side by side.
    pub(super) async fn blobs(&self, blobs: &[&PlannedBlob]) -> Result<BlobCounts, UnpackError> {
        let (large, small) = blobs.split_at(blobs.partition_point(|blob| blob.size >= SMALL));
        let (large, small) = tokio::try_join!(
            self.class(large, self.jobs.large()),
            self.class(small, self.jobs.small()),
        )?;
        Ok(BlobCounts {
            uploaded: large.uploaded + small.uploaded,
            mounted: large.mounted + small.mounted,
            already_there: large.already_there + small.already_there,
            bytes_uploaded: large.bytes_uploaded + small.bytes_uploaded,
        })
    }

    /// Pushes `blobs`, each as a task of its own so that hashing uses every core, `limit` at a time. The first error
    /// stops all of them.
    async fn class(&self, blobs: &[&PlannedBlob], limit: usize) -> Result<BlobCounts, UnpackError> {
        let mut counts = BlobCounts::default();
        let mut tasks = JoinSet::new();
        for blob in blobs {
            if tasks.len() >= limit
                && let Some(done) = tasks.join_next().await
            {
                count(&mut counts, done??);
            }
            tasks.spawn(push_blob(
                self.planned.source(),
                self.repositories.clone(),
                self.places(blob),
                Descriptor::new(OCTETS, blob.digest, blob.size),
                self.progress.clone(),
            ));
        }
        while let Some(done) = tasks.join_next().await {
            count(&mut counts, done??);
        }
        Ok(counts)
    }

    /// The repositories that need a blob, with what is known about each.
    pub(super) fn places(&self, blob: &PlannedBlob) -> Vec<(usize, Presence)> {
        blob.repositories.iter().map(|n| (*n, self.survey.presence[*n])).collect()
    }

    /// Everything of one image but its tag. Gives the manifest that has to stand for its index, where one has to, and
    /// what became of its attachments.
    async fn image(&self, number: usize) -> Result<PushedImage, UnpackError> {
        let catalogue = self.verified.catalogue();
        let (image, repository) =
            (&catalogue.images()[number], self.planned.plan.images()[number].repository);
        let entry = &self.verified.archive().inventory().images[number];
        let mut tagged_child = None;
        for record in catalogue.manifests_of(image) {
            let is_sparse = record.digest == entry.digest && !entry.omitted.is_empty();
            let refused = match self.manifest(repository, record, is_sparse).await {
                Err(UnpackError::Registry(error)) if is_sparse && wants_children(&error) => error,
                other => {
                    other?;
                    continue;
                }
            };
            let child = only_child(entry, &self.verified.verdicts()[number]);
            let image = entry.source.clone();
            let missing = UnpackError::SparseIndex { image, source: refused.into() };
            tagged_child = Some(child.ok_or(missing)?);
        }
        Ok(PushedImage { tagged_child, attached: self.attachments(number).await? })
    }

    /// Signatures where runtimes look. The blobs that they are layers of are there. Gives what the registry does not take.
    async fn rehome(
        &self,
        place: usize,
        rehomed: &Rehomed,
        outcome: RehomedOutcome,
    ) -> Result<Option<RefusedAttachment>, UnpackError> {
        let is_sent = match outcome {
            RehomedOutcome::Published
            | RehomedOutcome::Replaced { .. }
            | RehomedOutcome::Merged { .. } => true,
            RehomedOutcome::AlreadyThere
            | RehomedOutcome::Kept { .. }
            | RehomedOutcome::NotRehomed { .. }
            | RehomedOutcome::Refused => false,
        };
        if !is_sent {
            return Ok(None);
        }
        match self.send_rehomed(rehomed, outcome).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let repository = self.repositories[rehomed.repository].name();
                let name = format!("{repository}:{}", rehomed.tag);
                self.refused_as(place, name, error).map(Some)
            }
        }
    }

    async fn send_rehomed(
        &self,
        rehomed: &Rehomed,
        outcome: RehomedOutcome,
    ) -> Result<(), UnpackError> {
        let remote = &self.repositories[rehomed.repository];
        let config = rehomed.config_descriptor();
        let content = Held(rehomed.config.clone());
        remote.push_blob(&config, &content, None, Presence::CheckFirst).await?;
        let (tag, manifest) = (rehomed.tag.as_str(), &rehomed.manifest);
        match outcome {
            RehomedOutcome::Replaced { .. } => {
                remote.push_manifest(Some(tag), manifest).await.map(drop)?;
            }
            // Somebody may have signed since the target was asked.
            _ => attaching::merge(remote, tag, manifest, manifest).await?,
        }
        Ok(())
    }

    /// One manifest by its digest, once for each repository.
    pub(super) async fn manifest(
        &self,
        repository: usize,
        record: &ManifestRecord,
        is_sparse: bool,
    ) -> Result<(), UnpackError> {
        let known = || self.there.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&(repository, record.digest)) {
            return Ok(());
        }
        let remote = &self.repositories[repository];
        let check = self.survey.presence[repository] == Presence::CheckFirst;
        if !check
            || remote.manifest_digest(&record.digest.to_string()).await? != Some(record.digest)
        {
            let manifest = self.read(record)?;
            let pushed = match is_sparse {
                true => remote.push_sparse_index(&manifest).await,
                false => remote.push_manifest(None, &manifest).await,
            };
            pushed.map_err(|error| not_taken(record, error))?;
        }
        known().insert((repository, record.digest));
        Ok(())
    }

    /// Reads a manifest again: what is pushed is what was verified, or nothing.
    pub(super) fn read(&self, record: &ManifestRecord) -> Result<Manifest, UnpackError> {
        Ok(self.verified.catalogue().read_manifest(self.verified.archive(), record)?)
    }
}

/// Brings one blob into all repositories that need it: sent to the first, mounted into the others.
pub(super) async fn push_blob(
    source: Arc<dyn BlobSource>,
    repositories: Arc<[RemoteRepository]>,
    places: Vec<(usize, Presence)>,
    blob: Descriptor,
    progress: Arc<dyn Progress>,
) -> Result<(Vec<BlobPushed>, u64), UnpackError> {
    let source = Watched::start(&blob, source, progress);
    let mut outcomes = Vec::with_capacity(places.len());
    let mut mount_from: Option<&str> = None;
    for (number, presence) in places {
        let repository = &repositories[number];
        outcomes.push(repository.push_blob(&blob, &source, mount_from, presence).await?);
        mount_from = mount_from.or(Some(repository.name().path()));
    }
    // A damaged archive is noticed whatever the target has: nothing is tagged before every byte was hashed.
    if !outcomes.contains(&BlobPushed::Uploaded) {
        source.verify(&blob).await?;
    }
    source.done(&blob);
    Ok((outcomes, blob.size))
}

pub(super) fn count(counts: &mut BlobCounts, (outcomes, size): (Vec<BlobPushed>, u64)) {
    for outcome in outcomes {
        match outcome {
            BlobPushed::Uploaded => {
                counts.uploaded += 1;
                counts.bytes_uploaded += size;
            }
            BlobPushed::Mounted => counts.mounted += 1,
            BlobPushed::AlreadyThere => counts.already_there += 1,
        }
    }
}

/// A refusal of a manifest that has layers which may lie elsewhere is mostly about these.
fn not_taken(record: &ManifestRecord, error: RegistryError) -> UnpackError {
    let is_refusal = matches!(error, RegistryError::Refused { .. } | RegistryError::Server { .. });
    match is_refusal && record.has_nondistributable_layers() {
        true => UnpackError::ForeignLayers { manifest: record.digest, source: error.into() },
        false => error.into(),
    }
}

/// Answers that a registry gives to an index whose manifests it does not all have (distribution-spec §pushing
/// manifests leaves the status open; distribution answers 400, others 404 or 422).
fn wants_children(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } => true,
        RegistryError::Refused { status, .. } => may_want_children(*status),
        _ => false,
    }
}

/// True for statuses that may be about what a manifest refers to: not for those about who pushes, its size or its type.
fn may_want_children(status: u16) -> bool {
    matches!(status, 400 | 404 | 409 | 412 | 422)
}

/// The one image that is carried of an index, when the verdict that admits the image covers it.
fn only_child(entry: &ImageEntry, verdict: &ImageVerdict) -> Option<Digest> {
    if verdict.digest() != entry.digest || !verdict.is_admitted() {
        return None;
    }
    let mut carried = verdict.children().iter().filter(|child| {
        let runs = child.platform.as_ref().is_some_and(|platform| !platform.is_unknown());
        runs && !matches!(child.status, ChildStatus::Omitted | ChildStatus::Attachment)
    });
    match (carried.next(), carried.next()) {
        (Some(child), None) => Some(child.digest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::may_want_children;

    #[test]
    fn a_child_stands_for_its_index_only_where_the_registry_may_want_its_children() {
        let wanting: Vec<u16> = (400..600).filter(|status| may_want_children(*status)).collect();
        assert_eq!(wanting, [400, 404, 409, 412, 422]);
    }
}
