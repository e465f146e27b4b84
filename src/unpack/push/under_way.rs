//! A push under way: blobs and single manifests on their way into a registry.

use crate::archive::catalogue::ManifestRecord;
use crate::oci::source::BlobSource;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::progress::Progress;
use crate::registry::{BlobPushed, Presence, RegistryError, RemoteRepository};
use crate::report::unpack::BlobCounts;
use crate::transfer::{Jobs, SMALL};
use crate::unpack::error::UnpackError;
use crate::unpack::plan::{Planned, PlannedBlob};
use crate::unpack::refused_attachment::AttachmentsRefused;
use crate::unpack::survey::{OCTETS, Survey};
use crate::unpack::verify::Verified;
use crate::unpack::watched::Watched;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// A push under way.
pub(in crate::unpack) struct Push<'a> {
    pub(in crate::unpack) verified: &'a Verified,
    pub(in crate::unpack) planned: &'a Planned,
    pub(in crate::unpack) survey: &'a Survey,
    pub(in crate::unpack) repositories: Arc<[RemoteRepository]>,
    pub(in crate::unpack) attachments_refused: AttachmentsRefused,
    pub(in crate::unpack) jobs: Jobs,
    pub(in crate::unpack) progress: &'a Arc<dyn Progress>,
    /// Manifests that are in a repository for certain.
    pub(super) there: Mutex<HashSet<(usize, Digest)>>,
}

impl Push<'_> {
    /// Configs and layers of an archive that is read by place.
    pub(super) async fn placed_blobs(&self) -> Result<BlobCounts, UnpackError> {
        let blobs: Vec<&PlannedBlob> = self.planned.plan.blobs().iter().collect();
        self.progress.total(blobs.len() as u64, self.planned.plan.bytes());
        self.blobs(&blobs).await
    }

    /// Blobs that the archive can read, the largest first, large and small ones side by side.
    pub(in crate::unpack) async fn blobs(
        &self,
        blobs: &[&PlannedBlob],
    ) -> Result<BlobCounts, UnpackError> {
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
    pub(in crate::unpack) fn places(&self, blob: &PlannedBlob) -> Vec<(usize, Presence)> {
        blob.repositories.iter().map(|n| (*n, self.survey.presence[*n])).collect()
    }

    /// One manifest by its digest, once for each repository.
    pub(in crate::unpack) async fn manifest(
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
    pub(in crate::unpack) fn read(&self, record: &ManifestRecord) -> Result<Manifest, UnpackError> {
        Ok(self.verified.catalogue().read_manifest(self.verified.archive(), record)?)
    }
}

/// Brings one blob into all repositories that need it: sent to the first, mounted into the others.
pub(in crate::unpack) async fn push_blob(
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

pub(in crate::unpack) fn count(counts: &mut BlobCounts, (outcomes, size): (Vec<BlobPushed>, u64)) {
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
