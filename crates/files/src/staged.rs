//! A file under another name, which becomes whole before it has its own.

use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A file under a temporary name in its final directory; removed when it is dropped without having been published.
#[derive(Debug)]
pub struct Staged {
    directory: Arc<OwnedFd>,
    file: File,
    temporary: Option<String>,
}

impl Staged {
    pub(crate) fn create(
        directory: Arc<OwnedFd>,
        temporary: String,
        mode: u32,
    ) -> io::Result<Self> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory, &*temporary, flags, Mode::from_raw_mode(mode))?;
        Ok(Self { directory, file: File::from(file), temporary: Some(temporary) })
    }

    /// The file itself, to set its mode, its owner or its label before it has its name.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// The system's, here and in all that follows.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes content and mode durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file its name, in the place of the file that has it. Content that was not synced before may be lost with
    /// the power although the name stays; the name stays after [`Directory::sync`](super::Directory::sync).
    pub fn publish_over(mut self, name: &str) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            rustix::fs::renameat(&self.directory, &**temporary, &self.directory, name)?;
            self.temporary = None;
        }
        Ok(())
    }

    /// Gives the file its name, which nothing may have yet; otherwise as [`Staged::publish_over`].
    pub fn publish_new(self, name: &str) -> io::Result<()> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        // link(2) fails when the name is taken, on every file system that has links; dropping removes the old name.
        let none = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.directory, &**temporary, &self.directory, name, none)?)
    }
}

impl AsFd for Staged {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing can be done about a failure here; the next writer removes the file.
            let _ = rustix::fs::unlinkat(&self.directory, &**temporary, AtFlags::empty());
        }
    }
}
