//! Reading one entry of an archive: its frames are checked against what must be there, header and padding are compared
//! and removed, content comes out in pieces.

use super::entry::{self, HEADER};
use super::frame::{self, BLOCK_HEADER, CHECKSUM, RAW_HEADER, raw_block_header, raw_header};
use super::geometry::{Geometry, Placed};
use super::head::decode_compressed_frame;
use super::limits::{BLOCK, IO_PIECE};
use super::medium::Medium;
use super::seek_table::Frame;
use super::{ArchiveError, places};
use bundle_inventory::BlobEntry;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use xxhash_rust::xxh64::Xxh64;

/// Content of one blob, in order, checked for structure and frame checksums. Digests are the caller's to check.
pub struct EntryReader(Source);

enum Source {
    /// In the frames of a file.
    Placed(PlacedEntry),
    /// In memory, until it is given away.
    Held(Bytes),
}

struct PlacedEntry {
    medium: Arc<Medium>,
    blob: BlobEntry,
    mtime: u64,
    frames: Frames,
    /// Bytes of the entry that came so far.
    at: u64,
    /// Content before this offset is not wanted.
    from: u64,
    ready: VecDeque<Bytes>,
}

enum Frames {
    Raw(RawFrames),
    Compressed(CompressedFrames),
}

impl EntryReader {
    /// Gives what was read before.
    pub(super) fn held(content: Bytes) -> Self {
        Self(Source::Held(content))
    }

    /// Reads a raw entry from content byte `from` on.
    pub(super) fn raw(
        medium: Arc<Medium>,
        blob: BlobEntry,
        mtime: u64,
        (geometry, address): (&Geometry, u64),
        from: u64,
    ) -> Result<Self, ArchiveError> {
        let length = places::entry_length(blob.size)?;
        let frames = geometry.raw_frames(address, length).collect();
        let mut frames = RawFrames { frames, block: 0, checksum: None };
        // Whole frames and blocks before `from` are not read, but the header always is.
        let mut at = 0;
        if from > 0 {
            at = frames.skip(HEADER + from);
        }
        let (frames, ready) = (Frames::Raw(frames), VecDeque::new());
        Ok(Self(Source::Placed(PlacedEntry { medium, blob, mtime, frames, at, from, ready })))
    }

    /// Reads a compressed entry of these frames from content byte `from` on.
    pub(super) fn compressed(
        medium: Arc<Medium>,
        blob: BlobEntry,
        mtime: u64,
        frames: Vec<(u64, Frame)>,
        from: u64,
    ) -> Self {
        let mut frames = CompressedFrames { frames: frames.into() };
        let mut at = 0;
        if from > 0 {
            at = frames.skip(HEADER + from);
        }
        let (frames, ready) = (Frames::Compressed(frames), VecDeque::new());
        Self(Source::Placed(PlacedEntry { medium, blob, mtime, frames, at, from, ready }))
    }

    /// The next piece of content; `None` at its end.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else than an archive of this inventory must.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, ArchiveError> {
        match &mut self.0 {
            Source::Placed(entry) => {
                entry.next_piece().map_err(|error| entry.medium.located(error))
            }
            Source::Held(content) if content.is_empty() => Ok(None),
            Source::Held(content) => Ok(Some(std::mem::take(content))),
        }
    }
}

