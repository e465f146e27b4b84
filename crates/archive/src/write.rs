//! An archive in the making.
//!
//! Everything is written to `FILE.partial` at its final place; the finished file is synced, then renamed. With a
//! journal beside it, an interrupted run is gone on with by the next. Nothing is staged: the disk holds each byte once.
//! Cost: one pass of SHA-256 and one of XXH64 over the content; memory: one buffer of 256 KiB for each entry being
//! written.

use super::compressed::CompressedSection;
use super::content::EntryReader;
use super::entry::END;
use super::frame::raw_frame;
use super::geometry::Geometry;
use super::head::{self, HeadFile};
use super::journal::{self, Interrupted, Journal};
use super::medium::Medium;
use super::output::Output;
use super::partial::{self, Origin, check_output};
use super::places::Places;
use super::prefix::Prefix;
use super::section::EntryWriter;
use super::{ArchiveError, seek_table, volumes};
use bundle_inventory::{BlobEntry, Hole};
use bundle_oci::Digest;
use std::fs::File;
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
    pub(super) output: Arc<Output>,
    pub(super) blobs: Vec<BlobEntry>,
    pub(super) holes: Vec<Hole>,
    pub(super) mtime: u64,
    level: i32,
    pub(super) bundle: Digest,
    pub(super) places: Places,
    pub(super) extent: head::Extent,
    pub(super) done: Arc<[AtomicBool]>,
    /// From when on an interruption leaves everything for the next run.
    journal: Option<Arc<Journal>>,
    /// What an interrupted run has written.
    begun: Option<Arc<Medium>>,
    renamed: bool,
}

impl ArchiveWriter {
    /// Creates `target`.partial (or one for each volume), allocates the most space it can need and writes the head.
    /// What an interrupted run left there is gone then.
    ///
    /// # Errors
    /// A file cannot be made or is not one that may be replaced ([`check_output`]), another run writes it, there is
    /// no room for it, or the blueprint exceeds a limit.
    pub fn create(target: &Path, blueprint: Blueprint) -> Result<Self, ArchiveError> {
        let head = encode_head(&blueprint, None)?;
        Self::new(blueprint, head, |places| {
            let output = open_files(target, places, partial::open_or_make)?;
            // A journal must never lie beside an archive that is not its own, so it goes first.
            journal::remove(target).inspect_err(|_| output.discard())?;
            let output = output.renew()?;
            output.allocate(places.longest_volumes()).inspect_err(|_| output.discard())?;
            Ok((output, None))
        })
    }

    /// Goes on with what an interrupted run of the same blueprint has written. Entries are written as for a new archive;
    /// [`Self::prefix`] gives what is there of them.
    ///
    /// # Errors
    /// As [`Self::create`]; [`ArchiveError::Output`] when another run was faster. What is there stays.
    pub fn resume(
        target: &Path,
        blueprint: Blueprint,
        found: &Interrupted,
    ) -> Result<Self, ArchiveError> {
        let head = encode_head(&blueprint, None)?;
        let mut writer = Self::new(blueprint, head, |places| {
            let output = open_files(target, places, partial::reopen)?;
            let journal = Journal::reopen(target, found)?;
            output.allocate(places.longest_volumes())?;
            Ok((output, Some(journal)))
        })?;
        writer.begun = Some(Arc::new(writer.output.medium()?));
        Ok(writer)
    }

    /// Writes the head to a stream. Entries then have to be written one after another in the order of the blobs. A seal
    /// lies where it would lie had it been put into the finished archive.
    ///
    /// # Errors
    /// The stream cannot be written, the blueprint exceeds a limit, or the seal the room that it has.
    pub fn stream(
        writer: Box<dyn Write + Send>,
        blueprint: Blueprint,
        seal: Option<&[u8]>,
    ) -> Result<Self, ArchiveError> {
        let head = encode_head(&blueprint, seal)?;
        Self::new(blueprint, head, |_| Ok((Output::stream(writer), None)))
    }

    fn new(
        blueprint: Blueprint,
        (head, extent): (Vec<u8>, head::Extent),
        output: impl FnOnce(&Places) -> Result<(Output, Option<Journal>), ArchiveError>,
    ) -> Result<Self, ArchiveError> {
        let Blueprint { files, blobs, mtime, geometry, level } = blueprint;
        let places = Places::new(geometry, extent.end, extent.frames.len(), &blobs, &[])?;
        let bundle = bundle_digest(&files);
        let done: Arc<[AtomicBool]> =
            (0..places.raw_blobs()).map(|_| AtomicBool::new(false)).collect();
        let (output, journal) = output(&places)?;
        let (output, journal) = (Arc::new(output), journal.map(Arc::new));
        let writer = Self {
            output,
            blobs,
            holes: Vec::new(),
            mtime,
            level,
            bundle,
            places,
            extent,
            done,
            journal,
            begun: None,
            renamed: false,
        };
        writer.output.write_at(&head, 0)?;
        Ok(writer)
    }

