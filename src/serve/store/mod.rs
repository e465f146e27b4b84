//! A registry's content, read and written, in an OCI image layout directory.
//!
//! - [`Store`] (here): opening, reading, the lock
//! - `catalogue`: tags, manifests and referrers in memory, and how `index.json` says them
//! - `commit`: pushes and deletions, in groups that share what makes them durable
//! - `uploads`: blobs on their way in
//!
//! The directory is a valid layout for other tools at any time: a tag is an entry of `index.json` whose
//! `org.opencontainers.image.ref.name` is `repository:tag`; a manifest that no tag names is an entry with the annotation
//! `dev.bundle.repository`. Entries that others wrote and that are neither stay as they are and are not served.
//!
//! **Blobs are shared by all repositories**: whoever may reach the server and knows a blob's digest can read it, under
//! any repository's name. The store has no access control of its own. Nothing collects garbage: a deleted manifest's
//! blobs stay until each is deleted.

mod catalogue;
mod commit;
mod uploads;

pub(crate) use uploads::{Received, Upload};

use super::content::Content;
use super::name::{Name, Target};
use crate::oci::layout::{LayoutDirectory, LayoutError, LayoutWriter};
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble, Verifying};
use crate::oci::{Descriptor, Digest};
use catalogue::Catalogue;
use commit::Commits;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use uploads::Uploads;

/// A read/write registry over an image layout directory. It is alone in writing it.
#[derive(Debug)]
pub struct Store {
    writer: LayoutWriter,
    catalogue: RwLock<Catalogue>,
    commits: Commits,
    uploads: Uploads,
}

/// The refusal or failure of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The manifest refers to a blob or manifest that is not here.
    #[error("{0}, which the manifest refers to, is not here")]
    MissingReference(Digest),
    /// The manifest states another size than the blob has.
    #[error("{digest} has {found} bytes, the manifest says {stated}")]
    WrongSize {
        /// The blob.
        digest: Digest,
        /// Its length in bytes.
        found: u64,
        /// The size that the manifest states.
        stated: u64,
    },
    /// No such manifest or tag.
    #[error("manifest {0} does not exist here")]
    UnknownManifest(String),
    /// No such blob.
    #[error("blob {0} does not exist here")]
    UnknownBlob(Digest),
    /// A blob that a manifest refers to is not deleted.
    #[error("blob {0} is part of a manifest that is here")]
    BlobInUse(Digest),
    /// No such upload in this repository.
    #[error("this upload does not exist here")]
    UnknownUpload,
    /// Too many at a time.
    #[error("too many uploads are unfinished")]
    TooManyUploads,
    /// The upload is something else.
    #[error("the upload hashes to {found}, not {stated}")]
    WrongDigest {
        /// Digest of what came.
        found: Digest,
        /// Digest that was announced.
        stated: Digest,
    },
    /// The directory.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The directory, for all of a group of changes.
    #[error("the change cannot be made durable")]
    Commit(#[source] Arc<LayoutError>),
    /// The server is going down.
    #[error("the store was stopped before the change was made")]
    Stopped,
}

impl Store {
    /// Opens the store in `directory`, and makes it first where there is nothing. Uploads that an earlier server left
    /// unfinished are removed. Blocks; reads every manifest once.
    ///
    /// # Errors
    /// When another process writes the directory, or its content cannot be read; a manifest that is listed but damaged
    /// or missing is an error.
    pub fn open(directory: &Path) -> Result<Arc<Self>, StoreError> {
        let writer = LayoutWriter::open_or_create(directory)?;
        let catalogue = Catalogue::load(writer.layout())?;
        Ok(Arc::new(Self {
            uploads: Uploads::new(writer.layout().blobs().clone()),
            commits: Commits::default(),
            catalogue: RwLock::new(catalogue),
            writer,
        }))
    }

    /// The layout the store lives in.
    pub fn layout(&self) -> &LayoutDirectory {
        self.writer.layout()
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    fn read<T>(&self, read: impl FnOnce(&Catalogue) -> T) -> T {
        read(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Catalogue) -> T) -> T {
        write(&mut self.catalogue.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Content for Store {
    fn repositories(&self) -> Vec<Name> {
        self.read(|catalogue| catalogue.repositories().cloned().collect())
    }

    fn tags(&self, repository: &Name) -> Option<Vec<String>> {
        self.read(|catalogue| Some(catalogue.repository(repository)?.tags().cloned().collect()))
    }

    fn manifest(&self, repository: &Name, target: &Target) -> Option<Descriptor> {
        self.read(|catalogue| catalogue.repository(repository)?.manifest(target).cloned())
    }

    fn blob(&self, _repository: &Name, digest: &Digest) -> Result<Option<Descriptor>, SourceError> {
        let size = self.layout().blob_size(digest).map_err(|error| {
            let what = format!("blob {digest} cannot be looked up");
            SourceError::caused(Trouble::Medium, what, error)
        })?;
        Ok(size.map(|size| Descriptor::new("application/octet-stream", *digest, size)))
    }

    fn referrers(&self, repository: &Name, subject: &Digest) -> Vec<Descriptor> {
        self.read(|catalogue| {
            let repository = catalogue.repository(repository);
            repository.map_or_else(Vec::new, |r| r.referrers(subject))
        })
    }
}

impl BlobSource for Store {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        async move {
            let content = self.writer.layout().blobs().open(blob, offset).await?;
            // The medium can rot, and others can write to it.
            Ok(match offset {
                0 => Verifying::new(content, blob).boxed(),
                _ => content,
            })
        }
        .boxed()
    }
}
