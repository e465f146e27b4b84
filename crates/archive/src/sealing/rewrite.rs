//! Bytes to be written over those of an archive, as a value.

use crate::ArchiveError;
use crate::medium::{Medium, read_up_to};
use crate::partial::check_kind;
use bundle_oci::Digest;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// So much of what follows the head tells one archive from another: it begins with a manifest's own bytes.
const NEIGHBOUR: u64 = 64 << 10;

/// Everything that changes, and what tells whether it is this archive that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rewrite {
    /// Lengths in bytes of the archive's files before, in order.
    lengths: Vec<u64>,
    /// Length of the head's region.
    head: u64,
    /// SHA-256 of what follows the head.
    neighbour: Digest,
    /// What is written, in order.
    patches: Vec<Patch>,
}

/// New bytes for a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Patch {
    /// Number of the file.
    file: usize,
    /// Offset in it.
    pub(super) offset: u64,
    /// The bytes; beside this value, not in it, when it is written down.
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
    length: u64,
}

impl Rewrite {
    /// What makes `head` of the region at the start of `medium`, and `table` of what lies at its address.
    pub(super) fn new(
        medium: &Medium,
        head: Vec<u8>,
        table: Option<(u64, Vec<u8>)>,
    ) -> Result<Self, ArchiveError> {
        let region = head.len() as u64;
        let paths: Vec<&Path> = medium.paths().collect();
        let mut patches = Vec::new();
        for (address, new) in std::iter::once((0, head)).chain(table) {
            let mut old = vec![0; new.len()];
            let length = medium.read_up_to(&mut old, address)?;
            old.truncate(length);
            let (path, offset) = medium
                .locate(address)
                .ok_or_else(|| ArchiveError::structure("an address behind all volumes", address))?;
            let file = paths.iter().position(|known| *known == path).unwrap_or_default();
            patches.extend(Patch::between(file, offset, &old, &new));
        }
        let lengths = medium.files().map(|(_, length)| length).collect();
        let mut rewrite = Self { lengths, head: region, neighbour: Digest::of(b""), patches };
        let mut neighbour = vec![0; rewrite.neighbour_length()];
        let length = medium.read_up_to(&mut neighbour, region)?;
        rewrite.neighbour = Digest::of(&neighbour[..length]);
        Ok(rewrite)
    }

    /// Bytes behind the head that are looked at: none of those that are written.
    fn neighbour_length(&self) -> usize {
        let behind = |patch: &&Patch| patch.file == 0 && patch.offset >= self.head;
        let written = self.patches.iter().filter(behind).map(|patch| patch.offset - self.head);
        written.chain([NEIGHBOUR]).min().unwrap_or(NEIGHBOUR) as usize
    }

    pub(super) fn patches(&self) -> &[Patch] {
        &self.patches
    }

    pub(super) fn patches_mut(&mut self) -> &mut [Patch] {
        &mut self.patches
    }

    /// Whether `files` are, or were when it was written down, the archive that this is for.
    pub(super) fn is_of(&self, files: &[PathBuf]) -> Result<bool, ArchiveError> {
        if files.len() != self.lengths.len() {
            return Ok(false);
        }
        for (number, (path, before)) in files.iter().zip(&self.lengths).enumerate() {
            let io = |error| ArchiveError::io("look at", path, error);
            let ends = self.patches.iter().filter(|patch| patch.file == number);
            let after = ends.map(|patch| patch.offset.saturating_add(patch.length)).max();
            let found = path.metadata().map_err(io)?.len();
            if !(*before..=after.unwrap_or(0).max(*before)).contains(&found) {
                return Ok(false);
            }
        }
        let Some(first) = files.first() else { return Ok(false) };
        let io = |error| ArchiveError::io("read", first, error);
        let file = open_to_write(first)?;
        let mut neighbour = vec![0; self.neighbour_length()];
        let length = read_up_to(&file, &mut neighbour, self.head).map_err(io)?;
        Ok(Digest::of(&neighbour[..length]) == self.neighbour)
    }

    /// Writes everything and syncs it.
    pub(super) fn apply(&self, files: &[PathBuf]) -> Result<(), ArchiveError> {
        for (number, path) in files.iter().enumerate() {
            let mut own = self.patches.iter().filter(|patch| patch.file == number).peekable();
            if own.peek().is_none() {
                continue;
            }
            let file = open_to_write(path)?;
            let written = own.try_for_each(|patch| file.write_all_at(&patch.bytes, patch.offset));
            let written = written.and_then(|()| file.sync_all());
            written.map_err(|error| ArchiveError::io("write", path, error))?;
        }
        Ok(())
    }
}

impl Patch {
    /// What turns `old` into `new`: from the first byte that differs to the last. `None` when none does.
    fn between(file: usize, offset: u64, old: &[u8], new: &[u8]) -> Option<Self> {
        let differs = |at: &usize| old.get(*at) != new.get(*at);
        let first = (0..new.len()).find(differs)?;
        let last = (first..new.len()).rfind(differs)?;
        let bytes = new[first..=last].to_vec();
        let length = bytes.len() as u64;
        Some(Self { file, offset: offset + first as u64, bytes, length })
    }

    #[cfg(test)]
    pub(super) fn file(&self) -> usize {
        self.file
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

/// Opens a file of the archive for writing: the file itself, never what a link leads to.
fn open_to_write(path: &Path) -> Result<File, ArchiveError> {
    let io = |error| ArchiveError::io("write", path, error);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(io)?;
    check_kind(path, &file.metadata().map_err(io)?)?;
    Ok(file)
}
