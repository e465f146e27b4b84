//! A lookaside directory: GPG signatures in files, as a web server hands them out (containers/image
//! signature-protocols.md §path structure): `PATH@sha256=HEX/signature-N`, N from 1 without a gap.

use crate::files::{Directory, HostRoot, Lock, PathError};
use bundle_oci::atomic::{MAX_SIGNATURE, MAX_SIGNATURES};
use bundle_oci::{Digest, Repository};
use std::path::Path;

/// An existing directory that signatures are added to. What is there stays: nothing is replaced or removed.
///
/// Links are not followed below it, and every file is whole and synced before it has its name.
#[derive(Debug)]
pub struct LookasideDirectory {
    root: HostRoot,
    /// Of all who write with this program; nothing while only looking.
    lock: Option<Lock>,
}

/// What became of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookasideChange {
    /// It is a new file.
    Written,
    /// A file has the same content.
    AlreadyThere,
    /// There are as many signatures as may be.
    Full,
}

/// Why a signature has no file.
#[derive(Debug, thiserror::Error)]
pub enum LookasideError {
    /// The directory, or a file in it.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Whether something is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookasideAccess {
    /// Signatures are written.
    Write,
    /// What would be done is only told.
    Look,
}

impl LookasideDirectory {
    /// Opens a directory; to write, makes it when it is not there, and waits until no other process writes.
    ///
    /// # Errors
    /// When it is no directory that can be used so.
    pub fn open(directory: &Path, access: LookasideAccess) -> Result<Self, PathError> {
        match access {
            LookasideAccess::Write => {
                let root = HostRoot::made(directory)?;
                let lock = Some(root.create(&[])?.lock()?);
                Ok(Self { root, lock })
            }
            LookasideAccess::Look => Ok(Self { root: HostRoot::under(directory)?, lock: None }),
        }
    }

    /// Adds a signature of a manifest, unless it is there, under the next number. No more than `most` are there then, and
    /// never more than container tools read.
    ///
    /// # Errors
    /// Any [`LookasideError`]: something else than directories and files in the way, others who could change them, a
    /// full disk.
    pub fn add(
        &self,
        repository: &Repository,
        subject: &Digest,
        content: &[u8],
        most: usize,
    ) -> Result<LookasideChange, LookasideError> {
        let own = format!("{}@sha256={}", repository.path(), subject.hex());
        let components: Vec<&str> = own.split('/').collect();
        let directory = match self.lock {
            Some(_) => Some(self.root.create(&components)?),
            None => self.root.existing(&components)?,
        };
        for number in 1..MAX_SIGNATURES {
            let name = format!("signature-{number}");
            let there = directory.as_ref().map(|d| d.read(&name, MAX_SIGNATURE)).transpose()?;
            match there.flatten() {
                Some(there) if there == content => {
                    return Ok(LookasideChange::AlreadyThere);
                }
                Some(_) => {}
                None if number > most => return Ok(LookasideChange::Full),
                None => {
                    if let (Some(directory), Some(_)) = (&directory, &self.lock) {
                        write(directory, &name, content)?;
                    }
                    return Ok(LookasideChange::Written);
                }
            }
        }
        Ok(LookasideChange::Full)
    }
}

