//! The bytes of the tar, in order, whatever they are wrapped in: zstd frames (a bundle's own, or those of another
//! tool), or nothing.
//!
//! Cost: one pass, no seek. Memory: a buffer of 256 KiB and zstd's window, which is 128 KiB or 2 MiB for a bundle's own
//! frames and bounded by [`RECOMPRESSED_WINDOW_LOG`] for others. Never more is decompressed than is asked for.

use super::entry::{self, HEADER};
use super::frame::{self, MAGIC, MARKER_MAGIC, SKIP_HEADER, SKIP_MAGIC, TRAILER};
use super::geometry::MARKER;
use super::limits::{FREE_EXPANSION, IO_PIECE, MAX_EXPANSION, MAX_RECORD, RECOMPRESSED_WINDOW_LOG};
use super::read::Form;
use super::stranger::Stranger;
use super::{ArchiveError, head, volumes};
use crate::oci::Digest;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

/// The content of an archive as it comes.
pub(super) struct Unwrapped {
    source: Source,
    wrapping: Wrapping,
    form: Form,
    /// Content that was looked at and not taken yet.
    peeked: Vec<u8>,
    /// Content that was decompressed, while it is held.
    held: Option<u64>,
}

/// What may stand between frames of content, as skippable frames: nobody looks at what is in them, so there is nothing to
/// look at.
enum Between {
    /// What a bundle has there: slack and holes, which are zeros, trailers and markers.
    Own,
    /// pzstd says the length of the next frame there, in four bytes; other tools leave nothing.
    Lengths,
    /// Behind the tar: a seek table, sound or not, of so many bytes at most.
    End(u64),
}

/// Length of the skippable frame that pzstd puts before each of its own.
const PZSTD_FRAME: u64 = SKIP_HEADER + 4;

/// Most frames without content in a row: what joins or ends streams may leave one, and no archive has more.
const MAX_EMPTY_FRAMES: u32 = 16;

enum Wrapping {
    Zstd {
        context: DCtx<'static>,
        between: Between,
        /// Inside a frame, not between two.
        is_inside: bool,
        /// Frames without content in a row, the one that is being read included.
        empty: u32,
    },
    None,
}

