//! Which simple signatures container runtimes get to see (containers/image, `docker/docker_image_src.go`,
//! `docker_client.go`).

use super::cosign::MAX_PAYLOAD;
use super::evidence::{Attached, Found};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, media_type};

/// True when a container runtime reads the signatures in `holder`. It looks under one tag, for an OCI manifest, and
/// fetches every layer of it, signature or not: one that is too large, or is to be had elsewhere, fails the whole image.
pub(super) fn reach(attached: &Attached, holder: &Manifest) -> bool {
    let Meaning::Image(image) = holder.meaning() else { return false };
    let is_fetched = |layer: &Descriptor| layer.size <= MAX_PAYLOAD && layer.urls.is_empty();
    matches!(&attached.found, Found::Tag(tag) if *tag == signature_tag(&attached.subject))
        && holder.media_type() == media_type::OCI_MANIFEST
        && image.layers.iter().all(is_fetched)
}

/// `sha256-<hex>.sig`.
fn signature_tag(subject: &Digest) -> String {
    format!("sha256-{}.sig", subject.hex())
}
