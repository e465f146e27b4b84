use super::*;
use crate::oci::source::SourceError;
use std::sync::Mutex;

#[tokio::test]
async fn the_base_says_what_it_is() {
    let server = Server::new().await;
    let answer = server.get("/v2/").await;
    assert_eq!(answer.status(), 200);
    let version = header(&answer, "docker-distribution-api-version");
    assert_eq!(version, Some("registry/2.0"));
    assert_eq!(refusal(server.get("/").await).await.0, 404);
}

#[tokio::test]
async fn a_manifest_is_served_byte_for_byte_under_tag_and_digest() {
    let server = Server::new().await;
    let pushed = server.push_artifact("a/b", Target::Tag("1"), json!({})).await;
    let digest = pushed.digest.to_string();
    for target in ["1", &digest] {
        let path = format!("/v2/a/b/manifests/{target}");
        for method in [Method::GET, Method::HEAD] {
            let answer = server.request(method.clone(), &path).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "content-type"), Some(OCI_MANIFEST));
            assert_eq!(header(&answer, "docker-content-digest"), Some(&*digest));
            let length = pushed.size.to_string();
            assert_eq!(header(&answer, "content-length"), Some(&*length));
            let body = answer.bytes().await.expect("a body");
            if method == Method::GET {
                assert_eq!(Digest::of(&body), pushed.digest);
            } else {
                assert!(body.is_empty());
            }
        }
    }
    for other in ["/v2/a/b/manifests/2", "/v2/c/manifests/1"] {
        let answer = server.get(other).await;
        assert_eq!(refusal(answer).await, refused(404, "MANIFEST_UNKNOWN"));
    }
    let elsewhere = format!("/v2/c/manifests/{digest}");
    assert_eq!(refusal(server.get(&elsewhere).await).await.0, 404);
}

#[tokio::test]
async fn a_blob_is_served_whole_and_in_parts() {
    let server = Server::new().await;
    let content: Vec<u8> = (0..700_000u32).map(|n| (n % 253) as u8).collect();
    let blob = server.push_blob("a", &content).await;
    let path = format!("/v2/a/blobs/{}", blob.digest);
    let ask = async |range: &str, if_range: Option<&str>| {
        let mut request = server.request(Method::GET, &path).header("Range", range);
        if let Some(of) = if_range {
            request = request.header("If-Range", of);
        }
        request.send().await.expect("an answer")
    };
    let whole = server.get(&path).await;
    assert_eq!(header(&whole, "content-length"), Some("700000"));
    assert_eq!(header(&whole, "accept-ranges"), Some("bytes"));
    assert_eq!(whole.bytes().await.expect("a body"), content);

    for (range, wanted) in [
        ("bytes=0-0", 0..1),
        ("bytes=262143-524289", 262_143..524_290),
        ("bytes=699999-", 699_999..700_000),
        ("bytes=-5", 699_995..700_000),
    ] {
        let answer = ask(range, None).await;
        assert_eq!(answer.status(), 206, "{range}");
        let stated = format!("bytes {}-{}/700000", wanted.start, wanted.end - 1);
        assert_eq!(header(&answer, "content-range"), Some(&*stated));
        assert_eq!(answer.bytes().await.expect("a body"), content[wanted]);
    }
    let beyond = ask("bytes=700000-", None).await;
    assert_eq!(header(&beyond, "content-range"), Some("bytes */700000"));
    assert_eq!(refusal(beyond).await, refused(416, "RANGE_INVALID"));

    let etag = format!("\"{}\"", blob.digest);
    assert_eq!(ask("bytes=0-0", Some(&etag)).await.status(), 206);
    assert_eq!(ask("bytes=0-0", Some("\"other\"")).await.status(), 200);

    let head = server.request(Method::HEAD, &path).send().await;
    let head = head.expect("an answer");
    assert_eq!(header(&head, "content-length"), Some("700000"));
    let unknown = server.get(&format!("/v2/a/blobs/{}", absent())).await;
    assert_eq!(refusal(unknown).await, refused(404, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn a_damaged_manifest_is_a_failure_and_not_served() {
    let server = Server::new().await;
    let pushed = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let blobs = server.directory.path().join("blobs/sha256");
    let file = blobs.join(pushed.digest.hex());
    let mut bytes = std::fs::read(&file).expect("a manifest");
    bytes[20] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 500);
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 500);
}

#[tokio::test]
async fn a_damaged_blob_is_never_sent_whole_and_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    let tell = move |error: &SourceError| {
        note.lock().expect("no panic").push(error.to_string());
    };
    let directory = Arc::new(tempfile::tempdir().expect("a directory"));
    let registry = |store| Registry::read_write(store).telling(tell);
    let server = Server::at(directory, registry).await;
    for length in [1_usize, 1000, 700_000] {
        let content: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let blob = server.push_blob("a", &content).await;
        let path = format!("/v2/a/blobs/{}", blob.digest);
        assert_eq!(server.get(&path).await.bytes().await.expect("a body"), content);
        assert!(told.lock().expect("no panic").is_empty());
        let file = server.directory.path().join("blobs/sha256").join(blob.digest.hex());
        for place in [0, length / 2, length - 1] {
            let mut other = content.clone();
            other[place] ^= 1;
            std::fs::write(&file, other).expect("written");
            for range in [None, Some("bytes=0-")] {
                let request = server.request(Method::GET, &path);
                let request = range.iter().fold(request, |r, range| r.header("Range", *range));
                // The connection ends before the last bytes, or before the answer.
                let answer = async { request.send().await?.bytes().await };
                assert!(answer.await.is_err(), "{length} {place} {range:?}");
                let said = std::mem::take(&mut *told.lock().expect("no panic"));
                let [said] = &said[..] else { panic!("{said:?}") };
                assert!(said.contains(&blob.digest.to_string()), "{said}");
            }
        }
        // One that is cut short is not begun.
        std::fs::write(&file, &content[1..]).expect("written");
        let answer = async { server.request(Method::GET, &path).send().await?.bytes().await };
        assert_ne!(answer.await.ok().as_deref(), Some(&content[..]));
        told.lock().expect("no panic").clear();
        std::fs::write(&file, &content).expect("written");
        assert_eq!(server.get(&path).await.bytes().await.expect("a body"), content);
    }
}

#[tokio::test]
async fn a_read_only_registry_serves_and_changes_nothing() {
    let server = Server::new().await;
    let pushed = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let server = server.restart(|store| Registry::read_only(store)).await;
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 200);
    assert_eq!(server.json("/v2/a/tags/list").await["tags"], json!(["1"]));
    let path = format!("/v2/a/manifests/{}", pushed.digest);
    for (method, path) in [
        (Method::PUT, path.as_str()),
        (Method::DELETE, &path),
        (Method::DELETE, "/v2/a/manifests/1"),
        (Method::POST, "/v2/a/blobs/uploads/"),
        (Method::PATCH, "/v2/a/blobs/uploads/x"),
        (Method::DELETE, &format!("/v2/a/blobs/{}", Digest::of(b"{}"))),
    ] {
        let answer = server.request(method, path).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(refusal(answer).await, refused(405, "UNSUPPORTED"), "{path}");
    }
    assert_eq!(server.get("/v2/a/manifests/1").await.status(), 200);
}
