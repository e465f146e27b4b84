//! What `verify` found (schema: `schemas/verify-report.schema.json`).

use crate::archive::integrity::{Damage, Integrity};
use crate::oci::Digest;
use crate::report::attachments::AttachmentCounts;
use crate::report::seal::SealReport;
use crate::report::signer_names::SignerNames;
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
    pub damaged: Vec<Damage>,
    /// True when anything was given, or is installed, that could admit an image.
    pub any_anchor: bool,
    /// What became of the seal; nothing when damage came first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealReport>,
    /// How many attachments and GPG signatures are verified; nothing where no image was judged or one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<AttachmentCounts>,
    /// What the operator has to know.
    pub warnings: Vec<String>,
    /// What the verifier says about each image; empty when nothing is trusted or manifests are damaged.
    pub verdicts: Vec<ImageVerdict>,
    /// Names of trusted signers, for people.
    #[serde(skip)]
    pub signer_names: SignerNames,
}

impl VerifyReport {
    /// A report of what was read, without verdicts.
    pub fn new(file: String, bundle_digest: Digest, quick: bool, integrity: Integrity) -> Self {
        let Integrity { blobs, bytes, damaged } = integrity;
        Self {
            report_version: "1.0",
            file,
            bundle_digest,
            quick,
            blobs,
            bytes,
            damaged,
            any_anchor: false,
            seal: None,
            attachments: None,
            warnings: Vec::new(),
            verdicts: Vec::new(),
            signer_names: SignerNames::default(),
        }
    }
}
