//! Files of a layout that have no name yet.

use bundle_files::{Directory, Staged};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Files under construction begin so; what a crash leaves behind is found by it.
pub(super) const PREFIX: &str = ".partial-";
/// For everybody to read, by the umask.
const FILE_MODE: u32 = 0o644;

/// A new file under a temporary name.
pub(super) fn temporary(directory: &Directory) -> io::Result<Staged> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        match directory.stage(format!("{PREFIX}{}-{number}", std::process::id()), FILE_MODE) {
            // Left behind by an earlier process that had the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            staged => return staged,
        }
    }
}

/// Removes what writers that died left behind. Only for who holds the lock.
pub(super) fn remove_temporaries(directory: &Directory) -> io::Result<()> {
    for name in directory.names()? {
        if let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) {
            directory.remove(name)?;
        }
    }
    Ok(())
}
