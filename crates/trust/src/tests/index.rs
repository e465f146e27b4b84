//! Indexes: signed, unsigned with signed children, and everything that is wrong with them.

use crate::testing::scene::{image, listed, wire};
use crate::testing::{Scene, Signer};
use crate::{Admission, ChildStatus, RefusalCode};
use bundle_oci::{Descriptor, media_type};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn statuses(scene: &Scene) -> Vec<ChildStatus> {
    scene.judge().children().iter().map(|child| child.status).collect()
}

/// An index whose two children are signed.
fn children_signed() -> (Scene, Vec<Descriptor>, Signer) {
    let signer = Signer::p256();
    let (mut scene, children) = Scene::index();
    scene.trust("quay.io", &signer);
    for child in &children {
        scene.sign_simple(child, &signer);
    }
    (scene, children, signer)
}

#[test]
fn a_signed_index_covers_its_children_by_hash() {
    let signer = Signer::p256();
    let (mut scene, children) = Scene::index();
    scene.trust("quay.io", &signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.admission(), Admission::Signed);
    assert_eq!(statuses(&scene), [ChildStatus::CoveredByIndex; 2]);
    scene.sign_simple(&children[1], &signer);
    assert_eq!(statuses(&scene), [ChildStatus::CoveredByIndex, ChildStatus::Signed]);
    scene.omitted.insert(children[0].digest);
    scene.store.manifests.remove(&children[0].digest);
    assert_eq!(scene.admission(), Admission::Signed, "a platform may be left out");
    assert_eq!(statuses(&scene), [ChildStatus::Omitted, ChildStatus::Signed]);
}

#[test]
fn an_unsigned_index_of_signed_children_is_admitted_as_such() {
    let (scene, _, _) = children_signed();
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
    assert_eq!(statuses(&scene), [ChildStatus::Signed; 2]);
}

/// Changes a scene whose children are signed.
type Break = fn(&mut Scene, &[Descriptor]);

fn entries(scene: &Scene) -> Vec<Value> {
    let bytes = scene.store.manifests[&scene.root.digest].bytes();
    let document: Value = serde_json::from_slice(bytes).expect("an index");
    document["manifests"].as_array().expect("a list").clone()
}

fn change(scene: &mut Scene, change: impl Fn(&mut Vec<Value>)) {
    let mut changed = entries(scene);
    change(&mut changed);
    scene.set_index(changed);
}

fn attestation(scene: &mut Scene, named: &str) -> Value {
    let config =
        scene.store.blob(CONFIG, json!({"os": "unknown", "architecture": "unknown"}).to_string());
    let layer = scene.store.blob("application/vnd.in-toto+json", "a statement");
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": wire(&config), "layers": [wire(&layer)]});
    let child = scene.store.manifest(media_type::OCI_MANIFEST, &document);
    let mut entry = listed(&child, json!({"os": "unknown", "architecture": "unknown"}));
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": named,
    });
    entry
}

