//! The logs that count, and the times at which they do.

use super::*;

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
