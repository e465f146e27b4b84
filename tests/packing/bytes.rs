//! Same inputs, same bytes; and what the report says is what the file is.

use crate::harness::command::Program;
use crate::harness::images;
use crate::harness::scene::{Connected, FILE};
use crate::harness::signer::Signer;
use bundle::oci::Digest;
use std::fs;
use std::path::Path;

/// A side with enough blobs of all kinds that order could differ.
fn busy() -> (Connected, Vec<String>) {
    let side = Connected::start();
    let signer = Signer::p256();
    for name in ["a", "b", "c"] {
        side.signed(name, &signer);
    }
    let large = images::image("large", "linux/amd64", &[3_000_000, 10, 1_200_000, 70_000]);
    large.push(&side.registry, "large", Some("1"));
    let sources = ["a:1", "large:1", "b:1", "c:1"].map(|name| side.source(name));
    (side, sources.into())
}

fn pack(file: &Path, sources: &[String], arguments: &[&str], epoch: Option<&str>) {
    let mut program =
        Program::bundle().args(&["pack", "-o"]).arg(file).args(sources).args(arguments);
    if let Some(epoch) = epoch {
        program = program.env("SOURCE_DATE_EPOCH", epoch);
    }
    program.run().expect_code(0);
}

#[test]
fn same_inputs_give_the_same_bytes_whatever_runs_beside() {
    let (side, sources) = busy();
    let bytes = |name: &str, jobs: &str, epoch: &str| {
        let file = side.output(name);
        pack(&file, &sources, &["--jobs", jobs], Some(epoch));
        Digest::of(&fs::read(file).expect("archive"))
    };
    let first = bytes("1", "1", "1700000000");
    assert_eq!(bytes("2", "8", "1700000000"), first, "jobs");
    assert_eq!(bytes("3", "1", "1700000000"), first, "again, under another name");
    assert_ne!(bytes("4", "1", "1700000001"), first, "another time");
    assert_eq!(side.left(), ["1", "2", "3", "4"], "nothing lies beside the archives");
}

#[test]
fn a_dry_run_decides_everything_and_writes_nothing() {
    let (side, sources) = busy();
    let file = side.file();
    let arguments = |more: &[&str]| {
        Program::bundle()
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .args(&["pack", "--json", "-q", "-o"])
            .arg(&file)
            .args(&sources)
            .args(more)
            .run()
            .expect_code(0)
    };
    let plan = arguments(&["--dry-run"]).json();
    assert_eq!(side.left(), [""; 0]);
    let mut report = arguments(&[]).json();
    assert_eq!(side.left(), [FILE]);
    assert_eq!(report["file"], file.to_str().expect("path"));
    assert_eq!(report["fileSize"], fs::metadata(&file).expect("archive").len());
    let size = &report["fileSize"];
    assert_eq!(report["files"], serde_json::json!([{"file": report["file"], "size": size}]));
    for written in ["file", "fileSize", "files"] {
        report.as_object_mut().expect("object").remove(written);
    }
    assert_eq!(plan, report, "what was planned is what was done");
}

#[test]
fn the_bundle_digest_is_that_of_bundle_json() {
    let (side, sources) = busy();
    let file = side.file();
    let ran = Program::bundle().args(&["pack", "-o"]).arg(&file).args(&sources).run();
    let ran = ran.expect_code(0);
    let inventory = Program::new("tar".as_ref()).args(&["--zstd", "-xOf"]).arg(&file);
    let inventory = inventory.arg("bundle.json").run().expect_code(0).stdout;
    let digest = Digest::of(inventory.as_bytes()).to_string();
    assert!(ran.stdout.contains(&format!("bundle digest: {digest}")), "{ran}");
    assert_eq!(side.inspect()["bundleDigest"], digest);
}

#[test]
fn the_archive_holds_every_blob_once_and_little_else() {
    let (side, sources) = busy();
    pack(&side.file(), &sources, &[], None);
    let report = side.inspect();
    let listed = Program::new("tar".as_ref()).args(&["--zstd", "-tf"]).arg(side.file()).run();
    let listed = listed.expect_code(0).stdout;
    let mut blobs: Vec<_> =
        listed.lines().filter(|name| name.starts_with("blobs/sha256/")).collect();
    let count = blobs.len();
    blobs.sort_unstable();
    blobs.dedup();
    assert_eq!(blobs.len(), count, "no entry twice");
    assert_eq!(report["totals"]["blobs"], count);
    let (length, content) =
        (fs::metadata(side.file()).expect("archive").len(), &report["totals"]["bytes"]);
    let content = content.as_u64().expect("number");
    assert!(length < content + content / 50 + 200_000, "{length} bytes for {content}");
}

#[test]
fn an_archive_is_not_written_over_in_vain() {
    let (side, sources) = busy();
    pack(&side.file(), &sources[..1], &[], None);
    let before = fs::read(side.file()).expect("file");
    let missing = side.source("missing:1");
    let ran = Program::bundle().args(&["pack", "-o"]).arg(side.file()).arg(missing).run();
    ran.expect_code(5).expect_error(&["missing:1"]);
    assert!(fs::read(side.file()).expect("file") == before, "the earlier bundle is as it was");
    pack(&side.file(), &sources, &[], None);
    assert_eq!(side.inspect()["totals"]["images"], 4);
    assert_eq!(side.left(), [FILE]);
}
