//! Sigstore bundles signed with a key, from the layer to the admission.

use crate::testing::HasPublicKey as _;
use crate::testing::scene::{BUNDLE, bundle, statement};
use crate::testing::{Scene, Signer};
use crate::{Admission, RefusalCode, SignatureCode as Code, dsse::IN_TOTO};
use bundle_oci::Digest;
use serde_json::{Value, json};

fn scene(signer: &Signer) -> Scene {
    let mut scene = Scene::image();
    scene.trust("quay.io", signer);
    scene.name_bound = true;
    scene
}

/// Changes a statement before it is signed, or a bundle after.
type Change = fn(&mut Value);

#[test]
fn signed_statement_about_something_else_has_its_own_code() {
    let changes: &[(&str, Code, Change)] = &[
        ("untouched", Code::Verified, |_| {}),
        ("older statement type", Code::Verified, |s| {
            s["_type"] = "https://in-toto.io/Statement/v0.1".into()
        }),
        ("second subject", Code::Verified, |s| {
            s["subject"]
                .as_array_mut()
                .expect("list")
                .insert(0, json!({"digest": {"sha512": "00"}}));
        }),
        ("unknown key", Code::Verified, |s| s["extra"] = 1.into()),
        ("SLSA provenance", Code::AttestationVerified, |s| {
            s["predicateType"] = "https://slsa.dev/provenance/v1".into()
        }),
        ("other subject", Code::DigestMismatch, |s| {
            s["subject"][0]["digest"]["sha256"] = Digest::of(b"x").hex().into()
        }),
        ("upper-case subject", Code::DigestMismatch, |s| {
            let hex = s["subject"][0]["digest"]["sha256"].as_str().expect("hex").to_uppercase();
            s["subject"][0]["digest"]["sha256"] = hex.into();
        }),
        ("sha512 only", Code::DigestMismatch, |s| {
            let hex = s["subject"][0]["digest"]["sha256"].clone();
            s["subject"][0]["digest"] = json!({"sha512": hex});
        }),
        ("digest is a list", Code::PayloadMalformed, |s| s["subject"][0]["digest"] = json!([])),
        ("1024 subjects", Code::Verified, |s| {
            let subject = s["subject"][0].clone();
            s["subject"] = vec![subject; 1024].into();
        }),
        ("no subject", Code::PayloadMalformed, |s| s["subject"] = json!([])),
        ("1025 subjects", Code::PayloadMalformed, |s| {
            let subject = s["subject"][0].clone();
            s["subject"] = vec![subject; 1025].into();
        }),
        ("other type", Code::PayloadMalformed, |s| {
            s["_type"] = "https://in-toto.io/Statement/v2".into()
        }),
        ("key in other case", Code::PayloadMalformed, |s| s["PredicateType"] = "x".into()),
        ("no predicate type", Code::PayloadMalformed, |s| {
            s.as_object_mut().expect("object").remove("predicateType");
        }),
    ];
    let signer = Signer::p256();
    for (name, code, change) in changes {
        let mut scene = scene(&signer);
        let root = scene.root.clone();
        let mut statement = statement(root.digest);
        change(&mut statement);
        let bundle = bundle(statement.to_string().as_bytes(), IN_TOTO, &signer);
        scene.attach_bundle(&root, bundle.to_string());
        assert_eq!(scene.codes(), [*code], "{name}");
        assert_eq!(scene.judge().is_admitted(), *code == Code::Verified, "{name}");
        assert_eq!(
            scene.judge().signatures()[0].key,
            Some(signer.public().fingerprint()),
            "{name}"
        );
    }
}

/// An entry of the right shape; of which log, nobody asks.
fn log_entry() -> Value {
    json!({
        "logIndex": "1",
        "logId": {"keyId": "AA=="},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1700000000",
        "inclusionPromise": {"signedEntryTimestamp": "AA=="},
        "canonicalizedBody": "e30=",
    })
}

