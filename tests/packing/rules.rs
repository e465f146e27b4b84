//! Which signatures are demanded, and what a key at pack does.

use crate::harness::command::run;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signatures::{sign_bundle, sign_simple_as};
use crate::harness::signer::Signer;
use reqwest::Method;

#[test]
fn the_rule_for_signatures_decides_about_images_without_one() {
    let side = Connected::start();
    let signer = Signer::p256();
    side.signed("team/signed", &signer);
    side.unsigned("team/plain");
    let scoped = |rule: &str| format!("{HOST}/team/plain={rule}");
    for (images, rules, expected) in [
        (&["team/plain:1"][..], &["if-present"][..], 0),
        (&["team/plain:1"], &["none"], 0),
        (&["team/plain:1"], &["required"], 3),
        (&["team/signed:1"], &["required"], 0),
        (&["team/signed:1", "team/plain:1"], &["required"], 3),
        (&["team/signed:1", "team/plain:1"], &["required", &scoped("if-present")], 0),
        (&["team/signed:1", "team/plain:1"], &["if-present", &scoped("required")], 3),
        (&["team/plain:1"], &["sometimes"], 2),
    ] {
        let arguments: Vec<_> = rules.iter().flat_map(|rule| ["--signatures", *rule]).collect();
        let ran = side.pack(images, &arguments).expect_code(expected);
        match expected {
            0 => std::fs::remove_file(side.file()).expect("archive"),
            3 => drop(ran.expect_error(&[&format!("{HOST}/team/plain:1"), "no signature"])),
            _ => drop(ran.expect_error(&["sometimes", "required, if-present, none"])),
        }
        assert_eq!(side.left(), [""; 0], "{images:?} {rules:?}");
    }
}

#[test]
fn a_signature_for_another_name_names_it_and_the_way() {
    let side = Connected::start();
    let signer = Signer::p256();
    let key = side.key("vendor.pub", &signer);
    let image = side.unsigned("mirror/app");
    let named = "quay.example/vendor/app";
    sign_simple_as(&side.registry, "mirror/app", &image.digest(), &signer, named);
    let way = format!("SOURCE={named}:1");
    let words = [&format!("a trusted signature is for {named}"), &way[..]];

    let ran = side.pack(&["mirror/app:1"], &["--key", &key]).expect_code(3).expect_error(&words);
    assert!(!ran.stderr.contains("give the key"), "{ran}");
    side.pack(&["mirror/app:1"], &["--signatures", "if-present"]).expect_code(0);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3).expect_error(&words);
    assert!(!ran.stderr.contains("--allow-unsigned"), "{ran}");
    let file = side.file();
    let verify = ["verify", "--key", &key, file.to_str().expect("path")];
    let ran = run(&verify).expect_code(3).expect_error(&[&way]);
    assert!(ran.stdout.contains(words[0]), "{ran}");

    // Who made it is not known under another key, and what it says neither.
    let other = side.key("other.pub", &Signer::p256());
    let ran = enclave.unpack(&side.file(), &["--key", &other]).expect_code(3);
    assert!(!ran.stderr.contains(named), "{ran}");

    std::fs::remove_file(side.file()).expect("archive");
    let source = format!("{}/mirror/app:1={named}:1", side.address());
    let pack = ["pack", "-q", "--key", &key, &source, "-o", file.to_str().expect("path")];
    run(&pack).expect_code(0);
}

