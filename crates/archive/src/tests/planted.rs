//! What others laid where an archive is to be written: nothing of it is written into, or becomes the archive.

use super::*;
use crate::journal;
use crate::partial::partial_path;
use crate::volumes::volume_path;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

const VICTIM: &[u8] = b"what is in here stays";

/// A file of its own, and a second name for it.
fn link(folder: &Path, name: &Path) {
    let victim = folder.join("victim");
    std::fs::write(&victim, VICTIM).expect("victim");
    std::fs::hard_link(victim, name).expect("second name");
}

fn assert_untouched(folder: &Path) {
    assert_eq!(std::fs::read(folder.join("victim")).expect("victim"), VICTIM);
}

#[tokio::test]
async fn new_archive_is_a_new_file_beside_a_planted_partial_one() {
    let (folder, blobs) = (folder(), sample());
    let target = folder.path().join("a.tar.zst");
    let partial = partial_path(&target);
    link(folder.path(), &partial);
    write(&target, &blobs, false, 1 << 20).await.expect("written");
    assert_untouched(folder.path());
    assert_eq!(std::fs::metadata(&target).expect("archive").nlink(), 1);
    let expected = std::fs::read(&target).expect("archive");

    // Who made the file may open it again, whatever its mode is then. Only root can show the owner.
    std::fs::write(&partial, "left").expect("file");
    std::fs::set_permissions(&partial, PermissionsExt::from_mode(0o666)).expect("mode");
    let _ = std::os::unix::fs::chown(&partial, Some(65_534), None);
    write(&target, &blobs, false, 1 << 20).await.expect("written");
    let metadata = std::fs::metadata(&target).expect("archive");
    assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw());
    assert_eq!(metadata.mode() & 0o002, 0, "not the planted file's mode");
    assert_eq!(std::fs::read(&target).expect("archive"), expected);
}

#[test]
fn an_interrupted_run_is_gone_on_with_only_in_files_of_its_own() {
    let (folder, blobs) = (folder(), [blob(3_000_000, 1, Stored::Raw)]);
    let target = folder.path().join("a");
    let geometry = Geometry::volumes(1 << 20).expect("a size");
    let blueprint = || cut_blueprint(&blobs, geometry);
    let mut writer = ArchiveWriter::create(&target, blueprint()).expect("created");
    writer.start_journal(&target, b"plan").expect("journal");
    drop(writer);
    let found = journal::find(&target).expect("looked").expect("a plan");
    drop(ArchiveWriter::resume(&target, blueprint(), &found).expect("gone on with"));

    let second = partial_path(&volume_path(&target, 2));
    std::fs::remove_file(&second).expect("removed");
    link(folder.path(), &second);
    let error = ArchiveWriter::resume(&target, blueprint(), &found).expect_err("a second name");
    assert!(
        matches!(&error, ArchiveError::Output { path, .. } if *path == second.display().to_string())
    );
    assert_untouched(folder.path());

    std::fs::remove_file(&second).expect("removed");
    let writer = ArchiveWriter::resume(&target, blueprint(), &found).expect("a new file");
    block_on(fill(writer, &blobs, false, 50_000)).expect("written");
    assert_holds(&Archive::open(&target).expect("opened"), &blobs);
}
