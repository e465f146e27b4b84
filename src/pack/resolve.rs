//! Tags become digests, once; indexes become their manifests; attachments are found. All images at the same time.

use super::discover::atomic::SignatureSearch;
use super::discover::{self, Attachments};
use super::error::with_causes;
use super::held::Held;
use super::layout::Layout;
use super::origin::Origin;
use super::select::Selection;
use super::walk::{Walk, Walked};
use super::{FailedImages, Location, PackError, Source};
use crate::inventory::Lookup;
use crate::oci::json::{self, Bounds};
use crate::oci::layout::REF_NAME;
use crate::oci::manifest::{MAX_MANIFEST, MAX_VALUES};
use crate::oci::reference::is_attachment_tag;
use crate::oci::source::{Trouble, read_blob};
use crate::oci::{Digest, Manifest, Meaning, Platform, Reference};
use crate::progress::Progress;
use crate::registry::Client;
use crate::report::pack::LeftOut;
use crate::trust::{IdleScope, idle_scopes};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Images resolved at the same time. Requests wait for the network, so more than cores pays.
const IMAGES_IN_FLIGHT: usize = 8;

/// Images with their manifests and attachments, all by digest.
pub(super) struct Resolved {
    /// In the order they were asked for, each source once.
    pub images: Vec<ResolvedImage>,
    /// Those that could not be had, when these are left out.
    pub left_out: Vec<LeftOut>,
}

/// One image with everything that belongs to it.
pub(super) struct ResolvedImage {
    /// Its number among the sources of the request.
    pub number: usize,
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
    pub(super) fn root(&self) -> &Manifest {
        let [.., root] = self.manifests.as_slice() else { unreachable!("an image has a root") };
        root
    }
}

impl Resolved {
    /// Scopes of options that cover no image, neither one that was resolved nor one that is left out.
    pub(super) fn idle_scopes(&self, request: &Selection) -> Vec<IdleScope> {
        let asked = request.sources.iter().filter_map(|source| source.name.clone());
        let found = self.images.iter().map(|image| image.source.with_digest(image.root().digest()));
        let names: Vec<Reference> = asked.chain(found).collect();
        idle_scopes(&request.given_scopes, &names)
    }
}

/// Resolves every source of a request.
///
/// # Errors
/// All images that are not there; else the first one that cannot be resolved, or whose attachments cannot be looked up.
/// Where such images are left out, only when there is no other.
pub(super) async fn resolve(
    request: &Selection,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Resolved, PackError> {
    let layouts = open_layouts(&request.sources).await;
    let held = Held::default();
    let resolve =
        |source| resolve_or_leave_out(request, source, client, (&layouts, &held), progress);
    let found: Vec<(&Source, Result<ResolvedImage, PackError>)> =
        stream::iter(request.sources.iter().enumerate())
            .map(resolve)
            .buffered(IMAGES_IN_FLIGHT)
            .try_collect()
            .await?;
    let (mut images, mut failed) = (Vec::with_capacity(found.len()), Vec::new());
    progress.note(&format!(
        "resolved {} of {} images",
        found.iter().filter(|(_, image)| image.is_ok()).count(),
        found.len()
    ));
    let found = name_all_missing(request, found)?;
    for (source, found) in found {
        match found {
            Ok(image) => images.push(image),
            Err(error) => failed.push((source, error)),
        }
    }
    let left_out: Vec<LeftOut> =
        failed.iter().map(|(source, error)| error.leaves_out(source.to_string())).collect();
    for left in &left_out {
        progress.note(&format!("left out {}: {}", left.source, left.why));
    }
    if images.is_empty() {
        let sources = left_out.into_iter().map(|left| left.source).collect();
        let first = failed.into_iter().next().map(|(_, error)| Arc::new(error));
        return Err(PackError::NothingLeft { sources, first });
    }
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
    Ok(Resolved { images: once, left_out })
}

/// Layouts by their directories; of one that cannot be used, why.
type Layouts = HashMap<PathBuf, Result<Arc<Layout>, String>>;

async fn open_layouts(sources: &[Source]) -> Layouts {
    let mut layouts = Layouts::new();
    for source in sources {
        if let Location::Layout { directory, .. } = &source.location
            && !layouts.contains_key(directory)
        {
            let layout = Layout::open(directory).await;
            let layout = layout.map(Arc::new).map_err(|error| with_causes(&error));
            layouts.insert(directory.clone(), layout);
        }
    }
    layouts
}

/// One source with its image, or with why it is left out.
async fn resolve_or_leave_out<'a>(
    request: &Selection,
    (number, source): (usize, &'a Source),
    client: &Client,
    shared: (&Layouts, &Held),
    progress: &Arc<dyn Progress>,
) -> Result<(&'a Source, Result<ResolvedImage, PackError>), PackError> {
    let found = resolve_one(request, (number, source), client, shared, progress).await;
    match (request.failed_images, found) {
        // Looked for on, so that all that are missing are named at once.
        (FailedImages::Fail, Err(error)) if !matches!(error, PackError::Missing { .. }) => {
            Err(error)
        }
        (_, found) => Ok((source, found)),
    }
}

/// A source with its image, or with why it is not there.
type FoundOrNot<'a> = (&'a Source, Result<ResolvedImage, PackError>);

