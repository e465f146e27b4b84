//! Images, indexes and artifacts in memory: small, valid, and the same bytes every time.

use super::layers::{layer, noise};
use super::registry::Registry;
use bundle::oci::Digest;
use bundle::oci::media_type::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Content with its media type.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    pub(crate) fn new(media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { media_type: media_type.to_owned(), bytes: bytes.into() }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Media type, digest and size, as manifests name content.
    pub(crate) fn descriptor(&self) -> Value {
        let Self { media_type, bytes } = self;
        json!({ "mediaType": media_type, "digest": self.digest(), "size": bytes.len() })
    }
}

/// A manifest or index with everything it names.
#[derive(Debug, Clone)]
pub(crate) struct TestImage {
    pub(crate) manifest: Content,
    /// Config and layers; of an index, none.
    pub(crate) blobs: Vec<Content>,
    /// What an index lists.
    pub(crate) children: Vec<TestImage>,
}

/// An image of `os/architecture[/variant]` whose layers have about the given sizes. `seed` makes it unlike others.
pub(crate) fn image(seed: &str, platform: &str, layer_sizes: &[usize]) -> TestImage {
    let layers: Vec<_> = layer_sizes
        .iter()
        .enumerate()
        .map(|(number, size)| layer(&format!("{seed}-{number}"), *size))
        .collect();
    let mut config = platform_value(platform);
    config["config"] = json!({ "Labels": { "seed": seed } });
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
    config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
    let layers = layers.into_iter().map(|layer| Content::new(LAYER, layer.bytes)).collect();
    manifest(Content::new(CONFIG, config.to_string()), layers, json!({}))
}

/// An index of images, in the order given.
pub(crate) fn index(children: &[(&str, TestImage)]) -> TestImage {
    let manifests: Vec<_> = children
        .iter()
        .map(|(platform, image)| {
            let mut descriptor = image.manifest.descriptor();
            descriptor["platform"] = platform_value(platform);
            descriptor
        })
        .collect();
    let document = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    TestImage {
        manifest: Content::new(OCI_INDEX, document.to_string()),
        blobs: Vec::new(),
        children: children.iter().map(|(_, image)| image.clone()).collect(),
    }
}

/// The image that most tests need: amd64 and arm64/v8, two small layers each, one of them shared.
pub(crate) fn multi_platform(seed: &str) -> TestImage {
    let child = |platform: &str| {
        let own = image(&format!("{seed}-{platform}").replace('/', "-"), platform, &[3_000]);
        let shared = layer(&format!("{seed}-shared"), 5_000);
        own.with_layer(Content::new(LAYER, shared.bytes), shared.diff_id)
    };
    index(&[("linux/amd64", child("linux/amd64")), ("linux/arm64/v8", child("linux/arm64/v8"))])
}

/// An artifact attached to `subject` by OCI 1.1: one layer of noise, the empty config.
pub(crate) fn artifact(artifact_type: &str, subject: &TestImage, seed: &str) -> TestImage {
    let layer = Content::new("application/octet-stream", noise(seed, 100));
    let more = json!({ "artifactType": artifact_type, "subject": subject.manifest.descriptor() });
    manifest(empty_config(), vec![layer], more)
}

/// `{}`, the config of artifacts.
pub(crate) fn empty_config() -> Content {
    Content::new(bundle::oci::media_type::OCI_EMPTY, "{}")
}

/// A manifest of these; the fields of `more` are added.
pub(crate) fn manifest(config: Content, layers: Vec<Content>, more: Value) -> TestImage {
    let descriptors: Vec<_> = layers.iter().map(Content::descriptor).collect();
    manifest_with(config, layers, descriptors, more)
}

/// A manifest whose layer descriptors are given, with annotations or with lies.
pub(crate) fn manifest_with(
    config: Content,
    layers: Vec<Content>,
    descriptors: Vec<Value>,
    more: Value,
) -> TestImage {
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": descriptors,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    TestImage {
        manifest: Content::new(OCI_MANIFEST, document.to_string()),
        blobs: std::iter::once(config).chain(layers).collect(),
        children: Vec::new(),
    }
}

impl TestImage {
    pub(crate) fn digest(&self) -> Digest {
        self.manifest.digest()
    }

    /// Pushes blobs, children and the manifest, the latter under `tag`, or by digest alone.
    pub(crate) fn push(&self, registry: &Registry, repository: &str, tag: Option<&str>) {
        for blob in &self.blobs {
            registry.push_blob(repository, &blob.bytes);
        }
        for child in &self.children {
            child.push(registry, repository, None);
        }
        let digest = self.digest().to_string();
        registry.push_manifest(repository, tag.unwrap_or(&digest), &self.manifest);
    }

    /// Attaches it to its subject: pushed by digest, and listed under the fallback tag where the registry has no
    /// referrers API.
    pub(crate) fn push_referrer(&self, registry: &Registry, repository: &str) {
        for blob in &self.blobs {
            registry.push_blob(repository, &blob.bytes);
        }
        let digest = self.digest().to_string();
        let answer = registry.push_manifest(repository, &digest, &self.manifest);
        if answer.contains_key("oci-subject") {
            return;
        }
        let document: Value = serde_json::from_slice(&self.manifest.bytes).expect("manifest");
        let subject = document["subject"]["digest"].as_str().expect("subject");
        let tag = subject.replace(':', "-");
        let mut index = match registry.manifest(repository, &tag) {
            Some(index) => serde_json::from_slice(&index.bytes).expect("fallback index"),
            None => json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }),
        };
        let mut entry = self.manifest.descriptor();
        entry["artifactType"] = document["artifactType"].clone();
        if let Some(annotations) = document.get("annotations") {
            entry["annotations"] = annotations.clone();
        }
        index["manifests"].as_array_mut().expect("manifests").push(entry);
        registry.push_manifest(repository, &tag, &Content::new(OCI_INDEX, index.to_string()));
    }

    /// The same image with one more layer on top.
    fn with_layer(self, layer: Content, diff_id: Digest) -> Self {
        let mut blobs = self.blobs.into_iter();
        let config = blobs.next().expect("config");
        let mut document: Value = serde_json::from_slice(&config.bytes).expect("config");
        document["rootfs"]["diff_ids"].as_array_mut().expect("diff_ids").push(json!(diff_id));
        manifest(
            Content::new(CONFIG, document.to_string()),
            blobs.chain([layer]).collect(),
            json!({}),
        )
    }
}

fn platform_value(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut value = json!({ "os": parts.next(), "architecture": parts.next() });
    if let Some(variant) = parts.next() {
        value["variant"] = json!(variant);
    }
    value
}
