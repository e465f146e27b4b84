//! A forged bundle as the bytes of a tar.

use super::{Choices, Forger, wire};
use bundle::archive::entry::header;
use bundle::archive::head;
use bundle::inventory::{
    BlobEntry, FORMAT, FORMAT_VERSION, FileEntry, ImageEntry, Inventory, Stored, Tool, Totals,
};
use bundle::oci::layout::REF_NAME;
use bundle::oci::{Descriptor, Digest, media_type};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Forger {
    pub(super) fn write(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        self.drop_unreferenced();
        let entry = |image: &ImageEntry| {
            let mut entry = Descriptor::new(&image.media_type, image.digest, image.size);
            entry.annotations.insert(REF_NAME.into(), image.source.to_string());
            wire(&entry)
        };
        let mut entries: Vec<Value> = self.images.iter().map(entry).collect();
        match choices.byte() {
            240..245 => drop(entries.pop()),
            245..250 => entries.extend(entries.first().cloned()),
            _ => {}
        }
        let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": entries})
        .to_string();
        let files = [(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT), (head::INDEX, index.as_bytes())];
        let blobs: Vec<BlobEntry> = self
            .blobs
            .iter()
            .map(|((stored, digest), content)| BlobEntry {
                digest: *digest,
                size: content.len() as u64,
                stored: *stored,
            })
            .collect();
        let attachments: usize = self.images.iter().map(|image| image.attachments.len()).sum();
        let inventory = Inventory {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION.into(),
            must_understand: vec![],
            name: None,
            sequence: None,
            created: "2026-01-01T00:00:00Z".into(),
            expires: None,
            rotation: None,
            tool: Tool { name: "bundle".into(), version: "0".into() },
            images: self.images.clone(),
            keys: vec![],
            files: files
                .map(|(name, bytes)| FileEntry {
                    name: name.into(),
                    size: bytes.len() as u64,
                    digest: Digest::of(bytes),
                })
                .into(),
            totals: Totals {
                images: self.images.len() as u64,
                attachments: attachments as u64,
                blobs: blobs.len() as u64,
                bytes: blobs.iter().map(|blob| blob.size).sum(),
            },
            blobs,
            holes: vec![],
            volume_size: None,
        };
        let inventory = inventory.to_bytes().expect("JSON");
        let mut tar = Vec::new();
        entry_of(&mut tar, head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT);
        entry_of(&mut tar, head::INVENTORY, &inventory);
        entry_of(&mut tar, head::INDEX, index.as_bytes());
        for ((_, digest), content) in &self.blobs {
            entry_of(&mut tar, &format!("blobs/sha256/{}", digest.hex()), content);
        }
        tar.resize(tar.len() + 1024, 0);
        if choices.seldom() {
            let place = usize::from(choices.byte()) << 8 | usize::from(choices.byte());
            let place = place % tar.len();
            tar[place] ^= 1 << choices.below(8);
        }
        tar
    }

    /// A bundle holds nothing that no image needs.
    fn drop_unreferenced(&mut self) {
        let attached = self.images.iter().flat_map(|image| &image.attachments);
        let mut open: Vec<Digest> = self.images.iter().map(|image| image.digest).collect();
        open.extend(attached.map(|attachment| attachment.digest));
        let mut needed = BTreeSet::new();
        while let Some(digest) = open.pop() {
            if !needed.insert(digest) {
                continue;
            }
            let Some(content) = self.blobs.get(&(Stored::Trust, digest)) else { continue };
            let Ok(document) = serde_json::from_slice::<Value>(content) else { continue };
            let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
            let mut named = [list("manifests"), list("layers")].concat();
            named.push(document["config"].clone());
            open.extend(named.iter().filter_map(|d| d["digest"].as_str()?.parse::<Digest>().ok()));
        }
        self.blobs.retain(|(_, digest), _| needed.contains(digest));
    }
}

/// An entry of the tar.
fn entry_of(tar: &mut Vec<u8>, name: &str, content: &[u8]) {
    tar.extend(header(name, content.len() as u64, 0).expect("a short name"));
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}
