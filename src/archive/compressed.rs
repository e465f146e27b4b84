//! Writing the compressed section: blobs one after another, their frames compressed in parallel.
//!
//! Frames are written in order as they become ready; while those of one blob are compressed, the content of the next
//! comes in already. Memory: content and compressed form of the frames in flight, [`MOST_IN_FLIGHT`] at most.

use super::entry::{self, blob_name};
use super::frame::Compressors;
use super::geometry::Cursor;
use super::output::Output;
use super::seek_table::Frame;
use super::{ArchiveError, places};
use crate::inventory::BlobEntry;
use crate::oci::{Digest, Hasher};
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
}

impl CompressedSection {
    pub(super) fn new(output: Arc<Output>, mtime: u64, level: i32, cursor: Cursor) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            output,
            mtime,
            compressors: Compressors::new(level),
            cursor,
            frames: Vec::new(),
            taken: 0,
            pending: VecDeque::new(),
            in_flight: (cores + 1).min(MOST_IN_FLIGHT),
            mark: None,
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
        let hasher = Hasher::new();
        Ok(CompressedEntry { section: self, blob, hasher, written: 0, content, frame, done: false })
    }

    async fn write_oldest(&mut self) -> Result<(), ArchiveError> {
        let Some(pending) = self.pending.pop_front() else {
            return Ok(());
        };
        let Pending { blob, digest, content, task } = pending;
        let failed = |e: &dyn std::fmt::Display| wrong(digest, format!("zstd refuses it: {e}"));
        let frame = task.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        if self.mark.as_ref().is_none_or(|mark| mark.blob != blob) {
            let (frames, cursor) = (self.frames.len(), self.cursor.clone());
            self.mark = Some(Mark { blob, frames, cursor });
        }
        let address = self.cursor.advance(frame.len() as u64);
        self.output.write_at(&frame, address)?;
        self.frames.push(Frame { length: frame.len() as u32, content });
        Ok(())
    }

    /// Forgets what came of the blob that is not taken yet.
    fn take_back(&mut self) {
        let blob = self.taken;
        self.pending.retain(|pending| pending.blob != blob);
        if let Some(mark) = self.mark.take_if(|mark| mark.blob == blob) {
            self.frames.truncate(mark.frames);
            self.cursor = mark.cursor;
        }
    }
}

/// One blob of the compressed section. Dropping it unfinished leaves the section as it was before.
pub struct CompressedEntry<'a> {
    section: &'a mut CompressedSection,
    blob: BlobEntry,
    hasher: Hasher,
    written: u64,
    content: Vec<u8>,
    /// Most content of a frame, in bytes.
    frame: usize,
    done: bool,
}

impl CompressedEntry<'_> {
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
            return Err(wrong(self.blob.digest, format!("the content hashes to {found}")));
        }
        let padding = [0; entry::HEADER as usize];
        self.push(&padding[..entry::padding(self.blob.size) as usize]).await?;
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
