//! cosign takes our keys and seals, and we take cosign's.

use super::{Keys, PASSWORD, bundle, entry, seal, seal_with, verified};
use crate::harness::command::{Program, Ran};
use bundle::archive::head;
use bundle::seal::{SealError, verify};
use bundle::trust::SigningKey;
use bundle_testing::peers;
use std::fs;
use std::path::{Path, PathBuf};

/// A cosign with a password.
fn cosign(program: &Path, password: &str) -> Program {
    Program::new(program).env("COSIGN_PASSWORD", password)
}

/// `bundle.json` of a bundle, and its seal, as files.
fn extracted(keys: &Keys, file: &Path) -> (PathBuf, PathBuf) {
    let write = |name: &str, bytes: Option<Vec<u8>>| {
        let path = keys.path(name);
        fs::write(&path, bytes.expect(name)).expect("file");
        path
    };
    let inventory = write(head::INVENTORY, entry(file, head::INVENTORY));
    (inventory, write(head::SEAL, entry(file, head::SEAL)))
}

fn verify_blob(program: &Path, key: &Path, seal: &Path, inventory: &Path) -> Ran {
    let program = cosign(program, "").args(&["verify-blob", "--insecure-ignore-tlog", "--key"]);
    program.arg(key).arg("--bundle").arg(seal).arg(inventory).run()
}

#[test]
fn cosign_3_verifies_our_seal_by_keys_of_either() {
    let test = "cosign_3_verifies_our_seal_by_keys_of_either";
    let Some([cosign2, cosign3]) = peers::require_all(test, ["cosign2", "cosign3"]) else {
        return;
    };
    let keys = Keys::made("ours");
    keys.generate("open", "").expect_code(0);
    for (program, name, password) in
        [(&cosign2, "two", PASSWORD), (&cosign3, "three", PASSWORD), (&cosign3, "none", "")]
    {
        let prefix = keys.path(name).display().to_string();
        let generate =
            cosign(program, password).args(&["generate-key-pair", "--output-key-prefix"]);
        generate.arg(prefix).run().expect_code(0);
    }
    let (_carried, file) = bundle();
    for name in ["ours", "open", "two", "three", "none"] {
        let password = if ["open", "none"].contains(&name) { "" } else { PASSWORD };
        seal_with(&file, &keys.private(name), password).expect_code(0);
        assert!(verified(&file, &[keys.public(name)]).is_ok(), "{name}");
        let (inventory, seal) = extracted(&keys, &file);
        let with = |key: &str, inventory: &Path| {
            verify_blob(&cosign3, &keys.public_file(key), &seal, inventory)
        };
        with(name, &inventory).expect_code(0);
        let other = if name == "ours" { "two" } else { "ours" };
        assert_ne!(with(other, &inventory).code, Some(0), "{name} is not {other}");
        let mut changed = fs::read(&inventory).expect("inventory");
        let at = changed.len() / 2;
        changed[at] ^= 1;
        fs::write(&inventory, changed).expect("inventory");
        assert_ne!(with(name, &inventory).code, Some(0), "one bit of bundle.json");
    }
}

#[test]
fn cosign_signs_with_our_keys() {
    let test = "cosign_signs_with_our_keys";
    let Some(programs) = peers::require_all(test, ["cosign2", "cosign3"]) else { return };
    let keys = Keys::made("ours");
    let message = keys.path("message");
    fs::write(&message, "a message").expect("file");
    for (number, program) in programs.iter().enumerate() {
        let made = keys.path(&format!("made-{number}"));
        sign_blob(program, number == 0, &keys.private("ours"), &message, &made).expect_code(0);
        let bytes = fs::read(&made).expect("bundle");
        assert!(verify(b"a message", &bytes, &[keys.public("ours")]).is_ok());
        let with_wrong = cosign(program, "wrong").args(&["sign-blob", "--yes", "--key"]);
        let ran = with_wrong.arg(keys.private("ours")).arg(&message).run();
        assert_ne!(ran.code, Some(0), "the password protects it: {ran}");
    }
}

