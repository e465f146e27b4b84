//! `bundle seal` of a bundle that somebody else could have written meanwhile: it swears to what was verified, and to
//! nothing else.

use super::scene::{Operator, forged};
use super::{PASSWORD, entry, seal_given, verified};
use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Enclave, inspect};
use crate::harness::signatures::sign_bundle;
use bundle::archive::head;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const REFUSAL: &str = "seal-refusal.schema.json";

impl Operator {
    /// A bundle of the image that nobody has sealed.
    fn unsealed(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let (program, file) = self.packing(name, arguments);
        program.run().expect_code(0);
        file
    }

    fn sealing(&self, file: &Path, options: &[&str]) -> Ran {
        seal_given(file, &self.keys.private("ours"), options)
    }

    /// It is not sealed, for these reasons: codes and subjects.
    #[track_caller]
    fn not_sworn(&self, file: &Path, options: &[&str], reasons: &[(&str, &str)]) {
        let before = fs::read(file).expect("archive");
        let ran = self.sealing(file, &[&["--json"], options].concat()).expect_code(3);
        let report = ran.json();
        crate::schemas::assert_described(REFUSAL, &report);
        let refusals = report["refusals"].as_array().expect("refusals").iter();
        let text = |refusal: &Value, field: &str| refusal[field].as_str().map(str::to_owned);
        let found: Vec<_> = refusals.map(|one| (text(one, "code"), text(one, "subject"))).collect();
        let owned = |text: &str| Some(text.to_owned());
        let expected: Vec<_> =
            reasons.iter().map(|(code, subject)| (owned(code), owned(subject))).collect();
        assert_eq!(found, expected, "{ran}");
        for (code, _) in reasons {
            assert!(ran.stderr.contains(code) && ran.stderr.contains("hint: "), "{ran}");
        }
        assert!(fs::read(file).expect("archive") == before, "nothing is written");
        assert!(fs::metadata(format!("{}.sealing", file.display())).is_err());
    }

    /// It is sealed, and gives what the seal swears to.
    #[track_caller]
    fn sworn(&self, file: &Path, options: &[&str]) -> Value {
        let report = self.sealing(file, &[&["--json"], options].concat()).expect_code(0).json();
        crate::schemas::assert_described("seal-report.schema.json", &report);
        let ours = self.keys.public("ours");
        assert_eq!(verified(file, std::slice::from_ref(&ours)), Ok(ours.fingerprint()));
        report["sworn"].clone()
    }

    fn subject(&self) -> String {
        format!("{}/team/app:1", crate::harness::scene::HOST)
    }
}

fn digest(file: &Path) -> String {
    inspect(file)["bundleDigest"].as_str().expect("digest").to_owned()
}

#[test]
fn verdicts_are_not_sworn_to_without_anything_to_verify_them() {
    let operator = Operator::new();
    let file = operator.unsealed("plain", &[]);
    let app = operator.subject();
    operator.not_sworn(
        &file,
        &[],
        &[("verdict-unchecked", &app), ("key-not-confirmed", "keys/release.pub")],
    );
    let hints = ["--expect-bundle sha256:", "--key SCOPE=FILE"];
    operator.sealing(&file, &[]).expect_code(3).expect_error(&hints);
    // The courier's other choice: a verdict that says nothing admits nothing.
    let modest = operator.side.output("modest");
    forged(&file, &modest, |inventory| {
        inventory["images"][0]["verdict"] = json!({"code": "unverified"});
        inventory["keys"][0]["scopes"] = json!([]);
    });
    assert_eq!(operator.sworn(&modest, &[])["basis"], "nothing-claimed");
    let enclave = Enclave::start();
    operator.unpack(&enclave, "ours", &modest, &[]).expect_code(3);
}

#[test]
fn verdicts_that_are_reached_again_are_sworn_to_and_shown() {
    let operator = Operator::new();
    let file = operator.unsealed("plain", &["--name", "org", "--sequence", "42"]);
    let key = ["--key", operator.key.as_str()];
    let ran = operator.sealing(&file, &key).expect_code(0);
    let (app, image) = (operator.subject(), operator.image.digest().to_string());
    ran.expect_error(&[
        "covered by no signature",
        "series org: 42, made ",
        &format!("{app} is {image}"),
        "signed, verified here",
        "keys/release.pub is cosign ",
    ]);
    let sworn = operator.sworn(&file, &key);
    assert_eq!(sworn["basis"], "own-verification");
    assert_eq!((&sworn["name"], &sworn["sequence"]), (&json!("org"), &json!(42)));
    let first = &sworn["images"][0];
    assert_eq!((&first["source"], &first["digest"]), (&json!(app), &json!(image)));
    assert_eq!((&first["verdict"], &first["confirmed"]), (&json!("signed"), &json!(true)));
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &file, &[]);
}