impl std::fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unwrapped").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Unwrapped {
    /// Looks at the first bytes; `path` is the name in messages.
    ///
    /// # Errors
    /// [`ArchiveError::Stranger`] when they are neither those of a zstd frame nor those of the tar.
    pub(super) fn new(reader: Box<dyn Read + Send>, path: PathBuf) -> Result<Self, ArchiveError> {
        let mut source = Source::new(reader, path);
        let first = source.at_least(HEADER as usize)?;
        if let Some(found) = Stranger::of(first) {
            return Err(ArchiveError::Stranger { path: source.name(), found });
        }
        let (wrapping, form) = match (begins_tar(first), frame::begins_raw(first)) {
            (true, _) => (Wrapping::None, Form::Tar),
            (false, is_ours) => {
                let (form, between) = match is_ours {
                    true => (Form::Frames, Between::Own),
                    false => (Form::Recompressed, Between::Lengths),
                };
                (
                    Wrapping::Zstd {
                        context: source.decoder()?,
                        between,
                        is_inside: false,
                        empty: 0,
                    },
                    form,
                )
            }
        };
        Ok(Self { source, wrapping, form, peeked: Vec::new(), held: Some(0) })
    }

    /// Says what another tool compressed that is no bundle.
    ///
    /// # Errors
    /// [`ArchiveError::Stranger`]; as [`Self::read_exactly`].
    pub(super) fn refuse_stranger(&mut self) -> Result<(), ArchiveError> {
        let path = self.source.name();
        if self.form == Form::Recompressed
            && let Some(found) = Stranger::inside(self.peek_header()?)
        {
            return Err(ArchiveError::Stranger { path, found });
        }
        Ok(())
    }

    /// What comes from here on passes and is not held, so it may expand as much as the inventory says.
    pub(super) fn held_part_ends(&mut self) {
        self.held = None;
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Says which bundle it is, and so which one its volumes must belong to.
    ///
    /// # Errors
    /// [`ArchiveError::Named`] when a volume that has come belongs to another one.
    pub(super) fn expect_bundle(&mut self, bundle: Digest) -> Result<(), ArchiveError> {
        match self.source.bundle.replace(bundle) {
            Some(stated) if stated != bundle => {
                let what = format!("goes on with volume {} of another bundle", self.source.volume);
                Err(ArchiveError::Named { path: self.source.name(), what })
            }
            _ => Ok(()),
        }
    }

    /// How much of the wrapped bytes was needed so far.
    pub(super) fn offset(&self) -> u64 {
        self.source.offset
    }

    /// The next bytes, as many as a tar header has, without taking them.
    ///
    /// # Errors
    /// As [`Self::read_exactly`].
    pub(super) fn peek_header(&mut self) -> Result<&[u8], ArchiveError> {
        if self.peeked.is_empty() {
            let mut header = vec![0; HEADER as usize];
            self.read_exactly(&mut header)?;
            self.peeked = header;
        }
        Ok(&self.peeked)
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// The end comes before, or the bytes are not zstd's; the system's.
    pub(super) fn read_exactly(&mut self, mut buffer: &mut [u8]) -> Result<(), ArchiveError> {
        while !buffer.is_empty() {
            match self.read(buffer)? {
                0 => return Err(self.source.ends_early()),
                count => buffer = &mut buffer[count..],
            }
        }
        Ok(())
    }

    /// Nothing but what may follow the tar is left: a seek table of at most `table` bytes, zeros up to the end of a record.
    ///
    /// # Errors
    /// [`ArchiveError::Structure`] when something is; the system's.
    pub(super) fn expect_end(&mut self, table: u64) -> Result<(), ArchiveError> {
        match &mut self.wrapping {
            Wrapping::None => return self.source.expect_zeros(),
            Wrapping::Zstd { between, .. } => *between = Between::End(table),
        }
        let mut more = [0];
        match self.read(&mut more)? {
            0 => Ok(()),
            _ => Err(self.source.structure("content after the end of the tar")),
        }
    }

    /// Some of the next bytes; 0 at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        if !self.peeked.is_empty() {
            let count = self.peeked.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.peeked[..count]);
            self.peeked.drain(..count);
            return Ok(count);
        }
        let source = &mut self.source;
        let Wrapping::Zstd { context, between, is_inside, empty } = &mut self.wrapping else {
            let count = source.at_least(1)?.len().min(buffer.len());
            buffer[..count].copy_from_slice(&source.buffered()[..count]);
            source.consume(count);
            return Ok(count);
        };
        loop {
            if !*is_inside {
                if !source.enter_frame(between)? {
                    return Ok(0);
                }
                *is_inside = true;
                *empty += 1;
                if *empty > MAX_EMPTY_FRAMES {
                    return Err(source.structure("frames without content"));
                }
            }
            // What zstd holds comes out before more is waited for.
            let (taken, given, hint) = {
                let mut input = InBuffer::around(source.buffered());
                let mut output = OutBuffer::around(&mut *buffer);
                let hint = context.decompress_stream(&mut output, &mut input);
                (input.pos(), output.pos(), hint)
            };
            let hint = hint.map_err(|code| {
                let why = zstd::zstd_safe::get_error_name(code);
                source.structure(format!("a frame that zstd refuses ({why})"))
            })?;
            source.consume(taken);
            *is_inside = hint != 0;
            if given > 0 {
                *empty = 0;
                if let Some(held) = &mut self.held {
                    *held += given as u64;
                    check_expansion(*held, source.offset)?;
                }
                return Ok(given);
            }
            if *is_inside && taken == 0 && !source.fill()? {
                return Err(source.ends_early());
            }
        }
    }
}

/// Refuses content that grew out of next to nothing.
fn check_expansion(content: u64, compressed: u64) -> Result<(), ArchiveError> {
    let most = FREE_EXPANSION.saturating_add(compressed.saturating_mul(MAX_EXPANSION));
    match content > most {
        true => Err(ArchiveError::Limit(format!(
            "head and trust section of {content} bytes or more in {compressed} compressed ones"
        ))),
        false => Ok(()),
    }
}

/// True for the header that every archive's tar begins with.
pub(super) fn begins_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk() else { return false };
    let size = head::OCI_LAYOUT_CONTENT.len() as u64;
    matches!(entry::parse(header, 0), Ok((name, found, _)) if name == head::OCI_LAYOUT && found == size)
}

/// A buffer before a reader.
struct Source {
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// The part of the buffer that holds bytes.
    from: usize,
    to: usize,
    /// Bytes consumed since the start.
    offset: u64,
    /// The volume that the next bytes belong to, counted from 1; 0 before the first frame of content.
    volume: u32,
    /// The bundle that the inventory or, before it came, a volume's marker states.
    bundle: Option<Digest>,
}

impl Source {
    fn new(reader: Box<dyn Read + Send>, path: PathBuf) -> Self {
        Self {
            reader,
            path,
            buffer: vec![0; IO_PIECE],
            from: 0,
            to: 0,
            offset: 0,
            volume: 0,
            bundle: None,
        }
    }

    /// The name in messages.
    fn name(&self) -> String {
        match self.path.as_os_str() == "-" {
            true => "standard input".into(),
            false => self.path.display().to_string(),
        }
    }