#[test]
fn one_break_of_an_unsigned_index_is_refused_by_its_own_code() {
    let breaks: &[(&str, RefusalCode, Break)] = &[
        ("platforms swapped", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| {
                let first = entries[0]["platform"].clone();
                entries[0]["platform"] = entries[1]["platform"].clone();
                entries[1]["platform"] = first;
            });
        }),
        ("variant dropped", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| {
                entries[1]["platform"] = json!({"os": "linux", "architecture": "arm"})
            });
        }),
        ("variant changed", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| entries[1]["platform"]["variant"] = "v6".into());
        }),
        ("platform dropped", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| {
                entries[0].as_object_mut().expect("object").remove("platform");
            });
        }),
        ("platform without an architecture", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| entries[0]["platform"] = json!({"os": "linux"}));
        }),
        ("platform without anything", RefusalCode::PlatformMismatch, |scene, _| {
            change(scene, |entries| entries[0]["platform"] = json!({}));
        }),
        ("blob listed", RefusalCode::ChildUnsigned, |scene, _| {
            let digest = bundle_oci::Digest::of(b"<a/>");
            let entry = json!({"mediaType": "application/xml", "digest": digest, "size": 4});
            change(scene, |entries| entries.push(entry.clone()));
        }),
        ("config missing", RefusalCode::PlatformMismatch, |scene, _| {
            scene.store.blobs.retain(|_, blob| !blob.starts_with(b"{\"architecture\":\"arm\""))
        }),
        ("unsigned child added", RefusalCode::ChildUnsigned, |scene, _| {
            let added = image(&mut scene.store, "linux", "s390x", None);
            let entry = listed(&added, json!({"os": "linux", "architecture": "s390x"}));
            change(scene, |entries| entries.push(entry.clone()));
        }),
        ("child missing", RefusalCode::ChildMissing, |scene, children| {
            scene.store.manifests.remove(&children[1].digest);
        }),
        ("child omitted", RefusalCode::ChildOmitted, |scene, children| {
            scene.omitted.insert(children[1].digest);
        }),
        ("child unreadable", RefusalCode::Unreadable, |scene, children| {
            scene.store.unreadable.insert(children[1].digest);
        }),
        ("child is another manifest", RefusalCode::ContentMismatch, |scene, children| {
            let other = scene.store.manifests[&children[0].digest].clone();
            scene.store.manifests.insert(children[1].digest, other);
        }),
        ("child is the index itself", RefusalCode::ContentMismatch, |scene, children| {
            let root = scene.store.manifests[&scene.root.digest].clone();
            scene.store.manifests.insert(children[1].digest, root);
        }),
        ("media type changed", RefusalCode::ContentMismatch, |scene, _| {
            change(scene, |entries| entries[0]["mediaType"] = media_type::DOCKER_MANIFEST.into());
        }),
        ("size changed", RefusalCode::ContentMismatch, |scene, _| {
            change(scene, |entries| entries[0]["size"] = 1.into());
        }),
        ("foreign URL", RefusalCode::ForeignUrl, |scene, _| {
            change(scene, |entries| entries[0]["urls"] = json!(["https://elsewhere.example/x"]));
        }),
        ("attestation of something else", RefusalCode::AttestationUnbound, |scene, _| {
            let stray = attestation(scene, "sha256:00");
            change(scene, |entries| entries.push(stray.clone()));
        }),
        ("index posing as an attestation", RefusalCode::AttestationUnbound, |scene, children| {
            let added = image(&mut scene.store, "linux", "s390x", None);
            let nested = json!({"schemaVersion": 2, "manifests": [wire(&added)]});
            let nested = scene.store.manifest(media_type::OCI_INDEX, &nested);
            let mut posing = attestation(scene, &children[0].digest.to_string());
            for key in ["mediaType", "digest", "size"] {
                posing[key] = wire(&nested)[key].clone();
            }
            change(scene, |entries| entries.push(posing.clone()));
        }),
        ("an image called an attestation", RefusalCode::ChildUnsigned, |scene, children| {
            let mut posing = attestation(scene, &children[0].digest.to_string());
            let config = scene.store.blob(CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
            let layer = scene.store.blob("application/vnd.oci.image.layer.v1.tar+gzip", "a layer");
            let hidden = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
                "config": wire(&config), "layers": [wire(&layer)]});
            let hidden = scene.store.manifest(media_type::OCI_MANIFEST, &hidden);
            for key in ["digest", "size"] {
                posing[key] = wire(&hidden)[key].clone();
            }
            change(scene, |entries| entries.push(posing.clone()));
        }),
        ("attestation that could run", RefusalCode::ChildUnsigned, |scene, children| {
            let mut posing = attestation(scene, &children[0].digest.to_string());
            posing["platform"] = json!({"os": "linux", "architecture": "s390x"});
            change(scene, |entries| entries.push(posing.clone()));
        }),
    ];
    for (name, code, change) in breaks {
        let (mut scene, children, _) = children_signed();
        assert_eq!(scene.admission(), Admission::IndexUnsigned, "{name}: valid before");
        change(&mut scene, &children);
        assert_eq!(scene.refusal(), *code, "{name}");
    }
}

#[test]
fn a_buildx_attestation_of_a_signed_child_passes_as_attachment() {
    let (mut scene, children, _) = children_signed();
    let entry = attestation(&mut scene, &children[0].digest.to_string());
    change(&mut scene, |entries| entries.push(entry.clone()));
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
    let expected = [ChildStatus::Signed, ChildStatus::Signed, ChildStatus::Attachment];
    assert_eq!(statuses(&scene), expected);
    change(&mut scene, |entries| {
        entries.drain(..2);
    });
    assert!(!scene.judge().is_admitted(), "attestations alone make no image");
}

