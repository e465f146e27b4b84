//! Which plans this user has begun to pack on this machine, and has not finished.
//!
//! A journal lies beside the archive, often on a medium where everybody may write, and a plan in it says what images were
//! verified. So a plan is taken at its word only where it is remembered here, in a directory of the user's own. What cannot
//! be remembered is decided anew by the next run, so no failure here stops anything.

use crate::files::{HostRoot, PathError};
use bundle_oci::Digest;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const DIRECTORY: [&str; 2] = ["bundle", "begun"];
/// A digest as text, and the end of its line.
const MAX_FILE: u64 = 128;

/// The memory of one user.
#[derive(Debug)]
pub struct BegunPlans {
    root: HostRoot,
}

impl BegunPlans {
    /// The memory below `directory` (`$XDG_STATE_HOME`), which is made when it is not there.
    ///
    /// # Errors
    /// [`PathError`], when the directory cannot be made or is not this user's.
    pub fn below(directory: &Path) -> Result<Self, PathError> {
        Ok(Self { root: HostRoot::made(directory)? })
    }

    /// Remembers that `plan` was begun for the archive at `target`.
    ///
    /// # Errors
    /// [`PathError`], when it cannot be written.
    pub fn remember(&self, target: &Path, plan: Digest) -> Result<(), PathError> {
        let directory = self.root.create(&DIRECTORY)?;
        let _lock = directory.lock()?;
        directory.stage(&name_of(target), format!("{plan}\n").as_bytes())?.publish_over()?;
        directory.sync()
    }

    /// True when `plan` is what was begun last for the archive at `target`, and was not finished.
    pub fn has(&self, target: &Path, plan: Digest) -> bool {
        let remembered = || {
            let directory = self.root.existing(&DIRECTORY).ok()??;
            let bytes = directory.read(&name_of(target), MAX_FILE).ok()??;
            std::str::from_utf8(&bytes).ok()?.trim_end().parse::<Digest>().ok()
        };
        remembered() == Some(plan)
    }

    /// Forgets what was begun for the archive at `target`.
    ///
    /// # Errors
    /// [`PathError`], when it cannot be removed.
    pub fn forget(&self, target: &Path) -> Result<(), PathError> {
        let Some(directory) = self.root.existing(&DIRECTORY)? else { return Ok(()) };
        let name = name_of(target);
        match directory.read(&name, MAX_FILE)? {
            Some(_) => directory.remove(&name),
            None => Ok(()),
        }
    }
}

/// The name of a file that stands for the path of an archive, by whatever way it was given.
fn name_of(target: &Path) -> String {
    let absolute = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let real = |path: &Path| -> Option<PathBuf> {
        Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
    };
    let path = real(&absolute).unwrap_or(absolute);
    Digest::of(path.as_os_str().as_bytes()).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_known_where_it_was_begun_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("a directory");
        let plans = BegunPlans::below(&folder.path().join("state")).expect("a memory");
        let (target, other) = (folder.path().join("a.tar.zst"), folder.path().join("b.tar.zst"));
        let (plan, changed) = (Digest::of(b"plan"), Digest::of(b"another"));
        assert!(!plans.has(&target, plan));
        plans.forget(&target).expect("nothing to forget");
        plans.remember(&target, plan).expect("remembered");
        assert!(plans.has(&target, plan));
        assert!(plans.has(&folder.path().join("state/../a.tar.zst"), plan), "by another way");
        assert!(!plans.has(&target, changed) && !plans.has(&other, plan));
        plans.remember(&target, changed).expect("remembered");
        assert!(!plans.has(&target, plan), "the last one counts");
        plans.forget(&target).expect("forgotten");
        assert!(!plans.has(&target, changed));
    }

    #[test]
    fn what_others_may_write_is_no_memory() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a directory");
        let plans = BegunPlans::below(folder.path()).expect("a memory");
        let (target, plan) = (folder.path().join("a.tar.zst"), Digest::of(b"plan"));
        plans.remember(&target, plan).expect("remembered");
        let file = folder.path().join("bundle/begun").join(name_of(&target));
        std::fs::set_permissions(&file, Permissions::from_mode(0o666)).expect("a mode");
        assert!(!plans.has(&target, plan));
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
        assert!(plans.has(&target, plan));
    }
}
