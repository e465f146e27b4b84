//! The content of archives, served straight from them.
//!
//! Repositories are the sources' paths without their host; tags are those of images and of cosign's attachments.
//! **Nothing is verified but integrity**: an archive is served as it is, signatures included, for clients to verify.
//! Memory: the catalogue of each archive, and the annotations of everything that has a subject.

use super::content::Content;
use super::name::{Name, Target};
use crate::archive::catalogue::{CatalogueSignature, ManifestRecord};
use crate::archive::sequential;
use crate::archive::{Archive, ArchiveError, Catalogue, CatalogueError, volume_set};
use crate::inventory::Found;
use crate::oci::atomic::AtomicName;
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Repository};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One or several archives as the content of a registry.
#[derive(Debug)]
pub struct ArchiveContent {
    archives: Vec<Arc<Archive>>,
    repositories: BTreeMap<Name, Held>,
}

/// The content of one repository.
#[derive(Debug)]
struct Held {
    /// The source whose path the repository has.
    source: Repository,
    tags: BTreeMap<String, Digest>,
    manifests: BTreeMap<Digest, Descriptor>,
    referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    signatures: BTreeMap<Digest, BTreeMap<AtomicName, Descriptor>>,
}

/// The reason why archives cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveContentError {
    /// One cannot be read.
    #[error("{path} cannot be served", path = path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Its fault.
        #[source]
        source: ArchiveError,
    },
    /// One is not in a bundle's own frames, so that nothing in it has a place.
    #[error("{path} cannot be served: another tool compressed or unpacked it, and it is read in order only",
        path = path.display())]
    InOrder {
        /// The file.
        path: PathBuf,
    },
    /// The content of one does not add up.
    #[error("{path} cannot be served", path = path.display())]
    Catalogue {
        /// The file.
        path: PathBuf,
        /// Its fault.
        #[source]
        source: Box<CatalogueError>,
    },
    /// Two sources differ in their host alone.
    #[error("{first} and {second} would both be served as {name}")]
    Collision {
        /// One source.
        first: Repository,
        /// The other.
        second: Repository,
        /// The name of both.
        name: String,
    },
}

impl ArchiveContent {
    /// Opens archives and checks their structure; volumes of one bundle, in whatever folders, are one archive. Where two
    /// hold the same tag, the later one counts. Blocks.
    ///
    /// # Errors
    /// An archive that cannot be read or is inconsistent; two sources whose names differ in the host alone.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ArchiveContentError> {
        let mut content = Self { archives: Vec::new(), repositories: BTreeMap::new() };
        for paths in volume_set::group(paths) {
            let path = &paths[0];
            let unreadable = |source| ArchiveContentError::Archive { path: path.clone(), source };
            let (archive, None) = sequential::open_any(&paths).map_err(unreadable)? else {
                return Err(ArchiveContentError::InOrder { path: path.clone() });
            };
            let inconsistent = |error: CatalogueError| ArchiveContentError::Catalogue {
                path: path.clone(),
                source: error.into(),
            };
            let catalogue = Catalogue::read(&archive).map_err(inconsistent)?;
            content.add(path, &archive, &catalogue)?;
            content.archives.push(Arc::new(archive));
        }
        Ok(content)
    }

    fn add(
        &mut self,
        path: &Path,
        archive: &Archive,
        catalogue: &Catalogue,
    ) -> Result<(), ArchiveContentError> {
        for (entry, image) in archive.inventory().images.iter().zip(catalogue.images()) {
            let held = self.repository(entry.source.repository())?;
            for record in catalogue.all_manifests(image) {
                held.put(archive, catalogue, record).map_err(|source| {
                    ArchiveContentError::Archive { path: path.to_owned(), source }
                })?;
            }
            for attachment in image.attachments() {
                if let (Found::Tag(tag), Some(own)) =
                    (&attachment.found, catalogue.attached(attachment).next_back())
                {
                    held.tags.insert(tag.clone(), own.digest);
                }
            }
            for CatalogueSignature { name, subject, blob } in image.signatures() {
                let of_subject = held.signatures.entry(*subject).or_default();
                of_subject.insert(name.clone(), blob.clone());
            }
            if let Some(tag) = entry.source.tag() {
                held.tags.insert(tag.to_owned(), entry.digest);
            }
        }
        Ok(())
    }

    fn repository(&mut self, source: &Repository) -> Result<&mut Held, ArchiveContentError> {
        let collision = |first: &Repository| ArchiveContentError::Collision {
            first: first.clone(),
            second: source.clone(),
            name: source.path().to_owned(),
        };
        // A path that is part of a valid reference is a valid name.
        let name = Name::parse(source.path()).ok_or_else(|| collision(source))?;
        let held = self.repositories.entry(name).or_insert_with(|| Held {
            source: source.clone(),
            tags: BTreeMap::new(),
            manifests: BTreeMap::new(),
            referrers: BTreeMap::new(),
            signatures: BTreeMap::new(),
        });
        match held.source == *source {
            true => Ok(held),
            false => Err(collision(&held.source)),
        }
    }

    /// The archive that holds a blob.
    fn holder(&self, digest: &Digest) -> Option<&Arc<Archive>> {
        self.archives.iter().find(|archive| archive.blob(digest).is_some())
    }
}

