//! Slips of the pen that used to pass without a word: a scope that covers nothing, a file that is written over, missing
//! images of which only one was named, hints that name another command.

use crate::harness::command::Program;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signer::Signer;
use std::fs;

/// A bundle of one signed image, and its key.
struct Signed {
    side: Connected,
    key: String,
}

impl Signed {
    fn new() -> Self {
        let (side, signer) = (Connected::start(), Signer::p256());
        side.signed("team/app", &signer);
        let key = side.key("release.pub", &signer);
        Self { side, key }
    }

    fn packed(self) -> Self {
        self.side.pack(&["team/app:1"], &["--key", &self.key]).expect_code(0);
        self
    }
}

#[test]
fn scope_that_covers_nothing_is_an_error_of_pack() {
    let Signed { side, key } = Signed::new();
    for (option, value) in [
        ("--key", format!("{HOST}/tem={key}")),
        ("--signatures", format!("{HOST}/tem=required")),
        ("--threshold", format!("{HOST}/tem=2")),
        ("--require-attestation", format!("{HOST}/tem=vuln")),
    ] {
        let ran = side.pack(&["team/app:1"], &[option, &value]).expect_code(2);
        let expected = [option, "covers no image", "registry.example/team/app"];
        ran.expect_error(&expected);
        assert!(side.left().is_empty(), "nothing is written");
    }
    side.pack(&["team/app:1"], &["--key", &format!("{HOST}/team={key}")]).expect_code(0);
}

#[test]
fn scope_that_covers_nothing_is_an_error_of_unpack() {
    let Signed { side, key } = Signed::new().packed();
    let good = ["--key", key.as_str()];
    let digest = side.inspect()["images"][0]["digest"].as_str().expect("digest").to_owned();
    for (option, value) in [
        ("--key", format!("{HOST}/tem={key}")),
        ("--allow-unsigned", format!("{HOST}/tem")),
        ("--allow-unsigned", format!("{HOST}/team/app/*")),
        ("--accept-unbound-names", "registry.exampel".to_owned()),
        ("--threshold", format!("{HOST}/team/app:2=1")),
        ("--map", format!("{HOST}/tem=elsewhere")),
        ("--allow-tag-rollback", format!("{HOST}/team/app:2")),
        ("--trust-fingerprint", format!("{HOST}/tem={}", side_fingerprint(&side))),
        ("--key", format!("{HOST}/team/app@sha256:{}={key}", "0".repeat(64))),
    ] {
        let enclave = Enclave::start();
        let arguments = [&good[..], &[option, &value]].concat();
        let ran = enclave.unpack(&side.file(), &arguments).expect_code(2);
        ran.expect_error(&[option, "covers no image", "nearest"]);
        enclave.expect_untouched();
    }
    let enclave = Enclave::start();
    let pinned = format!("{HOST}/team/app@{digest}={key}");
    let mapped = format!("{HOST}/team=elsewhere");
    enclave.unpack(&side.file(), &["--key", &pinned, "--map", &mapped]).expect_code(0);
}

/// The fingerprint of the one key that is carried.
fn side_fingerprint(side: &Connected) -> String {
    side.inspect()["keys"][0]["fingerprint"].as_str().expect("fingerprint").to_owned()
}

#[test]
fn refusal_outweighs_an_idle_scope_and_names_it() {
    let Signed { side, key } = Signed::new().packed();
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", &format!("{HOST}/tem={key}")]);
    ran.expect_code(3).expect_error(&["no-anchor", "--key", "covers no image"]);
    enclave.expect_untouched();
}

#[test]
fn scope_that_covers_nothing_is_an_error_of_verify() {
    let Signed { side, key } = Signed::new().packed();
    let verify = |scope: &str| {
        let key_option = format!("{scope}={key}");
        let program = Program::bundle().args(&["verify", "-q"]).arg(side.file());
        program.args(&["--key", &key, "--key", &key_option]).run()
    };
    verify("registry.exampel").expect_code(2).expect_error(&["nearest name is registry.example"]);
    verify(HOST).expect_code(0);
}

