//! The part that a blob plays in the images of a pack.

use serde::{Deserialize, Serialize};

/// What a blob is, and of which images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Part {
    /// What manifests call it.
    pub(super) media_type: String,
    /// How it is asked for.
    pub(super) form: Form,
    /// Numbers of the images that need it, in order; at least one.
    pub(super) images: Vec<u32>,
}

/// How something is asked for by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    /// As a manifest.
    Manifest,
    /// As a blob.
    Blob,
}
