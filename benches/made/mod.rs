//! Archives for the benchmarks: of noise, the same every time.

#![allow(dead_code, reason = "each benchmark uses its part")]

use bundle::archive::geometry::Geometry;
use bundle::archive::testing::{self, blob_entry, fill, image_entry, layout_files};
use bundle::archive::write::{ArchiveWriter, Blueprint};
use bundle::inventory::{BlobEntry, ImageEntry, PackVerdict, Stored};
use bundle::oci::{Descriptor, media_type};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder on the disk that holds the build; gone when it is dropped.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// `length` bytes that do not shrink (xorshift64*).
pub(crate) fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// An archive of these blobs, in archive order, and of `images` names for the first of them.
pub(crate) fn blueprint(blobs: &[(Stored, &[u8])], images: usize) -> Blueprint {
    let blobs: Vec<BlobEntry> =
        blobs.iter().map(|(stored, content)| blob_entry(*stored, content)).collect();
    let images = blobs.iter().take(images).enumerate().map(|(n, blob)| image(n, blob)).collect();
    let files = layout_files(br#"{"schemaVersion":2,"manifests":[]}"#);
    let inventory = testing::inventory(images, &files, blobs);
    testing::blueprint(&inventory, files, Geometry::WHOLE)
}

fn image(number: usize, root: &BlobEntry) -> ImageEntry {
    let source = format!("registry.example/team/service{number}:1.0");
    let root = Descriptor::new(media_type::OCI_INDEX, root.digest, root.size);
    let verdict = PackVerdict {
        code: "signed".into(),
        keys: vec![root.digest.to_string()],
        identities: vec![],
    };
    let platforms = ["linux/amd64", "linux/arm64/v8"].map(|p| p.parse().expect("one")).into();
    ImageEntry { platforms, verdict, ..image_entry(&source, &root) }
}

/// Writes an archive of these blobs into `folder`.
pub(crate) fn archive(folder: &Path, blobs: &[(Stored, &[u8])], images: usize) -> PathBuf {
    let path = folder.join("made.tar.zst");
    let writer = ArchiveWriter::create(&path, blueprint(blobs, images)).expect("created");
    fill(writer, blobs.iter().map(|(_, content)| *content));
    path
}
