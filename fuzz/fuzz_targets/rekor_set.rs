#![no_main]
//! Signed entry timestamps: what verifies was signed by the log and is about this payload, this signature and this
//! verifier. By the first byte, the rest is an annotation, an entry that the log then signs, or the body of one.

use bundle::oci::Digest;
use bundle::trust::rekor::{self, Entry, LogKey, SignedEntry, Verifier};
use bundle_fuzz::{reading, world};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static LOGS: LazyLock<[LogKey; 1]> = LazyLock::new(|| [world::log_key()]);
static SIGNATURE: LazyLock<Vec<u8>> = LazyLock::new(|| world::constant_signature(world::PAYLOAD));
static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(world::constant_certificate);

fuzz_target!(|data: &[u8]| {
    let Some((form, data)) = data.split_first() else { return };
    let annotation = match form {
        0 => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
        1 => match serde_json::from_slice(data) {
            Ok(entry) => world::promise(&entry).to_string(),
            Err(_) => return,
        },
        _ => world::promise(&world::promised(data)).to_string(),
    };
    if let Err(error) = SignedEntry::parse(&annotation) {
        return reading::assert_bounded(&error);
    }
    let wire = reading::accepted(annotation.as_bytes());
    let entry = |verifier| Entry { payload: world::PAYLOAD, signature: &SIGNATURE, verifier };
    for verifier in [Verifier::Key(world::key()), Verifier::Certificate(&CERTIFICATE)] {
        match rekor::verify(&annotation, &*LOGS, &entry(verifier)) {
            Ok(logged) => {
                let payload = &wire["Payload"];
                assert_eq!(payload["integratedTime"].as_u64(), Some(logged.integrated_time));
                assert_eq!(payload["logIndex"].as_u64(), Some(logged.log_index));
                assert_eq!(payload["logID"], LOGS[0].id().hex());
                assert!(logged.integrated_time > 0);
                let body = reading::accepted(&reading::base64(&payload["body"]));
                check(&body, verifier);
            }
            Err(error) => reading::assert_bounded(&error),
        }
        let others = Entry { payload: b"other", ..entry(verifier) };
        assert!(rekor::verify(&annotation, &*LOGS, &others).is_err());
        assert!(rekor::verify(&annotation, &[], &entry(verifier)).is_err());
    }
});

fn check(body: &Value, verifier: Verifier<'_>) {
    assert_eq!((&body["kind"], &body["apiVersion"]), (&"hashedrekord".into(), &"0.0.1".into()));
    assert_eq!(body["spec"]["data"]["hash"]["value"], Digest::of(world::PAYLOAD).hex());
    let signature = &body["spec"]["signature"];
    assert_eq!(reading::base64(&signature["content"]), *SIGNATURE);
    let pem = reading::base64(&signature["publicKey"]["content"]);
    let der = match verifier {
        Verifier::Key(key) => key.spki(),
        Verifier::Certificate(der) => der,
    };
    assert_eq!(reading::pem(&pem), [der]);
}
