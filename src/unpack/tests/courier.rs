//! What a courier could write who holds no key.

use super::*;
use crate::archive::catalogue::CatalogueError;
use crate::archive::testing::wire;
use crate::oci::manifest::ManifestError;
use crate::oci::media_type;
use serde_json::json;

/// An unsigned index of a signed image, which carries a second image as an attachment of the first: published, but
/// trusted by nobody. `key` is put beside the keys of the index's only entry, and names the second one.
async fn index_of_two_readings(key: Option<&str>) -> Result<UnpackReport, UnpackError> {
    let mut scene = Scene::new().await;
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    let mut builder = Builder::new();
    let good = builder.simple_image("amd64", "good");
    let evil = builder.simple_image("amd64", "evil");
    let mut entry = wire(&good);
    if let Some(key) = key {
        entry[key] = json!(evil.digest);
    }
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
        "manifests": [entry]});
    let index = builder.manifest(media_type::OCI_INDEX, &document);
    builder.add_image(APP, &index, std::slice::from_ref(&good));
    builder.sign(0, &good, &signer);
    let tag = format!("sha256-{}.att", good.digest.hex());
    builder.attach(0, good.digest, &evil, Found::Tag(tag));
    scene.builder = builder;
    scene.signer = signer;
    let result = scene.run_trusting().await;
    assert_eq!(result.is_err(), scene.tag("org/app", "1").await.is_none());
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_others_read_differently_is_not_published() {
    index_of_two_readings(None).await.expect("one reading");
    // Go's decoder takes each of these for `digest`, and the last one counts.
    for key in ["Digest", "DIGEST", "dige\u{17f}t"] {
        let error = index_of_two_readings(Some(key)).await.expect_err(key);
        let UnpackError::Catalogue(catalogue) = &error else { panic!("{key}: {error:?}") };
        let CatalogueError::Manifest { source, .. } = catalogue else { panic!("{error:?}") };
        assert!(matches!(source, ManifestError::Ambiguous(_)), "{key}: {source:?}");
    }
}
