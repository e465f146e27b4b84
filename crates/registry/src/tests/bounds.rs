//! Answers that go on: more values, more pages, more time than any honest one takes.

use super::absence::kind;
use super::script::{Script, Seen, dripping, full};
use super::{attachment, empty_config, image, options, quick, read, repository, repository_with};
use crate::{ClientOptions, RegistryError, RetryPolicy};
use axum::response::Response;
use bundle_oci::{Descriptor, media_type};
use std::time::Duration;

/// So many values of the kind that takes most memory for its length.
fn greedy(values: usize) -> String {
    vec![r#"{"":0}"#; values / 2].join(",")
}

async fn answering(
    part: &'static str,
    answer: impl Fn(&Seen) -> Response + Send + Sync + 'static,
) -> Script {
    Script::start(move |seen| seen.target.contains(part).then(|| answer(seen))).await
}

#[tokio::test]
async fn lists_of_tags_are_bounded_in_values_and_in_tags() {
    let error_of = async |body: String| {
        let script = answering("/tags/list", move |_| full(200, &[], body.clone())).await;
        repository(&script.address).tags().await.map(|tags| tags.len()).map_err(|e| kind(&e))
    };
    let tags = |count: usize| {
        let tags: Vec<_> = (0..count).map(|number| format!(r#""t{number}""#)).collect();
        format!(r#"{{"tags":[{}]}}"#, tags.join(","))
    };
    assert_eq!(error_of(tags(30_000)).await, Ok(30_000));
    assert_eq!(error_of(tags(500_001)).await, Err("bad answer"));
    assert_eq!(error_of(format!(r#"{{"tags":[{}]}}"#, greedy(1000))).await, Err("bad answer"));
    let beside = |values| format!(r#"{{"tags":["a"],"x":[{}]}}"#, greedy(values));
    assert_eq!(error_of(beside(1000)).await, Ok(1));
    assert_eq!(error_of(beside(600_000)).await, Err("bad answer"));
}

#[tokio::test]
async fn pages_that_bring_nothing_new_come_to_an_end() {
    let subject = image(&empty_config(), &[], "");
    let referrer = attachment(&subject, "a").descriptor();
    let entry = format!(
        r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#,
        referrer.media_type, referrer.digest, referrer.size
    );
    let index = |entries: &str| format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
    let (tags, none) = (r#"{"tags":["a"]}"#.to_owned(), r#"{"tags":[]}"#.to_owned());
    for (part, page) in [
        ("/tags/", tags),
        ("/tags/", none),
        ("/referrers/", index(&entry)),
        ("/referrers/", index("")),
    ] {
        let shown = page.clone();
        let script = Script::start(move |seen| {
            // Each page has an address of its own.
            let number = seen.target.split("page=").nth(1).and_then(|n| n.parse::<u32>().ok());
            let link = format!("<?page={}>; rel=next", number.unwrap_or(0) + 1);
            let headers = [("content-type", media_type::OCI_INDEX), ("link", &link)];
            seen.target.contains(part).then(|| full(200, &headers, page.clone()))
        })
        .await;
        let repository = repository(&script.address);
        let error = match part {
            "/tags/" => repository.tags().await.map(|_| ()),
            _ => repository.referrers(&subject.digest()).await.map(|_| ()),
        };
        assert_eq!(error.map_err(|error| kind(&error)), Err("bad answer"), "{shown}");
        assert!(script.seen().len() < 20, "{shown}: {} requests", script.seen().len());
    }
}

#[tokio::test]
async fn a_manifest_under_a_general_type_is_bounded_in_values() {
    let manifest = image(&empty_config(), &[], "");
    let text = String::from_utf8(manifest.bytes().to_vec()).expect("text");
    let padded = |values: usize| {
        text.replacen('{', &format!(r#"{{"x":[{}],"#, greedy(values)), 1).into_bytes()
    };
    for announced in ["application/json", "text/plain", media_type::OCI_MANIFEST] {
        for (values, good) in [(1000, true), (200_000, false)] {
            let body = padded(values);
            let script = answering("/manifests/", move |_| {
                full(200, &[("content-type", announced)], body.clone())
            })
            .await;
            let found = repository(&script.address).manifest_by_tag("v1").await;
            assert_eq!(found.is_ok(), good, "{announced} {values}");
        }
    }
}

#[tokio::test]
async fn a_list_of_gpg_signatures_is_bounded_in_values() {
    let subject = image(&empty_config(), &[], "").digest();
    for (values, good) in [(1000, true), (10_000, false)] {
        let body = format!(r#"{{"signatures":[],"x":[{}]}}"#, greedy(values));
        let script = answering("/extensions/", move |_| full(200, &[], body.clone())).await;
        let found = repository(&script.address).signatures(&subject).await;
        assert_eq!(found.is_ok(), good, "{values}");
    }
}

#[tokio::test]
async fn an_error_with_many_values_says_nothing() {
    for (values, code) in [(100, "DENIED"), (10_000, "")] {
        let error = r#"{"code":"DENIED"}"#;
        let body = format!(r#"{{"errors":[{error}],"x":[{}]}}"#, greedy(values));
        let script = answering("/manifests/", move |_| full(403, &[], body.clone())).await;
        match repository(&script.address).manifest_by_tag("v1").await {
            Err(RegistryError::Forbidden { said, .. }) => assert_eq!(said.code(), code),
            other => panic!("{other:?}"),
        }
    }
}

/// A client that looks at the pace of answers every 800 ms: long beside a pause of a busy machine.
fn hasty() -> ClientOptions {
    let retry_policy = RetryPolicy { stall: Duration::from_millis(800), ..quick() };
    ClientOptions { retry_policy, ..options() }
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up_and_a_slow_one_is_read() {
    const PIECE: &[u8] = &[b' '; 2048];
    for (piece, good) in [(&PIECE[..1], false), (PIECE, true)] {
        let script = answering("/manifests/", move |_| {
            let headers = [("content-type", media_type::OCI_MANIFEST)];
            dripping(&headers, 40_000, piece, Duration::from_millis(20))
        })
        .await;
        let read = repository_with(hasty(), &script.address).manifest_by_tag("v1").await;
        let error = read.expect_err("blanks are not a manifest");
        // Not asked again: it would hold the run as long once more.
        assert_eq!(script.seen().len(), 1);
        assert_eq!(matches!(error, RegistryError::BadManifest { .. }), good, "{error:?}");
        assert_eq!(matches!(error, RegistryError::Network { .. }), !good, "{error:?}");
    }
}

#[tokio::test]
async fn an_error_that_drips_is_given_up() {
    let script = answering("/manifests/", |_| {
        dripping(&[("content-type", "text/html")], 60_000, b"x", Duration::from_millis(20))
    })
    .await;
    let read = repository_with(hasty(), &script.address).manifest_by_tag("v1").await;
    assert_eq!(read.map(|_| ()).map_err(|error| kind(&error)), Err("network"));
}

#[tokio::test]
async fn a_blob_that_drips_is_given_up_and_a_slow_one_is_read() {
    const PIECE: &[u8] = &[b'x'; 2048];
    for (piece, good) in [(&PIECE[..1], false), (PIECE, true)] {
        let content = vec![b'x'; 40_000];
        let blob = Descriptor::of("x", &content);
        let script =
            answering("/blobs/", move |_| dripping(&[], 40_000, piece, Duration::from_millis(20)))
                .await;
        let got = read(&repository_with(hasty(), &script.address), &blob, 0).await;
        assert_eq!(got.is_ok(), good);
        if !good {
            assert_eq!(script.seen().len(), quick().attempts as usize);
        }
    }
}
