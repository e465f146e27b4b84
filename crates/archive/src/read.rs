//! An archive as a source of blobs.
//!
//! Opening reads the head and the ends of the file, never the content: the cost is that of the inventory. Every byte
//! that is read later is compared with what must be there. Of an archive that is read in order (see
//! [`super::sequential`]) the trust section is held in memory, and nothing else can be read from it.

use super::content::EntryReader;
use super::foreign_format::ForeignFormat;
use super::form::{Form, SeekTable};
use super::head::HeadFile;
use super::medium::Medium;
use super::placed::Placed;
use super::volume_set::{self, Found};
use super::{ArchiveError, placed};
use bundle_inventory::{BlobEntry, Inventory, Stored};
use bundle_oci::source::{BlobSource, ByteStream, SourceError, Trouble, Verifying};
use bundle_oci::{Descriptor, Digest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An opened archive. Cheap to share; reading needs no lock.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    files: Arc<[HeadFile]>,
    mtime: u64,
    inventory: Inventory,
    bundle_digest: Digest,
    numbers: Arc<HashMap<Digest, u32>>,
    content: Arc<Content>,
}

/// Where the content of blobs is.
#[derive(Debug)]
enum Content {
    /// In files, at known places.
    Placed(Placed),
    /// It is read in order, by somebody else; what verification needs was kept.
    Passing(Passing),
}

/// What is kept of an archive that is read in order.
#[derive(Debug)]
pub(super) struct Passing {
    /// What it was found to be.
    pub(super) form: Form,
    /// Its length in bytes, when it is in a file.
    pub(super) length: Option<u64>,
    /// The blobs of the trust section, in the inventory's order; their digests are right.
    pub(super) held: Vec<Bytes>,
    /// Bytes of what came, up to the end of the trust section, as they were compressed.
    pub(super) came: u64,
}

