//! An archive read in order, from anything that can be read: a pipe, a tape, a file that another tool compressed anew,
//! the tar alone. No seek, no spool.
//!
//! [`open`] reads head and trust section, which is all that verification needs, and not a byte beyond. What follows is
//! [`BlobStream`]: each blob once, in the inventory's order, its header, padding and time compared like everywhere else.
//! Content is bounded by the inventory as soon as that is known, the head before by its own limits, so nothing that
//! expands without end is followed. Frames are not compared with their places here: digests are what counts.

use super::blocks::Blocks;
use super::entry::{self, END, HEADER};
use super::form::Form;
use super::frame::{self, MAGIC};
use super::geometry::{Geometry, MARKER};
use super::head::begins_tar;
use super::head::{self, HeadFile};
use super::limits::{HEAD_ALIGNMENT, IO_PIECE, MAX_HEAD, MAX_HEAD_FRAMES, MAX_VOLUMES};
use super::medium::{Medium, open_file};
use super::opening::read_inventory;
use super::placed::Read as Opened;
use super::places::Places;
use super::read::{Archive, Passing};
use super::volume_set::{self, Found};
use super::wrapping::Unwrapped;
use super::{ArchiveError, seek_table};
use bundle_inventory::{BlobEntry, Stored};
use bundle_oci::Digest;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where an archive comes from.
pub enum Input {
    /// Files: the archive itself, or its volumes, or folders that hold them.
    Files(Vec<PathBuf>),
    /// A reader that gives the archive in order, and its name in reports.
    Stream(Box<dyn Read + Send>, PathBuf),
}

impl Input {
    /// Opens the archive. What has to be read in order comes beside it. Blocks.
    ///
    /// # Errors
    /// As [`open_any`] and [`open`].
    pub fn open(self) -> Result<(Archive, Option<BlobStream>), ArchiveError> {
        match self {
            Self::Files(paths) => open_any(&paths),
            Self::Stream(reader, name) => {
                let (archive, stream) = open(reader, &name)?;
                Ok((archive, Some(stream)))
            }
        }
    }
}

/// Opens an archive in whatever form it is in: by its places, or, when its content says that another tool made it into
/// an ordinary zstd file or the tar alone, in order; what is to be read in order comes beside it.
///
/// A damaged bundle is never taken for a recompressed one: that has exactly one frame, up to the end of the file.
///
/// # Errors
/// As [`Archive::open_all`] and [`open`].
pub fn open_any(paths: &[PathBuf]) -> Result<(Archive, Option<BlobStream>), ArchiveError> {
    let Found::File(path) = volume_set::find(paths)? else {
        return Ok((Archive::open_all(paths)?, None));
    };
    let medium = Medium::file(&path)?;
    if !is_other_form(&medium)? {
        return Ok((Archive::read_from(path, medium)?, None));
    }
    let length = medium.length();
    let (file, _) = open_file(&path)?;
    let (archive, stream) = open_sized(Box::new(file), path, Some(length))?;
    Ok((archive, Some(stream)))
}

/// Reads head and trust section from `reader`; `path` is its name in reports. Blocks until they have come.
///
/// # Errors
/// Any [`ArchiveError`]: not a bundle, damaged, an early end, a newer format.
pub fn open(
    reader: Box<dyn Read + Send>,
    path: &Path,
) -> Result<(Archive, BlobStream), ArchiveError> {
    open_sized(reader, path.to_owned(), None)
}

fn open_sized(
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    length: Option<u64>,
) -> Result<(Archive, BlobStream), ArchiveError> {
    let mut content = Unwrapped::new(reader, path.clone())?;
    content.refuse_stranger()?;
    let mut head = Head { content, taken: Vec::new(), total: 0 };
    let (files, mtime) = head::parse(&mut head)?;
    let mut content = head.content;
    let (inventory, bundle_digest) = read_inventory(&files)?;
    content.expect_bundle(bundle_digest)?;
    // Where frames lie does not matter here; what a bundle may hold at most does.
    let geometry = Geometry::recorded(inventory.volume_size)?;
    let places = Places::new(geometry, HEAD_ALIGNMENT, 1, &inventory.blobs, &inventory.holes)?;
    // How many frames the head has, and whether a volume begins before the table, was not noticed.
    let unnoticed = MAX_HEAD_FRAMES as u64 * seek_table::ENTRY + MARKER;
    let longest_table = places.seek_table_length(MAX_VOLUMES) + unnoticed;
    let blobs = inventory.blobs.iter().copied().collect();
    let mut stream = BlobStream { content, longest_table, mtime, blobs, current: None };
    let mut held = Vec::new();
    // Content that comes next may take long to come, so it is not asked for.
    while stream.blobs.front().is_some_and(|blob| blob.stored == Stored::Trust)
        && let Some(blob) = stream.next_blob()?
    {
        held.push(stream.whole(&blob)?);
    }
    let came = stream.content.offset();
    stream.content.held_part_ends();
    let form = stream.content.form();
    if let (Form::Tar, Some(found)) = (form, length) {
        let expected = tar_length(&files, &inventory.blobs);
        if found < expected {
            return Err(ArchiveError::Truncated { expected, found });
        }
    }
    let opened = Opened { files, mtime, inventory, bundle_digest };
    let archive = Archive::passing(path, opened, Passing { form, length, held, came });
    Ok((archive, stream))
}

/// Length of the tar with these entries, in bytes.
fn tar_length(files: &[HeadFile], blobs: &[BlobEntry]) -> u64 {
    let sizes = files.iter().map(|file| file.bytes.len() as u64);
    let sizes = sizes.chain(blobs.iter().map(|blob| blob.size));
    let lengths = sizes.map(|size| entry::length(size).unwrap_or(u64::MAX));
    lengths.fold(END, u64::saturating_add)
}

