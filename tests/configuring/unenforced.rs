//! What was verified and cannot be demanded gets no mirror, and is named with the way to a rule.

use super::merging::{APP, one};
use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, REJECT, Scene, file, left};
use crate::harness::scene::HOST;
use serde_json::{Value, json};

/// A scene whose image has a signature on the index alone.
fn half_signed() -> Scene {
    let scene = Scene::new();
    let (side, signer) = (&scene.carried.side, &scene.carried.signer);
    let image = side.unsigned("team/half");
    side.sign("team/half", &image.digest(), signer);
    scene.pack(&["team/half:1"]);
    scene
}

fn half() -> String {
    format!("{HOST}/team/half")
}

/// Repository, code and mirror of what stays unenforced.
fn unenforced(report: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = report["unenforced"].as_array().expect("a list").iter();
    all.map(|one| ["repository", "code", "mirror"].map(|key| text(&one[key]))).collect()
}

fn expected(code: &str, mirror: &str) -> Vec<[String; 3]> {
    vec![[half(), code.to_owned(), mirror.to_owned()]]
}

#[test]
fn a_verified_repository_without_a_rule_gets_no_mirror() {
    let scene = half_signed();
    for arguments in [&[][..], &["--dry-run"], &["--block-upstream"]] {
        let report = scene.configured_partly(arguments);
        assert_eq!(unenforced(&report), expected("uncovered", "withheld"), "{arguments:?}");
        assert_eq!(left(&report, MIRRORS), one(&half(), "unenforced"));
        assert!(!scene.place(MIRRORS).exists() && !scene.place(LOOKUPS).exists());
        assert_eq!(scene.read(POLICY), ACCEPT);
    }
    let review = tempfile::tempdir().expect("directory");
    let path = review.path().to_str().expect("a path");
    scene.configured_partly(&["--config-dir", path]);
    assert!(!review.path().join(MIRRORS).exists());
    scene.config_install(&[]).expect_code(4);
    assert!(!scene.place(MIRRORS).exists());
    // The twin: all signed.
    scene.pack(&["team/app:1"]);
    let report = scene.configured(&["--require-enforcement"]);
    assert_eq!(report["unenforced"], json!([]));
    assert!(scene.read(MIRRORS).contains(APP));
}

#[test]
fn what_stays_unenforced_is_a_warning_with_the_command() {
    let scene = half_signed();
    let ran = scene.unpack(&["--install-config"]).expect_code(4);
    let line = format!("warning: {} stays unenforced (uncovered): ", half());
    for part in [&line, "to enforce it: cosign sign --recursive", "--allow-unenforced"] {
        assert!(ran.stdout.contains(part), "{part}: {ran}");
    }
    let ran = scene.config_install(&[]).expect_code(4);
    assert!(ran.stdout.contains(&line), "{ran}");
}

#[test]
fn a_mirror_without_a_rule_needs_a_permission_that_covers_it() {
    let scene = half_signed();
    for scope in [half().as_str(), "registry.example", "registry.example/team", "*"] {
        let _ = std::fs::remove_file(scene.place(MIRRORS));
        let report = scene.configured(&["--allow-unenforced", scope]);
        assert_eq!(unenforced(&report), expected("uncovered", "allowed"), "{scope}");
        assert!(scene.read(MIRRORS).contains(&half()), "{scope}");
        let arguments = ["--allow-unenforced", scope, "--require-enforcement"];
        scene.configured_partly(&arguments);
    }
    // What is there stays there, and is told of.
    let report = scene.configured_partly(&[]);
    assert_eq!(unenforced(&report), expected("uncovered", "already"));
    assert!(scene.read(MIRRORS).contains(&half()));
    // One tag is not the repository, and a scope of nothing is a mistake.
    std::fs::remove_file(scene.place(MIRRORS)).expect("removed");
    let other = "registry.example/other";
    let ran = scene.unpack(&["--install-config", "--allow-unenforced", other]).expect_code(2);
    ran.expect_error(&[other, "covers no carried repository"]);
    scene.unpack(&["--require-enforcement"]).expect_code(2).expect_error(&["--install-config"]);
    scene.unpack(&["--allow-unenforced", "*"]).expect_code(2);
}

#[test]
fn repository_of_two_images_is_enforced_for_both_or_none() {
    let scene = Scene::new();
    let side = &scene.carried.side;
    let second = crate::harness::images::image("second", "linux/amd64", &[100]);
    second.push(&side.registry, "team/app", Some("2"));
    scene.pack(&["team/app:1", "team/app:2"]);
    let allowed = ["--allow-unsigned", APP];
    let report = scene.configured_partly(&allowed);
    assert_eq!(left(&report, POLICY), one(APP, "uncovered"));
    assert!(!scene.place(MIRRORS).exists());
    side.sign("team/app", &second.digest(), &scene.carried.signer);
    scene.pack(&["team/app:1", "team/app:2"]);
    assert_eq!(scene.configured(&allowed)["unenforced"], json!([]));
    assert!(scene.read(MIRRORS).contains(APP));
}

#[test]
fn what_nobody_signed_is_not_called_unenforced() {
    let scene = Scene::new();
    scene.carried.side.unsigned("team/plain");
    scene.pack(&["team/plain:1"]);
    let allow = ["--allow-unsigned", "registry.example/team/plain"];
    let report = scene.configured(&[&allow[..], &["--require-enforcement"]].concat());
    assert_eq!(report["unenforced"], json!([]));
    assert!(scene.read(MIRRORS).contains("team/plain"));
}

#[test]
fn a_host_that_rejects_takes_nothing_unsigned() {
    let scene = half_signed();
    scene.write(POLICY, REJECT);
    let report = scene.configured(&["--require-enforcement"]);
    assert_eq!(report["unenforced"], json!([]));
    // Without a file nobody knows what the host will be given.
    std::fs::remove_file(scene.place(POLICY)).expect("removed");
    std::fs::remove_file(scene.place(MIRRORS)).expect("removed");
    let report = scene.configured_partly(&[]);
    assert_eq!(unenforced(&report), expected("uncovered", "withheld"));
    assert_eq!(file(&report, POLICY)["outcome"], "absent");
    let text = scene.unpack(&["--install-config"]).expect_code(4).stdout;
    assert!(!text.contains("policy.json: not needed"), "{text}");
    assert!(text.contains("policy.json: not there, and nothing is written"), "{text}");
}

#[test]
fn a_policy_that_decided_here_is_no_rule_on_the_host() {
    let scene = Scene::new();
    let key = scene.carried.signer.public_pem();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
    let rule = format!(
        "{{\"default\": [{{\"type\": \"sigstoreSigned\", \"keyData\": \"{data}\", \"signedIdentity\": {{\"type\": \"matchRepository\"}}}}]}}"
    );
    let policy = scene.carried.side.text("policy.json", &rule);
    let bundle = scene.carried.side.file();
    let arguments = ["--install-config", "--json", "--policy", &policy];
    let run = |arguments: &[&str]| scene.run("unpack", &bundle, arguments);
    let report = run(&arguments).expect_code(4).json()["configuration"].clone();
    assert_eq!(report["unenforced"][0]["code"], "by-policy");
    assert!(!scene.place(MIRRORS).exists());
    // Where the host has that very policy, it demands the signatures.
    scene.write(POLICY, &rule);
    let report = run(&["--install-config", "--json", "--host-policy"]).expect_code(0).json();
    assert_eq!(report["configuration"]["unenforced"], json!([]));
    assert!(scene.read(MIRRORS).contains(APP));
}
