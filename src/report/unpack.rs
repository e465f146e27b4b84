//! What `unpack` did.

use crate::archive::form::Form;
use crate::inventory::Lookup;
use crate::oci::{Digest, Platform, Reference};
use crate::report::configuration::ConfigurationReport;
use crate::report::seal::SealReport;
use crate::report::signer_names::SignerNames;
use crate::report::size::ImageSize;
use crate::trust::{ImageVerdict, KeyFingerprint, KeyUse};
use serde::Serialize;
use std::path::PathBuf;

pub use super::attachments::{
    AttachmentCounts, AttachmentOutcome, AttachmentReport, LookasideOutcome, NotPublished,
    SignatureOutcome, SignatureReport,
};

/// Everything about one run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpackReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// What the archive was found to be: `frames`, `recompressed`, `tar`.
    pub form: Form,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// True when the bundle digest is the one that was expected, or the seal was verified: names, completeness and age
    /// are then authentic.
    pub names_bound: bool,
    /// What became of the seal.
    pub seal: SealReport,
    /// Where it went, as it was given.
    pub target: String,
    /// True when nothing was changed anywhere: the rest says what would be done.
    pub dry_run: bool,
    /// One entry an image, in the inventory's order.
    pub images: Vec<ImageReport>,
    /// Images that are refused and left out (`--skip-refused`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<ImageVerdict>,
    /// Images that nobody asked for (`--only`, `--exclude`), with their digests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_selected: Vec<Reference>,
    /// Repositories at the target and where their content comes from; none for a layout directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositoryReport>,
    /// How many attachments and GPG signatures are verified.
    pub attachments: AttachmentCounts,
    /// What became of configs and layers.
    pub blobs: BlobCounts,
    /// Resources for a cluster, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emitted: Option<EmissionReport>,
    /// Keys that were installed, or would be.
    pub keys: Vec<KeyReport>,
    /// What became of the configuration of the container stack, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationReport>,
    /// What the operator has to know.
    pub warnings: Vec<String>,
    /// Names of trusted signers, for people.
    #[serde(skip)]
    pub signer_names: SignerNames,
}

/// One image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReport {
    /// The logical reference.
    pub source: Reference,
    /// Digest of its root.
    pub digest: Digest,
    /// Where it is now.
    pub target: String,
    /// Platforms carried.
    pub platforms: Vec<Platform>,
    /// Bytes of content.
    #[serde(flatten)]
    pub size: ImageSize,
    /// What became of the tag.
    pub tag: TagChange,
    /// Of a tag that was moved: whether that went back in time, as far as that is a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_age: Option<TagAge>,
    /// The registry did not take the index, of which one platform alone is carried: the tag names that platform's
    /// manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagged_child: Option<Digest>,
    /// Non-distributable layers that are not carried: whoever runs the image fetches them from elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Digest>,
    /// What the verifier says.
    pub verdict: ImageVerdict,
    /// How the search for attachments ended at pack.
    pub attachment_lookup: Lookup,
    /// Everything attached to it.
    pub attachments: Vec<AttachmentReport>,
    /// Signatures that verified and were moved where container runtimes look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rehomed: Vec<RehomedReport>,
    /// GPG signatures of its manifests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub atomic_signatures: Vec<SignatureReport>,
}

impl ImageReport {
    /// True when everything attached to it was found and is at the target, but for what the operator left out.
    pub fn is_complete(&self) -> bool {
        self.attachment_lookup != Lookup::Incomplete
            && !self.attachments.iter().any(|attachment| attachment.outcome.is_missing())
            && !self.rehomed.iter().any(|one| one.outcome == RehomedOutcome::Refused)
            && !self.atomic_signatures.iter().any(SignatureReport::is_missing)
    }
}

/// One repository at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryReport {
    /// Where its content comes from.
    pub source: String,
    /// Its name at the target.
    pub target: String,
    /// What was remembered of it before this run.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub memory: Option<SourceMemory>,
}

/// What was remembered of where a repository was filled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "memory", rename_all = "kebab-case")]
pub enum SourceMemory {
    /// Nothing.
    New,
    /// The same source.
    Same,
    /// Another one, whose place this one takes by a rule of the mapping.
    Replaced {
        /// The other one.
        was: String,
    },
}

