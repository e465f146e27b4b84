use super::*;
use crate::oci::media_type::DOCKER_MANIFEST;

#[tokio::test]
async fn a_manifest_needs_what_it_refers_to_but_its_subject() {
    let server = Server::new().await;
    let config = server.push_blob("a", b"{}").await;
    let missing = Descriptor::new("application/x", absent(), 5);
    let longer = Descriptor::new("application/x", config.digest, config.size + 1);
    let child = Descriptor::new(OCI_MANIFEST, absent(), 5);
    let with_layer = |layer: &Descriptor| {
        let mut document = image(&config);
        document["layers"] = json!([layer]);
        document
    };
    for (document, media_type, wanted) in [
        (image(&missing), OCI_MANIFEST, refused(400, "MANIFEST_BLOB_UNKNOWN")),
        (with_layer(&missing), OCI_MANIFEST, refused(400, "MANIFEST_BLOB_UNKNOWN")),
        (with_layer(&longer), OCI_MANIFEST, refused(400, "SIZE_INVALID")),
        (index(&[&child]), OCI_INDEX, refused(400, "MANIFEST_BLOB_UNKNOWN")),
    ] {
        let answer = server.put("/v2/a/manifests/1", media_type, document.to_string()).await;
        assert_eq!(refusal(answer).await, wanted, "{document}");
    }
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 404);

    let mut foreign = missing.clone();
    foreign.media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip".into();
    let refused_without_urls =
        server.put("/v2/a/manifests/1", OCI_MANIFEST, with_layer(&foreign).to_string()).await;
    assert_eq!(refused_without_urls.status(), 400);
    foreign.urls.push("https://example.com/layer".into());
    let document = with_layer(&foreign);
    server.push_document("a", Target::Tag("foreign"), OCI_MANIFEST, &document).await;

    let mut attached = image(&config);
    attached["subject"] = json!(child);
    let answer = server.put("/v2/a/manifests/attached", OCI_MANIFEST, attached.to_string()).await;
    assert_eq!(answer.status(), 201);
    let subject = absent().to_string();
    assert_eq!(header(&answer, "oci-subject"), Some(&*subject));
}

#[tokio::test]
async fn an_index_needs_its_children_in_its_own_repository() {
    let server = Server::new().await;
    let child = server.push_artifact("a", Target::Digest, json!({})).await;
    let document = index(&[&child]).to_string();
    let elsewhere = server.put("/v2/b/manifests/1", OCI_INDEX, document.clone()).await;
    assert_eq!(refusal(elsewhere).await.1, "MANIFEST_BLOB_UNKNOWN");
    let here = server.put("/v2/a/manifests/1", OCI_INDEX, document).await;
    assert_eq!(here.status(), 201);
    assert_eq!(header(&here, "oci-subject"), None);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let server = Server::new().await;
    let config = server.push_blob("a", b"{}").await;
    let good = image(&config).to_string();
    let both = good.replace("\"layers\"", "\"manifests\":[],\"layers\"");
    let twice = good.replace("\"layers\"", "\"layers\":[],\"layers\"");
    let large = " ".repeat((4 << 20) + 1);
    for (media_type, body, wanted) in [
        ("text/html", &good, refused(400, "MANIFEST_INVALID")),
        (OCI_INDEX, &good, refused(400, "MANIFEST_INVALID")),
        (DOCKER_MANIFEST, &good, refused(400, "MANIFEST_INVALID")),
        (OCI_MANIFEST, &both, refused(400, "MANIFEST_INVALID")),
        (OCI_MANIFEST, &twice, refused(400, "MANIFEST_INVALID")),
        (OCI_MANIFEST, &"{}".to_owned(), refused(400, "MANIFEST_INVALID")),
        (OCI_MANIFEST, &"".to_owned(), refused(400, "MANIFEST_INVALID")),
        (OCI_MANIFEST, &large, refused(413, "SIZE_INVALID")),
    ] {
        let answer = server.put("/v2/a/manifests/1", media_type, body.clone()).await;
        assert_eq!(refusal(answer).await, wanted, "{media_type} {body:.80}");
    }
    let untyped = server.request(Method::PUT, "/v2/a/manifests/1").body(good.clone()).send().await;
    assert_eq!(refusal(untyped.expect("an answer")).await.0, 400);

    let wrong = format!("/v2/a/manifests/{}", absent());
    let answer = server.put(&wrong, OCI_MANIFEST, good.clone()).await;
    assert_eq!(refusal(answer).await, refused(400, "DIGEST_INVALID"));

    let typed = format!("{OCI_MANIFEST}; charset=utf-8");
    let answer = server.put("/v2/a/manifests/1", &typed, good.clone()).await;
    assert_eq!(answer.status(), 201);
    let location = format!("/v2/a/manifests/{}", Digest::of(good.as_bytes()));
    assert_eq!(header(&answer, "location"), Some(&*location));
}

