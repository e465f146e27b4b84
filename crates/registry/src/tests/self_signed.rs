//! A server's own certificate in the place of a CA, against nginx.

use super::tls::{openssl, serve};
use super::{options, repository_with, told};
use crate::{ClientOptions, RegistryError};
use std::path::Path;
use tempfile::TempDir;

/// What `openssl req -x509` makes: signed by itself, with the mark of a CA.
fn self_signed(directory: &Path, name: &str, alternative: &str) -> bool {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        directory,
        &format!(
            "req -x509 {key} -keyout {name}.key -out {name}.pem -subj /CN=registry -days 2 -addext subjectAltName={alternative}"
        ),
    )
}

/// What becomes of a server that shows `shown` (its alternative name) where `given` are the certificates for it.
async fn ask(alternative: &str, is_given: bool) -> Option<Result<(), RegistryError>> {
    let directory = TempDir::new().expect("a directory");
    let given = TempDir::new().expect("a directory");
    let here = directory.path();
    if !self_signed(here, "server", alternative) || !self_signed(here, "other", alternative) {
        return None;
    }
    std::fs::copy(here.join("other.pem"), here.join("ca.crt")).expect("copied");
    let name = if is_given { "server.pem" } else { "other.pem" };
    std::fs::copy(here.join(name), given.path().join("ca.crt")).expect("copied");
    let (_running, address) = serve(directory, false).await?;
    let options = ClientOptions { cert_dir: Some(given.path().to_owned()), ..options() };
    Some(repository_with(options, &address).manifest_by_tag("v1").await.map(|found| {
        assert!(found.is_none());
    }))
}

#[tokio::test]
async fn given_certificate_is_trusted_with_the_mark_of_a_ca() {
    let Some(asked) = ask("IP:127.0.0.1", true).await else { return };
    asked.expect("it equals the one that was given");
}

#[tokio::test]
async fn another_certificate_with_the_mark_of_a_ca_is_refused() {
    let Some(asked) = ask("IP:127.0.0.1", false).await else { return };
    let error = asked.expect_err("it was not given");
    assert!(told(&error).contains("the certificate of a CA (CA:TRUE)"), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("that very certificate")));
}

#[tokio::test]
async fn a_certificate_that_was_given_is_for_its_names_alone() {
    for alternative in ["DNS:registry.example", "IP:127.0.0.2"] {
        let Some(asked) = ask(alternative, true).await else { return };
        let error = asked.expect_err("it is for another name");
        assert!(told(&error).contains("is for another name"), "{}", told(&error));
    }
}
