//! From the root of an image or an attachment down to every manifest and blob.

use super::error::CatalogueError;
use super::tally::{Evidence, Tally};
use super::{Catalogue, CatalogueImage, Child, ManifestRecord};
use super::{atomic, attachments};
use crate::Archive;
use crate::limits::MAX_TRUST_BLOB;
use bundle_inventory::{AttachmentKind, BlobEntry, ImageEntry};
use bundle_oci::json::{self, Bounds};
use bundle_oci::manifest::{MAX_MANIFEST, MAX_VALUES, ManifestError};
use bundle_oci::runnable::{BEGINNING, begins_file_system, under_image_config};
use bundle_oci::text::bounded;
use bundle_oci::{Descriptor, Digest, Manifest, Meaning, Platform, media_type};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Deepest nesting of indexes that is followed. Real images have one level.
const MAX_DEPTH: usize = 8;
/// What a walk from one root finds.
pub(super) struct Reached {
    /// Numbers of manifests, children first.
    pub(super) manifests: Vec<u32>,
    /// The same as a set.
    pub(super) seen: HashSet<u32>,
    /// Listed children that were left out.
    pub(super) omitted: BTreeSet<Digest>,
    /// Non-distributable layers, there or left out.
    pub(super) nondistributable: BTreeSet<Digest>,
    /// Manifests that are there and no indexes, each with the platforms that indexes list it for.
    platforms: HashMap<u32, BTreeSet<Platform>>,
}

pub(super) struct Walk<'a> {
    archive: &'a Archive,
    /// Place of each blob in the inventory.
    places: HashMap<Digest, u32>,
    referenced: Vec<bool>,
    manifests: Vec<ManifestRecord>,
    numbers: HashMap<Digest, u32>,
    types: HashSet<Arc<str>>,
    /// What the configs of images without an index say, by the number of the manifest: each is read once, however many
    /// images there are of it.
    configs: HashMap<u32, Option<Platform>>,
    /// Whether layers under configs of images are file systems, each asked once.
    file_systems: HashMap<Digest, bool>,
    tally: Tally,
}

impl<'a> Walk<'a> {
    pub(super) fn new(archive: &'a Archive) -> Self {
        let blobs = &archive.inventory().blobs;
        Self {
            archive,
            places: blobs.iter().enumerate().map(|(n, blob)| (blob.digest, n as u32)).collect(),
            referenced: vec![false; blobs.len()],
            manifests: Vec::new(),
            numbers: HashMap::new(),
            types: HashSet::new(),
            configs: HashMap::new(),
            file_systems: HashMap::new(),
            tally: Tally::new(archive.evidence_length()),
        }
    }

    /// Walks one image of the inventory with everything attached to it, and compares what the inventory says about it.
    pub(super) fn image(&mut self, image: &ImageEntry) -> Result<CatalogueImage, CatalogueError> {
        let name = bounded(&image.source.to_string());
        let wrong = |what: String| Err(CatalogueError::Image { image: name.clone(), what });
        if image.source.digest().is_some_and(|digest| digest != image.digest) {
            return wrong(format!("its name says another digest than {}", image.digest));
        }
        let omitted: BTreeSet<Digest> = image.omitted.iter().copied().collect();
        let root = Descriptor::new(&image.media_type, image.digest, image.size);
        let mut reached = self.descend(&name, &root, &omitted)?;
        if let Some(digest) = omitted.difference(&reached.omitted).next() {
            return wrong(format!("{digest} is said to be left out, but no index lists it"));
        }
        let carried = |digest: &&Digest| {
            self.numbers.get(*digest).is_some_and(|number| reached.seen.contains(number))
        };
        if let Some(digest) = omitted.iter().find(carried) {
            return wrong(format!("{digest} is said to be left out, but it is there"));
        }
        self.check_platforms(&name, image, &reached)?;
        let (attached, more) = attachments::walk(self, &name, image, &reached)?;
        reached.nondistributable.extend(more);
        let stated: BTreeSet<Digest> = image.foreign.iter().copied().collect();
        let absent = |digest: &&Digest| !self.places.contains_key(*digest);
        let unsaid = reached.nondistributable.difference(&stated).find(absent);
        if let Some(digest) = unsaid {
            return Err(CatalogueError::Missing { image: name, digest: *digest });
        }
        // One that is said to be left out may be there for another image, which calls it something else.
        if let Some(digest) = stated.difference(&reached.nondistributable).next() {
            return wrong(format!("it has no layer {digest} that may be left out"));
        }
        let signatures = atomic::walk(self, &name, image, &reached)?;
        Ok(CatalogueImage { manifests: reached.manifests, attachments: attached, signatures })
    }

