//! One directory, held open: files in it are reached by plain name, and no symbolic link is followed.

use super::staged::Staged;
use bundle_ownership::keep_lock_from_others;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::sync::Arc;

/// Mode of directories that are made, less the umask.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// Nobody but the owner can open a lock, and so hold it.
const LOCK_MODE: Mode = Mode::from_raw_mode(0o600);
const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Without `NONBLOCK` the opening of a pipe would wait for a writer.
const NO_LINK: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// An open directory. Cloning shares the handle.
#[derive(Debug, Clone)]
pub struct Directory(Arc<OwnedFd>);

impl Directory {
    /// Opens `path`; links in the path itself are the caller's choice and are followed.
    ///
    /// # Errors
    /// The system's, here and in all that follows.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(rustix::fs::open(path, OPEN_DIRECTORY, Mode::empty())?)))
    }

    /// Opens the directory `name` in this one.
    pub fn open_directory(&self, name: &str) -> io::Result<Self> {
        let flags = OPEN_DIRECTORY | OFlags::NOFOLLOW;
        let opened = rustix::fs::openat(&*self.0, name, flags, Mode::empty());
        Ok(Self(Arc::new(opened.map_err(link_error)?)))
    }

    /// Makes the directory `name`; false when something has that name already.
    pub fn make_directory(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::mkdirat(&*self.0, name, DIRECTORY_MODE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The thing named `name`, or nothing. A link is examined itself.
    pub fn examine(&self, name: &str) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the regular file `name`; gives it with its length, or nothing when there is none.
    pub fn open_file(&self, name: &str) -> io::Result<Option<(File, u64)>> {
        let file = match rustix::fs::openat(&*self.0, name, OFlags::RDONLY | NO_LINK, Mode::empty())
        {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(link_error(error)),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Some((file, metadata.len())))
    }

    /// Reads the regular file `name` when it has at most `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some((file, length)) = self.open_file(name)? else {
            return Ok(None);
        };
        let mut content = Vec::with_capacity(length.min(limit) as usize);
        // The length may change while the file is read, so the limit holds for what comes, not for what was said.
        file.take(limit + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::Error::other(format!("it is longer than {limit} bytes")));
        }
        Ok(Some(content))
    }

    /// Length of the regular file `name`, or nothing when there is none or it is something else.
    pub fn file_size(&self, name: &str) -> io::Result<Option<u64>> {
        let is_regular =
            |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let stat = self.examine(name)?.filter(is_regular);
        Ok(stat.and_then(|stat| u64::try_from(stat.st_size).ok()))
    }

    /// Every name in it except `.` and `..`, sorted.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&*self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// A new file under the name `temporary`, which nothing may have, with `mode` less the umask.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something has that name.
    pub fn stage(&self, temporary: String, mode: u32) -> io::Result<Staged> {
        Staged::create(self.0.clone(), temporary, mode)
    }

    /// Removes the file `name`; false when there is none.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&*self.0, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the names in this directory durable: those that were given, and those that were removed.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&*self.0)?)
    }

    /// Makes everything written to this file system durable: for many files one call instead of one each.
    #[cfg(target_os = "linux")]
    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&*self.0)?)
    }

    /// Opens the file `name` to lock it, and makes it where it is missing, its owner's alone.
    pub fn open_lock(&self, name: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | NO_LINK;
        rustix::fs::openat(&*self.0, name, flags, LOCK_MODE).map_err(link_error)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes the exclusive lock on a file from [`Directory::open_lock`]; false when somebody else has it. It lasts as long as
/// the handle, and no longer than the process. Others cannot open the file any more, and so not hold the lock.
///
/// # Errors
/// The system's.
pub fn lock(file: &OwnedFd) -> io::Result<bool> {
    keep_lock_from_others(file)?;
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What `NOFOLLOW` answers for a link says "too many levels"; say what it means here.
fn link_error(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::other("it is a symbolic link, which is not followed"),
        error => error.into(),
    }
}
