//! A directory of resources for `oc apply -f DIRECTORY`, which applies whatever is in it. So it is this tool's alone: what
//! a run wrote is replaced or removed by the next one, and anything else in it is a reason to leave it.
//!
//! `.bundle-emitted` lists the files with their SHA-256, as `sha256sum -c` reads it (and `oc` does not: it takes .yaml,
//! .yml and .json). It is written before the first file and after the last one, so that an interrupted run is gone on
//! after like any other; each file is whole and synced before it has its name.

use super::Resource;
use crate::files::{Directory, FileKind, HostRoot, PathError};
use bundle_oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LIST: &str = ".bundle-emitted";
/// Largest file read: more than 100,000 mirrored repositories take.
const MAX_FILE: u64 = 64 << 20;
/// What `oc apply -f DIRECTORY` reads.
const APPLIED: [&str; 3] = [".yaml", ".yml", ".json"];

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenResource {
    /// Its name in the directory.
    pub file: String,
    /// What was done.
    pub change: ResourceChange,
}

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceChange {
    /// It is new.
    Created,
    /// An earlier run had written something else.
    Replaced,
    /// It was there with this content.
    Unchanged,
    /// An earlier run had written it, and it is not wanted any more.
    Removed,
}

/// A directory is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum ResourceDirectoryError {
    /// The system refused, or something is of another kind, owner or mode than it must be.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Something that no run of this tool wrote, or that was changed since.
    #[error("{path} was not written by this tool, or was changed since", path = .0.display())]
    Foreign(PathBuf),
    /// The list of what was written cannot be read.
    #[error("{path} is damaged: what an earlier run wrote is not known", path = .0.display())]
    List(PathBuf),
}

/// The digests that files may have, by name.
type Known = BTreeMap<String, BTreeSet<Digest>>;

/// Refuses a directory that [`write_resources`] would refuse. Nothing is changed; one that is not there is fine.
///
/// # Errors
/// [`ResourceDirectoryError`].
pub fn check_resources(directory: &Path) -> Result<(), ResourceDirectoryError> {
    bundle_ownership::check_makable(directory).map_err(PathError::from)?;
    if std::fs::symlink_metadata(directory).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    {
        return Ok(());
    }
    if let Some(directory) = HostRoot::under(directory)?.existing(&[])? {
        directory.check_writable()?;
        examine(&directory, &read_list(&directory)?)?;
    }
    Ok(())
}

/// The files that earlier runs wrote; none where there is no such directory. Nothing is changed.
///
/// # Errors
/// As [`check_resources`].
pub fn read_resources(directory: &Path) -> Result<Vec<Resource>, ResourceDirectoryError> {
    if std::fs::symlink_metadata(directory).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    {
        return Ok(Vec::new());
    }
    let Some(directory) = HostRoot::under(directory)?.existing(&[])? else { return Ok(Vec::new()) };
    let there = examine(&directory, &read_list(&directory)?)?;
    let read = |(file, digest): (String, Digest)| {
        let foreign = || ResourceDirectoryError::Foreign(directory.path_of(&file));
        let content = directory.read(&file, MAX_FILE)?.ok_or_else(foreign)?;
        let is_that = Digest::of(&content) == digest;
        let content = String::from_utf8(content).ok().filter(|_| is_that).ok_or_else(foreign)?;
        Ok(Resource { file: file.clone(), content })
    };
    there.into_iter().map(read).collect()
}

/// Makes `resources` the content of the directory, which is made when it is not there. Durable when this returns.
///
/// # Errors
/// [`ResourceDirectoryError`]; what is not this tool's is never touched.
pub fn write_resources(
    directory: &Path,
    resources: &[Resource],
) -> Result<Vec<WrittenResource>, ResourceDirectoryError> {
    let directory = HostRoot::made(directory)?.create(&[])?;
    let _lock = directory.lock()?;
    let mut known = read_list(&directory)?;
    let there = examine(&directory, &known)?;
    let wanted: Known = resources
        .iter()
        .map(|one| (one.file.clone(), BTreeSet::from([Digest::of(one.content.as_bytes())])))
        .collect();
    for (file, digests) in &wanted {
        known.entry(file.clone()).or_default().extend(digests);
    }
    write_list(&directory, &known)?;
    let mut written = Vec::new();
    for resource in resources {
        let change = match there.get(&resource.file) {
            Some(digest) if *digest == Digest::of(resource.content.as_bytes()) => {
                ResourceChange::Unchanged
            }
            Some(_) => ResourceChange::Replaced,
            None => ResourceChange::Created,
        };
        let staged = || directory.stage(&resource.file, resource.content.as_bytes());
        match change {
            ResourceChange::Created => staged()?.publish_new()?,
            ResourceChange::Replaced => staged()?.publish_over()?,
            ResourceChange::Unchanged | ResourceChange::Removed => {}
        }
        written.push(WrittenResource { file: resource.file.clone(), change });
    }
    for file in there.into_keys().filter(|file| !wanted.contains_key(file)) {
        directory.remove(&file)?;
        written.push(WrittenResource { file, change: ResourceChange::Removed });
    }
    directory.sync()?;
    write_list(&directory, &wanted)?;
    Ok(written)
}

