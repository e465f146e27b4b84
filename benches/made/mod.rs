//! Archives for the benchmarks: of noise, the same every time.

#![allow(dead_code, reason = "each benchmark uses its part")]

use bundle::archive::geometry::Geometry;
use bundle::archive::head::{self, HeadFile};
use bundle::archive::limits::LEVEL;
use bundle::archive::write::{ArchiveWriter, Blueprint};
use bundle::inventory::{
    BlobEntry, FORMAT, FORMAT_VERSION, FileEntry, ImageEntry, Inventory, Lookup, PackVerdict,
    Stored, Tool, Totals,
};
use bundle::oci::{Digest, media_type};
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
    let blobs: Vec<BlobEntry> = blobs
        .iter()
        .map(|(stored, content)| BlobEntry {
            digest: Digest::of(content),
            size: content.len() as u64,
            stored: *stored,
        })
        .collect();
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    let mut files = vec![
        file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT),
        file(head::INDEX, br#"{"schemaVersion":2,"manifests":[]}"#),
    ];
    let listed = files.iter().map(|file| FileEntry {
        name: file.name.clone(),
        size: file.bytes.len() as u64,
        digest: Digest::of(&file.bytes),
    });
    let inventory = Inventory {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION.into(),
        must_understand: Vec::new(),
        name: None,
        sequence: None,
        created: "2026-01-01T00:00:00Z".into(),
        expires: None,
        rotation: None,
        tool: Tool { name: "bundle".into(), version: "0".into() },
        images: blobs.iter().take(images).enumerate().map(|(n, blob)| image(n, blob)).collect(),
        keys: Vec::new(),
        files: listed.collect(),
        totals: Totals {
            images: images as u64,
            attachments: 0,
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|blob| blob.size).sum(),
        },
        blobs: blobs.clone(),
        holes: Vec::new(),
        volume_size: None,
    };
    files.insert(1, file(head::INVENTORY, &inventory.to_bytes().expect("JSON")));
    Blueprint { files, blobs, mtime: 0, geometry: Geometry::WHOLE, level: LEVEL }
}

fn image(number: usize, root: &BlobEntry) -> ImageEntry {
    let source = format!("registry.example/team/service{number}:1.0");
    ImageEntry {
        source: source.parse().expect("a reference"),
        fetched_from: source,
        media_type: media_type::OCI_INDEX.into(),
        digest: root.digest,
        size: root.size,
        platforms: ["linux/amd64", "linux/arm64/v8"].map(|p| p.parse().expect("one")).into(),
        omitted: Vec::new(),
        foreign: Vec::new(),
        attachment_lookup: Lookup::Complete,
        attachments: Vec::new(),
        atomic_signatures: Vec::new(),
        verdict: PackVerdict {
            code: "signed".into(),
            keys: vec![root.digest.to_string()],
            identities: vec![],
        },
    }
}

/// Writes an archive of these blobs into `folder`.
pub(crate) fn archive(folder: &Path, blobs: &[(Stored, &[u8])], images: usize) -> PathBuf {
    let path = folder.join("made.tar.zst");
    let writer = ArchiveWriter::create(&path, blueprint(blobs, images)).expect("created");
    let mut section = writer.compressed_section();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for (number, (stored, content)) in blobs.iter().enumerate() {
        if *stored == Stored::Compressed {
            runtime.block_on(async {
                let blob = writer.blobs()[number];
                let mut entry = section.entry(blob).expect("an entry");
                entry.write(content).await.expect("written");
                entry.finish().await.expect("the right content");
            });
            continue;
        }
        let mut entry = writer.entry(number).expect("an entry");
        entry.write(content).expect("written");
        entry.finish().expect("the right content");
    }
    runtime.block_on(section.drain()).expect("drained");
    writer.finish(section).expect("finished");
    path
}