    /// Marks a blob as needed; gives how it is stored.
    pub(super) fn refer(&mut self, digest: &Digest) -> Option<BlobEntry> {
        let place = *self.places.get(digest)? as usize;
        self.referenced[place] = true;
        Some(self.archive.inventory().blobs[place])
    }

    pub(super) fn finish(self, images: Vec<CatalogueImage>) -> Result<Catalogue, CatalogueError> {
        if let Some(place) = self.referenced.iter().position(|referenced| !referenced) {
            let digest = self.archive.inventory().blobs[place].digest;
            return Err(CatalogueError::Unreferenced(digest));
        }
        let (manifests, numbers) = (self.manifests.into(), Arc::new(self.numbers));
        Ok(Catalogue { images, manifests, numbers })
    }

    /// Counts what the manifest with this number has as what verification examines.
    pub(super) fn examine_layers(&mut self, number: u32) -> Result<(), CatalogueError> {
        let record = &self.manifests[number as usize];
        self.tally.examine(record.blobs.len(), record.evidence)
    }

    /// Counts a GPG signature of so many bytes.
    pub(super) fn examine_signature(&mut self, bytes: u64) -> Result<(), CatalogueError> {
        self.tally.examine(1, Evidence { layers: 1, bytes })
    }

    /// Counts that verification reads the manifest with this number.
    pub(super) fn read_once_more(&mut self, number: u32) -> Result<(), CatalogueError> {
        self.tally.read(self.manifests[number as usize].size)
    }

    /// The record with this number, which a walk gave.
    pub(super) fn record(&self, number: u32) -> &ManifestRecord {
        &self.manifests[number as usize]
    }

    /// Everything that hangs on `root`. Children in `omitted` are not followed.
    pub(super) fn descend(
        &mut self,
        image: &str,
        root: &Descriptor,
        omitted: &BTreeSet<Digest>,
    ) -> Result<Reached, CatalogueError> {
        let mut reached = Reached {
            manifests: Vec::new(),
            seen: HashSet::new(),
            omitted: BTreeSet::new(),
            nondistributable: BTreeSet::new(),
            platforms: HashMap::new(),
        };
        self.enter(image, root, omitted, 0, &mut reached)?;
        Ok(reached)
    }

    fn enter(
        &mut self,
        image: &str,
        descriptor: &Descriptor,
        omitted: &BTreeSet<Digest>,
        depth: usize,
        reached: &mut Reached,
    ) -> Result<(), CatalogueError> {
        if depth > MAX_DEPTH {
            let what = format!("indexes of {image} nested deeper than {MAX_DEPTH}");
            return Err(CatalogueError::Limit(what));
        }
        let number = self.manifest(image, descriptor)?;
        // A cycle would need a digest of itself; were there one, nothing is entered twice.
        if !reached.seen.insert(number) {
            return Ok(());
        }
        self.tally.reach()?;
        self.read_once_more(number)?;
        let record = &self.manifests[number as usize];
        reached.nondistributable.extend(record.nondistributable.iter().copied());
        let children = self.manifests[number as usize].children.clone();
        for child in &*children {
            if omitted.contains(&child.digest) {
                if reached.omitted.insert(child.digest) {
                    self.tally.reach()?;
                }
                continue;
            }
            let descriptor = Descriptor::new(&child.media_type, child.digest, child.size);
            self.enter(image, &descriptor, omitted, depth + 1, reached)?;
            let platform = child.platform.as_deref().filter(|platform| !platform.is_unknown());
            if let (Some(platform), Some(number)) = (platform, self.numbers.get(&child.digest))
                && !media_type::is_index(&child.media_type)
            {
                reached.platforms.entry(*number).or_default().insert(platform.clone());
            }
        }
        reached.manifests.push(number);
        Ok(())
    }

