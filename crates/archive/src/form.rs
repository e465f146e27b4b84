//! What an archive was found to be, and what became of its seek table.

use serde::Serialize;

/// What became of the seek table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTable {
    /// It is there and right.
    Sound,
    /// There is none.
    Missing,
    /// There is one that does not describe this file; it was not used.
    Wrong,
}

impl SeekTable {
    /// The word used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
        }
    }
}

/// What an archive was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The frames that `pack` writes.
    Frames,
    /// Compressed anew by another tool.
    Recompressed,
    /// The tar alone.
    Tar,
}
