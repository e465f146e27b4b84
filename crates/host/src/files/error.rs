//! What can be wrong with a path on the host.

use bundle_ownership::Distrust;
use rustix::fs::FileType;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a path on the host cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = .path.display())]
    System {
        /// What was being done, as a verb.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Something of another kind stands there. Symbolic links are never followed.
    #[error("{path} is a {found}, expected a {expected}", path = .path.display())]
    Kind {
        /// Where.
        path: PathBuf,
        /// What is there.
        found: FileKind,
        /// What should be.
        expected: FileKind,
    },
    /// Owned by somebody whose word does not count here.
    #[error("{path} is owned by user {owner}, not by {expected}", path = .path.display())]
    Owner {
        /// Where.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who should, in words.
        expected: String,
    },
    /// The group or everybody can change it.
    #[error("{path} can be written by others than its owner (mode {mode})", path = .path.display())]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits, in octal.
        mode: String,
    },
    /// Larger than anything of its kind.
    #[error("{path} is larger than {limit} bytes", path = .path.display())]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
}

impl PathError {
    /// True when this user may not write there: then nothing was changed.
    pub fn is_permission(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let Self::System { source, .. } = self else { return false };
        matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
    }

    pub(crate) fn system(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::System { doing, path: path.to_owned(), source: source.into() }
    }
}

impl From<Distrust> for PathError {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Owner { path, owner, expected } => Self::Owner { path, owner, expected },
            Distrust::Exposed { path, mode } => Self::Exposed { path, mode },
            Distrust::System { path, source } => Self::System { doing: "use", path, source },
        }
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it points.
    SymbolicLink,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
    /// Something that the system has no name for.
    Unknown,
}

impl From<FileType> for FileKind {
    fn from(system: FileType) -> Self {
        match system {
            FileType::RegularFile => Self::Regular,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::SymbolicLink,
            FileType::Fifo => Self::Pipe,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice | FileType::BlockDevice => Self::Device,
            FileType::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "regular file",
            Self::Directory => "directory",
            Self::SymbolicLink => "symbolic link",
            Self::Pipe => "named pipe",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Unknown => "file of unknown kind",
        })
    }
}
