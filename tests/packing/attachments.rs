//! Everything that is attached travels: in both schemes, of the index and of every child, recursively.

use crate::harness::images::{self, Content, TestImage};
use crate::harness::scene::{Connected, HOST};
use crate::harness::signatures::{SigstoreBundle, cosign_tag, sign_bundle};
use crate::harness::signer::Signer;
use bundle::oci::Digest;
use serde_json::{Value, json};

const SPDX: &str = "application/spdx+json";

/// Kind, way it was found and subject of each attachment of the first image.
fn attached(report: &Value) -> Vec<(String, String, String)> {
    let list = report["images"][0]["attachments"].as_array().expect("attachments");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut attached: Vec<_> = list
        .iter()
        .map(|entry| {
            let found = &entry["found"];
            let found = found.get("tag").map_or_else(|| text(found), text);
            (text(&entry["kind"]), found, text(&entry["subject"]))
        })
        .collect();
    attached.sort();
    attached
}

/// The `.att` or `.sbom` of a digest: one layer of this media type.
fn tagged(side: &Connected, repository: &str, subject: &Digest, ending: &str, media_type: &str) {
    let layer = Content::new(media_type, format!("{{\"of\":\"{subject}\"}}"));
    let image = images::manifest(Content::new(images::CONFIG, "{}"), vec![layer], json!({}));
    image.push(&side.registry, repository, Some(&cosign_tag(subject, ending)));
}

/// One image with every kind of attachment there is; gives what a pack has to find.
fn attach_everything(side: &Connected) -> Vec<(String, String, String)> {
    let signer = Signer::p256();
    let (repository, registry) = ("team/app", &side.registry);
    let image = side.signed(repository, &signer);
    let child = &image.children[1];
    tagged(side, repository, &image.digest(), "att", "application/vnd.dsse.envelope.v1+json");
    tagged(side, repository, &child.digest(), "sbom", "text/spdx+json");
    sign_bundle(registry, repository, child, &signer);
    let provenance = "https://slsa.dev/provenance/v1";
    let statement = SigstoreBundle::attest(&signer, &image.digest(), provenance, &json!({}));
    statement.referrer(&image.manifest).push_referrer(registry, repository);
    let sbom = images::artifact(SPDX, child, "sbom");
    sbom.push_referrer(registry, repository);
    sign_bundle(registry, repository, &sbom, &signer);
    side.sign(repository, &sbom.digest(), &signer);

    let by_tag = |kind: &str, of: &TestImage, ending: &str| {
        (kind.to_owned(), cosign_tag(&of.digest(), ending), of.digest().to_string())
    };
    let by_subject = |kind: &str, of: &TestImage| {
        (kind.to_owned(), "referrer".to_owned(), of.digest().to_string())
    };
    let mut expected = vec![
        by_tag("signature", &image, "sig"),
        by_tag("signature", &image.children[0], "sig"),
        by_tag("signature", child, "sig"),
        by_tag("signature", &sbom, "sig"),
        by_tag("attestation", &image, "att"),
        by_tag("sbom", child, "sbom"),
        by_subject("signature", child),
        by_subject("signature", &sbom),
        by_subject("attestation", &image),
        by_subject("sbom", child),
    ];
    expected.sort();
    expected
}

