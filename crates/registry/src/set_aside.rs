//! Configuration that a run finds by itself and leaves aside: root reads nothing that somebody else decides.

use bundle_ownership::{Distrust, check_for_root};
use std::fmt;
use std::path::{Path, PathBuf};

/// A file or a directory that is there and does not count.
#[derive(Debug)]
pub struct SetAside {
    path: PathBuf,
    why: Distrust,
    /// The option that names it.
    option: &'static str,
}

impl SetAside {
    /// Whether what lies at `path` counts, or nothing lies there; what does not is added to `set_aside`.
    pub(super) fn is_kept(path: &Path, option: &'static str, set_aside: &mut Vec<Self>) -> bool {
        let Err(why) = check_for_root(path) else { return true };
        if path.symlink_metadata().is_ok() {
            set_aside.push(Self { path: path.to_owned(), why, option });
        }
        false
    }

    /// What makes it count all the same.
    pub fn hint(&self) -> String {
        format!("name it to have it read: {} {}", self.option, self.path.display())
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not count for root: {}", self.path.display(), self.why)
    }
}
