//! One directory below the root: what may be read from it and how it is written.

use super::error::{FileKind, PathError};
use super::owners::Owners;
use bundle_files::Directory as Handle;
use bundle_ownership::keep_lock_from_others;
use rustix::fs::{Access, AtFlags, FileType, FlockOperation, Mode, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Held by whoever changes a directory. Mode 0600: a lock that everybody could open, everybody could hold forever.
const LOCK: &str = ".lock";
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
const OTHERS_MAY_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// An open directory that only those who count can write to.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: Handle,
    path: PathBuf,
    owners: Owners,
}

impl Directory {
    pub(super) fn new(handle: Handle, path: PathBuf, owners: Owners) -> Self {
        Self { handle, path, owners }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself, for errors that name no path.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where `name` lies, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory `name`, or `None` when nothing has that name. A link to a directory is refused.
    pub(crate) fn child(&self, name: &str) -> Result<Option<Self>, PathError> {
        let path = self.path_of(name);
        if !self.holds(name, FileKind::Directory)? {
            return Ok(None);
        }
        let handle = self
            .handle
            .open_directory(name)
            .map_err(|e| PathError::system("open directory", &path, e))?;
        let stat =
            rustix::fs::fstat(&handle).map_err(|e| PathError::system("examine", &path, e))?;
        self.check_protected(&path, &stat)?;
        Ok(Some(Self { handle, path, owners: self.owners }))
    }

    /// Creates the directory `name` with mode 0755.
    pub(crate) fn create_child(&self, name: &str) -> Result<Self, PathError> {
        let path = self.path_of(name);
        let failed = |e: io::Error| PathError::system("create directory", &path, e);
        let fresh = self.handle.make_directory(name).map_err(failed)?;
        let child = self.child(name)?.ok_or_else(|| failed(Errno::NOENT.into()))?;
        if fresh {
            rustix::fs::fchmod(&child.handle, DIRECTORY_MODE).map_err(|e| failed(e.into()))?;
            self.sync()?;
        }
        Ok(child)
    }

    /// Whether `name` exists and is of kind `expected`.
    ///
    /// # Errors
    /// [`PathError::Kind`] when it is of another kind.
    pub(crate) fn holds(&self, name: &str, expected: FileKind) -> Result<bool, PathError> {
        let path = self.path_of(name);
        let Some(stat) = self.examine(name)? else { return Ok(false) };
        check_kind(&path, &stat, expected)?;
        Ok(true)
    }

    /// What has the name `name`, or nothing.
    pub(super) fn examine(&self, name: &str) -> Result<Option<Stat>, PathError> {
        let examined = self.handle.examine(name);
        examined.map_err(|e| PathError::system("examine", &self.path_of(name), e))
    }

    /// The content of the regular file `name`, or `None` when nothing has that name. Its kind is known before it is
    /// opened, so that no pipe blocks and no device notices.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PathError> {
        if !self.holds(name, FileKind::Regular)? {
            return Ok(None);
        }
        let path = self.path_of(name);
        let opened = self.handle.open_file(name);
        let opened = opened.map_err(|e| PathError::system("open", &path, e))?;
        let Some((file, _)) = opened else { return Ok(None) };
        let stat = rustix::fs::fstat(&file).map_err(|e| PathError::system("examine", &path, e))?;
        self.check_protected(&path, &stat)?;
        let mut content = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|e| PathError::system("read", &path, e))?;
        if content.len() as u64 > limit {
            return Err(PathError::TooLarge { path, limit });
        }
        Ok(Some(content))
    }

    /// Every name in it except `.`, `..` and hidden ones, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, PathError> {
        let mut names = self.all_names()?;
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        Ok(names)
    }

    /// Every name in it except `.` and `..`, sorted: the container stack and `oc` read hidden files as well.
    pub(crate) fn all_names(&self) -> Result<Vec<OsString>, PathError> {
        let names = self.handle.names();
        names.map_err(|e| PathError::system("list directory", &self.path, e))
    }

    /// Refuses when files cannot be created here: no permission, a read-only file system, or something else in the
    /// place of the lock.
    pub(crate) fn check_writable(&self) -> Result<(), PathError> {
        self.holds(LOCK, FileKind::Regular)?;
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.handle, ".", wanted, AtFlags::EACCESS)
            .map_err(|e| PathError::system("write to", &self.path, e))
    }

    /// Removes the file `name`.
    pub(crate) fn remove(&self, name: &str) -> Result<(), PathError> {
        let removed = self.handle.remove(name).and_then(|removed| match removed {
            true => Ok(()),
            false => Err(Errno::NOENT.into()),
        });
        removed.map_err(|e| PathError::system("remove", &self.path_of(name), e))
    }

    /// Makes names that were added or removed survive a power cut.
    pub(crate) fn sync(&self) -> Result<(), PathError> {
        let synced = self.handle.sync();
        synced.map_err(|e| PathError::system("sync directory", &self.path, e))
    }

    /// Waits until no other process changes this directory, and keeps others waiting until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<Lock, PathError> {
        let file = self.lock_file()?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.not_locked(error)),
            }
        }
    }

    /// The lock, unless another process has it. It is to be given up by [`Self::remove_lock`].
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, PathError> {
        let file = self.lock_file()?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // Whoever had it before has removed the file, and another one may have taken its place.
            Ok(()) if !self.is_lock(&file)? => Ok(None),
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(self.not_locked(error)),
        }
    }

    /// Removes the file of the lock, by who holds it.
    pub(crate) fn remove_lock(&self) -> Result<(), PathError> {
        self.remove(LOCK)
    }

    /// Whether this is the file that has the lock's name.
    fn is_lock(&self, file: &OwnedFd) -> Result<bool, PathError> {
        let held = rustix::fs::fstat(file).map_err(|e| self.not_locked(e))?;
        let named = self.handle.examine(LOCK).map_err(|e| self.not_locked(e))?;
        let is_that = |named: Stat| (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino);
        Ok(named.is_some_and(is_that))
    }

    fn not_locked(&self, error: impl Into<io::Error>) -> PathError {
        PathError::system("lock", &self.path_of(LOCK), error)
    }

    /// The file of the lock, made where it is missing.
    fn lock_file(&self) -> Result<OwnedFd, PathError> {
        let path = self.path_of(LOCK);
        self.holds(LOCK, FileKind::Regular)?;
        let file = self.handle.open_lock(LOCK).map_err(|e| self.not_locked(e))?;
        // Who can open it, can hold it for ever.
        let stat = rustix::fs::fstat(&file).map_err(|e| self.not_locked(e))?;
        check_kind(&path, &stat, FileKind::Regular)?;
        self.check_protected(&path, &stat)?;
        keep_lock_from_others(&file).map_err(|e| self.not_locked(e))?;
        Ok(file)
    }

    /// Refuses what somebody else owns or may write to. An access control list that lets others write shows in the
    /// group's bits.
    fn check_protected(&self, path: &Path, stat: &Stat) -> Result<(), PathError> {
        if !self.owners.admit(stat.st_uid) {
            return Err(PathError::Owner {
                path: path.to_owned(),
                owner: stat.st_uid,
                expected: self.owners.in_words(),
            });
        }
        let mode = Mode::from_raw_mode(stat.st_mode);
        if mode.intersects(OTHERS_MAY_WRITE) {
            let mode = format!("{:04o}", mode.as_raw_mode());
            return Err(PathError::Exposed { path: path.to_owned(), mode });
        }
        Ok(())
    }
}

/// A held lock; released when dropped, and by the system when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: OwnedFd,
}

fn check_kind(path: &Path, stat: &Stat, expected: FileKind) -> Result<(), PathError> {
    let found = FileKind::from(FileType::from_raw_mode(stat.st_mode));
    if found == expected {
        return Ok(());
    }
    Err(PathError::Kind { path: path.to_owned(), found, expected })
}
