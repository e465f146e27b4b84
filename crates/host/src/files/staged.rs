//! A file that is whole, synced and has its final mode before it has its name.

use super::directory::Directory;
use super::error::PathError;
use super::selinux;
use bundle_files::Staged as Unnamed;
use rustix::fs::{Gid, Mode, Uid};
use std::io;

/// Readable by everybody, whatever the umask: these are public keys and what they are good for.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);

/// Nobody else's while it is written.
const PRIVATE: u32 = 0o600;

/// Bits of a mode that a file takes over from the one whose place it takes.
const PERMISSIONS: Mode = Mode::from_raw_mode(0o777);

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
enum Readers {
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
    file: Unnamed,
}

impl Directory {
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
        let readers = self.examine(like)?.map_or(Readers::Everybody, |stat| {
            let mode = Mode::from_raw_mode(stat.st_mode);
            Readers::As(Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid), mode)
        });
        Staged::write(self, name, content, readers)
    }
}

impl<'a> Staged<'a> {
    fn write(
        directory: &'a Directory,
        name: &str,
        content: &[u8],
        readers: Readers,
    ) -> Result<Self, PathError> {
        let temporary = format!(".{name}.new");
        let path = directory.path_of(&temporary);
        let failed = |doing: &'static str| {
            let path = &path;
            move |e: io::Error| PathError::system(doing, path, e)
        };
        let handle = directory.handle();
        handle.remove(&temporary).map_err(failed("remove"))?;
        let mut file = handle.stage(temporary, PRIVATE).map_err(failed("create"))?;
        file.write(content).map_err(failed("write"))?;
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
        rustix::fs::fchmod(&file, mode).map_err(|e| failed("set the mode of")(e.into()))?;
        // Content and mode are final, and the name is not yet taken.
        selinux::label(file.file(), &directory.path_of(name))?;
        file.sync().map_err(failed("sync"))?;
        Ok(Self { directory, name: name.to_owned(), file })
    }

    /// Gives the file its name, which nothing may have yet.
    pub(crate) fn publish_new(self) -> Result<(), PathError> {
        let published = self.file.publish_new(&self.name);
        published.map_err(|e| PathError::system("create", &self.directory.path_of(&self.name), e))
    }

    /// Gives the file its name, in the place of the file that has it.
    pub(crate) fn publish_over(self) -> Result<(), PathError> {
        let published = self.file.publish_over(&self.name);
        published.map_err(|e| PathError::system("replace", &self.directory.path_of(&self.name), e))
    }
}
