//! The bytes of the tar, in order, whatever they are wrapped in: zstd frames (a bundle's own, or those of another
//! tool), or nothing.
//!
//! Cost: one pass, no seek. Memory: a buffer of 256 KiB and zstd's window, which is 128 KiB or 2 MiB for a bundle's own
//! frames and bounded by [`super::limits::RECOMPRESSED_WINDOW_LOG`] for others. Never more is decompressed than is asked for.

use super::ArchiveError;
use super::entry::HEADER;
use super::foreign_format::ForeignFormat;
use super::form::Form;
use super::frame;
use super::head::begins_tar;
use super::limits::{FREE_EXPANSION, MAX_EXPANSION};
use bundle_oci::Digest;
use std::io::Read;
use std::path::PathBuf;
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer};

mod source;

use source::{Between, Source};

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
    /// [`ArchiveError::ForeignFormat`] when they are neither those of a zstd frame nor those of the tar.
    pub(super) fn new(reader: Box<dyn Read + Send>, path: PathBuf) -> Result<Self, ArchiveError> {
        let mut source = Source::new(reader, path);
        let first = source.at_least(HEADER as usize)?;
        if let Some(found) = ForeignFormat::of(first) {
            return Err(ArchiveError::ForeignFormat { path: source.name(), found });
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
    /// [`ArchiveError::ForeignFormat`]; as [`Self::read_exactly`].
    pub(super) fn refuse_stranger(&mut self) -> Result<(), ArchiveError> {
        let path = self.source.name();
        if self.form == Form::Recompressed
            && let Some(found) = ForeignFormat::inside(self.peek_header()?)
        {
            return Err(ArchiveError::ForeignFormat { path, found });
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
                let what =
                    format!("continues with volume {} of another bundle", self.source.volume);
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
