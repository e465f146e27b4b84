//! `bundle.json`, the inventory: what a bundle holds, from where, and how it is stored.
//!
//! The schema is `schemas/inventory.schema.json`. The SHA-256 of the bytes of this file is the *bundle digest*: it
//! binds every name, digest, key and verdict in the bundle. Unknown fields are ignored so that newer tools can add
//! some; what must not be ignored is named in `mustUnderstand`.

mod kind;
mod reading;

pub use reading::{
    InventoryError, MAX_ALL_PLATFORMS, MAX_BLOBS, MAX_FEATURES, MAX_FILES, MAX_IMAGES,
    MAX_PLATFORMS,
};

use bundle_oci::atomic::AtomicName;
use bundle_oci::json::{name, object};
use bundle_oci::{Digest, Platform, Reference};
use reading::{at_most, objects};
use serde::{Deserialize, Serialize};

/// Value of `format`.
pub const FORMAT: &str = "bundle";
/// Version written: `major.minor`. Readers refuse another major.
pub const FORMAT_VERSION: &str = "1.0";
/// [`KeyEntry::purpose`] of the key that succeeds in a [`Rotation`]. It verifies no image.
pub const SEAL_USE: &str = "seal";
/// Features of `mustUnderstand` that this version understands.
pub const UNDERSTOOD: [&str; 0] = [];

/// The whole inventory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// Always [`FORMAT`].
    pub format: String,
    /// `major.minor`.
    pub format_version: String,
    /// Features a reader must know to read this bundle rightly.
    #[serde(default, deserialize_with = "at_most::<MAX_FEATURES, _, _>")]
    pub must_understand: Vec<String>,
    /// Name of the series of bundles this one belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Position in the series; only a seal gives it weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// RFC 3339, UTC: when the pack that made it started, or SOURCE_DATE_EPOCH.
    pub created: String,
    /// RFC 3339, UTC; only a seal gives it weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Another key seals the series from some sequence on; only a seal gives it weight.
    #[serde(
        default,
        deserialize_with = "reading::exact_rotation",
        skip_serializing_if = "Option::is_none"
    )]
    pub rotation: Option<Rotation>,
    /// The program that wrote it.
    #[serde(deserialize_with = "object")]
    pub tool: Tool,
    /// The images, in the order they were asked for.
    #[serde(deserialize_with = "reading::images")]
    pub images: Vec<ImageEntry>,
    /// Public keys that travel along. They vouch for nothing and are never anchors.
    #[serde(deserialize_with = "objects::<MAX_FILES, _, _>")]
    pub keys: Vec<KeyEntry>,
    /// Every other entry of the head but the seal.
    #[serde(deserialize_with = "objects::<MAX_FILES, _, _>")]
    pub files: Vec<FileEntry>,
    /// Every blob, in archive order.
    #[serde(deserialize_with = "objects::<MAX_BLOBS, _, _>")]
    pub blobs: Vec<BlobEntry>,
    /// Blobs that were dropped from among the raw ones after their places were taken, in archive order.
    #[serde(
        default,
        deserialize_with = "objects::<MAX_BLOBS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub holes: Vec<Hole>,
    /// Most bytes of a volume, where the archive is cut into volumes. Decides where each frame lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_size: Option<u64>,
    /// Sums for people and for bounds.
    #[serde(deserialize_with = "object")]
    pub totals: Totals,
}

/// From a sequence on, another key seals the series. What may be concluded from it is told by `bundle_seal::rotation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Fingerprint of the key that retires.
    pub retires: Digest,
    /// Fingerprint of the key that seals instead.
    pub successor: Digest,
    /// The first sequence that the successor seals.
    pub from_sequence: u64,
}

