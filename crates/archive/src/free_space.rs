//! Whether a folder can take an archive: free space, and how long a file may be there.
//!
//! Looked at before anything is fetched. What a system does not say is no obstacle: writing then finds out.

use std::fmt;
use std::path::Path;

/// Most bytes of a file on FAT: its directory entries have four bytes for a length.
const FAT_FILE: u64 = u32::MAX as u64;

/// What is known about a place where files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FreeSpace {
    /// Bytes that are free for this user; `None` where the file system does not count them.
    pub free: Option<u64>,
    /// Most bytes of a file; `None` without a known limit.
    pub longest_file: Option<u64>,
}

/// Why a place cannot take files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// A file is longer than files may be.
    File {
        /// Which one, counted from 0.
        number: usize,
        /// Most bytes of a file.
        limit: u64,
    },
    /// There is not enough space.
    Space {
        /// Bytes needed.
        needed: u64,
        /// Bytes that are free or held already.
        free: u64,
    },
}

/// Decides whether files of these lengths fit, which hold `held` bytes of the medium already.
///
/// # Errors
/// The [`Shortage`]: first of length, which no cleaning up can cure, then of space.
pub fn check(lengths: &[u64], held: u64, room: &FreeSpace) -> Result<(), Shortage> {
    if let Some(limit) = room.longest_file
        && let Some(number) = lengths.iter().position(|length| *length > limit)
    {
        return Err(Shortage::File { number, limit });
    }
    let needed = lengths.iter().fold(0_u64, |sum, length| sum.saturating_add(*length));
    match room.free.map(|free| free.saturating_add(held)) {
        Some(free) if free < needed => Err(Shortage::Space { needed, free }),
        _ => Ok(()),
    }
}

impl FreeSpace {
    /// What the system says about a folder.
    pub fn of(folder: &Path) -> Self {
        let free = rustix::fs::statvfs(folder).ok().and_then(|room| {
            // Some file systems of the user space count nothing and say that they have no blocks.
            (room.f_blocks > 0).then(|| room.f_bavail.saturating_mul(room.f_frsize))
        });
        let limits = [process_limit(), file_system_limit(folder)];
        Self { free, longest_file: limits.into_iter().flatten().min() }
    }
}

/// RLIMIT_FSIZE. Whoever writes beyond it is ended by a signal.
fn process_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

#[cfg(target_os = "linux")]
fn file_system_limit(folder: &Path) -> Option<u64> {
    /// statfs(2), MSDOS_SUPER_MAGIC: vfat too.
    const FAT: rustix::fs::FsWord = 0x4d44;
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    (kind == FAT).then_some(FAT_FILE)
}

#[cfg(not(target_os = "linux"))]
fn file_system_limit(_folder: &Path) -> Option<u64> {
    None
}

/// A number of bytes in the unit that people read: `1.4 GB` (powers of ten, as disks are sold).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 999.5 && unit < UNITS.len() - 1 {
            value /= 1000.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} B", self.0),
            _ => write!(f, "{value:.1} {}", UNITS[unit]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_just_fits_is_not() {
        let space = |needed, free| Err(Shortage::Space { needed, free });
        let file = |number, limit| Err(Shortage::File { number, limit });
        let room = |free, longest_file| FreeSpace { free, longest_file };
        for (lengths, held, room, expected) in [
            (&[100][..], 0, room(Some(100), None), Ok(())),
            (&[101], 0, room(Some(100), None), space(101, 100)),
            (&[60, 41], 0, room(Some(100), None), space(101, 100)),
            (&[60, 41], 1, room(Some(100), None), Ok(())),
            (&[1], 0, room(Some(0), None), space(1, 0)),
            (&[1], 0, room(None, None), Ok(())),
            (&[u64::MAX, u64::MAX], u64::MAX, room(Some(9), None), Ok(())),
            (&[u64::MAX, u64::MAX], 0, room(Some(9), None), space(u64::MAX, 9)),
            (&[FAT_FILE, FAT_FILE], 0, room(None, Some(FAT_FILE)), Ok(())),
            (&[1, FAT_FILE + 1], 0, room(Some(5), Some(FAT_FILE)), file(1, FAT_FILE)),
            (&[5], 9, room(None, Some(4)), file(0, 4)),
        ] {
            assert_eq!(check(lengths, held, &room), expected, "{lengths:?} {held} {room:?}");
        }
    }

    #[test]
    fn the_system_is_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(FreeSpace::of(folder.path()).free.is_some_and(|free| free > 0));
        assert_eq!(FreeSpace::of(Path::new("/no/such/folder")).free, None);
        // This one counts nothing.
        #[cfg(target_os = "linux")]
        assert_eq!(FreeSpace::of(Path::new("/proc")).free, None);
    }

    #[test]
    fn amounts_are_rounded_as_people_say_them() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_950, "1.0 MB"), (1 << 33, "8.6 GB")]
        {
            assert_eq!(Amount(bytes).to_string(), text);
        }
    }
}
