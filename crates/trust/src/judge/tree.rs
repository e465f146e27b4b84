//! Every manifest that hangs on an image by hash.

use super::evidence::{Evidence, ImageUnderTest};
use crate::outcome::RefusalCode;
use crate::outcome::verdict::Refusal;
use crate::reading::text::explain;
use bundle_oci::{Descriptor, Digest, Manifest};
use std::collections::{BTreeMap, BTreeSet};

/// Deepest nesting of indexes that is followed. Real images have one level.
pub const MAX_DEPTH: usize = 8;
/// Most manifests that all indexes of one image may list. Real images list below 100.
pub const MAX_LISTED: usize = 10_000;

/// The manifests of one image, all there but the omitted ones, each with exactly the digest, size and media type that
/// names it.
pub(crate) struct Tree<'a> {
    omitted: &'a BTreeSet<Digest>,
    root: Digest,
    manifests: BTreeMap<Digest, Manifest>,
    listed: usize,
}

impl<'a> Tree<'a> {
    /// Collects what can be reached from the image's root. A cycle cannot be built where every digest is checked; were
    /// there one, a manifest that was seen is not entered again.
    pub(crate) fn walk(
        image: &ImageUnderTest<'a>,
        evidence: &dyn Evidence,
    ) -> Result<Self, Refusal> {
        let mut tree = Self {
            omitted: image.omitted,
            root: image.root.digest,
            manifests: BTreeMap::new(),
            listed: 0,
        };
        tree.enter(&image.root, 0, evidence)?;
        Ok(tree)
    }

    fn enter(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
        evidence: &dyn Evidence,
    ) -> Result<(), Refusal> {
        if let Some(seen) = self.manifests.get(&descriptor.digest) {
            return agrees(seen, descriptor);
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::bare(RefusalCode::TooDeep));
        }
        let manifest = evidence
            .manifest(&descriptor.digest)
            .map_err(|error| Refusal::new(RefusalCode::Unreadable, explain(&error)))?
            .ok_or_else(|| {
                let code = if depth == 0 {
                    RefusalCode::ManifestMissing
                } else {
                    RefusalCode::ChildMissing
                };
                Refusal::new(code, descriptor.digest.to_string())
            })?;
        agrees(&manifest, descriptor)?;
        let children = manifest.children().to_vec();
        self.listed += children.len();
        if self.listed > MAX_LISTED {
            return Err(Refusal::bare(RefusalCode::TooManyChildren));
        }
        self.manifests.insert(descriptor.digest, manifest);
        for child in children.iter().filter(|child| !self.omitted.contains(&child.digest)) {
            self.enter(child, depth + 1, evidence)?;
        }
        Ok(())
    }

    pub(crate) fn root(&self) -> Option<&Manifest> {
        self.manifests.get(&self.root)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(digest)
    }

    pub(crate) fn is_omitted(&self, digest: &Digest) -> bool {
        self.omitted.contains(digest)
    }
}

/// The manifest must be what the descriptor says, in all three properties.
fn agrees(manifest: &Manifest, descriptor: &Descriptor) -> Result<(), Refusal> {
    let own = manifest.descriptor();
    let wrong = if own.digest != descriptor.digest {
        "another digest"
    } else if own.size != descriptor.size {
        "another size"
    } else if own.media_type != descriptor.media_type {
        "another media type"
    } else {
        return Ok(());
    };
    let detail = format!("manifest {} has {wrong}", descriptor.digest);
    Err(Refusal::new(RefusalCode::ContentMismatch, detail))
}
