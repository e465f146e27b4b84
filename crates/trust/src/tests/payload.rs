//! Simple signing, from the layer to the admission.

use crate::testing::HasPublicKey as _;
use crate::testing::{Scene, Signer};
use crate::{Admission, Attached, Found, RefusalCode, SignatureCode as Code, simple_signing};
use aws_lc_rs::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Descriptor, Digest, media_type};
use serde_json::json;
use std::sync::atomic::Ordering;

fn every_signer() -> Vec<Signer> {
    vec![Signer::p256(), Signer::p521(), Signer::ed25519(), Signer::Rsa]
}

#[test]
fn a_signature_by_every_kind_of_key_admits_and_names_its_key() {
    for signer in every_signer() {
        let mut scene = Scene::image();
        scene.trust("quay.io/org", &signer);
        let root = scene.root.clone();
        scene.sign_simple(&root, &signer);
        let verdict = scene.judge();
        assert_eq!(verdict.admission(), &Admission::Signed, "{:?}", signer.public());
        assert_eq!(verdict.signatures()[0].key, Some(signer.public().fingerprint()));
        assert_eq!(verdict.verifying_keys().len(), 1);
        assert!(verdict.tag_unbound());
    }
}

#[test]
fn a_signature_by_another_key_of_any_kind_is_a_wrong_key() {
    for trusted in every_signer() {
        for other in every_signer() {
            if matches!((&trusted, &other), (Signer::Rsa, Signer::Rsa)) {
                continue; // They share one key.
            }
            let mut scene = Scene::image();
            scene.trust("*", &trusted);
            let root = scene.root.clone();
            scene.sign_simple(&root, &other);
            assert_eq!(scene.codes(), [Code::SignatureWrongKey], "{:?}", other.public());
            assert_eq!(scene.refusal(), RefusalCode::NoTrustedSignature);
        }
    }
}

/// Changes a payload before it is signed.
type Change = fn(&Scene, String) -> Vec<u8>;

#[test]
fn signed_payload_about_something_else_has_its_own_code() {
    let changes: &[(&str, Code, Change)] = &[
        ("untouched", Code::Verified, |_, payload| payload.into_bytes()),
        ("other tag", Code::Verified, |_, p| p.replace("org/repo", "org/repo:2").into_bytes()),
        ("ampersand", Code::PayloadMalformed, |_, _| b"&".to_vec()),
        ("empty object", Code::PayloadMalformed, |_, _| b"{}".to_vec()),
        ("two objects", Code::PayloadMalformed, |_, p| format!("{p}{p}").into_bytes()),
        ("unknown key", Code::PayloadMalformed, |_, p| {
            p.replace("\"type\"", "\"x\":1,\"type\"").into_bytes()
        }),
        ("duplicate key", Code::PayloadMalformed, |_, p| {
            p.replace("\"type\"", "\"type\":\"\",\"type\"").into_bytes()
        }),
        ("wrong case", Code::PayloadMalformed, |_, p| {
            p.replace("critical", "Critical").into_bytes()
        }),
        ("GPG type", Code::PayloadMalformed, |_, p| {
            p.replace("cosign container image", "atomic container").into_bytes()
        }),
        ("upper-case digest", Code::PayloadMalformed, |scene, p| {
            let hex = scene.root.digest.hex();
            p.replace(&hex, &hex.to_uppercase()).into_bytes()
        }),
        ("other image", Code::DigestMismatch, |scene, p| {
            p.replace(&scene.root.digest.to_string(), &Digest::of(b"other").to_string())
                .into_bytes()
        }),
        ("other repository", Code::IdentityMismatch, |_, p| {
            p.replace("org/repo", "org/other").into_bytes()
        }),
        ("repo-evil", Code::IdentityMismatch, |_, p| {
            p.replace("org/repo", "org/repo-evil").into_bytes()
        }),
        ("other port", Code::IdentityMismatch, |_, p| {
            p.replace("quay.io", "quay.io:443").into_bytes()
        }),
        ("no reference", Code::IdentityMismatch, |_, p| {
            p.replace("org/repo", "Org/Repo").into_bytes()
        }),
    ];
    for (name, code, change) in changes {
        let signer = Signer::p256();
        let mut scene = Scene::image();
        scene.trust("quay.io", &signer);
        let root = scene.root.clone();
        let payload = change(&scene, scene.payload(&root));
        let signature = signer.sign_base64(&payload);
        scene.attach_simple(&root, payload, Some(&signature));
        assert_eq!(scene.codes(), [*code], "{name}");
        assert_eq!(scene.judge().is_admitted(), *code == Code::Verified, "{name}");
    }
}

/// Changes an annotation over a valid payload.
type Spoil = fn(Vec<u8>) -> Option<String>;

