//! Image manifests and indexes: the bytes that came, and what they mean.
//!
//! The bytes are what is hashed, carried and pushed; the meaning is only read. `oci-spec` supplies the grammar of the
//! documents, the checks here refuse what two readers could understand differently (docs/spec/format.md §11.2).

mod ambiguity;

use super::{Descriptor, Digest, digest::DigestError, json, media_type};
use crate::text::bounded_to;
pub(crate) use ambiguity::ambiguous_key;
use ambiguity::check_unambiguous;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most characters of a text in it that a message repeats.
const MAX_SHOWN: usize = 160;

/// Largest manifest read: what registries accept (distribution-spec: at least 4 MiB should be).
pub const MAX_MANIFEST: u64 = 4 << 20;
/// Most values of its JSON, by which goes what memory it takes: an index of 10,000 manifests has about 110,000.
pub const MAX_VALUES: usize = 1 << 17;

/// A manifest or an index, parsed.
#[derive(Debug, Clone)]
pub struct Manifest {
    media_type: String,
    digest: Digest,
    bytes: Bytes,
    meaning: Meaning,
}

/// The meaning of a manifest.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// One image or artifact.
    Image(Box<Image>),
    /// A list of manifests.
    Index(Box<Index>),
}

/// An image manifest, also the form of every artifact, signature and attestation.
#[derive(Debug, Clone)]
pub struct Image {
    /// The config blob.
    pub config: Descriptor,
    /// Layers in order; duplicates are legal.
    pub layers: Vec<Descriptor>,
    /// The manifest that this artifact is attached to.
    pub subject: Option<Descriptor>,
    /// The artifact's own type.
    pub artifact_type: Option<String>,
    /// Annotations, sorted by key.
    pub annotations: BTreeMap<String, String>,
}

/// An image index or manifest list.
#[derive(Debug, Clone)]
pub struct Index {
    /// The manifests it lists, in order.
    pub manifests: Vec<Descriptor>,
    /// What else it lists: content of other media types, which is carried as blobs and is never an image (image-spec
    /// image-index.md: an unknown media type is no error).
    pub blobs: Vec<Descriptor>,
    /// The manifest that this index is attached to.
    pub subject: Option<Descriptor>,
    /// The artifact's own type.
    pub artifact_type: Option<String>,
    /// Annotations, sorted by key.
    pub annotations: BTreeMap<String, String>,
}

