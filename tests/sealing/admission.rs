//! What a seal admits, what it does not, and what becomes of one that is missing, foreign or broken.

use super::scene::{LONG_AGO, Operator, everything, recorded, warnings};
use super::{PASSWORD, entry};
use crate::harness::command::Program;
use crate::harness::scene::{Enclave, HOST};
use crate::harness::signatures::sign_bundle;
use bundle::archive::head;
use bundle::archive::sealing::{SealingError, seal};
use std::fs;
use std::path::Path;

/// Puts these bytes in the place of the seal.
fn plant(file: &Path, bytes: &[u8]) {
    let planted = seal::<SealingError>(&[file.to_owned()], |_| Ok(bytes.to_owned()));
    planted.expect("planted");
}

#[test]
fn a_seal_admits_what_was_verified_when_it_was_packed() {
    let operator = Operator::new();
    let file = operator.numbered_by("ours", 7, &["--expires", "30d"]);
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &file, &[]);
    assert_eq!(report["namesBound"], true);
    assert_eq!(report["images"][0]["verdict"]["admission"], "pack-verdict");
    assert_eq!(report["images"][0]["verdict"]["tagUnbound"], false);
    let seal = &report["seal"];
    for (field, expected) in [
        ("status", "verified"),
        ("key", &operator.fingerprint("ours")),
        ("name", "s"),
        ("standing", "unmentioned"),
        ("state", "first"),
    ] {
        assert_eq!(seal[field], expected, "{seal}");
    }
    assert_eq!((seal["sequence"].as_u64(), seal["recorded"].as_bool()), (Some(7), Some(true)));
    assert!(seal["expires"].is_string() && seal.get("rotation").is_none(), "{seal}");
    crate::schemas::assert_described("unpack-report.schema.json", &report);
    enclave.expect_all_of(&operator.side, "team/app", "team/app");
    // Said to people too.
    let ran = enclave.unpack(&file, &["--seal-pub", &operator.public("ours")]).expect_code(0);
    for words in [&operator.fingerprint("ours"), "series s: 7, used here before", "expires 20"] {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
}

#[test]
fn no_seal_another_ones_and_a_broken_one_are_refused() {
    let operator = Operator::new();
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let file = operator.numbered(7);
    let another = operator.numbered(8);
    let (program, stripped) = operator.packing("stripped", &["--name", "s", "--sequence", "9"]);
    program.run().expect_code(0);
    let enclave = Enclave::start();
    let refused = |key: &str, file: &Path, words: &[&str]| {
        operator.refused(&enclave, key, file, &[], words);
    };
    refused("ours", &stripped, &["the bundle has no seal", "hint: "]);
    refused("other", &file, &["the seal of the bundle does not count", "another key"]);
    let good = entry(&file, head::SEAL).expect("a seal");
    plant(&file, &entry(&another, head::SEAL).expect("a seal"));
    refused("ours", &file, &["of another bundle.json"]);
    let text = String::from_utf8(good.clone()).expect("JSON");
    for garbage in [&b""[..], b"garbage", &text.replacen("\"M", "\"N", 1).into_bytes()] {
        plant(&file, garbage);
        refused("ours", &file, &["the seal of the bundle does not count"]);
        // Nobody asked for it, so nobody looks at it.
        let key = ["--json", "--dry-run", "--key", operator.key.as_str()];
        let report = enclave.unpack(&file, &key).expect_code(0).json();
        assert_eq!(report["seal"]["status"], "unexamined");
    }
    plant(&file, &good);
    let both = ["--seal-pub", &operator.public("other")];
    operator.taken(&enclave, "ours", &file, &both);
}

#[test]
fn a_seal_that_nobody_asked_for_binds_nothing_and_is_told_of() {
    let operator = Operator::new();
    let file = operator.numbered(7);
    let enclave = Enclave::start();
    enclave.unpack(&file, &[]).expect_code(3).expect_error(&["no-anchor", "--seal-pub"]);
    let key = ["--json", "--key", operator.key.as_str()];
    let report = enclave.unpack(&file, &key).expect_code(0).json();
    assert_eq!(
        (&report["seal"]["status"], &report["namesBound"]),
        (&"unexamined".into(), &false.into())
    );
    for words in ["was not checked", "are not authenticated"] {
        assert!(warnings(&report).contains(words), "{report}");
    }
    assert_eq!(recorded(&enclave), [0; 0], "only a verified seal is remembered");
    let shown = enclave.unpack(&file, &["--key", &operator.key]).expect_code(0);
    assert!(shown.stdout.contains("seal: there, not verified"), "{shown}");
}

