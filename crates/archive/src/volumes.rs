//! Volumes: their names, and the marker that each but the first begins with.
//!
//! `FILE` cut into volumes is `FILE.001`, `FILE.002`, …; `cat` in this order joins them. A marker is one skippable
//! frame of 64 bytes: magic, length, SHA-256 of `bundle.json`, the volume's number counted from 1, the number of all
//! volumes in the last one's marker and 0 in others, zeros. Numbers have four bytes, little endian.

use super::frame::MARKER_MAGIC;
use super::geometry::MARKER;
use bundle_oci::Digest;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Path of volume `number`, counted from 1, of the archive `base`.
pub fn volume_path(base: &Path, number: usize) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(format!(".{number:03}"));
    name.into()
}

/// Base name and number of a volume, when `path` is named like one.
pub fn volume_name(path: &Path) -> Option<(PathBuf, usize)> {
    let name = path.file_name()?.as_bytes();
    let (name, number) = name.split_last_chunk::<4>()?;
    let digits = number.strip_prefix(b".")?;
    if name.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (number > 0).then(|| (path.with_file_name(OsStr::from_bytes(name)), number))
}

/// Path of volume `number` beside another one.
pub(super) fn sibling(volume: &Path, number: usize) -> Option<PathBuf> {
    volume_name(volume).map(|(base, _)| volume_path(&base, number))
}

/// The marker of volume `number` (from 1) of a bundle; `count` is that of all volumes when it is the last.
pub(super) fn marker(bundle: &Digest, number: u32, count: Option<u32>) -> [u8; MARKER as usize] {
    let mut bytes = [0; MARKER as usize];
    bytes[..4].copy_from_slice(&MARKER_MAGIC.to_le_bytes());
    bytes[4..8].copy_from_slice(&(MARKER as u32 - 8).to_le_bytes());
    bytes[8..40].copy_from_slice(bundle.as_bytes());
    bytes[40..44].copy_from_slice(&number.to_le_bytes());
    bytes[44..48].copy_from_slice(&count.unwrap_or(0).to_le_bytes());
    bytes
}

/// The number in what may be a marker.
pub(super) fn marked_number(bytes: &[u8; MARKER as usize]) -> Option<u32> {
    let is_marker = bytes[..8] == marker(&Digest::of(b""), 0, None)[..8];
    is_marker.then(|| u32::from_le_bytes([bytes[40], bytes[41], bytes[42], bytes[43]]))
}

/// The digest of the bundle that a marker states.
pub(super) fn marked_bundle(marker: &[u8; MARKER as usize]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(&marker[8..40]);
    Digest::from_bytes(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_named_by_three_digits() {
        let base = Path::new("/media/a.tar.zst");
        assert_eq!(volume_path(base, 7), Path::new("/media/a.tar.zst.007"));
        assert_eq!(volume_name(Path::new("/media/a.tar.zst.007")), Some((base.into(), 7)));
        for other in ["a.tar.zst", "a.01", "a.0001", "a.000", ".001", "a.+01", "a"] {
            assert_eq!(volume_name(Path::new(other)), None, "{other}");
        }
        let odd = Path::new(OsStr::from_bytes(b"\xff.002"));
        let base = Path::new(OsStr::from_bytes(b"\xff"));
        assert_eq!(volume_name(odd), Some((base.into(), 2)), "names are bytes");
    }

    #[test]
    fn a_marker_states_bundle_number_and_count() {
        let bundle = Digest::of(b"bundle");
        let marker = marker(&bundle, 3, Some(3));
        assert_eq!(marked_number(&marker), Some(3));
        assert_eq!(marked_bundle(&marker), bundle);
        assert!(zstd::zstd_safe::find_frame_compressed_size(&marker) == Ok(64));
        assert_eq!(marked_number(&[0; 64]), None);
    }
}
