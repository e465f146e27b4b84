//! `ImageDigestMirrorSet` and `ImageTagMirrorSet`: where images are pulled from, by digest and by tag.

use super::resource::{OpenshiftError, Resource, ResourceName, check_mirror};
use crate::host::config::quoting::quoted;
use crate::oci::Repository;
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

/// The resource for pulls by digest.
///
/// # Errors
/// [`OpenshiftError`]: no entries, one source twice, hosts that the schema does not admit.
pub fn digest_mirror_set(
    name: &ResourceName,
    sources: &[MirroredSource],
    policy: MirrorSource,
) -> Result<Resource, OpenshiftError> {
    mirror_set("ImageDigestMirrorSet", "imageDigestMirrors", name, sources, policy)
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
    mirror_set("ImageTagMirrorSet", "imageTagMirrors", name, sources, policy)
}

fn mirror_set(
    kind: &'static str,
    list: &str,
    name: &ResourceName,
    sources: &[MirroredSource],
    policy: MirrorSource,
) -> Result<Resource, OpenshiftError> {
    if sources.is_empty() || sources.iter().any(|one| one.mirrors.is_empty()) {
        return Err(OpenshiftError::Empty(kind));
    }
    let mut content = format!(
        "apiVersion: config.openshift.io/v1\nkind: {kind}\nmetadata:\n  name: {}\nspec:\n  {list}:\n",
        quoted(name.as_str())
    );
    let policy = match policy {
        MirrorSource::NeverContacted => "NeverContactSource",
        MirrorSource::Allowed => "AllowContactingSource",
    };
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<&MirroredSource> = sources.iter().collect();
    sorted.sort_by(|a, b| a.source.cmp(&b.source));
    for one in sorted {
        if !seen.insert(&one.source) {
            return Err(OpenshiftError::TwoMirrors(one.source.clone()));
        }
        std::iter::once(&one.source).chain(&one.mirrors).try_for_each(check_mirror)?;
        let quoted_name = |repository: &Repository| quoted(&repository.to_string());
        content.push_str(&format!("  - source: {}\n    mirrors:\n", quoted_name(&one.source)));
        for mirror in &one.mirrors {
            content.push_str(&format!("    - {}\n", quoted_name(mirror)));
        }
        content.push_str(&format!("    mirrorSourcePolicy: {policy}\n"));
    }
    Ok(Resource { file: format!("{}-{name}.yaml", kind.to_ascii_lowercase()), content })
}
