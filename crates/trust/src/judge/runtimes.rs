//! Which simple signatures container runtimes get to see (containers/image, `docker/docker_image_src.go`,
//! `docker_client.go`).

use super::evidence::Attached;
use super::simple_signing::MAX_PAYLOAD;
use crate::outcome::finding::Found;
use bundle_oci::{Descriptor, Digest, Manifest, Meaning, media_type};

/// True when a container runtime reads the signatures in `holder`: it looks under one tag.
pub(crate) fn reach(attached: &Attached, holder: &Manifest) -> bool {
    matches!(&attached.found, Found::Tag(tag) if *tag == signature_tag(&attached.subject))
        && runtimes_read(holder)
}

/// True when a container runtime can read what lies under the tag of a manifest's signatures. It fetches every layer,
/// and fails where one is too large or elsewhere.
pub fn runtimes_read(holder: &Manifest) -> bool {
    let Meaning::Image(image) = holder.meaning() else { return false };
    let is_fetched = |layer: &Descriptor| layer.size <= MAX_PAYLOAD && layer.urls.is_empty();
    holder.media_type() == media_type::OCI_MANIFEST && image.layers.iter().all(is_fetched)
}

/// The tag under which runtimes look for signatures of a manifest: `sha256-<hex>.sig`.
pub fn signature_tag(subject: &Digest) -> String {
    format!("sha256-{}.sig", subject.hex())
}
