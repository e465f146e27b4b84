//! An OCI image layout directory (image-spec image-layout.md), as a source and as a target.
//!
//! - [`LayoutDirectory`] (here): what a layout holds, read without trusting it
//! - [`writer`]: adding blobs, manifests and entries; one writer at a time
//! - [`index`]: `index.json`, strict in, atomic out
//! - [`blobs`]: the files of `blobs/sha256`
//! - `temporary`: files that have no name yet

pub mod blobs;
pub mod index;
mod temporary;
pub mod writer;

#[cfg(test)]
mod tests;

pub use index::{IndexError, REF_NAME, UnusableEntry};
pub use writer::LayoutWriter;

use super::manifest::{MAX_MANIFEST, ManifestError};
use super::source::{BlobSource, ByteStream, SourceError, Trouble, read_blob};
use super::{Descriptor, Digest, Manifest};
use crate::text::bounded_to;
use blobs::Blobs;
use bundle_files::Directory;
use futures_util::future::BoxFuture;
use index::{IndexFile, MAX_INDEX, MAX_INDEX_VALUES};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Largest `oci-layout` file read; the specification's own has 30 bytes.
const MAX_MARKER: u64 = 4 << 10;
/// Most values of its JSON: it has one member with a meaning.
const MAX_MARKER_VALUES: usize = 64;

/// An OCI image layout directory. Cloning shares it.
///
/// Nothing in it is trusted: `oci-layout` and `index.json` are capped and read strictly, blob files are found by digest
/// only and symbolic links are never followed. The content of blobs is not verified by opening them: that is
/// [`super::source::Verifying`]'s work.
#[derive(Debug, Clone)]
pub struct LayoutDirectory {
    path: Arc<Path>,
    root: Directory,
    blobs: Blobs,
    index: Arc<RwLock<IndexFile>>,
    unusable: Arc<[UnusableEntry]>,
}

/// A layout cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file or directory of it.
    #[error("layout {path}: {what}")]
    Io {
        /// The layout.
        path: PathBuf,
        /// The failed step and its object.
        what: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The directory is none.
    #[error("{path} is not an OCI image layout: {why}")]
    NotALayout {
        /// The directory.
        path: PathBuf,
        /// The missing or wrong part.
        why: String,
    },
    /// Its index cannot be used.
    #[error("layout {path}: index.json cannot be used")]
    Index {
        /// The layout.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: IndexError,
    },
    /// Another process writes it, or holds its lock.
    #[error("layout {path} is being written by another process, which holds {path}/.lock", path = .0.display())]
    Locked(PathBuf),
    /// A blob cannot be read, or is not what its descriptor says.
    #[error(transparent)]
    Blob(#[from] SourceError),
    /// A manifest in it is none.
    #[error("manifest {digest} of the layout cannot be used")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// The cause.
        #[source]
        cause: ManifestError,
    },
}

