//! Each way to vouch as a whole, with certificates and a log made here.

use super::*;
use crate::certificate::{Authorities, Subject};
use crate::testing::HasPublicKey as _;
use crate::testing::Signer;
use crate::testing::certificates::{EMAIL, Sketch, authority, names, new_issuer, pem, purposes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use serde_json::json;
use std::collections::BTreeMap;

const PAYLOAD: &[u8] = b"a payload";
const ISSUER: &str = "https://login.example";
const ME: &str = "me@example.com";
/// 2023-11-14 22:13:20.
const AT: u64 = 1_700_000_000;

/// Somebody with a key and a certificate for it, an authority, and a log.
struct World {
    log: Signer,
    root: Signer,
    signer: Signer,
}

impl World {
    fn new() -> Self {
        Self { log: Signer::p256(), root: Signer::p256(), signer: Signer::p256() }
    }

    fn logs(&self) -> [LogKey; 1] {
        [LogKey::new(self.log.public()).expect("an ECDSA key")]
    }

    fn certificate(&self) -> Vec<u8> {
        let sketch =
            Sketch::new("", &self.signer, "root").valid("20231114221000Z", "20231114222000Z");
        let sketch = sketch.with(names(&[(EMAIL, ME.as_bytes())])).with(new_issuer(ISSUER));
        sketch.with(purposes(&["1.3.6.1.5.5.7.3.3"])).signed_by(&self.root)
    }

    fn roots(&self) -> Authorities {
        let root = Sketch::new("root", &self.root, "root").with(authority(None));
        Authorities::from_pem(root.pem(&self.root).as_bytes()).expect("a root")
    }

    fn fulcio(&self) -> Fulcio {
        Fulcio::new(self.roots(), ISSUER, Subject::Email(ME.into())).expect("expectations")
    }

    fn pki(&self) -> Pki {
        Pki::new(self.roots(), None, Some(ME.into()), None).expect("expectations")
    }

    /// An entry of the log about a signature by the verifier in this PEM text, taken in at `at`.
    fn entry(&self, signature: &[u8], verifier: &str, at: u64) -> String {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": Digest::of(PAYLOAD).hex()}},
                "signature": {
                    "content": STANDARD.encode(signature),
                    "publicKey": {"content": STANDARD.encode(verifier)},
                },
            },
        });
        let payload = json!({
            "body": STANDARD.encode(body.to_string()),
            "integratedTime": at,
            "logIndex": 7,
            "logID": self.log.public().fingerprint().hex(),
        });
        let timestamp = self.log.sign_base64(payload.to_string().as_bytes());
        json!({"SignedEntryTimestamp": timestamp, "Payload": payload}).to_string()
    }
}