#[test]
fn a_bundle_that_was_changed_is_refused_by_its_own_code() {
    let changes: &[(&str, Code, Change)] = &[
        ("untouched", Code::Verified, |_| {}),
        ("version 0.1", Code::Verified, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into()
        }),
        ("version 0.2", Code::Verified, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into()
        }),
        ("old spelling of 0.3", Code::Verified, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3".into()
        }),
        ("no hint", Code::Verified, |b| b["verificationMaterial"]["publicKey"] = json!({})),
        ("misleading hint", Code::Verified, |b| {
            b["verificationMaterial"]["publicKey"]["hint"] = "other".into()
        }),
        ("key id", Code::Verified, |b| b["dsseEnvelope"]["signatures"][0]["keyid"] = "x".into()),
        ("log entries", Code::Verified, |b| {
            b["verificationMaterial"]["tlogEntries"] = json!([log_entry(), log_entry()])
        }),
        ("null for absent", Code::Verified, |b| b["messageSignature"] = Value::Null),
        ("version 0.4", Code::BundleUnsupported, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json".into()
        }),
        ("no version", Code::BundleMalformed, |b| {
            b.as_object_mut().expect("object").remove("mediaType");
        }),
        ("33 log entries", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["tlogEntries"] = vec![log_entry(); 33].into()
        }),
        ("33 timestamps", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AA=="}); 33]});
        }),
        ("two signatures", Code::SignatureCount, |b| {
            let one = b["dsseEnvelope"]["signatures"][0].clone();
            b["dsseEnvelope"]["signatures"] = vec![one; 2].into();
        }),
        ("no signature", Code::SignatureCount, |b| b["dsseEnvelope"]["signatures"] = json!([])),
        ("certificate", Code::CertificateUnsupported, |b| {
            b["verificationMaterial"] = json!({"certificate": {"rawBytes": "AA=="}})
        }),
        ("certificate beside the key", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["certificate"] = json!({"rawBytes": "AA=="})
        }),
        ("empty chain", Code::BundleMalformed, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            b["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}});
        }),
        ("log entry with an unknown key", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["tlogEntries"] = json!([log_entry()]);
            b["verificationMaterial"]["tlogEntries"][0]["extra"] = 1.into();
        }),
        ("negative log index", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["tlogEntries"] = json!([log_entry()]);
            b["verificationMaterial"]["tlogEntries"][0]["logIndex"] = "-1".into();
        }),
        ("32 log entries", Code::Verified, |b| {
            b["verificationMaterial"]["tlogEntries"] = vec![log_entry(); 32].into()
        }),
        ("32 timestamps", Code::Verified, |b| {
            b["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AA=="}); 32]});
        }),
        ("no material", Code::BundleMalformed, |b| b["verificationMaterial"] = json!({})),
        ("unknown key", Code::BundleMalformed, |b| b["extra"] = 1.into()),
        ("unknown material", Code::BundleMalformed, |b| {
            b["verificationMaterial"]["extra"] = 1.into()
        }),
        ("two contents", Code::BundleMalformed, |b| {
            b["messageSignature"] = json!({"signature": "AA=="})
        }),
        ("no content", Code::BundleMalformed, |b| {
            b.as_object_mut().expect("object").remove("dsseEnvelope");
        }),
        ("envelope is a list", Code::BundleMalformed, |b| b["dsseEnvelope"] = json!([])),
        ("empty signature", Code::BundleMalformed, |b| {
            b["dsseEnvelope"]["signatures"][0]["sig"] = "".into()
        }),
        ("bad base64", Code::BundleMalformed, |b| b["dsseEnvelope"]["payload"] = "a".into()),
        ("payload type changed", Code::PayloadTypeUnsupported, |b| {
            b["dsseEnvelope"]["payloadType"] = "application/json".into()
        }),
        ("malformed signature", Code::SignatureInvalid, |b| {
            b["dsseEnvelope"]["signatures"][0]["sig"] = "AA==".into()
        }),
        ("payload changed", Code::SignatureWrongKey, |b| {
            b["dsseEnvelope"]["payload"] = "e30=".into()
        }),
    ];
    let signer = Signer::p256();
    for (name, code, change) in changes {
        let mut scene = scene(&signer);
        let root = scene.root.clone();
        let mut bundle = bundle(statement(root.digest).to_string().as_bytes(), IN_TOTO, &signer);
        change(&mut bundle);
        scene.attach_bundle(&root, bundle.to_string());
        assert_eq!(scene.codes(), [*code], "{name}: {:?}", scene.judge().signatures());
        assert_eq!(scene.judge().is_admitted(), *code == Code::Verified, "{name}");
    }
}

