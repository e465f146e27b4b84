//! Certificates under a pinned root: one-field breaks over third-party signatures (`$BUNDLE_VECTORS`).

use super::sigstore::policy;
use super::vectors::{IDENTITY, ISSUER, PUBLIC_ROOT};
use crate::sigstore_bundle::simple_signing::{Accompanied, Accompanying};
use crate::sigstore_bundle::{
    Bundle, BundleFailure, Cause, Evidence, KeylessPolicy, Signer, Subject,
};
use crate::testing::scene::base64;
use crate::testing::vectors::{folder, read};
use crate::trusted_root::TrustedRoot;
use crate::vouched::{
    CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION, LOG_ANNOTATION, TIMESTAMP_ANNOTATION,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A change of something valid.
type Change<T> = fn(&mut T);

const OLD_CERTIFICATE: &str = "dev.cosignproject.cosign/certificate";
const OLD_CHAIN: &str = "dev.cosignproject.cosign/chain";
const CASES: &str = "sigstore-conformance/test/assets/bundle-verify";

fn document(file: &Path) -> Value {
    serde_json::from_slice(&read(file)).expect("JSON")
}

fn verify(bundle: &Value, artifact: &[u8], policy: &KeylessPolicy) -> Result<Evidence, Cause> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).expect("well formed");
    bundle.verify_keyless(policy, Subject::Artifact(artifact)).map_err(|failure| failure.cause)
}

