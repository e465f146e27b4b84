//! Errors name the thing and the way out.

use crate::harness::command::{Program, run};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signatures::sign_bundle;
use crate::harness::signer::Signer;
use reqwest::Method;

#[test]
fn what_is_wrong_with_a_source_is_said() {
    let long = "a".repeat(128);
    for (source, expected) in [
        ("quay.io/a/b@sha256:12", "64 lower-case hex digits"),
        (&format!("quay.io/a/b@sha512:{long}"), "\"sha512\" is not supported"),
        ("https://quay.io/a/b:1", "without https://"),
        ("quay.io/a/b", "neither a tag nor a digest"),
    ] {
        run(&["pack", "-o", "x", source]).expect_code(2).expect_error(&[source, expected]);
    }
}

#[test]
fn a_key_file_of_another_kind_names_its_option() {
    let side = Connected::start();
    side.unsigned("app");
    let source = side.source("app:1");
    let file = side.file();
    let armored =
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let public = Signer::p256().public_pem();
    let private = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    for (option, content, expected) in [
        ("--key", armored, Some("--gpg-key [SCOPE=]FILE")),
        ("--key", certificate, Some("--ca [SCOPE=]FILE")),
        ("--key", "{}", Some("--trusted-root [SCOPE=]FILE")),
        ("--key", private, None),
        ("--key", "no key", None),
        ("--gpg-key", &public, Some("--key [SCOPE=]FILE")),
    ] {
        let path = side.text("key", content);
        let ran = run(&["pack", &source, "-o", file.to_str().expect("path"), option, &path]);
        let ran = ran.expect_code(2);
        let hint = ran.stderr.lines().find(|line| line.starts_with("hint: "));
        assert_eq!(hint.is_some(), expected.is_some(), "{option}: {ran}");
        assert!(hint.unwrap_or_default().contains(expected.unwrap_or_default()), "{ran}");
    }
}

#[test]
fn a_name_cannot_state_another_digest_than_the_image_has() {
    let side = Connected::start();
    let image = side.unsigned("app");
    let pack = |digest: &str| {
        let source = format!("{}/app:1={HOST}/app@{digest}", side.address());
        Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(side.file()).run()
    };
    let other = image.children[0].digest().to_string();
    let own = image.digest().to_string();
    pack(&other).expect_code(2).expect_error(&[&other, &own]);
    assert_eq!(side.left(), [""; 0]);
    pack(&own).expect_code(0);
}

#[test]
fn a_platform_that_is_not_there_is_answered_with_those_that_are() {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &["--platform", "linux/s390x"])
        .expect_code(2)
        .expect_error(&["linux/s390x", "only linux/amd64, linux/arm64"]);
    side.pack(&["app:1"], &["--platform", "linux/amd64"]).expect_code(0);
}

#[test]
fn under_sudo_the_credentials_of_the_caller_are_pointed_at() {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    for method in [Method::GET, Method::HEAD] {
        proxy.add(Rule::new(method, |_| true, Fault::status(401)));
    }
    let unpack = || {
        Program::bundle()
            .args(&["unpack", "-q", "--to", proxy.address(), "--allow-unsigned", HOST, "--root"])
            .arg(enclave.root())
            .arg(side.file())
    };
    let ran = unpack().env("SUDO_USER", "ann").run().expect_code(5);
    ran.expect_error(&[proxy.address(), "hint: under sudo", "~ann/"]);
    let ran = unpack().run().expect_code(5).expect_error(&["--authfile"]);
    assert!(!ran.stderr.contains("sudo"), "{ran}");
}

#[test]
fn a_file_of_the_caller_that_cannot_be_used_is_a_wrong_call() {
    let mut side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    for method in [Method::GET, Method::HEAD] {
        let headers = vec![("www-authenticate", "Basic realm=\"test\"".to_owned())];
        let fault = Fault::Answer { status: 401, headers, body: String::new() };
        proxy.add(Rule::new(method, |_| true, fault));
    }
    side.through(proxy.address());
    for (content, code) in [("nonsense", 2), ("{}", 5)] {
        let file = side.text("auth.json", content);
        let said: &[&str] = if code == 2 { &[&file] } else { &["--authfile"] };
        let pack = ["--authfile", &file, "--dry-run"];
        side.pack(&["app:1"], &pack).expect_code(code).expect_error(said);
        let unpack = ["--authfile", &file, "--allow-unsigned", HOST];
        let ran = enclave.unpack_to(&side.file(), proxy.address(), &unpack);
        ran.expect_code(code).expect_error(said);
    }
    enclave.expect_untouched();
}

#[test]
fn unbound_name_is_refused_with_a_hint_that_binds_it() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.unsigned("app");
    sign_bundle(&side.registry, "app", &image, &signer);
    let key = side.key("release.pub", &signer);
    side.pack(&["app:1"], &["--key", &key]).expect_code(0);
    let enclave = Enclave::start();
    let accept = format!("--accept-unbound-names {HOST}/app");
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3);
    let ran = ran.expect_error(&["name-unbound", "--expect-bundle", &accept]);
    assert!(!ran.stderr.contains("--trust-fingerprint"), "the key is not what is missing: {ran}");
    enclave.expect_untouched();
    let (option, scope) = accept.split_once(' ').expect("two words");
    enclave.unpack(&side.file(), &["--key", &key, option, scope]).expect_code(0);
}

#[test]
fn unreadable_archive_is_named_with_its_likely_cause() {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    let bytes = std::fs::read(side.file()).expect("archive");
    let plain = zstd::decode_all(&bytes[..]).expect("zstd");
    let anew = zstd::encode_all(&plain[..], 1).expect("zstd");
    let (first, second) = plain.split_at(plain.len() / 2);
    let frames = [first, second].map(|part| zstd::encode_all(part, 1).expect("zstd")).concat();
    let enclave = Enclave::start();
    for (name, content, expected) in [
        ("cut", &bytes[..bytes.len() / 2], "whole?"),
        ("anew", &anew[..anew.len() - 1], "if it was compressed again"),
        ("plain", &plain[..plain.len() / 2], "whole?"),
        ("frames", &frames[..], "bundle unpack - < "),
        ("empty", &[][..], "compare its size"),
        ("other", b"{}", "the whole file that bundle pack wrote"),
    ] {
        let file = side.output(name);
        std::fs::write(&file, content).expect("file");
        let file = file.to_str().expect("path");
        for ran in
            [run(&["inspect", file]), enclave.unpack(file.as_ref(), &["--allow-unsigned", HOST])]
        {
            ran.expect_code(6).expect_error(&["hint: ", file, expected]);
        }
    }
    enclave.expect_untouched();
    enclave.unpack(&side.file(), &["--allow-unsigned", HOST]).expect_code(0);
    let file = std::fs::File::open(side.output("frames")).expect("file");
    let pipe = enclave.unpack_pipe(enclave.address(), &["--allow-unsigned", HOST]).stdin(file);
    pipe.run().expect_code(0);
}
