//! What an archive is read from: one file, or the volumes of one as they lie.
//!
//! Readers ask by address (see [`super::geometry`]). Where each volume starts is known for volumes that are files of
//! their own; in a file that was joined again it is found while reading.

use super::ArchiveError;
use super::buffers::Buffers;
use super::geometry::Geometry;
use super::limits::IO_PIECE;
use super::volumes::{self, marked_number};
use bytes::Bytes;
use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Blocks of [`IO_PIECE`], with the headers and the checksum of the frame around them.
const LONGEST_READ: usize = IO_PIECE + 64;

/// The bytes of an archive.
#[derive(Debug)]
pub struct Medium {
    pieces: Vec<Piece>,
    geometry: Geometry,
    /// Where volumes start: the piece, and the offset in it.
    starts: Vec<(usize, u64)>,
    /// Each piece is one volume, so each ends where its file does.
    is_set: bool,
    /// Only the first piece was named; the others are there because of their names.
    others_by_name: bool,
    buffers: Buffers,
}

#[derive(Debug)]
struct Piece {
    path: PathBuf,
    content: Content,
    length: u64,
}

#[derive(Debug)]
enum Content {
    File(File),
    Held(Bytes),
}

impl Piece {
    fn read_up_to(&self, buffer: &mut [u8], at: u64) -> Result<usize, ArchiveError> {
        match &self.content {
            Content::Held(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let count = buffer.len().min(bytes.len() - from);
                buffer[..count].copy_from_slice(&bytes[from..from + count]);
                Ok(count)
            }
            Content::File(file) => read_up_to(file, buffer, at)
                .map_err(|error| ArchiveError::io("read", &self.path, error)),
        }
    }
}

impl Medium {
    /// One file.
    ///
    /// # Errors
    /// It cannot be opened, or is not a regular file.
    pub fn file(path: &Path) -> Result<Self, ArchiveError> {
        Ok(Self::new(vec![open(path)?], false))
    }