/// What was found, unless images are missing that may not be left out.
fn name_all_missing<'a>(
    request: &Selection,
    found: Vec<FoundOrNot<'a>>,
) -> Result<Vec<FoundOrNot<'a>>, PackError> {
    if request.failed_images == FailedImages::LeaveOut || found.iter().all(|(_, f)| f.is_ok()) {
        return Ok(found);
    }
    let mut missing: Vec<PackError> =
        found.into_iter().filter_map(|(_, found)| found.err()).collect();
    Err(match missing.len() {
        1 => missing.remove(0),
        _ => PackError::SeveralMissing(missing),
    })
}

async fn resolve_one(
    request: &Selection,
    (number, source): (usize, &Source),
    client: &Client,
    (layouts, held): (&Layouts, &Held),
    progress: &Arc<dyn Progress>,
) -> Result<ResolvedImage, PackError> {
    let location = &source.location;
    let Found { source, fetched_from, origin, root, layout_name } =
        find(source, client, layouts).await?;
    if source.tag().is_some_and(is_attachment_tag) {
        let what = format!("{source} has a tag that is reserved for attachments");
        return Err(PackError::Usage(what));
    }
    if let Some(pinned) = source.digest().filter(|pinned| *pinned != root.digest()) {
        let found = root.digest();
        let what =
            format!("image {source} is named by digest {pinned}, but {fetched_from} is {found}");
        return Err(PackError::Usage(what));
    }
    let share = held.share(&source);
    let walked = Walk::new(&source, &origin, &request.platforms, &share).all(root).await?;
    let Walked { manifests, mut platforms, omitted, other_platforms } = walked;
    if let [only] = manifests.as_slice() {
        platforms.extend(platform_of_config(&source, &origin, only).await?);
    }
    check_wanted(request, &source, &manifests, &platforms, &other_platforms)?;
    let rule = request.signature_rule(&source);
    let subjects: Vec<Digest> = manifests.iter().rev().map(Manifest::digest).collect();
    let layout_name = layout_name.as_deref();
    let search = discover::Search { image: &source, origin: &origin, layout_name, held: &share };
    let errors = request.attachment_errors;
    let mut attachments = search.all(&subjects, rule, errors).await?;
    if let (Location::Registry(fetched), Origin::Registry(repository)) = (location, &origin) {
        let lookasides = &request.lookasides;
        let search =
            SignatureSearch::new(&source, fetched, repository, lookasides, client, &share)?;
        search.add_to(&mut attachments, &subjects, rule, errors).await?;
    }
    if attachments.lookup == Lookup::Incomplete {
        progress.note(&format!("{source}: attachments: incomplete, a lookup failed"));
    }
    share.keep();
    Ok(ResolvedImage {
        number,
        source,
        fetched_from,
        origin,
        manifests,
        platforms,
        omitted,
        attachments,
    })
}

/// Config types of images; other configs are an artifact's own business.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What an image without an index says that it runs on; nothing for artifacts.
async fn platform_of_config(
    image: &Reference,
    origin: &Origin,
    manifest: &Manifest,
) -> Result<Option<Platform>, PackError> {
    let Meaning::Image(meaning) = manifest.meaning() else { return Ok(None) };
    if !IMAGE_CONFIGS.contains(&meaning.config.media_type.as_str()) {
        return Ok(None);
    }
    let read = read_blob(origin, &meaning.config, MAX_MANIFEST).await;
    let config = read.map_err(|source| {
        let what = "cannot read its config".to_owned();
        PackError::Source { image: Box::new(image.clone()), what, source }
    })?;
    let set = |p: &Platform| !p.os.is_empty() && !p.architecture.is_empty();
    Ok(json::read::<Platform>(&config, Bounds::values(MAX_VALUES)).ok().filter(set))
}

/// Platforms listed in an error: an index can list any number.
const MAX_LISTED: usize = 20;

/// Refuses an image that has nothing for the platforms that were asked for.
fn check_wanted(
    request: &Selection,
    image: &Reference,
    manifests: &[Manifest],
    platforms: &[Platform],
    others: &[Platform],
) -> Result<(), PackError> {
    let wanted = &request.platforms;
    let is_index = manifests.last().is_some_and(|root| matches!(root.meaning(), Meaning::Index(_)));
    let serves = |platform: &Platform| wanted.iter().any(|w| platform.serves(w));
    if wanted.is_empty() || platforms.iter().any(serves) || (platforms.is_empty() && !is_index) {
        return Ok(());
    }
    let list = |platforms: &[Platform]| {
        platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut has: Vec<Platform> = platforms.iter().chain(others).cloned().collect();
    has.truncate(MAX_LISTED);
    let has = if has.is_empty() { String::new() } else { format!(", only {}", list(&has)) };
    Err(PackError::Usage(format!("image {image} has nothing for {}{has}", list(wanted))))
}

/// A source with its root manifest.
struct Found {
    source: Reference,
    fetched_from: String,
    origin: Origin,
    root: Manifest,
    layout_name: Option<String>,
}

async fn find(source: &Source, client: &Client, layouts: &Layouts) -> Result<Found, PackError> {
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
                .map_err(|source| PackError::Registry {
                    image: Box::new(name.clone()),
                    what,
                    source: source.into(),
                })?
                .ok_or_else(|| PackError::Missing {
                    image: Box::new(name.clone()),
                    what: if name == *reference {
                        "does not exist".to_owned()
                    } else {
                        format!("{reference} does not exist")
                    },
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
            let layout = match layouts.get(directory) {
                Some(Ok(layout)) => layout,
                Some(Err(why)) => return Err(PackError::Usage(format!("{shown}: {why}"))),
                None => return Err(PackError::Usage(format!("{shown} was not opened"))),
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
                image: Box::new(name.clone()),
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
