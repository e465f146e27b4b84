//! An archive in the making.
//!
//! Everything is written to `FILE.partial` at its final place; the finished file is synced, then renamed. Nothing is
//! staged: the disk holds each byte once. Cost: one pass of SHA-256 and one of XXH64 over the content; memory: one
//! buffer of 256 KiB for each entry being written.

use super::compressed::CompressedSection;
use super::entry::END;
use super::frame::raw_frame;
use super::geometry::Geometry;
use super::head::{self, HeadFile};
use super::output::Output;
use super::partial::check_output;
use super::places::Places;
use super::section::EntryWriter;
use super::{ArchiveError, seek_table, volumes};
use crate::inventory::BlobEntry;
use crate::oci::Digest;
use std::io::Write;
use std::path::Path;
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
    /// How it is cut; the inventory says the same.
    pub geometry: Geometry,
    /// Level of zstd for blobs that are not compressed already.
    pub level: i32,
}

/// Writes one archive. Entries may be written from many threads at once.
#[derive(Debug)]
pub struct ArchiveWriter {
    output: Arc<Output>,
    blobs: Vec<BlobEntry>,
    mtime: u64,
    level: i32,
    bundle: Digest,
    places: Places,
    extent: head::Extent,
    done: Arc<[AtomicBool]>,
    renamed: bool,
}

impl ArchiveWriter {
    /// Creates `target`.partial (or one for each volume), allocates the most space it can need and writes the head.
    ///
    /// # Errors
    /// A file cannot be made or is not one that may be replaced ([`check_output`]), another run writes it, there is
    /// no room for it, or the blueprint exceeds a limit.
    pub fn create(target: &Path, blueprint: Blueprint) -> Result<Self, ArchiveError> {
        let output = |places: &Places| {
            let lengths = places.longest_volumes();
            let geometry = *places.geometry();
            for target in super::output::volume_targets(target, &geometry, lengths.len()) {
                check_output(&target)?;
            }
            let output = Output::files(target, geometry, lengths.len())?;
            output.allocate(lengths)?;
            Ok(output)
        };
        Self::new(blueprint, output)
    }

    /// Writes the head to a stream. Entries then have to be written one after another in the order of the blobs.
    ///
    /// # Errors
    /// The stream cannot be written, or the blueprint exceeds a limit.
    pub fn stream(
        writer: Box<dyn Write + Send>,
        blueprint: Blueprint,
    ) -> Result<Self, ArchiveError> {
        Self::new(blueprint, |_| Ok(Output::stream(writer)))
    }

    fn new(
        blueprint: Blueprint,
        output: impl FnOnce(&Places) -> Result<Output, ArchiveError>,
    ) -> Result<Self, ArchiveError> {
        let Blueprint { files, blobs, mtime, geometry, level } = blueprint;
        let (head, extent) = head::encode(&files, mtime)?;
        let places = Places::new(geometry, extent.end, extent.frames.len(), &blobs, &[])?;
        let inventory = files.iter().find(|file| file.name == head::INVENTORY);
        let bundle = Digest::of(inventory.map_or(&[], |file| &file.bytes));
        let done: Arc<[AtomicBool]> =
            (0..places.raw_blobs()).map(|_| AtomicBool::new(false)).collect();
        let output = Arc::new(output(&places)?);
        let writer =
            Self { output, blobs, mtime, level, bundle, places, extent, done, renamed: false };
        writer.output.write_at(&head, 0)?;
        Ok(writer)
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
        let address = self.places.raw_address(number).ok_or_else(|| {
            ArchiveError::Limit(format!("blob number {number} is not stored raw"))
        })?;
        let (output, done) = (self.output.clone(), self.done.clone());
        EntryWriter::new(output, done, number, self.blobs[number], address, self.mtime)
    }

    /// The section for the blobs that are not stored raw, to be filled in their order.
    pub fn compressed_section(&self) -> CompressedSection {
        let from = self.places.raw_end().clone();
        CompressedSection::new(self.output.clone(), self.mtime, self.level, from)
    }

    /// Ends the tar behind the drained section, writes the seek table, and for files the volumes' markers; syncs and renames. Gives the archive's
    /// length in bytes, of all volumes together.
    ///
    /// # Errors
    /// When a blob was not written, or the system refuses.
    pub fn finish(mut self, compressed: CompressedSection) -> Result<u64, ArchiveError> {
        let (frames, mut cursor, written) = compressed.into_frames();
        let missing = self.done.iter().position(|done| !done.load(Ordering::Acquire));
        if let Some(number) = missing {
            return Err(ArchiveError::Absent(self.blobs[number].digest));
        }
        if written != self.blobs.len() - self.places.raw_blobs() {
            return Err(ArchiveError::Absent(self.blobs[self.places.raw_blobs() + written].digest));
        }
        let end = raw_frame(&[0; END as usize]);
        self.output.write_at(&end, cursor.advance(end.len() as u64))?;
        let (frames, _) = self.places.frames(&self.extent, &self.blobs, &[], &frames);
        let table = seek_table::encode(&frames);
        self.output.write_at(&table, cursor.advance(table.len() as u64))?;
        let lengths = cursor.into_lengths();
        if self.output.is_stream() {
            self.output.flush()?;
        } else {
            self.write_markers(lengths.len())?;
            self.output.finish_files(&lengths)?;
        }
        self.renamed = true;
        Ok(lengths.iter().sum())
    }

    fn write_markers(&self, count: usize) -> Result<(), ArchiveError> {
        for volume in 1..count {
            let last = (volume + 1 == count).then_some(count as u32);
            let marker = volumes::marker(&self.bundle, volume as u32 + 1, last);
            self.output.write_at(&marker, self.places.geometry().start_of(volume))?;
        }
        Ok(())
    }
}

impl Drop for ArchiveWriter {
    /// An archive that was not finished leaves nothing behind.
    fn drop(&mut self) {
        if !self.renamed {
            self.output.discard();
        }
    }
}
