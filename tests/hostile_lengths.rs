//! Archives that name lengths which they do not have: refused before memory is taken for them.
//!
//! As for inventories, the system refuses the program what it wants beyond a limit, which ends it by a signal.

#![cfg(target_os = "linux")]

use super::harness::command::{Program, Ran};
use bundle::archive::geometry::Geometry;
use bundle::archive::head::{self, HeadFile};
use bundle::archive::write::{ArchiveWriter, Blueprint};
use bundle::oci::Digest;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What a process may have in memory that can be written to: a fraction of every length that is named here.
const MOST_DATA: u64 = 64 << 20;
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

/// The head of an archive that lists these blobs, and says more about itself.
fn files(blobs: &str, totals: (u64, u64), more: &str) -> Vec<HeadFile> {
    let listed = |name: &str, content: &[u8]| {
        let (size, digest) = (content.len(), Digest::of(content));
        format!(r#"{{"name":"{name}","size":{size},"digest":"{digest}"}}"#)
    };
    let layout = listed(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT);
    let index = listed(head::INDEX, INDEX.as_bytes());
    let (count, bytes) = totals;
    let inventory = format!(
        r#"{{"format":"bundle","formatVersion":"1.0","created":"2026-01-01T00:00:00Z",
        "tool":{{"name":"bundle","version":"0"}},"images":[],"keys":[],"files":[{layout},{index}],
        "totals":{{"images":0,"attachments":0,"blobs":{count},"bytes":{bytes}}},"blobs":[{blobs}]{more}}}"#
    );
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    vec![
        file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT),
        file(head::INVENTORY, inventory.as_bytes()),
        file(head::INDEX, INDEX.as_bytes()),
    ]
}

/// `bundle inspect` under the limit.
fn inspect(path: &Path) -> Ran {
    let limited = format!("ulimit -d {} && exec \"$0\" inspect \"$1\"", MOST_DATA / 1024);
    Program::new(Path::new("/bin/sh"))
        .args(&["-c", &limited, env!("CARGO_BIN_EXE_bundle")])
        .arg(path)
        .run()
}

#[track_caller]
fn expect_refused(ran: &Ran, what: &str) {
    assert!(ran.code == Some(6) && ran.stderr.contains(what), "{ran}");
}

#[test]
fn seek_table_is_not_read_at_the_length_of_its_footer() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
    let path = directory.path().join("a.tar.zst");
    let (geometry, blobs) = (Geometry::WHOLE, Vec::new());
    let files = files("", (0, 0), "");
    let blueprint = Blueprint { files, blobs, mtime: 0, geometry, level: 1 };
    let writer = ArchiveWriter::create(&path, blueprint).expect("created");
    let section = writer.compressed_section();
    writer.finish(section).expect("finished");
    inspect(&path).expect_code(0);

    // As long as the file, which has nothing but a hole behind the archive.
    let file = OpenOptions::new().write(true).open(&path).expect("opened");
    let length = 8 << 30;
    file.set_len(length).expect("grown");
    let frames = ((length - 17) / 8) as u32;
    let footer = [&frames.to_le_bytes()[..], &[0], &0x8F92_EAB1_u32.to_le_bytes()].concat();
    file.write_all_at(&footer, length - 9).expect("written");
    expect_refused(&inspect(&path), "bytes too many at the end");
}

#[test]
fn frames_of_an_inventory_take_no_memory_until_found() {
    // Without its last eight frames, so that sections around them do not count.
    let most = (bundle::archive::limits::MAX_FRAMES - 8) * (2 << 20);
    for (size, what) in [
        (most, "a.tar.zst.002 is missing"),
        (16 * most, "more than 4194304 frames"),
        (i64::MAX as u64, "more than 4194304 frames"),
    ] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
        let blob = format!(
            r#"{{"digest":"{}","size":{size},"stored":"compressed"}}"#,
            Digest::of(b"content")
        );
        // The first volume ends behind the head; so all others seem to be missing.
        let files = files(&blob, (1, size), &format!(r#","volumeSize":{}"#, 1_u64 << 50));
        let (head, _) = head::encode(&files, 0).expect("head");
        std::fs::write(directory.path().join("a.tar.zst.001"), head).expect("written");
        expect_refused(&inspect(directory.path()), what);
    }
}

#[test]
fn frame_of_empty_blocks_is_refused_before_the_end_of_file() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
    let path = directory.path().join("a.tar.zst");
    // A frame with a window of 128 KiB, no sizes and no checksum, and a hole of zeros: a block is three of them.
    std::fs::write(&path, [0x28, 0xB5, 0x2F, 0xFD, 0, 0x38]).expect("written");
    OpenOptions::new().write(true).open(&path).and_then(|f| f.set_len(1 << 40)).expect("grown");
    let ran = Program::new(Path::new("/bin/sh"))
        .args(&["-c", "ulimit -t 10 && exec \"$0\" inspect \"$1\"", env!("CARGO_BIN_EXE_bundle")])
        .arg(&path)
        .run();
    expect_refused(&ran, "damaged or not a bundle");
}
