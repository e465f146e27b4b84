//! The bytes as they come: a buffer before a reader, and what stands between frames of content.

use crate::frame::{MAGIC, MARKER_MAGIC, SKIP_HEADER, SKIP_MAGIC, TRAILER};
use crate::geometry::MARKER;
use crate::limits::{IO_PIECE, MAX_RECORD, RECOMPRESSED_WINDOW_LOG};
use crate::{ArchiveError, volumes};
use bundle_oci::Digest;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use zstd::zstd_safe::{DCtx, DParameter, ResetDirective};

/// What may stand between frames of content, as skippable frames: nobody looks at what is in them, so there is nothing to
/// look at.
pub(super) enum Between {
    /// What a bundle has there: slack and holes, which are zeros, trailers and markers.
    Own,
    /// pzstd says the length of the next frame there, in four bytes; other tools leave nothing.
    Lengths,
    /// Behind the tar: a seek table, sound or not, of so many bytes at most.
    End(u64),
}

/// Length of the skippable frame that pzstd puts before each of its own.
const PZSTD_FRAME: u64 = SKIP_HEADER + 4;

/// A buffer before a reader.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// The part of the buffer that holds bytes.
    from: usize,
    to: usize,
    /// Bytes consumed since the start.
    pub(super) offset: u64,
    /// The volume that the next bytes belong to, counted from 1; 0 before the first frame of content.
    pub(super) volume: u32,
    /// The bundle that the inventory or, before it came, a volume's marker states.
    pub(super) bundle: Option<Digest>,
}

impl Source {
    pub(super) fn new(reader: Box<dyn Read + Send>, path: PathBuf) -> Self {
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
    pub(super) fn name(&self) -> String {
        match self.path.as_os_str() == "-" {
            true => "standard input".into(),
            false => self.path.display().to_string(),
        }
    }

    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.from += count;
        self.offset += count as u64;
    }

    /// Reads more; false at the end.
    pub(super) fn fill(&mut self) -> Result<bool, ArchiveError> {
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
    pub(super) fn at_least(&mut self, count: usize) -> Result<&[u8], ArchiveError> {
        while self.to - self.from < count {
            if !self.fill()? {
                break;
            }
        }
        Ok(self.buffered())
    }

    pub(super) fn decoder(&self) -> Result<DCtx<'static>, ArchiveError> {
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
    pub(super) fn enter_frame(&mut self, between: &mut Between) -> Result<bool, ArchiveError> {
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
                _ => format!("continues with volume {number}, expected volume {next}"),
            };
            return Err(ArchiveError::Named { path: self.name(), what });
        }
        if *self.bundle.get_or_insert(bundle) != bundle {
            let what = format!("continues with volume {number} of another bundle");
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
            _ => return Err(self.structure("a frame that does not belong to a bundle")),
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
    pub(super) fn expect_zeros(&mut self) -> Result<(), ArchiveError> {
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

    pub(super) fn structure(&self, what: impl Into<String>) -> ArchiveError {
        ArchiveError::structure(what, self.offset)
    }

    pub(super) fn ends_early(&self) -> ArchiveError {
        match self.volume {
            0 | 1 => self.structure("an end where more must come"),
            last => {
                self.structure(format!("an end in or after volume {last}, where more must come"))
            }
        }
    }
}
