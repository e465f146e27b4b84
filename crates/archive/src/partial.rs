//! `FILE.partial`: an archive that is not whole yet, and belongs to one writer.
//!
//! As root, in a directory where others may write, both names can be traps. So neither is followed when it is a
//! symbolic link, and nothing that is not a regular file is ever opened for writing or replaced. A new archive is a new
//! file: what lay under its name may have another owner, or another name as well, and would keep them.
//!
//! Whoever can open a file can hold its lock for ever. So it is its owner's alone until it is whole.

use super::ArchiveError;
use bundle_files::directory_of;
use bundle_ownership::{file_mode, keep_lock_from_others};
use rustix::fs::{FlockOperation, OFlags};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// Nobody but the owner opens what is not whole, whatever the umask.
const FILE_MODE: u32 = 0o600;
const OTHERS_WRITE: u32 = 0o022;

/// Name of the file an archive is written to before it is whole.
pub fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Makes the names beside `path` durable.
pub(super) fn sync_directory_of(path: &Path) -> Result<(), ArchiveError> {
    let synced = bundle_files::sync_directory_of(path);
    synced.map_err(|e| ArchiveError::io("sync", directory_of(path), e))
}

/// Says before any work whether an archive can be written as `target`: a new name, or a regular file, which is
/// replaced when the new archive is whole.
///
/// # Errors
/// [`ArchiveError::Output`] for devices, pipes, directories and symbolic links; [`ArchiveError::Io`] when the
/// directory is not there.
pub fn check_output(target: &Path) -> Result<(), ArchiveError> {
    let directory = directory_of(target);
    std::fs::metadata(directory).map_err(|e| ArchiveError::io("write to", directory, e))?;
    match std::fs::symlink_metadata(target) {
        Ok(metadata) => check_kind(target, &metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ArchiveError::io("look at", target, error)),
    }
}

pub(super) fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), ArchiveError> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "no regular file"
    };
    Err(refused(path, what))
}

/// Makes a new file at `path` for one writer alone. What lay there is removed, when nobody writes it.
///
/// # Errors
/// As [`open`].
pub(super) fn create(path: &Path) -> Result<File, ArchiveError> {
    match open_or_make(path)? {
        (file, Origin::Made) => Ok(file),
        (file, Origin::Found) => renew(path, file),
    }
}

/// Where a file that was opened comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was made now.
    Made,
    /// It lay there.
    Found,
}

/// Makes a new file in the place of one that [`open`] gave.
///
/// # Errors
/// As [`open`].
pub(super) fn renew(path: &Path, held: File) -> Result<File, ArchiveError> {
    std::fs::remove_file(path).map_err(|e| ArchiveError::io("remove", path, e))?;
    let created =
        OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path);
    let file = created.map_err(|e| ArchiveError::io("create", path, e))?;
    lock(path, &file)?;
    drop(held);
    Ok(file)
}

/// Opens `path` for one writer alone, with what an interrupted run left there.
///
/// # Errors
/// [`ArchiveError::Output`] when another run writes it, or it is not a regular file.
pub(super) fn open(path: &Path) -> Result<File, ArchiveError> {
    open_or_make(path).map(|(file, _)| file)
}

/// Opens as [`open`] does, and says what was opened.
///
/// # Errors
/// As [`open`].
pub(super) fn open_or_make(path: &Path) -> Result<(File, Origin), ArchiveError> {
    let io = |error| ArchiveError::io("create", path, error);
    let origin = match std::fs::symlink_metadata(path) {
        Ok(metadata) => check_kind(path, &metadata).map(|()| Origin::Found)?,
        Err(error) if error.kind() == ErrorKind::NotFound => Origin::Made,
        Err(error) => return Err(io(error)),
    };
    // The flags close the gap between looking and opening: no link is followed, and no pipe is waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(origin == Origin::Made)
        .mode(FILE_MODE)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io)?;
    lock(path, &file)?;
    Ok((file, origin))
}

/// Opens `path` as [`open`] does, for going on with it: it is this user's, and has no other name.
///
/// # Errors
/// As [`open`] and [`check_own`].
pub(super) fn reopen(path: &Path) -> Result<(File, Origin), ArchiveError> {
    let (file, origin) = open_or_make(path)?;
    check_own(path, &file)?;
    Ok((file, origin))
}

/// Refuses what somebody else owns, or has under another name; gives the mode.
///
/// # Errors
/// [`ArchiveError::Output`].
pub(super) fn check_own(path: &Path, file: &File) -> Result<u32, ArchiveError> {
    let metadata = file.metadata().map_err(|e| ArchiveError::io("look at", path, e))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(path, "another user's"));
    }
    if metadata.nlink() > 1 {
        return Err(refused(path, "a file with a second name"));
    }
    Ok(metadata.mode())
}

pub(super) fn refused(path: &Path, what: &'static str) -> ArchiveError {
    ArchiveError::Output { path: path.display().to_string(), what }
}

