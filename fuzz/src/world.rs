//! Somebody who signs, a log, an authority and an image, out of the tests' own world, and the same in every process: a
//! seed that one made means something to the next.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use bundle::oci::{Descriptor, Manifest, Reference, media_type};
use bundle::trust::rekor::LogKey;
use bundle::trust::sigstore_bundle::KeylessPolicy;
use bundle::trust::trusted_root::TrustedRoot;
use bundle::trust::{Anchors, ImageVerdict, PublicKey};
use bundle_trust::testing::HasPublicKey as _;
use bundle_trust::testing::certificates::{
    EMAIL, Sketch, authority, key_usage, names, new_issuer, old_issuer, pem, purposes,
};
use bundle_trust::testing::scene::{base64, envelope};
use bundle_trust::testing::{PrivateLog, Scene, Signer};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// Whom certificates name.
pub const ME: &str = "me@example.com";
/// Who says so.
pub const ISSUER: &str = "https://login.example";
/// What [`constant_signature`] is over, where a log has an entry of it.
pub const PAYLOAD: &[u8] = b"a payload";
/// When the log takes things in, in seconds since 1970: 2023-11-14 22:13:20.
pub const LOGGED_AT: i64 = 1_700_000_000;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| p256(1));
static LOG: LazyLock<PrivateLog> = LazyLock::new(|| PrivateLog(p256(2)));
static AUTHORITY: LazyLock<Signer> = LazyLock::new(|| p256(3));
static KEY: LazyLock<PublicKey> = LazyLock::new(|| SIGNER.public());
static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    let scene = Scene::image();
    scene.store.manifests[&scene.root.digest].clone()
});

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let mut scene = Scene::image();
    scene.trust("*", &SIGNER);
    scene.anchors
});

/// A key that nobody needs to keep secret (RFC 5915 §3).
fn p256(secret: u8) -> Signer {
    const CURVE: [u8; 12] = [0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let der = [&[0x30, 0x31, 2, 1, 1, 4, 32][..], &[secret; 32], &CURVE].concat();
    let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der);
    Signer::Ecdsa(key.expect("a P-256 key"))
}

/// One who makes the same signature every time, which ECDSA does not.
fn ed25519() -> Signer {
    Signer::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[4; 32]).expect("an Ed25519 key"))
}

/// The signer's key.
pub fn key() -> &'static PublicKey {
    &KEY
}

/// The signer's signature over `message`.
pub fn sign(message: &[u8]) -> Vec<u8> {
    SIGNER.sign(message)
}

/// An envelope around `payload`, signed.
pub fn enveloped(payload: &[u8], payload_type: &str) -> Value {
    envelope(payload, payload_type, &SIGNER)
}

/// The image's manifest.
pub fn manifest() -> &'static Manifest {
    &MANIFEST
}

/// Where the image comes from.
pub fn source() -> Reference {
    Scene::image().source
}

/// The payload of a simple signature of the image.
pub fn payload() -> String {
    let scene = Scene::image();
    scene.payload(&scene.root)
}

/// The key of the log.
pub fn log_key() -> LogKey {
    LogKey::new(LOG.0.public()).expect("an ECDSA key")
}

/// A root that holds the log only.
pub fn log_root() -> TrustedRoot {
    LOG.root()
}

/// The log's entry of `body`, as bundles have it.
pub fn log_entry(body: &[u8], kind: &Value, at: i64) -> Value {
    LOG.entry_of(body, kind, at)
}

/// The annotation of a simple signature in which the log promises `entry`, an object with the keys of a `Payload`.
/// serde_json keeps keys sorted, as canonical JSON has them.
pub fn promise(entry: &Value) -> Value {
    let timestamp = LOG.0.sign_base64(entry.to_string().as_bytes());
    json!({"SignedEntryTimestamp": timestamp, "Payload": entry})
}

/// What the log promises of `body`.
pub fn promised(body: &[u8]) -> Value {
    json!({
        "body": base64(body),
        "integratedTime": LOGGED_AT,
        "logIndex": 7,
        "logID": LOG.0.public().fingerprint().hex(),
    })
}

fn leaf(key: &Signer) -> Sketch {
    let sketch = Sketch::new("", key, "root").valid("20231114221000Z", "20231114222000Z");
    let sketch = sketch.with(key_usage(0)).with(purposes(&["1.3.6.1.5.5.7.3.3"]));
    let sketch = sketch.with(names(&[(EMAIL, ME.as_bytes())]));
    sketch.with(old_issuer(ISSUER)).with(new_issuer(ISSUER))
}

/// The signer's certificate by the authority, in DER; another one every time.
pub fn certificate() -> Vec<u8> {
    leaf(&SIGNER).signed_by(&AUTHORITY)
}

/// A certificate that is the same every time. No authority that is trusted made it.
pub fn constant_certificate() -> Vec<u8> {
    leaf(&ed25519()).signed_by(&ed25519())
}

/// A signature that is the same every time.
pub fn constant_signature(message: &[u8]) -> Vec<u8> {
    ed25519().sign(message)
}

/// The authority's own certificate in DER; another one every time.
pub fn authority_certificate() -> Vec<u8> {
    let sketch = Sketch::new("root", &AUTHORITY, "root");
    sketch.with(authority(None)).with(key_usage(5)).signed_by(&AUTHORITY)
}

/// The authority's key.
pub fn authority_key() -> PublicKey {
    AUTHORITY.public()
}

/// A certificate in PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    pem(der)
}

/// A `trusted_root.json` with the authority and the log. It names no certificate transparency log: a certificate that
/// is in one cannot be made without implementing one.
pub fn trusted_root() -> Value {
    let log = LOG.0.public();
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64(log.spki()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": base64(log.fingerprint().as_bytes())},
        }],
        "certificateAuthorities": [{
            "subject": {"organization": "example", "commonName": "root"},
            "uri": "https://authority.example",
            "certChain": {"certificates": [{"rawBytes": base64(&authority_certificate())}]},
            "validFor": {"start": "2020-01-01T00:00:00Z", "end": "2040-01-01T00:00:00Z"},
        }],
        "ctlogs": [],
        "timestampAuthorities": [],
    })
}

/// Demands a certificate for [`ME`] under `root`.
pub fn keyless(root: TrustedRoot) -> KeylessPolicy {
    KeylessPolicy { root: Arc::new(root), identity: ME.into(), issuer: ISSUER.into() }
}

/// What is attached to the image when it is judged.
#[derive(Debug, Clone, Copy)]
pub enum Attachment<'a> {
    /// A simple signature: the payload, and the signature in base64.
    Simple(&'a [u8], &'a str),
    /// The layer of an `.att` manifest.
    Envelope(&'a [u8]),
    /// A Sigstore bundle.
    Bundle(&'a [u8]),
}

/// Judges the image with one thing attached. Its name is taken for bound.
pub fn judge(attachment: Attachment<'_>, anchors: Anchors) -> ImageVerdict {
    let mut scene = Scene { anchors, name_bound: true, ..Scene::image() };
    let root: Descriptor = scene.root.clone();
    match attachment {
        Attachment::Simple(payload, signature) => {
            scene.attach_simple(&root, payload, Some(signature));
        }
        Attachment::Envelope(bytes) => {
            let layer = scene.store.blob(media_type::DSSE, bytes.to_vec());
            scene.attach_layers(&root, &[layer]);
        }
        Attachment::Bundle(bytes) => scene.attach_bundle(&root, bytes),
    }
    scene.judge()
}

/// Trusts the signer's key for everything.
pub fn anchors() -> Anchors {
    ANCHORS.clone()
}
