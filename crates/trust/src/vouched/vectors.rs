//! Variations of what real cosign left, out of the test data of containers/image, which is not part of this repository.

use super::*;
use crate::certificate::{Authorities, Presented, Subject};
use crate::rekor;
use crate::testing::Signer;
use crate::testing::vectors::{KeptSignature, folder, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of containers/image's own test data, if it is there.
fn vectors() -> Option<PathBuf> {
    folder().map(|folder| folder.join("containers-image/image/signature"))
}

/// A signature, its parts taken from a file.
struct Vector {
    annotations: BTreeMap<String, String>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Vector {
    fn read(file: &Path) -> Self {
        let kept = KeptSignature::read(file);
        Self { signature: kept.signature(), payload: kept.payload, annotations: kept.annotations }
    }

    fn without(&self, name: &str) -> Self {
        let mut annotations = self.annotations.clone();
        assert!(annotations.remove(name).is_some(), "{name}");
        Self { annotations, payload: self.payload.clone(), signature: self.signature.clone() }
    }

    fn signed(&self) -> Signed<'_> {
        Signed {
            annotations: (&self.annotations).into(),
            payload: &self.payload,
            signature: &self.signature,
        }
    }
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    read(&folder.join(name))
}

fn log(folder: &Path, name: &str) -> [LogKey; 1] {
    [LogKey::from_pem(&file(folder, name)).expect("the key of a log")]
}

fn authorities(folder: &Path, name: &str) -> Authorities {
    Authorities::from_pem(&file(folder, name)).expect("authorities")
}

#[test]
fn the_keyed_vector_with_a_log_is_judged_as_expected() {
    let Some(folder) = vectors() else { return };
    let vector = Vector::read(&folder.join("fixtures/dir-img-cosign-key-rekor-valid/signature-1"));
    let key = |name: &str| PublicKey::from_pem(&file(&folder, name)).expect("a key");
    let (key, other) = (key("fixtures/cosign2.pub"), key("fixtures/cosign.pub"));
    let rekor = log(&folder, "fixtures/rekor.pub");
    let (found, logged) = vector.signed().by_logged_key([&other, &key], &rekor).expect("accepted");
    assert_eq!(
        (found, logged.integrated_time, logged.log_index),
        (&key, 1_674_251_859, 11_608_800)
    );
    let wrong = vector.signed().by_logged_key([&key], &log(&folder, "fixtures/cosign.pub"));
    assert_eq!(wrong, Err(VouchError::Log(SetError::UnknownLog(rekor[0].id()))));
    let removed = vector.without(LOG_ANNOTATION);
    let removed = removed.signed().by_logged_key([&key], &rekor);
    assert_eq!(removed, Err(VouchError::Missing(LOG_ANNOTATION)));
    println!("ci-key-rekor: 1 accepted, 2 refused");
}

#[test]
fn the_fulcio_vector_is_judged_as_expected() {
    let Some(folder) = vectors() else { return };
    let vector =
        Vector::read(&folder.join("fixtures/dir-img-cosign-fulcio-rekor-valid/signature-1"));
    let rekor = log(&folder, "fixtures/rekor.pub");
    let issuer = "https://github.com/login/oauth";
    let fulcio = |roots: &str, issuer: &str, email: &str| {
        let roots = authorities(&folder, roots);
        Fulcio::new(roots, issuer, Subject::Email(email.into())).expect("expectations")
    };
    let (root, me) = ("fixtures/fulcio_v1.crt.pem", "mitr@redhat.com");
    let expected = fulcio(root, issuer, me);
    let found = vector.signed().by_fulcio(&expected, &rekor).expect("accepted");
    assert_eq!(found.leaf.issuer(), Ok(issuer));
    assert_eq!(found.logged.integrated_time, 1_674_247_893);

    let check = |fulcio: &Fulcio| vector.signed().by_fulcio(fulcio, &rekor);
    let refused = |error| Err(VouchError::Certificate(error));
    let other = refused(CertificateError::OtherSubject(format!("email:{me}")));
    assert_eq!(check(&fulcio(root, issuer, "you@redhat.com")), other);
    let other = refused(CertificateError::OtherIssuer(issuer.into()));
    assert_eq!(check(&fulcio(root, "https://github.com/login", me)), other);
    let other = check(&fulcio("fixtures/pki_root_crts.pem", issuer, me));
    assert!(matches!(other, Err(VouchError::Certificate(CertificateError::NoPath(_)))));
    let other = vector.signed().by_fulcio(&expected, &log(&folder, "fixtures/cosign.pub"));
    assert_eq!(other, Err(VouchError::Log(SetError::UnknownLog(rekor[0].id()))));
    for (name, error) in [
        (LOG_ANNOTATION, VouchError::Missing(LOG_ANNOTATION)),
        (CERTIFICATE_ANNOTATION, VouchError::Missing(CERTIFICATE_ANNOTATION)),
        (
            CHAIN_ANNOTATION,
            VouchError::Certificate(CertificateError::NoPath(
                "an authority on the way is missing or not trusted".into(),
            )),
        ),
    ] {
        let found = vector.without(name).signed().by_fulcio(&expected, &rekor);
        assert_eq!(found, Err(error), "{name}");
    }
    println!("ci-fulcio-rekor: 1 accepted, 7 refused");
}

#[test]
fn the_pki_vector_is_judged_as_expected() {
    let Some(folder) = vectors() else { return };
    let vector = Vector::read(&folder.join("fixtures/dir-img-cosign-pki-valid/signature-1"));
    let pki = |roots: &str, email: Option<&str>, host: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let intermediates = Some(authorities(&folder, "fixtures/pki_intermediate_crts.pem"));
        Pki::new(authorities(&folder, roots), intermediates, text(email), text(host))
            .expect("expectations")
    };
    // Within 2024 to 2052.
    let now = 1_800_000_000;
    let root = "fixtures/pki_root_crts.pem";
    let (email, host) = (Some("qiwan@redhat.com"), Some("myhost.example.com"));
    let check = |pki: &Pki| vector.signed().by_pki(pki, now);
    for (email, host) in [(email, None), (None, host), (email, host)] {
        let leaf = check(&pki(root, email, host)).expect("accepted");
        assert_eq!(leaf.identities().len(), 2);
    }
    // The chain that came with it leads there without intermediates of the policy.
    let alone = Pki::new(authorities(&folder, root), None, email.map(str::to_owned), None);
    assert!(check(&alone.expect("expectations")).is_ok());
    for (email, host) in [
        (Some("other@redhat.com"), None),
        (None, Some("other.example.com")),
        (email, Some("other.example.com")),
        (Some("other@redhat.com"), host),
    ] {
        let found = check(&pki(root, email, host));
        let other =
            matches!(found, Err(VouchError::Certificate(CertificateError::OtherSubject(_))));
        assert!(other, "{found:?}");
    }
    let found = check(&pki("fixtures/fulcio_v1.crt.pem", email, None));
    assert!(matches!(found, Err(VouchError::Certificate(CertificateError::NoPath(_)))));
    let found = vector.signed().by_pki(&pki(root, email, None), 1_700_000_000);
    assert!(matches!(found, Err(VouchError::Certificate(CertificateError::NotYetValid { .. }))));
    let found =
        vector.without(CERTIFICATE_ANNOTATION).signed().by_pki(&pki(root, email, None), now);
    assert_eq!(found, Err(VouchError::Missing(CERTIFICATE_ANNOTATION)));
    println!("ci-pki: 4 accepted, 7 refused");
}

