//! `bundle keys`: what is there, installing alone, taking back.

use super::Scene;
use crate::harness::command::{Program, Ran};
use crate::harness::images::TestImage;
use crate::harness::scene::HOST;
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest};
use crate::harness::signer::Signer;
use crate::schemas::{KEYS_INSTALL, KEYS_LIST, KEYS_REMOVE, assert_described};
use crate::unpacking::Carried;
use serde_json::json;
use std::fs;

impl Scene {
    fn keys(&self, arguments: &[&str]) -> Ran {
        let (command, rest) = arguments.split_first().expect("a command");
        let keys = Program::bundle().args(&["keys", command, "--root"]).arg(self.enclave.root());
        keys.args(rest).run()
    }

    fn keys_install(&self, arguments: &[&str]) -> Ran {
        let file = self.carried.side.file();
        let arguments = [&["install", file.to_str().expect("path")], arguments].concat();
        self.keys(&arguments)
    }
}

#[test]
fn keys_are_listed_with_their_scopes_or_without_a_grant() {
    let scene = Scene::new();
    let none = scene.keys(&["list"]).expect_code(0);
    assert!(none.stdout.contains("no key is installed"), "{none}");
    scene.install(&[]).expect_code(0);
    // A bare key file is no anchor, and not shown as one.
    fs::write(scene.key().with_file_name("bare.pub"), scene.carried.signer.public_pem())
        .expect("file");
    fs::write(scene.record().with_file_name("broken.json"), "{}").expect("file");
    let listed = scene.keys(&["list", "--json"]).expect_code(0).json();
    assert_described(KEYS_LIST, &listed);
    let [key] = &listed["keys"].as_array().expect("keys")[..] else { panic!("{listed}") };
    assert_eq!(key["name"], scene.name());
    assert_eq!(key["use"], "cosign");
    assert_eq!(key["fingerprint"], scene.carried.signer.fingerprint().to_string());
    assert_eq!(key["path"], scene.key().to_str().expect("path"));
    assert_eq!(key["bundle"], scene.carried.side.inspect()["bundleDigest"]);
    let [file] = &listed["withoutEffect"].as_array().expect("files")[..] else { panic!() };
    assert!(file["path"].as_str().expect("path").ends_with("broken.json"));
    let text = scene.keys(&["list"]).expect_code(0).stdout;
    assert!(text.contains("broken.json grants nothing") && !text.contains("bare"), "{text}");
    assert_eq!(listed["keys"][0]["scopes"], json!(["registry.example/team/app"]));
}

#[test]
fn keys_are_installed_without_a_push_on_the_same_trust() {
    let scene = Scene::new();
    let key = ["--key", &*scene.carried.key];
    scene.keys_install(&[]).expect_code(3).expect_error(&["nothing is trusted"]);
    let refused = scene.keys_install(&["--json"]).expect_code(3);
    assert_eq!(refused.json()["anyAnchor"], false);
    let dry = scene.keys_install(&[&key[..], &["--dry-run", "--json"]].concat()).expect_code(0);
    assert_described(KEYS_INSTALL, &dry.json());
    assert_eq!(
        (&dry.json()["dryRun"], &dry.json()["keys"][0]["change"]),
        (&json!(true), &json!("created"))
    );
    scene.enclave.expect_untouched();

    let ran = scene.keys_install(&[&key[..], &["--json"]].concat()).expect_code(0);
    assert_described(KEYS_INSTALL, &ran.json());
    assert!(scene.key().is_file() && scene.record().is_file());
    assert_eq!(scene.enclave.tags(), [""; 0], "nothing was pushed");
    let again = scene.keys_install(&[]).expect_code(0);
    assert!(again.stdout.contains("was installed already"), "{again}");
    // Whoever pushes needs no right to install, and no key.
    scene.enclave.unpack(&scene.carried.side.file(), &[]).expect_code(0);
}

#[test]
fn removing_undoes_what_was_installed_and_nothing_else() {
    let scene = Scene::new();
    scene.install(&[]).expect_code(0);
    let stranger = scene.key().with_file_name("vendor.pub");
    fs::write(&stranger, "theirs").expect("file");
    let name = scene.name();
    scene.keys(&["remove", "vendor"]).expect_code(2).expect_error(&["vendor", "bundle keys list"]);
    for name in ["../x", "SIGSTORE-redhat-release3"] {
        assert_eq!(scene.keys(&["remove", name]).code, Some(2));
    }
    let removed = scene.keys(&["remove", &name, "--json"]).expect_code(0).json();
    assert_described(KEYS_REMOVE, &removed);
    assert_eq!(removed["keys"][0]["keyFile"], "removed");
    assert!(!scene.key().exists() && !scene.record().exists() && stranger.exists());
    scene.enclave.unpack(&scene.carried.side.file(), &[]).expect_code(3);
    // A changed file is left and said to be.
    scene.install(&[]).expect_code(0);
    fs::write(scene.key(), "changed").expect("file");
    let fingerprint = scene.carried.signer.fingerprint().to_string();
    let ran = scene.keys(&["remove", &fingerprint]).expect_code(0);
    assert!(ran.stdout.contains("left, it is not the key that was recorded"), "{ran}");
    assert_eq!(fs::read_to_string(scene.key()).expect("file"), "changed");
}

