//! `FILE.partial.journal`: what an interrupted run was writing, so that the next one can go on.
//!
//! The first line is the plan, one JSON document that is the caller's; the second its digest, so that a plan that is
//! torn or damaged counts as none. It is written when the head and everything that was at hand are on the disk. Each
//! further line is a *claim*: so many bytes of a raw blob's content were handed to the system. A claim grants nothing,
//! it says how far reading back makes sense; so none is waited for, and one that cannot be written is no failure.
//!
//! The plan decides what the archive says about names, so it must be this user's own: a journal that somebody else owns
//! or may write is never followed, and never removed either.

use super::ArchiveError;
use super::limits::{MAX_BLOBS, MAX_CLAIM_LINE, MAX_JOURNAL, MAX_PLAN};
use super::partial::{self, check_own, partial_path, refused};
use super::volumes::volume_path;
use bundle_oci::Digest;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Who may write, beside the owner.
const GROUP_OR_OTHERS: u32 = 0o022;

/// Name of the journal of the archive at `target`, in one file or in volumes.
pub fn journal_path(target: &Path) -> PathBuf {
    let mut name = partial_path(target).into_os_string();
    name.push(".journal");
    name.into()
}

/// The second line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    plan: Digest,
}

/// Every further line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    blob: usize,
    bytes: u64,
}

/// A journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    file: Mutex<File>,
    path: PathBuf,
}

/// What an interrupted run left.
#[derive(Debug)]
pub struct Interrupted {
    /// The plan as it was given to [`super::write::ArchiveWriter::start_journal`].
    pub plan: Vec<u8>,
    /// Where the journal lies.
    pub path: PathBuf,
    digest: Digest,
    claims: HashMap<usize, u64>,
}

impl Interrupted {
    /// SHA-256 of the plan.
    pub fn plan_digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes of a blob's content may be there.
    pub fn claimed(&self, blob: usize) -> u64 {
        self.claims.get(&blob).copied().unwrap_or(0)
    }
}

/// Looks for what an interrupted run left of the archive at `target`. A journal without an archive, or without a whole
/// plan, counts as none.
///
/// # Errors
/// [`ArchiveError::Output`] when another run is at work, or when what lies there is not this user's own.
pub fn find(target: &Path) -> Result<Option<Interrupted>, ArchiveError> {
    let path = journal_path(target);
    let Some(file) = open(&path)? else { return Ok(None) };
    let Some(begun) = begun_files(target).into_iter().next() else { return Ok(None) };
    // Taken only to see that nobody else has it.
    let mode = check_own(&begun, &partial::open(&begun)?)?;
    // On file systems without modes all files have the same one; elsewhere a journal is made for its owner alone.
    if check_own(&path, &file)? & GROUP_OR_OTHERS & !mode != 0 {
        return Err(refused(&path, "writable by others"));
    }
    let read = read(&file).map_err(|e| ArchiveError::io("read", &path, e))?;
    Ok(read.map(|(plan, digest, claims)| Interrupted { plan, path, digest, claims }))
}

/// True when an interrupted run left something to go on with.
pub fn is_left(target: &Path) -> bool {
    journal_path(target).is_file()
}

/// Removes whatever an interrupted run left of the archive at `target`, in one file or in volumes of any size.
///
/// # Errors
/// As [`find`]; [`ArchiveError::Io`] when it cannot be removed.
pub fn discard(target: &Path) -> Result<(), ArchiveError> {
    let begun = begun_files(target);
    let locks = begun.iter().map(|path| partial::open(path)).collect::<Result<Vec<File>, _>>()?;
    remove(target)?;
    for path in &begun {
        std::fs::remove_file(path).map_err(|e| ArchiveError::io("remove", path, e))?;
    }
    drop(locks);
    Ok(())
}

/// Partial files that are there: the archive's, and those of volumes.
fn begun_files(target: &Path) -> Vec<PathBuf> {
    let volumes = (1..=super::limits::MAX_VOLUMES).map(|number| volume_path(target, number));
    let there = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok();
    std::iter::once(target.to_owned())
        .chain(volumes)
        .map(|target| partial_path(&target))
        .filter(there)
        .collect()
}

/// Removes an old journal.
///
/// # Errors
/// As [`find`].
pub(super) fn remove(target: &Path) -> Result<(), ArchiveError> {
    let path = journal_path(target);
    if open(&path)?.is_some() {
        std::fs::remove_file(&path).map_err(|e| ArchiveError::io("remove", &path, e))?;
    }
    Ok(())
}