/// Name and version of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Program name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One image: what was asked for, what it resolved to and what is attached to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageEntry {
    /// The logical reference: identity checks compare with it, the target's name comes from it.
    pub source: Reference,
    /// The origin of the bytes: a reference, or `oci:DIR`.
    pub fetched_from: String,
    /// Media type of the root manifest.
    pub media_type: String,
    /// Digest of the root manifest or index.
    pub digest: Digest,
    /// Size of the root manifest in bytes.
    pub size: u64,
    /// Platforms carried; empty for artifacts that have none.
    #[serde(default, deserialize_with = "objects::<MAX_PLATFORMS, _, _>")]
    pub platforms: Vec<Platform>,
    /// Children of the index that a platform filter left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Digest>,
    /// Non-distributable layers that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Digest>,
    /// The end of the search for attachments: complete, or not.
    #[serde(deserialize_with = "name")]
    pub attachment_lookup: Lookup,
    /// Everything attached to the root, to its children, and to attachments.
    #[serde(default, deserialize_with = "objects::<MAX_BLOBS, _, _>")]
    pub attachments: Vec<AttachmentEntry>,
    /// GPG signatures of the root and of its children, which registries keep outside manifests.
    #[serde(
        default,
        deserialize_with = "objects::<MAX_BLOBS, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub atomic_signatures: Vec<AtomicSignature>,
    /// The result of verification at pack.
    #[serde(deserialize_with = "object")]
    pub verdict: PackVerdict,
}

/// The end of the search for attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lookup {
    /// Every lookup was answered.
    Complete,
    /// A lookup failed and `--attachment-errors=warn` let it pass: something may be missing.
    Incomplete,
    /// Nothing was looked up (`--signatures none`).
    Skipped,
}

/// A manifest that is attached to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentEntry {
    /// Its kind, for people; decides nothing.
    #[serde(deserialize_with = "name")]
    pub kind: AttachmentKind,
    /// The way it was found, and so the way it is published.
    #[serde(deserialize_with = "reading::found")]
    pub found: Found,
    /// The manifest it is attached to.
    pub subject: Digest,
    /// Media type of the attachment's manifest.
    pub media_type: String,
    /// Digest of the attachment's manifest.
    pub digest: Digest,
    /// Size of the attachment's manifest in bytes.
    pub size: u64,
    /// `artifactType`, else the config's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// Kinds of attachments, for summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentKind {
    /// A cosign, Sigstore-bundle or notation signature.
    Signature,
    /// A statement about the image.
    Attestation,
    /// A software bill of materials.
    Sbom,
    /// Anything else that names a subject.
    Artifact,
}

impl AttachmentKind {
    /// The word used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Attestation => "attestation",
            Self::Sbom => "sbom",
            Self::Artifact => "artifact",
        }
    }
}

/// The tie of an attachment to its subject in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// By a cosign tag, such as `sha256-….sig`.
    Tag(String),
    /// By the referrers API or the fallback tag: its manifest names the subject.
    Referrer,
}

impl Found {
    /// True for a cosign tag.
    pub fn is_tag(&self) -> bool {
        matches!(self, Self::Tag(_))
    }
}

/// A GPG signature: a blob of the trust section with an OpenPGP message, at most
/// [`MAX_SIGNATURE`](bundle_oci::atomic::MAX_SIGNATURE) bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtomicSignature {
    /// `sha256:<digest of the subject>@<32 hex>`.
    pub name: AtomicName,
    /// The blob.
    pub digest: Digest,
    /// The manifest it signs: the image's root, or one of its children.
    pub subject: Digest,
    /// The place where it was found; nothing when the writer of the inventory did not say.
    #[serde(
        default,
        deserialize_with = "reading::optional_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub found: Option<AtomicFound>,
}

/// The place where a GPG signature was found. For people; it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtomicFound {
    /// On a lookaside server, or in a lookaside directory.
    Lookaside,
    /// In the registry itself, by its signature extension.
    Extension,
}

impl AtomicFound {
    /// The word used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookaside => "lookaside",
            Self::Extension => "extension",
        }
    }
}

