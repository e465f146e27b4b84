//! Where the content of each target repository came from, as the host keeps it: `/var/lib/bundle/sources.json`
//! ([`Sources`]).
//!
//! Written after a completed push only. The file is whole and synced before it has its name, so that a power cut leaves
//! the earlier one or the new one. That there is none says that nothing is known yet; one that cannot be used is an
//! error, never taken for absent.

use super::sources::{Decision, MAX_SOURCES, Memory, OtherSource, Sources, SourcesError};
use crate::files::{Directory, HostRoot, PathError};
use bundle_oci::Repository;
use std::path::PathBuf;

/// Where it lies, below the root.
const STATE: [&str; 3] = ["var", "lib", "bundle"];
const FILE: &str = "sources.json";

/// One repository that is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled<'p> {
    /// The repository at the target.
    pub target: &'p Repository,
    /// Where its content comes from.
    pub source: &'p Repository,
    /// Whether somebody said so.
    pub decision: Decision,
}

/// Why a repository is not filled, or why it cannot be remembered from where it was.
#[derive(Debug, thiserror::Error)]
pub enum SourcesFileError {
    /// A directory or file has another kind, owner or mode than it must, or the system refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The file is there and cannot be used: it is not taken for absent.
    #[error("{path} is damaged: what filled the repositories at the target is not known any more", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SourcesError,
    },
    /// A repository was filled from somewhere else before.
    #[error(transparent)]
    OtherSource(Box<OtherSource>),
    /// There would be more than the file may hold.
    #[error("{path} would hold {count} repositories, more than {MAX_SOURCES}", path = .path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many there would be.
        count: usize,
    },
}

impl SourcesFileError {
    /// True when this user may not write there: then nothing was changed.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Path(error) if error.is_permission())
    }
}

