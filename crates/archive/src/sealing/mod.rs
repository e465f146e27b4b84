//! The seal put into an archive that is whole: its head is written again inside its region, and the seek table, which
//! lists the frames of the head, at its place. No other byte changes.
//!
//! What will be written is written first to `FILE.sealing` beside the archive (of volumes, beside the first), and
//! synced. An interruption before that leaves the archive as it was. One after that may leave a head that is neither the
//! old nor the new one, which every reader refuses; sealing again finds the file and finishes the work first.
//! Cost: the head, written twice; nothing of the content is read.

mod intent;
mod rewrite;
#[cfg(test)]
mod tests;

use super::form::{Form, SeekTable};
use super::head;
use super::partial::{self, Origin};
use super::read::Archive;
use super::volume_set::{self, Found};
use super::{ArchiveError, sequential};
use bundle_oci::Digest;
use intent::Intent;
use rewrite::Rewrite;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An archive that has a new seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The files of the archive, in order.
    pub files: Vec<PathBuf>,
    /// What was sealed: SHA-256 of `bundle.json`.
    pub bundle_digest: Digest,
    /// Whether an earlier seal was replaced.
    pub replaced: bool,
    /// Whether an interrupted run had to be finished first.
    pub repaired: bool,
}

/// Why an archive cannot be sealed where it lies.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// It cannot be read, or not be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It was compressed anew, or is the plain tar: it has no room that a seal could take.
    #[error("{path} is {form}, and only what bundle pack wrote can be sealed in its place")]
    Form {
        /// The file.
        path: String,
        /// What it is.
        form: &'static str,
    },
    /// The room behind the head does not suffice.
    #[error("{path} has no room for the seal")]
    NoRoom {
        /// The file.
        path: String,
        /// By how much.
        #[source]
        source: ArchiveError,
    },
    /// `bundle.json` is not the one that was signed any more.
    #[error("{path} was changed while it was being sealed")]
    Changed {
        /// The file.
        path: String,
    },
    /// What an interrupted run left does not belong to this archive.
    #[error("{path} was left by an interrupted run and belongs to another archive")]
    OtherArchive {
        /// The file that was left.
        path: String,
    },
    /// Written, and then not there: the medium is at fault. What was to be written is kept.
    #[error("{path} does not hold what was written to it")]
    Lost {
        /// The file.
        path: String,
    },
}

/// Takes `seal` for the archive that `paths` name, as [`Archive::open_all`] takes them: `make` is given the exact bytes of
/// `bundle.json` and says what the seal is. An earlier seal is replaced. Blocks until all is durable.
///
/// # Errors
/// `E` from `make`, before anything is written; any [`SealingError`], after which the archive is as before unless it says
/// that writing failed: then sealing again finishes it.
pub fn seal<E: From<SealingError>>(
    paths: &[PathBuf],
    make: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Sealed, E> {
    seal_opened(paths, |_, inventory| make(inventory))
}

/// The same, where `make` is given the opened archive too: what it reads there is what the seal will be put into.
///
/// # Errors
/// As [`seal`].
pub fn seal_opened<E: From<SealingError>>(
    paths: &[PathBuf],
    make: impl FnOnce(&Arc<Archive>, &[u8]) -> Result<Vec<u8>, E>,
) -> Result<Sealed, E> {
    let files = files_of(paths)?;
    let work = Work::begin(&files)?;
    match prepare(paths, &files, make) {
        Ok(prepared) => Ok(commit(paths, files, work, &prepared)?),
        Err(error) => {
            // Nothing was written, so there is nothing to go on with.
            let _ = work.discard();
            Err(error)
        }
    }
}

/// Writes it: down, then over the archive; the first is forgotten when the second is seen to be there.
fn commit(
    paths: &[PathBuf],
    files: Vec<PathBuf>,
    work: Work,
    prepared: &Prepared,
) -> Result<Sealed, SealingError> {
    let repaired = work.repaired;
    let intent = work.write(&prepared.rewrite)?;
    prepared.rewrite.apply(&files)?;
    expect_seal(paths, &files, prepared)?;
    intent.remove()?;
    let Prepared { bundle_digest, replaced, .. } = *prepared;
    Ok(Sealed { files, bundle_digest, replaced, repaired })
}

/// The files that make up the archive, none of which is anything but a regular file.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SealingError> {
    let files = match volume_set::find(paths)? {
        Found::File(path) => vec![path],
        Found::Set(files) => files,
        Found::Beside(files) => match Archive::open_all(paths) {
            // Named like a first volume, and whole: the others are no part of it.
            Ok(archive) => archive
                .medium()
                .map_or(files, |medium| medium.paths().map(Path::to_owned).collect()),
            Err(_) => files,
        },
    };
    for file in &files {
        partial::check_output(file)?;
    }
    Ok(files)
}

