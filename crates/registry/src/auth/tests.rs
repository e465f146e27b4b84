//! Credentials as they lie in people's files.

use super::credentials::CredentialStore;
use super::secret::{Credentials, Secret};
use super::{Scope, scopes};
use crate::RegistryError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn password(user: &str, password: &str) -> Option<Credentials> {
    Some(Credentials::Password { user: user.into(), password: Secret::new(password) })
}

async fn find(
    store: &CredentialStore,
    repository: &str,
) -> Result<Option<Credentials>, RegistryError> {
    store.find(&repository.parse().expect("a name")).await
}

async fn find_in(text: &str, repository: &str) -> Result<Option<Credentials>, RegistryError> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    find(&CredentialStore::new(Some(file.path()), |_| None, 0), repository).await
}

#[tokio::test]
async fn the_most_specific_entry_counts() {
    // base64 of host:p, org:p, app:p, hub:p.
    let text = r#"{"auths":{
        "quay.io":{"auth":"aG9zdDpw"},
        "quay.io/org":{"auth":"b3JnOnA="},
        "quay.io/org/app":{"auth":"YXBwOnA="},
        "https://index.docker.io/v1/":{"auth":"aHViOnA="},
        "https://old.example/v2/":{"username":"old","password":"p"},
        "empty.example":{}
    },"credHelpers":{},"unknown":1}"#;
    for (repository, user) in [
        ("quay.io/org/app", Some("app")),
        ("quay.io/org/app/below", Some("app")),
        ("quay.io/org/application", Some("org")),
        ("quay.io/organisation/app", Some("host")),
        ("docker.io/library/alpine", Some("hub")),
        ("alpine", Some("hub")),
        ("old.example/a", Some("old")),
        ("empty.example/a", None),
        ("other.example/a", None),
        ("quay.io:5000/org/app", None),
    ] {
        let found = find_in(text, repository).await.expect("read");
        assert_eq!(found, user.and_then(|user| password(user, "p")), "{repository}");
    }
}

#[tokio::test]
async fn an_entry_may_hold_a_token() {
    let text = r#"{"auths":{
        "a.example":{"auth":"dXNlcjo=","identitytoken":"id"},
        "b.example":{"registrytoken":"reg"},
        "c.example":{"auth":"dXNlcjpwOnE6cgAA"}
    }}"#;
    let identity = Credentials::Identity(Secret::new("id"));
    let bearer = Credentials::Bearer(Secret::new("reg"));
    assert_eq!(find_in(text, "a.example/x").await.expect("read"), Some(identity));
    assert_eq!(find_in(text, "b.example/x").await.expect("read"), Some(bearer));
    assert_eq!(find_in(text, "c.example/x").await.expect("read"), password("user", "p:q:r"));
}

#[tokio::test]
async fn a_broken_file_is_an_error_that_shows_nothing_of_it() {
    for text in [
        r#"{"auths":{"a.example":{"auth":"s3cret!"}}}"#,
        r#"{"auths":{"a.example":"s3cret"}}"#,
        r#"{"auths":{"a.example":{"auth":"czNjcmV0"}}}"#,
        r#"{"auths":{},"auths":{}} s3cret"#,
        "s3cret",
    ] {
        let error = find_in(text, "a.example/x").await.expect_err(text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let shown = format!("{:?}", password("user", "s3cret"));
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// Writes `user:p` for quay.io in the form of docker and containers.
fn write(path: &Path, user: &str) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    std::fs::create_dir_all(path.parent().expect("below a directory")).expect("made");
    let auth = BASE64_STANDARD.encode(format!("{user}:p"));
    let text = format!(r#"{{"auths":{{"quay.io":{{"auth":"{auth}"}}}}}}"#);
    std::fs::write(path, text).expect("written");
}

#[tokio::test]
async fn the_usual_places_are_read_in_their_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let variables: HashMap<&str, PathBuf> = HashMap::from([
        ("HOME", at("home")),
        ("XDG_RUNTIME_DIR", at("run")),
        ("DOCKER_CONFIG", at("docker")),
    ]);
    let variable = |name: &str| variables.get(name).map(|path| path.clone().into_os_string());
    let mut known = None;
    // From the least to the most important.
    for (place, user) in [
        ("docker/config.json", "docker"),
        ("home/.config/containers/auth.json", "config"),
        ("run/containers/auth.json", "runtime"),
    ] {
        let store = CredentialStore::new(None, variable, 0);
        assert_eq!(find(&store, "quay.io/a").await.expect("read"), known);
        write(&at(place), user);
        known = password(user, "p");
    }
    let store = CredentialStore::new(None, variable, 0);
    assert_eq!(find(&store, "quay.io/a").await.expect("read"), known);

    write(&at("named.json"), "named");
    let named = |name: &str| match name {
        "REGISTRY_AUTH_FILE" => Some(at("named.json").into_os_string()),
        other => variable(other),
    };
    let store = CredentialStore::new(None, named, 0);
    assert_eq!(find(&store, "quay.io/a").await.expect("read"), password("named", "p"));
    // A file that the user names is the only one, and must be there.
    write(&at("other.json"), "other");
    let store = CredentialStore::new(Some(&at("other.json")), named, 0);
    assert_eq!(find(&store, "quay.io/a").await.expect("read"), password("other", "p"));
    let store = CredentialStore::new(Some(&at("missing.json")), named, 0);
    assert!(find(&store, "quay.io/a").await.is_err());
}

#[tokio::test]
async fn a_helper_that_is_named_and_fails_is_an_error() {
    for text in [
        r#"{"credHelpers":{"quay.io":"does-not-exist-here"}}"#,
        r#"{"credHelpers":{"quay.io/org":"../evil"}}"#,
        r#"{"credsStore":"does-not-exist-here"}"#,
    ] {
        let error = find_in(text, "quay.io/org/a").await.expect_err(text);
        assert!(matches!(error, RegistryError::Credentials { .. }), "{error:?}");
        assert!(error.hint().is_some());
    }
    let other = r#"{"credHelpers":{"other.example":"does-not-exist-here"}}"#;
    assert_eq!(find_in(other, "quay.io/org/a").await.expect("not asked"), None);
}

#[test]
fn a_registry_does_not_choose_what_our_credentials_open() {
    let scope = Scope::pull(&"quay.io/a/b".parse().expect("a name"));
    let named = "aws repository:secret/app:pull,push registry:catalog:*";
    assert_eq!(scopes(&scope, Some(named)), ["repository:a/b:pull", "aws"]);
    assert_eq!(scopes(&scope, None), ["repository:a/b:pull"]);
}