#[test]
fn without_signatures_wanted_nothing_is_looked_up() {
    let mut side = Connected::start();
    side.signed("app", &Signer::p256());
    let proxy = FaultProxy::start(side.address());
    side.through(proxy.address());
    let lookups = || {
        proxy.count(&Method::GET, |path| path.contains("/referrers/") || path.contains("sha256-"))
    };
    side.pack(&["app:1"], &["--signatures", "none"]).expect_code(0);
    assert_eq!(lookups(), 0, "{:?}", proxy.seen());
    let image = &side.inspect()["images"][0];
    assert_eq!(image["attachmentLookup"], "skipped");
    assert_eq!(image["attachments"], serde_json::json!([]));

    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["app:1"], &[]).expect_code(0);
    assert!(lookups() > 0);
    assert_eq!(side.inspect()["images"][0]["attachments"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_key_verifies_what_it_covers_and_travels_along() {
    let side = Connected::start();
    let (signer, stranger) = (Signer::p256(), Signer::Rsa);
    side.signed("team/app", &signer);
    side.unsigned("other/app");
    let good = side.key("release.pub", &signer);
    let wrong = side.key("wrong.pub", &stranger);
    let app = format!("{HOST}/team/app:1");
    let scoped = |scope: &str, file: &str| format!("{HOST}/{scope}={file}");

    let ran = side.pack(&["team/app:1"], &["--key", &wrong]).expect_code(3);
    ran.expect_error(&[&app, "no-trusted-signature", "signature-wrong-key"]);
    assert_eq!(side.left(), [""; 0]);
    let both = ["team/app:1", "other/app:1"];
    let ran = side.pack(&both, &["--key", &good]).expect_code(3);
    let ran = ran.expect_error(&[&format!("{HOST}/other/app:1")]);
    assert!(!ran.stderr.contains(&app), "only what is refused is named: {ran}");
    assert_eq!(side.left(), [""; 0]);

    // A scope keeps a key from what is not its own.
    let ran = side.pack(&both, &["--key", &scoped("team", &good)]).expect_code(0);
    let fingerprint = signer.fingerprint().to_string();
    assert!(ran.stdout.contains(&fingerprint), "{ran}");
    let report = side.inspect();
    assert_eq!(report["images"][0]["verdict"]["code"], "signed");
    assert_eq!(report["images"][0]["verdict"]["keys"], serde_json::json!([fingerprint]));
    assert_eq!(report["images"][1]["verdict"]["code"], "unverified");
    let key = &report["keys"][0];
    assert_eq!(key["file"], "keys/release.pub");
    assert_eq!(key["fingerprint"], fingerprint);
    assert_eq!(key["scopes"], serde_json::json!([format!("{HOST}/team")]));
}

#[test]
fn a_carried_key_travels_and_verifies_nothing() {
    let side = Connected::start();
    side.signed("app", &Signer::p256());
    let stranger = Signer::p256();
    let key = side.key("stranger.pub", &stranger);
    side.pack(&["app:1"], &["--carry-key", &key]).expect_code(0);
    let report = side.inspect();
    assert_eq!(report["images"][0]["verdict"]["code"], "unverified");
    assert_eq!(report["keys"][0]["fingerprint"], stranger.fingerprint().to_string());
    assert!(report["keys"][0].get("scopes").is_none(), "{report}");
}

#[test]
fn a_signature_for_another_repository_is_none_for_this_one() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.unsigned("team/app");
    let key = side.key("release.pub", &signer);
    for (identity, expected) in [("team/app-evil", 3), ("team", 3), ("team/app", 0)] {
        let identity = format!("{HOST}/{identity}");
        let digest = image.digest();
        crate::harness::signatures::sign_simple_as(
            &side.registry,
            "team/app",
            &digest,
            &signer,
            &identity,
        );
        let ran = side.pack(&["team/app:1"], &["--key", &key]).expect_code(expected);
        if expected == 3 {
            ran.expect_error(&[&format!("{HOST}/team/app:1"), "identity-mismatch"]);
            assert_eq!(side.left(), [""; 0]);
        }
    }
}

#[test]
fn a_signature_that_names_no_repository_is_pointed_out() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.unsigned("app");
    sign_bundle(&side.registry, "app", &image, &signer);
    let key = side.key("release.pub", &signer);
    let ran = side.pack(&["app:1"], &["--key", &key]).expect_code(0);
    assert!(ran.stdout.contains("--expect-bundle"), "{ran}");
    std::fs::remove_file(side.file()).expect("archive");

    side.sign("app", &image.digest(), &signer);
    let ran = side.pack(&["app:1"], &["--key", &key]).expect_code(0);
    assert!(!ran.stdout.contains("--expect-bundle"), "{ran}");
}

#[test]
fn what_is_no_public_key_is_refused_before_anything_is_asked() {
    let side = Connected::start();
    side.signed("app", &Signer::p256());
    let pem = |label: &str, body: &str| {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let good = Signer::p256().public_pem();
    for (name, content) in [
        (
            "private.key",
            pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ),
        ("encrypted.key", pem("ENCRYPTED SIGSTORE PRIVATE KEY", "e30=")),
        ("cert.pem", pem("CERTIFICATE", "MAA=")),
        ("two.pub", format!("{good}{}", Signer::p256().public_pem())),
        ("empty.pub", String::new()),
        ("garbage.pub", pem("PUBLIC KEY", "AAAA")),
    ] {
        let file = side.text(name, &content);
        for option in ["--key", "--carry-key"] {
            side.pack(&["app:1"], &[option, &file]).expect_code(2).expect_error(&[name]);
        }
    }
    let missing = side.output("missing.pub");
    let missing = missing.to_str().expect("path");
    side.pack(&["app:1"], &["--key", missing]).expect_code(2).expect_error(&["missing.pub"]);
    assert_eq!(side.left(), [""; 0]);
}

#[test]
fn signatures_that_runtimes_cannot_check_are_pointed_out() {
    let side = Connected::start();
    let signer = Signer::p256();
    let warned = |reference: &str| {
        side.pack(&[reference], &[]).expect_code(0).stdout.contains("bundle form only")
    };
    let image = side.unsigned("bundles");
    sign_bundle(&side.registry, "bundles", &image, &signer);
    assert!(warned("bundles:1"));
    side.sign("bundles", &image.digest(), &signer);
    assert!(!warned("bundles:1"), "a .sig beside it can be checked");
    side.unsigned("plain");
    assert!(!warned("plain:1"));
}