/// The files that are there with their digests. All are in the list, with one of the digests that it has.
fn examine(
    directory: &Directory,
    known: &Known,
) -> Result<BTreeMap<String, Digest>, ResourceDirectoryError> {
    let mut there = BTreeMap::new();
    for name in directory.all_names()? {
        let name = name.to_string_lossy().into_owned();
        let is_applied = APPLIED.iter().any(|ending| name.ends_with(ending));
        if name.starts_with('.') && !is_applied {
            continue;
        }
        let foreign = || ResourceDirectoryError::Foreign(directory.path_of(&name));
        let digests = known.get(&name).ok_or_else(foreign)?;
        if !directory.holds(&name, FileKind::Regular)? {
            continue;
        }
        let content = directory.read(&name, MAX_FILE)?.ok_or_else(foreign)?;
        let digest = Digest::of(&content);
        if !digests.contains(&digest) {
            return Err(foreign());
        }
        there.insert(name, digest);
    }
    Ok(there)
}

fn read_list(directory: &Directory) -> Result<Known, ResourceDirectoryError> {
    let damaged = || ResourceDirectoryError::List(directory.path_of(LIST));
    let Some(content) = directory.read(LIST, MAX_FILE)? else { return Ok(Known::new()) };
    let text = String::from_utf8(content).map_err(|_| damaged())?;
    let mut known = Known::new();
    for line in text.lines() {
        let (hex, file) = line.split_once("  ").ok_or_else(damaged)?;
        let digest = format!("sha256:{hex}").parse().map_err(|_| damaged())?;
        known.entry(file.to_owned()).or_default().insert(digest);
    }
    Ok(known)
}

