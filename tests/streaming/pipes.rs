//! `pack -o -` and `unpack -`: what arrives, what is refused and when.

use super::{feed, unpack};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images;
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use bundle::archive::Archive;
use bundle::inventory::Stored;
use reqwest::Method;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Where the first blob behind the trust section begins.
fn cargo_at(file: &Path) -> usize {
    let archive = Archive::open(file).expect("archive");
    let mut blobs = archive.inventory().blobs.iter();
    let first = blobs.find(|blob| blob.stored != Stored::Trust).expect("cargo");
    archive.stored_frames(&first.digest).expect("its place")[0].0 as usize
}

fn carry_through_a_pipe(side: Connected, enclave: &Enclave) {
    let carried = Carried::from(side);
    let (reader, writer) = std::io::pipe().expect("pipe");
    let pack = carried.side.pack_pipe(&["team/app:1"], &["--key", &carried.key, "--json"]);
    let pack = pack.stdout(writer).start();
    let arguments = ["--key", &carried.key, "--json"];
    let unpacking = enclave.unpack_pipe(enclave.address(), &arguments).stdin(reader).start();
    let packed = pack.end().expect_code(0);
    let report = unpacking.end().expect_code(0).json();
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
    assert_eq!(report["file"], "-");
    assert_eq!(report["form"], "frames");
    let said: serde_json::Value = serde_json::from_str(&packed.stderr).expect("report on stderr");
    assert_eq!(said["bundleDigest"], report["bundleDigest"]);
    assert_eq!(carried.side.left(), ["out.tar.zst"], "nothing but the archive made before");
}

#[test]
fn signed_images_go_from_registry_to_registry_through_a_pipe() {
    carry_through_a_pipe(Connected::start(), &Enclave::start());
}

#[test]
fn the_same_between_docker_registries() {
    let test = "the_same_between_docker_registries";
    let (Some(side), Some(enclave)) = (Connected::docker(test), Enclave::docker(test)) else {
        return;
    };
    carry_through_a_pipe(side, &enclave);
}

#[test]
fn a_pipe_gets_the_bytes_that_a_file_gets() {
    let side = Connected::start();
    // Large and small, stored raw and compressed.
    images::image("large", "linux/amd64", &[3_000_000, 2_000_000, 70_000, 10]).push(
        &side.registry,
        "app",
        Some("1"),
    );
    let layer = |text: &str, count| {
        images::Content::new("application/vnd.oci.image.layer.v1.tar", text.repeat(count))
    };
    let layers = vec![layer("plain ", 700_000), layer("other ", 20_000), layer("third ", 30_000)];
    let plain = images::manifest(images::empty_config(), layers, json!({}));
    plain.push(&side.registry, "plain", Some("1"));
    let (epoch, references) = ("1700000000", ["app:1", "plain:1"]);
    let sources = references.map(|name| side.source(name));
    let (file, piped) = (side.file(), side.output("piped"));
    let pack = Program::bundle().env("SOURCE_DATE_EPOCH", epoch).args(&["pack", "-q", "-o"]);
    pack.arg(&file).args(&sources).run().expect_code(0);
    let output = std::fs::File::create(&piped).expect("file");
    let pack = side.pack_pipe(&references, &[]).env("SOURCE_DATE_EPOCH", epoch).stdout(output);
    let said = pack.run().expect_code(0).stderr;
    assert!(said.contains("bundle digest: "), "{said}");
    let (file, piped) = (std::fs::read(file).expect("file"), std::fs::read(piped).expect("file"));
    assert!(file.len() > 5_000_000 && file == piped);
}

#[test]
fn a_wrong_key_is_refused_before_the_first_layer_comes() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let wrong = carried.side.key("wrong.pub", &Signer::p256());
    let bytes = std::fs::read(carried.side.file()).expect("archive");
    let at = cargo_at(&carried.side.file());
    // The pipe stays open: whoever waits for more waits for ever.
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let arguments = ["--key", &wrong, "--install-keys"];
    let running = enclave.unpack_pipe(enclave.address(), &arguments).stdin(reader).start();
    writer.write_all(&bytes[..at]).expect("head and trust section");
    running.end().expect_code(3).expect_error(&["signature-wrong-key"]);
    assert!(writer.write_all(&bytes[at..]).is_err(), "nobody reads any more");
    enclave.expect_untouched();
    assert_eq!(enclave.registry.repositories(), [""; 0]);
    unpack(&enclave, &bytes, &["--key", &carried.key]).expect_code(0);
}

