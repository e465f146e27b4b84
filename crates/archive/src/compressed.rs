//! Writing the compressed section: blobs one after another, their frames compressed in parallel.
//!
//! Frames are written in order as they become ready; while those of one blob are compressed, the content of the next
//! comes in already. Memory: content and compressed form of the frames in flight, 12 at most.

use super::entry::{self, HEADER, blob_name};
use super::frame::{Compressors, TRAILER};
use super::geometry::{Cursor, MARKER};
use super::head;
use super::limits::WRITE_BACK;
use super::medium::Medium;
use super::output::Output;
use super::seek_table::Frame;
use super::{ArchiveError, places};
use bundle_inventory::BlobEntry;
use bundle_oci::{Digest, Hasher};
use std::collections::VecDeque;
use std::sync::Arc;

/// Frames in flight at most, of 2 MiB each and as much compressed: more cores than this find no work.
const MOST_IN_FLIGHT: usize = 12;

type Compressing = tokio::task::JoinHandle<Result<Vec<u8>, std::io::Error>>;

/// A frame on its way.
#[derive(Debug)]
struct Pending {
    /// Number of its blob in the section.
    blob: usize,
    digest: Digest,
    content: u32,
    task: Compressing,
}

/// What was written before a blob's first frame.
#[derive(Debug)]
struct Mark {
    blob: usize,
    frames: usize,
    cursor: Cursor,
}

/// The compressed section in the making.
#[derive(Debug)]
pub struct CompressedSection {
    output: Arc<Output>,
    mtime: u64,
    compressors: Compressors,
    cursor: Cursor,
    frames: Vec<Frame>,
    /// Blobs that were taken whole.
    taken: usize,
    pending: VecDeque<Pending>,
    in_flight: usize,
    /// For taking back the last blob that began to be written.
    mark: Option<Mark>,
    /// What an interrupted run has written, as long as it is what must be there.
    begun: Option<Arc<Medium>>,
    /// Where write-back was started last.
    written_back: u64,
}

