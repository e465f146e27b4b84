//! An archive in the making.
//!
//! Everything is written to `FILE.partial` at its final place; the finished file is synced, then renamed. Nothing is
//! staged: the disk holds each byte once. Cost: one pass of SHA-256 and one of XXH64 over the content; memory: one
//! buffer of 256 KiB for each entry being written.

use super::entry::END;
use super::frame::raw_frame;
use super::head::{self, HeadFile};
use super::partial::{self, check_output, directory_of, partial_path};
use super::places::Places;
use super::section::{CompressedSection, EntryWriter, Output};
use super::{ArchiveError, seek_table};
use crate::inventory::BlobEntry;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an archive will hold, decided before the first byte is written.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The head's entries in order.
    pub files: Vec<HeadFile>,
    /// Every blob in archive order.
    pub blobs: Vec<BlobEntry>,
    /// Modification time of every entry, in seconds since 1970.
    pub mtime: u64,
}

/// Writes one archive. Entries may be written from many threads at once.
#[derive(Debug)]
pub struct ArchiveWriter {
    output: Arc<Output>,
    target: PathBuf,
    blobs: Vec<BlobEntry>,
    mtime: u64,
    places: Places,
    extent: head::Extent,
    done: Arc<[AtomicBool]>,
    renamed: bool,
}

impl ArchiveWriter {
    /// Creates `target`.partial, allocates the most space it can need and writes the head.
    ///
    /// # Errors
    /// The file cannot be made or is not one that may be replaced ([`check_output`]), another run writes it, there is
    /// no room for it, or the blueprint exceeds a limit.
    pub fn create(target: &Path, blueprint: Blueprint) -> Result<Self, ArchiveError> {
        let (head, extent) = head::encode(&blueprint.files, blueprint.mtime)?;
        let places = Places::new(extent.end, extent.frames.len(), &blueprint.blobs)?;
        check_output(target)?;
        let path = partial_path(target);
        let file = partial::open(&path)?;
        let done: Arc<[AtomicBool]> =
            (0..places.raw_blobs()).map(|_| AtomicBool::new(false)).collect();
        let writer = Self {
            output: Arc::new(Output { file, path }),
            target: target.to_owned(),
            blobs: blueprint.blobs,
            mtime: blueprint.mtime,
            places,
            extent,
            done,
            renamed: false,
        };
        writer.allocate()?;
        writer.output.write_at(&head, 0)?;
        Ok(writer)
    }

    /// Takes the space now where the file system can: a full disk is met before hours of transfer, and the file lies
    /// in one piece.
    fn allocate(&self) -> Result<(), ArchiveError> {
        let length = self.places.upper_bound();
        match rustix::fs::fallocate(&self.output.file, FallocateFlags::empty(), 0, length) {
            Err(error @ (rustix::io::Errno::NOSPC | rustix::io::Errno::FBIG)) => {
                Err(ArchiveError::io("allocate space for", &self.output.path, error.into()))
            }
            // Not every file system can; writing then finds out.
            _ => Ok(()),
        }
    }

    /// The blobs in archive order.
    pub fn blobs(&self) -> &[BlobEntry] {
        &self.blobs
    }

    /// Number of blobs that are stored raw; they come first in [`ArchiveWriter::blobs`].
    pub fn raw_blobs(&self) -> usize {
        self.places.raw_blobs()
    }

    /// Opens the place of raw blob `number`.
    ///
    /// # Errors
    /// When the blob is not stored raw.
    pub fn entry(&self, number: usize) -> Result<EntryWriter, ArchiveError> {
        let offset = self.places.raw_offset(number).ok_or_else(|| {
            ArchiveError::Limit(format!("blob number {number} is not stored raw"))
        })?;
        let (output, done) = (self.output.clone(), self.done.clone());
        EntryWriter::new(output, done, number, self.blobs[number], offset, self.mtime)
    }

    /// The section for the blobs that are not stored raw, to be filled in their order.
    pub fn compressed_section(&self) -> CompressedSection {
        CompressedSection::new(self.output.clone(), self.mtime, self.places.raw_end())
    }

    /// Ends the tar, writes the seek table, syncs and renames. Gives the archive's length in bytes.
    ///
    /// # Errors
    /// When a blob was not written, or the system refuses.
    pub fn finish(mut self, compressed: CompressedSection) -> Result<u64, ArchiveError> {
        let (frames, mut at, written) = compressed.into_frames();
        let missing = self.done.iter().position(|done| !done.load(Ordering::Acquire));
        if let Some(number) = missing {
            return Err(ArchiveError::Absent(self.blobs[number].digest));
        }
        if written != self.blobs.len() - self.places.raw_blobs() {
            return Err(ArchiveError::Absent(self.blobs[self.places.raw_blobs() + written].digest));
        }
        let mut end = raw_frame(&[0; END as usize]);
        end.extend_from_slice(&seek_table::encode(&self.places.frames(
            &self.extent,
            &self.blobs,
            &frames,
        )));
        self.output.write_at(&end, at)?;
        at += end.len() as u64;
        let failed = |action, error| ArchiveError::io(action, &self.output.path, error);
        self.output.file.set_len(at).map_err(|e| failed("truncate", e))?;
        self.output.file.sync_all().map_err(|e| failed("sync", e))?;
        std::fs::rename(&self.output.path, &self.target).map_err(|e| failed("rename", e))?;
        self.renamed = true;
        let folder = directory_of(&self.target);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| ArchiveError::io("sync", folder, e))?;
        Ok(at)
    }
}

impl Drop for ArchiveWriter {
    /// An archive that was not finished leaves nothing behind.
    fn drop(&mut self) {
        if !self.renamed {
            let _ = std::fs::remove_file(&self.output.path);
        }
    }
}