/// Whether a file holds what a bundle holds, but not in a bundle's frames.
fn is_other_form(medium: &Medium) -> Result<bool, ArchiveError> {
    let mut first = [0; HEADER as usize];
    let length = medium.read_up_to(&mut first, 0)?;
    let first = &first[..length];
    if frame::begins_raw(first) || !first.starts_with(&MAGIC) {
        return Ok(begins_tar(first));
    }
    is_one_frame(medium, first)
}

/// Whether one frame, of any kind, reaches exactly to the end of the file. Cost: a read for each block of 128 KiB.
fn is_one_frame(medium: &Medium, first: &[u8]) -> Result<bool, ArchiveError> {
    let Some((length, has_checksum)) = frame::measure_any_header(first) else { return Ok(false) };
    let mut blocks = Blocks::new(medium, length);
    loop {
        match blocks.next() {
            Ok((end, true)) => {
                let checksum = if has_checksum { frame::CHECKSUM } else { 0 };
                return Ok(end + checksum == medium.length());
            }
            Ok((_, false)) => {}
            Err(error @ ArchiveError::Io { .. }) => return Err(error),
            Err(_) => return Ok(false),
        }
    }
}

/// The head as it comes. It ends where the first blob begins, or with the tar.
struct Head {
    content: Unwrapped,
    taken: Vec<u8>,
    total: u64,
}

impl head::Content for Head {
    fn offset(&self) -> u64 {
        self.content.offset()
    }

    fn more(&mut self) -> Result<bool, ArchiveError> {
        let header = self.content.peek_header()?;
        Ok(!header.starts_with(b"blobs/") && header.iter().any(|byte| *byte != 0))
    }

    fn take(&mut self, length: u64) -> Result<&[u8], ArchiveError> {
        self.total = self.total.saturating_add(length);
        if self.total > MAX_HEAD {
            return Err(ArchiveError::Limit(format!("a head of more than {MAX_HEAD} bytes")));
        }
        self.taken.clear();
        read_onto(&mut self.content, &mut self.taken, length)?;
        Ok(&self.taken)
    }
}

/// Appends the next `length` bytes; what is allocated follows what has come.
fn read_onto(
    content: &mut Unwrapped,
    bytes: &mut Vec<u8>,
    length: u64,
) -> Result<(), ArchiveError> {
    let mut left = length;
    while left > 0 {
        let (from, count) = (bytes.len(), left.min(IO_PIECE as u64));
        bytes.resize(from + count as usize, 0);
        content.read_exactly(&mut bytes[from..])?;
        left -= count;
    }
    Ok(())
}

/// The blobs behind the trust section, each once, in the inventory's order.
#[derive(Debug)]
pub struct BlobStream {
    content: Unwrapped,
    /// The most that a seek table can have, in bytes.
    longest_table: u64,
    mtime: u64,
    /// What is still to come.
    blobs: VecDeque<BlobEntry>,
    /// What is coming, and how many bytes of its content are left.
    current: Option<(BlobEntry, u64)>,
}

impl BlobStream {
    /// Goes to the next blob, over what is left of the one before. `None` when there was no further one, and the archive
    /// ended as it must. Blocks until it has come.
    ///
    /// # Errors
    /// [`ArchiveError::Structure`] for an early end, bytes that are not an archive's, anything after the end;
    /// [`ArchiveError::Blob`] for a header or padding that is not what it must be; the system's.
    pub fn next_blob(&mut self) -> Result<Option<BlobEntry>, ArchiveError> {
        while self.next_piece()?.is_some() {}
        let Some(blob) = self.blobs.pop_front() else {
            self.expect_end()?;
            return Ok(None);
        };
        let mut header = [0; HEADER as usize];
        self.content.read_exactly(&mut header)?;
        entry::check_header(&header, &blob, self.mtime)?;
        self.current = Some((blob, blob.size));
        Ok(Some(blob))
    }

    /// The next piece of the blob's content, of 256 KiB but for the last; `None` at its end. Digests are the caller's to
    /// check. Blocks until it has come.
    ///
    /// # Errors
    /// As [`Self::next_blob`].
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, ArchiveError> {
        let Some((blob, left)) = &mut self.current else { return Ok(None) };
        if *left > 0 {
            let mut piece = BytesMut::zeroed((*left).min(IO_PIECE as u64) as usize);
            self.content.read_exactly(&mut piece)?;
            *left -= piece.len() as u64;
            return Ok(Some(piece.freeze()));
        }
        let mut padding = [0; HEADER as usize];
        let padding = &mut padding[..entry::padding(blob.size) as usize];
        self.content.read_exactly(padding)?;
        entry::check_padding(padding, blob)?;
        self.current = None;
        Ok(None)
    }

    /// How many bytes of what is read were needed so far.
    pub fn offset(&self) -> u64 {
        self.content.offset()
    }

    /// The whole content of the blob that has begun, its digest checked.
    fn whole(&mut self, blob: &BlobEntry) -> Result<Bytes, ArchiveError> {
        let mut content = Vec::new();
        read_onto(&mut self.content, &mut content, blob.size)?;
        self.current = Some((*blob, 0));
        self.next_piece()?;
        match Digest::of(&content) {
            found if found == blob.digest => Ok(content.into()),
            found => Err(ArchiveError::Blob {
                digest: blob.digest,
                what: format!("the content hashes to {found}"),
            }),
        }
    }

    fn expect_end(&mut self) -> Result<(), ArchiveError> {
        let mut end = [0; END as usize];
        let offset = self.content.offset();
        self.content.read_exactly(&mut end)?;
        if end.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::structure("the tar does not end where it must", offset));
        }
        self.content.expect_end(self.longest_table)
    }
}

#[cfg(test)]
mod tests;