    /// The number of the manifest that `descriptor` names; reads it when it is met for the first time.
    fn manifest(&mut self, image: &str, descriptor: &Descriptor) -> Result<u32, CatalogueError> {
        let digest = descriptor.digest;
        let disagreement =
            |what| Err(CatalogueError::Disagreement { image: image.to_owned(), digest, what });
        let Some(place) = self.places.get(&digest).copied() else {
            return Err(CatalogueError::Missing { image: image.to_owned(), digest });
        };
        if self.archive.inventory().blobs[place as usize].size != descriptor.size {
            return disagreement("its size differs from the inventory's");
        }
        if let Some(number) = self.numbers.get(&digest) {
            if *self.manifests[*number as usize].media_type != *descriptor.media_type {
                return disagreement("it is announced under two media types");
            }
            return Ok(*number);
        }
        let unusable =
            |source| CatalogueError::Manifest { image: image.to_owned(), digest, source };
        if !media_type::is_manifest(&descriptor.media_type) {
            let unknown = bounded(&descriptor.media_type);
            return Err(unusable(ManifestError::MediaType(unknown)));
        }
        let bytes = self
            .archive
            .read(&digest, MAX_MANIFEST)
            .map_err(|source| CatalogueError::Read { image: image.to_owned(), digest, source })?;
        let manifest = Manifest::parse(bytes, &descriptor.media_type).map_err(unusable)?;
        let record = self.take(image, &manifest)?;
        self.referenced[place as usize] = true;
        let number = self.manifests.len() as u32;
        self.manifests.push(record);
        self.numbers.insert(digest, number);
        Ok(number)
    }

    /// What is kept of a manifest; its blobs are looked up and marked as needed.
    fn take(&mut self, image: &str, manifest: &Manifest) -> Result<ManifestRecord, CatalogueError> {
        let (mut blobs, mut nondistributable) = (Vec::new(), Vec::new());
        for blob in manifest.blobs() {
            if media_type::is_nondistributable(&blob.media_type) {
                nondistributable.push(blob.digest);
            }
            let image = || image.to_owned();
            let digest = blob.digest;
            match self.places.get(&digest) {
                Some(place)
                    if self.archive.inventory().blobs[*place as usize].size == blob.size =>
                {
                    self.referenced[*place as usize] = true;
                    blobs.push(*place);
                }
                Some(_) => {
                    let what = "its size differs from the inventory's";
                    return Err(CatalogueError::Disagreement { image: image(), digest, what });
                }
                None if media_type::is_nondistributable(&blob.media_type) => {}
                None => return Err(CatalogueError::Missing { image: image(), digest }),
            }
        }
        let children = manifest.children().iter().map(|child| Child {
            digest: child.digest,
            size: child.size,
            media_type: self.interned(&child.media_type),
            platform: child.platform.clone().map(Box::new),
        });
        let children = children.collect();
        Ok(ManifestRecord {
            digest: manifest.digest(),
            size: manifest.bytes().len() as u64,
            media_type: self.interned(manifest.media_type()),
            subject: manifest.subject().map(|subject| subject.digest),
            kind: AttachmentKind::of(manifest).filter(|_| !self.hides_file_system(manifest)),
            has_image_config: !under_image_config(manifest).is_empty(),
            blobs: blobs.into(),
            nondistributable: nondistributable.into(),
            children,
            evidence: evidence(manifest),
        })
    }

