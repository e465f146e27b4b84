//! The closed world of an archive: every manifest, what it names and what is attached to it, nothing missing and
//! nothing beside (docs/spec/format.md §11).
//!
//! [`Catalogue::read`] reads each manifest once, bounded and hashed, and compares it with the inventory and with
//! `index.json`. No trust is involved: what is consistent may still be a forgery.
//!
//! - [`Catalogue`] (here): what came out
//! - `walk`: from the roots of images and attachments downwards
//! - `size`: how many bytes each image takes
//! - `tally`: how much of it verification reads
//! - `attachments`: what is attached to what, and under which names
//! - `atomic`: GPG signatures, which no manifest names
//! - `index`: `index.json` against the inventory
//! - [`error`]: what does not add up
//!
//! Memory: about 100 bytes a manifest, 4 bytes for each blob that a manifest names. No manifest is kept.

mod atomic;
mod attachments;
pub mod error;
mod index;
mod size;
mod tally;
#[cfg(test)]
mod tests;
mod walk;

pub use error::CatalogueError;
pub use size::{ImageSize, Mentioned, SizeTally};

use super::{Archive, ArchiveError};
use bundle_inventory::{AttachmentKind, BlobEntry, Found};
use bundle_oci::atomic::AtomicName;
use bundle_oci::manifest::MAX_MANIFEST;
use bundle_oci::{Descriptor, Digest, Manifest, Platform};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything that is in an archive and may be published, in the order in which a registry takes it.
#[derive(Debug)]
pub struct Catalogue {
    images: Vec<CatalogueImage>,
    manifests: Arc<[ManifestRecord]>,
    numbers: Arc<HashMap<Digest, u32>>,
}

/// One manifest or index: what names it, and what it names.
#[derive(Debug, Clone)]
pub struct ManifestRecord {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// The one type under which it is announced everywhere.
    pub media_type: Arc<str>,
    /// What it says it is attached to.
    pub subject: Option<Digest>,
    /// What it is as an attachment, by its content; `None` for an image that can be run.
    pub kind: Option<AttachmentKind>,
    /// Its config is an image's, so that a runtime would unpack layers of any type.
    pub has_image_config: bool,
    /// Config and layers that the archive holds, as places in the inventory's list.
    blobs: Box<[u32]>,
    /// Layers that may be left out by their type; the archive may hold them all the same.
    nondistributable: Box<[Digest]>,
    /// Manifests that it lists.
    children: Arc<[Child]>,
    /// What verification reads of its layers.
    evidence: tally::Evidence,
}

/// A manifest as an index lists it.
#[derive(Debug)]
struct Child {
    digest: Digest,
    size: u64,
    media_type: Arc<str>,
    platform: Option<Box<Platform>>,
}

/// The manifests of one image of the inventory.
#[derive(Debug, Clone)]
pub struct CatalogueImage {
    manifests: Vec<u32>,
    attachments: Vec<CatalogueAttachment>,
    signatures: Vec<CatalogueSignature>,
}

/// One GPG signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueSignature {
    /// Its name in the signature extension; names the subject.
    pub name: AtomicName,
    /// The manifest that it signs: one of the image.
    pub subject: Digest,
    /// Its OpenPGP message: digest and size of a blob in the trust section.
    pub blob: Descriptor,
}

/// The manifests of one attachment.
#[derive(Debug, Clone)]
pub struct CatalogueAttachment {
    /// What it is, by its content; `None` where an image that can be run is among its manifests.
    pub kind: Option<AttachmentKind>,
    /// How it is published. A tag is one of the three that cosign makes of the subject.
    pub found: Found,
    /// The manifest it is attached to: one of the image, or of an attachment before this one.
    pub subject: Digest,
    manifests: Vec<u32>,
}

impl ManifestRecord {
    /// The plain descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest, self.size)
    }

    /// True when it has layers that may be left out by their type.
    pub fn has_nondistributable_layers(&self) -> bool {
        !self.nondistributable.is_empty()
    }
}

