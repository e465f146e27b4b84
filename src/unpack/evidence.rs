//! What the verifier is given: manifests and small blobs of the archive, bounded and hashed.

use super::at_target::AtTarget;
use crate::archive::limits::MAX_TRUST_BLOB;
use crate::archive::{Archive, ArchiveError, Catalogue};
use crate::inventory;
use crate::oci::runnable::is_runnable;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::trust::{Evidence, EvidenceError, Found};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub(super) struct ArchiveEvidence<'a> {
    archive: &'a Archive,
    catalogue: &'a Catalogue,
    at_target: Option<&'a AtTarget>,
    damage: Mutex<Option<ArchiveError>>,
    parsed: Mutex<Parsed>,
}

/// Most bytes of manifests that are kept as they were parsed: the roots of images that were judged last.
const MAX_PARSED: usize = 4 << 20;

/// Manifests that many images name, each parsed once.
#[derive(Default)]
struct Parsed {
    manifests: HashMap<Digest, Manifest>,
    bytes: usize,
}

impl Parsed {
    /// Keeps a manifest, and drops all others where there is no room.
    fn keep(&mut self, manifest: &Manifest) {
        let length = manifest.bytes().len();
        if self.bytes + length > MAX_PARSED {
            *self = Self::default();
        }
        if length <= MAX_PARSED
            && self.manifests.insert(manifest.digest(), manifest.clone()).is_none()
        {
            self.bytes += length;
        }
    }
}

impl<'a> ArchiveEvidence<'a> {
    pub(super) fn new(
        archive: &'a Archive,
        catalogue: &'a Catalogue,
        at_target: Option<&'a AtTarget>,
    ) -> Self {
        let (damage, parsed) = (Mutex::default(), Mutex::default());
        Self { archive, catalogue, at_target, damage, parsed }
    }

    /// The first damage that was met. Whatever the verdicts say then, it is the medium that is at fault.
    pub(super) fn into_damage(self) -> Option<ArchiveError> {
        self.damage.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: String, error: ArchiveError) -> EvidenceError {
        let told = EvidenceError::new(format!("{what}: {error}"));
        // More than is read here, not carried at all, or no evidence by its place in a stream: that is no damage.
        let no_damage = matches!(
            error,
            ArchiveError::Limit(_) | ArchiveError::Absent(_) | ArchiveError::PassesOnce(_)
        );
        if !no_damage {
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            damage.get_or_insert(error);
        }
        told
    }
}

impl Evidence for ArchiveEvidence<'_> {
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError> {
        if let Some(there) = self.at_target.and_then(|target| target.manifest(digest)) {
            return Ok(Some(there.clone()));
        }
        let Some(record) = self.catalogue.manifest(digest) else { return Ok(None) };
        let parsed = || self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed().manifests.get(digest) {
            return Ok(Some(known.clone()));
        }
        let read = self.catalogue.read_manifest(self.archive, record);
        let unreadable = |e| self.failed(format!("manifest {digest} cannot be read"), e);
        let manifest = read.map_err(unreadable)?;
        parsed().keep(&manifest);
        Ok(Some(manifest))
    }

    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError> {
        let digest = blob.digest;
        if self.archive.blob(&digest).is_some_and(|known| known.size != blob.size) {
            return Err(EvidenceError::new(format!("blob {digest} has another size")));
        }
        let read = self.archive.read(&digest, MAX_TRUST_BLOB.min(blob.size));
        read.map_err(|e| self.failed(format!("blob {digest} cannot be read"), e))
    }

    fn is_runnable(&self, manifest: &Manifest) -> bool {
        match self.catalogue.manifest(&manifest.digest()) {
            Some(record) => record.kind.is_none(),
            None => is_runnable(manifest),
        }
    }
}

/// How an attachment was found, in the verifier's words.
pub(super) fn found(found: &inventory::Found) -> Found {
    match found {
        inventory::Found::Tag(tag) => Found::Tag(tag.clone()),
        inventory::Found::Referrer => Found::Referrer,
    }
}