#[test]
fn a_spoiled_signature_is_refused_by_its_own_code() {
    let spoils: &[(&str, Code, Spoil)] = &[
        ("untouched", Code::Verified, |s| Some(STANDARD.encode(s))),
        ("with line breaks", Code::Verified, |s| {
            let mut text = STANDARD.encode(s);
            text.insert_str(20, "\r\n");
            Some(text + "\n")
        }),
        ("missing", Code::SignatureMissing, |_| None),
        ("empty", Code::SignatureInvalid, |_| Some(String::new())),
        ("only line breaks", Code::SignatureInvalid, |_| Some("\n\n".into())),
        ("not base64", Code::SignatureInvalid, |_| Some("?".into())),
        ("with spaces", Code::SignatureInvalid, |s| Some(format!(" {}", STANDARD.encode(s)))),
        ("doubled", Code::SignatureInvalid, |s| Some(STANDARD.encode([&s[..], &s].concat()))),
        ("trailing byte", Code::SignatureInvalid, |mut s| {
            s.push(0);
            Some(STANDARD.encode(s))
        }),
        ("cut short", Code::SignatureInvalid, |mut s| {
            s.pop();
            Some(STANDARD.encode(s))
        }),
        ("flipped bit", Code::SignatureWrongKey, |mut s| {
            let last = s.len() - 1;
            s[last] ^= 1;
            Some(STANDARD.encode(s))
        }),
    ];
    for (name, code, spoil) in spoils {
        let signer = Signer::p256();
        let mut scene = Scene::image();
        scene.trust("quay.io", &signer);
        let root = scene.root.clone();
        let payload = scene.payload(&root);
        let annotation = spoil(signer.sign(payload.as_bytes()));
        scene.attach_simple(&root, payload, annotation.as_deref());
        assert_eq!(scene.codes(), [*code], "{name}");
        assert_eq!(scene.judge().is_admitted(), *code == Code::Verified, "{name}");
    }
}

/// Changes the text of an annotation.
type Rewrite = fn(String) -> String;

#[test]
fn base64_is_padded_and_ends_where_it_ends() {
    let signer = Signer::ed25519();
    let spoils: &[(&str, Code, Rewrite)] = &[
        ("untouched", Code::Verified, |text| text),
        ("without padding", Code::SignatureInvalid, |text| text.trim_end_matches('=').to_owned()),
        ("twice in a row", Code::SignatureInvalid, |text| text.repeat(2)),
        ("two signatures", Code::SignatureInvalid, |text| format!("{text}\n{text}")),
        ("URL alphabet", Code::SignatureInvalid, |text| format!("_{}", &text[1..])),
    ];
    for (name, code, spoil) in spoils {
        let mut scene = Scene::image();
        scene.trust("*", &signer);
        let root = scene.root.clone();
        let payload = scene.payload(&root);
        let annotation = spoil(signer.sign_base64(payload.as_bytes()));
        scene.attach_simple(&root, payload, Some(&annotation));
        assert_eq!(scene.codes(), [*code], "{name}");
    }
}

#[test]
fn only_pkcs1_with_sha256_is_a_signature_by_an_rsa_key() {
    for encoding in [&RSA_PSS_SHA256, &RSA_PKCS1_SHA512] {
        let mut scene = Scene::image();
        scene.trust("*", &Signer::Rsa);
        let root = scene.root.clone();
        let payload = scene.payload(&root);
        let signature = STANDARD.encode(Signer::sign_rsa(encoding, payload.as_bytes()));
        scene.attach_simple(&root, payload, Some(&signature));
        assert_eq!(scene.codes(), [Code::SignatureWrongKey]);
    }
}

#[test]
fn flipped_payload_is_refused_even_if_its_descriptor_follows() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    let mut payload = scene.payload(&root).into_bytes();
    let signature = signer.sign_base64(&payload);
    payload[9] ^= 1;
    scene.attach_simple(&root, payload.clone(), Some(&signature));
    assert_eq!(scene.codes(), [Code::SignatureWrongKey]);
    let stored = scene.store.blobs.values_mut().find(|bytes| bytes[..] == payload[..]);
    payload[9] ^= 1;
    *stored.expect("the payload") = payload.into();
    assert_eq!(scene.codes(), [Code::ContentMismatch]);
}

#[test]
fn one_good_signature_among_others_is_enough() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    let payload = scene.payload(&root);
    let mut layer = scene.store.blob(media_type::SIMPLE_SIGNING, payload.clone());
    let mut layers = Vec::new();
    for key in [&stranger, &signer, &signer] {
        let signature = key.sign_base64(payload.as_bytes());
        layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
        layers.push(layer.clone());
    }
    layers.push(scene.store.blob("text/plain", "hello"));
    scene.attach_layers(&root, &layers);
    let expected = [Code::SignatureWrongKey, Code::Verified, Code::Verified, Code::NotASignature];
    assert_eq!(scene.codes(), expected);
    assert_eq!(scene.admission(), Admission::Signed);
    assert_eq!(scene.judge().verifying_keys().len(), 1, "one key twice is one key");
}

