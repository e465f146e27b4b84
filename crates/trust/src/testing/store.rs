//! Evidence in memory, which can lie.

use crate::{Evidence, EvidenceError};
use bundle_oci::{Descriptor, Digest, Manifest};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Manifests and blobs in memory.
#[derive(Default)]
pub struct Store {
    /// Manifests by digest.
    pub manifests: BTreeMap<Digest, Manifest>,
    /// Blobs by digest.
    pub blobs: BTreeMap<Digest, Bytes>,
    /// Digests that fail when they are read.
    pub unreadable: BTreeSet<Digest>,
    /// How many blobs were read.
    pub reads: AtomicUsize,
}

impl Store {
    /// Adds a blob.
    pub fn blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(descriptor.digest, bytes);
        descriptor
    }

    /// Adds a manifest.
    pub fn manifest(&mut self, media_type: &str, document: &Value) -> Descriptor {
        self.raw_manifest(media_type, document.to_string())
    }

    /// Adds a manifest of exactly these bytes.
    pub fn raw_manifest(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Descriptor {
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
