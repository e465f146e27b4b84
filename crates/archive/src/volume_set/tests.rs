//! Which files make up an archive.

use super::*;
use crate::volumes::marker;

struct Folders {
    one: tempfile::TempDir,
    two: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("folder");
        Self { one: folder(), two: folder() }
    }

    fn one(&self, name: &str) -> PathBuf {
        self.one.path().join(name)
    }

    fn two(&self, name: &str) -> PathBuf {
        self.two.path().join(name)
    }
}

/// A file that begins as volume `number` of `bundle` does.
fn volume(path: &Path, bundle: &str, number: u32) {
    let marker = marker(&Digest::of(bundle.as_bytes()), number, None);
    let bytes = if number == 1 { frame() } else { marker.to_vec() };
    std::fs::write(path, bytes).expect("written");
}

fn frame() -> Vec<u8> {
    super::super::frame::raw_frame(&[7; 200])
}

#[track_caller]
fn refused(paths: &[PathBuf]) -> String {
    find(paths).expect_err("refused").to_string()
}

#[test]
fn a_set_is_found_from_any_part_of_it() {
    let at = Folders::new();
    for (path, number) in [(at.one("a.001"), 1), (at.one("a.002"), 2), (at.two("a.003"), 3)] {
        volume(&path, "a", number);
    }
    std::fs::write(at.one("b"), "b").expect("written");
    let whole = Found::Set(vec![at.one("a.001"), at.one("a.002"), at.two("a.003")]);
    let found = |paths: &[PathBuf]| find(paths).expect("found");
    assert_eq!(found(&[at.one("a"), at.two("a.003")]), whole);
    assert_eq!(found(&[at.one("a"), at.two("")]), whole);
    assert_eq!(found(&[at.two("a.003"), at.one("a.002")]), whole);
    assert_eq!(found(&[at.two("a.003"), at.one("")]), whole);
    assert_eq!(found(&[at.one.path().into(), at.two.path().into()]), whole);
    assert_eq!(found(&[at.one("a.001"), at.two.path().into()]), whole);
    assert_eq!(found(&[at.two("a"), at.one("a")]), whole, "the base name in both folders");
    assert_eq!(found(&[at.one("a.001"), at.two("a.003"), at.one("a.001")]), whole, "twice");
    assert_eq!(found(&[at.one("b")]), Found::File(at.one("b")));
    let beside = vec![at.one("a.001"), at.one("a.002")];
    assert_eq!(found(&[at.one("a")]), Found::Set(beside.clone()));
    assert_eq!(found(&[at.one("a.002")]), Found::Set(beside.clone()));
    assert_eq!(found(&[at.one("a.001")]), Found::Beside(beside));
    assert!(refused(&[at.two("a.003")]).ends_with("a.001 is missing"));
    assert!(refused(&[at.two("a")]).ends_with("a.001 is missing"));
    std::fs::remove_file(at.one("a.001")).expect("removed");
    assert!(refused(&[at.one("a")]).ends_with("a.001 is missing"));
}

#[test]
fn a_number_that_comes_twice_is_refused_unless_it_is_one_file() {
    let at = Folders::new();
    for (path, number) in [(at.one("a.001"), 1), (at.one("a.002"), 2), (at.two("a.002"), 2)] {
        volume(&path, "a", number);
    }
    let both = [at.one.path().to_owned(), at.two.path().to_owned()];
    assert!(refused(&both).contains("has the same number as"));
    assert!(refused(&[at.one("a.002"), at.two("a.002")]).contains("has the same number as"));
    let chosen = Found::Set(vec![at.one("a.001"), at.two("a.002")]);
    assert_eq!(find(&[at.one("a.001"), at.two("a.002")]).expect("named"), chosen);
    std::fs::remove_file(at.two("a.002")).expect("removed");
    std::os::unix::fs::symlink(at.one("a.002"), at.two("a.002")).expect("link");
    assert!(find(&both).is_ok(), "a link to the same file");
}

#[test]
fn folders_hold_volumes_of_one_archive() {
    let at = Folders::new();
    let folder = [at.one.path().to_owned()];
    assert!(refused(&folder).contains("holds no volumes"));
    volume(&at.one("a.002"), "a", 2);
    assert!(refused(&folder).ends_with("a.001 is missing"));
    volume(&at.one("a.001"), "a", 1);
    assert!(find(&folder).is_ok());
    volume(&at.one("b.001"), "b", 1);
    assert!(refused(&folder).contains("several archives (a, b, …)"));
    assert!(refused(&[at.one("a.001"), at.one("b.001")]).contains("is not of the archive a"));
}

