//! Uploads, as registries in the field answer them.

use super::peer::authfile;
use super::script::{Script, Seen, full, status};
use super::{Memory, attachment, content, empty_config, image, options, repository};
use super::{repository_with, told};
use crate::{BlobPushed, ClientOptions, Presence, RegistryError, RetryPolicy};
use axum::response::Response;
use bundle_oci::source::Trouble;
use bundle_oci::{Descriptor, Digest};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::sync::atomic::Ordering;
use std::time::Duration;

const BEGIN: &str = "POST /v2/team/app/blobs/uploads/";

/// A registry that takes what comes; `special` goes before.
async fn taking(special: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static) -> Script {
    Script::start(move |seen| {
        special(seen).or_else(|| match seen.method.as_str() {
            "POST" => Some(full(202, &[("location", "/upload/1?state=a%2Bb")], "")),
            "PUT" => Some(status(201)),
            _ => None,
        })
    })
    .await
}

#[tokio::test]
async fn upload_is_one_put_of_known_length_at_the_named_place() {
    for length in [0, 100, 1_000_000] {
        let bytes = content(length);
        let blob = Descriptor::of("x", &bytes);
        let script = taking(|_| None).await;
        let source = Memory::of(&bytes);
        let repository = repository(&script.address);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown);
        assert_eq!(pushed.await.expect("pushed"), BlobPushed::Uploaded);
        let seen = script.seen();
        let digest = blob.digest.to_string().replace(':', "%3A");
        let put = format!("PUT /upload/1?state=a%2Bb&digest={digest}");
        assert_eq!(script.lines(), [BEGIN, &put]);
        assert_eq!(seen[0].header("content-length"), Some("0"));
        assert_eq!(seen[1].header("content-length"), Some(length.to_string().as_str()));
        assert_eq!(seen[1].header("transfer-encoding"), None);
        assert_eq!(seen[1].header("content-type"), Some("application/octet-stream"));
        assert!(seen[1].body.as_deref() == Some(&bytes[..]));
    }
}

#[tokio::test]
async fn content_that_comes_once_is_sent_as_it_comes_and_never_again() {
    let bytes = content(1_000_000);
    let blob = Descriptor::of("x", &bytes);
    // Its source may be silent for longer than a registry may.
    let stall = Duration::from_millis(400);
    let retry_policy = RetryPolicy { stall, ..super::quick() };
    let options = || ClientOptions { retry_policy: retry_policy.clone(), ..options() };
    let slow = |bytes: &[u8]| {
        let (first, last) = bytes.split_at(300_000);
        let pieces = [Bytes::copy_from_slice(first), Bytes::copy_from_slice(last)];
        stream::iter(pieces)
            .then(move |piece| async move {
                tokio::time::sleep(stall * 3 / 2).await;
                Ok(piece)
            })
            .boxed()
    };
    let script = taking(|_| None).await;
    let repository = repository_with(options(), &script.address);
    let pushed = repository.push_once(&blob, slow(&bytes));
    pushed.await.expect("pushed");
    assert!(script.seen()[1].body.as_deref() == Some(&bytes[..]));

    let begun = taking(|seen| (seen.method == "POST" && seen.before == 0).then(|| status(503)));
    let script = begun.await;
    let repository = repository_with(options(), &script.address);
    let pushed = repository.push_once(&blob, slow(&bytes));
    pushed.await.expect("the place is asked for again");
    let script = taking(|seen| (seen.method == "PUT").then(|| status(503))).await;
    let repository = repository_with(options(), &script.address);
    let pushed = repository.push_once(&blob, slow(&bytes));
    assert!(pushed.await.expect_err("busy").is_transient(), "what is sent again elsewhere");
    assert_eq!(script.seen().iter().filter(|seen| seen.method == "PUT").count(), 1);
    let script = taking(|_| None).await;
    let other = content(999_999);
    let repository = repository_with(options(), &script.address);
    let pushed = repository.push_once(&blob, slow(&other));
    assert!(matches!(pushed.await, Err(RegistryError::Source(_))));
}

#[tokio::test]
async fn a_failed_upload_starts_again_from_the_first_byte() {
    for code in [404, 429, 500, 503] {
        for length in [100, 1_000_000] {
            let bytes = content(length);
            let blob = Descriptor::of("x", &bytes);
            let script = taking(move |seen| {
                (seen.method == "PUT" && seen.before == 0).then(|| status(code))
            })
            .await;
            let source = Memory::of(&bytes);
            let repository = repository(&script.address);
            let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
            assert_eq!(pushed.expect("pushed"), BlobPushed::Uploaded, "{code}");
            let bodies: Vec<_> = script.seen().into_iter().filter(|s| s.method == "PUT").collect();
            assert_eq!(bodies.len(), 2);
            assert!(bodies[1].body.as_deref() == Some(&bytes[..]));
            let opened = if length == 100 { 1 } else { 2 };
            assert_eq!(source.opened.load(Ordering::Relaxed), opened);
        }
    }
}

