//! Tags become digests, once; indexes become their manifests; attachments are found. All images at the same time.

use super::discover::{self, Attachments};
use super::origin::{Layout, Origin, REF_NAME};
use super::{Location, PackError, Request, Source};
use crate::inventory::Lookup;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Platform, Reference};
use crate::progress::Progress;
use crate::registry::Client;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Images resolved at the same time. Requests wait for the network, so more than cores pays.
const IMAGES_IN_FLIGHT: usize = 8;
/// Manifests of one index fetched at the same time.
const CHILDREN_IN_FLIGHT: usize = 8;
/// Indexes inside indexes: one level is common, two exist.
const MAX_DEPTH: usize = 4;

/// Images with their manifests and attachments, all by digest.
pub struct Resolved {
    /// In the order they were asked for, each source once.
    pub images: Vec<ResolvedImage>,
}

/// One image with everything that belongs to it.
pub struct ResolvedImage {
    /// Logical reference.
    pub source: Reference,
    /// Where it was fetched from, for the inventory.
    pub fetched_from: String,
    /// Where its blobs are.
    pub origin: Origin,
    /// Its manifests, children before their index; the root is last.
    pub manifests: Vec<Manifest>,
    /// Platforms kept.
    pub platforms: Vec<Platform>,
    /// Children of indexes that a platform filter left out.
    pub omitted: Vec<Digest>,
    /// What is attached.
    pub attachments: Attachments,
}

impl ResolvedImage {
    /// The manifest or index that was asked for.
    ///
    /// # Panics
    /// Never: an image is not made without one.
    pub fn root(&self) -> &Manifest {
        let [.., root] = self.manifests.as_slice() else { unreachable!("an image has a root") };
        root
    }
}

