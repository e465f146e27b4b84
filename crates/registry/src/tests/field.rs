//! Registries and proxies as they are met: what they do beside the specification, and how it is taken.

use super::script::{Script, Seen, full, status};
use super::{Memory, attachment, content, empty_config, image, options, quick, read, repository};
use super::{repository_with, told};
use crate::encoding::gzip;
use crate::{BlobPushed, ClientOptions, Presence, RegistryError, RetryPolicy};
use axum::response::Response;
use bundle_oci::{Descriptor, media_type};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const MANIFEST: (&str, &str) = ("content-type", media_type::OCI_MANIFEST);
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn start(seen: &Seen) -> Option<usize> {
    let range = seen.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?;
    range.parse().ok()
}

#[tokio::test]
async fn a_manifest_that_was_compressed_on_the_way_is_decoded() {
    let manifest = image(&empty_config(), &[], "");
    for name in ["gzip", "x-gzip"] {
        let body = gzip(manifest.bytes());
        let script = Script::start(move |seen| {
            let headers = [MANIFEST, ("content-encoding", name)];
            seen.target.contains("/manifests/").then(|| full(200, &headers, body.clone()))
        })
        .await;
        let repository = repository(&script.address);
        let found = repository.manifest_by_digest(&manifest.digest()).await;
        assert_eq!(found.expect("decoded").expect("there").bytes(), manifest.bytes(), "{name}");
    }
}

#[tokio::test]
async fn what_expands_without_end_is_not_read() {
    let (body, blob) = (gzip(&vec![b' '; 9 << 20]), Descriptor::of("x", b"12345"));
    let script = Script::start(move |seen| {
        (seen.target != "/v2/").then(|| full(200, &[MANIFEST, GZIP], body.clone()))
    })
    .await;
    let repository = repository(&script.address);
    let error = repository.manifest_by_tag("v1").await.expect_err("too long");
    assert!(told(&error).contains("longer than"), "{}", told(&error));
    let error = read(&repository, &blob, 0).await.expect_err("too long");
    assert!(told(&error).contains("where 5 were expected"), "{}", told(&error));
}

#[tokio::test]
async fn a_blob_that_was_compressed_on_the_way_is_decoded() {
    let bytes = content(300_000);
    let blob = Descriptor::of("x", &bytes);
    let body = gzip(&bytes);
    let script = Script::start(move |seen| {
        let part = start(seen).map(|from| from.min(body.len()));
        seen.target.contains("/blobs/").then(|| match part {
            None => full(200, &[GZIP], body.clone()),
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                full(206, &[GZIP, ("content-range", &range)], body[from..].to_vec())
            }
        })
    })
    .await;
    let repository = repository(&script.address);
    assert!(read(&repository, &blob, 0).await.expect("decoded") == bytes);
    assert!(read(&repository, &blob, 1000).await.expect("decoded") == bytes[1000..]);
    assert!(repository.blob_exists(&blob).await.expect("asked"), "the length says nothing");
}

#[tokio::test]
async fn a_layer_that_is_gzip_by_itself_stays_as_it_is() {
    let bytes = gzip(&content(1000));
    let blob = Descriptor::of("x", &bytes);
    let body = bytes.clone();
    let script = Script::start(move |seen| {
        seen.target.contains("/blobs/").then(|| full(200, &[GZIP], body.clone()))
    })
    .await;
    let repository = repository(&script.address);
    assert!(read(&repository, &blob, 0).await.expect("as it is") == bytes);
}

#[tokio::test]
async fn a_range_that_is_refused_is_fetched_from_the_start() {
    let bytes = content(1000);
    let blob = Descriptor::of("x", &bytes);
    let all = bytes.clone();
    let script = Script::start(move |seen| {
        seen.target.contains("/blobs/").then(|| match start(seen) {
            Some(_) => status(416),
            None if seen.before == 0 => super::script::broken(200, &[], 1000, &all[..600]),
            None => full(200, &[], all.clone()),
        })
    })
    .await;
    assert!(read(&repository(&script.address), &blob, 0).await.expect("read") == bytes);
    assert_eq!(script.seen().len(), 3);
    assert!(read(&repository(&script.address), &blob, 900).await.expect("read") == bytes[900..]);
}