impl Archive {
    /// Opens the archive at `path`, which may be a volume of it, or its name without the volumes' numbers, and checks
    /// its structure: head, inventory, lengths, volumes, end.
    ///
    /// # Errors
    /// Any [`ArchiveError`]: not a bundle, damaged, truncated, a volume that is missing or another's, something after
    /// its end, a newer format.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        Self::open_all(&[path.to_owned()])
    }

    /// Opens one archive whose volumes are named, or lie in folders that are named or beside those that are.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_all(paths: &[PathBuf]) -> Result<Self, ArchiveError> {
        let medium = match volume_set::find(paths)? {
            Found::File(path) => Medium::file(&path)?,
            Found::Set(paths) => Medium::set(&paths)?,
            Found::Beside(paths) => Medium::set(&paths)?.with_others_by_name(),
        };
        Self::read_from(paths.first().cloned().unwrap_or_default(), medium)
    }

    /// Opens what a medium holds; `path` is its name in reports.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn read_from(path: PathBuf, medium: Medium) -> Result<Self, ArchiveError> {
        ForeignFormat::refuse(&medium)?;
        let (read, placed) = Placed::open(medium)?;
        Ok(Self::new(path, read, Content::Placed(placed)))
    }

    /// An archive that is read in order: head and trust section are here, the rest passes by.
    pub(super) fn passing(path: PathBuf, read: placed::Read, passing: Passing) -> Self {
        Self::new(path, read, Content::Passing(passing))
    }

    fn new(path: PathBuf, read: placed::Read, content: Content) -> Self {
        let placed::Read { files, mtime, inventory, bundle_digest } = read;
        let blobs = inventory.blobs.iter().enumerate();
        let numbers = Arc::new(blobs.map(|(n, blob)| (blob.digest, n as u32)).collect());
        let (files, content) = (files.into(), Arc::new(content));
        Self { path, files, mtime, inventory, bundle_digest, numbers, content }
    }

    /// The same archive, as if its inventory listed some of the images alone: those whose number `is_kept` accepts. Blobs and
    /// the bundle digest stay.
    #[must_use]
    pub fn with_images(&self, is_kept: &dyn Fn(usize) -> bool) -> Self {
        let mut inventory = self.inventory.clone();
        let mut numbers = 0..;
        inventory.images.retain(|_| numbers.next().is_some_and(is_kept));
        Self {
            path: self.path.clone(),
            files: Arc::clone(&self.files),
            mtime: self.mtime,
            inventory,
            bundle_digest: self.bundle_digest,
            numbers: Arc::clone(&self.numbers),
            content: Arc::clone(&self.content),
        }
    }

    /// What it was opened as.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was found to be.
    pub fn form(&self) -> Form {
        match &*self.content {
            Content::Placed(_) => Form::Frames,
            Content::Passing(passing) => passing.form,
        }
    }

    /// The files that it lies in; `None` for one that is read in order.
    pub fn medium(&self) -> Option<&Medium> {
        match &*self.content {
            Content::Placed(placed) => Some(&placed.medium),
            Content::Passing(_) => None,
        }
    }

    /// Where everything lies; `None` for one that is read in order.
    pub(super) fn placed(&self) -> Option<&Placed> {
        match &*self.content {
            Content::Placed(placed) => Some(placed),
            Content::Passing(_) => None,
        }
    }

    /// Length of its files in bytes; `None` for one that comes through a pipe.
    pub fn length(&self) -> Option<u64> {
        match &*self.content {
            Content::Placed(placed) => Some(placed.medium.length()),
            Content::Passing(passing) => passing.length,
        }
    }

    /// What it says it holds. Nothing in it is trusted yet.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// SHA-256 of the bytes of `bundle.json`.
    pub fn bundle_digest(&self) -> Digest {
        self.bundle_digest
    }

    /// What became of the seek table; `None` for an archive that is read in order, which has no use for one.
    pub fn seek_table(&self) -> Option<SeekTable> {
        match &*self.content {
            Content::Placed(placed) => Some(placed.seek_table),
            Content::Passing(_) => None,
        }
    }

    /// Content of a head entry.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.name == name).map(|file| file.bytes.as_slice())
    }

    /// The inventory's line for a blob.
    pub fn blob(&self, digest: &Digest) -> Option<&BlobEntry> {
        self.numbers.get(digest).map(|n| &self.inventory.blobs[*n as usize])
    }

    /// Bytes that head and trust section took as they came, or take at least where they have their places: what they may
    /// ask of who verifies goes by it.
    pub(super) fn evidence_length(&self) -> u64 {
        match &*self.content {
            Content::Placed(_) => {
                let files = self.files.iter().map(|file| file.bytes.len() as u64);
                let blobs = self.inventory.blobs.iter();
                let trust = blobs.filter(|blob| blob.stored == Stored::Trust).map(|blob| blob.size);
                files.chain(trust).fold(0, u64::saturating_add)
            }
            Content::Passing(passing) => passing.came,
        }
    }

    /// Bytes that a blob takes in the file, frames and tar header included; `None` for a blob that is not here, or
    /// that has no place of its own.
    pub fn stored_length(&self, digest: &Digest) -> Option<u64> {
        Some(self.stored_frames(digest)?.iter().map(|(_, length)| length).sum())
    }

    /// Addresses and lengths of a blob's frames, in bytes; [`Medium::locate`] turns an address into a place in a file.
    /// `None` for a blob that is not here, or that has no place of its own.
    pub fn stored_frames(&self, digest: &Digest) -> Option<Vec<(u64, u64)>> {
        let number = *self.numbers.get(digest)? as usize;
        match &*self.content {
            Content::Placed(placed) => placed.frames(number, &self.inventory.blobs[number]),
            Content::Passing(_) => None,
        }
    }

    /// Reads the places that hold nothing. Cost: their length; few archives have any. Read in order, they do not appear.
    ///
    /// # Errors
    /// [`ArchiveError::Structure`] when there is something.
    pub fn check_holes(&self) -> Result<(), ArchiveError> {
        match &*self.content {
            Content::Placed(placed) => placed.check_holes(&self.inventory.holes),
            Content::Passing(_) => Ok(()),
        }
    }

    /// The first bytes of a blob, at most `length`, not compared with its digest; none where it cannot be read, or not
    /// yet.
    pub fn beginning(&self, digest: &Digest, length: usize) -> Vec<u8> {
        let mut start = Vec::new();
        let Ok(mut reader) = self.reader(digest, 0) else { return start };
        while start.len() < length
            && let Ok(Some(piece)) = reader.next_piece()
        {
            start.extend_from_slice(&piece[..piece.len().min(length - start.len())]);
        }
        start
    }

    /// Reads a blob's content from byte `from` on, structure checked, digest not.
    ///
    /// # Errors
    /// [`ArchiveError::Absent`] for a blob that the inventory does not list; [`ArchiveError::PassesOnce`] for one that
    /// is not kept.
    pub fn reader(&self, digest: &Digest, from: u64) -> Result<EntryReader, ArchiveError> {
        let number = *self.numbers.get(digest).ok_or(ArchiveError::Absent(*digest))? as usize;
        match &*self.content {
            Content::Placed(placed) => {
                placed.reader(number, self.inventory.blobs[number], self.mtime, from)
            }
            Content::Passing(passing) => {
                let held = passing.held.get(number).ok_or(ArchiveError::PassesOnce(*digest))?;
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(held.len());
                Ok(EntryReader::held(held.slice(from..)))
            }
        }
    }

    /// Reads a whole blob, bounded by `limit` bytes and hashed.
    ///
    /// # Errors
    /// [`ArchiveError::Absent`], [`ArchiveError::Limit`], or [`ArchiveError::Blob`] when the content is wrong.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Bytes, ArchiveError> {
        let blob = *self.blob(digest).ok_or(ArchiveError::Absent(*digest))?;
        if blob.size > limit {
            let what =
                format!("blob {digest} of {} bytes, more than the {limit} read here", blob.size);
            return Err(ArchiveError::Limit(what));
        }
        let mut reader = self.reader(digest, 0)?;
        let mut content = Vec::with_capacity(blob.size as usize);
        while let Some(piece) = reader.next_piece()? {
            content.extend_from_slice(&piece);
        }
        let found = Digest::of(&content);
        if found != *digest {
            return Err(ArchiveError::Blob {
                digest: *digest,
                what: format!("the content hashes to {found}"),
            });
        }
        Ok(content.into())
    }

    /// A verified stream of a whole blob.
    ///
    /// # Errors
    /// As [`BlobSource::open`].
    pub async fn verified(&self, blob: &Descriptor) -> Result<Verifying, SourceError> {
        Ok(Verifying::new(self.open(blob, 0).await?, blob))
    }
}

impl BlobSource for Archive {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        let opened =
            self.reader(&blob.digest, offset).map_err(SourceError::from).and_then(|reader| {
                let known = self.blob(&blob.digest).map(|known| known.size);
                if known != Some(blob.size) {
                    let what =
                        format!("blob {}: its sizes in manifest and inventory differ", blob.digest);
                    return Err(SourceError::new(Trouble::Content, what));
                }
                Ok(reader)
            });
        Box::pin(async move {
            let pieces = stream::unfold(Some(opened?), |state| async {
                let mut reader = state?;
                match reader.next_piece() {
                    Ok(Some(piece)) => Some((Ok(piece), Some(reader))),
                    Ok(None) => None,
                    Err(error) => Some((Err(error.into()), None)),
                }
            });
            Ok(pieces.boxed())
        })
    }
}