/// What will be written, and what it is for.
struct Prepared {
    rewrite: Rewrite,
    seal: Vec<u8>,
    bundle_digest: Digest,
    replaced: bool,
}

fn prepare<E: From<SealingError>>(
    paths: &[PathBuf],
    files: &[PathBuf],
    make: impl FnOnce(&Arc<Archive>, &[u8]) -> Result<Vec<u8>, E>,
) -> Result<Prepared, E> {
    let path = shown(files);
    let (archive, _) = sequential::open_any(paths).map_err(SealingError::from)?;
    let archive = Arc::new(archive);
    let (Some(placed), Some(medium)) = (archive.placed(), archive.medium()) else {
        return Err(SealingError::Form { path, form: in_words(archive.form()) }.into());
    };
    let head = head::read(medium).map_err(SealingError::from)?;
    let inventory = head.files.iter().find(|file| file.name == head::INVENTORY);
    let inventory = inventory.map(|file| file.bytes.as_slice()).unwrap_or_default();
    let bundle_digest = archive.bundle_digest();
    if Digest::of(inventory) != bundle_digest {
        return Err(SealingError::Changed { path }.into());
    }
    let seal = make(&archive, inventory)?;
    let replaced = archive.file(head::SEAL).is_some();
    let no_room = |source| match source {
        ArchiveError::Limit(_) => SealingError::NoRoom { path: path.clone(), source },
        other => other.into(),
    };
    let sealed = head::with_seal(&head.files, &seal);
    let (bytes, extent) = head::encode_like(&sealed, head.mtime, &head.extent).map_err(no_room)?;
    let table = match archive.seek_table() {
        Some(SeekTable::Missing) | None => None,
        Some(_) => Some(placed.seek_table_after(&extent, archive.inventory()).map_err(no_room)?),
    };
    let rewrite = Rewrite::new(medium, bytes, table).map_err(SealingError::from)?;
    Ok(Prepared { rewrite, seal, bundle_digest, replaced })
}

fn in_words(form: Form) -> &'static str {
    match form {
        Form::Frames => "an archive",
        Form::Recompressed => "compressed anew by another tool",
        Form::Tar => "a plain tar",
    }
}

/// Reads back what was written.
fn expect_seal(
    paths: &[PathBuf],
    files: &[PathBuf],
    prepared: &Prepared,
) -> Result<(), SealingError> {
    let archive = Archive::open_all(paths)?;
    let is_there = archive.file(head::SEAL) == Some(prepared.seal.as_slice());
    match is_there && archive.bundle_digest() == prepared.bundle_digest {
        true => Ok(()),
        false => Err(SealingError::Lost { path: shown(files) }),
    }
}

/// The file beside the archive, taken by this run alone.
struct Work {
    path: PathBuf,
    file: File,
    repaired: bool,
}

impl Work {
    /// Takes the file, and finishes what an interrupted run left in it.
    fn begin(files: &[PathBuf]) -> Result<Self, SealingError> {
        let first = files.first().map_or(Path::new(""), PathBuf::as_path);
        let path = intent::path_beside(first);
        let (file, origin) = partial::open_or_make(&path)?;
        if origin == Origin::Made {
            return Ok(Self { path, file, repaired: false });
        }
        intent::check_owner(&path, &file, first)?;
        let repaired = match (Intent::read(&path, &file)?, Archive::open_all(files)) {
            // Whole or not, it is readable: written to the end, or not begun.
            (_, Ok(_)) | (None, _) => false,
            (Some(intent), Err(_)) => {
                if !intent.rewrite.is_of(files)? {
                    let path = path.display().to_string();
                    return Err(SealingError::OtherArchive { path });
                }
                intent.rewrite.apply(files)?;
                true
            }
        };
        let file = partial::renew(&path, file)?;
        Ok(Self { path, file, repaired })
    }

    /// Writes down what will be done.
    fn write(self, rewrite: &Rewrite) -> Result<Intent, SealingError> {
        let written = Intent::write(&self.path, self.file, rewrite);
        Ok(written.inspect_err(|_| {
            let _ = std::fs::remove_file(&self.path);
        })?)
    }

    /// Gives the file up.
    fn discard(self) -> Result<(), SealingError> {
        Ok(intent::remove(&self.path)?)
    }
}

fn shown(files: &[PathBuf]) -> String {
    files.first().map(|file| file.display().to_string()).unwrap_or_default()
}