impl CompressedSection {
    pub(super) fn new(
        output: Arc<Output>,
        mtime: u64,
        level: i32,
        cursor: Cursor,
        begun: Option<Arc<Medium>>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            output,
            mtime,
            compressors: Compressors::new(level),
            written_back: cursor.end(),
            cursor,
            frames: Vec::new(),
            taken: 0,
            pending: VecDeque::new(),
            in_flight: (cores + 1).min(MOST_IN_FLIGHT),
            mark: None,
            begun,
        }
    }

    /// Waits until everything that was taken is written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn drain(&mut self) -> Result<(), ArchiveError> {
        while !self.pending.is_empty() {
            self.write_oldest().await?;
        }
        Ok(())
    }

    /// Frames written so far, where they end, and how many blobs they hold. [`Self::drain`] comes before.
    pub(super) fn into_frames(self) -> (Vec<Frame>, Cursor, usize) {
        let waiting = self.pending.front().map(|pending| pending.blob);
        (self.frames, self.cursor, waiting.unwrap_or(self.taken))
    }

    /// Starts the next blob, which must be the next compressed one of the inventory.
    ///
    /// # Errors
    /// A size that cannot be.
    pub fn entry(&mut self, blob: BlobEntry) -> Result<CompressedEntry<'_>, ArchiveError> {
        let length = places::entry_length(blob.size)?;
        let header = entry::header(&blob_name(&blob.digest), blob.size, self.mtime)?;
        let frame = self.output.geometry().compressed_frame();
        let mut content = Vec::with_capacity(length.min(frame) as usize);
        content.extend_from_slice(&header);
        let frame = frame as usize;
        let (hasher, kept) = (Hasher::new(), 0);
        let (section, written, done) = (self, 0, false);
        Ok(CompressedEntry { section, blob, hasher, written, kept, content, frame, done })
    }

    /// The next frame that an interrupted run has written, around so many bytes, with its length; `None` from the first
    /// one on that is not what must be there.
    fn begun_frame(&mut self, content: u64) -> Option<(Vec<u8>, u64)> {
        let found = self.begun.as_ref().filter(|_| self.pending.is_empty()).and_then(|begun| {
            // Which volume it lies in depends on its length, so both places are tried.
            let geometry = self.output.geometry();
            let next = geometry
                .start_of(self.cursor.volume() + usize::from(geometry.volume_size().is_some()));
            [self.cursor.end(), next + MARKER].into_iter().find_map(|address| {
                let (found, length) = head::measure_small_frame(begun, address).ok()?;
                let length = length + TRAILER;
                let there = found == content && self.cursor.clone().advance(length) == address;
                let mut bytes = vec![0; there.then_some(length)? as usize];
                begun.read_exactly(&mut bytes, address).ok()?;
                let content = head::decode_compressed_frame(&bytes, content, address).ok()?;
                Some((content, length))
            })
        });
        if found.is_none() {
            self.begun = None;
        }
        found
    }

    async fn write_oldest(&mut self) -> Result<(), ArchiveError> {
        let Some(pending) = self.pending.pop_front() else {
            return Ok(());
        };
        let Pending { blob, digest, content, task } = pending;
        let failed = |e: &dyn std::fmt::Display| wrong(digest, format!("zstd refuses it: {e}"));
        let frame = task.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        self.mark(blob);
        let address = self.cursor.advance(frame.len() as u64);
        self.output.write_at(&frame, address)?;
        self.write_back(address);
        self.frames.push(Frame { length: frame.len() as u32, content });
        Ok(())
    }

    /// Moves the frames of the blobs that stay together, behind `from`. Of each blob in the drained section `blobs` has the
    /// length of its entry, and whether it stays.
    pub(super) fn keep_only(
        &mut self,
        from: Cursor,
        blobs: &[(u64, bool)],
    ) -> Result<(), ArchiveError> {
        let medium = self.output.medium()?;
        let (mut before, mut after) = (from.clone(), from);
        let mut frames = std::mem::take(&mut self.frames).into_iter();
        for (length, stays) in blobs {
            let count = self.output.geometry().compressed_contents(*length).count();
            for frame in frames.by_ref().take(count) {
                let old = before.advance(u64::from(frame.length));
                if !stays {
                    continue;
                }
                // Never behind the old place, so nothing is lost that is still to be moved.
                let new = after.advance(u64::from(frame.length));
                if new != old {
                    let mut bytes = vec![0; frame.length as usize];
                    medium.read_exactly(&mut bytes, old)?;
                    self.output.write_at(&bytes, new)?;
                }
                self.frames.push(frame);
            }
        }
        self.cursor = after;
        self.taken = blobs.iter().filter(|(_, stays)| *stays).count();
        Ok(())
    }

    /// Notes what was written before the first frame of `blob`.
    fn mark(&mut self, blob: usize) {
        if self.mark.as_ref().is_none_or(|mark| mark.blob != blob) {
            let (frames, cursor) = (self.frames.len(), self.cursor.clone());
            self.mark = Some(Mark { blob, frames, cursor });
        }
    }

    /// Starts to write back what was written, once it is enough or lies in another volume than `address`.
    fn write_back(&mut self, address: u64) {
        let (from, end) = (self.written_back, self.cursor.end());
        let geometry = self.output.geometry();
        if geometry.volume_of(from) != geometry.volume_of(address) {
            self.written_back = address;
        } else if end.saturating_sub(from) >= WRITE_BACK {
            self.output.start_write_back(from, end - from);
            self.written_back = end;
        }
    }

    /// Forgets what came of the blob that is not taken yet.
    fn take_back(&mut self) {
        let blob = self.taken;
        self.pending.retain(|pending| pending.blob != blob);
        if let Some(mark) = self.mark.take_if(|mark| mark.blob == blob) {
            self.frames.truncate(mark.frames);
            self.cursor = mark.cursor;
            self.written_back = self.written_back.min(self.cursor.end());
        }
    }
}

/// One blob of the compressed section. Dropping it unfinished leaves the section as it was before.
pub struct CompressedEntry<'a> {
    section: &'a mut CompressedSection,
    blob: BlobEntry,
    hasher: Hasher,
    written: u64,
    /// Bytes of the entry, header and padding included, in frames that were there already.
    kept: u64,
    content: Vec<u8>,
    /// Most content of a frame, in bytes.
    frame: usize,
    done: bool,
}

