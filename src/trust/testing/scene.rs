//! One image in a world, with what is attached to it and what is trusted.

use super::{Signer, Store};
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::trust::dsse::Envelope;
use crate::trust::{
    Admission, Anchors, AtomicSignature, Attached, Found, ImageUnderTest, ImageVerdict, Places,
    Policy, PreparedPolicy, RefusalCode, ScopedKey, SignatureCode, UnknownPlaces, cosign, judge,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) source: Reference,
    pub(crate) root: Descriptor,
    pub(crate) attached: Vec<Attached>,
    pub(crate) atomic: Vec<AtomicSignature>,
    pub(crate) omitted: BTreeSet<Digest>,
    pub(crate) name_bound: bool,
    pub(crate) pack_verdict_good: bool,
    pub(crate) anchors: Anchors,
    pub(crate) places: Box<dyn Places>,
}

pub(crate) fn wire(descriptor: &Descriptor) -> Value {
    json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
        "annotations": descriptor.annotations,
    })
}

impl Scene {
    /// `quay.io/org/repo:1`, one image, nothing attached, nothing trusted.
    pub(crate) fn image() -> Self {
        let mut store = Store::default();
        let root = image(&mut store, "linux", "amd64", None);
        Self {
            store,
            source: "quay.io/org/repo:1".parse().expect("a reference"),
            root,
            attached: Vec::new(),
            atomic: Vec::new(),
            omitted: BTreeSet::new(),
            name_bound: false,
            pack_verdict_good: false,
            anchors: Anchors::default(),
            places: Box::new(UnknownPlaces),
        }
    }

    /// The same, as an index of linux/amd64 and linux/arm/v7; gives the children too.
    pub(crate) fn index() -> (Self, Vec<Descriptor>) {
        let mut scene = Self::image();
        let children =
            vec![scene.root.clone(), image(&mut scene.store, "linux", "arm", Some("v7"))];
        scene.set_index(vec![
            listed(&children[0], json!({"os": "linux", "architecture": "amd64"})),
            listed(&children[1], json!({"os": "linux", "architecture": "arm", "variant": "v7"})),
        ]);
        (scene, children)
    }

    pub(crate) fn set_index(&mut self, entries: Vec<Value>) {
        let document =
            json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
        self.root = self.store.manifest(media_type::OCI_INDEX, &document);
    }

    pub(crate) fn trust(&mut self, scope: &str, signer: &Signer) {
        self.anchors.keys.push(ScopedKey {
            scope: scope.parse().expect("a scope"),
            key: signer.public(),
            name: "test.pub".into(),
        });
    }

    /// Lets a policy decide whose keys are in itself.
    pub(crate) fn set_policy(&mut self, policy: &Value) {
        let policy = Policy::parse(policy.to_string().as_bytes()).expect("a policy");
        let mut read = |_: &Path| Err(io::Error::other("no file is read"));
        self.anchors.policy = Some(PreparedPolicy::new(&policy, [&self.source], &mut read));
    }

    pub(crate) fn allow_unsigned(&mut self, pattern: &str) {
        self.anchors.allow_unsigned.push(pattern.parse().expect("a pattern"));
    }

