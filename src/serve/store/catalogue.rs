//! Tags, manifests and referrers of every repository, in memory, and how `index.json` says them.

use crate::oci::layout::index::{Entry, IndexError};
use crate::oci::layout::{LayoutDirectory, LayoutError, REF_NAME};
use crate::oci::manifest::MAX_MANIFEST;
use crate::oci::reference::is_tag;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Manifest, media_type};
use crate::serve::name::{Name, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names the repository of a manifest that no tag names.
pub(crate) const REPOSITORY: &str = "dev.bundle.repository";

/// Everything that is served but the bytes.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    repositories: BTreeMap<Name, RepositoryContent>,
    /// Entries of `index.json` that belong to no repository; kept as they are.
    foreign: Vec<Arc<Entry>>,
}

/// The content of one repository.
#[derive(Debug, Default)]
pub(crate) struct RepositoryContent {
    tags: BTreeMap<String, Tag>,
    manifests: BTreeMap<Digest, Held>,
    referrers: BTreeMap<Digest, BTreeSet<Digest>>,
}

/// The manifest that a tag names.
#[derive(Debug)]
struct Tag {
    digest: Digest,
    /// Its entry in `index.json`, made once: the file is written far more often than a tag changes.
    entry: Arc<Entry>,
}

/// A manifest of a repository.
#[derive(Debug)]
struct Held {
    /// With artifact type and annotations when there is a subject, as the referrers API lists it.
    descriptor: Descriptor,
    subject: Option<Digest>,
    /// The number of tags that name it.
    tags: usize,
    /// Its entry in `index.json` while no tag names it.
    entry: Arc<Entry>,
}

impl Held {
    fn new(name: &Name, manifest: &Manifest) -> Result<Self, IndexError> {
        let entry = entry(manifest, REPOSITORY, name.to_string())?;
        let mut descriptor = manifest.descriptor();
        let subject = manifest.subject().map(|subject| subject.digest);
        if subject.is_some() {
            descriptor.artifact_type = manifest.effective_artifact_type().map(str::to_owned);
            descriptor.annotations = manifest.annotations().clone();
        }
        Ok(Self { descriptor, subject, tags: 0, entry })
    }
}

impl RepositoryContent {
    pub(crate) fn tags(&self) -> impl Iterator<Item = &String> {
        self.tags.keys()
    }

    /// Descriptor of the manifest that `target` names.
    pub(crate) fn manifest(&self, target: &Target) -> Option<&Descriptor> {
        let digest = match target {
            Target::Tag(tag) => &self.tags.get(tag)?.digest,
            Target::Digest(digest) => digest,
        };
        self.manifests.get(digest).map(|held| &held.descriptor)
    }

    pub(crate) fn referrers(&self, subject: &Digest) -> Vec<Descriptor> {
        let digests = self.referrers.get(subject).into_iter().flatten();
        let held = digests.filter_map(|digest| self.manifests.get(digest));
        held.map(|held| held.descriptor.clone()).collect()
    }

    fn put(
        &mut self,
        name: &Name,
        manifest: &Manifest,
        tag: Option<&str>,
    ) -> Result<(), IndexError> {
        let digest = manifest.digest();
        if !self.manifests.contains_key(&digest) {
            let held = Held::new(name, manifest)?;
            if let Some(subject) = held.subject {
                self.referrers.entry(subject).or_default().insert(digest);
            }
            self.manifests.insert(digest, held);
        }
        if let Some(tag) = tag {
            let entry = entry(manifest, REF_NAME, format!("{name}:{tag}"))?;
            self.untag(tag);
            self.tags.insert(tag.to_owned(), Tag { digest, entry });
            if let Some(held) = self.manifests.get_mut(&digest) {
                held.tags += 1;
            }
        }
        Ok(())
    }

    fn untag(&mut self, tag: &str) -> bool {
        let Some(removed) = self.tags.remove(tag) else {
            return false;
        };
        if let Some(held) = self.manifests.get_mut(&removed.digest) {
            held.tags -= 1;
        }
        true
    }

    fn remove(&mut self, digest: &Digest) -> bool {
        let Some(held) = self.manifests.remove(digest) else {
            return false;
        };
        if held.tags > 0 {
            self.tags.retain(|_, tag| tag.digest != *digest);
        }
        if let Some(subject) = held.subject
            && let Some(referrers) = self.referrers.get_mut(&subject)
        {
            referrers.remove(digest);
            if referrers.is_empty() {
                self.referrers.remove(&subject);
            }
        }
        true
    }
}

