//! `bundle verify`: every byte, and signatures under the given trust; nothing is pushed.

use crate::harness::command::{Program, Ran, run};
use crate::harness::signer::Signer;
use crate::streaming::feed;
use crate::unpacking::Carried;
use std::fs;
use std::path::{Path, PathBuf};

fn verify(file: &Path, arguments: &[&str]) -> Ran {
    let file = file.display().to_string();
    let root = tempfile::tempdir().expect("root");
    let root = root.path().display().to_string();
    run(&[&["verify", "-q", &file, "--root", &root], arguments].concat())
}

/// The report as JSON.
fn report(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// A copy with one byte changed at `at`.
fn flipped(carried: &Carried, at: u64) -> PathBuf {
    let mut bytes = fs::read(carried.side.file()).expect("archive");
    bytes[at as usize] ^= 0x20;
    let path = carried.side.output("flipped.tar.zst");
    fs::write(&path, bytes).expect("archive");
    path
}

/// Where a blob lies that is stored in this section: its digest, offset and length.
fn place(carried: &Carried, section: &str) -> (String, u64) {
    let archive = bundle::archive::Archive::open(&carried.side.file()).expect("archive");
    let blobs = &archive.inventory().blobs;
    let stored = |blob: &&bundle::inventory::BlobEntry| {
        serde_json::to_value(blob.stored).expect("JSON") == section && blob.size > 0
    };
    let blob = blobs.iter().rfind(stored).expect("such a blob");
    let frames = archive.stored_frames(&blob.digest).expect("its place");
    let (address, length) = frames[frames.len() / 2];
    (blob.digest.to_string(), address + length / 2)
}

#[test]
fn an_undamaged_bundle_is_verified_under_the_right_key() {
    let carried = Carried::new();
    let ran = verify(&carried.side.file(), &["--key", &carried.key, "--json"]).expect_code(0);
    let report = report(&ran);
    crate::schemas::assert_described("verify-report.schema.json", &report);
    assert_eq!(report["damaged"], serde_json::json!([]));
    assert_eq!(report["verdicts"][0]["admission"], "signed");
    assert!(report["bytes"].as_u64() > Some(0));
}

#[test]
fn a_wrong_key_is_status_3_and_no_key_judges_nothing() {
    let carried = Carried::new();
    let other = carried.side.key("other.pub", &Signer::p256());
    let ran = verify(&carried.side.file(), &["--key", &other]).expect_code(3);
    assert!(ran.stdout.contains("signature-wrong-key"), "{ran}");
    let ran = verify(&carried.side.file(), &[]).expect_code(0);
    assert!(ran.stdout.contains("signatures: not judged"), "{ran}");
}

/// Who demands something wants to know whether it is there, not that nobody was asked.
#[test]
fn a_demand_without_anybody_trusted_is_not_met() {
    let carried = Carried::new();
    let log = carried.side.key("rekor.pub", &Signer::p256());
    for demand in
        [&["--threshold", "2"][..], &["--require-attestation", "vuln"], &["--rekor-key", &log]]
    {
        let ran = verify(&carried.side.file(), demand).expect_code(3);
        assert!(ran.stdout.contains("no-anchor"), "{ran}");
    }
    let one = ["--threshold", "1", "--key", &carried.key];
    verify(&carried.side.file(), &one).expect_code(0);
}

#[test]
fn a_damaged_layer_is_named_with_its_place_and_its_images() {
    let carried = Carried::new();
    let (digest, at) = place(&carried, "raw");
    let file = flipped(&carried, at);
    let ran = verify(&file, &["--key", &carried.key, "--json"]).expect_code(6);
    let report = report(&ran);
    crate::schemas::assert_described("verify-report.schema.json", &report);
    let [damage] = &report["damaged"].as_array().expect("list")[..] else { panic!("{ran}") };
    assert_eq!(damage["digest"], digest);
    let (offset, length) = (damage["offset"].as_u64(), damage["length"].as_u64());
    assert!(offset < Some(at) && Some(at) < offset.zip(length).map(|(o, l)| o + l), "{ran}");
    assert!(damage["images"][0].as_str().expect("image").contains("team/app"), "{ran}");
    // The trust section is whole, so a quick look finds nothing, and says what it did not look at.
    let quick = verify(&file, &["--key", &carried.key, "--quick"]).expect_code(0);
    assert!(quick.stdout.contains("trust section only"), "{quick}");
}

#[test]
fn a_damaged_manifest_or_signature_is_found_by_a_quick_look_too() {
    let carried = Carried::new();
    let (digest, at) = place(&carried, "trust");
    let file = flipped(&carried, at);
    for arguments in [&["--quick"][..], &[]] {
        let ran = verify(&file, arguments).expect_code(6);
        assert!(ran.stdout.contains(&format!("damaged: {digest}")), "{ran}");
    }
}

/// A seal that was stripped and a flipped bit: both are told, and the refusal is the status.
#[test]
fn what_is_refused_outweighs_what_is_damaged() {
    let carried = Carried::new();
    let (digest, at) = place(&carried, "raw");
    let file = flipped(&carried, at);
    let other = carried.side.key("other.pub", &Signer::p256());
    let ran = verify(&file, &["--key", &other, "--json"]).expect_code(3);
    assert_eq!(report(&ran)["damaged"][0]["digest"], digest);
    let ran = verify(&file, &["--seal-pub", &other, "--json"]).expect_code(3);
    let ran = ran.expect_error(&["the bundle has no seal"]);
    assert_eq!(report(&ran)["damaged"][0]["digest"], digest, "{ran}");
    let sound = carried.side.file();
    verify(&sound, &["--seal-pub", &other]).expect_code(3).expect_error(&["has no seal"]);
    // A pipe that breaks off says both as well.
    let bytes = fs::read(&sound).expect("archive");
    let root = tempfile::tempdir().expect("root");
    let piped = |arguments: &[&str]| {
        let program = Program::bundle().args(&["verify", "-q", "-", "--root"]).arg(root.path());
        feed(program.args(arguments), &bytes[..bytes.len() - 100])
    };
    for refused in [&["--key", &other][..], &["--key", &other, "--json"], &["--seal-pub", &other]] {
        piped(refused).expect_code(3).expect_error(&["an end where more must come"]);
    }
    for sound in [&["--key", &carried.key][..], &[]] {
        piped(sound).expect_code(6).expect_error(&["an end where more must come"]);
    }
}

/// Without any network but the loopback of an empty namespace, which is down: whatever asked for one would fail.
#[test]
fn verification_needs_no_network() {
    let carried = Carried::new();
    let file = carried.side.file().display().to_string();
    let unshare = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        let command = command.args(["--map-root-user", "--net", program]).args(arguments);
        command.env("no_proxy", "").env("HTTPS_PROXY", "http://192.0.2.1:9").output()
    };
    match unshare("true", &[]) {
        Ok(output) if output.status.success() => {}
        _ => return println!("left out: this machine gives no network namespace"),
    }
    let root = tempfile::tempdir().expect("root");
    let root = root.path().display().to_string();
    let program = env!("CARGO_BIN_EXE_bundle");
    let with = |key: &str| {
        let arguments = ["verify", "-q", &file, "--root", &root, "--key", key];
        let output = unshare(program, &arguments).expect("bundle runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, stdout) = with(&carried.key);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("signed by release.pub"), "{stdout}");
    let other = carried.side.key("other.pub", &Signer::p256());
    let (code, stdout) = with(&other);
    assert_eq!(code, Some(3), "{stdout}");
}
