use super::*;
use crate::oci::layout::{LayoutDirectory, LayoutWriter, REF_NAME};

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let server = Server::new().await;
    let child = server.push_artifact("a", Target::Digest, json!({})).await;
    let list = index(&[&child]);
    let list = server.push_document("a", Target::Tag("1"), OCI_INDEX, &list).await;
    let attached = json!({"subject": list, "artifactType": "x/sig"});
    let attached = server.push_artifact("a", Target::Digest, attached).await;
    server.push_artifact("b", Target::Tag("1"), json!({})).await;
    server.push_artifact("gone", Target::Tag("1"), json!({})).await;
    let gone = format!("/v2/gone/manifests/{}", child.digest);
    assert_eq!(server.delete(&gone).await, 202);

    let server = server.restart(Registry::read_write).await;
    let catalog = server.json("/v2/_catalog").await;
    assert_eq!(catalog["repositories"], json!(["a", "b"]));
    assert_eq!(server.json("/v2/a/tags/list").await["tags"], json!(["1"]));
    for held in [&child, &list, &attached] {
        let answer = server.get(&format!("/v2/a/manifests/{}", held.digest)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "content-type"), Some(&*held.media_type));
    }
    let referrers = server.json(&format!("/v2/a/referrers/{}", list.digest)).await;
    assert_eq!(referrers["manifests"][0]["digest"], json!(attached.digest));
    assert_eq!(referrers["manifests"][0]["artifactType"], "x/sig");

    let layout = LayoutDirectory::open(server.directory.path()).expect("a layout");
    assert_eq!(layout.tagged("a:1").map(|d| d.digest), Some(list.digest));
    assert_eq!(layout.tagged("b:1").map(|d| d.digest), Some(child.digest));
    let untagged = layout.entries().into_iter().filter(|e| e.annotation(REF_NAME).is_none());
    assert_eq!(untagged.count(), 2);
}

#[tokio::test]
async fn many_pushes_at_a_time_are_all_kept() {
    let server = Server::new().await;
    server.push_blob("a", b"{}").await;
    let config = Descriptor::of(OCI_EMPTY, b"{}");
    let pushes = (0..200).map(|number| {
        let mut document = image(&config);
        document["annotations"] = json!({"number": number.to_string()});
        let path = format!("/v2/r{}/manifests/t{number}", number % 3);
        let server = &server;
        async move { server.put(&path, OCI_MANIFEST, document.to_string()).await.status() }
    });
    let answers = futures_util::future::join_all(pushes).await;
    assert!(answers.iter().all(|status| *status == 201), "{answers:?}");
    let server = server.restart(Registry::read_write).await;
    let mut count = 0;
    for repository in 0..3 {
        let list = server.json(&format!("/v2/r{repository}/tags/list")).await;
        count += list["tags"].as_array().expect("a list").len();
    }
    assert_eq!(count, 200);
}

#[tokio::test]
async fn a_store_has_one_server_and_the_unfinished_is_removed() {
    let server = Server::new().await;
    let second = Store::open(server.directory.path());
    assert!(
        matches!(second, Err(StoreError::Layout(crate::oci::layout::LayoutError::Locked(_)))),
        "{second:?}"
    );
    let half = server.directory.path().join("blobs/sha256/.partial-1-1");
    std::fs::write(&half, b"half").expect("written");
    let server = server.restart(Registry::read_write).await;
    assert!(!half.exists());
    assert_eq!(server.get("/v2/").await.status(), 200);
}

#[tokio::test]
async fn layout_of_another_tool_is_served_with_all_its_entries() {
    let directory = Arc::new(tempfile::tempdir().expect("a directory"));
    let writer = LayoutWriter::open_or_create(directory.path()).expect("a layout");
    let write = async |text: String, media_type: &str| {
        let manifest = crate::oci::Manifest::parse(text.into(), media_type).expect("a manifest");
        writer.write_manifest(&manifest).await.expect("written");
        manifest.descriptor()
    };
    let child = write(image(&Descriptor::of(OCI_EMPTY, b"{}")).to_string(), OCI_MANIFEST).await;
    let list = write(index(&[&child]).to_string(), OCI_INDEX).await;
    let named = |name: &str| {
        let mut entry = list.clone();
        entry.annotations.insert(REF_NAME.into(), name.into());
        entry
    };
    writer.put_entries(vec![named("org/app:1"), named("latest")]).await.expect("listed");
    drop(writer);

    let server = Server::at(Arc::clone(&directory), Registry::read_write).await;
    assert_eq!(server.get("/v2/org/app/manifests/1").await.status(), 200);
    let by_digest = format!("/v2/org/app/manifests/{}", child.digest);
    assert_eq!(server.get(&by_digest).await.status(), 200);
    server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let layout = LayoutDirectory::open(directory.path()).expect("a layout");
    for name in ["org/app:1", "latest", "a:1"] {
        assert!(layout.tagged(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn store_stays_shut_when_a_listed_manifest_is_damaged() {
    let server = Server::new().await;
    let pushed = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let directory = server.stop().await;
    let blobs = directory.path().join("blobs/sha256");
    let file = blobs.join(pushed.digest.hex());
    let bytes = std::fs::read(&file).expect("a manifest");
    std::fs::write(&file, b"{}").expect("written");
    assert!(open(&directory).await.is_err());
    std::fs::remove_file(&file).expect("removed");
    assert!(open(&directory).await.is_err());
    std::fs::write(&file, bytes).expect("written");
    assert!(open(&directory).await.is_ok());
}
