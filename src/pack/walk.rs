//! From a root through the indexes to every manifest that is wanted.

use super::PackError;
use super::held::Share;
use super::origin::Origin;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Platform, Reference};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;

/// Manifests of one index fetched at the same time.
const CHILDREN_IN_FLIGHT: usize = 8;
/// Indexes inside indexes: one level is common, two exist.
const MAX_DEPTH: usize = 4;

/// The walk from a root through its children.
pub(super) struct Walk<'a> {
    image: &'a Reference,
    origin: &'a Origin,
    wanted: &'a [Platform],
    held: &'a Share<'a>,
    walked: Walked,
    seen: HashSet<Digest>,
}

/// What a walk found.
#[derive(Default)]
pub(super) struct Walked {
    /// Manifests, children before their index; the root is last.
    pub(super) manifests: Vec<Manifest>,
    /// Platforms of the manifests that indexes list.
    pub(super) platforms: Vec<Platform>,
    /// Manifests that indexes list and that are not wanted.
    pub(super) omitted: Vec<Digest>,
    /// What indexes say of manifests that are not wanted.
    pub(super) other_platforms: Vec<Platform>,
}

impl<'a> Walk<'a> {
    /// A walk that keeps the `wanted` platforms, or all when there are none.
    pub(super) fn new(
        image: &'a Reference,
        origin: &'a Origin,
        wanted: &'a [Platform],
        held: &'a Share<'a>,
    ) -> Self {
        Self { image, origin, wanted, held, walked: Walked::default(), seen: HashSet::new() }
    }

    /// Walks from `root`.
    ///
    /// # Errors
    /// A child that is not there or is not what its index says; nesting deeper than is followed.
    pub(super) async fn all(mut self, root: Manifest) -> Result<Walked, PackError> {
        self.held.add_manifest(&root)?;
        self.visit(root, None, 0).await?;
        Ok(self.walked)
    }

    /// Takes a manifest and everything below it, children first.
    async fn visit(
        &mut self,
        manifest: Manifest,
        platform: Option<Platform>,
        depth: usize,
    ) -> Result<(), PackError> {
        if depth > MAX_DEPTH {
            let what = format!("its indexes are nested deeper than {MAX_DEPTH}");
            return Err(PackError::Missing {
                image: Box::new(self.image.clone()),
                what,
                trouble: Trouble::Content,
            });
        }
        if !self.seen.insert(manifest.digest()) {
            return Ok(());
        }
        if let Meaning::Index(index) = manifest.meaning() {
            let kept = self.keep(&index.manifests);
            let children: Vec<(Manifest, Option<Platform>)> = stream::iter(kept)
                .map(|child| self.fetch(child))
                .buffered(CHILDREN_IN_FLIGHT)
                .try_collect()
                .await?;
            for (child, platform) in children {
                Box::pin(self.visit(child, platform, depth + 1)).await?;
            }
            let left = index.manifests.iter().filter(|d| !self.seen.contains(&d.digest));
            let others = left.filter_map(|d| d.platform.clone()).filter(|p| !p.is_unknown());
            self.walked.other_platforms.extend(others);
            let carried = |d: &&Descriptor| {
                !self.seen.contains(&d.digest) && !self.walked.omitted.contains(&d.digest)
            };
            let left_out: Vec<Digest> =
                index.manifests.iter().filter(carried).map(|d| d.digest).collect();
            self.walked.omitted.extend(left_out);
        } else if let Some(platform) = platform.filter(|p| !p.is_unknown())
            && !self.walked.platforms.contains(&platform)
        {
            self.walked.platforms.push(platform);
        }
        self.walked.manifests.push(manifest);
        Ok(())
    }

    /// Children that are wanted: of a wanted platform, of none, or attestations of a kept one.
    fn keep(&self, children: &[Descriptor]) -> Vec<Descriptor> {
        if self.wanted.is_empty() {
            return children.to_vec();
        }
        let serves = |child: &Descriptor| match &child.platform {
            Some(platform) => self.wanted.iter().any(|wanted| platform.serves(wanted)),
            None => true,
        };
        let kept: HashSet<String> =
            children.iter().filter(|c| serves(c)).map(|c| c.digest.to_string()).collect();
        let attests = |child: &Descriptor| {
            child.annotation("vnd.docker.reference.digest").is_some_and(|of| kept.contains(of))
        };
        children.iter().filter(|child| serves(child) || attests(child)).cloned().collect()
    }

    async fn fetch(&self, child: Descriptor) -> Result<(Manifest, Option<Platform>), PackError> {
        let what = format!("cannot fetch {}, which its index lists", child.digest);
        let fetched =
            self.origin.manifest(&child).await.map_err(|error| error.of(self.image, what))?;
        let manifest = fetched.ok_or_else(|| PackError::Missing {
            image: Box::new(self.image.clone()),
            what: format!("{}, which its index lists, does not exist", child.digest),
            trouble: Trouble::Network,
        })?;
        self.held.add_manifest(&manifest)?;
        let announced = (child.size, child.media_type.as_str());
        if announced != (manifest.bytes().len() as u64, manifest.media_type()) {
            let what = format!("its index says {announced:?} of {}, which differs", child.digest);
            let source = SourceError::new(Trouble::Content, "size or type of a manifest is wrong");
            return Err(PackError::Source { image: Box::new(self.image.clone()), what, source });
        }
        Ok((manifest, child.platform))
    }
}
