//! Files for review, dry runs, and the part that needs root alone.

use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, Scene, file};
use crate::harness::nobody::Nobody;
use serde_json::Value;
use std::fs;
use std::path::Path;

#[test]
fn review_files_are_merged_and_the_host_stays_as_it_is() {
    let scene = Scene::new();
    let own = "{\"default\": [{\"type\": \"insecureAcceptAnything\"}], \"transports\": {\"docker\": {\"quay.io\": [{\"type\": \"reject\"}]}}}";
    scene.write(POLICY, own);
    let before = scene.files();
    let review = tempfile::tempdir().expect("directory");
    let directory = review.path().join("made/here");
    let path = directory.to_str().expect("path");
    // A dry run pushes nothing, and writes what is there to be looked at.
    for dry_run in [&["--dry-run"][..], &[]] {
        let _ = fs::remove_dir_all(&directory);
        let ran = scene.unpack(&[&["--json", "--config-dir", path], dry_run].concat());
        let report = ran.expect_code(0).json()["configuration"].clone();
        assert_eq!(report["root"], path);
        assert_eq!(report["dryRun"], false);
        assert!(file(&report, POLICY).get("backup").is_none(), "none is made");
        assert_eq!(scene.files(), before);
        assert_eq!(scene.enclave.tags().is_empty(), !dry_run.is_empty());
        let policy: Value =
            serde_json::from_slice(&fs::read(directory.join(POLICY)).expect("policy"))
                .expect("JSON");
        let scopes = policy["transports"]["docker"].as_object().expect("scopes");
        let names: Vec<_> = scopes.keys().map(String::as_str).collect();
        assert_eq!(names, ["quay.io", "registry.example/team/app"]);
        assert!(directory.join(LOOKUPS).is_file() && directory.join(MIRRORS).is_file());
        assert!(!directory.join("etc/bundle").exists());
    }
}

#[test]
fn a_later_bundle_takes_nothing_away_from_files_for_review() {
    let scene = Scene::new();
    let review = tempfile::tempdir().expect("directory");
    let path = review.path().to_str().expect("path");
    scene.unpack(&["--config-dir", path]).expect_code(0);
    let read = |name: &str| fs::read_to_string(review.path().join(name)).expect("a file");
    // As though another bundle had been there before.
    for name in [POLICY, MIRRORS] {
        let earlier = read(name).replace("team/app", "team/earlier");
        fs::write(review.path().join(name), earlier).expect("written");
    }
    scene.unpack(&["--config-dir", path]).expect_code(0);
    for name in [POLICY, MIRRORS] {
        let both = read(name);
        assert!(both.contains("team/app") && both.contains("team/earlier"), "{name}: {both}");
    }
    // The host's word stands.
    let reject = r#"{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"registry.example/team/earlier": [{"type": "reject"}]}}}"#;
    scene.write(POLICY, reject);
    scene.unpack(&["--config-dir", path]).expect_code(0);
    let policy: Value = serde_json::from_str(&read(POLICY)).expect("JSON");
    let earlier = &policy["transports"]["docker"]["registry.example/team/earlier"];
    assert_eq!(earlier[0]["type"], "reject");
}

#[test]
fn the_host_itself_is_no_directory_for_review() {
    let scene = Scene::new();
    let before = scene.files();
    let root = scene.enclave.root().to_str().expect("path");
    for directory in [root, &format!("{root}/etc/..")] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let ran = scene.unpack(&[&["--config-dir", directory], dry_run].concat());
            scene.expect_refused(
                ran,
                2,
                &["expected another directory for review", "--install-config"],
                &before,
            );
        }
    }
    let below = format!("{root}/review");
    scene.unpack(&["--config-dir", &below]).expect_code(0);
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let scene = Scene::new();
    let before = scene.files();
    let report = scene.configured(&["--dry-run"]);
    assert_eq!(report["dryRun"], true);
    assert_eq!(file(&report, POLICY)["changes"][0]["change"], "added");
    assert_eq!(scene.files(), before);
    assert_eq!(scene.enclave.tags(), [""; 0]);
    let text = scene.unpack(&["--install-config", "--dry-run"]).expect_code(0).stdout;
    assert!(text.contains("/etc/containers/policy.json: would change"), "{text}");
    assert_eq!(scene.configured(&[])["dryRun"], false);
    assert_ne!(scene.files(), before);
}

