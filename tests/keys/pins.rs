//! What `--trust-fingerprint` admits, and what it never does.

use super::kinds::{Logged, WithGpg};
use crate::harness::scene::HOST;
use crate::harness::terminal::converse;
use crate::schemas::{UNPACK_REFUSAL, assert_described};
use std::fs;

#[cfg(feature = "openpgp")]
#[test]
fn a_pinned_openpgp_key_admits_within_the_scope_of_its_pin() {
    let test = "a_pinned_openpgp_key_admits_within_the_scope_of_its_pin";
    let Some(scene) = WithGpg::new(test) else { return };
    // The file holds somebody else's key too; each is carried by itself, and pinned by itself.
    let other = scene.gpg.add_key(&[], "other@example.org", &["rsa2048", "sign", "never"]);
    let both = scene.side.text("both.gpg", "");
    let export = ["--yes", "--output", &both, "--export", scene.gpg.fingerprint(), &other];
    scene.gpg.gpg(&export).expect_code(0);
    scene.pack(&["--carry-key", &both]);
    let fingerprint = scene.fingerprint();
    let other = format!("openpgp:{}", other.to_lowercase());

    let refused = scene.unpack(&["--json"]).expect_code(3);
    let refused = refused.expect_error(&[&fingerprint, &other, "--trust-fingerprint"]);
    assert_described(UNPACK_REFUSAL, &refused.json());
    assert_eq!(refused.json()["carriedAuthorities"][0]["fingerprint"], *fingerprint);

    let pin = |text: &str| scene.unpack(&["--trust-fingerprint", text]);
    pin(&other).expect_code(3);
    pin(&format!("{HOST}/elsewhere={fingerprint}")).expect_code(3);
    let nobody = format!("openpgp:{}", "a".repeat(40));
    pin(&nobody).expect_code(3).expect_error(&[&nobody]);
    scene.enclave.expect_untouched();
    pin(&format!("{HOST}/team={fingerprint}")).expect_code(0);
}

#[test]
fn a_carried_log_or_root_is_nobody_by_its_fingerprint() {
    let scene = Logged::new();
    let root =
        scene.side.text("root.json", &crate::harness::log::trusted_root(&scene.log).to_string());
    let pack = |arguments: &[&str]| {
        let _ = fs::remove_file(scene.side.file());
        scene.side.pack(&["team/app:1"], arguments).expect_code(0);
    };
    pack(&["--carry-rekor-key", &scene.log_key, "--carry-key", &root]);
    let unpack = |arguments: &[&str]| scene.enclave.unpack(&scene.side.file(), arguments);
    let inspected = scene.side.inspect();
    for key in inspected["keys"].as_array().expect("keys") {
        let fingerprint = key["fingerprint"].as_str().expect("fingerprint");
        unpack(&["--trust-fingerprint", fingerprint]).expect_code(3).expect_error(&[fingerprint]);
    }
    scene.enclave.expect_untouched();
    // The signer's key, carried and pinned, is one.
    pack(&["--carry-key", &scene.key]);
    unpack(&["--trust-fingerprint", &scene.signer.fingerprint().to_string()]).expect_code(0);
}

/// What a courier would try: a log's key, for which somebody holds a fingerprint, labelled as a signer's.
#[test]
fn a_logs_key_with_the_label_of_a_signer_does_not_sign_images() {
    let mut scene = Logged::new();
    // The holder of the log's key signs an image, and the bundle says that it is a signer's key.
    std::mem::swap(&mut scene.signer, &mut scene.log);
    scene.side.signed("team/forged", &scene.signer);
    let label = scene.side.key("innocent.pub", &scene.signer);
    let pack = |arguments: &[&str]| {
        let _ = fs::remove_file(scene.side.file());
        scene.side.pack(&["team/forged:1"], arguments).expect_code(0);
    };
    let pin = scene.signer.fingerprint().to_string();
    let pinned = ["--trust-fingerprint", &pin];
    let unpack = |arguments: &[&str]| {
        scene.enclave.unpack(&scene.side.file(), &[&pinned[..], arguments].concat())
    };
    pack(&["--carry-key", &label]);
    // Known as a log's key here, it is no signer's, for whichever repository the log is demanded.
    let log = format!("{HOST}/elsewhere={label}");
    unpack(&["--rekor-key", &log]).expect_code(3).expect_error(&[&pin, "log"]);
    // The bundle's own word that it is a log's counts against it as well.
    pack(&["--carry-key", &label, "--carry-rekor-key", &label]);
    unpack(&[]).expect_code(3).expect_error(&[&pin, "log"]);
    scene.enclave.expect_untouched();
    // A pin says that this key signs images. Who pins a key that nothing here knows as a log's, says just that.
    pack(&["--carry-key", &label]);
    unpack(&[]).expect_code(0);
}

#[cfg(feature = "openpgp")]
#[test]
fn openpgp_fingerprint_is_typed_at_first_use_as_gpg_prints() {
    let test = "openpgp_fingerprint_is_typed_at_first_use_as_gpg_prints";
    let Some(scene) = WithGpg::new(test) else { return };
    scene.pack(&["--carry-key", &scene.key()]);
    let groups: Vec<_> = scene.gpg.fingerprint().as_bytes().chunks(4).collect();
    let groups: Vec<_> = groups.into_iter().map(String::from_utf8_lossy).collect();
    let typed = |digits: &str| {
        let (fingerprint, scope) = (format!("openpgp:{digits}\n"), format!("{HOST}/team\n"));
        let unpacking = scene.enclave.unpacking(&scene.side.file(), &[]);
        let dialogue = [("openpgp:…): ", &*fingerprint), ("HOST/REPOSITORY: ", &*scope)];
        converse(unpacking, &dialogue)
    };
    let other = groups.join(" ").replace(['1', '2', '3'], "0");
    let (ran, shown) = typed(&other);
    ran.expect_code(3);
    assert!(shown.contains("no carried key of a signer"), "{shown}");
    scene.enclave.expect_untouched();
    typed(&groups.join(" ")).0.expect_code(0);
}
