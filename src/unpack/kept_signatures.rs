//! Signatures that stay at the target.

use crate::oci::{Digest, Manifest, Meaning};
use crate::registry::RemoteRepository;
use crate::trust::runtimes_read;

/// Signatures at the target that stay, whatever is carried.
#[derive(Debug)]
pub(super) struct KeptSignatures {
    /// Number of the repository in the plan.
    pub(super) repository: usize,
    /// What they sign.
    pub(super) subject: Digest,
    /// What is there.
    manifest: Manifest,
    /// That with what is carried added to it, where it is.
    joined: Option<Manifest>,
    /// Everything that the manifest names is there, as it says.
    pub(super) is_whole: bool,
}

impl KeptSignatures {
    pub(super) fn new(
        repository: usize,
        subject: Digest,
        manifest: Manifest,
        joined: Option<Manifest>,
    ) -> Self {
        Self { repository, subject, manifest, joined, is_whole: true }
    }

    /// What the tag will name.
    pub(super) fn tagged(&self) -> &Manifest {
        self.joined.as_ref().unwrap_or(&self.manifest)
    }

    /// Whether a runtime gets every layer. What cannot be told counts as missing: it is about a rule that may break
    /// pulls.
    pub(super) async fn look_into(&self, repository: &RemoteRepository) -> bool {
        let Meaning::Image(image) = self.manifest.meaning() else { return false };
        if !runtimes_read(&self.manifest) {
            return false;
        }
        for layer in &image.layers {
            if !repository.blob_exists(layer).await.unwrap_or(false) {
                return false;
            }
        }
        true
    }
}