    /// A valid payload for `subject` under this scene's repository.
    pub(crate) fn payload(&self, subject: &Descriptor) -> String {
        json!({
            "critical": {
                "identity": {"docker-reference": self.source.repository()},
                "image": {"docker-manifest-digest": subject.digest},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string()
    }

    /// Attaches a `.sig` manifest of one simple-signing layer.
    pub(crate) fn attach_simple(
        &mut self,
        subject: &Descriptor,
        payload: impl Into<Vec<u8>>,
        signature: Option<&str>,
    ) {
        let mut layer = self.store.blob(media_type::SIMPLE_SIGNING, payload.into());
        if let Some(signature) = signature {
            layer.annotations.insert(cosign::SIGNATURE_ANNOTATION.into(), signature.into());
        }
        self.attach_layers(subject, &[layer]);
    }

    pub(crate) fn attach_layers(&mut self, subject: &Descriptor, layers: &[Descriptor]) {
        let config = self.store.blob(CONFIG, "{}");
        let layers: Vec<Value> = layers.iter().map(wire).collect();
        let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": layers});
        let manifest = self.store.manifest(media_type::OCI_MANIFEST, &document);
        let tag = format!("sha256-{}.sig", subject.digest.hex());
        self.attached.push(Attached { subject: subject.digest, manifest, found: Found::Tag(tag) });
    }

    pub(crate) fn sign_simple(&mut self, subject: &Descriptor, signer: &Signer) {
        let payload = self.payload(subject);
        let signature = signer.sign_base64(payload.as_bytes());
        self.attach_simple(subject, payload, Some(&signature));
    }

    pub(crate) fn attach_bundle(&mut self, subject: &Descriptor, bundle: impl Into<Vec<u8>>) {
        let layer = self.store.blob(BUNDLE, bundle.into());
        let config = self.store.blob(media_type::OCI_EMPTY, "{}");
        let document = json!({
            "schemaVersion": 2, "artifactType": BUNDLE, "subject": wire(subject),
            "config": wire(&config), "layers": [wire(&layer)],
        });
        let manifest = self.store.manifest(media_type::OCI_MANIFEST, &document);
        let found = Found::Referrer;
        self.attached.push(Attached { subject: subject.digest, manifest, found });
    }

    pub(crate) fn judge(&self) -> ImageVerdict {
        let image = ImageUnderTest {
            source: &self.source,
            root: self.root.clone(),
            attached: &self.attached,
            atomic: &self.atomic,
            omitted: &self.omitted,
            name_bound: self.name_bound,
            pack_verdict_good: self.pack_verdict_good,
            places: &*self.places,
        };
        judge(&image, &self.anchors, &self.store)
    }

    pub(crate) fn codes(&self) -> Vec<SignatureCode> {
        self.judge().signatures().iter().map(|finding| finding.code).collect()
    }

    pub(crate) fn admission(&self) -> Admission {
        self.judge().admission().clone()
    }

    /// The code of the refusal that must come.
    pub(crate) fn refusal(&self) -> RefusalCode {
        match self.admission() {
            Admission::Refused(refusal) => refusal.code,
            other => panic!("admitted as {}", other.as_str()),
        }
    }
}

/// One image for a platform.
pub(crate) fn image(
    store: &mut Store,
    os: &str,
    architecture: &str,
    variant: Option<&str>,
) -> Descriptor {
    let mut config = json!({"os": os, "architecture": architecture});
    if let Some(variant) = variant {
        config["variant"] = variant.into();
    }
    let config = store.blob(CONFIG, config.to_string());
    let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": []});
    store.manifest(media_type::OCI_MANIFEST, &document)
}

/// An index entry for `child`.
pub(crate) fn listed(child: &Descriptor, platform: Value) -> Value {
    let mut entry = wire(child);
    entry["platform"] = platform;
    entry
}

/// A statement of cosign's signature type about `digest`.
pub(crate) fn statement(digest: Digest) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest.hex()}, "annotations": {}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    })
}

/// An envelope with `statement` that `signer` signed.
pub(crate) fn envelope(statement: &[u8], payload_type: &str, signer: &Signer) -> Value {
    let envelope = Envelope {
        payload_type: payload_type.into(),
        payload: statement.to_vec(),
        signature: Vec::new(),
    };
    json!({
        "payload": STANDARD.encode(statement),
        "payloadType": payload_type,
        "signatures": [{"sig": signer.sign_base64(&envelope.signed_bytes())}],
    })
}

/// A bundle with `statement` in an envelope that `signer` signed, as cosign 3 makes it.
pub(crate) fn bundle(statement: &[u8], payload_type: &str, signer: &Signer) -> Value {
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "a hint"}},
        "dsseEnvelope": envelope(statement, payload_type, signer),
    })
}

/// Standard base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
