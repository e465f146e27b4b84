//! The one rule for files that count: those that are read as configuration, run as a program, or written into.
//!
//! A path counts when nobody but root and the user who runs this decides what lies there: it, every directory above it
//! and every link on the way belong to one of the two, and nobody else may write to them. In a directory that everybody
//! may write to, as `/tmp` is, that holds for what lies there under the sticky bit. An access control list that lets
//! others write shows in the group's bits. So who checked a path may use it by its name: nobody else can change where it
//! leads.
//!
//! The operator's own word stands above it: a file that an option names is read, whoever owns it.

mod program;

pub use program::{find_program, search_path};

use rustix::fs::{FileType, Mode};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{DirBuilder, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// Links followed on the way to one path; the system follows as many.
const MAX_LINKS: usize = 40;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const OTHERS_OPEN: u32 = 0o066;
/// Nobody but the owner writes to a file, whatever the umask.
const FILE_MODE: u32 = 0o644;
/// Mode of new directories: nobody else may write to them, whatever the umask.
const DIRECTORY_MODE: u32 = 0o755;

/// The reason why a path does not count.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// Somebody else owns it, or what it leads through.
    #[error("{path} is owned by user {owner}, not by {expected}", path = .path.display())]
    Owner {
        /// The path with the wrong owner.
        path: PathBuf,
        /// By whom.
        owner: u32,
        /// The expected owner, in words.
        expected: String,
    },
    /// Others may write to it, or to what it leads through.
    #[error("{path} can be written by others than its owner (mode {mode})", path = .path.display())]
    Exposed {
        /// The path that others can write to.
        path: PathBuf,
        /// Its permission bits, in octal.
        mode: String,
    },
    /// The system does not let it be examined or made.
    #[error("{path} cannot be used: {source}", path = .path.display())]
    System {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl Distrust {
    fn system(path: &Path, source: io::Error) -> Self {
        Self::System { path: path.to_owned(), source }
    }

    /// True when nothing lies there.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == ErrorKind::NotFound)
    }
}

/// The rule for a directory where everybody may make files, as in `/tmp`: it counts, or it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// It does: only what is made there matters.
    Counts,
    /// It does not.
    Refused,
}

/// The path without links, when it counts for the user who runs this.
///
/// # Errors
/// [`Distrust`]: the first thing on the way that does not count, or is not there.
pub fn resolve(path: &Path, shared: Shared) -> Result<PathBuf, Distrust> {
    resolve_for(effective_user(), path, shared)
}

fn resolve_for(user: u32, path: &Path, shared: Shared) -> Result<PathBuf, Distrust> {
    let whole = std::path::absolute(path).map_err(|e| Distrust::system(path, e))?;
    let mut rest: VecDeque<OsString> = parts(&whole);
    let mut reached = PathBuf::from("/");
    check(user, &reached, Shared::Counts)?;
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            reached.pop();
            continue;
        }
        let next = reached.join(&part);
        let here = if rest.is_empty() { shared } else { Shared::Counts };
        if !check(user, &next, here)?.is_symlink() {
            reached = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(Distrust::system(path, io::Error::other("too many symbolic links")));
        }
        let target = std::fs::read_link(&next).map_err(|e| Distrust::system(&next, e))?;
        if target.is_absolute() {
            reached = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(reached)
}

/// The components that lead somewhere.
fn parts(path: &Path) -> VecDeque<OsString> {
    let leads = |component: &Component<'_>| {
        matches!(component, Component::Normal(_) | Component::ParentDir)
    };
    path.components().filter(leads).map(|part| part.as_os_str().to_owned()).collect()
}

