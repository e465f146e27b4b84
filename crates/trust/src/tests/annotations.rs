//! What stands beside a simple signature is read alike under the key of a log and under a trusted root.

use crate::rekor::{LogKey, MAX_ANNOTATION, MAX_INDEX, MAX_TIME};
use crate::sigstore_bundle::simple_signing::{Accompanied, Accompanying};
use crate::testing::HasPublicKey as _;
use crate::testing::scene::base64;
use crate::testing::{PrivateLog, Signer};
use crate::vouched::{LOG_ANNOTATION, Signed};
use bundle_oci::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PAYLOAD: &[u8] = b"a payload";

/// A signature and the log that took it in.
struct World {
    signer: Signer,
    log: PrivateLog,
    signature: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let signer = Signer::p256();
        let signature = signer.sign(PAYLOAD);
        Self { signer, log: PrivateLog(Signer::p256()), signature }
    }

    fn body(&self, verifier: &str) -> Value {
        json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": Digest::of(PAYLOAD).hex()}},
                "signature": {
                    "content": base64(&self.signature),
                    "publicKey": {"content": base64(verifier.as_bytes())},
                },
            },
        })
    }

    fn own_body(&self) -> Value {
        self.body(&self.signer.public().to_pem())
    }

    /// What the log signs of it.
    fn signed(&self, body: &Value, time: u64, index: u64) -> String {
        let id = self.log.0.public().fingerprint().hex();
        let body = base64(body.to_string().as_bytes());
        let payload = json!({
            "body": body, "integratedTime": time, "logIndex": index, "logID": id,
        });
        // In the order of canonical JSON.
        let canonical = format!(
            r#"{{"body":"{body}","integratedTime":{time},"logID":"{id}","logIndex":{index}}}"#
        );
        let timestamp = self.log.0.sign_base64(canonical.as_bytes());
        json!({"SignedEntryTimestamp": timestamp, "Payload": payload}).to_string()
    }

    /// Whether the signature counts with these annotations: under the key of the log, and under a root that names it.
    fn counts(&self, annotations: &BTreeMap<String, String>) -> [bool; 2] {
        let (key, payload, signature) = (self.signer.public(), PAYLOAD, &self.signature[..]);
        let signed = Signed { annotations: annotations.into(), payload, signature };
        let log = LogKey::new(self.log.0.public()).expect("the key of a log");
        let content = Accompanying::Simple { payload, signature };
        let accompanied = Accompanied { annotations: annotations.into(), content };
        [
            signed.by_logged_key([&key], &[log]).is_ok(),
            accompanied.verify_logged(&key, &self.log.root()).is_ok(),
        ]
    }

    fn counts_with(&self, entry: &str) -> [bool; 2] {
        self.counts(&BTreeMap::from([(LOG_ANNOTATION.to_owned(), entry.to_owned())]))
    }
}

#[test]
fn bounds_of_a_log_entry_are_the_same_under_key_and_root() {
    let world = World::new();
    let body = world.own_body();
    for (time, index, counts) in [
        (1_700_000_000, 7, true),
        (1, 0, true),
        (0, 7, false),
        (MAX_TIME + 1, 7, false),
        (1_700_000_000, MAX_INDEX, true),
        (1_700_000_000, MAX_INDEX + 1, false),
    ] {
        let entry = world.signed(&body, time, index);
        assert_eq!(world.counts_with(&entry), [counts; 2], "time {time}, index {index}");
    }
    let entry = world.signed(&body, 1_700_000_000, 7);
    for (length, counts) in [(MAX_ANNOTATION, true), (MAX_ANNOTATION + 1, false)] {
        let padded = format!("{entry}{}", " ".repeat(length - entry.len()));
        assert_eq!(world.counts_with(&padded), [counts; 2], "{length} bytes");
    }
}

#[test]
fn body_of_a_log_entry_is_read_alike_under_key_and_root() {
    let world = World::new();
    let key = world.signer.public().to_pem();
    let changed = |pointer: &str, value: Value| {
        let mut body = world.own_body();
        *body.pointer_mut(pointer).expect("there") = value;
        body
    };
    let mut further = world.own_body();
    further["spec"]["further"] = 1.into();
    let indented = key.replacen("\n", "\n ", 1);
    for (name, body, counts) in [
        ("untouched", world.own_body(), true),
        ("an unknown key", further, false),
        ("prose before the key", world.body(&format!("prose\n{key}")), false),
        ("prose after the key", world.body(&format!("{key}prose")), false),
        ("two keys", world.body(&key.repeat(2)), false),
        ("white space in the base64", world.body(&indented), false),
        ("another key", world.body(&Signer::p256().public().to_pem()), false),
        ("another hash", changed("/spec/data/hash/value", Digest::of(b"x").hex().into()), false),
        (
            "upper case",
            changed("/spec/data/hash/value", Digest::of(PAYLOAD).hex().to_uppercase().into()),
            false,
        ),
        ("SHA-512", changed("/spec/data/hash/algorithm", "sha512".into()), false),
        ("another kind", changed("/kind", "rekord".into()), false),
        ("another version", changed("/apiVersion", "0.0.2".into()), false),
        ("another signature", changed("/spec/signature/content", "AAAA".into()), false),
    ] {
        let entry = world.signed(&body, 1_700_000_000, 7);
        assert_eq!(world.counts_with(&entry), [counts; 2], "{name}");
    }
}

#[test]
fn names_of_annotations_are_read_alike_under_key_and_root() {
    let world = World::new();
    let entry = world.signed(&world.own_body(), 1_700_000_000, 7);
    let old = "dev.cosignproject.cosign/bundle";
    let other = format!("{entry} ");
    for (of, counts) in [
        (&[(LOG_ANNOTATION, &entry)][..], true),
        (&[(LOG_ANNOTATION, &entry), (old, &entry)], true),
        (&[(LOG_ANNOTATION, &entry), (old, &other)], false),
        (&[(old, &entry)], false),
        (&[], false),
    ] {
        let of: BTreeMap<String, String> =
            of.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect();
        assert_eq!(world.counts(&of), [counts; 2], "{:?}", of.keys());
    }
}
