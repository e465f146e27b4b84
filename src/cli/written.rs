//! What `bundle pack` leaves: the archive's files, and the list of their checksums.

use super::exit::Status;
use super::failure::Failure;
use super::output::tell;
use super::signals::stopped;
use super::text::safe;
use bundle::archive::geometry::Geometry;
use bundle::archive::partial::check_output;
use bundle::archive::{Archive, ArchiveError, checksums, volume_set};
use bundle::report::pack::{FileSize, PackReport};
use std::path::{Path, PathBuf};

/// Says before any work whether the archive and what comes with it can be written where they are to be.
pub(super) fn check(output: &Path, is_cut: bool) -> Result<(), ArchiveError> {
    check_output(output)?;
    if is_cut {
        volume_set::check_beside(output)?;
    }
    check_output(&checksums::list_path(output))
}

/// Refuses to replace what no earlier run of `bundle pack` wrote: another file would be lost without a word.
pub(super) fn spare_others(output: &Path, lists_checksums: bool) -> Result<(), Failure> {
    let others = |path: &Path, what: &str| {
        Failure::usage(format!("{} is there, and it is not {what}", path.display()))
            .hint("name another file with -o, or replace this one with --force")
    };
    if is_filled(output) && Archive::open(output).is_err() {
        return Err(others(output, "an earlier bundle"));
    }
    let list = checksums::list_path(output);
    if lists_checksums && is_filled(&list) && !checksums::is_list(&list) {
        return Err(others(&list, "a list of checksums"));
    }
    Ok(())
}

/// An empty file, as mktemp makes it, holds nothing that could be lost.
fn is_filled(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// Lists the files of the finished archive, and writes their checksums: for volumes always, else when `wanted`.
pub(super) async fn describe(
    output: &Path,
    geometry: &Geometry,
    wanted: bool,
    report: &mut PackReport,
) -> Result<(), Failure> {
    let failed = |error: ArchiveError| Failure::of((&error).into(), &error);
    let files = volume_set::files_of(output, geometry).map_err(failed)?;
    report.files = files.iter().map(|(path, length)| FileSize::new(path, *length)).collect();
    if !wanted && geometry.volume_size().is_none() {
        let list = checksums::list_path(output);
        if list.exists() {
            tell!("warning: {} is about an earlier archive", safe(&list.display().to_string()));
        }
        return Ok(());
    }
    let target = output.to_owned();
    let paths: Vec<PathBuf> = files.into_iter().map(|(path, _)| path).collect();
    let (done, made) = tokio::sync::oneshot::channel();
    // A thread of its own: an interrupted run does not wait for it.
    std::thread::spawn(move || done.send(checksums::write(&target, &paths)));
    tokio::select! {
        made = made => {
            let made = made.map_err(|error| Failure::of(Status::Other, &error))?;
            report.checksums = Some(made.map_err(failed)?.display().to_string());
            Ok(())
        }
        ending = stopped() => Err(Failure::interrupted(ending)
            .hint("the archive is whole, the list of its checksums is not there")),
    }
}
