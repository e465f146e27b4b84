//! Every blob of every image, gathered from manifests: each once, in the section it belongs to, with where it comes from.

use super::PackError;
use super::discover::{Attachment, FoundSignature};
use super::origin::Origin;
use super::part::{Form, Part};
use super::resolve::ResolvedImage;
use crate::archive::limits::{MAX_TRUST_BLOB, RAW_BELOW};
use crate::inventory::{AttachmentEntry, ImageEntry, PackVerdict, Stored};
use crate::oci::manifest::MAX_MANIFEST;
use crate::oci::{Descriptor, Digest, Manifest, Meaning, media_type};
use bytes::Bytes;
use std::collections::HashMap;

/// Where a blob comes from.
pub(super) enum Supply {
    /// It was fetched while resolving.
    Held(Bytes),
    /// It is fetched in the transfer.
    Fetch(Origin, Box<Descriptor>),
}

/// Blobs gathered from manifests, each once, with the section it goes to.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) order: Vec<Digest>,
    pub(super) blobs: HashMap<Digest, (u64, Stored)>,
    pub(super) supply: HashMap<Digest, Supply>,
    pub(super) parts: HashMap<Digest, Part>,
    /// The image whose blobs are being added.
    pub(super) image: u32,
}

impl Gathered {
    /// Adds a blob; one that is named twice lies in the earliest section that wants it.
    fn add(
        &mut self,
        digest: Digest,
        size: u64,
        media_type: &str,
        stored: Stored,
        supply: impl FnOnce() -> Supply,
    ) -> Result<(), PackError> {
        let part = self.parts.entry(digest).or_insert_with(|| Part {
            media_type: media_type.to_owned(),
            form: Form::Blob,
            images: Vec::new(),
        });
        if part.images.last() != Some(&self.image) {
            part.images.push(self.image);
        }
        match self.blobs.get_mut(&digest) {
            Some((known, _)) if *known != size => Err(PackError::Usage(format!(
                "blob {digest} is said to have {known} bytes and {size} bytes by two manifests"
            ))),
            Some((_, section)) => {
                *section = (*section).min(stored);
                Ok(())
            }
            None => {
                self.order.push(digest);
                self.blobs.insert(digest, (size, stored));
                self.supply.insert(digest, supply());
                Ok(())
            }
        }
    }

    fn manifest(&mut self, manifest: &Manifest) -> Result<(), PackError> {
        let bytes = manifest.bytes();
        let (digest, size) = (manifest.digest(), bytes.len() as u64);
        let media_type = manifest.media_type();
        self.add(digest, size, media_type, Stored::Trust, || Supply::Held(bytes.clone()))?;
        // It may be named as a blob elsewhere; what is held need not be fetched.
        if let Some(part) = self.parts.get_mut(&digest) {
            part.form = Form::Manifest;
        }
        self.supply.insert(digest, Supply::Held(bytes.clone()));
        Ok(())
    }
}

/// Section of a layer by what it says it is.
fn section_of(layer: &Descriptor) -> Stored {
    if media_type::is_compressed(&layer.media_type) || layer.size < RAW_BELOW {
        Stored::Raw
    } else {
        Stored::Compressed
    }
}
/// Adds everything that belongs to an image; gives its entry in the inventory.
pub(super) fn gather_image(
    gathered: &mut Gathered,
    image: &ResolvedImage,
    verdict: &PackVerdict,
    foreign_layers: bool,
) -> Result<ImageEntry, PackError> {
    let mut foreign = Vec::new();
    for manifest in &image.manifests {
        gathered.manifest(manifest)?;
        for layer in gather_blobs(gathered, &image.origin, manifest, foreign_layers)? {
            if !foreign.contains(&layer) {
                foreign.push(layer);
            }
        }
    }
    for attachment in &image.attachments.found {
        for manifest in &attachment.manifests {
            gathered.manifest(manifest)?;
            gather_attached(gathered, &image.origin, attachment, manifest)?;
        }
    }
    for signature in &image.attachments.signatures {
        let blob = signature.blob();
        let content = || Supply::Held(signature.content.clone());
        gathered.add(blob.digest, blob.size, &blob.media_type, Stored::Trust, content)?;
    }
    let root = image.root();
    Ok(ImageEntry {
        source: image.source.clone(),
        fetched_from: image.fetched_from.clone(),
        media_type: root.media_type().into(),
        digest: root.digest(),
        size: root.bytes().len() as u64,
        platforms: image.platforms.clone(),
        omitted: image.omitted.clone(),
        foreign,
        attachment_lookup: image.attachments.lookup,
        attachments: image.attachments.found.iter().map(attachment_entry).collect(),
        atomic_signatures: image.attachments.signatures.iter().map(FoundSignature::entry).collect(),
        verdict: verdict.clone(),
    })
}

/// Adds config and layers of an image; gives the non-distributable layers that are left out.
fn gather_blobs(
    gathered: &mut Gathered,
    origin: &Origin,
    manifest: &Manifest,
    foreign_layers: bool,
) -> Result<Vec<Digest>, PackError> {
    let mut left_out = Vec::new();
    // A config decides which platform an image is for, so verification reads it before any layer.
    let config = match manifest.meaning() {
        Meaning::Image(image) if image.config.size <= MAX_MANIFEST => Some(image.config.digest),
        _ => None,
    };
    for blob in manifest.blobs() {
        if media_type::is_nondistributable(&blob.media_type) && !foreign_layers {
            left_out.push(blob.digest);
            continue;
        }
        let is_config = config == Some(blob.digest);
        let section = if is_config { Stored::Trust } else { section_of(blob) };
        gathered.add(blob.digest, blob.size, &blob.media_type, section, || supply(origin, blob))?;
    }
    Ok(left_out)
}

/// Adds config and layers of an attachment's manifest: what verification reads goes into the trust section.
fn gather_attached(
    gathered: &mut Gathered,
    origin: &Origin,
    attachment: &Attachment,
    manifest: &Manifest,
) -> Result<(), PackError> {
    let evidence: Vec<Digest> = super::discover::signature_layers(manifest)
        .filter(|layer| layer.size <= MAX_TRUST_BLOB)
        .map(|layer| layer.digest)
        .collect();
    let is_image = matches!(manifest.meaning(), Meaning::Image(_));
    for (n, blob) in manifest.blobs().enumerate() {
        let is_config = is_image && n == 0 && blob.size <= MAX_MANIFEST;
        let trust = is_config || evidence.contains(&blob.digest);
        let section = if trust { Stored::Trust } else { section_of(blob) };
        gathered.add(blob.digest, blob.size, &blob.media_type, section, || {
            match attachment.layers.get(&blob.digest) {
                Some(content) => Supply::Held(content.clone()),
                None => supply(origin, blob),
            }
        })?;
    }
    Ok(())
}

/// What stands inline in a descriptor need not be fetched.
fn supply(origin: &Origin, blob: &Descriptor) -> Supply {
    match &blob.content {
        Some(content) => Supply::Held(content.clone()),
        None => Supply::Fetch(origin.clone(), blob.clone().into()),
    }
}

fn attachment_entry(attachment: &Attachment) -> AttachmentEntry {
    let manifest = attachment.manifest();
    AttachmentEntry {
        kind: attachment.kind,
        found: attachment.how.clone(),
        subject: attachment.subject,
        media_type: manifest.media_type().into(),
        digest: manifest.digest(),
        size: manifest.bytes().len() as u64,
        artifact_type: manifest.effective_artifact_type().map(str::to_owned),
    }
}
