//! Sigstore bundles of the [`world`], and others made genuine, so that what comes after their signatures is reached.

use crate::world;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;
use bundle::trust::dsse::{Envelope, IN_TOTO};
use bundle_trust::testing::scene::{BUNDLE, base64, statement};
use serde_json::{Value, json};

/// What bundles say that they are.
pub const MEDIA_TYPE: &str = BUNDLE;
/// The content is signed by the signer.
pub const SIGNED: u8 = 1;
/// The bodies of log entries are about the content, its signature and its signer.
pub const BOUND: u8 = 2;
/// Log entries are promised and proven by the log.
pub const LOGGED: u8 = 4;

/// The statement that cosign makes of the image.
pub fn image_statement() -> Value {
    statement(world::manifest().digest())
}

/// The statement in an envelope, with an entry of the log.
pub fn of_statement(material: Value) -> Value {
    let payload = image_statement().to_string();
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": ""},
            "payloadHash": {"algorithm": "sha256", "value": ""},
            "signatures": [{"signature": "", "verifier": ""}],
        },
    });
    let content = ("dsseEnvelope", world::enveloped(payload.as_bytes(), IN_TOTO));
    genuine(content, material, &body)
}

/// The same, with an entry of the kind that older clients asked for.
pub fn of_old_statement(material: Value) -> Value {
    let payload = image_statement().to_string();
    let body = json!({
        "apiVersion": "0.0.2", "kind": "intoto",
        "spec": {"content": {
            "envelope": {"payloadType": IN_TOTO, "signatures": [{"publicKey": "", "sig": ""}]},
            "hash": {"algorithm": "sha256", "value": Digest::of(b"").hex()},
            "payloadHash": {"algorithm": "sha256", "value": ""},
        }},
    });
    let content = ("dsseEnvelope", world::enveloped(payload.as_bytes(), IN_TOTO));
    genuine(content, material, &body)
}

/// A signature over the manifest itself, with an entry of the log.
pub fn of_message(material: Value) -> Value {
    let body = json!({
        "apiVersion": "0.0.1", "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": ""}},
            "signature": {"content": "", "publicKey": {"content": ""}},
        },
    });
    let digest = base64(world::manifest().digest().as_bytes());
    let message = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
        "signature": "",
    });
    genuine(("messageSignature", message), material, &body)
}

/// Says that a key signed.
pub fn by_key() -> Value {
    json!({"publicKey": {"hint": "a hint"}})
}

/// Says that somebody with a certificate signed.
pub fn by_certificate() -> Value {
    json!({"certificate": {"rawBytes": base64(&world::certificate())}})
}

fn genuine(content: (&str, Value), material: Value, body: &Value) -> Value {
    let kind = json!({"kind": body["kind"], "version": body["apiVersion"]});
    let entry = world::log_entry(body.to_string().as_bytes(), &kind, world::LOGGED_AT);
    let mut bundle = json!({"mediaType": BUNDLE, "verificationMaterial": material});
    bundle[content.0] = content.1;
    bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
    vouch(&mut bundle, SIGNED | BOUND | LOGGED);
    bundle
}

/// Makes parts of a bundle genuine, whatever they say; nothing is added to it. `parts` are [`SIGNED`], [`BOUND`] and
/// [`LOGGED`].
pub fn vouch(bundle: &mut Value, parts: u8) {
    if parts & SIGNED != 0 {
        sign(bundle);
    }
    let about = About::of(bundle);
    let entries = bundle.pointer_mut("/verificationMaterial/tlogEntries");
    for entry in entries.and_then(Value::as_array_mut).into_iter().flatten() {
        if parts & BOUND != 0
            && let Some(about) = &about
        {
            about.bind(entry);
        }
        if parts & LOGGED != 0 {
            log(entry);
        }
    }
}

fn decoded(value: Option<&Value>) -> Option<Vec<u8>> {
    STANDARD.decode(value?.as_str()?).ok()
}

fn sign(bundle: &mut Value) {
    if let Some(signature) = bundle.pointer_mut("/messageSignature/signature") {
        *signature = base64(&world::sign(world::manifest().bytes())).into();
    }
    let Some(payload) = decoded(bundle.pointer("/dsseEnvelope/payload")) else { return };
    let Some(payload_type) = bundle.pointer("/dsseEnvelope/payloadType") else { return };
    let payload_type = payload_type.as_str().unwrap_or_default().to_owned();
    let message = Envelope { payload_type, payload, signature: Vec::new() }.signed_bytes();
    if let Some(signature) = bundle.pointer_mut("/dsseEnvelope/signatures/0/sig") {
        *signature = base64(&world::sign(&message)).into();
    }
}

/// What an entry of the log must be about.
struct About {
    hash: String,
    signature: Value,
    verifier: String,
}

impl About {
    fn of(bundle: &Value) -> Option<Self> {
        let signed = decoded(bundle.pointer("/dsseEnvelope/payload"));
        let signature = bundle.pointer("/dsseEnvelope/signatures/0/sig");
        let certificate = decoded(bundle.pointer("/verificationMaterial/certificate/rawBytes"));
        Some(Self {
            hash: Digest::of(signed.as_deref().unwrap_or(world::manifest().bytes())).hex(),
            signature: signature.or(bundle.pointer("/messageSignature/signature"))?.clone(),
            verifier: certificate
                .map_or_else(|| world::key().to_pem(), |der| world::certificate_pem(&der)),
        })
    }

    fn bind(&self, entry: &mut Value) {
        let Some(body) = decoded(entry.get("canonicalizedBody")) else { return };
        let Ok(mut body) = serde_json::from_slice::<Value>(&body) else { return };
        let verifier: Value = base64(self.verifier.as_bytes()).into();
        // Entries of kind `intoto` have base64 of the base64.
        let twice = base64(self.signature.as_str().unwrap_or_default().as_bytes()).into();
        for (place, value) in [
            ("/spec/payloadHash/value", Value::from(self.hash.as_str())),
            ("/spec/data/hash/value", self.hash.as_str().into()),
            ("/spec/signatures/0/signature", self.signature.clone()),
            ("/spec/signature/content", self.signature.clone()),
            ("/spec/signatures/0/verifier", verifier.clone()),
            ("/spec/signature/publicKey/content", verifier.clone()),
            ("/spec/content/payloadHash/value", self.hash.as_str().into()),
            ("/spec/content/envelope/signatures/0/sig", twice),
            ("/spec/content/envelope/signatures/0/publicKey", verifier),
        ] {
            if let Some(found) = body.pointer_mut(place) {
                *found = value;
            }
        }
        entry["canonicalizedBody"] = base64(body.to_string().as_bytes()).into();
    }
}

fn log(entry: &mut Value) {
    let Some(body) = decoded(entry.get("canonicalizedBody")) else { return };
    let time = entry.get("integratedTime").and_then(Value::as_str).unwrap_or_default();
    let kind = entry.get("kindVersion").cloned().unwrap_or_default();
    let genuine = world::log_entry(&body, &kind, time.parse().unwrap_or(world::LOGGED_AT));
    for part in ["inclusionPromise", "inclusionProof"] {
        if entry.get(part).is_some_and(Value::is_object) {
            entry[part] = genuine[part].clone();
        }
    }
    for part in ["logId", "logIndex"] {
        if entry.get(part).is_some() {
            entry[part] = genuine[part].clone();
        }
    }
}