impl Catalogue {
    /// Reads and compares everything that an archive holds, but for the content of configs and layers.
    ///
    /// # Errors
    /// Any [`CatalogueError`]: something missing, something that nothing refers to, two places that disagree.
    pub fn read(archive: &Archive) -> Result<Self, CatalogueError> {
        let mut walk = walk::Walk::new(archive);
        let images = archive
            .inventory()
            .images
            .iter()
            .map(|image| walk.image(image))
            .collect::<Result<Vec<_>, _>>()?;
        let catalogue = walk.finish(images)?;
        attachments::check_tags(&catalogue, archive.inventory())?;
        atomic::check_names(&catalogue, archive.inventory())?;
        index::check(&catalogue, archive)?;
        Ok(catalogue)
    }

    /// The same with some of the images alone: those whose number `is_kept` accepts.
    #[must_use]
    pub fn with_images(&self, is_kept: &dyn Fn(usize) -> bool) -> Self {
        let images = self.images.iter().enumerate().filter(|(number, _)| is_kept(*number));
        Self {
            images: images.map(|(_, image)| image.clone()).collect(),
            manifests: Arc::clone(&self.manifests),
            numbers: Arc::clone(&self.numbers),
        }
    }

    /// The images, in the inventory's order and as many as it has.
    pub fn images(&self) -> &[CatalogueImage] {
        &self.images
    }

    /// The manifest with this digest.
    pub fn manifest(&self, digest: &Digest) -> Option<&ManifestRecord> {
        self.numbers.get(digest).map(|number| &self.manifests[*number as usize])
    }

    /// Digests of the manifests that the one with this digest lists.
    pub fn children_of(&self, digest: Digest) -> impl Iterator<Item = Digest> {
        let record = self.manifest(&digest);
        record.into_iter().flat_map(|record| record.children.iter().map(|child| child.digest))
    }

    /// Manifests of an image: children before the index that lists them, the root last.
    pub fn manifests_of<'a>(
        &'a self,
        image: &'a CatalogueImage,
    ) -> impl DoubleEndedIterator<Item = &'a ManifestRecord> {
        self.resolve(&image.manifests)
    }

    /// Manifests of an attachment: children first, its own last.
    pub fn attached<'a>(
        &'a self,
        attachment: &'a CatalogueAttachment,
    ) -> impl DoubleEndedIterator<Item = &'a ManifestRecord> {
        self.resolve(&attachment.manifests)
    }

    /// Every manifest of an image and of its attachments; one that is reached twice comes twice.
    pub fn all_manifests<'a>(
        &'a self,
        image: &'a CatalogueImage,
    ) -> impl Iterator<Item = &'a ManifestRecord> {
        let attached = image.attachments.iter().flat_map(|attachment| &attachment.manifests);
        let numbers = image.manifests.iter().chain(attached);
        numbers.map(|number| &self.manifests[*number as usize])
    }

    /// Config and layers of a manifest, as far as the archive holds them, in order and with repetitions.
    pub fn blobs_of<'a>(
        &self,
        archive: &'a Archive,
        manifest: &'a ManifestRecord,
    ) -> impl Iterator<Item = &'a BlobEntry> {
        let blobs = &archive.inventory().blobs;
        manifest.blobs.iter().map(|number| &blobs[*number as usize])
    }

    /// Reads a manifest again, bounded and hashed.
    ///
    /// # Errors
    /// When the file changed in the meantime, or cannot be read.
    pub fn read_manifest(
        &self,
        archive: &Archive,
        record: &ManifestRecord,
    ) -> Result<Manifest, ArchiveError> {
        let bytes = archive.read(&record.digest, MAX_MANIFEST)?;
        Manifest::parse(bytes, &record.media_type).map_err(|error| ArchiveError::Blob {
            digest: record.digest,
            what: format!("it is no longer the manifest that it was: {error}"),
        })
    }

    fn resolve<'a>(
        &'a self,
        numbers: &'a [u32],
    ) -> impl DoubleEndedIterator<Item = &'a ManifestRecord> {
        numbers.iter().map(|number| &self.manifests[*number as usize])
    }
}

impl CatalogueImage {
    /// What is attached to the image's manifests and to its attachments, subjects before what is attached to them.
    pub fn attachments(&self) -> &[CatalogueAttachment] {
        &self.attachments
    }

    /// GPG signatures of the image's manifests, in the inventory's order.
    pub fn signatures(&self) -> &[CatalogueSignature] {
        &self.signatures
    }
}
