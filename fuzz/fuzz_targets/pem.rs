#![no_main]
//! Keys, authorities and presented certificates in PEM. A key is one block of its own and reads the same when it is
//! written again; what leads to the authority has the signer's key; and an authority that vouches for the signer has the
//! authority's key.

use bundle::trust::certificate::{Authorities, Fulcio, Leaf, Pki, Presented, Subject};
use bundle::trust::rekor::LogKey;
use bundle::trust::{Algorithm, PublicKey};
use bundle_fuzz::{reading, world};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static ROOTS: LazyLock<Authorities> = LazyLock::new(|| {
    let root = world::certificate_pem(&world::authority_certificate());
    Authorities::from_pem(root.as_bytes()).expect("an authority")
});
static GENUINE: LazyLock<Presented> = LazyLock::new(|| {
    let leaf = world::certificate_pem(&world::certificate());
    Presented::from_pem(&leaf, None).expect("a certificate")
});

fuzz_target!(|data: &[u8]| {
    let key = PublicKey::from_pem(data);
    let roots = Authorities::from_pem(data);
    assert!(key.is_err() || roots.is_err(), "a file is one or the other");
    match &key {
        Ok(key) => check_key(key, data),
        Err(error) => reading::assert_bounded(error),
    }
    match roots {
        Ok(roots) => check_roots(&roots, data),
        Err(error) => reading::assert_bounded(&error),
    }
    let text = String::from_utf8_lossy(data);
    let (leaf, chain) = match text.split_once('\0') {
        Some((leaf, chain)) => (leaf, Some(chain)),
        None => (&*text, None),
    };
    match Presented::from_pem(leaf, chain) {
        Ok(presented) => check_presented(&presented, leaf),
        Err(error) => reading::assert_bounded(&error),
    }
});

fn check_key(key: &PublicKey, data: &[u8]) {
    let again = PublicKey::from_pem(key.to_pem().as_bytes()).expect("our own form");
    assert_eq!((again.fingerprint(), again.spki()), (key.fingerprint(), key.spki()));
    assert_eq!(reading::pem(data), [key.spki()], "the only block of the file");
    assert!(!String::from_utf8_lossy(data).contains("-----BEGIN PRIVATE KEY"));
    let of_a_log = !matches!(key.algorithm(), Algorithm::Rsa { .. } | Algorithm::Ed25519);
    assert_eq!(LogKey::from_pem(data).is_ok(), of_a_log);
}

/// Whoever issued, the times are those of the genuine certificate.
fn verify(presented: &Presented, roots: &Authorities) -> Vec<Leaf> {
    let now = world::LOGGED_AT.unsigned_abs();
    let email = || Subject::Email(world::ME.to_owned());
    let fulcio = Fulcio::new(roots.clone(), world::ISSUER, email()).expect("expectations");
    let pki = Pki::new(roots.clone(), Some(roots.clone()), Some(world::ME.to_owned()), None);
    let (fulcio, pki) =
        (fulcio.verify(presented, now), pki.expect("expectations").verify(presented, now));
    for outcome in [&fulcio, &pki] {
        if let Err(error) = outcome {
            reading::assert_bounded(error);
        }
    }
    assert!(fulcio.is_err() || pki.is_ok(), "the former demands all that the latter does");
    fulcio.into_iter().chain(pki).collect()
}

fn check_roots(roots: &Authorities, data: &[u8]) {
    if !verify(&GENUINE, roots).is_empty() {
        let authority = world::authority_key();
        let has_key = |der: &Vec<u8>| {
            der.windows(authority.spki().len()).any(|part| part == authority.spki())
        };
        assert!(
            reading::pem(data).iter().any(has_key),
            "only the authority vouches for the signer"
        );
    }
}

fn check_presented(presented: &Presented, text: &str) {
    assert_eq!(reading::pem(text.as_bytes()), [presented.leaf()]);
    for leaf in verify(presented, &ROOTS) {
        assert_eq!(leaf.key(), world::key(), "nobody else was certified");
    }
}
