//! A plan without the images that could not be had.

use super::PackError;
use super::head::agree;
use crate::archive::head::{self, HeadFile};
use crate::archive::remainder::holes;
use crate::inventory::{Found, ImageEntry, Inventory};
use crate::oci::Digest;
use crate::oci::layout::REF_NAME;
use crate::report::pack::LeftOut;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What an archive holds in the end.
pub(super) struct Remainder {
    pub(super) inventory: Inventory,
    /// The head.
    pub(super) files: Vec<HeadFile>,
    /// Images that are not in it.
    pub(super) left_out: Vec<LeftOut>,
}

/// Takes out the images that failed; `kept` says of each blob whether another image needs it.
///
/// # Errors
/// When no image would be left: the reason of the first one.
pub(super) fn without(
    whole: Remainder,
    failed: &BTreeMap<u32, Arc<PackError>>,
    kept: &[bool],
) -> Result<Remainder, PackError> {
    let Remainder { mut inventory, mut files, mut left_out } = whole;
    let mut images = Vec::with_capacity(inventory.images.len());
    for (number, image) in (0..).zip(std::mem::take(&mut inventory.images)) {
        match failed.get(&number) {
            None => images.push(image),
            Some(error) => left_out.push(error.leaves_out(image.source.to_string())),
        }
    }
    if images.is_empty() {
        let sources = left_out.iter().map(|left| left.source.clone()).collect();
        let first = failed.values().next().cloned();
        return Err(PackError::NothingLeft { sources, first });
    }
    let index = index(&files, &images)?;
    for file in &mut files {
        if file.name == head::INDEX {
            file.bytes.clone_from(&index);
        }
    }
    (inventory.blobs, inventory.holes) = holes(&inventory.blobs, kept);
    inventory.images = images;
    agree(&mut inventory, &mut files)?;
    Ok(Remainder { inventory, files, left_out })
}

/// `index.json` without what belongs to other images alone; of one image that is its own entry, as in every bundle of one.
fn index(files: &[HeadFile], images: &[ImageEntry]) -> Result<Vec<u8>, PackError> {
    let file = files.iter().find(|file| file.name == head::INDEX);
    let mut index: Value = serde_json::from_slice(file.map_or(&[], |file| &file.bytes))?;
    let mut entries: HashSet<(Option<String>, Digest)> = HashSet::new();
    for image in images {
        entries.insert((Some(image.source.to_string()), image.digest));
        for attachment in image.attachments.iter().filter(|_| images.len() > 1) {
            let name = match &attachment.found {
                Found::Tag(tag) => Some(format!("{}:{tag}", image.source.repository())),
                Found::Referrer => None,
            };
            entries.insert((name, attachment.digest));
        }
    }
    if let Some(manifests) = index["manifests"].as_array_mut() {
        manifests.retain(|entry| {
            let name = entry["annotations"][REF_NAME].as_str().map(str::to_owned);
            let digest = entry["digest"].as_str().and_then(|digest| digest.parse().ok());
            digest.is_some_and(|digest| entries.contains(&(name, digest)))
        });
    }
    Ok(serde_json::to_vec(&index)?)
}
