//! Blobs that do not come as they should.

use super::script::{Script, broken, full, status, unsized_answer};
use super::{content, options, quick, read, repository, repository_with, told};
use crate::{ClientOptions, RetryPolicy};
use axum::response::Response;
use bundle_oci::Descriptor;
use bundle_oci::source::Trouble;
use std::time::Duration;

/// First byte of the range that a request asks for.
fn start(seen: &super::script::Seen) -> usize {
    let range = seen.header("range").unwrap_or("bytes=0-");
    let start = range.trim_start_matches("bytes=").trim_end_matches('-');
    start.parse().expect("a number")
}

fn range(from: usize, total: usize) -> String {
    format!("bytes {from}-{}/{total}", total - 1)
}

/// A server that breaks off after every `step` bytes.
async fn breaking(bytes: Vec<u8>, step: usize, honours_range: bool) -> Script {
    Script::start(move |seen| {
        if !seen.target.contains("/blobs/") {
            return None;
        }
        let (from, total) = (start(seen), bytes.len());
        let end = (from + step).min(total);
        let range = range(from.min(total - 1), total);
        let ranged = [("content-range", range.as_str())];
        Some(match (honours_range && from > 0, end == total) {
            (true, true) => full(206, &ranged, bytes[from..].to_vec()),
            (true, false) => broken(206, &ranged, total - from, &bytes[from..end]),
            (false, true) => full(200, &[], bytes.clone()),
            (false, false) => broken(200, &[], total, &bytes[..end]),
        })
    })
    .await
}

#[tokio::test]
async fn a_broken_download_goes_on_at_the_byte_where_it_stopped() {
    let bytes = content(1_000_000);
    let blob = Descriptor::of("x", &bytes);
    for honours_range in [true, false] {
        // Ten connections: more than one attempt's worth, so each must have earned the next.
        let script = breaking(bytes.clone(), 100_000, honours_range).await;
        let repository = repository(&script.address);
        assert!(read(&repository, &blob, 0).await.expect("read") == bytes);
        let starts: Vec<usize> = script.seen().iter().map(start).collect();
        assert_eq!(starts[0], 0);
        assert!(starts.is_sorted_by(|a, b| a < b), "{starts:?}");
        assert!(starts.len() >= 10, "{starts:?}");
        assert!(read(&repository, &blob, 950_000).await.expect("read") == bytes[950_000..]);
    }
}

#[tokio::test]
async fn a_server_that_makes_no_progress_is_given_up() {
    let bytes = content(100_000);
    let blob = Descriptor::of("x", &bytes);
    for step in [0, 10] {
        let script = breaking(bytes.clone(), step, true).await;
        let error = read(&repository(&script.address), &blob, 0).await;
        let error = error.expect_err("given up");
        assert_eq!(error.trouble, Trouble::Network);
        assert!(told(&error).contains(&blob.digest.to_string()));
        assert_eq!(script.seen().len(), quick().attempts as usize);
    }
}

#[tokio::test]
async fn a_stalled_download_goes_on() {
    let bytes = content(1000);
    let blob = Descriptor::of("x", &bytes);
    let all = bytes.clone();
    let script = Script::start(move |seen| {
        let range = range(start(seen).min(999), 1000);
        seen.target.contains("/blobs/").then(|| match start(seen) {
            0 => unsized_answer(&all[..600], true),
            from => full(206, &[("content-range", &range)], all[from..].to_vec()),
        })
    })
    .await;
    let retry_policy = RetryPolicy { stall: Duration::from_secs(2), ..quick() };
    let repository = repository_with(ClientOptions { retry_policy, ..options() }, &script.address);
    assert!(read(&repository, &blob, 0).await.expect("read") == bytes);
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn answers_of_a_wrong_length_or_place_are_errors() {
    let bytes = content(1000);
    let blob = Descriptor::of("x", &bytes);
    type Make = fn(&[u8]) -> Response;
    let cases: [(u64, Make, Option<Trouble>); 10] = [
        (0, |b| full(200, &[], b.to_vec()), None),
        (0, |b| unsized_answer(b, false), None),
        (0, |b| full(200, &[], b[..999].to_vec()), Some(Trouble::Content)),
        (0, |b| full(200, &[], [b, b"x"].concat()), Some(Trouble::Content)),
        (0, |b| unsized_answer(&[b, b"x"].concat(), false), Some(Trouble::Content)),
        (0, |b| unsized_answer(&b[..999], false), Some(Trouble::Network)),
        (0, |_| status(204), Some(Trouble::Network)),
        (9, |b| full(206, &[("content-range", "bytes 9-999/1000")], b[9..].to_vec()), None),
        (
            9,
            |b| full(206, &[("content-range", "bytes 8-999/1000")], b[8..].to_vec()),
            Some(Trouble::Network),
        ),
        (
            9,
            |b| full(206, &[("content-range", "bytes 9-999/2000")], b[9..].to_vec()),
            Some(Trouble::Content),
        ),
    ];
    for (number, (offset, make, wanted)) in cases.into_iter().enumerate() {
        let bytes = content(1000);
        let script =
            Script::start(move |seen| seen.target.contains("/blobs/").then(|| make(&bytes))).await;
        let got = read(&repository(&script.address), &blob, offset).await;
        assert_eq!(got.as_ref().err().map(|e| e.trouble), wanted, "case {number}");
        if let Ok(got) = got {
            assert!(got == content(1000)[offset as usize..], "case {number}");
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_without_credentials() {
    let bytes = content(1000);
    let blob = Descriptor::of("x", &bytes);
    let all = bytes.clone();
    let store = Script::start(move |_| Some(full(200, &[], all.clone()))).await;
    let all = bytes.clone();
    let elsewhere = format!("http://{}/bucket/x?signature=1", store.address);
    let script = Script::start(move |seen| {
        let location = match seen.target.as_str() {
            "/v2/" => return Some(full(401, &[("www-authenticate", "Basic realm=x")], "")),
            "/own" => return Some(full(200, &[], all.clone())),
            target if target.starts_with("/v2/team/app/") => elsewhere.as_str(),
            _ => "/own",
        };
        Some(full(307, &[("location", location)], ""))
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("auth.json");
    super::peer::authfile(&path, &script.address, "user", "password");
    let options = ClientOptions { authfile: Some(path), tls_verify: false, ..options() };
    let client = crate::Client::new(options).expect("a client");
    let named = |path: &str| {
        let name = format!("{}/{path}", script.address);
        client.repository(&name.parse().expect("a name"))
    };
    assert!(read(&named("team/app"), &blob, 5).await.expect("read") == bytes[5..]);
    assert!(read(&named("own/app"), &blob, 0).await.expect("read") == bytes);

    let asked = store.seen();
    assert_eq!(asked[0].line(), "GET /bucket/x?signature=1");
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(asked[0].header("range"), Some("bytes=5-"));
    let kept = script.seen();
    assert!(kept.iter().all(|seen| seen.header("authorization").is_some()));
    assert!(kept.iter().any(|seen| seen.target == "/own"));
}

#[tokio::test]
async fn redirects_end_and_lead_nowhere_else() {
    let blob = Descriptor::of("x", b"x");
    for location in
        ["/v2/loop/blobs/x", "http://example.com/x", "file:///etc/passwd", "http://[", ""]
    {
        let script = Script::start(move |seen| {
            seen.target.contains("/blobs/").then(|| full(302, &[("location", location)], ""))
        })
        .await;
        let error = read(&repository(&script.address), &blob, 0).await;
        assert_eq!(error.expect_err(location).trouble, Trouble::Network);
        assert!(script.seen().len() <= 6);
    }
}