    fn buffered(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    fn consume(&mut self, count: usize) {
        self.from += count;
        self.offset += count as u64;
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> Result<bool, ArchiveError> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.buffer.len() {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.to..]) {
                Ok(count) => {
                    self.to += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::io("read", &self.path, error)),
            }
        }
    }

    /// What is buffered, `count` bytes or more; fewer only at the end. `count` is far below the buffer's length.
    fn at_least(&mut self, count: usize) -> Result<&[u8], ArchiveError> {
        while self.to - self.from < count {
            if !self.fill()? {
                break;
            }
        }
        Ok(self.buffered())
    }

    fn decoder(&self) -> Result<DCtx<'static>, ArchiveError> {
        let mut context = DCtx::create();
        let limit = DParameter::WindowLogMax(RECOMPRESSED_WINDOW_LOG);
        context.set_parameter(limit).map_err(|code| {
            let why = zstd::zstd_safe::get_error_name(code);
            self.structure(format!("zstd cannot be limited ({why})"))
        })?;
        // Nothing was decoded yet, so there is nothing that resetting could fail at.
        let _ = context.reset(ResetDirective::SessionOnly);
        Ok(context)
    }

    /// Goes to the next frame of content, over skippable ones; false at the end.
    fn enter_frame(&mut self, between: &mut Between) -> Result<bool, ArchiveError> {
        loop {
            let first = self.at_least(4)?;
            if first.is_empty() {
                return Ok(false);
            }
            if first.starts_with(&MAGIC) {
                self.volume = self.volume.max(1);
                return Ok(true);
            }
            let magic = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            if magic == Some(0) {
                return self.expect_zeros().map(|()| false);
            }
            let Some(magic) = magic.filter(|magic| magic & 0xFFFF_FFF0 == SKIP_MAGIC) else {
                return Err(self.structure("no zstd frame"));
            };
            if magic == MARKER_MAGIC {
                self.enter_volume()?;
            }
            let header = self.at_least(SKIP_HEADER as usize)?;
            let length = header.get(4..8).and_then(|bytes| bytes.first_chunk());
            let Some(length) = length.map(|bytes| u32::from_le_bytes(*bytes)) else {
                return Err(self.ends_early());
            };
            self.pass_over(magic, SKIP_HEADER + u64::from(length), between)?;
        }
    }

    /// Compares the marker that comes with what must come.
    fn enter_volume(&mut self) -> Result<(), ArchiveError> {
        let Some(marker) = self.at_least(MARKER as usize)?.first_chunk().copied() else {
            return Err(self.ends_early());
        };
        // Other tools may have skippable frames of this kind too.
        let Some(number) = volumes::marked_number(&marker) else { return Ok(()) };
        let (next, bundle) = (self.volume + 1, volumes::marked_bundle(&marker));
        if number != next || next == 1 {
            let what = match self.volume {
                0 => format!("begins with volume {number}; volume 1 must come first"),
                _ => format!("goes on with volume {number} where volume {next} must come"),
            };
            return Err(ArchiveError::Named { path: self.name(), what });
        }
        if *self.bundle.get_or_insert(bundle) != bundle {
            let what = format!("goes on with volume {number} of another bundle");
            return Err(ArchiveError::Named { path: self.name(), what });
        }
        self.volume = number;
        Ok(())
    }

    /// Goes over a skippable frame of `length` bytes, when one like it may stand there.
    fn pass_over(
        &mut self,
        magic: u32,
        length: u64,
        between: &mut Between,
    ) -> Result<(), ArchiveError> {
        let is_zeros = match (between, magic, length) {
            (Between::End(left), ..) if *left >= length => {
                *left -= length;
                false
            }
            (Between::Lengths, SKIP_MAGIC, PZSTD_FRAME) => false,
            (Between::Own, SKIP_MAGIC, TRAILER) | (Between::Own, MARKER_MAGIC, MARKER) => false,
            (Between::Own, SKIP_MAGIC, _) => true,
            _ => return Err(self.structure("a frame of what is no part of a bundle")),
        };
        self.consume(SKIP_HEADER as usize);
        let mut left = length - SKIP_HEADER;
        while left > 0 {
            let there = self.at_least(1)?;
            if there.is_empty() {
                return Err(self.ends_early());
            }
            let count = left.min(there.len() as u64) as usize;
            if is_zeros && there[..count].iter().any(|byte| *byte != 0) {
                return Err(self.structure("a place that is not zeros and must be"));
            }
            self.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Nothing but the rest of a record, up to the end.
    fn expect_zeros(&mut self) -> Result<(), ArchiveError> {
        let mut length = 0;
        loop {
            let bytes = self.at_least(1)?;
            if bytes.is_empty() {
                return Ok(());
            }
            let (count, zeros) = (bytes.len(), bytes.iter().all(|byte| *byte == 0));
            length += count as u64;
            if !zeros || length > MAX_RECORD {
                return Err(self.structure("something after the end of the archive"));
            }
            self.consume(count);
        }
    }

    fn structure(&self, what: impl Into<String>) -> ArchiveError {
        ArchiveError::structure(what, self.offset)
    }

    fn ends_early(&self) -> ArchiveError {
        match self.volume {
            0 | 1 => self.structure("an end where more must come"),
            last => {
                self.structure(format!("an end in or after volume {last}, where more must come"))
            }
        }
    }
}
