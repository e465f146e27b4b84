//! What is inside a bundle (schema: `schemas/inspect-report.schema.json`). Nothing in it was verified.

use crate::archive::Catalogue;
use crate::archive::form::{Form, SeekTable};
use crate::archive::head::SEAL;
use crate::archive::read::Archive;
use crate::inventory::{ImageEntry, KeyEntry, Rotation, Stored, Tool, Totals};
use crate::oci::Digest;
use crate::report::pack::FileSize;
use crate::report::size::ImageSize;
use crate::seal::{Claim, claim};
use serde::{Serialize, Serializer};

/// The report of one inspection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// What the archive was found to be.
    pub form: Form,
    /// Its length in bytes; nothing when it came through a pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Its volumes as they lie, in order; none for an archive in one file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<FileSize>,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// Format of the archive.
    pub format_version: String,
    /// Name of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was made, by its own words.
    pub created: String,
    /// What made it, by its own words.
    pub tool: Tool,
    /// True when it has a seal. Whether that is worth anything is not looked at here.
    pub has_seal: bool,
    /// What the seal says of itself, where it is one that could count. Anybody can write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal_claim: Option<Claim>,
    /// Position in the series, by the bundle's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Until when it may be used, by its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The seal key that takes over, by its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// What became of the seek table; nothing, which is `unused`, for an archive that is read in order.
    #[serde(serialize_with = "or_unused")]
    pub seek_table: Option<SeekTable>,
    /// Images, as in the inventory.
    pub images: Vec<ImageEntry>,
    /// Bytes of content of each image, in the same order; none where the manifests of the bundle are damaged,
    /// or mention more content than is counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<ImageSize>,
    /// Keys, which vouch for nothing: compare fingerprints with those that came another way.
    pub keys: Vec<KeyEntry>,
    /// Sums.
    pub totals: Totals,
    /// Bytes by section: content, and what it takes in the file.
    pub sections: Vec<Section>,
}

/// One section of the archive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Which one.
    pub stored: Stored,
    /// Number of blobs.
    pub blobs: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Bytes in the file, headers and frames included; nothing when they have no places of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
}

impl InspectReport {
    /// The report of an opened archive.
    pub fn new(archive: &Archive) -> Self {
        let inventory = archive.inventory();
        let mut sections = [Stored::Trust, Stored::Raw, Stored::Compressed].map(|stored| Section {
            stored,
            blobs: 0,
            bytes: 0,
            file_bytes: archive.medium().map(|_| 0),
        });
        for blob in &inventory.blobs {
            if let Some(section) = sections.iter_mut().find(|section| section.stored == blob.stored)
            {
                section.blobs += 1;
                section.bytes = section.bytes.saturating_add(blob.size);
                let stored = archive.stored_length(&blob.digest);
                section.file_bytes = section.file_bytes.zip(stored).map(|(sum, own)| sum + own);
            }
        }
        Self {
            report_version: "1.0",
            file: archive.path().display().to_string(),
            form: archive.form(),
            file_size: archive.length(),
            volumes: volumes(archive),
            bundle_digest: archive.bundle_digest(),
            format_version: inventory.format_version.clone(),
            name: inventory.name.clone(),
            created: inventory.created.clone(),
            tool: inventory.tool.clone(),
            has_seal: archive.file(SEAL).is_some(),
            seal_claim: archive.file(SEAL).and_then(claim),
            sequence: inventory.sequence,
            expires: inventory.expires.clone(),
            rotation: inventory.rotation,
            seek_table: archive.seek_table(),
            images: inventory.images.clone(),
            sizes: Catalogue::read(archive)
                .ok()
                .and_then(|catalogue| catalogue.sizes(archive))
                .unwrap_or_default(),
            keys: inventory.keys.clone(),
            totals: inventory.totals,
            sections: sections.into(),
        }
    }
}

fn or_unused<S: Serializer>(table: &Option<SeekTable>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(table.map_or("unused", SeekTable::as_str))
}

fn volumes(archive: &Archive) -> Vec<FileSize> {
    let set = archive.medium().filter(|medium| medium.is_set());
    let files = set.into_iter().flat_map(|medium| medium.files());
    files.map(|(path, length)| FileSize::new(path, length)).collect()
}
