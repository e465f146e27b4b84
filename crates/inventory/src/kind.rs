//! Kinds of attached manifests, by the types of their content. Tags, and the words of a finder, decide nothing.

use super::AttachmentKind;
use bundle_oci::runnable::is_runnable;
use bundle_oci::{Manifest, Meaning, media_type};

/// The type of the statement that a signature by cosign 3 makes.
const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

impl AttachmentKind {
    /// The kind of a manifest that is attached to another one; `None` for an image that can be run, which is no
    /// attachment whatever points to it.
    ///
    /// Cosign gives signatures the config type of images, and `oras` gives artifacts the layer types of images. So
    /// config and layers decide together. Of an index only its own words count; what it lists has to be asked by itself.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let layers = match manifest.meaning() {
            _ if is_runnable(manifest) => return None,
            Meaning::Image(image) => image.layers.as_slice(),
            Meaning::Index(_) => &[],
        };
        let own = manifest.effective_artifact_type().unwrap_or_default();
        let types = || layers.iter().map(|layer| layer.media_type.as_str()).chain([own]);
        let any = |words: &[&str]| types().any(|kind| words.iter().any(|word| kind.contains(word)));
        Some(if any(&[media_type::SIGSTORE_BUNDLE_PREFIX]) {
            kind_of_bundle(manifest)
        } else if any(&[media_type::SIMPLE_SIGNING, media_type::NOTATION])
            || own == media_type::COSIGN_SIG_CONFIG
        {
            Self::Signature
        } else if any(&["in-toto", "dsse", "attestation"]) {
            Self::Attestation
        } else if any(&["spdx", "cyclonedx", "syft"]) {
            Self::Sbom
        } else {
            Self::Artifact
        })
    }
}

fn kind_of_bundle(manifest: &Manifest) -> AttachmentKind {
    let annotation = |key: &str| manifest.annotations().get(key).map(String::as_str);
    let message = annotation("dev.sigstore.bundle.content") == Some("message-signature");
    match annotation("dev.sigstore.bundle.predicateType") {
        Some(predicate) if predicate != COSIGN_SIGN && !message => AttachmentKind::Attestation,
        _ => AttachmentKind::Signature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

    fn kind(
        manifest: &str,
        artifact: Option<&str>,
        config: &str,
        layers: &[&str],
    ) -> Option<AttachmentKind> {
        let blob = |kind: &str| {
            let digest = bundle_oci::Digest::of(kind.as_bytes());
            json!({"mediaType": kind, "digest": digest, "size": kind.len()})
        };
        let mut document = json!({"schemaVersion": 2, "mediaType": manifest,
            "config": blob(config), "layers": layers.iter().map(|kind| blob(kind)).collect::<Vec<_>>()});
        if let Some(artifact) = artifact {
            document["artifactType"] = artifact.into();
        }
        let manifest = Manifest::parse(document.to_string().into(), manifest).expect("a manifest");
        AttachmentKind::of(&manifest)
    }

    /// As the tools write them.
    #[test]
    fn attachments_are_known_by_their_types() {
        use AttachmentKind::{Artifact, Attestation, Sbom, Signature};
        let (oci, empty) = (media_type::OCI_MANIFEST, media_type::OCI_EMPTY);
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        for (what, artifact, config, layers, expected) in [
            ("cosign .sig", None, OCI_CONFIG, &[media_type::SIMPLE_SIGNING][..], Signature),
            ("cosign .sig, many", None, OCI_CONFIG, &[media_type::SIMPLE_SIGNING; 3], Signature),
            ("cosign .att", None, OCI_CONFIG, &[media_type::DSSE], Attestation),
            ("cosign .sbom", None, OCI_CONFIG, &["text/spdx+json"], Sbom),
            ("cosign .sbom, XML", None, OCI_CONFIG, &["application/vnd.cyclonedx+xml"], Sbom),
            (
                "cosign 2, referrer",
                None,
                media_type::COSIGN_SIG_CONFIG,
                &[media_type::SIMPLE_SIGNING],
                Signature,
            ),
            ("cosign 3", Some(bundle), empty, &[bundle], Signature),
            ("notation", Some(media_type::NOTATION), empty, &["application/jose+json"], Signature),
            ("notation 1.0", None, media_type::NOTATION, &["application/cose"], Signature),
            (
                "trivy",
                Some("application/vnd.cyclonedx+json"),
                empty,
                &["application/vnd.cyclonedx+json"],
                Sbom,
            ),
            ("buildx", None, OCI_CONFIG, &["application/vnd.in-toto+json"; 2], Attestation),
            ("oras attach", Some("x/doc"), empty, &[TAR], Artifact),
            (
                "oras attach of a directory",
                Some("x/doc"),
                empty,
                &["application/vnd.oci.image.layer.v1.tar+gzip"],
                Artifact,
            ),
            ("oras 0.16", None, "application/vnd.unknown.config.v1+json", &[TAR], Artifact),
            (
                "helm",
                None,
                "application/vnd.cncf.helm.config.v1+json",
                &["application/vnd.cncf.helm.chart.content.v1.tar+gzip"],
                Artifact,
            ),
            (
                "SOCI",
                None,
                "application/vnd.amazon.soci.index.v1+json",
                &["application/octet-stream"],
                Artifact,
            ),
            ("no layers", None, OCI_CONFIG, &[], Artifact),
        ] {
            assert_eq!(kind(oci, artifact, config, layers), Some(expected), "{what}");
        }
    }

    #[test]
    fn a_runnable_image_is_no_attachment_whatever_it_is_called() {
        let (oci, docker) = (media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST);
        let docker_config = "application/vnd.docker.container.image.v1+json";
        let docker_layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        for (manifest, artifact, config, layers) in [
            (oci, None, OCI_CONFIG, &[TAR][..]),
            (
                oci,
                Some("application/spdx+json"),
                OCI_CONFIG,
                &["application/vnd.oci.image.layer.v1.tar+zstd"],
            ),
            (oci, None, OCI_CONFIG, &[media_type::SIMPLE_SIGNING, TAR]),
            (oci, None, docker_config, &[docker_layer]),
            (oci, None, "application/octet-stream", &[docker_layer]),
            (docker, None, docker_config, &[docker_layer]),
            (docker, None, docker_config, &[foreign]),
            (docker, None, media_type::OCI_EMPTY, &[docker_layer]),
        ] {
            assert_eq!(
                kind(manifest, artifact, config, layers),
                None,
                "{manifest} {config} {layers:?}"
            );
        }
    }
}
