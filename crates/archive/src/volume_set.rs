//! The volumes that belong together, found from what was named: an archive, volumes of it, or folders that hold them.
//!
//! Nothing is chosen where two files could be meant: one number twice is an error, unless both are the same file.

use super::ArchiveError;
use super::frame::MAGIC;
use super::geometry::{Geometry, MARKER};
use super::head;
use super::limits::MAX_VOLUMES;
use super::medium::{Medium, open_file};
use super::volumes::{marked_bundle, marked_number, volume_name, volume_path};
use bundle_files::directory_of;
use bundle_inventory::Inventory;
use bundle_oci::Digest;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Says before any work whether volumes can be written as `target`.001, …: beside them lies nothing that a reader would
/// take for the archive, or for one of its volumes. Volumes of an earlier archive of this name are no obstacle.
///
/// # Errors
/// [`ArchiveError::Output`].
pub fn check_beside(target: &Path) -> Result<(), ArchiveError> {
    let refuse =
        |path: &Path, what| Err(ArchiveError::Output { path: path.display().to_string(), what });
    if target.symlink_metadata().is_ok() {
        return refuse(target, "a file that would be read in the place of the volumes");
    }
    for number in 2..=MAX_VOLUMES {
        let path = volume_path(target, number);
        if path.symlink_metadata().is_ok() {
            super::partial::check_output(&path)?;
            if !has_marker(&path) {
                return refuse(&path, "named like a volume, but it is not one");
            }
        }
    }
    Ok(())
}

