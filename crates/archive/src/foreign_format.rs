//! What a file is that is no bundle, told by its first bytes: who is refused should learn what to do about it.

use super::ArchiveError;
use super::entry::HEADER;
use super::frame::{MAGIC, SKIP_MAGIC};
use super::head::begins_tar;
use super::medium::Medium;
use std::fmt;

/// Where the magic of a tar stands in its first header.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// First bytes of what other programs compress, with the program that takes it apart again by `-dc`.
const COMPRESSED: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
];

/// Something else than a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignFormat {
    /// Not a byte.
    Nothing,
    /// Compressed by another program, whose name this is.
    Compressed(&'static str),
    /// Compressed by zstd once more than it should be.
    Twice,
    /// A tar that is not the one of a bundle, byte for byte.
    Tar,
    /// What nobody knows.
    Unknown,
}

impl ForeignFormat {
    /// Looks at the first bytes, a tar header's or all that there are. `None` for a zstd frame and for the tar of a bundle.
    pub(super) fn of(first: &[u8]) -> Option<Self> {
        let magic = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let is_skippable = magic.is_some_and(|magic| magic & 0xFFFF_FFF0 == SKIP_MAGIC);
        if first.starts_with(&MAGIC) || is_skippable || begins_tar(first) {
            return None;
        }
        if first.is_empty() {
            return Some(Self::Nothing);
        }
        if let Some((_, program)) = COMPRESSED.iter().find(|(magic, _)| first.starts_with(magic)) {
            return Some(Self::Compressed(program));
        }
        let is_tar = first.get(TAR_MAGIC).is_some_and(|magic| magic == b"ustar");
        Some(if is_tar { Self::Tar } else { Self::Unknown })
    }

    /// Looks at the first bytes of what another tool compressed by zstd. `None` for the tar of a bundle.
    pub(super) fn inside(first: &[u8]) -> Option<Self> {
        match begins_tar(first) {
            true => None,
            false => Some(Self::of(first).unwrap_or(Self::Twice)),
        }
    }

    /// Refuses a file that is no bundle.
    ///
    /// # Errors
    /// [`ArchiveError::ForeignFormat`]; the system's.
    pub(super) fn refuse(medium: &Medium) -> Result<(), ArchiveError> {
        let mut first = [0; HEADER as usize];
        let length = medium.read_up_to(&mut first, 0)?;
        let path = || medium.volume_path(0).display().to_string();
        Self::of(&first[..length])
            .map_or(Ok(()), |found| Err(ArchiveError::ForeignFormat { path: path(), found }))
    }
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("it is empty"),
            Self::Compressed(program) => write!(f, "it is compressed by {program}"),
            Self::Twice => f.write_str("it is compressed twice"),
            Self::Tar => f.write_str("it is a tar that another tool made"),
            Self::Unknown => f.write_str(
                "it begins neither as a zstd frame nor as a tar, or its beginning is damaged",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry;
    use crate::head::{OCI_LAYOUT, OCI_LAYOUT_CONTENT};

    #[test]
    fn strangers_are_told_apart_and_bundles_are_none() {
        let own = entry::header(OCI_LAYOUT, OCI_LAYOUT_CONTENT.len() as u64, 7).expect("header");
        let other = entry::header("index.json", 5, 7).expect("header");
        for (first, expected) in [
            (&b""[..], Some(ForeignFormat::Nothing)),
            (&[0x1f, 0x8b, 8, 0], Some(ForeignFormat::Compressed("gzip"))),
            (b"\xfd7zXZ\0\0", Some(ForeignFormat::Compressed("xz"))),
            (b"BZh91AY", Some(ForeignFormat::Compressed("bzip2"))),
            (&[4, 0x22, 0x4d, 0x18, 0x64], Some(ForeignFormat::Compressed("lz4"))),
            (&other, Some(ForeignFormat::Tar)),
            (&other[..300], Some(ForeignFormat::Tar)),
            (b"{}", Some(ForeignFormat::Unknown)),
            (&own[..300], Some(ForeignFormat::Tar)),
            (&own, None),
            (&MAGIC, None),
            (&[0x5f, 0x2a, 0x4d, 0x18], None),
        ] {
            assert_eq!(ForeignFormat::of(first), expected, "{first:?}");
        }
    }
}