#[test]
fn a_whole_archive_may_be_named_like_a_volume() {
    let at = Folders::new();
    std::fs::write(at.one("a.001"), frame()).expect("written");
    std::fs::write(at.one("a.002"), frame()).expect("written");
    assert_eq!(find(&[at.one("a.002")]).expect("found"), Found::File(at.one("a.002")));
    let beside = Found::Beside(vec![at.one("a.001"), at.one("a.002")]);
    assert_eq!(find(&[at.one("a.001")]).expect("found"), beside);
}

#[test]
fn renamed_volumes_are_put_in_order_by_their_markers() {
    let at = Folders::new();
    for (name, number) in [("disk a", 3), ("disk b", 1), ("disk c", 2)] {
        volume(&at.one(name), "a", number);
    }
    let order = Found::Set(["disk b", "disk c", "disk a"].map(|name| at.one(name)).into());
    let named = ["disk a", "disk b", "disk c"].map(|name| at.one(name));
    assert_eq!(find(&named).expect("ordered"), order);
    assert!(refused(&named[..2]).contains("volume 2 is not among those named"));
    assert!(refused(&[at.one("disk a"), at.one("disk c")]).contains("volume 1 is not among"));
    volume(&at.two("disk"), "a", 2);
    let twice = [&named[..], &[at.two("disk")]].concat();
    assert!(refused(&twice).contains("is volume 2, and so is"));
    std::fs::write(at.two("note"), "no volume").expect("written");
    let other = [&named[..], &[at.two("note")]].concat();
    assert!(refused(&other).contains("is not a volume of a bundle"));
    let folder = [&named[..], &[at.two.path().to_owned()]].concat();
    assert!(refused(&folder).contains("named one by one"));
}

#[test]
fn a_list_of_checksums_is_passed_over() {
    let at = Folders::new();
    volume(&at.one("a.001"), "a", 1);
    volume(&at.one("a.002"), "a", 2);
    std::fs::write(at.one("a.sha256"), "sums").expect("written");
    let named = ["a.001", "a.002", "a.sha256"].map(|name| at.one(name));
    assert_eq!(find(&named).expect("found"), Found::Set(named[..2].to_vec()));
    assert_eq!(group(&named).len(), 2, "a first volume that cannot be read stands alone");
}

#[test]
fn volumes_of_one_bundle_are_grouped_by_what_they_state() {
    let at = Folders::new();
    for (path, bundle, number) in [
        (at.one("a.002"), "a", 2),
        (at.one("b.002"), "b", 2),
        (at.two("a.003"), "a", 3),
        (at.two("c.003"), "a", 4),
    ] {
        volume(&path, bundle, number);
    }
    let named = [at.one("a.002"), at.one("b.002"), at.two("a.003"), at.two("c"), at.two("x")];
    let expected = [
        vec![at.one("a.002"), at.two("a.003"), at.two("c")],
        vec![at.one("b.002")],
        vec![at.two("x")],
    ];
    assert_eq!(group(&named), expected);
}

#[test]
fn only_volumes_may_lie_where_volumes_go() {
    let at = Folders::new();
    let target = at.one("a");
    check_beside(&target).expect("nothing is there");
    volume(&at.one("a.001"), "a", 1);
    volume(&at.one("a.002"), "a", 2);
    volume(&at.one("a.007"), "a", 7);
    check_beside(&target).expect("an earlier archive");
    std::fs::write(at.one("a.008"), "notes").expect("written");
    let error = check_beside(&target).expect_err("something else").to_string();
    assert!(error.contains("a.008 is named like a volume, but it is not one"), "{error}");
    remove_earlier(&target, 3).expect("removed");
    let left = |name: &str| at.one(name).exists();
    assert_eq!(["a.001", "a.002", "a.007", "a.008"].map(left), [false, true, false, true]);
    std::fs::remove_file(at.one("a.008")).expect("removed");
    std::fs::write(&target, "an archive in one file").expect("written");
    let error = check_beside(&target).expect_err("it would be read").to_string();
    assert!(error.contains("in the place of the volumes"), "{error}");
}

#[test]
fn two_bundles_named_together_are_told_apart() {
    let at = Folders::new();
    std::fs::write(at.one("a"), frame()).expect("written");
    std::fs::write(at.one("b"), frame()).expect("written");
    let said = refused(&[at.one("a"), at.one("b")]);
    assert!(said.contains("one bundle is read at a time"), "{said}");
    // One file under two names is one file.
    assert!(find(&[at.one("a"), at.one("a")]).is_ok());
}
