//! Signatures and attestations in both of cosign's forms, made without cosign, each field of which can be made wrong.

use super::images::{CONFIG, Content, TestImage, empty_config, manifest, manifest_with};
use super::registry::Registry;
use super::signer::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;
use bundle::oci::media_type::SIMPLE_SIGNING;
use serde_json::{Value, json};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Predicate type that makes a DSSE statement an image signature (cosign 3).
pub(crate) const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// Type of what a DSSE envelope holds.
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// One layer of a `.sig` manifest: the payload, and the signature over it.
#[derive(Debug, Clone)]
pub(crate) struct SimpleSigning {
    /// The signed bytes. Change them after signing to break the signature, before to sign something else.
    pub(crate) payload: Vec<u8>,
    /// The signature annotation; `None` leaves it out.
    pub(crate) signature: Option<String>,
    /// The layer's media type.
    pub(crate) media_type: String,
    /// More annotations of the layer.
    pub(crate) annotations: Value,
}

impl SimpleSigning {
    /// What `cosign sign` makes of `digest` in `repository`.
    pub(crate) fn new(signer: &Signer, repository: &str, digest: &Digest) -> Self {
        Self::of_payload(signer, simple_payload(repository, &digest.to_string()).to_string())
    }

    /// A signature over any payload.
    pub(crate) fn of_payload(signer: &Signer, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        let signature = Some(STANDARD.encode(signer.sign(&payload)));
        let (media_type, annotations) = (SIMPLE_SIGNING.to_owned(), json!({}));
        Self { payload, signature, media_type, annotations }
    }
}

/// The payload of simple signing, to be changed before it is signed.
pub(crate) fn simple_payload(docker_reference: &str, digest: &str) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": docker_reference },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}

/// The `.sig` manifest of these signatures.
pub(crate) fn sig_manifest(signatures: &[SimpleSigning]) -> TestImage {
    let layers: Vec<_> = signatures
        .iter()
        .map(|signature| Content::new(&signature.media_type, signature.payload.clone()))
        .collect();
    let descriptors = signatures.iter().zip(&layers).map(|(signature, layer)| {
        let mut descriptor = layer.descriptor();
        descriptor["annotations"] = signature.annotations.clone();
        if let Some(text) = &signature.signature {
            descriptor["annotations"][SIGNATURE] = json!(text);
        }
        descriptor
    });
    let diff_ids: Vec<_> = layers.iter().map(Content::digest).collect();
    let never = "0001-01-01T00:00:00Z";
    let config = json!({
        "architecture": "", "created": never, "history": vec![json!({ "created": never }); layers.len()],
        "os": "", "rootfs": { "type": "layers", "diff_ids": diff_ids }, "config": {},
    });
    let descriptors = descriptors.collect();
    manifest_with(Content::new(CONFIG, config.to_string()), layers, descriptors, json!({}))
}

/// The tag under which cosign 2 looks for what belongs to `digest`: `sha256-<hex>.sig`, `.att`, `.sbom`.
pub(crate) fn cosign_tag(digest: &Digest, ending: &str) -> String {
    format!("sha256-{}.{ending}", digest.hex())
}

/// Signs `digest` in `repository` and pushes the signature; the identity is the repository at this registry.
pub(crate) fn sign_simple(registry: &Registry, repository: &str, digest: &Digest, signer: &Signer) {
    let identity = format!("{}/{repository}", registry.address());
    sign_simple_as(registry, repository, digest, signer, &identity);
}

/// As [`sign_simple`], with the identity given.
pub(crate) fn sign_simple_as(
    registry: &Registry,
    repository: &str,
    digest: &Digest,
    signer: &Signer,
    identity: &str,
) {
    let signature = SimpleSigning::new(signer, identity, digest);
    sig_manifest(&[signature]).push(registry, repository, Some(&cosign_tag(digest, "sig")));
}

/// A key-signed Sigstore bundle, as cosign 3 makes it without a log.
#[derive(Debug, Clone)]
pub(crate) struct SigstoreBundle {
    /// The document; change it to break it.
    pub(crate) document: Value,
    /// The predicate type, for the manifest's annotation.
    pub(crate) predicate_type: String,
    /// Media type of the layer, and the manifest's artifact type.
    pub(crate) media_type: String,
}

impl SigstoreBundle {
    /// An image signature of `digest`.
    pub(crate) fn sign(signer: &Signer, digest: &Digest) -> Self {
        Self::attest(signer, digest, SIGN_PREDICATE, &json!({}))
    }

    /// An attestation of `digest`.
    pub(crate) fn attest(
        signer: &Signer,
        digest: &Digest,
        predicate: &str,
        content: &Value,
    ) -> Self {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": digest.hex() }, "annotations": {} }],
            "predicateType": predicate,
            "predicate": content,
        });
        Self::of_statement(signer, &statement)
    }

    /// A bundle of any statement.
    pub(crate) fn of_statement(signer: &Signer, statement: &Value) -> Self {
        let payload = statement.to_string();
        let signature = signer.sign(&pre_authentication_encoding(IN_TOTO, payload.as_bytes()));
        let document = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "publicKey": { "hint": STANDARD.encode(signer.fingerprint().as_bytes()) },
            },
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload),
                "payloadType": IN_TOTO,
                "signatures": [{ "sig": STANDARD.encode(signature) }],
            },
        });
        let predicate_type = statement["predicateType"].as_str().unwrap_or_default().to_owned();
        Self { document, predicate_type, media_type: BUNDLE.to_owned() }
    }

    /// The referrer of `subject` that carries it.
    pub(crate) fn referrer(&self, subject: &Content) -> TestImage {
        let layer = Content::new(&self.media_type, self.document.to_string());
        let more = json!({
            "artifactType": self.media_type,
            "subject": subject.descriptor(),
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": self.predicate_type,
                "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
            },
        });
        manifest(empty_config(), vec![layer], more)
    }
}

/// What a DSSE signature is over (DSSE v1, protocol.md).
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Signs `subject` in bundle form and attaches the signature.
pub(crate) fn sign_bundle(
    registry: &Registry,
    repository: &str,
    subject: &TestImage,
    signer: &Signer,
) {
    let bundle = SigstoreBundle::sign(signer, &subject.digest());
    bundle.referrer(&subject.manifest).push_referrer(registry, repository);
}
