//! Writing entries: raw ones in place, in any order and in parallel; compressed ones one after another.

use super::entry::{self, blob_name};
use super::frame::{self, raw_block_header, raw_header};
use super::limits::{BLOCK, COMPRESSED_FRAME_CONTENT, IO_PIECE, WRITE_BACK};
use super::seek_table::Frame;
use super::{ArchiveError, places};
use crate::inventory::BlobEntry;
use crate::oci::{Digest, Hasher};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use xxhash_rust::xxh64::Xxh64;

/// The partial file, shared by all writers.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl Output {
    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> Result<(), ArchiveError> {
        self.file.write_all_at(bytes, at).map_err(|e| ArchiveError::io("write", &self.path, e))
    }
}

/// Writes one blob at its place as raw frames. Content is hashed as it passes.
///
/// Content comes through [`EntryWriter::write`]; [`EntryWriter::finish`] says whether it was the right one. Dropping
/// it unfinished leaves the place unwritten as far as the archive is concerned; it can be opened again.
#[derive(Debug)]
pub struct EntryWriter {
    output: Arc<Output>,
    done: Arc<[AtomicBool]>,
    number: usize,
    blob: BlobEntry,
    hasher: HasherState,
    written: u64,
    frames: RawFrames,
}

/// `Hasher` without `Debug` noise.
struct HasherState(Hasher);

impl std::fmt::Debug for HasherState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl EntryWriter {
    pub(super) fn new(
        output: Arc<Output>,
        done: Arc<[AtomicBool]>,
        number: usize,
        blob: BlobEntry,
        offset: u64,
        mtime: u64,
    ) -> Result<Self, ArchiveError> {
        let frames = RawFrames::new(offset, places::entry_length(&blob)?);
        let mut writer = Self {
            output,
            done,
            number,
            blob,
            hasher: HasherState(Hasher::new()),
            written: 0,
            frames,
        };
        let header = entry::header(&blob_name(&blob.digest), blob.size, mtime)?;
        writer.frames.push(&header, &writer.output)?;
        Ok(writer)
    }

    /// Takes the next piece of content.
    ///
    /// # Errors
    /// More than the blob's size ([`ArchiveError::Blob`]), or the file cannot be written.
    pub fn write(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.written += content.len() as u64;
        if self.written > self.blob.size {
            return Err(self.wrong(format!("more than its {} bytes", self.blob.size)));
        }
        self.hasher.0.update(content);
        self.frames.push(content, &self.output)
    }

    /// Completes the entry. Its bytes are handed to the system, not yet synced.
    ///
    /// # Errors
    /// Fewer bytes than the blob's size or another digest: [`ArchiveError::Blob`]; or the file cannot be written.
    pub fn finish(mut self) -> Result<(), ArchiveError> {
        if self.written != self.blob.size {
            return Err(self.wrong(format!("{} of {} bytes came", self.written, self.blob.size)));
        }
        let found = std::mem::replace(&mut self.hasher.0, Hasher::new()).finish();
        if found != self.blob.digest {
            return Err(self.wrong(format!("the content hashes to {found}")));
        }
        let padding = [0; entry::HEADER as usize];
        self.frames.push(&padding[..entry::padding(self.blob.size) as usize], &self.output)?;
        self.frames.flush(&self.output)?;
        self.done[self.number].store(true, Ordering::Release);
        Ok(())
    }

    fn wrong(&self, what: String) -> ArchiveError {
        ArchiveError::Blob { digest: self.blob.digest, what }
    }
}

/// Cuts content into raw frames, with headers and checksums in one buffer, written when it is full.
#[derive(Debug)]
struct RawFrames {
    /// Content of the entry that is still to come, this frame's included.
    left: u64,
    frame_left: u64,
    block_left: u64,
    checksum: Xxh64State,
    buffer: Vec<u8>,
    at: u64,
    written_back: u64,
}

struct Xxh64State(Xxh64);

impl std::fmt::Debug for Xxh64State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xxh64")
    }
}

impl RawFrames {
    fn new(offset: u64, length: u64) -> Self {
        let capacity =
            (IO_PIECE + 64).min(frame::raw_frames_length(length).unwrap_or(u64::MAX) as usize);
        Self {
            left: length,
            frame_left: 0,
            block_left: 0,
            checksum: Xxh64State(Xxh64::new(0)),
            buffer: Vec::with_capacity(capacity),
            at: offset,
            written_back: offset,
        }
    }