#[tokio::test]
async fn a_blob_of_another_length_is_pushed_again() {
    let bytes = content(100);
    let blob = Descriptor::of("x", &bytes);
    let cases = [
        (200, "100", BlobPushed::AlreadyThere),
        (200, "99", BlobPushed::Uploaded),
        (404, "0", BlobPushed::Uploaded),
        (405, "0", BlobPushed::Uploaded),
        (501, "0", BlobPushed::Uploaded),
    ];
    for (code, length, wanted) in cases {
        let script = Script::start(move |seen| match seen.method.as_str() {
            "HEAD" => Some(full(code, &[("content-length", length)], "")),
            "POST" => Some(full(202, &[("location", "/upload/1")], "")),
            "PUT" => Some(status(201)),
            _ => None,
        })
        .await;
        let repository = repository(&script.address);
        let source = Memory::of(&bytes);
        let pushed = repository.push_blob(&blob, &source, None, Presence::CheckFirst).await;
        assert_eq!(pushed.expect("there"), wanted, "{code} {length}");
    }
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_not_known_yet_is_pushed_again() {
    let manifest = image(&empty_config(), &[], "");
    let unknown = |code: &str| format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
    let cases = [
        (400, "MANIFEST_BLOB_UNKNOWN", 2),
        (404, "BLOB_UNKNOWN", 2),
        (404, "MANIFEST_UNKNOWN", 2),
        (400, "MANIFEST_INVALID", 1),
        (404, "NAME_UNKNOWN", 1),
    ];
    for (status_code, code, puts) in cases {
        let body = unknown(code);
        let script = Script::start(move |seen| {
            (seen.method == "PUT").then(|| match seen.before {
                0 => full(status_code, &[], body.clone()),
                _ => status(201),
            })
        })
        .await;
        let pushed = repository(&script.address).push_manifest(Some("v1"), &manifest).await;
        assert_eq!(pushed.is_ok(), puts == 2, "{code}");
        assert_eq!(script.seen().len(), puts, "{code}");
    }
    let body = unknown("MANIFEST_BLOB_UNKNOWN");
    let script =
        Script::start(move |seen| (seen.method == "PUT").then(|| full(400, &[], body.clone())))
            .await;
    let repository = repository(&script.address);
    repository.push_sparse_index(&manifest).await.expect_err("refused");
    assert_eq!(script.seen().len(), 1, "no time brings what is not carried");
    repository.push_manifest(None, &manifest).await.expect_err("refused");
    assert_eq!(script.seen().len(), 5, "and not for ever otherwise");
}

#[tokio::test]
async fn a_registry_without_referrers_api_is_asked_once() {
    let subject = image(&empty_config(), &[], "");
    let referrer = attachment(&subject, "a");
    for code in [400, 404, 405, 406, 501] {
        let entry = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":{}}}]}}"#,
            media_type::OCI_INDEX,
            referrer.media_type(),
            referrer.digest(),
            referrer.bytes().len()
        );
        let script = Script::start(move |seen| match seen.target.as_str() {
            target if target.contains("/referrers/") => Some(status(code)),
            target if target.contains("/manifests/sha256-") => {
                Some(full(200, &[("content-type", media_type::OCI_INDEX)], entry.clone()))
            }
            _ => None,
        })
        .await;
        let found = repository(&script.address).referrers(&subject.digest()).await;
        assert_eq!(found.expect("by tag").descriptors[0].digest, referrer.digest(), "{code}");
        assert_eq!(script.seen().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_pause_of_an_hour_is_told_and_not_waited_for() {
    let in_an_hour = time::OffsetDateTime::now_utc() + time::Duration::hours(1);
    let date = in_an_hour.format(&time::format_description::well_known::Rfc2822).expect("a date");
    for (code, asked) in [(429, "3600".to_owned()), (503, "3600".to_owned()), (429, date)] {
        let named = format!("{code} {asked}");
        let script = Script::start(move |seen| {
            (seen.target != "/v2/").then(|| full(code, &[("retry-after", &asked)], ""))
        })
        .await;
        let error = repository(&script.address).tags().await.expect_err("limited");
        assert_eq!(script.seen().len(), 1, "{named}");
        let told = told(&error);
        // The date is an hour away when the answer is made, not when it is read.
        let wait = told.split("asks to wait ").nth(1).and_then(|rest| rest.split(' ').next());
        let wait: u64 = wait.expect("a pause").parse().expect("seconds");
        assert!((3500..=3600).contains(&wait), "{told}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn statuses_about_the_moment_are_tried_again_and_others_never() {
    for (code, asked) in [(408, 2), (425, 2), (501, 1)] {
        let script = Script::start(move |seen| match (seen.target.as_str(), seen.before) {
            ("/v2/", _) => None,
            (_, 0) => Some(status(code)),
            _ => Some(full(200, &[], r#"{"tags":[]}"#)),
        })
        .await;
        let found = repository(&script.address).tags().await;
        assert_eq!((found.is_ok(), script.seen().len()), (asked == 2, asked), "{code}");
    }
}

/// A server that takes connections, and says nothing. Gives its address and how many it took.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            held.push(connection);
        }
    });
    (address, taken)
}

fn impatient() -> ClientOptions {
    let retry_policy = RetryPolicy { stall: Duration::from_secs(1), ..quick() };
    ClientOptions { retry_policy, ..options() }
}

#[tokio::test]
async fn a_silent_server_is_asked_once_for_all_its_repositories() {
    let (address, taken) = silent().await;
    let repository = repository_with(impatient(), &address);
    let first = repository.tags().await.expect_err("silent");
    assert!(matches!(first, RegistryError::Network { .. } | RegistryError::GivenUp { .. }));
    let before = taken.load(Ordering::Relaxed);
    assert!((1..=4).contains(&before), "{before}");
    for _ in 0..10 {
        let error = repository.manifest_by_tag("v1").await.expect_err("given up");
        assert!(matches!(error, RegistryError::GivenUp { .. }), "{error:?}");
        assert!(error.to_string().contains("not asked again in this run"), "{error}");
    }
    assert_eq!(taken.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn missing_server_is_asked_once_for_all_its_repositories() {
    let address = bundle_testing::servers::free_address();
    let repository = repository(&address);
    let first = repository.tags().await.expect_err("nobody there");
    assert!(matches!(first, RegistryError::Network { .. }), "{first:?}");
    let second = repository.manifest_by_tag("v1").await.expect_err("given up");
    assert!(second.to_string().contains("no connection"), "{second}");
}

/// A server that answers the first contact, and with silence to everything else.
async fn mute() -> Script {
    Script::start(|seen| (seen.target != "/v2/").then(|| super::script::unsized_answer(b"", true)))
        .await
}

#[tokio::test]
async fn a_body_that_never_comes_ends_after_two_attempts() {
    let script = mute().await;
    let repository = repository_with(impatient(), &script.address);
    let error = repository.manifest_by_tag("v1").await.expect_err("silent");
    assert!(told(&error).contains("nothing came for too long"), "{}", told(&error));
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_is_waited_for() {
    let answer = |seen: &Seen| -> Option<Response> {
        (seen.target != "/v2/").then(|| full(200, &[], r#"{"tags":["v1"]}"#))
    };
    let script = Script::start(answer).await;
    let address = script.address.clone();
    // No connection is kept, as when the machine was started anew.
    let repository = repository_with(options(), &address);
    assert_eq!(repository.tags().await.expect("there"), ["v1"]);
    drop(script);
    let back = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Script::start_at(&address, answer).await
    };
    let (tags, _back) = tokio::join!(repository.tags(), back);
    assert_eq!(tags.expect("back"), ["v1"]);
}
