//! A layout directory as a place that images are read from: which entry is meant, and what is attached to what.
//!
//! Only what is asked for has to be sound. Entries that cannot be used are named where they matter: where one is asked
//! for, and where it could be an attachment of an image that is asked for, because an attachment that cannot be read is
//! not "none".
//!
//! What belongs to what is read in manifests (`subject`), in annotations of entries (image-spec #1171), in the indexes
//! that clients keep under the tag `sha256-<hex>`, in cosign's tags, and in the kinds that `cosign save` and hauler give
//! to entries ([`Kind`]).

use super::entry_kind::{Kind, attached_by_tag, is_attachment_name, subject_of_list};
use super::error::with_causes;
use crate::oci::layout::{LayoutDirectory, LayoutError, REF_NAME};
use crate::oci::manifest::MAX_MANIFEST;
use crate::oci::source::{SourceError, Trouble, read_blob};
use crate::oci::{Descriptor, Digest, Manifest, media_type};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// Annotation of an entry with the digest of what it is attached to (image-spec #1171).
const REFERRER_SUBJECT: &str = "org.opencontainers.image.referrer.subject";
/// Entries named in an error: a layout can have any number.
const MAX_NAMED: usize = 10;
/// Longest name of an entry in an error.
const MAX_NAME: usize = 200;

/// A layout directory with what it says about attachments.
pub(super) struct Layout {
    pub(super) directory: LayoutDirectory,
    entries: Vec<Descriptor>,
    /// What is listed as attached to a digest.
    referrers: HashMap<Digest, Vec<Descriptor>>,
    /// Digests that are attached to something, or listed by an index of the layout.
    below: HashSet<Digest>,
    /// Entries with a name that cannot be used, and why.
    unusable: Vec<(String, String)>,
    /// Entries that are lists of what is attached to a digest.
    lists: HashMap<Digest, Vec<Descriptor>>,
    /// Entries that cannot be read and may be attached to anything; with their bytes, where these are there.
    unread: Vec<(String, Option<Bytes>)>,
}

impl Layout {
    /// Opens a directory and reads every manifest its index names, to know what is attached to what.
    ///
    /// # Errors
    /// When it is not a layout. What is wrong with single entries is told when they matter.
    pub(super) async fn open(path: &Path) -> Result<Self, LayoutError> {
        let mut layout = Self::of_blobs(path)?;
        for entry in layout.directory.unusable() {
            let why = format!("entry {} of index.json: {}", entry.number, entry.why);
            match &entry.name {
                Some(name) => layout.unusable.push((name.clone(), why)),
                None if entry.may_be_manifest => layout.unread.push((why, None)),
                None => {}
            }
        }
        let mut manifests: HashSet<(Digest, u64, String)> = HashSet::new();
        // What says nothing in one entry may do so in another.
        let says: HashSet<Digest> = layout
            .entries
            .iter()
            .filter(|entry| says_what_it_is(entry))
            .map(|e| e.digest)
            .collect();
        for entry in layout.entries.clone() {
            if let Some(subject) = entry.annotation(REF_NAME).and_then(subject_of_list)
                && media_type::is_index(&entry.media_type)
                // Some tools give the image itself such a tag.
                && subject != entry.digest
            {
                layout.lists.entry(subject).or_default().push(entry);
                continue;
            }
            layout.take_annotation(&entry);
            let is_new = || (entry.digest, entry.size, entry.media_type.clone());
            if !media_type::is_manifest(&entry.media_type) || !manifests.insert(is_new()) {
                continue;
            }
            match layout.directory.read_manifest(&entry).await {
                Ok(Some(manifest)) => layout.take(&manifest),
                _ if says.contains(&entry.digest) => {}
                Ok(None) => layout.take_unread(&entry, "it is not in the layout").await,
                Err(error) => layout.take_unread(&entry, &with_causes(&error)).await,
            }
        }
        Ok(layout)
    }

    /// A directory to read blobs and manifests from by digest alone.
    ///
    /// # Errors
    /// When it is not a layout.
    pub(super) fn of_blobs(path: &Path) -> Result<Self, LayoutError> {
        let directory = LayoutDirectory::open_source(path)?;
        Ok(Self {
            entries: directory.entries(),
            directory,
            referrers: HashMap::new(),
            below: HashSet::new(),
            unusable: Vec::new(),
            lists: HashMap::new(),
            unread: Vec::new(),
        })
    }

    /// Takes what an entry's annotation says it is attached to.
    fn take_annotation(&mut self, entry: &Descriptor) {
        if let Some(subject) = entry.annotation(REFERRER_SUBJECT)
            && let Ok(subject) = subject.parse::<Digest>()
        {
            self.attach(subject, entry.clone());
        }
    }

    /// Takes what a manifest says of others.
    fn take(&mut self, manifest: &Manifest) {
        self.below.extend(manifest.children().iter().map(|child| child.digest));
        if let Some(subject) = manifest.subject() {
            self.attach(subject.digest, manifest.descriptor());
        }
    }