#[test]
fn a_bundle_by_every_kind_of_key_admits() {
    for signer in [Signer::p256(), Signer::p521(), Signer::ed25519(), Signer::Rsa] {
        let mut scene = scene(&signer);
        let root = scene.root.clone();
        let bundle = bundle(statement(root.digest).to_string().as_bytes(), IN_TOTO, &signer);
        scene.attach_bundle(&root, bundle.to_string());
        assert_eq!(scene.admission(), Admission::Signed, "{:?}", signer.public());
    }
}

#[test]
fn a_payload_type_that_is_signed_but_not_in_toto_is_refused() {
    let signer = Signer::p256();
    let mut scene = scene(&signer);
    let root = scene.root.clone();
    let bundle = bundle(statement(root.digest).to_string().as_bytes(), "application/json", &signer);
    scene.attach_bundle(&root, bundle.to_string());
    assert_eq!(scene.codes(), [Code::PayloadTypeUnsupported]);
}

#[test]
fn a_message_signature_is_over_the_manifest_itself() {
    let signer = Signer::p256();
    let message = |scene: &Scene, signed: &[u8], hint: &str| {
        json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "messageSignature": {
                "messageDigest": {"algorithm": hint, "digest": crate::testing::scene::base64(scene.root.digest.as_bytes())},
                "signature": signer.sign_base64(signed),
            },
        })
    };
    let own = |scene: &Scene| scene.store.manifests[&scene.root.digest].bytes().clone();
    for (name, code, build) in [
        (
            "valid",
            Code::Verified,
            (&|s: &Scene| message(s, &own(s), "SHA2_256")) as &dyn Fn(&Scene) -> Value,
        ),
        ("other content", Code::SignatureWrongKey, &|s| message(s, b"other", "SHA2_256")),
        ("digest by another hash", Code::Verified, &|s| message(s, &own(s), "SHA2_384")),
        ("unknown hash", Code::BundleMalformed, &|s| message(s, &own(s), "SHA1")),
        ("no digest", Code::Verified, &|s| {
            let mut bundle = message(s, &own(s), "SHA2_256");
            bundle["messageSignature"]["messageDigest"] = json!({});
            bundle
        }),
        ("lying digest", Code::DigestMismatch, &|s| {
            let mut bundle = message(s, &own(s), "SHA2_256");
            bundle["messageSignature"]["messageDigest"]["digest"] = "AA==".into();
            bundle
        }),
    ] {
        let mut scene = scene(&signer);
        let root = scene.root.clone();
        let bundle = build(&scene);
        scene.attach_bundle(&root, bundle.to_string());
        assert_eq!(scene.codes(), [code], "{name}");
    }
}

#[test]
fn a_bundle_counts_only_where_something_binds_the_name() {
    let signer = Signer::p256();
    let unbound = || {
        let mut scene = scene(&signer);
        scene.name_bound = false;
        let root = scene.root.clone();
        let bundle = bundle(statement(root.digest).to_string().as_bytes(), IN_TOTO, &signer);
        scene.attach_bundle(&root, bundle.to_string());
        scene
    };
    let scene = unbound();
    assert_eq!(
        (scene.codes(), scene.refusal()),
        (vec![Code::NameUnbound], RefusalCode::NameUnbound)
    );
    let mut bound = unbound();
    bound.name_bound = true;
    assert_eq!(bound.admission(), Admission::Signed);
    assert!(!bound.judge().tag_unbound());
    for (accepted, admitted) in [("quay.io/org/repo", true), ("quay.io/org/other", false)] {
        let mut scene = unbound();
        scene.anchors.accept_unbound_names.push(accepted.parse().expect("a scope"));
        assert_eq!(scene.judge().is_admitted(), admitted, "{accepted}");
    }
}

#[test]
fn statement_by_a_stranger_attests_or_has_a_wrong_key() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let mut scene = scene(&signer);
    let root = scene.root.clone();
    let mut provenance = statement(root.digest);
    provenance["predicateType"] = "https://slsa.dev/provenance/v1".into();
    for statement in [provenance, statement(root.digest)] {
        let bundle = bundle(statement.to_string().as_bytes(), IN_TOTO, &stranger);
        scene.attach_bundle(&root, bundle.to_string());
    }
    assert_eq!(scene.codes(), [Code::Attestation, Code::SignatureWrongKey]);
    assert!(scene.judge().signatures().iter().all(|finding| finding.key.is_none()));
    scene.attached.pop();
    assert_eq!(scene.refusal(), RefusalCode::NoSignature, "an attestation signs no image");
}
