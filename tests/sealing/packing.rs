//! `bundle pack --seal-key`: the seal that comes last, in whatever the archive is written to.

use super::scene::{LONG_AGO, Operator};
use super::{PASSWORD, entry, seal, verified};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Enclave, inspect};
use bundle::archive::head;
use bundle::archive::sealing::SealingError;
use bundle_testing::peers;
use reqwest::Method;
use std::fs;
use std::path::Path;

/// The archive with this text as its seal: seals differ by chance, all else must not.
fn with_fixed_seal(file: &Path) -> Vec<u8> {
    let fixed = |_: &[u8]| Ok::<_, SealingError>(b"of the test".to_vec());
    bundle::archive::sealing::seal(&[file.to_owned()], fixed).expect("planted");
    fs::read(file).expect("archive")
}

#[test]
fn a_sealed_pack_says_what_it_sealed() {
    let operator = Operator::new();
    let arguments = ["--name", "s", "--sequence", "7", "--expires", "30d", "--json"];
    let (program, file) = operator.packing("sealed", &arguments);
    let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
    let report = program.run().expect_code(0).json();
    crate::schemas::assert_described("pack-report.schema.json", &report);
    assert_eq!(report["sealKey"], operator.fingerprint("ours"));
    assert_eq!(report["sequence"], 7);
    assert_eq!(
        verified(&file, &[operator.keys.public("ours")]),
        Ok(operator.keys.public("ours").fingerprint())
    );
    let shown = inspect(&file);
    assert_eq!(shown["sealClaim"]["key"], operator.fingerprint("ours"));
    assert_eq!((&shown["sequence"], &shown["expires"]), (&report["sequence"], &report["expires"]));
    crate::schemas::assert_described("inspect-report.schema.json", &shown);
    crate::schemas::assert_described(
        "inventory.schema.json",
        &serde_json::from_slice(&entry(&file, head::INVENTORY).expect("inventory")).expect("JSON"),
    );
    let text = Program::bundle().arg("inspect").arg(&file).run().expect_code(0);
    let named = format!("seal: there, not checked here; it names {}", operator.fingerprint("ours"));
    for words in [named.as_str(), "sequence: 7", "expires: "] {
        assert!(text.stdout.contains(words), "{words}: {text}");
    }
}

#[test]
fn the_key_is_unlocked_before_any_other_work() {
    let operator = Operator::new();
    let proxy = FaultProxy::start(operator.side.address());
    let source = format!("{}/team/app:1", proxy.address());
    let file = operator.side.output("never");
    let pack = |password: &str, key: &Path| {
        let program = Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(&file);
        program.arg("--seal-key").arg(key).env("COSIGN_PASSWORD", password).run()
    };
    pack("wrong", &operator.keys.private("ours"))
        .expect_code(2)
        .expect_error(&["password is wrong"]);
    pack(PASSWORD, &operator.keys.public_file("ours")).expect_code(2).expect_error(&["public key"]);
    assert!(proxy.seen().is_empty() && !file.exists());
    pack(PASSWORD, &operator.keys.private("ours")).expect_code(0);
    assert!(!proxy.seen().is_empty());
}

#[test]
fn a_stream_is_sealed_as_the_file_is() {
    let operator = Operator::new();
    let file = operator.numbered(7);
    let streamed = operator.side.output("streamed");
    let arguments = ["--key", &operator.key, "--name", "s", "--sequence", "7"];
    let program = operator.side.pack_pipe(&["team/app:1"], &arguments);
    let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
    let program = program.env("COSIGN_PASSWORD", PASSWORD).env("SOURCE_DATE_EPOCH", LONG_AGO);
    let output = fs::File::create(&streamed).expect("file");
    program.stdout(output).run().expect_code(0);
    assert!(verified(&streamed, &[operator.keys.public("ours")]).is_ok());
    let (program, again) =
        operator.packing("again", &["--name", "s", "--sequence", "7", "--seal-key"]);
    let program = program.arg(operator.keys.private("ours"));
    program.env("SOURCE_DATE_EPOCH", LONG_AGO).run().expect_code(0);
    assert!(with_fixed_seal(&streamed) == with_fixed_seal(&again), "the same but for the seal");
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &file, &[]);
}

#[test]
fn volumes_are_sealed_before_their_checksums_are_listed() {
    let operator = Operator::new();
    let file = operator.sealed_by("ours", "cut", &["--volume-size", "1MiB"]);
    let first = operator.side.output("cut.001");
    assert!(first.exists());
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &file, &[]);
    let test = "volumes_are_sealed_before_their_checksums_are_listed";
    let Some(sha256sum) = peers::require(test, "sha256sum") else { return };
    let shell = peers::require(test, "sh").expect("a shell");
    let script = "cd \"$1\" && \"$0\" -c cut.sha256";
    let check = Program::new(&shell).args(&["-c", script]).arg(sha256sum);
    check.arg(first.parent().expect("a folder")).run().expect_code(0);
}