/// Whether a tag that was moved went back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagAge {
    /// What it means now is newer than what a bundle filled it with here before.
    Newer,
    /// It is older, which was allowed.
    Older,
    /// Nothing tells: nothing is remembered of the tag or of the series, or two bundles are of one age.
    Unknown,
}

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum TagChange {
    /// It is new.
    Created,
    /// It named something else before.
    Moved {
        /// What it named.
        from: Digest,
    },
    /// It named this image already.
    Unchanged,
    /// The source has no tag; the image is there by digest.
    ByDigest,
}

/// Signatures that verified, and that lie at the target where container runtimes look: they did not in the bundle.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RehomedReport {
    /// The manifest that they sign.
    pub subject: Digest,
    /// The tag under which they lie.
    pub tag: String,
    /// The manifest that was made for them.
    pub digest: Digest,
    /// The manifests that held them in the bundle.
    pub from: Vec<Digest>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: RehomedOutcome,
}

/// What became of signatures that were to be moved where container runtimes look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RehomedOutcome {
    /// They are there now.
    Published,
    /// They were there already, byte for byte.
    AlreadyThere,
    /// What is there holds them all, and was kept.
    Kept {
        /// What is there.
        existing: Digest,
    },
    /// What was there has been replaced: it is what the bundle carries, or that was asked for.
    Replaced {
        /// What was there.
        existing: Digest,
    },
    /// They were added to what was there.
    Merged {
        /// What was there.
        existing: Digest,
    },
    /// What is there lacks them, cannot hold them too, and was kept.
    NotRehomed {
        /// What is there.
        existing: Digest,
    },
    /// The registry does not take them there.
    Refused,
}

/// How configs and layers came to the target. Each is counted once for each repository that needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobCounts {
    /// Their bytes were sent.
    pub uploaded: u64,
    /// Taken from another repository of the registry.
    pub mounted: u64,
    /// Not sent, because they were there.
    pub already_there: u64,
    /// Bytes sent.
    pub bytes_uploaded: u64,
}

/// Resources for a cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmissionReport {
    /// Where they are.
    pub directory: PathBuf,
    /// Its files.
    pub files: Vec<EmittedFile>,
    /// What no resource could be made for.
    pub left_out: Vec<EmissionLeft>,
    /// Source repositories that trusted signatures admitted and no policy names, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unenforced: Vec<String>,
    /// What an earlier run had written and no resource says any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<EmissionDropped>,
}

impl EmissionReport {
    /// True when no policy demands the signatures of a repository that signatures admitted.
    pub fn leaves_open(&self) -> bool {
        !self.unenforced.is_empty()
    }
}

/// Something that an earlier run wrote and that is gone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmissionDropped {
    /// A source with its mirror, a scope, or the file of a ConfigMap.
    pub subject: String,
    /// The kind of the resource that had it.
    pub kind: &'static str,
}

/// One file with a resource.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmittedFile {
    /// Its name in the directory.
    pub file: String,
    /// What was done with it.
    pub change: EmissionChange,
}

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmissionChange {
    /// It is new.
    Created,
    /// It had other content.
    Replaced,
    /// It was there.
    Unchanged,
    /// An earlier run had written it, and it is gone.
    Removed,
}

/// Something that no resource says anything about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmissionLeft {
    /// A source repository, the digest of a release, or the name of a signature.
    pub subject: String,
    /// The kind of the resource that is missing it.
    pub kind: &'static str,
    /// Why, for machines.
    pub code: &'static str,
    /// Why, for people.
    pub why: String,
}

/// One installed key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Its name on the host.
    pub name: String,
    /// What it verifies.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Its name by its content.
    pub fingerprint: KeyFingerprint,
    /// Where it lies.
    pub path: PathBuf,
    /// Everything that it is good for afterwards.
    pub scopes: Vec<String>,
    /// Of a trusted root: whom its certificates may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderReport>,
    /// What was changed.
    pub change: KeyChange,
    /// The key in whose place it stands now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyFingerprint>,
    /// Scopes of that key which this one did not verify, so that nothing installed covers them any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_scopes: Vec<String>,
}

/// Somebody whom certificates under a trusted root may name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderReport {
    /// The subject alternative name.
    pub identity: String,
    /// The OIDC issuer.
    pub issuer: String,
    /// For which repositories.
    pub scopes: Vec<String>,
}

/// What installing a key changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// Key and record are new.
    Created,
    /// The key was there as a bare file and became an anchor.
    Recorded,
    /// The key got more scopes.
    Widened,
    /// The OpenPGP key was there in an earlier state.
    Renewed,
    /// It stands in the place of another key.
    Replaced,
    /// It was there with these scopes.
    Unchanged,
}
