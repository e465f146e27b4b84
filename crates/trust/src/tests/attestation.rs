//! Attestations: verified with the same keys as signatures, and demanded where somebody says so.

use crate::testing::HasPublicKey as _;
use crate::testing::scene::{base64, bundle, envelope, statement};
use crate::testing::{Scene, Signer};
use crate::{Admission, RefusalCode, SignatureCode as Code, dsse::IN_TOTO};
use bundle_oci::{Descriptor, Digest, media_type};
use serde_json::{Value, json};

const SLSA: &str = "https://slsa.dev/provenance/v1";

fn provenance(digest: Digest) -> Value {
    let mut statement = statement(digest);
    statement["predicateType"] = SLSA.into();
    statement
}

fn attach(scene: &mut Scene, subject: &Descriptor, layer: impl Into<Vec<u8>>) {
    let layer = scene.store.blob(media_type::DSSE, layer.into());
    scene.attach_layers(subject, &[layer]);
}

/// A signed image of which the signer also attests something, bare.
fn scene(signer: &Signer) -> Scene {
    let mut scene = Scene::image();
    scene.trust("quay.io", signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, signer);
    let statement = provenance(root.digest).to_string();
    attach(&mut scene, &root, envelope(statement.as_bytes(), IN_TOTO, signer).to_string());
    scene
}

#[test]
fn bare_envelope_is_verified_for_each_kind_of_key() {
    for signer in [Signer::p256(), Signer::p521(), Signer::ed25519(), Signer::Rsa] {
        let scene = scene(&signer);
        let verdict = scene.judge();
        let finding = &verdict.signatures()[1];
        assert_eq!(finding.code, Code::AttestationVerified);
        assert_eq!(finding.key, Some(signer.public().fingerprint()));
        assert_eq!(finding.predicate_type.as_deref(), Some(SLSA));
        assert_eq!(verdict.admission(), &Admission::Signed);
    }
}

/// Changes an envelope after it was signed.
type Change = fn(&mut Value);

#[test]
fn one_break_of_an_envelope_is_named_by_its_own_code() {
    let changes: &[(&str, Code, Change)] = &[
        ("untouched", Code::AttestationVerified, |_| {}),
        ("two signatures", Code::SignatureCount, |e| {
            let signature = e["signatures"][0].clone();
            e["signatures"].as_array_mut().expect("list").push(signature);
        }),
        ("no signature", Code::SignatureCount, |e| e["signatures"] = json!([])),
        ("other payload type", Code::PayloadTypeUnsupported, |e| {
            e["payloadType"] = "application/json".into()
        }),
        ("other payload", Code::Attestation, |e| {
            e["payload"] = base64(provenance(Digest::of(b"x")).to_string().as_bytes()).into()
        }),
        ("not base64", Code::PayloadMalformed, |e| e["payload"] = "?".into()),
        ("unknown key", Code::PayloadMalformed, |e| e["extra"] = 1.into()),
    ];
    for (name, code, change) in changes {
        let signer = Signer::p256();
        let mut scene = Scene::image();
        scene.trust("quay.io", &signer);
        let root = scene.root.clone();
        let statement = provenance(root.digest).to_string();
        let mut layer = envelope(statement.as_bytes(), IN_TOTO, &signer);
        change(&mut layer);
        attach(&mut scene, &root, layer.to_string());
        assert_eq!(scene.codes(), [*code], "{name}");
        assert_eq!(
            scene.refusal(),
            RefusalCode::NoSignature,
            "{name}: an attestation admits nothing"
        );
    }
}

#[test]
fn an_attestation_of_something_else_or_by_somebody_else_is_none() {
    let (signer, other) = (Signer::p256(), Signer::p256());
    for (name, by, digest, code) in [
        ("of another image", &signer, Some(Digest::of(b"x")), Code::DigestMismatch),
        ("by another key", &other, None, Code::Attestation),
        ("as it must be", &signer, None, Code::AttestationVerified),
    ] {
        let mut scene = Scene::image();
        scene.trust("quay.io", &signer);
        let root = scene.root.clone();
        let statement = provenance(digest.unwrap_or(root.digest)).to_string();
        attach(&mut scene, &root, envelope(statement.as_bytes(), IN_TOTO, by).to_string());
        assert_eq!(scene.codes(), [code], "{name}");
    }
}

