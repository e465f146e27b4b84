//! Images that the operator accepts without a signature: his seal says so, and nobody else can.

use super::scene::{Operator, everything, forged};
use super::{PASSWORD, seal_given};
use crate::harness::command::Program;
use crate::harness::scene::{Enclave, HOST, inspect};
use crate::harness::signatures::sign_bundle;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// `team/app:1` is signed, `team/tool:1` is not.
fn operator() -> Operator {
    let operator = Operator::new();
    operator.side.unsigned("team/tool");
    operator
}

fn tool() -> String {
    format!("{HOST}/team/tool")
}

/// Both images, the tool accepted without a signature.
fn packed(operator: &Operator, name: &str, more: &[&str]) -> PathBuf {
    let (source, tool) = (operator.side.source("team/tool:1"), tool());
    let (program, file) =
        operator.packing(name, &[&[source.as_str(), "--accept-unsigned", &tool], more].concat());
    program.run().expect_code(0);
    file
}

fn sealed(operator: &Operator, name: &str, more: &[&str]) -> PathBuf {
    let key = operator.keys.private("ours").display().to_string();
    packed(operator, name, &[&["--seal-key", &key], more].concat())
}

/// The grounds of both images.
fn grounds(report: &Value) -> Vec<&str> {
    let images = report["images"].as_array().expect("images").iter();
    images.map(|image| image["verdict"]["admission"].as_str().expect("a ground")).collect()
}

#[test]
fn accepted_image_is_admitted_under_a_seal_without_a_word() {
    let operator = operator();
    let file = sealed(&operator, "sealed", &[]);
    assert_eq!(inspect(&file)["images"][1]["verdict"]["code"], "unsigned-accepted");
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &file, &[]);
    crate::schemas::assert_described("unpack-report.schema.json", &report);
    assert_eq!(grounds(&report), ["pack-verdict", "unsigned-sealed"]);
    enclave.expect_all_of(&operator.side, "team/tool", "team/tool");
    let ran = enclave.unpack(&file, &["--seal-pub", &operator.public("ours")]).expect_code(0);
    assert!(ran.stdout.contains("unsigned, accepted by seal"), "{ran}");
    // A broader key of the enclave's own does not change that; neither do a pipe and volumes.
    let by_key = ["--key", &format!("{HOST}/team={}", operator.key)];
    let report = operator.taken(&enclave, "ours", &file, &by_key);
    assert_eq!(grounds(&report), ["signed", "unsigned-sealed"]);
    let piped = Program::bundle().args(&["unpack", "-q", "-", "--json", "--to", enclave.address()]);
    let piped = piped.args(&["--seal-pub", &operator.public("ours"), "--root"]);
    let piped = piped.arg(enclave.root()).stdin(fs::File::open(&file).expect("the archive"));
    assert_eq!(grounds(&piped.run().expect_code(0).json()), ["pack-verdict", "unsigned-sealed"]);
    let verify = Program::bundle().args(&["verify", "-q", "--json"]).arg(&file);
    verify.args(&["--seal-pub", &operator.public("ours")]).run().expect_code(0);
}

#[test]
fn accepted_image_is_admitted_by_the_expected_digest() {
    let operator = operator();
    let file = packed(&operator, "plain", &[]);
    let digest = inspect(&file)["bundleDigest"].as_str().expect("digest").to_owned();
    let enclave = Enclave::start();
    let report = enclave.unpack(&file, &["--json", "--expect-bundle", &digest]).expect_code(0);
    assert_eq!(grounds(&report.json()), ["pack-verdict", "unsigned-sealed"]);
}

