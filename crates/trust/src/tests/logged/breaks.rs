//! Breaks of one field each, over a valid bundle.

use super::*;

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
