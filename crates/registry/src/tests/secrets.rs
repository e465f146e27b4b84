//! Passwords on this machine: whoever listens where the registry was must not get them.

use super::script::{Script, full, status};
use super::tls::nginx;
use super::{options, repository_with, told};
use crate::{ClientOptions, RegistryError, RemoteRepository};
use std::io::{Read as _, Write as _};
use std::path::Path;
use tempfile::TempDir;

/// What another user would listen with: it wants a password, whatever it is asked.
async fn thief() -> Script {
    Script::start(|_| Some(full(401, &[("www-authenticate", "Basic realm=\"registry\"")], "")))
        .await
}

/// A repository with these credentials for `address`.
fn repository(address: &str, entries: &str, options: ClientOptions) -> (RemoteRepository, TempDir) {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("auth.json");
    std::fs::write(&file, entries.replace("HOST", address)).expect("written");
    let options = ClientOptions { authfile: Some(file), ..options };
    (repository_with(options, address), directory)
}

const PASSWORD: &str = r#"{"auths":{"HOST":{"auth":"dXNlcjpzM2NyZXQ="}}}"#;

#[tokio::test]
async fn no_credentials_go_over_plain_http_to_this_machine() {
    for entries in [
        PASSWORD,
        r#"{"auths":{"HOST/team":{"auth":"dXNlcjpzM2NyZXQ="}}}"#,
        r#"{"auths":{"https://HOST/v2/":{"username":"user","password":"s3cret"}}}"#,
        r#"{"auths":{"HOST":{"identitytoken":"s3cret"}}}"#,
        r#"{"auths":{"HOST":{"registrytoken":"s3cret"}}}"#,
        r#"{"credHelpers":{"HOST":"does-not-exist-here"}}"#,
    ] {
        let thief = thief().await;
        let port = thief.address.rsplit(':').next().expect("a port").to_owned();
        for address in [thief.address.clone(), format!("localhost:{port}")] {
            let (repository, _file) = repository(&address, entries, options());
            let error = repository.manifest_by_tag("v1").await.expect_err("no TLS there");
            assert!(told(&error).contains("does not speak TLS"), "{entries}: {}", told(&error));
            assert!(error.hint().is_some_and(|hint| hint.contains("--tls-verify=false")));
        }
        assert!(thief.all().is_empty(), "{entries}: {:?}", thief.all());
    }
}

#[tokio::test]
async fn credentials_that_show_late_do_not_go_over_plain_http() {
    // A file that cannot be read at first leaves it open whether there are some.
    let thief = thief().await;
    let (repository, directory) = repository(&thief.address, "nonsense", options());
    assert!(repository.manifest_by_tag("v1").await.is_err());
    let entries = PASSWORD.replace("HOST", &thief.address);
    std::fs::write(directory.path().join("auth.json"), entries).expect("written");
    let error = repository.manifest_by_tag("v1").await.expect_err("plain HTTP");
    assert!(matches!(error, RegistryError::PlainCredentials { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--tls-verify=false")));
    assert!(thief.all().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn a_ca_that_is_given_means_tls() {
    let Some((_running, _, certificates)) = nginx(false).await else {
        return;
    };
    let thief = thief().await;
    let cert_dir = Some(certificates.path().to_owned());
    for entries in ["{}", PASSWORD] {
        let options = ClientOptions { cert_dir: cert_dir.clone(), ..options() };
        let (repository, _file) = repository(&thief.address, entries, options);
        let error = repository.manifest_by_tag("v1").await.expect_err("no TLS there");
        assert!(told(&error).contains("does not speak TLS"), "{}", told(&error));
    }
    assert!(thief.all().is_empty(), "{:?}", thief.all());
}

#[tokio::test]
async fn credentials_go_to_a_registry_of_this_machine_over_tls() {
    let Some((_running, address, certificates)) = nginx(false).await else {
        return;
    };
    let cert_dir = Some(certificates.path().to_owned());
    let (repository, _file) =
        repository(&address, PASSWORD, ClientOptions { cert_dir, ..options() });
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
}

#[tokio::test]
async fn plain_http_of_this_machine_serves_who_has_nothing_to_lose() {
    for entries in ["{}", r#"{"auths":{"r.example":{"auth":"dXNlcjpwYXNz"},"HOST":{}}}"#] {
        let script = Script::start(|seen| (seen.target != "/v2/").then(|| status(404))).await;
        let (repository, _file) = repository(&script.address, entries, options());
        assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none(), "{entries}");
    }
    // By the operator's word also who has.
    let script = Script::start(|seen| match seen.header("authorization") {
        Some("Basic dXNlcjpzM2NyZXQ=") => Some(status(404)),
        _ => Some(full(401, &[("www-authenticate", "Basic realm=\"registry\"")], "")),
    })
    .await;
    let careless = ClientOptions { tls_verify: false, ..options() };
    let (repository, _file) = repository(&script.address, PASSWORD, careless);
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
}

#[tokio::test]
async fn only_this_machine_is_a_realm_of_a_plain_registry_here() {
    let realm = r#"Bearer realm="http://192.0.2.7/token""#;
    let script = Script::start(move |_| Some(full(401, &[("www-authenticate", realm)], ""))).await;
    let careless = ClientOptions { tls_verify: false, ..options() };
    let (repository, _file) = repository(&script.address, PASSWORD, careless);
    let error = repository.tags().await.expect_err("plain HTTP on the network");
    assert!(matches!(error, RegistryError::BadAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_wrong_with_tls_on_this_machine_is_told() {
    // Speaks TLS alone, and ends every handshake with an alert: handshake_failure.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = [0];
            if stream.read_exact(&mut first).is_ok() && first == [22] {
                drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40]));
            }
        }
    });
    let error = super::repository(&address).tags().await.expect_err("no handshake");
    assert!(told(&error).contains("HandshakeFailure"), "{}", told(&error));
}

#[tokio::test]
async fn a_file_with_credentials_says_for_whom_it_has_some() {
    use crate::auth::{CredentialStore, Held};
    for (entries, host, held) in [
        (PASSWORD, "HOST", Held::Some),
        (PASSWORD, "HOS", Held::None),
        (PASSWORD, "HOST:1", Held::None),
        (r#"{"auths":{"HOST/a/b":{"auth":"dXNlcjpwYXNz"}}}"#, "HOST", Held::Some),
        (r#"{"auths":{"HOST":{"auth":"broken"}}}"#, "HOST", Held::Some),
        (r#"{"auths":{"HOST":{}}}"#, "HOST", Held::None),
        (r#"{"auths":{"HOST":{}},"credsStore":"any"}"#, "HOST", Held::Unclear),
        (r#"{"credHelpers":{"HOST":"any"}}"#, "HOST", Held::Some),
        ("nonsense", "HOST", Held::Unclear),
        ("", "HOST", Held::None),
    ] {
        let directory = TempDir::new().expect("a directory");
        let file = directory.path().join("auth.json");
        std::fs::write(&file, entries).expect("written");
        let store = CredentialStore::new(Some(Path::new(&file)), |_| None, 0);
        assert_eq!(store.held_for(host).await, held, "{entries}: {host}");
    }
}