#[test]
fn acceptance_counts_for_nothing_where_nobody_vouches_for_the_bundle() {
    let operator = operator();
    let enclave = Enclave::start();
    let refused = |file: &Path, options: &[&str]| {
        let before = everything(&enclave);
        let ran = enclave.unpack(file, options).expect_code(3);
        ran.expect_error(&[&format!("{}:1: no-", tool())]);
        assert_eq!(everything(&enclave), before);
    };
    let by_key = ["--key", operator.key.as_str()];
    for file in [packed(&operator, "plain", &[]), sealed(&operator, "sealed", &[])] {
        refused(&file, &by_key);
    }
    // Nor does a courier's hand under a seal that he cannot make.
    let file = operator.side.output("forged");
    let (source, own) = (operator.side.source("team/tool:1"), operator.side.output("own"));
    let pack = Program::bundle().args(&["pack", "-q", "-o"]).arg(&own).arg(source);
    pack.args(&["--signatures", "if-present"]).run().expect_code(0);
    forged(&own, &file, |inventory| {
        inventory["images"][0]["verdict"] = json!({"code": "unsigned-accepted"});
    });
    refused(&file, &by_key);
    operator.keys.generate("couriers", PASSWORD).expect_code(0);
    seal_given(&file, &operator.keys.private("couriers"), &["--accept-unsigned", "*"])
        .expect_code(0);
    enclave.unpack(&file, &["--seal-pub", &operator.public("ours")]).expect_code(3);
}

#[test]
fn machine_can_forbid_what_a_seal_accepts() {
    let operator = operator();
    let file = sealed(&operator, "sealed", &[]);
    let enclave = Enclave::start();
    let configured = |value: bool| {
        let directory = enclave.root().join("etc/bundle");
        fs::create_dir_all(&directory).expect("folder");
        let text = format!("[trust]\nrefuse_unsigned = {value}\n");
        fs::write(directory.join("config.toml"), text).expect("configuration");
    };
    configured(true);
    operator.refused(&enclave, "ours", &file, &[], &[&format!("{}:1: no-", tool())]);
    let allowed = tool();
    let report = operator.taken(&enclave, "ours", &file, &["--allow-unsigned", &allowed]);
    assert_eq!(grounds(&report), ["pack-verdict", "unsigned-allowed"]);
    configured(false);
    let report = operator.taken(&enclave, "ours", &file, &[]);
    assert_eq!(grounds(&report), ["pack-verdict", "unsigned-sealed"]);
}

#[test]
fn seal_made_elsewhere_needs_the_same_patterns() {
    let operator = operator();
    let file = packed(&operator, "plain", &[]);
    let subject = format!("{}:1", tool());
    let key = ["--key", operator.key.as_str()];
    let sealing = |options: &[&str]| {
        let options = [&["--json"], options].concat();
        seal_given(&file, &operator.keys.private("ours"), &options)
    };
    let refused = |options: &[&str], code: &str| {
        let ran = sealing(options).expect_code(3);
        crate::schemas::assert_described("seal-refusal.schema.json", &ran.json());
        let refusals = ran.json()["refusals"].as_array().expect("refusals").clone();
        let is_it = |one: &Value| one["code"] == code && one["subject"] == subject.as_str();
        assert!(refusals.iter().any(is_it), "{ran}");
        assert!(ran.stderr.contains("--accept-unsigned"), "{ran}");
    };
    refused(&[], "verdict-unchecked");
    refused(&key, "unsigned-not-accepted");
    let other = format!("{HOST}/team/other");
    refused(&[&key[..], &["--accept-unsigned", &other]].concat(), "unsigned-not-accepted");
    let accepted = tool();
    sealing(&[&key[..], &["--accept-unsigned", &accepted]].concat()).expect_code(0);
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &file, &[]);
    assert_eq!(grounds(&report), ["pack-verdict", "unsigned-sealed"]);
    // What covers the very inventory covers this, too.
    let digest = inspect(&file)["bundleDigest"].as_str().expect("digest").to_owned();
    sealing(&["--expect-bundle", &digest]).expect_code(0);
}

