//! `--replace-key`: one installed key makes way for another, as it was named and not otherwise.

use super::Scene;
use crate::harness::command::Ran;
use crate::harness::signer::Signer;
use serde_json::json;
use std::fs;

#[test]
fn replaced_key_admits_nothing_and_the_new_one_its_images() {
    let scene = Scene::new();
    let old = scene.carried.signer.fingerprint();
    let name = format!("{old}=release");
    scene.install(&["--install-keys-as", &name]).expect_code(0);
    let installed = scene.enclave.installed();

    // The vendor signs with a new key from now on.
    let side = &scene.carried.side;
    let signer = Signer::p256();
    side.signed("team/app", &signer);
    let key = side.key("new.pub", &signer);
    let pack = |key: &str| {
        let _ = fs::remove_file(side.file());
        side.pack(&["team/app:1"], &["--key", key]).expect_code(0);
    };
    let before = scene.enclave.installed();
    pack(&key);
    let new = signer.fingerprint();
    let unpack = |arguments: &[&str]| -> Ran {
        let options = ["--install-keys", "--key", &key, "--on-existing-attachment", "replace"];
        scene.enclave.unpack(&side.file(), &[&options[..], arguments].concat())
    };
    let taken = format!("{new}=release");
    unpack(&["--install-keys-as", &taken]).expect_error(&["release", "--replace-key"]);
    let stranger = Signer::p256().fingerprint();
    for (replace, words) in [
        (format!("release={stranger}:{new}"), [old.to_string(), stranger.to_string()]),
        (format!("release={old}:{stranger}"), [stranger.to_string(), "trusted".into()]),
        (format!("other={old}:{new}"), ["other".into(), "not installed".into()]),
        (format!("release={old}:{old}"), ["release".into(), old.to_string()]),
        (format!("../release={old}:{new}"), ["NAME".into(), "replace-key".into()]),
    ] {
        let ran = unpack(&["--replace-key", &replace]).expect_code(2);
        if !replace.starts_with('.') {
            ran.expect_error(&words.each_ref().map(String::as_str));
        }
        assert_eq!(scene.enclave.installed(), before, "{replace}");
    }
    let replace = format!("release={old}:{new}");
    let ran = unpack(&["--replace-key", &replace, "--json"]).expect_code(0);
    assert_eq!(ran.json()["keys"][0]["change"], "replaced");
    assert_eq!(ran.json()["keys"][0]["replaces"], old.to_string());
    assert_eq!(scene.enclave.installed(), installed, "the same files");
    let file = scene.enclave.root().join("etc/pki/sigstore/release.pub");
    assert_eq!(fs::read_to_string(file).expect("key"), signer.public_pem());
    let record = fs::read(scene.enclave.root().join("etc/bundle/trust.d/release.json"));
    let record: serde_json::Value = serde_json::from_slice(&record.expect("record")).expect("JSON");
    assert_eq!(record["fingerprint"], new.to_string());

    // Done once more, it is done already.
    unpack(&["--replace-key", &replace]).expect_code(0);
    scene.enclave.unpack(&side.file(), &[]).expect_code(0);
    // What only the old key signed is refused.
    side.signed("team/app", &scene.carried.signer);
    pack(&scene.carried.key);
    scene.enclave.unpack(&side.file(), &[]).expect_code(3);
}

#[test]
fn naming_and_replacing_are_nothing_without_installing() {
    let scene = Scene::new();
    let fingerprint = scene.carried.signer.fingerprint();
    let (name, replace) =
        (format!("{fingerprint}=release"), format!("release={fingerprint}:{fingerprint}"));
    for option in [["--install-keys-as", &name], ["--replace-key", &replace]] {
        let arguments = [&["--key", &*scene.carried.key][..], &option].concat();
        let ran = scene.enclave.unpack(&scene.carried.side.file(), &arguments).expect_code(2);
        ran.expect_error(&["--install-keys is missing"]);
    }
    scene.enclave.expect_untouched();
    assert_eq!(json!(scene.enclave.tags()), json!([]));
}