#[test]
fn a_dry_run_and_an_inspection_read_no_layer() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let bytes = std::fs::read(carried.side.file()).expect("archive");
    let at = cargo_at(&carried.side.file());
    let dry = enclave.unpack_pipe(enclave.address(), &["--key", &carried.key, "--dry-run"]);
    let inspect = Program::bundle().args(&["inspect", "-"]);
    for program in [dry, inspect] {
        let (reader, mut writer) = std::io::pipe().expect("pipe");
        let running = program.stdin(reader).start();
        writer.write_all(&bytes[..at]).expect("head and trust section");
        let said = running.end().expect_code(0).stdout;
        assert!(said.contains("team/app:1"), "{said}");
    }
    enclave.expect_untouched();
}

#[test]
fn what_is_cut_or_changed_on_the_way_is_not_tagged() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let bytes = std::fs::read(carried.side.file()).expect("archive");
    let at = cargo_at(&carried.side.file());
    let mut damaged: Vec<Vec<u8>> = Vec::new();
    for length in [0, 3, 600, at - 1, at, at + 1, at + 3_000, bytes.len() - 200, bytes.len() - 1] {
        damaged.push(bytes[..length].to_vec());
    }
    for place in [0, 20, 700, at - 40, at + 100, at + 700, at + 4_000] {
        let mut flipped = bytes.clone();
        flipped[place] ^= 4;
        damaged.push(flipped);
    }
    damaged.push([&bytes[..], b"and more"].concat());
    damaged.push([&bytes[..], &bytes].concat());
    for bytes in damaged {
        let ran = unpack(&enclave, &bytes, &["--key", &carried.key, "--install-keys"]);
        ran.expect_code(6);
        enclave.expect_untouched();
    }
    unpack(&enclave, &bytes, &["--key", &carried.key]).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
}

#[test]
fn run_again_it_sends_only_what_is_missing() {
    let side = Connected::start();
    let image = images::image("large", "linux/amd64", &[9_000_000, 20_000, 12_000_000]);
    image.push(&side.registry, "app", Some("1"));
    image.push(&side.registry, "again", Some("1"));
    side.pack(&["app:1", "again:1"], &[]).expect_code(0);
    let bytes = std::fs::read(side.file()).expect("archive");
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let arguments = ["--allow-unsigned", "registry.example", "--json"];
    let run = || feed(enclave.unpack_pipe(proxy.address(), &arguments), &bytes);
    // The last blob's upload breaks off: it cannot be sent again from a pipe.
    let last = last_large(&side);
    let broken = Rule::new(
        Method::PUT,
        move |path| path.contains(&last),
        Fault::CloseUploadAfter(1_000_000),
    );
    proxy.add(broken.first(1));
    let failed = run().expect_code(5);
    failed.expect_error(&["cannot be read again", "hint: run the same command again"]);
    enclave.expect_untouched();
    let counts = |report: &serde_json::Value, key: &str| report["blobs"][key].as_u64();
    let first = run().expect_code(0).json();
    assert!(counts(&first, "alreadyThere") >= Some(1), "{first}");
    assert!(counts(&first, "bytesUploaded") < Some(bytes.len() as u64 - 8_000_000), "{first}");
    enclave.expect_all_of(&side, "app", "app");
    enclave.expect_all_of(&side, "again", "again");
    let second = run().expect_code(0).json();
    assert_eq!(counts(&second, "uploaded"), Some(0), "{second}");
    assert_eq!(counts(&second, "alreadyThere"), Some(8), "four blobs in two repositories");
}

/// The digest of the large blob that comes last, as it stands in the request of its upload.
fn last_large(side: &Connected) -> String {
    let archive = Archive::open(&side.file()).expect("archive");
    let mut blobs = archive.inventory().blobs.iter();
    let last = blobs.rfind(|blob| blob.size > 8 << 20).expect("a large one");
    last.digest.hex()
}

#[test]
fn large_blobs_go_to_all_repositories_that_need_them() {
    let test = "large_blobs_go_to_all_repositories_that_need_them";
    let side = Connected::start();
    let image = images::image("large", "linux/amd64", &[9_000_000, 30_000]);
    image.push(&side.registry, "app", Some("1"));
    image.push(&side.registry, "again", Some("1"));
    side.pack(&["app:1", "again:1"], &[]).expect_code(0);
    let bytes = std::fs::read(side.file()).expect("archive");
    for enclave in [Some(Enclave::start()), Enclave::docker(test)].into_iter().flatten() {
        // Without the registry's help: what is not mounted is copied.
        let proxy = FaultProxy::start(enclave.address());
        let refuse = |path: &str| path.contains("mount=");
        proxy.add(Rule::new(Method::POST, refuse, Fault::status(405)));
        let arguments = ["--allow-unsigned", "registry.example", "--json"];
        let ran = feed(enclave.unpack_pipe(proxy.address(), &arguments), &bytes).expect_code(0);
        assert_eq!(ran.json()["blobs"]["uploaded"], 6, "{ran}");
        enclave.expect_all_of(&side, "app", "app");
        enclave.expect_all_of(&side, "again", "again");
    }
    let enclave = Enclave::start();
    let arguments = ["--allow-unsigned", "registry.example", "--json"];
    let ran = unpack(&enclave, &bytes, &arguments).expect_code(0);
    assert_eq!(ran.json()["blobs"]["mounted"], 3, "{ran}");
    enclave.expect_all_of(&side, "again", "again");
}