    /// Begins the journal at `target`, with a plan that [`journal::find`] gives back. What was written so far is durable
    /// then, and from now on nothing is removed when this is dropped: the next run goes on with it.
    ///
    /// # Errors
    /// When the archive cannot be synced or the journal cannot be written.
    pub fn start_journal(&mut self, target: &Path, plan: &[u8]) -> Result<(), ArchiveError> {
        sync_files(&self.output)?;
        let journal = Journal::create(target, plan)?;
        for (number, _) in self.done.iter().enumerate().filter(|(_, d)| d.load(Ordering::Acquire)) {
            journal.claim(number, self.blobs[number].size);
        }
        self.journal = Some(Arc::new(journal));
        Ok(())
    }

    /// What makes durable what was written, while more is being written.
    pub fn barrier(&self) -> Barrier {
        Barrier { output: self.output.clone(), journal: self.journal.clone() }
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
        let (output, done, journal) =
            (self.output.clone(), self.done.clone(), self.journal.clone());
        EntryWriter::new(output, done, journal, number, self.blobs[number], address, self.mtime)
    }

    /// What an interrupted run has written of raw blob `number`, of which it claims `claimed` bytes of content; `None`
    /// when there is nothing.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn prefix(&self, number: usize, claimed: u64) -> Result<Option<Prefix>, ArchiveError> {
        let (Some(begun), Some(address)) = (&self.begun, self.places.raw_address(number)) else {
            return Ok(None);
        };
        if claimed == 0 {
            return Ok(None);
        }
        let place = (self.places.geometry(), address);
        let reader = EntryReader::raw(begun.clone(), self.blobs[number], self.mtime, place, 0)?;
        Ok(Some(Prefix::new(reader, claimed, self.blobs[number].size)))
    }

    /// The section for the blobs that are not stored raw, to be filled in their order.
    pub fn compressed_section(&self) -> CompressedSection {
        let from = self.places.raw_end().clone();
        let begun = self.begun.clone();
        CompressedSection::new(self.output.clone(), self.mtime, self.level, from, begun)
    }

    /// Ends the tar behind the drained section, writes the seek table, and for files the volumes' markers; syncs and
    /// renames. Gives the archive's length in bytes, of all volumes together.
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
        let (frames, _) = self.places.frames(&self.extent, &self.blobs, &self.holes, &frames);
        let table = seek_table::encode(&frames);
        self.output.write_at(&table, cursor.advance(table.len() as u64))?;
        let lengths = cursor.into_lengths();
        if self.output.is_stream() {
            self.output.flush()?;
        } else {
            self.write_markers(lengths.len())?;
            self.output.finish_files(&lengths)?;
            self.renamed = true;
            if let Some(journal) = &self.journal {
                journal.remove()?;
            }
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

/// The head of a blueprint. With a seal it takes the same region, in as many frames.
fn encode_head(
    blueprint: &Blueprint,
    seal: Option<&[u8]>,
) -> Result<(Vec<u8>, head::Extent), ArchiveError> {
    let Blueprint { files, mtime, .. } = blueprint;
    let (unsealed, extent) = head::encode(files, *mtime)?;
    match seal {
        None => Ok((unsealed, extent)),
        Some(seal) => head::encode_like(&head::with_seal(files, seal), *mtime, &extent),
    }
}

pub(super) fn bundle_digest(files: &[HeadFile]) -> Digest {
    let inventory = files.iter().find(|file| file.name == head::INVENTORY);
    Digest::of(inventory.map_or(&[], |file| &file.bytes))
}

fn open_files(
    target: &Path,
    places: &Places,
    open: fn(&Path) -> Result<(File, Origin), ArchiveError>,
) -> Result<Output, ArchiveError> {
    let volumes = places.longest_volumes().len();
    let geometry = *places.geometry();
    for target in super::output::volume_targets(target, &geometry, volumes) {
        check_output(&target)?;
    }
    Output::files(target, geometry, volumes, open)
}

fn sync_files(output: &Output) -> Result<(), ArchiveError> {
    for volume in output.volumes() {
        // With its length, which a file system may not know yet although the data is there.
        volume.file.sync_all().map_err(|e| ArchiveError::io("sync", &volume.partial, e))?;
    }
    Ok(())
}

/// Makes durable what was written so far: first the archive, then what the journal says about it.
#[derive(Debug, Clone)]
pub struct Barrier {
    output: Arc<Output>,
    journal: Option<Arc<Journal>>,
}

impl Barrier {
    /// Waits for the disk. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&self) -> Result<(), ArchiveError> {
        sync_files(&self.output)?;
        self.journal.as_ref().map_or(Ok(()), |journal| journal.sync())
    }
}

impl Drop for ArchiveWriter {
    /// An archive that was not finished leaves nothing behind, unless there is a journal to go on by.
    fn drop(&mut self) {
        if !self.renamed && self.journal.is_none() {
            self.output.discard();
        }
    }
}
