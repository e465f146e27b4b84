//! Content descriptors (OCI image-spec descriptor.md), validated.

use super::{Digest, Platform, digest::DigestError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use std::collections::BTreeMap;

/// Type, length and digest of a piece of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type as written; never interpreted beyond the constants of [`super::media_type`].
    pub media_type: String,
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// The platform, in descriptors of an index.
    pub platform: Option<Platform>,
    /// Version of the operating system beside the platform, by which Windows machines choose.
    pub os_version: Option<String>,
    /// Type of the artifact behind it, in answers of the referrers API. A hint only.
    pub artifact_type: Option<String>,
    /// Annotations, sorted by key.
    pub annotations: BTreeMap<String, String>,
    /// Addresses of foreign content. Never fetched unless asked for.
    pub urls: Vec<String>,
    /// The content itself, where it stands inline (`data`) and has the size and digest above.
    pub content: Option<Bytes>,
}

impl Descriptor {
    /// A descriptor of these three properties and no others.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            os_version: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            content: None,
        }
    }

    /// The descriptor of `bytes`.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// One annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }
}

/// The JSON form of descriptor.md; empty properties are left out.
impl Serialize for Descriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mediaType", &self.media_type)?;
        map.serialize_entry("digest", &self.digest)?;
        map.serialize_entry("size", &self.size)?;
        if !self.urls.is_empty() {
            map.serialize_entry("urls", &self.urls)?;
        }
        if !self.annotations.is_empty() {
            map.serialize_entry("annotations", &self.annotations)?;
        }
        if let Some(platform) = &self.platform {
            map.serialize_entry("platform", platform)?;
        }
        if let Some(artifact_type) = &self.artifact_type {
            map.serialize_entry("artifactType", artifact_type)?;
        }
        map.end()
    }
}

impl TryFrom<&oci_spec::image::Descriptor> for Descriptor {
    type Error = DigestError;

    fn try_from(wire: &oci_spec::image::Descriptor) -> Result<Self, DigestError> {
        let digest: Digest = wire.digest().to_string().parse()?;
        Ok(Self {
            media_type: wire.media_type().to_string(),
            content: wire.data().as_deref().and_then(|data| inline(data, wire.size(), &digest)),
            digest,
            size: wire.size(),
            platform: wire.platform().as_ref().map(|platform| Platform {
                os: platform.os().to_string(),
                architecture: platform.architecture().to_string(),
                variant: platform.variant().clone(),
            }),
            // The type of the wire has another name for it; indexes fill it in.
            os_version: None,
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            annotations: wire.annotations().clone().unwrap_or_default().into_iter().collect(),
            urls: wire.urls().clone().unwrap_or_default(),
        })
    }
}

/// The content that stands inline, when it is what the descriptor says.
fn inline(data: &str, size: u64, digest: &Digest) -> Option<Bytes> {
    // Base64 makes four characters of three bytes: what cannot fit is not decoded.
    let fits = data.len() as u64 / 4 * 3 <= size.saturating_add(2);
    let bytes = fits.then(|| STANDARD.decode(data).ok())??;
    (bytes.len() as u64 == size && Digest::of(&bytes) == *digest).then(|| bytes.into())
}
