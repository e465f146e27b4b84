//! Older bundles that come again: what is remembered, when it is written, and what becomes of it when it is lost.

use super::PASSWORD;
use super::scene::{Operator, everything, recorded, states, warnings};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::nobody::{Nobody, is_root};
use crate::harness::scene::{Connected, Enclave};
use reqwest::Method;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

#[test]
fn an_older_bundle_is_refused_unless_that_very_one_is_allowed() {
    let operator = Operator::new();
    let (five, seven, eight) = (operator.numbered(5), operator.numbered(7), operator.numbered(8));
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &seven, &[]);
    let unnoticed = "a replay of an older bundle would not have been noticed";
    assert!(warnings(&report).contains(unnoticed), "{report}");
    let words = ["the bundle has sequence 5, and 7", "it is older", "--allow-rollback"];
    operator.refused(&enclave, "ours", &five, &[], &words);
    operator.refused(&enclave, "ours", &five, &["--allow-rollback", "6"], &words);
    let report = operator.taken(&enclave, "ours", &five, &["--allow-rollback", "5"]);
    assert_eq!(report["seal"]["state"], "rolled-back");
    assert_eq!(report["seal"]["known"], 7);
    assert_eq!(recorded(&enclave), [7], "going back lowers nothing");
    operator.refused(&enclave, "ours", &five, &[], &words);
    let report = operator.taken(&enclave, "ours", &seven, &[]);
    assert_eq!(report["seal"]["state"], "same");
    let report = operator.taken(&enclave, "ours", &eight, &[]);
    assert_eq!(report["seal"]["state"], "newer");
    assert!(!warnings(&report).contains(unnoticed), "{report}");
    assert_eq!(recorded(&enclave), [8]);
}

#[test]
fn two_bundles_with_one_sequence_are_told_apart() {
    let operator = Operator::new();
    let seven = operator.numbered(7);
    operator.side.unsigned("team/plain");
    let plain = operator.side.source("team/plain:1");
    let other = operator.sealed_by(
        "ours",
        "other-7",
        &["--name", "s", "--sequence", "7", &plain, "--signatures", "if-present"],
    );
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &seven, &[]);
    let known = fs::read(&states(&enclave)[0]).expect("a state");
    let words = ["another bundle with the same sequence 7"];
    let unsigned = ["--allow-unsigned", "*"];
    operator.refused(&enclave, "ours", &other, &unsigned, &words);
    let allowed = ["--allow-unsigned", "*", "--allow-rollback", "7"];
    operator.taken(&enclave, "ours", &other, &allowed);
    assert_eq!(recorded(&enclave), [7]);
    let now: serde_json::Value =
        serde_json::from_slice(&fs::read(&states(&enclave)[0]).expect("a state")).expect("JSON");
    let before: serde_json::Value = serde_json::from_slice(&known).expect("JSON");
    assert_eq!(now["bundle"], before["bundle"], "the first one stays the known one");
    operator.taken(&enclave, "ours", &seven, &[]);
}

#[test]
fn a_sequence_that_jumps_or_is_left_out_is_refused() {
    let operator = Operator::new();
    let one = operator.numbered(1);
    let far = operator.numbered(2_000_000);
    let none = operator.sealed_by("ours", "none", &["--name", "s"]);
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &none, &[]);
    assert_eq!(report["seal"]["state"], "unnumbered");
    assert!(warnings(&report).contains("the bundle has no sequence"), "{report}");
    assert_eq!(recorded(&enclave), [0; 0]);
    operator.taken(&enclave, "ours", &one, &[]);
    operator.refused(&enclave, "ours", &none, &[], &["the bundle has no sequence, and 1"]);
    operator.refused(
        &enclave,
        "ours",
        &far,
        &[],
        &["more than 1000000 above 1", "--allow-sequence-jump"],
    );
    operator.taken(&enclave, "ours", &far, &["--allow-sequence-jump"]);
    assert_eq!(recorded(&enclave), [2_000_000]);
}

#[test]
fn another_series_and_another_key_have_states_of_their_own() {
    let operator = Operator::new();
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &operator.numbered(7), &[]);
    let named = operator.sealed_by("ours", "t", &["--name", "t", "--sequence", "3"]);
    operator.taken(&enclave, "ours", &named, &[]);
    let nameless = operator.sealed_by("ours", "nameless", &["--sequence", "2"]);
    operator.taken(&enclave, "ours", &nameless, &[]);
    operator.taken(&enclave, "other", &operator.numbered_by("other", 1, &[]), &[]);
    assert_eq!(recorded(&enclave), [1, 2, 3, 7]);
}

