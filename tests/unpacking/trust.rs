//! On whose word images are admitted: each way in, and that it opens nothing else.

use super::Carried;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signatures::sign_bundle;
use crate::harness::signer::{KINDS, Signer};

#[test]
fn a_key_admits_what_lies_in_its_scope() {
    let carried = Carried::new();
    let file = carried.side.file();
    for (scope, expected) in [
        ("", 0),
        ("*=", 0),
        (&format!("{HOST}="), 0),
        (&format!("{HOST}/team="), 0),
        (&format!("{HOST}/team/app="), 0),
        (&format!("{HOST}/team/app:1="), 0),
        ("*.example=", 0),
        (&format!("{HOST}/team/app:2="), 3),
        (&format!("{HOST}/team/ap="), 3),
        (&format!("{HOST}/team/app-evil="), 3),
        (&format!("{HOST}:5000="), 3),
        ("other.example=", 3),
    ] {
        let enclave = Enclave::start();
        let key = format!("{scope}{}", carried.key);
        let ran = enclave.unpack(&file, &["--key", &key]).expect_code(expected);
        if expected == 3 {
            ran.expect_error(&[&format!("{HOST}/team/app:1"), "no-anchor"]);
            enclave.expect_untouched();
        }
    }
}

#[test]
fn a_fingerprint_admits_the_carried_key_it_belongs_to() {
    let carried = Carried::new();
    let file = carried.side.file();
    let good = carried.signer.fingerprint().to_string();
    let other = Signer::p256().fingerprint().to_string();
    for (pin, expected) in [
        (good.clone(), 0),
        (format!("{HOST}/team={good}"), 0),
        (format!("{HOST}/other={good}"), 3),
        (other.clone(), 3),
        (format!("{good}0"), 2),
        ("sha256:beef".to_owned(), 2),
    ] {
        let enclave = Enclave::start();
        let ran = enclave.unpack(&file, &["--trust-fingerprint", &pin]).expect_code(expected);
        if pin == other {
            assert!(ran.stderr.contains(&other), "the pin that nothing answers is named: {ran}");
        }
        if expected != 0 {
            enclave.expect_untouched();
        }
    }
    // The same key, not carried: there is nothing that the fingerprint could admit.
    std::fs::remove_file(&file).expect("archive");
    carried.side.pack(&["team/app:1"], &[]).expect_code(0);
    let enclave = Enclave::start();
    enclave.unpack(&file, &["--trust-fingerprint", &good]).expect_code(3).expect_error(&[&good]);
    enclave.expect_untouched();
}

#[test]
fn the_bundle_digest_admits_what_was_verified_at_pack() {
    let side = Connected::start();
    let signer = Signer::p256();
    side.signed("team/app", &signer);
    side.unsigned("team/plain");
    let key = side.key("release.pub", &signer);
    let scoped = format!("{HOST}/team/app={key}");
    let digest = || side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();

    side.pack(&["team/app:1"], &["--key", &scoped]).expect_code(0);
    let first = digest();
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--json", "--expect-bundle", &first]).expect_code(0);
    let report = ran.json();
    assert_eq!(report["namesBound"], true);
    let said = format!("{}", report["warnings"]);
    assert!(!said.contains("not authenticated"), "{said}");

    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["team/app:1", "team/plain:1"], &["--key", &scoped]).expect_code(0);
    let second = digest();
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--expect-bundle", &first]).expect_code(3);
    ran.expect_error(&[&first, &second]);
    enclave.expect_untouched();
    // Nobody verified the plain one: the digest alone does not admit it.
    let ran = enclave.unpack(&side.file(), &["--expect-bundle", &second]).expect_code(3);
    let ran = ran.expect_error(&[&format!("{HOST}/team/plain:1")]);
    assert!(!ran.stderr.contains(&format!("refused: {HOST}/team/app")), "{ran}");
    enclave.expect_untouched();
    let plain = format!("{HOST}/team/plain");
    let arguments = ["--expect-bundle", &second, "--allow-unsigned", &plain];
    enclave.unpack(&side.file(), &arguments).expect_code(0);
}

#[test]
fn report_names_unauthentic_parts_without_a_bundle_digest() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let ran = enclave.unpack(&carried.side.file(), &["--key", &carried.key, "-v"]).expect_code(0);
    for words in ["tag-unbound", "tags, completeness and age of this bundle are not authenticated"]
    {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
}

