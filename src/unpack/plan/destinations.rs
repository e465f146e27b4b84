//! The destinations of everything that will be published.

use crate::oci::{Digest, Reference, Repository};
use crate::unpack::target::Target;

/// What will be published where. Printing it is `--dry-run`.
#[derive(Debug)]
pub struct Plan {
    pub(super) target: Target,
    pub(super) repositories: Vec<Repository>,
    pub(super) sources: Vec<Repository>,
    pub(super) images: Vec<PlannedImage>,
    pub(super) blobs: Vec<PlannedBlob>,
}

/// One image and its name at the target.
#[derive(Debug, Clone)]
pub struct PlannedImage {
    /// The logical reference.
    pub source: Reference,
    /// Digest of its root.
    pub digest: Digest,
    /// Number of its repository in [`Plan::repositories`].
    pub repository: usize,
    /// Its name at the target.
    pub target: String,
}

/// A config or layer, and the repositories that need it.
#[derive(Debug, Clone)]
pub struct PlannedBlob {
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// Numbers of the repositories, ascending.
    pub repositories: Vec<usize>,
}

impl Plan {
    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Repositories at the target.
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// Where the content of each of them comes from, in the same order.
    pub fn sources(&self) -> &[Repository] {
        &self.sources
    }

    /// Images, in the inventory's order.
    pub fn images(&self) -> &[PlannedImage] {
        &self.images
    }

    /// Configs and layers, each once, the largest first.
    pub fn blobs(&self) -> &[PlannedBlob] {
        &self.blobs
    }

    /// Sum of the blobs' sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add)
    }
}