impl Catalogue {
    /// Reads what `index.json` lists, and the children of listed indexes that are in the layout. Blocks.
    pub(crate) fn load(layout: &LayoutDirectory) -> Result<Self, LayoutError> {
        let mut catalogue = Self::default();
        for entry in layout.with_index(|index| index.entries().to_vec()) {
            let descriptor = entry.descriptor();
            match place(descriptor) {
                Some((name, tag)) if media_type::is_manifest(&descriptor.media_type) => {
                    catalogue.load_manifest(layout, &name, tag, descriptor)?;
                }
                _ => catalogue.foreign.push(entry),
            }
        }
        Ok(catalogue)
    }

    fn load_manifest(
        &mut self,
        layout: &LayoutDirectory,
        name: &Name,
        tag: Option<&str>,
        descriptor: &Descriptor,
    ) -> Result<(), LayoutError> {
        let manifest = read(layout, descriptor)?.ok_or_else(|| {
            let what = format!("manifest {} is listed, but not there", descriptor.digest);
            SourceError::new(Trouble::Absent, what)
        })?;
        self.put(name, &manifest, tag).map_err(|e| layout.index(e))?;
        // Other tools list an index alone; whoever pulls it asks for its children by digest.
        let mut below = manifest.children().to_vec();
        while let Some(child) = below.pop() {
            let known =
                self.repository(name).is_some_and(|r| r.manifests.contains_key(&child.digest));
            if known || !media_type::is_manifest(&child.media_type) {
                continue;
            }
            if let Some(child) = read(layout, &child)? {
                self.put(name, &child, None).map_err(|e| layout.index(e))?;
                below.extend_from_slice(child.children());
            }
        }
        Ok(())
    }

    pub(crate) fn repositories(&self) -> impl Iterator<Item = &Name> {
        self.repositories.keys()
    }

    pub(crate) fn repository(&self, name: &Name) -> Option<&RepositoryContent> {
        self.repositories.get(name)
    }

    /// Every manifest that is served, repository by repository.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        let held = self.repositories.values().flat_map(|r| r.manifests.values());
        let foreign = self.foreign.iter().map(|entry| entry.descriptor());
        held.map(|held| &held.descriptor).chain(foreign)
    }

    /// Adds a manifest, and moves `tag` to it.
    pub(crate) fn put(
        &mut self,
        name: &Name,
        manifest: &Manifest,
        tag: Option<&str>,
    ) -> Result<(), IndexError> {
        if let Some(repository) = self.repositories.get_mut(name) {
            return repository.put(name, manifest, tag);
        }
        let mut repository = RepositoryContent::default();
        repository.put(name, manifest, tag)?;
        self.repositories.insert(name.clone(), repository);
        Ok(())
    }

    /// Removes a tag alone, or a manifest with all tags that name it; false when there is none.
    pub(crate) fn remove(&mut self, name: &Name, target: &Target) -> bool {
        let Some(repository) = self.repositories.get_mut(name) else {
            return false;
        };
        let removed = match target {
            Target::Tag(tag) => repository.untag(tag),
            Target::Digest(digest) => repository.remove(digest),
        };
        if repository.manifests.is_empty() {
            self.repositories.remove(name);
        }
        removed
    }

    /// The entries of `index.json` that say all this.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        let mut entries = self.foreign.clone();
        for repository in self.repositories.values() {
            let tags = repository.tags.values().map(|tag| &tag.entry);
            let untagged = repository.manifests.values().filter(|held| held.tags == 0);
            entries.extend(tags.chain(untagged.map(|held| &held.entry)).cloned());
        }
        entries
    }
}

/// The place of an entry: its repository and tag.
fn place(descriptor: &Descriptor) -> Option<(Name, Option<&str>)> {
    match descriptor.annotation(REF_NAME) {
        Some(text) => {
            let (name, tag) = text.rsplit_once(':')?;
            Some((Name::parse(name)?, is_tag(tag).then_some(Some(tag))?))
        }
        None => Some((Name::parse(descriptor.annotation(REPOSITORY)?)?, None)),
    }
}

fn entry(manifest: &Manifest, key: &str, value: String) -> Result<Arc<Entry>, IndexError> {
    let mut descriptor = manifest.descriptor();
    descriptor.annotations.insert(key.to_owned(), value);
    Entry::new(descriptor).map(Arc::new)
}

/// Reads and checks a manifest. Blocks.
pub(crate) fn read(
    layout: &LayoutDirectory,
    descriptor: &Descriptor,
) -> Result<Option<Manifest>, LayoutError> {
    let digest = descriptor.digest;
    let bytes = layout
        .blobs()
        .directory()
        .read(&digest.hex(), MAX_MANIFEST)
        .map_err(|cause| layout.io(format!("manifest {digest} cannot be read"), cause))?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    if Digest::of(&bytes) != digest {
        let what = format!("manifest {digest} is damaged: its content has another digest");
        return Err(SourceError::new(Trouble::Content, what).into());
    }
    let parsed = Manifest::parse(bytes.into(), &descriptor.media_type);
    parsed.map(Some).map_err(|cause| LayoutError::Manifest { digest, cause })
}
