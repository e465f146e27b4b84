//! A transparency log of one's own: entries as Rekor promises them beside simple signatures.

use super::registry::Registry;
use super::signatures::{SimpleSigning, cosign_tag, sig_manifest};
use super::signer::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;
use serde_json::{Value, json};

/// When every entry was taken in.
const INTEGRATED: u64 = 1_790_000_000;

/// The `dev.sigstore.cosign/bundle` annotation of a signature by `signer` (sigstore/rekor, hashedrekord 0.0.1).
fn entry(log: &Signer, signer: &Signer, payload: &[u8], signature: &str) -> String {
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": Digest::of(payload).hex() } },
            "signature": {
                "content": signature,
                "publicKey": { "content": STANDARD.encode(signer.public_pem()) },
            },
        },
    });
    let body = STANDARD.encode(body.to_string());
    let id = log.fingerprint().hex();
    // Canonical JSON (RFC 8785): keys in order, no blanks.
    let promised =
        format!(r#"{{"body":"{body}","integratedTime":{INTEGRATED},"logID":"{id}","logIndex":7}}"#);
    let promise = STANDARD.encode(log.sign(promised.as_bytes()));
    json!({
        "SignedEntryTimestamp": promise,
        "Payload": { "body": body, "integratedTime": INTEGRATED, "logIndex": 7, "logID": id },
    })
    .to_string()
}

/// Signs `digest` under the name `identity`, with an entry of `log`.
pub(crate) fn sign_logged(
    registry: &Registry,
    repository: &str,
    digest: &Digest,
    (signer, log): (&Signer, &Signer),
    identity: &str,
) {
    let mut signature = SimpleSigning::new(signer, identity, digest);
    let text = signature.signature.clone().expect("a signature");
    let entry = entry(log, signer, &signature.payload, &text);
    signature.annotations = json!({ "dev.sigstore.cosign/bundle": entry });
    sig_manifest(&[signature]).push(registry, repository, Some(&cosign_tag(digest, "sig")));
}

/// A `trusted_root.json` that names this log and nothing else.
pub(crate) fn trusted_root(log: &Signer) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(log.spki()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": { "start": "2020-01-01T00:00:00Z" },
            },
            "logId": { "keyId": STANDARD.encode(log.fingerprint().as_bytes()) },
        }],
    })
}
