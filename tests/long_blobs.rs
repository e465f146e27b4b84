//! A layer that is longer than an octal tar header can say, there and back.

use super::harness::command::Program;
use super::harness::long_blob::LongBlob;
use super::harness::scene::HOST;
use bundle::archive::Archive;
use bundle::archive::limits::RAW_FRAME_CONTENT;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

/// Beyond 8 GiB - 1, which is where octal sizes end.
const LONG: u64 = (8 << 30) + 12_345;
/// More than one frame.
const SHORT: u64 = RAW_FRAME_CONTENT + 12_345;
/// Hashed twice at 8 GiB, on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(1200);
/// In a raw frame, before its content: the frame's header and the first block's.
const FRAME_START: u64 = 10 + 3;
/// Where a tar header has the size.
const SIZE: u64 = 124;

/// True when `directory` has room for an archive of so many bytes.
fn has_room(test: &str, directory: &Path, bytes: u64) -> bool {
    let system = rustix::fs::statvfs(directory).expect("a file system");
    let (free, needed) = (system.f_bavail * system.f_frsize, bytes + (1 << 30));
    if free < needed {
        println!("left out: {test} needs {} GiB of disk", needed.div_ceil(1 << 30));
    }
    free >= needed
}

/// Packs, verifies and unpacks an image with one layer of `length` bytes; the first byte of its size in the tar.
fn makes_the_trip(directory: &Path, length: u64) -> u8 {
    let server = LongBlob::start(length);
    let file = directory.join("long.tar.zst");
    let source = format!("{}/from/long:1={HOST}/to/long:1", server.address());
    Program::bundle()
        .time_limit(PATIENCE)
        .args(&["pack", "-q", &source, "-o"])
        .arg(&file)
        .run()
        .expect_code(0);
    let archive = Archive::open(&file).expect("an archive");
    let frames = archive.stored_frames(&server.layer()).expect("the layer");
    let mut first = [0];
    let at = frames[0].0 + FRAME_START + SIZE;
    File::open(&file).expect("file").read_exact_at(&mut first, at).expect("a header");

    Program::bundle()
        .time_limit(PATIENCE)
        .args(&["unpack", "-q", "--allow-unsigned", HOST, "--to", server.address(), "--root"])
        .arg(directory)
        .arg(&file)
        .run()
        .expect_code(0);
    assert_eq!(server.pushed("to/long", &server.layer()), Some(length));
    let tagged = server.tagged("to/long", "1").expect("a tag");
    assert!(tagged.bytes == server.manifest().bytes);
    first[0]
}

#[test]
fn a_layer_longer_than_octal_sizes_reach_makes_the_trip() {
    const TEST: &str = "a_layer_longer_than_octal_sizes_reach_makes_the_trip";
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
    assert_eq!(makes_the_trip(directory.path(), SHORT), b'0', "octal");
    if std::env::var_os("BUNDLE_LONG").is_some() && has_room(TEST, directory.path(), LONG) {
        assert_eq!(makes_the_trip(directory.path(), LONG), 0x80, "base-256");
    }
}
