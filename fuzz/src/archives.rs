//! Small genuine archives, to begin from.

use bundle::archive::geometry::Geometry;
use bundle::archive::head::HeadFile;
use bundle::archive::testing::{self, blob_entry, fill, image_entry, layout_files};
use bundle::archive::write::ArchiveWriter;
use bundle::inventory::{BlobEntry, Inventory, Stored};
use bundle::oci::{Descriptor, Digest, media_type};
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
pub fn inventory(
    contents: &[(Stored, Vec<u8>)],
    files: &[HeadFile],
    geometry: Geometry,
) -> Inventory {
    let blobs: Vec<BlobEntry> =
        contents.iter().map(|(stored, content)| blob_entry(*stored, content)).collect();
    let root = Descriptor::new(media_type::OCI_MANIFEST, blobs[0].digest, blobs[0].size);
    let mut image = image_entry("registry.example/team/app:1", &root);
    image.platforms = vec!["linux/amd64".parse().expect("a platform")];
    let mut inventory = testing::inventory(vec![image], files, blobs);
    inventory.name = Some("series".into());
    inventory.volume_size = geometry.volume_size();
    inventory
}

/// The files beside the inventory in the head of a small archive.
pub fn files() -> Vec<HeadFile> {
    layout_files(br#"{"schemaVersion":2,"manifests":[]}"#)
}

/// Writes an archive of these contents.
pub fn write(path: &Path, contents: &[(Stored, Vec<u8>)], geometry: Geometry) {
    let files = files();
    let inventory = inventory(contents, &files, geometry);
    let blueprint = testing::blueprint(&inventory, files, geometry);
    let writer = ArchiveWriter::create(path, blueprint).expect("created");
    fill(writer, contents.iter().map(|(_, content)| content.as_slice()));
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