/// The seal covers the inventory, and the inventory everything else of the head by digest.
#[test]
fn changed_entry_of_the_head_is_refused_under_a_good_seal() {
    let operator = Operator::new();
    let file = operator.numbered(7);
    let sound = fs::read(&file).expect("archive");
    let archive = bundle::archive::Archive::open(&file).expect("archive");
    let read = head::read(archive.medium().expect("a file")).expect("head");
    let forged = operator.side.output("forged");
    let enclave = Enclave::start();
    for name in [head::INDEX, "keys/release.pub"] {
        let mut files = read.files.clone();
        let own = files.iter_mut().find(|one| one.name == name).expect(name);
        let at = own.bytes.len() / 2;
        own.bytes[at] ^= 1;
        let (bytes, _) = head::encode_within(&files, read.mtime, read.extent.end).expect("encoded");
        let mut changed = sound.clone();
        changed[..bytes.len()].copy_from_slice(&bytes);
        fs::write(&forged, changed).expect("archive");
        let before = everything(&enclave);
        operator.unpack(&enclave, "ours", &forged, &[]).expect_code(6).expect_error(&[name]);
        assert_eq!(everything(&enclave), before);
    }
    operator.taken(&enclave, "ours", &file, &[]);
}

#[test]
fn what_is_demanded_of_single_images_holds_beside_a_seal() {
    let operator = Operator::new();
    let file = operator.numbered(7);
    let policy = |default: &str| {
        let text = format!(r#"{{"default": [{{"type": "{default}"}}]}}"#);
        operator.side.text(&format!("{default}.json"), &text)
    };
    let (reject, accept) = (policy("reject"), policy("insecureAcceptAnything"));
    let rekor = operator.side.key("rekor.pub", &crate::harness::signer::Signer::p256());
    let predicate = "https://slsa.dev/provenance/v1";
    let enclave = Enclave::start();
    for (demand, code) in [
        (&["--threshold", "2"][..], "no-anchor"),
        (&["--threshold", "2", "--key", &operator.key], "threshold-not-met"),
        (&["--rekor-key", &rekor], "no-anchor"),
        (&["--rekor-key", &rekor, "--key", &operator.key], "no-trusted-signature"),
        (&["--require-attestation", predicate], "attestation-missing"),
        (&["--policy", &reject], "policy-rejects"),
    ] {
        operator.refused(&enclave, "ours", &file, demand, &[code]);
    }
    operator.taken(&enclave, "ours", &file, &["--policy", &accept]);
    operator.taken(&enclave, "ours", &file, &["--threshold", "1"]);
    let ones = ["--threshold", &format!("{HOST}/team=1"), "--threshold", "2"];
    operator.taken(&enclave, "ours", &file, &ones);
}

/// Who allows a rollback believes that a seal is looked at: without its key nothing tells a sequence.
#[test]
fn an_exception_for_a_sequence_needs_the_key_of_the_seal() {
    let operator = Operator::new();
    let file = operator.numbered(7);
    let enclave = Enclave::start();
    for exception in [&["--allow-rollback", "7"][..], &["--allow-sequence-jump"]] {
        let arguments = [&["--key", &operator.key], exception].concat();
        let ran = enclave.unpack(&file, &arguments).expect_code(2);
        ran.expect_error(&["the sequence of a seal is to be excepted", "--seal-pub FILE"]);
        enclave.expect_untouched();
    }
    operator.taken(&enclave, "ours", &file, &["--allow-rollback", "7", "--allow-sequence-jump"]);
}

#[test]
fn unsigned_images_need_a_permission_beside_the_seal() {
    let operator = Operator::new();
    operator.side.unsigned("team/plain");
    let plain = operator.side.source("team/plain:1");
    let scoped = format!("{HOST}/team/plain=if-present");
    let file = operator.sealed_by("ours", "two", &[&plain, "--signatures", &scoped]);
    let enclave = Enclave::start();
    operator.refused(&enclave, "ours", &file, &[], &["team/plain:1"]);
    let pattern = format!("{HOST}/team/plain");
    let report = operator.taken(&enclave, "ours", &file, &["--allow-unsigned", &pattern]);
    let admissions: Vec<_> = (0..2).map(|n| &report["images"][n]["verdict"]).collect();
    assert_eq!(admissions[0]["admission"], "pack-verdict");
    assert_eq!(
        (&admissions[1]["admission"], &admissions[1]["sealed"]),
        (&"unsigned-allowed".into(), &true.into())
    );
}

#[test]
fn a_signature_that_names_no_repository_counts_under_a_seal() {
    let operator = Operator::new();
    let image = operator.side.unsigned("team/bundled");
    for manifest in std::iter::once(&image).chain(&image.children) {
        sign_bundle(&operator.side.registry, "team/bundled", manifest, &operator.signer);
    }
    let source = operator.side.source("team/bundled:1");
    // Carried as it is, so that no verdict of pack admits it.
    let file = operator.side.output("bundled");
    let pack = crate::harness::command::Program::bundle().args(&["pack", "-q", "-o"]).arg(&file);
    let pack = pack.arg(&source).arg("--seal-key").arg(operator.keys.private("ours"));
    pack.env("COSIGN_PASSWORD", PASSWORD).run().expect_code(0);
    let enclave = Enclave::start();
    let key = ["--key", operator.key.as_str()];
    enclave.unpack(&file, &key).expect_code(3).expect_error(&["name-unbound"]);
    operator.refused(&enclave, "ours", &file, &[], &["no-anchor"]);
    let report = operator.taken(&enclave, "ours", &file, &key);
    assert_eq!(report["images"][0]["verdict"]["admission"], "signed");
}

#[test]
fn carried_keys_are_introduced_only_where_that_is_asked_for() {
    let operator = Operator::new();
    let scoped = format!("{HOST}/team={}", operator.key);
    let file = operator.side.output("introducing");
    let stranger = operator.side.key("stranger.pub", &crate::harness::signer::Signer::p256());
    let pack = crate::harness::command::Program::bundle().args(&["pack", "-q", "-o"]).arg(&file);
    let pack = pack.arg(operator.side.source("team/app:1")).args(&["--key", &scoped]);
    let pack = pack.args(&["--carry-key", &stranger]).arg("--seal-key");
    let pack = pack.arg(operator.keys.private("ours")).env("COSIGN_PASSWORD", PASSWORD);
    pack.run().expect_code(0);
    let install = "--install-keys";
    let enclave = Enclave::start();
    let report = operator.taken(&enclave, "ours", &file, &[install]);
    assert_eq!(report["keys"], serde_json::json!([]), "it was admitted by the verdict at pack");
    let without = ["--seal-introduces-keys", "--key", operator.key.as_str()];
    let ran = enclave.unpack(&file, &without).expect_code(2);
    ran.expect_error(&[
        "a seal is to introduce keys, and no key of it is given",
        "--seal-pub FILE",
    ]);
    let report = operator.taken(&enclave, "ours", &file, &[install, "--seal-introduces-keys"]);
    assert_eq!(report["images"][0]["verdict"]["admission"], "signed");
    let keys = report["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 1, "one without a scope is only carried: {keys:?}");
    assert_eq!(keys[0]["fingerprint"], operator.signer.fingerprint().to_string());
    assert_eq!(keys[0]["scopes"], serde_json::json!([format!("{HOST}/team/app")]));
}

#[test]
fn a_seal_is_verified_before_a_stream_brings_any_layer() {
    let operator = Operator::new();
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let file = operator.numbered(7);
    let enclave = Enclave::start();
    let unpack = |key: &str| {
        let public = operator.public(key);
        let program = enclave.unpack_pipe(enclave.address(), &["--json", "--seal-pub", &public]);
        program.stdin(fs::File::open(&file).expect("archive")).run()
    };
    unpack("other").expect_code(3).expect_error(&["does not count"]);
    enclave.expect_untouched();
    let report = unpack("ours").expect_code(0).json();
    assert_eq!(report["seal"]["recorded"], true);
    assert_eq!(recorded(&enclave), [7]);
}

#[test]
fn verify_reads_the_seal_and_remembers_nothing() {
    let operator = Operator::new();
    operator.keys.generate("other", PASSWORD).expect_code(0);
    let file = operator.numbered(7);
    let enclave = Enclave::start();
    let shown = file.display().to_string();
    let root = enclave.root().display().to_string();
    let verify = |key: &str, file: &str| {
        let public = operator.public(key);
        crate::harness::command::run(&[
            "verify",
            "-q",
            "--json",
            file,
            "--root",
            &root,
            "--seal-pub",
            &public,
        ])
    };
    let report = verify("ours", &shown).expect_code(0).json();
    crate::schemas::assert_described("verify-report.schema.json", &report);
    assert_eq!(report["verdicts"][0]["admission"], "pack-verdict");
    assert_eq!(
        (&report["seal"]["state"], &report["seal"]["recorded"]),
        (&"first".into(), &false.into())
    );
    assert!(warnings(&report).contains("would not have been noticed"), "{report}");
    enclave.expect_untouched();
    verify("other", &shown).expect_code(3).expect_error(&["does not count", "hint: "]);
    // What unpack has seen counts for verify.
    operator.taken(&enclave, "ours", &operator.numbered(8), &[]);
    verify("ours", &shown).expect_code(3).expect_error(&["has sequence 7, and 8"]);
}

#[test]
fn an_expired_bundle_is_refused_where_its_word_is_authentic() {
    let operator = Operator::new();
    let pack = |name: &str, expires: &str| {
        let (program, file) = operator.packing(name, &["--expires", expires]);
        let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
        program.env("SOURCE_DATE_EPOCH", LONG_AGO).run().expect_code(0);
        file
    };
    let (expired, good) = (pack("expired", "30d"), pack("good", "9000w"));
    let enclave = Enclave::start();
    let words = ["the bundle expired at 2023-12-14T22:13:20Z; it is "];
    operator.refused(&enclave, "ours", &expired, &[], &words);
    let digest = |file: &Path| {
        let report = crate::harness::scene::inspect(file);
        report["bundleDigest"].as_str().expect("digest").to_owned()
    };
    // The bundle digest makes it authentic too.
    let expecting = digest(&expired);
    let ran = enclave.unpack(&expired, &["--expect-bundle", &expecting]).expect_code(3);
    ran.expect_error(&words);
    enclave.expect_untouched();
    let expecting = digest(&good);
    enclave.unpack(&good, &["--expect-bundle", &expecting]).expect_code(0);
    operator.taken(&enclave, "ours", &good, &[]);
    // Otherwise anybody could have written it, and it is told.
    let ran = enclave.unpack(&expired, &["--json", "--key", &operator.key]).expect_code(0);
    assert!(warnings(&ran.json()).contains("expired at"), "{ran}");
}

#[test]
fn a_clock_that_runs_before_the_bundle_was_made_is_not_believed() {
    let operator = Operator::new();
    // 2100.
    let (program, file) = operator.packing("future", &["--expires", "1d"]);
    let program = program.arg("--seal-key").arg(operator.keys.private("ours"));
    program.env("SOURCE_DATE_EPOCH", "4102444800").run().expect_code(0);
    let enclave = Enclave::start();
    let words = ["the clock of this machine says", "before the bundle was made"];
    operator.refused(&enclave, "ours", &file, &[], &words);
}

#[test]
fn the_halves_that_need_root_tell_of_the_seal_too() {
    let operator = Operator::new();
    let (seven, public) = (operator.numbered(7), operator.public("ours"));
    let enclave = Enclave::start();
    let halves = [&["keys", "install"][..], &["config", "install", "--to", "127.0.0.1:1"]];
    let run = |half: &[&str], file: &Path, more: &[&str]| {
        let half = Program::bundle().args(half).arg(file).args(&["--seal-pub", &public, "--root"]);
        half.arg(enclave.root()).args(&["--key", &operator.key]).args(more).run()
    };
    for half in halves {
        let report = run(half, &seven, &["--json", "--dry-run"]).expect_code(0).json();
        assert_eq!(report["seal"]["status"], "verified", "{half:?}");
        assert_eq!(report["seal"]["recorded"], false, "nothing was pushed, so nothing is old");
        assert!(warnings(&report).contains("a replay of an older bundle"), "{report}");
        let ran = run(half, &seven, &[]).expect_code(0);
        assert!(ran.stdout.contains("series s: 7") && ran.stdout.contains("warning: "), "{ran}");
    }
    operator.taken(&enclave, "ours", &operator.numbered(8), &[]);
    for half in halves {
        run(half, &seven, &[]).expect_code(3).expect_error(&["it is older"]);
        run(half, &operator.side.output("ours-8"), &[]).expect_code(0);
    }
}
