//! Absence and failure never share a value; what can be helped by trying again is tried again.

use super::script::{Script, full, status};
use super::{options, repository, repository_with, told};
use crate::{ClientOptions, RegistryError, RetryPolicy};
use bundle_oci::{Descriptor, Digest};
use std::time::Duration;

/// What kind of error it is.
pub(super) fn kind(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Unauthorized { .. } => "unauthorized",
        RegistryError::Forbidden { .. } => "forbidden",
        RegistryError::NotFound { .. } => "not found",
        RegistryError::RateLimited { .. } => "rate limited",
        RegistryError::Server { .. } => "server",
        RegistryError::Refused { .. } => "refused",
        RegistryError::Network { .. } => "network",
        RegistryError::BadAnswer { .. } => "bad answer",
        RegistryError::BadManifest { .. } => "bad manifest",
        RegistryError::DigestMismatch { .. } => "digest",
        RegistryError::WrongLength { .. } => "length",
        _ => "other",
    }
}

#[tokio::test]
async fn only_404_means_absent_and_only_passing_trouble_is_retried() {
    let html = "<html>Not here</html>";
    let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#;
    for (code, body, wanted, asked) in [
        (404, html, Ok(()), 1),
        (404, unknown, Ok(()), 1),
        (404, "", Ok(()), 1),
        (401, "", Err("unauthorized"), 1),
        (403, unknown, Err("forbidden"), 1),
        (400, "", Err("refused"), 1),
        (410, html, Err("refused"), 1),
        (429, "", Err("rate limited"), 6),
        (500, html, Err("server"), 6),
        (503, unknown, Err("server"), 6),
    ] {
        let script = Script::start(move |seen| {
            (seen.target != "/v2/").then(|| full(code, &[("content-type", "text/html")], body))
        })
        .await;
        let repository = repository(&script.address);
        let digest = Digest::of(b"x");
        let blob = Descriptor::of("x", b"x");
        let found = [
            repository.manifest_by_tag("v1").await.map(|m| assert!(m.is_none())),
            repository.manifest_by_digest(&digest).await.map(|m| assert!(m.is_none())),
            repository.manifest_digest("v1").await.map(|d| assert_eq!(d, None)),
            repository.blob_exists(&blob).await.map(|there| assert!(!there)),
        ];
        for found in found {
            assert_eq!(found.as_ref().map_err(kind), wanted.as_ref().map_err(|k| *k), "{code}");
        }
        assert_eq!(script.seen().len(), 4 * asked, "{code}");
    }
}

#[tokio::test]
async fn a_repository_is_empty_only_when_the_registry_says_so() {
    let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#;
    for (code, body, empty) in [
        (404, unknown, true),
        (200, r#"{"name":"a","tags":[]}"#, true),
        (200, r#"{"name":"a","tags":null}"#, true),
        (200, r#"{"name":"a","tags":["1"]}"#, false),
        (200, "<html></html>", false),
        (404, "<html>Not here</html>", false),
        (404, "", false),
        (401, "", false),
        (403, unknown, false),
        (429, "", false),
        (500, unknown, false),
    ] {
        let script = Script::start(move |seen| {
            (seen.target != "/v2/").then(|| full(code, &[("content-type", "text/html")], body))
        })
        .await;
        assert_eq!(repository(&script.address).is_empty().await, empty, "{code} {body}");
        assert_eq!(script.seen().len(), 1, "a hint is not worth a second attempt");
    }
}

#[tokio::test]
async fn a_limit_and_a_failure_pass() {
    for (code, headers) in [
        (429, &[("retry-after", "0")][..]),
        (429, &[]),
        (500, &[]),
        (502, &[("retry-after", "0")]),
        (503, &[]),
    ] {
        let script = Script::start(move |seen| match seen.before {
            _ if seen.target == "/v2/" => None,
            0..=2 => Some(full(code, headers, "")),
            _ => Some(status(404)),
        })
        .await;
        let found = repository(&script.address).manifest_by_tag("v1").await;
        assert!(found.expect("asked again").is_none());
        assert_eq!(script.seen().len(), 4);
    }
}

#[tokio::test]
async fn what_a_registry_asks_to_wait_is_told() {
    let script = Script::start(|seen| {
        (seen.target != "/v2/").then(|| full(429, &[("retry-after", "21600")], ""))
    })
    .await;
    let error = repository(&script.address).tags().await.expect_err("limited");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(21_600)));
    assert!(error.is_transient() && error.hint().is_some());
}

#[tokio::test]
async fn silent_or_missing_server_is_a_network_error() {
    let address = bundle_testing::servers::free_address();
    let error = repository(&address).tags().await.expect_err("nobody there");
    assert_eq!(kind(&error), "network", "{error:?}");
    assert!(told(&error).contains(&address), "{}", told(&error));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let retry_policy = RetryPolicy {
        connect: Duration::from_millis(50),
        stall: Duration::from_millis(50),
        ..super::quick()
    };
    let options = ClientOptions { retry_policy, ..options() };
    let error = repository_with(options, &address).tags().await.expect_err("silent");
    assert_eq!(kind(&error), "network", "{error:?}");
}

#[tokio::test]
async fn the_404_of_a_store_behind_the_registry_is_a_failure() {
    let store = Script::start(|_| Some(status(404))).await;
    let elsewhere = format!("http://{}/x", store.address);
    let script = Script::start(move |seen| {
        (seen.target != "/v2/").then(|| full(307, &[("location", &elsewhere)], ""))
    })
    .await;
    let repository = repository(&script.address);
    let error = repository.manifest_by_tag("v1").await.expect_err("not absent");
    assert_eq!(kind(&error), "bad answer", "{error:?}");
    let error = repository.blob_exists(&Descriptor::of("x", b"x")).await;
    assert_eq!(kind(&error.expect_err("not absent")), "bad answer");
}

#[tokio::test]
async fn what_a_registry_says_of_a_blobs_length_is_compared() {
    for (length, wanted) in [("5", true), ("6", false)] {
        let script = Script::start(move |seen| {
            let found = seen.target.contains("/blobs/");
            found.then(|| full(200, &[("content-length", length)], ""))
        })
        .await;
        let blob = Descriptor::of("x", b"12345");
        let found = repository(&script.address).blob_exists(&blob).await;
        assert_eq!(found.expect("asked"), wanted, "{length}");
    }
}
