//! Key-signed bundles with an entry of a private log: one-field breaks over valid ones.

mod breaks;
mod logs;

use crate::formats::dsse::IN_TOTO;
use crate::rekor::{MAX_INDEX, MAX_TIME};
use crate::sigstore_bundle::{Bundle, Cause, Claim, Evidence, Signer as By, Subject};
use crate::testing::HasPublicKey as _;
use crate::testing::certificates::Sketch;
use crate::testing::scene::{BUNDLE, base64, bundle, statement};
use crate::testing::{PrivateLog, Scene, Signer};
use crate::trusted_root::TrustedRoot;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Digest, Manifest};
use serde_json::{Value, json};

const LOGGED_AT: i64 = 1_700_000_000;

/// A change of something valid.
type Change = fn(&mut Value);
const NONE: Change = |_| {};

fn manifest() -> Manifest {
    let scene = Scene::image();
    scene.store.manifests[&scene.root.digest].clone()
}

/// What a log of the first generation keeps of an envelope.
fn dsse_body(bundle: &Value, signer: &Signer) -> Value {
    let envelope = &bundle["dsseEnvelope"];
    let payload = STANDARD.decode(envelope["payload"].as_str().expect("text")).expect("base64");
    let hash = json!({"algorithm": "sha256", "value": Digest::of(&payload).hex()});
    json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": hash, "payloadHash": hash,
            "signatures": [{
                "signature": envelope["signatures"][0]["sig"],
                "verifier": base64(signer.public().to_pem().as_bytes()),
            }],
        },
    })
}

/// A statement that `signer` signed and `log` took in, as changed on the way.
fn logged(signer: &Signer, log: &PrivateLog, said: Change, in_log: Change, after: Change) -> Value {
    let mut statement = statement(manifest().digest());
    said(&mut statement);
    let mut bundle = bundle(statement.to_string().as_bytes(), IN_TOTO, signer);
    let mut body = dsse_body(&bundle, signer);
    in_log(&mut body);
    bundle["verificationMaterial"]["tlogEntries"] = json!([log.entry(&body, LOGGED_AT)]);
    after(&mut bundle);
    bundle
}

fn verify(bundle: &Value, signer: &Signer, root: &TrustedRoot) -> Result<Evidence, Cause> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).expect("well formed");
    let manifest = manifest();
    bundle
        .verify_logged(&signer.public(), root, Subject::Manifest(&manifest))
        .map_err(|failure| failure.cause)
}

#[test]
fn a_logged_signature_proves_key_log_and_time() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let evidence = verify(&logged(&signer, &log, NONE, NONE, NONE), &signer, &log.root());
    let evidence = evidence.expect("valid");
    assert_eq!(evidence.signer, By::Key(signer.public().fingerprint()));
    assert_eq!(evidence.claim, Claim::Signature);
    assert_eq!(evidence.log.len(), 1);
    assert_eq!(evidence.log[0].log_id, log.0.public().fingerprint().hex());
    assert_eq!((evidence.log[0].index, evidence.log[0].integrated_time), (7, Some(LOGGED_AT)));
    assert!(evidence.timestamps.is_empty() && evidence.unchecked_timestamps == 0);
}

#[test]
fn what_is_not_covered_by_the_log_is_not_reported_as_proven() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let without_promise: Change = |b| {
        let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
        entry["inclusionPromise"] = Value::Null;
        entry["integratedTime"] = "1".into();
        entry["logIndex"] = "99".into();
    };
    let bundle = logged(&signer, &log, NONE, NONE, without_promise);
    let evidence = verify(&bundle, &signer, &log.root()).expect("the proof is enough");
    assert_eq!((evidence.log[0].index, evidence.log[0].integrated_time), (0, None));
    let unchecked: Change = |b| {
        b["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]});
    };
    let bundle = logged(&signer, &log, NONE, NONE, unchecked);
    let evidence = verify(&bundle, &signer, &log.root()).expect("no authority is trusted");
    assert_eq!((evidence.timestamps.len(), evidence.unchecked_timestamps), (0, 1));
}

#[test]
fn statement_about_something_else_is_refused_or_attests() {
    let cases: &[(&str, Result<Claim, Cause>, Change)] = &[
        ("untouched", Ok(Claim::Signature), NONE),
        ("SLSA provenance", Ok(Claim::Attestation("https://slsa.dev/provenance/v1".into())), |s| {
            s["predicateType"] = "https://slsa.dev/provenance/v1".into()
        }),
        ("other subject", Err(Cause::SubjectMismatch), |s| {
            s["subject"][0]["digest"]["sha256"] = Digest::of(b"x").hex().into()
        }),
        ("sha512 only", Err(Cause::SubjectMismatch), |s| {
            s["subject"][0]["digest"] = json!({"sha512": Digest::of(b"x").hex().repeat(2)})
        }),
        ("1025 subjects", Err(Cause::Malformed), |s| {
            s["subject"] = vec![s["subject"][0].clone(); 1025].into()
        }),
        ("subject is no object", Err(Cause::Malformed), |s| s["subject"] = json!([[]])),
    ];
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    for (name, expected, said) in cases {
        let outcome = verify(&logged(&signer, &log, *said, NONE, NONE), &signer, &log.root());
        assert_eq!(&outcome.map(|evidence| evidence.claim), expected, "{name}");
    }
}