fn write_list(directory: &Directory, known: &Known) -> Result<(), ResourceDirectoryError> {
    let pairs = known.iter().flat_map(|(file, digests)| digests.iter().map(move |d| (file, d)));
    let text: String = pairs.map(|(file, digest)| format!("{}  {file}\n", digest.hex())).collect();
    directory.stage(LIST, text.as_bytes())?.publish_over()?;
    Ok(directory.sync()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn resource(file: &str, content: &str) -> Resource {
        Resource { file: file.to_owned(), content: content.to_owned() }
    }

    fn scratch() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("some/where");
        (folder, directory)
    }

    /// Names that `oc` would see, and what is in the files.
    fn content(directory: &Path) -> Vec<(String, String)> {
        let mut all: Vec<_> = fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("entry").file_name().into_string().expect("a name"))
            .filter(|name| !name.starts_with('.'))
            .map(|name| {
                let text = fs::read_to_string(directory.join(&name)).expect("a file");
                (name, text)
            })
            .collect();
        all.sort();
        all
    }

    fn changes(written: &[WrittenResource]) -> Vec<(&str, ResourceChange)> {
        written.iter().map(|one| (one.file.as_str(), one.change)).collect()
    }

    #[test]
    fn the_directory_holds_what_the_last_run_wrote() {
        use ResourceChange::{Created, Removed, Replaced, Unchanged};
        let (_folder, directory) = scratch();
        check_resources(&directory).expect("nothing is there");
        let first = [resource("a.yaml", "1"), resource("b.yaml", "2"), resource("c.yaml", "3")];
        let written = write_resources(&directory, &first).expect("written");
        assert_eq!(
            changes(&written),
            [("a.yaml", Created), ("b.yaml", Created), ("c.yaml", Created)]
        );
        check_resources(&directory).expect("its own");
        let second = [resource("a.yaml", "1"), resource("b.yaml", "other"), resource("d.yaml", "")];
        let written = write_resources(&directory, &second).expect("written");
        let expected =
            [("a.yaml", Unchanged), ("b.yaml", Replaced), ("d.yaml", Created), ("c.yaml", Removed)];
        assert_eq!(changes(&written), expected);
        let expected = [("a.yaml", "1"), ("b.yaml", "other"), ("d.yaml", "")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(content(&directory), expected);
    }

    #[test]
    fn what_is_not_this_tools_is_never_touched() {
        let ours = [resource("a.yaml", "1")];
        let foreign = |name: &str| {
            let (folder, directory) = scratch();
            write_resources(&directory, &ours).expect("written");
            (folder, directory.clone(), directory.join(name))
        };
        for name in ["admin.yaml", "README", ".hidden.yaml", ".x.json"] {
            let (_folder, directory, path) = foreign(name);
            fs::write(&path, "mine").expect("a file");
            for outcome in [
                check_resources(&directory),
                write_resources(&directory, &[resource(name, "x")]).map(drop),
            ] {
                let error = outcome.expect_err(name);
                assert!(
                    matches!(&error, ResourceDirectoryError::Foreign(found) if *found == path),
                    "{name}: {error:?}"
                );
            }
            assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
            assert_eq!(fs::read_to_string(directory.join("a.yaml")).expect("a file"), "1");
            fs::remove_file(&path).expect("removed");
            write_resources(&directory, &ours).expect("the twin");
        }
        let (_folder, directory, path) = foreign("a.yaml");
        fs::write(&path, "changed").expect("a file");
        assert!(matches!(
            write_resources(&directory, &ours),
            Err(ResourceDirectoryError::Foreign(_))
        ));
        assert_eq!(fs::read_to_string(&path).expect("a file"), "changed");
        fs::remove_file(&path).expect("removed");
        symlink("/etc/passwd", &path).expect("a link");
        assert!(matches!(check_resources(&directory), Err(ResourceDirectoryError::Path(_))));
        fs::remove_file(&path).expect("removed");
        fs::create_dir(directory.join("sub")).expect("a directory");
        assert!(matches!(check_resources(&directory), Err(ResourceDirectoryError::Foreign(_))));
        fs::remove_dir(directory.join("sub")).expect("removed");
        // What does not concern `oc` does not concern us either; what was removed is written again.
        fs::write(directory.join(".gitkeep"), "").expect("a file");
        let written = write_resources(&directory, &ours).expect("written");
        assert_eq!(changes(&written), [("a.yaml", ResourceChange::Created)]);
    }

    #[test]
    fn an_interrupted_run_is_gone_on_after() {
        let (_folder, directory) = scratch();
        let (old, new) =
            ([resource("a.yaml", "1"), resource("b.yaml", "1")], [resource("a.yaml", "2")]);
        write_resources(&directory, &old).expect("written");
        // The state after each step of replacing a.yaml and removing b.yaml.
        let both: Known = ["1", "2"].iter().fold(Known::new(), |mut known, text| {
            let digest = Digest::of(text.as_bytes());
            known.entry("a.yaml".into()).or_default().insert(digest);
            known.entry("b.yaml".into()).or_default().insert(Digest::of(b"1"));
            known
        });
        let opened = HostRoot::under(&directory).expect("root").create(&[]).expect("a directory");
        write_list(&opened, &both).expect("the list");
        check_resources(&directory).expect("before the first file");
        fs::write(directory.join("a.yaml"), "2").expect("a file");
        fs::write(directory.join(".a.yaml.new"), "ha").expect("a file");
        check_resources(&directory).expect("after the first file");
        fs::remove_file(directory.join("b.yaml")).expect("removed");
        let written = write_resources(&directory, &new).expect("gone on");
        assert_eq!(changes(&written), [("a.yaml", ResourceChange::Unchanged)]);
        let list = fs::read_to_string(directory.join(LIST)).expect("the list");
        assert_eq!(list, format!("{}  a.yaml\n", Digest::of(b"2").hex()));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_not_taken_for_absent() {
        let (_folder, directory) = scratch();
        write_resources(&directory, &[resource("a.yaml", "1")]).expect("written");
        for text in ["x", "00  a.yaml", &format!("{} a.yaml", "0".repeat(64))] {
            fs::write(directory.join(LIST), text).expect("a file");
            assert!(matches!(check_resources(&directory), Err(ResourceDirectoryError::List(_))));
        }
        fs::remove_file(directory.join(LIST)).expect("removed");
        assert!(matches!(check_resources(&directory), Err(ResourceDirectoryError::Foreign(_))));
    }
}
