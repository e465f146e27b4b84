//! The archive: independent zstd frames whose concatenated content is one POSIX tar that is one OCI image layout.
//!
//! In order: the *head* (inventory, index, keys, then slack), the *trust section* (manifests and what verification
//! reads), blobs that are compressed already, blobs that are not, the tar's end, the seek table. Everything but the
//! last three has a place that follows from sizes alone, so workers write and read it in parallel.
//!
//! - [`limits`]: constants, each with its reason
//! - [`frame`], `blocks`: raw frames, skippable frames, headers of frames and of the blocks in them
//! - [`entry`]: tar headers, written and compared byte for byte
//! - [`head`]: the head as bytes, and back
//! - [`geometry`]: frames and volumes, addresses
//! - [`places`]: where each blob lies
//! - [`volumes`]: names and markers of volumes; `volume_markers` compares those of an archive
//! - [`volume_set`]: the volumes that belong together, found from what was named
//! - [`seek_table`]: the Zstandard seekable format's table, a hint
//! - [`medium`], `output`: what is read and what is written, files, volumes or a stream
//! - [`write`](mod@write), [`section`], [`compressed`]: an archive in the making: entries in place, compressed blobs, the end
//! - [`partial`]: the file it is written to until it is whole
//! - [`journal`], [`prefix`]: what an interrupted run was writing, and what of it is on the disk
//! - [`remainder`]: blobs taken out again
//! - [`sealing`]: the seal put into an archive that is whole
//! - [`free_space`]: whether a folder can take it
//! - [`checksums`]: the list of an archive's files with their SHA-256
//! - [`integrity`]: every byte read, damage named
//! - [`parallel`]: work on all cores
//! - `opening`: what opening an archive compares
//! - [`form`]: what an archive was found to be
//! - [`read`], `placed`, [`content`]: an archive as a source of blobs
//! - `wrapping`, [`sequential`]: an archive read in order: from a pipe, compressed anew, or the tar alone
//! - [`foreign_format`]: what a file is that is no bundle
//! - [`catalogue`]: everything in an opened archive, as a closed world

mod blocks;
mod buffers;
pub mod catalogue;
pub mod checksums;
pub mod compressed;
pub mod content;
pub mod entry;
pub mod foreign_format;
pub mod form;
pub mod frame;
pub mod free_space;
pub mod geometry;
pub mod head;
pub mod integrity;
pub mod journal;
pub mod limits;
pub mod medium;
mod opening;
mod output;
pub mod parallel;
pub mod partial;
mod placed;
pub mod places;
pub mod prefix;
pub mod read;
pub mod remainder;
pub mod sealing;
pub mod section;
pub mod seek_table;
pub mod sequential;
mod volume_markers;
pub mod volume_set;
pub mod volumes;
mod wrapping;
pub mod write;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError};
pub use read::Archive;
pub use sequential::Input;

use bundle_inventory::InventoryError;
use bundle_oci::Digest;
use bundle_oci::source::{SourceError, Trouble};
use foreign_format::ForeignFormat;
use free_space::Amount;

/// Why an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `read`, `write`, `create`, …
        action: &'static str,
        /// The file.
        path: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Something is in the way where the archive is to be written.
    #[error("{path} is {what}, and no archive can be written there")]
    Output {
        /// The file.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Bytes that are not what the format says, at a place.
    #[error("the archive is damaged or not a bundle: {what} at byte {offset}")]
    Structure {
        /// What is wrong.
        what: String,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
    /// Something else than a bundle, by its first bytes.
    #[error("{path} is not a bundle: {found}")]
    ForeignFormat {
        /// The file.
        path: String,
        /// What it is.
        found: ForeignFormat,
    },
    /// The file ends before its content does.
    #[error("the archive is truncated: the file has {found} bytes and needs at least {expected}")]
    Truncated {
        /// Length that what was read so far asks for, at least.
        expected: u64,
        /// Length found.
        found: u64,
    },
    /// A volume that is missing, swapped, another bundle's or damaged.
    #[error("volume {path} {what}")]
    Volume {
        /// The file.
        path: String,
        /// What is the matter with it.
        what: String,
    },
    /// What was named is not the volumes of one archive.
    #[error("{path} {what}")]
    Named {
        /// The file or folder.
        path: String,
        /// What is the matter with it.
        what: String,
    },
    /// A volume that is not where it was looked for.
    #[error("volume {path} is missing")]
    VolumeMissing {
        /// Its name, beside the volumes that are there.
        path: String,
    },
    /// The medium has too little room.
    #[error(
        "{folder} has {free} free, the archive needs up to {needed}",
        free = Amount(*free),
        needed = Amount(*needed)
    )]
    NoRoom {
        /// Where it was to be written.
        folder: String,
        /// Bytes that it can need.
        needed: u64,
        /// Bytes that are free, the archive's own partial files counted as free.
        free: u64,
    },
    /// The file system, or a limit of this process, takes no file that long.
    #[error(
        "{path} can need {needed}, more than a file may have there{limit}",
        needed = Amount(*needed),
        limit = at_most(*limit)
    )]
    FileTooLong {
        /// The file.
        path: String,
        /// Bytes that it can need.
        needed: u64,
        /// Bytes that a file may have, when the system says it.
        limit: Option<u64>,
    },
    /// The medium became full while the archive was being written.
    #[error("no space is left for {path}; the archive needs up to {needed}", needed = Amount(*needed))]
    Full {
        /// The file.
        path: String,
        /// Bytes that the archive can need in all.
        needed: u64,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The inventory cannot be used.
    #[error("the inventory of the archive cannot be used")]
    Inventory(#[from] InventoryError),
    /// A blob's bytes are not what the inventory says.
    #[error("blob {digest} in the archive: {what}")]
    Blob {
        /// Which blob.
        digest: Digest,
        /// What is wrong with it.
        what: String,
    },
    /// The blob is not in this archive.
    #[error("blob {0} is not in the archive")]
    Absent(Digest),
    /// The archive is read in order, and this blob is not one of those that are kept.
    #[error("blob {0} passes by once and cannot be read again")]
    PassesOnce(Digest),
    /// More than a cap allows.
    #[error("the archive exceeds a limit: {0}")]
    Limit(String),
}

impl ArchiveError {
    pub(crate) fn structure(what: impl Into<String>, offset: u64) -> Self {
        Self::Structure { what: what.into(), offset }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), source }
    }
}

fn at_most(limit: Option<u64>) -> String {
    limit.map_or_else(String::new, |limit| format!(" ({})", Amount(limit)))
}

impl From<ArchiveError> for SourceError {
    fn from(error: ArchiveError) -> Self {
        let trouble = match error {
            ArchiveError::Absent(_) => Trouble::Absent,
            _ => Trouble::Medium,
        };
        let what = error.to_string();
        match error {
            ArchiveError::Io { source, .. } => Self::caused(trouble, what, source),
            _ => Self::new(trouble, what),
        }
    }
}