impl LayoutDirectory {
    /// Opens the layout at `path` for reading.
    ///
    /// # Errors
    /// When `oci-layout`, `index.json` or `blobs/sha256` is missing or not what the specification says.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        let layout = Self::open_source(path)?;
        match layout.unusable.first().cloned() {
            None => Ok(layout),
            Some(UnusableEntry { number, why, .. }) => {
                Err(layout.index(IndexError::Entry { number, why }))
            }
        }
    }

    /// Opens the layout at `path` to take from it what is sound: entries that are not usable descriptors are left out of
    /// [`LayoutDirectory::entries`].
    ///
    /// # Errors
    /// As [`LayoutDirectory::open`], but for single entries.
    pub fn open_source(path: &Path) -> Result<Self, LayoutError> {
        let root = Directory::open(path).map_err(io_error(path, "cannot be opened"))?;
        check_marker(path, &root)?;
        let blobs = root
            .open_directory("blobs")
            .and_then(|blobs| blobs.open_directory("sha256"))
            .map_err(io_error(path, "blobs/sha256 cannot be opened"))?;
        let (index, unusable) = read_index(path, &root)?.ok_or_else(|| {
            LayoutError::NotALayout { path: path.to_owned(), why: "it has no index.json".into() }
        })?;
        Ok(Self {
            path: path.into(),
            root,
            blobs: Blobs::new(blobs),
            index: Arc::new(RwLock::new(index)),
            unusable: unusable.into(),
        })
    }

    /// Entries of `index.json` that are not usable descriptors; none unless it was opened as a source.
    pub fn unusable(&self) -> &[UnusableEntry] {
        &self.unusable
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The entries of `index.json`, in its order.
    pub fn entries(&self) -> Vec<Descriptor> {
        self.with_index(|index| index.entries().iter().map(|e| e.descriptor().clone()).collect())
    }

    /// The entry whose `org.opencontainers.image.ref.name` is exactly `name`; the first, when there are several.
    pub fn tagged(&self, name: &str) -> Option<Descriptor> {
        self.with_index(|index| {
            let entry = index.entries().iter().find(|e| e.name() == Some(name))?;
            Some(entry.descriptor().clone())
        })
    }

    /// Entries of `index.json`, and only those, whose manifest has `subject` as its subject.
    ///
    /// # Errors
    /// When one of the entries' manifests cannot be read: an attachment that cannot be read is not "none".
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, LayoutError> {
        let mut found: Vec<Descriptor> = Vec::new();
        for entry in self.entries() {
            if !super::media_type::is_manifest(&entry.media_type)
                || found.iter().any(|known| known.digest == entry.digest)
            {
                continue;
            }
            let manifest = self.read_manifest(&entry).await?.ok_or_else(|| {
                let what = format!("manifest {} is listed, but not in the layout", entry.digest);
                SourceError::new(Trouble::Absent, what)
            })?;
            if manifest.subject().map(|attached_to| attached_to.digest) == Some(*subject) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Reads and checks the manifest that `descriptor` names; nothing when its blob is not here.
    ///
    /// # Errors
    /// When it cannot be read, is longer than a manifest may be, or is not what its descriptor says.
    pub async fn read_manifest(
        &self,
        descriptor: &Descriptor,
    ) -> Result<Option<Manifest>, LayoutError> {
        let bytes = match read_blob(&self.blobs, descriptor, MAX_MANIFEST).await {
            Ok(bytes) => bytes,
            Err(error) if error.trouble == Trouble::Absent => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let parsed = Manifest::parse(bytes, &descriptor.media_type);
        parsed.map(Some).map_err(|cause| LayoutError::Manifest { digest: descriptor.digest, cause })
    }

    /// True when the blob's file is here. Its content is not looked at.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, LayoutError> {
        Ok(self.blob_size(digest)?.is_some())
    }

    /// Length of the blob's file in bytes, or nothing when there is none. One look at the directory, no content.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, LayoutError> {
        let size = self.blobs.size(digest);
        size.map_err(|cause| self.io(format!("blob {digest} cannot be looked up"), cause))
    }

    /// The blobs of the layout.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Reads `index.json` as it is in memory.
    pub fn with_index<T>(&self, read: impl FnOnce(&IndexFile) -> T) -> T {
        read(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An error about `index.json`.
    pub fn index(&self, cause: IndexError) -> LayoutError {
        LayoutError::Index { path: self.path.to_path_buf(), cause }
    }

    /// An error about a file of the layout.
    pub fn io(&self, what: impl Into<String>, cause: io::Error) -> LayoutError {
        io_error(&self.path, what)(cause)
    }
}

impl BlobSource for LayoutDirectory {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        self.blobs.open(blob, offset)
    }
}

fn check_marker(path: &Path, root: &Directory) -> Result<(), LayoutError> {
    let not = |why: String| LayoutError::NotALayout { path: path.to_owned(), why };
    let bytes = root
        .read("oci-layout", MAX_MARKER)
        .map_err(io_error(path, "oci-layout cannot be read"))?
        .ok_or_else(|| not("it has no oci-layout file".into()))?;
    let marker = super::json::parse_within(&bytes, MAX_MARKER_VALUES)
        .map_err(|_| not("oci-layout is not JSON".into()))?;
    match marker.get("imageLayoutVersion").and_then(|v| v.as_str()) {
        Some("1.0.0") => Ok(()),
        Some(other) => Err(not(format!("its version {:?} is not 1.0.0", bounded_to(other, 40)))),
        None => Err(not("oci-layout names no version".into())),
    }
}

type ReadIndex = (IndexFile, Vec<UnusableEntry>);

fn read_index(path: &Path, root: &Directory) -> Result<Option<ReadIndex>, LayoutError> {
    let bytes =
        root.read("index.json", MAX_INDEX).map_err(io_error(path, "index.json cannot be read"))?;
    let parsed = bytes.map(|bytes| IndexFile::parse_sound(&bytes, MAX_INDEX_VALUES)).transpose();
    parsed.map_err(|cause| LayoutError::Index { path: path.to_owned(), cause })
}

/// The same, but every entry must be a usable descriptor.
fn read_sound_index(path: &Path, root: &Directory) -> Result<Option<IndexFile>, LayoutError> {
    let Some((index, unusable)) = read_index(path, root)? else { return Ok(None) };
    match unusable.into_iter().next() {
        None => Ok(Some(index)),
        Some(UnusableEntry { number, why, .. }) => Err(LayoutError::Index {
            path: path.to_owned(),
            cause: IndexError::Entry { number, why },
        }),
    }
}

fn io_error(path: &Path, what: impl Into<String>) -> impl FnOnce(io::Error) -> LayoutError {
    let (path, what) = (path.to_owned(), what.into());
    move |cause| LayoutError::Io { path, what, cause }
}
