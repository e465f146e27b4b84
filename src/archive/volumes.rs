//! Volumes: their names, and the marker that each but the first begins with.
//!
//! `FILE` cut into volumes is `FILE.001`, `FILE.002`, …; `cat` in this order joins them. A marker is one skippable
//! frame of 64 bytes: magic, length, SHA-256 of `bundle.json`, the volume's number counted from 1, the number of all
//! volumes in the last one's marker and 0 in others, zeros. Numbers have four bytes, little endian.

use super::ArchiveError;
use super::frame::MARKER_MAGIC;
use super::geometry::MARKER;
use super::limits::MAX_VOLUMES;
use super::medium::Medium;
use crate::oci::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Path of volume `number`, counted from 1, of the archive `base`.
pub fn volume_path(base: &Path, number: usize) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(format!(".{number:03}"));
    name.into()
}

/// Base name and number of a volume, when `path` is named like one.
pub fn volume_name(path: &Path) -> Option<(PathBuf, usize)> {
    let (name, number) = path.file_name()?.to_str()?.rsplit_once('.')?;
    let digits = number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| digits && *number > 0 && !name.is_empty())?;
    Some((path.with_file_name(name), number))
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

/// Compares the markers of all volumes that are known: of this bundle, each in its place.
///
/// # Errors
/// [`ArchiveError::Volume`], which names the volume that is another's, at another's place, or damaged.
pub(super) fn check_order(medium: &Medium, bundle: &Digest) -> Result<(), ArchiveError> {
    for volume in 1..medium.volumes() {
        let found = medium.marker(volume)?;
        let what = match marked_number(&found) {
            None => "does not begin as a volume does".to_owned(),
            Some(_) if found[8..40] != bundle.as_bytes()[..] => {
                "belongs to another bundle".to_owned()
            }
            Some(number) if number as usize != volume + 1 => {
                format!("holds volume {number} where volume {} is expected", volume + 1)
            }
            Some(_) => continue,
        };
        return Err(of(medium, volume, what));
    }
    Ok(())
}

/// Compares what markers say about the number of volumes, which is known to be `count`.
///
/// # Errors
/// [`ArchiveError::Volume`] for one that is missing, one too many, or a marker that is not what it must be.
pub(super) fn check_count(
    medium: &Medium,
    bundle: &Digest,
    count: usize,
) -> Result<(), ArchiveError> {
    if medium.volumes() > count {
        let what = format!("is too many: the archive has {count}");
        return Err(of(medium, count, what));
    }
    for volume in 1..count {
        let last = (volume + 1 == count).then_some(count as u32);
        if medium.marker(volume)? != marker(bundle, volume as u32 + 1, last) {
            return Err(of(medium, volume, "has a damaged marker".to_owned()));
        }
    }
    Ok(())
}

/// An error about a volume: by its file, or in a joined file by its number.
pub(super) fn of(medium: &Medium, volume: usize, what: String) -> ArchiveError {
    let path = medium.volume_path(volume).display().to_string();
    match medium.is_set() {
        true => ArchiveError::Volume { path, what },
        false => ArchiveError::Volume {
            path,
            what: format!("is joined from volumes, of which number {} {what}", volume + 1),
        },
    }
}

