//! Media types that decide how something is read, stored or verified. All others are opaque.

/// OCI image manifest (image-spec manifest.md).
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index (image-spec image-index.md).
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker schema 2 manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The empty JSON object used as config of artifacts (image-spec manifest.md §guidance for an empty descriptor).
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Layer of a cosign simple-signing signature.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// DSSE envelope, the layer of a cosign `.att` manifest.
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
/// Every Sigstore bundle version starts so.
pub const SIGSTORE_BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// Config type of a cosign 2 signature that was pushed as an OCI 1.1 referrer.
pub const COSIGN_SIG_CONFIG: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// Notation signatures.
pub const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// All manifest types that are understood, as an `Accept` header wants them.
pub const MANIFESTS: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// True for an index or a manifest list.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// True for any manifest or index that is understood.
pub fn is_manifest(media_type: &str) -> bool {
    MANIFESTS.contains(&media_type)
}

/// True for Docker's own types of manifests.
pub fn is_docker(media_type: &str) -> bool {
    matches!(media_type, DOCKER_MANIFEST | DOCKER_LIST)
}

/// True for layers that verification reads: signatures and attestations in the forms that it knows.
pub fn is_evidence(media_type: &str) -> bool {
    matches!(media_type, SIMPLE_SIGNING | DSSE) || media_type.starts_with(SIGSTORE_BUNDLE_PREFIX)
}

/// True for layers that licences keep out of registries: "foreign" and "nondistributable" ones.
pub fn is_nondistributable(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
}

/// True when content of this type was compressed by who made it, so that compressing it again gains nothing.
pub fn is_compressed(media_type: &str) -> bool {
    const ENDINGS: [&str; 7] = ["+gzip", ".gzip", "+zstd", ".zstd", ".zip", "+zip", ".tar.gz"];
    ENDINGS.iter().any(|ending| media_type.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_say_by_their_type_whether_they_are_compressed() {
        for compressed in [
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        ] {
            assert!(is_compressed(compressed), "{compressed}");
        }
        for plain in ["application/vnd.oci.image.layer.v1.tar", "text/spdx+json", OCI_MANIFEST] {
            assert!(!is_compressed(plain), "{plain}");
        }
    }
}