/// The reason why a document is not a manifest that this product carries.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Longer than [`MAX_MANIFEST`].
    #[error("the manifest has {0} bytes, more than {MAX_MANIFEST}")]
    TooLarge(u64),
    /// Not strict JSON, or not of the shape its type has.
    #[error("the manifest is not valid JSON of its type")]
    Json(#[from] serde_json::Error),
    /// Docker's first form, in which an image has no config.
    #[error("the manifest is of Docker's schema 1, which is not supported: schema 2 and OCI are")]
    SchemaOne,
    /// A media type that is not a manifest's.
    #[error("manifest type {0:?} is not supported")]
    MediaType(String),
    /// `mediaType` inside differs from what the descriptor or registry said.
    #[error("the manifest says it is {inside:?}, but was announced as {outside:?}")]
    MediaTypeMismatch {
        /// `mediaType` in the document.
        inside: String,
        /// Media type of the descriptor or of the `Content-Type` header.
        outside: String,
    },
    /// Two readers could understand it differently.
    #[error("the manifest is ambiguous: {0}")]
    Ambiguous(String),
    /// A digest in it cannot be used.
    #[error("the manifest names content that cannot be carried")]
    Digest(#[from] DigestError),
}

impl Manifest {
    /// Parses the raw bytes of a manifest that was announced as `announced`.
    ///
    /// # Errors
    /// Any [`ManifestError`]; nothing is repaired.
    pub fn parse(bytes: Bytes, announced: &str) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(ManifestError::TooLarge(bytes.len() as u64));
        }
        if !media_type::is_manifest(announced) {
            return Err(ManifestError::MediaType(bounded_to(announced, MAX_SHOWN)));
        }
        let Value::Object(mut object) = json::parse_within(&bytes, MAX_VALUES)? else {
            return Err(ManifestError::Ambiguous("it is not an object".into()));
        };
        check_unambiguous(&object, announced)?;
        if let Some(inside) = object.get("mediaType").and_then(Value::as_str)
            && inside != announced
        {
            return Err(ManifestError::MediaTypeMismatch {
                inside: bounded_to(inside, MAX_SHOWN),
                outside: announced.to_owned(),
            });
        }
        // A signature is over the bytes alone, so whoever announces such a manifest could choose its type. Docker's always
        // say theirs (distribution refuses them otherwise); what says none is OCI's.
        if media_type::is_docker(announced) && !object.contains_key("mediaType") {
            let why = format!("it does not say that it is of the type {announced}");
            return Err(ManifestError::Ambiguous(why));
        }
        // Go writes null for an empty slice or map; it means absent.
        let list = if media_type::is_index(announced) { "manifests" } else { "layers" };
        object.retain(|_, value| !value.is_null());
        object.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        let listed = object.get_mut(list).and_then(Value::as_array_mut);
        listed.into_iter().flatten().for_each(drop_partial_platform);
        let meaning = if media_type::is_index(announced) {
            let versions = os_versions(&object);
            let mut index = Index::from_wire(&serde_json::from_value(Value::Object(object))?)?;
            for (descriptor, version) in index.manifests.iter_mut().zip(versions) {
                descriptor.os_version = version;
            }
            Meaning::Index(Box::new(index))
        } else {
            Meaning::Image(Box::new(Image::from_wire(&serde_json::from_value(Value::Object(
                object,
            ))?)?))
        };
        Ok(Self { media_type: announced.to_owned(), digest: Digest::of(&bytes), bytes, meaning })
    }

    /// Media type, as announced.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its meaning.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// The plain descriptor of this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest, self.bytes.len() as u64)
    }

    /// The manifest that it is attached to, when it is an attachment.
    pub fn subject(&self) -> Option<&Descriptor> {
        match &self.meaning {
            Meaning::Image(image) => image.subject.as_ref(),
            Meaning::Index(index) => index.subject.as_ref(),
        }
    }

    /// Manifests it lists, and nothing else of what an index lists; empty for an image.
    pub fn children(&self) -> &[Descriptor] {
        match &self.meaning {
            Meaning::Image(_) => &[],
            Meaning::Index(index) => &index.manifests,
        }
    }

    /// Blobs it names: of an image the config first, then the layers; of an index what is not a manifest.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, blobs) = match &self.meaning {
            Meaning::Image(image) => (Some(&image.config), &image.layers),
            Meaning::Index(index) => (None, &index.blobs),
        };
        config.into_iter().chain(blobs)
    }

    /// Everything an index lists, whatever its media type, manifests first; nothing for an image.
    pub fn listed(&self) -> impl Iterator<Item = &Descriptor> {
        let others = match &self.meaning {
            Meaning::Image(_) => &[][..],
            Meaning::Index(index) => &index.blobs,
        };
        self.children().iter().chain(others)
    }

    /// Type of the artifact as the referrers API would list it: `artifactType`, else the config's media type
    /// (distribution-spec §listing referrers).
    pub fn effective_artifact_type(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Image(image) => {
                Some(image.artifact_type.as_deref().unwrap_or(&image.config.media_type))
            }
            Meaning::Index(index) => index.artifact_type.as_deref(),
        }
    }

    /// Annotations of the manifest itself.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        match &self.meaning {
            Meaning::Image(image) => &image.annotations,
            Meaning::Index(index) => &index.annotations,
        }
    }
}

/// Takes away a platform that does not say both os and architecture, which makes it unknown: nothing can be told by it,
/// and the library's grammar refuses it.
pub(crate) fn drop_partial_platform(descriptor: &mut Value) {
    let Some(descriptor) = descriptor.as_object_mut() else { return };
    let Some(platform) = descriptor.get("platform").and_then(Value::as_object) else { return };
    let is_unset = |key| match platform.get(key) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str() == Some(""),
    };
    if is_unset("os") || is_unset("architecture") {
        descriptor.remove("platform");
    }
}

