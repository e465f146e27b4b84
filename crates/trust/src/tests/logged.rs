//! Key-signed bundles with an entry of a private log: one-field breaks over valid ones.

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

#[test]
fn one_wrong_field_of_entry_or_bundle_is_enough_to_refuse() {
    let cases: &[(&str, Option<Cause>, Change, Change)] = &[
        ("untouched", None, NONE, NONE),
        (
            "payload hash of another",
            Some(Cause::LogEntryNotBound),
            |l| l["spec"]["payloadHash"]["value"] = Digest::of(b"x").hex().into(),
            NONE,
        ),
        (
            "signature of another",
            Some(Cause::LogEntryNotBound),
            |l| l["spec"]["signatures"][0]["signature"] = "AAAA".into(),
            NONE,
        ),
        (
            "key of another",
            Some(Cause::LogEntryNotBound),
            |l| {
                l["spec"]["signatures"][0]["verifier"] =
                    base64(Signer::p256().public().to_pem().as_bytes()).into()
            },
            NONE,
        ),
        (
            "two logged signatures",
            Some(Cause::LogEntryNotBound),
            |l| l["spec"]["signatures"] = vec![l["spec"]["signatures"][0].clone(); 2].into(),
            NONE,
        ),
        ("the same entry twice", Some(Cause::Malformed), NONE, |b| {
            let entry = b["verificationMaterial"]["tlogEntries"][0].clone();
            b["verificationMaterial"]["tlogEntries"] = json!([entry, entry]);
        }),
        ("promise only, version 0.1", None, NONE, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"] = Value::Null;
        }),
        ("promise only, version 0.3", Some(Cause::LogEntryMissing), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"] = Value::Null
        }),
        ("the same timestamp twice", None, NONE, |b| {
            // Nobody is trusted to make them, so nobody looks.
            b["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AAAA"}); 2]});
        }),
        ("proof only, version 0.1", Some(Cause::LogEntryMissing), NONE, |b| {
            b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            b["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"] = Value::Null;
        }),
        ("no entry", Some(Cause::LogEntryMissing), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"] = json!([])
        }),
        ("an entry without proof rides along", Some(Cause::LogEntryMissing), NONE, |b| {
            let mut bare = b["verificationMaterial"]["tlogEntries"][0].clone();
            bare["inclusionPromise"] = Value::Null;
            bare["inclusionProof"] = Value::Null;
            b["verificationMaterial"]["tlogEntries"].as_array_mut().expect("list").push(bare);
        }),
        ("other time", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1700000001".into()
        }),
        ("no time", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = Value::Null
        }),
        ("other index", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["logIndex"] = "8".into()
        }),
        ("other log", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"] = base64(&[7; 32]).into()
        }),
        ("other body", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"] = base64(b"{}").into()
        }),
        ("tree of another size", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["treeSize"] = "2".into()
        }),
        ("no checkpoint", Some(Cause::LogEntryInvalid), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"] =
                Value::Null
        }),
        ("checkpoint of a stranger", Some(Cause::LogEntryInvalid), NONE, |b| {
            let proof = &mut b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
            let root_hash = proof["rootHash"].as_str().expect("text").to_owned();
            proof["checkpoint"]["envelope"] =
                PrivateLog(Signer::p256()).checkpoint(&root_hash).into();
        }),
        ("kind that is not supported", Some(Cause::Unsupported), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["kind"] = "rekord".into()
        }),
        ("kind that does not go with an envelope", Some(Cause::Unsupported), NONE, |b| {
            b["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["kind"] =
                "hashedrekord".into()
        }),
        ("certificate instead of a key", Some(Cause::OtherMaterial), NONE, |b| {
            let material = b["verificationMaterial"].as_object_mut().expect("object");
            material.remove("publicKey");
            material.insert("certificate".into(), json!({"rawBytes": "AAAA"}));
        }),
        ("payload type changed", Some(Cause::PayloadType), NONE, |b| {
            b["dsseEnvelope"]["payloadType"] = "application/json".into()
        }),
        ("payload changed", Some(Cause::WrongSignature), NONE, |b| {
            b["dsseEnvelope"]["payload"] = "e30=".into()
        }),
    ];
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    for (name, expected, in_log, after) in cases {
        let bundle = logged(&signer, &log, NONE, *in_log, *after);
        assert_eq!(verify(&bundle, &signer, &log.root()).err(), *expected, "{name}");
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

/// A retired log proves nothing without a time: whoever has its key now can sign any checkpoint.
#[test]
fn a_proof_of_a_log_that_is_retired_needs_a_time() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let without_promise: Change =
        |b| b["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"] = Value::Null;
    for (end, promised, expected) in [
        (None, false, None),
        (Some("2024-01-01T00:00:00Z"), true, None),
        (Some("2024-01-01T00:00:00Z"), false, Some(Cause::LogEntryInvalid)),
        (Some("2023-01-01T00:00:00Z"), true, Some(Cause::LogEntryInvalid)),
    ] {
        let key = log.0.public();
        let mut period = json!({"start": "2020-01-01T00:00:00Z"});
        if let Some(end) = end {
            period["end"] = end.into();
        }
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": base64(key.spki()), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": period,
                },
                "logId": {"keyId": base64(key.fingerprint().as_bytes())},
            }],
        });
        let root = TrustedRoot::parse(root.to_string().as_bytes()).expect("a root");
        let after = if promised { NONE } else { without_promise };
        let bundle = logged(&signer, &log, NONE, NONE, after);
        assert_eq!(verify(&bundle, &signer, &root).err(), expected, "{end:?} {promised}");
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
fn an_entry_from_the_future_is_refused() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    for (at, expected) in [(LOGGED_AT, None), (9_000_000_000, Some(Cause::LogEntryInvalid))] {
        let mut bundle = logged(&signer, &log, NONE, NONE, NONE);
        let body = dsse_body(&bundle, &signer);
        bundle["verificationMaterial"]["tlogEntries"] = json!([log.entry(&body, at)]);
        assert_eq!(verify(&bundle, &signer, &log.root()).err(), expected, "{at}");
    }
}