#[test]
fn attestation_in_an_unsigned_index_covers_its_child_alone() {
    for (beside, admitted) in [(false, true), (true, false)] {
        let (mut scene, children, _) = children_signed();
        let subject = match beside {
            false => children[0].clone(),
            true => image(&mut scene.store, "linux", "s390x", None),
        };
        let config = scene.store.blob("application/vnd.oci.image.config.v1+json", "{}");
        let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": [],
            "subject": wire(&subject)});
        let manifest = scene.store.manifest(media_type::OCI_MANIFEST, &document);
        let mut entry = attestation(&mut scene, &children[0].digest.to_string());
        entry["digest"] = json!(manifest.digest);
        entry["size"] = json!(manifest.size);
        change(&mut scene, |entries| entries.push(entry.clone()));
        assert_eq!(scene.judge().is_admitted(), admitted, "{beside}");
    }
}

#[test]
fn a_child_signed_under_another_name_does_not_count() {
    let (mut scene, _, _) = children_signed();
    scene.source = "quay.io/org/other:1".parse().expect("a reference");
    assert_eq!(scene.refusal(), RefusalCode::NoTrustedSignature);
}

#[test]
fn arm64_and_arm64_v8_are_one_platform() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let child = image(&mut scene.store, "linux", "arm64", None);
    scene.sign_simple(&child, &signer);
    scene.set_index(vec![listed(
        &child,
        json!({"os": "linux", "architecture": "arm64", "variant": "v8"}),
    )]);
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
}

#[test]
fn nested_indexes_are_followed_to_a_limit() {
    let (mut scene, _, _) = children_signed();
    for depth in 1..=10 {
        let nested = scene.root.clone();
        let entry =
            json!({"mediaType": nested.media_type, "digest": nested.digest, "size": nested.size});
        // The same nested index many times over costs no more than once.
        scene.set_index(vec![entry; 50]);
        // The children of the innermost index lie one level below it.
        if depth < 8 {
            assert_eq!(scene.admission(), Admission::IndexUnsigned, "depth {depth}");
        } else {
            assert_eq!(scene.refusal(), RefusalCode::TooDeep, "depth {depth}");
        }
    }
}

#[test]
fn an_index_that_lists_too_much_is_refused() {
    let (mut scene, _, _) = children_signed();
    let entry = entries(&scene)[0].clone();
    scene.set_index(vec![entry.clone(); 10_000]);
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
    scene.set_index(vec![entry; 10_001]);
    assert_eq!(scene.refusal(), RefusalCode::TooManyChildren);
}

#[test]
fn an_empty_index_is_unsigned() {
    let (mut scene, _, _) = children_signed();
    scene.set_index(Vec::new());
    assert!(!scene.judge().is_admitted());
}

/// An unsigned index of one signed Windows image, with what its config and its entry say of the version.
fn windows(built: Option<&str>, listed_as: Option<&str>, os: &str) -> Admission {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let mut config = json!({"os": os, "architecture": "amd64"});
    let mut platform = config.clone();
    for (place, version) in [(&mut config, built), (&mut platform, listed_as)] {
        if let Some(version) = version {
            place["os.version"] = version.into();
        }
    }
    let config = scene.store.blob("application/vnd.oci.image.config.v1+json", config.to_string());
    let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": []});
    let child = scene.store.manifest(media_type::OCI_MANIFEST, &document);
    scene.sign_simple(&child, &signer);
    scene.set_index(vec![listed(&child, platform)]);
    scene.admission()
}

#[test]
fn an_unsigned_index_tells_no_other_os_version_than_the_config() {
    let (old, new) = (Some("10.0.17763.1"), Some("10.0.20348.1"));
    for (built, listed_as, os, is_admitted) in [
        (old, old, "windows", true),
        (None, None, "windows", true),
        (old, new, "windows", false),
        (None, old, "windows", false),
        (old, None, "windows", false),
        (old, Some(""), "windows", false),
        (old, new, "linux", false),
        // No machine but those with Windows chooses by it.
        (old, None, "linux", true),
    ] {
        let admission = windows(built, listed_as, os);
        let is_so = match &admission {
            Admission::IndexUnsigned => is_admitted,
            Admission::Refused(refusal) => {
                !is_admitted && refusal.code == RefusalCode::PlatformMismatch
            }
            _ => false,
        };
        assert!(is_so, "{built:?} {listed_as:?} {os}: {admission:?}");
    }
}

#[test]
fn a_config_is_read_once_however_often_it_is_listed() {
    let (mut scene, _, _) = children_signed();
    let reads = |scene: &Scene| {
        let before = scene.store.reads.load(Ordering::Relaxed);
        assert_eq!(scene.admission(), Admission::IndexUnsigned);
        scene.store.reads.load(Ordering::Relaxed) - before
    };
    let few = reads(&scene);
    change(&mut scene, |entries| {
        let entry = entries[0].clone();
        entries.extend(vec![entry; 1000]);
    });
    assert_eq!(reads(&scene), few);
}