/// Opens a journal that is there, when it may be followed.
fn open(path: &Path) -> Result<Option<File>, ArchiveError> {
    let io = |error| ArchiveError::io("open", path, error);
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => partial::check_kind(path, &metadata)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    }
    // As for the archive itself: the flags close the gap between looking and opening.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io)?;
    partial::check_kind(path, &file.metadata().map_err(io)?)?;
    check_own(path, &file)?;
    Ok(Some(file))
}

type Content = (Vec<u8>, Digest, HashMap<usize, u64>);

/// The plan, its digest and the claims; nothing without a whole plan. Lines that are no claims are passed over.
fn read(file: &File) -> std::io::Result<Option<Content>> {
    let mut reader = BufReader::new(file.take(MAX_JOURNAL));
    let Some(plan) = line(&mut reader, MAX_PLAN)? else { return Ok(None) };
    let Some(second) = line(&mut reader, MAX_CLAIM_LINE)? else { return Ok(None) };
    let digest = Digest::of(&plan);
    match serde_json::from_slice::<Seen>(&second) {
        Ok(seen) if seen.plan == digest => {}
        _ => return Ok(None),
    }
    let mut claims = HashMap::new();
    while !reader.fill_buf()?.is_empty() {
        let Some(line) = line(&mut reader, MAX_CLAIM_LINE)? else {
            // What a power cut left in the place of claims, such as zeros, takes later ones not with it.
            reader.skip_until(b'\n')?;
            continue;
        };
        if let Ok(Claim { blob, bytes }) = serde_json::from_slice(&line)
            && blob < MAX_BLOBS
        {
            claims.insert(blob, bytes);
        }
    }
    Ok(Some((plan, digest, claims)))
}

/// The next line without its end; nothing when it has none within `limit` bytes.
fn line(reader: &mut impl BufRead, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(limit).read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

impl Journal {
    /// Begins a journal with the plan; it is durable, with its name and that of the archive, when this returns.
    ///
    /// # Errors
    /// When it cannot be written, or something is there that was not removed before.
    pub(super) fn create(target: &Path, plan: &[u8]) -> Result<Self, ArchiveError> {
        let path = journal_path(target);
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.append(true).read(true).create_new(true).mode(0o600).custom_flags(flags);
        let file = options.open(&path).map_err(|e| ArchiveError::io("create", &path, e))?;
        let journal = Self { file: Mutex::new(file), path };
        let written = journal.begin(plan);
        written.map_err(|e| {
            let _ = std::fs::remove_file(&journal.path);
            ArchiveError::io("write", &journal.path, e)
        })?;
        Ok(journal)
    }

    fn begin(&self, plan: &[u8]) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(plan)?;
        file.write_all(b"\n")?;
        file.write_all(&own_line(&Seen { plan: Digest::of(plan) }))?;
        file.sync_all()?;
        bundle_files::sync_directory_of(&self.path)
    }

    /// Goes on with the journal of an interrupted run.
    ///
    /// # Errors
    /// As [`find`]; also when it is not that one any more.
    pub(super) fn reopen(target: &Path, found: &Interrupted) -> Result<Self, ArchiveError> {
        let path = journal_path(target);
        let io = |e| ArchiveError::io("read", &path, e);
        let changed = || refused(&path, "being written by another run");
        let mut file = open(&path)?.ok_or_else(changed)?;
        let same = read(&file).map_err(io)?.is_some_and(|(_, digest, _)| digest == found.digest);
        if !same {
            return Err(changed());
        }
        // A line that was torn must not take the next one with it.
        let mut last = [0];
        file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)).map_err(io)?;
        if last != [b'\n'] {
            file.write_all(b"\n").map_err(|e| ArchiveError::io("write", &path, e))?;
        }
        Ok(Self { file: Mutex::new(file), path })
    }

    /// Notes that `bytes` of a blob's content were handed to the system. Without that line they would be fetched again,
    /// nothing else: so a failure to write it is none.
    pub(super) fn claim(&self, blob: usize, bytes: u64) {
        let line = own_line(&Claim { blob, bytes });
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
    }

    /// Makes the claims durable.
    pub(super) fn sync(&self) -> Result<(), ArchiveError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
        file.and_then(|file| file.sync_data()).map_err(|e| ArchiveError::io("sync", &self.path, e))
    }

    /// Removes it: the archive has its name.
    pub(super) fn remove(&self) -> Result<(), ArchiveError> {
        std::fs::remove_file(&self.path).map_err(|e| ArchiveError::io("remove", &self.path, e))
    }
}

/// One of this file's own small documents as a line. Their types cannot fail to be written.
fn own_line(document: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(document).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