#[tokio::test]
async fn odd_names_touch_nothing() {
    let server = Server::new().await;
    let long = format!("/v2/{}/manifests/1", "a".repeat(300));
    for path in ["/v2/%2e%2e%2f%2e%2e/manifests/1", "/v2/A/manifests/1", &long] {
        let answer = server.put(path, OCI_MANIFEST, "{}").await;
        assert_eq!(refusal(answer).await, refused(400, "NAME_INVALID"), "{path}");
    }
    let tag = server.put("/v2/a/manifests/.hidden", OCI_MANIFEST, "{}").await;
    assert_eq!(refusal(tag).await, refused(400, "TAG_INVALID"));
    assert_eq!(server.json("/v2/_catalog").await["repositories"], json!([]));
}

#[tokio::test]
async fn a_moved_tag_leaves_the_old_manifest_and_a_deleted_one_too() {
    let server = Server::new().await;
    let old = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let noted = json!({"annotations": {"k": "v"}});
    let new = server.push_artifact("a", Target::Tag("1"), noted).await;
    let by_digest = |d: &Descriptor| format!("/v2/a/manifests/{}", d.digest);
    let tagged = server.get("/v2/a/manifests/1").await;
    let digest = new.digest.to_string();
    assert_eq!(header(&tagged, "docker-content-digest"), Some(&*digest));
    assert_eq!(server.get(&by_digest(&old)).await.status(), 200);

    assert_eq!(server.delete("/v2/a/manifests/1").await, 202);
    assert_eq!(server.delete("/v2/a/manifests/1").await, 404);
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 404);
    assert_eq!(server.get(&by_digest(&new)).await.status(), 200);
}

#[tokio::test]
async fn a_deleted_manifest_takes_its_tags_along_and_no_others() {
    let server = Server::new().await;
    let first = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    server.push_artifact("a", Target::Tag("2"), json!({})).await;
    let noted = json!({"annotations": {"k": "v"}});
    server.push_artifact("a", Target::Tag("3"), noted).await;
    server.push_artifact("b", Target::Tag("1"), json!({})).await;
    let path = format!("/v2/a/manifests/{}", first.digest);
    assert_eq!(server.delete(&path).await, 202);
    assert_eq!(server.delete(&path).await, 404);
    assert_eq!(server.json("/v2/a/tags/list").await["tags"], json!(["3"]));
    assert_eq!(server.json("/v2/b/tags/list").await["tags"], json!(["1"]));
}

#[tokio::test]
async fn a_blob_is_deleted_only_when_no_manifest_needs_it() {
    let server = Server::new().await;
    let manifest = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let loose = server.push_blob("a", b"loose").await;
    let blob = |digest: Digest| format!("/v2/b/blobs/{digest}");
    assert_eq!(server.delete(&blob(loose.digest)).await, 202);
    assert_eq!(server.delete(&blob(loose.digest)).await, 404);
    assert_eq!(server.delete(&blob(Digest::of(b"{}"))).await, 409);
    assert_eq!(server.delete(&blob(manifest.digest)).await, 409);
    let path = format!("/v2/a/manifests/{}", manifest.digest);
    assert_eq!(server.delete(&path).await, 202);
    assert_eq!(server.delete(&blob(Digest::of(b"{}"))).await, 202);
}
