//! What stands in the way on the host: links, pipes, devices, other people's directories, full disks.

use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

#[test]
fn whatever_else_stands_at_a_target_or_above_it_is_refused() {
    type Obstacle = fn(&Path);
    let obstacles: [(&str, &str, Obstacle, &str); 11] = [
        ("a link to nowhere", KEY, |p| symlink("/nowhere", p).expect("link"), "is a symbolic link"),
        ("a link to the same key", KEY, link_to_the_key, "is a symbolic link"),
        ("a pipe", KEY, pipe, "is a named pipe"),
        ("a directory", KEY, |p| fs::create_dir(p).expect("directory"), "is a directory"),
        ("a socket", KEY, socket, "is a socket"),
        ("a file that others can write", KEY, exposed, "can be written by others"),
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
        let Err(error) = plan(&scratch, &[acme()]) else { panic!("{what}: refused") };
        let text = messages(&error);
        assert!(text.contains(expected) && text.contains(place), "{what}: {text}");
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
    fs::write(&beside, acme().content).expect("write");
    symlink(beside, path).expect("link");
}

pub(super) fn pipe(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("pipe");
}

fn socket(path: &Path) {
    // The path of a socket has at most 107 bytes; the scratch directory's is far shorter.
    drop(std::os::unix::net::UnixListener::bind(path).expect("socket"));
}

fn exposed(path: &Path) {
    fs::write(path, acme().content).expect("write");
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
    let Err(error) = install(plan, now()) else { panic!("refused") };
    assert!(matches!(error, InstallError::DifferentKey { .. }), "{error:?}");
    let files: Vec<_> = listing(scratch.path()).into_keys().filter(|p| p.is_file()).collect();
    let expected = [scratch.path().join("etc/bundle/trust.d/.lock"), scratch.path().join(KEY)];
    assert_eq!(files, expected, "the second key is not installed either");
}

#[test]
fn root_stays_the_opened_one_when_it_is_moved() {
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
    let Err(error) = plan(&scratch, &[acme()]) else { panic!("refused") };
    assert!(messages(&error).contains("is a device"), "{error:?}");
    fs::remove_file(path).expect("remove");
    plan(&scratch, &[acme()]).expect("twin");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let scratch = scratch();
    let Some(_mount) = Mount::over(&scratch, "a_full_disk_leaves_nothing_behind") else {
        return;
    };
    // Directories, the lock and one key are there, and one page is left: enough for the next key file, not for its
    // record.
    let first = [key(b"first", &["quay.io/first"])];
    let planned = plan_install(root(&scratch), &first, &Naming::default(), Digest::of(b"bundle"));
    install(planned.expect("plan"), now()).expect("first");
    let ballast = leave_one_page(&scratch);
    let before = listing(scratch.path());
    let Err(error) = try_install(&scratch, &[acme()]) else { panic!("the disk is full") };
    assert!(messages(&error).contains("No space left"), "{}", messages(&error));
    assert_eq!(listing(scratch.path()), before);
    fs::remove_file(ballast).expect("room");
    try_install(&scratch, &[acme()]).expect("twin");
}

/// Fills a [`Mount`] until one page is left; gives the file that does.
pub(super) fn leave_one_page(scratch: &TempDir) -> PathBuf {
    let ballast = scratch.path().join("ballast");
    let mut size = 64 << 10;
    while fs::write(&ballast, vec![0; size]).is_err() {
        size -= 4 << 10;
    }
    fs::write(&ballast, vec![0; size - (4 << 10)]).expect("ballast");
    ballast
}

/// A mounted file system; unmounted when dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A tiny file system over `scratch`; `None`, and `test` named as left out, where that is not allowed.
    pub(crate) fn over(scratch: &TempDir, test: &str) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs"])
            .arg(scratch.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(scratch.path().to_owned()));
        }
        println!("left out: {test} needs the right to mount");
        None
    }

    fn change(&self, options: &str) -> bool {
        let mut mount = std::process::Command::new("mount");
        let status = mount.args(["-o", options]).arg(&self.0).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_host_is_noticed_before_the_push() {
    let scratch = scratch();
    let Some(mount) = Mount::over(&scratch, "a_read_only_host_is_noticed_before_the_push") else {
        return;
    };
    assert!(mount.change("remount,ro"));
    let Err(error) = plan(&scratch, &[acme()]) else { panic!("refused") };
    assert!(messages(&error).contains("Read-only"), "{}", messages(&error));
    assert!(mount.change("remount,rw"));
    plan(&scratch, &[acme()]).expect("twin");
}