#[test]
fn the_vector_of_one_timestamp_is_judged_as_expected() {
    let Some(folder) = vectors() else { return };
    let folder = folder.join("internal/testdata");
    let text = |name: &str| String::from_utf8(file(&folder, name)).expect("text");
    let (set, certificate) = (text("rekor-set"), text("rekor-cert"));
    let signature = STANDARD.decode(text("rekor-sig").trim()).expect("base64");
    let payload = file(&folder, "rekor-payload");
    let presented = Presented::from_pem(&certificate, None).expect("a certificate");
    let logs = log(&folder, "rekor.pub");
    let entry = Entry {
        payload: &payload,
        signature: &signature,
        verifier: Verifier::Certificate(presented.leaf()),
    };
    let logged = rekor::verify(&set, &logs, &entry).expect("accepted");
    assert_eq!((logged.integrated_time, logged.log_index), (1_670_870_899, 8_949_589));

    let stranger = SetError::Signature(SignatureError::OtherKey);
    let unknown = SetError::UnknownLog(logs[0].id());
    let id = logs[0].id().hex();
    let renamed = id.replacen('c', "d", 1);
    let other_log = format!("sha256:{renamed}").parse().expect("a fingerprint");
    let mutations = [
        ("time", set.replace("1670870899", "1670870898"), stranger.clone()),
        ("index", set.replace("8949589", "8949588"), stranger.clone()),
        ("log", set.replace(&id, &renamed), SetError::UnknownLog(other_log)),
        ("body", set.replacen("eyJhcGlW", "eyJhcGlX", 1), stranger),
    ];
    for (name, broken, error) in mutations {
        assert_ne!(broken, set, "{name}");
        assert_eq!(rekor::verify(&broken, &logs, &entry), Err(error), "{name}");
    }
    let wrong = log(&folder, "cosign.pub");
    assert_eq!(rekor::verify(&set, &wrong, &entry), Err(unknown));
    let other = Signer::p256();
    for (entry, error) in [
        (Entry { payload: b"other", ..entry }, SetError::OtherPayload),
        (Entry { signature: b"other", ..entry }, SetError::OtherSignature),
        (
            Entry { verifier: Verifier::Certificate(&other.spki()), ..entry },
            SetError::OtherVerifier,
        ),
    ] {
        assert_eq!(rekor::verify(&set, &logs, &entry), Err(error));
    }
    println!("ci-rekor-unit: 1 accepted, 8 refused");
}