impl PlacedEntry {
    fn next_piece(&mut self) -> Result<Option<Bytes>, ArchiveError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                if let Some(content) = self.take(piece)? {
                    return Ok(Some(content));
                }
                continue;
            }
            match &mut self.frames {
                Frames::Raw(frames) => frames.read(&self.medium, &mut self.ready)?,
                Frames::Compressed(frames) => frames.read(&self.medium, &mut self.ready)?,
            }
            if self.ready.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Removes header and padding from a piece of the entry.
    fn take(&mut self, mut piece: Bytes) -> Result<Option<Bytes>, ArchiveError> {
        let start = self.at;
        self.at += piece.len() as u64;
        if start == 0 {
            // The first piece holds the whole header: frames and blocks are longer.
            let header = piece.split_to(piece.len().min(HEADER as usize));
            entry::check_header(&header, &self.blob, self.mtime)?;
        }
        let start = start.max(HEADER);
        let content_end = HEADER + self.blob.size;
        if self.at > content_end {
            let padding = (self.at - content_end.max(start)) as usize;
            let zeros = piece.split_off(piece.len() - padding);
            entry::check_padding(&zeros, &self.blob)?;
        }
        let wanted = HEADER + self.from;
        if start < wanted {
            let _ = piece.split_to(((wanted - start) as usize).min(piece.len()));
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}

struct RawFrames {
    /// The frames that are not read to their end yet.
    frames: VecDeque<Placed>,
    /// The next block of the first of them.
    block: u64,
    /// Over the content of the frame so far; `None` when its start was skipped.
    checksum: Option<Box<Xxh64>>,
}

impl RawFrames {
    /// Skips to the block that holds byte `to` of the entry; gives the entry byte where reading starts.
    fn skip(&mut self, to: u64) -> u64 {
        let mut before = 0;
        while let Some(frame) = self.frames.front()
            && before + frame.content <= to
            && self.frames.len() > 1
        {
            before += frame.content;
            self.frames.pop_front();
        }
        let blocks = self.frames.front().map_or(0, |frame| frame.content.div_ceil(BLOCK));
        self.block = ((to - before) / BLOCK).min(blocks.saturating_sub(1));
        before + self.block * BLOCK
    }

    /// Reads up to [`IO_PIECE`] of blocks of one frame; gives their content, one piece a block.
    fn read(&mut self, medium: &Medium, ready: &mut VecDeque<Bytes>) -> Result<(), ArchiveError> {
        let Some(&Placed { address, content }) = self.frames.front() else {
            return Ok(());
        };
        let blocks = content.div_ceil(BLOCK);
        let first = self.block;
        let end = (first + IO_PIECE as u64 / BLOCK).min(blocks);
        let place = |block: u64| RAW_HEADER + block * (BLOCK + BLOCK_HEADER);
        let from = if first == 0 { 0 } else { place(first) };
        let to = if end == blocks { frame::raw_length(content) } else { place(end) };
        let mut bytes = medium.read(address + from, (to - from) as usize)?;
        let refuse = |what: &str| ArchiveError::structure(what, address + from);
        if first == 0 {
            if bytes.split_to(RAW_HEADER as usize) != raw_header(content)[..] {
                return Err(refuse("no raw frame where one must be"));
            }
            self.checksum = Some(Box::new(Xxh64::new(0)));
        }
        for block in first..end {
            let length = (content - block * BLOCK).min(BLOCK);
            let expected = raw_block_header(length, block + 1 == blocks);
            if bytes.split_to(BLOCK_HEADER as usize) != expected[..] {
                return Err(refuse("no raw block where one must be"));
            }
            let piece = bytes.split_to(length as usize);
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&piece);
            }
            ready.push_back(piece);
        }
        self.block = end;
        if end == blocks {
            let stated = bytes.split_to(CHECKSUM as usize);
            if let Some(checksum) = self.checksum.take()
                && stated != frame::checksum(checksum.digest())[..]
            {
                return Err(refuse("a frame whose checksum is wrong"));
            }
            self.block = 0;
            self.frames.pop_front();
        }
        Ok(())
    }
}

struct CompressedFrames {
    frames: VecDeque<(u64, Frame)>,
}

impl CompressedFrames {
    fn skip(&mut self, to: u64) -> u64 {
        let mut before = 0;
        while let Some((_, frame)) = self.frames.front()
            && before + u64::from(frame.content) <= to
            && self.frames.len() > 1
        {
            before += u64::from(frame.content);
            self.frames.pop_front();
        }
        before
    }

    fn read(&mut self, medium: &Medium, ready: &mut VecDeque<Bytes>) -> Result<(), ArchiveError> {
        let Some((address, frame)) = self.frames.pop_front() else {
            return Ok(());
        };
        let mut bytes = vec![0; frame.length as usize];
        medium.read_exactly(&mut bytes, address)?;
        let content = decode_compressed_frame(&bytes, u64::from(frame.content), address)?;
        ready.push_back(content.into());
        Ok(())
    }
}
