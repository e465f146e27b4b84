//! Thresholds: so many distinct signers, not so many signatures.

use crate::trust::testing::scene::{bundle, statement};
use crate::trust::testing::{Scene, Signer};
use crate::trust::{Admission, RefusalCode, dsse::IN_TOTO};

fn scene(signers: &[&Signer], thresholds: &[&str]) -> Scene {
    let mut scene = Scene::image();
    for signer in signers {
        scene.trust("quay.io", signer);
    }
    scene.anchors.thresholds =
        thresholds.iter().map(|text| text.parse().expect("an option")).collect();
    scene
}

#[test]
fn two_signatures_by_one_key_are_one_signer() {
    let (one, two, stranger) = (Signer::p256(), Signer::ed25519(), Signer::p256());
    for (signing, admitted) in [
        (&[&one, &two][..], true),
        (&[&one, &one][..], false),
        (&[&one, &stranger][..], false),
        (&[&one][..], false),
    ] {
        let mut scene = scene(&[&one, &two], &["2"]);
        let root = scene.root.clone();
        for signer in signing {
            scene.sign_simple(&root, signer);
        }
        match scene.admission() {
            Admission::Signed => assert!(admitted),
            Admission::Refused(refusal) => {
                assert!(!admitted);
                assert_eq!(refusal.code, RefusalCode::ThresholdNotMet);
                assert_eq!(refusal.detail.as_deref(), Some("1 of 2"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_key_in_two_forms_is_one_signer() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let mut scene = scene(&[&one, &two], &["2"]);
    scene.name_bound = true;
    let root = scene.root.clone();
    scene.sign_simple(&root, &one);
    let signed = statement(root.digest).to_string();
    scene.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &one).to_string());
    assert_eq!(scene.refusal(), RefusalCode::ThresholdNotMet);
    scene.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &two).to_string());
    assert_eq!(scene.admission(), Admission::Signed);
}

#[test]
fn the_narrowest_threshold_counts_and_the_larger_of_equals() {
    let one = Signer::p256();
    for (thresholds, admitted) in [
        (&[][..], true),
        (&["1"][..], true),
        (&["2"][..], false),
        (&["2", "quay.io=1"][..], true),
        (&["quay.io=1", "quay.io/org=2"][..], false),
        (&["quay.io=1", "quay.io=2"][..], false),
        (&["docker.io/org/app=2"][..], true),
    ] {
        let mut scene = scene(&[&one], thresholds);
        let root = scene.root.clone();
        scene.sign_simple(&root, &one);
        assert_eq!(scene.judge().is_admitted(), admitted, "{thresholds:?}");
    }
}

#[test]
fn every_child_of_an_unsigned_index_needs_its_own_signers() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let (mut scene, children) = Scene::index();
    scene.trust("*", &one);
    scene.trust("*", &two);
    scene.anchors.thresholds.push("2".parse().expect("an option"));
    scene.sign_simple(&children[0], &one);
    scene.sign_simple(&children[0], &two);
    scene.sign_simple(&children[1], &one);
    assert_eq!(scene.refusal(), RefusalCode::ThresholdNotMet);
    scene.sign_simple(&children[1], &two);
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
    assert!(scene.judge().enforceable());
}
