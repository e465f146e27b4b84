//! One run publishes at a time: from its last look at what is remembered until it is remembered what it did. Otherwise a
//! slow run could set a tag that a newer bundle has moved meanwhile.

use crate::files::{Directory, HostRoot, Lock, PathError};

const DIRECTORY: [&str; 4] = ["var", "lib", "bundle", "publishing"];

/// Held while a run publishes; no other run on this host does then. Nothing is left of it.
#[derive(Debug)]
pub struct PublishingTurn {
    directory: Directory,
    _lock: Lock,
}

impl Drop for PublishingTurn {
    fn drop(&mut self) {
        // A file that stays is taken by the next run.
        let _ = self.directory.remove_lock();
    }
}

/// The turn to publish; `None` while another run has it.
///
/// # Errors
/// [`PathError`]. Where [`PathError::is_permission`] is true, this user cannot remember anything either.
pub fn try_publishing(root: &HostRoot) -> Result<Option<PublishingTurn>, PathError> {
    let directory = root.create(&DIRECTORY)?;
    let lock = directory.try_lock()?;
    Ok(lock.map(|lock| PublishingTurn { directory, _lock: lock }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_publishes_at_a_time() {
        let folder = tempfile::tempdir().expect("a directory");
        let root = HostRoot::under(folder.path()).expect("a root");
        let turn = try_publishing(&root).expect("a turn");
        assert!(turn.is_some());
        assert!(try_publishing(&root).expect("no error").is_none());
        drop(turn);
        let next = try_publishing(&root).expect("a turn");
        assert!(next.is_some());
        let file = folder.path().join("var/lib/bundle/publishing/.lock");
        assert!(file.exists());
        drop(next);
        assert!(!file.exists(), "nothing is left");
    }
}