#[test]
fn identity_and_issuer_are_exact() {
    let Some(vectors) = folder() else { return };
    let bundle = document(&vectors.join(CASES).join("happy-path-v0.3/bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    for (identity, issuer, expected) in [
        (IDENTITY, ISSUER, None),
        ("", ISSUER, Some(Cause::IdentityMismatch)),
        (&IDENTITY[..IDENTITY.len() - 1], ISSUER, Some(Cause::IdentityMismatch)),
        (&IDENTITY.to_uppercase(), ISSUER, Some(Cause::IdentityMismatch)),
        (IDENTITY, "", Some(Cause::IssuerMismatch)),
        (IDENTITY, "https://token.actions.githubusercontent.com/", Some(Cause::IssuerMismatch)),
    ] {
        let policy = policy(&vectors.join(PUBLIC_ROOT), identity, issuer);
        let outcome = verify(&bundle, &artifact, &policy);
        assert_eq!(outcome.err(), expected, "{identity} by {issuer}");
    }
}

#[test]
fn one_wrong_field_of_a_bundle_is_enough_to_refuse() {
    let Some(vectors) = folder() else { return };
    let valid = document(&vectors.join(CASES).join("happy-path-v0.3/bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    let policy = policy(&vectors.join(PUBLIC_ROOT), IDENTITY, ISSUER);
    let cases: &[(&str, Option<Cause>, Change<Value>)] = &[
        ("untouched", None, |_| {}),
        ("the same entry twice", Some(Cause::Malformed), |b| {
            let entry = b["verificationMaterial"]["tlogEntries"][0].clone();
            b["verificationMaterial"]["tlogEntries"] = json!([entry, entry]);
        }),
        ("a proof for another size", Some(Cause::LogEntryInvalid), |b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["treeSize"] = "1".into()
        }),
        ("no entry", Some(Cause::LogEntryMissing), |b| {
            b["verificationMaterial"]["tlogEntries"] = json!([])
        }),
        ("no promise, so no time", Some(Cause::TimestampMissing), |b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"] = Value::Null
        }),
        ("an entry without proof rides along", Some(Cause::LogEntryMissing), |b| {
            let mut bare = b["verificationMaterial"]["tlogEntries"][0].clone();
            bare["inclusionPromise"] = Value::Null;
            bare["inclusionProof"] = Value::Null;
            b["verificationMaterial"]["tlogEntries"].as_array_mut().expect("list").push(bare);
        }),
        ("other time", Some(Cause::LogEntryInvalid), |b| {
            b["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1700000000".into()
        }),
        ("timestamp that is none", Some(Cause::TimestampInvalid), |b| {
            b["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]});
        }),
        ("certificate that is none", Some(Cause::UntrustedCertificate), |b| {
            b["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA".into()
        }),
        ("other signature", Some(Cause::WrongSignature), |b| {
            b["messageSignature"]["signature"] = "AAAA".into()
        }),
    ];
    for (name, expected, change) in cases {
        let mut bundle = valid.clone();
        change(&mut bundle);
        assert_eq!(verify(&bundle, &artifact, &policy).err(), *expected, "{name}");
    }
    assert_eq!(verify(&valid, b"x", &policy).err(), Some(Cause::SubjectMismatch));
}

/// What the root has a key for is mandatory; what it has none for is reported as not checked.
#[test]
fn the_root_decides_what_is_mandatory() {
    let Some(vectors) = folder() else { return };
    let case = vectors.join(CASES).join("rekor2-happy-path");
    let valid = document(&case.join("bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    let unlogged: Change<Value> = |b| b["verificationMaterial"]["tlogEntries"] = json!([]);
    let untimed: Change<Value> = |b| {
        b["verificationMaterial"]["tlogEntries"] = json!([]);
        b["verificationMaterial"]["timestampVerificationData"] = Value::Null;
    };
    let same: Change<Value> = |_| {};
    for (name, left_out, change, expected) in [
        ("all", &[][..], same, Ok((true, 1))),
        ("no log entry", &[], unlogged, Err(Cause::LogEntryMissing)),
        ("no certificate log is trusted", &["ctlogs"], same, Ok((false, 1))),
        ("no log is trusted", &["tlogs"], unlogged, Ok((true, 0))),
        ("an entry, but no log is trusted", &["tlogs"], same, Err(Cause::LogEntryInvalid)),
        ("neither log nor time", &["tlogs"], untimed, Err(Cause::LogEntryMissing)),
        ("no time is trusted", &["timestampAuthorities"], same, Err(Cause::TimestampInvalid)),
        (
            "no authority is trusted",
            &["certificateAuthorities"],
            same,
            Err(Cause::UntrustedCertificate),
        ),
    ] {
        let mut root = document(&case.join("trusted_root.json"));
        for list in left_out {
            root[list] = json!([]);
        }
        let root = TrustedRoot::parse(root.to_string().as_bytes()).expect(name);
        let policy = KeylessPolicy {
            root: Arc::new(root),
            identity: IDENTITY.into(),
            issuer: ISSUER.into(),
        };
        let mut bundle = valid.clone();
        change(&mut bundle);
        let outcome = verify(&bundle, &artifact, &policy).map(|evidence| {
            let Signer::Certificate { sct_verified, .. } = evidence.signer else {
                panic!("{name}: signed with a key");
            };
            assert_eq!(evidence.timestamps.len(), 1, "{name}");
            (sct_verified, evidence.log.len())
        });
        assert_eq!(outcome, expected, "{name}");
    }
}

/// An authority is trusted no longer than all certificates of its chain are valid, even where its period has no end.
#[test]
fn an_authority_is_trusted_while_its_own_certificates_are_valid() {
    let Some(vectors) = folder() else { return };
    let case = vectors.join(CASES).join("rekor2-happy-path");
    let bundle = document(&case.join("bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    let old = document(&vectors.join(CASES).join("happy-path-v0.3/bundle.sigstore.json"));
    let expired = old["verificationMaterial"]["certificate"].clone();
    for (added, expected) in [(None, None), (Some(expired), Some(Cause::UntrustedCertificate))] {
        let mut root = document(&case.join("trusted_root.json"));
        for authority in root["certificateAuthorities"].as_array_mut().expect("list") {
            let chain = authority["certChain"]["certificates"].as_array_mut().expect("list");
            chain.extend(added.clone());
        }
        let root = TrustedRoot::parse(root.to_string().as_bytes()).expect("a usable root");
        let policy = KeylessPolicy {
            root: Arc::new(root),
            identity: IDENTITY.into(),
            issuer: ISSUER.into(),
        };
        assert_eq!(verify(&bundle, &artifact, &policy).err(), expected);
    }
}

#[test]
fn a_log_without_promises_is_trusted_within_its_period_only() {
    let Some(vectors) = folder() else { return };
    let case = vectors.join(CASES).join("rekor2-happy-path");
    let bundle = document(&case.join("bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    for (end, expected) in [
        (Value::Null, None),
        ("2026-01-01T00:00:00Z".into(), None),
        ("2025-05-01T00:00:00Z".into(), Some(Cause::LogEntryInvalid)),
    ] {
        let mut root = document(&case.join("trusted_root.json"));
        for log in root["tlogs"].as_array_mut().expect("list") {
            log["publicKey"]["validFor"]["end"] = end.clone();
        }
        let root = TrustedRoot::parse(root.to_string().as_bytes()).expect("a usable root");
        let policy = KeylessPolicy {
            root: Arc::new(root),
            identity: IDENTITY.into(),
            issuer: ISSUER.into(),
        };
        assert_eq!(verify(&bundle, &artifact, &policy).err(), expected, "{end}");
    }
}

/// A simple signature of containers/image's fixtures: annotations, payload, signature.
fn simple(vectors: &Path) -> (BTreeMap<String, String>, Vec<u8>, Vec<u8>) {
    let fixtures = vectors.join("containers-image/image/signature/fixtures");
    let bytes = read(&fixtures.join("dir-img-cosign-fulcio-rekor-valid/signature-1"));
    let start = bytes.iter().position(|byte| *byte == b'{').expect("JSON");
    let wire: Value = serde_json::from_slice(&bytes[start..]).expect("JSON");
    let annotations: BTreeMap<String, String> = wire["annotations"]
        .as_object()
        .expect("annotations")
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .collect();
    let decoded = |text: &str| STANDARD.decode(text).expect("base64");
    let signature = decoded(&annotations["dev.cosignproject.cosign/signature"]);
    (annotations, decoded(wire["payload"].as_str().expect("text")), signature)
}

/// Changes the log annotation's JSON.
fn in_log(annotations: &mut BTreeMap<String, String>, change: Change<Value>) {
    let text = annotations.get_mut(LOG_ANNOTATION).expect("a log annotation");
    let mut value = serde_json::from_str(text).expect("JSON");
    change(&mut value);
    *text = value.to_string();
}

#[test]
fn simple_signature_is_refused_for_one_wrong_annotation() {
    type Annotations = BTreeMap<String, String>;
    let Some(vectors) = folder() else { return };
    let (valid, payload, signature) = simple(&vectors);
    let policy =
        policy(&vectors.join(PUBLIC_ROOT), "mitr@redhat.com", "https://github.com/login/oauth");
    let cases: &[(&str, Option<Cause>, Change<Annotations>)] = &[
        ("untouched", None, |_| {}),
        ("no chain", None, |a| drop(a.remove(CHAIN_ANNOTATION))),
        ("certificate under its old name", None, |a| {
            let certificate = a.remove(CERTIFICATE_ANNOTATION).expect("there");
            a.insert(OLD_CERTIFICATE.into(), certificate);
        }),
        ("two certificates", Some(Cause::Malformed), |a| {
            let doubled = format!("{}\n", a[CERTIFICATE_ANNOTATION]).repeat(2);
            a.insert(CERTIFICATE_ANNOTATION.into(), doubled);
        }),
        ("another certificate under the old name", Some(Cause::Malformed), |a| {
            let other = a[CHAIN_ANNOTATION].clone();
            a.insert(OLD_CERTIFICATE.into(), other);
        }),
        ("chain under its old name", None, |a| {
            let chain = a.remove(CHAIN_ANNOTATION).expect("there");
            a.insert(OLD_CHAIN.into(), chain);
        }),
        ("another chain under its old name", Some(Cause::Malformed), |a| {
            let other = a[CERTIFICATE_ANNOTATION].clone();
            a.insert(OLD_CHAIN.into(), other);
        }),
        ("empty chain", None, |a| drop(a.insert(CHAIN_ANNOTATION.into(), String::new()))),
        ("blank chain", Some(Cause::Malformed), |a| {
            a.insert(CHAIN_ANNOTATION.into(), " ".into());
        }),
        ("chain of six", None, |a| {
            let chain = format!("{}\n", a[CHAIN_ANNOTATION]).repeat(3);
            a.insert(CHAIN_ANNOTATION.into(), chain);
        }),
        ("chain of eight", Some(Cause::Malformed), |a| {
            let chain = format!("{}\n", a[CHAIN_ANNOTATION]).repeat(4);
            a.insert(CHAIN_ANNOTATION.into(), chain);
        }),
        ("prose before the certificate", None, |a| {
            let text = format!("subject=somebody\n{}", a[CERTIFICATE_ANNOTATION]);
            a.insert(CERTIFICATE_ANNOTATION.into(), text);
        }),
        ("prose after the certificate", Some(Cause::Malformed), |a| {
            let text = format!("{}\nsubject=somebody", a[CERTIFICATE_ANNOTATION]);
            a.insert(CERTIFICATE_ANNOTATION.into(), text);
        }),
        ("log under its old name", Some(Cause::LogEntryMissing), |a| {
            let log = a.remove(LOG_ANNOTATION).expect("there");
            a.insert("dev.cosignproject.cosign/bundle".into(), log);
        }),
        ("no certificate", Some(Cause::OtherMaterial), |a| {
            a.remove(CERTIFICATE_ANNOTATION);
        }),
        ("certificate that is none", Some(Cause::Malformed), |a| {
            a.insert(CERTIFICATE_ANNOTATION.into(), "x".into());
        }),
        ("chain that is none", Some(Cause::Malformed), |a| {
            a.insert(CHAIN_ANNOTATION.into(), "x".into());
        }),
        ("no promise", Some(Cause::LogEntryMissing), |a| drop(a.remove(LOG_ANNOTATION))),
        ("timestamp that is none", Some(Cause::TimestampInvalid), |a| {
            let text = json!({"SignedRFC3161Timestamp": "AAAA"}).to_string();
            a.insert(TIMESTAMP_ANNOTATION.into(), text);
        }),
        ("unknown key beside the timestamp", Some(Cause::Malformed), |a| {
            let text = json!({"SignedRFC3161Timestamp": "AAAA", "x": 1}).to_string();
            a.insert(TIMESTAMP_ANNOTATION.into(), text);
        }),
        ("other time", Some(Cause::LogEntryInvalid), |a| {
            in_log(a, |log| log["Payload"]["integratedTime"] = 1_674_247_894.into())
        }),
        ("time as text", Some(Cause::Malformed), |a| {
            in_log(a, |log| log["Payload"]["integratedTime"] = "1674247893".into())
        }),
        ("other index", Some(Cause::LogEntryInvalid), |a| {
            in_log(a, |log| log["Payload"]["logIndex"] = 1.into())
        }),
        ("other log", Some(Cause::LogEntryInvalid), |a| {
            in_log(a, |log| log["Payload"]["logID"] = Digest::of(b"x").hex().into())
        }),
        ("log in upper case", Some(Cause::Malformed), |a| {
            in_log(a, |log| {
                let id = log["Payload"]["logID"].as_str().expect("text").to_uppercase();
                log["Payload"]["logID"] = id.into();
            })
        }),
        ("unknown key in the promise", Some(Cause::Malformed), |a| {
            in_log(a, |log| log["Payload"]["x"] = 1.into())
        }),
        ("entry of kind rekord", Some(Cause::Unsupported), |a| {
            in_log(a, |log| {
                let body = json!({"kind": "rekord", "apiVersion": "0.0.1", "spec": {}});
                log["Payload"]["body"] = base64(body.to_string().as_bytes()).into();
            })
        }),
        ("other promise", Some(Cause::LogEntryInvalid), |a| {
            in_log(a, |log| log["SignedEntryTimestamp"] = "AAAA".into())
        }),
    ];
    for (name, expected, change) in cases {
        let mut annotations = valid.clone();
        change(&mut annotations);
        let outcome = verify_simple(&annotations, &payload, &signature, &policy);
        assert_eq!(outcome.err().map(|failure| failure.cause), *expected, "{name}");
    }
    let evidence = verify_simple(&valid, &payload, &signature, &policy);
    let evidence = evidence.expect("valid");
    assert_eq!(evidence.log[0].integrated_time, Some(1_674_247_893));
    assert_eq!(evidence.log[0].index, 11_605_770);
    for (payload, signature) in [(&b"x"[..], &signature[..]), (&payload[..], b"x")] {
        let outcome = verify_simple(&valid, payload, signature, &policy);
        assert_eq!(outcome.expect_err("changed").cause, Cause::WrongSignature);
    }
}

/// A simple signature with its annotations, under a root.
fn verify_simple(
    annotations: &BTreeMap<String, String>,
    payload: &[u8],
    signature: &[u8],
    policy: &KeylessPolicy,
) -> Result<Evidence, BundleFailure> {
    let content = Accompanying::Simple { payload, signature };
    Accompanied { annotations: annotations.into(), content }.verify_keyless(policy)
}

/// What a proof of the second generation says twice, it says alike: the library goes by the checkpoint alone, others may
/// not.
#[test]
fn a_proof_agrees_with_its_checkpoint_and_its_entry() {
    let Some(vectors) = folder() else { return };
    let case = vectors.join(CASES).join("rekor2-happy-path");
    let valid = document(&case.join("bundle.sigstore.json"));
    let artifact = read(&vectors.join(CASES).join("a.txt"));
    let policy = policy(&case.join("trusted_root.json"), IDENTITY, ISSUER);
    let cases: &[(&str, Option<Cause>, Change<Value>)] = &[
        ("untouched", None, |_| {}),
        ("another root hash", Some(Cause::LogEntryInvalid), |p| {
            p["rootHash"] = base64(&[7; 32]).into()
        }),
        ("another size", Some(Cause::LogEntryInvalid), |p| p["treeSize"] = "99999".into()),
        ("no size", Some(Cause::LogEntryInvalid), |p| p["treeSize"] = Value::Null),
        ("another place", Some(Cause::LogEntryInvalid), |p| p["logIndex"] = "1".into()),
        ("no place", Some(Cause::LogEntryInvalid), |p| p["logIndex"] = Value::Null),
    ];
    for (name, expected, change) in cases {
        let mut bundle = valid.clone();
        change(&mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]);
        assert_eq!(verify(&bundle, &artifact, &policy).err(), *expected, "{name}");
    }
    let mut twice = valid.clone();
    let data = &mut twice["verificationMaterial"]["timestampVerificationData"];
    let timestamp = data["rfc3161Timestamps"][0].clone();
    data["rfc3161Timestamps"] = json!([timestamp, timestamp]);
    assert_eq!(verify(&twice, &artifact, &policy).err(), Some(Cause::Malformed));
}
