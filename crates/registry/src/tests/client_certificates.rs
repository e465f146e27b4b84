//! Client certificates of every make, against nginx.

use super::tls::{nginx, openssl};
use super::{options, repository_with, told};
use crate::{ClientOptions, RegistryError};
use std::path::Path;

async fn ask(address: &str, certificates: &Path) -> Result<(), RegistryError> {
    let options = ClientOptions { cert_dir: Some(certificates.to_owned()), ..options() };
    repository_with(options, address).manifest_by_tag("v1").await.map(|_| ())
}

#[tokio::test]
async fn a_client_certificate_of_version_1_is_shown() {
    let Some((running, address, client)) = nginx(true).await else {
        return;
    };
    let here = client.path();
    for name in ["ca.crt", "ca.key"] {
        std::fs::copy(running.directory().join(name), here.join(name)).expect("copied");
    }
    // What `openssl x509 -req` made before version 3.
    let request =
        "req -new -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=v1";
    let sign = "x509 -x509v1 -req -in client.csr -CA ca.crt -CAkey ca.key -out client.cert -days 2";
    let older = "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -out client.cert -days 2 -CAcreateserial";
    assert!(openssl(here, request));
    if !super::tls::tried(here, sign) {
        assert!(openssl(here, older));
    }
    ask(&address, here).await.expect("nginx takes it");
}

#[tokio::test]
async fn a_client_key_that_cannot_be_used_is_named() {
    let Some((_running, address, client)) = nginx(true).await else {
        return;
    };
    let here = client.path();
    let encrypt = |form: &str, out: &str| {
        let arguments = format!("{form} -in client.key -out {out} -aes256 -passout pass:secret");
        assert!(openssl(here, &arguments));
    };
    encrypt("pkey", "pkcs8");
    encrypt("ec", "sec1");
    assert!(openssl(here, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other"));
    std::fs::write(here.join("nothing"), "nothing").expect("written");
    std::fs::copy(here.join("client.key"), here.join("good")).expect("copied");
    for (name, file, words) in [
        ("pkcs8", "client.key", "is encrypted"),
        ("sec1", "client.key", "is encrypted"),
        ("other", "client.cert", "belongs to another certificate"),
        ("nothing", "client.key", "not a PEM file with a private key"),
    ] {
        std::fs::copy(here.join(name), here.join("client.key")).expect("copied");
        let error = ask(&address, here).await.expect_err(name);
        let shown = told(&error);
        assert!(shown.contains(words) && shown.contains(file), "{name}: {shown}");
        let hint = error.hint().is_some_and(|hint| hint.contains("openssl pkey"));
        assert_eq!(hint, words == "is encrypted", "{name}");
    }
    std::fs::remove_file(here.join("client.key")).expect("removed");
    let error = ask(&address, here).await.expect_err("no key");
    assert!(told(&error).contains("client.key: the file cannot be read"), "{}", told(&error));
    std::fs::copy(here.join("good"), here.join("client.key")).expect("copied");
    ask(&address, here).await.expect("the twin");
}

#[tokio::test]
async fn a_registry_that_wants_a_client_certificate_is_told_apart() {
    let Some((_running, address, client)) = nginx(true).await else {
        return;
    };
    std::fs::remove_file(client.path().join("client.cert")).expect("removed");
    // nginx answers 400 in HTTP where others end the handshake.
    let error = ask(&address, client.path()).await.expect_err("none is shown");
    assert!(matches!(error, RegistryError::Refused { status: 400, .. }), "{error:?}");
}
