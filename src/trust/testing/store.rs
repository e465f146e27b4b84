//! Evidence in memory, which can lie.

use crate::oci::{Descriptor, Digest, Manifest};
use crate::trust::{Evidence, EvidenceError};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    pub(crate) blobs: BTreeMap<Digest, Bytes>,
    pub(crate) unreadable: BTreeSet<Digest>,
    /// How many blobs were read.
    pub(crate) reads: AtomicUsize,
}

impl Store {
    pub(crate) fn blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(descriptor.digest, bytes);
        descriptor
    }

    pub(crate) fn manifest(&mut self, media_type: &str, document: &Value) -> Descriptor {
        self.raw_manifest(media_type, document.to_string())
    }

    pub(crate) fn raw_manifest(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let manifest = Manifest::parse(bytes.into(), media_type).expect("a manifest");
        let descriptor = manifest.descriptor();
        self.manifests.insert(descriptor.digest, manifest);
        descriptor
    }
}

impl Evidence for Store {
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError> {
        if self.unreadable.contains(digest) {
            return Err(EvidenceError::new("the medium failed"));
        }
        Ok(self.manifests.get(digest).cloned())
    }

    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let found =
            self.blobs.get(&blob.digest).filter(|_| !self.unreadable.contains(&blob.digest));
        found.cloned().ok_or_else(|| EvidenceError::new("the medium failed"))
    }
}
