//! Where archives and layouts are written, and what is never overwritten there.

use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Connected, Enclave, FILE, HOST, names};
use reqwest::Method;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileTypeExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn only_files_are_replaced() {
    let side = Connected::start();
    side.unsigned("app");
    let pack = |output: &std::path::Path| {
        let program =
            Program::bundle().args(&["pack", "-q", "--force", &side.source("app:1"), "-o"]);
        program.arg(output).run()
    };
    let (socket, link, file) = (side.output("socket"), side.output("link"), side.output("file"));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("socket");
    std::fs::write(&file, "old").expect("file");
    std::os::unix::fs::symlink(&file, &link).expect("link");
    for output in [&socket, &link] {
        pack(output).expect_code(2).expect_error(&[output.to_str().expect("path"), "hint: "]);
    }
    assert!(std::fs::symlink_metadata(&socket).expect("socket").file_type().is_socket());
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&file).expect("file"), b"old");
    let nowhere = side.output("no/such/file");
    pack(&nowhere).expect_code(6).expect_error(&["no/such"]);

    pack(&file).expect_code(0);
    assert_ne!(std::fs::read(&file).expect("file"), b"old");
    assert_eq!(side.left(), ["file", "link", "socket"]);
}

#[test]
fn an_interrupted_pack_leaves_what_the_next_one_completes() {
    let mut side = Connected::start();
    side.unsigned("app");
    let proxy = FaultProxy::start(side.address());
    side.through(proxy.address());
    let blob = |path: &str| path.contains("/blobs/");
    let rule = Rule::new(Method::GET, blob, Fault::Delay(Duration::from_secs(600)));
    // Configs are read to resolve the image; its layers are what the transfer waits for.
    let dry = side.pack(&["app:1"], &["--dry-run"]).expect_code(0);
    assert!(!dry.stdout.contains("bundle digest"), "a digest that no archive will have: {dry}");
    let read_before = proxy.count(&Method::GET, blob);
    proxy.add(rule);
    assert_eq!(read_before, 0, "an index is resolved without its configs");

    let mut child = Command::new(env!("CARGO_BIN_EXE_bundle"))
        .args(["pack", &side.source("app:1"), "-o"])
        .arg(side.file())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(child.stderr.take().expect("stderr"));
    let mut lines = said.lines().map(|line| line.expect("text"));
    lines.find(|line| line.starts_with("transferring")).expect("the transfer began");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signal");
    let last: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(143), "{last:?}");
    assert_eq!(last[0], "error: interrupted");
    assert!(last[1].starts_with("hint: run the same command again"), "{last:?}");
    let left = ["partial", "partial.journal"].map(|ending| format!("{FILE}.{ending}"));
    assert_eq!(side.left(), left);
    proxy.heal();
    side.pack(&["app:1"], &[]).expect_code(0);
    assert_eq!(side.left(), [FILE]);
}

#[test]
fn a_directory_with_other_things_is_no_layout_to_write_to() {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    let enclave = Enclave::start();
    let directory = side.output("layout");
    std::fs::create_dir(&directory).expect("directory");
    let target = format!("oci:{}", directory.display());
    let unpack = || enclave.unpack_to(&side.file(), &target, &["--allow-unsigned", HOST]);
    std::fs::write(directory.join("mine"), "").expect("file");
    unpack().expect_code(6).expect_error(&[directory.to_str().expect("path")]);
    assert_eq!(names(&directory), ["mine"]);
    std::fs::remove_file(directory.join("mine")).expect("removed");
    unpack().expect_code(0);
}