#[tokio::test]
async fn an_upload_that_cannot_succeed_is_not_tried_for_ever() {
    for (code, puts) in [(400, 1), (403, 1), (404, 2), (413, 1), (500, 6)] {
        let script = taking(move |seen| (seen.method == "PUT").then(|| status(code))).await;
        let blob = Descriptor::of("x", b"x");
        let source = Memory::of(b"x");
        let repository = repository(&script.address);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        assert!(pushed.is_err(), "{code}");
        let asked = script.seen().iter().filter(|s| s.method == "PUT").count();
        assert_eq!(asked, puts, "{code}");
    }
}

#[tokio::test]
async fn a_source_that_fails_ends_the_upload_before_its_last_byte() {
    let bytes = content(1_000_000);
    let blob = Descriptor::of("x", &bytes);
    for trouble in [Trouble::Medium, Trouble::Network] {
        let script = taking(|_| None).await;
        let source = Memory::of(&bytes[..700_000]).then(trouble);
        let repository = repository(&script.address);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        match pushed {
            Err(RegistryError::Source(error)) => assert_eq!(error.trouble, trouble),
            other => panic!("{other:?}"),
        }
        let whole = script.seen().iter().any(|s| s.method == "PUT" && s.body.is_some());
        assert!(!whole);
    }
}

