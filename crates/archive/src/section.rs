//! Writing raw entries: in place, in any order and in parallel.

use super::entry::{self, blob_name};
use super::frame::{self, raw_block_header, raw_header};
use super::geometry::{self, Geometry};
use super::journal::Journal;
use super::limits::{BLOCK, CLAIM, IO_PIECE, WRITE_BACK};
use super::output::Output;
use super::{ArchiveError, places};
use bundle_inventory::BlobEntry;
use bundle_oci::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use xxhash_rust::xxh64::Xxh64;

/// Writes one blob at its place as raw frames. Content is hashed as it passes.
///
/// Content comes through [`EntryWriter::write`]; [`EntryWriter::finish`] says whether it was the right one. Dropping
/// it unfinished leaves the place unwritten as far as the archive is concerned; it can be opened again.
#[derive(Debug)]
pub struct EntryWriter {
    output: Arc<Output>,
    done: Arc<[AtomicBool]>,
    journal: Option<Arc<Journal>>,
    number: usize,
    blob: BlobEntry,
    /// Content bytes that the journal knows of.
    claimed: u64,
    state: State,
}

/// How far an entry is.
#[derive(Debug, Clone)]
pub(super) struct State {
    hasher: HasherState,
    written: u64,
    frames: RawFrames,
}

impl State {
    /// True where a frame ends.
    pub(super) fn is_at_frame_end(&self) -> bool {
        self.frames.frame_left == 0
    }
}

/// `Hasher` without `Debug` noise.
#[derive(Clone)]
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
        journal: Option<Arc<Journal>>,
        number: usize,
        blob: BlobEntry,
        address: u64,
        mtime: u64,
    ) -> Result<Self, ArchiveError> {
        let frames = RawFrames::new(*output.geometry(), address, places::entry_length(blob.size)?);
        let state = State { hasher: HasherState(Hasher::new()), written: 0, frames };
        let mut writer = Self { output, done, journal, number, blob, claimed: 0, state };
        let header = entry::header(&blob_name(&blob.digest), blob.size, mtime)?;
        writer.state.frames.push(&header, Some(&writer.output))?;
        Ok(writer)
    }

    /// The blob.
    pub fn blob(&self) -> &BlobEntry {
        &self.blob
    }

    /// How much content there is so far, in bytes: the offset to go on at.
    pub fn written(&self) -> u64 {
        self.state.written
    }

    /// Takes the next piece of content.
    ///
    /// # Errors
    /// More than the blob's size ([`ArchiveError::Blob`]), or the file cannot be written.
    pub fn write(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.take(content)?;
        self.state.frames.push(content, Some(&self.output))?;
        let handed_over = self.state.written.saturating_sub(self.state.frames.buffer.len() as u64);
        if handed_over / CLAIM > self.claimed / CLAIM {
            self.claim(handed_over);
        }
        Ok(())
    }

    /// Takes the next piece of content, which lies at its place already.
    pub(super) fn keep(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.take(content)?;
        self.claimed = self.state.written;
        self.state.frames.push(content, None)
    }

    fn take(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        self.state.written += content.len() as u64;
        if self.state.written > self.blob.size {
            return Err(self.wrong(format!("more than its {} bytes", self.blob.size)));
        }
        self.state.hasher.0.update(content);
        Ok(())
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Goes back to an earlier state.
    pub(super) fn go_back(&mut self, state: State) {
        self.claimed = state.written;
        self.state = state;
    }

    fn claim(&mut self, bytes: u64) {
        if let Some(journal) = &self.journal {
            journal.claim(self.number, bytes);
        }
        self.claimed = bytes;
    }

    /// Completes the entry. Its bytes are handed to the system, not yet synced.
    ///
    /// # Errors
    /// Fewer bytes than the blob's size or another digest: [`ArchiveError::Blob`]; or the file cannot be written.
    pub fn finish(mut self) -> Result<(), ArchiveError> {
        let (written, size) = (self.state.written, self.blob.size);
        if written != size {
            return Err(self.wrong(format!("{written} of {size} bytes came")));
        }
        let found = std::mem::replace(&mut self.state.hasher.0, Hasher::new()).finish();
        if found != self.blob.digest {
            return Err(self.wrong(format!("the content hashes to {found}")));
        }
        let padding = &[0; entry::HEADER as usize][..entry::padding(size) as usize];
        self.state.frames.push(padding, Some(&self.output))?;
        self.state.frames.flush(Some(&self.output))?;
        self.claim(size);
        self.done[self.number].store(true, Ordering::Release);
        Ok(())
    }

    fn wrong(&self, what: String) -> ArchiveError {
        ArchiveError::Blob { digest: self.blob.digest, what }
    }
}

/// Cuts content into raw frames, with headers and checksums in one buffer, written when it is full. Without an output
/// nothing is written: then these bytes lie at their place already.
#[derive(Debug, Clone)]
struct RawFrames {
    /// The frames that are not begun yet.
    frames: geometry::RawFrames,
    frame_left: u64,
    block_left: u64,
    checksum: Xxh64State,
    buffer: Vec<u8>,
    /// Address of the buffer's first byte.
    at: u64,
    written_back: u64,
}

#[derive(Clone)]
struct Xxh64State(Xxh64);

impl std::fmt::Debug for Xxh64State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xxh64")
    }
}

impl RawFrames {
    fn new(geometry: Geometry, address: u64, length: u64) -> Self {
        let small = length.saturating_add(64).min(IO_PIECE as u64) as usize;
        Self {
            frames: geometry.raw_frames(address, length),
            frame_left: 0,
            block_left: 0,
            checksum: Xxh64State(Xxh64::new(0)),
            buffer: Vec::with_capacity(small + 64),
            at: address,
            written_back: address,
        }
    }

    fn push(&mut self, mut content: &[u8], output: Option<&Output>) -> Result<(), ArchiveError> {
        while !content.is_empty() {
            if self.frame_left == 0 {
                // Whoever pushes more than the entry's length was refused before.
                let Some(frame) = self.frames.next() else { return Ok(()) };
                if frame.address != self.at + self.buffer.len() as u64 {
                    self.flush(output)?;
                    (self.at, self.written_back) = (frame.address, frame.address);
                }
                self.frame_left = frame.content;
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

    fn flush(&mut self, output: Option<&Output>) -> Result<(), ArchiveError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let length = self.buffer.len() as u64;
        let Some(output) = output else {
            self.at += length;
            self.written_back = self.at;
            self.buffer.clear();
            return Ok(());
        };
        output.write_at(&self.buffer, self.at)?;
        self.at += length;
        self.buffer.clear();
        if self.at - self.written_back >= WRITE_BACK {
            output.start_write_back(self.written_back, self.at - self.written_back);
            self.written_back = self.at;
        }
        Ok(())
    }
}
