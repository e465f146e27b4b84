//! This tool's own configuration as it is found: of the machine, below the root, and of the user ([`Settings`]).
//!
//! The machine's file may demand something, so one that is there and cannot be used is an error. The user's is a
//! convenience: one that somebody else could have written does not count, which is said.

use super::content::{MAX_FILE, SYSTEM_FILE, Settings, SettingsError, USER_FILE};
use crate::files::{HostRoot, PathError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A place where a file was looked for.
#[derive(Debug)]
pub struct SettingsFile {
    /// The file.
    pub path: PathBuf,
    /// What was found there.
    pub found: FoundSettings,
}

/// What was found.
#[derive(Debug)]
pub enum FoundSettings {
    /// A file that counts.
    Read(Box<Settings>),
    /// No file.
    Absent,
    /// A file that does not count: another user could have written it.
    Ignored(PathError),
}

/// A file is there and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// Its kind, owner or mode is not what it must be, or the system refused.
    #[error("the configuration of this machine cannot be used")]
    Path(#[from] PathError),
    /// What it says cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Reads the machine's file, `/etc/bundle/config.toml`. It counts when it is root's (below `--root`, also of the user who
/// runs this), nobody else may write it, and no link leads there. Paths in it are below the root too.
///
/// # Errors
/// [`SettingsFileError`]: what is there and cannot be used is not taken for absent.
pub fn system_settings(root: &HostRoot) -> Result<SettingsFile, SettingsFileError> {
    let [directories @ .., name] = SYSTEM_FILE;
    let path = root.path_of(&directories, name);
    let Some(content) = read(root, &directories, name)? else {
        return Ok(SettingsFile { path, found: FoundSettings::Absent });
    };
    let settings = Settings::parse(&path.to_string_lossy(), &content)?.below(root.path());
    Ok(SettingsFile { path, found: FoundSettings::Read(Box::new(settings)) })
}

/// Reads the file of the user who runs this, `bundle/config.toml` below their configuration directory. It counts when it
/// is theirs or root's and nobody else may write it; no link below that directory is followed.
///
/// # Errors
/// [`SettingsError`] when what a file says that counts cannot be used.
pub fn user_settings(configuration: &Path) -> Result<SettingsFile, SettingsError> {
    let path = configuration.join(USER_FILE[0]).join(USER_FILE[1]);
    let is_absent = path.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound);
    let found = match configuration.is_dir() && !is_absent {
        true => HostRoot::under(configuration)
            .and_then(|root| read(&root, &USER_FILE[..1], USER_FILE[1])),
        false => Ok(None),
    };
    let found = match found {
        Ok(Some(content)) => {
            FoundSettings::Read(Box::new(Settings::parse(&path.to_string_lossy(), &content)?))
        }
        Ok(None) => FoundSettings::Absent,
        Err(error) => FoundSettings::Ignored(error),
    };
    Ok(SettingsFile { path, found })
}

fn read(root: &HostRoot, directories: &[&str], name: &str) -> Result<Option<Vec<u8>>, PathError> {
    match root.existing(directories)? {
        Some(directory) => directory.read(name, MAX_FILE as u64),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Owners;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use tempfile::TempDir;

    /// A directory in the place of `/` or of `~/.config`, with a file in `folder`.
    fn scratch(folder: &str, content: &str) -> (TempDir, PathBuf) {
        let top = tempfile::tempdir().expect("a folder");
        let folder = top.path().join(folder);
        fs::create_dir_all(&folder).expect("directories");
        let file = folder.join("config.toml");
        fs::write(&file, content).expect("a file");
        (top, file)
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn root(top: &TempDir) -> HostRoot {
        HostRoot::under(top.path()).expect("a root")
    }

    #[test]
    fn the_file_of_the_machine_counts_or_is_an_error() {
        let (top, file) = scratch("etc/bundle", "to = \"r.example\"\n[trust]\nkey = [\"/etc/k\"]");
        let read = || system_settings(&root(&top));
        let found = read().expect("settings");
        assert_eq!(found.path, file);
        let FoundSettings::Read(settings) = found.found else { panic!("it counts") };
        assert_eq!(settings.to.as_deref(), Some("r.example"));
        assert_eq!(settings.trust.key[0].value, top.path().join("etc/k"), "below the root");

        for (path, unsafe_mode, safe_mode) in [
            (file.clone(), 0o664, 0o644),
            (file.clone(), 0o646, 0o600),
            (top.path().join("etc/bundle"), 0o777, 0o755),
        ] {
            mode(&path, unsafe_mode);
            let error = read().expect_err("others may write");
            assert!(
                matches!(error, SettingsFileError::Path(PathError::Exposed { .. })),
                "{error:?}"
            );
            mode(&path, safe_mode);
            read().expect("the twin");
        }
        let aside = top.path().join("aside");
        fs::rename(&file, &aside).expect("moved");
        symlink(&aside, &file).expect("a link");
        let error = read().expect_err("a link");
        assert!(matches!(error, SettingsFileError::Path(PathError::Kind { .. })), "{error:?}");
        fs::remove_file(&file).expect("removed");
        assert!(matches!(read().expect("none").found, FoundSettings::Absent));
        fs::write(&file, "\nsurprise = 1").expect("a file");
        let error = read().expect_err("an unknown key").to_string();
        assert!(error.contains(&format!("{}, line 2", file.display())), "{error}");
    }

    #[test]
    fn a_machine_whose_files_are_somebody_elses_is_not_believed() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (top, file) = scratch("etc/bundle", "jobs = 2");
        let host = || HostRoot::open(top.path(), Owners::Root).expect("a root");
        assert!(system_settings(&host()).is_ok());
        std::os::unix::fs::chown(&file, Some(65_534), None).expect("owner");
        let error = system_settings(&host()).expect_err("not root's");
        assert!(matches!(error, SettingsFileError::Path(PathError::Owner { .. })), "{error:?}");
    }

    #[test]
    fn the_file_of_a_user_counts_or_is_left_aside() {
        let (top, file) = scratch("bundle", "jobs = 3\n[trust]\nkey = [\"/etc/k\"]");
        let read = || user_settings(top.path()).expect("settings");
        assert_eq!(read().path, file);
        let FoundSettings::Read(settings) = read().found else { panic!("it counts") };
        assert_eq!(settings.jobs.map(u16::from), Some(3));
        assert_eq!(settings.trust.key[0].value, Path::new("/etc/k"), "it means what it says");
        mode(&file, 0o664);
        assert!(matches!(read().found, FoundSettings::Ignored(PathError::Exposed { .. })));
        // What does not count is not read either.
        fs::write(&file, "surprise = 1").expect("a file");
        assert!(matches!(read().found, FoundSettings::Ignored(_)));
        mode(&file, 0o644);
        let error = user_settings(top.path()).expect_err("an unknown key").to_string();
        assert!(error.contains("line 1"), "{error}");
        fs::remove_file(&file).expect("removed");
        symlink("/dev/null", &file).expect("a link");
        assert!(matches!(read().found, FoundSettings::Ignored(PathError::Kind { .. })));
        fs::remove_file(&file).expect("removed");
        assert!(matches!(read().found, FoundSettings::Absent));
        let nowhere = user_settings(&top.path().join("nowhere")).expect("settings");
        assert!(matches!(nowhere.found, FoundSettings::Absent));
    }
}
