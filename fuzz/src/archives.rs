//! Small genuine archives, to begin from.

use bundle::archive::geometry::Geometry;
use bundle::archive::head::{self, HeadFile};
use bundle::archive::write::{ArchiveWriter, Blueprint};
use bundle::inventory::{
    BlobEntry, FORMAT, FORMAT_VERSION, FileEntry, Hole, ImageEntry, Inventory, Lookup, PackVerdict,
    Stored, Tool, Totals,
};
use bundle::oci::Digest;
use std::path::Path;

/// An image manifest with a platform, a layer and annotations.
pub const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"annotations":{"a":"b"}}],"annotations":{"org.opencontainers.image.ref.name":"x"}}"#;
/// An index with a child that has a platform, and one that is unknown.
pub const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"platform":{"architecture":"arm64","os":"linux","variant":"v8"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"platform":{"architecture":"unknown","os":"unknown"}}]}"#;
/// An artifact with a subject.
pub const ARTIFACT: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-test","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}}"#;

/// Contents of a small archive, in its order.
pub fn contents() -> Vec<(Stored, Vec<u8>)> {
    let text = |seed: u32, length: u32| (0..length).map(|n| (n / 97 * seed) as u8).collect();
    vec![
        (Stored::Trust, MANIFEST.into()),
        (Stored::Raw, text(3, 3_000)),
        (Stored::Compressed, text(5, 70_000)),
        (Stored::Compressed, text(7, 300_000)),
    ]
}

/// The inventory of an archive of these contents.
pub fn inventory(contents: &[(Stored, Vec<u8>)], index: &[u8], geometry: Geometry) -> Inventory {
    let entry = |(stored, content): &(Stored, Vec<u8>)| BlobEntry {
        digest: Digest::of(content),
        size: content.len() as u64,
        stored: *stored,
    };
    let blobs: Vec<BlobEntry> = contents.iter().map(entry).collect();
    let listed = [(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT), (head::INDEX, index)];
    let file = |(name, bytes): (&str, &[u8])| FileEntry {
        name: name.into(),
        size: bytes.len() as u64,
        digest: Digest::of(bytes),
    };
    let image = ImageEntry {
        source: "registry.example/team/app:1".parse().expect("a reference"),
        fetched_from: "registry.example/team/app:1".into(),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        digest: blobs[0].digest,
        size: blobs[0].size,
        platforms: vec!["linux/amd64".parse().expect("a platform")],
        omitted: vec![],
        foreign: vec![],
        attachment_lookup: Lookup::Complete,
        attachments: vec![],
        atomic_signatures: vec![],
        verdict: PackVerdict { code: "unverified".into(), keys: vec![], identities: vec![] },
    };
    Inventory {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION.into(),
        must_understand: vec![],
        name: Some("series".into()),
        sequence: None,
        created: "2026-01-01T00:00:00Z".into(),
        expires: None,
        rotation: None,
        tool: Tool { name: "bundle".into(), version: "0".into() },
        images: vec![image],
        keys: vec![],
        files: listed.map(file).into(),
        totals: Totals {
            images: 1,
            attachments: 0,
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|blob| blob.size).sum(),
        },
        blobs,
        holes: Vec::<Hole>::new(),
        volume_size: geometry.volume_size(),
    }
}

/// Writes an archive of these contents.
pub fn write(path: &Path, contents: &[(Stored, Vec<u8>)], geometry: Geometry) {
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let inventory = inventory(contents, index, geometry);
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    let files = vec![
        file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT),
        file(head::INVENTORY, &inventory.to_bytes().expect("JSON")),
        file(head::INDEX, index),
    ];
    let blueprint =
        Blueprint { files, blobs: inventory.blobs.clone(), mtime: 0, geometry, level: 1 };
    let writer = ArchiveWriter::create(path, blueprint).expect("created");
    for (number, (_, content)) in contents.iter().enumerate().take(writer.raw_blobs()) {
        let mut entry = writer.entry(number).expect("an entry");
        entry.write(content).expect("written");
        entry.finish().expect("the right content");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let section = runtime.block_on(async {
        let mut section = writer.compressed_section();
        for (place, (_, content)) in writer.blobs().iter().zip(contents).skip(writer.raw_blobs()) {
            let mut entry = section.entry(*place).expect("an entry");
            entry.write(content).await.expect("written");
            entry.finish().await.expect("the right content");
        }
        section.drain().await.expect("drained");
        section
    });
    writer.finish(section).expect("finished");
}

/// The bytes of a small archive, and where its compressed frames begin.
pub fn archive(geometry: Geometry) -> (Vec<u8>, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a");
    let contents = contents();
    write(&path, &contents, geometry);
    let archive = bundle::archive::Archive::open(&path).expect("an archive");
    let frames = archive.stored_frames(&Digest::of(&contents[2].1)).expect("its frames");
    let start = archive.medium().expect("files").locate(frames[0].0).expect("a place").1;
    let files: Vec<_> = archive.medium().expect("files").paths().map(Path::to_owned).collect();
    let volumes = files.iter().map(|file| std::fs::read(file).expect("a volume"));
    (volumes.collect::<Vec<_>>().concat(), start as usize)
}