/// Compares what will be filled with what is remembered, and changes nothing. Only files of root count (below `--root`,
/// also those of the user who runs this), which nobody else may write.
///
/// # Errors
/// [`SourcesFileError`].
pub fn check_sources(
    root: &HostRoot,
    filled: &[Filled<'_>],
) -> Result<Vec<Memory>, SourcesFileError> {
    let known = match root.existing(&STATE)? {
        Some(directory) => read(&directory)?,
        None => Sources::default(),
    };
    Ok(admit(root, known, filled)?.1)
}

/// Remembers what was filled. Durable when this returns; where all of it is known already, nothing is written.
///
/// # Errors
/// [`SourcesFileError`], what was known is known still; [`SourcesFileError::OtherSource`] when another run has filled a
/// repository from elsewhere since [`check_sources`].
pub fn record_sources(
    root: &HostRoot,
    filled: &[Filled<'_>],
) -> Result<Vec<Memory>, SourcesFileError> {
    let memory = check_sources(root, filled)?;
    if memory.iter().all(|memory| *memory == Memory::Same) {
        return Ok(memory);
    }
    let directory = root.create(&STATE)?;
    let _lock = directory.lock()?;
    let (sources, memory) = admit(root, read(&directory)?, filled)?;
    directory.stage(FILE, &sources.to_json())?.publish_over()?;
    directory.sync()?;
    Ok(memory)
}

fn admit(
    root: &HostRoot,
    mut sources: Sources,
    filled: &[Filled<'_>],
) -> Result<(Sources, Vec<Memory>), SourcesFileError> {
    let mut memory = Vec::with_capacity(filled.len());
    for one in filled {
        let admitted = sources.admit(one.target, one.source, one.decision);
        memory.push(admitted.map_err(SourcesFileError::OtherSource)?);
    }
    let count = sources.count();
    match count > MAX_SOURCES {
        true => Err(SourcesFileError::TooMany { path: root.path_of(&STATE, FILE), count }),
        false => Ok((sources, memory)),
    }
}

fn read(directory: &Directory) -> Result<Sources, SourcesFileError> {
    let limit = super::sources::MAX_FILE as u64;
    let Some(bytes) = directory.read(FILE, limit)? else { return Ok(Sources::default()) };
    let damaged = |source| SourcesFileError::Damaged { path: directory.path_of(FILE), source };
    Sources::parse(&bytes).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileKind;
    use std::fs;
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use tempfile::TempDir;

    fn repository(text: &str) -> Repository {
        text.parse().expect("a repository")
    }

    fn scratch() -> (TempDir, HostRoot) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = HostRoot::under(folder.path()).expect("a root");
        (folder, root)
    }

    fn file(folder: &TempDir) -> PathBuf {
        folder.path().join("var/lib/bundle/sources.json")
    }

    /// Fills `r.example/TARGET` from `source`.
    fn fill(
        root: &HostRoot,
        target: &str,
        source: &str,
        decision: Decision,
    ) -> Result<Vec<Memory>, SourcesFileError> {
        let (target, source) = (repository(&format!("r.example/{target}")), repository(source));
        record_sources(root, &[Filled { target: &target, source: &source, decision }])
    }

    fn check(root: &HostRoot, target: &str, source: &str) -> Result<Vec<Memory>, SourcesFileError> {
        let (target, source) = (repository(&format!("r.example/{target}")), repository(source));
        let decision = Decision::Implied;
        check_sources(root, &[Filled { target: &target, source: &source, decision }])
    }

    #[test]
    fn what_filled_a_repository_is_remembered() {
        let (folder, root) = scratch();
        assert_eq!(check(&root, "app", "quay.io/app").expect("unknown"), [Memory::New]);
        assert_eq!(
            fs::read_dir(folder.path()).expect("folder").count(),
            0,
            "a check makes nothing"
        );
        let filled = fill(&root, "app", "quay.io/app", Decision::Implied).expect("recorded");
        assert_eq!(filled, [Memory::New]);
        assert_eq!(fs::metadata(file(&folder)).expect("file").permissions().mode() & 0o7777, 0o644);
        assert_eq!(check(&root, "app", "quay.io/app").expect("known"), [Memory::Same]);
        assert_eq!(check(&root, "other", "evil.example/app").expect("another"), [Memory::New]);
        for refused in [
            check(&root, "app", "evil.example/app"),
            fill(&root, "app", "evil.example/app", Decision::Implied),
        ] {
            let refused = refused.expect_err("another source");
            assert!(matches!(refused, SourcesFileError::OtherSource(_)), "{refused:?}");
        }
        let was = repository("quay.io/app");
        let moved = fill(&root, "app", "ghcr.io/app", Decision::Explicit).expect("decided");
        assert_eq!(moved, [Memory::Replaced { was }]);
        assert_eq!(check(&root, "app", "ghcr.io/app").expect("known"), [Memory::Same]);
        let left: Vec<_> = fs::read_dir(folder.path().join("var/lib/bundle"))
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name())
            .filter(|name| name != ".lock")
            .collect();
        assert_eq!(left, ["sources.json"]);
    }

    #[test]
    fn one_refusal_leaves_everything_as_it_was() {
        let (folder, root) = scratch();
        fill(&root, "app", "quay.io/app", Decision::Implied).expect("recorded");
        let before = fs::read(file(&folder)).expect("file");
        let (new, app) = (repository("r.example/new"), repository("r.example/app"));
        let (good, evil) = (repository("quay.io/new"), repository("evil.example/app"));
        let decision = Decision::Implied;
        let both = [
            Filled { target: &new, source: &good, decision },
            Filled { target: &app, source: &evil, decision },
        ];
        assert!(record_sources(&root, &both).is_err());
        assert_eq!(fs::read(file(&folder)).expect("file"), before);
        record_sources(&root, &both[..1]).expect("the twin");
        assert_ne!(fs::read(file(&folder)).expect("file"), before);
    }

    #[test]
    fn what_is_known_is_not_written_again() {
        let (folder, root) = scratch();
        fill(&root, "app", "quay.io/app", Decision::Implied).expect("recorded");
        let before = fs::metadata(file(&folder)).expect("file").ino();
        fill(&root, "app", "quay.io/app", Decision::Implied).expect("known");
        assert_eq!(fs::metadata(file(&folder)).expect("file").ino(), before);
        fill(&root, "more", "quay.io/app", Decision::Implied).expect("recorded");
        assert_ne!(fs::metadata(file(&folder)).expect("file").ino(), before, "a new file");
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_absent() {
        let (folder, root) = scratch();
        fill(&root, "app", "quay.io/app", Decision::Implied).expect("recorded");
        let good = fs::read(file(&folder)).expect("file");
        for damage in [&b""[..], &good[..good.len() / 2], b"{}", b"[]"] {
            fs::write(file(&folder), damage).expect("written");
            for outcome in [
                check(&root, "app", "quay.io/app"),
                fill(&root, "app", "quay.io/app", Decision::Explicit),
            ] {
                assert!(matches!(outcome, Err(SourcesFileError::Damaged { .. })), "{outcome:?}");
            }
            assert_eq!(fs::read(file(&folder)).expect("file"), damage, "it is left as it is");
        }
        fs::write(file(&folder), &good).expect("written");
        assert_eq!(check(&root, "app", "quay.io/app").expect("whole again"), [Memory::Same]);
    }

    #[test]
    fn a_file_that_others_could_have_written_is_refused() {
        let (folder, root) = scratch();
        fill(&root, "app", "quay.io/app", Decision::Implied).expect("recorded");
        let mode = |bits| {
            fs::set_permissions(file(&folder), fs::Permissions::from_mode(bits)).expect("mode");
        };
        mode(0o666);
        let exposed = check(&root, "app", "quay.io/app").expect_err("refused");
        assert!(matches!(exposed, SourcesFileError::Path(PathError::Exposed { .. })), "{exposed}");
        mode(0o644);
        check(&root, "app", "quay.io/app").expect("the twin");
        let aside = folder.path().join("aside");
        fs::rename(file(&folder), &aside).expect("moved");
        symlink(&aside, file(&folder)).expect("a link");
        let linked = check(&root, "app", "quay.io/app").expect_err("refused");
        let is_link = matches!(
            linked,
            SourcesFileError::Path(PathError::Kind { found: FileKind::SymbolicLink, .. })
        );
        assert!(is_link, "{linked}");
    }

    #[test]
    fn only_what_the_system_forbids_is_a_matter_of_permission() {
        let forbidden = |kind: io::ErrorKind| {
            let path = PathBuf::from("x");
            SourcesFileError::Path(PathError::System { doing: "create", path, source: kind.into() })
        };
        assert!(forbidden(io::ErrorKind::PermissionDenied).is_permission());
        assert!(forbidden(io::ErrorKind::ReadOnlyFilesystem).is_permission());
        assert!(!forbidden(io::ErrorKind::StorageFull).is_permission());
        let damaged = SourcesFileError::Damaged { path: "x".into(), source: SourcesError::Keys };
        assert!(!damaged.is_permission());
    }
}