/// The files that make up one archive, found from what was named: the archive itself, or volumes of it, or folders that
/// hold volumes. Volumes that were not named are looked for beside those that were.
///
/// # Errors
/// [`ArchiveError::Volume`] when names are of different archives, one number comes twice or is missing;
/// [`ArchiveError::Io`] when nothing is there.
pub fn find(named: &[PathBuf]) -> Result<Found, ArchiveError> {
    let mut set: BTreeMap<usize, PathBuf> = BTreeMap::new();
    let mut base: Option<std::ffi::OsString> = None;
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in named {
        if path.is_dir() {
            folders.push(path.clone());
            continue;
        }
        let volume = volume_name(path).or_else(|| {
            let first = volume_path(path, 1);
            (!path.exists() && first.exists()).then(|| (path.clone(), 1))
        });
        let Some((stem, number)) = volume else {
            return match named {
                [one] => Ok(Found::File(one.clone())),
                _ => Err(refuse(path, "is not named like a volume (NAME.001, NAME.002, …)")),
            };
        };
        let file = if volume_name(path).is_some() { path.clone() } else { volume_path(path, 1) };
        let name = stem.file_name().unwrap_or_default().to_owned();
        if base.get_or_insert_with(|| name.clone()) != &name {
            return Err(refuse(&file, "is a volume of another archive"));
        }
        // One that is named and not there may lie in another folder that is named.
        if file.exists()
            && let Some(other) = set.insert(number, file.clone())
            && other != file
        {
            let what = format!("has the same number as {}", other.display());
            return Err(refuse(&file, what));
        }
        let folder = super::partial::directory_of(&file).to_owned();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let Some(base) = base.or_else(|| only_base(&folders)) else {
        let first = named.first().cloned().unwrap_or_default();
        return Err(refuse(&first, "holds no volumes of one archive (NAME.001, NAME.002, …)"));
    };
    add_siblings(&mut set, &base, &folders);
    let last = set.keys().next_back().copied().unwrap_or(0);
    let at = |number| {
        let folder = folders.first().map_or(Path::new(""), PathBuf::as_path);
        volume_path(&folder.join(&base), number)
    };
    match (1..=last).find(|number| !set.contains_key(number)) {
        Some(number) => Err(refuse(&at(number), "is missing")),
        None if last == 0 => Err(refuse(&at(1), "is missing")),
        None => Ok(Found::Set(set.into_values().collect())),
    }
}

/// What [`find`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One file.
    File(PathBuf),
    /// Volumes in order.
    Set(Vec<PathBuf>),
}

/// Adds volumes of `base` that lie in the folders and were not named.
fn add_siblings(set: &mut BTreeMap<usize, PathBuf>, base: &std::ffi::OsStr, folders: &[PathBuf]) {
    for number in 1..=MAX_VOLUMES {
        let places = folders.iter().map(|folder| volume_path(&folder.join(base), number));
        if let Some(found) = places.into_iter().find(|path| path.exists()) {
            set.entry(number).or_insert(found);
        }
    }
}

/// The archive whose first volume is the only first volume in the folders.
fn only_base(folders: &[PathBuf]) -> Option<std::ffi::OsString> {
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let mut bases: Vec<_> = entries
        .filter_map(|entry| volume_name(&entry.path()))
        .filter_map(|(base, number)| {
            base.file_name().filter(|_| number == 1).map(ToOwned::to_owned)
        })
        .collect();
    bases.sort();
    bases.dedup();
    match bases.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn refuse(path: &Path, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Volume { path: path.display().to_string(), what: what.into() }
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
    }

    #[test]
    fn a_set_is_found_from_any_part_of_it() {
        let (one, two) =
            (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let at = |folder: &tempfile::TempDir, name: &str| folder.path().join(name);
        for (folder, name) in [(&one, "a.001"), (&one, "a.002"), (&two, "a.003"), (&one, "b")] {
            std::fs::write(at(folder, name), name).expect("written");
        }
        let whole = Found::Set(vec![at(&one, "a.001"), at(&one, "a.002"), at(&two, "a.003")]);
        let found = |paths: &[PathBuf]| find(paths).expect("found");
        assert_eq!(found(&[at(&one, "a"), at(&two, "a.003")]), whole);
        assert_eq!(found(&[at(&two, "a.003"), at(&one, "a.002")]), whole);
        assert_eq!(found(&[one.path().into(), two.path().into()]), whole);
        assert_eq!(found(&[at(&one, "a.001"), two.path().into()]), whole);
        assert_eq!(found(&[at(&one, "b")]), Found::File(at(&one, "b")));
        let beside = Found::Set(vec![at(&one, "a.001"), at(&one, "a.002")]);
        assert_eq!(found(&[at(&one, "a")]), beside);
        let refused = |paths: &[PathBuf]| find(paths).expect_err("refused").to_string();
        assert!(refused(&[at(&two, "a.003")]).ends_with("a.001 is missing"));
        assert!(refused(&[at(&one, "a.001"), at(&one, "b")]).contains("not named like a volume"));
        std::fs::write(at(&two, "a.002"), "other").expect("written");
        assert!(refused(&[at(&one, "a.002"), at(&two, "a.002")]).contains("the same number"));
    }

    #[test]
    fn a_marker_states_bundle_number_and_count() {
        let bundle = Digest::of(b"bundle");
        let marker = marker(&bundle, 3, Some(3));
        assert_eq!(marked_number(&marker), Some(3));
        assert_eq!(marker[8..40], *bundle.as_bytes());
        assert!(zstd::zstd_safe::find_frame_compressed_size(&marker) == Ok(64));
        assert_eq!(marked_number(&[0; 64]), None);
    }
}
