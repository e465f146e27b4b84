//! Files that somebody else could have written, and files that say what cannot be.

use super::Scene;
use crate::harness::command::Program;
use crate::harness::nobody::{NOBODY, is_root};
use crate::harness::scene::HOST;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

#[test]
fn a_machine_with_a_file_that_cannot_be_used_does_nothing() {
    let scene = Scene::new();
    let key = scene.carried.key.clone();
    let file = scene.system_to("");
    let path = file.to_str().expect("path").to_owned();
    let archive = scene.carried.side.file();
    let archive = archive.to_str().expect("path");
    let refused = |words: &[&str]| {
        scene.unpack(&["--key", &key]).expect_code(2).expect_error(words);
        scene.run(&["verify", "-q", archive, "--key", &key]).expect_code(2).expect_error(words);
        scene.run(&["config"]).expect_code(2).expect_error(words);
    };
    mode(&file, 0o664);
    refused(&[&path, "can be written by others"]);
    mode(&file, 0o644);
    let aside = scene.enclave.root().join("aside");
    fs::rename(&file, &aside).expect("moved");
    symlink(&aside, &file).expect("a link");
    refused(&[&path, "symbolic link"]);
    fs::remove_file(&file).expect("removed");
    for (text, words) in [
        ("require_seal = true", "line 1"),
        ("[trust]\nrequire-seal = true", "line 2"),
        ("[trust]\nallow_unsigned = [\"*\"]", "allow_unsigned"),
        ("[trust]\n\nkey = [\"key.pub\"]", "line 3: trust.key"),
        ("to = ", "line 1"),
    ] {
        scene.system(text);
        refused(&[&path, words]);
    }
    assert_eq!(scene.enclave.tags(), [""; 0]);
    scene.system_to("");
    scene.unpack(&["--key", &key]).expect_code(0);
}

#[test]
fn a_target_that_is_none_is_named_with_its_file() {
    let scene = Scene::new();
    let file = scene.system("to = \"https://r.example\"");
    let ran = scene.unpack(&["--key", &scene.carried.key]).expect_code(2);
    ran.expect_error(&[file.to_str().expect("path"), "https://r.example", "scheme"]);
}

#[test]
fn a_users_file_that_others_could_have_written_does_not_count() {
    let scene = Scene::new();
    scene.system_to("");
    let file = scene.user(&format!("[trust]\nkey = [\"{}\"]", scene.carried.key));
    let path = file.to_str().expect("path");
    mode(&file, 0o646);
    let ran = scene.unpack(&[]).expect_code(3).expect_error(&["does not count", path, "no-anchor"]);
    assert_eq!(ran.stderr.matches("does not count").count(), 1, "it is told once: {ran}");
    let shown = scene.run(&["config", "--json"]).expect_code(0).json();
    crate::schemas::assert_described("config-report.schema.json", &shown);
    assert_eq!(shown["files"][1]["found"], "ignored");
    assert_eq!(scene.enclave.tags(), [""; 0]);
    mode(&file, 0o644);
    scene.unpack(&[]).expect_code(0);
    fs::write(&file, "[trust]\nkeys = []").expect("written");
    scene.unpack(&[]).expect_code(2).expect_error(&[path, "line 2", "keys"]);
}

#[test]
fn a_seal_that_is_demanded_is_not_passed_over() {
    let scene = Scene::new();
    let unpack = || scene.unpack(&["--key", &scene.carried.key]);
    scene.system_to("[trust]\nrequire_seal = true");
    unpack().expect_code(2).expect_error(&["a seal is required", "--seal-pub"]);
    scene.user("[trust]\nrequire_seal = false");
    unpack().expect_code(2).expect_error(&["a seal is required"]);

    let pair = scene.below_root("etc/bundle/operator", "");
    let with_password = |arguments: &[&str]| {
        let program = Program::bundle().env("COSIGN_PASSWORD", "correct horse");
        program.args(arguments).run().expect_code(0);
    };
    with_password(&["keygen", "--output-key-prefix", pair.to_str().expect("path")]);
    for demand in ["", "require_seal = true\n"] {
        scene.system_to(&format!("[trust]\n{demand}seal_pub = \"/etc/bundle/operator.pub\""));
        unpack().expect_code(3).expect_error(&["seal"]);
    }
    assert_eq!(scene.enclave.tags(), [""; 0]);
    let (file, key) = (scene.carried.side.file(), pair.with_extension("key"));
    with_password(&[
        "seal",
        file.to_str().expect("path"),
        "--seal-key",
        key.to_str().expect("path"),
        "--key",
        &scene.carried.key,
    ]);
    unpack().expect_code(0);
}

