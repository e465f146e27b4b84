//! Files that are locked: nobody but their owner can open them, and so hold the lock.

use crate::harness::command::Program;
use crate::harness::scene::Enclave;
use crate::harness::servers::BundleServe;
use crate::unpacking::Carried;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
}

/// The lock, held as who may only read the file can hold it.
fn hold(path: &Path) -> File {
    let file = File::open(path).expect("a file");
    flock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody has it");
    file
}

#[test]
fn lock_of_a_layout_is_its_owners_alone() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let layout = carried.side.output("layout");
    let (to, lock) = (format!("oci:{}", layout.display()), layout.join(".lock"));
    let unpack = || enclave.unpack_to(&carried.side.file(), &to, &["--key", &carried.key]);
    unpack().expect_code(0);
    assert_eq!(mode(&lock), 0o600, "made");
    for earlier in [0o644, 0o664, 0o604] {
        set_mode(&lock, earlier);
        unpack().expect_code(0);
        assert_eq!(mode(&lock), 0o600, "{earlier:o}");
    }
    // Whoever holds it since then is told of, and nobody can come after him.
    set_mode(&lock, 0o644);
    let held = hold(&lock);
    unpack().expect_code(6).expect_error(&["another process", lock.to_str().expect("path")]);
    assert_eq!(mode(&lock), 0o600);
    drop(held);
    unpack().expect_code(0);
    // The store of serve is a layout too.
    let store = carried.side.output("store");
    let server = BundleServe::start(&store);
    assert_eq!(mode(&store.join(".lock")), 0o600);
    drop(server);
}

#[test]
fn lock_of_a_host_directory_is_its_owners_alone() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let unpack =
        || enclave.unpack(&carried.side.file(), &["--key", &carried.key, "--install-keys"]);
    unpack().expect_code(0);
    let all = walkdir::WalkDir::new(enclave.root()).into_iter();
    let files = all.map(|entry| entry.expect("entry").into_path()).filter(|path| path.is_file());
    let (locks, others): (Vec<_>, Vec<_>) = files.partition(|path| path.ends_with(".lock"));
    assert!(!locks.is_empty());
    locks.iter().for_each(|lock| set_mode(lock, 0o644));
    // Everything is written anew, so every lock is taken.
    others.iter().for_each(|file| fs::remove_file(file).expect("removed"));
    unpack().expect_code(0);
    for lock in locks {
        assert_eq!(mode(&lock), 0o600, "{}", lock.display());
    }
}

#[test]
fn archive_has_the_mode_of_files_when_it_is_whole() {
    let carried = Carried::new();
    let source = carried.side.source("team/app:1");
    let masks = [("022", 0o644), ("077", 0o600), ("027", 0o640), ("0", 0o644)];
    for (umask, _) in masks {
        for (name, more) in [("whole", &[][..]), ("cut", &["--volume-size", "1MiB"])] {
            let file = carried.side.output(&format!("{name}-{umask}"));
            let script = format!("umask {umask}; exec \"$@\"");
            let shell = Program::new(Path::new("/bin/sh")).args(&["-c", &script, "sh"]);
            let pack = shell.arg(env!("CARGO_BIN_EXE_bundle")).args(&["pack", "-q", &source]);
            pack.args(&["--sha256", "-o"]).arg(&file).args(more).run().expect_code(0);
        }
    }
    let mut seen = 0;
    for (umask, expected) in masks {
        let ours = |name: &String| {
            let rest = name.strip_prefix("whole-").or(name.strip_prefix("cut-"));
            rest.is_some_and(|rest| rest.split('.').next() == Some(umask))
        };
        for name in carried.side.left().into_iter().filter(ours) {
            assert_eq!(mode(&carried.side.output(&name)), expected, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 16, "archives, volumes and lists: {seen}");
}

#[test]
fn partial_archive_that_others_could_read_is_taken_back() {
    let carried = Carried::new();
    let (file, source) = (carried.side.output("new.tar.zst"), carried.side.source("team/app:1"));
    let partial = carried.side.output("new.tar.zst.partial");
    let pack = || Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(&file).run();
    fs::write(&partial, "left").expect("file");
    set_mode(&partial, 0o644);
    let held = hold(&partial);
    pack().expect_code(6).expect_error(&["new.tar.zst.partial", "who could read it until now"]);
    assert_eq!(mode(&partial), 0o600, "nobody comes after him");
    drop(held);
    pack().expect_code(0);
    assert!(file.exists() && !partial.exists());
}