/// The log's reader would see another name there than the trusted key's.
#[test]
fn an_entry_with_a_certificate_is_not_one_of_the_bare_key() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let certificate = Sketch::new("somebody", &signer, "root").pem(&Signer::p256());
    for (verifier, expected) in
        [(signer.public().to_pem(), None), (certificate, Some(Cause::LogEntryNotBound))]
    {
        let mut bundle = logged(&signer, &log, NONE, NONE, NONE);
        let mut body = dsse_body(&bundle, &signer);
        body["spec"]["signatures"][0]["verifier"] = base64(verifier.as_bytes()).into();
        bundle["verificationMaterial"]["tlogEntries"] = json!([log.entry(&body, LOGGED_AT)]);
        assert_eq!(verify(&bundle, &signer, &log.root()).err(), expected, "{verifier}");
        let envelope = &bundle["dsseEnvelope"];
        let payload = STANDARD.decode(envelope["payload"].as_str().expect("text")).expect("base64");
        let signature = envelope["signatures"][0]["sig"].as_str().expect("text");
        let body = json!({
            "apiVersion": "0.0.2", "kind": "intoto",
            "spec": {"content": {
                "envelope": {
                    "payloadType": IN_TOTO,
                    "signatures": [{
                        "publicKey": base64(verifier.as_bytes()),
                        "sig": base64(signature.as_bytes()),
                    }],
                },
                "hash": {"algorithm": "sha256", "value": Digest::of(b"envelope").hex()},
                "payloadHash": {"algorithm": "sha256", "value": Digest::of(&payload).hex()},
            }},
        });
        bundle["verificationMaterial"]["tlogEntries"] = json!([log.entry(&body, LOGGED_AT)]);
        assert_eq!(verify(&bundle, &signer, &log.root()).err(), expected, "intoto {verifier}");
    }
}

#[test]
fn a_body_of_another_kind_than_the_entry_says_is_not_this_entry() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    for (field, value) in [("kind", "other"), ("apiVersion", "0.0.9")] {
        let mut bundle = logged(&signer, &log, NONE, NONE, NONE);
        let mut body = dsse_body(&bundle, &signer);
        body[field] = value.into();
        let mut entry = log.entry(&body, LOGGED_AT);
        entry["kindVersion"] = json!({"kind": "dsse", "version": "0.0.1"});
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        let outcome = verify(&bundle, &signer, &log.root());
        assert_eq!(outcome.expect_err(field), Cause::LogEntryNotBound, "{field}");
    }
}

#[test]
fn a_logged_message_is_bound_to_the_manifest_itself() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let manifest = manifest();
    let signature = signer.sign_base64(manifest.bytes());
    let message = |hash: &str| {
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hash}},
                "signature": {
                    "content": signature,
                    "publicKey": {"content": base64(signer.public().to_pem().as_bytes())},
                },
            },
        });
        json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "publicKey": {"hint": ""}, "tlogEntries": [log.entry(&body, LOGGED_AT)],
            },
            "messageSignature": {"signature": signature},
        })
    };
    let own = message(&manifest.digest().hex());
    assert_eq!(verify(&own, &signer, &log.root()).map(|e| e.claim), Ok(Claim::Signature));
    let other = message(&Digest::of(b"x").hex());
    assert_eq!(verify(&other, &signer, &log.root()), Err(Cause::LogEntryNotBound));
    let bundle = Bundle::parse(own.to_string().as_bytes()).expect("well formed");
    let by_digest = |digest| {
        let subject = Subject::Sha256(digest);
        bundle.verify_logged(&signer.public(), &log.root(), subject).err().map(|f| f.cause)
    };
    assert_eq!(by_digest(manifest.digest()), None);
    assert_eq!(by_digest(Digest::of(b"x")), Some(Cause::WrongSignature));
}

#[test]
fn bounds_of_an_entry_in_a_bundle_are_those_beside_a_signature() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let valid = logged(&signer, &log, NONE, NONE, NONE);
    for (pointer, most) in [
        ("/logIndex", MAX_INDEX),
        ("/integratedTime", MAX_TIME),
        ("/inclusionProof/logIndex", MAX_INDEX),
    ] {
        for (number, is_read) in [(most, true), (most + 1, false)] {
            let mut bundle = valid.clone();
            let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
            *entry.pointer_mut(pointer).expect("there") = number.to_string().into();
            let read = Bundle::parse(bundle.to_string().as_bytes());
            assert_eq!(read.is_ok(), is_read, "{pointer} {number}");
        }
    }
}

#[test]
fn key_in_an_entry_of_a_bundle_is_exactly_one_pem_block() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let manifest = manifest();
    let (hash, key) = (manifest.digest().hex(), signer.public().to_pem());
    let signature = signer.sign_base64(manifest.bytes());
    for (name, algorithm, verifier, expected) in [
        ("the key", "sha256", key.clone(), None),
        ("prose before it", "sha256", format!("prose\n{key}"), Some(Cause::LogEntryNotBound)),
        ("prose after it", "sha256", format!("{key}prose"), Some(Cause::LogEntryNotBound)),
        ("the key twice", "sha256", key.repeat(2), Some(Cause::LogEntryNotBound)),
        ("a hash of another name", "sha512", key, Some(Cause::Unsupported)),
    ] {
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": algorithm, "value": hash}},
                "signature": {
                    "content": signature,
                    "publicKey": {"content": base64(verifier.as_bytes())},
                },
            },
        });
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "publicKey": {"hint": ""}, "tlogEntries": [log.entry(&body, LOGGED_AT)],
            },
            "messageSignature": {"signature": signature},
        });
        assert_eq!(verify(&bundle, &signer, &log.root()).err(), expected, "{name}");
    }
}
