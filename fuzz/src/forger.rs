//! Whole bundles as a courier forges them: inventory, indexes, manifests and attachments, every choice one byte of the
//! fuzzer's. Most of what comes out is consistent, so that it reaches the verifier.
//!
//! The forger keeps a ledger of what the trusted key signed. By it alone [`Ledger::admits`] decides anew whether an image
//! may be admitted.

mod ledger;
mod writing;

use crate::world;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::archive::testing::{Contents, image_entry};
use bundle::inventory::{AttachmentEntry, AttachmentKind, Found, ImageEntry, PackVerdict, Stored};
use bundle::oci::{Descriptor, Digest, Platform, Reference, media_type};
pub use ledger::{Ledger, plain};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the trusted key is good for.
pub const SCOPE: &str = "registry.example/team";
/// Repositories that the key is for, and that sources are in or could be in.
pub const TEAM: [&str; 5] = [
    "registry.example/team",
    "registry.example/team/app",
    "registry.example/team/app/app",
    "registry.example/team/app/below",
    "registry.example/team/other",
];
const SOURCES: [&str; 8] = [
    "registry.example/team/app:1",
    "registry.example/team/app:2",
    "registry.example/team/other:1",
    "registry.example:443/team/app:1",
    "REGISTRY.example/team/app:1",
    "registry.example/teams/app:1",
    "elsewhere.example/team/app:1",
    "registry.example/team/app/below:1",
];
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm64", "windows/amd64", "unknown/unknown"];
/// Deepest nesting of indexes.
const DEPTH: u8 = 3;

/// Choices of the fuzzer, one byte each. When the bytes are used up, every choice is the first one.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Below `most`.
    pub fn below(&mut self, most: u8) -> u8 {
        self.byte() % most
    }

    /// Seldom, and never without a byte for it.
    fn seldom(&mut self) -> bool {
        self.byte() > 240
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }
}

/// A bundle in the making.
#[derive(Default)]
pub struct Forger {
    blobs: Contents,
    images: Vec<ImageEntry>,
    manifests: Vec<Descriptor>,
    /// What the trusted key signed.
    pub ledger: Ledger,
}

fn wire(descriptor: &Descriptor) -> Value {
    serde_json::to_value(descriptor).expect("JSON")
}

impl Forger {
    /// Forges a bundle; gives its bytes as a stream.
    pub fn forge(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        for number in 0..1 + choices.below(3) {
            let root = match choices.below(3) {
                // One manifest under several names.
                2 if !self.manifests.is_empty() => self.any(choices),
                _ => self.root(choices, 0),
            };
            self.list(choices, &root);
            for _ in 0..choices.below(4) {
                self.attach(choices, usize::from(number));
            }
        }
        self.lie(choices);
        let bytes = self.write(choices);
        match choices.below(3) {
            0 => bytes,
            _ => zstd::encode_all(&bytes[..], 1).expect("compressed"),
        }
    }