#[test]
fn an_expected_digest_covers_all_and_no_other_bundle() {
    let operator = Operator::new();
    let file = operator.unsealed("plain", &["--name", "org", "--sequence", "42"]);
    let expected = digest(&file);
    let older = operator.side.output("older");
    forged(&file, &older, |inventory| inventory["sequence"] = json!(43));
    let refused = operator.sealing(&older, &["--expect-bundle", &expected]).expect_code(3);
    refused.expect_error(&["this is bundle", &expected]);
    assert_eq!(entry(&older, head::SEAL), None);
    let ran = operator.sealing(&file, &["--expect-bundle", &expected]).expect_code(0);
    assert!(!ran.stderr.contains("covered by no signature"), "{ran}");
    assert!(ran.stdout.contains("everything, by the expected digest"), "{ran}");
    // What is demanded of images is demanded beside it.
    let demanding = ["--expect-bundle", &expected, "--key", &operator.key, "--threshold", "2"];
    operator.not_sworn(&file, &demanding, &[("verdict-not-confirmed", &operator.subject())]);
    let ran = operator.sealing(&file, &demanding).expect_code(3);
    assert!(!ran.stderr.contains("--expect-bundle"), "it was given: {ran}");
    assert_eq!(operator.sworn(&file, &demanding[..4])["basis"], "expected-bundle");
}

/// The verdict is the courier's text: whatever he writes there, his image does not get in by it.
#[test]
fn a_forged_verdict_is_refused_by_its_own_code() {
    let operator = Operator::new();
    operator.side.unsigned("team/plain");
    let plain = operator.side.source("team/plain:1");
    let file = operator.unsealed("both", &[&plain, "--signatures", "if-present"]);
    let (app, other) = (operator.subject(), operator.subject().replace("app", "plain"));
    let key = ["--key", operator.key.as_str()];
    let change = operator.side.output("change");
    let forge = |verdict: Value| {
        forged(&file, &change, |inventory| inventory["images"][1]["verdict"] = verdict.clone());
    };
    let own = inspect(&file)["images"][0]["verdict"]["keys"][0].clone();
    for verdict in [
        json!({"code": "signed", "keys": [own]}),
        json!({"code": "signed"}),
        json!({"code": "index-unsigned"}),
        json!({"code": "policy-accepts-anything"}),
        json!({"code": "unsigned-allowed"}),
        json!({"code": "accepted"}),
        json!({"code": "of-a-later-version"}),
        json!({"code": "unverified", "keys": [own]}),
    ] {
        forge(verdict);
        operator.not_sworn(&change, &key, &[("verdict-not-confirmed", &other)]);
    }
    // Where a digest covers it, it is what whoever packed it said.
    for code in ["policy-accepts-anything", "of-a-later-version"] {
        forge(json!({"code": code}));
        operator.sworn(&change, &["--expect-bundle", &digest(&change)]);
    }
    // A permission is no signature.
    forge(json!({"code": "signed"}));
    let allowing = [&key[..], &["--allow-unsigned", &other]].concat();
    operator.not_sworn(&change, &allowing, &[("verdict-not-confirmed", &other)]);
    forge(json!({"code": "unsigned-allowed"}));
    operator.sworn(&change, &allowing);
    // Signers are part of what is sworn to.
    let stranger = format!("sha256:{}", "1".repeat(64));
    forged(&file, &change, |inventory| {
        inventory["images"][0]["verdict"]["keys"] = json!([own, stranger]);
    });
    operator.not_sworn(&change, &key, &[("signer-not-confirmed", &app)]);
    forged(&file, &change, |inventory| {
        inventory["images"][0]["verdict"]["identities"] =
            json!(["release@org.example (https://issuer)"]);
    });
    operator.not_sworn(&change, &key, &[("signer-not-confirmed", &app)]);
    let sworn = operator.sworn(&file, &key);
    assert_eq!(sworn["images"][1]["confirmed"], false);
}

/// Under a seal such a signature counts for the name that the sealed inventory gives the image.
#[test]
fn a_name_that_only_the_seal_would_bind_is_not_sworn_to_unasked() {
    let operator = Operator::new();
    let image = operator.side.unsigned("team/bundled");
    for manifest in std::iter::once(&image).chain(&image.children) {
        sign_bundle(&operator.side.registry, "team/bundled", manifest, &operator.signer);
    }
    let file = operator.side.output("bundled");
    let pack = |more: &[&str]| {
        let program = Program::bundle().args(&["pack", "-q", "-o"]).arg(&file);
        program.arg(operator.side.source("team/bundled:1")).args(more).run().expect_code(0);
    };
    let subject = operator.subject().replace("app", "bundled");
    let scope = subject.trim_end_matches(":1");
    pack(&[]);
    for options in [&[][..], &["--key", &operator.key]] {
        operator.not_sworn(&file, options, &[("name-not-confirmed", &subject)]);
    }
    operator.not_sworn(
        &file,
        &["--accept-unbound-names", "quay.io"],
        &[("name-not-confirmed", &subject)],
    );
    operator.sworn(&file, &["--accept-unbound-names", scope]);
    operator.sworn(&file, &["--expect-bundle", &digest(&file)]);
    // Who packed it bound the name by verifying; to reach that verdict again, the name must be bound here.
    pack(&["--key", &operator.key]);
    let key = ["--key", operator.key.as_str()];
    operator.not_sworn(&file, &key, &[("verdict-not-confirmed", &subject)]);
    operator.sworn(&file, &["--key", &operator.key, "--accept-unbound-names", scope]);
}