#[test]
fn a_signature_manifest_beyond_its_limits_is_refused_as_such() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    let payload = scene.payload(&root);
    let mut layer = scene.store.blob(media_type::SIMPLE_SIGNING, payload.clone());
    let signature = signer.sign_base64(payload.as_bytes());
    layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
    scene.attach_layers(&root, &vec![layer.clone(); 1001]);
    assert_eq!(scene.codes(), [Code::TooManyLayers]);
    assert_eq!(scene.refusal(), RefusalCode::NoTrustedSignature);
    scene.attach_layers(&root, &vec![layer; 1000]);
    assert_eq!(scene.codes().len(), 1001);
    assert_eq!(scene.admission(), Admission::Signed);

    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let large = " ".repeat(5 << 20);
    let signature = signer.sign_base64(large.as_bytes());
    scene.attach_simple(&root, large, Some(&signature));
    assert_eq!(scene.codes(), [Code::TooLarge]);
}

#[test]
fn unreadable_attachment_is_never_a_missing_signature() {
    let signer = Signer::p256();
    let valid = || {
        let mut scene = Scene::image();
        scene.trust("*", &signer);
        let root = scene.root.clone();
        scene.sign_simple(&root, &signer);
        scene
    };
    assert_eq!(valid().codes(), [Code::Verified]);
    let holder = |scene: &Scene| scene.attached[0].manifest.digest;
    let mut gone = valid();
    gone.store.manifests.remove(&holder(&gone));
    assert_eq!(gone.codes(), [Code::Missing]);
    assert_eq!(gone.refusal(), RefusalCode::NoTrustedSignature);
    let mut broken = valid();
    broken.store.unreadable.insert(holder(&broken));
    assert_eq!(broken.codes(), [Code::Unreadable]);
    let mut swapped = valid();
    let other = swapped.store.manifests[&swapped.root.digest].clone();
    swapped.store.manifests.insert(holder(&swapped), other);
    assert_eq!(swapped.codes(), [Code::ContentMismatch]);
}

#[test]
fn an_index_or_anything_else_under_the_tag_is_no_signature() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let index = json!({"schemaVersion": 2, "manifests": []});
    let manifest = scene.store.manifest(media_type::OCI_INDEX, &index);
    let found = Found::Tag(format!("sha256-{}.sig", scene.root.digest.hex()));
    let attach = |manifest: &Descriptor, found: &Found| Attached {
        subject: scene.root.digest,
        manifest: manifest.clone(),
        found: found.clone(),
    };
    scene.attached = vec![attach(&manifest, &found), attach(&manifest, &Found::Referrer)];
    assert_eq!(scene.codes(), [Code::ManifestMalformed, Code::NotASignature]);
    let root = scene.root.clone();
    let mut text = scene.store.blob("text/plain", scene.payload(&root));
    let signature = signer.sign_base64(scene.payload(&root).as_bytes());
    text.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
    scene.attached.clear();
    scene.attach_layers(&root, &[text]);
    assert_eq!(scene.codes(), [Code::NotASignature]);
    assert_eq!(scene.refusal(), RefusalCode::NoSignature);
}

#[test]
fn a_payload_is_read_once_for_all_layers_that_hold_it() {
    let signers = [Signer::p256(), Signer::p256(), Signer::ed25519()];
    let mut scene = Scene::image();
    let root = scene.root.clone();
    let (own, other) = (scene.payload(&root), format!("{} ", scene.payload(&root)));
    let mut layers = Vec::new();
    for number in 0..60 {
        let payload = if number % 2 == 0 { &own } else { &other };
        let mut layer = scene.store.blob(media_type::SIMPLE_SIGNING, payload.clone());
        let signature = signers[number % 3].sign_base64(payload.as_bytes());
        layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
        layers.push(layer);
    }
    layers.insert(7, scene.store.blob("text/plain", "hello"));
    scene.attach_layers(&root, &layers);
    for (trusted, verified) in [(1, 20), (2, 40), (3, 60)] {
        scene.trust("*", &signers[trusted - 1]);
        let before = scene.store.reads.load(Ordering::Relaxed);
        let verdict = scene.judge();
        assert_eq!(scene.store.reads.load(Ordering::Relaxed) - before, 2, "{trusted}");
        let findings = verdict.signatures();
        // Each stands at its place.
        assert!(findings.iter().map(|finding| finding.position).eq(0..61));
        assert!(findings.iter().zip(&layers).all(|(f, layer)| f.layer == Some(layer.digest)));
        assert_eq!(findings[7].code, Code::NotASignature);
        let count = findings.iter().filter(|finding| finding.code == Code::Verified).count();
        assert_eq!(count, verified, "{trusted}");
        assert_eq!(verdict.verifying_keys().len(), trusted);
    }
}