/// Removes what a new set of `count` volumes does not replace of an earlier one: volumes beyond the last, which would
/// make the new set unreadable, and the first one, so that a set which has a first volume is never of two archives.
///
/// # Errors
/// The system's.
pub(super) fn remove_earlier(target: &Path, count: usize) -> Result<(), ArchiveError> {
    let beyond = (count + 1..=MAX_VOLUMES).map(|number| volume_path(target, number));
    let earlier = beyond.filter(|path| has_marker(path));
    for path in std::iter::once(volume_path(target, 1)).chain(earlier) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ArchiveError::io("remove", &path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The files of a finished archive and their lengths in bytes: `target` itself, or its volumes.
///
/// # Errors
/// The system's.
pub fn files_of(target: &Path, geometry: &Geometry) -> Result<Vec<(PathBuf, u64)>, ArchiveError> {
    let paths: Vec<PathBuf> = match geometry.volume_size() {
        Some(_) => volumes_beside(target).collect(),
        None => vec![target.to_owned()],
    };
    let length = |path: PathBuf| {
        let metadata = path.metadata().map_err(|e| ArchiveError::io("look at", &path, e))?;
        Ok((path, metadata.len()))
    };
    paths.into_iter().map(length).collect()
}

/// What [`find`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One file.
    File(PathBuf),
    /// Volumes in order.
    Set(Vec<PathBuf>),
    /// One file was named like a first volume; the others lie beside it. They count only when it is cut.
    Beside(Vec<PathBuf>),
}

/// The files that make up one archive. Volumes that were not named are looked for in the folders that were, and beside
/// those that were. Files that are not named as volumes are put in order by their markers, when all are named. A list of
/// checksums among them is passed over.
///
/// # Errors
/// [`ArchiveError::Named`] when names are of different archives or one number comes twice,
/// [`ArchiveError::VolumeMissing`] for a gap.
pub fn find(named: &[PathBuf]) -> Result<Found, ArchiveError> {
    let named = without_checksums(named);
    if let [one] = &named[..]
        && is_archive_of_its_own(one)
    {
        return Ok(Found::File(one.clone()));
    }
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        named.iter().cloned().partition(|path| path.is_dir());
    let is_named = |file: &PathBuf| volume_name(file).is_some() || !file.exists();
    if files.len() > 1 && !files.iter().all(is_named) {
        return by_marker(&files, &folders);
    }
    let search = Search::new(&files, folders)?;
    let volumes = search.volumes()?;
    let only_first = matches!(&named[..], [one] if volume_name(one).is_some_and(|(_, n)| n == 1));
    Ok(if only_first { Found::Beside(volumes) } else { Found::Set(volumes) })
}

/// Whether a single name means one file: one that is not named as a volume, or is named so and is a whole archive.
fn is_archive_of_its_own(path: &Path) -> bool {
    if path.is_dir() {
        return false;
    }
    match volume_name(path) {
        // Without a file, it may be the name that volumes share.
        None => path.exists() || volumes_beside(path).next().is_none(),
        Some((_, 1)) => false,
        Some(_) => beginning(path).is_some_and(|bytes| bytes[..4] == MAGIC),
    }
}

/// Names in search of the other volumes.
struct Search {
    base: OsString,
    named: BTreeMap<usize, PathBuf>,
    folders: Vec<PathBuf>,
}

impl Search {
    fn new(files: &[PathBuf], mut folders: Vec<PathBuf>) -> Result<Self, ArchiveError> {
        let mut base: Option<OsString> = None;
        let mut named: BTreeMap<usize, PathBuf> = BTreeMap::new();
        for file in files {
            let (stem, number) = match volume_name(file) {
                Some((stem, number)) => (stem, Some(number)),
                None => (file.clone(), None),
            };
            let name = stem.file_name().unwrap_or_default().to_owned();
            if base.get_or_insert_with(|| name.clone()) != &name {
                let what = format!("is not of the archive {}", shown(&base.unwrap_or_default()));
                return Err(refuse(file, what));
            }
            // One that is named and not there may lie in another folder that is named.
            if let (Some(number), true) = (number, file.exists())
                && let Some(other) = named.insert(number, file.clone())
                && !is_same_file(&other, file)
            {
                return Err(twice(file, &other));
            }
            let folder = directory_of(file).to_owned();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let base = match base {
            Some(base) => base,
            None => only_base(&folders)?,
        };
        Ok(Self { base, named, folders })
    }

    /// Every volume up to the last that is there.
    fn volumes(mut self) -> Result<Vec<PathBuf>, ArchiveError> {
        for number in 1..=MAX_VOLUMES {
            if self.named.contains_key(&number) {
                continue;
            }
            let places = self.folders.iter().map(|f| volume_path(&f.join(&self.base), number));
            let mut there = places.filter(|path| path.exists());
            let Some(first) = there.next() else { continue };
            if let Some(other) = there.find(|other| !is_same_file(&first, other)) {
                return Err(twice(&other, &first));
            }
            self.named.insert(number, first);
        }
        let last = self.named.keys().next_back().copied().unwrap_or(1);
        match (1..=last).find(|number| !self.named.contains_key(number)) {
            Some(number) => {
                let folder = self.folders.first().map_or(Path::new(""), PathBuf::as_path);
                let path = volume_path(&folder.join(&self.base), number);
                Err(ArchiveError::VolumeMissing { path: path.display().to_string() })
            }
            None => Ok(self.named.into_values().collect()),
        }
    }
}

/// Volumes under names that a courier gave them, in the order that their markers state. All have to be named.
fn by_marker(files: &[PathBuf], folders: &[PathBuf]) -> Result<Found, ArchiveError> {
    if let Some(folder) = folders.first() {
        return Err(refuse(folder, "is a folder: volumes under other names are named one by one"));
    }
    let mut order: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for file in files {
        let beginning = beginning(file);
        let number = match beginning {
            Some(bytes) if bytes[..4] == MAGIC => 1,
            Some(bytes) => marked_number(&bytes).unwrap_or(0),
            None => 0,
        };
        if number == 0 {
            return Err(refuse(file, "is not a volume of a bundle"));
        }
        if let Some(other) = order.insert(number, file.clone())
            && !is_same_file(&other, file)
        {
            let other = other.display();
            let what = match number {
                1 => format!("begins a bundle, and so does {other}: one bundle is read at a time"),
                _ => format!("is volume {number}, and so is {other}"),
            };
            return Err(refuse(file, what));
        }
    }
    for (expected, (number, file)) in (1..).zip(&order) {
        if *number != expected {
            let what =
                format!("is volume {number}, and volume {expected} is not among those named");
            return Err(refuse(file, what));
        }
    }
    Ok(Found::Set(order.into_values().collect()))
}

/// Divides what was named into archives: volumes of one bundle come together, whatever folders they lie in. The order is
/// that of the first name of each. What cannot be read stands alone; opening it says why.
pub fn group(named: &[PathBuf]) -> Vec<Vec<PathBuf>> {
    let mut groups: Vec<(Option<Digest>, Vec<PathBuf>)> = Vec::new();
    for path in without_checksums(named) {
        let bundle = bundle_of(&path);
        let own = groups.iter_mut().find(|(other, _)| bundle.is_some() && *other == bundle);
        match own {
            Some((_, paths)) => paths.push(path),
            None => groups.push((bundle, vec![path])),
        }
    }
    groups.into_iter().map(|(_, paths)| paths).collect()
}

/// The bundle that a volume belongs to; the one of the volumes in a folder or under a common name. `None` for archives
/// that are not cut.
fn bundle_of(path: &Path) -> Option<Digest> {
    if path.is_dir() {
        let folder = path.to_owned();
        let base = only_base(std::slice::from_ref(&folder)).ok()?;
        return bundle_of(&volumes_beside(&folder.join(base)).next()?);
    }
    if !path.exists() {
        return bundle_of(&volumes_beside(path).next()?);
    }
    let beginning = beginning(path)?;
    if marked_number(&beginning).is_some() {
        return Some(marked_bundle(&beginning));
    }
    let head = head::read(&Medium::file(path).ok()?).ok()?;
    let inventory = head.files.iter().find(|file| file.name == head::INVENTORY)?;
    let is_cut = Inventory::from_bytes(&inventory.bytes).ok()?.volume_size.is_some();
    is_cut.then(|| Digest::of(&inventory.bytes))
}

/// Without the list of checksums of an archive whose volumes are named too, as `FILE.*` names it.
fn without_checksums(named: &[PathBuf]) -> Vec<PathBuf> {
    let bases: Vec<PathBuf> = named.iter().filter_map(|p| Some(volume_name(p)?.0)).collect();
    let is_list =
        |path: &PathBuf| bases.iter().any(|base| super::checksums::list_path(base) == *path);
    named.iter().filter(|path| !is_list(path)).cloned().collect()
}

/// The volumes that lie there under the name `base`.
fn volumes_beside(base: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let base = base.to_owned();
    (1..=MAX_VOLUMES).map(move |number| volume_path(&base, number)).filter(|path| path.exists())
}

/// The one archive whose volumes lie in the folders.
fn only_base(folders: &[PathBuf]) -> Result<OsString, ArchiveError> {
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let found = entries.filter_map(|entry| volume_name(&entry.path()));
    let mut bases: Vec<OsString> =
        found.filter_map(|(base, _)| base.file_name().map(ToOwned::to_owned)).collect();
    bases.sort();
    bases.dedup();
    let first = folders.first().cloned().unwrap_or_default();
    match bases.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(refuse(&first, "holds no volumes of a bundle (NAME.001, NAME.002, …)")),
        [one, other, ..] => {
            let what = format!(
                "holds volumes of several archives ({}, {}, …): name those of one",
                shown(one),
                shown(other)
            );
            Err(refuse(&first, what))
        }
    }
}

/// The first bytes of a file, as many as a marker has; zeros where it has fewer.
fn beginning(path: &Path) -> Option<[u8; MARKER as usize]> {
    let (file, _) = open_file(path).ok()?;
    let mut bytes = Vec::with_capacity(MARKER as usize);
    file.take(MARKER).read_to_end(&mut bytes).ok()?;
    bytes.resize(MARKER as usize, 0);
    bytes.try_into().ok()
}

/// Whether a file begins as every volume but the first does.
pub(super) fn has_marker(path: &Path) -> bool {
    beginning(path).is_some_and(|bytes| marked_number(&bytes).is_some())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    one == other || identity(one).is_some_and(|one| Some(one) == identity(other))
}

fn twice(one: &Path, other: &Path) -> ArchiveError {
    refuse(one, format!("has the same number as {}: name the one that counts", other.display()))
}

fn shown(name: &OsStr) -> String {
    bundle_oci::text::bounded(&name.to_string_lossy())
}

fn refuse(path: &Path, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Named { path: path.display().to_string(), what: what.into() }
}

#[cfg(test)]
mod tests;