#[test]
fn only_the_trusted_key_and_the_trusted_log_count() {
    let (signer, log) = (Signer::p256(), PrivateLog(Signer::p256()));
    let bundle = logged(&signer, &log, NONE, NONE, NONE);
    assert!(verify(&bundle, &signer, &log.root()).is_ok());
    let stranger = Signer::p256();
    assert_eq!(verify(&bundle, &stranger, &log.root()), Err(Cause::WrongSignature));
    let other = PrivateLog(Signer::p256()).root();
    assert_eq!(verify(&bundle, &signer, &other), Err(Cause::LogEntryInvalid));
}

/// A trusted log signs the checkpoint of an entry that says it is in another trusted log.
#[test]
fn checkpoint_of_another_trusted_log_proves_no_entry() {
    let (signer, log, second) =
        (Signer::p256(), PrivateLog(Signer::p256()), PrivateLog(Signer::p256()));
    let both =
        TrustedRoot::of_log_keys(&[log.0.public(), second.0.public()]).expect("a usable root");
    let mut bundle = logged(&signer, &log, NONE, NONE, NONE);
    assert!(verify(&bundle, &signer, &both).is_ok());
    let proof = &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
    let root_hash = proof["rootHash"].as_str().expect("text").to_owned();
    proof["checkpoint"]["envelope"] = second.checkpoint(&root_hash).into();
    assert_eq!(verify(&bundle, &signer, &both), Err(Cause::LogEntryInvalid));
}

#[test]
fn keys_without_a_form_in_the_log_are_refused_by_kind() {
    let log = PrivateLog(Signer::p256());
    for (signer, expected) in [
        (Signer::p256(), None),
        (Signer::ed25519(), None),
        (Signer::Rsa, None),
        (Signer::p521(), Some(Cause::Unsupported)),
    ] {
        let bundle = logged(&signer, &log, NONE, NONE, NONE);
        let outcome = verify(&bundle, &signer, &log.root());
        assert_eq!(outcome.err(), expected, "{:?}", signer.public());
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