    /// True when a layer of another type under the config of an image is a file system. What cannot be read yet is asked
    /// when it comes.
    fn hides_file_system(&mut self, manifest: &Manifest) -> bool {
        let layers = under_image_config(manifest);
        layers.iter().any(|layer| {
            let known = self.file_systems.get(&layer.digest).copied();
            known.unwrap_or_else(|| {
                let is_one = begins_file_system(&self.archive.beginning(&layer.digest, BEGINNING));
                self.file_systems.insert(layer.digest, is_one);
                is_one
            })
        })
    }

    fn interned(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.types.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.types.insert(new.clone());
        new
    }

    /// Platforms in the inventory must be those of the manifests carried: people choose by them. An image without an
    /// index may leave them out, and may only name the one of its config.
    fn check_platforms(
        &mut self,
        name: &str,
        image: &ImageEntry,
        reached: &Reached,
    ) -> Result<(), CatalogueError> {
        let stated: BTreeSet<Platform> = image.platforms.iter().cloned().collect();
        let agrees = match media_type::is_index(&image.media_type) {
            // A manifest that is listed for several platforms may be carried for one of them.
            true => {
                let listed: BTreeSet<_> = reached.platforms.values().flatten().cloned().collect();
                let named = |of: &BTreeSet<Platform>| !of.is_disjoint(&stated);
                stated.is_subset(&listed) && reached.platforms.values().all(named)
            }
            false if stated.is_empty() => true,
            false => stated == self.config_platform(image)?.into_iter().collect(),
        };
        if agrees {
            return Ok(());
        }
        let what = "its platforms are not those of the manifests carried".to_owned();
        Err(CatalogueError::Image { image: name.to_owned(), what })
    }

    /// The platform that the config of an image without an index says; nothing when it says none or cannot be read.
    fn config_platform(&mut self, image: &ImageEntry) -> Result<Option<Platform>, CatalogueError> {
        let Some(number) = self.numbers.get(&image.digest).copied() else { return Ok(None) };
        if let Some(known) = self.configs.get(&number) {
            return Ok(known.clone());
        }
        let platform = match self.config(number) {
            Some(config) => {
                self.read_once_more(number)?;
                self.tally.read(config.size)?;
                self.read_platform(&config.digest)
            }
            None => None,
        };
        self.configs.insert(number, platform.clone());
        Ok(platform)
    }

    /// The config that the manifest with this number names.
    fn config(&self, number: u32) -> Option<Descriptor> {
        let record = self.record(number);
        let bytes = self.archive.read(&record.digest, MAX_MANIFEST).ok()?;
        let manifest = Manifest::parse(bytes, &record.media_type).ok()?;
        match manifest.meaning() {
            Meaning::Image(image) => Some(image.config.clone()),
            Meaning::Index(_) => None,
        }
    }

    fn read_platform(&self, config: &Digest) -> Option<Platform> {
        let bytes = self.archive.read(config, MAX_MANIFEST).ok()?;
        let platform: Platform = json::read(&bytes, Bounds::values(MAX_VALUES)).ok()?;
        let is_set = !platform.os.is_empty() && !platform.architecture.is_empty();
        let variant = platform.variant.filter(|variant| !variant.is_empty());
        is_set.then_some(Platform { variant, ..platform })
    }
}

/// What verification reads of a manifest's layers.
fn evidence(manifest: &Manifest) -> Evidence {
    let layers = match manifest.meaning() {
        Meaning::Image(image) => image.layers.as_slice(),
        Meaning::Index(_) => &[],
    };
    let examined = layers.iter().filter(|layer| media_type::is_evidence(&layer.media_type));
    examined.fold(Evidence::default(), |Evidence { layers, bytes }, layer| {
        let read = if layer.size <= MAX_TRUST_BLOB { layer.size } else { 0 };
        Evidence { layers: layers + 1, bytes: bytes.saturating_add(read) }
    })
}
