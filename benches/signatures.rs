//! What judging signatures costs: `cargo bench --bench signatures`. 1,000 images, each with one signature of simple
//! signing; the target is one second on one core.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::{Descriptor, Digest, Manifest, media_type};
use bundle::trust::{
    Anchors, Attached, Evidence, EvidenceError, Found, ImageUnderTest, PublicKey, Scope, ScopedKey,
    StatedAtPack, UnknownPlaces, judge,
};
use bytes::Bytes;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

const IMAGES: usize = 1_000;
const RUNS: usize = 5;
const TARGET: Duration = Duration::from_secs(1);

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{IMAGES} images with one signature each, the fastest of {RUNS} runs");
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let rsa = RsaKeyPair::generate(KeySize::Rsa4096).expect("a key");
    let spki = |der: Result<_, _>| {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = der.expect("a public key");
        PublicKey::from_spki(der.as_ref().to_vec()).expect("a usable key")
    };
    let by_p256 = |message: &[u8]| p256.sign(&random, message).expect("signed").as_ref().to_vec();
    let by_ed25519 = |message: &[u8]| ed25519.sign(message).as_ref().to_vec();
    let by_rsa = |message: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
        signature
    };
    report("ECDSA P-256", cores, &World::new(spki(p256.public_key().as_der()), &by_p256));
    report("Ed25519", cores, &World::new(spki(ed25519.public_key().as_der()), &by_ed25519));
    report("RSA-4096", cores, &World::new(spki(rsa.public_key().as_der()), &by_rsa));
}

fn report(algorithm: &str, cores: usize, world: &World) {
    let fastest = |threads: usize| (0..RUNS).map(|_| world.judge_all(threads)).min();
    let (one, all) = (fastest(1).unwrap_or_default(), fastest(cores).unwrap_or_default());
    println!(
        "{algorithm:12} one core {:6.1} ms (≤ {} ms), {cores} cores {:6.1} ms",
        one.as_secs_f64() * 1e3,
        TARGET.as_millis(),
        all.as_secs_f64() * 1e3,
    );
}

/// Signed images, in memory.
struct World {
    anchors: Anchors,
    manifests: HashMap<Digest, Manifest>,
    blobs: HashMap<Digest, Bytes>,
    images: Vec<(bundle::oci::Reference, Descriptor, Vec<Attached>)>,
}

impl World {
    fn new(key: PublicKey, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> Self {
        let scope: Scope = "quay.io".parse().expect("a scope");
        let mut anchors = Anchors::default();
        anchors.keys.push(ScopedKey { scope, key, name: "release.pub".into() });
        let (manifests, blobs, images) = Default::default();
        let mut world = Self { anchors, manifests, blobs, images };
        for number in 0..IMAGES {
            let root = world.image(json!({"image": number}), vec![]);
            let repository = format!("quay.io/org/app-{number}");
            let payload = json!({
                "critical": {
                    "identity": {"docker-reference": repository},
                    "image": {"docker-manifest-digest": root.digest},
                    "type": "cosign container image signature",
                },
                "optional": null,
            });
            let payload = Bytes::from(payload.to_string());
            let mut layer = world.add_blob(media_type::SIMPLE_SIGNING, payload.clone());
            let signature = STANDARD.encode(sign(&payload));
            layer.annotations.insert("dev.cosignproject.cosign/signature".into(), signature);
            let manifest = world.image(json!({}), vec![layer]);
            let tag = format!("sha256-{}.sig", root.digest.hex());
            let found = Found::Tag(tag);
            let attached = vec![Attached { subject: root.digest, manifest, found }];
            let source = format!("{repository}:1").parse().expect("a reference");
            world.images.push((source, root, attached));
        }
        world
    }

    fn add_blob(&mut self, media_type: &str, content: Bytes) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &content);
        self.blobs.insert(descriptor.digest, content);
        descriptor
    }

    fn image(&mut self, config: serde_json::Value, layers: Vec<Descriptor>) -> Descriptor {
        const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
        let config = self.add_blob(CONFIG, config.to_string().into());
        let wire = |d: &Descriptor| json!({"mediaType": d.media_type, "digest": d.digest, "size": d.size, "annotations": d.annotations});
        let layers: Vec<_> = layers.iter().map(wire).collect();
        let document = json!({"schemaVersion": 2, "config": wire(&config), "layers": layers});
        let manifest = Manifest::parse(document.to_string().into(), media_type::OCI_MANIFEST);
        let manifest = manifest.expect("a manifest");
        let descriptor = manifest.descriptor();
        self.manifests.insert(descriptor.digest, manifest);
        descriptor
    }

    fn judge_all(&self, threads: usize) -> Duration {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for share in self.images.chunks(IMAGES.div_ceil(threads)) {
                scope.spawn(move || share.iter().for_each(|image| self.judge(image)));
            }
        });
        begun.elapsed()
    }

    fn judge(
        &self,
        (source, root, attached): &(bundle::oci::Reference, Descriptor, Vec<Attached>),
    ) {
        let image = ImageUnderTest {
            source,
            root: root.clone(),
            attached,
            atomic: &[],
            omitted: &BTreeSet::new(),
            name_bound: false,
            stated: StatedAtPack::Nothing,
            places: &UnknownPlaces,
        };
        assert!(judge(&image, &self.anchors, self).is_admitted(), "{source}");
    }
}

impl Evidence for World {
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError> {
        Ok(self.manifests.get(digest).cloned())
    }

    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError> {
        self.blobs.get(&blob.digest).cloned().ok_or_else(|| EvidenceError::new("no such blob"))
    }
}