/// `cosign sign-blob` without a log; of cosign 2 in the form of bundles.
fn sign_blob(program: &Path, is_2: bool, key: &Path, message: &Path, made: &Path) -> Ran {
    let form = if is_2 { "--new-bundle-format" } else { "--use-signing-config=false" };
    let arguments = ["sign-blob", "--yes", "--tlog-upload=false", form, "--key"];
    let program = cosign(program, PASSWORD).args(&arguments).arg(key);
    program.arg("--bundle").arg(made).arg(message).run()
}

#[test]
fn what_cosign_signs_over_bundle_json_is_a_seal() {
    let test = "what_cosign_signs_over_bundle_json_is_a_seal";
    let Some([cosign2, cosign3]) = peers::require_all(test, ["cosign2", "cosign3"]) else {
        return;
    };
    let keys = Keys::made("ours");
    let (_carried, file) = bundle();
    let bytes = entry(&file, head::INVENTORY).expect("inventory");
    let inventory = keys.path("bundle.json");
    fs::write(&inventory, &bytes).expect("file");
    let made = keys.path("made");
    let expect_seal = |name: &str| {
        let seal = fs::read(&made).expect("a seal");
        let key = keys.public(name);
        assert_eq!(verify(&bytes, &seal, std::slice::from_ref(&key)), Ok(key.fingerprint()));
        let other = SigningKey::generate().expect("a key").public_key().clone();
        let refused = verify(&bytes, &seal, &[other]);
        assert!(matches!(refused, Err(SealError::OtherKey { .. })), "{name}: {refused:?}");
        fs::remove_file(&made).expect("removed");
    };
    for (program, is_2) in [(&cosign2, true), (&cosign3, false)] {
        sign_blob(program, is_2, &keys.private("ours"), &inventory, &made).expect_code(0);
        expect_seal("ours");
    }
    // As cosign 3 has it by default, with a signing configuration, here one without a log.
    let config = keys.path("signing-config.json");
    let create = Program::new(&cosign3).args(&["signing-config", "create", "--out"]);
    create.arg(&config).run().expect_code(0);
    let signed = cosign(&cosign3, PASSWORD).args(&["sign-blob", "--yes", "--signing-config"]);
    let signed = signed.arg(&config).arg("--key").arg(keys.private("ours"));
    signed.arg("--bundle").arg(&made).arg(&inventory).run().expect_code(0);
    expect_seal("ours");
}

#[test]
fn imported_keys_seal_only_if_cosign_verifies_them() {
    let test = "imported_keys_seal_only_if_cosign_verifies_them";
    let Some([cosign3, openssl]) = peers::require_all(test, ["cosign3", "openssl"]) else {
        return;
    };
    let keys = Keys::new();
    let import = |name: &str, arguments: &[&str]| {
        let plain = keys.path(&format!("{name}.pem"));
        let generate = Program::new(&openssl).arg("genpkey").args(arguments);
        generate.arg("-out").arg(&plain).run().expect_code(0);
        let import = cosign(&cosign3, PASSWORD).args(&["import-key-pair", "--key"]).arg(&plain);
        import.arg("--output-key-prefix").arg(keys.path(name)).run().expect_code(0);
    };
    import("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]);
    import("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    import("ed25519", &["-algorithm", "ED25519"]);
    let (_carried, file) = bundle();
    seal(&file, &keys.private("rsa")).expect_code(0);
    assert!(verified(&file, &[keys.public("rsa")]).is_ok());
    let (inventory, sealed) = extracted(&keys, &file);
    verify_blob(&cosign3, &keys.public_file("rsa"), &sealed, &inventory).expect_code(0);
    let before = fs::read(&file).expect("archive");
    for name in ["p384", "ed25519"] {
        seal(&file, &keys.private(name)).expect_code(2).expect_error(&["do not sign here"]);
    }
    let ran = seal(&file, &keys.path("rsa.pem")).expect_code(2);
    ran.expect_error(&["without encryption", "import-key-pair"]);
    assert!(fs::read(&file).expect("archive") == before);
    // That is about making seals: what cosign 3 makes with P-384 is verified.
    let made = keys.path("made");
    sign_blob(&cosign3, false, &keys.private("p384"), &inventory, &made).expect_code(0);
    let bytes = fs::read(&inventory).expect("inventory");
    assert!(verify(&bytes, &fs::read(&made).expect("a seal"), &[keys.public("p384")]).is_ok());
}