#[test]
fn rules_of_the_policy_that_rest_on_a_removed_key_are_named() {
    let scene = Scene::new();
    let policy = scene.enclave.root().join("etc/containers/policy.json");
    let accept = "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}";
    fs::create_dir_all(policy.parent().expect("parent")).expect("parents");
    // First as the host refers to installed keys, then with the key in the rule.
    for (configure_first, naming, says) in [
        (false, "path", "names this file, so that every pull is refused"),
        (true, "content", "keeps admitting its signatures"),
    ] {
        fs::write(&policy, accept).expect("policy");
        if configure_first {
            let key = ["--install-config", "--key", &scene.carried.key];
            scene.enclave.unpack(&scene.carried.side.file(), &key).expect_code(0);
        }
        scene.install(&["--install-config"]).expect_code(0);
        let before = fs::read(&policy).expect("policy");
        let ran = scene.keys(&["remove", &scene.name(), "--json"]).expect_code(0);
        assert_described(KEYS_REMOVE, &ran.json());
        let expected = json!([{"scope": "registry.example/team/app", "namedBy": naming}]);
        assert_eq!(ran.json()["keys"][0]["policyRules"], expected);
        scene.install(&[]).expect_code(0);
        let ran = scene.keys(&["remove", &scene.name()]).expect_code(0);
        assert!(ran.stdout.contains(says) && ran.stdout.contains(": registry.example/"), "{ran}");
        assert_eq!(fs::read(&policy).expect("policy"), before, "it is the administrator's");
    }
    // No policy keeps a key from being removed.
    fs::write(&policy, "{").expect("policy");
    scene.install(&[]).expect_code(0);
    let ran = scene.keys(&["remove", &scene.name()]).expect_code(0);
    assert!(ran.stdout.contains("is not known: /etc/containers/policy.json is not valid"), "{ran}");
    fs::write(&policy, accept).expect("policy");
    scene.install(&[]).expect_code(0);
    let ran = scene.keys(&["remove", &scene.name()]).expect_code(0);
    assert!(!ran.stdout.contains("policy.json"), "{ran}");
}

#[test]
fn an_authentic_inventory_names_its_keys() {
    let scene = Scene::new();
    let digest = scene.carried.side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let key = ["--key", &*scene.carried.key, "--expect-bundle", &digest];
    scene.keys_install(&key).expect_code(0);
    let files = scene.enclave.installed();
    assert!(files.contains(&"etc/pki/sigstore/release.pub".to_owned()), "{files:?}");
    // The name stays when nothing vouches for the inventory.
    scene.keys_install(&key[..2]).expect_code(0);
    assert_eq!(scene.enclave.installed(), files);
}

#[test]
fn keys_that_count_one_by_one_afterwards_are_warned_of() {
    let scene = Scene::new();
    let Carried { side, signer, image, key } = &scene.carried;
    let second = Signer::p256();
    let other = side.key("second.pub", &second);
    let name = format!("{HOST}/team/app");
    for digest in image.children.iter().chain([image]).map(TestImage::digest) {
        let signed = |signer| SimpleSigning::new(signer, &name, &digest);
        let tag = cosign_tag(&digest, "sig");
        let both = sig_manifest(&[signed(signer), signed(&second)]);
        both.push(&side.registry, "team/app", Some(&tag));
    }
    fs::remove_file(side.file()).expect("archive");
    side.pack(&["team/app:1"], &["--key", key, "--key", &other]).expect_code(0);
    let warning = "installed keys count one by one";
    let demand = ["--key", &other, "--threshold", "2"];
    scene.install(&demand).expect_code(0).expect_error(&[warning, "--threshold"]);
    let given = [&["--key", key][..], &demand].concat();
    scene.keys_install(&given).expect_code(0).expect_error(&[warning, "--threshold"]);
    // Nothing is lost where one key is enough, or where nothing is installed.
    for quiet in [&["--key", &other][..], &["--threshold", "1"]] {
        let ran = scene.install(quiet).expect_code(0);
        assert!(!ran.stderr.contains(warning), "{ran}");
    }
    let ran = scene.enclave.unpack(&side.file(), &given).expect_code(0);
    assert!(!ran.stderr.contains(warning), "{ran}");
}