#[test]
fn accepted_image_takes_no_protected_place() {
    let operator = operator();
    let file = sealed(&operator, "sealed", &[]);
    let enclave = Enclave::start();
    let onto = format!("{}=team/app", tool());
    let other = format!("{HOST}/team/app=elsewhere");
    let key = format!("{HOST}/team/app={}", operator.key);
    let moved = ["--map", &onto, "--map", &other, "--key", &key];
    let report = operator.taken(&enclave, "ours", &file, &moved);
    assert_eq!(grounds(&report), ["signed", "unsigned-sealed"], "each has a place of its own");
    let same_host = format!("{HOST}/other=team");
    let protected = ["--map", &onto, "--map", &same_host, "--key", &key, "--map", &other];
    let key_of_other = format!("{HOST}/other/app={}", operator.key);
    let protected = [&protected[..], &["--key", &key_of_other]].concat();
    let ran = operator.unpack(&enclave, "ours", &file, &protected);
    // The scope covers none of the images, and a refusal outweighs that.
    ran.expect_code(3).expect_error(&["place-protected"]);
}

#[test]
fn signature_without_a_name_is_warned_of_beside_an_acceptance() {
    let operator = operator();
    let image = operator.side.unsigned("team/bundled");
    for manifest in std::iter::once(&image).chain(&image.children) {
        sign_bundle(&operator.side.registry, "team/bundled", manifest, &operator.signer);
    }
    let source = operator.side.source("team/bundled:1");
    let bundled = format!("{HOST}/team/bundled");
    let options = ["--dry-run", "--json", "-o", "none.tar.zst", "--key", &operator.key];
    for accepted in [&[][..], &["--accept-unsigned", &bundled]] {
        let program = Program::bundle().args(&["pack", "-q"]).arg(&source).args(&options);
        let report = program.args(accepted).run().expect_code(0).json();
        assert_eq!(report["images"][0]["verdict"]["code"], "signed", "{accepted:?}");
        let warnings = report["warnings"].to_string();
        assert!(warnings.contains("name no repository"), "{accepted:?}: {warnings}");
    }
}

#[test]
fn narrower_key_outweighs_a_pattern_at_pack() {
    let operator = operator();
    let source = operator.side.source("team/tool:1");
    let pack = |arguments: &[&str]| {
        let program = Program::bundle().args(&["pack", "-q", "--dry-run", "-o", "none.tar.zst"]);
        program.arg(&source).args(arguments).run()
    };
    let tool = tool();
    let narrow = format!("{tool}={}", operator.key);
    let broad = format!("{HOST}={}", operator.key);
    pack(&["--key", &narrow, "--accept-unsigned", HOST]).expect_code(3);
    pack(&["--key", &narrow, "--accept-unsigned", &tool]).expect_code(0);
    pack(&["--key", &broad, "--accept-unsigned", &tool]).expect_code(0);
    pack(&["--signatures", "required"]).expect_code(3);
    // So it is where nothing is looked up.
    for (pattern, code) in [(HOST, "unverified"), (tool.as_str(), "unsigned-accepted")] {
        let options = ["--json", "--key", &narrow, "--signatures", "none"];
        let ran = pack(&[&options[..], &["--accept-unsigned", pattern]].concat()).expect_code(0);
        assert_eq!(ran.json()["images"][0]["verdict"]["code"], code, "{pattern}");
    }
    // A policy decides alone.
    let policy = operator.side.text("policy.json", r#"{"default": [{"type": "reject"}]}"#);
    pack(&["--policy", &policy, "--accept-unsigned", &tool]).expect_code(2);
    pack(&["--host-policy", "--accept-unsigned", &tool]).expect_code(2);
    pack(&["--signatures", "required", "--accept-unsigned", &tool]).expect_code(0);
    // A pattern that covers nothing is a mistake, and is told with the nearest name.
    let ran = pack(&["--accept-unsigned", &format!("{HOST}/team/toll")]).expect_code(2);
    ran.expect_error(&["--accept-unsigned", "team/tool"]);
}
