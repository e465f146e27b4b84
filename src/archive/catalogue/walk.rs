//! From the root of an image or an attachment down to every manifest and blob.

use super::error::CatalogueError;
use super::{Catalogue, CatalogueImage, Child, ManifestRecord};
use super::{atomic, attachments};
use crate::archive::Archive;
use crate::archive::bounded;
use crate::archive::limits::{MAX_TRUST_BLOB, MAX_TRUST_SECTION};
use crate::inventory::{AttachmentKind, BlobEntry, ImageEntry};
use crate::oci::json::{self, Bounds};
use crate::oci::manifest::{MAX_MANIFEST, MAX_VALUES, ManifestError};
use crate::oci::runnable::{BEGINNING, begins_file_system, under_image_config};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Platform, media_type};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Deepest nesting of indexes that is followed. Real images have one level.
const MAX_DEPTH: usize = 8;
/// Most manifests of all images and attachments together, each counted wherever it is reached, or listed and left out: a
/// verdict tells of each. A catalogue of 1,000 images with 20 platforms, all signed, takes 60,000.
const MAX_REACHED: usize = 500_000;
/// Most bytes of those manifests together: verification reads each wherever it is reached, so that a small file which
/// names one large manifest a hundred thousand times would take hours. The catalogue above takes 200 MB; so many bytes
/// take seconds.
const MAX_READING: u64 = 512 << 20;
/// Most layers of attachments and GPG signatures, each counted wherever it is attached: verification makes a finding of
/// each, and computes with every key that is trusted. The catalogue above has 21,000 signatures.
const MAX_EXAMINED: usize = 100_000;
/// Most bytes of those that verification may read, counted likewise: four times what a trust section may have.
const MAX_EXAMINING: u64 = 4 * MAX_TRUST_SECTION;

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
    reached: usize,
    reading: u64,
    examined: usize,
    examining: u64,
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
            reached: 0,
            reading: 0,
            examined: 0,
            examining: 0,
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
        Ok(Catalogue { images, manifests: self.manifests, numbers: self.numbers })
    }

    /// Counts what the manifest with this number has as what verification examines.
    pub(super) fn examine_layers(&mut self, number: u32) -> Result<(), CatalogueError> {
        let blobs = &self.archive.inventory().blobs;
        let sizes =
            self.manifests[number as usize].blobs.iter().map(|place| blobs[*place as usize].size);
        let read: u64 = sizes.filter(|size| *size <= MAX_TRUST_BLOB).sum();
        let count = self.manifests[number as usize].blobs.len();
        self.examine(count, read)
    }

    /// Counts so many things, of so many bytes, that verification examines.
    pub(super) fn examine(&mut self, count: usize, bytes: u64) -> Result<(), CatalogueError> {
        self.examined += count;
        self.examining += bytes;
        let what = if self.examined > MAX_EXAMINED {
            format!("more than {MAX_EXAMINED} layers attached")
        } else if self.examining > MAX_EXAMINING {
            format!("layers of more than {MAX_EXAMINING} bytes attached")
        } else {
            return Ok(());
        };
        Err(CatalogueError::Limit(what))
    }

    fn count_reached(&mut self) -> Result<(), CatalogueError> {
        self.reached += 1;
        match self.reached > MAX_REACHED {
            true => Err(CatalogueError::Limit(format!("more than {MAX_REACHED} manifests"))),
            false => Ok(()),
        }
    }

    /// Counts that verification reads the manifest with this number.
    pub(super) fn read_once_more(&mut self, number: u32) -> Result<(), CatalogueError> {
        self.count_reading(self.manifests[number as usize].size)
    }

    fn count_reading(&mut self, bytes: u64) -> Result<(), CatalogueError> {
        self.reading += bytes;
        match self.reading > MAX_READING {
            true => {
                let what = format!("manifests of more than {MAX_READING} bytes to be read");
                Err(CatalogueError::Limit(what))
            }
            false => Ok(()),
        }
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
        self.count_reached()?;
        self.read_once_more(number)?;
        let record = &self.manifests[number as usize];
        reached.nondistributable.extend(record.nondistributable.iter().copied());
        let children = self.manifests[number as usize].children.clone();
        for child in &*children {
            if omitted.contains(&child.digest) {
                if reached.omitted.insert(child.digest) {
                    self.count_reached()?;
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
                self.count_reading(config.size)?;
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
