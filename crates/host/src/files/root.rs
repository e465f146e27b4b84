//! The root below which the host is changed: `/`, or the directory of `--root`.

use super::directory::Directory;
use super::error::PathError;
use super::owners::Owners;
use bundle_files::Directory as Handle;
use std::path::{Path, PathBuf};

/// An open root directory. Paths below it are walked one component at a time from its descriptor, without following
/// symbolic links, so that neither a link nor a rename of a parent can lead outside.
#[derive(Debug)]
pub struct HostRoot {
    directory: Handle,
    path: PathBuf,
    owners: Owners,
}

/// How far a walk came.
pub(crate) struct Walk {
    /// The last directory that exists.
    pub(crate) deepest: Directory,
    /// Whether that is the one that was looked for.
    pub(crate) complete: bool,
}

impl HostRoot {
    /// The host itself, `/`. Only root's files count, and only root may install.
    ///
    /// # Errors
    /// When `/` cannot be opened.
    pub fn host() -> Result<Self, PathError> {
        Self::open(Path::new("/"), Owners::Root)
    }

    /// An existing directory in the place of `/`. For root, nobody else may decide what lies there; how its own path
    /// leads there is otherwise the user's business. Below it, no link is followed.
    ///
    /// # Errors
    /// When it is not a directory that can be opened, or not one that root may write into ([`bundle_ownership`]).
    pub fn under(directory: &Path) -> Result<Self, PathError> {
        bundle_ownership::check_for_root(directory)?;
        Self::open(directory, Owners::RootOr(effective_user()))
    }

    /// As [`HostRoot::under`], of a directory that is made when it is not there.
    ///
    /// # Errors
    /// As [`HostRoot::under`]; when it cannot be made.
    pub fn made(directory: &Path) -> Result<Self, PathError> {
        bundle_ownership::make_directory(directory)?;
        Self::under(directory)
    }

    pub(crate) fn open(path: &Path, owners: Owners) -> Result<Self, PathError> {
        let directory =
            Handle::open(path).map_err(|e| PathError::system("open directory", path, e))?;
        Ok(Self { directory, path: path.to_owned(), owners })
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the same directory, by whatever path.
    ///
    /// # Errors
    /// When either cannot be examined.
    pub(crate) fn is_same(&self, other: &Self) -> Result<bool, PathError> {
        let examine = |root: &Self| {
            rustix::fs::fstat(&root.directory)
                .map(|stat| (stat.st_dev, stat.st_ino))
                .map_err(|e| PathError::system("examine", &root.path, e))
        };
        Ok(examine(self)? == examine(other)?)
    }

    /// Whether the user who runs this may install here at all: root on the host itself, anybody below `--root`.
    pub fn may_install(&self) -> bool {
        self.admits_installer(effective_user())
    }

    pub(crate) fn admits_installer(&self, user: u32) -> bool {
        user == 0 || matches!(self.owners, Owners::RootOr(_))
    }

    /// The path of `file` in the directory at `components`, for messages.
    pub(crate) fn path_of(&self, components: &[&str], file: &str) -> PathBuf {
        components.iter().fold(self.path.clone(), |path, part| path.join(part)).join(file)
    }

    /// The directory at `components`, or `None` when it or a parent is missing.
    pub(crate) fn existing(&self, components: &[&str]) -> Result<Option<Directory>, PathError> {
        let walk = self.walk(components)?;
        Ok(walk.complete.then_some(walk.deepest))
    }

    /// The directory at `components`; what is missing is created with mode 0755, whatever the umask.
    pub(crate) fn create(&self, components: &[&str]) -> Result<Directory, PathError> {
        let mut directory = self.top();
        for component in components {
            directory = match directory.child(component)? {
                Some(child) => child,
                None => directory.create_child(component)?,
            };
        }
        Ok(directory)
    }

    /// Goes as far towards `components` as directories exist.
    pub(crate) fn walk(&self, components: &[&str]) -> Result<Walk, PathError> {
        let mut deepest = self.top();
        for component in components {
            match deepest.child(component)? {
                Some(child) => deepest = child,
                None => {
                    return Ok(Walk { deepest, complete: false });
                }
            }
        }
        Ok(Walk { deepest, complete: true })
    }

    fn top(&self) -> Directory {
        Directory::new(self.directory.clone(), self.path.clone(), self.owners)
    }
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
