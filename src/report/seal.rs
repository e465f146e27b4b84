//! What was found out about a bundle's seal, and what sealing and making keys came to.

use crate::inventory::{Lookup, Rotation};
use crate::oci::{Digest, Reference};
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
    /// What the seal swears to.
    pub sworn: Sworn,
}

/// What a seal swears to beyond the bytes: everything that the enclave takes on its word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sworn {
    /// Who vouched for it before it was sealed.
    pub basis: SwornBasis,
    /// Name of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Position in the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When the bundle was made, as it says.
    pub created: String,
    /// Until when it may be used, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The seal key that takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Which name means which digest, and what was verified of it.
    pub images: Vec<SwornImage>,
    /// Carried keys that were given scopes: `--seal-introduces-keys` trusts those of signers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<SwornKey>,
}

/// Who vouched for a bundle before it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwornBasis {
    /// The expected bundle digest covers all of it.
    ExpectedBundle,
    /// An earlier seal of a trusted key covers all of it.
    EarlierSeal,
    /// The verdicts were reached again by what is trusted here. Nothing covers the rest.
    OwnVerification,
    /// The bundle states no verdict. Nothing covers the rest.
    NothingClaimed,
}

/// One image, as a seal swears to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SwornImage {
    /// The logical reference.
    pub source: Reference,
    /// Digest of its root.
    pub digest: Digest,
    /// The verdict at pack, as the inventory states it.
    pub verdict: String,
    /// Whether verification here reached it again.
    pub confirmed: bool,
    /// Whether everything attached was found, as the inventory states it.
    pub attachment_lookup: Lookup,
    /// How many attachments are carried.
    pub attachments: usize,
    /// How many manifests of the index are stated to be left out.
    pub omitted: usize,
}

/// One carried key that was given scopes, as a seal swears to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SwornKey {
    /// Its file in the bundle.
    pub file: String,
    /// What it verifies.
    #[serde(rename = "use")]
    pub usage: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// What it was given for at pack.
    pub scopes: Vec<String>,
}

/// What `bundle seal --json` prints of a bundle that is not sealed (schema: `schemas/seal-refusal.schema.json`).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingRefusal {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// What nobody here can swear to, each with its reason.
    pub refusals: Vec<Unconfirmed>,
}

/// One statement of the inventory that was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unconfirmed {
    /// The stable code.
    pub code: UnconfirmedCode,
    /// What it is about: a source reference, the file of a key, `rotation`, `series`. Untrusted text, bounded.
    pub subject: String,
    /// What is stated and what was found, for people; bounded.
    pub detail: String,
}

/// Why a statement is not sworn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnconfirmedCode {
    /// A verdict is stated, and nothing was given to verify it with.
    VerdictUnchecked,
    /// Verification here does not reach the stated verdict.
    VerdictNotConfirmed,
    /// The image is stated to be accepted without a signature, and nobody accepts it here.
    UnsignedNotAccepted,
    /// A stated signer did not verify here.
    SignerNotConfirmed,
    /// Signatures of the image name no repository, so that the seal alone would say of which name they are.
    NameNotConfirmed,
    /// A carried key has a scope for which the key is not trusted here.
    KeyNotConfirmed,
    /// The announced change of the seal key was not named by the operator.
    RotationNotConfirmed,
    /// The bundle is of another series than the operator named.
    SeriesNotExpected,
}

impl UnconfirmedCode {
    /// The code for text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerdictUnchecked => "verdict-unchecked",
            Self::VerdictNotConfirmed => "verdict-not-confirmed",
            Self::UnsignedNotAccepted => "unsigned-not-accepted",
            Self::SignerNotConfirmed => "signer-not-confirmed",
            Self::NameNotConfirmed => "name-not-confirmed",
            Self::KeyNotConfirmed => "key-not-confirmed",
            Self::RotationNotConfirmed => "rotation-not-confirmed",
            Self::SeriesNotExpected => "series-not-expected",
        }
    }
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