#[test]
fn everything_attached_is_found_by_the_referrers_api() {
    let side = Connected::start();
    let expected = attach_everything(&side);
    let ran = side.pack(&["team/app:1"], &[]).expect_code(0);
    assert_eq!(attached(&side.inspect()), expected);
    for words in ["6 signatures", "2 attestations", "2 sboms"] {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
    assert_eq!(side.inspect()["images"][0]["attachmentLookup"], "complete");
}

#[test]
fn everything_attached_is_found_by_fallback_tags() {
    let test = "everything_attached_is_found_by_fallback_tags";
    let Some(side) = Connected::docker(test) else {
        return;
    };
    let expected = attach_everything(&side);
    side.pack(&["team/app:1"], &[]).expect_code(0);
    assert_eq!(attached(&side.inspect()), expected);
}

#[test]
fn only_what_names_the_image_is_attached_to_it() {
    let test = "only_what_names_the_image_is_attached_to_it";
    let Some(side) = Connected::docker(test) else {
        return;
    };
    let signer = Signer::p256();
    let image = side.unsigned("app");
    let other = side.unsigned("app-other");
    other.push(&side.registry, "app", None);
    // A list that claims what belongs to another image: each manifest has the last word.
    let foreign = SigstoreBundle::sign(&signer, &other.digest()).referrer(&other.manifest);
    foreign.push(&side.registry, "app", None);
    let own = SigstoreBundle::sign(&signer, &image.digest()).referrer(&image.manifest);
    own.push(&side.registry, "app", None);
    let list = json!({
        "schemaVersion": 2,
        "mediaType": bundle::oci::media_type::OCI_INDEX,
        "manifests": [foreign.manifest.descriptor(), own.manifest.descriptor()],
    });
    let list = Content::new(bundle::oci::media_type::OCI_INDEX, list.to_string());
    let tag = format!("sha256-{}", image.digest().hex());
    side.registry.push_manifest("app", &tag, &list);
    // And a tag of that form which is the image itself, as some tools make it.
    let child = &image.children[0];
    let tag = format!("sha256-{}", child.digest().hex());
    side.registry.push_manifest("app", &tag, &child.manifest);

    side.pack(&["app:1"], &[]).expect_code(0);
    let report = side.inspect();
    let digests: Vec<_> = report["images"][0]["attachments"]
        .as_array()
        .expect("attachments")
        .iter()
        .map(|entry| entry["digest"].as_str().expect("digest").to_owned())
        .collect();
    assert_eq!(digests, [own.digest().to_string()]);
}

#[test]
fn chains_of_attachments_are_followed_to_their_end() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.signed("app", &signer);
    // The signature of a signature of a signature: an honest chain, each link one level deeper.
    let mut subject = image.manifest.clone();
    for _ in 0..3 {
        let link = SigstoreBundle::sign(&signer, &subject.digest()).referrer(&subject);
        link.push_referrer(&side.registry, "app");
        subject = link.manifest;
    }
    side.pack(&["app:1"], &[]).expect_code(0);
    assert_eq!(side.inspect()["totals"]["attachments"], 6);

    for _ in 0..10 {
        let link = SigstoreBundle::sign(&signer, &subject.digest()).referrer(&subject);
        link.push_referrer(&side.registry, "app");
        subject = link.manifest;
    }
    std::fs::remove_file(side.file()).expect("first archive");
    let ran = side.pack(&["app:1"], &[]).expect_code(5);
    ran.expect_error(&[&format!("{HOST}/app:1"), "nested deeper", "--attachment-errors warn"]);
    assert_eq!(side.left(), [""; 0]);
    // As for every lookup that fails, the image can be had marked incomplete.
    side.pack(&["app:1"], &["--attachment-errors", "warn"]).expect_code(4);
    assert_eq!(side.inspect()["images"][0]["attachmentLookup"], "incomplete");
}

#[test]
fn a_runnable_image_is_not_packed_as_an_attachment() {
    for way in ["sbom", "att", "sig", "referrer"] {
        let side = Connected::start();
        let image = side.unsigned("app");
        let runnable = images::image("runnable", "linux/amd64", &[10]);
        let mut attached = runnable.clone();
        if way == "referrer" {
            let mut document: Value =
                serde_json::from_slice(&runnable.manifest.bytes).expect("a manifest");
            document["subject"] = image.manifest.descriptor();
            attached.manifest = Content::new(&runnable.manifest.media_type, document.to_string());
            attached.push_referrer(&side.registry, "app");
        } else {
            attached.push(&side.registry, "app", Some(&cosign_tag(&image.digest(), way)));
        }
        let digest = attached.digest().to_string();
        let ran = side.pack(&["app:1"], &["--signatures", "if-present"]).expect_code(3);
        ran.expect_error(&["attachment-runnable", &digest, "--attachment-errors warn"]);
        let arguments = ["--signatures", "if-present", "--attachment-errors", "warn"];
        let ran = side.pack(&["app:1"], &arguments).expect_code(4);
        assert!(ran.stdout.contains("attachment-runnable"), "nothing is lost silently: {ran}");
        assert_eq!(side.inspect()["images"][0]["attachments"], json!([]), "{way}");
    }
}