#[test]
fn only_a_push_that_was_completed_is_remembered() {
    let test = "only_a_push_that_was_completed_is_remembered";
    let operator = Operator::new();
    let seven = operator.numbered(7);
    let Some(enclave) = Enclave::docker(test) else { return };
    let public = operator.public("ours");
    let report = operator.taken(&enclave, "ours", &seven, &["--dry-run"]);
    assert_eq!(report["seal"]["recorded"], false);
    enclave.expect_untouched();
    // A registry that takes no manifest.
    let proxy = FaultProxy::start(enclave.address());
    let manifests = |path: &str| path.contains("/manifests/");
    proxy.add(Rule::new(Method::PUT, manifests, Fault::status(403)));
    let trusting = ["--seal-pub", public.as_str(), "--install-keys", "--key", &operator.key];
    enclave.unpack_to(&seven, proxy.address(), &trusting).expect_code(5);
    enclave.expect_untouched();
    // One that is not there.
    enclave.unpack_to(&seven, "127.0.0.1:1", &trusting).expect_code(5);
    enclave.expect_untouched();
    proxy.heal();
    enclave.unpack_to(&seven, proxy.address(), &trusting).expect_code(0);
    assert_eq!(recorded(&enclave), [7]);
}

#[test]
fn a_layout_directory_is_a_target_that_is_remembered_too() {
    let operator = Operator::new();
    let (five, seven) = (operator.numbered(5), operator.numbered(7));
    let enclave = Enclave::start();
    let layout = format!("oci:{}", operator.side.output("layout").display());
    let public = operator.public("ours");
    let trusting = ["--seal-pub", public.as_str()];
    enclave.unpack_to(&seven, &layout, &trusting).expect_code(0);
    assert_eq!(recorded(&enclave), [7]);
    enclave.unpack_to(&five, &layout, &trusting).expect_code(3);
    operator.refused(&enclave, "ours", &five, &[], &["it is older"]);
}

#[test]
fn a_state_that_was_deleted_is_reported() {
    let operator = Operator::new();
    let (five, seven) = (operator.numbered(5), operator.numbered(7));
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &seven, &[]);
    operator.refused(&enclave, "ours", &five, &[], &["it is older"]);
    fs::remove_dir_all(enclave.root().join("var/lib/bundle")).expect("removed");
    let report = operator.taken(&enclave, "ours", &five, &[]);
    assert_eq!(report["seal"]["state"], "first");
    assert!(warnings(&report).contains("the record was lost"), "{report}");
}