fn annotations(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_key_counts_when_a_log_has_an_entry_of_its_signature() {
    let world = World::new();
    let key = world.signer.public();
    let signature = world.signer.sign(PAYLOAD);
    let entry = world.entry(&signature, &key.to_pem(), AT);
    let with = annotations(&[(LOG_ANNOTATION, &entry)]);
    let signed =
        Signed { annotations: Annotations::from(&with), payload: PAYLOAD, signature: &signature };
    let other = Signer::p256().public();
    let keys = [other.clone(), key.clone()];
    let (found, logged) = signed.by_logged_key(&keys, &world.logs()).expect("accepted");
    assert_eq!((found, logged.integrated_time, logged.log_index), (&key, AT, 7));

    let none = BTreeMap::new();
    let silent = Signed { annotations: Annotations::from(&none), ..signed };
    let missing = Err(VouchError::Missing(LOG_ANNOTATION));
    assert_eq!(silent.by_logged_key(&keys, &world.logs()), missing);
    let stranger = Err(VouchError::Signature(SignatureError::OtherKey));
    assert_eq!(signed.by_logged_key([&other], &world.logs()), stranger);
    assert_eq!(signed.by_logged_key([], &world.logs()), Err(VouchError::NoKey));
    let untrusted = Err(VouchError::Log(SetError::UnknownLog(world.logs()[0].id())));
    assert_eq!(signed.by_logged_key(&keys, &[]), untrusted);

    // A genuine entry of the same key's other signature, and of another key.
    let again = world.signer.sign(PAYLOAD);
    let elsewhere = Signed { signature: &again, ..signed };
    let error = Err(VouchError::Log(SetError::OtherSignature));
    assert_eq!(elsewhere.by_logged_key(&keys, &world.logs()), error);
    let foreign = annotations(&[(LOG_ANNOTATION, &world.entry(&signature, &other.to_pem(), AT))]);
    let foreign = Signed { annotations: Annotations::from(&foreign), ..signed };
    let error = Err(VouchError::Log(SetError::OtherVerifier));
    assert_eq!(foreign.by_logged_key(&keys, &world.logs()), error);
}

#[test]
fn a_fulcio_certificate_counts_at_the_time_that_a_log_proves() {
    let world = World::new();
    let der = world.certificate();
    let certificate = pem(&der);
    let signature = world.signer.sign(PAYLOAD);
    let entry = world.entry(&signature, &certificate, AT);
    let check_signature = |of: &[(&str, &str)], signature: &[u8]| {
        let of = annotations(of);
        Signed { annotations: Annotations::from(&of), payload: PAYLOAD, signature }
            .by_fulcio(&world.fulcio(), &world.logs())
    };
    let check = |of: &[(&str, &str)]| check_signature(of, &signature);
    let both = [(LOG_ANNOTATION, entry.as_str()), (CERTIFICATE_ANNOTATION, &certificate)];
    let found = check(&both).expect("accepted");
    assert_eq!(found.leaf.key(), &world.signer.public());
    assert_eq!(found.leaf.digest(), Digest::of(&der));
    assert_eq!(found.logged.integrated_time, AT);

    assert_eq!(check(&both[..1]), Err(VouchError::Missing(CERTIFICATE_ANNOTATION)));
    assert_eq!(check(&both[1..]), Err(VouchError::Missing(LOG_ANNOTATION)));
    let late = world.entry(&signature, &certificate, AT + 3600);
    let late = check(&[(LOG_ANNOTATION, &late), both[1]]);
    let expired = CertificateError::Expired { at: AT + 3600, until: 1_700_000_400 };
    assert_eq!(late, Err(VouchError::Certificate(expired)));
    // The log has the same key in another certificate: the whole certificate is bound, not its key.
    let renewed = pem(&world.certificate());
    let renewed = check(&[both[0], (CERTIFICATE_ANNOTATION, &renewed)]);
    assert_eq!(renewed, Err(VouchError::Log(SetError::OtherVerifier)));
    // A log takes in what it is given: that the key signed is seen here.
    let noise = Signer::p256().sign(PAYLOAD);
    let of_noise = world.entry(&noise, &certificate, AT);
    let forged = check_signature(&[(LOG_ANNOTATION, &of_noise), both[1]], &noise);
    assert_eq!(forged, Err(VouchError::Signature(SignatureError::OtherKey)));
}

#[test]
fn a_certificate_of_an_organisation_counts_now() {
    let world = World::new();
    let certificate = pem(&world.certificate());
    let signature = world.signer.sign(PAYLOAD);
    let check = |of: &[(&str, &str)], payload: &[u8], now: u64| {
        let of = annotations(of);
        Signed { annotations: Annotations::from(&of), payload, signature: &signature }
            .by_pki(&world.pki(), now)
    };
    let with = [(CERTIFICATE_ANNOTATION, certificate.as_str())];
    assert!(check(&with, PAYLOAD, AT).is_ok());
    let missing = Err(VouchError::Missing(CERTIFICATE_ANNOTATION));
    assert_eq!(check(&[], PAYLOAD, AT), missing);
    let stranger = Err(VouchError::Signature(SignatureError::OtherKey));
    assert_eq!(check(&with, b"another payload", AT), stranger);
    let expired = CertificateError::Expired { at: AT + 3600, until: 1_700_000_400 };
    assert_eq!(check(&with, PAYLOAD, AT + 3600), Err(VouchError::Certificate(expired)));
}

#[test]
fn annotations_are_read_in_both_spellings_if_they_agree() {
    let world = World::new();
    let certificate = pem(&world.certificate());
    let signature = world.signer.sign(PAYLOAD);
    let old = "dev.cosignproject.cosign/certificate";
    let check = |of: &[(&str, &str)]| {
        let of = annotations(of);
        Signed { annotations: Annotations::from(&of), payload: PAYLOAD, signature: &signature }
            .by_pki(&world.pki(), AT)
            .map(drop)
    };
    let other = format!("{certificate}\n");
    assert_eq!(check(&[(CERTIFICATE_ANNOTATION, &certificate)]), Ok(()));
    assert_eq!(check(&[(old, &certificate)]), Ok(()));
    assert_eq!(check(&[(old, &certificate), (CERTIFICATE_ANNOTATION, &certificate)]), Ok(()));
    let differ = check(&[(old, &certificate), (CERTIFICATE_ANNOTATION, &other)]);
    assert_eq!(differ, Err(VouchError::Ambiguous(CERTIFICATE_ANNOTATION)));
    let chains = [
        (CERTIFICATE_ANNOTATION, certificate.as_str()),
        (CHAIN_ANNOTATION, &certificate),
        ("dev.cosignproject.cosign/chain", &other),
    ];
    assert_eq!(check(&chains), Err(VouchError::Ambiguous(CHAIN_ANNOTATION)));
}

#[test]
fn log_entry_in_the_older_spelling_is_not_read() {
    let world = World::new();
    let key = world.signer.public();
    let signature = world.signer.sign(PAYLOAD);
    let entry = world.entry(&signature, &key.to_pem(), AT);
    let other = format!("{entry}\n");
    let old = "dev.cosignproject.cosign/bundle";
    let missing = Err(VouchError::Missing(LOG_ANNOTATION));
    let ambiguous = Err(VouchError::Ambiguous(LOG_ANNOTATION));
    for (of, expected) in [
        (&[(LOG_ANNOTATION, entry.as_str())][..], Ok(())),
        (&[(LOG_ANNOTATION, &entry), (old, &entry)], Ok(())),
        (&[(old, &entry)], missing),
        (&[(LOG_ANNOTATION, &entry), (old, &other)], ambiguous),
    ] {
        let of = annotations(of);
        let annotations = Annotations::from(&of);
        let signed = Signed { annotations, payload: PAYLOAD, signature: &signature };
        let found = signed.by_logged_key([&key], &world.logs()).map(drop);
        assert_eq!(found, expected, "{of:?}");
    }
}
