//! `/var/lib/bundle/tags.json`, read and written ([`TagMemory`]).
//!
//! Written after a completed push of an authentic bundle only. The file is whole and synced before it has its name. That
//! there is none says that nothing is known yet; one that cannot be used is an error, never taken for absent.

use super::tags::{Filler, MAX_FILE, MAX_TAGS, TagFill, TagMemory, TagMemoryError, TagStanding};
use crate::files::{Directory, HostRoot, PathError};
use std::path::PathBuf;

/// Where it lies, below the root.
const STATE: [&str; 3] = ["var", "lib", "bundle"];
const FILE: &str = "tags.json";

/// Why nothing can be said of tags, or nothing remembered.
#[derive(Debug, thiserror::Error)]
pub enum TagsFileError {
    /// A directory or file has another kind, owner or mode than it must, or the system refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The file is there and cannot be used: it is not taken for absent.
    #[error("{path} is damaged: what filled the tags at the target is not known any more", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: TagMemoryError,
    },
    /// It cannot be written as it must.
    #[error("what filled the tags at the target cannot be written down")]
    Unwritable(#[source] TagMemoryError),
}

impl TagsFileError {
    /// True when this user may not write there: then nothing was changed.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Path(error) if error.is_permission())
    }
}

/// Compares what would be filled with what is remembered, and changes nothing. Only files of root count (below `--root`,
/// also those of the user who runs this), which nobody else may write.
///
/// # Errors
/// [`TagsFileError`]; also when there would be more tags than are remembered.
pub fn check_tags(
    root: &HostRoot,
    filler: &Filler,
    fills: &[TagFill],
) -> Result<Vec<TagStanding>, TagsFileError> {
    let mut known = match root.existing(&STATE)? {
        Some(directory) => read(&directory)?,
        None => TagMemory::default(),
    };
    let standing = fills.iter().map(|fill| known.standing(filler, fill)).collect();
    known.fill(filler, fills);
    bounded(&known, fills)?;
    Ok(standing)
}

/// Remembers what an authentic bundle filled. Durable when this returns; where all of it is known already, nothing is
/// written.
///
/// # Errors
/// [`TagsFileError`]; what was known is known still.
pub fn record_tags(
    root: &HostRoot,
    filler: &Filler,
    fills: &[TagFill],
) -> Result<(), TagsFileError> {
    if filler.age.is_none() || fills.is_empty() {
        return Ok(());
    }
    let directory = root.create(&STATE)?;
    let _lock = directory.lock()?;
    let known = read(&directory)?;
    let mut filled = known.clone();
    filled.fill(filler, fills);
    if filled == known {
        return Ok(());
    }
    bounded(&filled, fills)?;
    let bytes = filled.to_json().map_err(TagsFileError::Unwritable)?;
    directory.stage(FILE, &bytes)?.publish_over()?;
    directory.sync()?;
    Ok(())
}

fn bounded(memory: &TagMemory, fills: &[TagFill]) -> Result<(), TagsFileError> {
    let count = memory.count();
    if count > MAX_TAGS {
        return Err(TagsFileError::Unwritable(TagMemoryError::TooMany(count)));
    }
    match fills.iter().all(|fill| fill.place.is_bounded()) {
        true => Ok(()),
        false => Err(TagsFileError::Unwritable(TagMemoryError::Value("name"))),
    }
}

fn read(directory: &Directory) -> Result<TagMemory, TagsFileError> {
    let Some(bytes) = directory.read(FILE, MAX_FILE as u64)? else {
        return Ok(TagMemory::default());
    };
    let damaged = |source| TagsFileError::Damaged { path: directory.path_of(FILE), source };
    TagMemory::parse(&bytes).map_err(damaged)
}

#[cfg(test)]
mod tests;
