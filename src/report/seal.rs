//! What was found out about a bundle's seal, and what sealing and making keys came to.

use crate::inventory::Rotation;
use crate::oci::Digest;
use serde::Serialize;
use std::path::PathBuf;

/// The seal of a bundle, as `unpack` and `verify` found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum SealReport {
    /// The bundle has none.
    Absent,
    /// It has one, and no key to verify it with was given: it is worth nothing.
    Unexamined,
    /// It is the seal of a trusted key over this bundle.
    Verified(Box<VerifiedSeal>),
}

/// A seal that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedSeal {
    /// Fingerprint of the key that made it.
    pub key: Digest,
    /// Name of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Position in the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Until when the bundle may be used, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// How the key stands to the rotations of the series.
    #[serde(flatten)]
    pub standing: KeyStanding,
    /// What was known of the series before.
    #[serde(flatten)]
    pub state: SeriesState,
    /// The rotation that the bundle announces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// True when the sequence was written down, so that an older bundle will be refused.
    pub recorded: bool,
}

/// How the key of a seal stands to the rotations of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum KeyStanding {
    /// No rotation speaks of it.
    Unmentioned,
    /// It retires with a later bundle.
    Outgoing,
    /// It succeeded another key, which vouched for it.
    Successor {
        /// That key.
        succeeds: Digest,
    },
}

/// What was known of the series before this bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SeriesState {
    /// Neither this bundle nor any before it has a sequence.
    Unnumbered,
    /// Nothing: it is the first one, or what was known is lost.
    First,
    /// An older one was used.
    Newer,
    /// This very bundle was used.
    Same,
    /// A newer one was used, or another one with this sequence, and the operator allowed to go back.
    RolledBack {
        /// The highest sequence that is known; it stays.
        known: u64,
    },
}

/// The report of `bundle seal` (schema: `schemas/seal-report.schema.json`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The files of the bundle, in order.
    pub files: Vec<PathBuf>,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// Fingerprint of the key.
    pub key: Digest,
    /// True when an earlier seal was replaced.
    pub replaced: bool,
    /// True when an interrupted run was finished first.
    pub repaired: bool,
}

/// The report of `bundle keygen` (schema: `schemas/keygen-report.schema.json`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeygenReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The private key's file, which is encrypted.
    pub private_key: PathBuf,
    /// The public key's file.
    pub public_key: PathBuf,
    /// SHA-256 of the public key's SubjectPublicKeyInfo.
    pub fingerprint: Digest,
}
