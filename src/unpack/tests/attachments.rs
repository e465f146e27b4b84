//! Attachments that meet others at the target.

use super::*;
use crate::archive::testing::wire;
use crate::oci::{Manifest, media_type};
use crate::report::unpack::AttachmentOutcome;
use serde_json::json;

/// Puts a `.sig` manifest with `layers` at the target, under the index's tag.
async fn put_signature(scene: &Scene, layers: Vec<serde_json::Value>) -> Digest {
    let repository = scene.repository("org/app");
    scene.builder.write(&scene.archive());
    let archive = crate::archive::Archive::open(&scene.archive()).expect("opened");
    let config = Descriptor::of("application/vnd.oci.image.config.v1+json", b"{}");
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": wire(&config), "layers": layers});
    let manifest = Manifest::parse(document.to_string().into(), media_type::OCI_MANIFEST);
    let manifest = manifest.expect("a manifest");
    for blob in manifest.blobs() {
        let presence = crate::registry::Presence::Unknown;
        repository.push_blob(blob, &archive, None, presence).await.expect("a blob");
    }
    let tag = format!("sha256-{}.sig", scene.index.digest.hex());
    repository.push_manifest(Some(&tag), &manifest).await.expect("pushed");
    manifest.digest()
}

/// The carried signature's only layer.
fn carried_layer(scene: &Scene) -> Descriptor {
    scene.builder.write(&scene.archive());
    let archive = crate::archive::Archive::open(&scene.archive()).expect("opened");
    let entry = &scene.builder.images[0].attachments[0];
    let bytes = archive.read(&entry.digest, u64::MAX).expect("content");
    let manifest = Manifest::parse(bytes, &entry.media_type).expect("a manifest");
    manifest.blobs().nth(1).expect("a layer").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_more_is_kept() {
    let scene = Scene::new().await;
    let layer = carried_layer(&scene);
    let mut another = layer.clone();
    another.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
    let existing = put_signature(&scene, vec![wire(&another), wire(&layer)]).await;
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Kept { existing });
    let tag = format!("sha256-{}.sig", scene.index.digest.hex());
    assert_eq!(scene.tag("org/app", &tag).await, Some(existing));
    assert!(report.warnings.iter().any(|text| text.contains("was kept")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_something_refuses_unless_it_may_be_replaced() {
    let scene = Scene::new().await;
    let mut other = carried_layer(&scene);
    // The same payload with another signature is another signature.
    other.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
    let existing = put_signature(&scene, vec![wire(&other)]).await;
    let error = scene.run_trusting().await.expect_err("refused");
    assert!(matches!(error, UnpackError::AttachmentDiffers { .. }), "{error:?}");
    assert!(error.to_string().starts_with("attachment-differs: "), "{error}");
    assert_eq!(error.class(), Class::Network);
    assert!(scene.is_untagged().await);
    let mut options = scene.options(scene.trusting("*"));
    options.on_existing_attachment = OnExistingAttachment::Replace;
    let report = scene.run(options).await.expect("replaced");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Replaced { existing });
    let tag = format!("sha256-{}.sig", scene.index.digest.hex());
    let carried = scene.builder.images[0].attachments[0].digest;
    assert_eq!(scene.tag("org/app", &tag).await, Some(carried));
}