/// Gives a file that has its final name the mode that files have. Under the other name it could be locked by whoever opens
/// it.
pub(super) fn open_to_readers(file: &File) {
    // A file system without modes refuses this, and lets everybody read as it is.
    let opened = file.set_permissions(Permissions::from_mode(file_mode()));
    let _ = opened.and_then(|()| file.sync_all());
}

/// Takes a file for one writer alone.
fn lock(path: &Path, file: &File) -> Result<(), ArchiveError> {
    let io = |error| ArchiveError::io("create", path, error);
    let busy = || Err(refused(path, "being written by another run"));
    let metadata = file.metadata().map_err(io)?;
    check_kind(path, &metadata)?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    // Where others may write, the mode says that what is there may be theirs: that is looked at later.
    let was_open =
        metadata.mode() & OTHERS_WRITE == 0 && keep_lock_from_others(file).map_err(io)?;
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) if !own => return Err(refused(path, "another user's")),
        Err(rustix::io::Errno::WOULDBLOCK) if was_open => {
            return Err(refused(path, "held by a process of a user who could read it until now"));
        }
        Err(rustix::io::Errno::WOULDBLOCK) => return busy(),
        // Not every file system knows locks; then nothing better can be said.
        Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOSYS) | Ok(()) => {}
        Err(error) => return Err(io(error.into())),
    }
    // The run that held the lock until now may have given this very file its final name.
    let same = |now: Metadata| (now.dev(), now.ino()) == (metadata.dev(), metadata.ino());
    match std::fs::symlink_metadata(path).is_ok_and(same) {
        true => Ok(()),
        false => busy(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("temporary folder")
    }

    fn pipe(path: &Path) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
    }

    #[track_caller]
    fn expect_refused<T: std::fmt::Debug>(result: Result<T, ArchiveError>, expected: &str) {
        assert!(
            matches!(&result, Err(ArchiveError::Output { what, .. }) if *what == expected),
            "{result:?} instead of {expected}"
        );
    }

    #[test]
    fn only_regular_files_are_written_or_replaced() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "victim").expect("file");
        symlink(at("victim"), at("link")).expect("link");
        symlink(at("nowhere"), at("dangling")).expect("link");
        pipe(&at("pipe"));
        let _socket = UnixListener::bind(at("socket")).expect("socket");
        for (name, what) in [
            ("link", "a symbolic link"),
            ("dangling", "a symbolic link"),
            ("pipe", "a pipe"),
            ("socket", "no regular file"),
            ("", "a directory"),
        ] {
            expect_refused(check_output(&at(name)), what);
            expect_refused(open(&at(name)), what);
            expect_refused(create(&at(name)), what);
        }
        expect_refused(check_output(Path::new("/dev/null")), "a device");
        expect_refused(open(Path::new("/dev/null")), "a device");
        assert_eq!(std::fs::read(at("victim")).expect("file"), b"victim");
        assert!(!at("nowhere").exists());

        check_output(&at("victim")).expect("a file may be replaced");
        check_output(&at("new")).expect("a new name");
        assert!(matches!(check_output(&at("no/such")), Err(ArchiveError::Io { .. })));
        open(&at("new")).expect("a new file");
    }

    #[test]
    fn a_file_that_is_not_whole_is_its_owners_alone() {
        let folder = folder();
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").mode() & 0o7777;
        let path = folder.path().join("a.partial");
        let made = create(&path).expect("a new file");
        assert_eq!(mode(&path), 0o600, "made");
        for left in [0o644, 0o640, 0o604] {
            made.set_permissions(Permissions::from_mode(left)).expect("mode");
            // Another file handle, as another user has who may read it, holds the lock.
            expect_refused(open(&path), "held by a process of a user who could read it until now");
            assert_eq!(mode(&path), 0o600, "{left:o}");
            expect_refused(open(&path), "being written by another run");
        }
        made.set_permissions(Permissions::from_mode(0o644)).expect("mode");
        drop(made);
        for again in [open as fn(&Path) -> Result<File, ArchiveError>, create] {
            drop(again(&path).expect("nobody holds it"));
            assert_eq!(mode(&path), 0o600);
        }
        let whole = open(&path).expect("nobody holds it");
        open_to_readers(&whole);
        assert_eq!(mode(&path), file_mode());
        // The mode of a file with a second name is not this run's to change.
        std::fs::hard_link(&path, folder.path().join("second")).expect("link");
        let before = mode(&path);
        drop(whole);
        drop(open(&path).expect("nobody holds it"));
        assert_eq!(mode(&path), before);
    }

    #[test]
    fn leftovers_are_taken_unless_another_run_writes_them() {
        let folder = folder();
        let path = folder.path().join("a.partial");
        std::fs::write(&path, "left").expect("file");
        let first = open(&path).expect("what was left is taken over");
        assert_eq!(first.metadata().expect("metadata").len(), 4, "and is not touched yet");

        std::fs::write(&path, "at work").expect("file");
        expect_refused(open(&path), "being written by another run");
        expect_refused(create(&path), "being written by another run");
        assert_eq!(std::fs::read(&path).expect("file"), b"at work");

        drop(first);
        open(&path).expect("nobody writes it any more");
    }
}
