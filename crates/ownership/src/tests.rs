//! One rule, for directories, links, files and programs.

use super::program::find_in;
use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use tempfile::TempDir;

/// Somebody else.
const OTHER: u32 = 65_534;

/// `top/above/file`, all of this user's.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir(scratch.at("above")).expect("a directory");
        scratch.mode("above", 0o755);
        fs::write(scratch.at("above/file"), "").expect("a file");
        scratch.mode("above/file", 0o755);
        scratch
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn resolve(&self) -> Result<PathBuf, Distrust> {
        resolve(&self.at("above/file"), Shared::Refused)
    }
}

#[test]
fn a_path_that_others_can_write_to_does_not_count() {
    let scratch = Scratch::new();
    scratch.resolve().expect("the twin");
    for (name, mode, usual) in [
        ("above/file", 0o757, 0o755),
        ("above/file", 0o666, 0o644),
        ("above", 0o757, 0o755),
        ("above", 0o777, 0o755),
        ("", 0o707, 0o700),
    ] {
        scratch.mode(name, mode);
        let error = scratch.resolve().expect_err("others may write");
        assert!(matches!(error, Distrust::Exposed { .. }), "{name}: {error}");
        scratch.mode(name, usual);
        scratch.resolve().expect("the twin");
    }
    scratch.mode("above", 0o1777);
    scratch.resolve().expect("under the sticky bit, what is there is its owner's");
    assert!(resolve(&scratch.at("above"), Shared::Refused).is_err());
    assert!(resolve(&scratch.at("above"), Shared::Counts).is_ok());
}

#[test]
fn a_path_through_what_another_user_owns_does_not_count() {
    if effective_user() != 0 {
        return;
    }
    for name in ["above/file", "above", ""] {
        let scratch = Scratch::new();
        chown(scratch.at(name), Some(OTHER), Some(OTHER)).expect("owner");
        let error = scratch.resolve().expect_err("another user's");
        assert!(matches!(error, Distrust::Owner { owner: OTHER, .. }), "{name}: {error}");
        assert!(check_for_root(&scratch.at("above/file")).is_err());
        // It is that user's own.
        resolve_for(OTHER, &scratch.at("above/file"), Shared::Refused).expect("the twin");
    }
}

#[test]
fn a_link_counts_when_all_that_it_leads_through_does() {
    let scratch = Scratch::new();
    symlink("../above/./file", scratch.at("above/link")).expect("a link");
    symlink(scratch.at("above"), scratch.at("absolute")).expect("a link");
    symlink("loop", scratch.at("loop")).expect("a link");
    let whole = resolve(&scratch.at("above/file"), Shared::Refused).expect("counts");
    for name in ["above/link", "absolute/link", "absolute/../above/file"] {
        let found = resolve(&scratch.at(name), Shared::Refused).expect("counts");
        assert_eq!(found, whole, "{name}");
    }
    assert!(resolve(&scratch.at("loop"), Shared::Refused).is_err());
    scratch.mode("above", 0o777);
    assert!(resolve(&scratch.at("absolute/link"), Shared::Refused).is_err());
    scratch.mode("above", 0o755);
    if effective_user() == 0 {
        std::os::unix::fs::lchown(scratch.at("above/link"), Some(OTHER), None).expect("owner");
        assert!(resolve(&scratch.at("above/link"), Shared::Refused).is_err());
    }
}

#[test]
fn what_is_not_there_is_nothing_to_distrust() {
    let scratch = Scratch::new();
    let error = resolve(&scratch.at("above/nothing"), Shared::Refused).expect_err("nothing");
    assert!(error.is_absence(), "{error}");
    check_for_root(&scratch.at("above/nothing")).expect("nothing");
}

#[test]
fn a_program_that_others_could_have_put_there_is_not_run() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.at("second")).expect("a directory");
    scratch.mode("second", 0o755);
    let find = |directories: &[&str], name: &str| {
        let path = std::env::join_paths(directories.iter().map(|one| scratch.at(one)));
        find_in(&path.expect("a path"), name)
    };
    let both = ["above", "second"];
    assert_eq!(find(&both, "file").expect("counts"), Some(scratch.at("above/file")));
    assert_eq!(find(&both, "nothing").expect("none"), None);
    scratch.mode("above/file", 0o644);
    assert_eq!(find(&both, "file").expect("not executable"), None);
    scratch.mode("above/file", 0o777);
    find(&both, "file").expect_err("others may write to it");
    // The next one that counts is taken.
    fs::copy(scratch.at("above/file"), scratch.at("second/file")).expect("copied");
    scratch.mode("second/file", 0o755);
    assert_eq!(find(&both, "file").expect("counts"), Some(scratch.at("second/file")));
    scratch.mode("second", 0o777);
    find(&both, "file").expect_err("others may put another one there");
    let relative = std::env::join_paths([".", "", "src"]).expect("a path");
    assert_eq!(find_in(&relative, "mod.rs").expect("none"), None);
}

#[test]
fn a_directory_is_made_where_nobody_else_can_change_it() {
    let scratch = Scratch::new();
    make_directory(&scratch.at("above/a/b")).expect("made");
    let mode = fs::metadata(scratch.at("above/a")).expect("there").permissions().mode();
    assert_eq!(mode & 0o022, 0);
    make_directory(&scratch.at("above/a/b")).expect("it is there");
    if effective_user() != 0 {
        return;
    }
    chown(scratch.at("above"), Some(OTHER), None).expect("owner");
    make_directory(&scratch.at("above/c/d")).expect_err("another user's");
    assert!(!scratch.at("above/c").exists(), "nothing was made");
}