/// Resolves every source of a request.
///
/// # Errors
/// The first image that cannot be resolved, or whose attachments cannot be looked up.
pub async fn resolve(
    request: &Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Resolved, PackError> {
    let layouts = open_layouts(&request.sources).await?;
    let images: Vec<ResolvedImage> = stream::iter(&request.sources)
        .map(|source| resolve_one(request, source, client, &layouts, progress))
        .buffered(IMAGES_IN_FLIGHT)
        .try_collect()
        .await?;
    let mut seen: HashMap<Reference, Digest> = HashMap::new();
    let mut once = Vec::with_capacity(images.len());
    for image in images {
        match seen.insert(image.source.clone(), image.root().digest()) {
            None => once.push(image),
            Some(same) if same == image.root().digest() => {}
            Some(other) => {
                let what = format!(
                    "{} was asked for twice, as {other} and as {}",
                    image.source,
                    image.root().digest()
                );
                return Err(PackError::Usage(what));
            }
        }
    }
    Ok(Resolved { images: once })
}

async fn open_layouts(sources: &[Source]) -> Result<HashMap<PathBuf, Arc<Layout>>, PackError> {
    let mut layouts = HashMap::new();
    for source in sources {
        if let Location::Layout { directory, .. } = &source.location
            && !layouts.contains_key(directory)
        {
            let layout = Layout::open(directory).await.map_err(|error| {
                let mut what = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(inner) = cause {
                    what = format!("{what}: {inner}");
                    cause = inner.source();
                }
                PackError::Usage(format!("oci:{}: {what}", directory.display()))
            })?;
            layouts.insert(directory.clone(), Arc::new(layout));
        }
    }
    Ok(layouts)
}

async fn resolve_one(
    request: &Request,
    source: &Source,
    client: &Client,
    layouts: &HashMap<PathBuf, Arc<Layout>>,
    progress: &Arc<dyn Progress>,
) -> Result<ResolvedImage, PackError> {
    let Found { source, fetched_from, origin, root, layout_name } =
        find(source, client, layouts).await?;
    let mut walk = Walk {
        image: &source,
        origin: &origin,
        wanted: &request.platforms,
        ..Walk::new(&source, &origin)
    };
    walk.visit(root, None, 0).await?;
    let Walk { manifests, platforms, omitted, .. } = walk;
    if !request.platforms.is_empty() && manifests.len() == 1 && !manifests[0].children().is_empty()
    {
        let wanted: Vec<String> = request.platforms.iter().map(ToString::to_string).collect();
        let what = format!("it has none of the platforms {}", wanted.join(", "));
        return Err(PackError::Missing { image: source, what, trouble: Trouble::Network });
    }
    let rule = request.signature_rule(&source);
    let subjects: Vec<Digest> = manifests.iter().rev().map(Manifest::digest).collect();
    let search =
        discover::Search { image: &source, origin: &origin, layout_name: layout_name.as_deref() };
    let attachments = search.all(&subjects, rule, request.attachment_errors).await?;
    if attachments.lookup == Lookup::Incomplete {
        progress.note(&format!("{source}: attachments: incomplete, a lookup failed"));
    }
    progress.note(&format!("resolved {source}"));
    Ok(ResolvedImage { source, fetched_from, origin, manifests, platforms, omitted, attachments })
}

/// A source with its root manifest.
struct Found {
    source: Reference,
    fetched_from: String,
    origin: Origin,
    root: Manifest,
    layout_name: Option<String>,
}

async fn find(
    source: &Source,
    client: &Client,
    layouts: &HashMap<PathBuf, Arc<Layout>>,
) -> Result<Found, PackError> {
    match &source.location {
        Location::Registry(reference) => {
            let repository = client.repository(reference.repository());
            let name = source.name.clone().unwrap_or_else(|| reference.clone());
            let fetched = match (reference.digest(), reference.tag()) {
                (Some(digest), _) => repository.manifest_by_digest(&digest).await,
                (None, Some(tag)) => repository.manifest_by_tag(tag).await,
                (None, None) => Ok(None),
            };
            let what = format!("cannot fetch its manifest from {reference}");
            let root = fetched
                .map_err(|source| PackError::Registry { image: name.clone(), what, source })?
                .ok_or_else(|| PackError::Missing {
                    image: name.clone(),
                    what: format!("{reference} does not exist"),
                    trouble: Trouble::Network,
                })?;
            Ok(Found {
                source: name,
                fetched_from: reference.to_string(),
                origin: Origin::Registry(repository),
                root,
                layout_name: None,
            })
        }
        Location::Layout { directory, reference } => {
            let shown = format!("oci:{}", directory.display());
            let Some(layout) = layouts.get(directory) else {
                return Err(PackError::Usage(format!("{shown} was not opened")));
            };
            let entry = layout
                .find(reference.as_deref())
                .map_err(|what| PackError::Usage(format!("{shown}: {what}")))?;
            let layout_name = entry.annotation(REF_NAME).map(str::to_owned);
            let name = match &source.name {
                Some(name) => name.clone(),
                None => layout_name.as_deref().and_then(full_reference).ok_or_else(|| {
                    PackError::Usage(format!(
                        "{shown}: the image has no full name in the layout; say which image it is: \
                         oci:DIR[:REF]=REGISTRY/REPO:TAG"
                    ))
                })?,
            };
            let origin = Origin::Layout(layout.clone());
            let what = format!("cannot read its manifest from {shown}");
            let root = origin.manifest(&entry).await.map_err(|error| error.of(&name, what))?;
            let root = root.ok_or_else(|| PackError::Missing {
                image: name.clone(),
                what: format!("its manifest {} is not in {shown}", entry.digest),
                trouble: Trouble::Medium,
            })?;
            Ok(Found { source: name, fetched_from: shown, origin, root, layout_name })
        }
    }
}

/// A ref.name that names a host is a full reference; anything shorter would be guessed.
fn full_reference(name: &str) -> Option<Reference> {
    let (host, _) = name.split_once('/')?;
    let is_host = host.contains(['.', ':']) || host == "localhost";
    is_host.then(|| Reference::parse_pinned(name).ok())?
}

/// The walk from a root through its children.
struct Walk<'a> {
    image: &'a Reference,
    origin: &'a Origin,
    wanted: &'a [Platform],
    manifests: Vec<Manifest>,
    platforms: Vec<Platform>,
    omitted: Vec<Digest>,
    seen: HashSet<Digest>,
}

impl<'a> Walk<'a> {
    fn new(image: &'a Reference, origin: &'a Origin) -> Self {
        let (wanted, seen) = (&[][..], HashSet::new());
        Self { image, origin, wanted, manifests: vec![], platforms: vec![], omitted: vec![], seen }
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
                image: self.image.clone(),
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
            let carried = |d: &&Descriptor| {
                !self.seen.contains(&d.digest) && !self.omitted.contains(&d.digest)
            };
            let left_out: Vec<Digest> =
                index.manifests.iter().filter(carried).map(|d| d.digest).collect();
            self.omitted.extend(left_out);
        } else if let Some(platform) = platform.filter(|p| !p.is_unknown())
            && !self.platforms.contains(&platform)
        {
            self.platforms.push(platform);
        }
        self.manifests.push(manifest);
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
            image: self.image.clone(),
            what: format!("{}, which its index lists, does not exist", child.digest),
            trouble: Trouble::Network,
        })?;
        let announced = (child.size, child.media_type.as_str());
        if announced != (manifest.bytes().len() as u64, manifest.media_type()) {
            let what = format!("its index says {announced:?} of {}, which differs", child.digest);
            let source = SourceError::new(Trouble::Content, "size or type of a manifest is wrong");
            return Err(PackError::Source { image: self.image.clone(), what, source });
        }
        Ok((manifest, child.platform))
    }
}
