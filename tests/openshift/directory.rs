//! The directory: this tool's alone, the same for the same input, and only after the push.

use super::{Scene, documents};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::signer::Signer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

fn changes(emitted: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let files = emitted["files"].as_array().expect("a list").iter();
    files.map(|file| (text(&file["file"]), text(&file["change"]))).collect()
}

#[test]
fn another_bundle_replaces_emitted_files_only_where_asked() {
    let (scene, signer, key) = Scene::signed();
    let first = changes(&scene.emit(&["--key", &key]));
    assert!(first.len() == 3 && first.values().all(|change| change == "created"), "{first:?}");
    let before = documents(&scene.directory());
    let again = changes(&scene.emit(&["--key", &key]));
    assert!(again.values().all(|change| change == "unchanged"), "{again:?}");
    assert_eq!(documents(&scene.directory()), before);

    fs::remove_file(scene.side.file()).expect("removed");
    scene.side.pack(&["team/app:1"], &["--name", "second"]).expect_code(0);
    let kept = changes(&scene.emit(&["--key", &key]));
    assert!(kept.values().all(|change| change == "unchanged"), "it says nothing new: {kept:?}");
    let replaced = scene.emit(&["--key", &key, "--replace-emitted"]);
    assert!(replaced.get("dropped").is_none(), "all of it is said in other files: {replaced}");
    let other = changes(&replaced);
    let of = |change: &str| {
        let names = other.iter().filter(|(_, is)| *is == change).map(|(name, _)| name.clone());
        names.collect::<Vec<String>>()
    };
    assert_eq!(of("removed"), before.into_keys().collect::<Vec<_>>());
    let hex = &signer.fingerprint().hex()[..16];
    let expected = [
        format!("clusterimagepolicy-bundle-second-{hex}.yaml"),
        "imagedigestmirrorset-bundle-second.yaml".to_owned(),
        "imagetagmirrorset-bundle-second.yaml".to_owned(),
    ];
    assert_eq!(of("created"), expected);
    assert_eq!(documents(&scene.directory()).into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn a_directory_with_anything_else_is_refused_before_the_push() {
    let (scene, _, key) = Scene::signed();
    fs::create_dir(scene.directory()).expect("directory");
    let foreign = scene.directory().join("admin.yaml");
    fs::write(&foreign, "kind: Secret").expect("a file");
    for dry in [&["--key", key.as_str()][..], &["--key", &key, "--dry-run"]] {
        let ran = scene.run(dry).expect_code(2);
        ran.expect_error(&[foreign.to_str().expect("path"), "not written by this tool", "hint: "]);
    }
    scene.enclave.expect_untouched();
    assert_eq!(fs::read_dir(scene.directory()).expect("directory").count(), 1);
    fs::remove_file(&foreign).expect("removed");
    scene.run(&["--key", &key]).expect_code(0);
    assert_eq!(documents(&scene.directory()).len(), 3);
    // A file of ours that somebody has edited is theirs now.
    let ours = scene.directory().join("imagetagmirrorset-bundle.yaml");
    fs::write(&ours, "edited").expect("a file");
    scene.run(&["--key", &key]).expect_code(2).expect_error(&["changed since"]);
    assert_eq!(fs::read_to_string(&ours).expect("a file"), "edited");
}

#[test]
fn nothing_is_written_when_the_push_failed_or_was_refused() {
    let (scene, _, key) = Scene::signed();
    scene.run(&[]).expect_code(3);
    assert!(!scene.directory().exists());
    let proxy = FaultProxy::start(scene.enclave.address());
    let tag = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(reqwest::Method::PUT, tag, Fault::status(403)));
    let arguments = ["--emit", &scene.option(), "--key", &key, "--install-keys"];
    let unpack = || scene.enclave.unpack_to(&scene.side.file(), proxy.address(), &arguments);
    unpack().expect_code(5);
    assert!(!scene.directory().exists());
    proxy.heal();
    unpack().expect_code(0);
    assert_eq!(documents(&scene.directory()).len(), 3);
}

#[test]
fn resources_need_a_registry_and_a_directory() {
    let (scene, _, key) = Scene::signed();
    let layout = format!("oci:{}", scene.folder.path().join("layout").display());
    let emit = scene.option();
    let unpack = |target: &str, arguments: &[&str]| {
        let arguments = [&["--key", &key], arguments].concat();
        scene.enclave.unpack_to(&scene.side.file(), target, &arguments)
    };
    let ran = unpack(&layout, &["--emit", &emit]).expect_code(2);
    ran.expect_error(&["registry"]);
    let address = scene.enclave.address();
    for arguments in [
        &["--emit", "openshift="][..],
        &["--emit", "kubernetes=x"],
        &["--emit", "x"],
        &["--mirror-source-policy", "allow"],
        &["--emit", &emit, "--mirror-source-policy", "always"],
    ] {
        unpack(address, arguments).expect_code(2);
    }
    assert!(!scene.directory().exists() && !scene.folder.path().join("layout").exists());
    scene.enclave.expect_untouched();
}

/// Scopes of all policies, and sources of all sets for pulls by tag.
fn said(scene: &Scene) -> (Vec<String>, Vec<String>) {
    let (mut scopes, mut sources) = (Vec::new(), Vec::new());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    for document in documents(&scene.directory()).values() {
        let spec = &document["spec"];
        scopes.extend(spec["scopes"].as_array().into_iter().flatten().map(text));
        let entries = spec["imageTagMirrors"].as_array().into_iter().flatten();
        sources.extend(entries.map(|entry| text(&entry["source"])));
    }
    scopes.sort();
    sources.sort();
    (scopes, sources)
}

#[test]
fn a_later_bundle_takes_no_scope_or_mirror_away() {
    let scene = Scene::new();
    let signer = Signer::p256();
    let key = scene.side.key("release.pub", &signer);
    let all = ["team/app", "team/db", "team/web"].map(super::named).to_vec();
    for repository in ["team/app", "team/db", "team/web"] {
        scene.side.signed(repository, &signer);
    }
    let pack = |images: &[&str], arguments: &[&str]| {
        let _ = fs::remove_file(scene.side.file());
        scene.side.pack(images, arguments).expect_code(0);
    };
    pack(&["team/app:1", "team/db:1", "team/web:1"], &[]);
    scene.emit(&["--key", &key]);
    assert_eq!(said(&scene), (all.clone(), all.clone()));
    // A smaller one of the same name, one of another name, and one whose signatures lack a child.
    let half = scene.side.unsigned("team/half");
    scene.side.sign("team/half", &half.digest(), &signer);
    let smaller: [(&[&str], &[&str]); 3] =
        [(&["team/app:1"], &[]), (&["team/app:1"], &["--name", "other"]), (&["team/half:1"], &[])];
    for (images, arguments) in smaller {
        pack(images, arguments);
        let emitted = scene.emit(&["--key", &key]);
        assert!(emitted.get("dropped").is_none(), "{emitted}");
        let (scopes, sources) = said(&scene);
        assert_eq!(scopes, all, "{images:?}");
        assert_eq!(sources, all, "{images:?}");
    }
    // Another key for a scope that has one: the rule stays, and that is said.
    let other = Signer::p256();
    let image = crate::harness::images::image("other", "linux/amd64", &[10]);
    image.push(&scene.side.registry, "team/app", Some("2"));
    scene.side.sign("team/app", &image.digest(), &other);
    pack(&["team/app:2"], &[]);
    let second = scene.side.key("other.pub", &other);
    let emitted = scene.emit(&["--key", &second]);
    assert_eq!(
        super::left_out(&emitted, "ClusterImagePolicy")[&super::named("team/app")],
        "other-rule"
    );
    assert_eq!(said(&scene).0, all);
    // Asked for, the rest goes, by name.
    let emitted = scene.emit(&["--key", &second, "--replace-emitted"]);
    let dropped = emitted["dropped"].as_array().expect("dropped");
    for (kind, subject) in [
        ("ClusterImagePolicy", super::named("team/db")),
        (
            "ImageTagMirrorSet",
            format!("{} from {}", super::named("team/db"), scene.target("team/db")),
        ),
    ] {
        let is_that = |one: &Value| one["kind"] == kind && one["subject"] == subject.as_str();
        assert!(dropped.iter().any(is_that), "{kind} {subject}: {emitted}");
    }
    let app = vec![super::named("team/app")];
    assert_eq!(said(&scene), (app.clone(), app));
}
