//! Sizes of volumes as people give them.

use bundle::archive::ArchiveError;
use bundle::archive::geometry::Geometry;
use bundle::archive::limits::MIN_VOLUME;
use std::str::FromStr;

/// `fat32`, `dvd`, `bd`, or a number of bytes with an optional unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeSize(pub(super) Geometry);

/// Media by name, with room to spare for their file systems.
const MEDIA: [(&str, u64); 3] = [
    // Files are shorter than 4 GiB.
    ("fat32", (4 << 30) - (64 << 10)),
    // 4,700,372,992 bytes on a single layer.
    ("dvd", 4480 << 20),
    // 25,025,314,816 bytes on a single layer.
    ("bd", 23 << 30),
];

const UNITS: [(&str, u64); 13] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

impl FromStr for VolumeSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = bytes(text).ok_or("expected fat32, dvd, bd or a size such as 4GiB")?;
        if size < MIN_VOLUME {
            return Err("volumes have 1MiB at least".into());
        }
        Geometry::volumes(size).map(Self).map_err(|error| error.to_string())
    }
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    if let Some((_, size)) = MEDIA.iter().find(|(name, _)| *name == text) {
        return Some(*size);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A size that files of at most `limit` bytes can have, as it is given to this program.
fn fitting(limit: Option<u64>) -> Option<String> {
    let (name, fat32) = MEDIA[0];
    match limit {
        Some(limit) if limit < fat32 => {
            (limit >= MIN_VOLUME).then(|| format!("{}MiB", limit >> 20))
        }
        _ => Some(name.into()),
    }
}

/// The way on when a medium cannot take an archive.
pub(super) fn hint(error: &ArchiveError) -> Option<String> {
    match error {
        ArchiveError::FileTooLong { limit, .. } => Some(match fitting(*limit) {
            Some(size) => format!("cut the bundle into volumes that fit: --volume-size {size}"),
            None => "name another folder with -o, or raise the limit of this shell: ulimit -f".into(),
        }),
        ArchiveError::NoRoom { .. } | ArchiveError::Full { .. } => Some(
            "free space, or name another folder with -o; --volume-size cuts the bundle for several media"
                .into(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_that_is_suggested_fits_and_can_be_given() {
        for (limit, expected) in [
            (None, Some("fat32")),
            (Some(u64::from(u32::MAX)), Some("fat32")),
            (Some(10_240_000), Some("9MiB")),
            (Some(1 << 20), Some("1MiB")),
            (Some((1 << 20) - 1), None),
        ] {
            let size = fitting(limit);
            assert_eq!(size.as_deref(), expected, "{limit:?}");
            let Some(size) = size else { continue };
            let parsed: VolumeSize = size.parse().expect("a size that this program takes");
            assert!(parsed.0.volume_size() <= Some(limit.unwrap_or(u64::MAX)), "{size}");
        }
    }

    #[test]
    fn media_and_sizes_are_read() {
        for (text, expected) in [
            ("fat32", (4 << 30) - (64 << 10)),
            ("FAT32", (4 << 30) - (64 << 10)),
            ("4GiB", 4 << 30),
            ("4 GiB", 4 << 30),
            ("700MB", 700_000_000),
            ("64m", 64 << 20),
            ("1048576", 1 << 20),
        ] {
            let read: VolumeSize = text.parse().expect(text);
            assert_eq!(read.0.volume_size(), Some(expected), "{text}");
        }
        for text in
            ["", "GiB", "4XiB", "-1", "1.5GiB", "1048575", "99999999999999999999", "9999999tib"]
        {
            assert!(text.parse::<VolumeSize>().is_err(), "{text}");
        }
    }
}
