//! File systems that come under the types of documents: runtimes do not look at a layer's type.

use super::*;
use crate::archive::testing::{CONFIG, tag_of, wire};
use crate::oci::media_type;
use crate::report::unpack::{AttachmentOutcome, NotPublished};
use crate::trust::{Admission, RefusalCode};
use serde_json::{Value, json};

/// Types that no file system has.
const TYPES: [&str; 4] = [
    media_type::SIMPLE_SIGNING,
    media_type::DSSE,
    "text/spdx+json",
    "application/vnd.in-toto+json",
];

fn tar() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "bin/sh", &b"evil\n"[..]).expect("a tar");
    tar.into_inner().expect("a tar")
}

/// A file system in every form that runtimes take, and a document.
fn contents() -> [(&'static str, Vec<u8>, bool); 3] {
    let zstd = zstd::encode_all(&tar()[..], 1).expect("compressed");
    [("tar", tar(), true), ("zstd", zstd, true), ("document", b"{\"spdx\": 1}".to_vec(), false)]
}

/// A manifest with the config of an image and one layer.
fn manifest(scene: &mut Scene, kind: &str, content: &[u8]) -> Descriptor {
    let layer = scene.builder.blob(kind, content);
    let config = json!({"os": "unknown", "architecture": "unknown"}).to_string();
    let config = scene.builder.blob(CONFIG, config);
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": wire(&config), "layers": [wire(&layer)]});
    scene.builder.manifest(media_type::OCI_MANIFEST, &document)
}

/// The archive as a file, and through a pipe.
async fn unpack_as(
    scene: &Scene,
    stream: bool,
    trust: TrustInputs,
) -> Result<UnpackReport, UnpackError> {
    scene.builder.write(&scene.archive());
    let input = match stream {
        false => Input::Files(vec![scene.archive()]),
        true => {
            let bytes = std::fs::read(scene.archive()).expect("the archive");
            Input::Stream(Box::new(std::io::Cursor::new(bytes)), "-".into())
        }
    };
    scene.run_as_it_is(Request { input, ..scene.options(trust) }).await
}

async fn is_there(scene: &Scene, digest: Digest) -> bool {
    let there = scene.repository("org/app").manifest_digest(&digest.to_string()).await;
    there.expect("an answer").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_file_system_of_another_type_is_not_published() {
    for kind in TYPES {
        for (form, content, is_file_system) in contents() {
            for stream in [false, true] {
                let what = format!("{form} as {kind}, through a pipe: {stream}");
                let mut scene = Scene::new().await;
                let attached = manifest(&mut scene, kind, &content);
                let index = scene.index.digest;
                scene.builder.attach(0, index, &attached, tag_of(&index, "sbom"));
                let done = unpack_as(&scene, stream, scene.trusting("*")).await;
                assert_eq!(is_there(&scene, attached.digest).await, !is_file_system, "{what}");
                match (is_file_system, stream) {
                    (true, true) => {
                        let error = done.expect_err(&what);
                        assert!(
                            matches!(error, UnpackError::Disguised(it) if it == attached.digest)
                        );
                        assert_eq!(error.class(), Class::Refused, "{what}");
                        assert_eq!(scene.tag("org/app", "1").await, None, "{what}");
                    }
                    (true, false) => {
                        let report = done.expect(&what);
                        let all = &report.images[0].attachments;
                        let it = all.iter().find(|one| one.digest == attached.digest);
                        let it = it.expect("reported");
                        let code = NotPublished::AttachmentRunnable;
                        let left = AttachmentOutcome::NotPublished { code, existing: None };
                        assert_eq!((it.kind, it.outcome), ("image", left), "{what}");
                        assert!(!report.images[0].is_complete(), "{what}");
                    }
                    (false, _) => assert!(done.expect(&what).images[0].is_complete(), "{what}"),
                }
            }
        }
    }
}

/// The scene's image as an unsigned index of signed children, with an entry that is called an attestation of the first.
fn with_attestation(scene: &mut Scene, attestation: &Descriptor) {
    let mut entries: Vec<Value> = scene.children.iter().map(wire).collect();
    let mut entry = wire(attestation);
    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": scene.children[0].digest,
    });
    entries.push(entry);
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
        "manifests": entries});
    let index = scene.builder.manifest(media_type::OCI_INDEX, &document);
    let image = &mut scene.builder.images[0];
    (image.digest, image.size) = (index.digest, index.size);
    image.attachments.clear();
    // As pack does it: what a platform is read from comes before the blobs.
    for architecture in ["amd64", "arm64"] {
        let config = json!({"os": "linux", "architecture": architecture});
        scene.builder.forget(&Digest::of(config.to_string().as_bytes()));
        scene.builder.manifest(CONFIG, &config);
    }
    for child in scene.children.clone() {
        scene.builder.sign(0, &child, &scene.signer);
    }
    scene.builder.forget_unreferenced();
    scene.index = index;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_is_no_attestation_of_an_unsigned_index() {
    let in_toto = "application/vnd.in-toto+json";
    for (form, content, is_file_system) in contents() {
        for stream in [false, true] {
            let what = format!("{form}, through a pipe: {stream}");
            let mut scene = Scene::new().await;
            let attestation = manifest(&mut scene, in_toto, &content);
            with_attestation(&mut scene, &attestation);
            let done = unpack_as(&scene, stream, scene.trusting("*")).await;
            assert_eq!(is_there(&scene, attestation.digest).await, !is_file_system, "{what}");
            match (is_file_system, stream) {
                (true, true) => {
                    let error = done.expect_err(&what);
                    assert!(matches!(error, UnpackError::Disguised(_)), "{what}: {error:?}");
                }
                (true, false) => {
                    let Err(UnpackError::Refused(refused)) = done else { panic!("{what}") };
                    let Admission::Refused(refusal) = refused.verdicts[0].admission() else {
                        panic!("{what}")
                    };
                    assert_eq!(refusal.code, RefusalCode::ChildUnsigned, "{what}");
                }
                (false, _) => assert!(done.expect(&what).images[0].is_complete(), "{what}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_signed_index_lists_may_be_an_image_of_any_type() {
    for stream in [false, true] {
        let mut scene = Scene::new().await;
        let listed = manifest(&mut scene, "application/vnd.in-toto+json", &tar());
        with_attestation(&mut scene, &listed);
        let index = scene.index.clone();
        scene.builder.sign(0, &index, &scene.signer);
        let report = unpack_as(&scene, stream, scene.trusting("*")).await.expect("unpacked");
        assert!(report.images[0].is_complete(), "through a pipe: {stream}");
        assert!(is_there(&scene, listed.digest).await, "through a pipe: {stream}");
    }
}
