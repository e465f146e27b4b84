//! Files that somebody else could have written, and files that say what cannot be.

use super::Scene;
use crate::harness::command::Program;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
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
