//! Installing below a scratch root, reading back, and everything that must be refused: each refusal beside the same
//! installation without the obstacle, which succeeds.

use super::public_key::tests::key_file;
use super::root::Owners;
use super::*;
use crate::oci::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::OffsetDateTime;

const KEY: &str = "etc/pki/sigstore/acme.pub";
const RECORD: &str = "etc/bundle/trust.d/acme.json";

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch directory")
}

fn root(scratch: &TempDir) -> HostRoot {
    HostRoot::under(scratch.path()).expect("root")
}

fn key(content: &[u8], scopes: &[&str]) -> KeyToInstall {
    let (pem, fingerprint) = key_file(content);
    let scopes = scopes.iter().map(ToString::to_string).collect();
    KeyToInstall {
        pem,
        fingerprint,
        scopes,
        file: "keys/one.pub".into(),
    }
}

fn named(keys: &[KeyToInstall]) -> BTreeMap<Digest, KeyName> {
    keys.iter()
        .take(1)
        .map(|key| (key.fingerprint, "acme".parse().expect("name")))
        .collect()
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("time")
}

fn plan(scratch: &TempDir, keys: &[KeyToInstall]) -> Result<InstallPlan, InstallError> {
    plan_install(root(scratch), keys, &named(keys), Digest::of(b"bundle"))
}

/// Installs `keys`, the first of them as `acme`.
fn try_install(scratch: &TempDir, keys: &[KeyToInstall]) -> Result<Installed, InstallError> {
    install(plan(scratch, keys)?, now())
}

fn acme() -> KeyToInstall {
    key(b"acme", &["quay.io/acme/app"])
}

/// Every path below `scratch` with what it holds, so that "nothing changed" can be said exactly.
fn listing(scratch: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(scratch)
        .into_iter()
        .map(|entry| entry.expect("entry"))
        .map(|entry| {
            let content = match entry.file_type() {
                kind if kind.is_file() => fs::read(entry.path()).expect("content"),
                kind => format!("{kind:?}").into_bytes(),
            };
            (entry.path().to_owned(), content)
        })
        .collect()
}

fn write(scratch: &TempDir, path: &str, content: &[u8]) {
    let path = scratch.path().join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("parents");
    fs::write(path, content).expect("write");
}

