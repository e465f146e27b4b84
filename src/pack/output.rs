//! The files of an archive: whether they can be written, noticed before any work, and their list with checksums.

use super::PackError;
use super::error::Occupied;
use super::request::OtherFile;
use crate::archive::geometry::Geometry;
use crate::archive::partial::check_output;
use crate::archive::{Archive, ArchiveError, checksums, volume_set};
use crate::report::pack::{FileSize, PackReport};
use std::path::{Path, PathBuf};

/// Refuses a place where the archive and what comes with it cannot be written.
pub(super) fn check(
    path: &Path,
    geometry: &Geometry,
    lists_checksums: bool,
    other_file: OtherFile,
) -> Result<(), PackError> {
    check_writable(path, geometry).map_err(PackError::Output)?;
    match other_file {
        OtherFile::Kept => spare_others(path, lists_checksums),
        OtherFile::Replaced => Ok(()),
    }
}

fn check_writable(path: &Path, geometry: &Geometry) -> Result<(), ArchiveError> {
    check_output(path)?;
    if geometry.volume_size().is_some() {
        volume_set::check_beside(path)?;
    }
    check_output(&checksums::list_path(path))
}

/// Refuses to replace what no earlier pack wrote: another file would be lost without a word.
fn spare_others(path: &Path, lists_checksums: bool) -> Result<(), PackError> {
    if is_filled(path) && Archive::open(path).is_err() {
        return Err(PackError::Occupied { path: path.to_owned(), expected: Occupied::Archive });
    }
    let list = checksums::list_path(path);
    if lists_checksums && is_filled(&list) && !checksums::is_list(&list) {
        return Err(PackError::Occupied { path: list, expected: Occupied::Checksums });
    }
    Ok(())
}

/// An empty file, as mktemp makes it, holds nothing that could be lost.
fn is_filled(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// Lists the files of the finished archive.
pub(super) fn list(
    path: &Path,
    geometry: &Geometry,
    report: &mut PackReport,
) -> Result<Vec<PathBuf>, PackError> {
    let files = volume_set::files_of(path, geometry).map_err(PackError::Unlisted)?;
    report.files = files.iter().map(|(path, length)| FileSize::new(path, *length)).collect();
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Writes the checksums of the finished archive's files.
pub(super) async fn write_checksums(
    path: PathBuf,
    files: Vec<PathBuf>,
    report: &mut PackReport,
) -> Result<(), PackError> {
    let written = tokio::task::spawn_blocking(move || checksums::write(&path, &files)).await?;
    report.checksums = Some(written.map_err(PackError::Unlisted)?.display().to_string());
    Ok(())
}
