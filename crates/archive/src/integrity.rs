//! Reading every byte: which blobs are damaged, where they lie, and which images they belong to.

use super::medium::Medium;
use super::parallel::parallel_map;
use super::sequential::BlobStream;
use super::{Archive, ArchiveError};
use bundle_inventory::{BlobEntry, Stored};
use bundle_oci::manifest::MAX_MANIFEST;
use bundle_oci::{Descriptor, Digest, Hasher, Manifest};
use bundle_progress::Progress;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every byte.
    Whole,
    /// The trust section: manifests, configs and what signatures are read from.
    TrustSection,
}

/// What was read, and what is wrong with it.
#[derive(Debug)]
pub struct Integrity {
    /// Blobs read.
    pub blobs: u64,
    /// Their sizes in bytes.
    pub bytes: u64,
    /// Damaged ones, in archive order.
    pub damaged: Vec<Damage>,
}

/// One blob that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Damage {
    /// Which blob.
    pub digest: Digest,
    /// Its size in bytes, as the inventory says.
    pub size: u64,
    /// The volumes that its frames lie in; empty for an archive in one file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Where its first frame starts in its file, in bytes.
    pub offset: u64,
    /// How long its frames are together, in bytes.
    pub length: u64,
    /// What is wrong.
    pub what: String,
    /// Sources of the images that need it, as far as their manifests can be read; sorted.
    pub images: Vec<String>,
}

/// Reads blobs on all cores and compares frame checksums, structure and digests. Memory: one buffer of 256 KiB for each
/// core. Blocks.
pub fn check(archive: &Archive, depth: Depth, progress: &dyn Progress) -> Integrity {
    let wanted = |blob: &&BlobEntry| depth == Depth::Whole || blob.stored == Stored::Trust;
    let blobs: Vec<&BlobEntry> = archive.inventory().blobs.iter().filter(wanted).collect();
    let bytes = blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
    progress.total(blobs.len() as u64, bytes);
    let found = parallel_map(&blobs, || (), |(), blob| read(archive, blob, progress).err());
    let found = found.into_iter().enumerate();
    let found: Vec<(usize, String)> =
        found.filter_map(|(number, what)| Some((number, what?))).collect();
    let users = if found.is_empty() { HashMap::new() } else { users(archive) };
    let damaged = found.into_iter().map(|(number, what)| {
        let BlobEntry { digest, size, .. } = *blobs[number];
        let frames = archive.stored_frames(&digest).unwrap_or_default();
        let medium = archive.medium();
        let mut places = frames.iter().filter_map(|(address, _)| medium?.locate(*address));
        let first = places.next();
        let paths = first.iter().copied().chain(places).map(|(path, _)| path.display().to_string());
        let is_set = medium.is_some_and(Medium::is_set);
        let mut volumes: Vec<String> = paths.filter(|_| is_set).collect();
        volumes.dedup();
        let images = users.get(&digest).map(|images| images.iter().cloned().collect());
        Damage {
            digest,
            size,
            volumes,
            offset: first.map_or(0, |(_, offset)| offset),
            length: frames.iter().map(|(_, length)| length).sum(),
            what,
            images: images.unwrap_or_default(),
        }
    });
    Integrity { blobs: blobs.len() as u64, bytes, damaged: damaged.collect() }
}

/// The same for an archive that is read in order, whose trust section was compared when it was opened. The places of
/// damaged blobs are those in what was read, from where reading them began to where it ended. Blocks.
///
/// # Errors
/// Any [`ArchiveError`] that reading cannot go on after: an early end, bytes that are not an archive's.
pub fn check_passing(
    archive: &Archive,
    mut stream: BlobStream,
    progress: &dyn Progress,
) -> Result<Integrity, ArchiveError> {
    let totals = archive.inventory().totals;
    progress.total(totals.blobs, totals.bytes);
    let (mut damaged, mut users_by_blob) = (Vec::new(), None);
    while let Some(BlobEntry { digest, size, .. }) = stream.next_blob()? {
        let offset = stream.offset();
        progress.started(&digest, size);
        let mut hasher = Hasher::new();
        while let Some(piece) = stream.next_piece()? {
            hasher.update(&piece);
            progress.advanced(&digest, piece.len() as u64);
        }
        progress.finished(&digest, size);
        let found = hasher.finish();
        if found != digest {
            let users = users_by_blob.get_or_insert_with(|| users(archive));
            let images = users.get(&digest).map(|images| images.iter().cloned().collect());
            damaged.push(Damage {
                digest,
                size,
                volumes: Vec::new(),
                offset,
                length: stream.offset() - offset,
                what: format!("the content hashes to {found}"),
                images: images.unwrap_or_default(),
            });
        }
    }
    Ok(Integrity { blobs: totals.blobs, bytes: totals.bytes, damaged })
}

fn read(archive: &Archive, blob: &BlobEntry, progress: &dyn Progress) -> Result<(), String> {
    progress.started(&blob.digest, blob.size);
    let mut reader = archive.reader(&blob.digest, 0).map_err(|e| e.to_string())?;
    let mut hasher = Hasher::new();
    while let Some(piece) = reader.next_piece().map_err(|e| e.to_string())? {
        hasher.update(&piece);
        progress.advanced(&blob.digest, piece.len() as u64);
    }
    let found = hasher.finish();
    progress.finished(&blob.digest, blob.size);
    if found == blob.digest { Ok(()) } else { Err(format!("the content hashes to {found}")) }
}

/// For each blob, the images that need it. What cannot be read is passed over: this is for messages only.
fn users(archive: &Archive) -> HashMap<Digest, BTreeSet<String>> {
    let mut users: HashMap<Digest, BTreeSet<String>> = HashMap::new();
    for image in &archive.inventory().images {
        let root = Descriptor::new(&image.media_type, image.digest, image.size);
        let attached = image.attachments.iter();
        let attached = attached.map(|a| Descriptor::new(&a.media_type, a.digest, a.size));
        let mut open: Vec<Descriptor> = std::iter::once(root).chain(attached).collect();
        let mut seen = HashSet::new();
        while let Some(descriptor) = open.pop() {
            if !seen.insert(descriptor.digest) {
                continue;
            }
            users.entry(descriptor.digest).or_default().insert(image.source.to_string());
            let Ok(bytes) = archive.read(&descriptor.digest, MAX_MANIFEST) else { continue };
            let Ok(manifest) = Manifest::parse(bytes, &descriptor.media_type) else { continue };
            open.extend_from_slice(manifest.children());
            for blob in manifest.blobs() {
                users.entry(blob.digest).or_default().insert(image.source.to_string());
            }
        }
    }
    users
}