    fn attach(&mut self, subject: Digest, referrer: Descriptor) {
        self.below.insert(referrer.digest);
        self.referrers.entry(subject).or_default().push(referrer);
    }

    /// Remembers an entry that cannot be read, and may be attached to anything.
    async fn take_unread(&mut self, entry: &Descriptor, why: &str) {
        let bytes = read_blob(&self.directory, entry, MAX_MANIFEST).await.ok();
        self.unread.push((format!("manifest {} of the layout: {why}", entry.digest), bytes));
    }

    /// The entry that `reference` names, by its ref.name or by digest; without one the only image.
    ///
    /// # Errors
    /// What stands in the way, as text: nothing, or several that could be meant.
    pub(super) fn find(&self, reference: Option<&str>) -> Result<Descriptor, String> {
        match reference {
            Some(reference) => self.named(reference),
            None => self.only(),
        }
    }

    fn named(&self, name: &str) -> Result<Descriptor, String> {
        let mut found: Vec<&Descriptor> = self.with_name(Some(name)).collect();
        if found.is_empty()
            && let Ok(digest) = name.parse::<Digest>()
        {
            found = self.entries.iter().filter(|entry| entry.digest == digest).collect();
            found.truncate(1);
        }
        if found.is_empty() {
            return Err(match self.unusable.iter().find(|(unusable, _)| unusable == name) {
                Some((_, why)) => format!("{:?} cannot be used: {why}", shown(name)),
                None => {
                    format!("the layout has no image {:?}; it has {}", shown(name), self.names())
                }
            });
        }
        let manifests = found.iter().filter(|entry| media_type::is_manifest(&entry.media_type));
        let mut images: Vec<&Descriptor> =
            manifests.copied().filter(|entry| !Kind::of(entry).is_attachment()).collect();
        // Where one says that it is the image, the others say nothing or something else.
        if images.iter().any(|entry| Kind::of(entry) == Kind::Image) {
            images.retain(|entry| Kind::of(entry) == Kind::Image);
        }
        let digests: BTreeSet<Digest> = images.iter().map(|entry| entry.digest).collect();
        match (images.first(), digests.len()) {
            (Some(image), 1) => Ok((*image).clone()),
            (None, _) => Err(format!(
                "{:?} is not an image, but {}",
                shown(name),
                found.first().map(|entry| what_it_is(entry)).unwrap_or_default()
            )),
            _ => Err(format!(
                "{:?} names several images: {}; name one by its digest: oci:DIR:sha256:…=REGISTRY/REPO:TAG",
                shown(name),
                list(digests.iter().map(ToString::to_string))
            )),
        }
    }

    fn only(&self) -> Result<Descriptor, String> {
        let mut seen = HashSet::new();
        let images: Vec<&Descriptor> = self
            .entries
            .iter()
            .filter(|entry| self.is_image(entry) && seen.insert(entry.digest))
            .collect();
        match images.as_slice() {
            [only] => Ok((*only).clone()),
            [] => Err("the layout has no image".into()),
            _ if images.iter().any(|image| image.annotation(REF_NAME).is_some()) => Err(format!(
                "the layout has several images, name one: oci:DIR:REF; it has {}",
                self.names()
            )),
            _ => Err(format!(
                "the layout has several images without a name, name one by its digest: \
                 oci:DIR:sha256:…=REGISTRY/REPO:TAG; it has {}",
                list(images.iter().map(|image| image.digest.to_string()))
            )),
        }
    }

    /// True for an entry that somebody could mean who names none.
    fn is_image(&self, entry: &Descriptor) -> bool {
        if !media_type::is_manifest(&entry.media_type) {
            return false;
        }
        let name = entry.annotation(REF_NAME);
        match Kind::of(entry) {
            Kind::Image => true,
            Kind::Unsaid if name.is_some_and(is_attachment_name) => false,
            // A child of an index may have a name of its own, by which it can be meant.
            Kind::Unsaid => name.is_some() || !self.below.contains(&entry.digest),
            _ => false,
        }
    }

    fn names(&self) -> String {
        let images = self.entries.iter().filter(|entry| self.is_image(entry));
        let names: Vec<&str> = images.filter_map(|entry| entry.annotation(REF_NAME)).collect();
        match names.is_empty() {
            true => "no named images".into(),
            false => list(names.into_iter().map(shown)),
        }
    }