fn messages(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn an_installed_key_reads_back_with_its_record() {
    let scratch = scratch();
    let keys = [acme(), key(b"other", &["quay.io/other", "quay.io/another"])];
    let installed = try_install(&scratch, &keys).expect("install");
    assert_eq!(
        installed.keys.iter().map(|k| k.change).collect::<Vec<_>>(),
        [Change::Create; 2]
    );
    assert_eq!(installed.keys[0].path, scratch.path().join(KEY));

    let found = installed_keys(&root(&scratch)).expect("keys");
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let [first, second] = &found.keys[..] else {
        panic!("{:?}", found.keys)
    };
    assert_eq!(first.pem, keys[0].pem);
    assert_eq!(first.record.name.as_str(), "acme");
    assert_eq!(first.record.fingerprint, keys[0].fingerprint);
    let origin = KeyOrigin {
        bundle: Digest::of(b"bundle"),
        file: "keys/one.pub".into(),
        installed_at: now(),
    };
    assert_eq!(first.record.origin, origin);
    assert_eq!(
        second.record.name,
        KeyName::of_fingerprint(&keys[1].fingerprint)
    );
    let scopes: Vec<_> = second.record.scopes.iter().collect();
    assert_eq!(scopes, ["quay.io/another", "quay.io/other"]);
}

#[test]
fn planning_changes_nothing() {
    let scratch = scratch();
    let before = listing(scratch.path());
    let plan = plan(&scratch, &[acme()]).expect("plan");
    assert_eq!(plan.keys()[0].change, Change::Create);
    assert_eq!(listing(scratch.path()), before);
}

#[test]
fn files_have_mode_0644_and_directories_0755_whatever_the_umask() {
    let scratch = scratch();
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let installed = try_install(&scratch, &[acme()]);
    rustix::process::umask(before);
    installed.expect("install");
    let mode = |path: &str| {
        fs::metadata(scratch.path().join(path))
            .expect("metadata")
            .permissions()
            .mode()
            & 0o7777
    };
    for path in [KEY, RECORD] {
        assert_eq!(mode(path), 0o644, "{path}");
    }
    for path in [
        "etc",
        "etc/pki",
        "etc/pki/sigstore",
        "etc/bundle",
        "etc/bundle/trust.d",
    ] {
        assert_eq!(mode(path), 0o755, "{path}");
    }
}

#[test]
fn the_same_key_again_adds_its_scopes_and_nothing_else() {
    let scratch = scratch();
    try_install(&scratch, &[acme()]).expect("first");
    let before = listing(scratch.path());
    let again = try_install(&scratch, &[acme()]).expect("again");
    assert_eq!(again.keys[0].change, Change::Nothing);
    assert_eq!(listing(scratch.path()), before);

    let wider = key(b"acme", &["quay.io/acme/app", "quay.io/acme/web"]);
    let widened = try_install(&scratch, &[wider]).expect("wider");
    assert_eq!(widened.keys[0].change, Change::Widen);
    let found = installed_keys(&root(&scratch)).expect("keys").keys;
    let scopes: Vec<_> = found[0].record.scopes.iter().collect();
    assert_eq!(scopes, ["quay.io/acme/app", "quay.io/acme/web"]);
}

#[test]
fn the_same_key_twice_in_one_run_counts_once() {
    let scratch = scratch();
    let installed =
        try_install(&scratch, &[acme(), key(b"acme", &["quay.io/acme/web"])]).expect("install");
    assert_eq!(installed.keys.len(), 1);
    assert_eq!(installed.keys[0].scopes.len(), 2);
}

#[test]
fn a_key_that_a_power_cut_left_without_its_record_is_completed() {
    let scratch = scratch();
    write(&scratch, KEY, acme().pem.as_bytes());
    assert!(
        installed_keys(&root(&scratch))
            .expect("keys")
            .keys
            .is_empty(),
        "a bare file is no anchor"
    );
    write(&scratch, "etc/bundle/trust.d/.acme.json.new", b"{\"half\":");
    let installed = try_install(&scratch, &[acme()]).expect("install");
    assert_eq!(installed.keys[0].change, Change::Record);
    assert_eq!(installed_keys(&root(&scratch)).expect("keys").keys.len(), 1);
    assert!(
        !scratch
            .path()
            .join("etc/bundle/trust.d/.acme.json.new")
            .exists()
    );
}

#[test]
fn a_different_key_under_the_name_is_refused_and_all_stays_as_it_was() {
    let scratch = scratch();
    try_install(&scratch, &[acme()]).expect("first");
    let before = listing(scratch.path());
    let intruder = [
        key(b"intruder", &["quay.io/acme/app"]),
        key(b"second", &["quay.io/second"]),
    ];
    let Err(error) = try_install(&scratch, &intruder) else {
        panic!("refused")
    };
    assert!(
        matches!(error, InstallError::DifferentKey { .. }),
        "{error:?}"
    );
    assert_eq!(listing(scratch.path()), before);
    try_install(&scratch, &[acme(), key(b"second", &["quay.io/second"])]).expect("twin");
}

#[test]
fn the_record_of_a_removed_key_is_not_brought_back_to_life() {
    let scratch = scratch();
    try_install(&scratch, &[key(b"acme", &["quay.io/everything"])]).expect("first");
    fs::remove_file(scratch.path().join(KEY)).expect("remove");
    let Err(error) = try_install(&scratch, &[acme()]) else {
        panic!("refused")
    };
    assert!(
        matches!(error, InstallError::RecordWithoutKey { .. }),
        "{error:?}"
    );
    fs::remove_file(scratch.path().join(RECORD)).expect("remove");
    let installed = try_install(&scratch, &[acme()]).expect("twin");
    assert_eq!(installed.keys[0].scopes.len(), 1);
}

#[test]
fn whatever_else_stands_at_a_target_or_above_it_is_refused() {
    type Obstacle = fn(&Path);
    let obstacles: [(&str, &str, Obstacle, &str); 11] = [
        (
            "a link to nowhere",
            KEY,
            |p| symlink("/nowhere", p).expect("link"),
            "is a symbolic link",
        ),
        (
            "a link to the same key",
            KEY,
            link_to_the_key,
            "is a symbolic link",
        ),
        ("a pipe", KEY, pipe, "is a named pipe"),
        (
            "a directory",
            KEY,
            |p| fs::create_dir(p).expect("directory"),
            "is a directory",
        ),
        ("a socket", KEY, socket, "is a socket"),
        (
            "a file that others can write",
            KEY,
            exposed,
            "can be written by others",
        ),
        (
            "a link as record",
            RECORD,
            |p| symlink("/nowhere", p).expect("link"),
            "is a symbolic link",
        ),
        ("a pipe as record", RECORD, pipe, "is a named pipe"),
        (
            "a parent that is a link",
            "etc/pki/sigstore",
            |p| symlink("/tmp", p).expect("link"),
            "is a symbolic link",
        ),
        (
            "a parent's parent that is a link",
            "etc/pki",
            |p| symlink("..", p).expect("link"),
            "is a symbolic link",
        ),
        (
            "a parent that others can write",
            "etc/bundle",
            open_directory,
            "can be written by others",
        ),
    ];
    for (what, place, obstacle, expected) in obstacles {
        let scratch = scratch();
        let path = scratch.path().join(place);
        fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        obstacle(&path);
        let before = listing(scratch.path());
        let Err(error) = plan(&scratch, &[acme()]) else {
            panic!("{what}: refused")
        };
        let text = messages(&error);
        assert!(
            text.contains(expected) && text.contains(place),
            "{what}: {text}"
        );
        assert_eq!(listing(scratch.path()), before, "{what}");
        if path.symlink_metadata().expect("metadata").is_dir() {
            fs::remove_dir(&path).expect("remove");
        } else {
            fs::remove_file(&path).expect("remove");
        }
        try_install(&scratch, &[acme()]).unwrap_or_else(|e| panic!("{what}, twin: {e:?}"));
    }
}

fn link_to_the_key(path: &Path) {
    let beside = path.with_file_name("elsewhere");
    fs::write(&beside, acme().pem).expect("write");
    symlink(beside, path).expect("link");
}

fn pipe(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("pipe");
}

fn socket(path: &Path) {
    // The path of a socket has at most 107 bytes; the scratch directory's is far shorter.
    drop(std::os::unix::net::UnixListener::bind(path).expect("socket"));
}

fn exposed(path: &Path) {
    fs::write(path, acme().pem).expect("write");
    fs::set_permissions(path, fs::Permissions::from_mode(0o664)).expect("mode");
}

fn open_directory(path: &Path) {
    fs::create_dir(path).expect("directory");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("mode");
}

#[test]
fn an_obstacle_that_comes_up_after_planning_is_refused_too() {
    let scratch = scratch();
    let plan = plan(&scratch, &[acme(), key(b"second", &["quay.io/second"])]).expect("plan");
    write(&scratch, KEY, b"somebody else's");
    let Err(error) = install(plan, now()) else {
        panic!("refused")
    };
    assert!(
        matches!(error, InstallError::DifferentKey { .. }),
        "{error:?}"
    );
    let files: Vec<_> = listing(scratch.path())
        .into_keys()
        .filter(|p| p.is_file())
        .collect();
    let expected = [
        scratch.path().join("etc/bundle/trust.d/.lock"),
        scratch.path().join(KEY),
    ];
    assert_eq!(files, expected, "the second key is not installed either");
}

#[test]
fn a_root_that_is_moved_meanwhile_is_still_the_one_that_was_opened() {
    let scratch = scratch();
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    fs::create_dir(&first).expect("directory");
    let root = HostRoot::under(&first).expect("root");
    let keys = [acme()];
    let plan = plan_install(root, &keys, &named(&keys), Digest::of(b"bundle")).expect("plan");
    fs::rename(&first, &second).expect("rename");
    fs::create_dir(&first).expect("directory");
    install(plan, now()).expect("install");
    assert!(second.join(KEY).is_file());
    assert_eq!(fs::read_dir(&first).expect("list").count(), 0);
}

#[test]
fn only_root_installs_on_the_host_itself() {
    let scratch = scratch();
    let host = HostRoot::open(scratch.path(), Owners::Root).expect("root");
    assert!(!host.admits_installer(1000));
    assert!(host.admits_installer(0));
    assert!(root(&scratch).admits_installer(1000));
    if !host.may_install() {
        let refused = plan_install(host, &[acme()], &BTreeMap::new(), Digest::of(b"bundle"));
        assert!(matches!(refused, Err(InstallError::NotRoot)), "{refused:?}");
    }
}

#[test]
fn keys_in_another_form_than_they_are_installed_in_are_refused() {
    let scratch = scratch();
    let breaks: [(&str, fn(&mut KeyToInstall)); 5] = [
        ("two blocks", |key| key.pem = key.pem.repeat(2)),
        ("a private key", |key| {
            key.pem = key.pem.replace("PUBLIC", "PRIVATE")
        }),
        ("a certificate", |key| {
            key.pem = key.pem.replace("PUBLIC KEY", "CERTIFICATE")
        }),
        ("another key's fingerprint", |key| {
            key.fingerprint = Digest::of(b"other")
        }),
        ("no scope", |key| key.scopes.clear()),
    ];
    for (what, break_it) in breaks {
        let mut broken = acme();
        break_it(&mut broken);
        assert!(plan(&scratch, &[broken]).is_err(), "{what}");
        assert!(plan(&scratch, &[acme()]).is_ok(), "{what}, twin");
    }
}

#[test]
fn a_name_belongs_to_one_key_that_is_there() {
    let scratch = scratch();
    let bundle = Digest::of(b"bundle");
    let keys = [acme(), key(b"second", &["quay.io/second"])];
    let name = |text: &str| text.parse::<KeyName>().expect("name");
    let mut names = named(&keys);
    names.insert(keys[1].fingerprint, name("acme"));
    let refused = plan_install(root(&scratch), &keys, &names, bundle);
    assert!(
        matches!(refused, Err(InstallError::SameName { .. })),
        "{refused:?}"
    );
    names.insert(keys[1].fingerprint, name("second"));
    plan_install(root(&scratch), &keys, &names, bundle).expect("twin");
    names.insert(Digest::of(b"nobody's"), name("third"));
    let refused = plan_install(root(&scratch), &keys, &names, bundle);
    assert!(
        matches!(refused, Err(InstallError::NameWithoutKey { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_was_tampered_with_grants_nothing_and_is_told() {
    type Tamper = fn(&TempDir);
    let tampers: [(&str, Tamper, &str); 9] = [
        (
            "another key",
            |s| write(s, KEY, key(b"intruder", &[]).pem.as_bytes()),
            "was recorded",
        ),
        (
            "a second block",
            |s| write(s, KEY, acme().pem.repeat(2).as_bytes()),
            "exactly one PEM block",
        ),
        (
            "no key",
            |s| fs::remove_file(s.path().join(KEY)).expect("remove"),
            "is missing",
        ),
        (
            "a link as key",
            |s| move_and_link(&s.path().join(KEY)),
            "is a symbolic link",
        ),
        (
            "a link as record",
            |s| move_and_link(&s.path().join(RECORD)),
            "is a symbolic link",
        ),
        (
            "a record that others can write",
            |s| chmod(s, RECORD, 0o666),
            "can be written by others",
        ),
        (
            "a key that its group can write",
            |s| chmod(s, KEY, 0o664),
            "can be written by others",
        ),
        (
            "half a record",
            |s| write(s, RECORD, b"{"),
            "the record is not valid",
        ),
        (
            "a huge record",
            |s| write(s, RECORD, &vec![b' '; 2 << 20]),
            "is larger than",
        ),
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
    for name in [
        "acme.pub.json",
        "second.json",
        "SIGSTORE-x.json",
        "acme.json.bak",
        "a b.json",
    ] {
        write(&scratch, &format!("etc/bundle/trust.d/{name}"), &record);
    }
    let found = installed_keys(&root(&scratch)).expect("keys");
    assert_eq!(found.keys.len(), 1);
    assert_eq!(found.skipped.len(), 5);
}

#[test]
fn a_store_whose_directories_cannot_be_relied_on_says_so_as_a_whole() {
    let scratch = scratch();
    assert!(
        installed_keys(&root(&scratch))
            .expect("an empty store")
            .keys
            .is_empty()
    );
    try_install(&scratch, &[acme()]).expect("install");
    chmod(&scratch, "etc/bundle/trust.d", 0o777);
    assert!(matches!(
        installed_keys(&root(&scratch)),
        Err(PathError::Exposed { .. })
    ));
    chmod(&scratch, "etc/bundle/trust.d", 0o755);
    assert_eq!(installed_keys(&root(&scratch)).expect("twin").keys.len(), 1);
    let etc = scratch.path().join("etc");
    fs::rename(&etc, scratch.path().join("moved")).expect("rename");
    symlink("moved", &etc).expect("link");
    assert!(matches!(
        installed_keys(&root(&scratch)),
        Err(PathError::Kind { .. })
    ));
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
            Err(error) => assert!(
                matches!(error, PathError::Owner { .. }),
                "{path}: {error:?}"
            ),
        }
        assert!(plan(&scratch, &[acme()]).is_err(), "{path}");
    }
}

#[test]
fn a_device_at_the_target_is_refused_unopened() {
    let scratch = scratch();
    write(&scratch, "etc/pki/sigstore/.keep", b"");
    let path = scratch.path().join(KEY);
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::from_raw_mode(0o600),
        rustix::fs::makedev(1, 5),
    );
    if made.is_err() {
        println!(
            "left out: a_device_at_the_target_is_refused_unopened needs the right to make one"
        );
        return;
    }
    let Err(error) = plan(&scratch, &[acme()]) else {
        panic!("refused")
    };
    assert!(messages(&error).contains("is a device"), "{error:?}");
    fs::remove_file(path).expect("remove");
    plan(&scratch, &[acme()]).expect("twin");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let scratch = scratch();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs"])
        .arg(scratch.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("left out: a_full_disk_leaves_nothing_behind needs the right to mount");
        return;
    }
    let _mount = Mount(scratch.path().to_owned());
    // Directories, the lock and one key are there, and one page is left: enough for the next key file, not for its
    // record.
    let first = [key(b"first", &["quay.io/first"])];
    let planned = plan_install(
        root(&scratch),
        &first,
        &BTreeMap::new(),
        Digest::of(b"bundle"),
    );
    install(planned.expect("plan"), now()).expect("first");
    let ballast = scratch.path().join("ballast");
    let mut size = 64 << 10;
    while fs::write(&ballast, vec![0; size]).is_err() {
        size -= 4 << 10;
    }
    fs::write(&ballast, vec![0; size - (4 << 10)]).expect("ballast");
    let before = listing(scratch.path());
    let Err(error) = try_install(&scratch, &[acme()]) else {
        panic!("the disk is full")
    };
    assert!(
        messages(&error).contains("No space left"),
        "{}",
        messages(&error)
    );
    assert_eq!(listing(scratch.path()), before);
    fs::remove_file(ballast).expect("room");
    try_install(&scratch, &[acme()]).expect("twin");
}

/// Unmounted when dropped.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}
