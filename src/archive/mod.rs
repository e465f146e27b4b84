//! The archive: independent zstd frames whose concatenated content is one POSIX tar that is one OCI image layout.
//!
//! In order: the *head* (inventory, index, keys, then slack), the *trust section* (manifests and what verification
//! reads), blobs that are compressed already, blobs that are not, the tar's end, the seek table. Everything but the
//! last three has a place that follows from sizes alone, so workers write and read it in parallel.
//!
//! - [`limits`]: constants, each with its reason
//! - [`frame`]: raw frames, skippable frames, frame headers
//! - [`entry`]: tar headers, written and compared byte for byte
//! - [`head`]: the head as bytes, and back
//! - [`geometry`]: frames and volumes, addresses
//! - [`places`]: where each blob lies
//! - [`volumes`]: names and markers of volumes
//! - [`seek_table`]: the Zstandard seekable format's table, a hint
//! - [`medium`], `output`: what is read and what is written, files, volumes or a stream
//! - [`write`], [`section`], [`compressed`]: an archive in the making: entries in place, compressed blobs, the end
//! - [`partial`]: the file it is written to until it is whole
//! - [`journal`], [`prefix`]: what an interrupted run was writing, and what of it is on the disk
//! - [`remainder`]: blobs taken out again
//! - [`integrity`]: every byte read, damage named
//! - `opening`: what opening an archive compares
//! - [`read`], [`content`]: an archive as a source of blobs
//! - [`catalogue`]: everything in an opened archive, as a closed world

pub mod catalogue;
pub mod compressed;
pub mod content;
pub mod entry;
pub mod frame;
pub mod geometry;
pub mod head;
pub mod integrity;
pub mod journal;
pub mod limits;
pub mod medium;
mod opening;
mod output;
pub mod partial;
pub mod places;
pub mod prefix;
pub mod read;
pub mod remainder;
pub mod section;
pub mod seek_table;
pub mod volumes;
pub mod write;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError};
pub use read::Archive;

use crate::inventory::InventoryError;
use crate::oci::Digest;
use crate::oci::source::{SourceError, Trouble};

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
    /// The file ends before its content does.
    #[error("the archive is truncated: {expected} bytes expected, the file has {found}")]
    Truncated {
        /// Length that its inventory asks for, at least.
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

/// Text from outside, short enough for an error message.
fn bounded(text: &str) -> String {
    text.chars().take(300).collect()
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
