//! What the verifier is given: manifests and small blobs of the archive, bounded and hashed.

use crate::archive::limits::MAX_TRUST_BLOB;
use crate::archive::{Archive, Catalogue};
use crate::inventory;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::trust::{Evidence, EvidenceError, Found};
use bytes::Bytes;

pub(super) struct ArchiveEvidence<'a> {
    pub(super) archive: &'a Archive,
    pub(super) catalogue: &'a Catalogue,
}

impl Evidence for ArchiveEvidence<'_> {
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError> {
        let Some(record) = self.catalogue.manifest(digest) else { return Ok(None) };
        let read = self.catalogue.read_manifest(self.archive, record);
        let unreadable = |e| EvidenceError::caused(format!("manifest {digest} cannot be read"), e);
        read.map(Some).map_err(unreadable)
    }

    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError> {
        let digest = blob.digest;
        if self.archive.blob(&digest).is_some_and(|known| known.size != blob.size) {
            return Err(EvidenceError::new(format!("blob {digest} has another size")));
        }
        let read = self.archive.read(&digest, MAX_TRUST_BLOB.min(blob.size));
        read.map_err(|e| EvidenceError::caused(format!("blob {digest} cannot be read"), e))
    }
}

/// How an attachment was found, in the verifier's words.
pub(super) fn found(found: &inventory::Found) -> Found {
    match found {
        inventory::Found::Tag(tag) => Found::Tag(tag.clone()),
        inventory::Found::Referrer => Found::Referrer,
    }
}