impl CompressedEntry<'_> {
    /// How much content there is so far, in bytes: the offset to go on at.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether something is there that an interrupted run has written, and not compared with the digest yet.
    pub fn is_kept(&self) -> bool {
        self.kept > 0
    }

    /// Takes the next frame that an interrupted run has written, before anything is written. False when there is none
    /// that is what must be there.
    ///
    /// # Errors
    /// A size that cannot be.
    pub fn keep_next(&mut self) -> Result<bool, ArchiveError> {
        let length = places::entry_length(self.blob.size)?;
        let content = (length - self.kept).min(self.frame as u64);
        let untouched = if self.kept == 0 { HEADER } else { 0 };
        if content == 0 || self.content.len() as u64 != untouched {
            return Ok(false);
        }
        let Some((entry, frame)) = self.section.begun_frame(content) else { return Ok(false) };
        let header = if self.kept == 0 { self.content.len() } else { 0 };
        let end = (HEADER + self.blob.size).saturating_sub(self.kept);
        let (inner, padding) = entry.split_at((end as usize).min(entry.len()));
        if inner.len() < header
            || inner[..header] != self.content[..header]
            || padding.iter().any(|byte| *byte != 0)
        {
            self.section.begun = None;
            return Ok(false);
        }
        self.section.mark(self.section.taken);
        self.section.cursor.advance(frame);
        self.section.frames.push(Frame { length: frame as u32, content: content as u32 });
        self.content.clear();
        self.hasher.update(&inner[header..]);
        self.written += (inner.len() - header) as u64;
        self.kept += content;
        Ok(true)
    }

    /// Takes the next piece of content.
    ///
    /// # Errors
    /// As [`super::section::EntryWriter::write`].
    pub async fn write(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.written += content.len() as u64;
        if self.written > self.blob.size {
            return Err(wrong(self.blob.digest, format!("more than its {} bytes", self.blob.size)));
        }
        self.hasher.update(content);
        self.push(content).await
    }

    /// Completes the entry. What is still being compressed is written later: see [`CompressedSection::drain`].
    ///
    /// # Errors
    /// As [`super::section::EntryWriter::finish`].
    pub async fn finish(mut self) -> Result<(), ArchiveError> {
        if self.written != self.blob.size {
            let what = format!("{} of {} bytes came", self.written, self.blob.size);
            return Err(wrong(self.blob.digest, what));
        }
        let found = std::mem::take(&mut self.hasher).finish();
        if found != self.blob.digest {
            // What is behind it was written by whoever wrote this.
            self.section.begun = None;
            return Err(wrong(self.blob.digest, format!("the content hashes to {found}")));
        }
        if self.kept < places::entry_length(self.blob.size)? {
            let padding = [0; HEADER as usize];
            self.push(&padding[..entry::padding(self.blob.size) as usize]).await?;
        }
        if !self.content.is_empty() {
            self.compress().await?;
        }
        self.done = true;
        self.section.taken += 1;
        Ok(())
    }

    async fn push(&mut self, mut content: &[u8]) -> Result<(), ArchiveError> {
        while !content.is_empty() {
            let room = self.frame - self.content.len();
            let (now, later) = content.split_at(content.len().min(room));
            self.content.extend_from_slice(now);
            content = later;
            if self.content.len() == self.frame {
                self.compress().await?;
            }
        }
        Ok(())
    }

    async fn compress(&mut self) -> Result<(), ArchiveError> {
        if self.section.pending.len() >= self.section.in_flight {
            self.section.write_oldest().await?;
        }
        let content = std::mem::take(&mut self.content);
        let length = content.len() as u32;
        let compressors = self.section.compressors.clone();
        let task = tokio::task::spawn_blocking(move || compressors.frame(&content));
        let (blob, digest) = (self.section.taken, self.blob.digest);
        self.section.pending.push_back(Pending { blob, digest, content: length, task });
        Ok(())
    }
}

impl Drop for CompressedEntry<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.section.take_back();
        }
    }
}

fn wrong(digest: Digest, what: String) -> ArchiveError {
    ArchiveError::Blob { digest, what }
}
