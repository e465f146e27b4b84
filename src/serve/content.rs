//! The content of a registry, seen from the endpoints that only read.

use super::name::{Name, Target};
use crate::oci::atomic::AtomicName;
use crate::oci::source::{BlobSource, SourceError};
use crate::oci::{Descriptor, Digest};

/// Repositories with their tags, manifests and blobs. Everything but the bytes is expected to be at hand, so that no
/// method but [`BlobSource::open`] takes longer than a look into memory or a directory.
///
/// Manifests are read through [`BlobSource::open`] too, with the descriptor that [`Content::manifest`] gave, and are
/// verified before they are sent. Blobs are sent as they are opened: a source whose medium can rot verifies what streams
/// from the first byte on.
pub trait Content: BlobSource {
    /// All repositories, sorted.
    fn repositories(&self) -> Vec<Name>;

    /// Tags of a repository, sorted; nothing when there is no such repository.
    fn tags(&self, repository: &Name) -> Option<Vec<String>>;

    /// The manifest of a repository that `target` names: media type, digest and size.
    fn manifest(&self, repository: &Name, target: &Target) -> Option<Descriptor>;

    /// The blob as it can be had from a repository; nothing when it is not there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn blob(&self, repository: &Name, digest: &Digest) -> Result<Option<Descriptor>, SourceError>;

    /// Manifests of a repository that have `subject` as their subject, sorted by digest, each with its artifact type
    /// and all annotations (distribution-spec §listing referrers).
    fn referrers(&self, repository: &Name, subject: &Digest) -> Vec<Descriptor>;

    /// True where GPG signatures are kept, so that clients ask for them.
    fn keeps_signatures(&self) -> bool {
        false
    }

    /// GPG signatures of a manifest, each with its name; nothing when the repository has no such manifest.
    fn signatures(
        &self,
        _repository: &Name,
        _subject: &Digest,
    ) -> Option<Vec<(AtomicName, Descriptor)>> {
        None
    }
}
