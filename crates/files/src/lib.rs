//! One way to write a file durably: it is whole and synced under another name before it has its own, and then the
//! directory is synced. A power cut leaves the old file or the new one.
//!
//! - [`Directory`]: a directory that is held open; files in it are reached by plain name, and no symbolic link is followed
//! - [`Staged`]: a file under another name until it is published
//! - [`sync_directory_of`]: the last step for files that are known by their paths

mod directory;
mod staged;
#[cfg(test)]
mod tests;

pub use directory::{Directory, lock};
pub use staged::Staged;

use std::fs::File;
use std::io;
use std::path::Path;

/// The directory that a file is in.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names beside `path` durable: those that were given, and those that were removed.
///
/// # Errors
/// The system's.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}
