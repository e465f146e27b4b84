//! What `pack` did (schema: `schemas/pack-report.schema.json`).

use crate::inventory::{
    AttachmentKind, ImageEntry, Inventory, KeyEntry, Lookup, PackVerdict, Rotation, Totals,
};
use crate::oci::{Digest, Platform, Reference};
use crate::report::size::ImageSize;
use crate::trust::ImageVerdict;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The report of one pack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive; none when nothing was written (`--dry-run`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Its files: the archive itself, or its volumes in order; none when nothing was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileSize>,
    /// The list of their SHA-256, when one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksums: Option<String>,
    /// SHA-256 of the bytes of `bundle.json`: what `unpack --expect-bundle` takes.
    pub bundle_digest: Digest,
    /// Position in the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Until when the bundle may be used, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The seal key that takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Fingerprint of the key that sealed it; none when there is no seal, or nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal_key: Option<Digest>,
    /// Images in order.
    pub images: Vec<PackedImage>,
    /// Keys that travel along.
    pub keys: Vec<KeyEntry>,
    /// Sums.
    pub totals: Totals,
    /// Attachments and GPG signatures of all images by kind.
    pub attachments: BTreeMap<AttachmentKind, u64>,
    /// Verdicts of the images that a key covers.
    pub verdicts: Vec<RecordedVerdict>,
    /// Images that could not be had and are not in the archive (`--keep-going`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What people should know before the trip.
    pub warnings: Vec<String>,
}

/// An [`ImageVerdict`] as it was written down. It grants nothing: only the verifier makes
/// verdicts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordedVerdict(Box<RawValue>);

impl RecordedVerdict {
    /// Writes a verdict down.
    ///
    /// # Errors
    /// Never for verdicts; serde_json's signature demands it.
    pub fn new(verdict: &ImageVerdict) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(verdict).map(Self)
    }
}

/// An image that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeftOut {
    /// The image as it was asked for.
    pub source: String,
    /// The error and its causes.
    pub why: String,
}

/// A file and its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSize {
    /// Its path.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
}

impl FileSize {
    /// As reports show it.
    pub fn new(path: &Path, size: u64) -> Self {
        Self { file: path.display().to_string(), size }
    }
}

/// One image in the report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackedImage {
    /// Logical reference.
    pub source: Reference,
    /// Where its bytes came from.
    pub fetched_from: String,
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// Platforms carried.
    pub platforms: Vec<Platform>,
    /// Bytes of content.
    #[serde(flatten)]
    pub size: ImageSize,
    /// Attachments and GPG signatures by kind.
    pub attachments: BTreeMap<AttachmentKind, u64>,
    /// How the search for them ended.
    pub attachment_lookup: Lookup,
    /// Non-distributable layers left out.
    pub foreign: Vec<Digest>,
    /// What verification found.
    pub verdict: PackVerdict,
}

impl PackReport {
    /// The report of what an inventory says, with the sizes of its images by their sources.
    pub fn new(
        inventory: &Inventory,
        sizes: &HashMap<Reference, ImageSize>,
        bundle_digest: Digest,
        verdicts: Vec<RecordedVerdict>,
        left_out: Vec<LeftOut>,
        warnings: Vec<String>,
    ) -> Self {
        let images: Vec<PackedImage> = inventory
            .images
            .iter()
            .map(|image| PackedImage {
                source: image.source.clone(),
                fetched_from: image.fetched_from.clone(),
                digest: image.digest,
                platforms: image.platforms.clone(),
                size: sizes.get(&image.source).copied().unwrap_or_default(),
                attachments: count(kinds(image)),
                attachment_lookup: image.attachment_lookup,
                foreign: image.foreign.clone(),
                verdict: image.verdict.clone(),
            })
            .collect();
        let attachments = count(inventory.images.iter().flat_map(kinds));
        Self {
            report_version: "1.0",
            file: None,
            file_size: None,
            files: Vec::new(),
            checksums: None,
            bundle_digest,
            sequence: inventory.sequence,
            expires: inventory.expires.clone(),
            rotation: inventory.rotation,
            seal_key: None,
            images,
            keys: inventory.keys.clone(),
            totals: inventory.totals,
            attachments,
            verdicts,
            left_out,
            warnings,
        }
    }

    /// True when an image is missing, or attachments of one may be.
    pub fn is_incomplete(&self) -> bool {
        !self.left_out.is_empty()
            || self.images.iter().any(|image| image.attachment_lookup == Lookup::Incomplete)
    }
}

/// The kind of everything that belongs to an image, GPG signatures included.
fn kinds(image: &ImageEntry) -> impl Iterator<Item = AttachmentKind> {
    let gpg = image.atomic_signatures.iter().map(|_| AttachmentKind::Signature);
    image.attachments.iter().map(|a| a.kind).chain(gpg)
}

fn count(kinds: impl Iterator<Item = AttachmentKind>) -> BTreeMap<AttachmentKind, u64> {
    let mut counts = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}
