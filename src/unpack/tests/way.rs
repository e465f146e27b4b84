//! The way to the end, and where it breaks off.

use super::*;
use crate::report::unpack::{AttachmentOutcome, TagChange};
use crate::transfer::Jobs;
use crate::trust::Admission;
use crate::unpack::Addressed;
use crate::unpack::destination::{Destination as _, Transfer};

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_and_a_second_run_sends_nothing() {
    let scene = Scene::new().await;
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(scene.tag("org/app", "1").await, Some(scene.index.digest));
    assert_eq!(scene.tag("web", "2").await, Some(report.images[1].digest));
    for image in &report.images {
        assert_eq!(
            (image.tag, image.verdict.admission()),
            (TagChange::Created, &Admission::Signed)
        );
    }
    // shared by all and the empty config of signatures serve both repositories.
    assert!(report.blobs.mounted >= 1, "{:?}", report.blobs);
    assert_eq!(report.blobs.already_there, 0);
    let blobs = report.blobs.uploaded;
    assert_eq!(scene.progress.finished.load(Ordering::Relaxed), blobs);
    assert_eq!(scene.progress.bytes.load(Ordering::Relaxed), report.blobs.bytes_uploaded);
    let listed = scene.repository("org/app").referrers(&scene.index.digest).await.expect("listed");
    assert_eq!(listed.descriptors.len(), 1);
    let signature = format!("sha256-{}.sig", scene.index.digest.hex());
    assert!(scene.tag("org/app", &signature).await.is_some());
    assert!(report.warnings.iter().any(|text| text.contains("are not authenticated")));

    let again = scene.run_trusting().await.expect("unpacked again");
    assert_eq!((again.blobs.uploaded, again.blobs.bytes_uploaded), (0, 0));
    assert!(again.images.iter().all(|image| image.tag == TagChange::Unchanged));
    let outcomes: Vec<_> = again.images[0].attachments.iter().map(|a| a.outcome).collect();
    assert!(outcomes.contains(&AttachmentOutcome::AlreadyThere), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_interruption_only_what_is_missing_is_sent() {
    let scene = Scene::new().await;
    scene.builder.write(&scene.archive());
    let archive = crate::archive::Archive::open(&scene.archive()).expect("opened");
    let content = "large ".repeat(300_000);
    let large = Descriptor::of(LAYER, content.as_bytes());
    let presence = crate::registry::Presence::Unknown;
    let repository = scene.repository("org/app");
    repository.push_blob(&large, &archive, None, presence).await.expect("pushed");
    let report = scene.run_trusting().await.expect("unpacked");
    assert!(report.blobs.already_there >= 1);
    assert!(report.blobs.bytes_uploaded < large.size, "{:?}", report.blobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_tag_is_reported() {
    let mut scene = Scene::new().await;
    let old = scene.run_trusting().await.expect("unpacked").images[1].digest;
    scene.builder.images.pop();
    let web = scene.builder.simple_image("amd64", "a newer one");
    scene.builder.add_image(WEB, &web, &[]);
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    scene.builder.sign(1, &web, &signer);
    scene.signer = signer;
    // What was the old image's alone goes.
    let kept = scene.builder.forget_unreferenced();
    assert!(kept > 0);
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].tag, TagChange::Unchanged);
    assert_eq!(report.images[1].tag, TagChange::Moved { from: old });
    assert_eq!(scene.tag("web", "2").await, Some(web.digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_after_verification_is_not_published() {
    for (what, marker) in [("a layer", "large large"), ("a manifest", "\"manifests\"")] {
        let scene = Scene::new().await;
        scene.builder.write(&scene.archive());
        let target = scene.host.parse().expect("a target");
        let planned = Opened::open(&[scene.archive()])
            .and_then(Opened::check)
            .and_then(|checked| checked.verify_for(target, scene.trusting("*")))
            .and_then(Addressed::plan)
            .expect("planned");
        // The manifest's own bytes, not index.json's, which also lists manifests: the last place of the two.
        let mut bytes = std::fs::read(scene.archive()).expect("read");
        let at = bytes.windows(marker.len()).rposition(|w| w == marker.as_bytes()).expect("there");
        bytes[at + 1] ^= 1;
        std::fs::write(scene.archive(), bytes).expect("changed in place");
        let survey = planned.survey(&scene.client, OnExistingAttachment::default()).await;
        let progress: Arc<dyn Progress> = scene.progress.clone();
        let survey = survey.expect("surveyed");
        let turn = crate::unpack::turn::Turn::new(&planned, None, &[], &[], scene.client.waits());
        let transfer = Transfer {
            planned: &planned,
            survey: &survey,
            stream: None,
            attachments_refused: Default::default(),
            jobs: Jobs::new(4),
            progress: &progress,
            turn: &turn,
        };
        let pushed = scene.client.fill(transfer).await;
        let error = pushed.expect_err(what);
        assert_eq!(error.class(), Class::Medium, "{what}: {error:?}");
        assert!(scene.is_untagged().await, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_archive_is_refused_where_the_target_has_it_all() {
    let scene = Scene::new().await;
    scene.run_trusting().await.expect("unpacked");
    let mut bytes = std::fs::read(scene.archive()).expect("read");
    let marker = b"large large";
    let at = bytes.windows(marker.len()).rposition(|w| w == marker).expect("there");
    bytes[at] ^= 1;
    std::fs::write(scene.archive(), bytes).expect("damaged");
    let error = scene.run_as_it_is(scene.options(scene.trusting("*"))).await;
    assert_eq!(error.expect_err("damaged").class(), Class::Medium);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let scene = Scene::new().await;
    let mut options = scene.options(scene.trusting("*"));
    options.dry_run = true;
    let report = scene.run(options).await.expect("planned");
    assert!(report.dry_run && scene.is_untagged().await);
    assert_eq!(report.images[0].target, format!("{}/org/app:1", scene.host));
    assert_eq!(
        scene.repository("org/app").tags().await.unwrap_or_default(),
        <[&str; 0]>::default()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_a_tag_is_published_by_digest() {
    let mut scene = Scene::new().await;
    let digest = scene.index.digest;
    scene.builder.images[0].source = format!("quay.io/org/app@{digest}").parse().expect("a name");
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(report.images[0].tag, TagChange::ByDigest);
    assert_eq!(scene.tag("org/app", &digest.to_string()).await, Some(digest));
    let tags = scene.repository("org/app").tags().await.expect("tags");
    assert!(tags.iter().all(|tag| tag.ends_with(".sig")), "{tags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there_is_a_failure_of_the_network() {
    let mut scene = Scene::new().await;
    // Nobody listens on a port that was given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    scene.host = free.local_addr().expect("an address").to_string();
    drop(free);
    let error = scene.run_trusting().await.expect_err("nobody there");
    assert_eq!(error.class(), Class::Network, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unpacking_runs_as_a_task_of_its_own() {
    let scene = Scene::new().await;
    scene.builder.write(&scene.archive());
    let (request, client) = (scene.options(scene.trusting("*")), scene.client.clone());
    let progress: Arc<dyn Progress> = scene.progress.clone();
    // The future has to be `Send` for this.
    let task = tokio::spawn(async move { unpack(request, &client, &progress).await });
    let report = task.await.expect("the task ends").expect("unpacked");
    assert_eq!(scene.tag("org/app", "1").await, Some(report.images[0].digest));
}