#[test]
fn unsafe_state_is_refused_before_the_push() {
    let operator = Operator::new();
    let (seven, eight) = (operator.numbered(7), operator.numbered(8));
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &seven, &[]);
    let file = states(&enclave).remove(0);
    let good = fs::read(&file).expect("a state");
    let refused = |words: &[&str]| operator.refused(&enclave, "ours", &eight, &[], words);
    for damaged in [&b""[..], &good[..good.len() / 2], b"{}"] {
        fs::write(&file, damaged).expect("a state");
        refused(&["the record of this series cannot be read", "is damaged", "hint: "]);
    }
    fs::write(&file, &good).expect("a state");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("mode");
    refused(&["can be written by others"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("mode");
    // Only root can give a file away.
    if chown(&file, Some(12_345), None).is_ok() {
        refused(&["is owned by user 12345"]);
        chown(&file, Some(0), None).expect("given back");
    }
    operator.taken(&enclave, "ours", &eight, &[]);
    assert_eq!(recorded(&enclave), [8]);
}

#[test]
fn a_state_that_cannot_be_written_is_warned_of_after_the_push() {
    let operator = Operator::new();
    let seven = operator.numbered(7);
    let enclave = Enclave::start();
    // A file where a directory must be: nobody can write there, not even root.
    fs::create_dir_all(enclave.root().join("var/lib/bundle")).expect("a folder");
    let seals = enclave.root().join("var/lib/bundle/seals");
    fs::create_dir(&seals).expect("a folder");
    fs::create_dir(seals.join(".lock")).expect("an obstacle");
    let report = operator.taken(&enclave, "ours", &seven, &[]);
    assert_eq!(report["seal"]["recorded"], false);
    assert!(warnings(&report).contains("is not recorded"), "{report}");
    assert!(enclave.tags().contains(&"team/app:1".to_owned()));
    fs::remove_dir(seals.join(".lock")).expect("removed");
    let report = operator.taken(&enclave, "ours", &seven, &[]);
    assert_eq!(report["seal"]["recorded"], true);
}

#[test]
fn nothing_is_remembered_of_what_was_refused_for_its_images() {
    let operator = Operator::new();
    operator.side.unsigned("team/plain");
    let file = operator.side.output("plain");
    let side: &Connected = &operator.side;
    let pack = Program::bundle().args(&["pack", "-q", "-o"]).arg(&file);
    let pack = pack.arg(side.source("team/plain:1")).args(&["--name", "s", "--sequence", "9"]);
    let pack = pack.arg("--seal-key").arg(operator.keys.private("ours"));
    pack.env("COSIGN_PASSWORD", PASSWORD).run().expect_code(0);
    let enclave = Enclave::start();
    let before = everything(&enclave);
    let ran = operator.unpack(&enclave, "ours", &file, &[]).expect_code(3);
    crate::schemas::assert_described("unpack-refusal.schema.json", &ran.json());
    assert_eq!(ran.json()["seal"]["status"], "verified");
    assert_eq!(everything(&enclave), before);
    operator.taken(&enclave, "ours", &operator.numbered(7), &[]);
}

#[test]
fn who_may_not_write_the_state_is_warned_after_the_push() {
    let test = "who_may_not_write_the_state_is_warned_after_the_push";
    if !is_root() {
        println!("left out: {test} needs root, to become somebody else");
        return;
    }
    let Some(nobody) = Nobody::start(test) else { return };
    let operator = Operator::new();
    let enclave = Enclave::start();
    fs::set_permissions(enclave.root(), fs::Permissions::from_mode(0o755)).expect("mode");
    let file = nobody.copy(&operator.numbered(7), "seven");
    let public = nobody.copy(&operator.keys.public_file("ours"), "ours.pub");
    let unpack = nobody.bundle().args(&["unpack", "-q", "--json"]).arg(&file);
    let unpack = unpack.arg("--seal-pub").arg(&public);
    let unpack = unpack.args(&["--to", enclave.address(), "--root"]).arg(enclave.root());
    let report = unpack.run().expect_code(0).json();
    assert_eq!(report["seal"]["recorded"], false);
    assert!(warnings(&report).contains("is not recorded"), "{report}");
    assert!(enclave.tags().contains(&"team/app:1".to_owned()));
    assert_eq!(enclave.installed(), [""; 0]);
}

/// Who fills a pipe decides how long it takes: an older bundle could wait in it until a newer one was used, or beyond its
/// time.
#[test]
fn what_became_old_while_it_streamed_is_not_published() {
    let operator = Operator::new();
    let (seven, eight) = (operator.numbered(7), operator.numbered(8));
    let public = operator.public("ours");
    let bytes = fs::read(&seven).expect("archive");
    let (most, rest) = bytes.split_at(bytes.len() - 100);
    let layout = tempfile::tempdir().expect("directory");
    let directory = format!("oci:{}", layout.path().join("images").display());
    for to_layout in [false, true] {
        let enclave = Enclave::start();
        let target = if to_layout { &directory } else { enclave.address() };
        let stream = |newer: Option<&Path>| {
            let (reader, mut writer) = std::io::pipe().expect("pipe");
            let program = enclave.unpack_pipe(target, &["--json", "--seal-pub", &public]);
            let running = program.stdin(reader).start();
            writer.write_all(most).expect("most of it");
            // It is verified meanwhile; were it not, it would be refused for the same reason.
            std::thread::sleep(Duration::from_secs(1));
            if let Some(newer) = newer {
                operator.taken(&enclave, "ours", newer, &[]);
            }
            // Whoever refused it before reads no more.
            let _ = writer.write_all(rest);
            drop(writer);
            running.end()
        };
        let twin = stream(None).expect_code(0).json();
        assert_eq!(twin["seal"]["recorded"], true);
        stream(Some(&eight)).expect_code(3).expect_error(&["has sequence 7, and 8"]);
        assert_eq!(recorded(&enclave), [8]);
    }
}
