//! What the verifier is given to judge, independent of archive and registry.

use crate::outcome::finding::Found;
use crate::scopes::place::Places;
use bundle_oci::runnable::is_runnable;
use bundle_oci::{Descriptor, Digest, Manifest, Reference};
use bytes::Bytes;
use std::collections::BTreeSet;

/// Where the verifier reads manifests and small blobs. It reads nothing else and writes nothing.
///
/// Implementations bound and hash what they give; the verifier compares size and digest again all the same.
pub trait Evidence {
    /// The manifest or index with this digest; `None` when it is certain that it is not there.
    ///
    /// # Errors
    /// When it cannot be told, or the bytes are damaged. Never to be taken for "not there".
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError>;

    /// A config, or the layer of a signature or attestation. The verifier asks only for blobs within its own limits.
    ///
    /// # Errors
    /// When it is absent, cannot be read, or is not what its descriptor says.
    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError>;

    /// True when a container runtime would run this manifest: by its types, and by its layers as far as they can be read.
    fn is_runnable(&self, manifest: &Manifest) -> bool {
        is_runnable(manifest)
    }
}

/// Something that belongs to an image could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct EvidenceError {
    /// What failed about which thing.
    pub what: String,
    /// The cause.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl EvidenceError {
    /// An error without a further cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// An error with the one that caused it.
    pub fn caused(
        what: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), cause: Some(cause.into()) }
    }
}

/// One manifest attached to another.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The manifest it is attached to, as the finder says.
    pub subject: Digest,
    /// The attached manifest itself.
    pub manifest: Descriptor,
    /// How it was found.
    pub found: Found,
}

/// A GPG signature that is kept outside manifests (docs/spec/verification.md §8).
#[derive(Debug, Clone)]
pub struct AtomicSignature {
    /// The manifest it is for, as the finder says.
    pub subject: Digest,
    /// Its name, as the finder says.
    pub name: String,
    /// The OpenPGP message.
    pub blob: Descriptor,
}

/// What an inventory states of an image, as far as an authentic one is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatedAtPack {
    /// Nothing that admits it.
    #[default]
    Nothing,
    /// Trusted signers signed it.
    Verified,
    /// Whoever packed it accepts it without a signature.
    UnsignedAccepted,
}

/// One image to judge, with everything that is said about it. All of it but `name_bound` and `places` may
/// come from the courier.
pub struct ImageUnderTest<'a> {
    /// Where the image comes from: what identities and scopes are compared with.
    pub source: &'a Reference,
    /// The manifest or index that will be tagged.
    pub root: Descriptor,
    /// Everything found attached to it or its children.
    pub attached: &'a [Attached],
    /// GPG signatures of it or its children.
    pub atomic: &'a [AtomicSignature],
    /// Children that a platform filter left out of the bundle.
    pub omitted: &'a BTreeSet<Digest>,
    /// A verified seal or an expected bundle digest binds this name to this digest.
    pub name_bound: bool,
    /// What the inventory states. Only believed where the bundle as a whole is authentic, see
    /// [`crate::Anchors::bundle_expected`].
    pub stated: StatedAtPack,
    /// The names at the target: what admits on less than a trusted signature never takes another's place there.
    pub places: &'a dyn Places,
}
