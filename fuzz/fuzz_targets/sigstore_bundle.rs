#![no_main]
//! Sigstore bundles, and the same with genuine signatures and log entries: what verifies was signed by the signer, is
//! about the image, and the log's entry is about that very signature. The first byte says what is made genuine, and by
//! what the image is known.

use bundle::oci::Digest;
use bundle::trust::sigstore_bundle::{Bundle, Claim, Evidence, KeylessPolicy, Material, Subject};
use bundle::trust::statement::COSIGN_SIGNATURE;
use bundle::trust::trusted_root::TrustedRoot;
use bundle::trust::{Hashing, dsse};
use bundle_fuzz::{bundles, reading, world};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static LOGS: LazyLock<TrustedRoot> = LazyLock::new(world::log_root);
static KEYLESS: LazyLock<KeylessPolicy> = LazyLock::new(|| {
    let root = TrustedRoot::parse(world::trusted_root().to_string().as_bytes());
    world::keyless(root.expect("a usable root"))
});
/// What is neither the image nor anything that was signed.
const OTHER: [u8; 64] = [7; 64];

fuzz_target!(|data: &[u8]| {
    let Some((parts, data)) = data.split_first() else { return };
    let parsed = match Bundle::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => return reading::assert_bounded(&error),
    };
    let mut wire = reading::accepted(data);
    let again = Bundle::parse(wire.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&parsed), "how it is written makes no difference");
    bundles::vouch(&mut wire, *parts);
    let bundle = Bundle::parse(wire.to_string().as_bytes()).expect("it has the same shape");
    let manifest = world::manifest();
    let subject = match parts >> 3 & 3 {
        0 => Subject::Manifest(manifest),
        1 => Subject::Artifact(manifest.bytes()),
        2 => Subject::Sha256(manifest.digest()),
        _ => Subject::Sha512(&OTHER),
    };
    let (logged, keyless) = (
        bundle.verify_logged(world::key(), &LOGS, subject),
        bundle.verify_keyless(&KEYLESS, subject),
    );
    match bundle.material() {
        Material::Key => assert!(keyless.is_err(), "no certificate"),
        Material::Certificate => assert!(logged.is_err(), "no bare key"),
    }
    for outcome in [logged, keyless] {
        match outcome {
            Ok(evidence) => check(&wire, &evidence),
            Err(failure) => reading::assert_bounded(&failure),
        }
    }
});

fn check(wire: &Value, evidence: &Evidence) {
    let manifest = world::manifest();
    let (signed, signature, hash) =
        if let Some(message) = wire.get("messageSignature").filter(|m| !m.is_null()) {
            assert_eq!(evidence.claim, Claim::Signature);
            let signature = reading::base64(&message["signature"]);
            (manifest.bytes().to_vec(), signature, manifest.digest())
        } else {
            let envelope = &wire["dsseEnvelope"];
            assert_eq!(envelope["payloadType"], dsse::IN_TOTO);
            assert_eq!(envelope["signatures"].as_array().map(Vec::len), Some(1));
            let payload = reading::base64(&envelope["payload"]);
            let statement = reading::Statement::read(&payload);
            assert!(statement.names(&manifest.digest()));
            let is_signature = statement.predicate_type == COSIGN_SIGNATURE;
            assert_eq!(evidence.claim == Claim::Signature, is_signature);
            let signed = reading::signed_by_envelope(dsse::IN_TOTO, &payload);
            (signed, reading::base64(&envelope["signatures"][0]["sig"]), Digest::of(&payload))
        };
    world::key()
        .verify(Hashing::Sha256OrMatched, &signed, &signature)
        .expect("the signer signed it");
    let entries =
        wire["verificationMaterial"]["tlogEntries"].as_array().expect("a log is demanded");
    assert!(!entries.is_empty() && evidence.log.len() == entries.len());
    for entry in entries {
        let body: Value =
            serde_json::from_slice(&reading::base64(&entry["canonicalizedBody"])).expect("JSON");
        assert_eq!(body["kind"], entry["kindVersion"]["kind"]);
        let spec = &body["spec"];
        let (said, by) = match reading::text(&body["kind"]) {
            "hashedrekord" => {
                (&spec["data"]["hash"], reading::base64(&spec["signature"]["content"]))
            }
            "dsse" => {
                let signature = &spec["signatures"][0]["signature"];
                (&spec["payloadHash"], reading::base64(signature))
            }
            // Entries of this kind have base64 of the base64.
            "intoto" => {
                let content = &spec["content"];
                let once = reading::base64(&content["envelope"]["signatures"][0]["sig"]);
                let once = Value::from(String::from_utf8(once).expect("base64 is text"));
                (&content["payloadHash"], reading::base64(&once))
            }
            other => panic!("an entry of kind {other}"),
        };
        assert_eq!(said["value"], hash.hex(), "the entry is about what was signed");
        assert_eq!(by, signature, "the entry is about this signature");
    }
}
