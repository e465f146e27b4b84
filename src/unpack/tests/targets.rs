//! Names at the target, and layout directories as targets.

use super::*;
use crate::host::naming::MappingError;
use crate::oci::layout::LayoutDirectory;
use crate::report::unpack::TagChange;

/// What planning says about these sources, all of one unsigned image or each of its own.
fn plan(sources: &[(&str, &str)], target: &str) -> Result<Vec<String>, UnpackError> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut builder = Builder::new();
    for (source, content) in sources {
        let image = builder.simple_image("amd64", content);
        builder.add_image(source, &image, &[]);
    }
    let path = folder.path().join("a.tar.zst");
    builder.write(&path);
    let mut trust = TrustInputs::default();
    trust.anchors.allow_unsigned.push("*".parse().expect("a pattern"));
    let target: Target = target.parse().expect("a target");
    let planned = Opened::open(&[path])?.check()?.verify_for(target, trust)?.plan()?;
    Ok(planned.plan().images().iter().map(|image| image.target.clone()).collect())
}

#[test]
fn two_sources_never_become_one() {
    let apart = [("quay.io/a/b:1", "x"), ("quay.io/a/c:1", "y"), ("quay.io/a/b:2", "z")];
    let names = plan(&apart, "r.example/m").expect("apart");
    assert_eq!(names, ["r.example/m/a/b:1", "r.example/m/a/c:1", "r.example/m/a/b:2"]);
    for clash in [
        // Two hosts with one path, even with other tags.
        [("quay.io/a/b:1", "x"), ("docker.io/a/b:2", "y")],
        [("quay.io/a/b:1", "x"), ("docker.io/a/b:1", "x")],
    ] {
        let error = plan(&clash, "r.example").expect_err("a clash");
        let all =
            matches!(&error, UnpackError::Naming(MappingError::Collisions(all)) if all.len() == 1);
        assert!(all, "{error:?}");
        assert_eq!(error.class(), Class::Usage);
        assert!(plan(&clash, "oci:layout").is_ok(), "a layout keeps the host");
    }
    // One tag for two contents, once with the digest beside it.
    let image = {
        let mut builder = Builder::new();
        builder.simple_image("amd64", "y").digest
    };
    let pinned = format!("quay.io/a/b:1@{image}");
    let error = plan(&[("quay.io/a/b:1", "x"), (&pinned, "y")], "r.example").expect_err("a clash");
    assert!(matches!(error, UnpackError::Collision { .. }), "{error:?}");
    assert!(plan(&[("quay.io/a/b:1", "y"), (&pinned, "y")], "r.example").is_ok());
}

#[test]
fn no_image_takes_the_tag_of_an_attachment() {
    let hex = Digest::of(b"somebody else's").hex();
    for ending in ["", ".sig", ".att"] {
        let source = format!("quay.io/a/b:sha256-{hex}{ending}");
        let error = plan(&[(&source, "x")], "r.example").expect_err("reserved");
        assert!(matches!(error, UnpackError::ReservedTag(_)), "{error:?}");
    }
    assert!(plan(&[("quay.io/a/b:sha256-abc", "x")], "r.example").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_directory_gets_everything_under_full_names() {
    let scene = Scene::new().await;
    let directory = scene.folder.path().join("layout");
    let options = || {
        let mut options = scene.options(scene.trusting("*"));
        options.target = Target::Layout(directory.clone());
        options
    };
    let report = scene.run(Request { dry_run: true, ..options() }).await.expect("planned");
    assert_eq!(report.images[0].tag, TagChange::Created);
    assert!(!directory.exists());
    scene.run(options()).await.expect("unpacked");
    let layout = LayoutDirectory::open(&directory).expect("a layout");
    assert_eq!(layout.tagged(APP).map(|entry| entry.digest), Some(scene.index.digest));
    let signature = format!("quay.io/org/app:sha256-{}.sig", scene.index.digest.hex());
    assert!(layout.tagged(&signature).is_some());
    let referrers = layout.referrers(&scene.index.digest).await.expect("read");
    assert_eq!(referrers.len(), 1);
    for child in &scene.children {
        assert!(layout.has_blob(&child.digest).expect("looked up"));
    }
    let blob = |digest: &Digest| directory.join("blobs/sha256").join(digest.hex());
    for there in [Digest::of(b"shared by all"), scene.children[0].digest] {
        let good = std::fs::read(blob(&there)).expect("read");
        std::fs::write(blob(&there), vec![b'x'; good.len()]).expect("written");
        let error = scene.run(options()).await.expect_err("other content under that name");
        // The bundle has no part in it: the target is at fault.
        assert_eq!(error.class(), Class::Network, "{error:?}");
        assert!(matches!(error, UnpackError::TargetBlob { .. }), "{error:?}");
        std::fs::write(blob(&there), good).expect("written");
    }
    let again = scene.run(options()).await.expect("unpacked again");
    assert_eq!((again.images[0].tag, again.blobs.uploaded), (TagChange::Unchanged, 0));
}