#[test]
fn what_is_left_out_is_left_out_under_the_seal() {
    let operator = Operator::new();
    let absent = operator.side.source("team/absent:1");
    let (program, file) = operator.packing("rest", &[&absent, "--keep-going"]);
    let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
    program.run().expect_code(4);
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &file, &[]);
    assert_eq!(report["images"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_pack_that_goes_on_is_sealed_in_the_end() {
    let operator = Operator::new();
    let proxy = FaultProxy::start(operator.side.address());
    let source = format!("{}/team/app:1=registry.example/team/app:1", proxy.address());
    let file = operator.side.output("resumed");
    let pack = |expires: &str, sequence: &str| {
        let program = Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(&file);
        let program = program.args(&["--key", &operator.key, "--expires", expires]);
        let program = program.args(&["--sequence", sequence]).arg("--seal-key");
        program.arg(operator.keys.private("ours")).env("COSIGN_PASSWORD", PASSWORD).run()
    };
    let layer = format!("/blobs/{}", operator.image.children[0].blobs[1].digest());
    let is_layer = move |path: &str| path.ends_with(&layer);
    proxy.add(Rule::new(Method::GET, is_layer, Fault::status(403)));
    pack("30d", "7").expect_code(5).expect_error(&["run the same command again to resume"]);
    pack("30d", "8").expect_code(2).expect_error(&["--sequence"]);
    pack("31d", "7").expect_code(2).expect_error(&["--expires"]);
    proxy.heal();
    pack("30d", "7").expect_code(0);
    assert!(verified(&file, &[operator.keys.public("ours")]).is_ok());
}

#[test]
fn a_complete_bundle_that_cannot_be_sealed_is_named_as_such() {
    let operator = Operator::new();
    let (program, file) = operator.packing("whole", &[]);
    let obstacle = operator.side.output("whole.sealing");
    fs::create_dir(&obstacle).expect("an obstacle");
    let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
    let ran = program.run().expect_code(6);
    ran.expect_error(&["is complete, and not sealed", "hint: ", "bundle seal ", "--seal-key "]);
    assert_eq!(entry(&file, head::SEAL), None);
    fs::remove_dir(&obstacle).expect("removed");
    seal(&file, &operator.keys.private("ours")).expect_code(0);
    assert!(verified(&file, &[operator.keys.public("ours")]).is_ok());
}

#[test]
fn cosign_3_verifies_what_pack_sealed() {
    let test = "cosign_3_verifies_what_pack_sealed";
    let Some(cosign) = peers::require(test, "cosign3") else { return };
    let operator = Operator::new();
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let file = operator.numbered(7);
    let written = |name: &str| {
        let path = operator.keys.path(name);
        fs::write(&path, entry(&file, name).expect(name)).expect("file");
        path
    };
    let (inventory, made) = (written(head::INVENTORY), written(head::SEAL));
    let verify = |key: &str| {
        let program =
            Program::new(&cosign).args(&["verify-blob", "--insecure-ignore-tlog", "--key"]);
        let program = program.arg(operator.keys.public_file(key)).arg("--bundle");
        program.arg(&made).arg(&inventory).run()
    };
    verify("ours").expect_code(0);
    assert_ne!(verify("other").code, Some(0));
}

#[test]
fn sealing_and_making_keys_are_told_as_json() {
    let operator = Operator::new();
    let prefix = operator.keys.path("told");
    let keygen = Program::bundle().args(&["keygen", "--json", "--output-key-prefix"]).arg(&prefix);
    let made = keygen.env("COSIGN_PASSWORD", PASSWORD).run().expect_code(0).json();
    crate::schemas::assert_described("keygen-report.schema.json", &made);
    assert_eq!(made["fingerprint"], operator.fingerprint("told"));
    let file = operator.numbered(7);
    let seal = Program::bundle().args(&["seal", "--json"]).arg(&file).arg("--seal-key");
    let seal = seal.arg(operator.keys.private("told")).env("COSIGN_PASSWORD", PASSWORD);
    let sealed = seal.args(&["--seal-pub", &operator.public("ours")]).run().expect_code(0).json();
    crate::schemas::assert_described("seal-report.schema.json", &sealed);
    assert_eq!((&sealed["key"], &sealed["replaced"]), (&made["fingerprint"], &true.into()));
    assert_eq!(sealed["sworn"]["basis"], "earlier-seal");
    assert_eq!(sealed["bundleDigest"], inspect(&file)["bundleDigest"]);
}