#[test]
fn a_file_that_a_configuration_names_counts_as_it_does() {
    if !is_root() {
        println!("left out: a_file_that_a_configuration_names_counts_as_it_does needs root");
        return;
    }
    let scene = Scene::new();
    let key = fs::read_to_string(&scene.carried.key).expect("a key");
    let file = scene.below_root("etc/bundle/keys/named", &key);
    let path = file.to_str().expect("path").to_owned();
    let directory = file.parent().expect("parent");
    let give = |place: &Path, user| chown(place, Some(user), None).expect("owner");
    let link = directory.join("link");
    symlink(&file, &link).expect("link");
    type Change<'c> = &'c dyn Fn();
    let changes: [(Change<'_>, Change<'_>); 5] = [
        (&|| mode(&file, 0o666), &|| mode(&file, 0o644)),
        (&|| mode(&file, 0o664), &|| mode(&file, 0o644)),
        (&|| give(&file, NOBODY), &|| give(&file, 0)),
        (&|| give(directory, NOBODY), &|| give(directory, 0)),
        (&|| mode(directory, 0o777), &|| mode(directory, 0o755)),
    ];
    for (name, value) in [
        ("key", format!("[\"{HOST}=/etc/bundle/keys/named\"]")),
        ("key", "[\"/etc/bundle/keys/link\"]".to_owned()),
        ("rekor_key", "[\"/etc/bundle/keys/named\"]".to_owned()),
        ("gpg_key", "[\"/etc/bundle/keys/named\"]".to_owned()),
        ("trusted_root", "[\"/etc/bundle/keys/named\"]".to_owned()),
        ("policy", "\"/etc/bundle/keys/named\"".to_owned()),
        ("seal_pub", "\"/etc/bundle/keys/named\"".to_owned()),
    ] {
        let system = scene.system_to(&format!("[trust]\n{name} = {value}"));
        for (change, back) in &changes {
            change();
            let ran = scene.unpack(&[]).expect_code(2);
            let key = format!("trust.{name}");
            ran.expect_error(&["does not count", system.to_str().expect("path"), &key]);
            back();
        }
        assert!(!scene.unpack(&["--dry-run"]).stderr.contains("does not count"), "{name}");
    }
    assert_eq!(scene.enclave.tags(), [""; 0]);
    // The user's file names it as well, and the command line is the operator's word.
    scene.system_to("");
    mode(&file, 0o666);
    scene.user(&format!("[trust]\nkey = [\"{path}\"]"));
    scene.unpack(&[]).expect_code(2).expect_error(&["does not count", "trust.key"]);
    scene.user("");
    scene.unpack(&["--dry-run", "--key", &path]).expect_code(0);
    mode(&file, 0o644);
    scene.system_to(&format!("[trust]\nkey = [\"{HOST}=/etc/bundle/keys/named\"]"));
    scene.unpack(&[]).expect_code(0);
}

#[test]
fn a_key_of_a_configured_policy_counts_as_the_policy_does() {
    if !is_root() {
        println!("left out: a_key_of_a_configured_policy_counts_as_the_policy_does needs root");
        return;
    }
    let scene = Scene::new();
    let key = fs::read_to_string(&scene.carried.key).expect("a key");
    let key = scene.below_root("etc/keys/release.pub", &key);
    let identity = serde_json::json!({"type": "matchRepository"});
    let demand = serde_json::json!(
        {"type": "sigstoreSigned", "keyPath": key, "signedIdentity": identity}
    );
    let policy = serde_json::json!({ "default": [demand] }).to_string();
    let policy = scene.below_root("etc/bundle/own.json", &policy);
    scene.system_to("[trust]\npolicy = \"/etc/bundle/own.json\"");
    scene.unpack(&["--dry-run"]).expect_code(0);
    mode(&key, 0o666);
    scene.unpack(&["--dry-run"]).expect_code(3).expect_error(&["policy-unusable"]);
    let given = ["--dry-run", "--policy", policy.to_str().expect("path")];
    scene.unpack(&given).expect_code(0);
}
