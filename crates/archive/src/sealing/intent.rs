//! `FILE.sealing`: what is about to be written over an archive.
//!
//! One line of JSON, a line with its SHA-256 and that of the bytes that follow, the bytes. What is not complete was not
//! begun. It grants its writer nothing but what the archive's own owner can do: it counts only when nobody else wrote it.

use super::rewrite::Rewrite;
use crate::ArchiveError;
use crate::limits::{MAX_FRAMES, MAX_HEAD};
use crate::partial::{refused, sync_directory_of};
use crate::seek_table::ENTRY;
use bundle_oci::{Digest, Hasher, json};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Longest file read: a head, a table, and a line about every volume.
const LONGEST: u64 = MAX_HEAD + MAX_FRAMES * ENTRY + (1 << 20);
/// Most values of that line: a place that changes has five, and a head and a table have few of them.
const MAX_VALUES: usize = 1 << 20;
/// Write permission of the group and of everybody.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Where the file lies of an archive, or of its first volume.
pub(super) fn path_beside(first: &Path) -> PathBuf {
    let mut name = first.as_os_str().to_owned();
    name.push(".sealing");
    name.into()
}

/// Refuses a file that somebody could have written who can not write the archive.
pub(super) fn check_owner(path: &Path, file: &File, first: &Path) -> Result<(), ArchiveError> {
    let io = |error| ArchiveError::io("look at", path, error);
    let (own, archive) = (file.metadata().map_err(io)?, first.metadata().map_err(io)?);
    let user = rustix::process::geteuid().as_raw();
    if own.uid() != user && own.uid() != archive.uid() {
        return Err(refused(path, "another user's"));
    }
    if own.mode() & OTHERS_MAY_WRITE & !archive.mode() != 0 {
        return Err(refused(path, "a file that others may write"));
    }
    Ok(())
}

/// A rewrite that is written down.
#[derive(Debug)]
pub(super) struct Intent {
    path: PathBuf,
    pub(super) rewrite: Rewrite,
    /// Holds the lock.
    _file: Option<File>,
}

impl Intent {
    /// Reads what was written down; `None` when it is not complete.
    pub(super) fn read(path: &Path, mut file: &File) -> Result<Option<Self>, ArchiveError> {
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.take(LONGEST + 1).read_to_end(&mut bytes));
        read.map_err(|error| ArchiveError::io("read", path, error))?;
        let rewrite = decode(&bytes);
        Ok(rewrite.map(|rewrite| Self { path: path.to_owned(), rewrite, _file: None }))
    }

    /// Writes a rewrite down; durable when this returns.
    pub(super) fn write(
        path: &Path,
        mut file: File,
        rewrite: &Rewrite,
    ) -> Result<Self, ArchiveError> {
        let io = |error| ArchiveError::io("write", path, error);
        file.write_all(&encode(rewrite).map_err(io)?).map_err(io)?;
        file.sync_all().map_err(io)?;
        sync_directory_of(path)?;
        Ok(Self { path: path.to_owned(), rewrite: rewrite.clone(), _file: Some(file) })
    }

    /// Forgets it: everything is done.
    pub(super) fn remove(self) -> Result<(), ArchiveError> {
        remove(&self.path)
    }
}

pub(super) fn remove(path: &Path) -> Result<(), ArchiveError> {
    std::fs::remove_file(path).map_err(|error| ArchiveError::io("remove", path, error))?;
    sync_directory_of(path)
}

pub(super) fn encode(rewrite: &Rewrite) -> Result<Vec<u8>, std::io::Error> {
    let line = serde_json::to_vec(rewrite)?;
    let digest = digest_of(&line, rewrite.patches().iter().map(|patch| patch.bytes.as_slice()));
    let mut bytes = line;
    bytes.extend_from_slice(format!("\n{digest}\n").as_bytes());
    for patch in rewrite.patches() {
        bytes.extend_from_slice(&patch.bytes);
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Option<Rewrite> {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let (line, digest, mut content) = (parts.next()?, parts.next()?, parts.next()?);
    if std::str::from_utf8(digest).ok()? != digest_of(line, std::iter::once(content)).to_string() {
        return None;
    }
    let mut rewrite: Rewrite =
        serde_json::from_value(json::parse_within(line, MAX_VALUES).ok()?).ok()?;
    for patch in rewrite.patches_mut() {
        let length = usize::try_from(patch.length()).ok()?;
        let (own, rest) = content.split_at_checked(length)?;
        patch.bytes = own.to_vec();
        content = rest;
    }
    content.is_empty().then_some(rewrite)
}

fn digest_of<'a>(line: &[u8], content: impl Iterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(line);
    hasher.update(b"\n");
    content.for_each(|piece| hasher.update(piece));
    hasher.finish()
}
