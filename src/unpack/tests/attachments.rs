//! Attachments that meet others at the target.

use super::*;
use crate::archive::testing::wire;
use crate::oci::{Manifest, media_type};
use crate::report::unpack::{AttachmentOutcome, AttachmentReport, NotPublished};
use crate::trust::Verification;
use serde_json::json;

/// Puts a `.sig` manifest with `layers` at the target, under the index's tag.
pub(super) async fn put_signature(scene: &Scene, layers: Vec<serde_json::Value>) -> Digest {
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
pub(super) fn carried_layer(scene: &Scene) -> Descriptor {
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

/// What the scene's target has under a tag of the index.
pub(super) async fn there(scene: &Scene, ending: &str) -> Manifest {
    let tag = format!("sha256-{}.{ending}", scene.index.digest.hex());
    let there = scene.repository("org/app").manifest_by_tag(&tag).await.expect("an answer");
    there.expect("a manifest")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_verified_is_added_to_what_lacks_it() {
    let scene = Scene::new().await;
    let mut other = carried_layer(&scene);
    // The same payload with another signature is another signature.
    other.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
    let existing = put_signature(&scene, vec![wire(&other)]).await;
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Merged { existing });
    let merged = there(&scene, "sig").await;
    let layers: Vec<Descriptor> = merged.blobs().skip(1).cloned().collect();
    assert_eq!(layers, [other, carried_layer(&scene)], "nothing is lost");
    let report = scene.run_trusting().await.expect("unpacked again");
    let existing = merged.digest();
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Kept { existing });
    assert!(report.images[0].is_complete());
}

/// The carried signature's manifest with so many more layers that nobody made.
fn crowded(scene: &mut Scene, junk: usize) -> Digest {
    let genuine = wire(&carried_layer(scene));
    let other = scene.builder.blob(media_type::SIMPLE_SIGNING, "junk");
    let config = scene.builder.blob(crate::archive::testing::CONFIG, "{}");
    let layers: Vec<_> = std::iter::once(genuine).chain((0..junk).map(|_| wire(&other))).collect();
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": wire(&config), "layers": layers});
    let manifest = scene.builder.manifest(media_type::OCI_MANIFEST, &document);
    let entry = &mut scene.builder.images[0].attachments[0];
    (entry.digest, entry.size) = (manifest.digest, manifest.size);
    scene.builder.forget_unreferenced();
    manifest.digest
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_beside_a_genuine_signature_takes_no_room() {
    for (junk, choice, outcome) in [
        (3, AttachmentChoice::All, AttachmentOutcome::Published),
        (600, AttachmentChoice::All, AttachmentOutcome::Trimmed),
        (3, AttachmentChoice::Verified, AttachmentOutcome::Trimmed),
    ] {
        let mut scene = Scene::new().await;
        let genuine = carried_layer(&scene);
        let digest = crowded(&mut scene, junk);
        let mut options = scene.options(scene.trusting("*"));
        options.attachments = choice;
        let report = scene.run(options).await.expect("unpacked");
        let what = format!("{junk} {choice:?}");
        assert_eq!(reported(&report, digest).outcome, outcome, "{what}");
        let there = there(&scene, "sig").await;
        let layers: Vec<Descriptor> = there.blobs().skip(1).cloned().collect();
        match outcome {
            AttachmentOutcome::Trimmed => assert_eq!(layers, [genuine], "{what}"),
            _ => assert_eq!(layers.len(), 1 + junk, "{what}"),
        }
        // Run again, it is what is there.
        let mut options = scene.options(scene.trusting("*"));
        options.attachments = choice;
        let report = scene.run(options).await.expect("unpacked again");
        assert_eq!(reported(&report, digest).outcome, AttachmentOutcome::AlreadyThere, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_signature_gives_way_to_no_junk() {
    for theirs in [1, 999, 1000] {
        let mut scene = Scene::new().await;
        let mut other = carried_layer(&scene);
        other.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
        let existing = put_signature(&scene, vec![wire(&other); theirs]).await;
        let digest = crowded(&mut scene, 400);
        let report = scene.run_trusting().await.expect("unpacked");
        let layers: Vec<Descriptor> = there(&scene, "sig").await.blobs().skip(1).cloned().collect();
        let outcome = reported(&report, digest).outcome;
        if theirs < 1000 {
            assert_eq!(outcome, AttachmentOutcome::Merged { existing }, "{theirs}");
            assert_eq!(layers.len(), theirs + 1, "the genuine one alone is added");
        } else {
            let code = NotPublished::AttachmentDiffers;
            let left = AttachmentOutcome::NotPublished { code, existing: Some(existing) };
            assert_eq!(outcome, left, "{theirs}");
            assert_eq!(layers.len(), theirs);
        }
        assert!(layers.contains(&other), "{theirs}: it is still there");
    }
}

/// Cosign fails on a bundle or certificate that is wrong, whoever added it to a genuine signature.
#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_more_does_not_keep_out_the_same_signature() {
    let scene = Scene::new().await;
    let mut spoiled = carried_layer(&scene);
    spoiled.annotations.insert("dev.sigstore.cosign/bundle".into(), "{}".into());
    let existing = put_signature(&scene, vec![wire(&spoiled)]).await;
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Merged { existing });
    let merged = there(&scene, "sig").await;
    let layers: Vec<Descriptor> = merged.blobs().skip(1).cloned().collect();
    assert_eq!(layers, [spoiled, carried_layer(&scene)]);
    let report = scene.run_trusting().await.expect("unpacked again");
    let existing = merged.digest();
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Kept { existing });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_something_is_replaced_where_that_is_asked_for() {
    let scene = Scene::new().await;
    let mut other = carried_layer(&scene);
    other.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
    let existing = put_signature(&scene, vec![wire(&other)]).await;
    let mut options = scene.options(scene.trusting("*"));
    options.on_existing_attachment = OnExistingAttachment::Replace;
    let report = scene.run(options).await.expect("replaced");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Replaced { existing });
    let carried = scene.builder.images[0].attachments[0].digest;
    assert_eq!(there(&scene, "sig").await.digest(), carried);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runtimes_cannot_read_is_replaced_by_what_is_verified() {
    let scene = Scene::new().await;
    let mut large = carried_layer(&scene);
    large.annotations.insert("x".into(), "y".into());
    let mut elsewhere = wire(&large);
    elsewhere["urls"] = json!(["https://elsewhere.example/layer"]);
    let existing = put_signature(&scene, vec![elsewhere]).await;
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].attachments[0].outcome, AttachmentOutcome::Replaced { existing });
    assert!(report.warnings.iter().any(|text| text.contains("was replaced")));
}

/// A manifest of one layer of this type.
fn holder(scene: &mut Scene, kind: &str, content: &str) -> Descriptor {
    let layer = scene.builder.blob(kind, content);
    let config = scene.builder.blob(crate::archive::testing::CONFIG, "{}");
    let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": wire(&config), "layers": [wire(&layer)]});
    scene.builder.manifest(media_type::OCI_MANIFEST, &document)
}

/// Attaches a manifest to the index under a tag.
fn tagged(scene: &mut Scene, ending: &str, manifest: &Descriptor) -> Digest {
    let index = scene.index.digest;
    scene.builder.attach(0, index, manifest, crate::archive::testing::tag_of(&index, ending));
    manifest.digest
}

/// What is reported of an attachment of the first image.
fn reported(report: &UnpackReport, digest: Digest) -> AttachmentReport {
    let mut attachments = report.images[0].attachments.iter();
    attachments.find(|attachment| attachment.digest == digest).expect("reported").clone()
}

/// Trusts the signer, and the bundle as a whole.
fn expecting(scene: &Scene) -> TrustInputs {
    scene.builder.write(&scene.archive());
    let archive = crate::archive::Archive::open(&scene.archive()).expect("an archive");
    TrustInputs { expect_bundle: Some(archive.bundle_digest()), ..scene.trusting("*") }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_keeps_no_later_bundle_out() {
    for (ending, kind) in [("att", media_type::DSSE), ("sbom", "text/spdx+json")] {
        let mut scene = Scene::new().await;
        let junk = holder(&mut scene, kind, "junk");
        let place = scene.builder.images[0].attachments.len();
        tagged(&mut scene, ending, &junk);
        scene.run_trusting().await.expect("unpacked");
        assert_eq!(there(&scene, ending).await.digest(), junk.digest);
        let mut later = Scene::at(scene.host.clone(), tempfile::tempdir().expect("a folder"));
        (later.builder, later.signer) = (scene.builder, scene.signer);
        later.index = scene.index.clone();
        later.builder.images[0].attachments.truncate(place);
        let honest = holder(&mut later, kind, "honest");
        let honest = tagged(&mut later, ending, &honest);
        later.builder.forget_unreferenced();
        // Nobody vouches for it either: what is there stays, and everything else is published.
        let report = later.run_trusting().await.expect("unpacked");
        let existing = Some(junk.digest);
        let code = NotPublished::AttachmentDiffers;
        let left = AttachmentOutcome::NotPublished { code, existing };
        assert_eq!(reported(&report, honest).outcome, left, "{ending}");
        assert!(!report.images[0].is_complete());
        assert!(report.warnings.iter().any(|text| text.contains("attachment-differs: ")));
        assert_eq!(there(&later, ending).await.digest(), junk.digest);
        // The operator's word does not vouch for it.
        let mut options = later.options(later.trusting("*"));
        options.on_existing_attachment = OnExistingAttachment::Replace;
        let report = later.run(options).await.expect("unpacked");
        assert_eq!(reported(&report, honest).outcome, left, "{ending}");
        assert_eq!(there(&later, ending).await.digest(), junk.digest);
        // An authentic bundle vouches for it.
        let report = later.run(later.options(expecting(&later))).await.expect("unpacked");
        let existing = junk.digest;
        let (expected, layers) = match ending {
            "att" => (AttachmentOutcome::Merged { existing }, 2),
            _ => (AttachmentOutcome::Replaced { existing }, 1),
        };
        assert_eq!(reported(&report, honest).outcome, expected);
        assert_eq!(there(&later, ending).await.blobs().skip(1).count(), layers);
        assert!(report.images[0].is_complete());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attachment_is_verified_by_something_or_unverified() {
    let mut scene = Scene::new().await;
    let note = scene.builder.images[0].attachments[1].clone();
    let about = scene.builder.referrer(&scene.index.clone(), "named by a signature");
    scene.builder.attach(0, scene.index.digest, &about, Found::Referrer);
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    scene.builder.sign(0, &about, &signer);
    scene.signer = signer;
    let junk = holder(&mut scene, media_type::DSSE, "{}");
    tagged(&mut scene, "att", &junk);
    let report = scene.run_trusting().await.expect("unpacked");
    let found: Vec<Verification> =
        report.images[0].attachments.iter().map(|attachment| attachment.verification).collect();
    use Verification::{Bundle, Named, OwnSignature, Unverified};
    assert_eq!(found, [OwnSignature, Unverified, Named, Unverified, OwnSignature]);
    let counts = report.attachments;
    assert_eq!((counts.verified, counts.unverified), (4, 2), "and the other image's signature");
    let told = report.warnings.iter().filter(|text| text.contains("unverified"));
    assert_eq!(told.count(), 1, "{:?}", report.warnings);
    assert!(report.images[0].is_complete(), "nothing is lost");
    let repository = scene.repository("org/app");
    let now = repository.manifest_digest(&note.digest.to_string()).await.expect("an answer");
    assert_eq!(now, Some(note.digest));
    let report = scene.run(scene.options(expecting(&scene))).await.expect("unpacked");
    assert_eq!(report.images[0].attachments[1].verification, Bundle);
    assert_eq!(report.attachments.unverified, 0);
    assert!(!report.warnings.iter().any(|text| text.contains("unverified")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unverified_is_left_out_where_that_is_asked_for() {
    for layout in [false, true] {
        let mut scene = Scene::new().await;
        let note = scene.builder.images[0].attachments[1].clone();
        let note = Descriptor::new(&note.media_type, note.digest, note.size);
        let about = scene.builder.referrer(&note, "about the note");
        scene.builder.attach(0, note.digest, &about, Found::Referrer);
        let mut options = scene.options(scene.trusting("*"));
        options.attachments = AttachmentChoice::Verified;
        let folder = scene.folder.path().join("layout");
        if layout {
            options.target = format!("oci:{}", folder.display()).parse().expect("a target");
        }
        let report = scene.run(options).await.expect("unpacked");
        let outcomes: Vec<_> = report.images[0].attachments.iter().map(|a| a.outcome).collect();
        let left = AttachmentOutcome::LeftOut;
        assert_eq!(outcomes, [AttachmentOutcome::Published, left, left]);
        assert!(report.images[0].is_complete(), "the operator left them out");
        assert!(
            report.warnings.iter().any(|text| text.starts_with("2 attachments are unverified"))
        );
        let repository = scene.repository("org/app");
        for digest in [note.digest, about.digest] {
            let is_there = match layout {
                true => folder.join("blobs/sha256").join(digest.hex()).exists(),
                false => {
                    let there = repository.manifest_digest(&digest.to_string()).await;
                    there.expect("an answer").is_some()
                }
            };
            assert!(!is_there, "{digest}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runnable_image_is_never_published_as_an_attachment() {
    for way in ["sbom", "att", "sig", "referrer", "index", "expected"] {
        let mut scene = Scene::new().await;
        let evil = scene.builder.simple_image("amd64", "runnable");
        let evil = Descriptor::new(&evil.media_type, evil.digest, evil.size);
        let digest = match way {
            "referrer" => {
                let layer = scene.builder.blob(crate::archive::testing::LAYER, "runnable");
                let config = scene.builder.blob(crate::archive::testing::CONFIG, "{}");
                let subject = &scene.index;
                let subject = Descriptor::new(&subject.media_type, subject.digest, subject.size);
                let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
                    "artifactType": "application/spdx+json", "config": wire(&config),
                    "layers": [wire(&layer)], "subject": wire(&subject)});
                let evil = scene.builder.manifest(media_type::OCI_MANIFEST, &document);
                scene.builder.attach(0, scene.index.digest, &evil, Found::Referrer);
                evil.digest
            }
            "index" => {
                let index = scene.builder.index_of(std::slice::from_ref(&evil));
                tagged(&mut scene, "att", &index)
            }
            // The scene's own signature has the tag.
            "sig" => {
                let child = scene.children[0].digest;
                let found = crate::archive::testing::tag_of(&child, "sig");
                scene.builder.attach(0, child, &evil, found);
                evil.digest
            }
            "expected" => tagged(&mut scene, "sbom", &evil),
            ending => tagged(&mut scene, ending, &evil),
        };
        scene.builder.forget_unreferenced();
        let trust = if way == "expected" { expecting(&scene) } else { scene.trusting("*") };
        let report = scene.run(scene.options(trust)).await.expect("unpacked");
        let evil = reported(&report, digest);
        let code = NotPublished::AttachmentRunnable;
        let left = AttachmentOutcome::NotPublished { code, existing: None };
        assert_eq!((evil.kind, evil.outcome), ("image", left), "{way}");
        assert!(!report.images[0].is_complete(), "{way}");
        assert!(report.warnings.iter().any(|text| text.contains("attachment-runnable: ")));
        let repository = scene.repository("org/app");
        let there = repository.manifest_digest(&digest.to_string()).await.expect("an answer");
        assert_eq!(there, None, "{way}");
        assert_eq!(scene.tag("org/app", "1").await, Some(scene.index.digest), "the image is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unverified_leaves_room_for_what_is_verified() {
    let mut scene = Scene::new().await;
    let mut carried = Vec::new();
    let layer = scene.builder.blob(media_type::DSSE, "junk");
    let config = scene.builder.blob(crate::archive::testing::CONFIG, "{}");
    for count in [500, 501] {
        let layers: Vec<_> = std::iter::repeat_n(wire(&layer), count).collect();
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config), "layers": layers});
        let many = scene.builder.manifest(media_type::OCI_MANIFEST, &document);
        let child = scene.children[usize::from(count == 500)].digest;
        let found = crate::archive::testing::tag_of(&child, "att");
        scene.builder.attach(0, child, &many, found);
        carried.push(many.digest);
    }
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(reported(&report, carried[0]).outcome, AttachmentOutcome::Published);
    let code = NotPublished::AttachmentTooLarge;
    let large = reported(&report, carried[1]).outcome;
    assert_eq!(large, AttachmentOutcome::NotPublished { code, existing: None });
}
