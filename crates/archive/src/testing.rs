//! Small archives for tests, honest or hostile: every part of the inventory can be changed before it is written.

mod values;

pub use values::{
    Contents, blob_entry, blueprint, fill, head_file, image_entry, inventory, keep_referenced,
    layout_files,
};

use super::geometry::Geometry;
use super::head::HeadFile;
use super::read::Archive;
use super::write::ArchiveWriter;
use bundle_inventory::{
    AtomicSignature, AttachmentEntry, AttachmentKind, Found, ImageEntry, KeyEntry, Stored,
};
use bundle_oci::atomic::AtomicName;
use bundle_oci::layout::REF_NAME;
use bundle_oci::{Descriptor, Digest, Platform, Reference, media_type};
use bundle_testing::Signer;
use serde_json::{Value, json};
use std::path::Path;

/// Type of image configs.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Type of layers that were compressed before.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An archive in the making.
#[derive(Default)]
pub struct Builder {
    /// The images; change them to make the inventory lie.
    pub images: Vec<ImageEntry>,
    /// Entries of `index.json`; made from `images` unless they are set.
    pub index: Option<Value>,
    /// What the inventory says about the keys of `key_files`.
    pub keys: Vec<KeyEntry>,
    key_files: Vec<HeadFile>,
    blobs: Contents,
}

/// The JSON form of a descriptor.
pub fn wire(descriptor: &Descriptor) -> Value {
    serde_json::to_value(descriptor).expect("JSON")
}

/// The kind of attachment that cosign finds under this ending of a tag.
pub fn tag_of(subject: &Digest, ending: &str) -> Found {
    Found::Tag(format!("sha256-{}.{ending}", subject.hex()))
}

impl Builder {
    /// A bundle without images.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a blob.
    pub fn blob(&mut self, media_type: &str, content: impl Into<Vec<u8>>) -> Descriptor {
        self.store(Stored::Raw, media_type, content.into())
    }

    /// Adds a manifest.
    pub fn manifest(&mut self, media_type: &str, document: &Value) -> Descriptor {
        self.store(Stored::Trust, media_type, document.to_string().into_bytes())
    }

