//! Documents read a second time, leniently and by other code than what is under test: what that accepted must look the
//! same from here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;
use serde_json::Value;

/// A document that was accepted.
pub fn accepted(bytes: &[u8]) -> Value {
    bundle::oci::json::parse_within(bytes, bytes.len())
        .expect("nothing is accepted but strict JSON");
    serde_json::from_slice(bytes).expect("strict JSON is JSON")
}

/// A value that was accepted as text.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("it was accepted as text")
}

/// A value that was accepted as base64.
pub fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).expect("it was accepted as base64")
}

/// What the signature of an envelope is over (DSSE, protocol.md).
pub fn signed_by_envelope(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} ", payload_type.len()).into_bytes();
    bytes.extend_from_slice(format!("{} ", payload.len()).as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A statement that was accepted. Of its predicate only the syntax was looked at.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    pub predicate_type: String,
    subject: Vec<Value>,
}

impl Statement {
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).expect("it was accepted as a statement")
    }

    /// True when a subject has this SHA-256.
    pub fn names(&self, digest: &Digest) -> bool {
        self.subject.iter().any(|subject| subject["digest"]["sha256"] == digest.hex().as_str())
    }
}

/// Whatever is printed of what an attacker wrote is short.
pub fn assert_bounded(message: &dyn std::fmt::Display) {
    let length = message.to_string().chars().count();
    assert!(length < 2_000, "a message of {length} characters");
}

/// Bytes as annotations have them.
pub fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The contents of PEM blocks, whatever they are called.
pub fn pem(text: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let pieces: Vec<&str> = text.split("-----").collect();
    let bodies = pieces.windows(3).filter(|window| window[0].starts_with("BEGIN "));
    let bodies = bodies.map(|window| window[1].split_whitespace().collect::<String>());
    bodies.filter_map(|body| STANDARD.decode(body).ok()).collect()
}
