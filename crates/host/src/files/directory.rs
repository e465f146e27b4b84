//! One directory below the root: what may be read from it and how it is written.

use super::error::{FileKind, PathError};
use super::root::Owners;
use super::staged::{Readers, Staged};
use bundle_ownership::keep_lock_from_others;
use rustix::fs::{Access, AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// Held by whoever changes a directory. Mode 0600: a lock that everybody could open, everybody could hold forever.
const LOCK: &str = ".lock";
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
const OTHERS_MAY_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// An open directory that only those who count can write to.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    owners: Owners,
}

impl Directory {
    pub(crate) fn new(descriptor: OwnedFd, path: PathBuf, owners: Owners) -> Self {
        Self { descriptor, path, owners }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
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
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
            .map_err(|e| PathError::system("open directory", &path, e))?;
        let stat =
            rustix::fs::fstat(&descriptor).map_err(|e| PathError::system("examine", &path, e))?;
        self.check_protected(&path, &stat)?;
        Ok(Some(Self { descriptor, path, owners: self.owners }))
    }

    /// Creates the directory `name` with mode 0755.
    pub(crate) fn create_child(&self, name: &str) -> Result<Self, PathError> {
        let path = self.path_of(name);
        let failed = |e: Errno| PathError::system("create directory", &path, e);
        let fresh = match rustix::fs::mkdirat(&self.descriptor, name, DIRECTORY_MODE) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(failed(error)),
        };
        let child = self.child(name)?.ok_or_else(|| failed(Errno::NOENT))?;
        if fresh {
            rustix::fs::fchmod(&child.descriptor, DIRECTORY_MODE).map_err(failed)?;
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
        let stat = match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(PathError::system("examine", &path, error)),
        };
        check_kind(&path, &stat, expected)?;
        Ok(true)
    }

    /// The content of the regular file `name`, or `None` when nothing has that name. Its kind is known before it is
    /// opened, so that no pipe blocks and no device notices.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PathError> {
        if !self.holds(name, FileKind::Regular)? {
            return Ok(None);
        }
        let path = self.path_of(name);
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
            .map_err(|e| PathError::system("open", &path, e))?;
        let stat =
            rustix::fs::fstat(&descriptor).map_err(|e| PathError::system("examine", &path, e))?;
        check_kind(&path, &stat, FileKind::Regular)?;
        self.check_protected(&path, &stat)?;
        let mut content = Vec::new();
        File::from(descriptor)
            .take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|e| PathError::system("read", &path, e))?;
        if content.len() as u64 > limit {
            return Err(PathError::TooLarge { path, limit });
        }
        Ok(Some(content))
    }

    /// Every name in it except `.`, `..` and hidden ones, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, PathError> {
        let failed = |e: Errno| PathError::system("list directory", &self.path, e);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.descriptor).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_bytes().to_vec();
            if !name.starts_with(b".") {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Every name in it that ends with `ending`, hidden ones too, sorted: the container stack reads those as well.
    pub(crate) fn names_ending(&self, ending: &str) -> Result<Vec<OsString>, PathError> {
        let failed = |e: Errno| PathError::system("list directory", &self.path, e);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.descriptor).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_bytes().to_vec();
            if name.ends_with(ending.as_bytes()) {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Refuses when files cannot be created here: no permission, a read-only file system, or something else in the
    /// place of the lock.
    pub(crate) fn check_writable(&self) -> Result<(), PathError> {
        self.holds(LOCK, FileKind::Regular)?;
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.descriptor, ".", wanted, AtFlags::EACCESS)
            .map_err(|e| PathError::system("write to", &self.path, e))
    }

    /// Writes `content` beside `name`, synced, with mode 0644; it gets its name later. Only under [`Self::lock`].
    pub(crate) fn stage(&self, name: &str, content: &[u8]) -> Result<Staged<'_>, PathError> {
        Staged::write(self, name, content, Readers::Everybody)
    }

    /// The same with owner, group and mode of the file `like`, where that is there.
    pub(crate) fn stage_like(
        &self,
        like: &str,
        name: &str,
        content: &[u8],
    ) -> Result<Staged<'_>, PathError> {
        let readers = match rustix::fs::statat(&self.descriptor, like, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Readers::As(
                Uid::from_raw(stat.st_uid),
                Gid::from_raw(stat.st_gid),
                Mode::from_raw_mode(stat.st_mode),
            ),
            Err(Errno::NOENT) => Readers::Everybody,
            Err(error) => return Err(PathError::system("examine", &self.path_of(like), error)),
        };
        Staged::write(self, name, content, readers)
    }

    /// Removes the file `name`.
    pub(crate) fn remove(&self, name: &str) -> Result<(), PathError> {
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty())
            .map_err(|e| PathError::system("remove", &self.path_of(name), e))
    }

    /// Makes names that were added or removed survive a power cut.
    pub(crate) fn sync(&self) -> Result<(), PathError> {
        rustix::fs::fsync(&self.descriptor)
            .map_err(|e| PathError::system("sync directory", &self.path, e))
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
        match rustix::fs::statat(&self.descriptor, LOCK, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.not_locked(error)),
        }
    }

    fn not_locked(&self, error: Errno) -> PathError {
        PathError::system("lock", &self.path_of(LOCK), error)
    }

    /// The file of the lock, made where it is missing.
    fn lock_file(&self) -> Result<OwnedFd, PathError> {
        let path = self.path_of(LOCK);
        let failed = |e: Errno| self.not_locked(e);
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        self.holds(LOCK, FileKind::Regular)?;
        let mode = Mode::from_raw_mode(0o600);
        let file = rustix::fs::openat(&self.descriptor, LOCK, flags, mode).map_err(failed)?;
        // Who can open it, can hold it for ever.
        let stat = rustix::fs::fstat(&file).map_err(failed)?;
        check_kind(&path, &stat, FileKind::Regular)?;
        self.check_protected(&path, &stat)?;
        keep_lock_from_others(&file).map_err(|e| PathError::system("lock", &path, e))?;
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