    fn store(&mut self, stored: Stored, media_type: &str, content: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &content);
        let is_held = self.blobs.contains_key(&(Stored::Trust, descriptor.digest));
        if !is_held {
            self.blobs.remove(&(Stored::Raw, descriptor.digest));
            self.blobs.insert((stored, descriptor.digest), content);
        }
        descriptor
    }

    fn manifest(&mut self, media_type: &str, document: &Value) -> Descriptor {
        let text = document.to_string().into_bytes();
        let descriptor = self.store(Stored::Trust, media_type, text);
        self.manifests.push(descriptor.clone());
        descriptor
    }

    /// An image or an index.
    fn root(&mut self, choices: &mut Choices<'_>, depth: u8) -> Descriptor {
        if depth == DEPTH || choices.below(2) == 0 {
            return self.image(choices);
        }
        let mut entries = Vec::new();
        let mut children = Vec::new();
        for _ in 0..choices.below(4) {
            let child = self.root(choices, depth + 1);
            let mut entry = wire(&child);
            if media_type::is_index(&child.media_type) {
                entry.as_object_mut().expect("an object").remove("platform");
            }
            let mut is_attestation = false;
            match choices.byte() {
                200..210 => entry["platform"] = json!({"os": "linux", "architecture": "s390x"}),
                210..220 => {
                    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
                    let named =
                        choices.of(&self.manifests.iter().map(|m| m.digest).collect::<Vec<_>>());
                    entry["annotations"] = json!({
                        "vnd.docker.reference.type": "attestation-manifest",
                        "vnd.docker.reference.digest": named,
                    });
                    is_attestation = true;
                }
                220..225 => entry["urls"] = json!(["https://elsewhere.example/x"]),
                225..230 => entry["data"] = json!("e30="),
                230..235 => entry["size"] = json!(child.size + 1),
                235..240 => entry["Digest"] = json!(Digest::of(b"x")),
                240..245 => entry["mediaType"] = json!(media_type::DOCKER_MANIFEST),
                _ => {}
            }
            children.push((child.digest, is_attestation));
            entries.push(entry);
        }
        let mut document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": entries});
        if choices.seldom() {
            document["layers"] = json!([]);
        }
        let index = self.manifest(media_type::OCI_INDEX, &document);
        self.ledger.children.insert(index.digest, children);
        index
    }

    fn image(&mut self, choices: &mut Choices<'_>) -> Descriptor {
        let platform: Platform = choices.of(&PLATFORMS).parse().expect("a platform");
        let config = json!({"os": platform.os, "architecture": platform.architecture});
        let config = self.store(Stored::Trust, CONFIG, config.to_string().into_bytes());
        let layer = self.store(Stored::Raw, LAYER, vec![choices.byte(); 20]);
        let kind = match choices.seldom() {
            true => media_type::DOCKER_MANIFEST,
            false => media_type::OCI_MANIFEST,
        };
        let mut document = json!({"schemaVersion": 2, "mediaType": kind,
            "config": wire(&config), "layers": [wire(&layer)]});
        match choices.byte() {
            200..220 => drop(document.as_object_mut().expect("an object").remove("mediaType")),
            220..240 => document["manifests"] = json!([]),
            _ => {}
        }
        let mut image = self.manifest(kind, &document);
        image.platform = Some(platform);
        image
    }

    /// Any manifest that is there.
    fn any(&self, choices: &mut Choices<'_>) -> Descriptor {
        let number = usize::from(choices.byte()) % self.manifests.len();
        self.manifests[number].clone()
    }

    fn list(&mut self, choices: &mut Choices<'_>, root: &Descriptor) {
        let source = choices.of(&SOURCES);
        let taken = |source: &str| self.images.iter().any(|i| i.source.to_string() == source);
        let source = match taken(source) {
            true => format!("registry.example/team/app:{}", 100 + self.images.len()),
            false => source.to_owned(),
        };
        let source = source.to_lowercase();
        if source.parse::<Reference>().is_err() {
            return;
        }
        let verdict = PackVerdict { code: "signed".into(), keys: vec![], identities: vec![] };
        self.images.push(ImageEntry { verdict, ..image_entry(&source, &root) });
        self.set_platforms(self.images.len() - 1);
    }

    /// The platforms that the inventory has to state of an index.
    fn set_platforms(&mut self, number: usize) {
        let root = self.images[number].digest;
        let mut open = vec![root];
        let mut platforms = BTreeSet::new();
        while let Some(digest) = open.pop() {
            let Some(bytes) = self.blobs.get(&(Stored::Trust, digest)) else { continue };
            let Ok(document) = serde_json::from_slice::<Value>(bytes) else { continue };
            for entry in document["manifests"].as_array().into_iter().flatten() {
                open.extend(
                    entry["digest"].as_str().and_then(|digest| digest.parse::<Digest>().ok()),
                );
                let platform: Option<Platform> =
                    serde_json::from_value(entry["platform"].clone()).ok();
                platforms.extend(platform.filter(|platform| !platform.is_unknown()));
            }
        }
        self.images[number].platforms = platforms.into_iter().collect();
    }

    /// Attaches something to something of image `number`: mostly a signature, mostly by the trusted key.
    fn attach(&mut self, choices: &mut Choices<'_>, number: usize) {
        let Some(image) = self.images.get(number) else { return };
        let repository = image.source.repository().to_string();
        let below = self.below(image.digest);
        let subject = match choices.byte() {
            0..240 => choices.of(&below),
            _ => self.any(choices).digest,
        };
        let signed = match choices.byte() {
            0..230 => subject,
            230..240 => Digest::of(b"something else"),
            _ => self.any(choices).digest,
        };
        let name = match choices.byte() {
            0..200 => repository,
            200..220 => String::new(),
            other => SOURCES[usize::from(other) % SOURCES.len()]
                .rsplit_once(':')
                .map_or(String::new(), |(name, _)| name.to_owned()),
        };
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": name},
                "image": {"docker-manifest-digest": signed},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let mut signature = match choices.byte() {
            0..200 => {
                self.ledger.signed.insert((plain(&name), signed));
                world::sign(payload.as_bytes())
            }
            200..240 => world::constant_signature(payload.as_bytes()),
            _ => world::sign(b"something else"),
        };
        let mut content = payload.into_bytes();
        match choices.byte() {
            230..240 => signature[4] ^= 1,
            240..250 => content[usize::from(choices.byte()) % 100] ^= 1,
            _ => {}
        }
        let mut layer = self.store(Stored::Trust, media_type::SIMPLE_SIGNING, content);
        let annotation = STANDARD.encode(&signature);
        layer.annotations.insert("dev.cosignproject.cosign/signature".into(), annotation);
        let config = self.store(Stored::Trust, CONFIG, b"{}".to_vec());
        let layers = vec![wire(&layer); 1 + usize::from(choices.seldom())];
        let mut document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config), "layers": layers});
        let found = match choices.byte() {
            0..200 => Found::Tag(format!("sha256-{}.sig", subject.hex())),
            200..220 => Found::Tag(format!("sha256-{}.att", subject.hex())),
            220..225 => Found::Tag("1".into()),
            _ => {
                let plain = Descriptor::new(media_type::OCI_MANIFEST, subject, 1);
                document["subject"] = wire(&plain);
                Found::Referrer
            }
        };
        let manifest = match choices.byte() {
            0..245 => self.manifest(media_type::OCI_MANIFEST, &document),
            // An image in the place of a signature.
            _ => self.any(choices),
        };
        self.images[number].attachments.push(AttachmentEntry {
            kind: AttachmentKind::Signature,
            found,
            subject,
            media_type: manifest.media_type.clone(),
            digest: manifest.digest,
            size: manifest.size,
            artifact_type: None,
        });
    }

    /// Everything at and below a manifest.
    fn below(&self, root: Digest) -> Vec<Digest> {
        let mut all = vec![root];
        let mut place = 0;
        while let Some(digest) = all.get(place).copied() {
            place += 1;
            let children = self.ledger.children.get(&digest).into_iter().flatten();
            all.extend(children.map(|(child, _)| *child));
        }
        all
    }

    /// Changes something that the inventory says.
    fn lie(&mut self, choices: &mut Choices<'_>) {
        let other = self.any(choices);
        let number = usize::from(choices.byte()) % self.images.len().max(1);
        let Some(image) = self.images.get_mut(number) else { return };
        match choices.byte() {
            180..190 => (image.digest, image.size) = (other.digest, other.size),
            190..200 => image.size += 1,
            200..210 => image.media_type = media_type::DOCKER_MANIFEST.into(),
            210..220 => image.omitted.push(other.digest),
            220..230 => image.platforms.push("linux/riscv64".parse().expect("a platform")),
            230..240 => image.foreign.push(other.digest),
            240..245 => {
                if let Some(attachment) = image.attachments.first_mut() {
                    attachment.subject = other.digest;
                }
            }
            245..250 => {
                let lost = image.attachments.pop();
                drop(lost);
            }
            _ => {}
        }
    }
}