#[test]
fn output_replaces_an_earlier_bundle_and_nothing_else() {
    let Signed { side, key } = Signed::new().packed();
    let pack = |arguments: &[&str]| {
        side.pack(&["team/app:1"], &[&["--key", key.as_str()], arguments].concat())
    };
    pack(&[]).expect_code(0);
    for other in ["my thesis", "\x28\u{b5}/\u{fd} nearly zstd"] {
        fs::write(side.file(), other).expect("file");
        pack(&[]).expect_code(2).expect_error(&["it is not an earlier bundle", "--force"]);
        assert_eq!(fs::read_to_string(side.file()).expect("file"), other);
    }
    pack(&["--force"]).expect_code(0);
    // A file that mktemp made holds nothing.
    fs::write(side.file(), "").expect("file");
    pack(&[]).expect_code(0);
}

#[test]
fn list_of_checksums_replaces_a_list_and_nothing_else() {
    let Signed { side, key } = Signed::new().packed();
    let list = side.output("out.tar.zst.sha256");
    let pack = |arguments: &[&str]| {
        side.pack(&["team/app:1"], &[&["--key", key.as_str(), "--sha256"], arguments].concat())
    };
    pack(&[]).expect_code(0);
    pack(&[]).expect_code(0);
    fs::write(&list, "notes of somebody").expect("file");
    pack(&[]).expect_code(2).expect_error(&["it is not a list of checksums", "--force"]);
    assert_eq!(fs::read_to_string(&list).expect("file"), "notes of somebody");
    pack(&["--force"]).expect_code(0);
}

#[test]
fn all_missing_images_are_named_at_once() {
    let Signed { side, .. } = Signed::new();
    let missing = ["team/app:9", "team/none:1", "other/none:2"];
    let all = [&missing[..], &["team/app:1"]].concat();
    let ran = side.pack(&all, &[]).expect_code(5);
    let named: Vec<String> = missing.iter().map(|name| format!("{HOST}/{name}")).collect();
    let expected: Vec<&str> = named.iter().map(String::as_str).collect();
    ran.expect_error(&expected).expect_error(&["3 of the images are not there", "--keep-going"]);
    side.pack(&["team/app:9"], &[]).expect_code(5).expect_error(&["does not exist"]);
}

#[test]
fn hints_name_the_command_that_prints_them() {
    let Signed { side, .. } = Signed::new().packed();
    let file = side.file();
    let other = side.key("other.pub", &Signer::p256());
    let run = |command: &[&str], more: &[&str]| {
        Program::bundle().args(command).arg(&file).args(&["--key", &other]).args(more).run()
    };
    let root = Enclave::start();
    let root = ["--root", root.root().to_str().expect("path")];
    for (command, more) in [
        (&["verify"][..], &[][..]),
        (&["config", "install"], &["--to", "registry.invalid", root[0], root[1]]),
        (&["keys", "install"], &root),
        (&["unpack"], &["--to", "127.0.0.1:1", root[0], root[1]]),
    ] {
        let ran = run(command, more).expect_code(3);
        let typed = format!("bundle {} {}", command.join(" "), file.display());
        let ran = ran.expect_error(&[&typed]);
        let others = ["unpack", "verify", "config install", "keys install"];
        for other in others.iter().filter(|other| **other != command.join(" ")) {
            assert!(!ran.stderr.contains(&format!("bundle {other} ")), "{ran}");
        }
    }
}

#[test]
fn hints_do_not_suggest_what_was_given() {
    let (side, signer) = (Connected::start(), Signer::p256());
    side.unsigned("team/app");
    side.pack(&["team/app:1"], &[]).expect_code(0);
    let digest = side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let key = side.key("release.pub", &signer);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3);
    let ran = ran.expect_error(&["--expect-bundle"]);
    assert!(ran.stderr.contains("--allow-unsigned"), "{ran}");
    let given = ["--key", key.as_str(), "--expect-bundle", &digest];
    let ran = enclave.unpack(&side.file(), &given).expect_code(3);
    assert!(!ran.stderr.contains("--expect-bundle"), "{ran}");
}