#[test]
fn configuration_alone_is_what_unpack_would_have_written() {
    let scene = Scene::new();
    let ran = scene.config_install(&["--json"]).expect_code(0);
    crate::schemas::assert_described("config-install-report.schema.json", &ran.json());
    assert_eq!(scene.enclave.tags(), [""; 0], "nothing is pushed");
    let files = scene.files();
    assert!(scene.read(POLICY).contains("registry.example/team/app"));

    fs::remove_dir_all(scene.place("etc")).expect("removed");
    scene.write(POLICY, ACCEPT);
    let again = scene.config_install(&["--dry-run"]).expect_code(0);
    assert!(again.stdout.contains("nothing was written"), "{again}");
    assert_eq!(scene.files().len(), 1);
    scene.configured(&[]);
    assert_eq!(scene.files(), files);
}

#[test]
fn configuration_alone_warns_of_a_target_that_does_not_answer() {
    let scene = Scene::new();
    let target = ["--to", "127.0.0.1:1", "--json"];
    let report = scene.config_install(&target).expect_code(0).json();
    crate::schemas::assert_described("config-install-report.schema.json", &report);
    let is_told = |report: &Value| {
        report["warnings"].as_array().expect("warnings").iter().any(|warning| {
            warning.as_str().is_some_and(|text| text.starts_with("target-not-asked: "))
        })
    };
    assert!(is_told(&report), "{report}");
    assert!(scene.read(POLICY).contains("registry.example/team/app"));
    assert!(scene.read(MIRRORS).contains("127.0.0.1:1/team/app"));
    let asked = scene.config_install(&["--json", "--dry-run"]).expect_code(0).json();
    assert!(!is_told(&asked), "{asked}");
}

#[test]
fn configuration_alone_needs_a_bundle_that_is_trusted() {
    let scene = Scene::new();
    let before = scene.files();
    let file = scene.carried.side.file();
    let ran = scene.run("config install", &file, &[]);
    scene.expect_refused(ran, 3, &["no-anchor", "--trust-fingerprint"], &before);
    let stranger = crate::harness::signer::Signer::p256();
    let stranger = scene.carried.side.key("stranger.pub", &stranger);
    let ran = scene.run("config install", &file, &["--key", &stranger]);
    scene.expect_refused(ran, 3, &["no-trusted-signature"], &before);
    scene.config_install(&[]).expect_code(0);
}

#[test]
fn configuring_the_host_needs_root_before_the_push() {
    let test = "configuring_the_host_needs_root_before_the_push";
    let scene = Scene::new();
    let Some(nobody) = Nobody::start(test) else { return };
    let file = nobody.copy(&scene.carried.side.file(), "x.tar.zst");
    let key = nobody.copy(scene.carried.key.as_ref(), "release.pub");
    let review = nobody.own("review");
    let unpack = |arguments: &[&str]| {
        let run = nobody.bundle().env("TMPDIR", &review).env("PATH", scene.tools.path());
        let run = run.arg("unpack").arg(&file).args(&["--to", scene.enclave.address(), "--key"]);
        run.arg(&key).args(arguments).run()
    };
    unpack(&["--install-config"]).expect_code(2).expect_error(&["root only", "--config-dir"]);
    assert_eq!(scene.enclave.tags(), [""; 0], "nothing is tagged");
    let review = review.join("files");
    let review = review.to_str().expect("path");
    unpack(&["--config-dir", review]).expect_code(0);
    assert!(Path::new(review).join(MIRRORS).is_file());
}