#[test]
fn a_layout_directory_is_filled_from_a_pipe_too() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let bytes = std::fs::read(carried.side.file()).expect("archive");
    let by_file = enclave.root().join("by-file");
    let by_pipe = enclave.root().join("by-pipe");
    let target = |path: &Path| format!("oci:{}", path.display());
    let arguments = ["--key", &carried.key[..]];
    enclave.unpack_to(&carried.side.file(), &target(&by_file), &arguments).expect_code(0);
    let pipe = || enclave.unpack_pipe(&target(&by_pipe), &arguments);
    let mut flipped = bytes.clone();
    flipped[cargo_at(&carried.side.file()) + 700] ^= 1;
    feed(pipe(), &flipped).expect_code(6);
    for _ in 0..2 {
        feed(pipe(), &bytes).expect_code(0);
    }
    let index = |path: &Path| std::fs::read(path.join("index.json")).expect("index");
    assert_eq!(index(&by_file), index(&by_pipe));
    let blobs = |path: &Path| crate::harness::scene::names(&path.join("blobs/sha256"));
    assert_eq!(blobs(&by_file), blobs(&by_pipe));
}

#[test]
fn a_reader_that_goes_away_is_an_error_of_the_medium() {
    let side = Connected::start();
    images::image("large", "linux/amd64", &[3_000_000]).push(&side.registry, "app", Some("1"));
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let ran = side.pack_pipe(&["app:1"], &[]).stdout(writer).run().expect_code(6);
    let ran = ran.expect_error(&["standard output"]);
    assert!(!ran.stderr.contains("panicked"), "{ran}");
}

#[test]
fn broken_off_pack_leaves_no_file_taken_for_an_archive() {
    let mut side = Connected::start();
    images::image("large", "linux/amd64", &[3_000_000]).push(&side.registry, "app", Some("1"));
    let proxy = FaultProxy::start(side.address());
    side.through(proxy.address());
    let enclave = Enclave::start();
    let run = || {
        let (reader, writer) = std::io::pipe().expect("pipe");
        let pack = side.pack_pipe(&["app:1"], &[]).stdout(writer).start();
        let arguments = ["--allow-unsigned", "registry.example"];
        let unpack = enclave.unpack_pipe(enclave.address(), &arguments).stdin(reader).start();
        (pack.end(), unpack.end())
    };
    let layer = |path: &str| path.contains("/blobs/sha256:");
    proxy.add(Rule::new(Method::GET, layer, Fault::FlipBit(2_000_000)));
    let (packed, unpacked) = run();
    packed.expect_code(5);
    unpacked.expect_code(6);
    enclave.expect_untouched();
    proxy.heal();
    let (packed, unpacked) = run();
    packed.expect_code(0);
    unpacked.expect_code(0);
}

#[test]
fn a_pack_whose_reader_sits_still_can_be_interrupted() {
    let side = Connected::start();
    images::image("large", "linux/amd64", &[3_000_000]).push(&side.registry, "app", Some("1"));
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let pack = side.pack_pipe(&["app:1"], &[]).stdout(writer).start();
    // The head is there, and the rest is more than a pipe holds.
    reader.read_exact(&mut [0; 100]).expect("the beginning");
    let id = i32::try_from(pack.id()).ok().and_then(rustix::process::Pid::from_raw);
    let interrupt = rustix::process::Signal::INT;
    rustix::process::kill_process(id.expect("a process"), interrupt).expect("it is told");
    assert_eq!(pack.end().code, Some(130));
}

#[test]
fn calls_that_make_no_sense_are_told_so() {
    let side = Connected::start();
    side.unsigned("app");
    let volumes = side.pack_pipe(&["app:1"], &["--volume-size", "dvd"]).run().expect_code(2);
    volumes.expect_error(&["--volume-size"]);
    let enclave = Enclave::start();
    let two = Program::bundle().args(&["unpack", "-", "other", "--to", enclave.address()]);
    two.run().expect_code(2).expect_error(&["stands alone"]);
}