/// Checks one thing on the way, a link itself and not what it leads to.
fn check(user: u32, path: &Path, shared: Shared) -> Result<Metadata, Distrust> {
    let metadata = std::fs::symlink_metadata(path).map_err(|e| Distrust::system(path, e))?;
    let owner = metadata.uid();
    if owner != 0 && owner != user {
        let expected = match user {
            0 => "root".to_owned(),
            user => format!("root or user {user}"),
        };
        return Err(Distrust::Owner { path: path.to_owned(), owner, expected });
    }
    let mode = metadata.mode();
    // Many systems give each user a group of its own, and let it write.
    let is_own_group = owner == user && metadata.gid() == user && user != 0;
    let others = if is_own_group { OTHERS_WRITE } else { OTHERS_WRITE | GROUP_WRITES };
    let is_shared = metadata.is_dir() && mode & STICKY != 0 && shared == Shared::Counts;
    if !metadata.is_symlink() && mode & others != 0 && !is_shared {
        let mode = format!("{:04o}", mode & 0o7777);
        return Err(Distrust::Exposed { path: path.to_owned(), mode });
    }
    Ok(metadata)
}

/// As [`resolve`], for what a program finds by itself: only for root does it matter who owns it. What is not there
/// is nothing to distrust.
///
/// # Errors
/// [`Distrust`], for root.
pub fn check_for_root(path: &Path) -> Result<(), Distrust> {
    if effective_user() != 0 {
        return Ok(());
    }
    match resolve_for(0, path, Shared::Refused) {
        Err(distrust) if !distrust.is_absence() => Err(distrust),
        _ => Ok(()),
    }
}

/// Checks for root, as [`resolve`] does, a directory that will be made or is there: it, or what it will be made in.
///
/// # Errors
/// [`Distrust`].
pub fn check_makable(path: &Path) -> Result<(), Distrust> {
    let whole = std::path::absolute(path).map_err(|e| Distrust::system(path, e))?;
    let there = whole.ancestors().find(|above| above.symlink_metadata().is_ok());
    if let (Some(there), true) = (there, effective_user() == 0) {
        let shared = if there == whole { Shared::Refused } else { Shared::Counts };
        resolve_for(0, there, shared)?;
    }
    Ok(())
}

/// Makes a directory with all that is missing above it, and checks it for root as [`resolve`] does.
///
/// # Errors
/// [`Distrust`]. Nothing is made then below a directory that does not count.
pub fn make_directory(path: &Path) -> Result<(), Distrust> {
    check_makable(path)?;
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
    made.map_err(|e| Distrust::system(path, e))?;
    check_for_root(path)
}

/// The directory for temporary files: `TMPDIR` where that counts, else `/tmp`.
///
/// # Errors
/// [`Distrust`], when neither counts.
pub fn temporary_directory() -> Result<PathBuf, Distrust> {
    let named = resolve(&std::env::temp_dir(), Shared::Counts);
    named.or_else(|_| resolve(Path::new("/tmp"), Shared::Counts))
}

/// The umask of this process. Asked for once: that takes another umask for a moment, and threads share it.
static UMASK: OnceLock<Mode> = OnceLock::new();

/// Takes away from everybody but the owner the right to write to files that this process and its children will make.
pub fn keep_files_from_others() {
    rustix::process::umask(umask() | Mode::WGRP | Mode::WOTH);
}

/// The umask as the process got it.
fn umask() -> Mode {
    *UMASK.get_or_init(|| {
        // What another thread makes meanwhile is its owner's alone.
        let asked = rustix::process::umask(Mode::RWXG | Mode::RWXO);
        rustix::process::umask(asked);
        asked
    })
}

/// The mode of a file that is made for everybody to read, by the umask.
pub fn file_mode() -> u32 {
    FILE_MODE & !umask().as_raw_mode()
}

/// Takes the right to open a file that is about to be locked away from others: whoever can open it could hold the lock
/// for as long as he likes. Only for a file of this user's that has no other name; true when others could open it until
/// now.
///
/// # Errors
/// It cannot be examined.
pub fn keep_lock_from_others(file: impl AsFd) -> io::Result<bool> {
    let stat = rustix::fs::fstat(&file)?;
    let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let is_own = stat.st_uid == effective_user() && stat.st_nlink == 1;
    if !is_regular || !is_own || stat.st_mode & OTHERS_OPEN == 0 {
        return Ok(false);
    }
    // A file system without modes refuses this.
    Ok(rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).is_ok())
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests;
