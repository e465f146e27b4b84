//! Taking keys back: records first, and no file that somebody else put there.

use super::*;
use std::os::unix::fs::symlink;

fn remove(scratch: &TempDir, keys: &[&str]) -> Result<Vec<RemovedKey>, RemoveError> {
    let keys: Vec<_> = keys.iter().map(|key| key.parse().expect("a selector")).collect();
    remove_keys(&root(scratch), &keys)
}

#[test]
fn what_was_installed_is_undone_by_name_or_by_fingerprint() {
    let second = key(b"second", &["quay.io/second"]);
    for chosen in ["acme".to_owned(), "acme.pub".to_owned(), acme().fingerprint.to_string()] {
        let scratch = scratch();
        let other = std::slice::from_ref(&second);
        let other = plan_install(root(&scratch), other, &Naming::default(), Digest::of(b"bundle"));
        install(other.expect("plan"), now()).expect("the other");
        let before = listing(scratch.path());
        try_install(&scratch, &[acme()]).expect("install");
        let twice = [&*chosen, "acme"];
        let removed = remove(&scratch, &twice).expect("removed");
        let [one] = &removed[..] else { panic!("{removed:?}") };
        assert_eq!((one.file, &one.path), (RemovedFile::Removed, &scratch.path().join(KEY)));
        assert_eq!(listing(scratch.path()), before, "all is as it was");
        let again = remove(&scratch, &[&*chosen]);
        assert!(matches!(again, Err(RemoveError::NotInstalled(_))), "{again:?}");
    }
}

#[test]
fn nothing_is_removed_when_one_of_them_is_not_installed() {
    let scratch = scratch();
    assert!(matches!(remove(&scratch, &["acme"]), Err(RemoveError::NotInstalled(_))));
    try_install(&scratch, &[acme()]).expect("install");
    let before = listing(scratch.path());
    for other in ["other".to_owned(), Digest::of(b"other").to_string()] {
        let refused = remove(&scratch, &["acme", &*other]);
        assert!(matches!(refused, Err(RemoveError::NotInstalled(_))), "{refused:?}");
        assert_eq!(listing(scratch.path()), before);
    }
}

#[test]
fn a_file_that_is_not_the_recorded_key_stays() {
    type Change = fn(&Path);
    let changes: [(&str, Change, RemovedFile); 4] = [
        (
            "another key",
            |path| fs::write(path, key(b"other", &[]).content).expect("write"),
            RemovedFile::Changed,
        ),
        ("notes", |path| fs::write(path, "notes").expect("write"), RemovedFile::Changed),
        (
            "a link",
            |path| {
                fs::remove_file(path).expect("remove");
                symlink("/etc/passwd", path).expect("link");
            },
            RemovedFile::Changed,
        ),
        ("nothing", |path| fs::remove_file(path).expect("remove"), RemovedFile::Missing),
    ];
    for (what, change, expected) in changes {
        let scratch = scratch();
        try_install(&scratch, &[acme()]).expect("install");
        let path = scratch.path().join(KEY);
        change(&path);
        let there = path.symlink_metadata().is_ok();
        let removed = remove(&scratch, &["acme"]).expect(what);
        assert_eq!(removed[0].file, expected, "{what}");
        assert_eq!(path.symlink_metadata().is_ok(), there, "{what}: it stays as it is");
        assert!(!scratch.path().join(RECORD).exists(), "{what}: it is no anchor any more");
    }
}

#[test]
fn a_key_file_that_was_there_before_stays() {
    let scratch = scratch();
    write(&scratch, KEY, &acme().content);
    try_install(&scratch, &[acme()]).expect("install");
    // More scopes do not make it ours.
    try_install(&scratch, &[key(b"acme", &["quay.io/acme/web"])]).expect("wider");
    let removed = remove(&scratch, &["acme"]).expect("removed");
    assert_eq!(removed[0].file, RemovedFile::WasThere);
    assert_eq!(fs::read(scratch.path().join(KEY)).expect("key"), acme().content);
}

#[test]
fn only_root_removes_from_the_host_itself() {
    let scratch = scratch();
    let host = HostRoot::open(scratch.path(), Owners::Root).expect("root");
    if !host.may_install() {
        assert!(matches!(remove_keys(&host, &[]), Err(RemoveError::NotRoot)));
    }
    assert!(!host.admits_installer(1000) && host.admits_installer(0));
}
