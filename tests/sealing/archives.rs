//! Sealed bundles: what changes in them, what reads them, and how an interruption ends.

use super::{Keys, PASSWORD, bundle, entry, seal, seal_given, seal_with, verified};
use crate::harness::command::{Program, run};
use crate::harness::scene::{Enclave, inspect};
use bundle::archive::form::SeekTable;
use bundle::archive::head;
use bundle::archive::{Archive, ArchiveError};
use bundle::seal::SealError;
use bundle_testing::peers;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_sealed_bundle_is_the_same_bundle() {
    let keys = Keys::made("ours");
    let (carried, file) = bundle();
    let (before, length) = (inspect(&file), fs::metadata(&file).expect("archive").len());
    let ran = seal(&file, &keys.private("ours")).expect_code(0);
    let digest = before["bundleDigest"].as_str().expect("digest");
    assert!(ran.stdout.contains(&format!("bundle digest: {digest}")), "{ran}");
    assert_eq!(inspect(&file)["bundleDigest"], digest);
    assert_eq!(inspect(&file)["images"], before["images"]);
    assert_eq!(fs::metadata(&file).expect("archive").len(), length);
    assert!(carried.side.left().iter().all(|name| !name.ends_with(".sealing")));
    let shown = file.display().to_string();
    let root = tempfile::tempdir().expect("root");
    let root = root.path().display().to_string();
    run(&["verify", "-q", &shown, "--root", &root, "--key", &carried.key]).expect_code(0);
    let enclave = Enclave::start();
    enclave.unpack(&file, &["--key", &carried.key]).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
    let again = seal(&file, &keys.private("ours")).expect_code(0);
    assert!(again.stdout.contains("sealed anew: "), "{again}");
    let Some([zstd, tar]) =
        peers::require_all("a_sealed_bundle_is_the_same_bundle", ["zstd", "tar"])
    else {
        return;
    };
    Program::new(&zstd).arg("-tq").arg(&file).run().expect_code(0);
    let listed = Program::new(&tar).args(&["--zstd", "-tf"]).arg(&file).run().expect_code(0);
    let names: Vec<&str> = listed.stdout.lines().take(4).collect();
    assert_eq!(names, ["oci-layout", "bundle.json", "bundle.sigstore.json", "index.json"]);
}

#[test]
fn another_key_another_bundle_and_a_changed_one_are_told_apart() {
    let keys = Keys::made("ours");
    keys.generate("other", PASSWORD).expect_code(0);
    let (_carried, file) = bundle();
    let (_another, elsewhere) = bundle();
    seal(&file, &keys.private("ours")).expect_code(0);
    seal(&elsewhere, &keys.private("ours")).expect_code(0);
    let (ours, other) = (keys.public("ours"), keys.public("other"));
    assert_eq!(verified(&file, std::slice::from_ref(&ours)), Ok(ours.fingerprint()));
    assert_eq!(verified(&file, &[other.clone(), ours.clone()]), Ok(ours.fingerprint()));
    let refused = verified(&file, &[other]);
    assert!(matches!(refused, Err(SealError::OtherKey { .. })), "{refused:?}");
    let inventory = entry(&file, head::INVENTORY).expect("inventory");
    let foreign = entry(&elsewhere, head::SEAL).expect("a seal");
    let refused = bundle::seal::verify(&inventory, &foreign, std::slice::from_ref(&ours));
    assert_eq!(refused, Err(SealError::OtherBundle));
    let changed = String::from_utf8(inventory).expect("JSON").replace("team/app", "team/apq");
    let own = entry(&file, head::SEAL).expect("a seal");
    let refused = bundle::seal::verify(changed.as_bytes(), &own, &[ours]);
    assert_eq!(refused, Err(SealError::OtherBundle));
}