impl Held {
    fn put(
        &mut self,
        archive: &Archive,
        catalogue: &Catalogue,
        record: &ManifestRecord,
    ) -> Result<(), ArchiveError> {
        if self.manifests.contains_key(&record.digest) {
            return Ok(());
        }
        let mut descriptor = record.descriptor();
        if let Some(subject) = record.subject {
            let manifest = catalogue.read_manifest(archive, record)?;
            descriptor.artifact_type = manifest.effective_artifact_type().map(str::to_owned);
            descriptor.annotations = manifest.annotations().clone();
            self.referrers.entry(subject).or_default().insert(record.digest);
        }
        self.manifests.insert(record.digest, descriptor);
        Ok(())
    }
}

impl Content for ArchiveContent {
    fn repositories(&self) -> Vec<Name> {
        self.repositories.keys().cloned().collect()
    }

    fn tags(&self, repository: &Name) -> Option<Vec<String>> {
        Some(self.repositories.get(repository)?.tags.keys().cloned().collect())
    }

    fn manifest(&self, repository: &Name, target: &Target) -> Option<Descriptor> {
        let held = self.repositories.get(repository)?;
        let digest = match target {
            Target::Tag(tag) => held.tags.get(tag)?,
            Target::Digest(digest) => digest,
        };
        held.manifests.get(digest).cloned()
    }

    fn blob(&self, repository: &Name, digest: &Digest) -> Result<Option<Descriptor>, SourceError> {
        if !self.repositories.contains_key(repository) {
            return Ok(None);
        }
        let blob = self.holder(digest).and_then(|archive| archive.blob(digest));
        Ok(blob.map(|blob| Descriptor::new("application/octet-stream", *digest, blob.size)))
    }

    fn referrers(&self, repository: &Name, subject: &Digest) -> Vec<Descriptor> {
        let Some(held) = self.repositories.get(repository) else { return Vec::new() };
        let digests = held.referrers.get(subject).into_iter().flatten();
        digests.filter_map(|digest| held.manifests.get(digest).cloned()).collect()
    }

    fn keeps_signatures(&self) -> bool {
        true
    }

    fn signatures(
        &self,
        repository: &Name,
        subject: &Digest,
    ) -> Option<Vec<(AtomicName, Descriptor)>> {
        let held = self.repositories.get(repository)?;
        held.manifests.get(subject)?;
        let signatures = held.signatures.get(subject).into_iter().flatten();
        Some(signatures.map(|(name, blob)| (name.clone(), blob.clone())).collect())
    }
}

impl BlobSource for ArchiveContent {
    /// A blob from its first byte is verified as it streams; frame checksums are checked wherever reading starts.
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        let absent = || {
            let what = format!("blob {} is in none of the archives", blob.digest);
            SourceError::new(Trouble::Absent, what)
        };
        let holder = self.holder(&blob.digest).cloned().ok_or_else(absent);
        async move {
            match offset {
                0 => Ok(holder?.verified(blob).await?.boxed()),
                _ => holder?.open(blob, offset).await,
            }
        }
        .boxed()
    }
}
