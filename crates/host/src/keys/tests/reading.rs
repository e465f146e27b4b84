//! Which installed keys count, and which no longer do.

use super::*;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

#[test]
fn what_was_tampered_with_grants_nothing_and_is_told() {
    type Tamper = fn(&TempDir);
    let tampers: [(&str, Tamper, &str); 9] = [
        ("another key", |s| write(s, KEY, &key(b"intruder", &[]).content), "was recorded"),
        ("a second block", |s| write(s, KEY, &acme().content.repeat(2)), "exactly one PEM block"),
        ("no key", |s| fs::remove_file(s.path().join(KEY)).expect("remove"), "is missing"),
        ("a link as key", |s| move_and_link(&s.path().join(KEY)), "is a symbolic link"),
        ("a link as record", |s| move_and_link(&s.path().join(RECORD)), "is a symbolic link"),
        ("a record that others can write", |s| chmod(s, RECORD, 0o666), "can be written by others"),
        ("a key that its group can write", |s| chmod(s, KEY, 0o664), "can be written by others"),
        ("half a record", |s| write(s, RECORD, b"{"), "the record is not valid"),
        ("a huge record", |s| write(s, RECORD, &vec![b' '; 2 << 20]), "is larger than"),
    ];
    for (what, tamper, expected) in tampers {
        let scratch = scratch();
        try_install(&scratch, &[acme(), key(b"other", &["quay.io/other"])]).expect("install");
        assert_eq!(installed_keys(&root(&scratch)).expect("keys").keys.len(), 2);
        tamper(&scratch);
        let found = installed_keys(&root(&scratch)).expect("keys");
        assert_eq!(found.keys.len(), 1, "{what}: the other key still counts");
        assert_eq!(found.skipped.len(), 1, "{what}");
        let text = messages(&found.skipped[0].reason);
        assert!(text.contains(expected), "{what}: {text}");
    }
}

fn move_and_link(path: &Path) {
    let elsewhere = path.with_file_name(".elsewhere");
    fs::rename(path, &elsewhere).expect("rename");
    symlink(&elsewhere, path).expect("link");
}

fn chmod(scratch: &TempDir, path: &str, mode: u32) {
    let path = scratch.path().join(path);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

#[test]
fn records_count_only_under_their_own_name() {
    let scratch = scratch();
    try_install(&scratch, &[acme()]).expect("install");
    let record = fs::read(scratch.path().join(RECORD)).expect("record");
    for name in ["acme.pub.json", "second.json", "SIGSTORE-x.json", "acme.json.bak", "a b.json"] {
        write(&scratch, &format!("etc/bundle/trust.d/{name}"), &record);
    }
    let found = installed_keys(&root(&scratch)).expect("keys");
    assert_eq!(found.keys.len(), 1);
    assert_eq!(found.skipped.len(), 5);
}

#[test]
fn store_with_unsafe_directories_is_refused_as_a_whole() {
    let scratch = scratch();
    assert!(installed_keys(&root(&scratch)).expect("an empty store").keys.is_empty());
    try_install(&scratch, &[acme()]).expect("install");
    chmod(&scratch, "etc/bundle/trust.d", 0o777);
    assert!(matches!(installed_keys(&root(&scratch)), Err(PathError::Exposed { .. })));
    chmod(&scratch, "etc/bundle/trust.d", 0o755);
    assert_eq!(installed_keys(&root(&scratch)).expect("twin").keys.len(), 1);
    let etc = scratch.path().join("etc");
    fs::rename(&etc, scratch.path().join("moved")).expect("rename");
    symlink("moved", &etc).expect("link");
    assert!(matches!(installed_keys(&root(&scratch)), Err(PathError::Kind { .. })));
}

#[test]
fn what_another_user_owns_does_not_count() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: what_another_user_owns_does_not_count needs root");
        return;
    }
    for path in [KEY, RECORD, "etc/pki"] {
        let scratch = scratch();
        try_install(&scratch, &[acme()]).expect("install");
        let whole = scratch.path().join(path);
        std::os::unix::fs::chown(&whole, Some(12_345), None).expect("chown");
        assert_eq!(fs::metadata(&whole).expect("metadata").uid(), 12_345);
        let found = installed_keys(&root(&scratch));
        match found {
            Ok(found) => assert!(found.keys.is_empty() && found.skipped.len() == 1, "{path}"),
            Err(error) => assert!(matches!(error, PathError::Owner { .. }), "{path}: {error:?}"),
        }
        assert!(plan(&scratch, &[acme()]).is_err(), "{path}");
    }
}