#[test]
fn unsigned_images_come_in_by_name_only() {
    let side = Connected::start();
    side.unsigned("team/plain");
    side.pack(&["team/plain:1"], &[]).expect_code(0);
    for (pattern, expected) in [
        (format!("{HOST}/team/plain"), 0),
        (format!("{HOST}/team/plain:1"), 0),
        (format!("{HOST}/team/*"), 0),
        (HOST.to_owned(), 0),
        (format!("{HOST}/team/plain:2"), 3),
        (format!("{HOST}/team/plai"), 3),
        (format!("{HOST}/other/*"), 3),
        ("other.example".to_owned(), 3),
    ] {
        let enclave = Enclave::start();
        let ran = enclave.unpack(&side.file(), &["--allow-unsigned", &pattern]);
        let ran = ran.expect_code(expected);
        if expected == 0 {
            assert!(ran.stdout.contains("unsigned"), "{pattern}: {ran}");
        } else {
            ran.expect_error(&[&format!("{HOST}/team/plain:1")]);
            enclave.expect_untouched();
        }
    }
}

#[test]
fn a_key_for_an_image_is_overruled_only_by_a_pattern_as_narrow() {
    let carried = Carried::new();
    let wrong = carried.side.key("wrong.pub", &Signer::p256());
    for (scope, pattern, expected) in [
        (format!("{HOST}/team="), "*".to_owned(), 3),
        (format!("{HOST}/team="), HOST.to_owned(), 3),
        (format!("{HOST}/team="), format!("{HOST}/team/app"), 0),
        (format!("{HOST}/team/app="), format!("{HOST}/team/*"), 3),
        // A key for everything is for what other registries have under the same path.
        (String::new(), HOST.to_owned(), 3),
        (String::new(), format!("{HOST}/team/app"), 0),
        (String::new(), "*".to_owned(), 0),
    ] {
        let enclave = Enclave::start();
        let key = format!("{scope}{wrong}");
        let arguments = ["--key", &key, "--allow-unsigned", &pattern];
        let ran = enclave.unpack(&carried.side.file(), &arguments).expect_code(expected);
        if expected == 0 {
            assert!(ran.stdout.contains("unsigned, allowed"), "{scope} {pattern}: {ran}");
        } else {
            enclave.expect_untouched();
        }
    }
}

#[test]
fn a_signature_that_names_no_repository_needs_a_bound_name() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.unsigned("team/app");
    sign_bundle(&side.registry, "team/app", &image, &signer);
    for child in &image.children {
        sign_bundle(&side.registry, "team/app", child, &signer);
    }
    let key = side.key("release.pub", &signer);
    side.pack(&["team/app:1"], &["--key", &key]).expect_code(0);
    let file = side.file();
    let digest = side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    let enclave = Enclave::start();
    for (arguments, code) in [
        (&["--key", key.as_str()][..], "name-unbound"),
        (&["--key", &key, "--accept-unbound-names", "registry.example/other"], "name-unbound"),
        (&["--key", &key, "--expect-bundle", &other], &other),
        (&["--accept-unbound-names", HOST], "no-anchor"),
    ] {
        enclave.unpack(&file, arguments).expect_code(3).expect_error(&[code]);
        enclave.expect_untouched();
    }
    let wrong = side.key("wrong.pub", &Signer::p256());
    let arguments = ["--key", wrong.as_str(), "--accept-unbound-names", HOST];
    enclave.unpack(&file, &arguments).expect_code(3);
    enclave.expect_untouched();
    for arguments in [
        ["--key", key.as_str(), "--expect-bundle", &digest],
        ["--key", &key, "--accept-unbound-names", "registry.example/team/app"],
    ] {
        let enclave = Enclave::start();
        enclave.unpack(&file, &arguments).expect_code(0);
        enclave.expect_all_of(&side, "team/app", "team/app");
    }
}

#[test]
fn every_kind_of_key_verifies() {
    let side = Connected::start();
    for (kind, generate) in KINDS {
        let signer = generate();
        let name = format!("team/{kind}");
        side.signed(&name, &signer);
        let key = side.key("release.pub", &signer);
        side.pack(&[&format!("{name}:1")], &["--key", &key]).expect_code(0);
        Enclave::start().unpack(&side.file(), &["--key", &key]).expect_code(0);
        let other = side.key("other.pub", &generate());
        let enclave = Enclave::start();
        let ran = enclave.unpack(&side.file(), &["--key", &other]).expect_code(3);
        ran.expect_error(&["signature-wrong-key"]);
        enclave.expect_untouched();
        std::fs::remove_file(side.file()).expect("archive");
    }
}

#[test]
fn children_alone_may_be_signed_when_all_of_them_are() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.unsigned("team/app");
    let key = side.key("release.pub", &signer);
    side.sign("team/app", &image.children[0].digest(), &signer);
    side.pack(&["team/app:1"], &[]).expect_code(0);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3);
    ran.expect_error(&[&format!("{HOST}/team/app:1"), "child-unsigned"]);
    enclave.expect_untouched();

    side.sign("team/app", &image.children[1].digest(), &signer);
    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["team/app:1"], &[]).expect_code(0);
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
    assert!(ran.stdout.contains("manifests signed by release.pub"), "{ran}");
}