    fn with_name<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = &'a Descriptor> {
        self.entries.iter().filter(move |entry| entry.annotation(REF_NAME) == name)
    }

    /// The entry for a tag of cosign's scheme: beside `image` (same name up to the tag), else named by the tag alone,
    /// else any with that tag, else the one whose kind makes it the attachment of the image that the tag names.
    ///
    /// # Errors
    /// When there are several that differ.
    pub(super) fn tagged(
        &self,
        tag: &str,
        image: Option<&str>,
    ) -> Result<Option<Descriptor>, SourceError> {
        let beside = image.and_then(|name| {
            let (repository, _) = name.rsplit_once([':', '@'])?;
            Some(format!("{}:{tag}", repository.trim_end_matches("@sha256")))
        });
        for name in beside.iter().map(String::as_str).chain([tag]) {
            if let Some(found) = one(tag, self.with_name(Some(name)))? {
                return Ok(Some(found));
            }
        }
        let ending = format!(":{tag}");
        let named = self
            .entries
            .iter()
            .filter(|entry| entry.annotation(REF_NAME).is_some_and(|name| name.ends_with(&ending)));
        match one(tag, named)? {
            Some(found) => Ok(Some(found)),
            None => self.by_kind(tag),
        }
    }

    /// The entry of a kind of attachment that has the name of the image that `tag` is made of, or like it none.
    fn by_kind(&self, tag: &str) -> Result<Option<Descriptor>, SourceError> {
        let Some((subject, kind)) = attached_by_tag(tag) else { return Ok(None) };
        let is_image = |entry: &&Descriptor| Kind::of(entry) == Kind::Image;
        let names: BTreeSet<Option<&str>> = self
            .entries
            .iter()
            .filter(|entry| is_image(entry) && entry.digest == subject)
            .map(|entry| entry.annotation(REF_NAME))
            .collect();
        let of_kind = |name| self.with_name(name).filter(|entry| Kind::of(entry) == kind);
        let attached: Vec<&Descriptor> = names.iter().copied().flat_map(of_kind).collect();
        for name in names.iter().copied().filter(|name| of_kind(*name).next().is_some()) {
            let images: BTreeSet<Digest> =
                self.with_name(name).filter(is_image).map(|entry| entry.digest).collect();
            if images.len() > 1 {
                let images = list(images.iter().map(ToString::to_string));
                let what = format!("it cannot be told which of {images} has the {kind}");
                return Err(SourceError::new(Trouble::Medium, what));
            }
        }
        one(tag, attached.into_iter())
    }

    /// What is attached to `subject` by naming it, or by the layout's word.
    ///
    /// # Errors
    /// When an entry that could be attached to it, or a list of what is attached to it, cannot be read.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, SourceError> {
        let hex = subject.hex();
        // A text without its digest does not name it as its subject.
        let may_name = |bytes: &Option<Bytes>| match bytes {
            Some(bytes) => bytes.windows(hex.len()).any(|window| window == hex.as_bytes()),
            None => true,
        };
        if let Some((why, _)) = self.unread.iter().find(|(_, bytes)| may_name(bytes)) {
            let what = format!("it may be attached: {why}");
            return Err(SourceError::new(Trouble::Medium, what));
        }
        let mut found = self.referrers.get(subject).cloned().unwrap_or_default();
        for list in self.lists.get(subject).into_iter().flatten() {
            let unread = |why: &str| format!("the list of referrers {}: {why}", list.digest);
            let manifest = self.directory.read_manifest(list).await.map_err(|error| {
                SourceError::caused(Trouble::Medium, unread("it cannot be read"), error)
            })?;
            let manifest = manifest.ok_or_else(|| {
                SourceError::new(Trouble::Medium, unread("it is not in the layout"))
            })?;
            found.extend(manifest.listed().cloned());
        }
        let mut seen = HashSet::new();
        found.retain(|referrer| seen.insert(referrer.digest));
        Ok(found)
    }
}

/// True for an entry that cannot be taken for what is attached to anything: by its name, its subject, its kind or its
/// place in an index.
fn says_what_it_is(entry: &Descriptor) -> bool {
    entry.annotation(REF_NAME).is_some()
        || entry.annotation(REFERRER_SUBJECT).is_some()
        || entry.platform.is_some()
        || Kind::of(entry) != Kind::Unsaid
}

/// The only one of `entries`, each digest counted once.
fn one<'a>(
    tag: &str,
    entries: impl Iterator<Item = &'a Descriptor>,
) -> Result<Option<Descriptor>, SourceError> {
    let mut found: Option<&Descriptor> = None;
    for entry in entries {
        match found {
            Some(first) if first.digest != entry.digest => {
                let what = format!(
                    "the layout has {tag:?} twice, as {} and as {}",
                    first.digest, entry.digest
                );
                return Err(SourceError::new(Trouble::Medium, what));
            }
            _ => found = Some(entry),
        }
    }
    Ok(found.cloned())
}

fn what_it_is(entry: &Descriptor) -> String {
    match Kind::of(entry) {
        kind if kind.is_attachment() => format!("the {kind} of one"),
        _ => format!("content of type {:?}", shown(&entry.media_type)),
    }
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.take(MAX_NAMED).collect::<Vec<_>>().join(", ")
}

fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