    fn push(&mut self, mut content: &[u8], output: &Output) -> Result<(), ArchiveError> {
        while !content.is_empty() {
            if self.frame_left == 0 {
                self.frame_left = self.left.min(super::limits::RAW_FRAME_CONTENT);
                self.checksum.0.reset(0);
                self.buffer.extend_from_slice(&raw_header(self.frame_left));
            }
            if self.block_left == 0 {
                self.block_left = self.frame_left.min(BLOCK);
                let last = self.block_left == self.frame_left;
                self.buffer.extend_from_slice(&raw_block_header(self.block_left, last));
            }
            let room = (IO_PIECE.saturating_sub(self.buffer.len())).max(1);
            let count = content.len().min(self.block_left as usize).min(room);
            let (now, later) = content.split_at(count);
            self.checksum.0.update(now);
            self.buffer.extend_from_slice(now);
            self.block_left -= count as u64;
            self.frame_left -= count as u64;
            self.left -= count as u64;
            content = later;
            if self.frame_left == 0 {
                self.buffer.extend_from_slice(&frame::checksum(self.checksum.0.digest()));
            }
            if self.buffer.len() >= IO_PIECE {
                self.flush(output)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, output: &Output) -> Result<(), ArchiveError> {
        output.write_at(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        if self.at - self.written_back >= WRITE_BACK {
            start_write_back(&output.file, self.written_back, self.at - self.written_back);
            self.written_back = self.at;
        }
        Ok(())
    }
}

/// Asks the system to write a range now, without waiting: dropping it from the cache starts with that. Advice only, so
/// a system that does not take it is no error.
fn start_write_back(file: &File, offset: u64, length: u64) {
    let length = std::num::NonZeroU64::new(length);
    let _ = rustix::fs::fadvise(file, offset, length, rustix::fs::Advice::DontNeed);
}

/// Writes the compressed section: entries one after another, frames compressed in parallel.
#[derive(Debug)]
pub struct CompressedSection {
    output: Arc<Output>,
    mtime: u64,
    at: u64,
    frames: Vec<Frame>,
    written: usize,
    parallel: usize,
}

impl CompressedSection {
    pub(super) fn new(output: Arc<Output>, mtime: u64, at: u64) -> Self {
        let parallel = std::thread::available_parallelism().map_or(2, usize::from);
        Self { output, mtime, at, frames: Vec::new(), written: 0, parallel }
    }

    /// Frames written so far, and where they end.
    pub(super) fn into_frames(self) -> (Vec<Frame>, u64, usize) {
        (self.frames, self.at, self.written)
    }

    /// Starts the next blob, which must be the next compressed one of the inventory.
    ///
    /// # Errors
    /// A size that cannot be.
    pub fn entry(&mut self, blob: BlobEntry) -> Result<CompressedEntry<'_>, ArchiveError> {
        let length = places::entry_length(&blob)?;
        let header = entry::header(&blob_name(&blob.digest), blob.size, self.mtime)?;
        let mut entry = CompressedEntry {
            at: self.at,
            section: self,
            blob,
            hasher: Hasher::new(),
            written: 0,
            content: Vec::with_capacity(length.min(COMPRESSED_FRAME_CONTENT) as usize),
            pending: VecDeque::new(),
            frames: Vec::new(),
        };
        entry.content.extend_from_slice(&header);
        Ok(entry)
    }
}

type Compressing = tokio::task::JoinHandle<Result<Vec<u8>, std::io::Error>>;

/// One blob of the compressed section. Dropping it unfinished leaves the section as it was before.
pub struct CompressedEntry<'a> {
    section: &'a mut CompressedSection,
    blob: BlobEntry,
    hasher: Hasher,
    written: u64,
    content: Vec<u8>,
    pending: VecDeque<(u32, Compressing)>,
    frames: Vec<Frame>,
    at: u64,
}

impl CompressedEntry<'_> {
    /// Takes the next piece of content.
    ///
    /// # Errors
    /// As [`EntryWriter::write`].
    pub async fn write(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.written += content.len() as u64;
        if self.written > self.blob.size {
            return Err(wrong(self.blob.digest, format!("more than its {} bytes", self.blob.size)));
        }
        self.hasher.update(content);
        self.push(content).await
    }

    /// Completes the entry.
    ///
    /// # Errors
    /// As [`EntryWriter::finish`].
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
        while !self.pending.is_empty() {
            self.write_oldest().await?;
        }
        self.section.frames.append(&mut self.frames);
        self.section.at = self.at;
        self.section.written += 1;
        Ok(())
    }

    async fn push(&mut self, mut content: &[u8]) -> Result<(), ArchiveError> {
        while !content.is_empty() {
            let room = COMPRESSED_FRAME_CONTENT as usize - self.content.len();
            let (now, later) = content.split_at(content.len().min(room));
            self.content.extend_from_slice(now);
            content = later;
            if self.content.len() as u64 == COMPRESSED_FRAME_CONTENT {
                self.compress().await?;
            }
        }
        Ok(())
    }

    async fn compress(&mut self) -> Result<(), ArchiveError> {
        if self.pending.len() >= self.section.parallel {
            self.write_oldest().await?;
        }
        let content = std::mem::take(&mut self.content);
        let length = content.len() as u32;
        let task = tokio::task::spawn_blocking(move || frame::shortest_frame(&content));
        self.pending.push_back((length, task));
        Ok(())
    }

    async fn write_oldest(&mut self) -> Result<(), ArchiveError> {
        let Some((content, task)) = self.pending.pop_front() else {
            return Ok(());
        };
        let path = &self.section.output.path;
        let frame = task
            .await
            .map_err(|e| ArchiveError::io("compress", path, std::io::Error::other(e)))?
            .map_err(|e| ArchiveError::io("compress", path, e))?;
        self.section.output.write_at(&frame, self.at)?;
        self.at += frame.len() as u64;
        self.frames.push(Frame { length: frame.len() as u32, content });
        Ok(())
    }
}

fn wrong(digest: Digest, what: String) -> ArchiveError {
    ArchiveError::Blob { digest, what }
}