#[tokio::test]
async fn a_registry_that_stored_something_else_is_caught() {
    let bytes = content(10);
    let blob = Descriptor::of("x", &bytes);
    let manifest = image(&empty_config(), &[], "");
    for right in [true, false] {
        let wrong = Digest::of(b"something else");
        let script = taking(move |seen| {
            let stored = seen.body.as_ref().map(|b| Digest::of(b)).filter(|_| right);
            let stored = stored.unwrap_or(wrong).to_string();
            let put = seen.method == "PUT";
            put.then(|| full(201, &[("docker-content-digest", &stored)], ""))
        })
        .await;
        let repository = repository(&script.address);
        let source = Memory::of(&bytes);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        let put = repository.push_manifest(Some("v1"), &manifest).await;
        let wanted = [blob.digest, manifest.digest()];
        for (error, digest) in [pushed.err(), put.err()].into_iter().zip(wanted) {
            match error {
                None => assert!(right),
                Some(RegistryError::DigestMismatch { expected, found, .. }) => {
                    assert_eq!((right, expected, found), (false, digest, wrong));
                }
                Some(other) => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_mount_that_fails_becomes_an_upload() {
    let bytes = content(10);
    let blob = Descriptor::of("x", &bytes);
    let mount = format!("{BEGIN}?mount={}&from=other", blob.digest).replace("sha256:", "sha256%3A");
    for (code, wanted, posts) in [
        (201, BlobPushed::Mounted, 1),
        (202, BlobPushed::Uploaded, 1),
        (404, BlobPushed::Uploaded, 2),
        (403, BlobPushed::Uploaded, 2),
        (405, BlobPushed::Uploaded, 2),
    ] {
        let script = taking(move |seen| {
            let location = [("location", "/upload/mount")];
            seen.target.contains("mount=").then(|| full(code, &location, "<html>"))
        })
        .await;
        let source = Memory::of(&bytes);
        let repository = repository(&script.address);
        let pushed = repository.push_blob(&blob, &source, Some("other"), Presence::Unknown);
        assert_eq!(pushed.await.expect("pushed"), wanted, "{code}");
        let lines = script.lines();
        assert_eq!(lines[0], mount);
        assert_eq!(lines.iter().filter(|l| l.starts_with("POST")).count(), posts);
        let sent = lines.iter().any(|l| l.starts_with("PUT"));
        assert_eq!(sent, wanted == BlobPushed::Uploaded);
        if code == 202 {
            assert!(lines[1].starts_with("PUT /upload/mount?digest="), "{}", lines[1]);
        }
    }
    let script = taking(|seen| seen.target.contains("mount=").then(|| status(503))).await;
    let repository = repository(&script.address);
    let source = Memory::of(&bytes);
    let pushed = repository.push_blob(&blob, &source, Some("other"), Presence::Unknown).await;
    assert!(matches!(pushed, Err(RegistryError::Server { .. })), "{pushed:?}");
}

#[tokio::test]
async fn a_registry_that_stored_what_was_not_sent_has_it() {
    let bytes = content(1_000_000);
    let blob = Descriptor::of("x", &bytes);
    let length = bytes.len().to_string();
    // With a length, without one, absent, failing.
    for has in [true, false] {
        let length = length.clone();
        let script = taking(move |seen| match seen.method.as_str() {
            "POST" => Some(full(201, &[("location", "/x")], "")),
            "HEAD" if has => Some(full(200, &[("content-length", &length)], "")),
            "HEAD" => Some(status(404)),
            _ => None,
        })
        .await;
        let repository = repository(&script.address);
        let source = Memory::of(&bytes);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        let once = stream::iter([Ok(Bytes::copy_from_slice(&bytes))]).boxed();
        let streamed = repository.push_once(&blob, once).await;
        match has {
            true => {
                assert_eq!(pushed.expect("there"), BlobPushed::AlreadyThere);
                streamed.expect("there");
            }
            false => {
                for error in [pushed.expect_err("absent"), streamed.expect_err("absent")] {
                    assert!(told(&error).contains("stored before it was sent"), "{}", told(&error));
                }
            }
        }
        assert!(!script.lines().iter().any(|line| line.starts_with("PUT")));
    }
}

#[tokio::test]
async fn credentials_do_not_follow_an_upload_to_another_server() {
    let bytes = content(10);
    let blob = Descriptor::of("x", &bytes);
    let store = Script::start(|_| Some(status(201))).await;
    for foreign in [true, false] {
        let place =
            if foreign { format!("http://{}/put", store.address) } else { "/put".to_owned() };
        let script = Script::start(move |seen| match seen.method.as_str() {
            "GET" => Some(full(401, &[("www-authenticate", "Basic realm=x")], "")),
            "POST" => Some(full(202, &[("location", &place)], "")),
            _ => Some(status(201)),
        })
        .await;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("auth.json");
        authfile(&path, &script.address, "user", "password");
        let options = ClientOptions { authfile: Some(path), tls_verify: false, ..options() };
        let repository = repository_with(options, &script.address);
        let source = Memory::of(&bytes);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        assert_eq!(pushed.expect("pushed"), BlobPushed::Uploaded);
        let at = if foreign { &store } else { &script };
        let seen = at.seen().into_iter().find(|s| s.method == "PUT").expect("put");
        assert_eq!(seen.header("authorization").is_none(), foreign);
    }
}

#[tokio::test]
async fn a_place_that_may_not_be_used_is_an_error() {
    let blob = Descriptor::of("x", b"x");
    for headers in [
        &[][..],
        &[("location", "http://example.com/put")],
        &[("location", "ftp://example.com/put")],
    ] {
        let script =
            taking(move |seen| (seen.method == "POST").then(|| full(202, headers, ""))).await;
        let source = Memory::of(b"x");
        let repository = repository(&script.address);
        let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
        assert!(matches!(pushed, Err(RegistryError::BadAnswer { .. })), "{pushed:?}");
    }
}

#[tokio::test]
async fn manifest_goes_out_byte_for_byte_with_its_subject() {
    let subject = image(&empty_config(), &[], "");
    let referrer = attachment(&subject, "a");
    let right = subject.digest().to_string();
    for (said, understood) in [
        (Some(right), true),
        (Some(Digest::of(b"other").to_string()), false),
        (Some("yes".to_owned()), false),
        (None, false),
    ] {
        let script = taking(move |seen| {
            let headers: Vec<_> = said.iter().map(|s| ("oci-subject", s.as_str())).collect();
            (seen.method == "PUT").then(|| full(201, &headers, ""))
        })
        .await;
        let repository = repository(&script.address);
        let pushed = repository.push_manifest(None, &referrer).await.expect("pushed");
        assert_eq!(pushed.subject_understood, understood);
        let plain = repository.push_manifest(Some("v1"), &subject).await.expect("pushed");
        assert!(!plain.subject_understood);
        let seen = script.seen();
        let by_digest = format!("PUT /v2/team/app/manifests/{}", referrer.digest());
        assert_eq!(script.lines(), [&by_digest, "PUT /v2/team/app/manifests/v1"]);
        assert_eq!(seen[0].header("content-type"), Some(referrer.media_type()));
        assert_eq!(seen[0].body.as_ref(), Some(referrer.bytes()));
    }
}

#[tokio::test]
async fn only_a_tag_is_pushed_under() {
    let script = taking(|_| None).await;
    let repository = repository(&script.address);
    let manifest = image(&empty_config(), &[], "");
    for tag in ["", "../x", "a/b", "a?b", "-a"] {
        let error = repository.push_manifest(Some(tag), &manifest).await;
        assert!(error.is_err(), "{tag:?}");
        assert!(repository.manifest_by_tag(tag).await.is_err(), "{tag:?}");
    }
    assert_eq!(script.lines(), [""; 0]);
    let error = repository.push_manifest(Some("a\u{1b}[31m"), &manifest).await;
    assert!(told(&error.expect_err("no tag")).len() < 600);
}