    fn store(&mut self, stored: Stored, media_type: &str, content: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &content);
        self.blobs.insert((stored, descriptor.digest), content);
        descriptor
    }

    /// Takes a blob away again.
    pub fn forget(&mut self, digest: &Digest) {
        self.blobs.retain(|(_, known), _| known != digest);
    }

    /// Takes away what no image needs any more; gives the number of what is left.
    pub fn forget_unreferenced(&mut self) -> usize {
        let omitted: Vec<Digest> =
            self.images.iter().flat_map(|image| image.omitted.clone()).collect();
        keep_referenced(&mut self.blobs, &self.images, &omitted);
        self.blobs.len()
    }

    /// An image manifest for `linux/ARCHITECTURE` with these layers.
    pub fn image_of(&mut self, architecture: &str, layers: &[Descriptor]) -> Descriptor {
        let config = json!({"os": "linux", "architecture": architecture}).to_string();
        let config = self.blob(CONFIG, config);
        let layers: Vec<Value> = layers.iter().map(wire).collect();
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config), "layers": layers});
        let mut manifest = self.manifest(media_type::OCI_MANIFEST, &document);
        manifest.platform = Some(format!("linux/{architecture}").parse().expect("a platform"));
        manifest
    }

    /// An image with one layer that holds `content`.
    pub fn simple_image(&mut self, architecture: &str, content: &str) -> Descriptor {
        let layer = self.blob(LAYER, content);
        self.image_of(architecture, &[layer])
    }

    /// Adds an index of these manifests.
    pub fn index_of(&mut self, children: &[Descriptor]) -> Descriptor {
        let children: Vec<Value> = children.iter().map(wire).collect();
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": children});
        self.manifest(media_type::OCI_INDEX, &document)
    }

    /// Lists an image in the inventory; its platforms are those of `children`.
    pub fn add_image(
        &mut self,
        source: &str,
        root: &Descriptor,
        children: &[Descriptor],
    ) -> &mut ImageEntry {
        let platforms: Vec<Platform> = children.iter().filter_map(|c| c.platform.clone()).collect();
        self.images.push(ImageEntry { platforms, ..image_entry(source, root) });
        self.images.last_mut().expect("just pushed")
    }

    /// Lists an attachment of image `number`.
    pub fn attach(&mut self, number: usize, subject: Digest, manifest: &Descriptor, found: Found) {
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

    /// A `.sig` manifest with one valid signature for `subject` under `source`'s repository.
    pub fn signature(
        &mut self,
        source: &Reference,
        subject: &Descriptor,
        signer: &Signer,
    ) -> Descriptor {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": source.repository()},
                "image": {"docker-manifest-digest": subject.digest},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let signature = signer.sign_base64(payload.as_bytes());
        let mut layer = self.store(Stored::Trust, media_type::SIMPLE_SIGNING, payload.into());
        layer.annotations.insert("dev.cosignproject.cosign/signature".into(), signature);
        let config = self.blob(CONFIG, "{}");
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config), "layers": [wire(&layer)]});
        self.manifest(media_type::OCI_MANIFEST, &document)
    }

    /// Signs a manifest of image `number`, to be found by its tag.
    pub fn sign(&mut self, number: usize, subject: &Descriptor, signer: &Signer) {
        let source = self.images[number].source.clone();
        let manifest = self.signature(&source, subject, signer);
        self.attach(number, subject.digest, &manifest, tag_of(&subject.digest, "sig"));
    }

    /// Lists a GPG signature of image `number`.
    pub fn gpg(&mut self, number: usize, subject: Digest, content: &[u8]) -> Descriptor {
        let blob = self.store(Stored::Trust, "application/octet-stream", content.into());
        self.images[number].atomic_signatures.push(AtomicSignature {
            name: AtomicName::of(subject, content),
            digest: blob.digest,
            subject,
            found: None,
        });
        blob
    }

    /// An artifact that names `subject`.
    pub fn referrer(&mut self, subject: &Descriptor, content: &str) -> Descriptor {
        let layer = self.blob("text/plain", content);
        let config = self.blob(media_type::OCI_EMPTY, "{}");
        let plain = Descriptor::new(&subject.media_type, subject.digest, subject.size);
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "artifactType": "application/x-note", "config": wire(&config),
            "layers": [wire(&layer)], "subject": wire(&plain)});
        self.manifest(media_type::OCI_MANIFEST, &document)
    }

    /// Carries a public key.
    pub fn carry(&mut self, signer: &Signer) {
        let file = format!("keys/{}.pub", self.keys.len());
        self.key_files.push(head_file(&file, signer.public_pem().as_bytes()));
        self.keys.push(KeyEntry {
            file,
            purpose: "cosign".into(),
            fingerprint: signer.fingerprint().to_string(),
            scopes: Vec::new(),
        });
    }

    fn index_file(&self) -> Vec<u8> {
        let entries = self.images.iter().map(|image| {
            let mut entry = Descriptor::new(&image.media_type, image.digest, image.size);
            entry.annotations.insert(REF_NAME.into(), image.source.to_string());
            wire(&entry)
        });
        let entries = self.index.clone().unwrap_or_else(|| entries.collect());
        json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries})
            .to_string()
            .into_bytes()
    }

    /// Writes the archive.
    pub fn write(&self, path: &Path) {
        let blobs = self.blobs.iter().map(|((stored, _), content)| blob_entry(*stored, content));
        let mut files = layout_files(&self.index_file());
        files.extend(self.key_files.iter().cloned());
        let mut inventory = inventory(self.images.clone(), &files, blobs.collect());
        inventory.keys.clone_from(&self.keys);
        let blueprint = blueprint(&inventory, files, Geometry::WHOLE);
        let writer = ArchiveWriter::create(path, blueprint).expect("created");
        for (number, content) in self.blobs.values().enumerate() {
            let mut entry = writer.entry(number).expect("an entry");
            entry.write(content).expect("written");
            entry.finish().expect("the right content");
        }
        let section = writer.compressed_section();
        writer.finish(section).expect("finished");
    }

    /// Writes the archive and opens it.
    pub fn open(&self, path: &Path) -> Archive {
        self.write(path);
        Archive::open(path).expect("an archive")
    }
}