/// `--seal-introduces-keys` would trust whatever a courier put there.
#[test]
fn carried_keys_are_sworn_to_only_for_what_they_are_trusted_for() {
    let operator = Operator::new();
    let repository = format!("{}/team/app", crate::harness::scene::HOST);
    let file = operator.unsealed("plain", &[]);
    let narrow = format!("{repository}={}", operator.key);
    operator.not_sworn(&file, &["--key", &narrow], &[("key-not-confirmed", "keys/release.pub")]);
    let courier = operator.side.output("courier");
    let fingerprint = inspect(&file)["keys"][0]["fingerprint"].as_str().expect("key").to_owned();
    forged(&file, &courier, |inventory| {
        inventory["keys"][0]["scopes"] = json!([repository, "quay.io"]);
    });
    operator.not_sworn(&courier, &["--key", &narrow], &[("key-not-confirmed", "keys/release.pub")]);
    let quay = format!("quay.io={fingerprint}");
    operator.sworn(&courier, &["--key", &narrow, "--trust-fingerprint", &quay]);
    operator.sworn(&file, &["--key", &operator.key]);
    operator.sworn(&file, &["--trust-fingerprint", &fingerprint]);
    operator.sworn(&file, &["--expect-bundle", &digest(&file)]);
}

#[test]
fn a_rotation_is_sworn_to_only_where_it_was_named() {
    let operator = Operator::new();
    for name in ["next", "other"] {
        operator.keys.generate(name, PASSWORD).expect_code(0);
    }
    let (old, new) = (operator.public("ours"), operator.public("next"));
    let series = ["--name", "s", "--sequence", "7", "--retires", &old];
    let announcing = [&series[..], &["--successor", &new, "--from-sequence", "10"]].concat();
    let file = operator.unsealed("announcing", &announcing);
    let plain = operator.unsealed("plain", &[]);
    let (next, other) = (operator.fingerprint("next"), operator.fingerprint("other"));
    let key = ["--key", operator.key.as_str()];
    let accepting =
        |key: &str| ["--key", &operator.key, "--accept-rotation", key].map(str::to_owned);
    let refused = [("rotation-not-confirmed", "rotation")];
    operator.not_sworn(&file, &key, &refused);
    operator.not_sworn(&file, &accepting(&other).each_ref().map(String::as_str), &refused);
    operator.not_sworn(&plain, &accepting(&next).each_ref().map(String::as_str), &refused);
    let sworn = operator.sworn(&file, &accepting(&next).each_ref().map(String::as_str));
    assert_eq!(sworn["rotation"]["successor"], next);
    operator.sworn(&file, &["--expect-bundle", &digest(&file)]);
}

/// The seal says that nothing is missing, so all of it is read.
#[test]
fn a_damaged_bundle_is_not_sealed() {
    let operator = Operator::new();
    let file = operator.unsealed("plain", &[]);
    let layer = operator.image.children[0].blobs[1].digest().to_string();
    let mut bytes = fs::read(&file).expect("archive");
    let name = layer.trim_start_matches("sha256:");
    let place = bytes.windows(name.len()).rposition(|part| part == name.as_bytes());
    bytes[place.expect("its header") + 1_000] ^= 1;
    fs::write(&file, &bytes).expect("archive");
    let key = ["--key", operator.key.as_str()];
    operator.sealing(&file, &key).expect_code(6).expect_error(&["damaged", "bundle verify "]);
    assert_eq!(entry(&file, head::SEAL), None);
    // What is refused outweighs it.
    operator.sealing(&file, &[]).expect_code(3);
    operator.sealing(&file, &["--key", &operator.key, "--quick"]).expect_code(0);
}

/// Where bundles must be sealed, sealing them is still possible.
#[test]
fn demanded_seals_do_not_keep_this_machine_from_sealing() {
    let operator = Operator::new();
    let file = operator.unsealed("plain", &[]);
    let root = tempfile::tempdir().expect("root");
    fs::create_dir_all(root.path().join("etc/bundle")).expect("folder");
    fs::copy(operator.keys.public_file("ours"), root.path().join("operator.pub")).expect("key");
    fs::copy(&operator.key, root.path().join("release.pub")).expect("key");
    let trust =
        "[trust]\nkey = [\"/release.pub\"]\nseal_pub = \"/operator.pub\"\nrequire_seal = true\n";
    fs::write(root.path().join("etc/bundle/config.toml"), trust).expect("configuration");
    let program = Program::bundle().args(&["seal", "-q"]).arg(&file).arg("--seal-key");
    let program = program.arg(operator.keys.private("ours")).arg("--root").arg(root.path());
    program.env("COSIGN_PASSWORD", PASSWORD).run().expect_code(0);
    assert!(verified(&file, &[operator.keys.public("ours")]).is_ok());
    // A seal that was asked for is looked at.
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let other = ["--seal-pub", &operator.public("other")];
    operator.sealing(&file, &other).expect_code(3).expect_error(&["another key"]);
}
