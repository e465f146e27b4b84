//! `index.json`, which other tools go by, says the same as the inventory.

use super::error::CatalogueError;
use super::{Archive, Catalogue};
use crate::head;
use bundle_inventory::Found;
use bundle_oci::Digest;
use bundle_oci::layout::index::IndexFile;
use bundle_oci::text::bounded;
use std::collections::{HashMap, HashSet};

/// Room for one entry: a descriptor with a name and what later versions may add.
const LARGEST_ENTRY: u64 = 4 << 10;
/// Values of one entry, and of everything beside the entries: a descriptor with a name has six.
const ENTRY_VALUES: usize = 40;

/// Compares `index.json` with the inventory: every image is there under its name, every entry is a manifest that is
/// carried, and no name leads elsewhere than the inventory says.
pub(super) fn check(catalogue: &Catalogue, archive: &Archive) -> Result<(), CatalogueError> {
    let contradiction = |what: String| Err(CatalogueError::IndexContradiction(what));
    let bytes = archive.file(head::INDEX).unwrap_or_default();
    let names = names(catalogue, archive);
    // Reading JSON takes many times its length of memory, so nothing is read that could not be an entry.
    let entries = catalogue.manifests.len() + names.len() + 1;
    if bytes.len() as u64 > entries as u64 * LARGEST_ENTRY {
        return contradiction(format!("{} bytes for {} names", bytes.len(), names.len()));
    }
    let index = IndexFile::parse(bytes, entries * ENTRY_VALUES)?;
    let mut seen = HashSet::new();
    for entry in index.entries() {
        let descriptor = entry.descriptor();
        let digest = descriptor.digest;
        let Some(manifest) = catalogue.manifest(&digest) else {
            return contradiction(format!("{digest} is not a manifest of any image"));
        };
        if manifest.size != descriptor.size || *manifest.media_type != *descriptor.media_type {
            return contradiction(format!("{digest} has another size or media type"));
        }
        let Some(name) = entry.name() else { continue };
        let shown = || bounded(name);
        match names.get(name) {
            Some(expected) if *expected == digest => {}
            Some(_) => return contradiction(format!("{:?} leads to {digest}", shown())),
            None => return contradiction(format!("{:?} is not a name in the inventory", shown())),
        }
        if !seen.insert(name) {
            return contradiction(format!("{:?} is there twice", shown()));
        }
    }
    for image in &archive.inventory().images {
        let name = image.source.to_string();
        if !seen.contains(name.as_str()) {
            return contradiction(format!("{:?} is missing", bounded(&name)));
        }
    }
    Ok(())
}

/// Every name that an entry may have, with the digest it must lead to: those of images, and of attachments by tag.
fn names(catalogue: &Catalogue, archive: &Archive) -> HashMap<String, Digest> {
    let mut names = HashMap::new();
    let images = &archive.inventory().images;
    for (entry, image) in images.iter().zip(catalogue.images()) {
        for attachment in image.attachments() {
            if let (Found::Tag(tag), Some(own)) =
                (&attachment.found, catalogue.attached(attachment).next_back())
            {
                names.insert(format!("{}:{tag}", entry.source.repository()), own.digest);
            }
        }
    }
    // Images last: should one have the name of an attachment, the image's counts.
    names.extend(images.iter().map(|image| (image.source.to_string(), image.digest)));
    names
}
