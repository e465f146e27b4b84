//! What is demanded beyond a signature (several signers, a log, an attestation) is not to be had by other names, by
//! permissions that are wider, or by the word of whoever packed.

use crate::formats::dsse::IN_TOTO;
use crate::testing::HasPublicKey as _;
use crate::testing::demands::{DEMANDS, demand};
use crate::testing::scene::{bundle, statement};
use crate::testing::{Scene, Signer};
use crate::{Admission, Anchors, RefusalCode, StatedAtPack};

#[test]
fn a_name_that_nothing_binds_takes_no_image_out_of_a_demand() {
    let signer = Signer::p256();
    for what in DEMANDS {
        for (source, accepted, scope, admitted) in [
            ("quay.io/org/repo:1", "*", "quay.io/org", false),
            ("other.example/org/repo:1", "*", "quay.io/org", false),
            ("other.example/org/repo:1", "other.example", "quay.io/org/repo:*", false),
            // No target is known, and what is named may have a place of its own there.
            ("other.example/org/repo:1", "other.example/org/repo", "quay.io/org/repo", true),
            ("other.example/org/more:1", "*", "quay.io/org/repo", true),
        ] {
            let mut scene = Scene::image();
            scene.source = source.parse().expect("a reference");
            scene.trust("*", &signer);
            scene.anchors.accept_unbound_names.push(accepted.parse().expect("a scope"));
            let root = scene.root.clone();
            let signed = statement(root.digest).to_string();
            scene.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &signer).to_string());
            assert_eq!(scene.admission(), Admission::Signed, "without any demand");
            demand(&mut scene.anchors, what, scope);
            assert_eq!(scene.judge().is_admitted(), admitted, "{what}: {source} {scope}");
        }
    }
}

#[test]
fn permission_gives_way_unless_narrower_than_each_demand() {
    for what in ["signers", "log"] {
        for (source, pattern, scope, admitted) in [
            ("quay.io/org/repo:1", "*", "*", true),
            ("quay.io/org/repo:1", "*", "quay.io", false),
            ("quay.io/org/repo:1", "quay.io/org/repo", "quay.io", true),
            ("other.example/org/repo:1", "*", "quay.io/org", false),
            ("other.example/org/more:1", "*", "quay.io/org/repo", true),
        ] {
            let mut scene = Scene::image();
            scene.source = source.parse().expect("a reference");
            scene.trust("*", &Signer::p256());
            scene.allow_unsigned(pattern);
            demand(&mut scene.anchors, what, scope);
            assert_eq!(scene.judge().is_admitted(), admitted, "{what}: {source} {pattern} {scope}");
        }
    }
}

#[test]
fn the_verdict_at_pack_is_the_word_of_one() {
    let mut scene = Scene::image();
    scene.anchors.bundle_expected = true;
    scene.stated = StatedAtPack::Verified;
    scene.anchors.thresholds.push("1".parse().expect("an option"));
    assert_eq!(scene.admission(), Admission::PackVerdict);
    scene.anchors.thresholds.push("2".parse().expect("an option"));
    assert_eq!(scene.refusal(), RefusalCode::NoAnchor);
    let signer = Signer::p256();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.refusal(), RefusalCode::ThresholdNotMet);
}

#[test]
fn the_verdict_at_pack_is_no_log_entry() {
    for (scope, admitted) in [("*", false), ("quay.io", false), ("other.example", true)] {
        let mut scene = Scene::image();
        scene.anchors.bundle_expected = true;
        scene.stated = StatedAtPack::Verified;
        demand(&mut scene.anchors, "log", scope);
        assert_eq!(scene.judge().is_admitted(), admitted, "{scope}");
    }
}

#[test]
fn a_policy_that_accepts_anything_is_not_several_signers() {
    let mut scene = Scene::image();
    scene.set_policy(&serde_json::json!({"default": [{"type": "insecureAcceptAnything"}]}));
    assert_eq!(scene.admission(), Admission::PolicyAcceptsAnything);
    scene.anchors.thresholds.push("2".parse().expect("an option"));
    assert_eq!(scene.refusal(), RefusalCode::ThresholdNotMet);
}

#[test]
fn whoever_demands_several_signers_demands_signatures() {
    let source = Scene::image().source;
    for (option, covers) in [("quay.io=2", true), ("quay.io=1", false), ("docker.io=2", false)] {
        let mut anchors = Anchors::default();
        anchors.thresholds.push(option.parse().expect("an option"));
        assert_eq!(anchors.covers(&source), covers, "{option}");
    }
}

#[test]
fn a_signature_of_something_attached_is_none_of_the_image() {
    let (signer, other) = (Signer::p256(), Signer::ed25519());
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    scene.trust("*", &other);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    let attached = scene.attached[0].manifest.clone();
    scene.sign_simple(&attached, &other);
    let verdict = scene.judge();
    assert_eq!(*verdict.admission(), Admission::Signed);
    assert_eq!(verdict.verifying_keys(), [signer.public().fingerprint()].into());
    // A child's signature is one of the image, whoever signed the index.
    let (mut scene, children) = Scene::index();
    scene.trust("*", &signer);
    scene.trust("*", &other);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    scene.sign_simple(&children[1], &other);
    let keys = [signer.public().fingerprint(), other.public().fingerprint()];
    assert_eq!(scene.judge().verifying_keys(), keys.into());
}
