//! A policy decides alone: what becomes of keys beside it, in files and on the command line.

use super::Scene;
use crate::harness::scene::HOST;
use serde_json::json;
use std::fs;

/// A scene whose root has a key that verifies, a policy that rejects everything and one that accepts everything.
fn scene() -> Scene {
    let scene = Scene::new();
    let key = fs::read_to_string(&scene.carried.key).expect("a key");
    scene.below_root("etc/bundle/release.pub", &key);
    for (name, kind) in [("reject", "reject"), ("accept", "insecureAcceptAnything")] {
        let policy = json!({ "default": [{ "type": kind }] }).to_string();
        scene.below_root(&format!("etc/bundle/{name}.json"), &policy);
    }
    scene
}

const KEY: &str = "key = [\"/etc/bundle/release.pub\"]\n";
const REJECT: &str = "policy = \"/etc/bundle/reject.json\"\n";

#[test]
fn a_policy_of_a_file_decides_alone() {
    let scene = scene();
    scene.system_to(&format!("[trust]\n{KEY}"));
    scene.unpack(&["--dry-run"]).expect_code(0);
    scene.system_to(&format!("[trust]\n{KEY}{REJECT}"));
    scene.unpack(&[]).expect_code(3).expect_error(&["policy"]);
    // In two files as in one, whichever has which.
    scene.system_to(&format!("[trust]\n{REJECT}"));
    let key = scene.enclave.root().join("etc/bundle/release.pub");
    scene.user(&format!("[trust]\nkey = [\"{}\"]", key.display()));
    scene.unpack(&[]).expect_code(3).expect_error(&["policy"]);
    assert_eq!(scene.enclave.tags(), [""; 0]);
}

#[test]
fn keys_on_the_command_line_contradict_a_policy_of_a_file() {
    let scene = scene();
    let file = scene.system_to(&format!("[trust]\n{REJECT}")).display().to_string();
    let pin = scene.carried.signer.fingerprint().to_string();
    for arguments in [
        ["--key", &scene.carried.key],
        ["--trust-fingerprint", &pin],
        ["--allow-unsigned", HOST],
        ["--accept-unbound-names", HOST],
        ["--rekor-key", &scene.carried.key],
    ] {
        let ran = scene.unpack(&arguments).expect_code(2);
        ran.expect_error(&[arguments[0], &file, "trust.policy", "hint: "]);
    }
    let ran = scene.unpack(&["--seal-introduces-keys", "--seal-pub", &scene.carried.key]);
    ran.expect_code(2).expect_error(&["--seal-introduces-keys", &file, "trust.policy"]);
    let file = scene.system_to("[trust]\nhost_policy = true").display().to_string();
    let ran = scene.unpack(&["--key", &scene.carried.key]).expect_code(2);
    ran.expect_error(&[&file, "trust.host_policy"]);
    // Another policy takes its place.
    let accept = scene.enclave.root().join("etc/bundle/accept.json");
    let accept = accept.to_str().expect("path");
    scene.unpack(&["--policy", accept, "--dry-run"]).expect_code(0);
    scene.system_to(&format!("[trust]\n{REJECT}"));
    scene.unpack(&["--policy", accept, "--dry-run"]).expect_code(0);
}

#[test]
fn policy_option_replaces_the_configured_keys() {
    let scene = scene();
    scene.system_to(&format!("[trust]\n{KEY}"));
    let reject = scene.enclave.root().join("etc/bundle/reject.json");
    let reject = reject.to_str().expect("path");
    scene.unpack(&["--policy", reject]).expect_code(3).expect_error(&["policy"]);
    scene.below_root("etc/containers/policy.json", r#"{"default": [{"type": "reject"}]}"#);
    scene.unpack(&["--host-policy"]).expect_code(3).expect_error(&["policy"]);
    assert_eq!(scene.enclave.tags(), [""; 0]);
    scene.unpack(&[]).expect_code(0);
}

#[test]
fn the_host_policy_can_be_configured() {
    let scene = scene();
    let policy = |kind: &str| {
        let text = json!({ "default": [{ "type": kind }] }).to_string();
        scene.below_root("etc/containers/policy.json", &text);
    };
    scene.system_to("[trust]\nhost_policy = true");
    policy("reject");
    scene.unpack(&[]).expect_code(3).expect_error(&["policy"]);
    policy("insecureAcceptAnything");
    scene.unpack(&["--dry-run"]).expect_code(0);
    let file = scene.system_to(&format!("[trust]\n{REJECT}host_policy = true"));
    let both = scene.unpack(&[]).expect_code(2);
    both.expect_error(&[file.to_str().expect("path"), "trust.policy", "trust.host_policy"]);
    scene.run(&["config"]).expect_code(2).expect_error(&["trust.host_policy"]);
}
