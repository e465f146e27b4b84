//! `ImageDigestMirrorSet` and `ImageTagMirrorSet`: where images are pulled from, by digest and by tag.

use super::resource::{OpenshiftError, Resource, ResourceName, check_mirror};
use crate::quoting::quoted;
use bundle_oci::Repository;
use std::collections::BTreeSet;

/// A source and its mirrors, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredSource {
    /// The name in workloads.
    pub source: Repository,
    /// Where it is served. Never empty.
    pub mirrors: Vec<Repository>,
}

/// `mirrorSourcePolicy`: what becomes of the source itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorSource {
    /// Never contacted: right where there is no way to it.
    NeverContacted,
    /// Contacted when no mirror has the image.
    Allowed,
}

impl MirrorSource {
    const fn name(self) -> &'static str {
        match self {
            Self::NeverContacted => "NeverContactSource",
            Self::Allowed => "AllowContactingSource",
        }
    }

    pub(super) fn named(text: &str) -> Option<Self> {
        [Self::NeverContacted, Self::Allowed].into_iter().find(|one| one.name() == text)
    }
}

/// Which pulls a set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorSetKind {
    /// Those by digest.
    ByDigest,
    /// Those by tag.
    ByTag,
}

impl MirrorSetKind {
    /// The kind of the resource.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByDigest => "ImageDigestMirrorSet",
            Self::ByTag => "ImageTagMirrorSet",
        }
    }

    const fn list(self) -> &'static str {
        match self {
            Self::ByDigest => "imageDigestMirrors",
            Self::ByTag => "imageTagMirrors",
        }
    }
}

/// A source, its mirrors, and what becomes of the source itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorEntry {
    /// Source and mirrors.
    pub mirrored: MirroredSource,
    /// What becomes of the source.
    pub policy: MirrorSource,
}

/// The resource for pulls by digest.
///
/// # Errors
/// [`OpenshiftError`]: no entries, one source twice, hosts that the schema does not admit.
pub fn digest_mirror_set(
    name: &ResourceName,
    sources: &[MirroredSource],
    policy: MirrorSource,
) -> Result<Resource, OpenshiftError> {
    mirror_set(MirrorSetKind::ByDigest, name, &entries(sources, policy))
}

/// The resource for pulls by tag.
///
/// # Errors
/// As [`digest_mirror_set`].
pub fn tag_mirror_set(
    name: &ResourceName,
    sources: &[MirroredSource],
    policy: MirrorSource,
) -> Result<Resource, OpenshiftError> {
    mirror_set(MirrorSetKind::ByTag, name, &entries(sources, policy))
}

fn entries(sources: &[MirroredSource], policy: MirrorSource) -> Vec<MirrorEntry> {
    sources.iter().map(|one| MirrorEntry { mirrored: one.clone(), policy }).collect()
}

/// The resource for pulls by digest or by tag, each source with a policy of its own.
///
/// # Errors
/// As [`digest_mirror_set`].
pub fn mirror_set(
    kind: MirrorSetKind,
    name: &ResourceName,
    entries: &[MirrorEntry],
) -> Result<Resource, OpenshiftError> {
    let (kind, list) = (kind.name(), kind.list());
    if entries.is_empty() || entries.iter().any(|one| one.mirrored.mirrors.is_empty()) {
        return Err(OpenshiftError::Empty(kind));
    }
    let mut content = format!(
        "apiVersion: config.openshift.io/v1\nkind: {kind}\nmetadata:\n  name: {}\nspec:\n  {list}:\n",
        quoted(name.as_str())
    );
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<&MirrorEntry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.mirrored.source.cmp(&b.mirrored.source));
    for MirrorEntry { mirrored: one, policy } in sorted {
        if !seen.insert(&one.source) {
            return Err(OpenshiftError::TwoMirrors(one.source.clone()));
        }
        std::iter::once(&one.source).chain(&one.mirrors).try_for_each(check_mirror)?;
        let quoted_name = |repository: &Repository| quoted(&repository.to_string());
        content.push_str(&format!("  - source: {}\n    mirrors:\n", quoted_name(&one.source)));
        for mirror in &one.mirrors {
            content.push_str(&format!("    - {}\n", quoted_name(mirror)));
        }
        content.push_str(&format!("    mirrorSourcePolicy: {}\n", policy.name()));
    }
    Ok(Resource { file: format!("{}-{name}.yaml", kind.to_ascii_lowercase()), content })
}
