//! A file that is whole, synced and has its final mode before it has its name.

use super::directory::Directory;
use super::error::PathError;
use super::selinux;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write as _;

/// Readable by everybody, whatever the umask: these are public keys and what they are good for.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);

/// Bits of a mode that a file takes over from the one whose place it takes.
const PERMISSIONS: Mode = Mode::from_raw_mode(0o777);

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Readers {
    /// Everybody, whatever the umask.
    Everybody,
    /// Owner, group and mode as another file has them.
    As(Uid, Gid, Mode),
}

/// A file under a temporary name in its final directory; removed when it is dropped without having been published.
///
/// The temporary name is always the same one, so that what a power cut left is replaced by the next run. Directories
/// are changed under [`Directory::lock`], so no two processes share it.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    directory: &'a Directory,
    name: String,
    temporary: String,
}

impl<'a> Staged<'a> {
    pub(crate) fn write(
        directory: &'a Directory,
        name: &str,
        content: &[u8],
        readers: Readers,
    ) -> Result<Self, PathError> {
        let temporary = format!(".{name}.new");
        let path = directory.path_of(&temporary);
        match rustix::fs::unlinkat(directory.descriptor(), &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(PathError::system("remove", &path, error)),
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::from_raw_mode(0o600);
        let descriptor = rustix::fs::openat(directory.descriptor(), &temporary, flags, private)
            .map_err(|e| PathError::system("create", &path, e))?;
        let staged = Self { directory, name: name.to_owned(), temporary };
        let mut file = File::from(descriptor);
        file.write_all(content).map_err(|e| PathError::system("write", &path, e))?;
        let mode = match readers {
            Readers::Everybody => FILE_MODE,
            Readers::As(owner, group, mode) => {
                // Who may not give files away keeps them for the owner.
                match rustix::fs::fchown(&file, Some(owner), Some(group)) {
                    Ok(()) => mode & PERMISSIONS,
                    Err(_) => mode & Mode::RWXU,
                }
            }
        };
        rustix::fs::fchmod(&file, mode)
            .map_err(|e| PathError::system("set the mode of", &path, e))?;
        // Content and mode are final, and the name is not yet taken.
        selinux::label(&file, &directory.path_of(name))?;
        file.sync_all().map_err(|e| PathError::system("sync", &path, e))?;
        Ok(staged)
    }

    /// Gives the file its name, which nothing may have yet.
    pub(crate) fn publish_new(self) -> Result<(), PathError> {
        let directory = self.directory.descriptor();
        // link(2) fails when the name is taken, on every file system that has links; dropping removes the old name.
        rustix::fs::linkat(directory, &self.temporary, directory, &self.name, AtFlags::empty())
            .map_err(|e| PathError::system("create", &self.directory.path_of(&self.name), e))
    }

    /// Gives the file its name, in the place of the file that has it.
    pub(crate) fn publish_over(self) -> Result<(), PathError> {
        let directory = self.directory.descriptor();
        rustix::fs::renameat(directory, &self.temporary, directory, &self.name)
            .map_err(|e| PathError::system("replace", &self.directory.path_of(&self.name), e))
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing left; after a failure, failing once more changes nothing.
        let _ =
            rustix::fs::unlinkat(self.directory.descriptor(), &self.temporary, AtFlags::empty());
    }
}
