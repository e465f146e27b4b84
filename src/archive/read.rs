//! An archive as a source of blobs.
//!
//! Opening reads the head and the ends of the file, never the content: the cost is that of the inventory. What is at
//! which place follows from the inventory alone, but for compressed blobs, whose frames are found by the seek table, or
//! by walking when it does not hold. Every byte that is read later is compared with what must be there.

use super::content::EntryReader;
use super::entry::END;
use super::head::{self, HeadFile};
use super::opening::{
    check_end, compressed_contents, divide, read_inventory, read_seek_table, sound_frames, walk,
};
use super::places::{Places, entry_length};
use super::seek_table::Frame;
use super::{ArchiveError, frame};
use crate::inventory::{BlobEntry, Inventory};
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble, Verifying};
use crate::oci::{Descriptor, Digest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No frame with content, its size and a checksum is shorter: 4 magic, 1 descriptor, 1 size, 3 + 1 block, 4 checksum.
const SHORTEST_FRAME: u64 = 14;

/// What became of the seek table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTable {
    /// It is there and right.
    Sound,
    /// There is none.
    Missing,
    /// There is one that does not describe this file; it was not used.
    Wrong,
}

/// An opened archive. Cheap to share; reading needs no lock.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
    files: Vec<HeadFile>,
    mtime: u64,
    inventory: Inventory,
    bundle_digest: Digest,
    places: Places,
    numbers: HashMap<Digest, u32>,
    compressed: Vec<CompressedPlace>,
    seek_table: SeekTable,
}

/// Where a compressed blob's frames lie.
#[derive(Debug)]
pub(super) struct CompressedPlace {
    pub(super) offset: u64,
    pub(super) frames: Vec<Frame>,
}

impl Archive {
    /// Opens the archive at `path` and checks its structure: head, inventory, lengths, end.
    ///
    /// # Errors
    /// Any [`ArchiveError`]: not a bundle, damaged, truncated, something after its end, a newer format.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        // A pipe is not waited for: it is refused like everything else that is not a regular file.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(|e| ArchiveError::io("open", path, e))?;
        let metadata = file.metadata().map_err(|e| ArchiveError::io("read", path, e))?;
        if !metadata.is_file() {
            let not_a_file = std::io::Error::other("it is not a regular file");
            return Err(ArchiveError::io("open", path, not_a_file));
        }
        let length = metadata.len();
        let head = head::read(&file)?;
        let (inventory, bundle_digest) = read_inventory(&head)?;
        let blobs = &inventory.blobs;
        let places = Places::new(head.extent.end, head.extent.frames.len(), blobs)?;
        let compressed_blobs = &blobs[places.raw_blobs()..];
        // Bounds what is allocated for frames by what the file can hold.
        let shortest = places.raw_end()
            + places.compressed_frames(blobs).saturating_mul(SHORTEST_FRAME)
            + frame::raw_length(END);
        if length < shortest {
            return Err(ArchiveError::Truncated { expected: shortest, found: length });
        }
        let contents = compressed_contents(compressed_blobs)?;
        let table = read_seek_table(&file, length, &places)?;
        let (frames, seek_table) = match table {
            Some(table) => {
                match sound_frames(&file, length, &table, &head.extent, blobs, &places, &contents)?
                {
                    Some(frames) => (frames, SeekTable::Sound),
                    None => (walk(&file, places.raw_end(), &contents)?, SeekTable::Wrong),
                }
            }
            None => (walk(&file, places.raw_end(), &contents)?, SeekTable::Missing),
        };
        let end = places.raw_end() + frames.iter().map(|f| u64::from(f.length)).sum::<u64>();
        let table_length = check_end(&file, length, end, &places)?;
        let seek_table = match (seek_table, table_length) {
            (SeekTable::Missing, 1..) => SeekTable::Wrong,
            (state, _) => state,
        };
        let numbers = blobs.iter().enumerate().map(|(n, blob)| (blob.digest, n as u32)).collect();
        let compressed = divide(compressed_blobs, places.raw_end(), frames)?;
        let (files, mtime) = (head.files, head.mtime);
        let (path, file) = (path.to_owned(), Arc::new(file));
        Ok(Self {
            path,
            file,
            length,
            files,
            mtime,
            inventory,
            bundle_digest,
            places,
            numbers,
            compressed,
            seek_table,
        })
    }

    /// The file it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What it says it holds. Nothing in it is trusted yet.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// SHA-256 of the bytes of `bundle.json`.
    pub fn bundle_digest(&self) -> Digest {
        self.bundle_digest
    }

    /// What became of the seek table.
    pub fn seek_table(&self) -> SeekTable {
        self.seek_table
    }

    /// Content of a head entry.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.name == name).map(|file| file.bytes.as_slice())
    }

    /// The inventory's line for a blob.
    pub fn blob(&self, digest: &Digest) -> Option<&BlobEntry> {
        self.numbers.get(digest).map(|n| &self.inventory.blobs[*n as usize])
    }

    /// Bytes that a blob takes in the file, frames and tar header included.
    pub fn stored_length(&self, digest: &Digest) -> Option<u64> {
        let number = *self.numbers.get(digest)? as usize;
        match number.checked_sub(self.places.raw_blobs()) {
            None => frame::raw_frames_length(entry_length(&self.inventory.blobs[number]).ok()?),
            Some(n) => Some(self.compressed[n].frames.iter().map(|f| u64::from(f.length)).sum()),
        }
    }

    /// Where a blob's frames lie in the file, in bytes.
    pub fn stored_at(&self, digest: &Digest) -> Option<std::ops::Range<u64>> {
        let number = *self.numbers.get(digest)? as usize;
        let start = match number.checked_sub(self.places.raw_blobs()) {
            None => self.places.raw_offset(number)?,
            Some(n) => self.compressed[n].offset,
        };
        Some(start..start + self.stored_length(digest)?)
    }

    /// Reads a blob's content from byte `from` on, structure checked, digest not.
    ///
    /// # Errors
    /// [`ArchiveError::Absent`] for a blob that the inventory does not list.
    pub fn reader(&self, digest: &Digest, from: u64) -> Result<EntryReader, ArchiveError> {
        let number = *self.numbers.get(digest).ok_or(ArchiveError::Absent(*digest))? as usize;
        let (file, blob) = (self.file.clone(), self.inventory.blobs[number]);
        match self.places.raw_offset(number) {
            Some(offset) => EntryReader::raw(file, blob, self.mtime, offset, from),
            None => {
                let place = &self.compressed[number - self.places.raw_blobs()];
                Ok(EntryReader::compressed(
                    file,
                    blob,
                    self.mtime,
                    place.offset,
                    place.frames.clone(),
                    from,
                ))
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
