//! What is inside a bundle (schema: `schemas/inspect-report.schema.json`). Nothing in it was verified.

use crate::archive::read::{Archive, SeekTable};
use crate::inventory::{ImageEntry, KeyEntry, Stored, Tool, Totals};
use crate::oci::Digest;
use crate::report::pack::FileSize;
use serde::Serialize;

/// The report of one inspection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectReport<'a> {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// Its length in bytes.
    pub file_size: u64,
    /// Its volumes as they lie, in order; none for an archive in one file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<FileSize>,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// Format of the archive.
    pub format_version: &'a str,
    /// Name of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// When it was made, by its own words.
    pub created: &'a str,
    /// What made it, by its own words.
    pub tool: &'a Tool,
    /// True when it has a seal. Whether that is worth anything is not looked at here.
    pub has_seal: bool,
    /// What became of the seek table: `sound`, `missing`, `wrong`.
    pub seek_table: &'static str,
    /// Images, as in the inventory.
    pub images: &'a [ImageEntry],
    /// Keys. Cargo: compare fingerprints with what came another way.
    pub keys: &'a [KeyEntry],
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
    /// Bytes in the file, headers and frames included.
    pub file_bytes: u64,
}

impl<'a> InspectReport<'a> {
    /// The report of an opened archive.
    pub fn new(archive: &'a Archive) -> Self {
        let inventory = archive.inventory();
        let mut sections = [Stored::Trust, Stored::Raw, Stored::Compressed].map(|stored| Section {
            stored,
            blobs: 0,
            bytes: 0,
            file_bytes: 0,
        });
        for blob in &inventory.blobs {
            if let Some(section) = sections.iter_mut().find(|section| section.stored == blob.stored)
            {
                section.blobs += 1;
                section.bytes += blob.size;
                section.file_bytes += archive.stored_length(&blob.digest).unwrap_or(0);
            }
        }
        Self {
            report_version: "1.0",
            file: archive.path().display().to_string(),
            file_size: archive.length(),
            volumes: volumes(archive),
            bundle_digest: archive.bundle_digest(),
            format_version: &inventory.format_version,
            name: inventory.name.as_deref(),
            created: &inventory.created,
            tool: &inventory.tool,
            has_seal: archive.file(crate::archive::head::SEAL).is_some(),
            seek_table: match archive.seek_table() {
                SeekTable::Sound => "sound",
                SeekTable::Missing => "missing",
                SeekTable::Wrong => "wrong",
            },
            images: &inventory.images,
            keys: &inventory.keys,
            totals: inventory.totals,
            sections: sections.into(),
        }
    }
}

fn volumes(archive: &Archive) -> Vec<FileSize> {
    let medium = archive.medium();
    let files = medium.files().filter(|_| medium.is_set());
    files.map(|(path, length)| FileSize::new(path, length)).collect()
}
