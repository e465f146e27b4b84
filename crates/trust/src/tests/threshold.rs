//! Thresholds: so many distinct signers, not so many signatures.

use crate::certificate::{Authorities, Pki};
use crate::rekor::LogKey;
use crate::testing::HasPublicKey as _;
use crate::testing::certificates::{EMAIL, Sketch, authority, names};
use crate::testing::scene::base64;
use crate::testing::scene::{bundle, statement};
use crate::testing::{Scene, Signer};
use crate::{
    Admission, Authority, Log, LogAuthority, RefusalCode, ScopedAuthority, dsse::IN_TOTO,
    simple_signing, vouched,
};
use bundle_oci::{Digest, media_type};
use serde_json::json;

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

/// The annotation with which `log` vouches that it took in a signature of `payload` by `key`.
fn logged(log: &Signer, payload: &str, signature: &[u8], key: &str) -> String {
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": Digest::of(payload.as_bytes()).hex()}},
            "signature": {
                "content": base64(signature),
                "publicKey": {"content": base64(key.as_bytes())},
            },
        },
    });
    let payload = json!({
        "body": base64(body.to_string().as_bytes()), "integratedTime": 1_700_000_000,
        "logIndex": 7, "logID": log.public().fingerprint().hex(),
    });
    let timestamp = log.sign_base64(payload.to_string().as_bytes());
    json!({"SignedEntryTimestamp": timestamp, "Payload": payload}).to_string()
}

/// Signs once as the holder of a key, with a log entry, and once with a certificate, which needs none.
#[test]
fn one_key_with_and_without_a_certificate_is_one_signer() {
    const ME: &str = "me@example.com";
    let (log, root, one, two) = (Signer::p256(), Signer::p256(), Signer::p256(), Signer::p256());
    for (certified, admitted) in [(&one, false), (&two, true)] {
        let mut scene = scene(&[&one], &["2"]);
        let key = LogKey::new(log.public()).expect("an ECDSA key");
        scene.anchors.logs.push(LogAuthority {
            scope: "*".parse().expect("a scope"),
            log: Log::of_key(key).expect("a log"),
            name: "rekor.pub".into(),
        });
        let roots = Sketch::new("root", &root, "root").with(authority(None)).pem(&root);
        let roots = Authorities::from_pem(roots.as_bytes()).expect("a root");
        let pki = Pki::new(roots, None, Some(ME.into()), None).expect("expectations");
        scene.anchors.now = 1_700_000_000;
        scene.anchors.authorities.push(ScopedAuthority {
            scopes: vec!["*".parse().expect("a scope")],
            authority: Authority::Pki(pki),
            name: "ca.pem".into(),
        });
        let image = scene.root.clone();
        let payload = scene.payload(&image);
        let leaf = Sketch::new("", certified, "root").with(names(&[(EMAIL, ME.as_bytes())]));
        let layers = [(&one, None), (certified, Some(leaf.pem(&root)))].map(|(signer, leaf)| {
            let signature = signer.sign(payload.as_bytes());
            let mut layer = scene.store.blob(media_type::SIMPLE_SIGNING, payload.clone());
            layer
                .annotations
                .insert(simple_signing::SIGNATURE_ANNOTATION.into(), base64(&signature));
            match leaf {
                Some(leaf) => {
                    layer.annotations.insert(vouched::CERTIFICATE_ANNOTATION.into(), leaf)
                }
                None => layer.annotations.insert(
                    vouched::LOG_ANNOTATION.into(),
                    logged(&log, &payload, &signature, &signer.public().to_pem()),
                ),
            };
            layer
        });
        scene.attach_layers(&image, &layers);
        let verdict = scene.judge();
        assert_eq!((verdict.signers().len(), verdict.is_admitted()), (2, admitted));
        if !admitted {
            assert_eq!(scene.refusal(), RefusalCode::ThresholdNotMet);
        }
    }
}
