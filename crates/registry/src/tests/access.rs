//! Tokens: which are asked for, how long they are kept, and where they never go.

use super::peer::authfile;
use super::script::{Script, Seen, full, status};
use super::{Memory, content, options, repository_with, told};
use crate::{BlobPushed, ClientOptions, Presence, RegistryError, RemoteRepository};
use axum::response::Response;
use bundle_oci::Descriptor;
use std::path::Path;
use tempfile::TempDir;

/// A token service that numbers its tokens.
async fn tokens() -> Script {
    Script::start(|seen| {
        let number = seen.before + 1;
        Some(full(200, &[], format!(r#"{{"token":"token-{number}","expires_in":300}}"#)))
    })
    .await
}

/// A registry that wants tokens from `realm`, and answers what `answer` lets through.
async fn registry(
    realm: String,
    answer: impl Fn(&Seen, &str) -> Option<Response> + Send + Sync + 'static,
) -> Script {
    Script::start(move |seen| {
        let shown = seen.header("authorization").unwrap_or_default();
        answer(seen, shown).or_else(|| {
            let challenge = format!(r#"Bearer realm="{realm}",service="test registry""#);
            Some(full(401, &[("www-authenticate", &challenge)], ""))
        })
    })
    .await
}

/// A repository with credentials from a file, and what keeps the file there.
fn with_authfile(address: &str, write: impl Fn(&Path)) -> (RemoteRepository, TempDir) {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("auth.json");
    write(&path);
    // Nothing here speaks TLS.
    let options = ClientOptions { authfile: Some(path), tls_verify: false, ..options() };
    (repository_with(options, address), directory)
}

fn with_password(address: &str) -> (RemoteRepository, TempDir) {
    with_authfile(address, |path| authfile(path, address, "user", "s3cret"))
}

const BASIC: &str = "Basic dXNlcjpzM2NyZXQ=";

#[tokio::test]
async fn one_token_serves_all_requests_of_a_scope() {
    let service = tokens().await;
    let realm = format!("http://{}/token?account=1", service.address);
    let script = registry(realm, |seen, shown| {
        (seen.target != "/v2/" && shown == "Bearer token-1").then(|| match seen.method.as_str() {
            "POST" => full(202, &[("location", "/put")], ""),
            "PUT" => status(201),
            _ => status(404),
        })
    })
    .await;
    let (repository, _file) = with_password(&script.address);
    let asks = (0..20).map(|_| repository.manifest_by_tag("v1"));
    let found = futures_util::future::join_all(asks).await;
    assert!(found.iter().all(|f| matches!(f, Ok(None))), "{found:?}");

    let bytes = content(300_000);
    let blob = Descriptor::of("x", &bytes);
    let source = Memory::of(&bytes);
    for mount in [None, Some("lib/base")] {
        let pushed = repository.push_blob(&blob, &source, mount, Presence::Unknown).await;
        assert_eq!(pushed.expect("pushed"), BlobPushed::Uploaded);
    }
    let asked = service.lines();
    let token = "GET /token?account=1&service=test+registry&scope=repository";
    assert_eq!(
        asked,
        [
            format!("{token}%3Ateam%2Fapp%3Apull"),
            format!("{token}%3Ateam%2Fapp%3Apull%2Cpush"),
            format!("{token}%3Alib%2Fbase%3Apull&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"),
        ]
    );
    let basic = service.seen().iter().all(|s| s.header("authorization") == Some(BASIC));
    assert!(basic, "the password goes to the token service");
    let leaked = script.seen().iter().any(|s| s.header("authorization") == Some(BASIC));
    assert!(!leaked, "and not to the registry");
}

#[tokio::test]
async fn a_token_that_ran_out_is_renewed_once() {
    let service = tokens().await;
    let realm = format!("http://{}/token", service.address);
    let script = registry(realm, |seen, shown| {
        let good = match seen.before {
            0 => shown == "Bearer token-1",
            _ => shown == "Bearer token-2",
        };
        (seen.target != "/v2/" && good).then(|| status(404))
    })
    .await;
    let (repository, _file) = with_password(&script.address);
    for _ in 0..3 {
        assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
    }
    assert_eq!(service.seen().len(), 2);

    let service = tokens().await;
    let script = registry(format!("http://{}/token", service.address), |_, _| None).await;
    let (repository, _file) = with_password(&script.address);
    let error = repository.tags().await.expect_err("never good enough");
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error:?}");
    assert_eq!((service.seen().len(), script.seen().len()), (2, 2));
    let shown = format!("{} {error:?}", told(&error));
    assert!(!shown.contains("token-") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_token_that_runs_out_during_an_upload_is_renewed() {
    let service = tokens().await;
    let realm = format!("http://{}/token", service.address);
    let script = registry(realm, |seen, shown| match seen.method.as_str() {
        "POST" => Some(full(202, &[("location", "/put")], "")),
        "PUT" if shown == "Bearer token-2" => Some(status(201)),
        _ => None,
    })
    .await;
    let bytes = content(1_000_000);
    let (blob, source) = (Descriptor::of("x", &bytes), Memory::of(&bytes));
    let (repository, _file) = with_password(&script.address);
    let pushed = repository.push_blob(&blob, &source, None, Presence::Unknown).await;
    assert_eq!(pushed.expect("pushed"), BlobPushed::Uploaded);
    let last = script.seen().pop().expect("asked");
    assert!(last.body.as_deref() == Some(&bytes[..]));
}

#[tokio::test]
async fn a_challenge_that_comes_with_the_request_is_answered() {
    let service = tokens().await;
    let realm = format!("http://{}/token", service.address);
    let script = registry(realm, |seen, shown| {
        (seen.target == "/v2/" || shown == "Bearer token-1").then(|| status(404))
    })
    .await;
    let (repository, _file) = with_authfile(&script.address, |path| {
        std::fs::write(path, "{}").expect("written");
    });
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
    assert_eq!(service.seen()[0].header("authorization"), None, "anonymous");
}

#[tokio::test]
async fn a_refresh_token_is_changed_for_a_token_by_post() {
    let service = tokens().await;
    let realm = format!("http://{}/token", service.address);
    let script = registry(realm, |_, shown| (shown == "Bearer token-1").then(|| status(404))).await;
    let (repository, _file) = with_authfile(&script.address, |path| {
        let entry =
            format!(r#"{{"auths":{{"{}":{{"identitytoken":"re+fresh"}}}}}}"#, script.address);
        std::fs::write(path, entry).expect("written");
    });
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
    let seen = service.seen();
    assert_eq!(seen[0].line(), "POST /token");
    assert_eq!(
        seen[0].body.as_deref(),
        Some(
            &b"grant_type=refresh_token&service=test+registry&client_id=bundle\
               &scope=repository%3Ateam%2Fapp%3Apull&refresh_token=re%2Bfresh"[..]
        )
    );
}

#[tokio::test]
async fn a_registry_token_is_shown_as_it_is() {
    let script = registry("http://127.0.0.1:9/token".into(), |_, shown| {
        (shown == "Bearer ready").then(|| status(404))
    })
    .await;
    let (repository, _file) = with_authfile(&script.address, |path| {
        let entry = format!(r#"{{"auths":{{"{}":{{"registrytoken":"ready"}}}}}}"#, script.address);
        std::fs::write(path, entry).expect("written");
    });
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
}

#[tokio::test]
async fn refusal_of_a_token_service_is_told_and_trouble_retried() {
    for (code, body, asked) in [
        (401, r#"{"details":"incorrect username or password"}"#, 1),
        (403, "", 1),
        (307, "", 1),
        (200, "<html>", 1),
        (429, "", 6),
        (503, "", 6),
    ] {
        let location = [("location", "/elsewhere")];
        let service = Script::start(move |_| Some(full(code, &location, body))).await;
        let script = registry(format!("http://{}/token", service.address), |_, _| None).await;
        let (repository, _file) = with_password(&script.address);
        let error = repository.tags().await.expect_err("no token");
        assert_eq!(service.seen().len(), asked, "{code}: {error:?}");
        let shown = told(&error);
        assert!(shown.contains("/token") && !shown.contains("s3cret"), "{shown}");
        assert_eq!(script.lines(), [""; 0]);
    }
}

#[tokio::test]
async fn credentials_go_to_no_realm_that_may_not_have_them() {
    for realm in ["http://example.com/token", "ftp://example.com/token", "/token", ""] {
        let script = registry(realm.to_owned(), |_, _| None).await;
        let (repository, _file) = with_password(&script.address);
        let error = repository.tags().await.expect_err(realm);
        assert!(matches!(error, RegistryError::BadAnswer { .. }), "{realm}: {error:?}");
    }
}