/// Every byte of the head is the inventory's, listed in it by digest, or the seal's.
#[test]
fn what_is_flipped_in_the_head_after_sealing_is_noticed() {
    let keys = Keys::made("ours");
    let (carried, file) = bundle();
    seal(&file, &keys.private("ours")).expect_code(0);
    let sound = fs::read(&file).expect("archive");
    let key = keys.public("ours");
    let flipped = carried.side.output("flipped");
    for name in [head::INVENTORY, head::SEAL, head::INDEX, "keys/release.pub"] {
        let content = entry(&file, name).unwrap_or_else(|| panic!("{name}"));
        let start = sound.windows(content.len()).position(|part| part == content);
        let middle = start.expect("its place") + content.len() / 2;
        let mut damaged = sound.clone();
        damaged[middle] ^= 0x20;
        fs::write(&flipped, &damaged).expect("archive");
        let opened = Archive::open(&flipped);
        assert!(matches!(opened, Err(ArchiveError::Structure { .. })), "{name}: {opened:?}");
    }
    // Who makes the checksums right as well: the seal itself notices.
    let text = String::from_utf8(entry(&file, head::SEAL).expect("a seal")).expect("JSON");
    let inventory = entry(&file, head::INVENTORY).expect("inventory");
    let forged = text.replacen("\"signature\":\"M", "\"signature\":\"N", 1);
    assert_ne!(forged, text);
    bundle::archive::sealing::seal::<bundle::archive::sealing::SealingError>(
        std::slice::from_ref(&file),
        |_| Ok(forged.into_bytes()),
    )
    .expect("planted");
    assert_eq!(verified(&file, std::slice::from_ref(&key)), Err(SealError::Invalid));
    assert!(bundle::seal::verify(&inventory, text.as_bytes(), &[key]).is_ok());
}

#[test]
fn a_wrong_password_and_what_is_no_key_leave_the_bundle_alone() {
    let keys = Keys::made("ours");
    let (carried, file) = bundle();
    let before = fs::read(&file).expect("archive");
    let ran = seal_with(&file, &keys.private("ours"), "wrong").expect_code(2);
    ran.expect_error(&["password is wrong"]);
    seal(&file, &keys.public_file("ours")).expect_code(2).expect_error(&["a public key"]);
    seal(&file, Path::new(&carried.key)).expect_code(2).expect_error(&["a public key"]);
    seal(&file, &keys.path("none.key")).expect_code(2).expect_error(&["none.key"]);
    seal(Path::new("-"), &keys.private("ours")).expect_code(2).expect_error(&["a pipe"]);
    seal(&keys.private("ours"), &keys.private("ours"))
        .expect_code(6)
        .expect_error(&["is not a bundle"]);
    assert!(fs::read(&file).expect("archive") == before);
    assert_eq!(entry(&file, head::SEAL), None);
    seal(&file, &keys.private("ours")).expect_code(0);
}

#[test]
fn other_forms_of_a_bundle_are_refused_by_name() {
    let keys = Keys::made("ours");
    let (carried, file) = bundle();
    let tar = zstd::decode_all(&fs::read(&file).expect("archive")[..]).expect("tar");
    let again = zstd::encode_all(&tar[..], 3).expect("compressed");
    for (name, bytes, message) in
        [("a.tar", tar, "a plain tar"), ("b.zst", again, "compressed anew by another tool")]
    {
        let path = carried.side.output(name);
        fs::write(&path, &bytes).expect("file");
        let ran = seal(&path, &keys.private("ours")).expect_code(6);
        ran.expect_error(&[message, "can be sealed in its place", "hint: "]);
        assert!(fs::read(&path).expect("file") == bytes, "{name}");
    }
}

#[test]
fn volumes_are_sealed_by_their_common_name() {
    let keys = Keys::made("ours");
    let (carried, _) = bundle();
    let target = carried.side.output("cut.tar.zst");
    let source = carried.side.source("team/app:1");
    let pack = Program::bundle().args(&["pack", "-q", &source, "--volume-size", "1MiB", "-o"]);
    pack.arg(&target).run().expect_code(0);
    let ran = seal(&target, &keys.private("ours")).expect_code(0);
    ran.expect_error(&["cut.tar.zst.sha256 is about the bundle as it was before the seal"]);
    assert!(verified(&target, &[keys.public("ours")]).is_ok());
}

/// Length of the head's region.
fn head_region(file: &Path) -> u64 {
    let archive = Archive::open(file).expect("archive");
    head::read(archive.medium().expect("file")).expect("head").extent.end
}

