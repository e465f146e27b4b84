//! A forged bundle as the bytes of a tar.

use super::{Choices, Forger, wire};
use bundle::archive::entry::header;
use bundle::archive::head;
use bundle::archive::testing::{blob_entry, inventory, keep_referenced, layout_files};
use bundle::inventory::ImageEntry;
use bundle::oci::layout::REF_NAME;
use bundle::oci::{Descriptor, media_type};
use serde_json::{Value, json};

impl Forger {
    pub(super) fn write(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        // A bundle holds nothing that no image needs.
        keep_referenced(&mut self.blobs, &self.images, &[]);
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
        let files = layout_files(index.as_bytes());
        let blobs = self.blobs.iter().map(|((stored, _), content)| blob_entry(*stored, content));
        let inventory = inventory(self.images.clone(), &files, blobs.collect());
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
}

/// An entry of the tar.
fn entry_of(tar: &mut Vec<u8>, name: &str, content: &[u8]) {
    tar.extend(header(name, content.len() as u64, 0).expect("a short name"));
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}
