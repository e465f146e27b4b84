//! Values that every archive has, and whole archives of given contents.

use crate::geometry::Geometry;
use crate::head::{self, HeadFile};
use crate::limits::LEVEL;
use crate::write::{ArchiveWriter, Blueprint};
use bundle_inventory::{
    BlobEntry, FORMAT, FORMAT_VERSION, FileEntry, ImageEntry, Inventory, Lookup, PackVerdict,
    Stored, Tool, Totals,
};
use bundle_oci::{Descriptor, Digest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Contents of blobs, in the order of the archive.
pub type Contents = BTreeMap<(Stored, Digest), Vec<u8>>;

/// A blob as the inventory lists it.
pub fn blob_entry(stored: Stored, content: &[u8]) -> BlobEntry {
    BlobEntry { digest: Digest::of(content), size: content.len() as u64, stored }
}

/// A file of the head.
pub fn head_file(name: &str, bytes: &[u8]) -> HeadFile {
    HeadFile { name: name.into(), bytes: bytes.into() }
}

/// The files of a layout that list these manifests.
pub fn layout_files(index: &[u8]) -> Vec<HeadFile> {
    vec![head_file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT), head_file(head::INDEX, index)]
}

/// An image as the inventory lists it: unverified, without platforms and attachments.
pub fn image_entry(source: &str, root: &Descriptor) -> ImageEntry {
    ImageEntry {
        source: source.parse().expect("a reference"),
        fetched_from: source.to_owned(),
        media_type: root.media_type.clone(),
        digest: root.digest,
        size: root.size,
        platforms: Vec::new(),
        omitted: Vec::new(),
        foreign: Vec::new(),
        attachment_lookup: Lookup::Complete,
        attachments: Vec::new(),
        atomic_signatures: Vec::new(),
        verdict: PackVerdict::unverified(),
    }
}

/// An inventory that agrees with these images, files and blobs.
pub fn inventory(images: Vec<ImageEntry>, files: &[HeadFile], blobs: Vec<BlobEntry>) -> Inventory {
    let attachments: usize = images.iter().map(|image| image.attachments.len()).sum();
    let listed = files.iter().map(|file| FileEntry {
        name: file.name.clone(),
        size: file.bytes.len() as u64,
        digest: Digest::of(&file.bytes),
    });
    Inventory {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION.into(),
        must_understand: Vec::new(),
        name: None,
        sequence: None,
        created: "2026-01-01T00:00:00Z".into(),
        expires: None,
        rotation: None,
        tool: Tool { name: "bundle".into(), version: "0".into() },
        totals: Totals {
            images: images.len() as u64,
            attachments: attachments as u64,
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|blob| blob.size).sum(),
        },
        images,
        keys: Vec::new(),
        files: listed.collect(),
        blobs,
        holes: Vec::new(),
        volume_size: None,
    }
}

/// The archive of an inventory and of the other files of its head.
pub fn blueprint(inventory: &Inventory, mut files: Vec<HeadFile>, geometry: Geometry) -> Blueprint {
    files.insert(1, head_file(head::INVENTORY, &inventory.to_bytes().expect("JSON")));
    Blueprint { files, blobs: inventory.blobs.clone(), mtime: 0, geometry, level: LEVEL }
}

/// Writes the contents of all blobs, which are in the order of the blueprint, and finishes the archive.
pub fn fill<'c>(writer: ArchiveWriter, contents: impl Iterator<Item = &'c [u8]>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut section = writer.compressed_section();
    for (number, content) in contents.enumerate() {
        if number < writer.raw_blobs() {
            let mut entry = writer.entry(number).expect("an entry");
            entry.write(content).expect("written");
            entry.finish().expect("the right content");
            continue;
        }
        runtime.block_on(async {
            let mut entry = section.entry(writer.blobs()[number]).expect("an entry");
            entry.write(content).await.expect("written");
            entry.finish().await.expect("the right content");
        });
    }
    runtime.block_on(section.drain()).expect("drained");
    writer.finish(section).expect("finished");
}

/// Takes away the blobs that none of `images` needs, or needs only through one of the `omitted` manifests.
pub fn keep_referenced(blobs: &mut Contents, images: &[ImageEntry], omitted: &[Digest]) {
    let attached = images.iter().flat_map(|image| &image.attachments);
    let mut wanted: Vec<Digest> = images.iter().map(|image| image.digest).collect();
    wanted.extend(attached.map(|attachment| attachment.digest));
    let mut needed = BTreeSet::new();
    while let Some(digest) = wanted.pop() {
        if omitted.contains(&digest) || !needed.insert(digest) {
            continue;
        }
        let Some(content) = blobs.get(&(Stored::Trust, digest)) else { continue };
        let Ok(document) = serde_json::from_slice::<Value>(content) else { continue };
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let mut named = [list("manifests"), list("layers")].concat();
        named.push(document["config"].clone());
        wanted.extend(named.iter().filter_map(|d| d["digest"].as_str()?.parse::<Digest>().ok()));
    }
    blobs.retain(|(_, digest), _| needed.contains(digest));
}
