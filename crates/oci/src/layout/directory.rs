//! One directory, held open: files in it are reached by plain name, and no symbolic link is followed.

use bundle_ownership::keep_lock_from_others;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files under construction begin so; what a crash leaves behind is found by it.
const TEMPORARY_PREFIX: &str = ".partial-";

/// An open directory. Cloning shares the handle.
#[derive(Debug, Clone)]
pub struct Directory(Arc<OwnedFd>);

impl Directory {
    /// Opens `path`; links in the path itself are the caller's choice and are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Arc::new(rustix::fs::open(path, flags, Mode::empty())?)))
    }

    /// Opens the directory `name` in this one.
    pub(crate) fn open_directory(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&*self.0, name, flags, Mode::empty());
        Ok(Self(Arc::new(opened.map_err(link_error)?)))
    }

    /// Opens the directory `name` in this one, and makes it first when it is not there.
    pub(crate) fn create_directory(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&*self.0, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => self.open_directory(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the regular file `name`; gives it with its length, or nothing when there is none.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<Option<(File, u64)>> {
        // Without NONBLOCK the open of a FIFO would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&*self.0, name, flags, Mode::empty()) {
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

    /// Length of the regular file `name`, or nothing when there is none or it is something else.
    pub(crate) fn file_size(&self, name: &str) -> io::Result<Option<u64>> {
        match rustix::fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                Ok(u64::try_from(stat.st_size).ok())
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
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

    /// Removes the file `name`; false when there is none.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&*self.0, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the names in this directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&*self.0)?)
    }

    /// A new file under a temporary name.
    pub(crate) fn temporary(&self) -> io::Result<Temporary> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id());
            match rustix::fs::openat(&*self.0, &*name, flags, Mode::from_raw_mode(0o644)) {
                Ok(file) => {
                    return Ok(Temporary {
                        directory: self.clone(),
                        file: File::from(file),
                        name: Some(name),
                    });
                }
                // Left behind by an earlier process that had the same number.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes what writers that died left behind. Only for who holds the lock.
    pub(crate) fn remove_temporaries(&self) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&*self.0)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && name.starts_with(TEMPORARY_PREFIX)
            {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// Takes the exclusive lock on the file `name`, made when it is not there. Nothing when somebody else has it. It
    /// lasts as long as the handle, and no longer than the process. Nobody but the owner can open the file, and so hold
    /// the lock.
    pub(crate) fn lock(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*self.0, name, flags, Mode::from_raw_mode(0o600))
            .map_err(link_error)?;
        keep_lock_from_others(&file)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes everything written to this file system durable: for many files one call instead of one each.
    #[cfg(target_os = "linux")]
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&*self.0)?)
    }
}

/// What `NOFOLLOW` answers for a link says "too many levels"; say what it means here.
fn link_error(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::other("it is a symbolic link, which is not followed"),
        error => error.into(),
    }
}

/// A file under a temporary name, removed unless it is published.
#[derive(Debug)]
pub(crate) struct Temporary {
    directory: Directory,
    file: File,
    name: Option<String>,
}

impl Temporary {
    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the content durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the file its final name, in place of whatever had it. Content that was not synced before may be lost with
    /// the power although the name stays.
    pub(crate) fn publish(mut self, name: &str) -> io::Result<()> {
        if let Some(temporary) = &self.name {
            let directory = &*self.directory.0;
            rustix::fs::renameat(directory, &**temporary, directory, name)?;
            self.name = None;
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nothing can be done about a failure here; the next writer that takes the lock removes the file.
            let _ = self.directory.remove(name);
        }
    }
}