/// The result of verification at pack. Worth nothing unless the bundle digest is vouched for from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackVerdict {
    /// The verifier's code: `signed`, `index-unsigned`, `unverified`, …
    pub code: String,
    /// Fingerprints of the keys that verified, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Holders of the certificates that verified, as `SUBJECT (ISSUER)`, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<String>,
}

impl PackVerdict {
    /// Nothing was verified.
    pub fn unverified() -> Self {
        Self::without_signers(StatedVerdict::Unverified)
    }

    /// A verdict that names no signer.
    pub fn without_signers(stated: StatedVerdict) -> Self {
        Self { code: stated.as_str().into(), keys: Vec::new(), identities: Vec::new() }
    }

    /// The verdict that the code states; `None` for a code that this version does not know.
    pub fn stated(&self) -> Option<StatedVerdict> {
        StatedVerdict::ALL.into_iter().find(|stated| stated.as_str() == self.code)
    }

    /// True for a verdict by which an authentic inventory admits an image.
    pub fn admits(&self) -> bool {
        matches!(self.stated(), Some(StatedVerdict::Signed | StatedVerdict::IndexUnsigned))
    }
}

/// The code of a verdict at pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedVerdict {
    /// Trusted signers signed the image.
    Signed,
    /// Trusted signers signed every manifest of the index, and not the index.
    IndexUnsigned,
    /// A policy accepts the image whoever made it.
    PolicyAcceptsAnything,
    /// Whoever packed the image accepts it without a signature.
    UnsignedAccepted,
    /// The image was allowed without a signature.
    UnsignedAllowed,
    /// The same, for an image that a seal does not cover.
    UnsignedUnsealed,
    /// Nothing was verified.
    Unverified,
}

impl StatedVerdict {
    const ALL: [Self; 7] = [
        Self::Signed,
        Self::IndexUnsigned,
        Self::PolicyAcceptsAnything,
        Self::UnsignedAccepted,
        Self::UnsignedAllowed,
        Self::UnsignedUnsealed,
        Self::Unverified,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::IndexUnsigned => "index-unsigned",
            Self::PolicyAcceptsAnything => "policy-accepts-anything",
            Self::UnsignedAccepted => "unsigned-accepted",
            Self::UnsignedAllowed => "unsigned-allowed",
            Self::UnsignedUnsealed => "unsigned-unsealed",
            Self::Unverified => "unverified",
        }
    }
}

/// A public key in the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// `keys/NAME`.
    pub file: String,
    /// The things it verifies: `cosign`, or `seal` of the successor in a [`Rotation`].
    #[serde(rename = "use")]
    pub purpose: String,
    /// `sha256:` of the DER of its SubjectPublicKeyInfo.
    pub fingerprint: String,
    /// Scopes it was given for at pack; empty when it is only carried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A head entry by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name in the tar.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// A blob and how it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobEntry {
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Length of the content in bytes.
    pub size: u64,
    /// In which section and form it lies.
    #[serde(deserialize_with = "name")]
    pub stored: Stored,
}

/// A place that holds nothing: skippable frames of zeros, each as long as the raw frame that was to lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Number of the blob that follows it in [`Inventory::blobs`].
    pub before: u64,
    /// Size in bytes of the blob that was to be there.
    pub size: u64,
}

/// Sections of the archive that hold blobs, in archive order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// Trust section: manifests and what verification reads. Raw frames.
    Trust,
    /// Configs and layers that are compressed already. Raw frames.
    Raw,
    /// Everything else. Compressed frames, raw where that is shorter.
    Compressed,
}

/// Sums over the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Number of images.
    pub images: u64,
    /// Number of attachments over all images.
    pub attachments: u64,
    /// Number of distinct blobs, manifests included.
    pub blobs: u64,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
}

impl Inventory {
    /// The bytes that go into the archive. Field order is fixed, so equal inventories give equal bytes.
    ///
    /// # Errors
    /// Never for inventories made by this crate; serde_json's signature demands it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
mod tests;
