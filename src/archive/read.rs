//! An archive as a source of blobs.
//!
//! Opening reads the head and the ends of the file, never the content: the cost is that of the inventory. What is at
//! which place follows from the inventory alone, but for compressed blobs, whose frames are found by the seek table, or
//! by walking when it does not hold. Every byte that is read later is compared with what must be there.

use super::ArchiveError;
use super::content::EntryReader;
use super::geometry::Geometry;
use super::head::{self, HeadFile};
use super::medium::Medium;
use super::opening::{
    check_end, check_holes, divide, enter_raw, read_inventory, read_seek_table, sound_frames, walk,
};
use super::places::{Places, entry_length};
use super::seek_table::Frame;
use super::volume_set::{self, Found};
use super::volumes;
use crate::inventory::{BlobEntry, Inventory};
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble, Verifying};
use crate::oci::{Descriptor, Digest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    medium: Arc<Medium>,
    files: Vec<HeadFile>,
    mtime: u64,
    inventory: Inventory,
    bundle_digest: Digest,
    places: Places,
    numbers: HashMap<Digest, u32>,
    /// The frames of each compressed blob, with their addresses.
    compressed: Vec<Vec<(u64, Frame)>>,
    seek_table: SeekTable,
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
    pub fn read_from(path: PathBuf, mut medium: Medium) -> Result<Self, ArchiveError> {
        let parts = Parts::read(&mut medium).map_err(|error| medium.located(error))?;
        let Parts { head, inventory, bundle_digest, places, frames, seek_table } = parts;
        let blobs = &inventory.blobs;
        let numbers = blobs.iter().enumerate().map(|(n, blob)| (blob.digest, n as u32)).collect();
        let compressed = divide(&places, blobs, frames);
        let (files, mtime) = (head.files, head.mtime);
        let medium = Arc::new(medium);
        Ok(Self {
            path,
            medium,
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

    /// What it was opened as.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files that it lies in.
    pub fn medium(&self) -> &Medium {
        &self.medium
    }

    /// Length of its files in bytes.
    pub fn length(&self) -> u64 {
        self.medium.length()
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
        Some(self.stored_frames(digest)?.iter().map(|(_, length)| length).sum())
    }

    /// Addresses and lengths of a blob's frames, in bytes; [`Medium::locate`] turns an address into a place in a file.
    pub fn stored_frames(&self, digest: &Digest) -> Option<Vec<(u64, u64)>> {
        let number = *self.numbers.get(digest)? as usize;
        match number.checked_sub(self.places.raw_blobs()) {
            None => {
                let length = entry_length(self.inventory.blobs[number].size).ok()?;
                let frames = self.geometry().raw_frames(self.places.raw_address(number)?, length);
                Some(frames.map(|frame| (frame.address, frame.raw_length())).collect())
            }
            Some(n) => {
                let frames = self.compressed[n].iter();
                Some(frames.map(|(address, frame)| (*address, u64::from(frame.length))).collect())
            }
        }
    }

    fn geometry(&self) -> &Geometry {
        self.places.geometry()
    }

    /// Reads the places that hold nothing. Cost: their length; few archives have any.
    ///
    /// # Errors
    /// [`ArchiveError::Structure`] when there is something.
    pub fn check_holes(&self) -> Result<(), ArchiveError> {
        let checked = check_holes(&self.medium, &self.places, &self.inventory.holes);
        checked.map_err(|error| self.medium.located(error))
    }

    /// Reads a blob's content from byte `from` on, structure checked, digest not.
    ///
    /// # Errors
    /// [`ArchiveError::Absent`] for a blob that the inventory does not list.
    pub fn reader(&self, digest: &Digest, from: u64) -> Result<EntryReader, ArchiveError> {
        let number = *self.numbers.get(digest).ok_or(ArchiveError::Absent(*digest))? as usize;
        let (medium, blob) = (self.medium.clone(), self.inventory.blobs[number]);
        match self.places.raw_address(number) {
            Some(address) => {
                EntryReader::raw(medium, blob, self.mtime, (self.geometry(), address), from)
            }
            None => {
                let frames = self.compressed[number - self.places.raw_blobs()].clone();
                Ok(EntryReader::compressed(medium, blob, self.mtime, frames, from))
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

/// What opening reads and compares.
struct Parts {
    head: head::Head,
    inventory: Inventory,
    bundle_digest: Digest,
    places: Places,
    frames: Vec<Frame>,
    seek_table: SeekTable,
}

impl Parts {
    fn read(medium: &mut Medium) -> Result<Self, ArchiveError> {
        if let Some(number) = medium.first_is_volume() {
            let path = medium.volume_path(0).display().to_string();
            let what = format!("holds volume {number} where volume 1 is expected");
            return Err(ArchiveError::Volume { path, what });
        }
        let head = head::read(medium)?;
        let (inventory, bundle_digest) = read_inventory(&head)?;
        let (blobs, holes) = (&inventory.blobs, &inventory.holes);
        let geometry = Geometry::recorded(inventory.volume_size)?;
        let extent = &head.extent;
        let places = Places::new(geometry, extent.end, extent.frames.len(), blobs, holes)?;
        medium.cut(geometry);
        let is_cut = geometry.volume_size().is_some();
        if medium.is_set() && is_cut {
            volumes::check_order(medium, &bundle_digest)?;
        }
        let entered = enter_raw(medium, &places, blobs);
        if !medium.is_set() && is_cut {
            // Where volumes start in a joined file is known only now. A wrong order explains wrong lengths.
            volumes::check_order(medium, &bundle_digest)?;
        }
        entered?;
        let contents = places.compressed_contents(blobs)?;
        let known = medium.volumes();
        let table = read_seek_table(medium)?;
        let by_table = match &table {
            Some(table) => sound_frames(medium, table, extent, &inventory, &places, &contents),
            None => Ok(None),
        };
        let (sound, refused) = match by_table {
            Ok(sound) => (sound, None),
            Err(error) => (None, Some(error)),
        };
        // A table is sound only when the tar ends where it says.
        let ended = sound.and_then(|frames| {
            let end = check_end(medium, &places, &frames).ok()?;
            Some((frames, end, SeekTable::Sound))
        });
        let (frames, end, seek_table) = match ended {
            Some(ended) => ended,
            None => {
                medium.forget_joined(known);
                let walked = walk(medium, &places, &contents).and_then(|frames| {
                    let end = check_end(medium, &places, &frames)?;
                    Ok((frames, end))
                });
                // What a table that fits says about lengths is more than where walking got stuck.
                let (frames, end) = walked.map_err(|error| refused.unwrap_or(error))?;
                let is_there = table.is_some() || end.table_length > 0;
                (frames, end, if is_there { SeekTable::Wrong } else { SeekTable::Missing })
            }
        };
        volumes::check_count(medium, &bundle_digest, end.volumes)?;
        Ok(Self { head, inventory, bundle_digest, places, frames, seek_table })
    }
}
