//! docker-registry as the target: no referrers API, and no index without all its manifests.

use super::*;
use crate::registry::ReferrersFrom;
use crate::report::unpack::TagChange;
use bundle_testing::servers::DockerRegistry;

fn scene(test: &str) -> Option<(Scene, DockerRegistry)> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let registry = DockerRegistry::start(test)?;
    Some((Scene::at(registry.address().to_owned(), folder), registry))
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_are_listed_under_the_fallback_tag() {
    let Some((scene, _registry)) = scene("referrers_are_listed_under_the_fallback_tag") else {
        return;
    };
    for run in 0..2 {
        let report = scene.run_trusting().await.expect("unpacked");
        assert_eq!(report.blobs.uploaded == 0, run == 1, "{:?}", report.blobs);
        assert_eq!(scene.tag("org/app", "1").await, Some(scene.index.digest));
        let listed = scene.repository("org/app").referrers(&scene.index.digest).await;
        let listed = listed.expect("listed");
        assert_eq!((listed.how, listed.descriptors.len()), (ReferrersFrom::FallbackTag, 1));
    }
}

/// The scene's index with arm64, and with `more` of its other children, left out.
fn leave_out(scene: &mut Scene, left_out: &[&str]) {
    let left_out: Vec<Digest> = scene
        .children
        .iter()
        .filter(|child| {
            let platform = child.platform.as_ref().map(ToString::to_string).unwrap_or_default();
            left_out.contains(&platform.as_str())
        })
        .map(|child| child.digest)
        .collect();
    let image = &mut scene.builder.images[0];
    image.platforms = scene
        .children
        .iter()
        .filter(|child| !left_out.contains(&child.digest))
        .filter_map(|child| child.platform.clone())
        .collect();
    image.omitted = left_out;
    scene.builder.forget_unreferenced();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_platform_stands_for_an_index_that_is_not_taken() {
    let Some((mut scene, _registry)) =
        scene("the_only_platform_stands_for_an_index_that_is_not_taken")
    else {
        return;
    };
    leave_out(&mut scene, &["linux/arm64"]);
    let report = scene.run_trusting().await.expect("unpacked");
    let child = scene.children[0].digest;
    assert_eq!(report.images[0].tagged_child, Some(child));
    assert_eq!(scene.tag("org/app", "1").await, Some(child));
    assert!(report.warnings.iter().any(|text| text.contains("the tag names")));
    let again = scene.run_trusting().await.expect("unpacked again");
    assert_eq!((again.images[0].tag, again.blobs.uploaded), (TagChange::Unchanged, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_several_platforms_left_is_an_error() {
    let Some((mut scene, _registry)) = scene("an_index_with_several_platforms_left_is_an_error")
    else {
        return;
    };
    scene.builder.images.remove(0);
    let third = scene.builder.simple_image("s390x", "a third one");
    scene.children.push(third);
    scene.index = scene.builder.index_of(&scene.children);
    scene.builder.add_image(APP, &scene.index, &scene.children);
    scene.builder.images.reverse();
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    scene.builder.sign(0, &scene.index, &signer);
    scene.signer = signer;
    leave_out(&mut scene, &["linux/arm64"]);
    let error = scene.run_trusting().await.expect_err("not taken");
    assert!(matches!(error, UnpackError::SparseIndex { .. }), "{error:?}");
    assert!(error.hint().is_some() && error.class() == Class::Network);
    assert!(scene.is_untagged().await);
}