/// `bundle seal` where files may have so many blocks of 512 bytes: who writes behind them is ended by a signal. Gives
/// its exit status.
fn limited(test: &str, file: &Path, keys: &Keys, blocks: u64) -> Option<Option<i32>> {
    let shell = peers::require(test, "sh")?;
    let digest = Archive::open(file).expect("archive").bundle_digest();
    let root = keys.0.path().display();
    let script = format!(
        "ulimit -c 0; ulimit -f {blocks}; exec \"$0\" seal -q \"$1\" --seal-key \"$2\" --root {root} --expect-bundle {digest}"
    );
    let program = Program::new(&shell).args(&["-c", &script]);
    let program = program.arg(env!("CARGO_BIN_EXE_bundle")).arg(file).arg(keys.private("ours"));
    Some(program.env("COSIGN_PASSWORD", PASSWORD).run().code)
}

/// A process that the system ends while it writes: behind the head, before the seek table. Sealing again finishes it.
#[test]
fn a_run_that_is_killed_in_mid_rewrite_is_finished_by_the_next() {
    let test = "a_run_that_is_killed_in_mid_rewrite_is_finished_by_the_next";
    let keys = Keys::made("ours");
    let (_carried, file) = bundle();
    let region = head_region(&file);
    let length = fs::metadata(&file).expect("archive").len();
    assert!(length > region + 512, "the table lies behind what may be written");
    let sealing = PathBuf::from(format!("{}.sealing", file.display()));
    // Before anything is written over the archive.
    let before = fs::read(&file).expect("archive");
    let Some(ended) = limited(test, &file, &keys, 1) else { return };
    assert_eq!(ended, None);
    assert!(sealing.exists() && fs::read(&file).expect("archive") == before);
    // Between the head and the table.
    assert_eq!(limited(test, &file, &keys, region / 512), Some(None));
    assert!(sealing.exists());
    let torn = Archive::open(&file).expect("readable");
    assert!(torn.file(head::SEAL).is_some());
    assert_eq!(torn.seek_table(), Some(SeekTable::Wrong));
    seal(&file, &keys.private("ours")).expect_code(0);
    assert!(!sealing.exists());
    let archive = Archive::open(&file).expect("archive");
    assert_eq!(archive.seek_table(), Some(SeekTable::Sound));
    assert!(verified(&file, &[keys.public("ours")]).is_ok());
}

/// A head that was written in part: nothing but sealing reads it, and that says what it did.
#[test]
fn a_torn_head_is_refused_by_all_and_mended_by_sealing_again() {
    let keys = Keys::made("ours");
    let (carried, file) = bundle();
    let before = fs::read(&file).expect("archive");
    let digest = Archive::open(&file).expect("archive").bundle_digest().to_string();
    seal(&file, &keys.private("ours")).expect_code(0);
    let after = fs::read(&file).expect("archive");
    fs::write(&file, &before).expect("archive");
    // What it writes down is there when it is ended before it is done.
    let region = head_region(&file);
    let Some(ran) = limited("a_torn_head", &file, &keys, region / 512) else { return };
    assert_eq!(ran, None);
    let mut torn = fs::read(&file).expect("archive");
    let differs = |at: &usize| before[*at] != after[*at];
    let last = (0..region as usize).rfind(differs).expect("a difference");
    torn[last - 300..=last].copy_from_slice(&before[last - 300..=last]);
    fs::write(&file, &torn).expect("archive");
    let shown = file.display().to_string();
    run(&["inspect", &shown]).expect_code(6);
    run(&["verify", &shown]).expect_code(6);
    let enclave = Enclave::start();
    enclave.unpack(&file, &["--key", &carried.key]).expect_code(6);
    enclave.expect_untouched();
    let ran = seal_given(&file, &keys.private("ours"), &["--expect-bundle", &digest]);
    ran.expect_code(0).expect_error(&["an interrupted seal was finished first"]);
    assert!(verified(&file, &[keys.public("ours")]).is_ok());
    enclave.unpack(&file, &["--key", &carried.key]).expect_code(0);
}
