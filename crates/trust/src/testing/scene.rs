//! One image in a world, with what is attached to it and what is trusted.

use super::HasPublicKey as _;
use super::{Signer, Store};
use crate::formats::dsse::Envelope;
use crate::{
    Admission, Anchors, AtomicSignature, Attached, Found, ImageUnderTest, ImageVerdict, Places,
    Policy, PreparedPolicy, RefusalCode, ScopedKey, SignatureCode, StatedAtPack, UnknownPlaces,
    judge, simple_signing,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Descriptor, Digest, Reference, media_type};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Media type of image configs.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of Sigstore bundles.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An image, its evidence and what is trusted.
pub struct Scene {
    /// Manifests and blobs.
    pub store: Store,
    /// Name of the image at its source.
    pub source: Reference,
    /// Manifest or index of the image.
    pub root: Descriptor,
    /// Attachments of the image.
    pub attached: Vec<Attached>,
    /// GPG signatures of the image.
    pub atomic: Vec<AtomicSignature>,
    /// Children that were not carried.
    pub omitted: BTreeSet<Digest>,
    /// Whether an authentic bundle states the name.
    pub name_bound: bool,
    /// What the inventory states.
    pub stated: StatedAtPack,
    /// What is trusted.
    pub anchors: Anchors,
    /// Where images go at the target.
    pub places: Box<dyn Places>,
}

/// The descriptor as JSON.
pub fn wire(descriptor: &Descriptor) -> Value {
    json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
        "annotations": descriptor.annotations,
    })
}

impl Scene {
    /// `quay.io/org/repo:1`, one image, nothing attached, nothing trusted.
    pub fn image() -> Self {
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
            stated: StatedAtPack::Nothing,
            anchors: Anchors::default(),
            places: Box::new(UnknownPlaces),
        }
    }

    /// The same, as an index of linux/amd64 and linux/arm/v7; gives the children too.
    pub fn index() -> (Self, Vec<Descriptor>) {
        let mut scene = Self::image();
        let children =
            vec![scene.root.clone(), image(&mut scene.store, "linux", "arm", Some("v7"))];
        scene.set_index(vec![
            listed(&children[0], json!({"os": "linux", "architecture": "amd64"})),
            listed(&children[1], json!({"os": "linux", "architecture": "arm", "variant": "v7"})),
        ]);
        (scene, children)
    }

    /// Replaces the image by an index of these entries.
    pub fn set_index(&mut self, entries: Vec<Value>) {
        let document =
            json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
        self.root = self.store.manifest(media_type::OCI_INDEX, &document);
    }

    /// Trusts a signer for a scope.
    pub fn trust(&mut self, scope: &str, signer: &Signer) {
        self.anchors.keys.push(ScopedKey {
            scope: scope.parse().expect("a scope"),
            key: signer.public(),
            name: "test.pub".into(),
        });
    }

    /// Lets a policy decide whose keys are in itself.
    pub fn set_policy(&mut self, policy: &Value) {
        let policy = Policy::parse(policy.to_string().as_bytes()).expect("a policy");
        let mut read = |_: &Path| Err(io::Error::other("no file is read"));
        self.anchors.policy = Some(PreparedPolicy::new(&policy, [&self.source], &mut read));
    }

    /// Permits a pattern to come unsigned.
    pub fn allow_unsigned(&mut self, pattern: &str) {
        self.anchors.allow_unsigned.push(pattern.parse().expect("a pattern"));
    }

    /// A valid payload for `subject` under this scene's repository.
    pub fn payload(&self, subject: &Descriptor) -> String {
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
    pub fn attach_simple(
        &mut self,
        subject: &Descriptor,
        payload: impl Into<Vec<u8>>,
        signature: Option<&str>,
    ) {
        let mut layer = self.store.blob(media_type::SIMPLE_SIGNING, payload.into());
        if let Some(signature) = signature {
            layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature.into());
        }
        self.attach_layers(subject, &[layer]);
    }

    /// Attaches a signature manifest with these layers.
    pub fn attach_layers(&mut self, subject: &Descriptor, layers: &[Descriptor]) {
        let config = self.store.blob(CONFIG, "{}");
        let layers: Vec<Value> = layers.iter().map(wire).collect();
        let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": layers});
        let manifest = self.store.manifest(media_type::OCI_MANIFEST, &document);
        let tag = format!("sha256-{}.sig", subject.digest.hex());
        self.attached.push(Attached { subject: subject.digest, manifest, found: Found::Tag(tag) });
    }

    /// Attaches a simple signature.
    pub fn sign_simple(&mut self, subject: &Descriptor, signer: &Signer) {
        let payload = self.payload(subject);
        let signature = signer.sign_base64(payload.as_bytes());
        self.attach_simple(subject, payload, Some(&signature));
    }

    /// Attaches a Sigstore bundle.
    pub fn attach_bundle(&mut self, subject: &Descriptor, bundle: impl Into<Vec<u8>>) {
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

    /// The verdict.
    pub fn judge(&self) -> ImageVerdict {
        let image = ImageUnderTest {
            source: &self.source,
            root: self.root.clone(),
            attached: &self.attached,
            atomic: &self.atomic,
            omitted: &self.omitted,
            name_bound: self.name_bound,
            stated: self.stated,
            places: &*self.places,
        };
        judge(&image, &self.anchors, &self.store)
    }

    /// The code of each finding.
    pub fn codes(&self) -> Vec<SignatureCode> {
        self.judge().signatures().iter().map(|finding| finding.code).collect()
    }

    /// The admission of the verdict.
    pub fn admission(&self) -> Admission {
        self.judge().admission().clone()
    }

    /// The code of the refusal that must come.
    pub fn refusal(&self) -> RefusalCode {
        match self.admission() {
            Admission::Refused(refusal) => refusal.code,
            other => panic!("admitted as {}", other.as_str()),
        }
    }
}

/// One image for a platform.
pub fn image(store: &mut Store, os: &str, architecture: &str, variant: Option<&str>) -> Descriptor {
    let mut config = json!({"os": os, "architecture": architecture});
    if let Some(variant) = variant {
        config["variant"] = variant.into();
    }
    let config = store.blob(CONFIG, config.to_string());
    let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": []});
    store.manifest(media_type::OCI_MANIFEST, &document)
}

/// An index entry for `child`.
pub fn listed(child: &Descriptor, platform: Value) -> Value {
    let mut entry = wire(child);
    entry["platform"] = platform;
    entry
}

/// A statement of cosign's signature type about `digest`.
pub fn statement(digest: Digest) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest.hex()}, "annotations": {}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    })
}

/// An envelope with `statement` that `signer` signed.
pub fn envelope(statement: &[u8], payload_type: &str, signer: &Signer) -> Value {
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
pub fn bundle(statement: &[u8], payload_type: &str, signer: &Signer) -> Value {
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "a hint"}},
        "dsseEnvelope": envelope(statement, payload_type, signer),
    })
}

/// Standard base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