/// The `os.version` of each manifest that an index lists.
fn os_versions(index: &Map<String, Value>) -> Vec<Option<String>> {
    let listed = index.get("manifests").and_then(Value::as_array);
    let is_manifest = |entry: &&Value| {
        entry.get("mediaType").and_then(Value::as_str).is_some_and(media_type::is_manifest)
    };
    let version = |entry: &Value| {
        let stated = entry.get("platform")?.get("os.version")?.as_str()?;
        (!stated.is_empty()).then(|| stated.to_owned())
    };
    listed.into_iter().flatten().filter(is_manifest).map(version).collect()
}

type Annotations = Option<std::collections::HashMap<String, String>>;

fn sorted(annotations: &Annotations) -> BTreeMap<String, String> {
    annotations.clone().unwrap_or_default().into_iter().collect()
}

fn descriptors(wire: &[oci_spec::image::Descriptor]) -> Result<Vec<Descriptor>, DigestError> {
    wire.iter().map(Descriptor::try_from).collect()
}

impl Image {
    fn from_wire(wire: &oci_spec::image::ImageManifest) -> Result<Self, DigestError> {
        Ok(Self {
            config: wire.config().try_into()?,
            layers: descriptors(wire.layers())?,
            subject: wire.subject().as_ref().map(Descriptor::try_from).transpose()?,
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            annotations: sorted(wire.annotations()),
        })
    }
}

impl Index {
    fn from_wire(wire: &oci_spec::image::ImageIndex) -> Result<Self, DigestError> {
        let listed = descriptors(wire.manifests())?.into_iter();
        let (manifests, blobs) = listed.partition(|d| media_type::is_manifest(&d.media_type));
        Ok(Self {
            manifests,
            blobs,
            subject: wire.subject().as_ref().map(Descriptor::try_from).transpose()?,
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            annotations: sorted(wire.annotations()),
        })
    }
}