fn write(directory: &Directory, name: &str, content: &[u8]) -> Result<(), PathError> {
    directory.stage(name, content)?.publish_new()?;
    directory.sync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn repository() -> Repository {
        Repository::new("registry.example:5000", "team/app").expect("a name")
    }

    fn open(directory: &Path) -> LookasideDirectory {
        LookasideDirectory::open(directory, LookasideAccess::Write).expect("a directory")
    }

    #[test]
    fn signatures_are_numbered_and_what_is_there_stays() {
        let root = tempfile::tempdir().expect("a directory");
        let subject = Digest::of(b"manifest");
        let folder = root.path().join(format!("team/app@sha256={}", subject.hex()));
        fs::create_dir_all(&folder).expect("a directory");
        fs::write(folder.join("signature-1"), "somebody's").expect("a file");
        let lookaside = open(root.path());
        let add =
            |content: &[u8]| lookaside.add(&repository(), &subject, content, 99).expect("added");
        let (second, third) = (folder.join("signature-2"), folder.join("signature-3"));
        assert_eq!(add(b"one"), LookasideChange::Written);
        assert_eq!(add(b"two"), LookasideChange::Written);
        assert_eq!(add(b"one"), LookasideChange::AlreadyThere);
        let first = folder.join("signature-1");
        assert_eq!(add(b"somebody's"), LookasideChange::AlreadyThere);
        for (path, content) in [(&first, "somebody's"), (&second, "one"), (&third, "two")] {
            assert_eq!(fs::read_to_string(path).expect("a file"), content);
        }
        // A web server has to read them.
        assert_eq!(fs::metadata(&second).expect("a file").permissions().mode() & 0o777, 0o644);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["signature-1", "signature-2", "signature-3"]);
    }

    #[test]
    fn looking_changes_nothing_and_tells_the_same() {
        let root = tempfile::tempdir().expect("a directory");
        let subject = Digest::of(b"manifest");
        let look = LookasideDirectory::open(root.path(), LookasideAccess::Look).expect("opened");
        let told = look.add(&repository(), &subject, b"one", 99).expect("told");
        assert_eq!(fs::read_dir(root.path()).expect("a directory").count(), 0);
        assert_eq!(
            open(root.path()).add(&repository(), &subject, b"one", 99).expect("added"),
            told
        );
        let told = look.add(&repository(), &subject, b"one", 99).expect("told");
        assert!(matches!(told, LookasideChange::AlreadyThere), "{told:?}");
    }

    #[test]
    fn links_on_the_way_are_refused() {
        let subject = Digest::of(b"manifest");
        let outside = tempfile::tempdir().expect("a directory");
        let add = |root: &Path| open(root).add(&repository(), &subject, b"one", 99);
        let root = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(outside.path(), root.path().join("team")).expect("a link");
        let error = add(root.path()).expect_err("a link");
        assert!(error.to_string().contains("symbolic link"), "{error}");
        let root = tempfile::tempdir().expect("a directory");
        let folder = root.path().join(format!("team/app@sha256={}", subject.hex()));
        fs::create_dir_all(&folder).expect("a directory");
        let target = outside.path().join("target");
        std::os::unix::fs::symlink(&target, folder.join("signature-1")).expect("a link");
        let error = add(root.path()).expect_err("a link");
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(fs::read_dir(outside.path()).expect("a directory").count(), 0);
        fs::remove_file(folder.join("signature-1")).expect("removed");
        assert!(add(root.path()).is_ok(), "the twin without it");
    }

    #[test]
    fn root_writes_into_no_lookaside_of_another_user() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let give = |path: &Path, user| {
            std::os::unix::fs::chown(path, Some(user), None).expect("owner");
        };
        let root = tempfile::tempdir().expect("a directory");
        let below = root.path().join("below");
        let other = 65_534;
        give(root.path(), other);
        for directory in [root.path(), &below] {
            for access in [LookasideAccess::Write, LookasideAccess::Look] {
                let error = LookasideDirectory::open(directory, access).expect_err("not root's");
                let is_absent = access == LookasideAccess::Look && directory == below;
                assert!(matches!(error, PathError::Owner { .. }) || is_absent, "{error}");
            }
        }
        assert!(!below.exists());
        give(root.path(), 0);
        // A lock that somebody else can open, he can hold for ever.
        let lock = root.path().join(".lock");
        drop(open(root.path()));
        give(&lock, other);
        let error = LookasideDirectory::open(root.path(), LookasideAccess::Write);
        assert!(matches!(error, Err(PathError::Owner { .. })), "{error:?}");
        give(&lock, 0);
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).expect("mode");
        let error = LookasideDirectory::open(root.path(), LookasideAccess::Write);
        assert!(matches!(error, Err(PathError::Exposed { .. })), "{error:?}");
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).expect("mode");
        open(root.path());
        open(&below);
    }

    #[test]
    fn no_more_signatures_are_written_than_are_read() {
        let root = tempfile::tempdir().expect("a directory");
        let subject = Digest::of(b"manifest");
        let folder = root.path().join(format!("team/app@sha256={}", subject.hex()));
        fs::create_dir_all(&folder).expect("a directory");
        for number in 1..MAX_SIGNATURES {
            fs::write(folder.join(format!("signature-{number}")), number.to_string())
                .expect("file");
        }
        let lookaside = open(root.path());
        let add = |content: &[u8], most| lookaside.add(&repository(), &subject, content, most);
        // containers/image fails at the 128th.
        let full = add(b"one too many", usize::MAX);
        assert!(matches!(full, Ok(LookasideChange::Full)), "{full:?}");
        assert!(matches!(add(b"7", 3), Ok(LookasideChange::AlreadyThere)));
        fs::remove_file(folder.join(format!("signature-{}", MAX_SIGNATURES - 1))).expect("removed");
        assert!(matches!(add(b"a few at most", 8), Ok(LookasideChange::Full)));
        assert!(matches!(add(b"the last", usize::MAX), Ok(LookasideChange::Written)));
    }
}