#[test]
fn bare_envelope_signs_no_image_whatever_its_predicate() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("quay.io", &signer);
    scene.name_bound = true;
    let root = scene.root.clone();
    let signed = statement(root.digest).to_string();
    attach(&mut scene, &root, envelope(signed.as_bytes(), IN_TOTO, &signer).to_string());
    assert_eq!(scene.codes(), [Code::AttestationVerified]);
    assert_eq!(scene.refusal(), RefusalCode::NoSignature);
    scene.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &signer).to_string());
    assert_eq!(scene.admission(), Admission::Signed);
}

#[test]
fn demanded_attestation_has_to_be_verified_and_of_its_type() {
    let (signer, other) = (Signer::p256(), Signer::p256());
    for (demanded, trusted, refused) in [
        ("https://slsa.dev/provenance/v1", true, false),
        ("slsaprovenance1", true, false),
        ("quay.io/org=slsaprovenance1", true, false),
        ("https://slsa.dev/provenance/v0.2", true, true),
        ("spdxjson", true, true),
        ("docker.io/org/app=spdxjson", true, false),
        ("slsaprovenance1", false, true),
    ] {
        let mut scene = scene(&signer);
        if !trusted {
            let attested = scene.attached.pop().expect("the attestation");
            let statement = provenance(attested.subject).to_string();
            let root = scene.root.clone();
            attach(&mut scene, &root, envelope(statement.as_bytes(), IN_TOTO, &other).to_string());
        }
        scene.anchors.required_attestations.push(demanded.parse().expect("an option"));
        match scene.admission() {
            Admission::Refused(refusal) => {
                assert!(refused, "{demanded}: {refusal:?}");
                assert_eq!(refusal.code, RefusalCode::AttestationMissing);
            }
            admission => assert!(!refused, "{demanded}: {admission:?}"),
        }
    }
}

#[test]
fn an_index_is_attested_itself_or_every_image_that_it_lists_is() {
    let signer = Signer::p256();
    for (attested, admitted) in
        [(&[][..], false), (&[0][..], false), (&[0, 1][..], true), (&[2][..], true)]
    {
        let (mut scene, children) = Scene::index();
        scene.trust("quay.io", &signer);
        let root = scene.root.clone();
        scene.sign_simple(&root, &signer);
        scene.anchors.required_attestations.push("slsaprovenance1".parse().expect("an option"));
        for number in attested {
            let subject = children.get(*number).unwrap_or(&root).clone();
            let statement = provenance(subject.digest).to_string();
            let layer = envelope(statement.as_bytes(), IN_TOTO, &signer).to_string();
            attach(&mut scene, &subject, layer);
        }
        assert_eq!(scene.judge().is_admitted(), admitted, "{attested:?}");
    }
}

#[test]
fn a_permission_to_come_unsigned_waives_no_attestation() {
    let mut scene = Scene::image();
    scene.allow_unsigned("*");
    assert!(scene.judge().is_admitted());
    scene.anchors.required_attestations.push("spdxjson".parse().expect("an option"));
    assert_eq!(scene.refusal(), RefusalCode::AttestationMissing);
}

/// 300 KiB of it become 30 MiB in memory, were they read.
#[test]
fn a_document_of_far_too_many_values_is_not_read() {
    let signer = Signer::p256();
    for (count, code) in [(5_000, Code::AttestationVerified), (50_000, Code::PayloadMalformed)] {
        let mut scene = Scene::image();
        scene.trust("*", &signer);
        let root = scene.root.clone();
        let mut said = statement(root.digest);
        said["predicateType"] = "https://slsa.dev/provenance/v1".into();
        said["more"] = vec![serde_json::json!({"": 0}); count].into();
        let envelope = envelope(said.to_string().as_bytes(), IN_TOTO, &signer);
        let layer = scene.store.blob(media_type::DSSE, envelope.to_string());
        scene.attach_layers(&root, &[layer]);
        assert_eq!(scene.codes(), [code], "{count}");
    }
}
