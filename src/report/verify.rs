//! What `verify` found (schema: `schemas/verify-report.schema.json`).

use crate::archive::integrity::{Damage, Integrity};
use crate::oci::Digest;
use crate::trust::ImageVerdict;
use serde::Serialize;

/// The report of one verification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// True when only head, trust section and signatures were looked at.
    pub quick: bool,
    /// Blobs read.
    pub blobs: u64,
    /// Their sizes in bytes.
    pub bytes: u64,
    /// Damaged blobs.
    pub damaged: Vec<DamageReport>,
    /// True when anything was given, or is installed, that could admit an image.
    pub any_anchor: bool,
    /// What the verifier says about each image; empty when nothing is trusted or manifests are damaged.
    pub verdicts: Vec<ImageVerdict>,
}

/// One damaged blob.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DamageReport {
    /// Which blob.
    pub digest: Digest,
    /// Its size in bytes, as the inventory says.
    pub size: u64,
    /// Where its first frame starts in the file, in bytes.
    pub offset: u64,
    /// How long its frames are together, in bytes.
    pub length: u64,
    /// What is wrong.
    pub what: String,
    /// Images that need it, as far as their manifests can be read.
    pub images: Vec<String>,
}

impl VerifyReport {
    /// A report of what was read, without verdicts.
    pub fn new(file: String, bundle_digest: Digest, quick: bool, integrity: Integrity) -> Self {
        let Integrity { blobs, bytes, damaged } = integrity;
        let damaged = damaged.into_iter().map(|damage| {
            let Damage { digest, size, offset, length, what, images } = damage;
            DamageReport { digest, size, offset, length, what, images }
        });
        Self {
            report_version: "1.0",
            file,
            bundle_digest,
            quick,
            blobs,
            bytes,
            damaged: damaged.collect(),
            any_anchor: false,
            verdicts: Vec::new(),
        }
    }
}