#[cfg(test)]
mod listing_tests;

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(extra: &str) -> Result<Manifest, ManifestError> {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"sha256:{HEX}","size":0}},"layers":[]{extra}}}"#
        );
        Manifest::parse(Bytes::from(text), media_type::OCI_MANIFEST)
    }

    #[test]
    fn an_image_keeps_its_bytes_and_its_meaning() {
        let manifest = image(r#","annotations":{"b":"2","a":"1"},"subject":null"#).expect("valid");
        assert_eq!(manifest.digest(), Digest::of(manifest.bytes()));
        assert_eq!(manifest.annotations().len(), 2);
        assert_eq!(manifest.effective_artifact_type(), Some("application/x"));
        assert_eq!(manifest.blobs().count(), 1);
    }

    #[test]
    fn null_layers_mean_none() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"sha256:{HEX}","size":0}},"layers":null}}"#
        );
        let manifest = Manifest::parse(Bytes::from(text), media_type::OCI_MANIFEST).expect("valid");
        assert_eq!(manifest.blobs().count(), 1);
    }

    #[test]
    fn a_manifest_that_says_no_type_is_not_announced_as_dockers() {
        use media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
        let config = format!(r#"{{"mediaType":"a/b","digest":"sha256:{HEX}","size":0}}"#);
        let image = format!(r#""config":{config},"layers":[]"#);
        for (content, oci, docker) in [
            (image.as_str(), OCI_MANIFEST, DOCKER_MANIFEST),
            (r#""manifests":[]"#, OCI_INDEX, DOCKER_LIST),
        ] {
            let parse = |own: Option<&str>, announced: &str| {
                let own = own.map(|own| format!(r#","mediaType":"{own}""#)).unwrap_or_default();
                let text = format!(r#"{{"schemaVersion":2{own},{content}}}"#);
                Manifest::parse(Bytes::from(text), announced).is_ok()
            };
            for (own, announced, good) in [
                (None, oci, true),
                (None, docker, false),
                (Some(oci), oci, true),
                (Some(docker), docker, true),
                (Some(oci), docker, false),
                (Some(docker), oci, false),
            ] {
                assert_eq!(parse(own, announced), good, "{own:?} announced as {announced}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for extra in [
            r#","manifests":[]"#,
            r#","Layers":[]"#,
            r#","layers":[]"#,
            r#","fsLayers":[]"#,
            r#","mediaType":"application/vnd.oci.image.index.v1+json""#,
        ] {
            assert!(image(extra).is_err(), "{extra}");
        }
        let index = r#"{"schemaVersion":2,"manifests":[],"config":{}}"#;
        assert!(Manifest::parse(Bytes::from(index), media_type::OCI_INDEX).is_err());
        let old = r#"{"schemaVersion":1,"manifests":[]}"#;
        assert!(Manifest::parse(Bytes::from(old), media_type::OCI_INDEX).is_err());
        assert!(Manifest::parse(Bytes::from_static(b"{}"), "text/html").is_err());
    }

    #[test]
    fn descriptors_with_two_readings_are_refused() {
        let index = |more: &str, platform: &str| {
            let text = format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"sha256:{HEX}","size":1,"platform":{{"os":"linux","architecture":"amd64"{platform}}}{more}}}]}}"#,
                media_type::OCI_MANIFEST
            );
            Manifest::parse(Bytes::from(text), media_type::OCI_INDEX)
        };
        assert!(index(r#","data":"","x-digest":"y""#, r#","os.version":"1""#).is_ok());
        let other = format!(r#""sha256:{}""#, "0".repeat(64));
        for key in ["Digest", "DIGEST", "dige\u{17f}t", "dige\\u017ft"] {
            let refused = index(&format!(r#","{key}":{other}"#), "");
            assert!(matches!(refused, Err(ManifestError::Ambiguous(_))), "{key}: {refused:?}");
        }
        for (more, platform) in [
            (r#","Platform":{"os":"linux","architecture":"arm64"}"#, ""),
            (r#","url\u017f":["https://elsewhere.example"]"#, ""),
            ("", r#","Architecture":"arm64""#),
            ("", r#","o\u017f":"windows""#),
        ] {
            assert!(index(more, platform).is_err(), "{more}{platform}");
        }
        assert!(image("").is_ok());
        let list = "manife\u{17f}t\u{17f}";
        assert!(image(&format!(r#","{list}":[]"#)).is_err());
        let subject = format!(
            r#","subject":{{"mediaType":"x/y","digest":"sha256:{HEX}","size":0,"Size":1}}"#
        );
        assert!(image(&subject).is_err());
        assert!(image(&subject.replace(r#","Size":1"#, "")).is_ok());
    }

    #[test]
    fn a_sha512_descriptor_is_named_as_such() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"sha512:{HEX}{HEX}","size":1}}]}}"#,
            media_type::OCI_MANIFEST
        );
        let error = Manifest::parse(Bytes::from(text), media_type::OCI_INDEX).expect_err("sha512");
        assert!(matches!(error, ManifestError::Digest(DigestError::Algorithm(_))), "{error:?}");
    }

    #[test]
    fn inline_data_that_is_not_what_its_descriptor_names_is_refused() {
        let digest = Digest::of(b"{}");
        let descriptor = |data: &str, size: u64| {
            format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size},"data":"{data}"}}"#)
        };
        let (good, other) = (descriptor("e30=", 2), [descriptor("W10=", 2), descriptor("e30=", 3)]);
        let manifest = |config: &str, layer: &str, subject: &str| {
            let text = format!(
                r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}],"subject":{subject}}}"#
            );
            Manifest::parse(Bytes::from(text), media_type::OCI_MANIFEST)
        };
        assert!(manifest(&good, &good, &good).is_ok());
        for bad in &other {
            for parts in [[bad, &good, &good], [&good, bad, &good], [&good, &good, bad]] {
                let refused = manifest(parts[0], parts[1], parts[2]);
                assert!(matches!(refused, Err(ManifestError::Ambiguous(_))), "{refused:?}");
            }
            let index = format!(r#"{{"schemaVersion":2,"manifests":[{bad}]}}"#);
            assert!(Manifest::parse(Bytes::from(index), media_type::OCI_INDEX).is_err());
        }
    }
}