    /// The volumes of one archive, in order. Nothing is compared yet.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn set(paths: &[PathBuf]) -> Result<Self, ArchiveError> {
        let pieces = paths.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        Ok(Self::new(pieces, true))
    }

    /// An archive in memory.
    pub fn held(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        let piece = Piece { path: PathBuf::new(), content: Content::Held(bytes), length };
        Self::new(vec![piece], false)
    }

    /// The files of an archive that is cut so, as long as they are now.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn opened(
        files: impl Iterator<Item = Result<(PathBuf, File), ArchiveError>>,
        geometry: Geometry,
    ) -> Result<Self, ArchiveError> {
        let piece = |opened: Result<(PathBuf, File), ArchiveError>| {
            let (path, file) = opened?;
            let length = file.metadata().map_err(|e| ArchiveError::io("read", &path, e))?.len();
            Ok(Piece { path, content: Content::File(file), length })
        };
        let pieces = files.map(piece).collect::<Result<_, ArchiveError>>()?;
        let medium = Self::new(pieces, geometry.volume_size().is_some());
        Ok(Self { geometry, ..medium })
    }

    fn new(pieces: Vec<Piece>, is_set: bool) -> Self {
        let starts = (0..pieces.len()).map(|piece| (piece, 0)).collect();
        let (geometry, buffers) = (Geometry::WHOLE, Buffers::new(LONGEST_READ));
        Self { pieces, geometry, starts, is_set, others_by_name: false, buffers }
    }

    /// Says that only the first volume was named. Should it turn out to be a whole archive, the others are no part of it.
    pub(super) fn with_others_by_name(mut self) -> Self {
        self.others_by_name = true;
        self
    }

    /// Reads from now on as an archive that is cut so.
    pub(super) fn cut(&mut self, geometry: Geometry) {
        self.geometry = geometry;
        if geometry.volume_size().is_none() && self.others_by_name {
            self.pieces.truncate(1);
            self.starts.truncate(1);
            self.is_set = false;
        }
    }

    /// Forgets volumes of a joined file beyond the first `known`.
    pub(super) fn forget_joined(&mut self, known: usize) {
        if !self.is_set {
            self.starts.truncate(known);
        }
    }

    /// Whether the volumes are files of their own.
    pub fn is_set(&self) -> bool {
        self.is_set
    }

    /// The files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.pieces.iter().map(|piece| piece.path.as_path())
    }

    /// The files and their lengths in bytes, in order.
    pub fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.pieces.iter().map(|piece| (piece.path.as_path(), piece.length))
    }

    /// Length of all files together, in bytes.
    pub fn length(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.length).sum()
    }

    /// Number of volumes known so far.
    pub(super) fn volumes(&self) -> usize {
        self.starts.len()
    }

    /// Bytes that a volume's file has; for a joined one, what is there from its start on.
    pub(super) fn volume_length(&self, volume: usize) -> u64 {
        let length =
            |(piece, start): &(usize, u64)| self.pieces[*piece].length.saturating_sub(*start);
        self.starts.get(volume).map_or(0, length)
    }

    /// Path of the file that a volume lies in.
    pub(super) fn volume_path(&self, volume: usize) -> &Path {
        let piece = self.starts.get(volume).map_or(0, |(piece, _)| *piece);
        &self.pieces[piece].path
    }

    /// Where an address lies: the file and the offset in it. `None` behind all volumes.
    pub fn locate(&self, address: u64) -> Option<(&Path, u64)> {
        let (piece, start) = self.starts.get(self.geometry.volume_of(address))?;
        Some((&self.pieces[*piece].path, start + self.geometry.offset_of(address)))
    }

    /// The next volume of a joined file starts behind the first `length` bytes of the last one that is known.
    pub(super) fn add_joined(&mut self, length: u64) {
        if let (false, Some((piece, start))) = (self.is_set, self.starts.last().copied()) {
            self.starts.push((piece, start.saturating_add(length)));
        }
    }

    /// Goes on to `volume`, where the one before it has `used` bytes, when it is not known yet.
    ///
    /// # Errors
    /// [`ArchiveError::VolumeMissing`] when there is no such volume, [`ArchiveError::Volume`] when the one before is
    /// shorter or longer.
    pub(super) fn enter(&mut self, volume: usize, used: u64) -> Result<(), ArchiveError> {
        let before = volume.saturating_sub(1);
        let length = self.volume_length(before);
        if length < used {
            return Err(self.truncated(before, used, length));
        }
        if !self.is_set && volume == self.volumes() && length > used {
            self.add_joined(used);
        }
        if volume >= self.volumes() {
            return Err(self.missing(volume));
        }
        if self.is_set && length > used {
            let what = format!("has {} bytes too many at its end", length - used);
            return Err(self.volume_error(before, what));
        }
        Ok(())
    }

    /// Says that a volume has `found` bytes where it has `expected`, or more.
    pub(super) fn truncated(&self, volume: usize, expected: u64, found: u64) -> ArchiveError {
        if self.geometry.volume_size().is_none() && !self.is_set {
            return ArchiveError::Truncated { expected, found };
        }
        let what = format!("is truncated: {expected} bytes expected, it has {found}");
        self.volume_error(volume, what)
    }

    /// An error about a volume: by its file, or in a joined file by its number.
    pub(super) fn volume_error(&self, volume: usize, what: String) -> ArchiveError {
        let path = self.volume_path(volume).display().to_string();
        match self.is_set() {
            true => ArchiveError::Volume { path, what },
            false => ArchiveError::Volume {
                path,
                what: format!("is joined from volumes, and volume {} {what}", volume + 1),
            },
        }
    }

    /// Says that volume `volume` (from 0) is not there.
    pub(super) fn missing(&self, volume: usize) -> ArchiveError {
        let last = self.volume_path(self.volumes() - 1);
        match volumes::sibling(last, volume + 1).filter(|_| self.is_set) {
            Some(path) => ArchiveError::VolumeMissing { path: path.display().to_string() },
            None => ArchiveError::Named {
                path: last.display().to_string(),
                what: format!("is followed by volume {}, which is missing", volume + 1),
            },
        }
    }

    /// Reads as much of `buffer` as the volume has from `address` on.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read_up_to(
        &self,
        buffer: &mut [u8],
        address: u64,
    ) -> Result<usize, ArchiveError> {
        let Some((number, start)) = self.starts.get(self.geometry.volume_of(address)) else {
            return Ok(0);
        };
        let piece = &self.pieces[*number];
        let at = start.saturating_add(self.geometry.offset_of(address));
        piece.read_up_to(buffer, at)
    }

    /// Reads `length` bytes.
    ///
    /// # Errors
    /// As [`Self::read_exactly`].
    pub(super) fn read(&self, address: u64, length: usize) -> Result<Bytes, ArchiveError> {
        self.buffers.filled(length, |buffer| self.read_exactly(buffer, address))
    }

    /// Reads all of `buffer`.
    ///
    /// # Errors
    /// [`ArchiveError::Truncated`] when the file ends before; the system's.
    pub(super) fn read_exactly(&self, buffer: &mut [u8], address: u64) -> Result<(), ArchiveError> {
        let read = self.read_up_to(buffer, address)?;
        if read == buffer.len() {
            return Ok(());
        }
        let volume = self.geometry.volume_of(address);
        let at = match self.is_set {
            true => self.geometry.offset_of(address),
            false => self.locate(address).map_or(address, |(_, at)| at),
        };
        let expected = at.saturating_add(buffer.len() as u64);
        let found = at.saturating_add(read as u64);
        match self.is_set {
            true => Err(self.truncated(volume, expected, found)),
            false => Err(ArchiveError::Truncated { expected, found }),
        }
    }

    /// Reads the last bytes of the last file; fewer where it has fewer.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read_tail(&self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let Some(piece) = self.pieces.last() else { return Ok(0) };
        let at = piece.length.saturating_sub(buffer.len() as u64);
        piece.read_up_to(buffer, at)
    }

    /// An error about an address, as one about a place in a file. For a set it names the file.
    pub(super) fn located(&self, error: ArchiveError) -> ArchiveError {
        match error {
            ArchiveError::Structure { what, offset } => {
                let Some((path, at)) = self.locate(offset) else {
                    return ArchiveError::Structure { what, offset };
                };
                let what = match self.is_set {
                    true => format!("{what} in {}", path.display()),
                    false => what,
                };
                ArchiveError::Structure { what, offset: at }
            }
            other => other,
        }
    }

    /// The number that a volume's marker states, and the digest of the bundle it belongs to.
    pub(super) fn marker(&self, volume: usize) -> Result<[u8; 64], ArchiveError> {
        let mut bytes = [0; 64];
        self.read_exactly(&mut bytes, self.geometry.start_of(volume))?;
        Ok(bytes)
    }

    /// The volume number that the first bytes of the first file state, counted from 1; `None` for a first volume.
    pub(super) fn first_is_volume(&self) -> Option<u32> {
        let mut bytes = [0; 64];
        match self.read_up_to(&mut bytes, 0) {
            Ok(64) => marked_number(&bytes),
            _ => None,
        }
    }
}

/// Opens a regular file for reading. Nothing else is so much as opened: with some devices that does something already,
/// and a courier can lay a link to one. The flag closes the gap between looking and opening: no pipe is waited for.
///
/// # Errors
/// [`ArchiveError::Io`], also for everything that is not a regular file.
pub(super) fn open_file(path: &Path) -> Result<(File, Metadata), ArchiveError> {
    let io = |error| ArchiveError::io("open", path, error);
    let check = |metadata: Metadata| match metadata.is_file() {
        true => Ok(metadata),
        false => Err(io(std::io::Error::other("it is not a regular file"))),
    };
    check(path.metadata().map_err(io)?)?;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
    let metadata = check(file.metadata().map_err(io)?)?;
    Ok((file, metadata))
}

fn open(path: &Path) -> Result<Piece, ArchiveError> {
    let (file, metadata) = open_file(path)?;
    Ok(Piece { path: path.to_owned(), content: Content::File(file), length: metadata.len() })
}

/// Reads as much of `buffer` as a file has from `at` on.
pub(super) fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
