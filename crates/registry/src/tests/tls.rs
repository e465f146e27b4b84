//! Certificates, against nginx.

use super::peer::{Running, require};
use super::script::{Script, full};
use super::{options, repository_with, told};
use crate::{ClientOptions, RegistryError};
use bundle_testing::servers::free_address;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Runs openssl in `directory`; false where it is not installed.
pub(super) fn openssl(directory: &Path, arguments: &str) -> bool {
    let Some(openssl) = require("openssl") else { return false };
    let mut command = Command::new(openssl);
    command.args(arguments.split(' ')).current_dir(directory);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("openssl starts").success(), "openssl {arguments}");
    true
}

/// Runs openssl in `directory`, where its version may not know what it is asked for.
pub(super) fn tried(directory: &Path, arguments: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(directory);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A CA, a server certificate for 127.0.0.1 and a client certificate, both by that CA.
fn certificates(directory: &Path) -> bool {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let by_ca = "-CA ca.crt -CAkey ca.key";
    let names =
        "-addext subjectAltName=IP:127.0.0.1,DNS:localhost -addext basicConstraints=CA:FALSE";
    [
        format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=test-ca -days 2"),
        format!("req -x509 {key} {by_ca} -keyout server.key -out server.pem -subj /CN=server {names} -days 2"),
        format!("req -x509 {key} {by_ca} -keyout client.key -out client.cert -subj /CN=client {names} -days 2"),
    ]
    .iter()
    .all(|arguments| openssl(directory, arguments))
}

/// nginx that speaks TLS and answers 404 to all but the ping.
pub(super) async fn nginx(client_certificate: bool) -> Option<(Running, String, TempDir)> {
    let directory = TempDir::new().expect("a directory");
    if !certificates(directory.path()) {
        return None;
    }
    let client = TempDir::new().expect("a directory");
    for name in ["ca.crt", "client.cert", "client.key"] {
        std::fs::copy(directory.path().join(name), client.path().join(name)).expect("copied");
    }
    let (running, address) = serve(directory, client_certificate).await?;
    Some((running, address, client))
}

/// nginx with `server.pem` and `server.key`, and the CA `ca.crt` for clients.
pub(super) async fn serve(
    directory: TempDir,
    client_certificate: bool,
) -> Option<(Running, String)> {
    let address = free_address();
    let verify = if client_certificate { "on" } else { "off" };
    let config = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
         events {{}}
         http {{
           access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;
           uwsgi_temp_path u; scgi_temp_path s;
           server {{
             listen {address} ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
             ssl_client_certificate ca.crt; ssl_verify_client {verify};
             location = /v2/ {{ return 200; }}
             location / {{ return 404; }}
           }}
         }}"
    );
    let path = directory.path().join("nginx.conf");
    std::fs::write(&path, config).expect("written");
    let mut command = Command::new(require("nginx")?);
    command.arg("-p").arg(directory.path()).arg("-c").arg(&path);
    let running = Running::start(command, directory, &address).await;
    Some((running, address))
}

#[tokio::test]
async fn a_server_is_trusted_by_its_ca_or_not_at_all() {
    let Some((_running, address, client)) = nginx(false).await else {
        return;
    };
    let error = repository_with(options(), &address).manifest_by_tag("v1").await;
    let error = error.expect_err("an unknown CA");
    assert!(matches!(error, RegistryError::Network { transient: false, .. }), "{error:?}");
    assert!(told(&error).contains("certificate"), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("--cert-dir")));

    let trusting = ClientOptions { cert_dir: Some(client.path().to_owned()), ..options() };
    let careless = ClientOptions { tls_verify: false, ..options() };
    for options in [trusting, careless] {
        let found = repository_with(options, &address).manifest_by_tag("v1").await;
        assert!(found.expect("asked").is_none());
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_registry_that_wants_one() {
    let Some((_running, address, client)) = nginx(true).await else {
        return;
    };
    let cert_dir = Some(client.path().to_owned());
    let options = ClientOptions { cert_dir, ..options() };
    let found = repository_with(options.clone(), &address).manifest_by_tag("v1").await;
    assert!(found.expect("asked").is_none());
    std::fs::remove_file(client.path().join("client.cert")).expect("removed");
    let found = repository_with(options, &address).manifest_by_tag("v1").await;
    assert!(found.is_err(), "{found:?}");
}

#[test]
fn certificates_that_another_user_put_there_stop_root() {
    use crate::certificates::Certificates;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = TempDir::new().expect("a directory");
    if !certificates(directory.path()) {
        return;
    }
    let given = TempDir::new().expect("a directory");
    for name in ["ca.crt", "client.cert", "client.key"] {
        std::fs::copy(directory.path().join(name), given.path().join(name)).expect("copied");
    }
    let given = given.path();
    assert!(Certificates::find(given).expect("root's own").is_some());
    for name in ["", "ca.crt", "client.cert", "client.key"] {
        let give = |user| std::os::unix::fs::chown(given.join(name), Some(user), None);
        give(65_534).expect("owner");
        let error = Certificates::find(given).expect_err("another user's");
        assert!(told(&error).contains("is owned by user 65534"), "{}", told(&error));
        // The operator's word.
        assert!(Certificates::read(given).expect("named").is_some());
        give(0).expect("owner");
    }
    assert!(Certificates::find(&given.join("nothing")).expect("absent").is_none());
}

#[tokio::test]
async fn a_directory_of_certificates_must_hold_what_it_says() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path();
    let asked = || async {
        let options = ClientOptions { cert_dir: Some(path.to_owned()), ..options() };
        let error = repository_with(options, "127.0.0.1:9").tags().await;
        error.expect_err("nothing listens there")
    };
    assert!(matches!(asked().await, RegistryError::Setup { path: named, .. } if named == path));
    for (name, text) in [("ca.crt", "-----BEGIN CERTIFICATE-----\n!"), ("client.cert", "nonsense")]
    {
        std::fs::write(path.join(name), text).expect("written");
        let error = asked().await;
        assert!(
            matches!(&error, RegistryError::Setup { path, .. } if path.ends_with(name) || path.ends_with("client.key")),
            "{error:?}"
        );
        std::fs::remove_file(path.join(name)).expect("removed");
    }
}

#[tokio::test]
async fn a_name_that_is_no_host_is_an_error() {
    let error = repository_with(options(), "999.999.999.999:5000").tags().await;
    assert!(matches!(error, Err(RegistryError::Host { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    let plain = Script::start(|_| None).await;
    let there = format!("https://{}/x", plain.address);
    let script = Script::start(move |seen| {
        let asked = seen.target != "/v2/";
        asked.then(|| full(307, &[("location", &there)], ""))
    })
    .await;
    let error = repository_with(options(), &script.address).tags().await;
    let error = error.expect_err("no TLS there");
    assert!(told(&error).contains("does not speak TLS"), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("--tls-verify")));
    assert_eq!(script.seen().len(), 1, "another attempt would not help");
}
