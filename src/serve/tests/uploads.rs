use super::*;

/// Starts an upload; gives its path.
async fn start(server: &Server, repository: &str) -> String {
    let path = format!("/v2/{repository}/blobs/uploads/");
    let answer = server.request(Method::POST, &path).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 202);
    header(&answer, "location").expect("a location").to_owned()
}

async fn patch(server: &Server, upload: &str, range: Option<&str>, body: &[u8]) -> Response {
    let mut request = server.request(Method::PATCH, upload).body(body.to_vec());
    if let Some(range) = range {
        request = request.header("Content-Range", range);
    }
    request.send().await.expect("an answer")
}

async fn finish(server: &Server, upload: &str, digest: &str, body: &[u8]) -> Response {
    let path = format!("{upload}?digest={digest}");
    let request = server.request(Method::PUT, &path).body(body.to_vec());
    request.send().await.expect("an answer")
}

fn files(server: &Server) -> usize {
    let blobs = server.directory.path().join("blobs/sha256");
    std::fs::read_dir(blobs).expect("blobs").count()
}

#[tokio::test]
async fn a_blob_comes_at_once_or_in_pieces_in_their_order() {
    let server = Server::new().await;
    let content = vec![3; 600_000];
    let digest = Digest::of(&content).to_string();

    let upload = start(&server, "a").await;
    let first = patch(&server, &upload, Some("0-299999"), &content[..300_000]).await;
    assert_eq!(first.status(), 202);
    assert_eq!(header(&first, "range"), Some("0-299999"));
    for wrong in ["0-299999", "300001-300002", "600000-600001", "x", "5-1", "-5"] {
        let answer = patch(&server, &upload, Some(wrong), b"zz").await;
        assert_eq!(refusal(answer).await, refused(416, "BLOB_UPLOAD_INVALID"), "{wrong}");
    }
    let status = server.get(&upload).await;
    assert_eq!(status.status(), 204);
    assert_eq!(header(&status, "range"), Some("0-299999"));
    let second = patch(&server, &upload, None, &content[300_000..500_000]).await;
    assert_eq!(header(&second, "range"), Some("0-499999"));
    let done = finish(&server, &upload, &digest, &content[500_000..]).await;
    assert_eq!(done.status(), 201);
    let location = format!("/v2/a/blobs/{digest}");
    assert_eq!(header(&done, "location"), Some(&*location));
    let read = server.get(&location).await;
    assert_eq!(read.bytes().await.expect("a body"), content);
    assert_eq!(refusal(server.get(&upload).await).await.1, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(files(&server), 1);

    let whole = start(&server, "a").await;
    let digest = Digest::of(b"small").to_string();
    assert_eq!(finish(&server, &whole, &digest, b"small").await.status(), 201);
    server.push_blob("a", b"").await;
}

#[tokio::test]
async fn a_refused_piece_is_not_taken_and_a_short_one_is_told() {
    let server = Server::new().await;
    let upload = start(&server, "a").await;
    let short = patch(&server, &upload, Some("0-9"), b"12345").await;
    assert_eq!(refusal(short).await, refused(400, "SIZE_INVALID"));
    let status = server.get(&upload).await;
    assert_eq!(header(&status, "range"), Some("0-4"));
    patch(&server, &upload, Some("9-9"), b"x").await;
    let digest = Digest::of(b"1234567890").to_string();
    assert_eq!(finish(&server, &upload, &digest, b"67890").await.status(), 201);
}

#[tokio::test]
async fn nothing_is_committed_under_a_wrong_digest() {
    let server = Server::new().await;
    let content = vec![5; 300_000];
    let wrong = absent().to_string();
    let upload = start(&server, "a").await;
    patch(&server, &upload, None, &content).await;
    for missing in ["", "sha256:00", "sha512:00"] {
        let answer = finish(&server, &upload, missing, b"").await;
        assert_eq!(refusal(answer).await, refused(400, "DIGEST_INVALID"), "{missing}");
    }
    let answer = finish(&server, &upload, &wrong, b"").await;
    assert_eq!(refusal(answer).await, refused(400, "DIGEST_INVALID"));
    let at_once = server
        .request(Method::POST, &format!("/v2/a/blobs/uploads/?digest={wrong}"))
        .body(content.clone())
        .send()
        .await;
    assert_eq!(refusal(at_once.expect("an answer")).await.1, "DIGEST_INVALID");
    assert_eq!(server.get(&format!("/v2/a/blobs/{wrong}")).await.status(), 404);
    assert_eq!(files(&server), 0);
    server.push_blob("a", &content).await;
    assert_eq!(files(&server), 1);
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository_and_can_be_cancelled() {
    let server = Server::new().await;
    let upload = start(&server, "a").await;
    patch(&server, &upload, None, &[1; 300_000]).await;
    let elsewhere = upload.replace("/v2/a/", "/v2/b/");
    assert_eq!(server.get(&elsewhere).await.status(), 404);
    assert_eq!(server.delete(&elsewhere).await, 404);
    assert_eq!(files(&server), 1);
    assert_eq!(server.delete(&upload).await, 204);
    assert_eq!(server.delete(&upload).await, 404);
    assert_eq!(files(&server), 0);
}

#[tokio::test]
async fn an_upload_that_broke_off_is_continued_where_it_stopped() {
    use tokio::io::AsyncWriteExt as _;
    let server = Server::new().await;
    let upload = start(&server, "a").await;
    let address = server.base.trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.expect("connects");
    let request =
        format!("PATCH {upload} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1234567890");
    connection.write_all(request.as_bytes()).await.expect("sent");
    drop(connection);
    // The server notices in its own time; an append waits until it has.
    let rest = loop {
        let status = server.get(&upload).await;
        if header(&status, "range") == Some("0-9") {
            break patch(&server, &upload, Some("10-11"), b"ab").await;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(rest.status(), 202);
    let digest = Digest::of(b"1234567890ab").to_string();
    assert_eq!(finish(&server, &upload, &digest, b"").await.status(), 201);
}

#[tokio::test]
async fn present_blob_is_mounted_and_a_missing_one_uploaded() {
    let server = Server::new().await;
    let blob = server.push_blob("a", b"shared").await;
    let mount = async |digest: &str, from: &str| {
        let path = format!("/v2/b/blobs/uploads/?mount={digest}&from={from}");
        let answer = server.request(Method::POST, &path).send().await;
        answer.expect("an answer")
    };
    let mounted = mount(&blob.digest.to_string(), "a").await;
    let location = format!("/v2/b/blobs/{}", blob.digest);
    assert_eq!((mounted.status().as_u16(), header(&mounted, "location")), (201, Some(&*location)));
    let other = mount(&absent().to_string(), "a").await;
    assert_eq!(other.status(), 202);
    let upload = header(&other, "location").expect("a location").to_owned();
    let digest = absent().to_string();
    assert_eq!(finish(&server, &upload, &digest, b"nobody pushed this").await.status(), 201);
    assert_eq!(mount("sha256:00", "a").await.status(), 400);
    assert_eq!(mount(&digest, "..").await.status(), 400);
}

#[tokio::test]
async fn there_are_not_any_number_of_unfinished_uploads() {
    let server = Server::new().await;
    let mut last = String::new();
    for _ in 0..512 {
        last = start(&server, "a").await;
    }
    let one_more = server.request(Method::POST, "/v2/a/blobs/uploads/").send().await;
    let answer = refusal(one_more.expect("an answer")).await;
    assert_eq!(answer, refused(429, "TOOMANYREQUESTS"));
    assert_eq!(server.delete(&last).await, 204);
    start(&server, "a").await;
}
